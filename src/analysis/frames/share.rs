//! What one packet adds to its frame.

use crate::analysis::rows::PictureKind;
use crate::rtp::payload::{
    H264Unit, H265Unit, PayloadError, PayloadFormat, PayloadOddity, SliceType, Unit, UnitPart, recovery_point,
};

/// The contribution of one payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// Of units, with the headers of NAL units, without what the payload format adds.
    pub(super) bytes: u64,
    /// Units that begin here.
    pub(super) units: u32,
    pub(super) coding: Coding,
    /// Whether the frame can begin with this payload.
    pub(super) begins: Edge,
    /// Whether the frame can end with it.
    pub(super) ends: Edge,
    /// It is a part of a unit of so many bytes.
    pub(super) of_unit: Option<u32>,
}

/// What a payload had that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum PayloadFault {
    /// It can't be read, or not to its end.
    Malformed(PayloadError),
    /// It was read.
    Odd(PayloadOddity),
}

/// Whether a payload can be at the edge of its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Edge {
    /// A unit is cut there.
    Cut,
    /// Nothing speaks against it.
    #[default]
    Open,
    /// The frame has its edge here, by what is in the payload alone.
    Frame,
}

/// What NAL units and slices say of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, of a unit or a slice")]
pub(super) struct Coding {
    idr: bool,
    /// Decoding can begin here.
    pub(super) key: bool,
    /// The least self-contained slice.
    slice: Option<SliceType>,
    /// There are slices, whether or not their type is known.
    pub(super) picture: bool,
    /// Other pictures are made from it, as a part of it says, or none are.
    reference: bool,
    disposable: bool,
    /// All is right so many pictures later, though decoding begins here (recovery point).
    recovery: Option<u32>,
}

impl Coding {
    pub(super) fn add(&mut self, other: Self) {
        self.idr |= other.idr;
        self.key |= other.key;
        self.slice = self.slice.max(other.slice);
        self.picture |= other.picture;
        self.reference |= other.reference;
        self.disposable |= other.disposable;
        self.recovery = self.recovery.or(other.recovery);
    }

    /// After how many pictures all is right if decoding begins here; `None` if it can't.
    pub(super) fn entry(self) -> Option<u32> {
        if self.key || self.kind() == PictureKind::I { Some(0) } else { self.recovery }
    }

    /// Whether it is known that no other picture is made from it.
    pub(super) fn is_disposable(self) -> bool {
        self.disposable && !self.reference
    }

    /// Of a slice that tells whether other pictures are made from it.
    fn referred(reference: bool) -> Self {
        Self { picture: true, reference, disposable: !reference, ..Self::default() }
    }

    fn recovery(pictures: Option<u32>) -> Self {
        Self { recovery: pictures, ..Self::default() }
    }

    /// What the column `type` says of a picture.
    pub(super) fn kind(self) -> PictureKind {
        match self {
            Self { picture: false, .. } => PictureKind::None,
            Self { idr: true, .. } => PictureKind::Idr,
            Self { slice: Some(SliceType::P), .. } => PictureKind::P,
            Self { slice: Some(SliceType::B), .. } => PictureKind::B,
            Self { slice: Some(SliceType::I), .. } | Self { key: true, .. } => PictureKind::I,
            Self { .. } => PictureKind::Other,
        }
    }

    fn slice(slice: Option<SliceType>) -> Self {
        Self { picture: true, slice, ..Self::default() }
    }
}

impl Share {
    /// The contribution of a fragment that neither begins nor ends its unit, if the payload is one: most packets of video
    /// are, so this is fast.
    #[inline]
    pub(super) fn of_inner_fragment(format: PayloadFormat, payload: &[u8]) -> Option<Self> {
        let header = format.inner_fragment(payload)?;
        let bytes = (payload.len() - header) as u64;
        let coding = Coding { picture: true, ..Coding::default() };
        Some(Self { bytes, units: 0, coding, begins: Edge::Cut, ends: Edge::Cut, of_unit: None })
    }

