//! What a datagram was taken for, and those that wait until it shows.

use std::collections::VecDeque;

use crate::capture::ip::{OwnedDatagram, UdpDatagram};
use crate::capture::tcp::reassembly::Arrival;

/// What a datagram is, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum DatagramSight {
    New,
    Copy,
    /// The first copy on its path for some time: those of the datagrams behind tell.
    Doubtful(DoubtfulCopy),
}

/// A copy whose path has not shown the rule yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct DoubtfulCopy {
    pub(super) ends: u64,
    /// Index of the datagram on its path, and among all datagrams.
    pub(super) index: u64,
    pub(super) of_all: u64,
    /// It is not the first copy of the datagram.
    pub(super) again: bool,
}

/// What waits, the oldest first.
#[derive(Debug, Default)]
pub(super) struct HeldDatagrams {
    pub(super) queue: VecDeque<HeldDatagram>,
    pub(super) bytes: usize,
}

/// One of them.
#[derive(Debug)]
pub(super) struct HeldDatagram {
    pub(super) datagram: OwnedDatagram,
    pub(super) arrival: Arrival,
    pub(super) doubt: Option<DoubtfulCopy>,
}

impl HeldDatagrams {
    pub(super) fn push(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival, doubt: Option<DoubtfulCopy>) {
        self.bytes += datagram.payload.len();
        self.queue.push_back(HeldDatagram { datagram: datagram.into(), arrival, doubt });
    }
}
