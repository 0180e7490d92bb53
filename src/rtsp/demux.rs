//! Splits one direction of an RTSP connection into messages and interleaved frames (RFC 2326, sections 4 and 10.12).
//!
//! The demuxer is lossless and never fails: the `raw` bytes of all its PDUs, joined, are the stream. What it can't
//! place is junk, kept as it came. The same bytes cut into any chunks give the same PDUs (adjacent junk joined).
//!
//! When the demuxer has lost its place it looks for a whole start line, or for a `$` with a known channel (or the
//! other channel of its pair), a length of at least 8, RTP version 2, and another `$` or the first word of a message
//! right behind the frame, or behind an empty line or two. What lies before is junk, and it is kept.

use memchr::memchr;

use crate::rtsp::cut_frames::{BegunFrame, SkippedGap};
use crate::rtsp::framing::{Framer, Kind, Need, Step};
use crate::rtsp::interleaved::InterleavedHeader;

pub use crate::rtsp::framing::{MAX_BODY, MAX_HEAD};
pub use crate::rtsp::gap::{CaptureGap, GapCause};
pub use crate::rtsp::interleaved::FRAME_HEADER;

/// Where more than this much handed-over data lies in front of the pending bytes, they are moved.
const COMPACT_AT: usize = 128 << 10;

/// A protocol data unit: one message, one interleaved frame, a stretch of junk, or a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    /// Byte position in the stream, from 0.
    pub offset: u64,
    /// All bytes of it as they were on the wire; none for a gap.
    pub raw: &'a [u8],
    /// What it is.
    pub kind: PduKind<'a>,
}

/// What a [`Pdu`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PduKind<'a> {
    /// A request or response.
    Message {
        /// Start line, header fields and the empty line.
        head: &'a [u8],
        /// As many bytes as Content-Length says.
        body: &'a [u8],
    },
    /// An interleaved binary frame.
    Interleaved {
        /// Channel identifier.
        channel: u8,
        /// The RTP or RTCP packet.
        payload: &'a [u8],
    },
    /// The beginning of an interleaved frame whose end the snap length of the capture cut off. The gap stands behind it.
    CutFrame {
        /// Channel identifier.
        channel: u8,
        /// As much of the RTP or RTCP packet as there is, an RTP header at least.
        payload: &'a [u8],
        /// Bytes of the packet behind them.
        missing: usize,
    },
    /// Bytes that are neither, among them the empty lines between messages.
    Junk,
    /// Bytes that the capture does not hold.
    Gap {
        /// How many.
        len: u64,
        /// Why.
        cause: GapCause,
        /// They are the rest of a frame that had begun, or some of it: no message lacks.
        in_frame: bool,
    },
}

/// The demuxer of one direction of one connection. Holds at most one unfinished PDU.
///
/// ```
/// use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
///
/// let mut demuxer = Demuxer::new();
/// let mut seen = Vec::new();
/// // A frame on channel 0 that came in two reads, and an answer right behind it.
/// for chunk in [&b"$\x00\x00\x03ab"[..], b"cRTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"] {
///     let mut pdus = demuxer.feed(chunk);
///     while let Some(pdu) = pdus.next_pdu() {
///         match pdu.kind {
///             PduKind::Interleaved { channel, payload } => seen.push((pdu.offset, channel.into(), payload.len())),
///             PduKind::Message { head, .. } => seen.push((pdu.offset, 200, head.len())),
///             PduKind::CutFrame { .. } | PduKind::Junk | PduKind::Gap { .. } => {}
///         }
///     }
/// }
/// assert_eq!(seen, [(0, 0, 3), (7, 200, 28)]);
/// ```
#[derive(Debug, Default)]
pub struct Demuxer {
    /// Bytes that earlier chunks left behind; those before `start` have been handed over.
    carry: Vec<u8>,
    start: usize,
    /// Stream position of the first byte that has not been handed over.
    offset: u64,
    /// As long as fewer bytes are pending, nothing can be decided.
    need: usize,
    framer: Framer,
}

