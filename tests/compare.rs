//! `rtsp-rec compare` as its users see it: the sample against itself, and against what was made of it.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod command;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;

use proptest::prelude::*;
use serde_json::Value;

use rtsp_rec::capture::{Source, Writer, WriterOptions};
use rtsp_rec::rtsp::demux::{Pdu, PduKind};
use rtsp_rec::trace::{Flow, Payload, Tap, TraceEvent};

const SAMPLE: &str = "samples/gstreamer_h264_aac.pcapng";

/// `rtsp-rec compare` with these arguments, at the root of the package; panics unless it ends with this code.
#[track_caller]
fn run(code: i32, arguments: &[&str]) -> Output {
    command::run(code, &[&["compare"], arguments].concat())
}

#[track_caller]
fn stdout(arguments: &[&str]) -> String {
    let output = run(0, arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json(a: &Path, b: &Path) -> Value {
    let text = stdout(&[a.to_str().unwrap(), b.to_str().unwrap(), "--format", "json"]);
    serde_json::from_str(&text).unwrap()
}

/// What is made of the sample: frames are dropped by their place on their channel and come later, texts of the same
/// length replace others in messages.
struct Change {
    drop: fn(u8, u64) -> bool,
    dropped: Vec<(u8, u64)>,
    /// Nanoseconds by which the frame at a place is late.
    late: fn(u64) -> i64,
    texts: Vec<(&'static str, &'static str)>,
    /// Another address of the client.
    client: Option<SocketAddr>,
}

/// Writes the sample with changes.
struct Doctor {
    writer: Writer<Vec<u8>>,
    change: Change,
    places: BTreeMap<u8, u64>,
}

impl Tap for Doctor {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let client = self.change.client.unwrap_or(event.flow.client);
        let flow = Flow { client, ..event.flow.clone() };
        let event = &TraceEvent { flow: &flow, ..*event };
        let Payload::Pdu(pdu) = event.payload else { return self.writer.event(event) };
        match pdu.kind {
            PduKind::Interleaved { channel, .. } => {
                let place = self.places.entry(channel).or_default();
                *place += 1;
                let number = *place - 1;
                if (self.change.drop)(channel, number) || self.change.dropped.contains(&(channel, number)) {
                    return Ok(());
                }
                self.writer.event(&TraceEvent { at: event.at.plus_nanos((self.change.late)(number)), ..*event })
            }
            PduKind::Message { head, body } => {
                let changed = |bytes: &[u8]| {
                    let mut text = String::from_utf8(bytes.to_vec()).unwrap();
                    for (then, now) in &self.change.texts {
                        assert_eq!(then.len(), now.len());
                        text = text.replace(then, now);
                    }
                    text.into_bytes()
                };
                let (raw, head, body) = (changed(pdu.raw), changed(head), changed(body));
                let kind = PduKind::Message { head: &head, body: &body };
                let pdu = Pdu { raw: &raw, kind, ..*pdu };
                self.writer.event(&TraceEvent { payload: Payload::Pdu(&pdu), ..*event })
            }
            _ => self.writer.event(event),
        }
    }
}

/// The sample with changes, as a file of this name.
fn doctored(folder: &Path, name: &str, change: Change) -> PathBuf {
    let sample: &[u8] = include_bytes!("../samples/gstreamer_h264_aac.pcapng");
    let writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    let mut doctor = Doctor { writer, change, places: BTreeMap::new() };
    Source::read(sample, &mut doctor).unwrap();
    let path = folder.join(name);
    fs::write(&path, doctor.writer.into_inner().unwrap()).unwrap();
    path
}

fn unchanged() -> Change {
    Change { drop: |_, _| false, dropped: Vec::new(), late: |_| 0, texts: Vec::new(), client: None }
}

/// The output without the folder of the captures.
fn without(folder: &Path, text: &str) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn a_capture_and_itself() {
    insta::assert_snapshot!("same", stdout(&[SAMPLE, SAMPLE, "--fail-if-different"]));
    let found = json(SAMPLE.as_ref(), SAMPLE.as_ref());
    assert_eq!(found["different"], false);
    assert_eq!(found["differences"], serde_json::json!([]));
}

#[test]
fn what_happened_between_two_points() {
    let folder = tempfile::tempdir().unwrap();
    let a = doctored(folder.path(), "camera.pcapng", unchanged());
    let lost = |channel, number| channel == 0 && (50..53).contains(&number) || channel == 2 && number == 100;
    let late = |number| 2_000_000 + i64::try_from(number % 5).unwrap() * 1_000_000;
    let b = doctored(folder.path(), "recorder.pcapng", Change { drop: lost, late, ..unchanged() });
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    insta::assert_snapshot!("between", without(folder.path(), &stdout(&[a, b])));
    let text = without(folder.path(), &stdout(&[a, b, "--format", "json"]));
    insta::assert_snapshot!("between_json", text);
    let output = run(3, &[a, b, "--fail-if-different"]);
    insta::assert_snapshot!("between_fails", without(folder.path(), &String::from_utf8(output.stderr).unwrap()));
}

#[test]
fn before_and_after_a_firmware() {
    let folder = tempfile::tempdir().unwrap();
    let a = doctored(folder.path(), "before.pcapng", unchanged());
    let texts = vec![
        ("GStreamer RTSP server", "GStreamer RTSP Server"),
        ("VmlmbzIkrJc78SLJ", "AnotherOfEachOne"),
        ("packetization-mode=1", "packetization-mode=0"),
        ("streamtype=5;profile-level-id=2", "profile-level-id=2;streamtype=5"),
    ];
    let silent = Change { drop: |channel, _| channel >= 2, texts, ..unchanged() };
    let b = doctored(folder.path(), "after.pcapng", silent);
    let text = stdout(&[a.to_str().unwrap(), b.to_str().unwrap()]);
    insta::assert_snapshot!("firmware", without(folder.path(), &text));
}

#[test]
fn a_recording_without_media_matches_one_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample: &[u8] = include_bytes!("../samples/gstreamer_h264_aac.pcapng");
    let options = WriterOptions { headers_only: true, ..WriterOptions::default() };
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    Source::read(sample, &mut writer).unwrap();
    let path = folder.path().join("headers.pcapng");
    fs::write(&path, writer.into_inner().unwrap()).unwrap();
    assert_eq!(json(SAMPLE.as_ref(), &path)["different"], false);
}

