//! RTP and RTCP packets without what they carry: headers, structure and reports stay (RFC 3550).

use std::borrow::Cow;

use crate::capture::rewrite::{FILL, Patch};
use crate::redact::pseudonyms::Pseudonyms;
use crate::redact::shape::{PayloadShape, structure};
use crate::rtp::foreign::{ForeignPacket, TS_PACKET};
use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::rtp::rtcp::{Compound, RtcpPacket, announced_len};

/// Bytes of the fixed header of RTP; of a packet of RTCP.
const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 4;
/// The bytes of a report before its blocks, and of a block.
const SENDER_REPORT: usize = 28;
const RECEIVER_REPORT: usize = 8;
const REPORT_BLOCK: usize = 24;
/// Synchronization, PID and continuity of a packet of MPEG-TS.
const TS_HEADER: usize = 4;
/// SSRC of who sends, and of whom it speaks, or a name of four letters.
const TWO_WORDS: usize = 12;
/// An item of a source description whose text begins with the length of a prefix.
const PRIVATE: u8 = 8;

/// Puts what may stay of a packet that lies `at` bytes behind the beginning of a PDU or datagram.
pub(super) fn packet<'s>(
    pseudonyms: &mut Pseudonyms,
    bytes: &[u8],
    at: usize,
    shapes: impl FnOnce(&RtpPacket<'_>) -> Cow<'s, [PayloadShape]>,
    patch: &mut Patch,
) {
    if is_rtcp(bytes) {
        return patch.put(at, &rtcp(pseudonyms, bytes));
    }
    match RtpPacket::parse(bytes) {
        Ok(packet) => rtp(&packet, bytes, at, &shapes(&packet), patch),
        Err(_) => damaged(bytes, at, patch),
    }
}

/// Where in a packet its payload begins.
pub(super) fn payload_start(packet: &RtpPacket<'_>, bytes: &[u8]) -> usize {
    bytes.len().saturating_sub(packet.padding_len() + packet.payload().len())
}

fn rtp(packet: &RtpPacket<'_>, bytes: &[u8], at: usize, shapes: &[PayloadShape], patch: &mut Patch) {
    let extension = packet.extension().map_or(0, |(_, data)| data.len());
    let begin = payload_start(packet, bytes);
    patch.put(at, bytes.get(..begin - extension).unwrap_or_default());
    patch.put(at + begin - extension, &vec![0; extension]);
    structure(packet.payload(), at + begin, shapes, patch);
    // The count of the padding, whether it can be or not.
    let padded = bytes.first().is_some_and(|first| first & 0x20 != 0) && begin < bytes.len();
    if let Some((last, _)) = bytes.split_last().filter(|_| padded) {
        let end = patch.end();
        if end < at + bytes.len() {
            patch.put(at + bytes.len() - 1, &[*last]);
        }
    }
}

/// What is no RTP packet stays none, for the same reason.
fn damaged(bytes: &[u8], at: usize, patch: &mut Patch) {
    if let Some(kind) = ForeignPacket::of(bytes) {
        return foreign(kind, bytes, at, patch);
    }
    let kept = match bytes {
        [first, _, ..] if first >> 6 == 2 && bytes.len() >= RTP_HEADER => {
            let extension = RTP_HEADER + usize::from(first & 0x0f) * 4;
            bytes.get(..(extension + 4).min(bytes.len())).unwrap_or_default()
        }
        [first, second, ..] if first >> 6 == 2 => &[*first, *second],
        [first, ..] => &[*first],
        [] => &[],
    };
    patch.put(at, kept);
}

/// Another protocol stays of its kind: what tells it stays, and nothing behind.
fn foreign(kind: ForeignPacket, bytes: &[u8], at: usize, patch: &mut Patch) {
    let keep = |len: usize| bytes.get(..len.min(bytes.len())).unwrap_or_default();
    match kind {
        ForeignPacket::TransportStream => {
            for (number, packet) in bytes.chunks(TS_PACKET).enumerate() {
                patch.put(at + number * TS_PACKET, packet.get(..TS_HEADER).unwrap_or_default());
            }
        }
        ForeignPacket::Stun | ForeignPacket::Zrtp => patch.put(at, keep(8)),
        ForeignPacket::Dtls => patch.put(at, keep(3)),
        ForeignPacket::Zeros => patch.put(at, bytes),
        // As text the fill is as good as any.
        ForeignPacket::Text => {}
        ForeignPacket::Unknown => match bytes {
            [first, _, ..] => patch.put(at, &[first & 0xc0 | 1, 1]),
            _ => patch.put(at, bytes),
        },
    }
}

