//! Captures that other tools rotate or cut: they tell what the whole does.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers::Peer;
use crate::process::run;
use crate::recorder::{Place, Row, TOOL_LIMIT, record, rtsp_rec};
use crate::wire::{Rotated, files};

/// Seconds between files, and of the session.
const EACH: &str = "1";
const SESSION: &str = "4s";

/// A table of several captures, without what names them.
fn rows(captures: &[PathBuf], table: &str) -> Vec<Row> {
    let outcome = run(rtsp_rec().arg("analyze").args(captures).args(["--table", table]), TOOL_LIMIT);
    outcome.expect_code(0);
    let mut reader = csv::Reader::from_reader(outcome.stdout.as_bytes());
    let mut rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().expect("a table");
    for row in &mut rows {
        row.retain(|column, _| !["capture", "frame_number"].contains(&column.as_str()));
    }
    rows
}

#[track_caller]
fn assert_same(whole: &Path, mut parts: Vec<PathBuf>) {
    assert!(parts.len() > 2, "{parts:?}");
    let names: Vec<_> = parts.iter().filter_map(|part| part.file_name()).map(ToOwned::to_owned).collect();
    for _ in 0..2 {
        for table in ["streams", "packets", "sender_reports", "report_blocks", "messages", "findings"] {
            assert!(rows(&parts, table) == rows(&[whole.to_owned()], table), "{table} of {names:?}");
        }
        parts.reverse();
    }
}

fn wireshark(tool: &str, arguments: &[&str], files: &[&Path]) {
    run(Command::new(tool).args(arguments).args(files), TOOL_LIMIT).expect_code(0);
}

/// What tcpdump rotates by time, and what editcap makes of the whole by packets and by time.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn of_tcpdump_and_editcap() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let folder = |name: &str| {
        let folder = place.dir().join(name);
        std::fs::create_dir(&folder).expect("a folder can be made");
        folder
    };
    let wire = Rotated::tap(&folder("rotated"), server.port, EACH);
    record(&server.url("av"), &place.file(), &["-d", SESSION]).expect_code(0);
    let parts = wire.stop();
    let whole = place.dir().join("whole.pcap");
    let mut merged: Vec<&Path> = vec![&whole];
    merged.extend(parts.iter().map(PathBuf::as_path));
    wireshark("mergecap", &["-a", "-F", "pcap", "-w"], &merged);
    assert_same(&whole, parts);
    for (name, cut) in [("by_packets", ["-c", "150"]), ("by_time", ["-i", EACH])] {
        let folder = folder(name);
        wireshark("editcap", &cut, &[&whole, &folder.join("part.pcapng")]);
        assert_same(&whole, files(&folder));
    }
}
