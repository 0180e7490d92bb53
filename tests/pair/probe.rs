//! `Plan` and its probes against a camera with habits, on virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use rtsp_rec::report::probe as report;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::rtsp::message::{Message, MessageBuilder, StartLine};
use rtsp_rec::session::probe::Outcome::{Busy, Refused, Works};
use rtsp_rec::session::probe::{LoginState, Outcome, Plan, Probe, ProbeConfig, Results, TransportFound};
use rtsp_rec::session::{Input, Machine, MediaTransport, Output};
use rtsp_rec::time::Timestamp;

use crate::world::{SERVER_RTP, START, World};

const URL: &str = "rtsp://camera:8600/live";
const SDP: &str = "v=0\r\ns=Yard\r\na=range:npt=now-\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
const CHALLENGE: &str = r#"Digest realm="cam", nonce="n1", qop="auth", algorithm=SHA-256"#;
/// Between two packets.
const PACE: Duration = Duration::from_millis(20);

/// What a camera does other than others.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "habits have nothing to do with each other")]
struct Habits {
    /// It answers 461 to SETUP for media in datagrams, or interleaved.
    refuses_udp: bool,
    refuses_tcp: bool,
    /// It wants a login; whether it takes the one it gets.
    login: Option<bool>,
    /// What it makes of that sign of life.
    get_parameter: Parameter,
    /// It allows no further session.
    is_full: bool,
    /// It plays, and sends nothing.
    is_mute: bool,
    /// It answers nothing at all.
    is_dumb: bool,
    /// It gives the channels other numbers.
    renumbers: bool,
    /// It refuses PLAY, behind a packet of somebody else's session.
    refuses_play: bool,
    /// It knows no such URL.
    knows_nothing: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Parameter {
    #[default]
    Answers,
    Ignores,
    Closes,
    /// 500, and nothing any more.
    Dies,
}

/// A camera's side of one connection.
struct Camera {
    habits: Habits,
    outputs: VecDeque<Output<'static>>,
    transport: String,
    /// When the next packet is due.
    due: Option<Timestamp>,
    sent: u32,
    is_dead: bool,
    requests: Vec<String>,
}

impl Camera {
    fn new(habits: Habits) -> Self {
        let requests = Vec::new();
        Self {
            habits,
            outputs: VecDeque::new(),
            transport: String::new(),
            due: None,
            sent: 0,
            is_dead: false,
            requests,
        }
    }

    fn answer(&mut self, now: Timestamp, request: &Message<'_>) {
        let StartLine::Request { method, .. } = request.start_line() else { return };
        self.requests.push(String::from_utf8_lossy(request.head()).into_owned());
        let Habits { login, get_parameter, is_dumb, .. } = self.habits;
        if is_dumb || self.is_dead {
            return;
        }
        let reply =
            |status, reason| MessageBuilder::response(status, reason).header_opt("CSeq", request.header("CSeq"));
        let knows = request.header("Authorization").is_some() && login == Some(true);
        if login.is_some() && !knows && method != "OPTIONS" {
            let reply = reply(401, "Unauthorized").header("WWW-Authenticate", CHALLENGE);
            return self.say(reply.finish());
        }
        let reply = match method.as_ref() {
            "DESCRIBE" if self.habits.knows_nothing => reply(404, "Not Found").finish(),
            "DESCRIBE" => reply(200, "OK").finish_with("application/sdp", SDP.as_bytes()),
            "OPTIONS" => {
                reply(200, "OK").header("Server", "Yard/1.0").header("Public", "DESCRIBE, SETUP, PLAY").finish()
            }
            "SETUP" => self.set_up(request).finish(),
            "PLAY" if self.habits.refuses_play => {
                self.say(crate::rtp(0));
                reply(455, "Method Not Valid in This State").finish()
            }
            "PLAY" => {
                self.due = (!self.habits.is_mute).then_some(now + PACE);
                reply(200, "OK").finish()
            }
            "GET_PARAMETER" if get_parameter == Parameter::Ignores => return,
            "GET_PARAMETER" if get_parameter == Parameter::Closes => return self.outputs.push_back(Output::Disconnect),
            "GET_PARAMETER" if get_parameter == Parameter::Dies => {
                self.is_dead = true;
                reply(500, "Internal Server Error").finish()
            }
            "GET_PARAMETER" | "TEARDOWN" => reply(200, "OK").finish(),
            _ => reply(501, "Not Implemented").finish(),
        };
        if method == "TEARDOWN" {
            self.due = None;
        }
        self.say(reply);
    }

