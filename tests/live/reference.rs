//! The judges of `tests/reference`, which share no code with the tool, on captures of all that can be had here:
//! sessions of other servers and clients, over TCP and UDP, our own recordings, the samples, synthetic streams.
//!
//! `compare.py` holds every number of `streams` against an own implementation of RFC 3550, `parity.py` against tshark;
//! `load.py` loads all tables into DuckDB with the statements of `schema --format sql`;
//! `perturb_check.py` cuts, joins, moves and repeats TCP segments, and wants to see the same rows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::flood::{Flood, Load};
use crate::peers::{Peer, prepared};
use crate::process::{Running, await_that, run};
use crate::recorder::{Place, RECORD_LIMIT, record, rtsp_rec, size};
use crate::wire::{Wire, packets};

/// Of media in each capture.
const SECONDS: &str = "4";
/// Python takes its time.
const JUDGE_LIMIT: Duration = Duration::from_mins(10);
/// Perturbations of each kind for a capture.
const SEEDS: &str = "3";
/// Where tshark goes other ways than RFC 3550: it has no restarts, and takes late packets at a wrap and jumps for loss.
const NOT_FOR_TSHARK: [&str; 4] = ["cycles_tcp", "late_at_wrap_tcp", "stray_tcp", "timestamp_reset_tcp"];

/// Runs a script of `tests/reference` on captures; panics with what it printed unless it found nothing.
#[track_caller]
fn judge(script: &str, captures: &[PathBuf], options: &[&str]) {
    let mut command = judges(script);
    command.args(captures).arg("--tool").arg(rtsp_rec().get_program()).args(options);
    let outcome = run(&mut command, JUDGE_LIMIT);
    assert_eq!(outcome.status.code(), Some(0), "{script} found:\n{}{}", outcome.stdout, outcome.stderr);
}

fn judges(script: &str) -> Command {
    let mut command = Command::new(prepared("venv/bin/python"));
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(script));
    command
}

/// All that can be asked of a capture with interleaved media.
#[track_caller]
fn judge_interleaved(captures: &[PathBuf]) {
    judge("compare.py", captures, &[]);
    judge("parity.py", captures, &[]);
    judge("perturb_check.py", captures, &["--seeds", SEEDS]);
}

/// All that can be asked of a capture with an HTTP tunnel.
#[track_caller]
fn judge_tunnelled(capture: PathBuf) {
    assert!(packets(&capture, "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x504f5354") > 0, "no POST: not through HTTP");
    judge_interleaved(&[capture]);
}

