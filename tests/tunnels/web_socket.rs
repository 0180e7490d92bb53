//! RTSP in the frames of a WebSocket: the same rows as over plain TCP, however the frames are cut.

use proptest::collection::vec;
use proptest::prelude::*;
use rtsp_rec::analysis::rows::Table;
use rtsp_rec::trace::Direction::{self, ClientToServer, ServerToClient};
use serde_json::json;

use crate::frames::{BINARY, CLOSE, LAST, PING, TEXT, WebSocket, frame};
use crate::wire::{GET, SERVER, Said, Tcp, Wire, plain};
use crate::{Event, Rows, STREAM, dialogue, events, exported, request, response};

fn web_socket() -> impl Strategy<Value = WebSocket> {
    let pieces = prop_oneof![Just(Vec::new()), vec(1_usize..300, 1..5)];
    let protocol = prop_oneof![Just("rtsp.onvif.org"), Just("binary")];
    (protocol, pieces, any::<bool>(), prop_oneof![Just(TEXT), Just(BINARY)], any::<bool>()).prop_map(
        |(protocol, pieces, fragments, opcode, pings)| WebSocket { protocol, pieces, fragments, opcode, pings },
    )
}

fn analyzed(socket: &WebSocket, said: &[Said]) -> Rows {
    let mut wire = Wire::default();
    socket.carry(&mut wire, said);
    Rows::of(&wire)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_same_rows_as_over_plain_tcp(events in events(), socket in web_socket(), pieces in vec(1_usize..200, 0..6)) {
        let said = dialogue(&events, false);
        let mut direct = Wire::default();
        plain(&mut direct, &said);
        let mut wire = Wire { pieces, ..Wire::default() };
        socket.carry(&mut wire, &said);
        let rows = Rows::of(&wire);
        for stream in rows.table(Table::Streams) {
            prop_assert_eq!(&stream["transport"], &json!("http"));
        }
        prop_assert_eq!(rows.carried(), Rows::of(&direct).carried());
        prop_assert_eq!(exported(&wire), exported(&direct));
    }

    /// A hole costs the frames that it touches, and no others.
    #[test]
    fn a_hole(from in 0_usize..3000, len in 1_usize..900) {
        let said = dialogue(&[Event::Media(120); 40], false);
        let socket = WebSocket::default();
        let (media, talk): (Vec<Said>, Vec<Said>) = said.into_iter().partition(|(_, bytes)| bytes[0] == b'$');
        let frames: Vec<Vec<u8>> = media.iter().map(|(direction, bytes)| socket.frames(*direction, bytes)).collect();
        let stream = frames.concat();
        let mut wire = Wire::default();
        let mut tcp = socket.open(&mut wire);
        socket.go_on(&mut wire, &mut tcp, &talk[..8]);
        wire.send(&mut tcp, ServerToClient, &stream[..from]);
        tcp.lose(ServerToClient, len);
        wire.send(&mut tcp, ServerToClient, &stream[from + len..]);
        let mut at = 0;
        let whole = frames.iter().filter(|frame| {
            let begin = at;
            at += frame.len();
            at <= from || begin >= from + len
        });
        let rows = Rows::of(&wire);
        prop_assert_eq!(rows.lines(Table::Streams, &["packets"]), [whole.count().to_string()]);
        prop_assert_eq!(rows.codes().iter().filter(|code| *code == "capture-gap").count(), 1);
    }

    #[test]
    fn no_bytes_panic(
        socket in web_socket(),
        said in vec((any::<bool>(), vec(any::<u8>(), 0..80), 0..200_usize), 0..10),
        begun: bool,
    ) {
        let mut wire = Wire::default();
        let mut tcp = if begun { Tcp::begun(GET) } else { socket.open(&mut wire) };
        for (from_server, bytes, lost) in &said {
            let direction = if *from_server { ServerToClient } else { ClientToServer };
            wire.send(&mut tcp, direction, bytes);
            wire.send(&mut tcp, direction, &socket.frames(direction, bytes));
            tcp.lose(direction, lost.saturating_sub(150));
        }
        Rows::of(&wire);
    }
}

