//! What comes behind a run: what was recorded has to get where it belongs.

use std::io;
use std::time::Duration;

use mio::Events;

use super::{EventLoop, TICK};
use crate::session::Machine;

/// So long does who wants an end at once wait for what can't be ended sooner.
const IMPATIENCE: Duration = Duration::from_millis(250);

impl<M: Machine> EventLoop<M> {
    /// Waits until `settled` holds, behind a run. Once the user has wanted an end, before or meanwhile, only for
    /// `patience`, and after the second time for a moment. Whether it holds.
    ///
    /// # Errors
    /// If the system fails to poll.
    pub fn wait_until(&mut self, patience: Duration, mut settled: impl FnMut() -> bool) -> io::Result<bool> {
        let (mut events, mut since) = (Events::with_capacity(16), self.clock.now());
        loop {
            let patience = match self.stops {
                0 => Duration::MAX,
                1 => patience,
                _ => patience.min(IMPATIENCE),
            };
            if settled() {
                return Ok(true);
            }
            let left = patience.saturating_sub(self.clock.now().duration_since(since));
            if left.is_zero() {
                return Ok(false);
            }
            match self.poll.poll(&mut events, Some(left.min(TICK))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
            if self.count_signals() > 0 {
                since = self.clock.now();
            }
        }
    }
}
