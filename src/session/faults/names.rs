//! What faults are called, and how far packets are moved: what the specs and the messages about them both tell.

/// Longest distance that a packet is moved back by.
pub const MAX_DISTANCE: u16 = 1000;

/// All names, in the order of docs/faults.md.
pub const NAMES: [&str; 19] = [
    "drop",
    "dup",
    "reorder",
    "delay",
    "corrupt",
    "stall",
    "cut",
    "garbage",
    "ssrc-change",
    "ts-jump",
    "drift",
    "no-sr",
    "no-interleaved",
    "wrong-channel",
    "status",
    "digest",
    "basic",
    "stale-nonce",
    "split-writes",
];
