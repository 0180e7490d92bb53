//! RTP and RTCP rewritten in place (RFC 3550), for what is sent again changed: fields moved, sources renamed, reports and
//! goodbyes left out.
//!
//! Bytes that are no packet stay as they are. In a compound, what can be read is rewritten, what follows a packet that
//! can't be read is kept. The functions for RTP leave RTCP alone and the other way round, so that devices which send
//! both on one channel do no harm.

use byteorder::{ByteOrder, NetworkEndian};

use super::packet::{RtpPacket, is_rtcp};
use super::rtcp::{SourceDescription, packet_len, packet_type};

/// Bytes of the fixed RTP header.
const RTP_HEADER: usize = 12;
/// Header and SSRC: a receiver report without blocks.
const EMPTY_RECEIVER_REPORT: usize = 8;
/// Bytes of a sender report up to its first block.
const SENDER_REPORT: usize = 28;

/// Sets the sequence number of an RTP packet; whether it was one.
pub fn set_sequence(packet: &mut [u8], sequence: u16) -> bool {
    edit_rtp(packet, |header| NetworkEndian::write_u16(&mut header[2..4], sequence))
}

/// Adds to the sequence number of an RTP packet, modulo 2^16; whether it was one.
pub fn shift_sequence(packet: &mut [u8], by: u16) -> bool {
    edit_rtp(packet, |header| {
        let sequence = NetworkEndian::read_u16(&header[2..4]);
        NetworkEndian::write_u16(&mut header[2..4], sequence.wrapping_add(by));
    })
}

/// Adds to the timestamp of an RTP packet, modulo 2^32; whether it was one.
pub fn shift_timestamp(packet: &mut [u8], ticks: u32) -> bool {
    edit_rtp(packet, |header| add_u32(&mut header[4..8], ticks))
}

/// Sets the SSRC of an RTP packet; whether it was one.
pub fn set_ssrc(packet: &mut [u8], ssrc: u32) -> bool {
    edit_rtp(packet, |header| NetworkEndian::write_u32(&mut header[8..12], ssrc))
}

/// The payload of an RTP packet, without padding; empty where the bytes are none.
pub fn payload_mut(packet: &mut [u8]) -> &mut [u8] {
    if is_rtcp(packet) {
        return &mut [];
    }
    let Ok(parsed) = RtpPacket::parse(packet) else { return &mut [] };
    let end = packet.len() - parsed.padding_len();
    let start = end - parsed.payload().len();
    packet.get_mut(start..end).unwrap_or_default()
}

fn edit_rtp(packet: &mut [u8], edit: impl FnOnce(&mut [u8; RTP_HEADER])) -> bool {
    if is_rtcp(packet) || packet.first().is_none_or(|first| first >> 6 != 2) {
        return false;
    }
    let Some(header) = packet.first_chunk_mut() else { return false };
    edit(header);
    true
}

/// What to add to the fields of a sender report. Everything wraps as the fields do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportShift {
    /// Nanoseconds to add to the NTP time. A time of 0 stays: the sender has no clock.
    pub ntp_nanos: i64,
    /// Ticks to add to the RTP timestamp.
    pub rtp_timestamp: u32,
    /// To add to the packet count.
    pub packets: u32,
    /// To add to the octet count.
    pub octets: u32,
}

/// Moves the fields of every sender report of a compound; gives how many there were.
pub fn shift_sender_reports(compound: &mut [u8], shift: &ReportShift) -> usize {
    let mut shifted = 0;
    each_packet(compound, |packet_type, packet| {
        if packet_type == packet_type::SENDER_REPORT && packet.len() >= SENDER_REPORT {
            shift_report(packet, shift);
            shifted += 1;
        }
    });
    shifted
}

fn shift_report(report: &mut [u8], shift: &ReportShift) {
    let Some(report) = report.first_chunk_mut::<SENDER_REPORT>() else { return };
    let ntp = NetworkEndian::read_u64(&report[8..16]);
    if ntp != 0 {
        NetworkEndian::write_u64(&mut report[8..16], ntp.wrapping_add(ntp_units(shift.ntp_nanos)));
    }
    add_u32(&mut report[16..20], shift.rtp_timestamp);
    add_u32(&mut report[20..24], shift.packets);
    add_u32(&mut report[24..28], shift.octets);
}

