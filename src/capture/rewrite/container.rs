//! The files around the packets: pcap and pcapng, written part by part as they are read.
//!
//! Records and packet blocks stay, and so does all that reading them needs. Whatever else a file may hold, be it names,
//! keys or comments, is left out; but what has a packet's number leaves a block that has it as well.

use std::io;

use crate::capture::block_type::{
    BLOCK_HEAD, BYTE_ORDER_MAGIC, COMMENT, CUSTOM, ENHANCED_PACKET, IF_DESCRIPTION, INTERFACE, OBSOLETE_PACKET,
    PACKET_FIELDS, SECTION_HEADER, SIMPLE_PACKET, TRAILER,
};
use crate::capture::interface;
use crate::capture::ip::Layer;
use crate::capture::reader::{Endianness, FileEnd, FilePart, Options, Packet, RawPart, Taker};
use crate::capture::rewrite::packet::rewrite;
use crate::capture::rewrite::policy::RewritePolicy;
use crate::capture::rewrite::rewrite_map::{Body, RewriteMap};
use crate::trace::Note;

/// A chunk is full with so many bytes; the last record may reach beyond by the rest of its room.
const CHUNK: usize = 256 << 10;
const CHUNK_ROOM: usize = CHUNK + CHUNK / 4;
/// How a section begins.
const NO_SECTION: [u8; 4] = SECTION_HEADER.to_be_bytes();

/// Of a section: what wrote it.
const USER_APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
/// Of an interface: speed, resolution of times, time zone, length of the frame check sequence, offset of times.
const IF_PLAIN: [u16; 5] = [8, 9, 10, 13, 14];
/// Of a packet: flags, drops, number, queue.
const PACKET_PLAIN: [u16; 4] = [2, 4, 5, 6];

/// Writes what it takes into chunks. A chunk ends where a record or block does: who reads it has none to put together.
pub(super) struct RewrittenCapture<'a, F> {
    rewrite_map: RewriteMap,
    /// How many of the packets that carry something have come.
    seen: usize,
    /// Records and blocks are made here, at the end.
    chunk: Vec<u8>,
    /// Takes a full chunk, and gives one to fill.
    full: F,
    comment: &'a str,
    /// The parts of the packet that is being written.
    layers: Vec<Layer>,
    /// What a file that is cut ends with: the beginning of another record or block; of the first one, if there is none.
    torn: &'static [u8],
}

impl<'a, F: FnMut(Vec<u8>) -> io::Result<Vec<u8>>> RewrittenCapture<'a, F> {
    pub(super) fn new(rewrite_map: RewriteMap, full: F, comment: &'a str) -> Self {
        let chunk = Vec::with_capacity(CHUNK_ROOM);
        Self { rewrite_map, seen: 0, chunk, full, comment, layers: Vec::new(), torn: &NO_SECTION }
    }

    /// The file ends, where the one that was read is cut as well.
    pub(super) fn finish(mut self, end: FileEnd) -> io::Result<()> {
        if end.cut {
            self.chunk.extend_from_slice(self.torn);
        }
        (self.full)(self.chunk)?;
        self.rewrite_map.policy.failure().map_or(Ok(()), |failure| Err(io::Error::other(failure)))
    }

    /// A record or block has been written.
    #[inline]
    fn next(&mut self) -> io::Result<()> {
        if self.chunk.len() >= CHUNK {
            let full = std::mem::take(&mut self.chunk);
            self.chunk = (self.full)(full)?;
            self.chunk.reserve(CHUNK_ROOM);
        }
        Ok(())
    }

    /// What a packet carries.
    fn body(&mut self, number: u64) -> Option<Body> {
        let bodies = self.rewrite_map.bodies();
        while bodies.get(self.seen).is_some_and(|(known, _)| *known < number) {
            self.seen += 1;
        }
        bodies.get(self.seen).filter(|(known, _)| *known == number).map(|(_, body)| *body)
    }

    fn section(&mut self, raw: RawPart<'_>) -> io::Result<()> {
        self.torn = &[0];
        let (fixed, options) = raw.body().split_at_checked(16).unwrap_or_default();
        let magic = raw.order.of_u32(BYTE_ORDER_MAGIC);
        let start = self.begin(SECTION_HEADER, raw.order);
        // The length of the section is left open.
        for part in [&magic, fixed.get(4..8).unwrap_or(&[0; 4]), &[0xff; 8]] {
            self.chunk.extend_from_slice(part);
        }
        let mut out = NewOptions::new(raw.order, &mut self.chunk);
        for (code, value) in (Options { bytes: options, order: raw.order }) {
            if code == USER_APPLICATION {
                out.put(code, value);
            }
        }
        out.put(COMMENT, self.comment.as_bytes());
        out.end();
        self.end(start, raw.order)
    }

    fn interface(&mut self, raw: RawPart<'_>) -> io::Result<()> {
        let Some((fixed, options)) = raw.body().split_at_checked(8) else { return Ok(()) };
        let start = self.begin(INTERFACE, raw.order);
        self.chunk.extend_from_slice(fixed);
        let mut out = NewOptions::new(raw.order, &mut self.chunk);
        for (code, value) in (Options { bytes: options, order: raw.order }) {
            match code {
                IF_NAME if is_own_name(value) => out.put(code, value),
                IF_DESCRIPTION => {
                    if let Some(text) = description(&mut *self.rewrite_map.policy, value) {
                        out.put(code, text.as_bytes());
                    }
                }
                _ if IF_PLAIN.contains(&code) => out.put(code, value),
                _ => {}
            }
        }
        out.end();
        self.end(start, raw.order)
    }

