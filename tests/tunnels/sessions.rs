//! Several sessions in one tunnel: each has its description, messages and tracks, as on a plain connection.

use etherparse::PacketBuilder;
use proptest::prelude::*;
use rtsp_rec::analysis::rows::Table;
use rtsp_rec::trace::Direction::{ClientToServer, ServerToClient};

use crate::frames::WebSocket;
use crate::wire::{POST, Said, Tunnel, Wire, base64, plain};
use crate::{MESSAGE, Rows, exported, frame, response, tunnel, tunnelled};

fn request(cseq: usize, method: &str, url: &str, more: &str) -> Said {
    (ClientToServer, format!("{method} rtsp://10.0.0.2/{url} RTSP/1.0\r\nCSeq: {cseq}\r\n{more}\r\n").into_bytes())
}

/// A presentation is described and played: its name, its encoding, and the first of its two channels.
fn begin(cseq: &mut usize, name: &str, encoding: &str, channel: u8) -> Vec<Said> {
    let sdp = format!("v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 {encoding}/90000\r\na=control:t0\r\n");
    let base = format!("Content-Type: application/sdp\r\nContent-Base: rtsp://10.0.0.2/{name}/\r\n");
    let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{}\r\n", channel + 1);
    let session = format!("Session: id-{name}\r\n");
    let first = *cseq;
    *cseq += 3;
    vec![
        request(first, "DESCRIBE", name, ""),
        response(first, &base, &sdp),
        request(first + 1, "SETUP", &format!("{name}/t0"), &transport),
        response(first + 1, &format!("{session}{transport}"), ""),
        request(first + 2, "PLAY", name, &session),
        response(first + 2, &session, ""),
    ]
}

fn exchange(cseq: &mut usize, method: &str, name: &str) -> Vec<Said> {
    let session = format!("Session: id-{name}\r\n");
    *cseq += 1;
    vec![request(*cseq - 1, method, name, &session), response(*cseq - 1, &session, "")]
}

/// Media on these channels in turns; the channel is the source.
fn media(sequence: &mut u16, channels: &[u8], count: u16) -> Vec<Said> {
    let mut said = Vec::new();
    for _ in 0..count {
        *sequence += 1;
        for channel in channels {
            let head = [&[0x80, 96][..], &sequence.to_be_bytes(), &[0, 0, 0, 9, 0, 0, 0, *channel + 1]].concat();
            said.push((ServerToClient, frame(*channel, &[head, vec![0x65; 30]].concat())));
        }
    }
    said
}

/// Two presentations, the second of which begins while the first one plays, and goes on behind its end.
fn two_sessions() -> Vec<Said> {
    let (mut cseq, mut sequence) = (1, 100);
    let mut said = begin(&mut cseq, "a", "H264", 0);
    said.extend(media(&mut sequence, &[0], 3));
    said.extend(begin(&mut cseq, "b", "H265", 2));
    said.extend(media(&mut sequence, &[0, 2], 3));
    said.extend(exchange(&mut cseq, "GET_PARAMETER", "a"));
    said.extend(exchange(&mut cseq, "TEARDOWN", "a"));
    said.extend(media(&mut sequence, &[2], 3));
    said.extend(exchange(&mut cseq, "TEARDOWN", "b"));
    said
}

const STREAM: &[&str] = &["session", "url", "encoding", "packets", "transport"];

fn streams(transport: &str) -> [String; 2] {
    [("1 rtsp://10.0.0.2/a H264 6"), ("2 rtsp://10.0.0.2/b H265 6")].map(|stream| format!("{stream} {transport}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_same_rows_as_over_plain_tcp(tunnel in tunnel(), pieces in proptest::collection::vec(1_usize..200, 0..6)) {
        let tunnel = Tunnel { encoding: crate::Encoding::Padded, ..tunnel };
        let mut direct = Wire::default();
        plain(&mut direct, &two_sessions());
        let mut wire = Wire { pieces, ..Wire::default() };
        tunnel.carry(&mut wire, &two_sessions());
        let rows = Rows::of(&wire);
        prop_assert_eq!(rows.lines(Table::Streams, STREAM), streams("http"));
        prop_assert_eq!(rows.carried(), Rows::of(&direct).carried());
        prop_assert_eq!(exported(&wire), exported(&direct));
    }
}

#[test]
fn in_a_web_socket() {
    let mut direct = Wire::default();
    plain(&mut direct, &two_sessions());
    assert_eq!(Rows::of(&direct).lines(Table::Streams, STREAM), streams("tcp"));
    let mut wire = Wire::default();
    WebSocket::default().carry(&mut wire, &two_sessions());
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Streams, STREAM), streams("http"));
    assert_eq!(rows.carried(), Rows::of(&direct).carried());
}