impl Demuxer {
    /// A demuxer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A demuxer that comes into a stream somewhere: it first looks for a place where a PDU starts.
    pub fn mid_stream() -> Self {
        Self { framer: Framer::lost_place(), ..Self::default() }
    }

    /// A demuxer at a place where a PDU starts, `offset` bytes into a stream.
    pub fn at(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// Takes the next bytes of the stream and lends the PDUs that they complete.
    pub fn feed<'a>(&'a mut self, chunk: &'a [u8]) -> Pdus<'a> {
        Pdus { demuxer: self, chunk, gap: None, closing: false }
    }

    /// Notes that the next bytes of the stream are not to be had. Inside a frame or body exactly those are
    /// left out and the next PDU is found behind it; elsewhere the demuxer has to look for it.
    pub fn skip(&mut self, gap: CaptureGap) -> Pdus<'_> {
        let gap = (gap.len > 0).then(|| {
            self.need = 0;
            self.framer.skip(self.carry.get(self.start..).unwrap_or_default(), gap)
        });
        Pdus { demuxer: self, chunk: &[], gap, closing: false }
    }

    /// The stream ends here: lends what is left.
    pub fn close(&mut self) -> Pdus<'_> {
        self.need = 0;
        Pdus { demuxer: self, chunk: &[], gap: None, closing: true }
    }

    /// Stream position of the first byte that no PDU has covered yet.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of memory for the unfinished PDU.
    pub fn held(&self) -> usize {
        self.carry.capacity()
    }

    /// Gives back the memory that no unfinished PDU needs.
    pub fn release(&mut self) {
        self.carry.drain(..self.start.min(self.carry.len()));
        self.start = 0;
        self.carry.shrink_to_fit();
    }

    fn pending(&self) -> &[u8] {
        self.carry.get(self.start..).unwrap_or_default()
    }
}

/// The PDUs that a chunk completes, one after the other, each lent until the next is asked for.
#[derive(Debug)]
#[must_use = "bytes that are not asked for wait for the next chunk"]
pub struct Pdus<'a> {
    demuxer: &'a mut Demuxer,
    chunk: &'a [u8],
    gap: Option<SkippedGap>,
    closing: bool,
}

