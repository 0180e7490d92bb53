//! Trace events to pcapng: Ethernet, IP and TCP around exactly one message or frame a packet, so that any tool of
//! the last thirty years reads it. docs/capture-format.md tells what is in the file and why.

pub(super) mod block;
pub(super) mod flows;
mod options;
pub(super) mod packet;
pub(super) mod repeat;
pub(super) mod tcp;
pub(super) mod udp;

pub use options::WriterOptions;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pcap_file::Endianness;
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};

use crate::capture::interface::{Blocks, SessionInterfaces};
use crate::capture::sink::BlockSink;
use crate::capture::strip::stripped;
use crate::capture::writer::block::{Stamp, append_block};
use crate::capture::writer::flows::{Flows, Open};
use crate::capture::writer::packet::MAX_SEGMENT;
use crate::capture::writer::repeat::Repeat;
use crate::capture::writer::tcp::WrittenConnection;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::mask::MaskRules;
use crate::rtsp::message::Message;
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Encapsulation, Flow, Note, Payload, Tap, TraceEvent};

/// Ports on which Wireshark looks for RTSP without being told.
const RTSP_PORTS: [u16; 3] = [554, 8554, 7236];
/// What the server's port is written as where it is none of those.
const WRITTEN_PORT: u16 = 554;
/// The comment of a packet takes no more when it has so many bytes.
const MAX_NOTES: usize = 4096;
/// What was gathered is written after this time at the latest, to the next tick.
const FLUSH_AFTER: Duration = Duration::from_millis(400);

/// Writes trace events as pcapng.
///
/// ```
/// use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
/// use rtsp_rec::capture::{Source, Writer, WriterOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A copy without media, of which the analysis tells the same.
/// let options = WriterOptions { headers_only: true, ..WriterOptions::default() };
/// let mut writer = Writer::new(Vec::new(), options)?;
/// Source::read(std::fs::File::open("samples/gstreamer_h264_aac.pcapng")?, &mut writer)?;
/// let copy = writer.into_inner()?;
///
/// let mut analyzer = Analyzer::new(AnalyzerOptions::default(), ());
/// Source::read(copy.as_slice(), &mut analyzer)?;
/// assert_eq!(analyzer.streams().map(|stream| stream.packets).sum::<u64>(), 796);
/// # Ok(())
/// # }
/// ```
pub struct Writer<S> {
    sink: S,
    options: WriterOptions,
    /// Whole blocks that wait for the sink.
    blocks: Blocks,
    /// When the first of them came.
    waiting_since: Option<Timestamp>,
    /// Bytes of this file that the sink has.
    handed: u64,
    /// How much of that repeats an earlier file.
    repeated: u64,
    /// When this file's first event came, besides what it repeats.
    began: Option<Timestamp>,
    flows: Flows,
    /// How many connections there were so far.
    opened: usize,
    interfaces: SessionInterfaces,
    /// Address pairs of this file: Wireshark takes a second connection between the same two for the first.
    used: HashSet<(SocketAddr, SocketAddr)>,
    /// Counts datagrams: their IP ID.
    datagrams: u16,
    /// By flow number: what the comment of its next packet says.
    notes: HashMap<usize, String>,
}

impl<S: BlockSink> Writer<S> {
    /// Begins a section; nothing is written before the first flush.
    ///
    /// # Errors
    /// If the options can't be encoded (a text longer than 65,535 bytes).
    pub fn new(sink: S, options: WriterOptions) -> io::Result<Self> {
        let blocks = begin(Vec::new(), &options)?;
        Ok(Self {
            sink,
            options,
            blocks,
            waiting_since: None,
            handed: 0,
            repeated: 0,
            began: None,
            flows: Flows::default(),
            opened: 0,
            interfaces: SessionInterfaces::default(),
            used: HashSet::new(),
            datagrams: 0,
            notes: HashMap::new(),
        })
    }

