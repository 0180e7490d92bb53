//! `replay --to`: sessions of other clients, as tcpdump saw them, performed again against real servers.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::article;
use crate::judges::Capture;
use crate::peers::Peer;
use crate::process::{Outcome, run};
use crate::recorder::{Place, RECORD_LIMIT, number, record, rtsp_rec, table};
use crate::wire::Wire;

/// Who was recorded.
#[derive(Clone, Copy, Debug)]
enum Who {
    Ffmpeg,
    GStreamer,
    Us,
}

const AGENT: &str = "LibVLC/2.0.3 (LIVE555 Streaming Media v2011.12.23)";

/// A few seconds of a session, as tcpdump saw it.
fn session(who: Who, url: &str, port: u16, place: &Place) -> PathBuf {
    let wire = Wire::tap(place, port);
    match who {
        Who::Us => {
            record(url, &place.file(), &["-d", "3s"]).expect_code(0);
        }
        Who::Ffmpeg => {
            let mut command = Command::new("ffmpeg");
            command.args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url, "-t", "3"]);
            run(command.args(["-c", "copy", "-f", "null", "-"]), RECORD_LIMIT).expect_code(0);
        }
        Who::GStreamer => {
            // It says TEARDOWN when it is interrupted.
            let mut command = Command::new("timeout");
            command.args(["-s", "INT", "4", "gst-launch-1.0", "-q", "-e", "rtspsrc", "protocols=tcp"]);
            command.arg(format!("location={url}")).args(["name=source", "source.", "!", "fakesink", "source.", "!"]);
            run(command.arg("fakesink"), RECORD_LIMIT);
        }
    }
    wire.stop_behind_answers().file
}

fn replay(capture: &Path, url: &str, place: &Place, options: &[&str]) -> Outcome {
    let mut command = rtsp_rec();
    command.arg("replay").arg(capture).args(["--to", url, "--record"]).arg(place.dir().join("rerun.pcapng")).arg("-f");
    run(command.args(options), RECORD_LIMIT)
}

/// What the rerun recorded of itself.
fn rerun(place: &Place) -> PathBuf {
    place.dir().join("rerun.pcapng")
}

/// Method, User-Agent and Range of every request.
fn requests(file: &Path) -> Vec<Vec<String>> {
    let capture = Capture::ours(file.to_owned());
    capture.rows("rtsp.request", &["rtsp.method", "rtsp.transport"])
}

