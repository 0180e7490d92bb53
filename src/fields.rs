//! Numbers in bytes from outside, as the headers of packets and captures have them; read where all their bytes are there.
//!
//! byteorder does the reading. It panics on a slice that is too short, and these answer with `None`. A header of a fixed
//! length is taken as an array first, so that the places in it are constants.

use byteorder::{ByteOrder, LittleEndian, NetworkEndian};

/// 16 bits at a place, the higher byte first: network order (RFC 791, appendix B).
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.get(..2).map(NetworkEndian::read_u16)
}

/// 32 bits in network order.
#[inline]
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.get(..4).map(NetworkEndian::read_u32)
}

/// 64 bits in network order.
#[inline]
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.get(..8).map(NetworkEndian::read_u64)
}

/// 16 bits, the lower byte first.
#[inline]
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.get(..2).map(LittleEndian::read_u16)
}

/// 32 bits, the lowest byte first.
#[inline]
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.get(..4).map(LittleEndian::read_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_as_a_whole_is_no_number() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!((be16(&bytes, 7), be16(&bytes, 8), be16(&bytes, usize::MAX)), (Some(0x0809), None, None));
        assert_eq!((be32(&bytes, 5), be32(&bytes, 6)), (Some(0x0607_0809), None));
        assert_eq!((be64(&bytes, 1), be64(&bytes, 2)), (Some(0x0203_0405_0607_0809), None));
        assert_eq!((le16(&bytes, 7), le16(&bytes, 8)), (Some(0x0908), None));
        assert_eq!((le32(&bytes, 5), le32(&bytes, 6), le32(&[], 0)), (Some(0x0908_0706), None, None));
    }
}
