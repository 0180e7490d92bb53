//! RTP packets without their media: what is left out is zero, so that all lengths stay as they were.

use crate::rtp::packet::{RtpPacket, is_rtcp};

/// So much of the payload is kept: the headers of the formats are there.
const KEPT_PAYLOAD: usize = 16;

/// Empties the RTP packet that fills `bytes` from `start` on: its header with extensions stays, the beginning of its
/// payload, and the count of its padding. RTCP, and what is no RTP packet, stays as it is.
fn strip(bytes: &mut [u8], start: usize) {
    let Some(packet) = bytes.get_mut(start..).filter(|packet| !is_rtcp(packet)) else { return };
    let Ok(parsed) = RtpPacket::parse(packet) else { return };
    let padded = packet.first().is_some_and(|first| first & 0x20 != 0);
    let kept = packet.len() - behind_header(&parsed) + parsed.payload().len().min(KEPT_PAYLOAD);
    let end = packet.len() - usize::from(padded);
    if let Some(media) = packet.get_mut(kept..end) {
        media.fill(0);
    }
}

/// The same of bytes that are the caller's.
pub(super) fn stripped(mut bytes: Vec<u8>, start: usize) -> Vec<u8> {
    strip(&mut bytes, start);
    bytes
}

/// Bytes of payload and padding.
fn behind_header(packet: &RtpPacket<'_>) -> usize {
    packet.payload().len() + packet.padding_len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_that_is_not_payload_stays(
            head in 0x80u8..0xc0,
            second in any::<u8>(),
            rest in prop::collection::vec(any::<u8>(), 0..200),
            padding in 0..40u8,
        ) {
            let mut before = [&[head, second], rest.as_slice(), &[padding]].concat();
            let original = before.clone();
            strip(&mut before, 0);
            let (was, is) = (RtpPacket::parse(&original), RtpPacket::parse(&before));
            prop_assert_eq!(before.len(), original.len());
            match (was, is) {
                (Ok(was), Ok(is)) if !is_rtcp(&original) => {
                    let header = original.len() - behind_header(&was);
                    prop_assert_eq!(&before[..header], &original[..header]);
                    prop_assert_eq!(is.payload().len(), was.payload().len());
                    prop_assert_eq!(is.padding_len(), was.padding_len());
                    prop_assert_eq!(is.has_valid_padding(), was.has_valid_padding());
                    let kept = was.payload().len().min(KEPT_PAYLOAD);
                    prop_assert_eq!(&is.payload()[..kept], &was.payload()[..kept]);
                    prop_assert!(is.payload().iter().skip(kept + 1).rev().skip(1).all(|byte| *byte == 0));
                }
                _ => prop_assert_eq!(before, original),
            }
        }
    }

    #[test]
    fn what_lies_before_the_packet_stays() {
        let mut frame = [&[b'$', 0, 0, 60, 0x80, 96], [7; 58].as_slice()].concat();
        strip(&mut frame, 4);
        assert_eq!(frame, [&[b'$', 0, 0, 60, 0x80, 96], [7; 26].as_slice(), &[0; 32]].concat());
    }
}
