//! Rows as CSV (RFC 4180, with line feeds alone).

use std::io::{self, Write};

use csv::{ByteRecord, IntoInnerError, Writer, WriterBuilder};
use serde::Serialize;

use crate::analysis::rows::Table;
use crate::report::cells;
use crate::report::lines::CHUNK;

/// One table. The header stands there even if no row follows, but not before something could be read.
pub struct CsvTable<W: Write> {
    writer: Writer<W>,
    /// The header, until it is written.
    header: Option<ByteRecord>,
}

impl<W: Write> CsvTable<W> {
    /// A table with its header.
    ///
    /// # Errors
    /// If the table has columns that no cell can hold.
    pub fn new(table: Table, out: W) -> io::Result<Self> {
        let header = Some(ByteRecord::from(cells::columns(table)?));
        Ok(Self { header, ..Self::rows_only(out) })
    }

    /// A table without its header, for rows that follow others.
    pub fn rows_only(out: W) -> Self {
        let writer = WriterBuilder::new().has_headers(false).buffer_capacity(CHUNK).from_writer(out);
        Self { writer, header: None }
    }

    /// Adds a row; it must be of the type that belongs to the table.
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

/// The line that names the columns of a table.
///
/// # Errors
/// If the table has columns that no cell can hold.
pub fn header(table: Table) -> io::Result<Vec<u8>> {
    CsvTable::new(table, Vec::new())?.finish()
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
    use crate::analysis::rows::MessageRow;

    #[test]
    fn the_columns_are_a_contract() {
        for table in Table::ALL {
            let header = String::from_utf8(header(table).unwrap()).unwrap();
            insta::assert_snapshot!(table.name(), header.trim_end().replace(',', "\n"));
        }
    }

    #[test]
    fn an_unknown_value_is_an_empty_cell() {
        let mut table = CsvTable::new(Table::Messages, Vec::new()).unwrap();
        table.row(&MessageRow { capture: "a,b", kind: "request", ..MessageRow::default() }).unwrap();
        let text = String::from_utf8(table.finish().unwrap()).unwrap();
        assert_eq!(
            text.lines().nth(1),
            Some("\"a,b\",,1970-01-01T00:00:00.000000000Z,0.000000000,0,,request,,,,,,,,0,0,")
        );
    }

    #[test]
    fn the_header_comes_with_the_first_row_or_at_the_end() {
        let mut out = Vec::new();
        drop(CsvTable::new(Table::Findings, &mut out).unwrap());
        assert!(out.is_empty());
        CsvTable::new(Table::Findings, &mut out).unwrap().flush().unwrap();
        assert!(out.starts_with(b"capture,frame_number,") && out.ends_with(b"stream_offset\n"));
    }
}