/// A compound packet: its reports, and other texts.
fn rtcp(pseudonyms: &mut Pseudonyms, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    let mut at = 0;
    for packet in Compound::new(bytes) {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = match &packet {
            Ok(_) => at + packet_len(rest),
            Err(_) => bytes.len(),
        };
        let (from, to) = (bytes.get(at..end).unwrap_or_default(), out.get_mut(at..end).unwrap_or_default());
        put(from, to, 0, kept(&packet, from));
        if let Ok(RtcpPacket::SourceDescription(_)) = packet {
            items(pseudonyms, from, to);
        }
        padding(from, to, end == bytes.len());
        at = end;
    }
    out
}

/// The length of a packet that is there as a whole.
fn packet_len(bytes: &[u8]) -> usize {
    announced_len(bytes).unwrap_or(4)
}

/// How many bytes of a packet may stay.
fn kept<E>(packet: &Result<RtcpPacket<'_>, E>, bytes: &[u8]) -> usize {
    let count = bytes.first().map_or(0, |first| usize::from(first & 0x1f));
    match packet {
        Ok(RtcpPacket::SenderReport(_)) => SENDER_REPORT + count * REPORT_BLOCK,
        Ok(RtcpPacket::ReceiverReport(_)) => RECEIVER_REPORT + count * REPORT_BLOCK,
        Ok(RtcpPacket::Goodbye(_)) => RTCP_HEADER + count * 4 + 1,
        Ok(RtcpPacket::App(_) | RtcpPacket::Other { .. }) => TWO_WORDS,
        Ok(RtcpPacket::SourceDescription(_)) | Err(_) => RTCP_HEADER,
    }
}

/// The count at the end of the last packet.
fn padding(from: &[u8], to: &mut [u8], last: bool) {
    let padded = from.first().is_some_and(|first| first & 0x20 != 0);
    if let (true, Some(from), Some(to)) = (padded && last && from.len() > RTCP_HEADER, from.last(), to.last_mut()) {
        *to = *from;
    }
}

/// The chunks of a source description, as its reader takes them apart: same items, other texts.
fn items(pseudonyms: &mut Pseudonyms, from: &[u8], to: &mut [u8]) {
    let (count, mut at) = (from.first().map_or(0, |first| first & 0x1f), RTCP_HEADER);
    for _ in 0..count {
        put(from, to, at, 4);
        let begin = at + 4;
        at = begin;
        while let Some((kind, text)) = item(from, at) {
            let other = other_text(pseudonyms, kind, text);
            put(from, to, at, 2);
            to.iter_mut().skip(at + 2).zip(other).for_each(|(to, byte)| *to = byte);
            at += 2 + text.len();
        }
        if from.get(at) != Some(&0) {
            // An item that is cut short: nothing follows it.
            return put(from, to, at, 2);
        }
        let boundary = 4 - (at - begin) % 4;
        at += from.iter().skip(at).take(boundary).take_while(|byte| **byte == 0).count();
    }
}

/// The kind and the text of the item that begins here.
fn item(bytes: &[u8], at: usize) -> Option<(u8, &[u8])> {
    let (&[kind, len], rest) = bytes.get(at..)?.split_first_chunk()?;
    let text = rest.get(..usize::from(len))?;
    (kind != 0).then_some((kind, text))
}

fn other_text(pseudonyms: &mut Pseudonyms, kind: u8, text: &[u8]) -> Vec<u8> {
    match text {
        [_, rest @ ..] if kind == PRIVATE => [&[0], vec![FILL; rest.len()].as_slice()].concat(),
        _ => pseudonyms.names.name(text),
    }
}

