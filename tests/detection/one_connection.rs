//! Several RTSP sessions that share a connection: each has a description, tracks and messages of its own.
use std::collections::BTreeMap;
use std::io;

use rtsp_rec::analysis::rows::MessageKind;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, Packet, TcpTalk, pcap};

/// What a capture tells.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Session, URL, encoding and packets of each stream.
    pub(crate) streams: Vec<(usize, String, String, u64)>,
    /// The methods of each session's requests.
    pub(crate) requests: BTreeMap<usize, Vec<String>>,
    /// Sessions and codes. That there is no RTP-Info, and what payloads hold, says nothing here.
    pub(crate) findings: Vec<(Option<usize>, &'static str)>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => {
                let encoding = row.encoding.unwrap_or_default().to_owned();
                self.streams.push((row.session, row.url.clone(), encoding, row.packets));
            }
            Row::Message(row) if row.kind == MessageKind::Request => {
                let method = row.method.unwrap_or_default().to_owned();
                self.requests.entry(row.session).or_default().push(method);
            }
            Row::Finding(row) if !matches!(row.code.as_str(), "rtp-info-missing" | "payload-unusual") => {
                self.findings.push((row.session, row.code.as_str()));
            }
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Messages | Table::Findings)
    }
}

/// A client that controls everything over one connection.
pub(crate) struct OneClient {
    pub(crate) talk: TcpTalk,
    cseq: u32,
    seq: u16,
}

impl OneClient {
    fn new() -> Self {
        Self::of(TcpTalk::new(Ends { port: 40_000, server_port: 554 }))
    }

    pub(crate) fn of(mut talk: TcpTalk) -> Self {
        talk.handshake();
        Self { talk, cseq: 0, seq: 0 }
    }

    fn ask(&mut self, method: &str, url: &str, headers: &str) {
        self.cseq += 1;
        let request = format!("{method} rtsp://192.0.2.20/{url} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        self.talk.say(false, request.as_bytes());
    }

    fn answer(&mut self, cseq: u32, status: u16, headers: &str, body: &str) {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let answer = format!("RTSP/1.0 {status} X\r\nCSeq: {cseq}\r\n{headers}{length}\r\n{body}");
        self.talk.say(true, answer.as_bytes());
    }

    pub(crate) fn exchange(&mut self, method: &str, url: &str, headers: &str, answer: &str, body: &str) {
        self.ask(method, url, headers);
        self.answer(self.cseq, 200, answer, body);
    }

    /// Each presentation has payload type 96, of another encoding, and a second track.
    pub(crate) fn describe(&mut self, url: &str, encoding: &str) {
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 {encoding}/90000\r\na=control:t0\r\n\
             m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/8000\r\na=control:t1\r\n"
        );
        let answer = format!("Content-Type: application/sdp\r\nContent-Base: rtsp://192.0.2.20/{url}/\r\n");
        self.exchange("DESCRIBE", url, "", &answer, &sdp);
    }

    /// `known`: whether the client names the session.
    pub(crate) fn set_up(&mut self, url: &str, id: &str, known: bool, channel: u8) {
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{}\r\n", channel + 1);
        let named = if known { format!("Session: {id}\r\n") } else { String::new() };
        self.exchange("SETUP", url, &format!("{transport}{named}"), &format!("{transport}Session: {id}\r\n"), "");
    }

    pub(crate) fn control(&mut self, method: &str, url: &str, id: &str) {
        let session = format!("Session: {id}\r\n");
        self.exchange(method, url, &session, &session, "");
    }

    /// So many packets on each of these channels, in turns. The channel is the source.
    pub(crate) fn media(&mut self, channels: &[u8], count: u16) {
        for _ in 0..count {
            self.seq += 1;
            for channel in channels {
                let payload_type = 96 + (channel >> 1) % 2;
                let frame = [&[b'$', *channel, 0, 112][..], &rtp(payload_type, self.seq, *channel)].concat();
                self.talk.say(true, &frame);
            }
            self.talk.at += 40_000_000;
        }
    }

    fn told(self) -> Told {
        let packets = self.talk.packets.into_iter().map(|(_, packet)| packet).collect::<Vec<_>>();
        Told::of(&packets)
    }
}

