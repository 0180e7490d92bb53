//! Captures that have one direction of a connection alone.
use std::io;

use rtsp_rec::analysis::verdicts::Cause;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, TcpTalk, pcap};

const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
    m=audio 0 RTP/AVP 8\r\na=control:a\r\n";

#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Track, channel, encoding and packets of each stream.
    pub(crate) streams: Vec<String>,
    /// Code and words, in order.
    pub(crate) findings: Vec<(&'static str, String)>,
    pub(crate) verdicts: Vec<(Cause, String)>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => {
                let of = (row.track, row.channel, row.encoding, row.packets);
                self.streams.push(format!("{of:?}"));
            }
            Row::Finding(row) => self.findings.push((row.code.as_str(), row.detail.to_string())),
            Row::Verdict(row) => self.verdicts.push((row.verdict, row.detail.to_owned())),
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings | Table::Verdicts)
    }
}

pub(crate) fn told(talk: TcpTalk, is_there: impl Fn(bool) -> bool) -> Told {
    let packets = talk.packets.into_iter().filter(|(from_server, _)| is_there(*from_server));
    let packets = packets.map(|(_, packet)| packet).collect::<Vec<_>>();
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(&pcap(&packets)[..], &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

pub(crate) fn exchange(talk: &mut TcpTalk, cseq: u32, request: &str, headers: &str, answer: &str, body: &str) {
    talk.say(false, format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n").as_bytes());
    let length = format!("Content-Length: {}\r\n", body.len());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{answer}{length}\r\n{body}").as_bytes());
}

/// A session of two tracks from its first packet to its last.
fn session() -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 });
    talk.handshake();
    exchange(&mut talk, 1, "OPTIONS rtsp://192.0.2.20/v", "", "Public: SETUP, PLAY\r\n", "");
    exchange(&mut talk, 2, "DESCRIBE rtsp://192.0.2.20/v", "", "Content-Type: application/sdp\r\n", SDP);
    for (cseq, track, channels) in [(3, "v", "4-5"), (4, "a", "6-7")] {
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels}\r\n");
        let answer = format!("{transport}Session: 7\r\n");
        exchange(&mut talk, cseq, &format!("SETUP rtsp://192.0.2.20/v/{track}"), &transport, &answer, "");
    }
    let id = "Session: 7\r\n";
    exchange(&mut talk, 5, "PLAY rtsp://192.0.2.20/v/", id, id, "");
    for number in 0..50_u16 {
        for (channel, payload_type) in [(4, 96), (6, 8)] {
            let head = [&[0x80, payload_type][..], &number.to_be_bytes(), &[0, 0], &number.to_be_bytes()];
            let packet = [head.concat(), vec![0, 0, 0, channel], vec![0x41; 100]].concat();
            talk.say(true, &[&[b'$', channel, 0, 112][..], &packet].concat());
        }
    }
    exchange(&mut talk, 6, "TEARDOWN rtsp://192.0.2.20/v/", id, id, "");
    talk
}

#[test]
fn of_answers_alone_the_tracks_are_known() {
    let told = told(session(), |from_server| from_server);
    assert_eq!(told.streams, ["(Some(0), 4, Some(\"H264\"), 50)", "(Some(1), 6, Some(\"PCMA\"), 50)"]);
    let words = "of the RTSP connection the capture has only what the server sent";
    assert_eq!(told.findings.iter().filter(|(code, _)| *code == "one-direction").count(), 1);
    assert!(told.findings.contains(&("one-direction", words.to_owned())), "{told:?}");
    for blame in ["response-without-request", "unknown-channel", "media-before-play", "capture-begins-late", "no-media"]
    {
        assert!(told.findings.iter().all(|(code, _)| *code != blame), "{told:?}");
    }
}

#[test]
fn requests_alone_lack_no_answers() {
    let told = told(session(), |from_server| !from_server);
    let words =
        "of the RTSP connection the capture has only what the client sent; no media that the server sent was found";
    assert_eq!(told.findings, [("one-direction", words.to_owned())]);
    assert!(told.streams.is_empty() && told.verdicts.is_empty(), "{told:?}");
}

