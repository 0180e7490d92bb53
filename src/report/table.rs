//! Tables for people: aligned columns.
//!
//! The width of a column is known once the last row is, so rows are read twice.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Read, Seek, Write};

use anstyle::{AnsiColor, Style};
use csv::{Reader, StringRecord};
use unicode_width::UnicodeWidthStr;

use crate::analysis::findings::Severity;
use crate::analysis::rows::{ColumnKind, Table};
use crate::report::cells::is_number;
use crate::report::csv::into_io;
use crate::report::visible::visible;

/// As many rows stand side by side in a table that is turned over.
const SIDE_BY_SIDE: usize = 4;
/// The columns of `verdicts` that people look at.
const MATTERS: [&str; 8] = ["time_s", "frame_number", "session", "track", "event", "verdict", "count", "duration_ms"];
/// What stands where a value is not known.
const UNKNOWN: &str = "-";
/// What stands between columns.
const SPACE: &str = "  ";

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
        Table::Verdicts => with_details(&header, look, csv, out),
        _ => upright(table, &header, look, csv, out),
    }
}

fn rows<R: Read + Seek>(mut csv: R) -> io::Result<Reader<R>> {
    csv.rewind()?;
    Ok(Reader::from_reader(csv))
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

/// A line of what matters most in each row, and the evidence below it.
fn with_details(header: &StringRecord, look: Look, mut csv: impl Read + Seek, out: &mut impl Write) -> io::Result<()> {
    let place = |name: &str| header.iter().position(|column| column == name);
    let mut shown: Vec<usize> = MATTERS.iter().filter_map(|name| place(name)).collect();
    let mut captures = HashSet::new();
    for row in rows(&mut csv)?.records() {
        captures.extend(row.map_err(into_io)?.get(0).map(ToOwned::to_owned));
    }
    if captures.len() > 1 {
        shown.insert(0, 0);
    }
    let pick = |row: &StringRecord| shown.iter().filter_map(|place| row.get(*place)).collect::<StringRecord>();
    let names = pick(header);
    let mut columns: Vec<Column> = names.iter().map(Column::named).collect();
    for row in rows(&mut csv)?.records() {
        columns.iter_mut().zip(&pick(&row.map_err(into_io)?)).for_each(|(column, value)| column.fit(value));
    }
    line(&columns, names.iter().map(|name| (name, look.name())), out)?;
    rows(csv)?.records().try_for_each(|row| {
        let row = row.map_err(into_io)?;
        line(&columns, pick(&row).iter().map(|value| (value, Style::new())), out)?;
        let evidence = place("detail").and_then(|place| row.get(place)).unwrap_or_default();
        writeln!(out, "    {}", self::shown(evidence))
    })
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

/// How a table looks on a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Names in bold, and what is serious in its colour.
    pub coloured: bool,
}

impl Look {
    /// That of headings.
    pub(super) fn name(self) -> Style {
        if self.coloured { Style::new().bold() } else { Style::new() }
    }

    /// That of what should be looked at.
    pub(super) fn notable(self) -> Style {
        if self.coloured { AnsiColor::Yellow.on_default() } else { Style::new() }
    }

    /// That of a value. The rows stand in CSV, so a severity is its word here.
    fn value(self, is_severity: bool, value: &str) -> Style {
        let of_word = |severity: &Severity| self.coloured && is_severity && severity.as_str() == value;
        match Severity::ALL.into_iter().find(of_word) {
            Some(Severity::Error) => AnsiColor::Red.on_default().bold(),
            Some(Severity::Warning) => AnsiColor::Yellow.on_default(),
            Some(Severity::Note) | None => Style::new(),
        }
    }
}

/// How the cells below each other stand.
struct Column {
    width: usize,
    /// `None` until a value is known.
    numbers: Option<bool>,
}

impl Column {
    fn named(name: &str) -> Self {
        Self { width: name.width(), numbers: None }
    }

    fn of_texts(texts: &StringRecord) -> Self {
        let width = texts.iter().map(|text| shown(text).width()).max().unwrap_or(0);
        Self { width, numbers: None }
    }

    fn fit(&mut self, value: &str) {
        self.width = self.width.max(shown(value).width());
        if !value.is_empty() {
            self.numbers = Some(self.numbers != Some(false) && is_number(value));
        }
    }

    /// Spaces before and after a text.
    fn padding(&self, text: &str) -> (usize, usize) {
        let space = self.width.saturating_sub(text.width());
        if self.numbers == Some(true) { (space, 0) } else { (0, space) }
    }
}

fn line<'a>(
    columns: &[Column],
    cells: impl IntoIterator<Item = (&'a str, Style)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = String::new();
    for (column, (cell, style)) in columns.iter().zip(cells) {
        let text = shown(cell);
        let (before, after) = column.padding(&text);
        line.extend(std::iter::repeat_n(' ', before));
        // Writing to a String does not fail.
        let _ = write!(line, "{style}{text}{style:#}");
        line.extend(std::iter::repeat_n(' ', after));
        line += SPACE;
    }
    writeln!(out, "{}", line.trim_end())
}

fn shown(value: &str) -> Cow<'_, str> {
    if value.is_empty() { Cow::Borrowed(UNKNOWN) } else { visible(value) }
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