    /// Takes a payload apart. What is damaged counts as far as it can be read.
    #[inline]
    pub(super) fn of(format: PayloadFormat, payload: &[u8]) -> (Self, Option<PayloadFault>) {
        let mut share = Self::default();
        let mut any = false;
        let mut parts = format.parts(payload);
        for part in parts.by_ref() {
            match part {
                Ok(part) => {
                    share.add(format, &part, payload, !any);
                    any = true;
                }
                Err(error) => {
                    share.damaged(format, error);
                    return (share, Some(PayloadFault::Malformed(error)));
                }
            }
        }
        (share, parts.oddity().map(PayloadFault::Odd))
    }

    /// A type that is not defined stands beside the picture, if it is not all that there is of it.
    #[cold]
    fn damaged(&mut self, format: PayloadFormat, error: PayloadError) {
        if matches!(error, PayloadError::Truncated { .. }) {
            self.ends = Edge::Cut;
        }
        if format == PayloadFormat::Jpeg {
            self.coding.add(Coding { key: true, ..Coding::slice(Some(SliceType::I)) });
        }
    }

    #[inline]
    fn add(&mut self, format: PayloadFormat, part: &UnitPart, payload: &[u8], first: bool) {
        self.units += u32::from(part.starts);
        self.bytes += part.body.len() as u64;
        let begins = match part.unit {
            Unit::H264(unit) => self.h264(unit, part, payload),
            Unit::H265(unit) => self.h265(unit, part, payload),
            Unit::Jpeg => {
                self.coding.add(Coding { key: true, ..Coding::slice(Some(SliceType::I)) });
                if part.starts { Edge::Frame } else { Edge::Cut }
            }
            // A fragment of audio does not tell which of them it is.
            Unit::AacFragment { len } => {
                self.of_unit = u32::try_from(len).ok();
                Edge::Open
            }
            Unit::Other if format == PayloadFormat::Other => Edge::Open,
            Unit::Aac | Unit::Other => Edge::Frame,
        };
        if first {
            self.begins = begins;
        }
        self.ends = match part.unit {
            Unit::H264(_) | Unit::H265(_) if !part.ends => Edge::Cut,
            Unit::Other if format == PayloadFormat::Other => Edge::Open,
            Unit::Aac | Unit::Other if part.ends => Edge::Frame,
            _ => Edge::Open,
        };
    }

    #[inline]
    fn h264(&mut self, unit: H264Unit, part: &UnitPart, payload: &[u8]) -> Edge {
        if unit.is_slice() {
            self.coding.add(Coding::referred(unit.is_reference()));
        }
        if !part.starts {
            return Edge::Cut;
        }
        self.bytes += 1;
        if !unit.is_slice() {
            if unit.is_sei() {
                self.coding.add(Coding::recovery(payload.get(part.body.clone()).and_then(recovery_point)));
            }
            return Edge::Frame;
        }
        let head = payload.get(part.body.clone()).and_then(|body| unit.slice_head(body));
        let idr = unit.is_idr();
        self.coding.add(Coding { idr, key: idr, ..Coding::slice(head.map(|(_, slice)| slice)) });
        if head.is_some_and(|(first, _)| first == 0) { Edge::Frame } else { Edge::Open }
    }

