//! RTP packets.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use rtsp_rec::rtp::packet::{RtpPacket, is_rtcp};
use rtsp_rec::rtp::unwrap::Unwrapper;

fuzz_target!(|data: &[u8]| {
    black_box(is_rtcp(data));
    let (mut sequences, mut timestamps) = (Unwrapper::<u16>::default(), Unwrapper::<u32>::default());
    for chunk in std::iter::once(data).chain(data.chunks(23)) {
        let Ok(packet) = RtpPacket::parse(chunk) else { continue };
        let extension = packet.extension().map_or(0, |(_, bytes)| bytes.len());
        let parts = packet.payload().len() + packet.padding_len() + extension + 4 * packet.csrcs().count();
        assert!(12 + parts <= chunk.len(), "the parts of a packet are in it");
        black_box((packet.marker(), packet.payload_type(), packet.has_valid_padding(), packet.ssrc()));
        black_box((sequences.extend(packet.sequence()), timestamps.extend(packet.timestamp())));
    }
});
