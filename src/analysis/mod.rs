//! Trace events to rows: pure, streaming, one pass. docs/metrics.md has each column with its formula.

pub mod analyzer;
mod budget;
pub mod cell;
pub mod comparison;
mod control;
mod dialogue;
mod ending;
pub mod findings;
mod frames;
mod http;
mod jitter;
pub mod matching;
mod media_clock;
mod media_wait;
mod messages;
mod out;
mod quantiles;
mod report_blocks;
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