    fn set_up(&mut self, request: &Message<'_>) -> MessageBuilder {
        let asked = request.header("Transport").unwrap().into_owned();
        let reply =
            |status, reason| MessageBuilder::response(status, reason).header_opt("CSeq", request.header("CSeq"));
        let is_udp = asked.contains("client_port");
        if self.habits.is_full {
            return reply(453, "Not Enough Bandwidth");
        }
        let refused = if is_udp { self.habits.refuses_udp } else { self.habits.refuses_tcp };
        if refused || asked.contains("multicast") {
            return reply(461, "Unsupported Transport");
        }
        let ports = format!(";server_port={SERVER_RTP}-{}", SERVER_RTP + 1);
        let channels = if self.habits.renumbers { "interleaved=6-7" } else { "interleaved=0-1" };
        self.transport = asked.replace("interleaved=0-1", channels) + if is_udp { &ports } else { "" };
        reply(200, "OK").header("Session", "7;timeout=30").header("Transport", &self.transport)
    }

    fn say(&mut self, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send(bytes.into()));
    }

    fn send_media(&mut self, now: Timestamp) {
        while let Some(due) = self.due.filter(|due| *due <= now) {
            let frame = crate::rtp(self.sent);
            self.sent += 1;
            self.due = Some(due + PACE);
            if self.transport.contains("client_port") {
                let payload = frame[4..].to_vec().into();
                let port = crate::world::port_of(0);
                self.outputs.push_back(Output::Datagram { track: 0, rtcp: false, port, payload });
            } else {
                let channel = if self.habits.renumbers { 6 } else { 0 };
                self.say([&[b'$', channel], &frame[2..]].concat());
            }
        }
    }
}

impl Machine for Camera {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Pdu(pdu) => {
                if let PduKind::Message { head, body } = pdu.kind {
                    self.answer(now, &Message::new(head, body));
                }
            }
            Input::Closed(_) => self.due = None,
            Input::Wake => self.send_media(now),
            _ => {}
        }
    }

    fn poll_output(&mut self, _: Timestamp) -> Option<Output<'_>> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.due
    }

    fn is_over(&self) -> bool {
        false
    }

    fn url(&self) -> &str {
        URL
    }
}

/// A probe of cameras: the habits of the one that each session meets are those of the function, which is told how many
/// sessions there were before and whether another one is open.
struct Tried {
    plan: Plan,
    probes: Vec<Probe>,
    /// What the client said, by session.
    requests: Vec<Vec<String>>,
    /// When the last session was over, of those on their own clocks.
    longest: Duration,
}

impl Tried {
    fn new(login: bool, habits: impl Fn(bool) -> Habits) -> Self {
        Self::with(login, Duration::from_secs(10), false, habits)
    }

    fn begin(login: bool, timeout: Duration) -> Self {
        let url = if login { URL.replace("camera", "admin:secret@camera") } else { URL.to_owned() };
        let url: rtsp_rec::rtsp::url::RtspUrl = url.parse().unwrap();
        let credentials = url.credentials().cloned();
        let user_agent = "test".to_owned();
        let config = ProbeConfig { url, credentials, user_agent, timeout, seed: 7, record_options: Vec::new() };
        let plan = Plan::new(config, START);
        Self { plan, probes: Vec::new(), requests: Vec::new(), longest: Duration::ZERO }
    }

