//! IP fragments put together again (RFC 791, section 3.2; RFC 8200, section 4.5; holes as in RFC 815).
//!
//! The first copy of a byte wins. Memory is bounded: the packets that wait longest make room.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Bytes kept for all packets that are not complete: sixteen of the longest.
const MAX_BYTES: usize = 1 << 20;
/// The longest that a packet without its IP header can be.
const MAX_PACKET: u32 = 65_535;
/// How long a packet waits for its fragments, as Linux has it (`ipfrag_time`).
const MAX_WAIT_NS: i64 = 30 * NANOS_PER_SECOND;
/// How long after its completion fragments of a packet are taken for copies of those seen: then a fast sender may have used
/// its identification again. Chosen, not measured.
const COPIES_NS: i64 = NANOS_PER_SECOND / 10;
/// What a packet that waits costs beside its bytes.
const ENTRY: usize = 256;

/// What the fragments of a packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// Place of its first byte.
    pub(super) start: u32,
    /// Whether no other follows it.
    pub(super) last: bool,
}

/// The packets that wait for fragments.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: HashMap<Key, Waiting>,
    /// Keys in the order in which their packets began, with their times.
    order: VecDeque<(Key, Timestamp)>,
    /// What `waiting` keeps.
    bytes: usize,
    /// The latest packet that was complete.
    complete: Vec<u8>,
    /// How many packets there were.
    assemblies: u32,
}

#[derive(Debug)]
struct Waiting {
    /// Which of all fragmented packets it is.
    assembly: u32,
    /// When its first fragment came; when it was complete.
    since: Timestamp,
    done: bool,
    protocol: u8,
    bytes: Vec<u8>,
    /// Where the packet ends, or could end as long as its last fragment was not seen.
    end: u32,
    /// Start and end of what is missing, in order.
    holes: Vec<(u32, u32)>,
}

impl Fragments {
    /// Takes a fragment. Gives protocol and bytes of the packet that it completes.
    pub(super) fn add(
        &mut self,
        key: Key,
        at: Timestamp,
        fragment: Fragment,
        protocol: u8,
        bytes: &[u8],
    ) -> Option<(u8, &[u8])> {
        self.forget(at);
        let waiting = self.waiting.entry(key).or_insert_with(|| {
            self.order.push_back((key, at));
            self.assemblies = self.assemblies.wrapping_add(1);
            let waiting = Waiting::new(at, self.assemblies);
            self.bytes += waiting.cost() + ENTRY;
            waiting
        });
        let before = waiting.cost();
        if waiting.done {
            if waiting.is_copied(at) {
                return None;
            }
            self.assemblies = self.assemblies.wrapping_add(1);
            waiting.reset(self.assemblies);
        }
        waiting.add(fragment, protocol, bytes);
        let done = waiting.holes.is_empty();
        if done {
            (waiting.done, waiting.since) = (true, at);
            self.complete = std::mem::take(&mut waiting.bytes);
        }
        let protocol = waiting.protocol;
        self.bytes = (self.bytes + waiting.cost()).saturating_sub(before);
        done.then_some((protocol, self.complete.as_slice()))
    }

    /// Which of all fragmented packets a fragment belongs to that [`Self::add`] takes next.
    pub(super) fn assembly(&mut self, key: Key, at: Timestamp) -> u32 {
        self.forget(at);
        match self.waiting.get(&key) {
            Some(waiting) if !waiting.done || waiting.is_copied(at) => waiting.assembly,
            _ => self.assemblies.wrapping_add(1),
        }
    }

    /// Drops what waited too long, and the oldest while all is too much.
    fn forget(&mut self, now: Timestamp) {
        while let Some((key, since)) = self.order.front() {
            if self.bytes <= MAX_BYTES && now.nanos_since(*since).saturating_abs() <= MAX_WAIT_NS {
                return;
            }
            let cost = self.waiting.remove(key).map_or(0, |waiting| waiting.cost() + ENTRY);
            self.bytes = self.bytes.saturating_sub(cost);
            self.order.pop_front();
        }
    }
}

impl Waiting {
    fn new(since: Timestamp, assembly: u32) -> Self {
        let (bytes, holes) = (Vec::new(), vec![(0, MAX_PACKET)]);
        Self { assembly, since, done: false, protocol: 0, bytes, end: MAX_PACKET, holes }
    }

    /// Makes room for another packet with the same key.
    fn reset(&mut self, assembly: u32) {
        (self.assembly, self.done, self.end) = (assembly, false, MAX_PACKET);
        self.holes.push((0, MAX_PACKET));
    }

    /// Whether what comes now is a copy of what was complete.
    fn is_copied(&self, at: Timestamp) -> bool {
        at.nanos_since(self.since).saturating_abs() < COPIES_NS
    }