#[test]
fn the_messages_of_http_are_rows() {
    let rows = analyzed(&WebSocket::default(), &dialogue(&[Event::Media(9)], false));
    let lines = rows.lines(Table::Messages, &["direction", "kind", "method", "url", "status", "latency_ms"]);
    assert_eq!(lines[..2], ["c2s request GET /av - -", "s2c response GET /av 101 0.000000"]);
    assert_eq!(rows.lines(Table::Streams, STREAM), ["1 10.0.0.1:50000 10.0.0.2:554 http 1 0"]);
    assert_eq!(rows.carriage_codes(), Vec::<String>::new());
}

#[test]
fn a_capture_that_begins_within() {
    let said = dialogue(&[Event::Media(9); 12], false);
    let (socket, mut wire) = (WebSocket::default(), Wire::default());
    socket.go_on(&mut wire, &mut Tcp::begun(GET), &said[10..]);
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Streams, STREAM), ["1 10.0.0.1:50000 10.0.0.2:554 http 10 -"]);
    assert_eq!(rows.lines(Table::Messages, &["method", "kind"]), ["TEARDOWN request", "TEARDOWN response"]);
}

/// How a message is cut into frames, and how many go out at once, is the sender's own.
#[test]
fn a_capture_that_begins_within_frames_of_all_kinds() {
    let said = dialogue(&[Event::Media(90); 24], false);
    let default = WebSocket::default;
    let kinds = [
        WebSocket { pieces: vec![40, 40, 40], fragments: true, ..default() },
        WebSocket { pieces: vec![40, 40, 40], fragments: true, pings: true, ..default() },
        // The header and the packet each in a message.
        WebSocket { pieces: vec![4, 1000], ..default() },
        WebSocket { opcode: TEXT, ..default() },
    ];
    let media = |direction: &Direction| *direction == ServerToClient;
    for socket in kinds {
        let mut wire = Wire::default();
        socket.go_on(&mut wire, &mut Tcp::begun(GET), &said[10..]);
        let rows = Rows::of(&wire);
        assert_eq!(rows.lines(Table::Streams, &["transport", "packets"]), ["http 22"], "{socket:?}");
        assert_eq!(rows.carriage_codes(), ["capture-begins-late"], "{socket:?}");
    }
    // Several packets in each frame, and segments that end within.
    let (socket, mut wire) = (WebSocket::default(), Wire { pieces: vec![200, 300], ..Wire::default() });
    let joined: Vec<Said> = said[10..]
        .chunk_by(|one, other| media(&one.0) && media(&other.0))
        .flat_map(|run| run.chunks(5).map(|of| (of[0].0, of.iter().flat_map(|(_, bytes)| bytes.clone()).collect())))
        .collect();
    socket.go_on(&mut wire, &mut Tcp::begun(GET), &joined);
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Streams, &["transport", "packets"]), ["http 22"]);
}

/// By its ports the client would be the server.
#[test]
fn the_mask_tells_who_the_client_is() {
    let said = dialogue(&[Event::Media(90); 24], false);
    let (socket, mut wire) = (WebSocket::default(), Wire::default());
    socket.go_on(&mut wire, &mut Tcp::begun(GET), &said[10..31]);
    for (_, packet) in &mut wire.packets {
        let port = if packet[34..36] == SERVER.to_be_bytes() { 34 } else { 36 };
        packet[port..port + 2].copy_from_slice(&60_000_u16.to_be_bytes());
    }
    let rows = Rows::of(&wire);
    assert_eq!(
        rows.lines(Table::Streams, &["client", "transport", "direction", "packets"]),
        ["10.0.0.1:50000 http s2c 21"]
    );
}

