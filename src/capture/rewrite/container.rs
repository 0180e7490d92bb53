//! The files around the packets: pcap and pcapng, written part by part as they are read.
//!
//! Records and packet blocks stay, and so does all that reading them needs. Whatever else a file may hold, be it names,
//! keys or comments, is left out; but what has a packet's number leaves a block that has it as well.

use std::io::{self, Write};

use crate::capture::interface;
use crate::capture::reader::pcapng::{
    BLOCK_HEAD, BYTE_ORDER_MAGIC, COMMENT, ENHANCED_PACKET, INTERFACE, OBSOLETE_PACKET, SECTION_HEADER, SIMPLE_PACKET,
    TRAILER,
};
use crate::capture::reader::{FileEnd, Options, Order, Packet, Part, Raw, Taker};
use crate::capture::rewrite::ledger::{Body, Ledger};
use crate::capture::rewrite::packet::rewrite;
use crate::trace::Note;

/// How a section begins.
const NO_SECTION: [u8; 4] = SECTION_HEADER.to_be_bytes();
/// A block of somebody's own, which no copy need keep.
const CUSTOM: u32 = 0x4000_0bad;
/// Fields of a packet block before the packet.
const PACKET_FIELDS: usize = 20;

/// Of a section: what wrote it.
const USER_APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
/// Of an interface: speed, resolution of times, time zone, length of the frame check sequence, offset of times.
const IF_PLAIN: [u16; 5] = [8, 9, 10, 13, 14];
/// Of a packet: flags, drops, number, queue.
const PACKET_PLAIN: [u16; 4] = [2, 4, 5, 6];

/// Writes what it takes.
pub(super) struct Container<'a, W> {
    ledger: Ledger,
    /// How many of the packets that carry something have come.
    seen: usize,
    output: W,
    comment: &'a str,
    /// The packet that is being written.
    data: Vec<u8>,
    /// What a file that is cut ends with: the beginning of another record or block; of the first one, if there is none.
    torn: &'static [u8],
}

impl<'a, W: Write> Container<'a, W> {
    pub(super) fn new(ledger: Ledger, output: W, comment: &'a str) -> Self {
        Self { ledger, seen: 0, output, comment, data: Vec::new(), torn: &NO_SECTION }
    }

    /// The file ends, where the one that was read is cut as well.
    pub(super) fn finish(mut self, end: FileEnd) -> io::Result<()> {
        if end.cut {
            self.output.write_all(self.torn)?;
        }
        self.output.flush()?;
        self.ledger.policy.failure().map_or(Ok(()), |failure| Err(io::Error::other(failure)))
    }

    /// What a packet carries.
    fn body(&mut self, number: u64) -> Option<Body> {
        let bodies = self.ledger.bodies();
        while bodies.get(self.seen).is_some_and(|(known, _)| *known < number) {
            self.seen += 1;
        }
        bodies.get(self.seen).filter(|(known, _)| *known == number).map(|(_, body)| *body)
    }

    fn section(&mut self, raw: Raw<'_>) -> io::Result<()> {
        self.torn = &[0];
        let (fixed, options) = raw.body().split_at_checked(16).unwrap_or_default();
        let magic = raw.order.u32(BYTE_ORDER_MAGIC.to_ne_bytes()).to_ne_bytes();
        // The length of the section is left open.
        let mut body = [&magic, fixed.get(4..8).unwrap_or(&[0; 4]), &[0xff; 8]].concat();
        let mut out = NewOptions::new(raw.order, &mut body);
        for (code, value) in (Options { bytes: options, order: raw.order }) {
            if code == USER_APPLICATION {
                out.put(code, value);
            }
        }
        out.put(COMMENT, self.comment.as_bytes());
        out.end();
        self.block(SECTION_HEADER, raw.order, &body)
    }

    fn interface(&mut self, raw: Raw<'_>) -> io::Result<()> {
        let Some((fixed, options)) = raw.body().split_at_checked(8) else { return Ok(()) };
        let mut body = fixed.to_vec();
        let mut out = NewOptions::new(raw.order, &mut body);
        for (code, value) in (Options { bytes: options, order: raw.order }) {
            match code {
                IF_NAME if is_own_name(value) => out.put(code, value),
                IF_DESCRIPTION => {
                    if let Some(text) = self.description(value) {
                        out.put(code, text.as_bytes());
                    }
                }
                _ if IF_PLAIN.contains(&code) => out.put(code, value),
                _ => {}
            }
        }
        out.end();
        self.block(INTERFACE, raw.order, &body)
    }

    /// A description of ours with other names; others are left out.
    fn description(&mut self, text: &[u8]) -> Option<String> {
        let text = str::from_utf8(text).ok()?;
        let (url, server) = interface::parse(text)?;
        let behind = text.get(url.len()..)?;
        let policy = &mut self.ledger.policy;
        let other = std::net::SocketAddr::new(policy.address(server.ip()), server.port());
        Some(policy.url(url) + &behind.replacen(&server.to_string(), &other.to_string(), 1))
    }

