//! The table `packets` as CSV: by far the longest one, so its rows are put together by hand.

use std::io::{self, Write};

use csv::Writer;

use crate::analysis::cell::Fixed;
use crate::analysis::rows::PacketRow;
use crate::report::csv::into_io;
use crate::report::digits::{Clock, fixed, integer, ssrc};
use crate::report::lines::Lines;

/// Rows of packets as CSV, byte for byte what [`CsvTable`](crate::report::csv::CsvTable) makes of them.
pub struct PacketTable<W: Write> {
    lines: Lines<W>,
    clock: Clock,
    /// The name of a capture and how it stands in a cell.
    capture: (String, Vec<u8>),
}

impl<W: Write> PacketTable<W> {
    /// A table without its header.
    pub fn new(out: W) -> Self {
        Self { lines: Lines::new(out), clock: Clock::default(), capture: <_>::default() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Those of the output.
    pub fn row(&mut self, row: &PacketRow<'_>) -> io::Result<()> {
        self.capture(row.capture)?;
        self.values(row);
        self.lines.end_row()
    }

    /// Writes what has been collected, for somebody to see it now.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }

    /// Writes what has been collected and gives back the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        self.lines.finish()
    }

    /// The cell of the capture's name, the only text that may have to be quoted.
    fn capture(&mut self, name: &str) -> io::Result<()> {
        let (known, cell) = &mut self.capture;
        if known != name || cell.is_empty() {
            name.clone_into(known);
            *cell = quoted(name)?;
        }
        self.lines.bytes.extend_from_slice(cell);
        Ok(())
    }

    /// The other cells; a test tells when a column is missing.
    fn values(&mut self, row: &PacketRow<'_>) {
        let out = &mut self.lines.bytes;
        optional(out, row.frame_number);
        out.push(b',');
        self.clock.utc(out, row.time_utc.0);
        out.push(b',');
        fixed(out, row.time_s);
        number(out, row.session);
        out.push(b',');
        optional(out, row.track);
        number(out, row.channel);
        word(out, row.direction.as_str());
        out.push(b',');
        ssrc(out, row.ssrc);
        number(out, row.payload_type);
        number(out, row.marker);
        number(out, row.seq);
        number(out, row.ext_seq);
        number(out, row.rtp_timestamp);
        number(out, row.ext_rtp_timestamp);
        out.push(b',');
        optional(out, row.payload_bytes);
        measure(out, row.delta_ms);
        measure(out, row.jitter_ms);
        measure(out, row.skew_ms);
        number(out, row.gap);
        word(out, row.status.as_str());
        out.push(b'\n');
    }
}

fn number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.push(b',');
    integer(out, value);
}

/// The comma stands before it already.
fn optional(out: &mut Vec<u8>, value: Option<impl itoa::Integer>) {
    if let Some(value) = value {
        integer(out, value);
    }
}

fn measure<const D: usize>(out: &mut Vec<u8>, value: Option<Fixed<D>>) {
    out.push(b',');
    if let Some(value) = value {
        fixed(out, value);
    }
}

/// A word of our own, which needs no quotes.
fn word(out: &mut Vec<u8>, word: &str) {
    out.push(b',');
    out.extend_from_slice(word.as_bytes());
}

/// A text as the first cell of a row, with the comma behind it.
fn quoted(text: &str) -> io::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record([text, ""]).map_err(into_io)?;
    let mut cell = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    cell.pop();
    Ok(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::cell::{Ssrc, Utc};
    use crate::analysis::rows::PacketStatus;
    use crate::report::csv::CsvTable;
    use crate::report::lines::CHUNK;
    use crate::time::Timestamp;
    use crate::trace::Direction;

    fn by_hand(rows: &[PacketRow<'_>]) -> String {
        let mut table = PacketTable::new(Vec::new());
        for row in rows {
            table.row(row).unwrap();
        }
        String::from_utf8(table.finish().unwrap()).unwrap()
    }

    fn by_serde(rows: &[PacketRow<'_>]) -> String {
        let mut table = CsvTable::rows_only(Vec::new());
        for row in rows {
            table.row(row).unwrap();
        }
        String::from_utf8(table.finish().unwrap()).unwrap()
    }

    prop_compose! {
        fn row()(
            capture in prop::sample::select(vec!["", "a.pcapng", "a,b.pcapng", "say \"x\"", "two\nlines", "ü"]),
            (frame_number, nanos, seconds) in (any::<Option<u64>>(), any::<i64>(), any::<f64>()),
            (session, track, channel) in (any::<usize>(), any::<Option<usize>>(), any::<u16>()),
            direction in prop::sample::select(Direction::ALL.to_vec()),
            (ssrc, payload_type, marker, seq, ext_seq) in any::<(u32, u8, u8, u16, i64)>(),
            (rtp_timestamp, ext_rtp_timestamp, payload_bytes) in any::<(u32, i64, Option<usize>)>(),
            (delta, jitter, skew) in (prop::option::of(-1e5..1e5), any::<Option<f64>>(), prop::option::of(-1.0..1.0)),
            gap: u16,
            status in prop::sample::select(PacketStatus::ALL.to_vec()),
        ) -> PacketRow<'static> {
            PacketRow {
                capture, frame_number, session, track, channel, direction, payload_type, marker, seq, ext_seq,
                rtp_timestamp, ext_rtp_timestamp, payload_bytes, gap, status,
                time_utc: Utc(Timestamp::from_nanos(nanos)),
                time_s: Fixed(seconds),
                ssrc: Ssrc(ssrc),
                delta_ms: delta.map(Fixed),
                jitter_ms: jitter.map(Fixed),
                skew_ms: skew.map(Fixed),
            }
        }
    }

    proptest! {
        #[test]
        fn by_hand_is_as_by_serde(rows in prop::collection::vec(row(), 0..20)) {
            prop_assert_eq!(by_hand(&rows), by_serde(&rows));
        }
    }

    #[test]
    fn a_chunk_is_written_as_soon_as_it_is_full() {
        let mut out = Vec::new();
        let mut table = PacketTable::new(&mut out);
        while table.lines.bytes.len() < CHUNK - 200 {
            table.row(&PacketRow::default()).unwrap();
        }
        for _ in 0..2 {
            table.row(&PacketRow { capture: &"x".repeat(100), ..<_>::default() }).unwrap();
        }
        assert!(table.lines.bytes.len() < CHUNK / 2);
        table.finish().unwrap();
        assert!(out.len() > CHUNK - 200 && out.ends_with(b"\n"));
    }
}
