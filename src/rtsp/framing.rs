//! Decides what the next bytes of an RTSP connection are: where a PDU starts and ends, and where one may start
//! again after the place was lost. Holds no bytes; [`super::demux`] does.

use crate::rtsp::channels::ChannelSet;
use crate::rtsp::cut_frames::{CutFrames, FRAME_WITH_HEADER, SkippedGap};
use crate::rtsp::gap::{CaptureGap, GapCause};
use crate::rtsp::head_end::head_end;
use crate::rtsp::interleaved::{FRAME_HEADER, InterleavedHeader};
use crate::rtsp::message::Message;
use crate::rtsp::start_line::{Recognition, recognise, recognise_token};
use crate::rtsp::tunnel::body_length;

/// Longest message head; what runs on is junk. Chosen, not measured.
pub const MAX_HEAD: usize = 64 << 10;
/// Longest message body: the longest description that we know of has 13 kB. A longer one comes as junk
/// of its announced length behind a message without body.
pub const MAX_BODY: usize = 1 << 20;
/// Shortest payload believed when the place of the next frame was lost: an RTCP header and an SSRC.
const MIN_PLAUSIBLE_PAYLOAD: usize = 8;

/// So many CR and LF may stand between two PDUs where the place was lost: an empty line or two.
const MAX_LINE_ENDS: usize = 4;

/// So many PDUs behind each other are not found by chance.
const SETTLED_RUN: u8 = 3;

/// What is known of the place in the stream.
#[derive(Debug, Default)]
pub(super) struct Framer {
    state: State,
    /// How far the pending bytes were searched for the end of a head.
    scanned: usize,
    /// Channels of the frames seen so far.
    channels: ChannelSet,
    /// Frames that a snap length cut.
    cut: CutFrames,
    /// The PDU whose front part is gone is a frame.
    tears_frame: bool,
    /// PDUs since the place was found.
    run: u8,
    /// What was found held once: the channels are those of a dialogue.
    is_settled: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A PDU starts here.
    #[default]
    Sync,
    /// So many bytes belong to a PDU whose front part is gone; then one starts.
    Torn(u64),
    /// Looking for a place where one starts.
    Lost,
}

/// What the pending bytes begin with.
pub(super) enum Step {
    Take(usize, Kind),
    Need(Need),
}

pub(super) enum Need {
    /// So many bytes in all.
    Bytes(usize),
    /// Up to the next line feed.
    Line,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Length of the head; how many bytes of a body too long to hold follow as junk.
    Message {
        head: usize,
        oversize: u64,
    },
    Interleaved {
        channel: u8,
    },
    Junk,
}

/// An answer that may have to wait for more bytes.
enum Parse<T> {
    Yes(T),
    No,
    Undecided(Need),
}

impl Need {
    /// How many bytes must be pending before there is anything to decide; 0 where that is not known.
    pub(super) const fn bytes(&self) -> usize {
        match self {
            Self::Bytes(total) => *total,
            Self::Line => 0,
        }
    }
}

impl Framer {
    /// One that first has to find a place where a PDU starts.
    pub(super) fn lost_place() -> Self {
        Self { state: State::Lost, ..Self::default() }
    }

    /// Where a gap right behind the pending bytes leads to, and the frame that it cut.
    pub(super) fn skip(&mut self, pending: &[u8], gap: CaptureGap) -> SkippedGap {
        let Self { cut, channels, .. } = self;
        let frame = match (gap.cause, self.state) {
            (GapCause::SnapLength, State::Sync) => cut.due(pending),
            (GapCause::SnapLength, State::Lost) => cut.find(pending, gap.len, |channel| channels.plausible(channel)),
            _ => None,
        };
        let missing = match (self.state, frame) {
            (State::Torn(remaining), _) => Some(remaining),
            (_, Some(frame)) => Some(frame.missing as u64),
            (State::Sync, None) => extent(pending).and_then(|total| total.checked_sub(pending.len() as u64)),
            (State::Lost, None) => None,
        };
        if let Some(frame) = frame {
            channels.insert(frame.channel);
        }
        if !matches!(self.state, State::Torn(_)) {
            self.tears_frame = frame.is_some() || pending.first() == Some(&b'$');
        }
        self.scanned = 0;
        let rest = missing.and_then(|missing| missing.checked_sub(gap.len));
        self.state = match rest {
            Some(0) => State::Sync,
            Some(rest) => State::Torn(rest),
            None => State::Lost,
        };
        let frame = frame.filter(|frame| pending.len() - frame.at >= FRAME_WITH_HEADER);
        SkippedGap { gap, frame, in_frame: rest.is_some() && self.tears_frame }
    }