    fn with(login: bool, timeout: Duration, udp_blocked: bool, habits: impl Fn(bool) -> Habits) -> Self {
        let mut tried = Self::begin(login, timeout);
        loop {
            // All that may run at once, then each of them on its own clock.
            let first = tried.probes.len();
            while let Some(probe) = tried.plan.next(START, tried.probes.iter()) {
                tried.probes.push(probe);
            }
            if tried.probes.len() == first {
                return tried;
            }
            assert!(tried.probes.len() - first <= 2, "sessions at once");
            for place in first..tried.probes.len() {
                tried.meet(place, habits(place > first), udp_blocked);
            }
        }
    }

    fn meet(&mut self, place: usize, habits: Habits, udp_blocked: bool) {
        let probe = &mut self.probes[place];
        let step = probe.step();
        // Nobody speaks TLS here, and nobody listens at other ports.
        let is_there = step.port == 8600 && !step.url.is_secure();
        let addresses = if is_there { World::default().addresses } else { vec!["192.0.2.7:1".parse().unwrap()] };
        let mut world = World { addresses, udp_blocked, ..World::default() };
        let mut camera = Camera::new(habits);
        let end = world.run(probe, &mut camera, &mut ());
        self.longest = self.longest.max(end.duration_since(START));
        self.requests.push(camera.requests);
    }

    fn results(&self) -> Results {
        self.plan.results(START + self.longest, self.probes.iter(), &[])
    }

    /// How often a password went out.
    fn logins(&self) -> usize {
        self.requests.iter().flatten().filter(|request| request.contains("Authorization")).count()
    }
}

/// The way at the URL's own port.
fn way<'a>(results: &'a Results, transport: &str) -> &'a TransportFound {
    let is_it = |found: &&TransportFound| (found.transport.as_str(), found.tls, found.port) == (transport, false, 8600);
    results.transports.iter().find(is_it).unwrap()
}

fn outcomes(results: &Results) -> Vec<Outcome> {
    ["tcp", "udp", "multicast", "http"].iter().map(|name| way(results, name).result).collect()
}

#[test]
fn a_camera_that_can_everything() {
    let results = Tried::new(false, |_| Habits::default()).results();
    assert_eq!(outcomes(&results), [Works, Works, Refused, Works]);
    assert_eq!(way(&results, "multicast").status, Some(461));
    let alive: Vec<_> = results.keep_alive.iter().map(|found| (found.method, found.result, found.status)).collect();
    let expected =
        [("OPTIONS", Works, Some(200)), ("GET_PARAMETER", Works, Some(200)), ("SET_PARAMETER", Refused, Some(501))];
    assert_eq!(alive, expected);
    assert_eq!(results.record.as_deref(), Some("rtsp-rec record rtsp://camera:8600/live"));
    let tcp = way(&results, "tcp");
    assert_eq!(tcp.rtp_packets, 51, "a second of them");
    assert_eq!(tcp.first_rtp_ms.unwrap().0, Duration::from_millis(30), "two ways and the pace");
    insta::assert_snapshot!("probe_table", report::table(&results));
    insta::assert_snapshot!("probe_json", report::json(&results).unwrap());
}

#[test]
fn udp_where_tcp_is_refused_and_the_other_way_round() {
    let results = Tried::new(false, |_| Habits { refuses_udp: true, ..Habits::default() }).results();
    assert_eq!(way(&results, "udp").status, Some(461));
    let tried = Tried::new(false, |_| Habits { refuses_tcp: true, ..Habits::default() });
    let results = tried.results();
    assert_eq!(outcomes(&results), [Refused, Works, Refused, Refused]);
    assert_eq!(results.record.as_deref(), Some("rtsp-rec record -t udp rtsp://camera:8600/live"));
    assert!(results.keep_alive.iter().all(|found| found.status.is_some()), "over what works: {:?}", results.keep_alive);
}

