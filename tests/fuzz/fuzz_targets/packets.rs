//! Any packets in a file that is well made: link layers, tunnels, IP, fragments, TCP, UDP. Link type, then for each packet
//! length, uncaptured bytes and milliseconds since the one before.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

const LINK_TYPES: [u32; 12] = [1, 0, 12, 101, 108, 113, 276, 228, 105, 127, 239, 258];

fuzz_target!(|data: &[u8]| {
    let Some((link, mut rest)) = data.split_first() else { return };
    let link = LINK_TYPES.get(usize::from(*link)).copied().unwrap_or(u32::from(*link));
    let mut file = common::Pcap::new(link);
    while let Some(([l0, l1, missing, wait], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*l0, *l1])).min(behind.len());
        let (packet, behind) = behind.split_at(len);
        file.packet(u32::from(*wait), u32::from(*missing), packet);
        rest = behind;
    }
    common::analyze(&file.0);
});
