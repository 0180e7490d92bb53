//! When which peer has to be woken.

use std::collections::BTreeSet;

use crate::time::Timestamp;

/// The deadlines of all peers, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(Timestamp, usize)>,
    /// By peer.
    current: Vec<Option<Timestamp>>,
}

impl Deadlines {
    /// Notes a peer's deadline in the place of the one before.
    pub(super) fn set(&mut self, peer: usize, deadline: Option<Timestamp>) {
        if self.current.len() <= peer {
            self.current.resize(peer + 1, None);
        }
        let Some(current) = self.current.get_mut(peer).filter(|current| **current != deadline) else { return };
        if let Some(before) = std::mem::replace(current, deadline) {
            self.queue.remove(&(before, peer));
        }
        if let Some(deadline) = deadline {
            self.queue.insert((deadline, peer));
        }
    }

    /// The nearest deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// A peer whose deadline has come; it has none any more.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<usize> {
        let (_, peer) = *self.queue.first().filter(|(deadline, _)| *deadline <= now)?;
        self.set(peer, None);
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_first_and_each_once() {
        let at = Timestamp::from_nanos;
        let mut deadlines = Deadlines::default();
        deadlines.set(0, Some(at(30)));
        deadlines.set(1, Some(at(10)));
        deadlines.set(2, Some(at(20)));
        deadlines.set(1, Some(at(25)));
        deadlines.set(2, None);
        assert_eq!(deadlines.next(), Some(at(25)));
        assert_eq!(deadlines.take_due(at(24)), None);
        assert_eq!(deadlines.take_due(at(40)), Some(1));
        assert_eq!(deadlines.take_due(at(40)), Some(0));
        assert_eq!((deadlines.take_due(at(40)), deadlines.next()), (None, None));
    }
}
