//! What speaks for RTSP on a connection, and what against it.
//!
//! Any bytes may look like an interleaved frame by chance: of the HTTPS connections of 200 kB that were tried, more than
//! a quarter had a `$` with a plausible length and a second one right behind it. Nor is RTSP what merely quotes it: a web
//! page, a log, a capture that is copied. So one sign counts only where RTSP has to have it: at the very beginning of a
//! connection. Elsewhere another one has to agree.

use memchr::memrchr;

use crate::rtp::MAX_DROPOUT;
use crate::rtp::packet::{is_rtcp, rtp_source};
use crate::rtsp::demux::{GapCause, Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::rtsp::start_line::{RtspLine, rtsp_line};
use crate::trace::Direction;

/// So many packets of one source, in sequence, are media. By chance another one has the same channel and SSRC once in 2^40.
const IN_SEQUENCE: u8 = 3;
/// So many frames without anything between them are no copy of a capture, where headers of packets lie between.
const ENOUGH_FRAMES: u16 = 12;
/// So many messages of one side are a dialogue of which the other one is missing; and behind what is none.
const ASCENDING: u8 = 2;
const ASCENDING_ANYWHERE: u8 = 3;
/// Sources that are told apart before it is decided: audio and video with their reports, and some strays.
const MAX_SOURCES: usize = 8;

/// What a PDU means for a connection of which nothing is known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum Weight {
    /// It may be RTSP: the PDU is to be kept.
    Keep,
    /// This direction's PDUs so far were none.
    Forget,
    /// It is RTSP.
    Enough,
}

/// What both directions have shown.
#[derive(Debug, Default)]
pub(in crate::capture) struct RtspEvidence {
    sides: [Side; 2],
    /// It began with HTTP that opens no tunnel: what looks like RTSP is quoted.
    http: bool,
}

/// What one direction has shown.
#[derive(Debug, Default)]
struct Side {
    /// Something came that is neither message nor frame, or did not come.
    torn: bool,
    /// Bytes are missing from the capture: what can't be placed behind them says nothing.
    behind_gap: bool,
    /// The beginning of a message that the bytes just taken may be.
    begun: Option<SeenMessage>,
    /// The latest message, if nothing that was none came behind it.
    heard: Option<SeenMessage>,
    /// So many messages of its kind stand behind each other, with ascending numbers.
    ascending: u8,
    /// Requests and answers came in turns: who says both quotes a dialogue.
    quotes: bool,
    /// Frames since then.
    frames: u16,
    sources: Vec<Source>,
}

/// A message.
#[derive(Clone, Copy, Debug)]
struct SeenMessage {
    is_request: bool,
    cseq: Option<u32>,
}

/// Packets of one SSRC on one channel.
#[derive(Debug)]
struct Source {
    channel: u8,
    ssrc: u32,
    latest: u16,
    in_sequence: u8,
}

impl RtspEvidence {
    /// What comes next in a direction, whose beginning may lie before the capture.
    pub(in crate::capture) fn take(&mut self, direction: Direction, pdu: &Pdu<'_>, mid_stream: bool) -> Weight {
        let [own, other] = &mut self.sides;
        let (side, other) = if direction == Direction::ClientToServer { (own, other) } else { (other, own) };
        if let Some(begun) = side.begun.take() {
            match pdu.kind {
                PduKind::Gap { cause: GapCause::SnapLength, .. } if !self.http => {
                    let weight = side.message(begun, other, mid_stream);
                    (side.behind_gap, side.torn) = (true, true);
                    return weight;
                }
                _ if side.behind_gap => {}
                // It was junk after all.
                _ => drop(side.junk()),
            }
        }
        match pdu.kind {
            PduKind::Gap { in_frame, .. } => {
                (side.behind_gap, side.torn) = (true, side.torn || !in_frame);
                Weight::Keep
            }
            PduKind::Junk if is_line_ends(pdu.raw) => Weight::Keep,
            PduKind::Junk if !self.http && side.begins(pdu.raw, other) => Weight::Keep,
            PduKind::Junk if side.behind_gap => Weight::Keep,
            PduKind::Junk => side.junk(),
            PduKind::Interleaved { .. } | PduKind::CutFrame { .. } if self.http => side.forget(),
            PduKind::Interleaved { channel, payload } | PduKind::CutFrame { channel, payload, .. } => {
                side.behind_gap = false;
                side.frame(channel, payload, other)
            }
            PduKind::Message { head, .. } => {
                let message = Message::new(head, &[]);
                let Some(heard) = heard(&message, other) else {
                    self.http |= side.is_untouched();
                    return side.forget();
                };
                if self.http { side.forget() } else { side.message(heard, other, mid_stream) }
            }
        }
    }

    /// Nothing more comes: whether what there was is RTSP.
    pub(in crate::capture) fn is_enough(&self) -> bool {
        self.sides.iter().any(|side| side.is_media() || side.heard.is_some() && !side.torn && !side.quotes)
    }

    /// Whether interleaved frames came.
    pub(in crate::capture) fn has_frames(&self) -> bool {
        self.sides.iter().any(|side| side.frames > 0)
    }

    /// Who is the client, where messages tell: requests come from it.
    pub(in crate::capture) fn client(&self) -> Option<Direction> {
        let [own, other] = self.sides.each_ref().map(|side| Some(side.heard?.is_request));
        match (own, other) {
            (Some(true), None | Some(false)) | (None, Some(false)) => Some(Direction::ClientToServer),
            (None | Some(false), Some(true)) | (Some(false), None) => Some(Direction::ServerToClient),
            _ => None,
        }
    }
}

impl Side {
    fn forget(&mut self) -> Weight {
        *self = Self { torn: true, ..Self::default() };
        Weight::Forget
    }

