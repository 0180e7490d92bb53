//! Small dialogues, and what is found odd in them.

mod owners;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::rtsp::demux::{Demuxer, Pdu, PduKind, Pdus};
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Flow, Payload, Tap, TraceEvent, UdpPath, UnreachableReason};

mod parts;

/// Codes of findings, verdicts, how many packets the streams have, and what else is said of them.
#[derive(Debug, Default)]
struct Seen {
    codes: Vec<&'static str>,
    verdicts: Vec<&'static str>,
    packets: Vec<u64>,
    figures: Vec<parts::StreamFigures>,
}

impl Sink for Seen {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Finding(finding) => self.codes.push(finding.code.as_str()),
            Row::Verdict(verdict) => self.verdicts.push(verdict.verdict.as_str()),
            Row::Stream(stream) => {
                self.packets.push(stream.packets);
                self.figures.push(parts::StreamFigures::new(stream));
            }
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// A session as it passes.
struct Talk {
    analyzer: Analyzer<Seen>,
    flow: Flow,
    demuxers: [Demuxer; 2],
    at: Timestamp,
}

const C: Direction = Direction::ClientToServer;
const S: Direction = Direction::ServerToClient;

impl Talk {
    fn new() -> Self {
        let address = |text: &str| text.parse().unwrap();
        let (client, server) = (address("10.0.0.1:50000"), address("10.0.0.2:554"));
        Self {
            analyzer: Analyzer::new(AnalyzerOptions::default(), Seen::default()),
            flow: Flow { id: 0, session: 0, url: String::new(), client, server },
            demuxers: [Demuxer::new(), Demuxer::new()],
            at: Timestamp::from_nanos(1_700_000_000_000_000_000),
        }
    }

    fn wait(mut self, millis: u64) -> Self {
        self.at = self.at + Duration::from_millis(millis);
        self
    }

    fn event(&mut self, direction: Direction, payload: Payload<'_>) {
        let Self { analyzer, flow, at, .. } = self;
        analyzer.event(&TraceEvent { at: *at, flow, direction, frame_number: Some(1), payload }).unwrap();
    }

    fn pass(self, direction: Direction, bytes: &[u8]) -> Self {
        let Self { mut analyzer, flow, mut demuxers, at } = self.wait(10);
        let [client, server] = &mut demuxers;
        let demuxer = if direction == C { client } else { server };
        let mut pdus: Pdus<'_> = demuxer.feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            let payload = Payload::Pdu(&pdu);
            analyzer.event(&TraceEvent { at, flow: &flow, direction, frame_number: Some(1), payload }).unwrap();
        }
        drop(pdus);
        Self { analyzer, flow, demuxers, at }
    }

    /// A message, with `|` for line ends.
    fn say(self, direction: Direction, message: &str) -> Self {
        self.pass(direction, (message.replace('|', "\r\n") + "\r\n\r\n").as_bytes())
    }

    /// A request and its answer.
    fn ask(self, request: &str, answer: &str) -> Self {
        self.say(C, request).say(S, answer)
    }

    fn options(self) -> Self {
        self.ask("OPTIONS rtsp://h/x RTSP/1.0|CSeq: 1", "RTSP/1.0 200 OK|CSeq: 1|Public: PLAY")
    }

    fn describe(self, headers: &str, sdp: &str) -> Self {
        let sdp = sdp.replace('|', "\r\n");
        let answer = format!(
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\n{}Content-Length: {}\r\n\r\n{sdp}",
            headers.replace('|', "\r\n"),
            sdp.len()
        );
        self.say(C, "DESCRIBE rtsp://h/x RTSP/1.0|CSeq: 2").pass(S, answer.as_bytes())
    }

    fn described(self) -> Self {
        self.describe(HEADERS, SDP)
    }

    fn set_up(self, asked: &str, answered: &str) -> Self {
        self.ask(
            &format!("SETUP rtsp://h/x/0 RTSP/1.0|CSeq: 3|Transport: {asked}"),
            &format!("RTSP/1.0 200 OK|CSeq: 3|Session: 7|Transport: {answered}"),
        )
    }

