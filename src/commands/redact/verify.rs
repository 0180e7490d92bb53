//! Whether two captures have the same tables, but for names.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Map, Value};

use crate::analysis::rows::{Row, Sink, Table};
use crate::analysis::{Analyzer, AnalyzerOptions};
use crate::capture::Source;
use crate::capture::reader::CaptureError;
use crate::commands::open_capture;
use crate::error::Error;

/// Rows of the original that wait for their likes.
const WAITING: usize = 1024;
/// Columns that hold names: one for one, others are allowed.
const NAMES: [&str; 5] = ["url", "client", "server", "cname", "reason"];
/// Names that are remembered.
const MAX_NAMES: usize = 1 << 18;

/// What both captures have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Same {
    pub(super) payloads: u64,
    pub(super) messages: u64,
}

type Line = (Table, Map<String, Value>);

/// Analyzes both captures and compares them row by row.
pub(super) fn verify(original: &Path, redacted: &Path) -> Result<Same, Error> {
    let (sender, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        let worker = scope.spawn(move || analyze(original, Rows(sender)).map(|_| ()));
        let compared = analyze(redacted, Comparison::new(receiver))
            .and_then(|comparison| comparison.finish().map_err(|source| differs(redacted, source)));
        // The first that failed tells why.
        let read = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match compared {
            Err(error) => Err(error),
            Ok(same) => read.map(|()| same),
        }
    })
}

fn differs(path: &Path, source: io::Error) -> Error {
    Error::File { action: "verify", path: path.to_owned(), source }
}

fn analyze<S: Sink>(path: &Path, sink: S) -> Result<S, Error> {
    let options = AnalyzerOptions { closely: true, ..AnalyzerOptions::default() };
    let mut analyzer = Analyzer::new(options, sink);
    match Source::read(open_capture(path)?, &mut analyzer) {
        Ok(_) => analyzer.finish().map_err(|source| differs(path, source)),
        Err(CaptureError::Tap(source)) => Err(differs(path, source)),
        Err(source) => Err(Error::Capture { path: path.to_owned(), source }),
    }
}

fn line(row: &Row<'_>) -> io::Result<Line> {
    match serde_json::to_value(row)? {
        Value::Object(cells) => Ok((row.table(), cells)),
        _ => Err(io::Error::other("a row that is no object")),
    }
}

/// Passes rows on.
struct Rows(SyncSender<Line>);

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.0.send(line(row)?).map_err(|_| io::Error::other("the comparison has ended"))
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// Compares rows with those of the original.
struct Comparison {
    original: Receiver<Line>,
    /// For each column and name the other, both ways round.
    names: HashMap<(String, bool, String), String>,
    same: Same,
}

impl Comparison {
    fn new(original: Receiver<Line>) -> Self {
        Self { original, names: HashMap::new(), same: Same::default() }
    }

    /// The original has no more rows either.
    fn finish(self) -> io::Result<Same> {
        match self.original.recv() {
            Err(_) => Ok(self.same),
            Ok((table, cells)) => Err(difference(table, &cells, "it lacks a row")),
        }
    }

    /// Whether a name stands for another one always, and for no other.
    fn stands_for(&mut self, column: &str, original: &Value, other: &Value) -> bool {
        let (Some(original), Some(other)) = (original.as_str(), other.as_str()) else { return original == other };
        if self.names.len() > MAX_NAMES {
            return true;
        }
        let mut known = |way, from: &str, to: &str| {
            self.names.entry((column.to_owned(), way, from.to_owned())).or_insert_with(|| to.to_owned()) == to
        };
        original.chars().count() == other.chars().count()
            && known(false, original, other)
            && known(true, other, original)
    }

    fn compare(&mut self, (table, cells): &Line) -> io::Result<()> {
        let Ok((expected_table, expected)) = self.original.recv() else {
            return Err(difference(*table, cells, "it has a row too many"));
        };
        if expected_table != *table {
            return Err(difference(
                *table,
                cells,
                &format!("it has this row instead of one of {}", expected_table.name()),
            ));
        }
        for (column, original) in &expected {
            let other = cells.get(column).unwrap_or(&Value::Null);
            let same =
                original == other || NAMES.contains(&column.as_str()) && self.stands_for(column, original, other);
            if !same {
                return Err(difference(*table, &expected, &format!("{column} is {other}, not {original}")));
            }
        }
        self.same.payloads += u64::from(*table == Table::Packets);
        self.same.messages += u64::from(*table == Table::Messages);
        Ok(())
    }
}

impl Sink for Comparison {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.compare(&line(row)?)
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// What differs, and where.
fn difference(table: Table, cells: &Map<String, Value>, what: &str) -> io::Error {
    let frame = cells.get("frame_number").map_or_else(String::new, |number| format!(", frame {number}"));
    io::Error::other(format!(
        "its analysis is another one: table {}{frame}: {what}; the redacted capture was not kept",
        table.name()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compare(original: &[Value], others: &[Value]) -> Result<(), String> {
        let (sender, receiver) = sync_channel(10);
        let cells = |value: &Value| (Table::Messages, value.as_object().unwrap().clone());
        for value in original {
            sender.send(cells(value)).unwrap();
        }
        drop(sender);
        let mut comparison = Comparison::new(receiver);
        others.iter().try_for_each(|value| comparison.compare(&cells(value))).map_err(|error| error.to_string())?;
        comparison.finish().map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn names_may_differ_and_nothing_else() {
        let row = |url: &str, cseq: u32| json!({"url": url, "cseq": cseq, "frame_number": 7});
        let original = [row("rtsp://a", 1), row("rtsp://b", 2), row("rtsp://a", 3)];
        assert_eq!(compare(&original, &[row("rtsp://x", 1), row("rtsp://y", 2), row("rtsp://x", 3)]), Ok(()));
        for (others, why) in [
            (vec![row("rtsp://x", 1), row("rtsp://x", 2), row("rtsp://x", 3)], "url is"),
            (vec![row("rtsp://x", 1), row("rtsp://y", 2), row("rtsp://y", 3)], "url is"),
            (vec![row("rtsp://xx", 1)], "url is"),
            (vec![row("rtsp://x", 4)], "cseq is 4, not 1"),
            (vec![row("rtsp://x", 1)], "it lacks a row"),
            (vec![row("rtsp://x", 1), row("rtsp://y", 2), row("rtsp://x", 3), row("", 4)], "a row too many"),
        ] {
            let error = compare(&original, &others).unwrap_err();
            assert!(error.contains(why) && error.contains("table messages, frame 7"), "{error}");
        }
    }
}
