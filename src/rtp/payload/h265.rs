//! Payloads of H.265 (RFC 7798, section 4.4): single NAL units, aggregation packets, fragmentation units.

use std::ops::Range;

use super::{Layout, Part, PayloadError, State, Unit, whole};

const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;
const HEADER: usize = 2;

/// The two header bytes of a NAL unit of H.265, where it is fragmented put together again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H265Unit(pub [u8; 2]);

impl H265Unit {
    /// `nal_unit_type`.
    pub const fn kind(self) -> u8 {
        let [first, _] = self.0;
        first >> 1 & 0x3f
    }

    /// Whether it holds a slice segment: a part of a picture.
    pub const fn is_slice(self) -> bool {
        self.kind() < 32
    }

    /// Whether it belongs to a picture with which decoding can begin: BLA, IDR or CRA.
    pub const fn is_irap(self) -> bool {
        matches!(self.kind(), 16..=23)
    }

    /// Whether it belongs to an IDR picture.
    pub const fn is_idr(self) -> bool {
        matches!(self.kind(), 19 | 20)
    }

    /// Whether it is a video, sequence or picture parameter set.
    pub const fn is_parameter_set(self) -> bool {
        matches!(self.kind(), 32..=34)
    }

    /// `first_slice_segment_in_pic_flag`, from the bytes behind the header of a unit that holds a slice.
    pub fn begins_picture(self, body: &[u8]) -> Option<bool> {
        body.first().filter(|_| self.is_slice()).map(|first| first & 0x80 != 0)
    }
}

/// With `numbered`, decoding order numbers are there: two bytes before the first unit, one before each of the others.
#[inline]
pub(super) fn begin(payload: &[u8], numbered: bool) -> Result<State, PayloadError> {
    let len = payload.len();
    let Some((&[first, second], rest)) = payload.split_first_chunk::<HEADER>() else {
        return Err(PayloadError::Truncated { what: "a NAL unit", len });
    };
    let unit = H265Unit([first, second]);
    match unit.kind() {
        AGGREGATION => Ok(aggregate(numbered)),
        FRAGMENTATION => {
            let fu = rest.first().ok_or(PayloadError::Truncated { what: "a fragmentation unit", len })?;
            let unit = H265Unit([first & 0x81 | (fu & 0x3f) << 1, second]);
            let starts = fu & 0x80 != 0;
            let body = fragment_body(len, numbered && starts)?;
            Ok(State::One(Part { unit: Unit::H265(unit), starts, ends: fu & 0x40 != 0, body }))
        }
        // One with PACI (50) is taken as it is.
        _ => {
            let start = if numbered { HEADER + 2 } else { HEADER };
            let short = PayloadError::Truncated { what: "a decoding order number", len };
            if len < start { Err(short) } else { Ok(State::One(whole(Unit::H265(unit), start, payload))) }
        }
    }
}

#[inline]
pub(super) fn inner_fragment(payload: &[u8]) -> Option<(bool, usize)> {
    let [first, second, fu, ..] = payload else { return None };
    let inner = H265Unit([*first, *second]).kind() == FRAGMENTATION && fu & 0xc0 == 0;
    inner.then(|| (fu & 0x3f < 32, HEADER + 1))
}

fn fragment_body(len: usize, numbered: bool) -> Result<Range<usize>, PayloadError> {
    let start = HEADER + 1 + if numbered { 2 } else { 0 };
    if len < start { Err(PayloadError::Truncated { what: "a fragmentation unit", len }) } else { Ok(start..len) }
}

fn aggregate(numbered: bool) -> State {
    let at = if numbered { HEADER + 2 } else { HEADER };
    State::Aggregate { at, layout: Layout { before_unit: 0, between: usize::from(numbered), read } }
}

fn read(payload: &[u8], unit: Range<usize>) -> Option<Part> {
    let (header, _) = payload.get(unit.clone())?.split_first_chunk::<HEADER>()?;
    let unit_header = Unit::H265(H265Unit(*header));
    Some(Part { unit: unit_header, starts: true, ends: true, body: unit.start + HEADER..unit.end })
}

#[cfg(test)]
mod tests {
    use super::super::PayloadFormat;
    use super::*;

    fn parts(numbered: bool, payload: &[u8]) -> Vec<Result<Part, PayloadError>> {
        PayloadFormat::H265 { numbered }.parts(payload).collect()
    }

    fn part(header: [u8; 2], starts: bool, ends: bool, body: Range<usize>) -> Part {
        Part { unit: Unit::H265(H265Unit(header)), starts, ends, body }
    }

    #[test]
    fn single_units() {
        assert_eq!(parts(false, &[0x26, 1, 0xaf]), [part([0x26, 1], true, true, 2..3)].map(Ok));
        assert_eq!(parts(true, &[0x26, 1, 0, 7, 0xaf]), [part([0x26, 1], true, true, 4..5)].map(Ok));
        assert!(parts(true, &[0x26, 1, 0])[0].is_err() && parts(false, &[0x26])[0].is_err());
    }

    #[test]
    fn fragments_have_the_header_of_their_unit() {
        assert_eq!(parts(false, &[0x62, 1, 0x93, 0xaf]), [part([0x26, 1], true, false, 3..4)].map(Ok));
        assert_eq!(parts(false, &[0x62, 1, 0x53, 0xaf]), [part([0x26, 1], false, true, 3..4)].map(Ok));
        assert_eq!(parts(true, &[0x62, 1, 0x93, 0, 7, 0xaf]), [part([0x26, 1], true, false, 5..6)].map(Ok));
        assert_eq!(parts(true, &[0x62, 1, 0x13, 0xaf]), [part([0x26, 1], false, false, 3..4)].map(Ok));
        assert!(parts(false, &[0x62, 1])[0].is_err() && parts(true, &[0x62, 1, 0x93, 0])[0].is_err());
    }

    #[test]
    fn aggregates() {
        let both = |first, second| [part([0x40, 1], true, true, first), part([0x42, 1], true, true, second)].map(Ok);
        assert_eq!(parts(false, &[0x60, 1, 0, 3, 0x40, 1, 9, 0, 2, 0x42, 1]), both(6..7, 11..11));
        assert_eq!(parts(true, &[0x60, 1, 0, 7, 0, 3, 0x40, 1, 9, 0, 0, 2, 0x42, 1]), both(8..9, 14..14));
        let cut = parts(false, &[0x60, 1, 0, 3, 0x40, 1, 9, 0, 1, 0x42]);
        assert!(cut[0].is_ok() && cut[1].is_err());
    }

    #[test]
    fn kinds() {
        let (idr, cra, trailing, sps) =
            (H265Unit([0x26, 1]), H265Unit([0x2a, 1]), H265Unit([2, 1]), H265Unit([0x42, 1]));
        assert!(idr.is_idr() && idr.is_irap() && cra.is_irap() && !cra.is_idr() && !trailing.is_irap());
        assert_eq!((trailing.begins_picture(&[0x80]), trailing.begins_picture(&[0x7f])), (Some(true), Some(false)));
        assert!(sps.is_parameter_set() && sps.begins_picture(&[0x80]).is_none());
    }
}