impl<'a> Pdus<'a> {
    /// The next PDU, `None` when more bytes are needed.
    #[inline]
    pub fn next_pdu(&mut self) -> Option<Pdu<'_>> {
        match self.whole_frame() {
            Some(pdu) => Some(pdu),
            None if self.chunk.is_empty() && self.demuxer.carry.is_empty() && self.gap.is_none() => None,
            None => self.next_other(),
        }
    }

    fn next_other(&mut self) -> Option<Pdu<'_>> {
        self.compact();
        if let Some(gap) = self.gap {
            return Some(self.next_at_gap(gap));
        }
        if self.demuxer.carry.is_empty() { self.next_in_chunk() } else { self.next_in_carry() }
    }

    /// Forgets what has been handed over.
    fn compact(&mut self) {
        let demuxer = &mut *self.demuxer;
        if demuxer.start >= demuxer.carry.len() {
            demuxer.carry.clear();
            demuxer.start = 0;
        } else if demuxer.start > COMPACT_AT {
            demuxer.carry.drain(..demuxer.start);
            demuxer.start = 0;
        }
    }

    /// First what was pending before the gap, a frame that it cut last, then the gap.
    fn next_at_gap(&mut self, gap: SkippedGap) -> Pdu<'_> {
        let demuxer = &mut *self.demuxer;
        let (offset, start) = (demuxer.offset, demuxer.start);
        let pending = demuxer.carry.get(start..).unwrap_or_default();
        let SkippedGap { gap: CaptureGap { len, cause }, frame, in_frame } = gap;
        let (raw, cut) = match frame {
            Some(cut) => match pending.split_at_checked(cut.at) {
                None | Some(([], _)) => (pending, Some(cut)),
                Some((before, _)) => {
                    let begun = BegunFrame { at: 0, ..cut };
                    self.gap = Some(SkippedGap { frame: Some(begun), ..gap });
                    (before, None)
                }
            },
            None => (pending, None),
        };
        if raw.is_empty() {
            self.gap = None;
            demuxer.offset = offset.saturating_add(len);
            return Pdu { offset, raw: &[], kind: PduKind::Gap { len, cause, in_frame } };
        }
        demuxer.start = start + raw.len();
        demuxer.offset = offset.saturating_add(raw.len() as u64);
        let kind = match cut {
            Some(BegunFrame { channel, missing, .. }) => {
                PduKind::CutFrame { channel, payload: raw.get(FRAME_HEADER..).unwrap_or_default(), missing }
            }
            None => PduKind::Junk,
        };
        Pdu { offset, raw, kind }
    }

    /// The fast path: a frame, where one is due, that lies in the chunk as a whole.
    #[inline]
    fn whole_frame(&mut self) -> Option<Pdu<'a>> {
        let Self { demuxer, chunk, gap, .. } = self;
        if gap.is_some() || !demuxer.carry.is_empty() || !demuxer.framer.is_in_sync() {
            return None;
        }
        let header = InterleavedHeader::parse(chunk)?;
        let (raw, rest) = chunk.split_at_checked(header.frame_len())?;
        *chunk = rest;
        Some(lend(demuxer, raw.len(), Kind::Interleaved { channel: header.channel }).of(raw))
    }

    /// Nothing is copied.
    fn next_in_chunk(&mut self) -> Option<Pdu<'_>> {
        if self.chunk.is_empty() {
            return None;
        }
        match self.demuxer.framer.step(self.chunk, self.closing) {
            Step::Take(len, kind) => {
                let (raw, rest) = self.chunk.split_at_checked(len)?;
                self.chunk = rest;
                Some(lend(self.demuxer, raw.len(), kind).of(raw))
            }
            Step::Need(need) => {
                self.demuxer.carry.extend_from_slice(std::mem::take(&mut self.chunk));
                self.demuxer.need = need.bytes();
                None
            }
        }
    }

    /// A chunk's edge cut the PDU: as many bytes as it lacks are copied.
    fn next_in_carry(&mut self) -> Option<Pdu<'_>> {
        loop {
            let missing = self.demuxer.need.saturating_sub(self.demuxer.pending().len());
            if missing > 0 && !self.closing && !self.pull(missing) {
                return None;
            }
            let start = self.demuxer.start;
            let pending = self.demuxer.carry.get(start..).unwrap_or_default();
            match self.demuxer.framer.step(pending, self.closing) {
                Step::Take(len, kind) => {
                    let parts = lend(self.demuxer, len, kind);
                    self.demuxer.start = start + len;
                    return Some(parts.of(self.demuxer.carry.get(start..start + len).unwrap_or_default()));
                }
                Step::Need(Need::Bytes(total)) => self.demuxer.need = total,
                Step::Need(Need::Line) => {
                    let line = memchr(b'\n', self.chunk).map_or(self.chunk.len(), |at| at + 1);
                    if !self.pull(line.max(1)) {
                        return None;
                    }
                }
            }
        }
    }

    /// Moves up to `len` bytes of the chunk to the pending ones; whether there were so many.
    fn pull(&mut self, len: usize) -> bool {
        let (taken, rest) = self.chunk.split_at(len.min(self.chunk.len()));
        self.demuxer.carry.extend_from_slice(taken);
        self.chunk = rest;
        taken.len() == len
    }
}

/// Lossless also for those who stop asking: the rest of the chunk waits for the next one.
impl Drop for Pdus<'_> {
    fn drop(&mut self) {
        self.demuxer.carry.extend_from_slice(self.chunk);
    }
}

/// A PDU that still lacks its bytes.
struct Parts {
    offset: u64,
    kind: Kind,
}

#[inline]
fn lend(demuxer: &mut Demuxer, len: usize, kind: Kind) -> Parts {
    let offset = demuxer.offset;
    demuxer.framer.advance(len, kind);
    demuxer.offset = offset.saturating_add(len as u64);
    demuxer.need = 0;
    Parts { offset, kind }
}

