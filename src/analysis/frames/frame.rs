//! A frame: the packets of one RTP timestamp, as far as they have come.

use crate::analysis::frames::share::{Coding, Edge, Share};
use crate::analysis::sequence::Status;
use crate::time::Timestamp;

/// A packet, as far as frames are concerned.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct Arrival {
    pub(in crate::analysis) at: Timestamp,
    pub(in crate::analysis) frame_number: Option<u64>,
    /// The place of its capture among those that were read.
    pub(in crate::analysis) capture: u32,
    pub(in crate::analysis) status: Status,
    pub(in crate::analysis) ext_seq: i64,
    pub(in crate::analysis) ext_timestamp: i64,
}

/// A frame, as far as its packets have come.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Frame {
    pub(in crate::analysis) rtp_timestamp: u32,
    pub(in crate::analysis) ext_timestamp: i64,
    pub(in crate::analysis) first_seq: i64,
    pub(in crate::analysis) last_seq: i64,
    pub(in crate::analysis) packets: u32,
    pub(in crate::analysis) bytes: u64,
    pub(in crate::analysis) units: u32,
    pub(super) coding: Coding,
    pub(super) begins: Edge,
    pub(super) ends: Edge,
    pub(super) marker: bool,
    /// Its payloads are parts of a unit of so many bytes.
    pub(super) of_unit: Option<u32>,
    /// It is of pictures.
    pub(in crate::analysis) video: bool,
    pub(in crate::analysis) first_at: Timestamp,
    pub(in crate::analysis) first_number: Option<u64>,
    pub(in crate::analysis) last_at: Timestamp,
    pub(in crate::analysis) last_number: Option<u64>,
    /// The captures that these two are in.
    pub(in crate::analysis) captures: (u32, u32),
}

impl Frame {
    pub(super) fn new(arrival: Arrival, rtp_timestamp: u32, marker: bool, video: bool, share: &Share) -> Self {
        let Arrival { at, frame_number, capture, ext_seq, ext_timestamp, .. } = arrival;
        Self {
            rtp_timestamp,
            ext_timestamp,
            first_seq: ext_seq,
            last_seq: ext_seq,
            packets: 1,
            bytes: share.bytes,
            units: share.units,
            coding: share.coding,
            begins: share.begins,
            ends: share.ends,
            marker,
            of_unit: share.of_unit,
            video,
            first_at: at,
            first_number: frame_number,
            last_at: at,
            last_number: frame_number,
            captures: (capture, capture),
        }
    }

    /// Takes the packet behind its last one.
    #[inline]
    pub(super) fn append(&mut self, arrival: Arrival, marker: bool, share: &Share) {
        self.last_seq = arrival.ext_seq;
        self.ends = share.ends;
        self.marker = marker;
        self.take(arrival, share);
    }

    pub(super) fn add(&mut self, arrival: Arrival, marker: bool, share: &Share) {
        if arrival.ext_seq < self.first_seq {
            self.first_seq = arrival.ext_seq;
            self.begins = share.begins;
        }
        if arrival.ext_seq > self.last_seq {
            self.append(arrival, marker, share);
        } else {
            self.take(arrival, share);
        }
    }

    #[inline]
    fn take(&mut self, arrival: Arrival, share: &Share) {
        self.packets = self.packets.saturating_add(1);
        self.bytes += share.bytes;
        self.units = self.units.saturating_add(share.units);
        self.coding.add(share.coding);
        self.last_at = arrival.at;
        self.last_number = arrival.frame_number;
        self.captures.1 = arrival.capture;
    }

    /// Sequence numbers between its first and its last that did not come.
    pub(in crate::analysis) fn missing(&self) -> i64 {
        self.last_seq - self.first_seq + 1 - i64::from(self.packets)
    }

    /// How long the access unit is of which it has another number of bytes, if `whole`: nothing of it came before.
    pub(super) fn is_cut_short(&self, whole: bool) -> Option<u32> {
        self.of_unit.filter(|len| whole && self.marker && self.bytes != u64::from(*len))
    }

    pub(super) fn has_no_hole(&self) -> bool {
        self.missing() == 0
    }
}
