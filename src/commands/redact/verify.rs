//! Whether two captures have the same tables, but for names.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::{Map, Value};

use crate::analysis::findings::FindingCode;
use crate::analysis::rows::{Row, Sink, Table};
use crate::analysis::{Analyzer, AnalyzerOptions};
use crate::capture::Source;
use crate::capture::reader::CaptureError;
use crate::error::Error;

/// Rows of the original that wait for their likes.
const WAITING: usize = 1024;
/// Columns that hold names: one for one, others are allowed.
pub(super) const NAMES: [&str; 5] = ["url", "client", "server", "cname", "rtsp_session"];
/// Columns that hold texts with names in them: others as long are allowed. A host is known by its name only from some
/// message on, so the same text may become two.
pub(super) const TEXTS: [&str; 3] = ["reason", "product", "detail"];
/// Columns whose texts redaction leaves as they are, and the name of the file, which nobody compares.
#[cfg(test)]
const KEPT: [&str; 5] = ["capture", "media", "encoding", "method", "advice"];
/// What to try when the captures differ.
const ADVICE: &str = "; nothing was written. This is a fault of redact: please report it with this line";
/// Names that are remembered.
pub(super) const MAX_NAMES: usize = 1 << 18;

/// What both captures have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Same {
    pub(super) payloads: u64,
    pub(super) messages: u64,
}

/// Packets before and behind a bad one that may have to do with it.
const AROUND: u64 = 10;

/// All that analysis can find.
pub(super) const OPTIONS: AnalyzerOptions =
    AnalyzerOptions { capture: String::new(), closely: true, buffer: AnalyzerOptions::BUFFER };

/// A row, apart from what it was made of.
#[derive(Debug)]
pub(super) struct OwnedRow {
    pub(super) table: Table,
    pub(super) cells: Map<String, Value>,
    /// Its text may be any: a finding that says why a payload is not of its format, of which the next reason may be seen
    /// first when it is blank.
    pub(super) any_text: bool,
}

/// Analyzes both captures and compares them row by row.
pub(super) fn verify(original: &Path, redacted: &Path) -> Result<Same, Error> {
    let (sender, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        let worker = scope.spawn(move || analyze(original, Rows(sender)).map(|_| ()));
        let compared = analyze(redacted, Comparison::new(receiver))
            .and_then(|comparison| comparison.finish().map_err(CaptureError::Tap))
            .map_err(|source| fault(original, source));
        // The first that failed tells why.
        let read = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match compared {
            Err(error) => Err(error),
            Ok(same) => read.map(|()| same).map_err(|source| Error::Capture { path: original.to_owned(), source }),
        }
    })
}

/// What was written is gone when this is read: only the original has a name.
fn fault(original: &Path, source: CaptureError) -> Error {
    let what = match source {
        CaptureError::Tap(source) => source,
        source => io::Error::other(format!("what it becomes can't be read: {source}{ADVICE}")),
    };
    Error::File { action: "redact", path: original.to_owned(), source: what }
}

fn analyze<S: Sink>(path: &Path, sink: S) -> Result<S, CaptureError> {
    let mut analyzer = Analyzer::new(OPTIONS, sink);
    let file = File::open(path).map_err(CaptureError::Tap)?;
    Source::read(file, &mut analyzer)?;
    analyzer.finish().map_err(CaptureError::Tap)
}

impl OwnedRow {
    pub(super) fn new(row: &Row<'_>) -> io::Result<Self> {
        let any_text = matches!(row, Row::Finding(finding) if finding.code == FindingCode::PayloadMalformed);
        match serde_json::to_value(row)? {
            Value::Object(cells) => Ok(Self { table: row.table(), cells, any_text }),
            _ => Err(io::Error::other("a row that is no object")),
        }
    }
}

/// Passes rows on.
struct Rows(SyncSender<OwnedRow>);

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.0.send(OwnedRow::new(row)?).map_err(|_| io::Error::other("the comparison has ended"))
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// Compares rows with those of the original.
struct Comparison {
    original: Receiver<OwnedRow>,
    /// For each column and name the other, both ways round.
    names: HashMap<(String, bool, String), String>,
    same: Same,
}

impl Comparison {
    fn new(original: Receiver<OwnedRow>) -> Self {
        Self { original, names: HashMap::new(), same: Same::default() }
    }