/// Nothing is said of answers that lack where a whole side does.
#[test]
fn of_which_one_side_was_captured() {
    let mut wire = Wire::default();
    Tunnel::default().carry(&mut wire, &two_sessions());
    let rows = Rows::of(&wire.only(ClientToServer));
    assert_eq!(rows.lines(Table::Findings, &["session", "code"]), ["1 one-direction", "2 one-direction"]);
    let methods = rows.lines(Table::Messages, &["session", "method"]);
    assert_eq!(methods[2..5], ["1 DESCRIBE", "1 SETUP", "1 PLAY"]);
    assert_eq!(methods[5..8], ["2 DESCRIBE", "2 SETUP", "2 PLAY"]);
}

/// The capture shows the requests of both before it shows the GET.
#[test]
fn whose_get_comes_behind_all_requests() {
    let mut wire = Wire::default();
    let mut post = Tunnel::default().open_post(&mut wire, POST);
    for (_, bytes) in two_sessions().iter().filter(|(direction, _)| *direction == ClientToServer) {
        wire.send(&mut post, ClientToServer, &base64(bytes));
    }
    let mut get = crate::Tcp::open(&mut wire, crate::GET);
    wire.send(&mut get, ClientToServer, &crate::get("c1"));
    wire.send(&mut get, ServerToClient, crate::OPENED);
    for (_, bytes) in two_sessions().iter().filter(|(direction, _)| *direction == ServerToClient) {
        wire.send(&mut get, ServerToClient, bytes);
    }
    let rows = Rows::of(&wire);
    let client = ["session", "encoding", "packets", "client"];
    assert_eq!(rows.lines(Table::Streams, &client), ["1 H264 6 10.0.0.1:50000", "2 H265 6 10.0.0.1:50000"]);
    assert_eq!(rows.carriage_codes(), Vec::<String>::new());
}

/// A second POST belongs to the tunnel, not to the session that spoke last.
#[test]
fn with_a_post_for_each_message() {
    let rows = tunnelled(&Tunnel { per_post: 1, ..Tunnel::default() }, &two_sessions());
    let posts: Vec<String> =
        rows.lines(Table::Messages, MESSAGE).into_iter().filter(|line| line.contains("POST")).collect();
    assert!(posts.iter().all(|line| line == "1 c2s request POST - -"), "{posts:?}");
    assert_eq!(rows.lines(Table::Streams, STREAM), streams("http"));
}

/// Only the dialogue is tunnelled: what both sides agree upon in it counts.
#[test]
fn with_media_over_udp() {
    let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n";
    let base = "Content-Type: application/sdp\r\nContent-Base: rtsp://10.0.0.2/a/\r\n";
    let asked = "Transport: RTP/AVP;unicast;client_port=6000-6001\r\n";
    let granted = "Session: 1\r\nTransport: RTP/AVP;unicast;client_port=6000-6001;server_port=7000-7001\r\n";
    let said = [
        request(1, "DESCRIBE", "a", ""),
        response(1, base, sdp),
        request(2, "SETUP", "a/t0", asked),
        response(2, granted, ""),
    ];
    let mut wire = Wire::default();
    Tunnel::default().carry(&mut wire, &said);
    for sequence in 1..5 {
        let packet = [0x80, 96, 0, sequence, 0, 0, 0, 9, 0, 0, 0, 1, 0x41, 1, 2];
        let udp = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64).udp(7000, 6000);
        let mut bytes = Vec::new();
        udp.write(&mut bytes, &packet).unwrap();
        wire.packets.push((crate::wire::START + 1_000_000_000 + i64::from(sequence), bytes));
    }
    let rows = Rows::of(&wire);
    assert_eq!(rows.lines(Table::Streams, &["session", "encoding", "packets", "track"]), ["1 H264 4 0"]);
}
