use unicode_width::UnicodeWidthStr;

use super::*;
use crate::analysis::cell::{Ssrc, Utc};
use crate::analysis::comparison::{Comparison, LineChange, PacketPair, SessionName};
use crate::analysis::matching::{DelayFigures, Only, Run, StreamMatch};
use crate::time::Timestamp;
use crate::trace::Direction;

/// What a server may say of itself, and a user call a file.
fn hostile() -> String {
    "\x1b[2J".to_owned() + &"音".repeat(80)
}

fn comparison() -> CaptureComparison {
    let run =
        Run { packets: 2, first_seq: 65_535, last_seq: 0, frame_number: Some(7), time_utc: Utc(Timestamp::default()) };
    let only = Only { between: 24, run_count: 12, longest_run: 2, runs: vec![run; 12], ..Only::default() };
    let delay =
        DelayFigures { drift_ppm: Some(-31.25), drift_removed: true, ipdv_mean_ms: Some(1.0), ..<_>::default() };
    let found = StreamMatch {
        direction: Direction::ClientToServer,
        ssrc: Ssrc(7),
        sessions: [Some(1), Some(2)],
        packets: [1_000_024, 1_000_000],
        both: 1_000_000,
        only: [only, Only::default()],
        duplicated: [0; 2],
        reordered: 3,
        altered: 1,
        delay: Some(DelayFigures { ipdv_max_ms: Some(2.5), ..delay }),
    };
    let change = HeaderChange { name: hostile(), then: Some(hostile()), now: None };
    let row = RequestRow {
        number: Some(1),
        at: 0,
        method: hostile(),
        path: hostile(),
        status: ["200".to_owned(), "-".to_owned()],
        latency: [Some(1_500_000), None],
        remark: None,
        asked: vec![change.clone()],
        headers: vec![change],
        body: vec![LineChange::Then(hostile())],
        difference: None,
    };
    let figure = |figure, a, b, notable| Change {
        figure,
        a,
        b,
        change: a.zip(b).map(|(a, b)| b - a),
        change_percent: a.zip(b).map(|(a, b)| (b - a) * 100.0 / a),
        notable,
    };
    let figures = vec![
        figure("packets", Some(1_000_024.0), Some(1_000_000.0), false),
        figure("frame_rate_fps", Some(25.0), Some(12.5), true),
        figure("drift_ppm", None, Some(-0.25), false),
    ];
    let (track, encodings) = (hostile(), [Some(hostile()), None]);
    let pair = SessionPair {
        sessions: [1, 2].map(|session| SessionName { session, url: hostile() }),
        by: PairedBy::Packets,
        dialogue: Comparison { requests: vec![row], notes: vec![hostile()], ..Comparison::default() },
        latencies: None,
        tracks: vec![TrackPair {
            track: track.clone(),
            direction: Direction::ClientToServer,
            encodings,
            packets: [9, 9],
            figures,
        }],
        packets: vec![PacketPair { track, found }],
    };
    let alone = (0..30).map(|session| SessionName { session, url: hostile() }).collect();
    CaptureComparison { pairs: vec![pair], alone: [alone, Vec::new()] }
}

#[test]
fn a_hundred_columns_and_no_control_characters() {
    let text = text(&comparison(), [&hostile(), "b"], Look::default());
    assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
    assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{text:?}");
    assert!(text.contains("and 10 more only in A") && text.contains("and 2 more runs"), "{text}");
}

#[test]
fn looks_like_this() {
    let mut comparison = comparison();
    let [alone, _] = &mut comparison.alone;
    alone.truncate(1);
    let plain = |text: String| text.replace(&"音".repeat(80), "live").replace("\x1b[2J", "");
    let of = |look| text(&comparison, ["a.pcap", "b.pcap"], look);
    insta::assert_snapshot!(plain(of(Look::default())));
    let coloured = of(Look { coloured: true });
    assert!(coloured.contains("\x1b[33mframe_rate_fps"), "{coloured:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), of(Look::default()));
}

#[test]
fn programs_get_every_word() {
    let object: serde_json::Value = serde_json::from_str(&json::json(&comparison(), ["a", "b"]).unwrap()).unwrap();
    assert_eq!(object["sessions"][0]["a"]["url"], hostile());
    assert_eq!(object["sessions"][0]["packets"][0]["only"][0]["runs"].as_array().unwrap().len(), 12);
    assert_eq!(object["only_a"].as_array().unwrap().len(), 30);
}