    /// Whether a PDU is due.
    #[inline]
    pub(super) fn is_in_sync(&self) -> bool {
        self.state == State::Sync
    }

    /// What `bytes`, all that is pending, begin with. With `closing` no more will come: the answer is never `Need`.
    pub(super) fn step(&mut self, bytes: &[u8], closing: bool) -> Step {
        match self.state {
            State::Torn(remaining) => {
                let len = usize::try_from(remaining).map_or(bytes.len(), |remaining| remaining.min(bytes.len()));
                Step::Take(len, Kind::Junk)
            }
            State::Sync => self.in_sync(bytes, closing),
            State::Lost => self.lost(bytes, 0, closing),
        }
    }

    /// A PDU starts at the first byte, or the place is lost.
    fn in_sync(&mut self, bytes: &[u8], closing: bool) -> Step {
        let verdict = match bytes.first() {
            Some(b'$') => frame(bytes),
            Some(b'\r' | b'\n') => return Step::Take(line_ends(bytes), Kind::Junk),
            _ => self.message(bytes),
        };
        match verdict {
            Parse::Yes((len, kind)) if len <= bytes.len() => Step::Take(len, kind),
            Parse::Undecided(_) | Parse::Yes(_) if closing => Step::Take(bytes.len(), Kind::Junk),
            Parse::Yes((len, _)) => Step::Need(Need::Bytes(len)),
            Parse::Undecided(need) => Step::Need(need),
            Parse::No => {
                self.doubt();
                self.state = State::Lost;
                self.lost(bytes, 1, closing)
            }
        }
    }

    /// No PDU starts where one should. What was found in the middle of a stream may have been bytes of something else:
    /// their channel must not stand against those that are found next.
    #[cold]
    fn doubt(&mut self) {
        self.is_settled |= self.run >= SETTLED_RUN;
        if !self.is_settled {
            self.channels = ChannelSet::default();
        }
        self.run = 0;
    }

    /// Length and parts of the message at the start of `bytes`.
    fn message(&mut self, bytes: &[u8]) -> Parse<(usize, Kind)> {
        match recognise(bytes) {
            Recognition::Yes => {}
            Recognition::No => return Parse::No,
            Recognition::NeedLine => return Parse::Undecided(Need::Line),
        }
        let head = match head_end(bytes, &mut self.scanned) {
            Some(head) if head <= MAX_HEAD => head,
            None if bytes.len() < MAX_HEAD => return Parse::Undecided(Need::Line),
            // Junk as a whole: looking for a message in it, line by line, would cost the square of its length.
            _ => {
                self.state = State::Lost;
                return Parse::Yes((MAX_HEAD, Kind::Junk));
            }
        };
        let length = body_length(&Message::new(bytes.get(..head).unwrap_or_default(), &[]));
        Parse::Yes(match usize::try_from(length) {
            Ok(body) if body <= MAX_BODY => (head + body, Kind::Message { head, oversize: 0 }),
            _ => (head, Kind::Message { head, oversize: length }),
        })
    }

