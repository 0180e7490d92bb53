//! Payloads of H.264 (RFC 6184, section 5): single NAL units, aggregation packets, fragmentation units.

use std::ops::Range;

use super::fault::{PayloadError, PayloadOddity};
use super::nal_unit::H264Unit;
use super::part::{AggregateLayout, Unit, UnitLayout, UnitPart, whole};
use super::start_code;

const STAP_A: u8 = 24;
const STAP_B: u8 = 25;
const MTAP16: u8 = 26;
const MTAP24: u8 = 27;
const FU_A: u8 = 28;
const FU_B: u8 = 29;
/// Bytes of a decoding order number.
const DON: usize = 2;
#[inline]
pub(super) fn begin(payload: &[u8]) -> Result<UnitLayout, PayloadError> {
    let len = payload.len();
    let [header, rest @ ..] = payload else { return Err(PayloadError::Truncated { what: "a NAL unit", len }) };
    match header & 0x1f {
        1..=23 => Ok(UnitLayout::One(whole(Unit::H264(H264Unit(*header)), 1, payload))),
        FU_A => fragment(*header, rest, 2, len),
        FU_B => fragment(*header, rest, 2 + DON, len),
        STAP_A => Ok(aggregate(1, 0)),
        STAP_B => Ok(aggregate(1 + DON, 0)),
        // Before each unit: how far its DON is from the first one, and its timestamp.
        MTAP16 => Ok(aggregate(1 + DON, 1 + 2)),
        MTAP24 => Ok(aggregate(1 + DON, 1 + 3)),
        0 if start_code::behind(payload).is_some() => behind_start_code(*header, payload),
        kind => Err(PayloadError::Undefined { kind, format: "H.264" }),
    }
}

/// A payload that is a piece of a byte stream (ITU-T H.264, Annex B).
fn behind_start_code(header: u8, payload: &[u8]) -> Result<UnitLayout, PayloadError> {
    let unit = start_code::behind(payload)
        .and_then(|at| start_code::unit(Unit::H264(H264Unit(header)), payload, at, payload.len()));
    unit.map(UnitLayout::One).ok_or(PayloadError::Truncated { what: "a NAL unit", len: payload.len() })
}

pub(super) fn oddity(payload: &[u8]) -> Option<PayloadOddity> {
    match payload {
        [indicator, fu, ..] if matches!(indicator & 0x1f, FU_A | FU_B) && fu & 0xc0 == 0xc0 => {
            Some(PayloadOddity::WholeFragment)
        }
        [0, ..] => start_code::behind(payload).map(|_| PayloadOddity::StartCode),
        _ => None,
    }
}

#[inline]
pub(super) fn inner_fragment(payload: &[u8]) -> Option<usize> {
    let [indicator, fu, ..] = payload else { return None };
    (indicator & 0x1f == FU_A && fu & 0xc0 == 0 && H264Unit(fu & 0x1f).is_slice()).then_some(2)
}

#[inline]
fn fragment(indicator: u8, rest: &[u8], start: usize, len: usize) -> Result<UnitLayout, PayloadError> {
    let Some(fu) = rest.first().filter(|_| len >= start) else {
        return Err(PayloadError::Truncated { what: "a fragmentation unit", len });
    };
    let unit = Unit::H264(H264Unit(indicator & 0xe0 | fu & 0x1f));
    Ok(UnitLayout::One(UnitPart { unit, starts: fu & 0x80 != 0, ends: fu & 0x40 != 0, body: start..len }))
}

fn aggregate(at: usize, before_unit: usize) -> UnitLayout {
    UnitLayout::Aggregate { at, layout: AggregateLayout { before_unit, between: 0, read } }
}

fn read(payload: &[u8], unit: Range<usize>) -> Option<UnitPart> {
    let [header, ..] = payload.get(unit.clone())? else { return None };
    Some(UnitPart { unit: Unit::H264(H264Unit(*header)), starts: true, ends: true, body: unit.start + 1..unit.end })
}

