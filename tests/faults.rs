//! What `analyze` shows of each fault: a known stream goes through it, as bytes on a connection, and what differs from
//! the stream without faults is written down. docs/faults.md tells the same in words.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::rtp::packet::{RtpPacket, is_rtcp};
use rtsp_rec::rtsp::auth::Authenticator;
use rtsp_rec::rtsp::demux::{Demuxer, Pdus};
use rtsp_rec::rtsp::message::{Message, MessageBuilder};
use rtsp_rec::rtsp::url::Credentials;
use rtsp_rec::session::faults::{Fault, Faults, Login, NAMES, Step, TrackInfo, reason};
use rtsp_rec::session::script::{Frame, Route};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Flow, Payload, Tap, TraceEvent};
use serde_json::Value;

const SEED: u64 = 7;
const SECONDS: u32 = 70;
const MS: i64 = 1_000_000;
/// 15 January 2027, 8:00 UTC, in seconds since 1970.
const START: u32 = 1_800_000_000;
const NTP_UNIX: u32 = 2_208_988_800;
const URL: &str = "rtsp://camera:8554/live";
const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n\
                   m=audio 0 RTP/AVP 0\r\na=control:track2\r\n";

/// The columns that faults change.
const COLUMNS: [&str; 18] = [
    "track",
    "channel",
    "clock_rate_hz",
    "packets",
    "payload_bytes",
    "expected",
    "lost",
    "missing",
    "duplicates",
    "reordered",
    "restarts",
    "longest_gap",
    "delta_max_ms",
    "frame_jitter_max_ms",
    "skew_max_ms",
    "drift_ppm",
    "sr_count",
    "sr_offset_spread_ms",
];

/// Rows of streams, how often each code was found, and what was made of it.
#[derive(Default)]
struct Shown {
    streams: Vec<Value>,
    findings: BTreeMap<String, u32>,
    verdicts: Vec<String>,
}

impl Sink for Shown {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => self.streams.push(serde_json::to_value(row).unwrap()),
            Row::Finding(row) => *self.findings.entry(row.code.to_string()).or_default() += 1,
            Row::Verdict(row) => {
                let track = row.track.map_or("session", |track| ["video", "audio"][track]);
                self.verdicts.push(format!("{track} {}: {} {}", row.event, row.verdict, row.count));
            }
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings | Table::Verdicts)
    }
}

/// A connection under analysis.
struct Wire {
    analyzer: Analyzer<Shown>,
    demuxers: [Demuxer; 2],
    flow: Flow,
    now: Timestamp,
}

impl Wire {
    fn new() -> Self {
        let (client, server) = ("192.0.2.1:50001".parse().unwrap(), "192.0.2.7:8554".parse().unwrap());
        let options = AnalyzerOptions::default();
        Self {
            analyzer: Analyzer::new(options, Shown::default()),
            demuxers: [Demuxer::new(), Demuxer::new()],
            flow: Flow { id: 0, session: 0, url: String::new(), client, server },
            now: Timestamp::from_nanos(i64::from(START) * 1000 * MS),
        }
    }

    fn say(&mut self, direction: Direction, bytes: &[u8]) {
        let Self { analyzer, demuxers, flow, now } = self;
        events(analyzer, flow, *now, direction, demuxers[direction.index()].feed(bytes));
    }

    fn close(mut self) -> Shown {
        let Self { analyzer, demuxers, flow, now } = &mut self;
        let direction = Direction::ServerToClient;
        // With half a frame left, the server has closed the connection.
        if events(analyzer, flow, *now, direction, demuxers[1].close()) {
            let payload = Payload::Closed(Close::Fin);
            analyzer.event(&TraceEvent { at: *now, flow, direction, frame_number: None, payload }).unwrap();
        }
        self.analyzer.finish().unwrap()
    }
}

/// Tells of PDUs. Whether there were any.
fn events(tap: &mut impl Tap, flow: &Flow, at: Timestamp, direction: Direction, mut pdus: Pdus<'_>) -> bool {
    let mut any = false;
    while let Some(pdu) = pdus.next_pdu() {
        any = true;
        tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload: Payload::Pdu(&pdu) }).unwrap();
    }
    any
}

