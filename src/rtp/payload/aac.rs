//! Payloads of MPEG-4 audio with AU headers (RFC 3640, section 3.2): whole access units, or a fragment of one.

use std::io::{Cursor, SeekFrom};

use bitstream_io::{BigEndian, BitRead, BitReader};

use super::fault::PayloadError;
use super::part::{Unit, UnitPart};
use crate::fields::be16;
use crate::rtp::fmtp;

/// What stands in the AU headers, by the parameters of the `a=fmtp`: lengths in bits (RFC 3640, section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuHeaders {
    size: u8,
    index: u8,
    index_delta: u8,
    /// Behind a flag, which is there if they have a length.
    cts: u8,
    dts: u8,
    random_access: bool,
    stream_state: u8,
    auxiliary: u8,
    /// Of each access unit, where headers have no size.
    constant_size: u16,
}

impl AuHeaders {
    pub(super) fn new(fmtp: Option<&str>) -> Self {
        // No field is longer than 32 bits.
        let bits = |name| fmtp::number(fmtp, name).and_then(|bits| u8::try_from(bits).ok()).unwrap_or(0).min(32);
        Self {
            size: bits("sizelength"),
            index: bits("indexlength"),
            index_delta: bits("indexdeltalength"),
            cts: bits("ctsdeltalength"),
            dts: bits("dtsdeltalength"),
            random_access: bits("randomaccessindication") > 0,
            stream_state: bits("streamstateindication"),
            auxiliary: bits("auxiliarydatasizelength"),
            constant_size: fmtp::number(fmtp, "constantsize").and_then(|size| u16::try_from(size).ok()).unwrap_or(0),
        }
    }

    /// Whether there is a section of AU headers at all.
    fn exist(self) -> bool {
        let lengths = [self.size, self.index, self.index_delta, self.cts, self.dts, self.stream_state];
        self.random_access || lengths.iter().any(|length| *length > 0)
    }

    pub(super) fn begin(self, payload: &[u8]) -> Result<AccessUnits, PayloadError> {
        let len = payload.len();
        let (mut at, mut end) = (0, 0);
        if self.exist() {
            let bits = be16(payload, 0).ok_or(PayloadError::Truncated { what: "the length of AU headers", len })?;
            at = 16;
            end = at + usize::from(bits);
        }
        let mut data = end.div_ceil(8);
        if self.auxiliary > 0 {
            let mut bits = HeaderBits::at(payload, data * 8);
            let size = bits.take(self.auxiliary).zip(bits.place());
            let (size, at) = size.ok_or(PayloadError::Truncated { what: "its auxiliary section", len })?;
            data = at.saturating_add(size as usize).div_ceil(8);
        }
        if len < data {
            return Err(PayloadError::Truncated { what: "its AU headers", len });
        }
        Ok(AccessUnits { headers: self, first: true, at, end, data })
    }

    /// The size of an access unit from its header; `None` where the header is cut.
    fn read(self, bits: &mut HeaderBits<'_>, first: bool) -> Option<usize> {
        let size = bits.take(self.size)?;
        bits.take(if first { self.index } else { self.index_delta })?;
        for length in [self.cts, self.dts] {
            if length > 0 && bits.take(1)? == 1 {
                bits.take(length)?;
            }
        }
        bits.take(u8::from(self.random_access))?;
        bits.take(self.stream_state)?;
        Some(if self.size > 0 { size as usize } else { usize::from(self.constant_size) })
    }
}

/// The access units of a payload.
#[derive(Clone, Debug)]
pub(super) struct AccessUnits {
    headers: AuHeaders,
    first: bool,
    /// The bit at which the next header begins, and at which the last one ends.
    at: usize,
    end: usize,
    /// The byte at which the next access unit begins.
    data: usize,
}

impl AccessUnits {
    /// Nothing tells where units end: the payload is one, even an empty one.
    fn is_whole_payload(&self) -> bool {
        self.first && self.headers.constant_size == 0
    }