    #[inline]
    fn h265(&mut self, unit: H265Unit, part: &UnitPart, payload: &[u8]) -> Edge {
        if unit.is_slice() {
            self.coding.add(Coding::referred(unit.is_reference()));
        }
        if !part.starts {
            return Edge::Cut;
        }
        self.bytes += 2;
        if !unit.is_slice() {
            if unit.is_sei() {
                let point = payload.get(part.body.clone()).and_then(recovery_point);
                // Signed here: 2n - 1 and 2n are n pictures ahead and behind.
                self.coding.add(Coding::recovery(point.map(|number| number.div_ceil(2))));
            }
            return Edge::Frame;
        }
        let base = unit.layer() == 0;
        self.coding.add(Coding { idr: base && unit.is_idr(), key: base && unit.is_irap(), ..Coding::slice(None) });
        let begins = payload.get(part.body.clone()).and_then(|body| unit.begins_picture(body));
        if begins == Some(true) { Edge::Frame } else { Edge::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(format: PayloadFormat, payload: &[u8]) -> Share {
        Share::of(format, payload).0
    }

    #[test]
    fn a_picture_in_fragments() {
        let first = share(PayloadFormat::H264, &[0x7c, 0x85, 0x88, 1, 2]);
        assert_eq!((first.bytes, first.units, first.begins, first.ends), (4, 1, Edge::Frame, Edge::Cut));
        assert_eq!((first.coding.kind().as_str(), first.coding.key), ("idr", true));
        let last = share(PayloadFormat::H264, &[0x7c, 0x45, 1, 2]);
        assert_eq!((last.bytes, last.units, last.begins, last.ends), (2, 0, Edge::Cut, Edge::Open));
        assert_eq!(last.coding.kind().as_str(), "other");
    }

    #[test]
    fn parameter_sets_before_a_picture() {
        let sets = share(PayloadFormat::H264, &[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1]);
        assert_eq!((sets.bytes, sets.units, sets.begins, sets.coding.kind().as_str()), (4, 2, Edge::Frame, "none"));
    }

    #[test]
    fn the_least_self_contained_slice_names_the_picture() {
        let mut coding = share(PayloadFormat::H264, &[0x41, 0x9a]).coding;
        coding.add(share(PayloadFormat::H264, &[0x41, 0x88]).coding);
        assert_eq!((coding.kind().as_str(), coding.key), ("p", false));
        assert_eq!(share(PayloadFormat::H264, &[0x61, 0x88]).coding.kind().as_str(), "i");
        assert_eq!(share(PayloadFormat::H265 { numbered: false }, &[0x2a, 1, 0x80]).coding.kind().as_str(), "i");
        assert_eq!(share(PayloadFormat::H265 { numbered: false }, &[2, 1, 0x80]).coding.kind().as_str(), "other");
    }

    #[test]
    fn a_slice_that_does_not_begin_the_picture_leaves_the_beginning_open() {
        assert_eq!(share(PayloadFormat::H264, &[0x41, 0x03, 0xcc, 0xd0]).begins, Edge::Open);
        assert_eq!(share(PayloadFormat::H265 { numbered: false }, &[2, 1, 0x40]).begins, Edge::Open);
    }

    #[test]
    fn what_is_no_payload_of_the_format_counts_as_far_as_it_is_read() {
        let (share, fault) = Share::of(PayloadFormat::H264, &[0x78, 0, 2, 0x67, 1, 0, 9, 0x68]);
        assert_eq!((share.units, share.ends), (1, Edge::Cut));
        let error = PayloadError::Truncated { what: "the NAL units that it aggregates", len: 8 };
        assert_eq!(fault, Some(PayloadFault::Malformed(error)));
    }

    #[test]
    fn a_type_that_is_not_defined_cuts_nothing() {
        for header in [0x60, 0x7e, 0x7f] {
            let (share, fault) = Share::of(PayloadFormat::H264, &[header, 1, 2]);
            let error = PayloadError::Undefined { kind: header & 0x1f, format: "H.264" };
            assert_eq!((share, fault), (Share::default(), Some(PayloadFault::Malformed(error))));
        }
    }

    #[test]
    fn a_picture_without_its_tables_is_a_picture() {
        let (share, fault) = Share::of(PayloadFormat::Jpeg, &[0, 0, 0, 0, 1, 255, 40, 30, 0, 0, 0, 64, 1]);
        assert_eq!((share.coding.kind().as_str(), share.coding.key, share.ends), ("i", true, Edge::Cut));
        let error = PayloadError::Truncated { what: "its quantization tables", len: 13 };
        assert_eq!(fault, Some(PayloadFault::Malformed(error)));
    }

    #[test]
    fn units_behind_start_codes_count() {
        let (share, fault) = Share::of(PayloadFormat::H264, &[0x7c, 0x87, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, 9]);
        assert_eq!((share.units, share.bytes, share.begins, share.ends), (3, 7, Edge::Frame, Edge::Cut));
        assert_eq!((share.coding.kind().as_str(), share.coding.key), ("idr", true));
        assert_eq!(fault, Some(PayloadFault::Odd(PayloadOddity::StartCode)));
    }

    #[test]
    fn a_key_picture_of_another_layer_is_none() {
        let layer = share(PayloadFormat::H265 { numbered: false }, &[0x26, 9, 0x80]).coding;
        assert_eq!((layer.kind().as_str(), layer.key, layer.picture), ("other", false, true));
    }
}
