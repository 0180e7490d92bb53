//! One stream in two captures.

use serde::Serialize;

use crate::analysis::cell::Ssrc;
use crate::analysis::matching::delay::{DelayFigures, Delays};
use crate::analysis::matching::losses::{Losses, Only};
use crate::analysis::matching::packet::{Side, of};
use crate::analysis::matching::window::{Arrival, Entry};
use crate::trace::Direction;

/// What two captures have of one stream. Pairs are A, then B.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamMatch {
    /// Who sent it: `c2s` or `s2c`.
    pub direction: Direction,
    /// The source.
    pub ssrc: Ssrc,
    /// Numbers of the sessions that it belongs to; `None` where a capture has none of it.
    pub sessions: [Option<usize>; 2],
    /// Different packets of each capture.
    pub packets: [u64; 2],
    /// How many of them are in both.
    pub both: u64,
    /// Those that only one has.
    pub only: [Only; 2],
    /// Copies that one capture has more of than the other.
    pub duplicated: [u64; 2],
    /// Those in both that came to B behind one that came to A later (RFC 4737).
    pub reordered: u64,
    /// Those in both whose payload is another behind its beginning.
    pub altered: u64,
    /// How their delays vary.
    pub delay: Option<DelayFigures>,
}

impl StreamMatch {
    /// Whether nothing but time lies between both: no packet is lost, repeated, reordered or altered.
    pub fn is_clean(&self) -> bool {
        self.only.iter().all(|only| only.between == 0)
            && self.duplicated == [0; 2]
            && self.reordered == 0
            && self.altered == 0
    }
}

/// A stream while it is read.
#[derive(Debug)]
pub(super) struct MatchedStream {
    found: StreamMatch,
    losses: [Losses; 2],
    /// The highest places of packets in both.
    highest: Option<(u64, u64)>,
    delays: Delays,
}

impl MatchedStream {
    pub(super) fn new(direction: Direction, ssrc: u32) -> Self {
        let found = StreamMatch {
            direction,
            ssrc: Ssrc(ssrc),
            sessions: [None; 2],
            packets: [0; 2],
            both: 0,
            only: <_>::default(),
            duplicated: [0; 2],
            reordered: 0,
            altered: 0,
            delay: None,
        };
        Self { found, losses: <_>::default(), highest: None, delays: Delays::default() }
    }

    /// It is this session's in a capture.
    pub(super) fn is_of(&mut self, side: Side, session: usize) {
        *of(&mut self.found.sessions, side) = Some(session.saturating_add(1));
    }

    /// The place of one more packet.
    pub(super) fn next_index(&mut self, side: Side) -> u64 {
        let packets = of(&mut self.found.packets, side);
        *packets += 1;
        *packets - 1
    }

    /// A packet is in both. `samples` counts the delays that all streams keep.
    pub(super) fn met(&mut self, a: &Arrival, b: &Arrival, samples: &mut usize) {
        let found = &mut self.found;
        found.both += 1;
        found.altered += u64::from(a.body.zip(b.body).is_some_and(|(a, b)| a != b));
        let (high_a, high_b) = self.highest.unwrap_or((a.index, b.index));
        // They are met in the order of one capture; then they are behind in that of the other.
        found.reordered += u64::from((a.index < high_a) != (b.index < high_b));
        self.highest = Some((high_a.max(a.index), high_b.max(b.index)));
        for (side, arrival) in [(Side::A, a), (Side::B, b)] {
            of(&mut self.losses, side).met(arrival.index);
        }
        self.delays.packet(a.at, b.at, a.index, samples);
    }

    /// No more copies of a packet are waited for, which waited at this side.
    pub(super) fn settle(&mut self, side: Side, entry: &Entry) {
        match entry.first {
            [Some(_), Some(_)] => {
                let [a, b] = entry.copies;
                let [more_a, more_b] = &mut self.found.duplicated;
                *more_a += a.saturating_sub(b);
                *more_b += b.saturating_sub(a);
            }
            [Some(arrival), None] | [None, Some(arrival)] => {
                of(&mut self.losses, side).lacks(&arrival, entry.key.seq);
            }
            [None, None] => {}
        }
    }

    pub(super) fn finish(self) -> StreamMatch {
        let only = self.losses.map(Losses::finish);
        StreamMatch { only, delay: self.delays.finish(), ..self.found }
    }
}