    /// A packet block: its fields stay, and its plain options.
    fn packet_block(&mut self, kind: u32, raw: Raw<'_>, data: &[u8], notes: &str) -> io::Result<()> {
        let body = raw.body();
        if kind == SIMPLE_PACKET {
            let mut body = body.to_vec();
            body.iter_mut().skip(4).for_each(|byte| *byte = 0);
            body.iter_mut().skip(4).zip(data).for_each(|(byte, value)| *byte = *value);
            return self.block(kind, raw.order, &body);
        }
        let padded = data.len().next_multiple_of(4);
        let mut other = body.get(..PACKET_FIELDS).unwrap_or_default().to_vec();
        other.extend_from_slice(data);
        other.resize(other.len() + padded - data.len(), 0);
        if kind == ENHANCED_PACKET {
            let mut out = NewOptions::new(raw.order, &mut other);
            let options = body.get(PACKET_FIELDS + padded..).unwrap_or_default();
            Options { bytes: options, order: raw.order }
                .filter(|(code, _)| PACKET_PLAIN.contains(code))
                .for_each(|(code, value)| out.put(code, value));
            let notes = Note::all_in(notes).map(|note| note.to_string()).collect::<Vec<_>>().join("\n");
            if !notes.is_empty() {
                out.put(COMMENT, notes.as_bytes());
            }
            out.end();
        }
        self.block(kind, raw.order, &other)
    }

    fn block(&mut self, kind: u32, order: Order, body: &[u8]) -> io::Result<()> {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length =
            order.u32(u32::try_from(BLOCK_HEAD + body.len() + padding + TRAILER).unwrap_or(u32::MAX).to_ne_bytes());
        let head = [order.u32(kind.to_ne_bytes()).to_ne_bytes(), length.to_ne_bytes()];
        self.output.write_all(head.as_flattened())?;
        self.output.write_all(body)?;
        self.output.write_all([0; 3].get(..padding).unwrap_or_default())?;
        self.output.write_all(&length.to_ne_bytes())
    }
}

impl<W: Write> Taker for Container<'_, W> {
    fn packet(&mut self, packet: &Packet<'_>, raw: Raw<'_>) -> io::Result<()> {
        let body = self.body(packet.number);
        rewrite(&mut self.ledger, packet, body, &mut self.data);
        match raw.part {
            Part::Record(head) => {
                self.output.write_all(raw.bytes.get(..head).unwrap_or_default())?;
                self.output.write_all(&self.data)
            }
            Part::Block(kind) => {
                let data = std::mem::take(&mut self.data);
                let written = self.packet_block(kind, raw, &data, packet.notes);
                self.data = data;
                written
            }
            Part::Header | Part::Numbered => Ok(()),
        }
    }

    fn other(&mut self, raw: Raw<'_>) -> io::Result<()> {
        match raw.part {
            Part::Header => {
                self.torn = &[0];
                self.output.write_all(raw.bytes)
            }
            Part::Block(SECTION_HEADER) => self.section(raw),
            Part::Block(INTERFACE) => self.interface(raw),
            // A packet of no known interface: only its number counts.
            Part::Block(kind @ (ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET)) => {
                let fields = if kind == SIMPLE_PACKET { 4 } else { PACKET_FIELDS };
                let mut body = raw.body().to_vec();
                body.iter_mut().skip(fields).for_each(|byte| *byte = 0);
                self.block(kind, raw.order, &body)
            }
            Part::Numbered => self.block(CUSTOM, raw.order, &[0; 4]),
            Part::Block(_) | Part::Record(_) => Ok(()),
        }
    }
}

impl<'a> Raw<'a> {
    /// The body of a block.
    fn body(&self) -> &'a [u8] {
        self.bytes.get(BLOCK_HEAD..self.bytes.len().saturating_sub(TRAILER)).unwrap_or_default()
    }
}

/// `session 3`, as our recordings call their interfaces.
fn is_own_name(name: &[u8]) -> bool {
    let number = name.strip_prefix(b"session ");
    number.is_some_and(|number| number.len() <= 10 && number.iter().all(u8::is_ascii_digit))
}

/// Options in the making.
struct NewOptions<'a> {
    order: Order,
    body: &'a mut Vec<u8>,
    any: bool,
}

impl<'a> NewOptions<'a> {
    fn new(order: Order, body: &'a mut Vec<u8>) -> Self {
        Self { order, body, any: false }
    }

    fn put(&mut self, code: u16, value: &[u8]) {
        let Ok(len) = u16::try_from(value.len()) else { return };
        let head = [code, len].map(|number| self.order.u16(number.to_ne_bytes()).to_ne_bytes());
        self.body.extend_from_slice(head.as_flattened());
        self.body.extend_from_slice(value);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
        self.any = true;
    }

    fn end(self) {
        if self.any {
            self.body.extend_from_slice(&[0; 4]);
        }
    }
}
