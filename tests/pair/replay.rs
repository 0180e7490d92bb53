//! The replaying server on virtual time, asked by hand.

use std::sync::Arc;
use std::time::Duration;

use rtsp_rec::analysis::rows::{Row, Sink, Table};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::rtp::packet::{RtpPacket, is_rtcp};
use rtsp_rec::rtp::rtcp::{Compound, RtcpPacket};
use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
use rtsp_rec::session::script::{ScriptBuilder, ScriptOptions};
use rtsp_rec::session::server::{ReportClock, SlowClient, Speed};
use rtsp_rec::session::{Input, Machine, Output, ReplayConfig, Script, Server};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Payload, Tap, TraceEvent};

use crate::world::START;
use crate::{flow, rtp, sample, say, scripted, scripted_frames};

/// A client made of test code: asks, and keeps what comes with the time when it came.
struct Hand {
    server: Server,
    now: Timestamp,
    demuxer: Demuxer,
    /// Requests, for an analyzer to see both sides.
    log: Vec<(Timestamp, Direction, Vec<u8>)>,
    datagrams: Vec<(Timestamp, usize, bool, u16, Vec<u8>)>,
    ended: Option<Output<'static>>,
}

impl Hand {
    fn of(offer: ReplayConfig) -> Self {
        Self::numbered(&Arc::new(offer), 0)
    }

    fn numbered(offer: &Arc<ReplayConfig>, number: u64) -> Self {
        Self {
            server: Server::new(Arc::clone(offer), (flow().client, flow().server), number, START),
            now: START,
            demuxer: Demuxer::new(),
            log: Vec::new(),
            datagrams: Vec::new(),
            ended: None,
        }
    }

    /// Takes what the server wants to send now.
    fn collect(&mut self) {
        while let Some(output) = self.server.poll_output(self.now) {
            match output {
                Output::Send(bytes) => self.log.push((self.now, Direction::ServerToClient, bytes.into_owned())),
                Output::Datagram { track, rtcp, port, payload } => {
                    self.datagrams.push((self.now, track, rtcp, port, payload.into_owned()));
                }
                Output::Disconnect => self.ended = Some(Output::Disconnect),
                Output::Abort => self.ended = Some(Output::Abort),
                _ => {}
            }
        }
    }

    /// Sends bytes and gives what is said at once.
    fn send(&mut self, bytes: &str) -> String {
        let from = self.log.len() + 1;
        self.log.push((self.now, Direction::ClientToServer, bytes.as_bytes().to_vec()));
        let mut pdus = self.demuxer.feed(bytes.as_bytes());
        while let Some(pdu) = pdus.next_pdu() {
            self.server.handle(self.now, Input::Pdu(&pdu));
        }
        drop(pdus);
        self.collect();
        self.log[from..].iter().map(|(_, _, bytes)| String::from_utf8_lossy(bytes)).collect()
    }

    fn ask(&mut self, method: &str, url: &str, fields: &str) -> String {
        let number = self.log.len();
        self.send(&format!("{method} rtsp://127.0.0.1:9{url} RTSP/1.0\r\nCSeq: {number}\r\n{fields}\r\n"))
    }

    /// Waits, doing what is due.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.server.next_deadline().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.server.handle(self.now, Input::Wake);
            let before = self.log.len() + self.datagrams.len();
            self.collect();
            if self.ended.is_some() || (before == self.log.len() + self.datagrams.len() && due > self.now) {
                break;
            }
        }
        self.now = until;
    }

    /// The frames that came: time, channel, payload.
    fn frames(&self) -> Vec<(Timestamp, u8, Vec<u8>)> {
        let (mut demuxer, mut frames) = (Demuxer::new(), Vec::new());
        for (at, direction, bytes) in &self.log {
            if *direction == Direction::ClientToServer {
                continue;
            }
            let mut pdus = demuxer.feed(bytes);
            while let Some(pdu) = pdus.next_pdu() {
                if let PduKind::Interleaved { channel, payload } = pdu.kind {
                    frames.push((*at, channel, payload.to_vec()));
                }
            }
        }
        frames
    }

    /// Everything, for a tap.
    fn tell(&self, tap: &mut impl Tap) {
        let mut demuxers = [Demuxer::new(), Demuxer::new()];
        for (at, direction, bytes) in &self.log {
            let mut pdus = demuxers[direction.index()].feed(bytes);
            while let Some(pdu) = pdus.next_pdu() {
                let payload = Payload::Pdu(&pdu);
                tap.event(&TraceEvent { at: *at, flow: &flow(), direction: *direction, frame_number: None, payload })
                    .unwrap();
            }
        }
    }
}

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";

