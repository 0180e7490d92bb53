//! Streams that nothing describes have the figures of those that are described: of each sample all messages are taken
//! away, and what is inferred must be what they said.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rtsp_rec::analysis::rows::{Row, Sink, Table};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::Source;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::trace::{Payload, Tap, TraceEvent};
use serde_json::{Map, Value};

/// The rows of `streams`.
#[derive(Default)]
struct Streams(Vec<Map<String, Value>>);

impl Sink for Streams {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if let Row::Stream(row) = row {
            let Value::Object(row) = serde_json::to_value(row).unwrap() else { panic!("a row is an object") };
            self.0.push(row);
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        table == Table::Streams
    }
}

/// Hands on what is no message.
struct Mute(Analyzer<Streams>);

impl Tap for Mute {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        match event.payload {
            Payload::Pdu(pdu) if matches!(pdu.kind, PduKind::Message { .. }) => Ok(()),
            _ => self.0.event(event),
        }
    }
}

fn analyzer() -> Analyzer<Streams> {
    Analyzer::new(AnalyzerOptions::default(), Streams::default())
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
            found.push(path);
        }
    }
}

/// What the messages alone tell; and reports that come before the clock is known have no offset.
const OF_MESSAGES: [&str; 7] =
    ["url", "track", "media", "encoding", "inferred", "play_to_first_packet_ms", "play_to_key_frame_ms"];
const OF_REPORTS: [&str; 3] = ["sr_offset_spread_ms", "sr_drift_ppm", "ntp_drift_ppm"];

#[test]
fn figures_are_those_of_described_streams() {
    let mut paths = Vec::new();
    captures(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"), &mut paths);
    let mut inferred = 0;
    for path in paths {
        let name = path.display();
        let mut described = analyzer();
        Source::read(File::open(&path).unwrap(), &mut described).unwrap();
        let mut mute = Mute(analyzer());
        Source::read(File::open(&path).unwrap(), &mut mute).unwrap();
        let (described, found) = (described.finish().unwrap().0, mute.0.finish().unwrap().0);
        for row in &found {
            let same =
                |other: &&Map<String, Value>| ["ssrc", "direction", "channel"].iter().all(|c| row[*c] == other[*c]);
            let Some(known) = described.iter().find(same) else { continue };
            assert_eq!(known["inferred"], Value::Null, "{name}");
            let lower = |value: &Value| value.as_str().map(str::to_lowercase);
            for column in ["encoding", "clock_rate_hz"] {
                let told =
                    row["inferred"].as_str().is_some_and(|columns| columns.split(' ').any(|word| word == column));
                assert_eq!(told, row[column] != Value::Null, "{name}: {column} of {row:?}");
                if told && column == "encoding" {
                    assert_eq!(lower(&row[column]), lower(&known[column]), "{name}");
                }
            }
            if row["inferred"] != "encoding clock_rate_hz" {
                continue;
            }
            inferred += 1;
            let other =
                |column: &&String| !OF_MESSAGES.contains(&column.as_str()) && !OF_REPORTS.contains(&column.as_str());
            for column in row.keys().filter(other) {
                assert_eq!(row[column], known[column], "{name}: {column} of {}", row["ssrc"]);
            }
        }
    }
    assert!(inferred >= 12, "{inferred} streams");
}