    /// Hands all that waits to the sink.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn flush(&mut self) -> io::Result<()> {
        let buffer = self.blocks.get_mut();
        self.handed += buffer.len() as u64;
        self.waiting_since = None;
        self.flows.connections().for_each(WrittenConnection::forget_packets);
        self.sink.take(buffer)
    }

    /// Length of this file so far, without compression.
    pub fn file_len(&self) -> u64 {
        self.handed + self.blocks.get_ref().len() as u64
    }

    /// How much of that repeats an earlier file.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// When this file's first event came, besides what it repeats.
    pub fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// Completes the file and begins the next one, which repeats the dialogue of each open connection.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        self.flush()?;
        self.sink.next_file()?;
        self.blocks = begin(std::mem::take(self.blocks.get_mut()), &self.options)?;
        (self.handed, self.began) = (0, None);
        self.used.clear();
        self.interfaces.next_file();
        for flow in self.flows.numbers() {
            self.carry_over(flow, now)?;
        }
        self.repeated = self.file_len();
        // Whatever happens now, there is a file that opens.
        self.flush()
    }

    /// A connection that goes on in a new file.
    fn carry_over(&mut self, flow: usize, now: Timestamp) -> io::Result<()> {
        let Some(key) = self.flows.get(flow).map(|open| open.interface) else { return Ok(()) };
        let number = self.interfaces.number(key, &mut self.blocks)?;
        let Some(open) = self.flows.get(flow) else { return Ok(()) };
        self.used.insert(open.ends);
        open.connection.set_interface(number);
        if !open.connection.is_closing() {
            open.connection.repeat(self.blocks.get_mut(), now, open.repeat.messages());
        }
        Ok(())
    }

    /// Where it goes.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// Where it went, with all that waited.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn into_inner(mut self) -> io::Result<S> {
        self.flush()?;
        Ok(self.sink)
    }

    /// `times` are when connecting began and ended.
    fn open(&mut self, flow: &Flow, times: (Timestamp, Timestamp), carrier: Encapsulation<'_>) -> io::Result<()> {
        let ends = self.written_addresses(flow);
        self.opened += 1;
        let key = self.interfaces.describe(flow, carrier, self.opened, &self.options.masking);
        let interface = self.interfaces.number(key, &mut self.blocks)?;
        let (out, taken_at) = (self.blocks.get_mut(), self.options.taken_at);
        let connection = WrittenConnection::open(out, interface, taken_at, ends, times);
        self.flows.insert(flow.id, Open { connection, repeat: Repeat::default(), interface: key, ends });
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

    fn datagram(&mut self, event: &TraceEvent<'_>, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        // A session of datagrams alone was never opened.
        let number = self.opened.max(event.flow.id + 1);
        let key = self.interfaces.describe(event.flow, Encapsulation::default(), number, &self.options.masking);
        let interface = self.interfaces.number(key, &mut self.blocks)?;
        if self.blocks.get_ref().len() >= self.options.flush_size {
            self.flush()?;
        }
        let from_client = event.direction == Direction::ClientToServer;
        let payload = payload.get(..udp::MAX_DATAGRAM).unwrap_or(payload);
        let stripped = self.options.headers_only.then(|| stripped(payload.to_vec(), 0));
        let payload = stripped.as_deref().unwrap_or(payload);
        let id = self.datagrams;
        self.datagrams = id.wrapping_add(1);
        let comment = if self.notes.is_empty() { None } else { self.notes.remove(&event.flow.id) };
        let outbound = event.direction == self.options.taken_at;
        let stamp = Stamp { interface, at: event.at, outbound, comment: comment.as_deref().unwrap_or_default() };
        append_block(self.blocks.get_mut(), stamp, udp::packet_len(from, to, payload.len()), |out| {
            udp::append(out, (from, to), from_client, id, payload);
        });
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
        if self.flows.get(event.flow.id).is_none() {
            self.open(event.flow, (event.at, event.at), Encapsulation::default())?;
        }
        if self.blocks.get_ref().len() >= self.options.flush_size {
            self.flush()?;
        }
        let changed = self.changed(pdu, event.direction);
        let raw = changed.as_deref().unwrap_or(pdu.raw);
        let out = self.blocks.get_mut();
        let Some(Open { connection, repeat, .. }) = self.flows.get(event.flow.id) else { return Ok(()) };
        match pdu.kind {
            PduKind::Gap { len, .. } => connection.skip(event.direction, len),
            PduKind::Message { head, body } if self.options.rotates => {
                repeat.observe(event.at, event.direction, &Message::new(head, body), raw);
            }
            _ => {}
        }
        if !self.notes.is_empty() {
            connection.comment(self.notes.remove(&event.flow.id).unwrap_or_default());
        }
        for payload in raw.chunks(MAX_SEGMENT) {
            connection.data(out, event.at, event.direction, payload);
        }
        Ok(())
    }

    /// The bytes as they are to be written, where those are others: without credentials, or without media.
    fn changed(&self, pdu: &Pdu<'_>, direction: Direction) -> Option<Vec<u8>> {
        match pdu.kind {
            PduKind::Interleaved { payload, .. } if self.options.headers_only => {
                Some(stripped(pdu.raw.to_vec(), pdu.raw.len() - payload.len()))
            }
            _ if self.options.keep_credentials => None,
            _ => masked(pdu, direction, &self.options.masking),
        }
    }

    fn closed(&mut self, event: &TraceEvent<'_>, close: Close) {
        let Some(Open { connection, .. }) = self.flows.get(event.flow.id) else { return };
        connection.comment(self.notes.remove(&event.flow.id).unwrap_or_default());
        connection.close(self.blocks.get_mut(), event.at, event.direction, close);
        if connection.is_closed() {
            self.flows.remove(event.flow.id);
        }
    }
}