/// The same server again: no difference, the same requests on the wire, and media on both tracks.
#[track_caller]
fn is_like_itself(who: Who, server: &Peer, path: &str) -> String {
    let place = Place::new();
    let url = server.url(path);
    let capture = session(who, &url, server.port, &place);
    let outcome = replay(&capture, &url, &place, &["--fail-if-different"]);
    outcome.expect_code(0);
    let wanted = Capture { file: capture, port: server.port }.rows("rtsp.request", &["rtsp.method", "rtsp.transport"]);
    assert_eq!(requests(&rerun(&place)), wanted, "{who:?}");
    let streams = table(&rerun(&place), "streams");
    assert_eq!(streams.len(), 2, "{streams:?}");
    assert!(streams.iter().all(|stream| number(stream, "packets") > 20), "{streams:?}");
    outcome.stdout
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ffmpeg_to_gstreamer() {
    is_like_itself(Who::Ffmpeg, &Peer::gstreamer(&[]), "av");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gst_launch_to_gstreamer() {
    is_like_itself(Who::GStreamer, &Peer::gstreamer(&[]), "av");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn this_tool_to_gstreamer() {
    is_like_itself(Who::Us, &Peer::gstreamer(&[]), "av");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ffmpeg_to_aio() {
    is_like_itself(Who::Ffmpeg, &Peer::aio(), "h264_aac.mp4");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gst_launch_to_aio() {
    is_like_itself(Who::GStreamer, &Peer::aio(), "h264_aac.mp4");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn this_tool_to_aio() {
    is_like_itself(Who::Us, &Peer::aio(), "h264_aac.mp4");
}

/// A session with one server replayed to another one: it plays there, and what differs is named.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_session_moves_to_another_server() {
    let (gstreamer, aio, place) = (Peer::gstreamer(&[]), Peer::aio(), Place::new());
    let capture = session(Who::Ffmpeg, &gstreamer.url("av"), gstreamer.port, &place);
    let outcome = replay(&capture, &aio.url("h264_aac.mp4"), &place, &["--fail-if-different"]);
    outcome.expect_code(3);
    assert!(outcome.stderr.lines().count() <= 2 && outcome.stderr.contains("#1 OPTIONS: "), "{}", outcome.stderr);
    // ffmpeg does not wait for the answer to its TEARDOWN.
    assert_eq!(Capture::ours(rerun(&place)).statuses(), ["200"; 5]);
    assert_eq!(table(&rerun(&place), "streams").len(), 2);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_server_that_asks_for_a_login_now() {
    let (open, place) = (Peer::gstreamer(&[]), Place::new());
    let capture = session(Who::Us, &open.url("av"), open.port, &place);
    let closed = Peer::gstreamer(&["--digest", "viewer:pass/word"]);
    let url = closed.url_as("viewer:pass%2Fword@", "av");
    let outcome = replay(&capture, &url, &place, &["--fail-if-different", "-v"]);
    outcome.expect_code(3);
    assert!(outcome.stderr.contains("200 then, 401 now"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("again, with credentials"), "{}", outcome.stdout);
    assert_eq!(table(&rerun(&place), "streams").len(), 2);
    assert!(![outcome.stdout, outcome.stderr].concat().contains("pass/word"));

    // A recorded login is performed again as it was.
    let recorded = place.dir().join("login.pcapng");
    record(&url, &recorded, &["-d", "2s"]).expect_code(0);
    replay(&recorded, &url, &place, &["--fail-if-different"]).expect_code(0);
    // Without the password, and with a wrong one.
    for login in ["", "viewer:wrong@"] {
        let outcome = replay(&recorded, &closed.url_as(login, "av"), &place, &["--fail-if-different"]);
        assert!(outcome.expect_code(3).stderr.contains("200 then, 401 now"), "{}", outcome.stderr);
    }
}

/// OPTIONS, DESCRIBE, SETUP, SETUP with the session of the first, PLAY, TEARDOWN, all as `LibVLC`.
fn the_article(server: &Peer, path: &str) {
    let place = Place::new();
    let capture = article::capture(&place);
    let outcome = replay(&capture, &server.url(path), &place, &[]);
    outcome.expect_code(0);
    let live = Capture::ours(rerun(&place));
    assert_eq!(live.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]);
    assert_eq!(live.statuses(), ["200"; 6]);
    let text = String::from_utf8_lossy(&std::fs::read(rerun(&place)).expect("there is a capture")).into_owned();
    assert_eq!(text.matches(&format!("User-Agent: {AGENT}")).count(), 6);
    let streams = table(&rerun(&place), "streams");
    assert!(streams.len() == 2 && streams.iter().all(|stream| number(stream, "packets") > 100), "{streams:?}");
    println!("{}", outcome.stdout);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_article_to_gstreamer() {
    the_article(&Peer::gstreamer(&[]), "av");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_article_to_aio() {
    the_article(&Peer::aio(), "h264_aac.mp4");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn udp_becomes_tcp() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let url = server.url("av");
    let wire = Wire::tap_with_udp(&place, server.port);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-rtsp_transport", "udp", "-i", &url, "-t", "3"]);
    run(command.args(["-c", "copy", "-f", "null", "-"]), RECORD_LIMIT).expect_code(0);
    let outcome = replay(&wire.stop().file, &url, &place, &["--fail-if-different"]);
    outcome.expect_code(0);
    assert!(outcome.stdout.contains("over TCP now"), "{}", outcome.stdout);
    let streams = table(&rerun(&place), "streams");
    assert!(streams.len() == 2 && streams.iter().all(|stream| stream["transport"] == "tcp"), "{streams:?}");
}