/// Adds to a field of four bytes, modulo 2^32.
fn add_u32(field: &mut [u8], by: u32) {
    NetworkEndian::write_u32(field, NetworkEndian::read_u32(field).wrapping_add(by));
}

/// Nanoseconds in units of 2^-32 s, to the nearest, modulo 2^64 as two's complement.
fn ntp_units(nanos: i64) -> u64 {
    const NANOS_PER_SECOND: i128 = 1_000_000_000;
    let units = ((i128::from(nanos) << 32) + NANOS_PER_SECOND / 2).div_euclid(NANOS_PER_SECOND);
    // Less than 2^34 s at 2^32 units each: 66 bits, of which the field holds 64.
    u64::from_be_bytes(*units.to_be_bytes().last_chunk().unwrap_or(&[0; 8]))
}

/// Renames the sources that a compound speaks for: the senders of its reports, feedback and APP packets, and those that
/// it describes or says goodbye for. The sources of report blocks are other people's, they stay.
pub fn map_ssrcs(compound: &mut [u8], mut map: impl FnMut(u32) -> u32) {
    each_packet(compound, |packet_type, packet| {
        let count = packet.first().map_or(0, |first| first & 0x1f);
        let mut rename = |packet: &mut [u8], at| {
            if let Some(field) = packet.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
                let ssrc = map(NetworkEndian::read_u32(field));
                NetworkEndian::write_u32(field, ssrc);
            }
        };
        match packet_type {
            packet_type::SOURCE_DESCRIPTION => {
                let body = packet.get(4..).unwrap_or_default();
                // At most 31, as the count has five bits.
                let offsets: Vec<usize> = SourceDescription::of(count, body).offsets().collect();
                for offset in offsets {
                    rename(packet, 4 + offset);
                }
            }
            packet_type::GOODBYE => (1..=usize::from(count)).for_each(|word| rename(packet, 4 * word)),
            _ => rename(packet, 4),
        }
    });
}

/// Turns every sender report of a compound into a receiver report of the same SSRC without blocks; gives the new length.
pub fn without_sender_reports(compound: &mut [u8]) -> usize {
    keep_of_each(compound, |packet_type, packet| {
        // One without even an SSRC stays what it is.
        if packet_type != packet_type::SENDER_REPORT || packet.len() < EMPTY_RECEIVER_REPORT {
            return packet.len();
        }
        if let Some(header) = packet.first_chunk_mut() {
            *header = [0x80, 201, 0, 1];
        }
        EMPTY_RECEIVER_REPORT
    })
}

/// Leaves every BYE out of a compound; gives the new length, which may be 0.
pub fn without_goodbyes(compound: &mut [u8]) -> usize {
    keep_of_each(compound, |packet_type, packet| if packet_type == packet_type::GOODBYE { 0 } else { packet.len() })
}

/// Hands each packet of a compound, with its type, to `edit`.
fn each_packet(compound: &mut [u8], mut edit: impl FnMut(u8, &mut [u8])) {
    keep_of_each(compound, |packet_type, packet| {
        edit(packet_type, packet);
        packet.len()
    });
}

