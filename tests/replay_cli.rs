//! `rtsp-rec replay` as a user runs it, against `rtsp-rec record`, over loopback. No peers are needed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;
use rtsp_rec::rtp::packet::{RtpPacket, is_rtcp};
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::trace::{Direction, Payload, Tap, TraceEvent};
use tempfile::TempDir;

use served::{Replay, SAMPLE, rtsp_rec};

/// The sample, as fast as it is read.
fn serve(options: &[&str]) -> Replay {
    let fast: &[&str] = if options.contains(&"--speed") { &[] } else { &["--speed", "max"] };
    Replay::start(&[options, fast].concat())
}

/// The URL that asks for faults.
fn with(replay: &Replay, query: &str) -> String {
    format!("{}?{query}", replay.url)
}

/// A recording, with what came of it.
struct Recorded {
    output: Output,
    frames: Frames,
    findings: BTreeMap<&'static str, usize>,
    _dir: TempDir,
}

/// RTP packets of each channel, and junk, as they came.
#[derive(Default)]
struct Frames {
    rtp: Vec<(u8, Vec<u8>)>,
    rtcp: usize,
    junk: Vec<Vec<u8>>,
}

impl Tap for Frames {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Payload::Pdu(pdu) = event.payload else { return Ok(()) };
        match pdu.kind {
            PduKind::Interleaved { payload, .. }
                if event.direction == Direction::ServerToClient && is_rtcp(payload) =>
            {
                self.rtcp += 1;
            }
            PduKind::Interleaved { channel, payload } if event.direction == Direction::ServerToClient => {
                self.rtp.push((channel, payload.to_vec()));
            }
            PduKind::Junk => self.junk.push(pdu.raw.to_vec()),
            _ => {}
        }
        Ok(())
    }
}

impl Frames {
    /// Sequence numbers of a channel, in their order.
    fn sequences(&self, channel: u8) -> Vec<u16> {
        let of_channel = self.rtp.iter().filter(|(own, _)| *own == channel);
        of_channel.map(|(_, packet)| RtpPacket::parse(packet).unwrap().sequence()).collect()
    }
}

/// Counts findings by their code.
#[derive(Default)]
struct Findings(BTreeMap<&'static str, usize>);

impl Sink for Findings {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if let Row::Finding(finding) = row {
            *self.0.entry(finding.code.as_str()).or_default() += 1;
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        table == Table::Findings
    }
}

fn record(url: &str, options: &[&str]) -> Recorded {
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("recorded.pcapng");
    let mut command = rtsp_rec();
    command.args(["record", url, "-q", "--idle-timeout", "2s", "-o"]).arg(&file).args(options);
    let output = command.output().expect("rtsp-rec can be run");
    let mut tap = (Frames::default(), Analyzer::new(AnalyzerOptions::default(), Findings::default()));
    Source::read(std::fs::File::open(&file).unwrap(), &mut tap).unwrap();
    let (frames, analyzer) = tap;
    Recorded { output, frames, findings: analyzer.finish().unwrap().0, _dir: dir }
}

impl Recorded {
    #[track_caller]
    fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.output.status.code(), Some(code), "{}", String::from_utf8_lossy(&self.output.stderr));
        self
    }

    fn found(&self, code: &str) -> usize {
        self.findings.get(code).copied().unwrap_or(0)
    }
}

/// What the sample holds on a channel: 328 and 468 packets without a hole.
fn original() -> Frames {
    let mut frames = Frames::default();
    Source::read(std::fs::File::open(SAMPLE).unwrap(), &mut frames).unwrap();
    frames
}