    /// Puts a packet with other contents.
    fn data(&mut self, packet: &Packet<'_>, body: Option<Body>) {
        let start = self.chunk.len();
        self.chunk.extend_from_slice(packet.data);
        let data = self.chunk.get_mut(start..).unwrap_or_default();
        rewrite(&mut self.rewrite_map, packet, body, &mut self.layers, data);
    }

    /// A packet block: its fields stay, and its plain options.
    fn packet_block(
        &mut self,
        kind: u32,
        raw: RawPart<'_>,
        packet: &Packet<'_>,
        carried: Option<Body>,
    ) -> io::Result<()> {
        let (start, body) = (self.begin(kind, raw.order), raw.body());
        self.chunk.extend_from_slice(body.get(..fields_of(kind)).unwrap_or_default());
        self.data(packet, carried);
        match kind {
            SIMPLE_PACKET => self.chunk.resize(start + BLOCK_HEAD + body.len(), 0),
            ENHANCED_PACKET => {
                self.pad();
                let behind = PACKET_FIELDS + packet.data.len().next_multiple_of(4);
                let mut out = NewOptions::new(raw.order, &mut self.chunk);
                Options { bytes: body.get(behind..).unwrap_or_default(), order: raw.order }
                    .filter(|(code, _)| PACKET_PLAIN.contains(code))
                    .for_each(|(code, value)| out.put(code, value));
                let notes = Note::all_in(packet.notes).map(|note| note.to_string()).collect::<Vec<_>>().join("\n");
                if !notes.is_empty() {
                    out.put(COMMENT, notes.as_bytes());
                }
                out.end();
            }
            _ => {}
        }
        self.end(start, raw.order)
    }

    /// A block of so many bytes of zeros, behind the beginning of its body.
    fn blank_block(&mut self, kind: u32, order: Endianness, kept: &[u8], len: usize) -> io::Result<()> {
        let start = self.begin(kind, order);
        self.chunk.extend_from_slice(kept);
        self.chunk.resize(start + BLOCK_HEAD + len, 0);
        self.end(start, order)
    }

    /// Begins a block. Gives its place.
    fn begin(&mut self, kind: u32, order: Endianness) -> usize {
        let start = self.chunk.len();
        self.chunk.extend_from_slice(&order.of_u32(kind));
        self.chunk.extend_from_slice(&[0; 4]);
        start
    }

    /// Ends the block that begins there: now its length is known.
    fn end(&mut self, start: usize, order: Endianness) -> io::Result<()> {
        self.pad();
        let length = u32::try_from(self.chunk.len() - start + TRAILER).unwrap_or(u32::MAX);
        let length = order.of_u32(length);
        if let Some(place) = self.chunk.get_mut(start + 4..start + BLOCK_HEAD) {
            place.copy_from_slice(&length);
        }
        self.chunk.extend_from_slice(&length);
        self.next()
    }

    /// All that a pcapng file holds has a length of whole words, and so has a chunk of it.
    fn pad(&mut self) {
        self.chunk.resize(self.chunk.len().next_multiple_of(4), 0);
    }
}

impl<F: FnMut(Vec<u8>) -> io::Result<Vec<u8>>> Taker for RewrittenCapture<'_, F> {
    fn packet(&mut self, packet: &Packet<'_>, raw: RawPart<'_>) -> io::Result<()> {
        let body = self.body(packet.number);
        match raw.part {
            FilePart::Record(head) => {
                self.chunk.extend_from_slice(raw.bytes.get(..head).unwrap_or_default());
                self.data(packet, body);
                self.next()
            }
            FilePart::Block(kind) => self.packet_block(kind, raw, packet, body),
            FilePart::Header | FilePart::Numbered => Ok(()),
        }
    }

    fn other(&mut self, raw: RawPart<'_>) -> io::Result<()> {
        match raw.part {
            FilePart::Header => {
                self.torn = &[0];
                self.chunk.extend_from_slice(raw.bytes);
                Ok(())
            }
            FilePart::Block(SECTION_HEADER) => self.section(raw),
            FilePart::Block(INTERFACE) => self.interface(raw),
            // A packet of no known interface: only its number counts.
            FilePart::Block(kind @ (ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET)) => {
                let body = raw.body();
                let kept = body.get(..fields_of(kind)).unwrap_or(body);
                self.blank_block(kind, raw.order, kept, body.len())
            }
            FilePart::Numbered => self.blank_block(CUSTOM, raw.order, &[], 4),
            FilePart::Block(_) | FilePart::Record(_) => Ok(()),
        }
    }
}

/// Bytes of a packet block before the packet.
const fn fields_of(kind: u32) -> usize {
    if kind == SIMPLE_PACKET { 4 } else { PACKET_FIELDS }
}

/// A description of ours with other names; others are left out.
fn description(policy: &mut dyn RewritePolicy, text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    let (url, server) = interface::parse(text)?;
    let behind = text.get(url.len()..)?;
    let other = std::net::SocketAddr::new(policy.address(server.ip()), server.port());
    Some(policy.url(url) + &behind.replacen(&server.to_string(), &other.to_string(), 1))
}

impl<'a> RawPart<'a> {
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
    order: Endianness,
    body: &'a mut Vec<u8>,
    any: bool,
}

impl<'a> NewOptions<'a> {
    fn new(order: Endianness, body: &'a mut Vec<u8>) -> Self {
        Self { order, body, any: false }
    }

    fn put(&mut self, code: u16, value: &[u8]) {
        let Ok(len) = u16::try_from(value.len()) else { return };
        let head = [code, len].map(|number| self.order.of_u16(number));
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
