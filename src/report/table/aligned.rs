//! Cells below each other, each column as wide as its longest cell.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Read, Seek, Write};

use anstyle::{AnsiColor, Style};
use csv::{Reader, StringRecord};
use unicode_width::UnicodeWidthStr;

use crate::analysis::findings::Severity;
use crate::report::cells::is_number;
use crate::report::visible::visible;

/// What stands where a value is not known.
const UNKNOWN: &str = "-";
/// What stands between columns.
const SPACE: &str = "  ";

/// The rows of a table that comes as CSV, from the first.
pub(super) fn rows<R: Read + Seek>(mut csv: R) -> io::Result<Reader<R>> {
    csv.rewind()?;
    Ok(Reader::from_reader(csv))
}

/// How a table looks on a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// Names in bold, and what is serious in its colour.
    pub coloured: bool,
}

impl Look {
    /// That of headings.
    pub(in crate::report) fn name(self) -> Style {
        if self.coloured { Style::new().bold() } else { Style::new() }
    }

    /// That of what should be looked at.
    pub(in crate::report) fn notable(self) -> Style {
        if self.coloured { AnsiColor::Yellow.on_default() } else { Style::new() }
    }

    /// That of a value. The rows stand in CSV, so a severity is its word here.
    pub(super) fn value(self, is_severity: bool, value: &str) -> Style {
        let of_word = |severity: &Severity| self.coloured && is_severity && severity.as_str() == value;
        match Severity::ALL.into_iter().find(of_word) {
            Some(Severity::Error) => AnsiColor::Red.on_default().bold(),
            Some(Severity::Warning) => AnsiColor::Yellow.on_default(),
            Some(Severity::Note) | None => Style::new(),
        }
    }
}

/// How the cells below each other stand.
pub(super) struct Column {
    width: usize,
    /// `None` until a value is known.
    numbers: Option<bool>,
}

impl Column {
    /// A column below this name.
    pub(super) fn named(name: &str) -> Self {
        Self { width: name.width(), numbers: None }
    }

    /// A column of these texts.
    pub(super) fn of_texts(texts: &StringRecord) -> Self {
        let width = texts.iter().map(|text| shown(text).width()).max().unwrap_or(0);
        Self { width, numbers: None }
    }

    /// Makes room for a value.
    pub(super) fn fit(&mut self, value: &str) {
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

/// Writes a line of cells, each in its column.
pub(super) fn line<'a>(
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

/// A value as it is shown.
pub(super) fn shown(value: &str) -> Cow<'_, str> {
    if value.is_empty() { Cow::Borrowed(UNKNOWN) } else { visible(value) }
}
