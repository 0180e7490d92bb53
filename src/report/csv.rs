//! Rows as CSV (RFC 4180, with line feeds alone).

use std::collections::BTreeMap;
use std::io::{self, Write};

use csv::{ByteRecord, Reader, Writer, WriterBuilder};
use serde::Serialize;

use crate::analysis::{
    FindingRow, MessageRow, PacketRow, ReportBlockRow, Row, SenderReportRow, Sink, StreamRow, Table,
};

/// One table. The header stands there even if no row follows, but not before something could be read.
pub struct CsvTable<W: Write> {
    writer: Writer<W>,
    /// The header, until it is written.
    header: Option<ByteRecord>,
}

impl<W: Write> CsvTable<W> {
    /// A table with the columns of `R`.
    ///
    /// # Errors
    /// If `R` has no columns.
    pub fn new<R: Serialize + Default>(out: W) -> io::Result<Self> {
        let writer = WriterBuilder::new().has_headers(false).from_writer(out);
        Ok(Self { writer, header: Some(header::<R>()?) })
    }

    /// Adds a row; it must be of the type that named the columns.
    ///
    /// # Errors
    /// Those of the output.
    pub fn row(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.begin()?;
        self.writer.serialize(row).map_err(into_io)
    }

    /// Writes out what lies in buffers.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.begin()?;
        self.writer.flush()
    }

    fn begin(&mut self) -> io::Result<()> {
        self.header.take().map_or(Ok(()), |header| self.writer.write_byte_record(&header).map_err(into_io))
    }
}

/// The tables that somebody wants.
#[derive(Default)]
pub struct CsvTables {
    tables: BTreeMap<Table, CsvTable<Box<dyn Write>>>,
}

impl CsvTables {
    /// Rows of this table go to `out` from now on.
    ///
    /// # Errors
    /// If the columns can't be named.
    pub fn add(&mut self, table: Table, out: Box<dyn Write>) -> io::Result<()> {
        let writer = match table {
            Table::Streams => CsvTable::new::<StreamRow<'_>>(out),
            Table::Packets => CsvTable::new::<PacketRow<'_>>(out),
            Table::SenderReports => CsvTable::new::<SenderReportRow<'_>>(out),
            Table::ReportBlocks => CsvTable::new::<ReportBlockRow<'_>>(out),
            Table::Messages => CsvTable::new::<MessageRow<'_>>(out),
            Table::Findings => CsvTable::new::<FindingRow<'_>>(out),
        };
        self.tables.insert(table, writer?);
        Ok(())
    }

    /// Writes out what lies in buffers.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn flush(&mut self) -> io::Result<()> {
        self.tables.values_mut().try_for_each(CsvTable::flush)
    }

    fn put(&mut self, table: Table, row: &impl Serialize) -> io::Result<()> {
        self.tables.get_mut(&table).map_or(Ok(()), |table| table.row(row))
    }
}

impl Sink for CsvTables {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => self.put(Table::Streams, row),
            Row::Packet(row) => self.put(Table::Packets, row),
            Row::SenderReport(row) => self.put(Table::SenderReports, row),
            Row::ReportBlock(row) => self.put(Table::ReportBlocks, row),
            Row::Message(row) => self.put(Table::Messages, row),
            Row::Finding(row) => self.put(Table::Findings, row),
        }
    }

    fn wants(&self, table: Table) -> bool {
        self.tables.contains_key(&table)
    }
}

/// The header, taken from the row type itself.
fn header<R: Serialize + Default>() -> io::Result<ByteRecord> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.serialize(R::default()).map_err(into_io)?;
    let lines = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    Reader::from_reader(lines.as_slice()).byte_headers().cloned().map_err(into_io)
}

fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns<R: Serialize + Default>() -> String {
        let header = header::<R>().unwrap();
        header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_columns_are_a_contract() {
        insta::assert_snapshot!(columns::<StreamRow<'_>>());
        insta::assert_snapshot!(columns::<SenderReportRow<'_>>());
        insta::assert_snapshot!(columns::<MessageRow<'_>>());
        insta::assert_snapshot!(columns::<PacketRow<'_>>());
        insta::assert_snapshot!(columns::<ReportBlockRow<'_>>());
        insta::assert_snapshot!(columns::<FindingRow<'_>>());
    }

    #[test]
    fn an_unknown_value_is_an_empty_cell() {
        let mut out = Vec::new();
        let mut table = CsvTable::new::<MessageRow<'_>>(&mut out).unwrap();
        table.row(&MessageRow { capture: "a,b", kind: "request", ..MessageRow::default() }).unwrap();
        drop(table);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text.lines().nth(1),
            Some("\"a,b\",,1970-01-01T00:00:00.000000000Z,0.000000000,0,,request,,,,,,,,0,0")
        );
    }
}
