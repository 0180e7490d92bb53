//! Segments that are in the capture twice, since a switch mirrors both of its sides: they were sent once.
//!
//! Then most of them are. A copy among many that have none was made on the way, and came twice.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use crate::capture::ip::TcpSegment;
use crate::time::Timestamp;

/// So many segments may lie between a segment and its copy.
const RECENT: usize = 8;
/// A copy of a packet with an identification of its own comes so soon: as long as `copies` waits for datagrams.
const IDENTIFIED_NS: i64 = 1_000_000;
/// One without, as in IPv6: nothing is sent again within a shorter time than a round trip, and loopback alone has shorter ones.
const UNIDENTIFIED_NS: i64 = 50_000;

/// The latest segments of one direction.
#[derive(Debug, Default)]
pub(super) struct MirroredSegments {
    recent: [Option<(u64, Timestamp)>; RECENT],
    next: usize,
    /// The identification of the latest segment, and whether it was another one than before: some have the same in all.
    latest_id: u16,
    identified: bool,
    /// How many segments there were, and how many of them had a copy.
    segments: u64,
    copied: u64,
}

impl MirroredSegments {
    /// Whether a segment is a copy of one that came just before.
    pub(super) fn is_copy(&mut self, segment: &TcpSegment<'_>, at: Timestamp) -> bool {
        let length = segment.payload.len() as u64 + u64::from(segment.missing);
        let mut hasher = FixedState::default().build_hasher();
        // Checksums are filled in behind some places of capture.
        (segment.id, segment.seq, segment.ack, segment.flags, segment.window(), length).hash(&mut hasher);
        segment.options().hash(&mut hasher);
        let digest = std::hash::Hasher::finish(&hasher);
        let identified = self.identified && segment.id != 0;
        let within = if identified { IDENTIFIED_NS } else { UNIDENTIFIED_NS };
        let is_same = |(known, seen): (u64, Timestamp)| known == digest && at.nanos_since(seen).abs() <= within;
        // Acknowledgements without an identification look all the same.
        if (identified || length > 0) && at.is_known() && self.recent.into_iter().flatten().any(is_same) {
            self.copied += 1;
            return self.copied * 2 >= self.segments;
        }
        self.segments += 1;
        self.identified = segment.id != self.latest_id;
        self.latest_id = segment.id;
        if let Some(place) = self.recent.get_mut(self.next) {
            *place = Some((digest, at));
        }
        self.next = (self.next + 1) % RECENT;
        false
    }
}