    /// Takes what can't be a PDU as junk, up to the first place at or behind `from` where one may start.
    fn lost(&mut self, bytes: &[u8], from: usize, closing: bool) -> Step {
        for at in from..bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            match self.plausible(rest, closing) {
                Parse::No => {}
                _ if at > 0 => return Step::Take(at, Kind::Junk),
                Parse::Undecided(need) => return Step::Need(need),
                Parse::Yes(()) => {
                    self.state = State::Sync;
                    return self.in_sync(rest, closing);
                }
            }
        }
        Step::Take(bytes.len(), Kind::Junk)
    }

    /// Whether a lost demuxer believes that a PDU starts here: a whole start line, or a `$` with a known channel, a
    /// plausible length, RTP version 2, and another PDU right behind it.
    fn plausible(&self, bytes: &[u8], closing: bool) -> Parse<()> {
        let verdict = match bytes.first() {
            Some(b'$') => self.plausible_frame(bytes, closing),
            Some(b'A'..=b'Z') => match recognise(bytes) {
                Recognition::Yes => Parse::Yes(()),
                Recognition::No => Parse::No,
                Recognition::NeedLine => Parse::Undecided(Need::Line),
            },
            _ => Parse::No,
        };
        if closing && matches!(verdict, Parse::Undecided(_)) { Parse::No } else { verdict }
    }

    fn plausible_frame(&self, bytes: &[u8], closing: bool) -> Parse<()> {
        let (Some(header), Some(first)) = (InterleavedHeader::parse(bytes), bytes.get(FRAME_HEADER)) else {
            return Parse::Undecided(Need::Bytes(FRAME_HEADER + 1));
        };
        if !self.channels.plausible(header.channel) || header.payload_len() < MIN_PLAUSIBLE_PAYLOAD || first >> 6 != 2 {
            return Parse::No;
        }
        let len = header.frame_len();
        let Some(behind) = bytes.get(len..) else { return Parse::Undecided(Need::Bytes(len + 1)) };
        // Some servers send an empty line before each frame; more of them are no sign of anything.
        let empty = line_ends(behind.get(..=MAX_LINE_ENDS).unwrap_or(behind));
        let end = len + if empty <= MAX_LINE_ENDS { empty } else { 0 };
        match bytes.get(end..) {
            None => Parse::Undecided(Need::Bytes(end + 1)),
            Some([]) if closing => Parse::Yes(()),
            Some([b'$', next, ..]) if !self.channels.plausible(*next) => Parse::No,
            Some([b'$', _, ..]) => Parse::Yes(()),
            Some([] | [b'$']) => Parse::Undecided(Need::Bytes(end + 2)),
            Some(behind) => match recognise_token(behind) {
                Recognition::Yes => Parse::Yes(()),
                Recognition::No => Parse::No,
                Recognition::NeedLine => Parse::Undecided(Need::Bytes(bytes.len() + 1)),
            },
        }
    }

    /// Notes that `len` bytes have been handed over as `kind`.
    #[inline]
    pub(super) fn advance(&mut self, len: usize, kind: Kind) {
        self.scanned = 0;
        match (kind, self.state) {
            (Kind::Interleaved { channel }, _) => {
                self.channels.insert(channel);
                self.run = self.run.saturating_add(1);
            }
            (Kind::Message { oversize, .. }, _) => {
                self.is_settled = true;
                if oversize > 0 {
                    (self.state, self.tears_frame) = (State::Torn(oversize), false);
                }
            }
            (Kind::Junk, State::Torn(remaining)) if remaining > len as u64 => {
                self.state = State::Torn(remaining - len as u64);
            }
            (Kind::Junk, State::Torn(_)) => self.state = State::Sync,
            _ => {}
        }
    }
}

/// Length of the frame at the start of `bytes`.
fn frame(bytes: &[u8]) -> Parse<(usize, Kind)> {
    let Some(header) = InterleavedHeader::parse(bytes) else { return Parse::Undecided(Need::Bytes(FRAME_HEADER)) };
    Parse::Yes((header.frame_len(), Kind::Interleaved { channel: header.channel }))
}

/// How many CR and LF stand at the start: empty lines before a message are allowed (RFC 2326, section 4.1).
fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Length of the PDU that starts here, where its beginning tells.
fn extent(bytes: &[u8]) -> Option<u64> {
    if bytes.first() == Some(&b'$') {
        let Parse::Yes((len, _)) = frame(bytes) else { return None };
        return Some(len as u64);
    }
    let head = head_end(bytes, &mut 0)?;
    let length = body_length(&Message::new(bytes.get(..head)?, &[]));
    (head as u64).checked_add(length)
}
