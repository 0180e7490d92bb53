//! Compound RTCP packets: each packet in them, and an end to the walk.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use rtsp_rec::rtp::rtcp::{Compound, RtcpPacket};

fuzz_target!(|data: &[u8]| {
    let mut packets = 0;
    for packet in Compound::new(data) {
        packets += 1;
        match packet {
            Ok(RtcpPacket::SenderReport(report)) => {
                black_box((report.ssrc(), report.ntp(), report.packet_count(), report.octet_count()));
                assert!(report.report_blocks().count() <= 31);
            }
            Ok(RtcpPacket::ReceiverReport(report)) => assert!(report.report_blocks().count() <= 31),
            Ok(RtcpPacket::SourceDescription(description)) => {
                let items: usize = description.chunks().map(|chunk| chunk.items().count()).sum();
                assert!(items <= data.len());
                black_box((description.cname(), description.cname_of(1)));
            }
            Ok(RtcpPacket::Goodbye(goodbye)) => {
                black_box((goodbye.ssrcs().count(), goodbye.reason()));
            }
            Ok(other) => {
                black_box(other);
            }
            Err(error) => assert!(error.offset() <= data.len()),
        }
    }
    assert!(packets <= data.len() / 4 + 1, "{packets} packets in {} bytes", data.len());
});
