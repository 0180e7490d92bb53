//! Trace events to pcapng: Ethernet, IP and TCP around exactly one message or frame a packet, so that any tool of
//! the last thirty years reads it. docs/capture-format.md tells what is in the file and why.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

use crate::capture::block::{Stamp, append_block, whole_blocks};
use crate::capture::interface;
use crate::capture::packet::MAX_SEGMENT;
use crate::capture::tcp::Connection;
use crate::capture::udp;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::mask::{mask_authorization, mask_urls};
use crate::time::Timestamp;
use crate::trace::{Carrier, Direction, Flow, Note, Payload, Tap, TraceEvent};

/// Ports on which Wireshark looks for RTSP without being told.
const RTSP_PORTS: [u16; 3] = [554, 8554, 7236];
/// What the server's port is written as where it is none of those.
const WRITTEN_PORT: u16 = 554;
/// The comment of a packet takes no more when it has so many bytes.
const MAX_NOTES: usize = 4096;
/// So much is gathered before it is written; more or less was slower.
const FLUSH_SIZE: usize = 256 << 10;
/// What was gathered is written after this time at the latest, to the next tick.
const FLUSH_AFTER: Duration = Duration::from_millis(400);

/// What goes into the file besides the packets.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Name and version of the program.
    pub application: String,
    /// The operating system.
    pub os: String,
    /// A comment on the whole file. Must not hold credentials.
    pub comment: String,
    /// Write the server's real port, also where Wireshark would not know it.
    pub keep_ports: bool,
    /// Leave Authorization values and the user part of URLs as they are.
    pub keep_credentials: bool,
    /// Whose packets are outbound: those in the direction in which this side sends.
    pub taken_at: Direction,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            application: String::new(),
            os: String::new(),
            comment: String::new(),
            keep_ports: false,
            keep_credentials: false,
            taken_at: Direction::ClientToServer,
        }
    }
}

/// Writes trace events as pcapng.
pub struct Writer<W> {
    out: W,
    options: WriterOptions,
    /// Whole blocks that wait to be written.
    blocks: Blocks,
    /// When the first of them came.
    waiting_since: Option<Timestamp>,
    /// Bytes of whole blocks that the output has taken.
    whole: u64,
    /// By flow number.
    connections: Vec<Option<Connection>>,
    /// The interface of each session. A session that was redirected has one for each server.
    interfaces: HashMap<(usize, SocketAddr), u32>,
    /// Address pairs written so far: Wireshark takes a second connection between the same two for the first.
    used: HashSet<(SocketAddr, SocketAddr)>,
    /// Counts datagrams: their IP ID.
    datagrams: u16,
    /// By flow number: what the comment of its next packet says.
    notes: HashMap<usize, String>,
}

type Blocks = PcapNgWriter<Vec<u8>>;

