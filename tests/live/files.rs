//! Where recordings go: disks that stall or are full, files that are rotated, compressed, without media, one a target.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::endings::assert_one_clear_line;
use crate::flood::{Flood, Load};
use crate::judges::{Capture, assert_opens};
use crate::peers::Peer;
use crate::process::{Running, await_that, run};
use crate::recorder::{
    Place, RECORD_LIMIT, Row, TOOL_LIMIT, assert_holds_no_session, in_terminal, number, record, record_command,
    rtsp_rec, size, table,
};

/// So long does the reader of a pipe pause.
const PAUSE: Duration = Duration::from_secs(3);
/// What it has taken by then.
const BEFORE: usize = 100_000;

/// A pipe with a name.
fn pipe(place: &Place) -> PathBuf {
    let path = place.dir().join("pipe");
    run(Command::new("mkfifo").arg(&path), TOOL_LIMIT).expect_code(0);
    path
}

/// Copies what comes through the pipe to the place's file, with a pause.
fn read_with_pause(pipe: &Path, place: &Place) -> thread::JoinHandle<()> {
    let (pipe, file) = (pipe.to_owned(), place.file());
    thread::spawn(move || {
        let mut from = File::open(pipe).expect("it is there");
        let mut to = File::create(file).expect("the folder is writable");
        let mut first = vec![0; BEFORE];
        from.read_exact(&mut first).expect("so much comes");
        to.write_all(&first).expect("the disk has room");
        // Here the pause itself is what is wanted.
        thread::sleep(PAUSE);
        std::io::copy(&mut from, &mut to).expect("the rest comes");
    })
}

/// Records what a server of this load sends through a pipe whose reader pauses. The streams, the findings, and the most
/// memory that it took.
fn record_through_pipe(load: Load) -> (Vec<Row>, Vec<Row>, u64) {
    let (server, place) = (Flood::start(load), Place::new());
    let pipe = pipe(&place);
    let reader = read_with_pause(&pipe, &place);
    let recording = Running::start(&mut record_command(&server.urls(1)[0], &pipe, &["-f"]));
    await_that("the reader is behind its pause", RECORD_LIMIT, || size(&place.file()) > 2 * BEFORE as u64);
    let memory = recording.peak_memory();
    recording.finish(RECORD_LIMIT).expect_code(0);
    reader.join().expect("it read to the end");
    (table(&place.file(), "streams"), table(&place.file(), "findings"), memory)
}

