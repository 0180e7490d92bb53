//! `Rerun` against `Server`: a recorded client against a server of the same script, and against others.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use rtsp_rec::analysis::comparison::{Comparison, StreamPair, figures};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::Source;
use rtsp_rec::report::comparison;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::rtsp::message::Message;
use rtsp_rec::rtsp::url::Credentials;
use rtsp_rec::session::client::Timeouts;
use rtsp_rec::session::rerun::{Fate, RerunError};
use rtsp_rec::session::script::{ScriptBuilder, ScriptOptions};
use rtsp_rec::session::{Ending, Input, Machine, Output, Rerun, RerunConfig, Script, Server};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Payload, Tap, TraceEvent};

use crate::world::{LATENCY, SERVER, START, World};
use crate::{Mute, SAMPLE, flow, rtp, sample, say, scripted, server, url_of};

/// What a recorded session was like: at which millisecond who said what.
type Said<'a> = (i64, Direction, Cow<'a, [u8]>);

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;
const SDP: &str = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";

fn text(at: i64, direction: Direction, text: String) -> Said<'static> {
    (at, direction, Cow::Owned(text.into_bytes()))
}

fn ask(at: i64, request: &str, fields: &str) -> Said<'static> {
    text(at, C2S, format!("{request} RTSP/1.0\r\n{fields}\r\n"))
}

fn reply(at: i64, fields: &str, body: &str) -> Said<'static> {
    text(at, S2C, format!("RTSP/1.0 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()))
}

/// The usual session of one track, with a second of media.
fn usual() -> Vec<Said<'static>> {
    let mut said = vec![
        ask(0, "DESCRIBE rtsp://old:9/live", "Cseq: 5\r\nUser-Agent: LibVLC/2.0.3\r\nReferer: rtsp://old:9/x\r\n"),
        reply(1, "CSeq: 5\r\nContent-Type: application/sdp\r\nContent-Base: rtsp://old:9/live/\r\n", SDP),
        ask(2, "SETUP rtsp://old:9/live/track1", "Cseq: 6\r\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n"),
        reply(3, "CSeq: 6\r\nSession: 77;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n", ""),
        ask(4, "PLAY rtsp://old:9/live/", "Cseq: 7\r\nSession: 77\r\nRange: npt=0-\r\n"),
        reply(5, "CSeq: 7\r\nSession: 77\r\n", ""),
    ];
    said.extend((0..50).map(|number| (6 + 20 * i64::from(number), S2C, frame(4, &rtp(number)[4..]))));
    said.push(ask(800, "TEARDOWN rtsp://old:9/live/", "Cseq: 8\r\nSession: 77\r\n"));
    said.push(reply(801, "CSeq: 8\r\n", ""));
    said
}

fn frame(channel: u8, payload: &[u8]) -> Cow<'static, [u8]> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    Cow::Owned([&[b'$', channel], &len[..], payload].concat())
}

/// An RTCP receiver report without blocks.
const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