impl<S: BlockSink> Tap for Writer<S> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.waiting_since.get_or_insert(event.at);
        self.began.get_or_insert(event.at);
        match event.payload {
            Payload::Opened { started, carrier } => self.open(event.flow, (started, event.at), carrier),
            Payload::Pdu(pdu) => self.pdu(event, pdu),
            Payload::Datagram { from, to, payload, .. } => self.datagram(event, from, to, payload),
            Payload::Note(note) => {
                self.note(event.flow, note);
                Ok(())
            }
            // What is recorded here is no tunnel and has its beginning, and of ICMP errors a socket hears nothing.
            Payload::Described(_)
            | Payload::NotBase64 { .. }
            | Payload::Compressed
            | Payload::Unreachable { .. }
            | Payload::BeginningMissing
            | Payload::MessagesMissing(_)
            | Payload::Second(_)
            | Payload::Stall(_)
            | Payload::OneDirection => Ok(()),
            Payload::ReadEnd => {
                if let Some(Open { connection, .. }) = self.flows.get(event.flow.id) {
                    connection.read_end(self.blocks.get_mut(), event.direction);
                }
                Ok(())
            }
            Payload::Closed(close) => {
                self.closed(event, close);
                Ok(())
            }
        }
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let due = self.waiting_since.is_none_or(|since| now.duration_since(since) >= FLUSH_AFTER);
        if due && !self.blocks.get_ref().is_empty() { self.flush() } else { Ok(()) }
    }
}

/// The beginning of a file, in this buffer.
fn begin(buffer: Vec<u8>, options: &WriterOptions) -> io::Result<Blocks> {
    let header = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![
            SectionHeaderOption::OS(Cow::Borrowed(&options.os)),
            SectionHeaderOption::UserApplication(Cow::Borrowed(&options.application)),
            SectionHeaderOption::Common(CommonOption::Comment(Cow::Borrowed(&options.comment))),
        ],
        ..SectionHeaderBlock::default()
    };
    Blocks::with_section_header(buffer, header).map_err(io::Error::other)
}

/// The bytes of a message without what logs in, at the same length; `None` where nothing is looked for.
fn masked(pdu: &Pdu<'_>, direction: Direction, masking: &MaskRules) -> Option<Vec<u8>> {
    // Frames are most of what comes: of them nothing is copied.
    let mask: fn(&MaskRules, &mut [u8]) = match pdu.kind {
        PduKind::Message { .. } => MaskRules::mask,
        // A request that was sent in part only.
        PduKind::Junk if direction == Direction::ClientToServer => MaskRules::mask,
        PduKind::Junk => MaskRules::mask_known,
        PduKind::Interleaved { .. } | PduKind::CutFrame { .. } | PduKind::Gap { .. } => return None,
    };
    let mut bytes = pdu.raw.to_vec();
    mask(masking, &mut bytes);
    Some(bytes)
}
