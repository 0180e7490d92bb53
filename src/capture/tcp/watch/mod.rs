//! How a connection fares, by the headers of its segments: what was sent again, how long acknowledgements take, who has no
//! room. Only where somebody asks for it.

mod mirrored;
mod side;
mod signs;
mod stalls;
#[cfg(test)]
mod tests;
mod unacknowledged;

use std::collections::VecDeque;
use std::time::Duration;

use crate::capture::ip::TcpSegment;
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::watch::side::{ReadSegment, WatchedSide};
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::{ConnectionStall, Direction, SegmentCounts};

/// Seconds that wait until it is known that the connection speaks RTSP; the oldest are dropped.
const MAX_DONE: usize = 16;

/// Both directions of a connection.
#[derive(Debug, Default)]
pub(in crate::capture) struct SegmentWatch {
    sides: [WatchedSide; 2],
    /// The first segment of each direction in the second that goes on.
    first: [Option<Arrival>; 2],
    second: Option<i64>,
    handshake: HandshakeState,
    done: VecDeque<WatchedSecond>,
}

/// A second of one direction that is over.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct WatchedSecond {
    pub(in crate::capture) direction: Direction,
    /// Its first segment.
    pub(in crate::capture) first: Arrival,
    pub(in crate::capture) counts: SegmentCounts,
}

/// How long the handshake took where it is seen.
#[derive(Clone, Copy, Debug, Default)]
enum HandshakeState {
    #[default]
    Unseen,
    Begun(Timestamp),
    /// And when the server answered.
    Answered(Timestamp, Timestamp),
    Over {
        /// From the SYN to the client's first acknowledgement.
        round_trip: i64,
        /// Of that, to the server and back; and to the client and back.
        ways: [i64; 2],
    },
}

impl SegmentWatch {
    /// Bytes of memory for what waits.
    pub(in crate::capture) fn held(&self) -> usize {
        let [one, other] = &self.sides;
        one.held() + other.held() + self.done.capacity() * size_of::<WatchedSecond>()
    }

    /// All together keep too much.
    pub(in crate::capture) fn relieve(&mut self) {
        self.sides.iter_mut().for_each(WatchedSide::relieve);
    }

    /// Another file begins.
    pub(in crate::capture) fn forget_numbers(&mut self) {
        self.first.iter_mut().flatten().for_each(|first| first.number = 0);
        self.done.iter_mut().for_each(|second| second.first.number = 0);
    }

    /// Takes a segment. Seconds that are over wait to be taken.
    pub(in crate::capture) fn segment(&mut self, direction: Direction, segment: &TcpSegment<'_>, arrival: Arrival) {
        let own = self.sides.get_mut(direction.index());
        if own.is_some_and(|own| own.is_copy(segment, arrival.at)) {
            return;
        }
        // A clock that is set back ends a second as well.
        let second = arrival.at.as_nanos().div_euclid(NANOS_PER_SECOND);
        if self.second.is_some_and(|known| known != second) {
            self.end_second();
        }
        self.second = Some(second);
        if let Some(first) = self.first.get_mut(direction.index()) {
            first.get_or_insert(arrival);
        }
        let read = ReadSegment::new(segment, arrival.at);
        let [client, server] = &mut self.sides;
        let (own, other) = if direction == Direction::ClientToServer { (client, server) } else { (server, client) };
        own.take(&read, other, self.handshake.round_trip(), self.handshake.reaction(direction));
        self.handshake.take(&read);
    }

    /// The second is over.
    fn end_second(&mut self) {
        let [client, server] = std::mem::take(&mut self.first);
        // What is acknowledged now may have been sent in the second before.
        let firsts = [client.or(server), server.or(client)];
        let directions = [Direction::ClientToServer, Direction::ServerToClient];
        let sides = self.sides.iter_mut().zip(firsts).zip(directions);
        let counted = sides.filter_map(|((side, first), direction)| {
            let counts = std::mem::take(&mut side.counts);
            let first = first.filter(|_| !counts.is_empty())?;
            Some(WatchedSecond { direction, first, counts })
        });
        let mut counted: Vec<WatchedSecond> = counted.collect();
        counted.sort_by_key(|second| second.first.at);
        self.done.extend(counted);
        while self.done.len() > MAX_DONE {
            self.done.pop_front();
        }
    }

    /// Whether seconds are over that were not taken.
    pub(in crate::capture) fn has_done(&self) -> bool {
        !self.done.is_empty()
    }

    /// Takes them.
    pub(in crate::capture) fn take_done(&mut self) -> VecDeque<WatchedSecond> {
        std::mem::take(&mut self.done)
    }

    /// Whether there is a stall that was not taken.
    pub(in crate::capture) fn has_stalls(&self) -> bool {
        self.sides.iter().any(|side| !side.stalls.told.is_empty())
    }

    /// Takes them, each with its direction.
    pub(in crate::capture) fn take_stalls(&mut self) -> Vec<(Direction, ConnectionStall)> {
        let round_trip =
            self.handshake.round_trip().and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
        let directions = [Direction::ClientToServer, Direction::ServerToClient];
        let told = self.sides.iter_mut().zip(directions).flat_map(|(side, direction)| {
            side.stalls.told.drain(..).map(move |stall| (direction, ConnectionStall { round_trip, ..stall }))
        });
        told.collect()
    }

    /// Nothing more comes.
    pub(in crate::capture) fn finish(&mut self) -> VecDeque<WatchedSecond> {
        self.end_second();
        self.take_done()
    }
}

impl HandshakeState {
    fn round_trip(self) -> Option<i64> {
        if let Self::Over { round_trip, .. } = self { Some(round_trip) } else { None }
    }

    /// In half the time that the handshake took to the sender of a direction and back he does not react to what passes here.
    fn reaction(self, sender: Direction) -> i64 {
        let Self::Over { ways: [to_server, to_client], .. } = self else { return 0 };
        (if sender == Direction::ServerToClient { to_server } else { to_client }) / 2
    }

    fn take(&mut self, segment: &ReadSegment) {
        match self {
            Self::Unseen | Self::Begun(_) | Self::Answered(..) if segment.opens() => *self = Self::Begun(segment.at),
            Self::Begun(since) if segment.is_syn() => *self = Self::Answered(*since, segment.at),
            Self::Begun(since) if segment.is_bare_ack() => {
                *self = Self::Over { round_trip: segment.at.nanos_since(*since), ways: [0; 2] };
            }
            Self::Answered(since, answered) if segment.is_bare_ack() => {
                let ways = [answered.nanos_since(*since), segment.at.nanos_since(*answered)];
                *self = Self::Over { round_trip: segment.at.nanos_since(*since), ways };
            }
            _ => {}
        }
    }
}