/// A client that plays the PCMU track of [`scripted`].
fn playing(offer: ReplayConfig) -> Hand {
    let mut hand = Hand::of(offer);
    hand.ask("SETUP", "/live/track1", TCP);
    assert!(hand.ask("PLAY", "/live", "").starts_with("RTSP/1.0 200"));
    hand
}

fn offer() -> ReplayConfig {
    ReplayConfig::new(scripted("OPTIONS, DESCRIBE, SETUP, PLAY", "AB12cd34;timeout=65", 10))
}

#[test]
fn refusals_have_their_status() {
    let mut hand = Hand::of(offer());
    for (method, url, fields, status) in [
        ("DESCRIBE", "/other", "", "404 Not Found"),
        ("DESCRIBE", "/live/more", "", "404 Not Found"),
        ("SETUP", "/live/track2", TCP, "404 Not Found"),
        ("SETUP", "/live/track1", "Transport: RTP/AVP;multicast\r\n", "461 Unsupported transport"),
        ("SETUP", "/live/track1", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n", "461 Unsupported transport"),
        ("SETUP", "/live/track1", "", "461 Unsupported transport"),
        ("PLAY", "/live", "", "455 Method Not Valid in This State"),
        ("PLAY", "/live", "Session: 12345678\r\n", "454 Session Not Found"),
        ("TELEPORT", "/live", "", "501 Not Implemented"),
        ("DESCRIBE", "/live/", "", "200 OK"),
        ("OPTIONS", "/anything", "", "200 OK"),
        ("GET_PARAMETER", "/live", "", "200 OK"),
    ] {
        let answer = hand.ask(method, url, fields);
        assert!(answer.starts_with(&format!("RTSP/1.0 {status}\r\nCSeq: ")), "{method} {url}: {answer}");
    }
}

#[test]
fn answers_are_the_recorded_ones_made_to_fit() {
    let mut hand = Hand::of(offer().at_path("lab"));
    let options = hand.ask("OPTIONS", "/live", "");
    assert!(options.contains("\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"), "{options}");
    let described = hand.ask("DESCRIBE", "/lab", "");
    assert!(described.ends_with("\r\n\r\nv=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n"), "{described}");
    assert!(described.contains("Content-Type: application/sdp\r\nContent-Length: 44\r\n"), "{described}");
    let set_up = hand.ask("SETUP", "/lab/track1", "Transport: RTP/AVP;multicast,RTP/AVP/TCP;interleaved=4-5\r\n");
    assert!(set_up.contains("\r\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n"), "{set_up}");
    let session = set_up.split("Session: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap().to_owned();
    let (id, parameters) = session.split_once(';').unwrap();
    assert_eq!((id.len(), parameters), (8, "timeout=65"));
    assert!(id.bytes().zip(b"AB12cd34").all(|(own, recorded)| own.is_ascii_digit() == recorded.is_ascii_digit()));
    let played = hand.ask("PLAY", "/lab", &format!("Session: {id}\r\n"));
    assert!(played.starts_with("RTSP/1.0 200 OK\r\nCSeq: "), "{played}");
    hand.wait(Duration::from_millis(100));
    assert_eq!(hand.frames().iter().map(|frame| frame.1).collect::<Vec<_>>(), [4; 6]);
}

#[test]
fn clients_have_sessions_of_their_own() {
    let offer = Arc::new(offer());
    let sessions: std::collections::BTreeSet<String> = (0..100)
        .map(|number| {
            let answer = Hand::numbered(&offer, number).ask("SETUP", "/live/track1", TCP);
            answer.split("Session: ").nth(1).unwrap().split(';').next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(sessions.len(), 100);
}

#[test]
fn frames_leave_at_their_distance_from_play() {
    for (speed, distance) in [(1.0, 20_000_000), (2.0, 10_000_000), (0.5, 40_000_000)] {
        let mut hand = playing(offer().at_speed(Speed::Times(speed)));
        hand.wait(Duration::from_secs(30));
        let frames = hand.frames();
        assert_eq!(frames.len(), 500);
        for (number, (at, _, _)) in (0..).zip(&frames) {
            assert!((at.nanos_since(START) - number * distance).abs() <= 1, "frame {number} at {at}");
        }
        assert_eq!(hand.ended, Some(Output::Disconnect), "nothing more is known");
    }
}

#[test]
fn at_full_speed_everything_is_due_at_once() {
    let hand = playing(offer().at_speed(Speed::Max));
    assert_eq!((hand.frames().len(), hand.now), (500, START));
}

#[test]
fn a_pause_leaves_out_nothing() {
    let mut hand = playing(offer());
    hand.wait(Duration::from_millis(990));
    hand.ask("PAUSE", "/live", "");
    hand.wait(Duration::from_secs(7));
    assert_eq!(hand.frames().len(), 50);
    hand.ask("PLAY", "/live", "");
    hand.wait(Duration::from_secs(20));
    let frames = hand.frames();
    let sequences: Vec<u16> = frames.iter().map(|frame| RtpPacket::parse(&frame.2).unwrap().sequence()).collect();
    assert_eq!(sequences, (0..500).collect::<Vec<u16>>());
    assert_eq!(frames[50].0.nanos_since(frames[49].0), 7_020_000_000);
}

#[test]
fn each_play_after_a_teardown_begins_anew() {
    let mut hand = playing(offer());
    hand.wait(Duration::from_secs(1));
    hand.ask("TEARDOWN", "/live", "");
    let before = hand.frames().len();
    hand.wait(Duration::from_secs(5));
    assert_eq!(hand.frames().len(), before);
    hand.ask("SETUP", "/live/track1", TCP);
    hand.ask("PLAY", "/live", "");
    assert_eq!(RtpPacket::parse(&hand.frames()[before].2).unwrap().sequence(), 0);
}

#[test]
fn tracks_in_any_subset_on_any_channels() {
    let mut hand = Hand::of(ReplayConfig::new(sample()));
    let answer = hand.ask("SETUP", "/short/stream=1", "Transport: RTP/AVP/TCP;unicast;interleaved=200-201\r\n");
    assert!(answer.contains("interleaved=200-201") && answer.contains("ssrc="), "{answer}");
    hand.ask("PLAY", "/short/", "");
    hand.wait(Duration::from_secs(15));
    let frames = hand.frames();
    let rtp = frames.iter().filter(|frame| frame.1 == 200).count();
    assert_eq!((rtp, frames.iter().all(|frame| matches!(frame.1, 200 | 201))), (468, true));
}

#[test]
fn over_udp_each_packet_is_a_datagram() {
    let mut hand = Hand::of(ReplayConfig::new(sample()).with_udp(vec![(6970, 6971), (6972, 6973)]));
    let answer = hand.ask("SETUP", "/short/stream=0", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n");
    assert!(
        answer.contains("Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971;ssrc="),
        "{answer}"
    );
    hand.ask("SETUP", "/short/stream=1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
    hand.ask("PLAY", "/short/", "");
    hand.wait(Duration::from_secs(15));
    let ports = |rtcp: bool| hand.datagrams.iter().filter(move |sent| sent.2 == rtcp).map(|sent| (sent.1, sent.3));
    assert_eq!(ports(false).collect::<Vec<_>>(), vec![(0, 5000); 328]);
    assert!(ports(true).count() > 2 && ports(true).all(|port| port == (0, 5001)));
    assert_eq!(hand.frames().iter().filter(|frame| frame.1 == 0).count(), 468);
}

/// All findings, and the streams at the end.
#[derive(Default)]
struct Rows {
    findings: Vec<(&'static str, String)>,
    streams: Vec<(i64, i64, u64, f64, f64)>,
}

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) -> std::io::Result<()> {
        match row {
            Row::Finding(finding) => self.findings.push((finding.code.as_str(), finding.detail.to_owned())),
            Row::Stream(row) => {
                let skew = row.skew_max_ms.map_or(0.0, |skew| skew.0) - row.skew_min_ms.map_or(0.0, |skew| skew.0);
                let spread = row.sr_offset_spread_ms.map_or(0.0, |spread| spread.0);
                self.streams.push((row.expected, row.lost, row.restarts, skew, spread));
            }
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

fn analyzed(hand: &Hand) -> Rows {
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Rows::default());
    hand.tell(&mut analyzer);
    analyzer.finish().unwrap()
}

#[test]
fn a_loop_goes_on_without_a_jump() {
    let mut hand = Hand::of(ReplayConfig::new(sample()).looped());
    hand.ask("DESCRIBE", "/short", "");
    for (track, channels) in [(0, "0-1"), (1, "2-3")] {
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels}\r\n");
        hand.ask("SETUP", &format!("/short/stream={track}"), &transport);
    }
    hand.ask("PLAY", "/short/", "");
    hand.wait(Duration::from_mins(1));
    assert_eq!(hand.ended, None);
    let rows = analyzed(&hand);
    assert_eq!(rows.streams.len(), 2, "each source goes on as itself");
    for (expected, lost, restarts, skew, spread) in &rows.streams {
        assert!(*expected > 5 * 328 && (*lost, *restarts) == (0, 0), "{:?}", rows.streams);
        // As in the recording, which begins with 43 ms in one go; reports agree to a tick.
        assert!(*skew < 60.0 && *spread < 0.2, "{:?}", rows.streams);
    }
    let jumps = ["sequence-gap", "sequence-jump", "timestamp-jump", "sr-count-mismatch", "sequence-restart"];
    let found: Vec<_> = rows.findings.iter().filter(|(code, _)| jumps.contains(code)).collect();
    assert!(found.is_empty(), "{found:?}");
    let goodbye = |frame: &(Timestamp, u8, Vec<u8>)| {
        is_rtcp(&frame.2) && Compound::new(&frame.2).any(|packet| matches!(packet, Ok(RtcpPacket::Goodbye(_))))
    };
    assert!(!hand.frames().iter().any(goodbye), "who goes on does not say goodbye");
}

/// NTP times of the sender reports of a track.
fn report_times(hand: &Hand, channel: u8) -> Vec<Timestamp> {
    let frames = hand.frames();
    let compounds = frames.iter().filter(|frame| frame.1 == channel);
    let report = |packet| match packet {
        Ok(RtcpPacket::SenderReport(report)) => report.ntp().to_timestamp(),
        _ => None,
    };
    compounds.flat_map(|frame| Compound::new(&frame.2).filter_map(report).collect::<Vec<_>>()).collect()
}

#[test]
fn reports_are_rebased_on_demand() {
    let times = |clock: ReportClock| {
        let script = sample();
        let recorded = script.played_at();
        let mut hand = Hand::of(ReplayConfig::new(script).with_reports(clock));
        hand.ask("SETUP", "/short/stream=0", TCP);
        hand.ask("PLAY", "/short/", "");
        hand.wait(Duration::from_secs(15));
        (recorded, report_times(&hand, 1))
    };
    let (recorded, as_recorded) = times(ReportClock::Recorded);
    let (_, now) = times(ReportClock::Now);
    assert!(as_recorded.len() >= 3);
    for (before, after) in as_recorded.iter().zip(&now) {
        let (before, after) = (before.nanos_since(recorded), after.nanos_since(START));
        assert!((before - after).abs() <= 1, "{before} ns after the recorded PLAY, {after} after this one");
    }
}

/// The client stops reading for 5 s: nobody asks the server for more.
fn stalled(slow_client: SlowClient) -> Hand {
    let mut hand = playing(offer().with_slow_client(slow_client));
    hand.wait(Duration::from_secs(1));
    hand.now = hand.now + Duration::from_secs(5);
    hand.server.handle(hand.now, Input::Wake);
    hand.collect();
    hand
}

#[test]
fn slow_clients_get_what_was_chosen() {
    let wait = stalled(SlowClient::Wait);
    assert_eq!((wait.frames().len(), wait.ended), (301, None));

    let mut drop = stalled(SlowClient::Drop);
    assert_eq!((drop.frames().len(), &drop.ended), (52, &None), "all but the frame of this moment is left out");
    drop.wait(Duration::from_secs(10));
    let sequences: Vec<u16> =
        drop.frames().iter().map(|frame| RtpPacket::parse(&frame.2).unwrap().sequence()).collect();
    assert_eq!(sequences[50..53], [50, 300, 301]);

    let close = stalled(SlowClient::Close);
    assert_eq!((close.frames().len(), close.ended), (51, Some(Output::Abort)));
}

#[test]
fn who_asks_for_nothing_is_let_go() {
    let mut hand = Hand::of(offer());
    hand.wait(Duration::from_secs(50));
    hand.ask("OPTIONS", "/live", "");
    hand.wait(Duration::from_secs(59));
    assert_eq!(hand.ended, None);
    hand.wait(Duration::from_secs(2));
    assert_eq!(hand.ended, Some(Output::Disconnect));
}

#[test]
fn the_end_is_as_recorded() {
    for (close, ended) in [(Close::Fin, Output::Disconnect), (Close::Reset, Output::Abort)] {
        let mut builder = ScriptBuilder::new(ScriptOptions::default());
        dialogue(&mut builder, &["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
        say(&mut builder, START, Direction::ServerToClient, &rtp(0));
        let at = START + Duration::from_secs(7);
        let payload = Payload::Closed(close);
        let direction = Direction::ServerToClient;
        builder.event(&TraceEvent { at, flow: &flow(), direction, frame_number: None, payload }).unwrap();
        let mut hand = playing(ReplayConfig::new(builder.finish().unwrap()));
        hand.wait(Duration::from_millis(6_900));
        assert_eq!(hand.ended, None);
        hand.wait(Duration::from_millis(200));
        assert_eq!(hand.ended, Some(ended));
    }
}

/// Some methods of the dialogue of [`scripted`], all answered at once.
fn dialogue(builder: &mut ScriptBuilder, methods: &[&str]) {
    let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
    let description = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    for (cseq, method) in methods.iter().enumerate() {
        let url = if *method == "SETUP" { "rtsp://camera/live/track1" } else { "rtsp://camera/live" };
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {cseq}\r\n{TCP}\r\n");
        say(builder, START, Direction::ClientToServer, request.as_bytes());
        let rest = match *method {
            "DESCRIBE" => description.as_str(),
            "SETUP" => "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
            _ => "\r\n",
        };
        say(builder, START, Direction::ServerToClient, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{rest}").as_bytes());
    }
}

fn media(builder: &mut ScriptBuilder) {
    for number in 0..100 {
        let at = START + Duration::from_secs(3) + Duration::from_millis(20) * number;
        say(builder, at, Direction::ServerToClient, &rtp(number));
    }
}

#[test]
fn a_capture_that_began_later_serves_too() {
    let description = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=control:v\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n".to_vec();
    for (methods, given, url) in [
        (&["DESCRIBE"][..], None, "/live/track1"),
        (&["DESCRIBE", "SETUP"], None, "/live/track1"),
        (&["GET_PARAMETER"], Some(description.clone()), "/live/a"),
        (&[], Some(description), "/replay/a"),
    ] {
        let mut builder = ScriptBuilder::new(ScriptOptions { session: None, description: given });
        dialogue(&mut builder, methods);
        media(&mut builder);
        let script: Script = builder.finish().unwrap_or_else(|error| panic!("{methods:?}: {error}"));
        let mut hand = Hand::of(ReplayConfig::new(script));
        let aggregate = url.rsplit_once('/').unwrap().0;
        assert!(hand.ask("DESCRIBE", aggregate, "").starts_with("RTSP/1.0 200"), "{methods:?}");
        assert!(hand.ask("SETUP", url, TCP).starts_with("RTSP/1.0 200"), "{methods:?}");
        hand.ask("PLAY", aggregate, "");
        hand.wait(Duration::from_millis(1_990));
        let frames = hand.frames();
        assert_eq!(frames.len(), 100, "{methods:?}: the first of them leaves at once");
        assert_eq!(frames[99].0.nanos_since(frames[0].0), 99 * 20_000_000);
    }
}

#[test]
fn what_a_capture_lacks_is_told() {
    let told = |methods: &[&str], with_media: bool, options: ScriptOptions| {
        let mut builder = ScriptBuilder::new(options);
        dialogue(&mut builder, methods);
        if with_media {
            media(&mut builder);
        }
        builder.finish().map(|_| ()).unwrap_err().to_string()
    };
    assert!(told(&["PLAY"], true, ScriptOptions::default()).contains("--sdp FILE"));
    assert!(told(&["DESCRIBE", "SETUP", "PLAY"], false, ScriptOptions::default()).contains("no media"));
    let second = ScriptOptions { session: Some(2), description: None };
    assert!(told(&["DESCRIBE"], true, second).contains("no session 2: the capture holds one"));
    assert!(told(&[], false, ScriptOptions::default()).contains("holds no RTSP session"));
}

/// A fault that takes all frames of a moment does not end the stream.
#[test]
fn faults_keep_the_recorded_pace() {
    for (spec, least) in
        [("drop=50%", 200), ("reorder=20%/3", 500), ("dup=10%", 520), ("delay=50ms±20ms", 500), ("stall=2s@3s", 500)]
    {
        let faults = vec![spec.parse().unwrap()];
        let mut hand = playing(offer().with_faults(faults, 1, None).unwrap());
        hand.wait(Duration::from_secs(30));
        let frames = hand.frames();
        let last = frames.last().unwrap().0.seconds_since(START);
        assert!(frames.len() >= least && last > 9.5, "{spec}: {} frames, the last at {last} s", frames.len());
        assert_eq!(hand.ended, Some(Output::Disconnect), "{spec}");
    }
    let mut hand = playing(offer().with_faults(vec!["drop=100%".parse().unwrap()], 1, None).unwrap());
    hand.wait(Duration::from_secs(9));
    assert_eq!((hand.frames().len(), &hand.ended), (0, &None));
}

/// An endless script that holds nothing for a client must not hold up the others.
#[test]
fn nothing_to_send_for_ever_is_bounded() {
    let everything_dropped =
        offer().looped().at_speed(Speed::Max).with_faults(vec!["drop=100%".parse().unwrap()], 1, None);
    let mut hand = playing(everything_dropped.unwrap());
    hand.collect();
    assert!(hand.server.next_deadline().unwrap() > hand.now, "it rests");

    let description = b"v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\nm=video 0 RTP/AVP 96\r\na=control:mute\r\n";
    let mut builder = ScriptBuilder::new(ScriptOptions { session: None, description: Some(description.to_vec()) });
    dialogue(&mut builder, &["DESCRIBE", "SETUP", "PLAY"]);
    media(&mut builder);
    let mut hand = Hand::of(ReplayConfig::new(builder.finish().unwrap()).looped().at_speed(Speed::Max));
    hand.ask("SETUP", "/live/mute", TCP);
    hand.ask("PLAY", "/live", "");
    assert!(hand.frames().is_empty() && hand.server.next_deadline().unwrap() > hand.now);
    assert!(hand.ask("OPTIONS", "*", "").contains("200 OK"));
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let mut hand = Hand::of(offer());
    hand.ask("SETUP", "/live/track1", TCP);
    let request = |method: &str, number: u8| format!("{method} rtsp://h/live RTSP/1.0\r\nCSeq: {number}\r\n\r\n");
    let said = hand.send(&[request("PLAY", 71), request("PLAY", 72), request("OPTIONS", 73)].concat());
    let places: Vec<_> = ["CSeq: 71", "CSeq: 72", "CSeq: 73"].iter().map(|cseq| said.find(cseq).unwrap()).collect();
    assert!(places.is_sorted(), "{said}");
}

/// What only the first PLAY can say is not said again.
#[test]
fn the_answer_to_play_fits_the_frames_behind_it() {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    dialogue(&mut builder, &["DESCRIBE", "SETUP"]);
    for (cseq, sequence, after) in [(20, 0, 0), (21, 100, 4)] {
        let at = START + Duration::from_secs(after);
        let request = format!("PLAY rtsp://camera/live RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n");
        say(&mut builder, at, Direction::ClientToServer, request.as_bytes());
        let info = format!("RTP-Info: url=rtsp://camera/live/track1;seq={sequence}");
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{info}\r\n\r\n");
        say(&mut builder, at, Direction::ServerToClient, answer.as_bytes());
        say(&mut builder, at, Direction::ServerToClient, &rtp(sequence));
    }
    let mut hand = Hand::of(ReplayConfig::new(builder.finish().unwrap()));
    hand.ask("SETUP", "/live/track1", TCP);
    assert!(hand.ask("PLAY", "/live", "").contains("RTP-Info: url=rtsp://127.0.0.1:9/live/track1;seq=0\r\n"));
    hand.wait(Duration::from_secs(1));
    hand.ask("PAUSE", "/live", "");
    assert!(!hand.ask("PLAY", "/live", "").contains("RTP-Info"));
}

/// Two SETUPs in one segment: each track has its own answer.
#[test]
fn answers_of_pipelined_requests_are_told_apart() {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    dialogue(&mut builder, &["DESCRIBE"]);
    let setup = |cseq: u8| format!("SETUP rtsp://camera/live/track{cseq} RTSP/1.0\r\nCSeq: {cseq}\r\n{TCP}\r\n");
    say(&mut builder, START, Direction::ClientToServer, [setup(1), setup(2)].concat().as_bytes());
    for cseq in [1, 2] {
        let transport = format!("Transport: RTP/AVP/TCP;interleaved=0-1;ssrc=0000000{cseq}");
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}\r\n\r\n");
        say(&mut builder, START, Direction::ServerToClient, answer.as_bytes());
    }
    media(&mut builder);
    let mut hand = Hand::of(ReplayConfig::new(builder.finish().unwrap()));
    assert!(hand.ask("SETUP", "/live/track1", TCP).contains("ssrc=00000001"));
}

/// BYE and an open connection: it stays open for a minute from the end on.
#[test]
fn an_open_end_stays_open() {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    dialogue(&mut builder, &["DESCRIBE", "SETUP", "PLAY"]);
    media(&mut builder);
    let late = START + Duration::from_mins(5);
    say(&mut builder, late, Direction::ServerToClient, &[b'$', 1, 0, 8, 0x81, 203, 0, 1, 0, 0, 0, 7]);
    let mut hand = playing(ReplayConfig::new(builder.finish().unwrap()));
    hand.wait(Duration::from_secs(350));
    assert_eq!(hand.ended, None);
    hand.wait(Duration::from_secs(20));
    assert_eq!(hand.ended, Some(Output::Disconnect));
}

/// Media long before the answer to PLAY make nobody slow.
#[test]
fn early_media_are_not_late() {
    for slow_client in [SlowClient::Wait, SlowClient::Drop, SlowClient::Close] {
        let mut builder = ScriptBuilder::new(ScriptOptions::default());
        dialogue(&mut builder, &["DESCRIBE", "SETUP"]);
        (0..10).for_each(|number| say(&mut builder, START, Direction::ServerToClient, &rtp(number)));
        let at = START + Duration::from_secs(2);
        say(&mut builder, at, Direction::ClientToServer, b"PLAY rtsp://camera/live RTSP/1.0\r\nCSeq: 9\r\n\r\n");
        say(&mut builder, at, Direction::ServerToClient, b"RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n");
        let mut hand = Hand::of(ReplayConfig::new(builder.finish().unwrap()).with_slow_client(slow_client));
        hand.ask("SETUP", "/live/track1", TCP);
        hand.ask("PLAY", "/live", "");
        assert_eq!(hand.frames().len(), 10, "{slow_client:?}");
    }
}

/// A request without an absolute URL gets the address that it was sent to.
#[test]
fn the_recorded_address_is_never_told() {
    let mut hand = Hand::of(ReplayConfig::new(sample()));
    let said = hand.send("DESCRIBE /short RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert!(said.contains(&format!("Content-Base: rtsp://{}/short/", flow().server)), "{said}");
}

/// Frames that came before the answer to PLAY leave before it.
#[test]
fn early_media_stays_early() {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    dialogue(&mut builder, &["DESCRIBE", "SETUP"]);
    let request = b"PLAY rtsp://camera/live RTSP/1.0\r\nCSeq: 9\r\n\r\n";
    say(&mut builder, START, Direction::ClientToServer, request);
    for number in 0..3 {
        say(&mut builder, START + Duration::from_millis(1), Direction::ServerToClient, &rtp(number));
    }
    let answer = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nX: y\r\n\r\n";
    say(&mut builder, START + Duration::from_millis(2), Direction::ServerToClient, answer);
    say(&mut builder, START + Duration::from_millis(5), Direction::ServerToClient, &rtp(3));
    let mut hand = Hand::of(ReplayConfig::new(builder.finish().unwrap()));
    hand.ask("SETUP", "/live/track1", TCP);
    let said = hand.ask("PLAY", "/live", "");
    assert!(said.starts_with("$\0") && said.contains("RTSP/1.0 200 OK"), "frames first: {said:?}");
    assert_eq!(hand.frames().len(), 3);
    hand.wait(Duration::from_millis(3));
    assert_eq!(hand.frames().len(), 4);
}

#[test]
fn the_same_script_serves_twice_the_same() {
    let served = || {
        let mut hand = playing(ReplayConfig::new(scripted_frames("", "1", (0..50).chain(60..70))));
        hand.wait(Duration::from_secs(5));
        hand.frames()
    };
    assert_eq!(served(), served());
}