    fn play(self) -> Self {
        self.ask(
            "PLAY rtsp://h/x RTSP/1.0|CSeq: 4|Session: 7",
            "RTSP/1.0 200 OK|CSeq: 4|Session: 7|RTP-Info: url=rtsp://h/x/0;seq=100;rtptime=90000",
        )
    }

    /// All up to the answer to PLAY, over TCP.
    fn playing() -> Self {
        Self::new().options().described().set_up(TCP, TCP).play()
    }

    fn frame(self, channel: u8, payload: &[u8]) -> Self {
        let len = u8::try_from(payload.len()).unwrap();
        self.pass(S, &[&[b'$', channel, 0, len], payload].concat())
    }

    /// Packets of video, 40 ms apart.
    fn media(mut self, numbers: std::ops::Range<u16>) -> Self {
        for number in numbers {
            self = self.wait(30).frame(0, &rtp(number, true));
        }
        self
    }

    fn teardown(self) -> Self {
        self.ask("TEARDOWN rtsp://h/x RTSP/1.0|CSeq: 9|Session: 7", "RTSP/1.0 200 OK|CSeq: 9|Session: 7")
    }

    /// Bytes that no more of made anything of.
    fn junk(mut self, direction: Direction, raw: &[u8]) -> Self {
        self.event(direction, Payload::Pdu(&Pdu { offset: 0, raw, kind: PduKind::Junk }));
        self
    }

    fn close(mut self, direction: Direction) -> Self {
        self.event(direction, Payload::Closed(Close::Fin));
        self
    }

    fn datagram(mut self, direction: Direction, payload: &[u8]) -> Self {
        let nowhere = SocketAddr::from(([0; 4], 0));
        self.event(
            direction,
            Payload::Datagram { path: UdpPath::of_server(7000), from: nowhere, to: nowhere, payload, missing: 0 },
        );
        self
    }

    /// The client's host refuses a datagram.
    fn refused(mut self) -> Self {
        let (from, to) = (SocketAddr::from(([10, 0, 0, 2], 7000)), SocketAddr::from(([10, 0, 0, 1], 6000)));
        let reason = UnreachableReason::Port;
        self.event(C, Payload::Unreachable { path: UdpPath::of_server(7000), from, to, by: to.ip(), reason });
        self
    }

    fn seen(self) -> Seen {
        self.analyzer.finish().unwrap()
    }

    #[track_caller]
    fn assert_found(self, codes: &[&str]) {
        assert_eq!(self.seen().codes, codes);
    }
}

const HEADERS: &str = "Content-Type: application/sdp|Content-Base: rtsp://h/x/|";
const SDP: &str = "v=0|o=- 1 1 IN IP4 10.0.0.2|s=x|c=IN IP4 0.0.0.0|t=0 0|\
                   m=video 0 RTP/AVP 96|a=rtpmap:96 H264/90000|a=control:0|";
const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/AVP;unicast;client_port=6000-6001";
const UDP_SERVER: &str = "RTP/AVP;unicast;client_port=6000-6001;server_port=7000-7001";

const SSRC: [u8; 4] = [1, 2, 3, 4];

fn rtp(number: u16, marker: bool) -> Vec<u8> {
    let mut packet = vec![0x80, if marker { 0xe0 } else { 0x60 }];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 3600).wrapping_sub(270_000).to_be_bytes());
    packet.extend(SSRC);
    packet.extend([5, 6, 7, 8]);
    packet
}

/// An empty CNAME and END; and a CNAME without END.
const ENDED: [u8; 4] = [1, 0, 0, 0];
const OPEN: [u8; 4] = [1, 2, b'a', b'b'];

/// A sender report of this source, and a source description with these items.
fn report(ssrc: [u8; 4], items: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0x80, 200, 0, 6];
    bytes.extend(ssrc);
    bytes.extend((1_700_000_000_u32.wrapping_add(2_208_988_800)).to_be_bytes());
    bytes.resize(28, 0);
    let mut description = vec![0x81, 202, 0, 2];
    description.extend(ssrc);
    description.extend(items);
    [bytes, description].concat()
}

const BYE: [u8; 8] = [0x81, 203, 0, 1, 1, 2, 3, 4];

