//! pcapng: sections of blocks, each section in its own byte order and with its own interfaces
//! (draft-ietf-opsawg-pcapng).

use crate::capture::block_type::{
    BLOCK_HEAD, BYTE_ORDER_MAGIC, COMMENT, CUSTOM, END_OF_OPTIONS, ENHANCED_PACKET, INTERFACE, OBSOLETE_PACKET,
    PACKET_FIELDS, SECTION_HEADER, SIMPLE_PACKET, TRAILER,
};
use crate::capture::reader::input::Input;
use crate::capture::reader::interface::Interface;
use crate::capture::reader::packet::{CaptureError, Endianness, FileEnd, FilePart, MAX_PACKET, Packet, RawPart, Taker};
use crate::time::Timestamp;
use crate::trace::PREFIX;

/// Bytes behind the packet in those of ours that have no comment: the flags, and the end of options.
const FLAGS_ONLY: usize = 12;
/// The shortest block: one without a body.
const MIN_BLOCK: usize = BLOCK_HEAD + TRAILER;
/// The longest block that is kept as a whole; packets are much shorter.
const MAX_BLOCK: usize = 16 << 20;
const IMPOSSIBLE: &str = "a block of impossible length";
/// Interfaces of a section, and bytes of all their descriptions: more than any capture has, little enough to keep.
const MAX_INTERFACES: usize = 1 << 16;
const MAX_TEXT: usize = 8 << 20;

/// Blocks that hold no packet of ours, and that Wireshark numbers as if they did: custom blocks, journal entries,
/// system calls.
const NUMBERED: [u32; 6] = [0x0bad, CUSTOM, 9, 0x204, 0x216, 0x221];

/// Reads a file from its start.
pub(super) fn read(mut input: Input<'_>, taker: &mut impl Taker) -> Result<FileEnd, CaptureError> {
    let mut state = State::default();
    loop {
        let used = state.blocks(input.window(), input.offset(), taker)?;
        input.pass(used);
        if !refill(&mut input, &mut state, taker)? {
            return Ok(FileEnd { packets: state.packets, cut: input.is_cut() });
        }
    }
}

/// Completes the block that the window cuts off, or passes over it where it is of no use. `false` if the input ends
/// before.
fn refill(input: &mut Input<'_>, state: &mut State, taker: &mut impl Taker) -> Result<bool, CaptureError> {
    let offset = input.offset();
    let Some(head) = input.ahead(MIN_BLOCK)?.and_then(|head| head.first_chunk()) else { return Ok(false) };
    let block = state.head(head).map_err(|why| CaptureError::format(offset, why))?;
    if !block.is_known() {
        if !input.skip(block.length)? {
            return Ok(false);
        }
        state.other(block, &[]).map_err(|why| CaptureError::format(offset, why))?;
        return taker.other(block.raw(&[])).map(|()| true).map_err(CaptureError::Tap);
    }
    if block.length > MAX_BLOCK {
        return Err(CaptureError::format(offset, IMPOSSIBLE));
    }
    Ok(input.ahead(block.length)?.is_some())
}

/// How a block begins.
#[derive(Clone, Copy)]
struct Head {
    kind: u32,
    /// With what fills it up to a multiple of four.
    length: usize,
    order: Endianness,
}

impl Head {
    const fn is_known(self) -> bool {
        self.is_packet() || matches!(self.kind, SECTION_HEADER | INTERFACE)
    }

    fn is_numbered(self) -> bool {
        NUMBERED.contains(&self.kind)
    }

    /// The block as a taker gets it.
    #[inline]
    fn raw(self, bytes: &[u8]) -> RawPart<'_> {
        let part =
            if self.is_packet() || !self.is_numbered() { FilePart::Block(self.kind) } else { FilePart::Numbered };
        RawPart { part, order: self.order, bytes }
    }

    const fn is_packet(self) -> bool {
        matches!(self.kind, ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET)
    }
}

/// What a packet block needs of the blocks before it.
#[derive(Default)]
struct State {
    order: Endianness,
    /// Those of the section.
    interfaces: Vec<Interface>,
    /// Bytes in their descriptions.
    text: usize,
    /// Interfaces of the sections before.
    before: u32,
    /// Packets seen.
    packets: u64,
    /// Blocks that have a packet's number and are none.
    numbered: u64,
}

/// A packet block taken apart: interface, ticks, captured and original length, bytes of packet and what follows it.
struct Record<'a> {
    interface: u32,
    /// `None` in a simple packet block.
    ticks: Option<u64>,
    captured: u32,
    original_len: u32,
    rest: &'a [u8],
}

impl State {
    /// Goes over the blocks that a window holds as a whole. Gives their length.
    fn blocks(&mut self, window: &[u8], offset: u64, taker: &mut impl Taker) -> Result<usize, CaptureError> {
        let mut rest = window;
        loop {
            let used = window.len() - rest.len();
            let damaged = |why| CaptureError::format(offset + used as u64, why);
            let Some(head) = rest.first_chunk() else { return Ok(used) };
            let head = self.head(head).map_err(damaged)?;
            let Some((block, behind)) = rest.split_at_checked(head.length) else { return Ok(used) };
            let body = block.get(BLOCK_HEAD..block.len() - TRAILER).unwrap_or_default();
            if head.is_packet() {
                // By reference, as it is large.
                match &self.packet(head.kind, body) {
                    Ok(Some(packet)) => taker.packet(packet, head.raw(block)).map_err(CaptureError::Tap)?,
                    Ok(None) => taker.other(head.raw(block)).map_err(CaptureError::Tap)?,
                    Err(why) => return Err(damaged(why)),
                }
            } else {
                self.other(head, body).map_err(damaged)?;
                taker.other(head.raw(block)).map_err(CaptureError::Tap)?;
            }
            rest = behind;
        }
    }

