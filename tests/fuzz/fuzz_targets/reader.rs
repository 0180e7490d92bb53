//! Capture files: pcap, pcapng, and either in gzip or zstd.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtsp_rec::capture::reader::read_packets;

fuzz_target!(|data: &[u8]| {
    let (mut count, mut latest) = (0, 0);
    let end = read_packets(data, |packet| {
        // Some blocks have a number and are no packet; packets of no interface have one and are passed over.
        assert!(packet.number > latest);
        assert!(packet.data.len() <= 262_144);
        (count, latest) = (count + 1, packet.number);
        Ok(())
    });
    if let Ok(end) = end {
        assert!(end.packets >= count);
    }
});