#[test]
fn a_good_session() {
    Talk::playing().media(100..200).teardown().assert_found(&[]);
    Talk::playing().media(100..200).frame(1, &BYE).close(S).assert_found(&[]);
    Talk::playing().media(100..200).close(C).close(S).assert_found(&[]);
}

#[test]
fn how_messages_are_written() {
    let odd = |request: &str, answer: &[u8], codes: &[&str]| {
        Talk::new().say(C, request).pass(S, answer).assert_found(codes);
    };
    let request = "OPTIONS rtsp://h/x RTSP/1.0|CSeq: 1";
    odd(request, b"RTSP/1.0 200 OK\nCSeq: 1\nPublic: PLAY\n\n", &["line-end-bare"]);
    odd(request, b"RTSP/1.0 200\r\nCSeq: 1\r\nPublic: PLAY\r\n\r\n", &["reason-missing"]);
    odd(request, b"RTSP/1.0 OK\r\nCSeq: 1\r\n\r\n", &["reason-missing", "status-invalid"]);
    odd(request, b"RTSP/1.0 200 OK\r\nPublic: PLAY\r\n\r\n", &["cseq-missing"]);
    odd(request, b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nPublic: PLAY\r\n\r\n", &["cseq-wrong"]);
    odd(request, b"HTTP/1.1 200 OK\r\nCSeq: 1\r\nPublic: PLAY\r\n\r\n", &["http-response"]);
    odd(request, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", &["public-missing"]);
    odd(request, b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", &["error-response"]);
    odd("OPTIONS rtsp://h/x RTSP/1.0", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: PLAY\r\n\r\n", &["cseq-missing"]);
    // Allowed, though old.
    odd(request, b"RTSP/1.0 200 OK\r\ncseq : 1  \r\nPublic: PLAY,\r\n SETUP\r\nEmpty:\r\n\r\n", &[]);
}

#[test]
fn requests_and_answers_that_do_not_go_together() {
    let options = "OPTIONS rtsp://h/x RTSP/1.0|CSeq: 1";
    let answer = "RTSP/1.0 200 OK|CSeq: 1|Public: PLAY";
    Talk::new().say(C, options).assert_found(&["response-missing"]);
    Talk::new().ask(options, answer).say(S, answer).assert_found(&["response-without-request"]);
    Talk::new().say(C, options).wait(2000).say(S, answer).assert_found(&["response-late"]);
    Talk::new().ask(options, answer).ask(options, answer).assert_found(&["cseq-repeated"]);
    Talk::new().options().say(S, options).assert_found(&["response-missing"]);
    Talk::new().options().say(S, options).say(C, "RTSP/1.0 200 OK|CSeq: 1").assert_found(&[]);
    Talk::playing().say(C, "TEARDOWN rtsp://h/x RTSP/1.0|CSeq: 9|Session: 7").assert_found(&["response-missing"]);
}

#[test]
fn junk_is_what_is_neither_message_nor_frame() {
    let cut = [&[b'$', 0, 0, 60], &rtp(101, true)[..]].concat();
    let talk = Talk::playing().media(100..101).pass(S, &cut[..4 + 15]).pass(S, b"garbage").media(101..110).teardown();
    assert!(talk.seen().codes.contains(&"junk"));
    Talk::playing().pass(S, b"\r\n").media(100..110).teardown().assert_found(&[]);
}

#[test]
fn who_is_cut_by_the_other_side_s_close_sent_no_garbage() {
    let frame = [&[b'$', 0, 0, 60], &rtp(101, true)[..]].concat();
    for (begun, code) in [
        (&frame[..], "cut-by-close"),
        (&frame[..3], "cut-by-close"),
        (b"$", "cut-by-close"),
        (b"RTSP/1.0 200 OK\r\nCS", "cut-by-close"),
        (b"RT", "cut-by-close"),
        (b"garbage", "junk"),
        (b"$\0\0\x02garbage", "junk"),
    ] {
        let talk = || Talk::playing().media(100..110).teardown();
        talk().close(C).junk(S, begun).assert_found(&[code]);
        talk().close(C).junk(S, begun).close(S).assert_found(&[code]);
        talk().junk(S, begun).close(C).close(S).assert_found(&[code]);
        talk().junk(S, begun).close(S).close(C).assert_found(&["junk"]);
        talk().junk(S, begun).assert_found(&["cut-by-capture"]);
    }
}

#[test]
fn descriptions() {
    let found = |headers: &str, sdp: &str, codes: &[&str]| Talk::new().describe(headers, sdp).assert_found(codes);
    found(HEADERS, SDP, &[]);
    found("", SDP, &["content-type-missing", "content-base-missing"]);
    for base in ["/x/", "rtsp://rtsp://h/x/", "h/x", "rtsp://::ffff:1.2.3.4/"] {
        found(&format!("Content-Type: application/sdp|Content-Base: {base}|"), SDP, &["content-base-odd"]);
    }
    found("Content-Type: application/sdp|Content-Location: x/|", SDP, &[]);
    found(HEADERS, "", &["description-empty"]);
    for fault in ["o=- 1 1 IN IP4 10.0.0.2|", "s=x|", "t=0 0|", "v=0|"] {
        found(HEADERS, &SDP.replace(fault, ""), &["sdp-malformed"]);
    }
    for (part, fault) in
        [("s=x", "s=x|s=y"), ("t=0 0", "t=now"), ("c=IN IP4 0.0.0.0", "c=IN"), ("s=x", "s=x\u{1}"), ("s=x", "s=x|what")]
    {
        found(HEADERS, &SDP.replace(part, fault), &["sdp-malformed"]);
    }
    found(HEADERS, &SDP.replace("a=rtpmap:96 H264/90000|", ""), &["rtpmap-missing"]);
    found(HEADERS, &SDP.replace("a=control:0|", "m=audio 0 RTP/AVP 0|a=control:1|"), &["control-missing"]);
    found(HEADERS, &SDP.replace("a=control:0|", ""), &[]);
    found(HEADERS, SDP.trim_end_matches('|'), &[]);
    let without_length = format!("RTSP/1.0 200 OK|CSeq: 2|{HEADERS}");
    let talk = Talk::new().say(C, "DESCRIBE rtsp://h/x RTSP/1.0|CSeq: 2").say(S, without_length.trim_end_matches('|'));
    talk.assert_found(&["content-length-missing"]);
}

#[test]
fn transports() {
    let found = |asked: &str, answered: &str, codes: &[&str]| {
        Talk::new().described().set_up(asked, answered).assert_found(codes);
    };
    found(TCP, TCP, &[]);
    found(TCP, "RTP/AVP/TCP; interleaved=0 ; ssrc=1", &[]);
    found(UDP, UDP_SERVER, &[]);
    found(&format!("{UDP},{TCP}"), TCP, &[]);
    found(TCP, UDP_SERVER, &["transport-changed"]);
    found(UDP, TCP, &["transport-changed"]);
    found(TCP, "RTP/AVP;unicast;interleaved=0-1", &["transport-protocol"]);
    found(TCP, &format!("{TCP},{TCP}"), &["transport-several"]);
    found(TCP, "RTP/AVP/TCP;unicast", &["transport-incomplete"]);
    found(TCP, "", &["transport-incomplete"]);
    found(TCP, "RTP/AVP/TCP;interleaved=4-5", &["channels-changed"]);
    found(UDP, UDP, &["server-port-missing"]);
}

#[test]
fn sessions() {
    let set_up = |session: &str| {
        Talk::new().described().ask(
            &format!("SETUP rtsp://h/x/0 RTSP/1.0|CSeq: 3|Transport: {TCP}"),
            &format!("RTSP/1.0 200 OK|CSeq: 3|{session}Transport: {TCP}"),
        )
    };
    set_up("").assert_found(&["session-missing"]);
    for (timeout, codes) in
        [("10", &["session-timeout-short"][..]), ("0", &["session-timeout-short"]), ("30", &[]), ("65", &[])]
    {
        set_up(&format!("Session: 7 ; timeout = {timeout}|")).assert_found(codes);
    }
    let request = "PLAY rtsp://h/x RTSP/1.0|CSeq: 4|";
    let answer = "RTSP/1.0 200 OK|CSeq: 4|RTP-Info: url=rtsp://h/x/0|";
    let play = |asked: &str, answered: &str| {
        set_up("Session: 7|").ask(&format!("{request}Session: {asked}"), &format!("{answer}Session: {answered}"))
    };
    play("7", "7;timeout=60").assert_found(&[]);
    play("8", "7").assert_found(&["session-unknown"]);
    play("7", "8").assert_found(&["session-unknown"]);
    play("", "7").assert_found(&["session-missing"]);
    // Only the client has to return it.
    play("7", "").assert_found(&[]);
    let torn_down = |asked: &str, codes: &[&str]| {
        let asked = format!("TEARDOWN rtsp://h/x RTSP/1.0|CSeq: 5{asked}");
        play("7", "7").ask(&asked, "RTSP/1.0 200 OK|CSeq: 5").assert_found(codes);
    };
    torn_down("|Session: 7", &[]);
    torn_down("", &["session-missing"]);
    let again = "RTSP/1.0 200 OK|CSeq: 4|Session: 8|Transport: RTP/AVP/TCP;interleaved=2-3";
    let talk =
        set_up("Session: 7|").ask("SETUP rtsp://h/x/1 RTSP/1.0|CSeq: 4|Transport: RTP/AVP/TCP;interleaved=2-3", again);
    talk.assert_found(&["session-changed"]);
}

#[test]
fn rtp_info() {
    let play = |info: &str| {
        let answer = format!("RTSP/1.0 200 OK|CSeq: 4|Session: 7{info}");
        let talk = Talk::new().described().set_up(TCP, TCP);
        talk.ask("PLAY rtsp://h/x RTSP/1.0|CSeq: 4|Session: 7", &answer).media(100..110).teardown()
    };
    play("").assert_found(&["rtp-info-missing"]);
    for info in ["url=rtsp://h/x/0;seq=100;rtptime=90000", "url=0;seq=95;", "url=x;rtptime=1000", "url=rtsp://h/x/0"] {
        play(&format!("|RTP-Info: {info}")).assert_found(&[]);
    }
    for info in ["url=rtsp://h/x/0;seq=5000;rtptime=90000", "url=0;seq=100;rtptime=2000000", "url=0;seq=60000"] {
        play(&format!("|RTP-Info: {info}")).assert_found(&["rtp-info-wrong"]);
    }
}

/// RTSP 2.0 (RFC 7826): what SETUP and PLAY are sent at once has no session yet, and RTP-Info names sources.
#[test]
fn pipelined_requests() {
    let talk = Talk::new()
        .described()
        .set_up(TCP, TCP)
        .ask(
            "PLAY rtsp://h/x RTSP/2.0|CSeq: 4|Pipelined-Requests: 1",
            "RTSP/2.0 200 OK|CSeq: 4|Session: 7|RTP-Info: url=\"rtsp://h/x/0\" ssrc=01020304:seq=100;rtptime=90000",
        )
        .media(100..110);
    talk.teardown().assert_found(&[]);
    let wrong = "RTSP/2.0 200 OK|CSeq: 4|Session: 7|RTP-Info: url=\"rtsp://h/x/0\" ssrc=";
    let play = |rest: &str| {
        let request = "PLAY rtsp://h/x RTSP/2.0|CSeq: 4|Session: 7";
        Talk::new().described().set_up(TCP, TCP).ask(request, &format!("{wrong}{rest}")).media(100..110).teardown()
    };
    play("01020304:seq=9000").assert_found(&["rtp-info-wrong"]);
    play("01020305:seq=9000").assert_found(&[]);
}

/// SRTP by the description or by SETUP: one finding, and what RTCP seems to say is not believed.
#[test]
fn encrypted_media() {
    let ciphertext = |number: u16| {
        let mut packet = [&rtp(number, true)[..12], &[number.to_be_bytes()[1]; 40]].concat();
        // 720 ms each, as they come.
        packet[4..8].copy_from_slice(&(90_000 + u32::from(number - 100) * 64_800).to_be_bytes());
        packet
    };
    let savp = "RTP/SAVP/TCP;unicast;interleaved=0-1";
    let described = SDP.replace("RTP/AVP", "RTP/SAVP");
    for (sdp, transport) in [(described.as_str(), TCP), (SDP, savp), (&described, savp)] {
        let mut talk = Talk::new().describe(HEADERS, sdp).set_up(transport, transport).play();
        for number in 100..160 {
            talk = talk.wait(700).frame(0, &ciphertext(number));
            // Header and source are in clear; a compound packet that ends anywhere is none.
            talk = talk.frame(1, &[&[0x81, 200, 0, 12, 1, 2, 3, 4][..], &[0x5a; 60]].concat());
        }
        let seen = talk.analyzer.finish().unwrap();
        let about_media: Vec<&str> = seen.codes.into_iter().filter(|code| *code != "transport-protocol").collect();
        assert_eq!((about_media, seen.packets), (vec!["media-encrypted"], vec![60]), "{sdp}");
    }
}

/// Payloads of no format, as encrypted ones that nobody announced: no figure of pictures is made of them.
#[test]
fn unreadable_media() {
    let mut talk = Talk::playing();
    for number in 100..400_u16 {
        let noise = (0..40).map(|place: u32| {
            u32::from(number).wrapping_mul(2_654_435_761).wrapping_add(place * 40_503).to_be_bytes()[1]
        });
        let packet = rtp(number, true)[..12].iter().copied().chain(noise).collect::<Vec<_>>();
        talk = talk.wait(40).frame(0, &packet);
    }
    talk = talk.frame(1, &[&[0x81, 200, 0, 12, 1, 2, 3, 4][..], &[0x5a; 60]].concat());
    let row = talk.analyzer.streams().next().unwrap();
    assert_eq!((row.packets, row.frames, row.key_frames, row.freezes), (300, None, None, None));
    assert_eq!((row.sr_count, row.sr_last_packets), (1, None));
}

/// What is no RTP is told of once for each kind and path.
#[test]
fn foreign_packets() {
    let ts = [&[0x47, 1, 0, 0x10][..], &[9; 184]].concat();
    let stun = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
    let mut talk = Talk::playing();
    for _ in 0..1000 {
        talk = talk.frame(0, &ts).frame(0, stun).frame(1, stun);
    }
    talk.frame(0, &rtp(102, true)[..11]).teardown().assert_found(&["not-rtp", "not-rtp", "not-rtp", "rtp-malformed"]);
}

#[test]
fn packets() {
    let playing = || Talk::playing().media(100..102);
    playing().teardown().media(102..104).assert_found(&["media-after-teardown"]);
    playing()
        .frame(0, &rtp(102, true)[..12])
        .frame(0, &rtp(103, true)[..12])
        .teardown()
        .assert_found(&["payload-empty"]);
    playing().frame(6, &rtp(102, true)).teardown().assert_found(&[
        "unknown-channel",
        "shared-ssrc",
        "payload-type-unknown",
    ]);
    playing().frame(1, &[0x80, 200, 0, 9]).teardown().assert_found(&["rtcp-malformed"]);
    playing().frame(0, &report(SSRC, ENDED)).teardown().assert_found(&["rtcp-on-rtp-channel"]);
    let unmarked = (100..200).fold(Talk::playing(), |talk, number| talk.wait(30).frame(0, &rtp(number, false)));
    unmarked.teardown().assert_found(&["marker-missing"]);
}

#[test]
fn sources_sequences_and_times() {
    let playing = || Talk::playing().media(100..110);
    let mut other = rtp(110, true);
    other[8] = 9;
    playing().frame(0, &other).teardown().assert_found(&["ssrc-change"]);
    playing().media(112..114).teardown().assert_found(&["sequence-gap"]);
    playing().media(9000..9001).teardown().assert_found(&["sequence-jump", "timestamp-jump"]);
    playing().frame(0, &rtp(109, true)).teardown().assert_found(&["duplicate"]);
    playing().wait(3000).media(110..111).teardown().assert_found(&["timestamp-jump"]);
    let asked = || playing().say(C, "TEARDOWN rtsp://h/x RTSP/1.0|CSeq: 9|Session: 7").media(112..114);
    asked().say(S, "RTSP/1.0 200 OK|CSeq: 9").assert_found(&[]);
    // Refused: the media goes on.
    let refused = asked().say(S, "RTSP/1.0 401 No|CSeq: 9").media(116..117);
    refused.teardown().assert_found(&["error-response", "sequence-gap", "cseq-repeated"]);
    let version_1 = [&[0x40], &rtp(110, true)[1..]].concat();
    playing().frame(0, &version_1).teardown().assert_found(&["rtp-malformed"]);
    Talk::new().described().set_up(TCP, TCP).media(100..101).assert_found(&["media-before-play"]);
    Talk::new()
        .described()
        .set_up(TCP, &format!("{TCP};ssrc=7"))
        .play()
        .media(100..101)
        .assert_found(&["ssrc-not-announced"]);
}

#[test]
fn reports() {
    let with = |report: &[u8]| Talk::playing().media(100..110).frame(1, report).media(110..120).teardown();
    with(&report(SSRC, ENDED)).assert_found(&[]);
    with(&report(SSRC, OPEN)).assert_found(&["sdes-without-end"]);
    with(&report([9; 4], ENDED)).assert_found(&["sr-wrong-ssrc"]);
    let mut without_ntp = report(SSRC, ENDED);
    without_ntp[8..16].fill(0);
    with(&without_ntp).assert_found(&["sr-without-ntp"]);
    let mut of_1970 = report(SSRC, ENDED);
    of_1970[8..12].copy_from_slice(&2_208_988_801_u32.to_be_bytes());
    with(&of_1970).assert_found(&["sr-wrong-clock"]);
    let counted = |sent: [u32; 4]| {
        let mut talk = Talk::playing();
        for (first, sent) in (100..).step_by(10).zip(sent) {
            let mut counted = report(SSRC, ENDED);
            counted[20..24].copy_from_slice(&sent.to_be_bytes());
            talk = talk.media(first..first + 10).frame(1, &counted);
        }
        talk.teardown()
    };
    counted([10, 20, 30, 40]).assert_found(&[]);
    counted([10, 35, 30, 55]).assert_found(&[]);
    // Counts of 32 bits wrap.
    counted([u32::MAX - 14, u32::MAX - 4, 5, 15]).assert_found(&[]);
    counted([u32::MAX - 14, u32::MAX - 4, 15, 25]).assert_found(&["sr-count-mismatch"]);
    counted([5, u32::MAX - 20, u32::MAX - 10, 0]).assert_found(&["sr-count-mismatch"]);
    // 40 ms each.
    Talk::playing().media(100..900).teardown().assert_found(&["sr-missing"]);
    let stopped = Talk::playing().media(100..110).frame(1, &report(SSRC, ENDED)).media(110..900);
    stopped.teardown().assert_found(&["sr-stopped"]);
}

#[test]
fn how_it_ends() {
    Talk::playing().media(100..200).close(S).assert_found(&["end-without-bye"]);
    let silent = Talk::playing().media(100..200).wait(6000);
    silent
        .ask("OPTIONS rtsp://h/x RTSP/1.0|CSeq: 5", "RTSP/1.0 200 OK|CSeq: 5|Public: PLAY")
        .assert_found(&["media-stopped"]);
}

#[test]
fn what_opens_the_way_through_a_nat_is_no_stream() {
    let udp = || Talk::new().described().set_up(UDP, UDP_SERVER).play();
    let zeros = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let seen = udp().datagram(C, &zeros).datagram(C, b"\xce\xfa\xed\xfe").datagram(C, b"").seen();
    assert_eq!((seen.codes, seen.packets), (vec!["nat-punch"], vec![]));
    // From the server it is a packet like any other.
    let seen = udp().datagram(S, &zeros).teardown().seen();
    assert_eq!(seen.packets, [1]);
    let seen = udp().datagram(C, &rtp(1, true)).teardown().seen();
    assert_eq!(seen.packets, [1]);
}

#[test]
fn refused_datagrams_are_told_once() {
    let playing = || Talk::new().options().described().set_up(UDP, UDP_SERVER).play();
    let refused = playing().refused().refused().teardown().refused().close(C);
    refused.assert_found(&["media-port-unreachable", "no-media"]);
    playing().teardown().refused().close(C).assert_found(&[]);
}
