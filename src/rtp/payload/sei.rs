//! Supplemental enhancement information (ITU-T H.264, section 7.3.2.3; ITU-T H.265, section 7.3.2.4): of its messages the
//! recovery point alone is read. Where an encoder refreshes the picture bit by bit, it tells when all of it is right.

use bitstream_io::{BigEndian, BitReader};

use super::nal_unit::exp_golomb;

/// `payloadType` of the recovery point, in both standards.
const RECOVERY_POINT: u32 = 6;

/// The first number of a recovery point: `recovery_frame_cnt` of H.264 (section D.1.8), `recovery_poc_cnt` of H.265 as it is
/// written (section D.2.8). `body` is a unit behind its header.
pub(crate) fn recovery_point(body: &[u8]) -> Option<u32> {
    let mut rest = body;
    loop {
        let (kind, behind) = number(rest)?;
        let (len, behind) = number(behind)?;
        if kind == RECOVERY_POINT {
            return exp_golomb(&mut BitReader::<_, BigEndian>::new(behind));
        }
        rest = behind.get(usize::try_from(len).ok()?..)?;
    }
}

/// A number that goes on behind each byte of 255; and what follows it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let more = bytes.iter().take_while(|byte| **byte == 255).count();
    let (last, rest) = bytes.get(more..)?.split_first()?;
    let number = u32::try_from(more).ok()?.checked_mul(255)?.checked_add(u32::from(*last))?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn recovery_points() {
        // x264: recovery_frame_cnt 0, then exact_match_flag and more; 9 is 0001010.
        assert_eq!(recovery_point(&[6, 1, 0xc4, 0x80]), Some(0));
        assert_eq!(recovery_point(&[6, 1, 0x14, 0x80]), Some(9));
        // Behind a message of 300 bytes.
        let behind = [&[5, 255, 45][..], &[7; 300], &[6, 1, 0x14, 0x80]].concat();
        assert_eq!(recovery_point(&behind), Some(9));
        assert_eq!(recovery_point(&[5, 2, 6, 6, 0x80]), None, "within another message");
        assert_eq!(recovery_point(&[255, 6, 1, 0x14, 0x80]), None, "type 261");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(prop_oneof![Just(255u8), Just(6), 0..3u8], 0..40)) {
            let _ = recovery_point(&bytes);
        }
    }
}
