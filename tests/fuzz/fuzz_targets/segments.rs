//! TCP segments of a few connections in any order: reassembly, demuxer, dialogue and metrics. For each segment: which
//! connection and direction, flags, how far its place is from the one before, length, bytes.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (mut file, mut rest, mut next) = (common::Pcap::new(101), data, [0_u32; 8]);
    while let Some(([which, flags, jump, l0, l1], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*l0 & 0x1f, *l1])).min(behind.len());
        let (payload, behind) = behind.split_at(len);
        rest = behind;
        let Some(place) = next.get_mut(usize::from(which & 7)) else { return };
        // Mostly in order; else up to 64 KiB before or behind.
        let jump = i32::from(jump.cast_signed());
        let seq = if jump.abs() < 100 { *place } else { place.wrapping_add_signed(jump * 512) };
        *place = seq.wrapping_add(u32::from(flags & 2 != 0)).wrapping_add(u32::try_from(len).unwrap_or(0));
        file.segment(*which, *flags, seq, payload);
    }
    common::analyze(&file.0);
});
