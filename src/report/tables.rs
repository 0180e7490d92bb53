//! The sink that writes rows.

use std::io::{self, Write};

use crate::analysis::rows::{Row, Sink, Table};
use crate::report::Format;
use crate::report::csv::CsvTable;
use crate::report::json::JsonTable;
use crate::report::packets::PacketTable;

/// The tables that somebody wants, as rows alone; [`Document`](crate::report::Document) makes tables of them.
pub struct Tables<W: Write> {
    /// By [`Table`].
    writers: [Option<RowWriter<W>>; Table::ALL.len()],
}

/// Writes the rows of one table.
enum RowWriter<W: Write> {
    Csv(Box<CsvTable<W>>),
    Packets(PacketTable<W>),
    Json(JsonTable<W>),
}

impl<W: Write> Tables<W> {
    /// Writes each table to what `out` has for it.
    pub fn new(format: Format, mut out: impl FnMut(Table) -> Option<W>) -> Self {
        let writer = |table, out| match (format, table) {
            (Format::Json, _) => RowWriter::Json(JsonTable::new(out)),
            (Format::CsvSafe, _) => RowWriter::Csv(Box::new(CsvTable::rows_only(out).safe())),
            (Format::Csv | Format::Table, Table::Packets) => RowWriter::Packets(PacketTable::new(out)),
            (Format::Csv | Format::Table, _) => RowWriter::Csv(Box::new(CsvTable::rows_only(out))),
        };
        Self { writers: Table::ALL.map(|table| out(table).map(|out| writer(table, out))) }
    }

    /// Writes out what lies in buffers, for somebody to see it now.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writers.iter_mut().flatten().try_for_each(RowWriter::flush)
    }

    /// Writes out what lies in buffers and gives back the outputs.
    ///
    /// # Errors
    /// Those of the outputs.
    pub fn finish(self) -> io::Result<Vec<W>> {
        self.writers.into_iter().flatten().map(RowWriter::finish).collect()
    }
}

impl<W: Write> Sink for Tables<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match self.writers.get_mut(row.table() as usize) {
            Some(Some(writer)) => writer.row(row),
            _ => Ok(()),
        }
    }

    fn wants(&self, table: Table) -> bool {
        self.writers.get(table as usize).is_some_and(Option::is_some)
    }
}

impl<W: Write> RowWriter<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match (self, row) {
            (Self::Packets(table), Row::Packet(row)) => table.row(row),
            (Self::Packets(_), _) => Ok(()),
            (Self::Csv(table), row) => table.row(row),
            (Self::Json(table), row) => table.row(row),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(table) => table.flush(),
            Self::Packets(table) => table.flush(),
            Self::Json(table) => table.flush(),
        }
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Csv(table) => table.finish(),
            Self::Packets(table) => table.finish(),
            Self::Json(table) => table.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stand_at_their_place() {
        for (index, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table as usize, index);
        }
    }

    #[test]
    fn each_row_goes_to_its_table() {
        let mut tables = Tables::new(Format::Csv, |table| (table != Table::Packets).then(Vec::new));
        assert!(tables.wants(Table::Streams) && !tables.wants(Table::Packets));
        for row in &Row::of_each_table() {
            tables.row(row).unwrap();
        }
        let written = tables.finish().unwrap();
        let wanted = Table::ALL.into_iter().filter(|table| *table != Table::Packets);
        for (table, text) in wanted.zip(written) {
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.matches(',').count() + 1, table.columns().len(), "{table:?}: {text}");
        }
    }
}