    /// What it keeps.
    fn cost(&self) -> usize {
        self.bytes.capacity() + self.holes.capacity() * size_of::<(u32, u32)>()
    }

    fn add(&mut self, fragment: Fragment, protocol: u8, bytes: &[u8]) {
        let Fragment { start, last, .. } = fragment;
        let end = start.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        if end > self.end {
            return;
        }
        if start == 0 {
            self.protocol = protocol;
        }
        if last {
            self.end = end;
            self.bytes.truncate(end as usize);
        }
        if self.bytes.len() < end as usize {
            self.bytes.resize(end as usize, 0);
        }
        let mut holes = Vec::with_capacity(self.holes.len() + 1);
        for (from, to) in self.holes.drain(..).map(|(from, to)| (from, to.min(self.end))) {
            let (first, behind) = (from.max(start), to.min(end));
            let left = if first < behind {
                copy(&mut self.bytes, bytes, first, behind, start);
                [(from, first), (behind, to)]
            } else {
                [(from, to), (to, to)]
            };
            holes.extend(left.into_iter().filter(|(from, to)| from < to));
        }
        self.holes = holes;
    }
}

/// Copies the bytes of a fragment that begins at `start` to the places from `first` to `behind`.
fn copy(packet: &mut [u8], fragment: &[u8], first: u32, behind: u32, start: u32) {
    let to = packet.get_mut(first as usize..behind as usize);
    let from = fragment.get((first - start) as usize..(behind - start) as usize);
    if let (Some(to), Some(from)) = (to, from) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn key(id: u32) -> Key {
        Key { from: [10, 0, 0, 1].into(), to: [10, 0, 0, 2].into(), id, protocol: 17 }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(millis * 1_000_000)
    }

    fn add<'a>(fragments: &'a mut Fragments, millis: i64, start: u32, last: bool, bytes: &[u8]) -> Option<&'a [u8]> {
        let fragment = Fragment { id: 0, start, last };
        fragments.add(key(0), at(millis), fragment, 17, bytes).map(|(_, bytes)| bytes)
    }

    #[test]
    fn the_first_copy_of_a_byte_wins() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, 0, 8, false, b"BBBBBBBB"), None);
        assert_eq!(add(&mut fragments, 0, 0, false, b"aaaaaaaaaaaa"), None);
        assert_eq!(add(&mut fragments, 0, 0, true, b"cccccccccccccccccccc").unwrap(), b"aaaaaaaaBBBBBBBBcccc");
    }

    #[test]
    fn nothing_lies_behind_the_last_fragment() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, 0, 16, false, b"beyond it"), None);
        assert_eq!(add(&mut fragments, 0, 8, true, b"end"), None);
        assert_eq!(add(&mut fragments, 0, 16, false, b"beyond it"), None);
        assert_eq!(add(&mut fragments, 0, 0, false, b"beginnin").unwrap(), b"beginninend");
    }

    #[test]
    fn copies_of_a_complete_packet_begin_no_other() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, 0, 0, false, b"01234567"), None);
        assert!(add(&mut fragments, 1, 8, true, b"89").is_some());
        assert_eq!(add(&mut fragments, 2, 8, true, b"89"), None);
        assert_eq!(add(&mut fragments, 200, 0, false, b"abcdefgh"), None);
        assert_eq!(add(&mut fragments, 201, 8, true, b"ij").unwrap(), b"abcdefghij");
    }

    #[test]
    fn a_packet_waits_for_half_a_minute() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, 0, 0, false, b"01234567"), None);
        assert_eq!(add(&mut fragments, 30_001, 8, true, b"89"), None);
        assert_eq!(fragments.waiting.len(), 1);
    }

    #[test]
    fn lengths_that_can_not_be_are_left_out() {
        let mut fragments = Fragments::default();
        assert_eq!(add(&mut fragments, 0, 65_528, true, b"01234567"), None);
        assert_eq!(add(&mut fragments, 0, 0, true, b"whole").unwrap(), b"whole");
    }

    proptest! {
        #[test]
        fn memory_is_bounded(
            all in vec((0..600u32, 0..8191u32, any::<bool>(), 0..70_000usize, 0..40_000i64), 0..300),
        ) {
            let mut fragments = Fragments::default();
            let bytes = vec![1; 70_000];
            for (id, start, last, len, millis) in all {
                let fragment = Fragment { id, start: start * 8, last };
                fragments.add(key(id), at(millis), fragment, 17, &bytes[..len]);
                prop_assert!(fragments.bytes <= MAX_BYTES + (1 << 18));
                let kept: usize = fragments.waiting.values().map(|waiting| waiting.cost() + ENTRY).sum();
                prop_assert_eq!(kept, fragments.bytes);
                prop_assert_eq!(fragments.order.len(), fragments.waiting.len());
            }
        }
    }
}
