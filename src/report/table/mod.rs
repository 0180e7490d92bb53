//! Tables for people: aligned columns.
//!
//! The width of a column is known once the last row is, so rows are read twice.

mod aligned;
mod verdicts;

use std::io::{self, Read, Seek, Write};

use anstyle::Style;
use csv::StringRecord;

use crate::analysis::findings::Severity;
use crate::analysis::rows::{ColumnKind, Table};
use crate::report::csv::into_io;
use crate::report::table::aligned::{Column, line, rows};

pub use aligned::Look;

/// As many rows stand side by side in a table that is turned over.
const SIDE_BY_SIDE: usize = 4;

/// Writes the aligned form of a table that comes as CSV, header and rows.
///
/// # Errors
/// If it is no CSV; and those of the output.
pub fn render(table: Table, look: Look, mut csv: impl Read + Seek, out: &mut impl Write) -> io::Result<()> {
    let header = rows(&mut csv)?.headers().map_err(into_io)?.clone();
    if rows(&mut csv)?.records().next().is_none() {
        return writeln!(out, "no {}", table.name().replace('_', " "));
    }
    match table {
        // That one has too many columns: a line for each.
        Table::Streams => turned(&header, look, csv, out),
        Table::Verdicts => verdicts::render(&header, look, csv, out),
        _ => upright(table, &header, look, csv, out),
    }
}

/// A line for each row.
fn upright(
    table: Table,
    header: &StringRecord,
    look: Look,
    mut csv: impl Read + Seek,
    out: &mut impl Write,
) -> io::Result<()> {
    let of_severities = header.iter().map(|name| has_severities(table, name)).collect::<Vec<_>>();
    let mut columns: Vec<Column> = header.iter().map(Column::named).collect();
    for row in rows(&mut csv)?.records() {
        columns.iter_mut().zip(&row.map_err(into_io)?).for_each(|(column, value)| column.fit(value));
    }
    line(&columns, header.iter().map(|name| (name, look.name())), out)?;
    rows(csv)?.records().try_for_each(|row| {
        let row = row.map_err(into_io)?;
        let cells = of_severities.iter().zip(&row);
        line(&columns, cells.map(|(colours, value)| (value, look.value(*colours, value))), out)
    })
}

/// Whether the cells of a column hold severities, which have colours.
fn has_severities(table: Table, name: &str) -> bool {
    const SEVERITIES: ColumnKind = ColumnKind::Word { words: Severity::WORDS };
    table.columns().iter().any(|column| column.name == name && column.kind == SEVERITIES)
}

/// A line for each column, with a few rows side by side; an empty line, then the next few.
fn turned(header: &StringRecord, look: Look, csv: impl Read + Seek, out: &mut impl Write) -> io::Result<()> {
    let mut reader = rows(csv)?;
    let mut records = reader.records();
    for block in 0.. {
        let rows: Vec<_> = records.by_ref().take(SIDE_BY_SIDE).collect::<Result<_, _>>().map_err(into_io)?;
        if rows.is_empty() {
            break;
        }
        if block > 0 {
            writeln!(out)?;
        }
        side_by_side(header, look, &rows, out)?;
    }
    Ok(())
}

fn side_by_side(header: &StringRecord, look: Look, rows: &[StringRecord], out: &mut impl Write) -> io::Result<()> {
    let columns: Vec<Column> = std::iter::once(header).chain(rows).map(Column::of_texts).collect();
    header.iter().enumerate().try_for_each(|(index, name)| {
        let values = rows.iter().map(|row| row.get(index).unwrap_or_default());
        let cells = values.map(|value| (value, Style::new()));
        line(&columns, std::iter::once((name, look.name())).chain(cells), out)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn rendered(table: Table, csv: &str) -> String {
        let mut out = Vec::new();
        render(table, Look::default(), Cursor::new(csv), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let csv = "name,count,mixed,empty\nvideo,5,1,\n\"a\x1b[2J\nb\",1000,x,\n音声,,2,\n";
        insta::assert_snapshot!(rendered(Table::Messages, csv));
    }

    #[test]
    fn colour_moves_nothing() {
        let csv = "severity,code,count\nerror,a,1\nwarning,bb,20\nnote,error,3\n";
        let mut out = Vec::new();
        render(Table::Findings, Look { coloured: true }, Cursor::new(csv), &mut out).unwrap();
        let coloured = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(coloured.replace('\x1b', "ESC"));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), rendered(Table::Findings, csv));
    }

    #[test]
    fn streams_are_turned_over() {
        let line = |cell: &dyn Fn(usize) -> String| (0..25).map(cell).collect::<Vec<_>>().join(",") + "\n";
        let header = line(&|column| format!("column_{column}"));
        let rows: String = (0..5).map(|row| line(&|column| format!("{}", row * column))).collect();
        let text = rendered(Table::Streams, &(header + &rows));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 25 + 1 + 25);
        assert_eq!(lines[24], "column_24  0  24  48  72");
        assert_eq!(lines[25], "");
        assert_eq!(lines[50], "column_24  96");
    }

    #[test]
    fn no_rows() {
        assert_eq!(rendered(Table::SenderReports, "capture,cname\n"), "no sender reports\n");
    }
}
