//! RTSP that is tunnelled through HTTP: the same rows as over plain TCP, and what tunnels do wrong.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod frames;
mod sessions;
mod web_socket;
mod wire;

use std::io;

use proptest::collection::vec;
use proptest::prelude::*;
use rtsp_rec::analysis::rows::{Row, Sink, Table};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::Source;
use rtsp_rec::export::{MediaPacket, MediaSink, Selection, Track, Tracks};
use rtsp_rec::trace::Direction::{ClientToServer, ServerToClient};
use serde_json::{Value, json};

use crate::wire::{Encoding, GET, OPENED, POST, Said, Tcp, Tunnel, Wire, base64, get, in_chunks, plain, post};

/// All rows, as JSON, with the name of their table.
#[derive(Default)]
struct Rows(Vec<(Table, Value)>);

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.0.push((row.table(), serde_json::to_value(row).unwrap()));
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

impl Rows {
    fn of(wire: &Wire) -> Self {
        let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Self::default());
        Source::read(wire.file().as_slice(), &mut analyzer).unwrap();
        analyzer.finish().unwrap()
    }

    fn table(&self, table: Table) -> Vec<&Value> {
        self.0.iter().filter(|(of, _)| *of == table).map(|(_, row)| row).collect()
    }

    /// Some columns of a table, one row a line.
    fn lines(&self, table: Table, columns: &[&str]) -> Vec<String> {
        let cell = |row: &Value, column: &str| match &row[column] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        let line = |row: &&Value| columns.iter().map(|column| cell(row, column)).collect::<Vec<_>>().join(" ");
        self.table(table).iter().map(line).collect()
    }

    fn codes(&self) -> Vec<String> {
        self.lines(Table::Findings, &["code"])
    }

    /// Findings about how messages were carried and answered, not about what they say: these dialogues say little.
    fn carriage_codes(&self) -> Vec<String> {
        let about_carriage = |code: &String| {
            ["tunnel-", "http-", "response-", "capture-", "junk"].iter().any(|start| code.starts_with(start))
        };
        self.codes().into_iter().filter(about_carriage).collect()
    }

    /// What does not depend on how the dialogue was carried.
    fn carried(self) -> Vec<(Table, Value)> {
        let http = |row: &Value| matches!(row["method"].as_str(), Some("GET" | "POST"));
        let mut rows = self.0;
        rows.retain(|(table, row)| *table != Table::Tcp && !http(row));
        for (_, row) in &mut rows {
            for column in
                ["frame_number", "first_frame_number", "last_frame_number", "client", "transport", "stream_offset"]
            {
                row.as_object_mut().unwrap().remove(column);
            }
        }
        rows
    }
}

/// A request, at least `size` bytes long; `aligned`: in threes.
fn request(cseq: usize, method: &str, more: &str, aligned: bool) -> Said {
    let url = if method == "SETUP" { "rtsp://10.0.0.2/av/t0" } else { "rtsp://10.0.0.2/av" };
    let line = format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{more}X: ");
    let fill = if aligned { (3 - (line.len() + 4) % 3) % 3 } else { 0 };
    (ClientToServer, format!("{line}{}\r\n\r\n", "x".repeat(fill)).into_bytes())
}

fn response(cseq: usize, more: &str, body: &str) -> Said {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    (ServerToClient, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{more}{length}\r\n{body}").into_bytes())
}

/// What passes between the answer to PLAY and TEARDOWN.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// RTP of the server with so much payload.
    Media(u8),
    /// RTP of the server behind a lost packet.
    Loss,
    /// A receiver report.
    Report,
    /// A keep-alive and its answer.
    KeepAlive,
}

fn frame(channel: u8, packet: &[u8]) -> Vec<u8> {
    let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
    [&[b'$', channel], &len[..], packet].concat()
}

