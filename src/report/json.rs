//! Rows as JSON: an object a line, with the names of the columns as its keys.
//!
//! Numbers are numbers, with the decimals that CSV has; times, SSRCs and other texts are strings; an unknown value is
//! `null`.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::cells::{Cell, each_cell};
use crate::report::lines::Lines;

/// One table.
pub struct JsonTable<W: Write> {
    lines: Lines<W>,
}

impl<W: Write> JsonTable<W> {
    /// A table without rows.
    pub const fn new(out: W) -> Self {
        Self { lines: Lines::new(out) }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Those of the output.
    pub fn row(&mut self, row: &impl Serialize) -> io::Result<()> {
        let lines = &mut self.lines.bytes;
        let mut before = b'{';
        each_cell(row, |name, cell| {
            lines.push(before);
            before = b',';
            member(lines, name, cell)
        })?;
        lines.extend_from_slice(b"}\n");
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
}

/// A name, which is a Rust identifier and needs no escapes, and its value.
fn member(line: &mut Vec<u8>, name: &str, cell: Cell<'_>) -> io::Result<()> {
    line.push(b'"');
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
    match cell {
        Cell::Empty => line.extend_from_slice(b"null"),
        Cell::Number(digits) => line.extend_from_slice(digits.as_bytes()),
        Cell::Text(text) => serde_json::to_writer(line, text)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::cell::{Fixed, Ssrc};
    use crate::analysis::rows::{SenderReportRow, Table};

    fn json(row: &impl Serialize) -> String {
        let mut table = JsonTable::new(Vec::new());
        table.row(row).unwrap();
        String::from_utf8(table.finish().unwrap()).unwrap()
    }

    #[test]
    fn looks_like_this() {
        let row = SenderReportRow {
            capture: "a \"b\".pcapng",
            ssrc: Ssrc(0x1a),
            received_octets: Some(0),
            offset_ms: Some(Fixed(-1.5)),
            cname: Some("12\u{1b}[0m\n"),
            ..<_>::default()
        };
        insta::assert_snapshot!(json(&row));
    }

    proptest! {
        /// Whatever a server calls itself: one line, which every reader of JSON takes.
        #[test]
        fn texts_come_back(cname: String, offset in -1e9..1e9) {
            let row = SenderReportRow { cname: Some(&cname), offset_ms: Some(Fixed(offset)), ..<_>::default() };
            let line = json(&row);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(read["cname"].as_str(), Some(cname.as_str()));
            prop_assert_eq!(read["offset_ms"].as_f64(), Fixed::<6>(offset).to_string().parse().ok());
            prop_assert!(Table::SenderReports.columns().iter().all(|column| read.contains_key(column.name)));
        }
    }
}