fn faults(specs: &[&str]) -> Faults {
    let faults: Vec<Fault> = specs.iter().map(|spec| spec.parse().unwrap()).collect();
    let track = |kind: &str, clock_rates| TrackInfo { kind: kind.to_owned(), clock_rates };
    let tracks = [track("video", vec![(96, 90_000)]), track("audio", vec![(0, 8000)])];
    Faults::new(&faults, &tracks, SEED, None).unwrap()
}

/// One packet each 20 ms: pictures of two packets for video, 160 samples for audio.
fn rtp(index: usize, number: u32) -> Vec<u8> {
    let (payload_type, timestamp) = [(96, number / 2 * 3600), (0, number * 160)][index];
    let sequence = u16::try_from(number).unwrap();
    let ssrc = u32::try_from(index).unwrap() + 1;
    let header = [&[0x80, payload_type][..], &sequence.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()];
    [&header.concat()[..], &[0x55; 100]].concat()
}

fn report(index: usize, second: u32) -> Vec<u8> {
    let rate = [90_000, 8000][index];
    let ssrc = u32::try_from(index).unwrap() + 1;
    let words = [ssrc, START + second + NTP_UNIX, 0, second * rate, second * 50, second * 5000];
    [&[0x80, 200, 0, 6][..], &words.map(u32::to_be_bytes).concat()].concat()
}

/// The frames of the script: time since PLAY, place, packet.
fn script() -> Vec<(i64, Route, Vec<u8>)> {
    let mut frames = Vec::new();
    for index in 0..2 {
        let lane = |rtcp| Route::Track { index, rtcp };
        frames.extend((0..SECONDS * 50).map(|number| (i64::from(number) * 20 * MS, lane(false), rtp(index, number))));
        let seconds = (5..SECONDS).step_by(5);
        frames.extend(seconds.map(|second| (i64::from(second) * 1000 * MS, lane(true), report(index, second))));
    }
    frames.sort_by_key(|(after, ..)| *after);
    frames
}

/// Asks as a client does that can log in, and answers as a server with these faults does; whether it succeeded.
fn ask(
    wire: &mut Wire,
    faults: &Faults,
    login: &mut Login,
    client: &mut Client,
    method: &str,
    track: Option<usize>,
) -> bool {
    let url = track.map_or(URL.to_owned(), |track| format!("{URL}/track{}", track + 1));
    let channels = track.map(|track| format!("RTP/AVP/TCP;unicast;interleaved={}-{}", track * 2, track * 2 + 1));
    for _ in 0..3 {
        client.cseq += 1;
        let request = MessageBuilder::request(method, &url)
            .header("CSeq", client.cseq)
            .header_opt("Transport", channels.as_ref())
            .authorization(client.authorization(method, &url))
            .finish();
        wire.say(Direction::ClientToServer, &request);
        wire.now = wire.now + Duration::from_millis(1);
        let answer = |status| MessageBuilder::response(status, reason(status)).header("CSeq", client.cseq);
        if let Some(fields) = login.check(method, &Message::new(&request, &[])) {
            let refused = fields.iter().fold(answer(401), |answer, (name, value)| answer.header(name, value));
            wire.say(Direction::ServerToClient, &refused.finish());
            client.challenged(fields.iter().map(|(_, value)| value.as_str()));
            continue;
        }
        if let Some(status) = faults.refusal(method) {
            wire.say(Direction::ServerToClient, &answer(status).finish());
            return false;
        }
        let hides = track.is_some_and(|track| faults.hides_channels(track));
        let transport = channels.filter(|_| !hides).or(track.map(|_| "RTP/AVP/TCP;unicast".to_owned()));
        let answer = answer(200).header("Session", "1").header_opt("Transport", transport);
        let bytes = match method {
            "DESCRIBE" => answer.header("Content-Base", URL).finish_with("application/sdp", SDP.as_bytes()),
            _ => answer.finish(),
        };
        wire.say(Direction::ServerToClient, &bytes);
        return true;
    }
    panic!("no login");
}

#[derive(Default)]
struct Client {
    cseq: u32,
    login: Option<Authenticator>,
}

impl Client {
    fn authorization(&mut self, method: &str, url: &str) -> Option<Vec<u8>> {
        let user = Credentials { user: "user".to_owned(), password: "pass".to_owned() };
        self.login.as_mut().map(|login| login.authorization(&user, method, url, b""))
    }