/// The handshake and the first exchanges lie before the capture.
#[test]
fn one_side_of_a_session_that_stood_before() {
    let late = |from_server: bool| {
        let mut talk = session();
        for cseq in 7..10 {
            exchange(&mut talk, cseq, "GET_PARAMETER rtsp://192.0.2.20/v", "Session: 7\r\n", "", "");
        }
        talk.packets.drain(..14);
        told(talk, |from| from == from_server)
    };
    let told = late(false);
    let codes: Vec<&str> = told.findings.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["capture-begins-late", "one-direction"], "no answer is missed: {told:?}");
    let told = late(true);
    let codes: Vec<&str> = told.findings.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["capture-begins-late", "one-direction"], "no request is missed: {told:?}");
    assert_eq!(told.streams.len(), 2);
}

/// A session over UDP whose client asked for these transports, with media and reports of both sides.
fn udp_session(asked: &str, client_port: u16) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 });
    talk.handshake();
    exchange(&mut talk, 1, "DESCRIBE rtsp://192.0.2.20/v", "", "Content-Type: application/sdp\r\n", SDP);
    let answer = "Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001\r\nSession: 7\r\n";
    exchange(&mut talk, 2, "SETUP rtsp://192.0.2.20/v/v", &format!("Transport: {asked}\r\n"), answer, "");
    exchange(&mut talk, 3, "PLAY rtsp://192.0.2.20/v/", "Session: 7\r\n", "Session: 7\r\n", "");
    for number in 0..50_u16 {
        let timestamp = u32::from(number) * 3600;
        let head = [&[0x80, 0xe0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 7]].concat();
        talk.datagram(true, (6000, client_port), &[&head[..], &[0x65, 0x88], &[0x41; 100]].concat());
        talk.at += 39_000_000;
    }
    talk.datagram(false, (client_port + 1, 6001), &[0x80, 201, 0, 1, 0, 0, 0, 9]);
    exchange(&mut talk, 4, "TEARDOWN rtsp://192.0.2.20/v/", "Session: 7\r\n", "Session: 7\r\n", "");
    talk
}

/// The datagrams are there, whichever side of the connection is.
#[test]
fn media_over_udp_is_there_beside_one_side_of_the_connection() {
    let told = |asked: &str, client_port, side: bool| {
        let mut talk = udp_session(asked, client_port);
        let is_udp = |bytes: &[u8]| bytes[23] == 17;
        talk.packets.retain(|(from_server, (_, bytes))| is_udp(bytes) || *from_server == side);
        let mut told = self::told(talk, |_| true);
        told.findings.retain(|(code, _)| *code != "rtp-info-missing");
        told
    };
    let udp = "RTP/AVP;unicast;client_port=5000-5001";
    let words = "of the RTSP connection the capture has only what the client sent; 50 RTP packets that the server sent \
                 over UDP are in it";
    for asked in [udp, "RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;unicast;client_port=5000-5001"] {
        let told = told(asked, 5000, false);
        assert_eq!(told.findings, [("one-direction", words.to_owned())], "{asked}");
        assert_eq!(told.streams, ["(None, 5000, Some(\"H264\"), 50)"], "{asked}");
        assert!(told.verdicts.is_empty(), "{told:?}");
    }
    // To other ports than it asked for: it may be anybody's.
    let words =
        "of the RTSP connection the capture has only what the client sent; no media that the server sent was found";
    let other = told(udp, 5600, false);
    assert_eq!((other.streams.len(), other.findings), (0, vec![("one-direction", words.to_owned())]));
    let words = "of the RTSP connection the capture has only what the server sent";
    let server = told(udp, 5000, true);
    assert_eq!(server.findings, [("one-direction", words.to_owned())]);
    assert_eq!(server.streams, ["(Some(0), 6000, Some(\"H264\"), 50)"]);
}

#[test]
fn with_both_directions_nothing_of_it_is_said() {
    let told = told(session(), |_| true);
    assert_eq!(told.streams.len(), 2);
    assert!(told.findings.iter().all(|(code, _)| *code != "one-direction"), "{told:?}");

    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 });
    talk.handshake();
    talk.say(false, b"OPTIONS rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let told = self::told(talk, |_| true);
    assert_eq!(told.findings[0].0, "response-missing", "a server that is there and says nothing: {told:?}");
}

#[test]
fn a_side_that_shows_late_is_there_all_the_same() {
    let mut talk = session();
    talk.packets.remove(1);
    let told = told(talk, |_| true);
    assert_eq!(told.streams.len(), 2);
    let odd = ["one-direction", "response-without-request", "unknown-channel", "media-before-play"];
    assert!(told.findings.iter().all(|(code, _)| !odd.contains(code)), "{told:?}");
}