impl<W: Write> Writer<W> {
    /// Begins a section; nothing is written before the first flush.
    ///
    /// # Errors
    /// If the options can't be encoded (a text longer than 65,535 bytes).
    pub fn new(out: W, options: WriterOptions) -> io::Result<Self> {
        let header = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![
                SectionHeaderOption::OS(Cow::Borrowed(&options.os)),
                SectionHeaderOption::UserApplication(Cow::Borrowed(&options.application)),
                SectionHeaderOption::Common(CommonOption::Comment(Cow::Borrowed(&options.comment))),
            ],
            ..SectionHeaderBlock::default()
        };
        let buffer = Vec::with_capacity(2 * FLUSH_SIZE);
        let blocks = PcapNgWriter::with_section_header(buffer, header).map_err(io::Error::other)?;
        Ok(Self {
            out,
            options,
            blocks,
            waiting_since: None,
            whole: 0,
            connections: Vec::new(),
            interfaces: HashMap::new(),
            used: HashSet::new(),
            datagrams: 0,
            notes: HashMap::new(),
        })
    }

    /// Hands all that waits to the output.
    ///
    /// # Errors
    /// Those of the output. [`Writer::whole_len`] then tells how much of it is whole blocks.
    pub fn flush(&mut self) -> io::Result<()> {
        let buffer = self.blocks.get_mut();
        let result = write_counted(&mut self.out, buffer);
        let written = match &result {
            Ok(()) => buffer.len(),
            Err((written, _)) => whole_blocks(buffer, *written),
        };
        self.whole += written as u64;
        buffer.clear();
        self.waiting_since = None;
        self.connections.iter_mut().flatten().for_each(Connection::forget_packets);
        result.map_err(|(_, error)| error)?;
        self.out.flush()
    }

    /// Length of the output up to the end of its last whole block.
    pub fn whole_len(&self) -> u64 {
        self.whole
    }

    /// The output.
    pub const fn get_ref(&self) -> &W {
        &self.out
    }

    /// The output, flushed.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.out)
    }

    /// `times` are when connecting began and ended.
    fn open(&mut self, flow: &Flow, times: (Timestamp, Timestamp), carrier: Carrier<'_>) -> io::Result<()> {
        let (client, server) = self.written_addresses(flow);
        let interface = self.interface(flow, carrier)?;
        let (out, taken_at) = (self.blocks.get_mut(), self.options.taken_at);
        let connection = Connection::open(out, interface, taken_at, (client, server), times);
        if self.connections.len() <= flow.id {
            self.connections.resize_with(flow.id + 1, || None);
        }
        if let Some(entry) = self.connections.get_mut(flow.id) {
            *entry = Some(connection);
        }
        Ok(())
    }

    /// The real addresses, but for a port that Wireshark would not know, and for a pair that was there before.
    fn written_addresses(&mut self, flow: &Flow) -> (SocketAddr, SocketAddr) {
        let (mut client, mut server) = (flow.client, flow.server);
        if !self.options.keep_ports && !RTSP_PORTS.contains(&server.port()) {
            server.set_port(WRITTEN_PORT);
        }
        for _ in 0..u16::MAX {
            if self.used.insert((client, server)) {
                break;
            }
            client.set_port(client.port().checked_add(1).unwrap_or(1024));
        }
        (client, server)
    }

    /// The number of the session's interface, which is described when its first connection to a server opens.
    fn interface(&mut self, flow: &Flow, carrier: Carrier<'_>) -> io::Result<u32> {
        if let Some(interface) = self.interfaces.get(&(flow.session, flow.server)) {
            return Ok(*interface);
        }
        let interface = u32::try_from(self.blocks.interfaces().len()).unwrap_or(u32::MAX);
        let name = format!("session {}", flow.id + 1);
        let description = interface::describe(&flow.url, flow.server, carrier);
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Owned(name)),
            InterfaceDescriptionOption::IfDescription(Cow::Owned(description)),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ];
        if let Some(doubt) = carrier.doubt {
            let comment = format!("Recorded all the same: {doubt}");
            options.push(InterfaceDescriptionOption::Common(CommonOption::Comment(Cow::Owned(comment))));
        }
        let block = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 0, options };
        self.blocks.write_pcapng_block(block).map_err(io::Error::other)?;
        self.interfaces.insert((flow.session, flow.server), interface);
        Ok(interface)
    }

    fn datagram(&mut self, event: &TraceEvent<'_>, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let interface = self.interface(event.flow, Carrier::default())?;
        if self.blocks.get_ref().len() >= FLUSH_SIZE {
            self.flush()?;
        }
        let from_client = event.direction == Direction::ClientToServer;
        let payload = payload.get(..udp::MAX_DATAGRAM).unwrap_or(payload);
        let packet = udp::packet(from, to, from_client, self.datagrams, payload);
        self.datagrams = self.datagrams.wrapping_add(1);
        let comment = self.notes.remove(&event.flow.id).unwrap_or_default();
        let outbound = event.direction == self.options.taken_at;
        let stamp = Stamp { interface, at: event.at, outbound, comment: &comment };
        append_block(self.blocks.get_mut(), stamp, packet.len(), |out| out.extend_from_slice(&packet));
        Ok(())
    }

    /// Keeps what the next packet of the flow is to say. Few of them come before one.
    fn note(&mut self, flow: &Flow, note: &Note) {
        let text = self.notes.entry(flow.id).or_default();
        if text.len() < MAX_NOTES {
            let between = if text.is_empty() { "" } else { "\n" };
            text.extend([between, &note.to_string()]);
        }
    }

    fn pdu(&mut self, event: &TraceEvent<'_>, pdu: &Pdu<'_>) -> io::Result<()> {
        if !self.connections.get(event.flow.id).is_some_and(Option::is_some) {
            self.open(event.flow, (event.at, event.at), Carrier::default())?;
        }
        if self.blocks.get_ref().len() >= FLUSH_SIZE {
            self.flush()?;
        }
        let masked = (!self.options.keep_credentials).then(|| masked(pdu, event.direction)).flatten();
        let raw = masked.as_deref().unwrap_or(pdu.raw);
        let out = self.blocks.get_mut();
        if let Some(connection) = self.connections.get_mut(event.flow.id).and_then(Option::as_mut) {
            if let PduKind::Gap { len } = pdu.kind {
                connection.skip(event.direction, len);
            }
            if !self.notes.is_empty() {
                connection.comment(self.notes.remove(&event.flow.id).unwrap_or_default());
            }
            for payload in raw.chunks(MAX_SEGMENT) {
                connection.data(out, event.at, event.direction, payload);
            }
        }
        Ok(())
    }
}

impl<W: Write> Tap for Writer<W> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.waiting_since.get_or_insert(event.at);
        match event.payload {
            Payload::Opened { started, carrier } => return self.open(event.flow, (started, event.at), carrier),
            Payload::Pdu(pdu) => return self.pdu(event, pdu),
            Payload::Datagram { from, to, payload, .. } => return self.datagram(event, from, to, payload),
            Payload::Note(note) => {
                self.note(event.flow, note);
                return Ok(());
            }
            // What is recorded here is no tunnel.
            Payload::NotBase64 { .. } => return Ok(()),
            Payload::ReadEnd | Payload::Closed(_) => {}
        }
        let out = self.blocks.get_mut();
        let Some(connection) = self.connections.get_mut(event.flow.id).and_then(Option::as_mut) else {
            return Ok(());
        };
        match event.payload {
            Payload::Closed(close) => {
                connection.comment(self.notes.remove(&event.flow.id).unwrap_or_default());
                connection.close(out, event.at, event.direction, close);
            }
            _ => connection.read_end(out, event.direction),
        }
        Ok(())
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let due = self.waiting_since.is_none_or(|since| now.duration_since(since) >= FLUSH_AFTER);
        if due && !self.blocks.get_ref().is_empty() { self.flush() } else { Ok(()) }
    }
}

/// The bytes of a message without its credentials, at the same length; `None` where there is nothing to mask.
fn masked(pdu: &Pdu<'_>, direction: Direction) -> Option<Vec<u8>> {
    let head = match pdu.kind {
        PduKind::Message { head, .. } => head.len(),
        // A request that was sent in part only.
        PduKind::Junk if direction == Direction::ClientToServer => pdu.raw.len(),
        _ => return None,
    };
    let mut bytes = pdu.raw.to_vec();
    mask_authorization(bytes.get_mut(..head)?);
    mask_urls(&mut bytes);
    Some(bytes)
}

/// Writes everything, or tells how much was written before the error.
fn write_counted(out: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}
