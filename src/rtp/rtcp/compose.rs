//! Compound packets that a receiver sends (RFC 3550, section 6.1): RR, SDES with the CNAME, and BYE at the end.

use byteorder::{ByteOrder, NetworkEndian};

use super::sdes::CNAME;
use super::{ReportBlock, packet_type};

/// A receiver report has room for so many blocks: the count field has five bits.
pub const MAX_BLOCKS: usize = 31;

/// A receiver report of `ssrc` alone. Blocks behind the [`MAX_BLOCKS`]th are left out.
pub fn receiver_report(ssrc: u32, blocks: &[ReportBlock]) -> Vec<u8> {
    let blocks = blocks.get(..MAX_BLOCKS).unwrap_or(blocks);
    let mut body = word(ssrc).to_vec();
    body.extend(blocks.iter().flat_map(|block| block.to_bytes()));
    let mut packet = Vec::with_capacity(4 + body.len());
    put(&mut packet, packet_type::RECEIVER_REPORT, blocks.len(), &body);
    packet
}

/// Receiver report and source description, as each report has to have (section 6.1). A name longer than 255 bytes is
/// cut.
pub fn report(ssrc: u32, cname: &str, blocks: &[ReportBlock]) -> Vec<u8> {
    let mut compound = receiver_report(ssrc, blocks);
    let name = cname.as_bytes();
    let name = name.get(..usize::from(u8::MAX)).unwrap_or(name);
    let mut chunk = word(ssrc).to_vec();
    chunk.extend_from_slice(&[CNAME, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    chunk.extend_from_slice(name);
    // At least one zero ends the items, and as many as fill the word.
    chunk.push(0);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    put(&mut compound, packet_type::SOURCE_DESCRIPTION, 1, &chunk);
    compound
}

/// The last report of a receiver that leaves (section 6.3.7).
pub fn goodbye(ssrc: u32, cname: &str, blocks: &[ReportBlock]) -> Vec<u8> {
    let mut compound = report(ssrc, cname, blocks);
    put(&mut compound, packet_type::GOODBYE, 1, &word(ssrc));
    compound
}

/// A packet whose body fills whole words.
fn put(out: &mut Vec<u8>, packet_type: u8, count: usize, body: &[u8]) {
    let words = u16::try_from(body.len() / 4).unwrap_or(u16::MAX);
    let count = u8::try_from(count).unwrap_or(0) & 0x1f;
    let mut header = [0x80 | count, packet_type, 0, 0];
    NetworkEndian::write_u16(&mut header[2..4], words);
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
}

fn word(number: u32) -> [u8; 4] {
    let mut bytes = [0; 4];
    NetworkEndian::write_u32(&mut bytes, number);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::rtcp::{Compound, RtcpPacket};

    prop_compose! {
        fn block()(
            source_ssrc: u32, fraction_lost: u8, cumulative_lost in -0x80_0000..0x80_0000_i32, ext_highest_seq: u32,
            jitter: u32, lsr: u32, dlsr: u32,
        ) -> ReportBlock {
            ReportBlock { source_ssrc, fraction_lost, cumulative_lost, ext_highest_seq, jitter, lsr, dlsr }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ssrc: u32, cname: String, blocks in prop::collection::vec(block(), 0..40)) {
            let compound = goodbye(ssrc, &cname, &blocks);
            let packets: Vec<_> = Compound::new(&compound).collect::<Result<_, _>>().unwrap();
            let [RtcpPacket::ReceiverReport(rr), RtcpPacket::SourceDescription(sdes), RtcpPacket::Goodbye(bye)] =
                packets[..]
            else { panic!("{packets:?}") };
            prop_assert_eq!(rr.ssrc(), ssrc);
            prop_assert_eq!(rr.report_blocks().collect::<Vec<_>>(), &blocks[..blocks.len().min(MAX_BLOCKS)]);
            let name = &cname.as_bytes()[..cname.len().min(255)];
            prop_assert_eq!(sdes.cname_of(ssrc), Some(name));
            prop_assert!(sdes.chunks().all(|chunk| chunk.is_terminated()));
            prop_assert_eq!(bye.ssrcs().collect::<Vec<_>>(), [ssrc]);
        }
    }

    #[test]
    fn an_empty_report_is_eight_bytes() {
        assert_eq!(receiver_report(0x0102_0304, &[]), [0x80, 201, 0, 1, 1, 2, 3, 4]);
    }
}
