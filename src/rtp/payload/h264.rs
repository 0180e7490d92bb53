//! Payloads of H.264 (RFC 6184, section 5): single NAL units, aggregation packets, fragmentation units.

use std::ops::Range;

use super::{Layout, Part, PayloadError, PayloadOddity, State, Unit, start_code, whole};

const STAP_A: u8 = 24;
const STAP_B: u8 = 25;
const MTAP16: u8 = 26;
const MTAP24: u8 = 27;
const FU_A: u8 = 28;
const FU_B: u8 = 29;
/// Bytes of a decoding order number.
const DON: usize = 2;
/// `first_mb_in_slice` and `slice_type` lie in so many bytes of a slice: each is at most 31 bits in a picture of any size.
pub(super) const SLICE_HEAD: usize = 8;

/// The header byte of a NAL unit of H.264, where it is fragmented put together again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H264Unit(pub u8);

/// How a slice is predicted (ITU-T H.264, table 7-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SliceType {
    /// Of itself only; also SI.
    I,
    /// Of one picture; also SP.
    P,
    /// Of two pictures.
    B,
}

impl H264Unit {
    /// `nal_unit_type`.
    pub const fn kind(self) -> u8 {
        self.0 & 0x1f
    }

    /// Whether it holds a slice, or the first partition of one: a part of a picture.
    pub const fn is_slice(self) -> bool {
        matches!(self.kind(), 1 | 2 | 5)
    }

    /// Whether it belongs to a picture with which decoding can begin (`nal_unit_type` 5).
    pub const fn is_idr(self) -> bool {
        self.kind() == 5
    }

    /// Whether it is a sequence or picture parameter set.
    pub const fn is_parameter_set(self) -> bool {
        matches!(self.kind(), 7 | 8 | 13 | 15)
    }

    /// `first_mb_in_slice` and the type of a slice, from the bytes behind the header of a unit that holds one.
    pub fn slice_head(self, body: &[u8]) -> Option<(u32, SliceType)> {
        let (first, kind) = self.slice_fields(body)?;
        let kind = match kind % 5 {
            0 | 3 => SliceType::P,
            1 => SliceType::B,
            _ => SliceType::I,
        };
        Some((first, kind))
    }

    /// Whether a slice can begin like this: table 7-6 has the types 0 to 9.
    pub fn has_slice_head(self, body: &[u8]) -> bool {
        self.slice_fields(body).is_some_and(|(_, kind)| kind <= 9)
    }

    /// `first_mb_in_slice` and `slice_type` as written.
    fn slice_fields(self, body: &[u8]) -> Option<(u32, u32)> {
        if !self.is_slice() {
            return None;
        }
        let mut bits = Bits::new(body);
        Some((bits.exp_golomb()?, bits.exp_golomb()?))
    }
}

/// The first bytes of a slice, bit by bit, without the bytes that prevent start codes.
struct Bits {
    rest: u64,
    len: u32,
}

impl Bits {
    fn new(body: &[u8]) -> Self {
        let (mut rest, mut len, mut zeros) = (0u64, 0, 0);
        for byte in body.iter().take(SLICE_HEAD) {
            if zeros == 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            rest |= u64::from(*byte) << (56 - len);
            len += 8;
        }
        Self { rest, len }
    }

    /// `ue(v)` (ITU-T H.264, section 9.1).
    fn exp_golomb(&mut self) -> Option<u32> {
        let zeros = self.rest.leading_zeros();
        let width = 2 * zeros + 1;
        if width > self.len || zeros > 30 {
            return None;
        }
        let code = self.rest >> (64 - width);
        self.rest = self.rest.checked_shl(width).unwrap_or(0);
        self.len -= width;
        u32::try_from(code - 1).ok()
    }
}

#[inline]
pub(super) fn begin(payload: &[u8]) -> Result<State, PayloadError> {
    let len = payload.len();
    let [header, rest @ ..] = payload else { return Err(PayloadError::Truncated { what: "a NAL unit", len }) };
    match header & 0x1f {
        1..=23 => Ok(State::One(whole(Unit::H264(H264Unit(*header)), 1, payload))),
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
fn behind_start_code(header: u8, payload: &[u8]) -> Result<State, PayloadError> {
    let unit = start_code::behind(payload)
        .and_then(|at| start_code::unit(Unit::H264(H264Unit(header)), payload, at, payload.len()));
    unit.map(State::One).ok_or(PayloadError::Truncated { what: "a NAL unit", len: payload.len() })
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
fn fragment(indicator: u8, rest: &[u8], start: usize, len: usize) -> Result<State, PayloadError> {
    let Some(fu) = rest.first().filter(|_| len >= start) else {
        return Err(PayloadError::Truncated { what: "a fragmentation unit", len });
    };
    let unit = Unit::H264(H264Unit(indicator & 0xe0 | fu & 0x1f));
    Ok(State::One(Part { unit, starts: fu & 0x80 != 0, ends: fu & 0x40 != 0, body: start..len }))
}

fn aggregate(at: usize, before_unit: usize) -> State {
    State::Aggregate { at, layout: Layout { before_unit, between: 0, read } }
}

fn read(payload: &[u8], unit: Range<usize>) -> Option<Part> {
    let [header, ..] = payload.get(unit.clone())? else { return None };
    Some(Part { unit: Unit::H264(H264Unit(*header)), starts: true, ends: true, body: unit.start + 1..unit.end })
}

#[cfg(test)]
mod tests {
    use super::super::PayloadFormat;
    use super::*;

    fn parts(payload: &[u8]) -> Vec<Result<Part, PayloadError>> {
        PayloadFormat::H264.parts(payload).collect()
    }

    fn part(header: u8, starts: bool, ends: bool, body: Range<usize>) -> Part {
        Part { unit: Unit::H264(H264Unit(header)), starts, ends, body }
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