#[cfg(test)]
mod tests {
    use super::super::{PayloadFormat, SliceType};
    use super::*;

    fn parts(payload: &[u8]) -> Vec<Result<UnitPart, PayloadError>> {
        PayloadFormat::H264.parts(payload).collect()
    }

    fn part(header: u8, starts: bool, ends: bool, body: Range<usize>) -> UnitPart {
        UnitPart { unit: Unit::H264(H264Unit(header)), starts, ends, body }
    }

    #[test]
    fn single_units() {
        assert_eq!(parts(&[0x65, 0x88, 0x84]), [part(0x65, true, true, 1..3)].map(Ok));
        assert_eq!(parts(&[]), [Err(PayloadError::Truncated { what: "a NAL unit", len: 0 })]);
        assert_eq!(parts(&[0x7f]), [Err(PayloadError::Undefined { kind: 31, format: "H.264" })]);
    }

    #[test]
    fn fragments_have_the_header_of_their_unit() {
        assert_eq!(parts(&[0x7c, 0x85, 1, 2]), [part(0x65, true, false, 2..4)].map(Ok));
        assert_eq!(parts(&[0x7c, 0x05, 1]), [part(0x65, false, false, 2..3)].map(Ok));
        assert_eq!(parts(&[0x7c, 0x45]), [part(0x65, false, true, 2..2)].map(Ok));
        assert_eq!(parts(&[0x7d, 0x81, 0, 9, 7]), [part(0x61, true, false, 4..5)].map(Ok));
        assert!(parts(&[0x7c])[0].is_err() && parts(&[0x7d, 0x81, 0])[0].is_err());
    }

    #[test]
    fn aggregates() {
        let stap_a = [0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3];
        assert_eq!(parts(&stap_a), [part(0x67, true, true, 4..6), part(0x68, true, true, 9..10)].map(Ok));
        let stap_b = [0x79, 0, 5, 0, 2, 0x67, 1];
        assert_eq!(parts(&stap_b), [part(0x67, true, true, 6..7)].map(Ok));
        let mtap16 = [0x7a, 0, 5, 0, 2, 0, 0, 0, 0x61, 1, 0, 1, 1, 0, 9, 0x61];
        assert_eq!(parts(&mtap16), [part(0x61, true, true, 9..10), part(0x61, true, true, 16..16)].map(Ok));
    }

    #[test]
    fn an_aggregate_that_ends_too_soon_gives_what_is_whole() {
        let cut = parts(&[0x78, 0, 2, 0x67, 1, 0, 9, 0x68]);
        assert_eq!(cut[0], Ok(part(0x67, true, true, 4..5)));
        assert!(cut[1].is_err() && cut.len() == 2);
    }

    #[test]
    fn an_aggregate_without_its_media_ends_where_zeros_begin() {
        assert_eq!(parts(&[0x78, 0, 2, 0x67, 0, 0, 0, 0, 0]), [part(0x67, true, true, 4..5)].map(Ok));
    }

