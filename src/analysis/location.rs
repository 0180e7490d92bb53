//! Where and when something was seen: what findings, verdicts and streams tell of it.

use crate::time::Timestamp;
use crate::trace::Direction;

/// Where and when something was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    pub(super) at: Timestamp,
    pub(super) frame_number: Option<u64>,
    /// The place of its capture among those that were read.
    pub(super) capture: u32,
    pub(super) session: usize,
    pub(super) direction: Direction,
    /// Position in the TCP stream.
    pub(super) offset: Option<u64>,
}
