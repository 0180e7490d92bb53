//! Rows as CSV (RFC 4180, with line feeds alone).

use std::io::{self, Write};

use csv::{Writer, WriterBuilder};
use serde::Serialize;

use crate::analysis::{MessageRow, SenderReportRow, Sink, StreamRow};

/// One table. The header stands there even if no row follows.
pub struct CsvTable<W: Write> {
    writer: Writer<W>,
}

impl<W: Write> CsvTable<W> {
    /// A table with the columns of `R`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new<R: Serialize + Default>(mut out: W) -> io::Result<Self> {
        out.write_all(&header::<R>()?)?;
        Ok(Self { writer: WriterBuilder::new().has_headers(false).from_writer(out) })
    }

    /// Adds a row; it must be of the type that named the columns.
    ///
    /// # Errors
    /// Those of the output.
    pub fn row(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.writer.serialize(row).map_err(into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The tables that somebody wants.
#[derive(Default)]
pub struct CsvTables {
    /// Where `streams` goes.
    pub streams: Option<CsvTable<Box<dyn Write>>>,
    /// Where `sender_reports` goes.
    pub sender_reports: Option<CsvTable<Box<dyn Write>>>,
    /// Where `messages` goes.
    pub messages: Option<CsvTable<Box<dyn Write>>>,
}

impl CsvTables {
    /// Writes out what lies in buffers.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn flush(&mut self) -> io::Result<()> {
        let tables = [&mut self.streams, &mut self.sender_reports, &mut self.messages];
        tables.into_iter().flatten().try_for_each(CsvTable::flush)
    }
}

impl Sink for CsvTables {
    fn stream(&mut self, row: &StreamRow<'_>) -> io::Result<()> {
        self.streams.as_mut().map_or(Ok(()), |table| table.row(row))
    }

    fn sender_report(&mut self, row: &SenderReportRow<'_>) -> io::Result<()> {
        self.sender_reports.as_mut().map_or(Ok(()), |table| table.row(row))
    }

    fn message(&mut self, row: &MessageRow<'_>) -> io::Result<()> {
        self.messages.as_mut().map_or(Ok(()), |table| table.row(row))
    }
}

/// The header line, taken from the row type itself.
fn header<R: Serialize + Default>() -> io::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.serialize(R::default()).map_err(into_io)?;
    let lines = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    let end = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1);
    Ok(lines.get(..end).unwrap_or_default().to_vec())
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
        String::from_utf8(header::<R>().unwrap()).unwrap()
    }

    #[test]
    fn the_columns_are_a_contract() {
        insta::assert_snapshot!(columns::<StreamRow<'_>>().trim_end().replace(',', "\n"));
        insta::assert_snapshot!(columns::<SenderReportRow<'_>>().trim_end().replace(',', "\n"));
        insta::assert_snapshot!(columns::<MessageRow<'_>>().trim_end().replace(',', "\n"));
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