#[test]
fn a_firewall_keeps_udp_off() {
    let results = Tried::with(false, Duration::from_secs(10), true, |_| Habits::default()).results();
    let udp = way(&results, "udp");
    assert_eq!((udp.result, udp.rtp_packets), (Outcome::NoMedia, 0));
    assert!(udp.detail.contains("firewall"), "{}", udp.detail);
    let results = Tried::new(false, |_| Habits { is_mute: true, ..Habits::default() }).results();
    assert_eq!(results.record, None);
    assert!(results.problem.unwrap().starts_with("no transport works: tcp PLAY answered, but nothing came"));
}

#[test]
fn signs_of_life_that_a_camera_does_not_like() {
    let with = |get_parameter| {
        let results = Tried::new(false, |_| Habits { get_parameter, ..Habits::default() }).results();
        assert_eq!(results.keep_alive[0].result, Outcome::Works, "each has a session of its own");
        assert_eq!(results.keep_alive[2].status, Some(501));
        (results.keep_alive[1].result, results.keep_alive[1].detail.clone())
    };
    assert_eq!(with(Parameter::Ignores), (Outcome::NoAnswer, "no answer within 2s".to_owned()));
    assert_eq!(with(Parameter::Closes), (Outcome::Closed, "closed the connection".to_owned()));
    let died = "500 Internal Server Error; TEARDOWN after it was not answered".to_owned();
    assert_eq!(with(Parameter::Dies), (Outcome::Refused, died));
}

#[test]
fn a_login_that_is_right() {
    let tried = Tried::new(true, |_| Habits { login: Some(true), ..Habits::default() });
    let results = tried.results();
    assert_eq!((results.login.state, results.login.scheme), (LoginState::Accepted, Some("Digest SHA-256")));
    let offered = &results.login.offered[0];
    let words = [&offered.algorithm, &offered.qop, &offered.realm].map(|word| word.as_deref().unwrap());
    assert_eq!((results.login.offered.len(), words), (1, ["SHA-256", "auth", "cam"]));
    assert_eq!(results.record.as_deref(), Some("rtsp-rec record --user admin rtsp://camera:8600/live"));
    assert_eq!(way(&results, "udp").result, Outcome::Works);
}

#[test]
fn a_wrong_password_goes_out_once() {
    let tried = Tried::new(true, |_| Habits { login: Some(false), ..Habits::default() });
    let results = tried.results();
    assert_eq!((results.login.state, tried.logins()), (LoginState::Refused, 1));
    assert_eq!(results.record, None);
    assert_eq!(results.problem.as_deref().unwrap(), "wrong user name or password (Digest SHA-256)");
    assert_eq!(way(&results, "udp").result, Outcome::NotTried);
}

#[test]
fn no_password_is_said_to_be_needed() {
    let tried = Tried::new(false, |_| Habits { login: Some(true), ..Habits::default() });
    let results = tried.results();
    assert_eq!((results.login.state, tried.logins()), (LoginState::Missing, 0));
    assert!(results.problem.unwrap().contains("--password-file"));
}

/// Goes on with a probe until it has connected, each time to be told that it has to log in. Whether a password went
/// out.
fn knock(probe: &mut Probe) -> bool {
    let answer = format!("HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: {CHALLENGE}\r\n\r\n");
    let mut has_told = false;
    while let Some(output) = probe.poll_output(START) {
        match output {
            Output::Resolve { .. } => probe.handle(START, Input::Resolved(&World::default().addresses)),
            Output::Connect { via, .. } => {
                has_told |= via.tunnel.is_some_and(|tunnel| tunnel.authorization[0].is_some());
                probe.handle(START, Input::TunnelRefused(&Message::new(answer.as_bytes(), &[])));
            }
            _ => {}
        }
    }
    assert!(probe.is_done());
    has_told
}