fn codes(findings: &[Row]) -> Vec<&str> {
    findings.iter().map(|row| row["code"].as_str()).collect()
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_disk_that_stalls_changes_no_arrival_time() {
    let (streams, findings, _) = record_through_pipe(Load::MODEST);
    assert_eq!((number(&streams[0], "packets"), &*streams[0]["missing"]), (Load::MODEST.frames(), "0"));
    let longest: f64 = streams[0]["delta_max_ms"].parse().expect("a number");
    assert!(longest < 1000.0, "no packet came {longest} ms after the one before it: the pause was {PAUSE:?}");
    assert!(!codes(&findings).contains(&"recorder-paused"), "{findings:?}");
}

/// It takes a good part of the machine, so the test is one of `many`.
pub(crate) fn stalls_for_long() {
    let (streams, findings, memory) = record_through_pipe(Load::HEAVY);
    assert_eq!((number(&streams[0], "packets"), &*streams[0]["missing"]), (Load::HEAVY.frames(), "0"));
    assert!(codes(&findings).contains(&"recorder-paused"), "{findings:?}");
    assert!(memory < 110_000_000, "{memory} bytes");
}

/// Starts to record into a pipe whose reader has stopped.
fn record_for_nobody(server: &Flood, place: &Place) -> (Running, File) {
    let pipe = pipe(place);
    let recording = Running::start(&mut record_command(&server.urls(1)[0], &pipe, &["-f"]));
    let mut reader = File::open(pipe).expect("it is there");
    reader.read_exact(&mut vec![0; BEFORE]).expect("so much comes");
    (recording, reader)
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ctrl_c_waits_for_a_reader_only_so_long() {
    let (server, place) = (Flood::start(Load::HEAVY), Place::new());
    let (recording, _reader) = record_for_nobody(&server, &place);
    recording.signal("INT");
    let outcome = recording.finish(Duration::from_secs(10));
    assert_one_clear_line(&outcome);
    assert!(outcome.stderr.contains("takes nothing"), "{}", outcome.stderr);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ctrl_c_twice_waits_for_no_reader() {
    let (server, place) = (Flood::start(Load::HEAVY), Place::new());
    let (recording, _reader) = record_for_nobody(&server, &place);
    recording.signal("INT");
    thread::sleep(Duration::from_millis(200));
    recording.signal("INT");
    assert_one_clear_line(&recording.finish(Duration::from_secs(2)));
}

/// A list of targets, a line each.
fn targets(place: &Place, lines: &[String]) -> PathBuf {
    let path = place.dir().join("targets");
    fs::write(&path, lines.join("\n")).expect("the folder is writable");
    path
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn what_fails_for_one_target_touches_no_other() {
    let (server, place) = (Flood::start(Load::LIGHT), Place::new());
    let urls = server.urls(3);
    let list = targets(
        &place,
        &[
            format!("{} good", urls[0]),
            format!("{} full /dev/full", urls[1]),
            "rtsp://127.0.0.1:1/ refused".to_owned(),
            format!("{} nowhere {}", urls[2], place.dir().join("none/x.pcapng").display()),
        ],
    );
    let template = place.dir().join("{name}.pcapng");
    let mut command = rtsp_rec();
    command.args(["record", "-f", "--targets"]).arg(list).arg("-o").arg(template);
    let outcome = run(&mut command, RECORD_LIMIT);
    assert_one_clear_line(&outcome);
    assert!(outcome.stderr.contains("3 of 4 sessions failed"), "{}", outcome.stderr);
    for words in ["end of stream", "No space left", "refused", "No such file"] {
        assert!(outcome.stdout.contains(words), "{words} in {}", outcome.stdout);
    }
    let streams = table(&place.dir().join("good.pcapng"), "streams");
    assert_eq!(number(&streams[0], "packets"), Load::LIGHT.frames());
    assert_holds_no_session(&place.dir().join("refused.pcapng"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn two_hundred_targets_lose_nothing() {
    const TARGETS: usize = 200;
    let (server, place) = (Flood::start(Load::LIGHT), Place::new());
    let list = targets(&place, &server.urls(TARGETS));
    let mut command = rtsp_rec();
    command.args(["record", "-q", "--targets"]).arg(list).arg("-o").arg(place.dir().join("{number}.pcapng.zst"));
    run(&mut command, RECORD_LIMIT).expect_code(0);
    let mut command = rtsp_rec();
    command.arg("analyze").args((1..=TARGETS).map(|n| place.dir().join(format!("{n}.pcapng.zst"))));
    let outcome = run(&mut command, TOOL_LIMIT);
    let rows = csv::Reader::from_reader(outcome.stdout.as_bytes()).into_deserialize::<Row>();
    let rows: Vec<Row> = rows.collect::<Result<_, _>>().expect("a table");
    let sent: Vec<usize> = server.tally().sent.into_values().collect();
    assert_eq!((sent.len(), rows.len()), (TARGETS, TARGETS));
    assert!(rows.iter().zip(sent).all(|(row, sent)| number(row, "packets") == sent && row["missing"] == "0"));
}

/// The complete files of a rotated recording.
fn rotated(place: &Place) -> Vec<PathBuf> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("our own names");
    let mut names: Vec<String> =
        place.dir().read_dir().expect("it is there").map(|entry| name(entry.expect("it is there"))).collect();
    names.retain(|name| name.starts_with("cam-"));
    names.sort();
    names.iter().map(|name| place.dir().join(name)).collect()
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn each_rotated_file_stands_alone_in_wireshark() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    record(&server.url("av"), &place.dir().join("cam.pcapng"), &["-d", "4s", "--rotate-time", "1s"]).expect_code(0);
    let files = rotated(&place);
    assert!(files.len() >= 4, "{files:?}");
    let mut packets = 0;
    for (place, file) in files.iter().enumerate() {
        // The last one may end before each track has brought something.
        let tracks = if place + 1 < files.len() { 2..=2 } else { 0..=2 };
        assert_opens(file);
        let capture = Capture::ours(file.clone());
        assert_eq!(capture.methods()[..5], ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]);
        assert_eq!(capture.statuses()[..5], ["200"; 5]);
        let (of_tshark, ours) = (capture.count("rtp"), table(file, "streams"));
        assert_eq!(of_tshark, ours.iter().map(|row| number(row, "packets")).sum::<usize>(), "{file:?}");
        assert!(tracks.contains(&ours.len()), "{file:?}: {ours:?}");
        packets += of_tshark;
    }
    let comments = Capture::ours(files[1].clone()).count("frame.comment contains \"rtsp-rec: repeated\"");
    assert_eq!(comments, 10, "requests and answers");
    let outcome = run(rtsp_rec().arg("analyze").args(&files), TOOL_LIMIT);
    let rows: Result<Vec<Row>, _> = csv::Reader::from_reader(outcome.stdout.as_bytes()).into_deserialize().collect();
    let rows = rows.expect("a table");
    assert_eq!((rows.len(), rows.iter().map(|row| number(row, "packets")).sum::<usize>()), (2, packets));
    assert!(rows.iter().all(|row| row["missing"] == "0" && row["session"] == "1"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_terminal_that_closes_under_load_leaves_whole_files() {
    let (server, place) = (Flood::start(Load::HEAVY), Place::new());
    let (file, options) = (place.dir().join("cam.pcapng"), ["--rotate-size", "5MB"]);
    let recording = Running::start(&mut in_terminal(&record_command(&server.urls(1)[0], &file, &options)));
    await_that("the fourth file is begun", RECORD_LIMIT, || size(&place.dir().join(".cam-00004.pcapng.part")) > 0);
    recording.signal("HUP");
    recording.finish(RECORD_LIMIT).expect_code(0);
    let files = rotated(&place);
    assert!(files.len() >= 4 && files.len() == place.dir().read_dir().expect("it is there").count(), "{files:?}");
    for file in &files {
        assert_opens(file);
    }
    let outcome = run(rtsp_rec().arg("analyze").args(&files), TOOL_LIMIT);
    let rows: Result<Vec<Row>, _> = csv::Reader::from_reader(outcome.stdout.as_bytes()).into_deserialize().collect();
    assert!(rows.expect("a table").iter().all(|row| row["missing"] == "0"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_killed_rotation_leaves_its_part() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let options = ["--rotate-time", "2s", "--keep", "1"];
    let recording = Running::start(&mut record_command(&server.url("av"), &place.dir().join("cam.pcapng"), &options));
    await_that("the third file is begun", RECORD_LIMIT, || size(&place.dir().join(".cam-00003.pcapng.part")) > 0);
    recording.signal("KILL");
    drop(recording);
    assert_eq!(rotated(&place), [place.dir().join("cam-00002.pcapng")]);
    assert_opens(&place.dir().join(".cam-00003.pcapng.part"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn compressed_and_without_media() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let file = place.dir().join("cam.pcapng.zst");
    record(&server.url("short"), &file, &["--headers-only"]).expect_code(0);
    let streams = table(&file, "streams");
    let media: usize = streams.iter().map(|row| number(row, "payload_bytes")).sum();
    assert!(size(&file) * 4 < media as u64, "{} bytes of {media} bytes of media", size(&file));
    let packets: usize = streams.iter().map(|row| number(row, "packets")).sum();
    assert_eq!(Capture::ours(file).count("rtp"), packets);
}
