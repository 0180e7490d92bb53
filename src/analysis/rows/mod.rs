//! The rows of the tables, and where they go.
//!
//! Each row declares its columns once, with `row!`: name, type, unit and meaning. The struct and its documentation, the
//! headers of CSV files, the JSON Schema and the check of docs/metrics.md come from that.

use std::io;

use serde::Serialize;

mod column;
mod dialogue;
mod media;
mod oddities;
mod reports;
mod streams;
mod tcp;
mod words;

pub use column::{ColumnKind, TableColumn};
pub use dialogue::MessageRow;
pub use media::{FrameRow, PacketRow};
pub use oddities::{FindingRow, VerdictRow};
pub use reports::{ReportBlockRow, SenderReportRow};
pub use streams::StreamRow;
pub use tcp::TcpRow;
pub use words::{InferredColumns, MessageKind, PacketStatus, PictureKind, StreamTransport};

/// A consumer of rows. Rows come as the analysis meets them; those of streams come at its end.
pub trait Sink {
    /// Takes a row.
    ///
    /// # Errors
    /// If the row could not be written; the run stops.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()>;

    /// Takes the row of a packet. There are more of them than of all others: who takes few of its columns can do it faster
    /// here.
    ///
    /// # Errors
    /// As for the other rows.
    #[inline]
    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        self.row(&Row::Packet(row))
    }

    /// Whether rows of this table are wanted at all. Those that are not need not be made.
    fn wants(&self, table: Table) -> bool;
}

/// Nobody wants the rows.
impl Sink for () {
    fn row(&mut self, _: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        false
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        (**self).row(row)
    }

    #[inline]
    fn packet(&mut self, row: PacketRow<'_>) -> io::Result<()> {
        (**self).packet(row)
    }

    fn wants(&self, table: Table) -> bool {
        (**self).wants(table)
    }
}

word_enum! {
    /// The tables of an analysis, in the order of docs/metrics.md.
    #[derive(PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum Table {
        /// A row for each session, track, direction and SSRC.
        Streams = "streams",
        /// A row for each RTP packet.
        Packets = "packets",
        /// A row for each frame of video, and for each timestamp of anything else.
        Frames = "frames",
        /// A row for each RTCP sender report.
        SenderReports = "sender_reports",
        /// A row for each block of an RTCP sender or receiver report.
        ReportBlocks = "report_blocks",
        /// A row for each RTSP request and response.
        Messages = "messages",
        /// A row for everything odd.
        Findings = "findings",
        /// A row for everything that a viewer may notice, with its cause.
        Verdicts = "verdicts",
        /// A row for each TCP connection, direction and second.
        Tcp = "tcp",
    }
}

impl Table {
    /// Its name, which is also that of its file: `sender_reports`.
    pub const fn name(self) -> &'static str {
        self.as_str()
    }

    /// Its columns, from left to right.
    pub const fn columns(self) -> &'static [TableColumn] {
        match self {
            Self::Streams => StreamRow::COLUMNS,
            Self::Packets => PacketRow::COLUMNS,
            Self::Frames => FrameRow::COLUMNS,
            Self::SenderReports => SenderReportRow::COLUMNS,
            Self::ReportBlocks => ReportBlockRow::COLUMNS,
            Self::Messages => MessageRow::COLUMNS,
            Self::Findings => FindingRow::COLUMNS,
            Self::Verdicts => VerdictRow::COLUMNS,
            Self::Tcp => TcpRow::COLUMNS,
        }
    }
}

/// A row of one of the tables. It serializes as a struct of its columns.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Row<'a> {
    /// Of [`Table::Streams`].
    Stream(Box<StreamRow<'a>>),
    /// Of [`Table::Packets`].
    Packet(PacketRow<'a>),
    /// Of [`Table::Frames`].
    Frame(FrameRow<'a>),
    /// Of [`Table::SenderReports`].
    SenderReport(SenderReportRow<'a>),
    /// Of [`Table::ReportBlocks`].
    ReportBlock(ReportBlockRow<'a>),
    /// Of [`Table::Messages`].
    Message(MessageRow<'a>),
    /// Of [`Table::Findings`].
    Finding(FindingRow<'a>),
    /// Of [`Table::Verdicts`].
    Verdict(VerdictRow<'a>),
    /// Of [`Table::Tcp`].
    Tcp(TcpRow<'a>),
}

impl Row<'_> {
    /// The table that it belongs to.
    pub const fn table(&self) -> Table {
        match self {
            Self::Stream(_) => Table::Streams,
            Self::Packet(_) => Table::Packets,
            Self::Frame(_) => Table::Frames,
            Self::SenderReport(_) => Table::SenderReports,
            Self::ReportBlock(_) => Table::ReportBlocks,
            Self::Message(_) => Table::Messages,
            Self::Finding(_) => Table::Findings,
            Self::Verdict(_) => Table::Verdicts,
            Self::Tcp(_) => Table::Tcp,
        }
    }
}

#[cfg(test)]
impl Row<'_> {
    /// An empty row of each table, in the order of [`Table::ALL`].
    pub(crate) fn of_each_table() -> [Self; Table::ALL.len()] {
        [
            Self::Stream(Box::default()),
            Self::Packet(<_>::default()),
            Self::Frame(<_>::default()),
            Self::SenderReport(<_>::default()),
            Self::ReportBlock(<_>::default()),
            Self::Message(<_>::default()),
            Self::Finding(<_>::default()),
            Self::Verdict(<_>::default()),
            Self::Tcp(<_>::default()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_unit_that_their_names_end_with() {
        const UNITS: [(&str, &str); 11] = [
            ("_ms", "ms"),
            ("_s", "s"),
            ("_percent", "%"),
            ("_ppm", "ppm"),
            ("_bps", "bit/s"),
            ("bytes", "bytes"),
            ("_octets", "bytes"),
            ("_hz", "Hz"),
            ("_fps", "1/s"),
            ("_ticks", "ticks"),
            ("rtp_timestamp", "ticks"),
        ];
        // A mean number of pictures, and how many times as large some are.
        const WITHOUT: [&str; 2] = ["gop_mean_frames", "key_size_ratio"];
        for column in Table::ALL.into_iter().flat_map(Table::columns) {
            let TableColumn { name, kind, unit, .. } = *column;
            if let Some((_, expected)) = UNITS.iter().find(|(end, _)| name.ends_with(end)) {
                assert_eq!(unit, *expected, "{name}");
            }
            let is_decimal = matches!(kind, ColumnKind::Decimal { .. });
            assert!(!is_decimal || !unit.is_empty() || WITHOUT.contains(&name), "{name} has no unit");
            assert!(kind.is_number() || unit.is_empty(), "{name} is no number");
        }
    }
}
