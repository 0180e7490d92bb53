//! Options of `schema`, and the names of the tables.

use clap::{Args, ValueEnum};

use crate::analysis::Table;

/// Options of `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec schema streams
  rtsp-rec schema | jq '.\"$defs\".verdicts.properties | keys'

The schema (draft 2020-12) describes a line of `analyze --format json`. CSV has the same columns; null is an empty cell \
there. `x-version` rises with each change of the columns. `x-unit` is the unit of a number, `x-decimals` how many digits stand behind its point. New columns are added \
at the end.")]
pub struct SchemaArgs {
    /// The table [default: all of them, below $defs]
    #[arg(value_enum, value_name = "TABLE")]
    pub table: Option<TableName>,
}

/// The tables of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum TableName {
    /// A row for each session, track, direction and SSRC
    Streams,
    /// A row for each RTP packet
    Packets,
    /// A row for each frame of video, and for each timestamp of anything else
    Frames,
    /// A row for each RTCP sender report
    SenderReports,
    /// A row for each block of an RTCP sender or receiver report
    ReportBlocks,
    /// A row for each RTSP request and response
    Messages,
    /// A row for everything odd
    Findings,
    /// A row for everything that a viewer may notice, with its cause
    Verdicts,
}

impl From<TableName> for Table {
    fn from(name: TableName) -> Self {
        match name {
            TableName::Streams => Self::Streams,
            TableName::Packets => Self::Packets,
            TableName::Frames => Self::Frames,
            TableName::SenderReports => Self::SenderReports,
            TableName::ReportBlocks => Self::ReportBlocks,
            TableName::Messages => Self::Messages,
            TableName::Findings => Self::Findings,
            TableName::Verdicts => Self::Verdicts,
        }
    }
}
