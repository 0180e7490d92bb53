//! Bytes of a stream that a capture lacks.

/// Why a capture lacks bytes of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GapCause {
    /// Their packets are not in it.
    #[default]
    NotCaptured,
    /// It has the beginnings of packets only (`tcpdump -s`).
    SnapLength,
}

/// Bytes of a stream that a capture lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureGap {
    /// How many.
    pub len: u64,
    /// Why.
    pub cause: GapCause,
}

impl CaptureGap {
    /// Packets that were not captured.
    pub const fn not_captured(len: u64) -> Self {
        Self { len, cause: GapCause::NotCaptured }
    }
}
