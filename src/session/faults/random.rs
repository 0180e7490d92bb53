//! Where chance comes from: all of it from one seed.

/// The random stream of a fault of a track: as good as independent of every other.
pub(super) fn stream_of(seed: u64, track: usize, fault: &str) -> fastrand::Rng {
    // FNV-1a over the three.
    let (seed, track) = (seed.to_le_bytes(), (track as u64).to_le_bytes());
    let bytes = seed.iter().chain(&track).chain(fault.as_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    fastrand::Rng::with_seed(hash)
}
