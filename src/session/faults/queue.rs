//! Frames that wait for their time, in its order.

use std::collections::{BTreeMap, VecDeque};

use crate::session::script::Route;

/// Bytes that may wait. What is beyond makes the earliest of the waiting frames leave early.
pub(super) const MAX_WAITING: usize = 64 << 20;
/// What a waiting frame costs besides its bytes.
const OVERHEAD: usize = 128;
/// Buffers kept to be filled again.
const MAX_SPARE: usize = 64;

/// A frame that is to leave.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) lane: Route,
    /// Bytes of garbage, and the frame's payload behind them.
    pub(super) bytes: Vec<u8>,
    pub(super) garbage: usize,
    /// Once or twice.
    pub(super) copies: u8,
}

/// The frames that are to leave. What waits is told apart from what is due by script time, not by when it is taken
/// out: so the limit has the same effect for fast and slow clients.
#[derive(Debug)]
pub(super) struct Queue {
    now: i64,
    ready: VecDeque<(i64, Entry)>,
    waiting: BTreeMap<(i64, u64), Entry>,
    waiting_bytes: usize,
    max_waiting: usize,
    inserted: u64,
    spare: Vec<Vec<u8>>,
}

impl Queue {
    pub(super) fn new(max_waiting: usize) -> Self {
        let (ready, waiting) = (VecDeque::new(), BTreeMap::new());
        Self { now: i64::MIN, ready, waiting, waiting_bytes: 0, max_waiting, inserted: 0, spare: Vec::new() }
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// The time that the script has come to.
    pub(super) const fn now(&self) -> i64 {
        self.now
    }

    /// The script has come to this time; never back. Gives the time that it is.
    pub(super) fn advance(&mut self, to: i64) -> i64 {
        self.now = self.now.max(to);
        while let Some((&(due, _), _)) = self.waiting.first_key_value()
            && due <= self.now
        {
            self.release(due);
        }
        self.now
    }

    /// Adds a frame, due now or later.
    pub(super) fn insert(&mut self, due: i64, entry: Entry) {
        if due <= self.now {
            self.ready.push_back((due, entry));
            return;
        }
        self.waiting_bytes += OVERHEAD + entry.bytes.len();
        self.inserted += 1;
        self.waiting.insert((due, self.inserted), entry);
        while self.waiting_bytes > self.max_waiting {
            self.release(self.now);
        }
    }

    /// The earliest that waits has waited enough.
    fn release(&mut self, due: i64) {
        let Some((_, entry)) = self.waiting.pop_first() else { return };
        self.waiting_bytes -= OVERHEAD + entry.bytes.len();
        self.ready.push_back((due, entry));
    }

    pub(super) fn due(&self) -> Option<i64> {
        let ready = self.ready.front().map(|(due, _)| *due);
        ready.or_else(|| self.waiting.first_key_value().map(|((due, _), _)| *due))
    }

    pub(super) fn pop(&mut self) -> Option<(i64, Entry)> {
        if self.ready.is_empty() {
            self.release(self.due()?);
        }
        self.ready.pop_front()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.max_waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u8) -> Entry {
        Entry { lane: Route::Raw, bytes: vec![number; 872], garbage: 0, copies: 1 }
    }

    fn drain(queue: &mut Queue) -> Vec<(i64, u8)> {
        std::iter::from_fn(|| queue.pop().map(|(due, entry)| (due, entry.bytes[0]))).collect()
    }

    #[test]
    fn comes_out_in_order_of_time() {
        let mut queue = Queue::new(MAX_WAITING);
        queue.advance(0);
        for (due, number) in [(7, 1), (0, 2), (5, 3), (7, 4)] {
            queue.insert(due, entry(number));
        }
        assert_eq!(queue.due(), Some(0));
        queue.advance(6);
        queue.insert(6, entry(5));
        assert_eq!(drain(&mut queue), [(0, 2), (5, 3), (6, 5), (7, 1), (7, 4)]);
        assert_eq!((queue.due(), queue.waiting_bytes), (None, 0));
    }

    #[test]
    fn beyond_the_limit_the_earliest_leave_early() {
        let mut queue = Queue::new(3000);
        queue.advance(10);
        for (due, number) in [(100, 1), (200, 2), (300, 3)] {
            queue.insert(due, entry(number));
        }
        assert_eq!((queue.due(), queue.waiting_bytes), (Some(100), 3000));
        queue.insert(150, entry(4));
        assert_eq!((queue.due(), queue.waiting_bytes), (Some(10), 3000));
        assert_eq!(drain(&mut queue), [(10, 1), (150, 4), (200, 2), (300, 3)]);
    }
}
