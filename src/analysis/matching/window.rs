//! The packets that may still be met, or come again, in either capture.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::analysis::matching::packet::{Packet, Side, of};
use crate::time::Timestamp;

/// Different packets of each side that are remembered: at 1,000 a second those of a minute.
const MAX_WAITING: usize = 65_536;

/// What tells packets apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The place of the stream.
    pub(super) stream: usize,
    pub(super) seq: u16,
    pub(super) timestamp: u32,
    pub(super) head: u64,
}

/// The first copy of a packet in one capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    /// Its place among the different packets of its stream in this capture.
    pub(super) index: u64,
    pub(super) frame_number: Option<u64>,
    pub(super) body: Option<u64>,
}

/// A packet, with what is known of its copies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) first: [Option<Arrival>; 2],
    pub(super) copies: [u64; 2],
}

/// Packets by what tells them apart. Each waits in the queue of the capture that had it first.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: HashMap<Key, Entry, RandomState>,
    queues: [VecDeque<Key>; 2],
}

impl Window {
    /// Takes a packet; gives the first copies in both captures once the second of them is there. `index` counts the
    /// different packets of the stream in this capture.
    pub(super) fn packet(
        &mut self,
        side: Side,
        key: Key,
        packet: &Packet,
        index: impl FnOnce() -> u64,
    ) -> Option<[Arrival; 2]> {
        let Self { entries, queues } = self;
        let entry = entries.entry(key).or_insert_with(|| {
            of(queues, side).push_back(key);
            Entry { key, first: [None; 2], copies: [0; 2] }
        });
        *of(&mut entry.copies, side) += 1;
        let first = of(&mut entry.first, side);
        if first.is_some() {
            return None;
        }
        let Packet { at, frame_number, body, .. } = *packet;
        *first = Some(Arrival { at, index: index(), frame_number, body });
        match entry.first {
            [Some(a), Some(b)] => Some([a, b]),
            _ => None,
        }
    }

    /// The oldest packet of a side where too many wait.
    pub(super) fn overflow(&mut self, side: Side) -> Option<Entry> {
        (of(&mut self.queues, side).len() > MAX_WAITING).then(|| self.pop(side)).flatten()
    }

    /// The oldest packet of a side: it is not waited for any more.
    pub(super) fn pop(&mut self, side: Side) -> Option<Entry> {
        let key = of(&mut self.queues, side).pop_front()?;
        self.entries.remove(&key)
    }
}