/// A whole session.
fn dialogue(events: &[Event], aligned: bool) -> Vec<Said> {
    let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n";
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let mut said = vec![
        request(1, "OPTIONS", "", aligned),
        response(1, "", ""),
        request(2, "DESCRIBE", "", aligned),
        response(2, "Content-Type: application/sdp\r\nContent-Base: rtsp://10.0.0.2/av/\r\n", sdp),
        request(3, "SETUP", transport, aligned),
        response(3, &format!("Session: 1234\r\n{transport}"), ""),
        request(4, "PLAY", "Session: 1234\r\n", aligned),
        response(4, "Session: 1234\r\n", ""),
    ];
    let (mut sequence, mut cseq) = (100_u16, 5);
    for event in events {
        match event {
            Event::Media(len) => {
                sequence += 1;
                let head = [&[0x80, 96], &sequence.to_be_bytes()[..], &[0; 3], &[*len, 0, 0, 0, 9]].concat();
                said.push((ServerToClient, frame(0, &[head, vec![0x24; usize::from(*len)]].concat())));
            }
            Event::Loss => sequence += 1,
            Event::Report => {
                let block = [0, 0, 0, 9, 1, 0, 0, 2, 0, 0, 0, 100, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
                said.push((ClientToServer, frame(1, &[&[0x81, 201, 0, 7, 0, 0, 0, 8], &block[..]].concat())));
            }
            Event::KeepAlive => {
                said.extend([request(cseq, "GET_PARAMETER", "", aligned), response(cseq, "", "")]);
                cseq += 1;
            }
        }
    }
    said.extend([request(cseq, "TEARDOWN", "", aligned), response(cseq, "", "")]);
    said
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => any::<u8>().prop_map(Event::Media),
        1 => Just(Event::Loss),
        2 => Just(Event::Report),
        1 => Just(Event::KeepAlive),
    ];
    vec(event, 0..30)
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    let encoding = prop_oneof![Just(Encoding::Padded), Just(Encoding::Lines), Just(Encoding::Stream)];
    let chunks = || prop_oneof![2 => Just(None), 1 => (1_usize..200).prop_map(Some)];
    (encoding, prop_oneof![Just(usize::MAX), 1_usize..4], any::<bool>(), [chunks(), chunks()]).prop_map(
        |(encoding, per_post, post_first, chunks)| Tunnel {
            encoding,
            per_post,
            post_first,
            chunks,
            ..Tunnel::default()
        },
    )
}

/// The packets of each track, as exports get them.
fn exported(wire: &Wire) -> Vec<(Option<usize>, bool, Vec<u8>)> {
    #[derive(Default)]
    struct Packets(Vec<(Option<usize>, bool, Vec<u8>)>);
    impl MediaSink for Packets {
        fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
            self.0.push((track.number, packet.rtcp, packet.bytes.to_vec()));
            Ok(())
        }
    }
    let mut tracks = Tracks::new(Selection::default(), Packets::default());
    Source::read(wire.file().as_slice(), &mut tracks).unwrap();
    tracks.finish().unwrap().1.0
}

/// A dialogue, tunnelled.
fn tunnelled(tunnel: &Tunnel, said: &[Said]) -> Rows {
    let mut wire = Wire::default();
    tunnel.carry(&mut wire, said);
    Rows::of(&wire)
}

