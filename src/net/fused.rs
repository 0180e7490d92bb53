//! A tap that failed once is left alone.

use std::io;

use crate::time::Timestamp;
use crate::trace::{Readiness, Tap, TraceEvent};

/// Hands events to a tap until it fails; keeps the error for the end. The sessions still have to be ended in good
/// order when the disk is full.
pub(super) struct FusedTap<'a> {
    tap: &'a mut dyn Tap,
    error: Option<io::Error>,
}

impl<'a> FusedTap<'a> {
    pub(super) fn new(tap: &'a mut dyn Tap) -> Self {
        Self { tap, error: None }
    }

    pub(super) fn event(&mut self, event: &TraceEvent<'_>) {
        if self.error.is_none() {
            self.error = self.tap.event(event).err();
        }
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        if self.error.is_none() {
            self.error = self.tap.tick(now).err();
        }
    }

    /// One that failed takes everything, as it is not told any more.
    pub(super) fn readiness(&self, session: usize) -> Readiness {
        if self.error.is_none() { self.tap.readiness(session) } else { Readiness::More }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    pub(super) fn into_result(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }
}