    /// Whether bytes are the beginning of an RTSP message. It counts if the snap length of the capture cut it there.
    fn begins(&mut self, bytes: &[u8], other: &Self) -> bool {
        self.begun = lines_of(bytes).and_then(|lines| heard(&Message::new(lines, &[]), other));
        self.begun.is_some()
    }

    /// What stood before has to show itself anew. Media that came is told all the same if it does: some servers have bytes
    /// of no meaning between frames.
    fn junk(&mut self) -> Weight {
        let had_media = self.is_media();
        let forget = self.forget();
        if had_media { Weight::Keep } else { forget }
    }

    fn is_untouched(&self) -> bool {
        !self.torn && self.heard.is_none() && self.frames == 0
    }

    /// Several packets of one source have come whose numbers go on.
    fn is_media(&self) -> bool {
        self.sources.iter().any(|source| source.in_sequence >= IN_SEQUENCE)
    }

    fn frame(&mut self, channel: u8, payload: &[u8], other: &Self) -> Weight {
        let rtp = rtp_source(payload);
        if rtp.is_none() && self.frames == 0 && !is_rtcp(payload) {
            return if self.heard.is_some() { Weight::Keep } else { self.forget() };
        }
        self.frames = self.frames.saturating_add(1);
        if let Some((ssrc, number)) = rtp {
            self.packet(channel, ssrc, number);
        }
        let confirmed = self.heard.is_some() || other.heard.is_some() && !other.torn || other.is_media();
        if self.is_media() && (confirmed || self.frames >= ENOUGH_FRAMES) { Weight::Enough } else { Weight::Keep }
    }

    fn packet(&mut self, channel: u8, ssrc: u32, number: u16) {
        let same = |source: &&mut Source| source.channel == channel && source.ssrc == ssrc;
        if let Some(source) = self.sources.iter_mut().find(same) {
            if (1..MAX_DROPOUT).contains(&number.wrapping_sub(source.latest)) {
                source.latest = number;
                source.in_sequence = source.in_sequence.saturating_add(1);
            }
            return;
        }
        if self.sources.len() == MAX_SOURCES {
            self.sources.remove(0);
        }
        self.sources.push(Source { channel, ssrc, latest: number, in_sequence: 1 });
    }

    fn message(&mut self, heard: SeenMessage, other: &Self, mid_stream: bool) -> Weight {
        let before = self.heard.replace(heard);
        self.quotes |= before.is_some_and(|before| before.is_request != heard.is_request);
        let placed = !self.torn || self.frames > 0;
        let answers = other.heard.is_some_and(|other| other.pairs_with(heard, placed));
        let goes_on = before.is_some_and(|before| before.goes_on(heard));
        self.ascending = if goes_on { self.ascending.saturating_add(1) } else { 1 };
        let ascends = self.ascending >= if placed { ASCENDING } else { ASCENDING_ANYWHERE };
        let begins = !mid_stream && !self.torn;
        self.behind_gap = false;
        if begins || answers || ascends || self.frames > 0 || placed && other.is_media() {
            Weight::Enough
        } else {
            Weight::Keep
        }
    }
}

impl SeenMessage {
    /// Request and response. Where the place of one is not certain the numbers have to say so.
    fn pairs_with(self, other: Self, placed: bool) -> bool {
        self.is_request != other.is_request
            && match (self.cseq, other.cseq) {
                (Some(own), Some(other)) => own == other,
                _ => placed,
            }
    }

    /// Another message of the same side and kind, with a higher number.
    fn goes_on(self, next: Self) -> bool {
        self.is_request == next.is_request && self.cseq.is_some() && self.cseq < next.cseq
    }
}

/// The whole lines of an RTSP message that breaks off.
fn lines_of(bytes: &[u8]) -> Option<&[u8]> {
    bytes.first().filter(|first| first.is_ascii_uppercase())?;
    let lines = bytes.get(..=memrchr(b'\n', bytes)?)?;
    let line = rtsp_line(lines.split(|byte| *byte == b'\n').next()?)?;
    (!matches!(line, RtspLine::HttpResponse)).then_some(lines)
}

/// A message of RTSP. Some servers answer in HTTP: then its sequence number tells, or the request.
fn heard(message: &Message<'_>, other: &Side) -> Option<SeenMessage> {
    let cseq = message.cseq();
    let line = message.head().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_request = match rtsp_line(line)? {
        RtspLine::Request => true,
        RtspLine::Response => false,
        RtspLine::HttpResponse => {
            let asked = other.heard.is_some_and(|heard| heard.is_request);
            return (cseq.is_some() || asked).then_some(SeenMessage { is_request: false, cseq });
        }
    };
    Some(SeenMessage { is_request, cseq })
}

/// Empty lines between messages are allowed (RFC 2326, section 4.1).
fn is_line_ends(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the requests of one side with these numbers weigh, in a connection whose beginning is not there.
    fn weights(numbers: &[u32]) -> Vec<Weight> {
        let mut evidence = RtspEvidence::default();
        let weight = |number: &u32| {
            let head = format!("OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: {number}\r\n\r\n");
            let kind = PduKind::Message { head: head.as_bytes(), body: &[] };
            evidence.take(Direction::ClientToServer, &Pdu { offset: 0, raw: head.as_bytes(), kind }, true)
        };
        numbers.iter().map(weight).collect()
    }

    #[test]
    fn a_number_that_comes_again_does_not_go_on() {
        assert_eq!(weights(&[5, 6]), [Weight::Keep, Weight::Enough]);
        assert_eq!(weights(&[5, 5, 5, 4]), [Weight::Keep; 4]);
    }
}
