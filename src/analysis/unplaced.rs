//! Bytes that are neither a message nor a frame. Whose they are tells what stands beside them: next to a hole of the
//! capture they are the rest of what it took away, and nobody sent garbage. Nor did who was within a frame when the other side
//! closed the connection.

use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::rtsp::interleaved::InterleavedHeader;
use crate::trace::Direction;

/// What comes behind unplaced bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// A message, a frame, or the connection's end.
    Whole,
    /// Bytes that are not in the capture.
    Gap,
    /// The end of the connection, which the other side had closed before.
    Closed,
    /// The end of the capture.
    End,
}

/// The unplaced bytes of a session.
#[derive(Debug, Default)]
pub(super) struct UnplacedBytes([State; 2]);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// There are none.
    #[default]
    Placed,
    /// A hole lies before what comes next.
    BehindGap,
    /// The snap length cut what came before.
    BehindCut,
    /// These came, and what follows is not known yet.
    Waiting(Location, Unplaced),
}

/// Bytes that came one behind the other.
#[derive(Clone, Copy, Debug)]
struct Unplaced {
    len: usize,
    /// They are the beginning of a frame or message.
    begun: bool,
}

impl UnplacedBytes {
    /// More of them. What there is to say of those before, or of these.
    pub(super) fn add(&mut self, place: Location, bytes: &[u8]) -> Option<(Location, Finding)> {
        let state = self.0.get_mut(place.direction.index())?;
        let unplaced = Unplaced { len: bytes.len(), begun: is_begun(bytes) };
        match *state {
            // One finding tells of all packets that are cut.
            State::BehindCut => {}
            State::BehindGap => return Some((place, cut(unplaced.len, "behind"))),
            State::Placed => *state = State::Waiting(place, unplaced),
            State::Waiting(before, bytes) => {
                *state = State::Waiting(place, unplaced);
                return Some((before, junk(bytes.len)));
            }
        }
        None
    }

    /// The snap length cut what came. Whether that were bytes of which nothing was known.
    pub(super) fn cut(&mut self, direction: Direction) -> bool {
        let before = self.0.get_mut(direction.index()).map(|state| std::mem::replace(state, State::BehindCut));
        matches!(before, Some(State::Waiting(..)))
    }

    /// Whether there is nothing to say of the bytes before, as long as no gap follows.
    #[inline]
    pub(super) fn is_settled(&self, direction: Direction) -> bool {
        matches!(self.0.get(direction.index()), Some(State::Placed))
    }

    /// What comes next in this direction. What there is to say of the bytes before.
    pub(super) fn settle(&mut self, direction: Direction, next: Neighbour) -> Option<(Location, Finding)> {
        let state = self.0.get_mut(direction.index())?;
        if matches!(state, State::Placed) && next != Neighbour::Gap {
            return None;
        }
        let after = if next == Neighbour::Gap { State::BehindGap } else { State::Placed };
        let State::Waiting(place, Unplaced { len, begun }) = std::mem::replace(state, after) else { return None };
        let finding = match next {
            Neighbour::Closed if begun => {
                let detail = format!("the other side closed within a message or frame, of which {len} bytes had come");
                Finding::new(FindingCode::CutByClose, None, detail)
            }
            Neighbour::Whole | Neighbour::Closed => junk(len),
            Neighbour::Gap => cut(len, "before"),
            Neighbour::End => {
                let detail = format!("the capture ends within a message or frame, of which it has {len} bytes");
                Finding::new(FindingCode::CutByCapture, None, detail)
            }
        };
        Some((place, finding))
    }
}

/// Whether more would have made a frame of these bytes, or an answer.
fn is_begun(bytes: &[u8]) -> bool {
    const ANSWER: &[u8] = b"RTSP/";
    match bytes.first() {
        Some(b'$') => InterleavedHeader::parse(bytes).is_none_or(|header| header.frame_len() > bytes.len()),
        _ => bytes.starts_with(ANSWER) || ANSWER.starts_with(bytes),
    }
}

fn junk(len: usize) -> Finding {
    Finding::new(FindingCode::Junk, None, format!("{len} bytes that are neither a message nor a frame"))
}

fn cut(len: usize, side: &str) -> Finding {
    let detail = format!("{len} bytes {side} a hole of the capture, the rest of a message or frame that it cut");
    Finding::new(FindingCode::CutByCapture, None, detail)
}
