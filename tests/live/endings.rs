//! Every way in which a recording ends: in bounded time, with the right exit code, one clear line, and a whole file.

use std::path::Path;
use std::time::Duration;

use crate::judges::{Capture, assert_opens, assert_whole};
use crate::peers::{Peer, free_port};
use crate::process::{Outcome, Running, await_that};
use crate::recorder::{
    Place, RECORD_LIMIT, assert_holds_no_session, in_terminal, record, record_command, size, start_recording,
};

/// Panics unless a command has failed with exit code 1 and one line that says why.
#[track_caller]
pub(crate) fn assert_one_clear_line(outcome: &Outcome) {
    outcome.expect_code(1);
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].len() > 10, "not one clear line: {:?}", outcome.stderr);
    assert!(!lines[0].contains("panicked"), "{}", lines[0]);
}

/// As [`assert_one_clear_line`], and the file is whole and holds what came before.
#[track_caller]
fn assert_fails_cleanly(outcome: &Outcome, file: &Path) {
    assert_one_clear_line(outcome);
    assert_opens(file);
}

/// As [`assert_one_clear_line`], and what there is of a file is whole and holds no session: no connection came.
#[track_caller]
fn assert_fails_without_a_session(outcome: &Outcome, file: &Path) {
    assert_one_clear_line(outcome);
    if file.exists() {
        assert_whole(file);
        assert_holds_no_session(file);
    }
}

/// Panics unless `outcome`'s line contains one of `words`.
#[track_caller]
fn assert_says(outcome: &Outcome, words: &[&str]) {
    let said = outcome.stderr.to_lowercase();
    assert!(words.iter().any(|word| said.contains(word)), "none of {words:?} in {said:?}");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_stream_ends() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let outcome = record(&server.url("short"), &place.file(), &[]);
    outcome.expect_code(0);
    assert!(outcome.took < Duration::from_secs(15), "4 s of media took {:?}", outcome.took);
    assert_opens(&place.file());
    let byes = Capture::ours(place.file()).count("rtcp.pt == 203 && tcp.srcport == 554");
    assert_eq!(byes, 2, "a BYE of the server on both tracks");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_server_is_killed() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let recording = start_recording(&server.url("av"), &place.file(), &[]);
    server.process.signal("KILL");
    assert_fails_cleanly(&recording.finish(RECORD_LIMIT), &place.file());
    assert!(Capture::ours(place.file()).count("rtp") > 0, "what came before stays");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_server_falls_silent() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let recording = start_recording(&server.url("av"), &place.file(), &["--idle-timeout", "2s"]);
    server.process.signal("STOP");
    assert_fails_cleanly(&recording.finish(Duration::from_secs(12)), &place.file());
    assert!(Capture::ours(place.file()).count("rtp") > 0, "what came before stays");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn nobody_listens() {
    let place = Place::new();
    let outcome = record(&format!("rtsp://127.0.0.1:{}/x", free_port()), &place.file(), &[]);
    assert_fails_without_a_session(&outcome, &place.file());
    assert_says(&outcome, &["refused"]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_host_is_unknown() {
    let place = Place::new();
    let outcome = record("rtsp://no-such-host.invalid/x", &place.file(), &[]);
    assert_fails_without_a_session(&outcome, &place.file());
    assert_says(&outcome, &["no-such-host.invalid"]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_stream_does_not_exist() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let outcome = record(&server.url("nowhere"), &place.file(), &[]);
    assert_fails_cleanly(&outcome, &place.file());
    assert_says(&outcome, &["404"]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_server_refuses_tcp() {
    let (server, place) = (Peer::vlc(), Place::new());
    let outcome = record(&server.url("x"), &place.file(), &[]);
    assert_fails_cleanly(&outcome, &place.file());
    assert_says(&outcome, &["461"]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ctrl_c_is_a_normal_end() {
    ends_normally_on("INT");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn sigterm_is_a_normal_end() {
    ends_normally_on("TERM");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn sighup_is_a_normal_end() {
    ends_normally_on("HUP");
}

fn ends_normally_on(signal: &str) {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let recording = Running::start(&mut in_terminal(&record_command(&server.url("av"), &place.file(), &[])));
    await_that("media is on disk", RECORD_LIMIT, || size(&place.file()) > 20_000);
    recording.signal(signal);
    recording.finish(Duration::from_secs(10)).expect_code(0);
    assert_opens(&place.file());
    let capture = Capture::ours(place.file());
    assert_eq!(capture.methods().last().map(String::as_str), Some("TEARDOWN"));
    assert_eq!(capture.statuses().len(), capture.methods().len(), "TEARDOWN has been answered");
}
