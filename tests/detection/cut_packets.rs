//! Captures that have the beginnings of packets only (`tcpdump -s`): every RTP header in them counts, and nobody is blamed.
use std::io;

use proptest::prelude::*;
use rtsp_rec::analysis::rows::InferredColumns;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, Packet, TcpTalk, pcap, sample};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=a\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n";
/// Of packets on Ethernet: up to the end of a TCP segment's fixed header and of an RTP header in a frame.
const WITH_RTP: usize = 54 + 16;

/// What a stream shows of headers alone.
#[derive(Clone, Debug, PartialEq)]
struct Figures {
    session: usize,
    channel: u16,
    ssrc: u32,
    packets: u64,
    payload_bytes: Option<u64>,
    lost: i64,
    missing: i64,
    jitter_ms: Option<f64>,
    marked: u64,
}

#[derive(Debug, Default)]
struct Told {
    streams: Vec<Figures>,
    /// Frames, key frames, and what is inferred of each.
    pictures: Vec<(Option<u64>, Option<u64>, Option<InferredColumns>)>,
    findings: Vec<(&'static str, String)>,
    verdicts: Vec<&'static str>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => {
                self.streams.push(Figures {
                    session: row.session,
                    channel: row.channel,
                    ssrc: row.ssrc.0,
                    packets: row.packets,
                    payload_bytes: row.payload_bytes,
                    lost: row.lost,
                    missing: row.missing,
                    jitter_ms: row.jitter_mean_ms.map(|jitter| jitter.0),
                    marked: row.marker_packets,
                });
                self.pictures.push((row.frames, row.key_frames, row.inferred));
            }
            Row::Finding(row) => self.findings.push((row.code.as_str(), row.detail.to_string())),
            Row::Verdict(row) => self.verdicts.push(row.verdict.as_str()),
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings | Table::Verdicts)
    }
}

impl Told {
    fn codes(&self) -> Vec<&'static str> {
        self.findings.iter().map(|(code, _)| *code).collect()
    }
}