/// Hands each packet of a compound, with its type, to `keep`, which says how much of its front stays. What stays moves
/// together; gives its length.
fn keep_of_each(compound: &mut [u8], mut keep: impl FnMut(u8, &mut [u8]) -> usize) -> usize {
    let total = compound.len();
    if !is_rtcp(compound) {
        return total;
    }
    let (mut from, mut to) = (0, 0);
    while let Some(len) = compound.get(from..).and_then(packet_len) {
        let Some(packet) = compound.get_mut(from..from + len) else { break };
        let packet_type = packet.get(1).copied().unwrap_or_default();
        let kept = keep(packet_type, packet).min(len);
        compound.copy_within(from..from + kept, to);
        (from, to) = (from + len, to + kept);
    }
    compound.copy_within(from.., to);
    to + total - from
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::rtcp::{Compound, RtcpPacket};
    use crate::time::NtpTime;

    /// Marker, two CSRCs, an extension of one word, three payload bytes and three of padding.
    const FULL: [u8; 34] = [
        0xb2, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0xbe, 0xde, 0, 1, 0x10,
        0xaa, 0, 0, 7, 8, 9, 0, 0, 3,
    ];

    /// SR with one block, SDES of two sources, APP, BYE of two with a reason, feedback.
    fn compound() -> Vec<u8> {
        let mut bytes = vec![0x81, 200, 0, 12, 0, 0, 0, 7, 0xee, 0xad, 0x24, 0x9f, 0x80, 0, 0, 0];
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 11]);
        bytes.extend([0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(b"\x82\xca\0\x05\0\0\0\x07\x01\x02ab\0\0\0\0\0\0\0\x08\x01\x01c\0");
        bytes.extend(b"\x80\xcc\0\x02\0\0\0\x07qtsi");
        bytes.extend(b"\x82\xcb\0\x03\0\0\0\x07\0\0\0\x08\x03end");
        bytes.extend([0x81, 206, 0, 2, 0, 0, 0, 7, 0, 0, 0, 9]);
        bytes
    }

    fn types(compound: &[u8]) -> Vec<u8> {
        let packet_type = |packet: Result<RtcpPacket<'_>, _>| match packet.expect("can be read") {
            RtcpPacket::SenderReport(_) => 200,
            RtcpPacket::ReceiverReport(_) => 201,
            RtcpPacket::SourceDescription(_) => 202,
            RtcpPacket::Goodbye(_) => 203,
            RtcpPacket::App(_) => 204,
            RtcpPacket::Other { packet_type, .. } => packet_type,
        };
        Compound::new(compound).map(packet_type).collect()
    }

    #[test]
    fn moves_the_fields_of_rtp() {
        let mut bytes = FULL;
        assert!(shift_sequence(&mut bytes, 2) && shift_timestamp(&mut bytes, 0x20) && set_ssrc(&mut bytes, 0xfeed));
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (1, 0x10, 0xfeed));
        assert!(set_sequence(&mut bytes, 4711));
        assert_eq!(RtpPacket::parse(&bytes).unwrap().sequence(), 4711);
        assert_eq!(bytes[12..], FULL[12..]);
        assert_eq!(payload_mut(&mut bytes), [7, 8, 9]);
    }

    #[test]
    fn leaves_alone_what_is_no_rtp() {
        for bytes in [&FULL[..11], b"RTSP/1.0 200 OK", &compound()] {
            let mut edited = bytes.to_vec();
            assert!(!set_sequence(&mut edited, 1) && !shift_timestamp(&mut edited, 1) && !set_ssrc(&mut edited, 1));
            assert!(payload_mut(&mut edited).is_empty());
            assert_eq!(edited, bytes);
        }
        let mut rtp = FULL;
        assert_eq!((without_goodbyes(&mut rtp), without_sender_reports(&mut rtp)), (FULL.len(), FULL.len()));
        map_ssrcs(&mut rtp, |ssrc| ssrc + 1);
        assert_eq!(rtp, FULL);
    }

    #[test]
    fn moves_the_fields_of_sender_reports() {
        let mut bytes = compound();
        let shift = ReportShift { ntp_nanos: 1_500_000_000, rtp_timestamp: 3, packets: 10, octets: 100 };
        assert_eq!(shift_sender_reports(&mut bytes, &shift), 1);
        let Some(Ok(RtcpPacket::SenderReport(report))) = Compound::new(&bytes).next() else { panic!("no SR") };
        assert_eq!(report.ntp(), NtpTime { seconds: 0xeead_24a1, fraction: 0 });
        assert_eq!((report.rtp_timestamp(), report.packet_count(), report.octet_count()), (2, 11, 111));
        assert_eq!(bytes[28..], compound()[28..]);
    }

    #[test]
    fn a_sender_without_a_clock_gets_none() {
        let mut bytes = compound();
        bytes[8..16].fill(0);
        shift_sender_reports(&mut bytes, &ReportShift { ntp_nanos: 1, ..ReportShift::default() });
        assert_eq!(bytes[8..16], [0; 8]);
    }

    #[test]
    fn renames_sources_everywhere_but_in_blocks() {
        let mut bytes = compound();
        map_ssrcs(&mut bytes, |ssrc| ssrc + 0x100);
        let changed: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] != compound()[at]).collect();
        // SR, two chunks of SDES, APP, two of BYE, feedback: the second lowest byte of each.
        assert_eq!(changed, [6, 58, 70, 82, 94, 98, 110]);
        assert!(changed.iter().all(|&at| bytes[at] == 1));
    }

    #[test]
    fn a_sender_report_becomes_an_empty_receiver_report() {
        let mut bytes = compound();
        let len = without_sender_reports(&mut bytes);
        assert_eq!(types(&bytes[..len]), [201, 202, 204, 203, 206]);
        assert_eq!(bytes[..8], [0x80, 201, 0, 1, 0, 0, 0, 7]);
        assert_eq!(bytes[8..len], compound()[52..]);
    }

    #[test]
    fn goodbyes_are_left_out() {
        let mut bytes = compound();
        let len = without_goodbyes(&mut bytes);
        assert_eq!(types(&bytes[..len]), [200, 202, 204, 206]);
        let mut alone = *b"\x81\xcb\0\x01\0\0\0\x07";
        assert_eq!(without_goodbyes(&mut alone), 0);
    }

    #[test]
    fn what_cannot_be_read_is_kept() {
        let mut bytes = [&b"\x81\xcb\0\x01\0\0\0\x07"[..], b"\x80\xc8\0\xff tail"].concat();
        let len = without_goodbyes(&mut bytes);
        assert_eq!(&bytes[..len], b"\x80\xc8\0\xff tail");
        let mut short = *b"\x80\xc8\0\0\x80\xc8\0\x01\0\0\0\x01";
        assert_eq!(shift_sender_reports(&mut short, &ReportShift::default()), 0, "too short for a sender report");
    }

    #[test]
    fn a_sender_report_too_short_for_its_ssrc_does_not_grow() {
        let mut bytes = *b"\x80\xc8\0\0\x80\xcb\0\0";
        let len = without_sender_reports(&mut bytes);
        assert_eq!(&bytes[..len], b"\x80\xc8\0\0\x80\xcb\0\0");
    }

    proptest! {
        #[test]
        fn shifts_add_up(a: i64, b in -1_000_000_000_000_i64..1_000_000_000_000, ticks: u32) {
            let shifted = |nanos: i64, bytes: &mut Vec<u8>| {
                let shift = ReportShift { ntp_nanos: nanos, rtp_timestamp: ticks, packets: ticks, octets: ticks };
                shift_sender_reports(bytes, &shift);
                u64::from_be_bytes(bytes[8..16].try_into().unwrap())
            };
            let (mut bytes, mut once) = (compound(), compound());
            shifted(a / 2, &mut bytes);
            let twice = shifted(b, &mut bytes);
            let once = shifted(a / 2 + b, &mut once);
            prop_assert!(twice.wrapping_sub(once).cast_signed().abs() <= 1, "rounding alone");
            let mut back = compound();
            shifted(b, &mut back);
            let back = shifted(-b, &mut back);
            prop_assert!(back.wrapping_sub(0xeead_249f_8000_0000).cast_signed().abs() <= 1);
        }

        #[test]
        fn hostile_bytes_keep_their_bounds(mut bytes in prop::collection::vec(any::<u8>(), 0..96), first: u8, kind in 200..=207_u8) {
            if let [a, b, ..] = &mut bytes[..] {
                (*a, *b) = (0x80 | (first & 0x3f), kind);
            }
            let len = bytes.len();
            let reports = shift_sender_reports(&mut bytes, &ReportShift { ntp_nanos: i64::MIN, ..ReportShift::default() });
            prop_assert!(reports <= len / SENDER_REPORT);
            map_ssrcs(&mut bytes, u32::reverse_bits);
            map_ssrcs(&mut bytes, u32::reverse_bits);
            let mut rtp = bytes.clone();
            if let [_, second, ..] = &mut rtp[..] {
                *second = 96;
            }
            prop_assert_eq!(set_ssrc(&mut rtp, 1), len >= RTP_HEADER);
            prop_assert!(payload_mut(&mut rtp).len() <= len);
            let shorter = without_sender_reports(&mut bytes);
            prop_assert!(shorter <= len);
            bytes.truncate(shorter);
            prop_assert!(without_goodbyes(&mut bytes) <= shorter);
        }

        #[test]
        fn a_changed_byte_panics_nothing(at in 0..116_usize, byte: u8) {
            let mut bytes = compound();
            bytes[at] = byte;
            map_ssrcs(&mut bytes, |ssrc| ssrc ^ 1);
            let len = without_sender_reports(&mut bytes);
            bytes.truncate(len);
            without_goodbyes(&mut bytes);
        }
    }
}