#[test]
fn a_password_that_is_wrong_at_another_gate_is_not_tried_at_a_third() {
    let habits = Habits { login: Some(true), ..Habits::default() };
    let mut tried = Tried::begin(true, Duration::from_secs(10));
    let mut told = Vec::new();
    let mut gates = 0;
    while let Some(probe) = tried.plan.next(START, tried.probes.iter()) {
        tried.probes.push(probe);
        let place = tried.probes.len() - 1;
        let step = tried.probes[place].step().clone();
        if step.transport == MediaTransport::Http {
            gates += 1;
            told.extend(knock(&mut tried.probes[place]).then_some(step.port));
        } else {
            tried.meet(place, habits, false);
        }
    }
    assert_eq!((gates, told.as_slice()), (2, &[8600][..]), "at one of the gates");
    let results = tried.results();
    assert_eq!(results.login.state, LoginState::Accepted);
    assert!(
        results.keep_alive.iter().all(|found| found.status.is_some()),
        "what is good stays: {:?}",
        results.keep_alive
    );
}

#[test]
fn one_session_only_is_not_no_support() {
    // Who comes while another one is there is turned away.
    let tried = Tried::new(false, |is_second| Habits { is_full: is_second, ..Habits::default() });
    let results = tried.results();
    assert_eq!(outcomes(&results), [Works, Works, Refused, Works]);
    assert!(results.keep_alive.iter().all(|found| found.status.is_some()), "{:?}", results.keep_alive);
    let full = Tried::new(false, |_| Habits { is_full: true, ..Habits::default() });
    let results = full.results();
    assert_eq!(outcomes(&results), [Busy, Busy, Busy, Busy]);
    assert_eq!(results.problem.unwrap().matches("453").count(), 4);
}

#[test]
fn what_stands_there_is_no_rtsp_server() {
    let tried = Tried::new(false, |_| Habits { is_dumb: true, ..Habits::default() });
    let results = tried.results();
    assert_eq!(results.problem.as_deref(), Some("no answer to OPTIONS within 5s; --timeout waits longer"));
    assert_eq!(way(&results, "udp").detail, "no RTSP there");
    let results = Tried::new(false, |_| Habits { knows_nothing: true, ..Habits::default() }).results();
    assert_eq!(results.problem.as_deref(), Some("DESCRIBE: 404 Not Found; is the path right?"));
    assert_eq!(way(&results, "udp").detail, "no such stream");
}

#[test]
fn a_stray_packet_is_no_session() {
    let results = Tried::new(false, |_| Habits { refuses_play: true, ..Habits::default() }).results();
    assert_eq!((way(&results, "tcp").result, way(&results, "tcp").status), (Refused, Some(455)));
    assert_eq!(results.record, None);
}

#[test]
fn channels_of_the_servers_own() {
    let results = Tried::new(false, |_| Habits { renumbers: true, ..Habits::default() }).results();
    assert_eq!(way(&results, "tcp").detail, "channels renumbered to 6-7");
}

#[test]
fn all_of_it_ends_in_time() {
    for seconds in [1, 3, 10] {
        let timeout = Duration::from_secs(seconds);
        let habits = |_| Habits { is_mute: true, get_parameter: Parameter::Dies, ..Habits::default() };
        let tried = Tried::with(false, timeout, true, habits);
        assert!(tried.longest <= timeout + Duration::from_millis(300), "{seconds} s: {:?}", tried.longest);
    }
    let late = Tried::with(false, Duration::ZERO, false, |_| Habits::default());
    assert!(late.probes.is_empty());
    assert!(late.results().problem.unwrap().contains("nothing could be found out: the time was up"));
}

#[test]
fn the_user_may_end_it() {
    let tried = Tried::new(false, |_| Habits::default());
    let mut probes = Vec::from_iter(tried.plan.next(START, std::iter::empty()));
    let mut world = World { stop_at: Some(START + Duration::from_millis(100)), ..World::default() };
    let mut camera = Camera::new(Habits::default());
    world.run(&mut probes[0], &mut camera, &mut ());
    assert!(camera.requests.last().unwrap().starts_with("TEARDOWN"), "in good order");
    assert!(tried.plan.next(START, probes.iter()).is_none(), "nothing begins after it");
    let results = tried.plan.results(START, probes.iter(), &[]);
    assert!(results.interrupted);
    assert_eq!(results.transports[1].detail, "interrupted");
}