    /// The original has no more rows either.
    fn finish(self) -> io::Result<Same> {
        match self.original.recv() {
            Err(_) => Ok(self.same),
            Ok(row) => Err(difference(row.table, &row.cells, "it lacks a row")),
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
        fits(original, other) && known(false, original, other) && known(true, other, original)
    }

    fn compare(&mut self, row: &OwnedRow) -> io::Result<()> {
        let OwnedRow { table, cells, .. } = row;
        let Ok(expected) = self.original.recv() else {
            return Err(difference(*table, cells, "it has a row too many"));
        };
        if expected.table != *table {
            return Err(difference(
                *table,
                cells,
                &format!("it has this row instead of one of {}", expected.table.name()),
            ));
        }
        for (column, original) in &expected.cells {
            let other = cells.get(column).unwrap_or(&Value::Null);
            let name = column.as_str();
            let may_be = |(original, other)| expected.any_text || fits(original, other);
            let same = original == other
                || TEXTS.contains(&name) && original.as_str().zip(other.as_str()).is_some_and(may_be)
                || NAMES.contains(&name) && self.stands_for(column, original, other);
            if !same {
                return Err(difference(*table, &expected.cells, &format!("{column} is {other}, not {original}")));
            }
        }
        self.same.payloads += u64::from(*table == Table::Packets);
        self.same.messages += u64::from(*table == Table::Messages);
        Ok(())
    }
}

impl Sink for Comparison {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.compare(&OwnedRow::new(row)?)
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// Whether a text may be as long as another one was: what stands for a letter of several bytes has as many letters.
fn fits(original: &str, other: &str) -> bool {
    (original.chars().count()..=original.len()).contains(&other.chars().count())
}

/// What differs, where, and what to try.
fn difference(table: Table, cells: &Map<String, Value>, what: &str) -> io::Error {
    let table = table.name();
    let number = cells.get("frame_number").and_then(Value::as_u64);
    let (place, cut) = number.map_or_else(Default::default, |number| {
        let (from, to) = (number.saturating_sub(AROUND).max(1), number.saturating_add(AROUND));
        (
            format!(", frame {number}"),
            format!("; without the packets around that frame it may pass: editcap IN OUT {from}-{to}"),
        )
    });
    io::Error::other(format!("its analysis would be another one: table {table}{place}: {what}{ADVICE}{cut}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::rows::{ColumnKind, FindingRow};
    use serde_json::json;

    fn compare(original: &[Value], others: &[Value]) -> Result<(), String> {
        let (sender, receiver) = sync_channel(10);
        let cells = |value: &Value| OwnedRow {
            table: Table::Messages,
            cells: value.as_object().unwrap().clone(),
            any_text: value["code"] == FindingCode::PayloadMalformed.as_str(),
        };
        for value in original {
            sender.send(cells(value)).unwrap();
        }
        drop(sender);
        let mut comparison = Comparison::new(receiver);
        others.iter().try_for_each(|value| comparison.compare(&cells(value))).map_err(|error| error.to_string())?;
        comparison.finish().map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn who_is_at_fault_and_what_to_try() {
        let place = tempfile::tempdir().unwrap();
        let [original, redacted, cut] = ["in.pcap", ".x.part", ".y.part"].map(|name| place.path().join(name));
        let sample = std::fs::read("samples/wireshark/marker.pcap").unwrap();
        let mut other = sample.clone();
        other[10_357] = 0x82;
        for (path, bytes) in [(&original, &sample[..]), (&redacted, &other), (&cut, b"no capture")] {
            std::fs::write(path, bytes).unwrap();
        }
        assert!(verify(&original, &original).unwrap().payloads > 0);
        for (redacted, what) in [(&redacted, "table "), (&cut, "can't be read")] {
            let error = verify(&original, redacted).unwrap_err().to_string();
            assert!(error.starts_with(&format!("can't redact {}: ", original.display())), "{error}");
            assert!(!error.contains(".part") && error.contains(what), "{error}");
            assert!(error.contains("fault of redact: please report"), "{error}");
        }
        let cells = json!({"frame_number": 61});
        let error = difference(Table::Frames, cells.as_object().unwrap(), "bytes is 88, not 92").to_string();
        assert!(error.ends_with("editcap IN OUT 51-71"), "{error}");
    }

    #[test]
    fn every_column_of_texts_has_been_decided_upon() {
        for column in Table::ALL.into_iter().flat_map(Table::columns).filter(|column| column.kind == ColumnKind::Text) {
            let lists = [&NAMES[..], &TEXTS, &KEPT].map(|list| usize::from(list.contains(&column.name)));
            assert_eq!(lists.into_iter().sum::<usize>(), 1, "{}", column.name);
        }
    }

    #[test]
    fn only_the_reason_why_a_payload_is_malformed_may_be_any_text() {
        for code in FindingCode::ALL {
            let row = OwnedRow::new(&Row::Finding(FindingRow { code, ..<_>::default() })).unwrap();
            assert_eq!(row.any_text, code == FindingCode::PayloadMalformed, "{code}");
        }
    }

    #[test]
    fn texts_may_differ_and_the_same_may_become_two() {
        let row = |product: &str| json!({"product": product});
        assert_eq!(compare(&[row("camera"), row("camera")], &[row("camera"), row("x00000")]), Ok(()));
        assert!(compare(&[row("camera")], &[row("x0000")]).is_err());
        let finding = |code: &str, id: &str| json!({"code": code, "detail": id});
        assert_eq!(compare(&[finding("junk", "to ab")], &[finding("junk", "to x0")]), Ok(()));
        assert!(compare(&[finding("junk", "to ab")], &[finding("junk", "to x")]).is_err());
        let why = FindingCode::PayloadMalformed.as_str();
        assert_eq!(compare(&[finding(why, "a")], &[finding(why, "another")]), Ok(()));
    }

    #[test]
    fn names_may_differ_and_nothing_else() {
        let row = |url: &str, cseq: u32| json!({"url": url, "cseq": cseq, "frame_number": 7});
        let original = [row("rtsp://a", 1), row("rtsp://b", 2), row("rtsp://a", 3)];
        assert_eq!(compare(&original, &[row("rtsp://x", 1), row("rtsp://y", 2), row("rtsp://x", 3)]), Ok(()));
        assert_eq!(compare(&[row("rtsp://\u{f6}", 1)], &[row("rtsp://x0", 1)]), Ok(()));
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