    /// How the next block begins. A section header tells its own byte order.
    #[inline]
    fn head(&self, head: &[u8; MIN_BLOCK]) -> Result<Head, &'static str> {
        let [kind, length, magic] = head.as_chunks::<4>().0 else { return Err("a block is too short") };
        let kind = self.order.u32(*kind);
        let order = if kind == SECTION_HEADER { order_of(*magic)? } else { self.order };
        let length = order.u32(*length) as usize;
        if length < MIN_BLOCK { Err(IMPOSSIBLE) } else { Ok(Head { kind, length: length.next_multiple_of(4), order }) }
    }

    /// Takes a block that holds no packet.
    #[cold]
    fn other(&mut self, head: Head, body: &[u8]) -> Result<(), &'static str> {
        match head.kind {
            SECTION_HEADER => self.begin_section(head.order),
            INTERFACE => return self.add_interface(body),
            _ if head.is_numbered() => self.numbered += 1,
            _ => {}
        }
        Ok(())
    }

    fn begin_section(&mut self, order: Endianness) {
        self.order = order;
        self.before = self.before.saturating_add(u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX));
        self.interfaces.clear();
        self.text = 0;
    }

    fn add_interface(&mut self, body: &[u8]) -> Result<(), &'static str> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err("a section with more than 65,536 interfaces");
        }
        let mut interface = Interface::parse(body, self.order).ok_or("an interface description block is too short")?;
        self.text = self.text.saturating_add(interface.description.len());
        if self.text > MAX_TEXT {
            interface.description = String::new();
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// The packet of a block; `None` if it names an interface that is not there.
    #[inline]
    fn packet<'a>(&'a mut self, kind: u32, body: &'a [u8]) -> Result<Option<Packet<'a>>, &'static str> {
        let record = match kind {
            ENHANCED_PACKET => self.enhanced(body),
            SIMPLE_PACKET => self.simple(body),
            _ => self.obsolete(body),
        };
        let record = record.ok_or("a packet block is too short")?;
        if record.captured > MAX_PACKET {
            return Err("a packet of more than 262,144 bytes");
        }
        let data = record.rest.get(..record.captured as usize).ok_or("a packet is longer than its block")?;
        self.packets += 1;
        let Some(interface) = self.interfaces.get(record.interface as usize) else { return Ok(None) };
        Ok(Some(Packet {
            number: self.packets + self.numbered,
            at: record.ticks.map_or(Timestamp::UNKNOWN, |ticks| interface.clock.instant(ticks)),
            interface: self.before.saturating_add(record.interface),
            link: interface.link,
            description: &interface.description,
            notes: if kind == ENHANCED_PACKET { self.notes(&record) } else { "" },
            data,
            original_len: record.original_len,
        }))
    }

    /// What stands behind the packet, where that is more than the flags.
    #[inline]
    fn notes<'a>(&self, record: &Record<'a>) -> &'a str {
        let data = (record.captured as usize).next_multiple_of(4);
        match record.rest.get(data..) {
            Some(options) if options.len() > FLAGS_ONLY => comment_with_notes(options, self.order),
            _ => "",
        }
    }

    #[inline]
    fn enhanced<'a>(&self, body: &'a [u8]) -> Option<Record<'a>> {
        let (head, rest) = body.split_first_chunk::<PACKET_FIELDS>()?;
        let (words, _) = head.as_chunks::<4>();
        let [interface, high, low, captured, original_len] = words else { return None };
        let word = |bytes: &[u8; 4]| self.order.u32(*bytes);
        let ticks = Some(u64::from(word(high)) << 32 | u64::from(word(low)));
        let (captured, original_len) = (word(captured), word(original_len));
        Some(Record { interface: word(interface), ticks, captured, original_len, rest })
    }

    /// The packet block of the first drafts: its interface has two bytes, two more count drops.
    fn obsolete<'a>(&self, body: &'a [u8]) -> Option<Record<'a>> {
        let record = self.enhanced(body)?;
        let interface = u32::from(self.order.u16(*body.first_chunk()?));
        Some(Record { interface, ..record })
    }

    /// Only an original length: the rest is what the first interface captures of it.
    fn simple<'a>(&self, body: &'a [u8]) -> Option<Record<'a>> {
        let (original_len, rest) = body.split_first_chunk::<4>()?;
        let original_len = self.order.u32(*original_len);
        let snaplen = self.interfaces.first().map_or(0, |interface| interface.snaplen);
        let limit = if snaplen == 0 { u32::MAX } else { snaplen };
        let captured = original_len.min(limit).min(u32::try_from(rest.len()).unwrap_or(u32::MAX));
        Some(Record { interface: 0, ticks: None, captured, original_len, rest })
    }
}

/// The first comment among the options of a packet that holds notes.
#[cold]
fn comment_with_notes(mut options: &[u8], order: Endianness) -> &str {
    while let Some((&[a, b, c, d], rest)) = options.split_first_chunk() {
        let (code, length) = (order.u16([a, b]), usize::from(order.u16([c, d])));
        let text = rest.get(..length).filter(|text| code == COMMENT && text.starts_with(PREFIX.as_bytes()));
        if let Some(Ok(text)) = text.map(str::from_utf8) {
            return text;
        }
        match rest.get(length.next_multiple_of(4)..) {
            Some(rest) if code != END_OF_OPTIONS => options = rest,
            _ => break,
        }
    }
    ""
}

fn order_of(magic: [u8; 4]) -> Result<Endianness, &'static str> {
    [Endianness::Little, Endianness::Big]
        .into_iter()
        .find(|order| order.u32(magic) == BYTE_ORDER_MAGIC)
        .ok_or("a section header without its byte-order magic")
}

#[cfg(test)]
mod tests;
