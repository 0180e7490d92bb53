//! Trace events to rows: pure, streaming, one pass. docs/metrics.md has each column with its formula.
//!
//! The analyzer makes one pass and keeps no packets. A stream is a track, a channel, a direction and an SSRC on one
//! connection. Its statistics are small and of fixed size, but for the arrival distances from which `analyze` takes its
//! percentiles, and the frames that tell what a player would have shown: those need at most about 1 MB each for a stream.
//! One connection may have 4,096 streams; packets of any more are not counted.

pub mod analyzer;
mod budget;
pub mod cell;
pub mod comparison;
mod control;
mod dialogue;
mod ending;
pub mod findings;
mod frames;
mod freeze_rule;
mod http;
mod jitter;
mod location;
pub mod matching;
mod media_clock;
mod media_stop;
mod media_wait;
mod messages;
mod out;
mod playout;
mod quantiles;
mod report_blocks;
mod report_counts;
mod resent;
pub mod rows;
mod sender_reports;
mod sequence;
mod session;
mod skew;
mod stream;
#[cfg(test)]
mod tests;
mod undescribed;
mod unplaced;
mod unreachable;
mod untimed;
pub mod verdicts;

pub use analyzer::{Analyzer, AnalyzerOptions};
pub use rows::{
    FindingRow, FrameRow, MessageRow, PacketRow, ReportBlockRow, Row, SenderReportRow, Sink, StreamRow, Table,
    VerdictRow,
};