impl Told {
    pub(crate) fn of(packets: &[Packet]) -> Self {
        let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Self::default());
        Source::read(&pcap(packets)[..], &mut analyzer).unwrap();
        analyzer.finish().unwrap()
    }
}

pub(crate) fn rtp(payload_type: u8, seq: u16, source: u8) -> Vec<u8> {
    let time = u32::from(seq) * 3600;
    let head = [&[0x80, 0x80 | payload_type][..], &seq.to_be_bytes(), &time.to_be_bytes(), &[0, 0, 0, source]];
    [&head.concat()[..], &[0x41; 100]].concat()
}

pub(crate) fn row(session: usize, url: &str, encoding: &str, packets: u64) -> (usize, String, String, u64) {
    (session, format!("rtsp://192.0.2.20/{url}"), encoding.to_owned(), packets)
}

#[test]
fn each_session_has_its_description_and_its_end() {
    let mut client = OneClient::new();
    client.describe("a", "H264");
    client.set_up("a/t0", "AAA", false, 0);
    client.set_up("a/t1", "AAA", true, 2);
    client.control("PLAY", "a/", "AAA");
    client.media(&[0, 2], 10);
    client.describe("b", "H265");
    client.set_up("b/t0", "BBB", false, 4);
    client.set_up("b/t1", "BBB", true, 6);
    client.control("PLAY", "b/", "BBB");
    client.media(&[0, 2, 4, 6], 10);
    client.control("GET_PARAMETER", "a", "AAA");
    client.control("GET_PARAMETER", "b", "BBB");
    client.control("TEARDOWN", "a/", "AAA");
    client.media(&[4, 6], 10);
    client.control("TEARDOWN", "b/", "BBB");
    let told = client.told();
    let all = [row(1, "a", "H264", 20), row(1, "a", "L16", 20), row(2, "b", "H265", 20), row(2, "b", "L16", 20)];
    assert_eq!(told.streams, all);
    let methods = ["DESCRIBE", "SETUP", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"].map(String::from).to_vec();
    assert_eq!(told.requests, BTreeMap::from([(1, methods.clone()), (2, methods)]));
    assert_eq!(told.findings, []);
}

#[test]
fn all_are_described_before_the_first_is_set_up() {
    let mut client = OneClient::new();
    let cameras = [("nvr?channel=1", "H264"), ("nvr?channel=2", "H265"), ("nvr?channel=3", "H264")];
    for (url, encoding) in cameras {
        client.describe(url, encoding);
    }
    for (place, (url, _)) in (0..).zip(&cameras) {
        client.set_up(&format!("{url}/t0"), &format!("{place}"), false, 4 * place);
        client.set_up(&format!("{url}/t1"), &format!("{place}"), true, 4 * place + 2);
    }
    cameras.iter().enumerate().for_each(|(place, (url, _))| client.control("PLAY", url, &format!("{place}")));
    client.media(&[0, 2, 4, 6, 8, 10], 10);
    cameras.iter().enumerate().for_each(|(place, (url, _))| client.control("TEARDOWN", url, &format!("{place}")));
    let told = client.told();
    let rows = |(place, (url, encoding)): (usize, &(&str, &str))| {
        [row(place + 1, url, encoding, 10), row(place + 1, url, "L16", 10)]
    };
    assert_eq!(told.streams, cameras.iter().enumerate().flat_map(rows).collect::<Vec<_>>());
    assert_eq!(told.findings, []);
}

#[test]
fn one_after_the_other_on_the_same_channels() {
    let mut client = OneClient::new();
    for (url, encoding, id) in [("a", "H264", "AAA"), ("b", "H265", "BBB"), ("a", "H264", "CCC")] {
        client.describe(url, encoding);
        client.set_up(&format!("{url}/t0"), id, false, 0);
        client.control("PLAY", url, id);
        client.media(&[0], 10);
        client.control("TEARDOWN", url, id);
    }
    let told = client.told();
    assert_eq!(told.streams, [row(1, "a", "H264", 20), row(2, "b", "H265", 10)], "{:?}", told.findings);
}

#[test]
fn a_url_that_is_described_again_is_no_other_session() {
    let mut client = OneClient::new();
    client.describe("a", "H264");
    client.set_up("a/t0", "AAA", false, 0);
    client.describe("a/", "H264");
    client.control("PLAY", "a", "AAA");
    client.media(&[0], 10);
    client.control("TEARDOWN", "a", "AAA");
    let told = client.told();
    assert_eq!(told.streams, [row(1, "a", "H264", 10)]);
    assert_eq!(told.requests.len(), 1);
}

#[test]
fn who_tries_urls_until_one_is_there_has_one_session() {
    let mut client = OneClient::new();
    for url in ["live", "h264"] {
        client.ask("DESCRIBE", url, "");
        client.answer(client.cseq, 404, "", "");
    }
    client.describe("a", "H264");
    client.set_up("a/t0", "AAA", false, 0);
    client.control("PLAY", "a", "AAA");
    client.media(&[0], 10);
    client.control("TEARDOWN", "a", "AAA");
    let told = client.told();
    assert_eq!(told.streams, [row(1, "a", "H264", 10)]);
    assert_eq!(told.requests.len(), 1);
}

#[test]
fn a_server_that_gives_both_the_same_identifier() {
    let mut client = OneClient::new();
    for (url, encoding, channel) in [("a", "H264", 0), ("b", "H265", 4)] {
        client.describe(url, encoding);
        client.set_up(&format!("{url}/t0"), "AAA", false, channel);
        client.control("PLAY", url, "AAA");
    }
    client.media(&[0, 4], 10);
    client.control("TEARDOWN", "a", "AAA");
    client.media(&[4], 10);
    client.control("TEARDOWN", "b", "AAA");
    let told = client.told();
    assert_eq!(told.streams, [row(1, "a", "H264", 10), row(2, "b", "H265", 20)]);
    assert_eq!(told.findings, []);
}

#[test]
fn tracks_that_are_not_described_are_told_apart_by_their_urls() {
    let mut client = OneClient::new();
    client.set_up("a/t0", "AAA", false, 0);
    client.set_up("a/t1", "AAA", true, 2);
    client.control("PLAY", "a", "AAA");
    client.set_up("b/t0", "BBB", false, 4);
    client.control("PLAY", "b", "BBB");
    client.media(&[0, 2, 4], 10);
    client.control("TEARDOWN", "b", "BBB");
    client.control("TEARDOWN", "a", "AAA");
    let told = client.told();
    let sessions: Vec<(usize, u64)> =
        told.streams.iter().map(|(session, _, _, packets)| (*session, *packets)).collect();
    assert_eq!(sessions, [(1, 10), (1, 10), (2, 10)]);
    assert_eq!(told.requests[&2], ["SETUP", "PLAY", "TEARDOWN"]);
}

#[test]
fn requests_that_are_sent_before_the_answers_come() {
    let mut client = OneClient::new();
    client.describe("a", "H264");
    client.describe("b", "H265");
    for (url, channel) in [("a/t0", 0), ("b/t0", 4)] {
        client.ask("SETUP", url, &format!("Transport: RTP/AVP/TCP;interleaved={channel}-{}\r\n", channel + 1));
    }
    client.answer(client.cseq, 200, "Transport: RTP/AVP/TCP;interleaved=4-5\r\nSession: BBB\r\n", "");
    client.answer(client.cseq - 1, 200, "Transport: RTP/AVP/TCP;interleaved=0-1\r\nSession: AAA\r\n", "");
    // The URL of a proxy: the identifier alone tells.
    client.control("PLAY", "*", "BBB");
    client.control("PLAY", "*", "AAA");
    client.media(&[4, 0], 10);
    client.control("TEARDOWN", "*", "AAA");
    client.control("TEARDOWN", "*", "BBB");
    let told = client.told();
    let mut streams = told.streams;
    streams.sort();
    assert_eq!(streams, [row(1, "a", "H264", 10), row(2, "b", "H265", 10)]);
    assert_eq!(told.findings, []);
}

/// Some servers answer what they do not know with a line of HTTP.
#[test]
fn an_answer_in_http_belongs_to_who_asked() {
    let mut client = OneClient::new();
    for (url, encoding, id, channel) in [("a", "H264", "AAA", 0), ("b", "H265", "BBB", 4)] {
        client.describe(url, encoding);
        client.set_up(&format!("{url}/t0"), id, false, channel);
        client.control("PLAY", url, id);
    }
    client.ask("GET_PARAMETER", "b", "Session: BBB\r\n");
    let refused = format!("HTTP/1.1 405 X\r\nCSeq: {}\r\n\r\n", client.cseq);
    client.ask("GET_PARAMETER", "a", "Session: AAA\r\n");
    client.talk.say(true, refused.as_bytes());
    client.answer(client.cseq, 200, "Session: AAA\r\n", "");
    client.media(&[0, 4], 10);
    client.control("TEARDOWN", "a", "AAA");
    client.control("TEARDOWN", "b", "BBB");
    assert_eq!(client.told().findings, [(Some(2), "http-response"), (Some(2), "error-response")]);
}

#[test]
fn ports_are_those_of_the_session_that_named_them() {
    let mut client = OneClient::new();
    for (url, encoding, id, ports) in [("a", "H264", "AAA", (5000, 6000)), ("b", "H265", "BBB", (5002, 6002))] {
        let (own, server) = ports;
        client.describe(url, encoding);
        let asked = format!("Transport: RTP/AVP;unicast;client_port={own}-{}\r\n", own + 1);
        let answer =
            format!("Transport: RTP/AVP;unicast;client_port={own}-{};server_port={server}-{}\r\n", own + 1, server + 1);
        client.exchange("SETUP", &format!("{url}/t0"), &asked, &format!("{answer}Session: {id}\r\n"), "");
        client.control("PLAY", url, id);
    }
    for seq in 0..10 {
        client.talk.datagram(true, (6000, 5000), &rtp(96, seq, 1));
        client.talk.datagram(true, (6002, 5002), &rtp(96, seq, 2));
        client.talk.at += 40_000_000;
    }
    client.control("TEARDOWN", "a", "AAA");
    client.control("TEARDOWN", "b", "BBB");
    let told = client.told();
    assert_eq!(told.streams, [row(1, "a", "H264", 10), row(2, "b", "H265", 10)]);
    assert_eq!(told.findings, []);
}

#[test]
fn bytes_that_are_missing_concern_all_that_are_not_over() {
    let mut client = OneClient::new();
    for (url, id, channel) in [("a", "AAA", 0), ("b", "BBB", 4), ("c", "CCC", 8)] {
        client.describe(url, "H264");
        client.set_up(&format!("{url}/t0"), id, false, channel);
        client.control("PLAY", url, id);
    }
    client.control("TEARDOWN", "b", "BBB");
    client.media(&[0, 8], 10);
    let lost = client.talk.packets.len();
    client.media(&[0], 1);
    client.talk.packets.truncate(lost);
    client.media(&[8, 0], 10);
    let gaps: Vec<_> = client.told().findings.into_iter().filter(|(_, code)| *code == "capture-gap").collect();
    assert_eq!(gaps, [(Some(1), "capture-gap"), (Some(3), "capture-gap")]);
}

#[test]
fn who_loses_the_connection_has_left_its_group() {
    let mut packets = Vec::new();
    for (port, closes) in [(40_000, true), (40_001, false)] {
        let mut client = OneClient::new();
        client.talk = TcpTalk::new(Ends { port, server_port: 554 });
        client.talk.handshake();
        client.describe("a", "H264");
        let group = "Transport: RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001\r\n";
        client.exchange("SETUP", "a/t0", "Transport: RTP/AVP;multicast\r\n", &format!("{group}Session: 1\r\n"), "");
        client.control("PLAY", "a", "1");
        if closes {
            client.talk.at += 1_000_000_000;
            client.talk.end(false);
        }
        packets.extend(client.talk.packets);
    }
    let mut media = TcpTalk::new(Ends { port: 1, server_port: 2 });
    for seq in 0..20 {
        media.at += 99_000_000;
        media.group_datagram([239, 1, 2, 3], 7000, &rtp(96, seq, 7));
    }
    packets.extend(media.packets);
    packets.sort_by_key(|(_, (at, _))| *at);
    let mut client = OneClient::new();
    client.talk.packets = packets;
    assert_eq!(client.told().streams, [row(1, "a", "H264", 10), row(2, "a", "H264", 20)]);
}