const MESSAGE: &[&str] = &["session", "direction", "kind", "method", "status", "latency_ms"];
const STREAM: &[&str] = &["session", "client", "server", "transport", "packets", "track"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_same_rows_as_over_plain_tcp(
        events in events(),
        tunnel in tunnel(),
        pieces in vec(1_usize..200, 0..6),
    ) {
        let said = dialogue(&events, matches!(tunnel.encoding, Encoding::Stream));
        let mut direct = Wire::default();
        plain(&mut direct, &said);
        let mut wire = Wire { pieces, ..Wire::default() };
        tunnel.carry(&mut wire, &said);
        let rows = Rows::of(&wire);
        for stream in rows.table(Table::Streams) {
            prop_assert_eq!(&stream["client"], &json!(format!("10.0.0.1:{GET}")));
            prop_assert_eq!(&stream["transport"], &json!("http"));
        }
        prop_assert_eq!(rows.carried(), Rows::of(&direct).carried());
        prop_assert_eq!(exported(&wire), exported(&direct));
    }

    /// Where the bytes of a hole lie in the client's side, the requests behind it are found, at their places.
    #[test]
    fn a_hole_in_the_post(
        before in 0..40_usize,
        lost in 1..300_usize,
        padded: bool,
        pieces in vec(1_usize..200, 0..3),
    ) {
        let requests: Vec<Vec<u8>> = (1..20).map(|cseq| request(cseq, "OPTIONS", "", !padded).1).collect();
        let text: Vec<u8> = requests.iter().flat_map(|request| base64(request)).collect();
        let mut wire = Wire { pieces, ..Wire::default() };
        let mut tcp = Tunnel::default().open_post(&mut wire, POST);
        wire.send(&mut tcp, ClientToServer, &text[..before]);
        tcp.lose(ClientToServer, lost);
        wire.send(&mut tcp, ClientToServer, &text[before + lost..]);
        let rows = Rows::of(&wire);
        let found = rows.lines(Table::Messages, &["cseq"]);
        let mut at = 0;
        let whole = |request: &Vec<u8>| {
            let range = (at, at + base64(request).len());
            at = range.1;
            range.1 <= before || range.0 >= before + lost
        };
        let whole: Vec<bool> = requests.iter().map(whole).collect();
        let expected: Vec<String> = (1..20).zip(&whole).filter(|(_, whole)| **whole).map(|(cseq, _)| cseq.to_string()).collect();
        // Of the one that the hole ends in, the rest may look like a request.
        let touched = found[1..].iter().filter(|cseq| !expected.contains(cseq)).count();
        prop_assert!(expected.iter().all(|cseq| found.contains(cseq)) && touched <= 1, "{:?}", found);
        prop_assert_eq!(rows.codes().iter().filter(|code| *code == "capture-gap").count(), 1);
    }

    #[test]
    fn no_bytes_panic(
        said in vec((any::<bool>(), vec(any::<u8>(), 0..80), 0..200_usize), 0..10),
        opening in prop_oneof![Just(get("c")), Just(post("c"))],
    ) {
        let mut wire = Wire::default();
        for port in 0..2 {
            let mut tcp = Tcp::open(&mut wire, GET + port);
            wire.send(&mut tcp, ClientToServer, &opening);
            for (from_server, bytes, lost) in &said {
                let direction = if *from_server { ServerToClient } else { ClientToServer };
                wire.send(&mut tcp, direction, bytes);
                tcp.lose(direction, lost.saturating_sub(150));
            }
        }
        Rows::of(&wire);
    }
}

/// Some servers say chunked and send none; and behind a hole the next chunk with RTSP is found.
#[test]
fn chunks_that_are_none_and_a_hole() {
    let said = dialogue(&[Event::Media(9), Event::Media(9), Event::Media(9), Event::Media(9)], false);
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\nTransfer-Encoding: chunked\r\n\r\n";
    let media: Vec<&[u8]> = said.iter().map(|(_, bytes)| bytes.as_slice()).filter(|bytes| bytes[0] == b'$').collect();
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let packets = |parts: &[Vec<u8>], lost: usize| {
        let mut wire = Wire::default();
        let mut tcp = Tcp::open(&mut wire, GET);
        wire.send(&mut tcp, ClientToServer, &get("c"));
        wire.send(&mut tcp, ServerToClient, head);
        wire.send(&mut tcp, ServerToClient, &parts[0]);
        tcp.lose(ServerToClient, lost);
        parts[1..].iter().for_each(|part| wire.send(&mut tcp, ServerToClient, part));
        Rows::of(&wire).lines(Table::Streams, &["packets", "missing"])
    };
    let bare: Vec<Vec<u8>> = media.iter().map(|bytes| bytes.to_vec()).collect();
    assert_eq!(packets(&bare, 0), ["4 0"]);
    let whole: Vec<Vec<u8>> = media.iter().map(|bytes| chunk(bytes)).collect();
    assert_eq!(packets(&whole, 0), ["4 0"]);
    // The second is lost, and the beginning of the third with it.
    let holed = [whole[0].clone(), whole[2][10..].to_vec(), whole[3].clone(), whole[3].clone()];
    assert_eq!(packets(&holed, whole[1].len() + 10), ["3 2"]);
    // Only bytes of the second's payload are lost: the others are where they were.
    let holed =
        [[&whole[0][..], &whole[1][..20]].concat(), whole[1][25..].to_vec(), whole[2].clone(), whole[3].clone()];
    assert_eq!(packets(&holed, 5), ["3 1"]);
}

/// The head that says so lies before the capture.
#[test]
fn a_capture_that_begins_within_chunks() {
    let said = dialogue(&[Event::Media(90); 24], false);
    for (longest, each) in [(1000, 1), (7, 1), (1, 1), (50, 3), (1000, 5)] {
        let (mut wire, mut tcp) = (Wire::default(), Tcp::begun(GET));
        for run in said[10..32].chunks(each) {
            let bytes: Vec<u8> = run.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            wire.send(&mut tcp, ServerToClient, &in_chunks(&bytes, Some(longest)));
        }
        let rows = Rows::of(&wire);
        assert_eq!(rows.lines(Table::Streams, &["transport", "packets"]), ["http 22"], "{longest} {each}");
        assert_eq!(rows.carriage_codes(), ["capture-begins-late"], "{longest} {each}");
    }
}

