//! Media over UDP that comes to another port than agreed, while nothing comes where it should.
use std::io;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, TcpTalk, pcap};

/// Where the server sends from, and where the client listens.
const AGREED: (u16, u16) = (6000, 5000);
const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t0\r\n";

/// What a capture tells.
#[derive(Debug, Default)]
struct Told {
    /// Session, track and packets of each stream.
    streams: Vec<(usize, Option<usize>, u64)>,
    /// Session and words of each track without media.
    silent: Vec<(Option<usize>, String)>,
    unnamed: Vec<String>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) if row.packets > 0 => self.streams.push((row.session, row.track, row.packets)),
            Row::Finding(row) if row.code.as_str() == "no-media" => {
                self.silent.push((row.session, row.detail.to_string()));
            }
            Row::Finding(row) if row.code.as_str() == "unknown-channel" => self.unnamed.push(row.detail.to_string()),
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings)
    }
}

fn told(talk: TcpTalk) -> Told {
    let packets = talk.packets.into_iter().map(|(_, packet)| packet).collect::<Vec<_>>();
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(&pcap(&packets)[..], &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

fn exchange(talk: &mut TcpTalk, cseq: u32, request: &str, headers: &str, answer: &str, body: &str) {
    let line = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\r\n") };
    talk.say(false, format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{}\r\n", line(headers)).as_bytes());
    let length = format!("Content-Length: {}\r\n", body.len());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{}{length}\r\n{body}", line(answer)).as_bytes());
}

/// A session over UDP up to its SETUP.
fn set_up(port: u16, (server, client): (u16, u16)) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port, server_port: 554 });
    talk.handshake();
    exchange(&mut talk, 1, "DESCRIBE rtsp://192.0.2.20/v", "", "Content-Type: application/sdp", SDP);
    let asked = format!("Transport: RTP/AVP;unicast;client_port={client}-{}", client + 1);
    let answer = format!("{asked};server_port={server}-{}\r\nSession: 7", server + 1);
    exchange(&mut talk, 2, "SETUP rtsp://192.0.2.20/v/t0", &asked, &answer, "");
    talk
}

fn play(talk: &mut TcpTalk) {
    exchange(talk, 3, "PLAY rtsp://192.0.2.20/v/", "Session: 7", "Session: 7", "");
}

fn tear_down(talk: &mut TcpTalk) {
    exchange(talk, 9, "TEARDOWN rtsp://192.0.2.20/v/", "Session: 7", "Session: 7", "");
}

fn send(talk: &mut TcpTalk, from_server: bool, ports: (u16, u16), payload_type: u8, numbers: std::ops::Range<u16>) {
    for number in numbers {
        let head = [&[0x80, payload_type][..], &number.to_be_bytes(), &[0, 0], &number.to_be_bytes(), &[0, 0, 0, 7]];
        talk.datagram(from_server, ports, &[head.concat(), vec![0x65; 100]].concat());
        talk.at += 10_000_000;
    }
}

#[test]
fn what_comes_to_another_port_is_named() {
    for ports in [(6000, 5002), (7000, 5002), (6000, 5555), (7001, 4999)] {
        let mut talk = set_up(40_000, AGREED);
        play(&mut talk);
        send(&mut talk, true, ports, 96, 0..300);
        tear_down(&mut talk);
        let told = told(talk);
        assert_eq!(told.streams, [(1, None, 300)], "{ports:?}");
        let [(Some(1), why)] = &told.silent[..] else { panic!("{told:?}") };
        let place = format!(
            "300 packets of RTP came to UDP port {} (from port {}), agreed was UDP port 5000",
            ports.1, ports.0
        );
        assert!(why.contains(&place), "{why}");
        let unnamed = format!("no SETUP named UDP port {}, to which media comes from port {}", ports.1, ports.0);
        assert_eq!(told.unnamed, [unnamed]);
    }
}

#[test]
fn what_goes_to_another_host_is_named() {
    let sent = |ports, before| {
        let mut talk = set_up(40_000, AGREED);
        if before {
            talk.datagrams_to([192, 0, 2, 77], ports, 0..300);
        }
        play(&mut talk);
        talk.datagrams_to([192, 0, 2, 77], ports, 300..600);
        tear_down(&mut talk);
        told(talk)
    };
    let told = sent(AGREED, false);
    assert_eq!(told.streams, [(1, None, 300)]);
    let place = "300 packets of RTP came to UDP port 5000 of 192.0.2.77 (from port 6000), agreed was UDP port 5000";
    assert!(told.silent[0].1.contains(place), "{told:?}");
    let unnamed = "no SETUP named UDP port 5000 of 192.0.2.77, to which media comes from port 6000";
    assert_eq!(told.unnamed, [unnamed]);
    for (ports, before) in [((6000, 5002), false), ((6002, 5000), false), (AGREED, true)] {
        let told = sent(ports, before);
        assert!(told.streams.is_empty() && told.silent.len() == 1, "may be another viewer's: {told:?}");
    }
}

