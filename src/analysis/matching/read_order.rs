//! Which capture is read next, so that the copies of a packet are met close to each other.

use std::collections::HashMap;

use crate::analysis::matching::packet::{Packet, Side, of};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// A goes ahead by so much: its copies are there when those of B come. Networks seldom hold a packet for longer. Chosen,
/// not measured.
const LEAD_NS: i64 = 2 * NANOS_PER_SECOND;
/// Packets of each side that are looked at for a source that both have, before clocks are trusted.
const FIRST: u64 = 4096;

/// How far each capture is read, and how they hang together.
#[derive(Debug, Default)]
pub(super) struct ReadOrder {
    sides: [Progress; 2],
    /// How much later B's clock shows a packet, by the latest that was met.
    offset_ns: Option<i64>,
    /// The latest timestamp of each stream in either capture, until a packet was met.
    timestamps: HashMap<usize, [Option<u32>; 2]>,
    /// A stream that both have.
    common: Option<usize>,
}

#[derive(Debug, Default)]
struct Progress {
    ended: bool,
    packets: u64,
    at: Option<Timestamp>,
}

impl ReadOrder {
    pub(super) fn end(&mut self, side: Side) {
        of(&mut self.sides, side).ended = true;
    }

    /// A packet was in both.
    pub(super) fn met(&mut self, offset_ns: i64) {
        self.offset_ns = Some(offset_ns);
        self.timestamps = HashMap::new();
    }

    /// A packet was read.
    pub(super) fn read(&mut self, side: Side, packet: &Packet, stream: Option<usize>) {
        let progress = of(&mut self.sides, side);
        progress.packets += 1;
        progress.at = progress.at.max(Some(packet.at));
        if let (Some(stream), None) = (stream, self.offset_ns) {
            let timestamps = self.timestamps.entry(stream).or_default();
            *of(timestamps, side) = Some(packet.timestamp);
            if timestamps.iter().all(Option::is_some) {
                self.common = Some(stream);
            }
        }
    }

    pub(super) fn wants(&self) -> Option<Side> {
        let [a, b] = &self.sides;
        match (a.ended, b.ended) {
            (true, true) => return None,
            (true, false) => return Some(Side::B),
            (false, true) => return Some(Side::A),
            (false, false) => {}
        }
        let a_first = match (self.offset_ns, self.behind()) {
            (Some(offset_ns), _) => {
                Self::ahead(a.at, b.at).is_none_or(|ahead| ahead.saturating_add(offset_ns) < LEAD_NS)
            }
            (None, Some(behind)) => behind == Side::A,
            (None, None) if a.packets.min(b.packets) < FIRST => a.packets <= b.packets,
            // Clocks are all that is left. Most captures have the right time.
            (None, None) => Self::ahead(a.at, b.at).is_none_or(|ahead| ahead <= 0),
        };
        Some(if a_first { Side::A } else { Side::B })
    }

    /// How far A's clock is ahead of B's; `None` before both have begun.
    fn ahead(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<i64> {
        Some(a?.nanos_since(b?))
    }

    /// Who is behind in a stream that both have, by its media clock. Half its range is far more than captures differ.
    fn behind(&self) -> Option<Side> {
        let [Some(a), Some(b)] = self.timestamps.get(&self.common?)? else { return None };
        let ahead = a.wrapping_sub(*b).cast_signed();
        Some(if ahead > 0 { Side::B } else { Side::A })
    }
}
