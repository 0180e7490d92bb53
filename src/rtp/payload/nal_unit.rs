//! The headers of NAL units of H.264 (ITU-T H.264, section 7.3.1) and H.265 (ITU-T H.265, section 7.3.1.2), and the
//! beginning of slices, which tells pictures apart.

use bitstream_io::{BigEndian, BitRead, BitReader};

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

    /// Whether other pictures may be made from the one that it belongs to (`nal_ref_idc`).
    pub(crate) const fn is_reference(self) -> bool {
        self.0 & 0x60 != 0
    }

    /// Whether it holds supplemental enhancement information.
    pub(crate) const fn is_sei(self) -> bool {
        self.kind() == 6
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
        let body = body.get(..SLICE_HEAD).unwrap_or(body);
        // Hardly any slice begins with bytes that prevent a start code: the others are read where they are.
        if body.windows(3).any(|bytes| bytes == EMULATION_PREVENTION) {
            let (bytes, len) = without_prevention(body);
            return two_numbers(bytes.get(..len)?);
        }
        two_numbers(body)
    }
}

/// Two zeros are followed by a 3 where they would begin a start code (ITU-T H.264, section 7.4.1).
const EMULATION_PREVENTION: [u8; 3] = [0, 0, 3];

/// The beginning of a slice without the bytes that prevent start codes, and how long it is.
#[cold]
fn without_prevention(body: &[u8]) -> ([u8; SLICE_HEAD], usize) {
    let (mut bytes, mut len, mut zeros) = ([0; SLICE_HEAD], 0, 0);
    for byte in body {
        if zeros == 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        if let Some(place) = bytes.get_mut(len) {
            *place = *byte;
            len += 1;
        }
    }
    (bytes, len)
}

fn two_numbers(slice: &[u8]) -> Option<(u32, u32)> {
    let mut bits = BitReader::<_, BigEndian>::new(slice);
    Some((exp_golomb(&mut bits)?, exp_golomb(&mut bits)?))
}

/// `ue(v)` (ITU-T H.264, section 9.1): as many zeros as bits follow the first one. No field of a slice has more than 30.
pub(super) fn exp_golomb(bits: &mut impl BitRead) -> Option<u32> {
    let zeros = bits.read_unary::<1>().ok().filter(|zeros| *zeros <= 30)?;
    let rest: u32 = bits.read_unsigned_var(zeros).ok()?;
    Some((1 << zeros) - 1 + rest)
}

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

    /// Whether other pictures of its sub-layer may be made from the one that it belongs to: of the types 0 to 15 the even ones
    /// are not referred to (ITU-T H.265, table 7-1).
    pub(crate) const fn is_reference(self) -> bool {
        self.kind() > 15 || self.kind() % 2 == 1
    }

    /// Whether it holds supplemental enhancement information for the picture behind it.
    pub(crate) const fn is_sei(self) -> bool {
        self.kind() == 39
    }

    /// Whether it is a video, sequence or picture parameter set.
    pub const fn is_parameter_set(self) -> bool {
        matches!(self.kind(), 32..=34)
    }

    /// `nuh_layer_id`: 0 is the base layer, which alone most decoders show.
    pub const fn layer(self) -> u8 {
        let [first, second] = self.0;
        first << 5 & 0x20 | second >> 3
    }

    /// `first_slice_segment_in_pic_flag`, from the bytes behind the header of a unit that holds a slice.
    pub fn begins_picture(self, body: &[u8]) -> Option<bool> {
        body.first().filter(|_| self.is_slice()).map(|first| first & 0x80 != 0)
    }
}

#[cfg(test)]
mod tests {
    use bitstream_io::{BitWrite, BitWriter};
    use proptest::prelude::*;

    use super::*;

    /// A slice that begins with these numbers, as an encoder writes it.
    fn slice(first: u32, kind: u32, behind: &[u8]) -> Vec<u8> {
        let mut bits = BitWriter::endian(Vec::new(), BigEndian);
        for number in [first, kind] {
            let zeros = (number + 1).ilog2();
            bits.write_unary::<1>(zeros).unwrap();
            bits.write_unsigned_var(zeros, number + 1 - (1 << zeros)).unwrap();
        }
        bits.byte_align().unwrap();
        let raw = [&bits.into_writer()[..], behind].concat();
        let (mut out, mut zeros) = (Vec::new(), 0);
        for byte in raw {
            if zeros == 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        out
    }

    proptest! {
        #[test]
        fn what_an_encoder_writes_is_read(bits in 0..18_u32, low: u32, kind in 0..10_u32, behind: Vec<u8>) {
            let first = low & ((1 << bits) - 1);
            prop_assert_eq!(H264Unit(0x41).slice_fields(&slice(first, kind, &behind)), Some((first, kind)));
        }

        #[test]
        fn nothing_is_read_beyond_the_bytes_there_are(bytes in prop::collection::vec(0..4_u8, 0..12)) {
            let whole = H264Unit(0x65).slice_fields(&bytes);
            // What was read of a part is what is read of more.
            for len in 0..bytes.len() {
                let part = H264Unit(0x65).slice_fields(&bytes[..len]);
                prop_assert!(part.is_none() || part == whole, "{part:?} of {len}, {whole:?}");
            }
        }
    }
}