/// A proxy passes on a stream as it reads it: frames begin and end within packets.
#[test]
fn a_capture_that_begins_within_what_a_proxy_frames() {
    let said = dialogue(&[Event::Media(90); 40], false);
    let stream: Vec<u8> =
        said[10..].iter().filter(|(from, _)| *from == ServerToClient).flat_map(|(_, bytes)| bytes.clone()).collect();
    let chunks: Vec<Said> = stream.chunks(250).map(|chunk| (ServerToClient, chunk.to_vec())).collect();
    let (socket, mut wire) = (WebSocket::default(), Wire::default());
    socket.go_on(&mut wire, &mut Tcp::begun(GET), &chunks[1..]);
    let packets = Rows::of(&wire).lines(Table::Streams, &["packets"]);
    assert_eq!(packets, ["35"], "what ends in the first frame is lost");
}

#[test]
fn one_direction_of_a_web_socket() {
    let (socket, mut wire) = (WebSocket::default(), Wire::default());
    socket.carry(&mut wire, &dialogue(&[Event::Media(9); 3], false));
    for (side, expected) in [(ServerToClient, vec!["one-direction"]), (ClientToServer, vec!["one-direction"])] {
        let rows = Rows::of(&wire.only(side));
        assert_eq!(rows.codes(), expected, "{side:?}");
    }
}

#[test]
fn other_web_sockets_are_no_sessions() {
    for protocol in ["chat", "binary"] {
        let (socket, mut wire) = (WebSocket { protocol, ..WebSocket::default() }, Wire::default());
        let mut tcp = socket.open(&mut wire);
        let mut begun = Tcp::begun(GET + 1);
        for direction in [ClientToServer, ServerToClient].repeat(50) {
            for tcp in [&mut tcp, &mut begun] {
                wire.send(
                    tcp,
                    direction,
                    &frame(direction, LAST | TEXT, b"{\"price\": \"$100.00\", \"note\": \"RTSP/1.0\"}"),
                );
                wire.send(tcp, direction, &frame(direction, LAST | PING, b"ping"));
            }
        }
        wire.send(&mut tcp, ServerToClient, &frame(ServerToClient, LAST | CLOSE, b"\x03\xe8"));
        assert!(Rows::of(&wire).0.is_empty(), "{protocol}");
    }
}

/// A 401 first: what follows it is no WebSocket, but another request.
#[test]
fn a_login_before_it() {
    let (socket, mut wire) = (WebSocket::default(), Wire::default());
    let mut tcp = Tcp::open(&mut wire, GET);
    let asked = "GET /av HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n";
    wire.send(&mut tcp, ClientToServer, format!("{asked}\r\n").as_bytes());
    wire.send(&mut tcp, ServerToClient, b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nsad!");
    wire.send(&mut tcp, ClientToServer, format!("{asked}Authorization: Basic eDp5\r\n\r\n").as_bytes());
    wire.send(&mut tcp, ServerToClient, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    socket.go_on(&mut wire, &mut tcp, &[request(1, "OPTIONS", "", false), response(1, "", "")]);
    let rows = Rows::of(&wire);
    let expected = ["GET -", "GET 401", "GET -", "GET 101", "OPTIONS -", "OPTIONS 200"];
    assert_eq!(rows.lines(Table::Messages, &["method", "status"]), expected);
    assert_eq!(rows.carriage_codes(), Vec::<String>::new());
}

#[test]
fn compressed_messages_are_told_of_once() {
    let (socket, mut wire) = (WebSocket::default(), Wire::default());
    let mut tcp = socket.open(&mut wire);
    for _ in 0..5 {
        wire.send(&mut tcp, ServerToClient, &frame(ServerToClient, LAST | 0x40 | BINARY, b"$\0\0\x08\x80abcdefg"));
    }
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Findings, &["code", "direction"]), ["websocket-compressed s2c"]);
}