fn analyze(file: &[u8]) -> Told {
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(file, &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

/// A file with so many bytes of each packet. Its records tell how long they were, or do not.
fn cut(packets: &[Packet], snap: impl Fn(usize) -> usize, records_tell: bool) -> Vec<u8> {
    let short: Vec<Packet> = packets
        .iter()
        .enumerate()
        .map(|(place, (at, bytes))| (*at, bytes[..bytes.len().min(snap(place))].to_vec()))
        .collect();
    let mut file = pcap(&short);
    let mut record = 24;
    for (place, (_, bytes)) in packets.iter().enumerate().filter(|_| records_tell) {
        file[record + 12..record + 16].copy_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        record += 16 + short[place].1.len();
    }
    file
}

fn packets_of(talk: TcpTalk) -> Vec<Packet> {
    talk.packets.into_iter().map(|(_, packet)| packet).collect()
}

fn exchange(talk: &mut TcpTalk, cseq: u32, request: &str, headers: &str, answer: &str, body: &str) {
    talk.say(false, format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n").as_bytes());
    let length = format!("Content-Length: {}\r\n", body.len());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{answer}{length}\r\n{body}").as_bytes());
}

/// 300 packets of 30 each second; `send` puts them where they go.
fn media(talk: &mut TcpTalk, mut send: impl FnMut(&mut TcpTalk, &[u8])) {
    for number in 0..300_u16 {
        let head = [&[0x80, 0xe0][..], &number.to_be_bytes(), &(u32::from(number) * 3000).to_be_bytes(), &[0, 0, 0, 7]];
        send(talk, &[&head.concat()[..], &[0x65], &vec![7; 200 + usize::from(number)]].concat());
        talk.at += 33_333_333 - 1_000_000;
    }
}

/// A session from its handshake to its TEARDOWN.
fn session(transport: &str, mut send: impl FnMut(&mut TcpTalk, &[u8])) -> Vec<Packet> {
    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 });
    talk.handshake();
    let url = "rtsp://192.0.2.20/Streaming/Channels/101/";
    exchange(&mut talk, 1, &format!("OPTIONS {url}"), "", "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", "");
    exchange(
        &mut talk,
        2,
        &format!("DESCRIBE {url}"),
        "",
        &format!("Content-Type: application/sdp\r\nContent-Base: {url}\r\n"),
        SDP,
    );
    let transport = format!("Transport: {transport}\r\n");
    exchange(&mut talk, 3, &format!("SETUP {url}v"), &transport, &format!("{transport}Session: 7\r\n"), "");
    let id = "Session: 7\r\n";
    exchange(&mut talk, 4, &format!("PLAY {url}"), id, &format!("{id}RTP-Info: url={url}v;seq=0\r\n"), "");
    media(&mut talk, &mut send);
    exchange(&mut talk, 5, &format!("TEARDOWN {url}"), id, id, "");
    talk.end(false);
    talk.end(true);
    packets_of(talk)
}

fn frame(packet: &[u8]) -> Vec<u8> {
    [&[b'$', 0][..], &u16::try_from(packet.len()).unwrap().to_be_bytes(), packet].concat()
}

fn interleaved() -> Vec<Packet> {
    session("RTP/AVP/TCP;unicast;interleaved=0-1", |talk, packet| {
        talk.say(true, &frame(packet));
    })
}

fn over_udp() -> Vec<Packet> {
    session("RTP/AVP;unicast;client_port=6000-6001;server_port=5000-5001", |talk, packet| {
        talk.datagram(true, (5000, 6000), packet);
    })
}

/// All that packets alone tell is what the whole capture tells; and one finding tells why the rest is not.
fn assert_headers_count(packets: &[Packet], snap: usize, records_tell: bool) {
    let (whole, cut) = (analyze(&pcap(packets)), analyze(&cut(packets, |_| snap, records_tell)));
    assert_eq!(cut.streams, whole.streams, "{snap}");
    assert!(cut.pictures.iter().all(|(frames, keys, _)| (*frames, *keys) == (None, None)), "{:?}", cut.pictures);
    assert_eq!(cut.codes(), ["packets-cut"], "{snap}: {:?}", cut.findings);
    assert!(cut.findings[0].1.contains(&format!(" cut at {snap} bytes (snap length): ")), "{:?}", cut.findings);
    assert_eq!(cut.verdicts, [""; 0], "{snap}");
}

#[test]
fn interleaved_frames_whose_rtp_header_is_there_count() {
    let packets = interleaved();
    for snap in [WITH_RTP, 96, 128, 150, 200, 250] {
        assert_headers_count(&packets, snap, true);
        assert_headers_count(&packets, snap, false);
    }
}

#[test]
fn datagrams_whose_rtp_header_is_there_count() {
    let packets = over_udp();
    // At 54 bytes there is no byte of TCP, and so no RTSP.
    for snap in [96, 128, 150, 200, 250] {
        assert_headers_count(&packets, snap, true);
    }
}

#[test]
fn the_sample_tells_the_same_at_any_snap_length() {
    let packets = sample();
    for snap in [WITH_RTP, 96, 262] {
        assert_headers_count(&packets, snap, false);
    }
}

#[test]
fn without_rtp_headers_nothing_is_told_but_that() {
    let told = analyze(&cut(&interleaved(), |_| 60, true));
    assert!(told.streams.is_empty() && told.verdicts.is_empty(), "{told:?}");
    assert_eq!(told.codes(), ["packets-cut"]);
}

/// Only what is cut costs what it would have told.
#[test]
fn messages_that_are_there_count_and_tell_the_track() {
    let packets = interleaved();
    // Media alone is cut.
    let snap = |place: usize| if packets[place].1.get(54) == Some(&b'$') { 96 } else { 4000 };
    let told = analyze(&cut(&packets, snap, true));
    assert_eq!(told.codes(), ["packets-cut"]);
    let detail = &told.findings[0].1;
    assert!(detail.ends_with("of media RTP headers are read, pictures and frames are not told"), "{detail}");
    assert_eq!(told.pictures, [(None, None, None)], "the description is there");
}

#[test]
fn two_interfaces_with_snap_lengths_of_their_own() {
    let packets = interleaved();
    let told = analyze(&cut(&packets, |place| if place < packets.len() / 2 { 96 } else { 128 }, true));
    assert_eq!(told.streams, analyze(&pcap(&packets)).streams);
    assert_eq!(told.codes(), ["packets-cut"]);
    assert!(told.findings[0].1.contains(" cut at 96 or 128 bytes "), "{:?}", told.findings);
}

/// One direction is cut, as where a mirror copies one side through a tap with a limit.
#[test]
fn only_one_direction_is_cut() {
    let packets = interleaved();
    for server in [true, false] {
        let of_server = |place: usize| packets[place].1[34..36] == 554_u16.to_be_bytes();
        let told = analyze(&cut(&packets, |place| if of_server(place) == server { 96 } else { 4000 }, true));
        let numbers = |told: &Told| (told.streams[0].packets, told.streams[0].lost, told.streams[0].payload_bytes);
        assert_eq!(numbers(&told), numbers(&analyze(&pcap(&packets))), "{server}");
        assert!(told.codes().contains(&"packets-cut"), "{told:?}");
        let blame = ["unknown-channel", "media-before-play", "response-missing", "response-without-request", "junk"];
        assert!(told.codes().iter().all(|code| !blame.contains(code)), "{server}: {told:?}");
        assert_eq!(told.verdicts, [""; 0], "{server}");
    }
}

/// A packet that was lost is missing, in a cut capture as well; and the capture is not to blame.
#[test]
fn what_lacks_in_a_cut_capture_lacks() {
    let mut number = 0;
    let packets = session("RTP/AVP;unicast;client_port=6000-6001;server_port=5000-5001", |talk, packet| {
        number += 1;
        if number % 100 != 50 {
            talk.datagram(true, (5000, 6000), packet);
        }
    });
    let told = analyze(&cut(&packets, |_| 96, true));
    assert_eq!((told.streams[0].packets, told.streams[0].lost), (297, 3));
    assert_eq!(told.verdicts, ["lost-somewhere"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever of each packet there is: no packet is counted that did not come, none is counted twice, and no headers that
    /// are there are passed over.
    #[test]
    fn any_lengths(lengths in prop::collection::vec(WITH_RTP..1500, 1..40)) {
        let packets = interleaved();
        let told = analyze(&cut(&packets, |place| lengths[place % lengths.len()], true));
        prop_assert_eq!(told.streams.len(), 1, "{:?}", told);
        prop_assert_eq!((told.streams[0].packets, told.streams[0].lost), (300, 0));
        prop_assert!(told.verdicts.is_empty(), "{:?}", told);
    }
}