#[test]
fn one_direction_of_a_tunnel() {
    for chunks in [[None; 2], [Some(99), Some(50)]] {
        let mut wire = Wire::default();
        Tunnel { chunks, ..Tunnel::default() }.carry(&mut wire, &dialogue(&[Event::Media(9); 3], false));
        for side in [ServerToClient, ClientToServer] {
            assert_eq!(Rows::of(&wire.only(side)).codes(), ["one-direction"], "{side:?}");
        }
    }
}

#[test]
fn both_connections_of_a_tunnel_have_rows_of_tcp() {
    for post_first in [false, true] {
        let tunnel = Tunnel { post_first, ..Tunnel::default() };
        let mut wire = Wire::default();
        tunnel.carry(&mut wire, &dialogue(&[Event::Media(9)], false));
        let rows = Rows::of(&wire);
        let mut lines = rows.lines(Table::Tcp, &["client", "direction", "session"]);
        lines.sort();
        lines.dedup();
        let ends = ["10.0.0.1:50000 c2s 1", "10.0.0.1:50000 s2c 1", "10.0.0.1:50001 c2s 1", "10.0.0.1:50001 s2c 1"];
        assert_eq!(lines, ends);
        let segments = rows.table(Table::Tcp).iter().map(|row| row["segments"].as_u64().unwrap()).sum::<u64>();
        assert_eq!(segments, wire.packets.len() as u64);
    }
}

#[test]
fn what_speaks_no_rtsp_has_no_rows_of_tcp() {
    let (mut wire, mut tcp) = (Wire::default(), Tcp::begun(GET));
    for _ in 0..20 {
        wire.send(&mut tcp, ServerToClient, b"220 no server of RTSP");
        wire.now += 400;
    }
    assert_eq!(Rows::of(&wire).table(Table::Tcp).len(), 0);
}

#[test]
fn the_messages_of_http_are_rows() {
    let rows = tunnelled(&Tunnel::default(), &dialogue(&[Event::Media(9)], false));
    let lines = rows.lines(Table::Messages, &[MESSAGE, &["url", "frame_number"]].concat());
    assert_eq!(
        lines[..4],
        [
            "1 c2s request GET - - /av 3",
            "1 s2c response GET 200 0.000000 /av 4",
            "1 c2s request POST - - /av 7",
            "1 c2s request OPTIONS - - rtsp://10.0.0.2/av 8",
        ]
    );
    assert_eq!(lines.len(), 13);
    assert_eq!(rows.lines(Table::Streams, STREAM), ["1 10.0.0.1:50000 10.0.0.2:554 http 1 0"]);
    assert_eq!(rows.carriage_codes(), Vec::<String>::new());
}

#[test]
fn credentials_in_the_path_are_masked() {
    let mut wire = Wire::default();
    let mut tcp = Tcp::open(&mut wire, GET);
    wire.send(&mut tcp, ClientToServer, b"GET /av?user=me&password=secret HTTP/1.0\r\nx-sessioncookie: c\r\n\r\n");
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Messages, &["url"]), ["/av?user=**&password=******"]);
}