#[test]
fn each_camera_of_one_server_has_faults_of_its_own() {
    let (replay, original) = (serve(&[]), original());
    let plain = record(&replay.url, &[]);
    plain.expect_code(0);
    assert!(plain.frames.rtp == original.rtp && plain.frames.junk.is_empty());

    let dropped = record(&with(&replay, "fault=drop=5%&seed=3"), &[]);
    let mut missing = 0;
    for channel in [0, 2] {
        let (sent, came) = (original.sequences(channel), dropped.frames.sequences(channel));
        let came_set: BTreeSet<u16> = came.iter().copied().collect();
        assert_eq!(came, sent.iter().copied().filter(|number| came_set.contains(number)).collect::<Vec<_>>());
        missing += sent.len() - came.len();
    }
    assert!((20..60).contains(&missing), "{missing} of 796");
    assert_eq!(dropped.frames.rtcp, plain.frames.rtcp);
    assert!(dropped.found("sequence-gap") > 10);

    let twice = record(&with(&replay, "fault=video:dup=10%&seed=3"), &[]);
    let more = twice.frames.sequences(0).len() - original.sequences(0).len();
    assert_eq!((twice.found("duplicate"), twice.frames.sequences(2)), (more, original.sequences(2)));
    assert!(more > 10);

    let moved = record(&with(&replay, "fault=audio:reorder=10%/2&seed=3"), &[]);
    let mut sorted = moved.frames.sequences(2);
    sorted.sort_unstable();
    assert_eq!((sorted, moved.frames.sequences(0)), (original.sequences(2), original.sequences(0)));
    assert!(moved.found("reordered") > 10, "{:?}", moved.findings);

    let dirty = record(&with(&replay, "fault=garbage=5%&seed=3"), &[]);
    assert!(dirty.frames.rtp == original.rtp, "no packet is lost");
    assert_eq!(dirty.found("junk"), dirty.frames.junk.len());
    assert!(dirty.frames.junk.len() > 10);
}

/// At a pace, what is dropped or held must not look like the end.
#[test]
fn faults_go_on_to_the_end_of_the_script() {
    let (replay, original) = (serve(&["--speed", "20"]), original());
    for query in ["fault=drop=50%&seed=3", "fault=reorder=20%/3&seed=3", "fault=delay=50ms±20ms&seed=3"] {
        // Delayed packets come behind BYE, which is not delayed: then the recorder waits for more.
        let recorded = record(&with(&replay, query), &[]);
        let last = |frames: &Frames| frames.sequences(2).into_iter().rev().take(20).max();
        let came = recorded.frames.rtp.len();
        assert!(last(&recorded.frames) >= last(&original).map(|last| last - 20), "{query}: {came} frames");
        assert!(came > 300, "{query}: {came} frames");
    }
}

#[test]
fn a_seed_gives_the_same_bytes_each_time() {
    let replay = serve(&["--fault", "drop=3%", "--fault", "dup=3%", "--fault", "corrupt=3%", "--seed", "9"]);
    let again = serve(&["--fault", "drop=3%", "--fault", "dup=3%", "--fault", "corrupt=3%", "--seed", "9"]);
    let other = serve(&["--fault", "drop=3%", "--fault", "dup=3%", "--fault", "corrupt=3%", "--seed", "10"]);
    let packets = |replay: &Replay| record(&replay.url, &[]).frames.rtp;
    let first = packets(&replay);
    assert!(first == packets(&replay) && first == packets(&again));
    assert!(first != packets(&other));
}

#[test]
fn the_stream_is_cut_in_mid_frame() {
    let replay = serve(&[]);
    let cut = record(&with(&replay, "fault=cut@5s"), &[]);
    cut.expect_code(1);
    let last = cut.frames.junk.last().expect("half a frame");
    assert!(last.starts_with(b"$") && (150..180).contains(&cut.frames.sequences(0).len()));
    assert_eq!(cut.found("junk"), 1);
}

#[test]
fn writes_in_parts_change_no_byte() {
    let replay = serve(&[]);
    let parts = record(&with(&replay, "fault=split-writes"), &[]);
    parts.expect_code(0);
    assert!(parts.frames.rtp == original().rtp && parts.frames.junk.is_empty());
}

#[test]
fn channels_are_hidden_or_wrong() {
    let (replay, original) = (serve(&[]), original());
    let hidden = record(&with(&replay, "fault=no-interleaved"), &[]);
    assert!(hidden.frames.rtp == original.rtp);
    assert_eq!(hidden.found("transport-incomplete"), 2);
    let wrong = record(&with(&replay, "fault=video:wrong-channel"), &[]);
    assert_eq!(wrong.frames.sequences(128), original.sequences(0));
    assert_eq!((wrong.frames.sequences(0).len(), wrong.found("unknown-channel")), (0, 1));
}

