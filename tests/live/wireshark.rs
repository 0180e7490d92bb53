//! Why Wireshark shows something else: docs/metrics.md says so, and these tests hold both tools to it, on the captures
//! of samples/wireshark.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::judges::Capture;
use crate::process::run;
use crate::recorder::{Place, Row, TOOL_LIMIT, table};

/// A line of `tshark -q -z rtp,streams`.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) ssrc: String,
    pub(crate) payload: String,
    pub(crate) packets: u32,
    lost: i32,
    /// Minimum, mean, maximum.
    delta: [f64; 3],
    pub(crate) jitter: [f64; 3],
}

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/wireshark").join(name).with_extension("pcap")
}

/// What tshark says of a capture's only stream.
fn tshark(name: &str) -> Line {
    let mut lines = streams(&capture(name));
    assert_eq!(lines.len(), 1, "tshark sees one stream: {lines:?}");
    lines.remove(0)
}

/// What tshark says of the RTP streams of a capture.
pub(crate) fn streams(file: &Path) -> Vec<Line> {
    let outcome = run(Command::new("tshark").args(["-q", "-z", "rtp,streams", "-r"]).arg(file), TOOL_LIMIT);
    outcome.stdout.lines().filter(|line| line.contains(" 0x")).map(line).collect()
}

fn line(line: &str) -> Line {
    // The name of the payload may have spaces: from both ends.
    let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "X").collect();
    let (rest, figures) = words.split_at(words.len() - 6);
    let figures: Vec<f64> = figures.iter().map(|word| word.parse().expect("a number")).collect();
    let [_start, _end, _from, _from_port, _to, _to_port, ssrc, payload @ .., packets, lost, _percent] = rest else {
        panic!("{words:?}")
    };
    Line {
        ssrc: (*ssrc).to_owned(),
        payload: payload.join(" "),
        packets: packets.parse().expect("a number"),
        lost: lost.parse().expect("a number"),
        delta: [figures[0], figures[1], figures[2]],
        jitter: [figures[3], figures[4], figures[5]],
    }
}

/// The rows of `streams`.
fn ours(name: &str) -> Vec<Row> {
    table(&capture(name), "streams")
}

#[track_caller]
fn assert_cells(row: &Row, cells: &[(&str, &str)]) {
    for (column, value) in cells {
        assert_eq!(row[*column], *value, "{column}");
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn captures_are_those_of_the_script() {
    let place = Place::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/wireshark.py");
    let python = crate::peers::prepared("venv/bin/python");
    run(Command::new(python).arg("-B").arg(script).arg(place.dir()), TOOL_LIMIT).expect_code(0);
    let made = place.dir().read_dir().expect("a folder").map(|entry| entry.expect("readable").path());
    let mut count = 0;
    for path in made {
        count += 1;
        let kept = capture(&path.file_stem().expect("a name").to_string_lossy());
        assert!(std::fs::read(&path).ok() == std::fs::read(&kept).ok(), "{} is another one", kept.display());
    }
    assert_eq!(count, 6);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn no_clock_for_dynamic_payload_types() {
    assert_eq!(tshark("dynamic_payload_type").jitter[1..], [0.0, 0.0]);
    let cells = [("jitter_max_ms", "3.911210"), ("jitter_mean_ms", "3.005625"), ("clock_rate_hz", "90000")];
    assert_cells(&ours("dynamic_payload_type")[0], &cells);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn packets_with_the_marker_are_left_out() {
    let theirs = tshark("marker");
    assert_eq!((theirs.packets, theirs.delta, theirs.jitter[2]), (60, [1.0, 17.816, 38.0], 1.321));
    let deltas = [("delta_min_ms", "1.000000"), ("delta_mean_ms", "12.915254"), ("delta_max_ms", "38.000000")];
    let row = &ours("marker")[0];
    assert_cells(row, &deltas);
    assert_cells(row, &[("packets", "60"), ("jitter_max_ms", "1.320839"), ("marker_packets", "20")]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn tracks_of_one_ssrc_are_merged() {
    let theirs = tshark("shared_ssrc");
    assert_eq!((theirs.packets, theirs.lost, theirs.jitter[2]), (120, 38_940, 964.679));
    let rows = ours("shared_ssrc");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_cells(&row, &[("packets", "60"), ("lost", "0"), ("jitter_max_ms", "0.000000")]);
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn duplicates_cancel_losses() {
    let theirs = tshark("duplicates");
    assert_eq!((theirs.packets, theirs.lost, theirs.jitter[2]), (60, 0, 1.177));
    let cells = [("lost", "0"), ("missing", "4"), ("duplicates", "4"), ("jitter_max_ms", "0.000000")];
    assert_cells(&ours("duplicates")[0], &cells);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn clock_rates_are_rounded() {
    assert_eq!(tshark("clock_rate_11025").jitter[1..], [0.068, 0.089]);
    let cells = [("clock_rate_hz", "11025"), ("jitter_max_ms", "0.000000"), ("jitter_mean_ms", "0.000000")];
    assert_cells(&ours("clock_rate_11025")[0], &cells);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn many_frames_in_a_segment_are_miscounted() {
    let theirs = tshark("many_frames_in_a_segment");
    assert_eq!((theirs.packets, theirs.lost, theirs.jitter[2]), (64, -4, 30.343));
    let cells = [("packets", "64"), ("lost", "0"), ("missing", "0"), ("jitter_max_ms", "37.557675")];
    assert_cells(&ours("many_frames_in_a_segment")[0], &cells);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_good_description_is_called_malformed() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/gstreamer_h264_aac.pcapng");
    let complaints = Capture::ours(sample).complaints();
    assert!(complaints.iter().any(|complaint| complaint.starts_with("Malformed ")), "{complaints:?}");
}
