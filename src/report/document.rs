//! A table as a whole: what stands before the rows, the rows of one capture after the other, and the end.

use std::io::{self, BufWriter, Read, Seek, Write};

use crate::analysis::rows::Table;
use crate::report::csv;
use crate::report::table::{self, Look};

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 4180.
    Csv,
    /// The same, where no cell begins like a formula.
    CsvSafe,
    /// An object a line.
    Json,
    /// Aligned columns for people.
    Table,
}

impl Format {
    /// The ending of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv | Self::CsvSafe => "csv",
            Self::Json => "json",
            Self::Table => "txt",
        }
    }
}

/// Takes rows as [`Tables`](crate::report::Tables) writes them, of any number of captures, and makes them one table.
///
/// Nothing is written before the first row, or the end.
///
/// Where all rows have to be known before the first can be written, they wait in a `H`, like a temporary file.
#[derive(Debug)]
pub struct Document<W, H> {
    out: W,
    table: Table,
    /// The line that names the columns, until it is written.
    header: Option<Vec<u8>>,
    /// Header and rows, for a format that needs them all.
    held: Option<H>,
    coloured: bool,
}

impl<W: Write, H: Read + Write + Seek> Document<W, H> {
    /// An empty table. `held` is empty as well.
    pub fn new(table: Table, format: Format, out: W, held: H) -> Self {
        let header = (format != Format::Json).then(|| csv::header(table));
        Self { out, table, header, held: (format == Format::Table).then_some(held), coloured: false }
    }

    /// With colour, where the format is for people.
    #[must_use]
    pub fn coloured(self, coloured: bool) -> Self {
        Self { coloured, ..self }
    }

    /// All rows are there.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(&mut self) -> io::Result<()> {
        self.begin()?;
        if let Some(held) = self.held.take() {
            let mut out = BufWriter::new(&mut self.out);
            table::render(self.table, Look { coloured: self.coloured }, held, &mut out)?;
            out.flush()?;
        }
        self.out.flush()
    }

    fn begin(&mut self) -> io::Result<()> {
        match (self.header.take(), &mut self.held) {
            (Some(header), Some(held)) => held.write_all(&header),
            (Some(header), None) => self.out.write_all(&header),
            (None, _) => Ok(()),
        }
    }
}

impl<W: Write, H: Read + Write + Seek> Write for Document<W, H> {
    fn write(&mut self, rows: &[u8]) -> io::Result<usize> {
        self.begin()?;
        match &mut self.held {
            Some(held) => held.write(rows),
            None => self.out.write(rows),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn document(format: Format, parts: &[&str]) -> String {
        let mut out = Vec::new();
        let mut document = Document::new(Table::Findings, format, &mut out, Cursor::new(Vec::new()));
        for part in parts {
            document.write_all(part.as_bytes()).unwrap();
        }
        document.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts_make_one_table() {
        let csv = document(Format::Csv, &["a,1,t,0,,,,note,x,,\n", "b,2,t,0,,,,note,y,,\n"]);
        assert_eq!(csv.lines().count(), 3);
        assert!(csv.starts_with("capture,"));
        assert_eq!(document(Format::Json, &["{}\n", "{}\n"]), "{}\n{}\n");
        let table = document(Format::Table, &["a,1,t,0,,,,note,x,,\n", "bbb,2,t,0,,,,note,y,,\n"]);
        assert_eq!(table.lines().count(), 3);
    }

    #[test]
    fn without_rows() {
        assert_eq!(document(Format::Csv, &[]).lines().count(), 1);
        assert_eq!(document(Format::Json, &[]), "");
        assert_eq!(document(Format::Table, &[]), "no findings\n");
    }
}