    fn challenged<'a>(&mut self, challenges: impl Iterator<Item = &'a str>) {
        self.login = Some(Authenticator::from_challenges(challenges, URL).unwrap());
    }
}

/// The bytes that a server with these faults writes after PLAY, with their times since then.
fn media(faults: &Faults) -> Vec<(i64, Vec<u8>)> {
    let (mut line, mut written, mut split) = (faults.line(), Vec::new(), faults.split_writes());
    let frame = |lane, payload: &[u8]| {
        let Route::Track { index, rtcp } = lane else { panic!("the script has tracks alone") };
        let channel = faults.channel(lane, u8::try_from(index).unwrap() * 2 + u8::from(rtcp));
        [&[b'$', channel], &u16::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
    };
    let mut pop = |line: &mut rtsp_rec::session::faults::FaultLine, now| {
        while let Some(due) = line.due().filter(|due| *due <= now) {
            let bytes = match line.pop().unwrap() {
                Step::Send { lane, payload } => frame(lane, payload),
                Step::Raw(bytes) => bytes.to_vec(),
                Step::Cut { lane, payload, sent } => frame(lane, payload)[..sent].to_vec(),
            };
            let mut rest = &bytes[..];
            for size in split.as_mut().map_or(vec![bytes.len()], |split| split.sizes(bytes.len())) {
                let (piece, behind) = rest.split_at(size);
                written.push((due, piece.to_vec()));
                rest = behind;
            }
        }
    };
    for (after, lane, payload) in &script() {
        line.push(&Frame { after: *after, lane: *lane, payload });
        pop(&mut line, *after);
    }
    line.finish();
    pop(&mut line, i64::MAX);
    written
}

/// What `analyze` shows of a session with these faults.
fn shown(specs: &[&str]) -> Shown {
    let (faults, mut wire, mut client) = (faults(specs), Wire::new(), Client::default());
    let mut login = faults.login();
    let mut ask = |wire: &mut Wire, method, track| ask(wire, &faults, &mut login, &mut client, method, track);
    ask(&mut wire, "OPTIONS", None);
    ask(&mut wire, "DESCRIBE", None);
    let set_up = [0, 1].map(|track| ask(&mut wire, "SETUP", Some(track)));
    if set_up.contains(&true) && ask(&mut wire, "PLAY", None) {
        let play = wire.now;
        for (after, bytes) in media(&faults) {
            wire.now = Timestamp::from_nanos(play.as_nanos() + after);
            wire.say(Direction::ServerToClient, &bytes);
        }
    }
    wire.close()
}

/// A value without quotes and without the zeros behind its point.
fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// How a session with this fault differs from one without.
fn differences(specs: &[&str], plain: &Shown) -> String {
    let (shown, mut text_of) = (shown(specs), format!("{}\n", specs.join(" ")));
    for (place, row) in shown.streams.iter().enumerate() {
        let known = plain.streams.iter().find(|plain| plain["ssrc"] == row["ssrc"]);
        let mut line = known.map_or(format!("another row ({place})"), |known| text(&known["media"]));
        for column in COLUMNS {
            match known.map(|known| &known[column]) {
                None if !row[column].is_null() => write!(line, ", {column} {}", text(&row[column])).unwrap(),
                Some(before) if text(before) != text(&row[column]) => {
                    write!(line, ", {column} {} -> {}", text(before), text(&row[column])).unwrap();
                }
                _ => {}
            }
        }
        if line.contains(", ") {
            writeln!(text_of, "  {line}").unwrap();
        }
    }
    let gone = plain.streams.iter().filter(|plain| shown.streams.iter().all(|row| row["ssrc"] != plain["ssrc"]));
    gone.for_each(|row| writeln!(text_of, "  {} is gone", text(&row["media"])).unwrap());
    // What the terse dialogue of this test shows by itself is no fault's.
    let added = shown.findings.iter().filter(|(code, count)| plain.findings.get(*code) != Some(count));
    let findings: Vec<String> = added.map(|(code, count)| format!("{code} {count}")).collect();
    writeln!(text_of, "  findings: {}", findings.join(", ")).unwrap();
    writeln!(text_of, "  verdicts: {}", shown.verdicts.join(", ")).unwrap();
    text_of
}

/// An example of each fault, for the table in docs/faults.md.
const EXAMPLES: [&[&str]; 24] = [
    &["drop=1%"],
    &["dup=1%"],
    &["reorder=1%/3"],
    &["delay=50ms±20ms"],
    &["delay=300ms±250ms"],
    &["delay=50ms"],
    &["corrupt=1%"],
    &["stall=5s@10s"],
    &["video:stall=5s@10s"],
    &["cut@20s"],
    &["garbage=1%"],
    &["ssrc-change@10s"],
    &["ts-jump@10s"],
    &["drift=200ppm"],
    &["no-sr"],
    &["no-interleaved"],
    &["wrong-channel"],
    &["status=461:SETUP"],
    &["digest=user:pass"],
    &["basic=user:pass"],
    &["digest=user:pass", "stale-nonce"],
    &["split-writes"],
    &["video:drop=100%"],
    &["drop=1%", "dup=1%", "audio:drift=-50ppm"],
];

#[test]
fn what_analyze_shows_of_each_fault() {
    let plain = shown(&[]);
    let of_media = ["sequence-gap", "timestamp-jump", "junk", "duplicate", "reordered", "sr-count-mismatch"];
    assert_eq!(plain.streams.len(), 2);
    assert!(of_media.iter().all(|code| !plain.findings.contains_key(*code)), "{:?}", plain.findings);
    let all: Vec<String> = EXAMPLES.iter().map(|specs| differences(specs, &plain)).collect();
    insta::assert_snapshot!(all.join("\n"));
    for name in NAMES {
        let is_shown = |spec: &&str| spec.split(['=', '@']).next().is_some_and(|front| front.ends_with(name));
        assert!(EXAMPLES.iter().any(|specs| specs.iter().any(is_shown)), "{name}");
    }
}

/// Sequence numbers of a track's packets as they were written.
fn numbers(written: &[(i64, Vec<u8>)], channel: u8) -> Vec<u16> {
    let packets = written.iter().filter(|(_, bytes)| bytes.starts_with(&[b'$', channel]) && !is_rtcp(&bytes[4..]));
    packets.map(|(_, bytes)| RtpPacket::parse(&bytes[4..]).unwrap().sequence()).collect()
}

#[test]
fn figures_are_those_of_the_bytes_written() {
    let row = |specs: &[&str], column: &str| shown(specs).streams[0][column].as_u64().unwrap();
    let written = |specs: &[&str]| numbers(&media(&faults(specs)), 0);
    let all = u64::from(SECONDS * 50);
    let count = |numbers: Vec<u16>| u64::try_from(numbers.len()).unwrap();

    assert_eq!(row(&["drop=1%"], "missing"), all - count(written(&["drop=1%"])));
    assert_eq!(row(&["dup=1%"], "duplicates"), count(written(&["dup=1%"])) - all);
    let order = written(&["reorder=1%/3"]);
    let highest = order.iter().scan(0, |highest, number| {
        let is_late = number < highest;
        *highest = (*highest).max(*number);
        Some(is_late)
    });
    assert_eq!(row(&["reorder=1%/3"], "reordered"), count(highest.filter(|late| *late).map(|_| 0).collect()));
    assert_eq!(row(&["cut@20s"], "packets"), 20 * 50);
    let garbage = media(&faults(&["garbage=1%"])).iter().filter(|(_, bytes)| !bytes.starts_with(b"$")).count();
    assert_eq!(shown(&["garbage=1%"]).findings["junk"], u32::try_from(garbage).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for specs in EXAMPLES {
        assert_eq!(media(&faults(specs)), media(&faults(specs)), "{specs:?}");
    }
}

#[test]
fn every_fault_is_described() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let specs: Vec<Fault> = rows.map(|spec| spec.parse().unwrap()).collect();
    for name in NAMES {
        assert!(specs.iter().any(|fault| fault.kind.name() == name), "{name}");
    }
    for (spec, line) in specs.iter().zip(text.lines().filter(|line| line.starts_with("| `"))) {
        let alone =
            Fault { track: Some("video:no-sr".parse::<Fault>().unwrap().track.unwrap()), kind: spec.kind.clone() };
        let is_of_tracks = alone.to_string().parse::<Fault>().is_ok();
        assert_eq!(line.contains("| *connection*"), !is_of_tracks, "{spec}");
    }
}
