//! Media over UDP of which the answer to SETUP leaves open where it goes: what was asked for counts, and the description.
use std::io;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, TcpTalk, pcap};

const GROUP: [u8; 4] = [239, 1, 1, 1];

/// What a capture tells.
#[derive(Debug, Default)]
struct Told {
    /// Track, transport and packets of each stream.
    streams: Vec<(Option<usize>, String, u64)>,
    silent: Vec<String>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => self.streams.push((row.track, row.transport.to_string(), row.packets)),
            Row::Finding(row) if row.code.as_str() == "no-media" => self.silent.push(row.detail.to_string()),
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

fn exchange(talk: &mut TcpTalk, request: &str, headers: &str, answer: &str, body: &str) {
    let cseq = talk.packets.len();
    talk.say(false, format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n").as_bytes());
    let length = format!("Content-Length: {}\r\n", body.len());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{answer}{length}\r\n{body}").as_bytes());
}

/// A session of these tracks, each with what is asked for and answered, up to its PLAY.
fn session(connection: &str, tracks: &[(&str, &str, &str)]) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 });
    talk.handshake();
    let mut sdp = format!("v=0\r\nc=IN IP4 {connection}\r\n");
    for (place, (media, ..)) in tracks.iter().enumerate() {
        let section = format!("m=video {media} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t{place}\r\n");
        sdp.push_str(&section);
    }
    exchange(&mut talk, "DESCRIBE rtsp://192.0.2.20/v", "", "Content-Type: application/sdp\r\n", &sdp);
    let transport = |value: &str| if value.is_empty() { String::new() } else { format!("Transport: {value}\r\n") };
    // In the other order, so that the place does not tell.
    for (place, (_, asked, answered)) in tracks.iter().enumerate().rev() {
        let answer = transport(answered) + "Session: 7\r\n";
        exchange(&mut talk, &format!("SETUP rtsp://192.0.2.20/v/t{place}"), &transport(asked), &answer, "");
    }
    exchange(&mut talk, "PLAY rtsp://192.0.2.20/v", "Session: 7\r\n", "Session: 7\r\n", "");
    talk
}

fn rtp(number: u16, ssrc: u8) -> Vec<u8> {
    let head = [&[0x80, 96][..], &number.to_be_bytes(), &[0, 0], &number.to_be_bytes(), &[0, 0, 0, ssrc]];
    [head.concat(), vec![0x65; 100]].concat()
}

#[test]
fn a_group_and_its_ports() {
    let of = |connection: &str, port: &str, asked: &str, answered: &str| {
        let track = (port, &*format!("RTP/AVP;multicast{asked}"), answered);
        let mut talk = session(connection, &[track]);
        for number in 0..300 {
            talk.group_datagram(GROUP, 7000, &rtp(number, 7));
            talk.at += 10_000_000;
        }
        let told = told(talk);
        assert_eq!(told.streams, [(Some(0), "multicast".to_owned(), 300)], "{connection} {port} {asked} {answered}");
        assert!(told.silent.is_empty(), "{told:?}");
    };
    let (group, nowhere) = ("239.1.1.1/16", "0.0.0.0");
    of(nowhere, "0", "", "RTP/AVP;multicast;destination=239.1.1.1;client_port=7000-7001;ttl=16");
    of(nowhere, "0", "", "RTP/AVP;multicast;destination=239.1.1.1;client_port=7000;server_port=6000");
    of(nowhere, "0", "", "RTP/AVP;destination=239.1.1.1;port=7000-7001");
    of(nowhere, "0", ";port=7000-7001", "RTP/AVP;multicast;destination=239.1.1.1");
    of(nowhere, "0", ";destination=239.1.1.1;client_port=7000-7001", "");
    of(nowhere, "7000", "", "RTP/AVP;multicast;destination=239.1.1.1");
    of(group, "0", "", "RTP/AVP;multicast;port=7000-7001");
    of(group, "0", ";client_port=7000-7001", "RTP/AVP;multicast");
    of(group, "7000/2", "", "RTP/AVP;multicast;ttl=16");
    of(group, "7000", "", "");
}

#[test]
fn each_track_has_the_ports_of_its_own_line() {
    let asked = "RTP/AVP;multicast";
    let mut talk = session("239.1.1.1/16", &[("7000", asked, asked), ("7002", asked, asked)]);
    for number in 0..300 {
        talk.group_datagram(GROUP, 7000, &rtp(number, 7));
        if number < 200 {
            talk.group_datagram(GROUP, 7002, &rtp(number, 8));
        }
    }
    let mut told = told(talk);
    told.streams.sort();
    let multicast = || "multicast".to_owned();
    assert_eq!(told.streams, [(Some(0), multicast(), 300), (Some(1), multicast(), 200)]);
}

#[test]
fn a_description_sends_nobody_to_a_group_who_did_not_ask_for_it() {
    let asked = "RTP/AVP;unicast;client_port=5000-5001";
    let mut talk = session("239.1.1.1/16", &[("7000", asked, &format!("{asked};server_port=6000-6001"))]);
    for number in 0..300 {
        talk.group_datagram(GROUP, 7000, &rtp(number, 7));
    }
    assert_eq!(told(talk).streams, []);
}

#[test]
fn the_ports_that_were_asked_for_where_nothing_is_answered() {
    let mut talk = session("0.0.0.0", &[("0", "RTP/AVP;unicast;client_port=5000-5001", "")]);
    for number in 0..300 {
        talk.datagram(true, (6000, 5000), &rtp(number, 7));
        talk.at += 10_000_000;
    }
    let told = told(talk);
    assert_eq!(told.streams, [(Some(0), "udp".to_owned(), 300)]);
    assert!(told.silent.is_empty(), "{told:?}");
}
