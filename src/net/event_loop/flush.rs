//! What comes behind a run: what was recorded has to get where it belongs.

use std::io;
use std::time::Duration;

use mio::Events;

use super::{EventLoop, TICK};
use crate::session::Machine;

/// So long does who wants an end at once wait for what can't be ended sooner.
const IMPATIENCE: Duration = Duration::from_millis(250);

/// How far that has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettlingState {
    /// All of it is where it belongs.
    Settled,
    /// Something was done since this was asked last.
    Moving,
    /// Nothing was.
    Stuck,
}

/// How long to wait for it.
#[derive(Clone, Copy, Debug)]
pub struct SettlingLimits {
    /// With nothing done.
    pub stuck: Duration,
    /// The same once the user has wanted an end.
    pub stopped: Duration,
    /// Then in all, whatever is done.
    pub stopped_in_all: Duration,
}

impl<M: Machine> EventLoop<M> {
    /// Waits until all is settled, behind a run, or nobody has patience any more: once the user has wanted an end, before or
    /// meanwhile, there is less of it, and after the second time hardly any. Whether it is settled.
    ///
    /// # Errors
    /// If the system fails to poll.
    pub fn wait_until(&mut self, limits: SettlingLimits, mut look: impl FnMut() -> SettlingState) -> io::Result<bool> {
        let mut events = Events::with_capacity(16);
        // Since when nothing was done, and since when the user waits.
        let (mut still, mut since) = (self.clock.now(), self.clock.now());
        loop {
            let now = self.clock.now();
            match look() {
                SettlingState::Settled => return Ok(true),
                SettlingState::Moving => still = now,
                SettlingState::Stuck => {}
            }
            let [stuck, in_all] = match self.stops {
                0 => [limits.stuck, Duration::MAX],
                1 => [limits.stopped, limits.stopped_in_all],
                _ => [limits.stopped, IMPATIENCE],
            };
            let left = stuck.saturating_sub(now.duration_since(still));
            let left = left.min(in_all.saturating_sub(now.duration_since(since)));
            if left.is_zero() {
                return Ok(false);
            }
            match self.poll.poll(&mut events, Some(left.min(TICK))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
            if self.count_signals() > 0 {
                (still, since) = (self.clock.now(), self.clock.now());
            }
        }
    }
}
