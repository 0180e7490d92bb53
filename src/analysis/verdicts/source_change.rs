//! A source that began where another one had sent before.

use crate::analysis::stream::StreamState;

/// Packets that may be on their way when another source begins.
const UNDER_WAY: u64 = 3;

/// A source began where another one had sent before.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct SourceChange {
    /// The place of the stream before.
    pub(in crate::analysis) before: usize,
    /// How many packets of it had come.
    pub(in crate::analysis) packets: u64,
    pub(in crate::analysis) track: Option<usize>,
    pub(in crate::analysis) detail: String,
}

impl SourceChange {
    /// Whether the source before has ended. One that goes on was not restarted: two send.
    pub(super) fn has_ended(&self, streams: &[StreamState]) -> bool {
        streams.get(self.before).is_none_or(|stream| stream.sequence.packets <= self.packets.saturating_add(UNDER_WAY))
    }
}
