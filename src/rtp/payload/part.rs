//! A unit of media, the part of it that one payload holds, and how the parts lie there.

use std::ops::Range;

use super::nal_unit::{H264Unit, H265Unit, SLICE_HEAD};

/// A unit of media: what a payload carries whole, in part, or several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// A NAL unit of H.264.
    H264(H264Unit),
    /// A NAL unit of H.265.
    H265(H265Unit),
    /// A picture.
    Jpeg,
    /// An access unit of audio.
    Aac,
    /// A part of an access unit of audio that has so many bytes in all, as its header says.
    AacFragment {
        /// How many.
        len: usize,
    },
    /// The payload.
    Other,
}

/// The part of a unit that lies in one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitPart {
    /// The unit.
    pub unit: Unit,
    /// The unit's first bytes are here. Fragments of audio don't tell.
    pub starts: bool,
    /// The unit's last bytes are here. Fragments of audio and pictures don't tell: the last packet has the marker.
    pub ends: bool,
    /// Where its bytes lie in the payload; behind the header of a NAL unit, which `unit` holds.
    pub body: Range<usize>,
}

impl UnitPart {
    /// How many bytes of its body the analysis looks at to tell frames apart: the beginning of a slice header.
    pub fn looked_at(&self) -> usize {
        match self.unit {
            Unit::H264(unit) if self.starts && unit.is_slice() => SLICE_HEAD.min(self.body.len()),
            Unit::H265(unit) if self.starts && unit.is_slice() => self.body.len().min(1),
            _ => 0,
        }
    }
}

/// How the units of a payload lie.
#[derive(Clone, Debug)]
pub(super) enum UnitLayout {
    One(UnitPart),
    /// NAL units, each with its size before it.
    Aggregate {
        at: usize,
        layout: AggregateLayout,
    },
}

/// How the units of an aggregation packet lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct AggregateLayout {
    /// Bytes between the size of a unit and the unit.
    pub(super) before_unit: usize,
    /// Bytes between a unit and the size of the next.
    pub(super) between: usize,
    pub(super) read: fn(&[u8], Range<usize>) -> Option<UnitPart>,
}

/// A unit that fills the payload from `start` on.
pub(super) fn whole(unit: Unit, start: usize, payload: &[u8]) -> UnitPart {
    UnitPart { unit, starts: true, ends: true, body: start..payload.len() }
}