impl Parts {
    #[inline]
    fn of(self, raw: &[u8]) -> Pdu<'_> {
        let kind = match self.kind {
            Kind::Message { head, .. } => {
                let (head, body) = raw.split_at_checked(head).unwrap_or((raw, &[]));
                PduKind::Message { head, body }
            }
            Kind::Interleaved { channel } => {
                PduKind::Interleaved { channel, payload: raw.get(FRAME_HEADER..).unwrap_or_default() }
            }
            Kind::Junk => PduKind::Junk,
        };
        Pdu { offset: self.offset, raw, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PDU without its borrow: offset, bytes, and what it is (`m`, `$`, `junk` or `gap`).
    type Owned = (u64, Vec<u8>, &'static str);

    fn owned(pdu: &Pdu<'_>) -> Owned {
        let name = match pdu.kind {
            PduKind::Message { .. } => "message",
            PduKind::Interleaved { .. } => "$",
            PduKind::CutFrame { .. } => "cut",
            PduKind::Junk => "junk",
            PduKind::Gap { .. } => "gap",
        };
        (pdu.offset, pdu.raw.to_vec(), name)
    }

    fn drain(mut pdus: Pdus<'_>, into: &mut Vec<Owned>) {
        while let Some(pdu) = pdus.next_pdu() {
            into.push(owned(&pdu));
        }
    }

    fn demux(chunks: &[&[u8]]) -> Vec<Owned> {
        let (mut demuxer, mut pdus) = (Demuxer::new(), Vec::new());
        for chunk in chunks {
            drain(demuxer.feed(chunk), &mut pdus);
        }
        drain(demuxer.close(), &mut pdus);
        pdus
    }

    fn names(pdus: &[Owned]) -> Vec<&'static str> {
        pdus.iter().map(|pdu| pdu.2).collect()
    }

    /// A frame with an RTP header and `len` bytes in all.
    fn rtp(channel: u8, len: u8) -> Vec<u8> {
        let mut frame = vec![b'$', channel, 0, len, 0x80, 96];
        frame.resize(FRAME_HEADER + usize::from(len), 0);
        frame
    }

    const REPLY: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nv=0";

    #[test]
    fn messages_and_frames() {
        let stream = [REPLY, &rtp(0, 12), b"\r\n", b"OPTIONS * RTSP/1.0\nCSeq: 1\n\n", &rtp(1, 8)].concat();
        let pdus = demux(&[&stream]);
        assert_eq!(names(&pdus), ["message", "$", "junk", "message", "$"]);
        assert_eq!(pdus[1].0, REPLY.len() as u64);
    }

    #[test]
    fn garbage_between_frames_costs_no_frame() {
        let garbage = b"\x00\x17$garbage$\x00\x00\x04abcd";
        let stream = [&rtp(0, 12), garbage.as_slice(), &rtp(0, 20), &rtp(1, 12), REPLY].concat();
        let pdus = demux(&[&stream]);
        assert_eq!(names(&pdus).iter().filter(|name| **name == "$").count(), 3);
        let junk: Vec<u8> = pdus.iter().filter(|pdu| pdu.2 == "junk").flat_map(|pdu| pdu.1.clone()).collect();
        assert_eq!(junk, garbage);
    }

    #[test]
    fn a_dollar_inside_a_payload_starts_nothing() {
        let mut frame = rtp(0, 40);
        frame[20..24].copy_from_slice(b"$\x00\x00\x0c");
        assert_eq!(names(&demux(&[&frame, &rtp(0, 12)])), ["$", "$"]);
    }

    #[test]
    fn a_gap_inside_a_frame_is_skipped_exactly() {
        let (mut demuxer, mut pdus) = (Demuxer::new(), Vec::new());
        drain(demuxer.feed(&rtp(0, 100)[..50]), &mut pdus);
        drain(demuxer.skip(CaptureGap::not_captured(30)), &mut pdus);
        drain(demuxer.feed(&[&rtp(0, 100)[80..], &rtp(0, 12)].concat()), &mut pdus);
        assert_eq!(names(&pdus), ["junk", "gap", "junk", "$"]);
        assert_eq!(pdus.iter().map(|pdu| pdu.0).collect::<Vec<_>>(), [0, 50, 80, 104]);
    }

    #[test]
    fn behind_a_gap_of_unknown_content_the_next_frame_is_found() {
        let (mut demuxer, mut pdus) = (Demuxer::new(), Vec::new());
        drain(demuxer.feed(&rtp(0, 12)), &mut pdus);
        drain(demuxer.skip(CaptureGap::not_captured(1000)), &mut pdus);
        drain(demuxer.feed(&[b"tail".as_slice(), &rtp(0, 12), &rtp(1, 12)].concat()), &mut pdus);
        drain(demuxer.close(), &mut pdus);
        assert_eq!(names(&pdus), ["$", "gap", "junk", "$", "$"]);
    }

    #[test]
    fn empty_lines_before_each_frame_do_not_hide_it_behind_a_gap() {
        let behind = |ends: &[u8]| {
            let (mut demuxer, mut pdus) = (Demuxer::new(), Vec::new());
            drain(demuxer.skip(CaptureGap::not_captured(1000)), &mut pdus);
            let stream = [b"tail".as_slice(), &[&rtp(0, 12), ends].concat().repeat(3), REPLY].concat();
            // Byte by byte: what is not decided yet must be decided the same way later.
            for byte in &stream {
                drain(demuxer.feed(std::slice::from_ref(byte)), &mut pdus);
            }
            names(&pdus).iter().filter(|name| **name == "$").count()
        };
        assert_eq!([behind(b""), behind(b"\r\n"), behind(b"\n"), behind(b"\r\n\r\n")], [3; 4]);
        assert_eq!(behind(b"\r\n\r\n\r\n"), 0, "so many are no sign of anything");
    }

    #[test]
    fn heads_and_bodies_have_limits() {
        let endless = [b"OPTIONS * RTSP/1.0\r\n".as_slice(), &b"X: y\r\n".repeat(MAX_HEAD)].concat();
        assert!(demux(&[&endless]).iter().all(|pdu| pdu.2 == "junk"));
        let start_lines = b"OPTIONS * RTSP/1.0\r\n".repeat(100_000);
        let pdus = demux(&[&start_lines]);
        assert!(pdus.len() < 100 && pdus.iter().all(|pdu| pdu.2 == "junk"), "no line is looked at twice");

        let mut demuxer = Demuxer::new();
        let mut pdus = Vec::new();
        drain(demuxer.feed(b"RTSP/1.0 200 OK\r\nContent-Length: 2000000\r\n\r\n"), &mut pdus);
        drain(demuxer.feed(&vec![b'$'; 2_000_000]), &mut pdus);
        drain(demuxer.feed(REPLY), &mut pdus);
        assert_eq!(names(&pdus), ["message", "junk", "message"]);
        assert!(demuxer.carry.capacity() < 1 << 20);
    }

    /// Each of these could begin a start line; the cost must not grow with the square of their number.
    #[test]
    fn capital_letters_without_end() {
        for pattern in [b"A".as_slice(), b"OPTIONS ", b"RTSP/1"] {
            let noise = [b"\x00".as_slice(), &pattern.repeat((1 << 20) / pattern.len())].concat();
            assert!(demux(&[&noise]).iter().all(|pdu| pdu.2 == "junk"));
        }
    }

    #[test]
    fn what_is_not_asked_for_waits() {
        let mut demuxer = Demuxer::new();
        drop(demuxer.feed(&rtp(0, 12)));
        let mut pdus = Vec::new();
        drain(demuxer.feed(&rtp(0, 12)), &mut pdus);
        assert_eq!(names(&pdus), ["$", "$"]);
    }

    #[test]
    fn an_unfinished_message_comes_as_junk_at_the_close() {
        assert_eq!(names(&demux(&[b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nv=0"])), ["junk"]);
        assert_eq!(names(&demux(&[b"RTSP/1.0 200"])), ["junk"]);
        assert_eq!(names(&demux(&[&rtp(0, 12)[..7]])), ["junk"]);
    }
}