/// Acknowledgements and other traffic go on, and nobody says a word.
#[test]
fn the_capture_goes_on_behind_play() {
    let silent = |seconds: i64| {
        let mut talk = set_up(40_000, AGREED);
        play(&mut talk);
        talk.at += seconds * 1_000_000_000;
        talk.acknowledge(false);
        told(talk).silent
    };
    assert_eq!(silent(1), []);
    assert!(silent(30)[0].1.starts_with("no packet in 30.0 s after PLAY was granted"), "{:?}", silent(30));
}

#[test]
fn it_counts_though_it_stopped_before_the_viewer_lost_patience() {
    for ended in [true, false] {
        let mut talk = set_up(40_000, AGREED);
        play(&mut talk);
        send(&mut talk, true, (6000, 5002), 96, 0..20);
        talk.at += 60_000_000_000;
        if ended {
            tear_down(&mut talk);
        } else {
            exchange(&mut talk, 5, "OPTIONS *", "Session: 7", "", "");
        }
        let told = told(talk);
        assert_eq!(told.streams, [(1, None, 20)]);
        assert!(told.silent[0].1.contains("20 packets of RTP came to UDP port 5002"), "{told:?}");
    }
}

#[test]
fn other_rtp_between_the_hosts_stays_its_own() {
    let other = (16_384, 20_000);
    let alone = |talk: TcpTalk, why: &str| {
        let told = told(talk);
        assert!(told.streams.iter().all(|(_, track, _)| track.is_some()) && told.unnamed.is_empty(), "{why}: {told:?}");
        told.silent.len()
    };
    let mut talk = set_up(40_000, AGREED);
    send(&mut talk, true, other, 0, 0..5);
    play(&mut talk);
    send(&mut talk, true, other, 0, 5..300);
    tear_down(&mut talk);
    assert_eq!(alone(talk, "it was there before PLAY"), 1);

    let mut talk = set_up(40_000, AGREED);
    play(&mut talk);
    for number in 0..300 {
        send(&mut talk, true, other, 0, number..number + 1);
        send(&mut talk, false, (other.1, other.0), 0, number..number + 1);
    }
    tear_down(&mut talk);
    assert_eq!(alone(talk, "a call, in which both send"), 1);

    let mut talk = set_up(40_000, AGREED);
    play(&mut talk);
    send(&mut talk, true, AGREED, 96, 0..5);
    send(&mut talk, true, other, 0, 0..300);
    tear_down(&mut talk);
    assert_eq!(alone(talk, "the track has its media"), 0);

    let mut talk = set_up(40_000, AGREED);
    play(&mut talk);
    tear_down(&mut talk);
    send(&mut talk, true, other, 96, 0..300);
    alone(talk, "nobody waits any longer");

    let mut talk = set_up(40_000, AGREED);
    play(&mut talk);
    send(&mut talk, false, other, 96, 0..300);
    tear_down(&mut talk);
    assert_eq!(alone(talk, "the client sends it"), 1);
}

#[test]
fn a_type_that_is_not_described_proves_nothing() {
    let mut talk = set_up(40_000, AGREED);
    play(&mut talk);
    send(&mut talk, true, (6000, 5002), 8, 0..300);
    tear_down(&mut talk);
    let told = told(talk);
    assert_eq!(told.silent.len(), 1);
    assert!(!told.silent[0].1.contains("came to UDP port"), "{told:?}");
}

#[test]
fn of_several_sessions_it_is_whose_server_port_it_has() {
    for (ports, owner) in [((6002, 5500), Some(2)), ((6000, 5500), Some(1)), ((6500, 5500), None)] {
        let mut talk = set_up(40_000, AGREED);
        let mut other = set_up(40_002, (6002, 5002));
        play(&mut talk);
        play(&mut other);
        talk.packets.append(&mut other.packets);
        send(&mut talk, true, ports, 96, 0..300);
        tear_down(&mut talk);
        let told = told(talk);
        let owners: Vec<usize> = told.streams.iter().map(|(session, ..)| *session).collect();
        assert_eq!(owners, owner.into_iter().collect::<Vec<_>>(), "{ports:?}");
        assert_eq!(told.silent.len(), 2, "{told:?}");
    }
}
