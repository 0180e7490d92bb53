//! The headers of NAL units of H.264 (ITU-T H.264, section 7.3.1) and H.265 (ITU-T H.265, section 7.3.1.2), and the
//! beginning of slices, which tells pictures apart.

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
        let mut bits = SliceBits::new(body);
        Some((bits.exp_golomb()?, bits.exp_golomb()?))
    }
}

/// The first bytes of a slice, bit by bit, without the bytes that prevent start codes.
struct SliceBits {
    rest: u64,
    len: u32,
}

impl SliceBits {
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
