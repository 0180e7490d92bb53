//! The table `verdicts` for people: who has to look first, then a line for each event, its evidence and what to do next.

use std::collections::HashSet;
use std::io::{self, Read, Seek, Write};

use anstyle::Style;
use csv::StringRecord;

use crate::analysis::verdicts::FaultSide;
use crate::report::csv::into_io;
use crate::report::sides::SideCounts;
use crate::report::table::aligned::{Column, Look, line, rows, shown};

/// What the columns are called. The first stands there where rows are of several captures.
const NAMES: [&str; 10] =
    ["capture", "time of day", "seconds", "incident", "session", "media", "event", "verdict", "side", "count"];

/// Writes the rows, whose columns `header` names.
pub(super) fn render(
    header: &StringRecord,
    look: Look,
    mut csv: impl Read + Seek,
    out: &mut impl Write,
) -> io::Result<()> {
    let (mut captures, mut sides) = (HashSet::new(), SideCounts::default());
    let mut columns: Vec<Column> = NAMES.into_iter().map(Column::named).collect();
    for row in rows(&mut csv)?.records() {
        let row = row.map_err(into_io)?;
        let row = VerdictCells { header, row: &row };
        captures.insert(row.get("capture").to_owned());
        sides.add(row.side(), row.get("session").parse().unwrap_or_default(), row.get("incident").parse().ok());
        columns.iter_mut().zip(row.shown()).for_each(|(column, value)| column.fit(&value));
    }
    let skipped = usize::from(captures.len() < 2);
    writeln!(out, "{sides}")?;
    let columns = columns.get(skipped..).unwrap_or_default();
    line(columns, NAMES.into_iter().skip(skipped).map(|name| (name, look.name())), out)?;
    rows(csv)?.records().try_for_each(|row| {
        let row = row.map_err(into_io)?;
        let row = VerdictCells { header, row: &row };
        let cells = row.shown();
        line(columns, cells.iter().skip(skipped).map(|value| (&**value, Style::new())), out)?;
        let place = row.get("frame_number");
        let place = if place.is_empty() { String::new() } else { format!("frame {place}: ") };
        writeln!(out, "    {place}{}", shown(row.get("detail")))?;
        if !row.get("advice").is_empty() {
            writeln!(out, "    {}", shown(row.get("advice")))?;
        }
        Ok(())
    })
}

/// The cells of a row by the names of their columns.
struct VerdictCells<'a> {
    header: &'a StringRecord,
    row: &'a StringRecord,
}

impl<'a> VerdictCells<'a> {
    /// Empty where there is no such column.
    fn get(&self, name: &str) -> &'a str {
        let place = self.header.iter().position(|column| column == name);
        place.and_then(|place| self.row.get(place)).unwrap_or_default()
    }

    /// As the word in CSV has it.
    fn side(&self) -> FaultSide {
        let word = self.get("side");
        FaultSide::ALL.into_iter().find(|side| side.as_str() == word).unwrap_or_default()
    }

    /// The cells below [`NAMES`].
    fn shown(&self) -> [String; NAMES.len()] {
        let text = |name| self.get(name).to_owned();
        [
            text("capture"),
            self.time_of_day(),
            self.seconds(),
            text("incident"),
            text("session"),
            self.media(),
            text("event"),
            text("verdict"),
            text("side"),
            text("count"),
        ]
    }

    /// Hours to milliseconds, in UTC; the day is that of the capture.
    fn time_of_day(&self) -> String {
        let of_day = self.get("time_utc").split_once('T').map(|(_, time)| time);
        of_day.and_then(|time| time.get(..12)).unwrap_or_default().to_owned()
    }

    /// From when to when, to a hundredth of a second: nobody sees less.
    fn seconds(&self) -> String {
        let rounded = |name| self.get(name).parse::<f64>().map(|seconds| format!("{seconds:.2}")).unwrap_or_default();
        let (from, to) = (rounded("from_s"), rounded("to_s"));
        if from == to { from } else { format!("{from}–{to}") }
    }

    /// What the track carries, or which one it is where nothing says so.
    fn media(&self) -> String {
        match (self.get("media"), self.get("track")) {
            ("", "") => String::new(),
            ("", track) => format!("track {track}"),
            (media, _) => media.to_owned(),
        }
    }
}
