//! How other threads tell the event loop that something has changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Wakes the loop to look at what its tap wants.
#[derive(Clone, Debug)]
pub struct LoopWaker {
    waker: Arc<Waker>,
    called: Arc<AtomicBool>,
}

impl LoopWaker {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        Self { waker, called: Arc::default() }
    }

    /// The tap takes more than it did, or nothing any more.
    pub fn wake(&self) {
        self.called.store(true, Ordering::Release);
        // Where that fails the loop looks at its next tick.
        let _ = self.waker.wake();
    }

    /// Whether somebody called since this was asked last.
    pub(super) fn was_called(&self) -> bool {
        self.called.swap(false, Ordering::AcqRel)
    }
}