    #[test]
    fn start_codes_part_units() {
        let sets_and_slice = [0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x65];
        // A slice is not searched.
        let rest = [part(0x68, true, true, 7..8), part(0x65, true, true, 12..17)].map(Ok);
        assert_eq!(parts(&sets_and_slice), [&[Ok(part(0x67, true, true, 1..3))], &rest[..]].concat());
        // The same as a byte stream, and in a fragment that is not the last.
        let stream = [&[0, 0, 0, 1], &sets_and_slice[..]].concat();
        assert_eq!(parts(&stream).len(), 3);
        assert_eq!(parts(&stream)[0], Ok(part(0x67, true, true, 5..7)));
        let fragment = [&[0x7c, 0x87], &sets_and_slice[1..]].concat();
        assert_eq!(parts(&fragment).last(), Some(&Ok(part(0x65, true, false, 13..18))));
        // One that goes on, up to the start code.
        assert_eq!(
            parts(&[0x7c, 7, 9, 0, 0, 1, 0x65, 0x88]),
            [Ok(part(0x67, false, true, 2..3)), Ok(part(0x65, true, false, 7..8)),]
        );
        // A byte stream cut into fragments as it is, and within an aggregate.
        assert_eq!(parts(&[0x1c, 0x80, 0, 0, 1, 0x65, 0x88]), [part(0x65, true, false, 6..7)].map(Ok));
        assert_eq!(parts(&[0x78, 0, 6, 0, 0, 0, 1, 0x65, 0x88]), [part(0x65, true, true, 8..9)].map(Ok));
        assert_eq!(parts(&[0x78, 0, 5, 0, 0, 1, 0x65, 0x88]), [part(0x65, true, true, 7..8)].map(Ok));
        assert_eq!(parts(&[0x7c, 0x80, 0, 1, 0x65, 0x88]), [part(0x65, true, false, 5..6)].map(Ok));
        assert!(parts(&[0, 0, 1])[0].is_err() && parts(&[0, 1, 2])[0].is_err());
    }

    #[test]
    fn oddities() {
        let oddity = |payload: &[u8]| {
            let mut parts = PayloadFormat::H264.parts(payload);
            parts.by_ref().for_each(drop);
            parts.oddity()
        };
        assert_eq!(oddity(&[0x67, 1, 0, 0, 1, 0x68]), Some(PayloadOddity::StartCode));
        assert_eq!(oddity(&[0, 0, 1, 0x68]), Some(PayloadOddity::StartCode));
        assert_eq!(oddity(&[0x7c, 0xc5, 0x88]), Some(PayloadOddity::WholeFragment));
        assert_eq!(oddity(&[0x78, 0, 0, 0, 1, 0x68]), Some(PayloadOddity::EmptyUnit));
        for usual in [&[0x67, 1, 0, 0, 3, 1][..], &[0x7c, 0x85, 0x88], &[0x78, 0, 1, 0x68], &[0x65, 0, 0, 1, 0x65], &[]]
        {
            assert_eq!(oddity(usual), None, "{usual:?}");
        }
    }

    #[test]
    fn units_of_no_bytes_are_passed_over() {
        assert_eq!(parts(&[0x78, 0, 0, 0, 2, 0x65, 0x88, 0, 0]), [part(0x65, true, true, 6..7)].map(Ok));
        let mtap16 = [0x7a, 0, 5, 0, 0, 9, 0, 9, 0, 2, 0, 0, 0, 0x61, 1];
        assert_eq!(parts(&mtap16), [part(0x61, true, true, 14..15)].map(Ok));
    }

    #[test]
    fn slices() {
        // x264: an IDR slice, and P and B slices that begin their pictures.
        assert_eq!(H264Unit(0x65).slice_head(&[0x88, 0x84]), Some((0, SliceType::I)));
        assert_eq!(H264Unit(0x41).slice_head(&[0x9a, 0x24]), Some((0, SliceType::P)));
        assert_eq!(H264Unit(0x01).slice_head(&[0x9e, 0x42]), Some((0, SliceType::B)));
        // 120 is 0000001111001, in a slice that does not begin its picture.
        assert_eq!(H264Unit(0x41).slice_head(&[0x03, 0xcc, 0xd0]), Some((120, SliceType::P)));
        assert_eq!(H264Unit(0x67).slice_head(&[0x88]), None);
        assert_eq!(H264Unit(0x65).slice_head(&[]), None);
        assert_eq!(H264Unit(0x65).slice_head(&[0; 9]), None);
    }

    #[test]
    fn bytes_against_start_codes_are_passed_over() {
        // 2^17 - 1 = 131,071 needs 17 zeros: 00 00 (03) 40 ...
        assert_eq!(H264Unit(0x41).slice_head(&[0, 0, 3, 0x40, 0, 0x10]).map(|(first, _)| first), Some(131_071));
    }
}