#[test]
fn a_post_that_is_answered_answers_no_request() {
    let mut wire = Wire::default();
    let (mut get_tcp, mut post_tcp) = (Tcp::open(&mut wire, GET), Tcp::open(&mut wire, POST));
    wire.send(&mut get_tcp, ClientToServer, &get("c"));
    wire.send(&mut post_tcp, ClientToServer, &post("c"));
    wire.send(&mut post_tcp, ClientToServer, &base64(&request(1, "OPTIONS", "", false).1));
    wire.now += 5;
    wire.send(&mut post_tcp, ServerToClient, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    wire.now += 5;
    wire.send(&mut get_tcp, ServerToClient, &[OPENED, &response(1, "", "").1].concat());
    let rows = Rows::of(&wire);
    assert_eq!(
        rows.lines(Table::Messages, MESSAGE)[3..],
        [
            "1 s2c response POST 200 5.000000",
            "1 s2c response GET 200 10.000000",
            "1 s2c response OPTIONS 200 10.000000",
        ]
    );
    assert_eq!(rows.carriage_codes(), Vec::<String>::new());
}

#[test]
fn halves_that_are_missing() {
    let said = dialogue(&[Event::Media(1), Event::Media(2)], false);
    let mut wire = Wire::default();
    let mut tcp = Tcp::open(&mut wire, GET);
    wire.send(&mut tcp, ClientToServer, &get("c"));
    wire.send(&mut tcp, ServerToClient, OPENED);
    for (_, bytes) in said.iter().filter(|(direction, _)| *direction == ServerToClient) {
        wire.send(&mut tcp, ServerToClient, bytes);
    }
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Streams, STREAM), ["1 10.0.0.1:50000 10.0.0.2:554 http 2 -"]);
    assert!(rows.codes().contains(&"tunnel-incomplete".to_owned()), "{:?}", rows.codes());

    let mut wire = Wire::default();
    let mut tcp = Tunnel::default().open_post(&mut wire, POST);
    for (_, bytes) in said.iter().filter(|(direction, _)| *direction == ClientToServer) {
        wire.send(&mut tcp, ClientToServer, &base64(bytes));
    }
    let rows = Rows::of(&wire);
    let methods = rows.lines(Table::Messages, &["method"]);
    assert_eq!(methods, ["POST", "OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]);
    assert_eq!(rows.codes().iter().filter(|code| *code == "tunnel-incomplete").count(), 1);
}

#[test]
fn only_the_server_was_captured() {
    let mut wire = Wire::default();
    let mut tcp = Tcp::open(&mut wire, GET);
    wire.send(&mut tcp, ServerToClient, &[OPENED, &response(1, "", "").1].concat());
    let media = dialogue(&[Event::Media(1), Event::Media(2)], false);
    for (_, bytes) in media.iter().filter(|(_, bytes)| bytes[0] == b'$') {
        wire.send(&mut tcp, ServerToClient, bytes);
    }
    assert_eq!(Rows::of(&wire).lines(Table::Streams, STREAM), ["1 10.0.0.1:50000 10.0.0.2:554 http 2 -"]);
}

#[test]
fn several_tunnels_and_a_cookie_that_comes_again() {
    let said = dialogue(&[Event::Media(1)], false);
    let mut wire = Wire::default();
    for cookie in ["c1", "c2", "c2"] {
        // The same ports again: what was there before is over.
        Tunnel { cookie, ..Tunnel::default() }.carry(&mut wire, &said);
    }
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Streams, &["session", "packets", "track"]), ["1 1 0", "2 1 0", "3 1 0"]);
    assert_eq!(rows.lines(Table::Messages, &["session", "method", "kind"]).len(), 3 * 13);
}

#[test]
fn a_tunnel_that_is_refused_is_not_incomplete() {
    let mut wire = Wire::default();
    let mut tcp = Tcp::open(&mut wire, GET);
    let refusal = b"HTTP/1.0 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nsad!";
    wire.send(&mut tcp, ClientToServer, &get("c"));
    wire.send(&mut tcp, ServerToClient, refusal);
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Messages, &["method", "status", "body_bytes"]), ["GET - 0", "GET 404 4"]);
    assert_eq!(rows.codes(), ["error-response"]);
}

#[test]
fn what_is_no_base64_is_told_once_for_each_post() {
    let mut wire = Wire::default();
    for (number, text) in [(0, b"T1BUS\x00U9OUyAq-IFJUU1AvMS4wDQpDU2VxOiAxDQoNCg==".as_slice()), (1, b"\xff\xff")] {
        let mut tcp = Tunnel::default().open_post(&mut wire, POST + number);
        wire.send(&mut tcp, ClientToServer, text);
    }
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Messages, &["method", "cseq"]), ["POST -", "OPTIONS 1", "POST -"]);
    let found = rows.lines(Table::Findings, &["code", "stream_offset"]);
    assert_eq!(found[..2], ["tunnel-garbage 3", "tunnel-garbage 31"]);
}

#[test]
fn without_a_post_head_its_body_means_nothing() {
    let mut wire = Wire::default();
    let mut tcp = Tcp::open(&mut wire, POST);
    wire.send(&mut tcp, ClientToServer, &base64(&request(1, "OPTIONS", "", false).1));
    assert!(Rows::of(&wire).0.is_empty());
}
