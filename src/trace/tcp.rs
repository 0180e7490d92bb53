//! What the segments of a TCP connection show, as a capture tells it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::time::Timestamp;

/// One second of one direction of a connection, by the headers of its segments. Told once the second is over, with the
/// time and number of its first segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionSecond {
    /// The end of the connection that the client has.
    pub client: SocketAddr,
    /// The end that the server has.
    pub server: SocketAddr,
    /// What was counted.
    pub counts: SegmentCounts,
}

/// A time in which the bytes of one direction did not move on. Told when it is over; of a loss, also when what was lost comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionStall {
    /// Why.
    pub cause: StallCause,
    /// When it began.
    pub since: Timestamp,
    /// When it was over.
    pub until: Timestamp,
    /// What the handshake took, where it is in the capture.
    pub round_trip: Option<Duration>,
}

/// Why bytes did not move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StallCause {
    /// The receiver had no room: its window was 0, or full.
    NoRoom,
    /// What was under way was lost.
    Loss {
        /// Segments that came again, or late.
        sent_again: u64,
        /// Acknowledgements that asked for what was missing.
        asked: u64,
    },
    /// There was room and nothing under way, and what came then shows that nothing had been lost.
    NothingToSend,
}

/// Counts of segments of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentCounts {
    /// All of them, also those without payload.
    pub segments: u64,
    /// Their payload.
    pub bytes: u64,
    /// Those that hold no number that was not sent before.
    pub retransmitted_segments: u64,
    /// Their payload.
    pub retransmitted_bytes: u64,
    /// Those that came behind a later one so soon that they were overtaken.
    pub out_of_order_segments: u64,
    /// Acknowledgements that say the same as the one before.
    pub duplicate_acks: u64,
    /// Blocks of selective acknowledgements (RFC 2018).
    pub sack_blocks: u64,
    /// Segments that say that there is no room.
    pub zero_windows: u64,
    /// Segments that fill the window of the receiver. `None` where the scale of that is not known.
    pub window_full: Option<u64>,
    /// From what was sent in this direction to its acknowledgements.
    pub round_trips: RoundTrips,
    /// The most that was sent and not acknowledged. `None` where no acknowledgement was seen.
    pub in_flight_max: Option<u64>,
}

/// Times from a segment to its acknowledgement, both where the capture was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// How many were measured.
    pub count: u32,
    /// The shortest.
    pub min: Duration,
    /// All together.
    pub sum: Duration,
}

impl RoundTrips {
    /// Another one.
    pub fn add(&mut self, time: Duration) {
        self.min = if self.count == 0 { time } else { self.min.min(time) };
        self.sum = self.sum.saturating_add(time);
        self.count = self.count.saturating_add(1);
    }

    /// The shortest, if there was any.
    pub fn shortest(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.min)
    }

    /// The mean, if there was any.
    pub fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }
}

impl SegmentCounts {
    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.segments == 0 && self.round_trips.count == 0
    }
}