/// The files of `folder` whose name ends so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = crate::wire::files(folder);
    found.retain(|path| path.to_string_lossy().ends_with(end));
    assert!(!found.is_empty(), "nothing ends with {end} in {}", folder.display());
    found
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn samples() {
    judge_interleaved(&files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"), ".pcapng"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn samples_in_a_database() {
    judge("load.py", &files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"), ".pcapng"), &[]);
}

/// Synthetic captures in a place of their own.
fn synthetic() -> Place {
    let place = Place::new();
    run(judges("synth.py").arg(place.dir()), JUDGE_LIMIT).expect_code(0);
    place
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn synthetic_streams() {
    judge("compare.py", &files(synthetic().dir(), ".pcap"), &[]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn synthetic_streams_and_tshark() {
    let place = synthetic();
    let mut captures = files(place.dir(), "_tcp.pcap");
    captures.retain(|path| !NOT_FOR_TSHARK.iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name)));
    judge("parity.py", &captures, &[]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn synthetic_streams_perturbed() {
    let place = synthetic();
    let names = ["clean", "wrap", "restart", "reports", "early", "ports_again", "duplicates"];
    let captures: Vec<_> = names.iter().map(|name| place.dir().join(format!("{name}_tcp.pcap"))).collect();
    judge("perturb_check.py", &captures, &["--seeds", SEEDS]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn synthetic_tunnels_perturbed() {
    let place = synthetic();
    let path = |name: &str| place.dir().join(format!("{name}_http.pcap"));
    let names = ["clean_padded", "published_padded", "published_stream", "published_early"];
    judge("perturb_check.py", &names.map(path), &["--seeds", SEEDS]);
    // In lines, what stands before the next line behind a hole is lost with it: nothing is dropped from those.
    let how = ["--how", "split", "merge", "reorder", "duplicate", "overlap", "midstream", "conflict", "any"];
    judge("perturb_check.py", &[path("published_lines")], &[&["--seeds", SEEDS], &how[..]].concat());
}

/// Takes a client's session with tcpdump.
fn tapped(server: &Peer, place: &Place, client: impl FnOnce(&Peer, &Place)) -> PathBuf {
    let wire = Wire::tap(place, server.port);
    client(server, place);
    wire.stop().file
}

/// Runs ffmpeg as the client, over `transport`.
fn ffmpeg(url: &str, transport: &str) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url]);
    // `-y`: the null muxer asks about its output otherwise, where there is nobody to answer.
    run(command.args(["-t", SECONDS, "-map", "0", "-c", "copy", "-f", "null", "-y", "-"]), RECORD_LIMIT).expect_code(0);
}

/// Runs GStreamer as the client of a stream with two tracks.
fn gst_launch(url: &str, wire: &Path) {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "rtspsrc", "protocols=tcp", "name=source", &format!("location={url}")]);
    let client = Running::start(command.args("source. ! queue ! fakesink source. ! queue ! fakesink".split(' ')));
    await_that("media passes", RECORD_LIMIT, || size(wire) > 20_000);
    // Here it is the time itself that is waited for.
    thread::sleep(Duration::from_secs(SECONDS.parse().expect("a number")));
    client.signal("INT");
    client.finish(RECORD_LIMIT);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_and_ffmpeg() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    judge_interleaved(&[tapped(&server, &place, |server, _| ffmpeg(&server.url("av"), "tcp"))]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_mjpeg_and_ffmpeg() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    judge_interleaved(&[tapped(&server, &place, |server, _| ffmpeg(&server.url("mjpeg"), "tcp"))]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_and_gst_launch() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let client = |server: &Peer, place: &Place| gst_launch(&server.url("live"), &place.dir().join("wire.pcap"));
    judge_interleaved(&[tapped(&server, &place, client)]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_through_http_and_ffmpeg() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    judge_tunnelled(tapped(&server, &place, |server, _| ffmpeg(&server.url("av"), "http")));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_through_http_and_gst_launch() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let client = |server: &Peer, place: &Place| {
        gst_launch(&server.url("live").replace("rtsp://", "rtsph://"), &place.dir().join("wire.pcap"));
    };
    judge_tunnelled(tapped(&server, &place, client));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_and_rtsp_rec() {
    with_rtsp_rec(&Peer::gstreamer(&[]), "av");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aio_rtsp_toolkit_and_ffmpeg() {
    let (server, place) = (Peer::aio(), Place::new());
    judge_interleaved(&[tapped(&server, &place, |server, _| ffmpeg(&server.url("h264_aac.mp4"), "tcp"))]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aio_rtsp_toolkit_and_gst_launch() {
    let (server, place) = (Peer::aio(), Place::new());
    let client = |server: &Peer, place: &Place| gst_launch(&server.url("h264_aac.mp4"), &place.dir().join("wire.pcap"));
    judge_interleaved(&[tapped(&server, &place, client)]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aio_rtsp_toolkit_and_rtsp_rec() {
    with_rtsp_rec(&Peer::aio(), "h264_aac.mp4");
}

/// What tcpdump saw of a recording, and the recording.
fn with_rtsp_rec(server: &Peer, path: &str) {
    let place = Place::new();
    let wire = tapped(server, &place, |server, place| {
        record(&server.url(path), &place.file(), &["-d", &format!("{SECONDS}s")]).expect_code(0);
    });
    judge_interleaved(&[wire, place.file()]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn vlc_over_udp_and_ffmpeg() {
    let (server, place) = (Peer::vlc(), Place::new());
    let wire = Wire::tap_with_udp(&place, server.port);
    ffmpeg(&server.url("x"), "udp");
    let captures = [wire.stop().file];
    judge("compare.py", &captures, &[]);
    judge("parity.py", &captures, &[]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_udp_and_ffmpeg() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let wire = Wire::tap_with_udp(&place, server.port);
    ffmpeg(&server.url("av"), "udp");
    let captures = [wire.stop().file];
    judge("compare.py", &captures, &[]);
    judge("parity.py", &captures, &[]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn busy_loopback_loses_no_frame() {
    let (server, place) = (Flood::start(Load::BUSY), Place::new());
    let urls = server.urls(1);
    let port = urls[0].rsplit(':').next().and_then(|rest| rest.split('/').next()?.parse().ok()).expect("has a port");
    let wire = Wire::tap_busy(&place, port);
    record(&urls[0], &place.file(), &[]).expect_code(0);
    let wire = wire.stop().file;
    let sent: usize = server.tally().sent.values().sum();
    let segments = packets(&wire, &format!("tcp src port {port} and greater 1000"));
    assert!(sent > 100 * segments, "{sent} frames in {segments} segments: not the capture that this is about");
    judge("compare.py", &[wire, place.file()], &["--packets", &sent.to_string()]);
}
