//! Payloads of H.265 (RFC 7798, section 4.4): single NAL units, aggregation packets, fragmentation units.

use std::ops::Range;

use super::fault::{PayloadError, PayloadOddity};
use super::nal_unit::H265Unit;
use super::part::{AggregateLayout, Unit, UnitLayout, UnitPart};
use super::start_code;

const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;
const PACI: u8 = 50;
const HEADER: usize = 2;

/// With `numbered`, decoding order numbers are there: two bytes before the first unit, one before each of the others.
#[inline]
pub(super) fn begin(payload: &[u8], numbered: bool) -> Result<UnitLayout, PayloadError> {
    let len = payload.len();
    let Some(header) = payload.first_chunk::<HEADER>() else {
        return Err(PayloadError::Truncated { what: "a NAL unit", len });
    };
    let unit = H265Unit(*header);
    match unit.kind() {
        PACI => {
            let (unit, at) = content(unit, payload)?;
            packet(unit, payload, at, numbered)
        }
        _ => packet(unit, payload, HEADER, numbered),
    }
}

/// A packet with this header, the rest of which begins at `at`.
#[inline]
fn packet(unit: H265Unit, payload: &[u8], at: usize, numbered: bool) -> Result<UnitLayout, PayloadError> {
    let (len, [first, second]) = (payload.len(), unit.0);
    let number = |here: bool| if here { 2 } else { 0 };
    match unit.kind() {
        AGGREGATION => {
            let layout = AggregateLayout { before_unit: 0, between: usize::from(numbered), read };
            Ok(UnitLayout::Aggregate { at: at + number(numbered), layout })
        }
        FRAGMENTATION => {
            let short = PayloadError::Truncated { what: "a fragmentation unit", len };
            let fu = payload.get(at).ok_or(short)?;
            let unit = H265Unit([first & 0x81 | (fu & 0x3f) << 1, second]);
            let starts = fu & 0x80 != 0;
            let body = at + 1 + number(numbered && starts);
            let part = UnitPart { unit: Unit::H265(unit), starts, ends: fu & 0x40 != 0, body: body..len };
            if len < body { Err(short) } else { Ok(UnitLayout::One(part)) }
        }
        PACI => Err(PayloadError::Undefined { kind: PACI, format: "H.265 within another of its kind" }),
        _ => {
            let start = at + number(numbered);
            let short = PayloadError::Truncated { what: "a decoding order number", len };
            let part = UnitPart { unit: Unit::H265(unit), starts: true, ends: true, body: start..len };
            if len < start { Err(short) } else { Ok(UnitLayout::One(part)) }
        }
    }
}

/// What a PACI packet holds (RFC 7798, section 4.4.4): the header of what it carries, whose other fields are its own, and
/// where that goes on behind the extension.
fn content(outer: H265Unit, payload: &[u8]) -> Result<(H265Unit, usize), PayloadError> {
    let short = PayloadError::Truncated { what: "a PACI header", len: payload.len() };
    let &[high, low] = payload.get(HEADER..).and_then(<[u8]>::first_chunk).ok_or(short)?;
    let [first, second] = outer.0;
    let extension = usize::from((high & 1) << 4 | low >> 4);
    let at = 2 * HEADER + extension;
    if payload.len() < at { Err(short) } else { Ok((H265Unit([high & 0xfe | first & 1, second]), at)) }
}

pub(super) fn oddity(payload: &[u8]) -> Option<PayloadOddity> {
    let unit = H265Unit(*payload.first_chunk()?);
    match (unit.kind(), payload.get(HEADER)) {
        (PACI, _) => Some(PayloadOddity::Paci),
        (FRAGMENTATION, Some(fu)) if fu & 0xc0 == 0xc0 => Some(PayloadOddity::WholeFragment),
        _ if unit.0 == [0, 0] => start_code::behind(payload).map(|_| PayloadOddity::StartCode),
        _ => Some(unit.layer()).filter(|layer| *layer > 0).map(PayloadOddity::Layer),
    }
}

#[inline]
pub(super) fn inner_fragment(payload: &[u8]) -> Option<usize> {
    let [first, second, fu, ..] = payload else { return None };
    // Of a slice: its kind is below 32.
    (H265Unit([*first, *second]).kind() == FRAGMENTATION && fu & 0xe0 == 0).then_some(HEADER + 1)
}

fn read(payload: &[u8], unit: Range<usize>) -> Option<UnitPart> {
    let (header, _) = payload.get(unit.clone())?.split_first_chunk::<HEADER>()?;
    let unit_header = Unit::H265(H265Unit(*header));
    Some(UnitPart { unit: unit_header, starts: true, ends: true, body: unit.start + HEADER..unit.end })
}