/// Keeps so many bytes there.
fn put(from: &[u8], to: &mut [u8], at: usize, len: usize) {
    to.iter_mut().zip(from).skip(at).take(len).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::payload::{PayloadError, PayloadFormat};
    use proptest::prelude::*;

    fn redacted(bytes: &[u8], format: PayloadFormat) -> Vec<u8> {
        let (mut patch, mut out) = (Patch::default(), vec![FILL; bytes.len()]);
        packet(&mut Pseudonyms::default(), bytes, 0, |_| vec![PayloadShape::Described(format)].into(), &mut patch);
        for (at, piece) in patch.pieces() {
            out[at..at + piece.len()].copy_from_slice(piece);
        }
        out
    }

    fn reports(bytes: &[u8]) -> Vec<String> {
        let text = |packet: Result<RtcpPacket<'_>, crate::rtp::rtcp::RtcpError>| match packet {
            Ok(RtcpPacket::SourceDescription(sdes)) => {
                let chunks = sdes.chunks().map(|chunk| {
                    (
                        chunk.ssrc(),
                        chunk.is_terminated(),
                        chunk.items().map(|(kind, text)| (kind, text.len())).collect::<Vec<_>>(),
                    )
                });
                format!("{:?}", chunks.collect::<Vec<_>>())
            }
            Ok(RtcpPacket::SenderReport(report)) => {
                format!("{} {:?} {:?}", report.ssrc(), report.ntp(), report.report_blocks().collect::<Vec<_>>())
            }
            Ok(RtcpPacket::ReceiverReport(report)) => format!("{:?}", report.report_blocks().collect::<Vec<_>>()),
            Ok(RtcpPacket::Goodbye(bye)) => format!("{:?}", bye.ssrcs().collect::<Vec<_>>()),
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        Compound::new(bytes).map(text).collect()
    }

    /// What is no RTP stays of its kind, and tells nothing else.
    #[test]
    fn foreign_packets() {
        let ts =
            [[&[0x47, 1, 0, 0x10][..], b"geheim", &[9; 178]].concat(), [&[0x47, 1, 0, 0x11][..], &[9; 184]].concat()];
        let packets: [&[u8]; 9] = [
            &ts.concat(),
            b"\0\x01\0\x08\x21\x12\xa4\x42geheim",
            b"\x16\xfe\xfdgeheim",
            b"\x10\0\0\x01ZRTPgeheim",
            b" geheim",
            &[0; 9],
            b"\xc0geheim",
            b"\0\0geheim",
            b"\x7f",
        ];
        for packet in packets {
            let other = redacted(packet, PayloadFormat::H264);
            assert_eq!(ForeignPacket::of(&other), ForeignPacket::of(packet), "{packet:?}");
            assert!(ForeignPacket::of(packet).is_some() && !other.windows(6).any(|bytes| bytes == b"geheim"));
        }
    }

    proptest! {
        #[test]
        fn packets_are_read_as_before(
            first in any::<u8>(), second in prop_oneof![Just(96u8), 200..208u8, any::<u8>()],
            rest in prop::collection::vec(prop_oneof![Just(0u8), 0..8u8, any::<u8>()], 0..120),
            numbered: bool,
        ) {
            let mut bytes = [&[first, second], rest.as_slice()].concat();
            if is_rtcp(&bytes) && bytes.len() > 3 && bytes[2] > 0 {
                bytes[2] = 0;
            }
            for format in [PayloadFormat::H264, PayloadFormat::H265 { numbered }, PayloadFormat::Jpeg, PayloadFormat::Other] {
                let other = redacted(&bytes, format);
                prop_assert_eq!(other.len(), bytes.len());
                prop_assert_eq!(is_rtcp(&bytes), is_rtcp(&other));
                prop_assert_eq!(&redacted(&other, format), &other, "stable");
                if is_rtcp(&bytes) {
                    prop_assert_eq!(reports(&bytes), reports(&other));
                    continue;
                }
                match (RtpPacket::parse(&bytes), RtpPacket::parse(&other)) {
                    (Ok(one), Ok(two)) => {
                        prop_assert_eq!(&bytes[..12], &other[..12]);
                        prop_assert_eq!(one.payload().len(), two.payload().len());
                        prop_assert_eq!(one.has_valid_padding(), two.has_valid_padding());
                        let parts = |payload| format.parts(payload).collect::<Vec<_>>();
                        let fault = |payload| parts(payload).last().map(|part| match part {
                            Ok(_) => 0,
                            Err(PayloadError::Truncated { .. }) => 1,
                            Err(_) => 2,
                        });
                        prop_assert_eq!(fault(one.payload()), fault(two.payload()), "{:?}", format);
                        if !matches!(format, PayloadFormat::Other) {
                            prop_assert_eq!(
                                parts(one.payload()).into_iter().take_while(Result::is_ok).collect::<Vec<_>>(),
                                parts(two.payload()).into_iter().take(parts(one.payload()).iter().take_while(|part| part.is_ok()).count()).collect::<Vec<_>>()
                            );
                        }
                    }
                    (one, two) => prop_assert_eq!(one.err(), two.err()),
                }
            }
        }
    }

    #[test]
    fn an_aggregation_packet_without_units_stays_one() {
        let empty = [&[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &[0xd9, 0, 7]].concat();
        let other = redacted(&empty, PayloadFormat::H264);
        let payload = RtpPacket::parse(&other).unwrap().payload();
        assert_eq!(PayloadFormat::H264.parts(payload).count(), 0, "{payload:?}");
    }

    #[test]
    fn nothing_is_left_of_the_media() {
        let header = [0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xab, 0xac, 0, 1, 9, 9, 9, 9];
        let slice = [&header[..], &[0x65, 0x88, 0x84, 1, 2, 3, 4, 5, 6, 7, 8, 9]].concat();
        let other = [&header[..16], &[0; 4], &[0x65, 0x88, 0x84, 1, 2, 3, 4, 5, 6], b"xxx"].concat();
        assert_eq!(redacted(&slice, PayloadFormat::H264), other);
        let other = [&header[..16], &[0; 4], &[b'x'; 12]].concat();
        assert_eq!(redacted(&slice, PayloadFormat::Samples), other);
        let bye = b"\xa1\xcb\0\x04\0\0\0\x09\x03end\0\0\0\0\0\0\0\x04";
        assert_eq!(redacted(bye, PayloadFormat::Other), b"\xa1\xcb\0\x04\0\0\0\x09\x03\0\0\0\0\0\0\0\0\0\0\x04");
    }
}
