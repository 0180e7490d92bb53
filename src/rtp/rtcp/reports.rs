//! Sender and receiver reports, and the report blocks in both (RFC 3550, section 6.4).

use byteorder::{ByteOrder, NetworkEndian, ReadBytesExt};

use crate::time::NtpTime;

/// What 24 bits with a sign hold.
pub(crate) const MOST_LOST: i32 = 0x7f_ffff;
pub(crate) const LEAST_LOST: i32 = -0x80_0000;

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
            ssrc: take(&mut body)?,
            ntp: NtpTime { seconds: take(&mut body)?, fraction: take(&mut body)? },
            rtp_timestamp: take(&mut body)?,
            packet_count: take(&mut body)?,
            octet_count: take(&mut body)?,
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
        Some(Self { ssrc: take(&mut body)?, blocks: Blocks { count, bytes: body } })
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
        Some(Self {
            source_ssrc: take(&mut bytes)?,
            fraction_lost: bytes.read_u8().ok()?,
            cumulative_lost: bytes.read_i24::<NetworkEndian>().ok()?,
            ext_highest_seq: take(&mut bytes)?,
            jitter: take(&mut bytes)?,
            lsr: take(&mut bytes)?,
            dlsr: take(&mut bytes)?,
        })
    }

    /// The block as it stands in a report.
    pub(super) fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        NetworkEndian::write_u32(&mut bytes[0..4], self.source_ssrc);
        bytes[4] = self.fraction_lost;
        NetworkEndian::write_i24(&mut bytes[5..8], self.cumulative_lost.clamp(LEAST_LOST, MOST_LOST));
        NetworkEndian::write_u32_into(&[self.ext_highest_seq, self.jitter, self.lsr, self.dlsr], &mut bytes[8..24]);
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

fn take(bytes: &mut &[u8]) -> Option<u32> {
    bytes.read_u32::<NetworkEndian>().ok()
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
