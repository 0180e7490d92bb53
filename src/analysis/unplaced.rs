//! Bytes that are neither a message nor a frame. Whose they are tells what stands beside them: next to a hole of the
//! capture they are the rest of what it took away, and nobody sent garbage.

use crate::analysis::findings::Finding;
use crate::analysis::out::Place;
use crate::trace::Direction;

/// What comes behind unplaced bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// A message, a frame, or the connection's end.
    Whole,
    /// Bytes that are not in the capture.
    Gap,
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
    /// So many came, and what follows is not known yet.
    Waiting(Place, usize),
}

impl UnplacedBytes {
    /// More of them. What there is to say of those before, or of these.
    pub(super) fn add(&mut self, place: Place, len: usize) -> Option<(Place, Finding)> {
        let state = self.0.get_mut(place.direction.index())?;
        match *state {
            State::BehindGap => return Some((place, cut(len, "behind"))),
            State::Placed => *state = State::Waiting(place, len),
            State::Waiting(before, bytes) => {
                *state = State::Waiting(place, len);
                return Some((before, junk(bytes)));
            }
        }
        None
    }

    /// What comes next in this direction. What there is to say of the bytes before.
    #[inline]
    pub(super) fn settle(&mut self, direction: Direction, next: Neighbour) -> Option<(Place, Finding)> {
        let state = self.0.get_mut(direction.index())?;
        if matches!(state, State::Placed) && next != Neighbour::Gap {
            return None;
        }
        let after = if next == Neighbour::Gap { State::BehindGap } else { State::Placed };
        let State::Waiting(place, len) = std::mem::replace(state, after) else { return None };
        let finding = match next {
            Neighbour::Whole => junk(len),
            Neighbour::Gap => cut(len, "before"),
            Neighbour::End => {
                let detail = format!("the capture ends within a message or frame, of which it has {len} bytes");
                Finding::new("cut-by-capture", None, detail)
            }
        };
        Some((place, finding))
    }
}

fn junk(len: usize) -> Finding {
    Finding::new("junk", None, format!("{len} bytes that are neither a message nor a frame"))
}

fn cut(len: usize, side: &str) -> Finding {
    let detail = format!("{len} bytes {side} a hole of the capture, the rest of a message or frame that it cut");
    Finding::new("cut-by-capture", None, detail)
}
