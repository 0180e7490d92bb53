//! Capture files: pcap, pcapng, and either in gzip or zstd.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtsp_rec::capture::reader::read_packets;

fuzz_target!(|data: &[u8]| {
    let mut number = 0;
    let end = read_packets(data, |packet| {
        number += 1;
        assert_eq!(packet.number, number);
        assert!(packet.data.len() <= 262_144);
        Ok(())
    });
    if let Ok(end) = end {
        assert_eq!(end.packets, number);
    }
});
