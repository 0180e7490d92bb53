//! What one packet says, next to those before it.

use crate::analysis::sequence::Status;

/// What one packet says.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) struct PacketFigures {
    pub(in crate::analysis) status: Status,
    pub(in crate::analysis) ext_seq: i64,
    pub(in crate::analysis) ext_rtp_timestamp: i64,
    /// Nanoseconds since the one before.
    pub(in crate::analysis) delta: Option<i64>,
    pub(in crate::analysis) jitter_ms: Option<f64>,
    pub(in crate::analysis) skew_ms: Option<f64>,
    /// How much later it came after the one before than the timestamps say.
    pub(in crate::analysis) difference_ms: Option<f64>,
    /// A part begins with it that PLAY announced.
    pub(in crate::analysis) begins: bool,
}