/// Tells a tap all of it; the client closes at the end if `left` says when.
fn tell(tap: &mut impl Tap, said: &[Said<'_>], left: Option<i64>) {
    let at = |millis: i64| START.plus_nanos(millis * 1_000_000);
    let payload = Payload::Opened { started: START, carrier: Encapsulation::default() };
    tap.event(&TraceEvent { at: START, flow: &flow(), direction: C2S, frame_number: None, payload }).unwrap();
    let mut said: Vec<_> = said.iter().collect();
    said.sort_by_key(|(at, ..)| *at);
    for (millis, direction, bytes) in said {
        say(tap, at(*millis), *direction, bytes);
    }
    if let Some(left) = left {
        let payload = Payload::Closed(Close::Fin);
        tap.event(&TraceEvent { at: at(left), flow: &flow(), direction: C2S, frame_number: None, payload }).unwrap();
    }
}

fn script(said: &[Said<'_>], left: Option<i64>) -> Script {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    tell(&mut builder, said, left);
    builder.finish_for_client().unwrap()
}

fn machine(script: Script, path: &str) -> Rerun {
    let (url, timeouts) = (format!("rtsp://{SERVER}{path}").parse().unwrap(), Timeouts::default());
    let credentials = Some(Credentials { user: "user".to_owned(), password: "secret".to_owned() });
    Rerun::new(script, RerunConfig { url, credentials, timeouts }, START).unwrap()
}

/// What the rerun sent, and when.
#[derive(Default)]
struct Sent(Vec<(Duration, Vec<u8>)>);

impl Sent {
    fn texts(&self) -> Vec<String> {
        let messages = self.0.iter().filter(|(_, bytes)| bytes.first() != Some(&b'$'));
        messages.map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap()).collect()
    }

    /// First words of the requests, with milliseconds since the connection stood.
    fn words(&self) -> Vec<(u128, String)> {
        let word =
            |bytes: &[u8]| String::from_utf8_lossy(bytes.split(|byte| *byte == b' ').next().unwrap()).into_owned();
        let since = |at: &Duration| at.saturating_sub(LATENCY).as_millis();
        let messages = self.0.iter().filter(|(_, bytes)| bytes.first() != Some(&b'$'));
        messages.map(|(at, bytes)| (since(at), word(bytes))).collect()
    }

    fn frames(&self) -> Vec<&[u8]> {
        self.0.iter().map(|(_, bytes)| bytes.as_slice()).filter(|bytes| bytes.first() == Some(&b'$')).collect()
    }
}

impl Tap for Sent {
    fn event(&mut self, event: &TraceEvent<'_>) -> std::io::Result<()> {
        if let (Payload::Pdu(pdu), Direction::ClientToServer) = (event.payload, event.direction) {
            self.0.push((event.at.duration_since(START), pdu.raw.to_vec()));
        }
        Ok(())
    }
}

/// Performs it in this world.
fn perform(mut rerun: Rerun, server: &mut dyn Machine, mut world: World) -> (Rerun, Sent, Timestamp) {
    let mut sent = Sent::default();
    let end = world.run(&mut rerun, server, &mut sent);
    (rerun, sent, end)
}

fn difference(rerun: &Rerun) -> Option<String> {
    Comparison::of(rerun).first_difference()
}

#[test]
fn the_sample_against_itself_is_no_difference() {
    let (served, mut recorded) = (sample(), Analyzer::new(AnalyzerOptions::default(), ()));
    Source::read(SAMPLE, &mut recorded).unwrap();
    let path = url_of(&served).split_off(format!("rtsp://{SERVER}").len());
    let mut rerun = machine(sample(), &path);
    let mut live = Analyzer::new(AnalyzerOptions::default(), ());
    World::default().run(&mut rerun, &mut server(served), &mut live);
    assert_eq!(rerun.outcome(), Some(&Ok(Ending::EndOfStream)));
    let mut comparison = Comparison::of(&rerun);
    comparison.streams = (0..2)
        .map(|track| StreamPair {
            track,
            then: figures(recorded.streams().filter(|row| row.track == Some(track)), Some(rerun.script().played_at())),
            now: figures(live.streams().filter(|row| row.track == Some(track)), rerun.played_at()),
        })
        .collect();
    assert_eq!(comparison.first_difference(), None);
    for pair in &comparison.streams {
        let [then, now] = [&pair.then, &pair.now].map(|figures| figures.as_ref().unwrap());
        assert_eq!((then.packets, then.lost, &then.encoding), (now.packets, now.lost, &now.encoding));
    }
    insta::assert_snapshot!(comparison::text(&comparison));
}

#[test]
fn requests_stay_as_they_were_but_for_what_must_change() {
    let (rerun, sent, end) =
        perform(machine(script(&usual(), Some(900)), "/live"), &mut server(script(&usual(), None)), World::default());
    assert_eq!(difference(&rerun), None);
    let texts: Vec<String> = sent.texts();
    let session = Message::new(texts[2].as_bytes(), &[]).header("Session").unwrap().into_owned();
    assert_eq!(
        texts,
        [
            format!(
                "DESCRIBE rtsp://{SERVER}/live RTSP/1.0\r\nCseq: 5\r\nUser-Agent: LibVLC/2.0.3\r\n\
                Referer: rtsp://{SERVER}/x\r\n\r\n"
            ),
            format!(
                "SETUP rtsp://{SERVER}/live/track1 RTSP/1.0\r\nCseq: 6\r\n\
                Transport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n\r\n"
            ),
            format!("PLAY rtsp://{SERVER}/live/ RTSP/1.0\r\nCseq: 7\r\nSession: {session}\r\nRange: npt=0-\r\n\r\n"),
            format!("TEARDOWN rtsp://{SERVER}/live/ RTSP/1.0\r\nCseq: 8\r\nSession: {session}\r\n\r\n"),
        ]
    );
    let methods = ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"].map(str::to_owned);
    let times = [0, 10, 20, 800];
    assert_eq!(sent.words(), times.into_iter().zip(methods).collect::<Vec<_>>(), "an answer takes 10 ms here");
    assert_eq!(end.duration_since(START), LATENCY + Duration::from_millis(900), "the client closed when it did then");
}

#[test]
fn another_server_differs_where_it_does() {
    let mut other = server(scripted("OPTIONS", "1;timeout=30", 1));
    let (rerun, ..) = perform(machine(sample(), "/live"), &mut other, World::default());
    let comparison = Comparison::of(&rerun);
    assert!(comparison.first_difference().unwrap().starts_with("#1 OPTIONS: Public was"));
    assert_eq!(comparison.tracks.as_deref(), Some("2 tracks then, 1 now"));
    insta::assert_snapshot!(comparison::text(&comparison));
}

#[test]
fn what_was_pipelined_is_pipelined() {
    let mut said = usual();
    said.splice(
        4..6,
        [
            ask(4, "PLAY rtsp://old:9/live/", "Cseq: 7\r\nSession: 77\r\n"),
            ask(4, "OPTIONS *", "Cseq: 9\r\n"),
            reply(5, "CSeq: 7\r\nSession: 77\r\n", ""),
            reply(5, "CSeq: 9\r\nPublic: PLAY\r\n", ""),
        ],
    );
    let mut other = server(script(&said, None));
    let (rerun, sent, _) = perform(machine(script(&said, Some(900)), "/live"), &mut other, World::default());
    assert_eq!(difference(&rerun), None);
    let asked: Vec<_> = sent.words().into_iter().map(|(at, word)| format!("{at} {word}")).collect();
    assert_eq!(asked, ["0 DESCRIBE", "10 SETUP", "20 PLAY", "20 OPTIONS", "800 TEARDOWN"]);
    let cseqs: Vec<u32> = sent.texts().iter().filter_map(|text| Message::new(text.as_bytes(), &[]).cseq()).collect();
    assert_eq!(cseqs, [5, 6, 7, 9, 10], "the recorded 8 would not be higher than those before");
}

#[test]
fn an_answer_that_never_comes_is_waited_for_once() {
    let mut mute = Mute { inner: server(script(&usual(), None)), deaf_to: "SETUP" };
    let (rerun, sent, _) = perform(machine(script(&usual(), Some(900)), "/live"), &mut mute, World::default());
    assert_eq!(difference(&rerun).unwrap(), "#2 SETUP: 200 then, no answer now");
    let asked: Vec<_> = sent.words().into_iter().map(|(at, word)| format!("{at} {word}")).collect();
    assert_eq!(asked, ["0 DESCRIBE", "10 SETUP", "10010 PLAY", "10020 TEARDOWN"]);
}

#[test]
fn an_answer_that_never_came_is_not_waited_for() {
    let mut said = usual();
    said.remove(5);
    let mut mute = Mute { inner: server(script(&usual(), None)), deaf_to: "PLAY" };
    let (rerun, sent, end) = perform(machine(script(&said, Some(900)), "/live"), &mut mute, World::default());
    assert_eq!(difference(&rerun), None);
    assert_eq!(sent.words().last().unwrap().0, 800);
    assert_eq!(end.duration_since(START), LATENCY + Duration::from_millis(900));
}

#[test]
fn ctrl_c_tears_down() {
    let world = World { stop_at: Some(START + Duration::from_millis(500)), ..World::default() };
    let mut other = server(script(&usual(), None));
    let (rerun, sent, end) = perform(machine(script(&usual(), Some(900)), "/live"), &mut other, world);
    assert_eq!(rerun.outcome(), Some(&Ok(Ending::Stopped)));
    assert_eq!(end.duration_since(START), Duration::from_millis(500) + 2 * LATENCY);
    let last = sent.texts().pop().unwrap();
    assert!(
        last.starts_with(&format!("TEARDOWN rtsp://{SERVER}/live/ RTSP/1.0\r\nCSeq: 8\r\nUser-Agent: LibVLC/2.0.3"))
    );
    assert_eq!(difference(&rerun).unwrap(), "#4 TEARDOWN: 200 then, not sent now");
}

#[test]
fn a_capture_that_ends_early_leaves_no_session_behind() {
    let mut said = usual();
    said.truncate(40);
    let mut other = server(script(&usual(), None));
    let (rerun, sent, _) = perform(machine(script(&said, None), "/live"), &mut other, World::default());
    assert_eq!(difference(&rerun), None);
    assert_eq!(sent.words().last().unwrap().1, "TEARDOWN");
    assert!(rerun.performed().last().unwrap().exchange.is_none());
}

#[test]
fn a_server_that_closes_is_told_of() {
    let world = World { fin_at: Some(START + Duration::from_millis(700)), ..World::default() };
    let mut other = server(script(&usual(), None));
    let (rerun, ..) = perform(machine(script(&usual(), Some(900)), "/live"), &mut other, world);
    assert_eq!(difference(&rerun).unwrap(), "#4 TEARDOWN: 200 then, not sent now");
    assert_eq!(rerun.notes(), ["the server closed the connection after 0.7 s"]);
}

#[test]
fn reports_go_out_on_the_live_channels() {
    let mut said = usual();
    said.insert(20, (300, C2S, frame(5, &REPORT)));
    said.insert(1, (1, C2S, frame(5, &REPORT)));
    let mut other = Altered { says: ("interleaved=4-5", "interleaved=8-9"), ..Altered::new(|_| Vec::new()) };
    let (rerun, sent, _) = perform(machine(script(&said, Some(900)), "/live"), &mut other, World::default());
    assert_eq!(difference(&rerun), None);
    assert_eq!(sent.frames(), [&*frame(9, &REPORT)], "the first one had no channel yet");
}

#[test]
fn udp_becomes_tcp() {
    let mut said = usual();
    said[2] =
        ask(2, "SETUP rtsp://old:9/live/track1", "Cseq: 6\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n");
    said[3] = reply(
        3,
        "CSeq: 6\r\nSession: 77\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001\r\n",
        "",
    );
    let mut served = usual();
    served[3] = reply(3, "CSeq: 6\r\nSession: 77\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "");
    let mut other = server(script(&served, None));
    let (rerun, sent, _) = perform(machine(script(&said, Some(900)), "/live"), &mut other, World::default());
    assert!(sent.texts()[1].contains("\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"));
    assert_eq!(rerun.notes(), ["UDP then, TCP now: the recorded client asked for another transport than this one has"]);
    assert_eq!(difference(&rerun), None);
}

#[test]
fn a_login_that_was_not_recorded_is_answered() {
    let mut gate = Altered::new(without_login);
    let (rerun, sent, _) = perform(machine(script(&usual(), Some(900)), "/live"), &mut gate, World::default());
    assert_eq!(difference(&rerun).unwrap(), "#1 DESCRIBE: 200 then, 401 now");
    let texts = sent.texts();
    let cseqs: Vec<u32> = texts.iter().filter_map(|text| Message::new(text.as_bytes(), &[]).cseq()).collect();
    assert_eq!(cseqs, [5, 6, 7, 8, 9]);
    assert!(texts[1..].iter().all(|text| text.contains("\r\nAuthorization: Digest username=\"user\"")));
    let shown = comparison::text(&Comparison::of(&rerun));
    assert!(!shown.contains("secret") && shown.contains("again, with credentials"), "{shown}");
}

/// The usual session with a login at its begin.
fn with_login() -> Vec<Said<'static>> {
    let mut said = usual();
    for (at, ..) in &mut said {
        *at += 10;
    }
    let refused = "RTSP/1.0 401 Unauthorized\r\nCSeq: 4\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\n\r\n";
    said.splice(0..0, [ask(0, "DESCRIBE rtsp://old:9/live", "Cseq: 4\r\n"), text(1, S2C, refused.to_owned())]);
    for (_, direction, bytes) in said.iter_mut().skip(2).filter(|(_, direction, _)| *direction == C2S) {
        assert_eq!(*direction, C2S);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        *bytes = Cow::Owned(text.replacen("\r\n\r\n", "\r\nAuthorization: Digest ******\r\n\r\n", 1).into_bytes());
    }
    said
}

#[test]
fn a_recorded_login_is_performed_again() {
    let mut gate = Altered::new(without_login);
    let (rerun, sent, _) = perform(machine(script(&with_login(), Some(900)), "/live"), &mut gate, World::default());
    assert_eq!(difference(&rerun), None);
    assert!(!sent.texts()[0].contains("Authorization"));
    assert!(sent.texts()[1..].iter().all(|text| text.contains("\r\nAuthorization: Digest username=\"user\"")));
}

#[test]
fn a_recorded_login_is_left_out_where_none_is_asked_for() {
    let mut open = server(script(&usual(), None));
    let (rerun, sent, _) = perform(machine(script(&with_login(), Some(900)), "/live"), &mut open, World::default());
    assert!(matches!(rerun.performed()[1].fate, Fate::LeftOut(_)));
    assert_eq!(difference(&rerun).unwrap(), "#1 DESCRIBE: 401 then, 200 now");
    assert!(!sent.texts().concat().contains("Authorization"));
}

#[test]
fn a_wrong_password_is_not_tried_for_ever() {
    let mut gate = Altered::new(refusal);
    let (rerun, sent, _) = perform(machine(script(&usual(), Some(900)), "/live"), &mut gate, World::default());
    assert_eq!(sent.words().len(), 5, "one repetition, of the first request");
    let logins = sent.texts().iter().filter(|text| text.contains("Authorization")).count();
    assert_eq!(logins, 1, "cameras lock an account after a few tries");
    assert_eq!(rerun.notes().len(), 1);
    assert!(rerun.notes()[0].starts_with("the server does not accept the user name or password (Digest MD5); check"));
}

#[test]
fn a_server_that_closes_after_a_401_is_connected_to_again() {
    let mut gate = Altered::new(|request| {
        let mut outputs = without_login(request);
        outputs.extend((!outputs.is_empty()).then_some(Output::Disconnect));
        outputs
    });
    let (rerun, sent, _) = perform(machine(script(&usual(), Some(900)), "/live"), &mut gate, World::default());
    let words: Vec<String> = sent.words().into_iter().map(|(_, word)| word).collect();
    assert_eq!(words, ["DESCRIBE", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]);
    assert_eq!(rerun.notes(), [""; 0]);
    assert_eq!(difference(&rerun).unwrap(), "#1 DESCRIBE: 200 then, 401 now");
}

#[test]
fn what_opened_a_tunnel_is_left_out() {
    let mut said = usual();
    for (at, ..) in &mut said {
        *at += 10;
    }
    let opened = "HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";
    let get = "GET /live HTTP/1.0\r\nx-sessioncookie: 1\r\n\r\n";
    said.splice(0..0, [text(0, C2S, get.to_owned()), text(1, S2C, opened.to_owned())]);
    let mut other = server(script(&usual(), None));
    let (rerun, sent, _) = perform(machine(script(&said, Some(900)), "/live"), &mut other, World::default());
    assert!(matches!(rerun.performed()[0].fate, Fate::LeftOut(_)));
    assert_eq!(sent.words()[0].1, "DESCRIBE");
    assert_eq!(difference(&rerun), None);
}

#[test]
fn who_publishes_is_refused() {
    let said = [ask(0, "ANNOUNCE rtsp://old:9/live", "CSeq: 1\r\n"), ask(0, "RECORD rtsp://old:9/live", "CSeq: 2\r\n")];
    let url = "rtsp://h/".parse().unwrap();
    let config = RerunConfig { url, credentials: None, timeouts: Timeouts::default() };
    assert_eq!(Rerun::new(script(&said, None), config, START).unwrap_err(), RerunError::Publishes("ANNOUNCE"));
}

/// A server of which some is heard or said otherwise.
struct Altered {
    inner: Server,
    /// What is answered instead of passing a request on.
    refuses: fn(&Message<'_>) -> Vec<Output<'static>>,
    /// What is put in the place of another text in answers.
    says: (&'static str, &'static str),
    refusals: VecDeque<Output<'static>>,
}

impl Altered {
    fn new(refuses: fn(&Message<'_>) -> Vec<Output<'static>>) -> Self {
        Self { inner: server(script(&usual(), None)), refuses, says: ("", ""), refusals: VecDeque::new() }
    }
}

/// Digest is wanted for every request.
fn refusal(request: &Message<'_>) -> Vec<Output<'static>> {
    let cseq = request.header("CSeq").unwrap();
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"2\"";
    let refusal = format!("RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n{challenge}\r\n\r\n");
    vec![Output::Send(Cow::Owned(refusal.into_bytes()))]
}

/// Any login opens.
fn without_login(request: &Message<'_>) -> Vec<Output<'static>> {
    if request.header("Authorization").is_some() { Vec::new() } else { refusal(request) }
}

impl Machine for Altered {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        if let Input::Pdu(pdu) = input
            && let PduKind::Message { head, body } = pdu.kind
        {
            let instead = (self.refuses)(&Message::new(head, body));
            if !instead.is_empty() {
                return self.refusals.extend(instead);
            }
        }
        self.inner.handle(now, input);
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        if let Some(refusal) = self.refusals.pop_front() {
            return Some(refusal);
        }
        let ((from, to), output) = (self.says, self.inner.poll_output(now)?);
        match output {
            Output::Send(bytes) if bytes.starts_with(b"RTSP/") => {
                Some(Output::Send(Cow::Owned(String::from_utf8_lossy(&bytes).replace(from, to).into_bytes())))
            }
            other => Some(other),
        }
    }

    as_inner!();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was recorded: each request goes out once, in its order, never before its time, and it ends.
    #[test]
    fn every_request_once_in_order_and_not_early(
        steps in proptest::collection::vec((0..6_usize, 0..300_i64, proptest::option::of(0..500_i64)), 1..20),
        deaf in proptest::option::of(0..6_usize),
    ) {
        const METHODS: [&str; 6] = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"];
        let mut said = Vec::new();
        let mut at = 0;
        for (cseq, (method, pause, latency)) in steps.iter().enumerate() {
            at += pause;
            let fields = format!("CSeq: {cseq}\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n");
            said.push(ask(at, &format!("{} rtsp://old:9/live/track1", METHODS[*method]), &fields));
            let body = if METHODS[*method] == "DESCRIBE" { SDP } else { "" };
            said.extend(latency.map(|latency| reply(at + latency, &format!("CSeq: {cseq}\r\nSession: 1\r\n"), body)));
        }
        let rerun = machine(script(&said, Some(at)), "/live/track1");
        let mut other = Mute {
            inner: server(script(&usual(), None)),
            deaf_to: deaf.map_or("NOTHING", |method| METHODS[method]),
        };
        let (rerun, sent, _) = perform(rerun, &mut other, World::default());
        let exchanges: Vec<Option<usize>> = rerun.performed().iter().map(|entry| entry.exchange).collect();
        prop_assert_eq!(exchanges, (0..steps.len()).map(Some).collect::<Vec<_>>());
        let late = rerun.performed().iter().zip(rerun.script().exchanges()).all(|(now, then)| now.at >= then.at);
        prop_assert!(late);
        let not_sent = rerun.performed().iter().filter(|entry| matches!(entry.fate, Fate::NotSent(_))).count();
        prop_assert_eq!(sent.words().len() + not_sent, steps.len());
    }
}
