//! Rows as CSV (RFC 4180, with line feeds alone).

use std::io::{self, Write};

use csv::{ByteRecord, IntoInnerError, Writer, WriterBuilder};
use serde::Serialize;

use crate::analysis::rows::Table;
use crate::report::cells::{self, Cell};
use crate::report::lines::CHUNK;

/// What spreadsheets take for the beginning of a formula, or pass over before one (OWASP, CSV injection); and the
/// apostrophe, so that none is taken for ours.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\n', '\''];

/// One table. The header stands there even if no row follows, but not before something could be read.
pub struct CsvTable<W: Write> {
    writer: Writer<W>,
    /// The header, until it is written.
    header: Option<ByteRecord>,
    /// No cell begins like a formula.
    is_safe: bool,
}

impl<W: Write> CsvTable<W> {
    /// A table with its header.
    pub fn new(table: Table, out: W) -> Self {
        let names = table.columns().iter().map(|column| column.name);
        Self { header: Some(names.collect()), ..Self::rows_only(out) }
    }

    /// A table without its header, for rows that follow others.
    pub fn rows_only(out: W) -> Self {
        let writer = WriterBuilder::new().has_headers(false).buffer_capacity(CHUNK).from_writer(out);
        Self { writer, header: None, is_safe: false }
    }

    /// For spreadsheets: they run what begins like a formula, and some of what servers and files are called comes from
    /// outside. Such a text begins with an apostrophe here, which they take off.
    #[must_use]
    pub fn safe(self) -> Self {
        Self { is_safe: true, ..self }
    }

    /// Adds a row; it must be of the type that belongs to the table.
    ///
    /// # Errors
    /// Those of the output.
    pub fn row(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.begin()?;
        if self.is_safe {
            return self.writer.write_byte_record(&safe_record(row)?).map_err(into_io);
        }
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

    /// Writes out what lies in buffers and gives back the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.begin()?;
        self.writer.into_inner().map_err(IntoInnerError::into_error)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.header.take().map_or(Ok(()), |header| self.writer.write_byte_record(&header).map_err(into_io))
    }
}

/// A row in which no text begins like a formula.
fn safe_record(row: &impl Serialize) -> io::Result<ByteRecord> {
    let mut record = ByteRecord::new();
    cells::each_cell(row, |_, cell| {
        match cell {
            Cell::Empty => record.push_field(b""),
            Cell::Text(text) if text.starts_with(FORMULA) => record.push_field(format!("'{text}").as_bytes()),
            Cell::Number(text) | Cell::Text(text) => record.push_field(text.as_bytes()),
        }
        Ok(())
    })?;
    Ok(record)
}

/// The line that names the columns of a table.
pub fn header(table: Table) -> Vec<u8> {
    let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
    (names.join(",") + "\n").into_bytes()
}

pub(super) fn into_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::rows::{MessageKind, MessageRow};

    #[test]
    fn the_columns_are_a_contract() {
        for table in Table::ALL {
            let header = String::from_utf8(header(table)).unwrap();
            insta::assert_snapshot!(table.name(), header.trim_end().replace(',', "\n"));
        }
    }

    #[test]
    fn an_unknown_value_is_an_empty_cell() {
        let mut table = CsvTable::new(Table::Messages, Vec::new());
        table.row(&MessageRow { capture: "a,b", kind: MessageKind::Request, ..MessageRow::default() }).unwrap();
        let text = String::from_utf8(table.finish().unwrap()).unwrap();
        assert_eq!(
            text.lines().nth(1),
            Some("\"a,b\",,1970-01-01T00:00:00.000000000Z,0.000000000,0,s2c,request,,,,,,,,0,0,")
        );
    }

    #[test]
    fn the_header_comes_with_the_first_row_or_at_the_end() {
        let mut out = Vec::new();
        drop(CsvTable::new(Table::Findings, &mut out));
        assert!(out.is_empty());
        CsvTable::new(Table::Findings, &mut out).flush().unwrap();
        assert!(out.starts_with(b"capture,frame_number,") && out.ends_with(b"stream_offset\n"));
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        let row = |capture| MessageRow { capture, kind: MessageKind::Request, ..MessageRow::default() };
        let mut table = CsvTable::rows_only(Vec::new()).safe();
        for capture in ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "'x", "a=b", "=\"a\",\n1"] {
            table.row(&row(capture)).unwrap();
        }
        let text = String::from_utf8(table.finish().unwrap()).unwrap();
        let rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).into_records();
        let first: Vec<String> = rows.map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(first, ["'=1+1", "'+x", "'-x", "'@SUM(A1)", "'\tx", "''x", "a=b", "'=\"a\",\n1"]);
        assert!(text.starts_with("'=1+1,,1970-01-01T00:00:00.000000000Z,0.000000000,0,s2c,request,,"), "{text}");
    }
}