    pub(super) fn next(&mut self, payload: &[u8]) -> Option<Result<UnitPart, PayloadError>> {
        let len = payload.len();
        let size = if self.headers.exist() {
            if self.at >= self.end {
                return None;
            }
            let mut bits = HeaderBits::at(payload, self.at);
            let read = self.headers.read(&mut bits, self.first).zip(bits.place());
            // A header without a bit would come for ever.
            let Some((size, at)) = read.filter(|(_, at)| (self.at + 1..=self.end).contains(at)) else {
                return Some(Err(PayloadError::Truncated { what: "an AU header", len }));
            };
            self.at = at;
            size
        } else if self.data >= len && !self.is_whole_payload() {
            return None;
        } else {
            usize::from(self.headers.constant_size)
        };
        let (begin, whole) = (self.data, len - self.data >= size);
        // A fragment has the size of its whole access unit, and is alone.
        if !whole && !self.first {
            return Some(Err(PayloadError::Truncated { what: "its access units", len }));
        }
        // Where headers tell no size, the payload is one unit.
        let untold = size == 0 && self.headers.size == 0;
        if untold {
            self.at = self.end;
        }
        self.first = false;
        self.data = if whole && !untold { begin + size } else { len };
        let unit = if whole { Unit::Aac } else { Unit::AacFragment { len: size } };
        Some(Ok(UnitPart { unit, starts: whole, ends: whole, body: begin..self.data }))
    }
}

/// Fields of up to 32 bits, most significant bit first.
struct HeaderBits<'a>(BitReader<Cursor<&'a [u8]>, BigEndian>);

impl<'a> HeaderBits<'a> {
    /// Those that begin with this bit of a payload.
    fn at(payload: &'a [u8], bit: usize) -> Self {
        let mut bits = BitReader::new(Cursor::new(payload));
        // Fails behind the end of the payload, and then so does whatever is taken.
        let _ = bits.seek_bits(SeekFrom::Start(bit as u64));
        Self(bits)
    }

    fn take(&mut self, bits: u8) -> Option<u32> {
        self.0.read_unsigned_var(bits.into()).ok()
    }

    /// The bit of the payload that comes next.
    fn place(&mut self) -> Option<usize> {
        self.0.position_in_bits().ok().and_then(|bit| usize::try_from(bit).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::super::PayloadFormat;
    use super::*;
    use crate::rtp::media_kind::MediaKind;

    /// `mode=AAC-hbr`, as most servers have it.
    const HBR: &str = "streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190";

    fn parts(fmtp: &str, payload: &[u8]) -> Vec<Result<UnitPart, PayloadError>> {
        PayloadFormat::new(Some(MediaKind::Audio), "MPEG4-GENERIC", Some(fmtp)).parts(payload).collect()
    }

    fn part(body: Range<usize>) -> UnitPart {
        UnitPart { unit: Unit::Aac, starts: true, ends: true, body }
    }

    #[test]
    fn access_units() {
        assert_eq!(parts(HBR, &[0, 16, 0, 24, 1, 2, 3]), [part(4..7)].map(Ok));
        assert_eq!(parts(HBR, &[0, 32, 0, 16, 0, 8, 1, 2, 3]), [part(6..8), part(8..9)].map(Ok));
        assert_eq!(parts("mode=generic", &[1, 2]), [part(0..2)].map(Ok));
        assert_eq!(parts("constantsize=2", &[1, 2, 3, 4]), [part(0..2), part(2..4)].map(Ok));
    }

    #[test]
    fn a_fragment_does_not_tell_which() {
        let fragment = UnitPart { unit: Unit::AacFragment { len: 32 }, starts: false, ends: false, body: 4..6 };
        assert_eq!(parts(HBR, &[0, 16, 1, 0, 7, 7]), [fragment].map(Ok));
    }

    #[test]
    fn all_fields_and_the_auxiliary_section_are_passed_over() {
        let fmtp = "sizelength=8;indexlength=2;indexdeltalength=2;ctsdeltalength=3;dtsdeltalength=3;\
                    randomaccessindication=1;streamstateindication=4;auxiliarydatasizelength=8";
        // Size 2, index 0, no CTS, DTS 5, random access, state 3: 19 bits. Then 8 bits of auxiliary data.
        let payload = [0, 20, 2, 0b0001_1011, 0b0011_0000, 8, 0xaa, 1, 2];
        assert_eq!(parts(fmtp, &payload), [part(7..9)].map(Ok));
    }

    #[test]
    fn damaged() {
        assert!(parts(HBR, &[0])[0].is_err());
        assert!(parts(HBR, &[0, 16, 0])[0].is_err());
        let cut = parts(HBR, &[0, 32, 0, 8, 0, 16, 1, 2]);
        assert!(cut.len() == 2 && cut[0].is_ok() && cut[1].is_err());
        assert!(parts(HBR, &[0, 20, 0, 8, 0, 1])[1].is_err());
    }
}