#[test]
fn both_sides_of_a_nat() {
    let folder = tempfile::tempdir().unwrap();
    let client = Some("198.51.100.7:61000".parse().unwrap());
    let b = doctored(folder.path(), "b.pcapng", Change { client, late: |_| 7_000_000, ..unchanged() });
    let found = json(SAMPLE.as_ref(), &b);
    assert_eq!((&found["different"], &found["sessions"][0]["paired_by"]), (&false.into(), &"packets".into()));
}

#[test]
fn sessions_can_be_chosen() {
    let one = stdout(&[SAMPLE, SAMPLE, "--session-a", "1", "--session-b", "1"]);
    assert!(one.contains("two sessions that were chosen") && one.ends_with("no difference\n"), "{one}");
    let text = String::from_utf8(run(1, &[SAMPLE, SAMPLE, "--session-a", "1", "--session-b", "7"]).stderr).unwrap();
    assert!(text.contains("there is no session 7: the capture holds one, session 1"), "{text}");
    run(2, &[SAMPLE, SAMPLE, "--session-a", "1"]);
}

#[test]
fn mistakes_are_told() {
    let missing = String::from_utf8(run(1, &[SAMPLE, "missing.pcapng"]).stderr).unwrap();
    assert!(missing.contains("missing.pcapng") && missing.contains("is the name right?"), "{missing}");
    let both = String::from_utf8(run(2, &["-", "-"]).stderr).unwrap();
    assert!(both.contains("only one of both"), "{both}");
    let other = String::from_utf8(run(1, &["Cargo.toml", SAMPLE]).stderr).unwrap();
    assert!(other.contains("Cargo.toml") && other.lines().count() == 1, "{other}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Any frames of the video that are lost on the way are told, frame by frame.
    #[test]
    fn what_is_lost_is_listed(numbers in prop::collection::btree_set(1..327u64, 0..120)) {
        let folder = tempfile::tempdir().unwrap();
        let dropped = numbers.iter().map(|number| (0, *number)).collect();
        let b = doctored(folder.path(), "b.pcapng", Change { dropped, ..unchanged() });
        let found = json(SAMPLE.as_ref(), &b);
        let video = &found["sessions"][0]["packets"][0];
        let only = &video["only"][0];
        prop_assert_eq!(only["between"].as_u64(), Some(numbers.len() as u64));
        prop_assert_eq!(video["both"].as_u64(), Some(328 - numbers.len() as u64));
        let first = 7369;
        let listed: Vec<u64> = only["runs"].as_array().unwrap().iter().flat_map(|run| {
            let number = |name: &str| run[name].as_u64().unwrap() - first;
            number("first_seq")..=number("last_seq")
        }).collect();
        prop_assert_eq!(listed, numbers.into_iter().collect::<Vec<_>>());
        let mirrored = json(&b, SAMPLE.as_ref());
        let mirrored = &mirrored["sessions"][0]["packets"][0]["only"][1];
        for figure in ["between", "run_count", "longest_run", "before", "after"] {
            prop_assert_eq!(&mirrored[figure], &only[figure], "{}", figure);
        }
    }
}