#[test]
fn methods_are_refused() {
    let replay = serve(&["--fault", "status=461:SETUP"]);
    let refused = record(&replay.url, &[]);
    let stderr = String::from_utf8_lossy(&refused.output.stderr).into_owned();
    refused.expect_code(1);
    assert!(stderr.contains("461") && stderr.contains("SETUP"), "{stderr}");
}

#[test]
fn logins_are_asked_for() {
    let replay = serve(&["--fault", "digest=viewer:s3cret", "--fault", "stale-nonce"]);
    record(&replay.url, &[]).expect_code(1);
    let login = replay.url.replace("rtsp://", "rtsp://viewer:wrong@");
    record(&login, &[]).expect_code(1);
    let login = replay.url.replace("rtsp://", "rtsp://viewer:s3cret@");
    let recorded = record(&login, &[]);
    recorded.expect_code(0);
    assert!(recorded.frames.rtp == original().rtp);
    assert!(recorded.found("error-response") >= 4, "each nonce is good for one request: {:?}", recorded.findings);

    let replay = serve(&["--fault", "basic", "--user", "viewer", "--password-file", &password_file()]);
    let login = replay.url.replace("rtsp://", "rtsp://viewer:from%20file@");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("basic.pcapng");
    let warned = rtsp_rec().args(["record", &login, "-o"]).arg(file).output().expect("rtsp-rec can be run");
    let stderr = String::from_utf8_lossy(&warned.stderr).into_owned();
    assert!(warned.status.success(), "{stderr}");
    assert_eq!(stderr.matches("whoever is on the way can read it").count(), 1, "once: {stderr}");
    assert!(!stderr.contains("from file"), "{stderr}");
    record(&replay.url, &[]).expect_code(1);
}

/// A file whose first line is a password. It stays, as other tests may read it.
fn password_file() -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("password.txt");
    std::fs::write(&path, "from file\n").unwrap();
    path.display().to_string()
}

#[test]
fn a_bad_fault_in_a_url_is_told() {
    let replay = serve(&[]);
    let refused = record(&with(&replay, "fault=drop=lots"), &[]);
    refused.expect_code(1);
    assert!(String::from_utf8_lossy(&refused.output.stderr).contains("400"));
}

#[test]
fn wrong_usage_says_what_to_try() {
    let told = |args: &[&str]| {
        let output = rtsp_rec().arg("replay").args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (args, code, words) in [
        (&[SAMPLE, "--fault", "dorp=1%"][..], 2, "drop"),
        (&[SAMPLE, "--fault", "mirror:drop=1%"], 2, "mirror"),
        (&[SAMPLE, "--fault", "digest"], 2, "--user"),
        (&[SAMPLE, "--speed", "0"], 2, "above 0"),
        (&[SAMPLE, "--session", "7"], 1, "no session 7"),
        (&[SAMPLE, "--sdp", "/nowhere.sdp"], 1, "/nowhere.sdp"),
        (&["/nowhere.pcapng"], 1, "/nowhere.pcapng"),
        (&[SAMPLE, "--listen", "192.0.2.1:1"], 1, "--listen"),
        (&[env!("CARGO_MANIFEST_PATH")], 1, "Cargo.toml"),
    ] {
        let (status, stderr) = told(args);
        assert!(status == Some(code) && stderr.contains(words), "{args:?}: {status:?} {stderr}");
    }
}

#[test]
fn a_play_that_brings_no_media_fails() {
    let replay = serve(&[]);
    for transport in ["tcp", "udp"] {
        let output = record(&with(&replay, "fault=drop=100%25"), &["--max-packets", "2", "-t", transport]).output;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("PLAY was granted, but no media came in"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_track_of_which_nothing_came_is_named() {
    let replay = serve(&["--speed", "1"]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = rtsp_rec();
    command.args(["record", &with(&replay, "fault=video:drop=100%25"), "--max-packets", "150", "-o"]);
    let output = command.arg(folder.path().join("x.pcapng")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(": no packet of track 0 (video) came\n"), "{text}");
}
