//! What a peer remembers while nothing is read, and while its connection ends.

use crate::time::Timestamp;

/// Whether the tap takes what is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    Wanted,
    /// Nothing is read since then.
    Held(Timestamp),
    /// It takes nothing any more, and the machine was told to stop.
    Unwanted,
}

impl Reading {
    pub(super) fn is_held(self) -> bool {
        matches!(self, Self::Held(_))
    }
}

/// A connection that is to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerShutdown {
    pub(super) until: Timestamp,
    /// Everything was sent.
    pub(super) shut_down: bool,
    /// The user waits.
    pub(super) hurried: bool,
}