#[cfg(test)]
mod tests {
    use super::super::PayloadFormat;
    use super::*;

    fn parts(numbered: bool, payload: &[u8]) -> Vec<Result<UnitPart, PayloadError>> {
        PayloadFormat::H265 { numbered }.parts(payload).collect()
    }

    fn part(header: [u8; 2], starts: bool, ends: bool, body: Range<usize>) -> UnitPart {
        UnitPart { unit: Unit::H265(H265Unit(header)), starts, ends, body }
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
    fn start_codes_part_units_wherever_they_stand() {
        let slice = |body| [part([0x26, 1], true, true, body)].map(Ok);
        assert_eq!(parts(false, &[0, 0, 1, 0x26, 1, 0xaf]), slice(5..6));
        assert_eq!(parts(false, &[0, 0, 0, 1, 0x26, 1, 0xaf]), slice(6..7));
        assert_eq!(parts(false, &[0x60, 1, 0, 7, 0, 0, 0, 1, 0x26, 1, 0xaf]), slice(10..11));
        assert_eq!(parts(true, &[0x60, 1, 0, 7, 0, 6, 0, 0, 1, 0x26, 1, 0xaf]), slice(11..12));
        // In the first fragment; the next one goes on with the slice.
        assert_eq!(parts(false, &[0x62, 0, 0x80, 0, 1, 0x26, 1, 0xaf]), [part([0x26, 1], true, false, 7..8)].map(Ok));
        // Sets, each behind a code of its own, then the slice.
        let all = parts(false, &[0x60, 1, 0, 14, 0, 0, 0, 1, 0x40, 1, 9, 0, 0, 1, 0x26, 1, 0xaf, 0xbf]);
        assert_eq!(all.len(), 2, "{all:?}");
        // A slice of type 0 with a temporal id is one.
        assert_eq!(parts(false, &[0, 1, 1, 0x26, 1]), [part([0, 1], true, true, 2..5)].map(Ok));
    }

    #[test]
    fn content_information_stands_before_any_packet() {
        // Without extension a unit; with one of three bytes a fragment, in layer 0; an aggregate.
        assert_eq!(parts(false, &[0x64, 1, 0x26, 0, 0xaf]), [part([0x26, 1], true, true, 4..5)].map(Ok));
        let fragment = [0x64, 1, 0x62, 0x30, 9, 9, 9, 0x93, 0xaf];
        assert_eq!(parts(false, &fragment), [part([0x26, 1], true, false, 8..9)].map(Ok));
        let aggregate = [0x64, 1, 0x61, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 3, 0x40, 1, 9];
        assert_eq!(parts(false, &aggregate), [part([0x40, 1], true, true, 24..25)].map(Ok));
        assert_eq!(parts(true, &[0x64, 1, 0x26, 0, 0, 7, 0xaf]), [part([0x26, 1], true, true, 6..7)].map(Ok));
        for broken in [&[0x64, 1, 0x26][..], &[0x64, 1, 0x26, 0x30, 9, 9], &[0x64, 1, 0x64, 0, 9]] {
            assert!(parts(false, broken)[0].is_err(), "{broken:?}");
        }
    }

    #[test]
    fn oddities() {
        let oddity = |payload: &[u8]| {
            let mut parts = PayloadFormat::H265 { numbered: false }.parts(payload);
            parts.by_ref().for_each(drop);
            parts.oddity()
        };
        assert_eq!(oddity(&[0x62, 1, 0xd3, 0xaf]), Some(PayloadOddity::WholeFragment));
        assert_eq!(oddity(&[0x64, 1, 0x26, 0, 0xaf]), Some(PayloadOddity::Paci));
        assert_eq!(oddity(&[0x26, 9, 0xaf]), Some(PayloadOddity::Layer(1)));
        assert_eq!(oddity(&[0x27, 1, 0xaf]), Some(PayloadOddity::Layer(32)));
        assert_eq!(oddity(&[0x40, 1, 0, 0, 1, 0x42, 1]), Some(PayloadOddity::StartCode));
        assert_eq!(oddity(&[0, 0, 0, 1, 0x42, 1]), Some(PayloadOddity::StartCode));
        assert_eq!(oddity(&[0x26, 1, 0xaf]), None);
        let stream = [0, 0, 1, 0x40, 1, 9, 0, 0, 1, 0x26, 1, 0xaf];
        assert_eq!(
            parts(false, &stream),
            [part([0x40, 1], true, true, 5..6), part([0x26, 1], true, true, 11..12)].map(Ok)
        );
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
