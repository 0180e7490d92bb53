//! Sender and receiver reports, and the report blocks in both (RFC 3550, section 6.4).

use crate::time::NtpTime;

/// A sender report (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    ssrc: u32,
    ntp: NtpTime,
    rtp_timestamp: u32,
    packet_count: u32,
    octet_count: u32,
    blocks: Blocks<'a>,
}

impl<'a> SenderReport<'a> {
    pub(super) fn read(count: u8, mut body: &'a [u8]) -> Option<Self> {
        Some(Self {
            ssrc: take_u32(&mut body)?,
            ntp: NtpTime { seconds: take_u32(&mut body)?, fraction: take_u32(&mut body)? },
            rtp_timestamp: take_u32(&mut body)?,
            packet_count: take_u32(&mut body)?,
            octet_count: take_u32(&mut body)?,
            blocks: Blocks { count, bytes: body },
        })
    }

    /// Who reports.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Wall-clock time of the report; zero where the sender has none.
    pub const fn ntp(&self) -> NtpTime {
        self.ntp
    }

    /// The same instant on the clock of the RTP timestamps, in ticks.
    pub const fn rtp_timestamp(&self) -> u32 {
        self.rtp_timestamp
    }

    /// RTP packets sent so far, modulo 2^32.
    pub const fn packet_count(&self) -> u32 {
        self.packet_count
    }

    /// Payload bytes sent so far, without headers and padding, modulo 2^32.
    pub const fn octet_count(&self) -> u32 {
        self.octet_count
    }

    /// What the sender says of streams it receives; usually nothing.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter()
    }
}

/// A receiver report (RFC 3550, section 6.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    ssrc: u32,
    blocks: Blocks<'a>,
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(count: u8, mut body: &'a [u8]) -> Option<Self> {
        Some(Self { ssrc: take_u32(&mut body)?, blocks: Blocks { count, bytes: body } })
    }

    /// Who reports.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// One block for each stream received.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter()
    }
}

/// Reception of one stream, as the reporter saw it (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream reported on.
    pub source_ssrc: u32,
    /// Part of the packets lost since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits signed: duplicates make it negative.
    pub cumulative_lost: i32,
    /// Highest sequence number received, in the low 16 bits; cycles in the high 16.
    pub ext_highest_seq: u32,
    /// Interarrival jitter in ticks of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last SR received; 0 without one.
    pub lsr: u32,
    /// Delay since that SR, in 1/65536 s; 0 without one.
    pub dlsr: u32,
}

impl ReportBlock {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let source_ssrc = take_u32(&mut bytes)?;
        let loss = take_u32(&mut bytes)?;
        let [fraction_lost, ..] = loss.to_be_bytes();
        Some(Self {
            source_ssrc,
            fraction_lost,
            // Up to the top and down again: the sign of 24 bits becomes that of 32.
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            ext_highest_seq: take_u32(&mut bytes)?,
            jitter: take_u32(&mut bytes)?,
            lsr: take_u32(&mut bytes)?,
            dlsr: take_u32(&mut bytes)?,
        })
    }

    /// The block as it stands in a report.
    pub(super) fn to_bytes(self) -> [u8; 24] {
        let [_, a, b, c] = self.cumulative_lost.to_be_bytes();
        let lost = u32::from_be_bytes([self.fraction_lost, a, b, c]);
        let words = [self.source_ssrc, lost, self.ext_highest_seq, self.jitter, self.lsr, self.dlsr];
        let mut bytes = [0; 24];
        bytes.as_chunks_mut().0.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_be_bytes());
        bytes
    }
}

/// Report blocks: those that the count names and the bytes hold. What follows is a profile's extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocks<'a> {
    count: u8,
    bytes: &'a [u8],
}

impl<'a> Blocks<'a> {
    fn iter(self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        self.bytes.chunks_exact(24).take(usize::from(self.count)).filter_map(ReportBlock::read)
    }
}

pub(super) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::rtcp::RtcpPacket;
    use crate::rtp::rtcp::tests::packets;

    /// One report block with three packets lost, as a negative number if `sign` is set.
    fn receiver_report(sign: u8) -> Vec<u8> {
        let mut bytes = vec![0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 64, sign, sign, sign ^ 3];
        bytes.extend([0, 1, 0, 5, 0, 0, 0, 90, 0xb7, 0x05, 0x20, 0x00, 0, 5, 0x40, 0]);
        bytes
    }

    #[test]
    fn reads_report_blocks() {
        let bytes = receiver_report(0);
        let [Ok(RtcpPacket::ReceiverReport(rr))] = packets(&bytes)[..] else { panic!("{:?}", packets(&bytes)) };
        let block = ReportBlock {
            source_ssrc: 2,
            fraction_lost: 64,
            cumulative_lost: 3,
            ext_highest_seq: 0x0001_0005,
            jitter: 90,
            lsr: 0xb705_2000,
            dlsr: 0x0005_4000,
        };
        assert_eq!((rr.ssrc(), rr.report_blocks().collect::<Vec<_>>()), (1, vec![block]));
        let bytes = receiver_report(0xff);
        let [Ok(RtcpPacket::ReceiverReport(rr))] = packets(&bytes)[..] else { panic!("{:?}", packets(&bytes)) };
        assert_eq!(rr.report_blocks().next().unwrap().cumulative_lost, -4);
    }

    #[test]
    fn a_count_beyond_the_packet_is_cut() {
        let mut bytes = receiver_report(0);
        bytes[0] = 0x9f;
        let [Ok(RtcpPacket::ReceiverReport(rr))] = packets(&bytes)[..] else { panic!("{:?}", packets(&bytes)) };
        assert_eq!(rr.report_blocks().count(), 1);
    }
}
