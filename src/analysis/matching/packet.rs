//! A packet as it is matched, and the two captures that it may be in.

use crate::time::Timestamp;
use crate::trace::Direction;

/// One of two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first one.
    A,
    /// The second one.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// 0 or 1: a place in a pair.
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// What of the pair belongs to a side.
pub(super) fn of<T>(pair: &mut [T; 2], side: Side) -> &mut T {
    let [a, b] = pair;
    match side {
        Side::A => a,
        Side::B => b,
    }
}

/// What is compared of an RTP packet. Addresses, ports and channels are not: a NAT may have changed them.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// The connection, [`Flow::id`](crate::trace::Flow::id).
    pub session: usize,
    /// Who sent it.
    pub direction: Direction,
    /// The source.
    pub ssrc: u32,
    /// Its sequence number.
    pub seq: u16,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Hash of what a recording without media holds as well: length and beginning of the payload, type, marker.
    pub head: u64,
    /// Hash of the rest of the payload; `None` where the capture does not hold it.
    pub body: Option<u64>,
    /// When it came.
    pub at: Timestamp,
    /// Wireshark's number of the packet that completes it.
    pub frame_number: Option<u64>,
}
