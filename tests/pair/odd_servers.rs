//! Servers that send their clients elsewhere, want each track played by itself, or know one profile of RTP only.

use std::collections::VecDeque;
use std::time::Duration;

use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::rtsp::message::{Message, StartLine};
use rtsp_rec::rtsp::url::Credentials;
use rtsp_rec::session::{
    Client, ClientConfig, Ending, Input, Machine, MediaTransport, Output, Reconnect, Reconnecting, SessionError,
};
use rtsp_rec::time::Timestamp;

use crate::udp::Seen;
use crate::world::{SERVER_RTP, START, World, port_of};
use crate::{BYE, config, rtp};

use MediaTransport::{Tcp, Udp};

const URL: &str = "rtsp://camera:8600/live";
const PACE: Duration = Duration::from_millis(20);

/// A request as these servers look at it.
struct Asked<'a> {
    method: &'a str,
    url: &'a str,
    head: Message<'a>,
}

impl Asked<'_> {
    fn field(&self, name: &str) -> String {
        self.head.header(name).unwrap_or_default().into_owned()
    }
}

/// Status, fields and body of an answer; `CSeq` is added. `None` for what any server says.
type Habit<'a> = dyn FnMut(&Asked<'_>) -> Option<String> + 'a;

/// A server with some habit. Once PLAY is granted it sends a frame every 20 ms on channel 0 or to the first track's port,
/// then BYE.
struct OddServer<'a> {
    habit: &'a mut Habit<'a>,
    protocols: Vec<&'static str>,
    outputs: VecDeque<Output<'static>>,
    due: Option<Timestamp>,
    sent: u32,
    frames: u32,
    /// What it says of its own accord, behind so many frames.
    push: Option<(u32, String)>,
    requests: Vec<String>,
    answers: Vec<String>,
}

impl<'a> OddServer<'a> {
    /// One whose description has a track for each of these protocols.
    fn new(protocols: &[&'static str], habit: &'a mut Habit<'a>) -> Self {
        Self {
            habit,
            protocols: protocols.to_vec(),
            outputs: VecDeque::new(),
            due: None,
            sent: 0,
            frames: 50,
            push: None,
            requests: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn answer(&mut self, now: Timestamp, head: &[u8]) {
        let message = Message::new(head, &[]);
        let StartLine::Request { method, url } = message.start_line() else {
            return self.answers.push(String::from_utf8_lossy(head).into_owned());
        };
        self.requests.push(String::from_utf8_lossy(head).into_owned());
        let asked = Asked { method: &method, url: &url, head: message };
        let answer = (self.habit)(&asked).unwrap_or_else(|| self.plain(&asked));
        let (status, rest) = answer.split_once("\r\n").unwrap_or((&answer, "\r\n"));
        let cseq = asked.field("CSeq");
        self.say(format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{rest}").into_bytes());
        match asked.method {
            "PLAY" if status.starts_with("200") => self.due = Some(self.due.unwrap_or(now + PACE)),
            "TEARDOWN" if status.starts_with("200") => self.due = None,
            _ => {}
        }
    }

    fn plain(&self, asked: &Asked<'_>) -> String {
        match asked.method {
            "DESCRIBE" => {
                let line = |(track, protocol): (usize, &&str)| {
                    format!("m=audio 0 {protocol} 0\r\na=control:track{}\r\n", track + 1)
                };
                let media: String = self.protocols.iter().enumerate().map(line).collect();
                let sdp = format!("v=0\r\n{media}");
                format!("200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
            }
            "SETUP" => format!("200 OK\r\nSession: 1\r\nTransport: {}\r\n\r\n", asked.field("Transport")),
            _ => "200 OK\r\n\r\n".to_owned(),
        }
    }

    fn say(&mut self, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send(bytes.into()));
    }

    fn methods(&self) -> Vec<String> {
        let line = |request: &String| request.split(" RTSP/").next().unwrap().to_owned();
        self.requests.iter().map(line).collect()
    }
}

impl Machine for OddServer<'_> {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Pdu(pdu) => {
                if let PduKind::Message { head, .. } = pdu.kind {
                    self.answer(now, head);
                }
            }
            Input::Closed(_) => self.due = None,
            Input::Wake if self.due.is_some_and(|due| due <= now) => {
                self.due = Some(now + PACE);
                if let Some((_, push)) = self.push.take_if(|(after, _)| *after == self.sent) {
                    self.say(push.into_bytes());
                }
                self.sent += 1;
                if self.sent <= self.frames {
                    self.say(rtp(self.sent));
                } else {
                    self.due = None;
                    self.say(BYE.to_vec());
                }
            }
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

fn run(config: ClientConfig, server: &mut OddServer<'_>) -> (Client, Duration, Seen) {
    let (mut client, mut seen) = (Client::new(config, START), Seen::default());
    let end = World::default().run(&mut client, server, &mut seen);
    (client, end.duration_since(START), seen)
}

#[test]
fn redirects_lead_where_the_reference_points() {
    for (location, url) in [
        ("/good/x", "rtsp://camera:8600/good/x"),
        ("//camera:8600/y", "rtsp://camera:8600/y"),
        ("other", "rtsp://camera:8600/other"),
        ("?stream=2", "rtsp://camera:8600/live?stream=2"),
        ("rtsp://camera:8600/a/../b", "rtsp://camera:8600/a/../b"),
        ("192.0.2.7:8600/z", "rtsp://192.0.2.7:8600/z"),
    ] {
        let mut habit = |asked: &Asked<'_>| {
            (asked.method == "DESCRIBE" && asked.url == URL)
                .then(|| format!("302 Moved\r\nLocation: {location}\r\n\r\n"))
        };
        let mut server = OddServer::new(&["RTP/AVP"], &mut habit);
        let (client, _, seen) = run(config(URL), &mut server);
        assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)), "{location}");
        assert_eq!((server.methods()[3].as_str(), seen.connections), (format!("DESCRIBE {url}").as_str(), 2));
        let changes: Vec<&String> = client.changes().collect();
        assert_eq!(changes, [&format!("redirected to {url}")]);
    }
    for (location, why) in [("http://camera/x", "is not RTSP"), ("", "does not say where to")] {
        let mut habit = |_: &Asked<'_>| Some(format!("302 Moved\r\nLocation: {location}\r\n\r\n"));
        let (client, ..) = run(config(URL), &mut OddServer::new(&["RTP/AVP"], &mut habit));
        let error = client.outcome().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains(&format!("'{location}'")) && error.contains(why), "{error}");
    }
}

/// A server that sends REDIRECT behind 50 of 150 frames; what came of it.
fn redirected_in_stream(fields: &str) -> (Client, Duration, Vec<String>, Vec<String>) {
    let mut habit = |_: &Asked<'_>| None;
    let mut server = OddServer::new(&["RTP/AVP"], &mut habit);
    server.frames = 150;
    server.push = Some((50, format!("REDIRECT {URL} RTSP/1.0\r\nCSeq: 732\r\n{fields}\r\n")));
    let (client, took, _) = run(config(URL), &mut server);
    (client, took, server.methods(), server.answers)
}

#[test]
fn a_redirect_of_the_server_is_answered_and_followed() {
    let (client, took, methods, answers) = redirected_in_stream("Session: 1\r\nLocation: /other/x\r\n");
    assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
    assert_eq!(client.progress().rtp_packets, 150, "of both sessions together");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(answers, ["RTSP/1.0 200 OK\r\nCSeq: 732\r\nSession: 1\r\n\r\n"]);
    assert_eq!(
        methods[3..6],
        [format!("PLAY {URL}"), format!("TEARDOWN {URL}"), "OPTIONS rtsp://camera:8600/other/x".to_owned()]
    );
    let changes: Vec<&String> = client.changes().collect();
    assert_eq!(changes, ["the server sent REDIRECT to rtsp://camera:8600/other/x"]);
}

#[test]
fn a_redirect_says_when() {
    // The world begins on 2026-11-22, 05:35:04 UTC; 200 frames last for 4 s.
    let seconds = START.as_nanos() / 1_000_000_000 + 2;
    let at = chrono_text(seconds);
    let (client, _, methods, _) = redirected_in_stream(&format!("Location: /other/x\r\nRange: clock={at}-\r\n"));
    assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
    assert_eq!(methods[5], "OPTIONS rtsp://camera:8600/other/x");
    // One for another session, and one that names no place, change nothing.
    for fields in ["Session: 77\r\nLocation: /other/x\r\n", "Session: 1\r\n"] {
        let (client, _, methods, answers) = redirected_in_stream(fields);
        assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)), "{fields}");
        assert_eq!((methods.len(), answers.len()), (5, 1), "{methods:?}");
    }
}

/// A time as RFC 2326 writes it, section 3.7.
fn chrono_text(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().format("%Y%m%dT%H%M%SZ").to_string()
}

#[test]
fn servers_that_redirect_for_ever_are_left() {
    let mut habit = |asked: &Asked<'_>| {
        (asked.method == "DESCRIBE").then(|| format!("302 Moved\r\nLocation: {}x\r\n\r\n", asked.url))
    };
    let mut server = OddServer::new(&["RTP/AVP"], &mut habit);
    let (client, ..) = run(config(URL), &mut server);
    let error = client.outcome().unwrap().as_ref().unwrap_err();
    assert!(matches!(error, SessionError::Redirect { why, .. } if why == "too many redirects"), "{error}");
    assert_eq!(server.requests.len(), 12);
}

#[test]
fn tracks_are_played_one_by_one_where_the_server_wants_it() {
    let sessions = |asked: &Asked<'_>| if asked.url.ends_with("track1") { "A" } else { "B" };
    let mut habit = |asked: &Asked<'_>| match asked.method {
        "SETUP" => {
            let (session, transport) = (sessions(asked), asked.field("Transport"));
            Some(format!("200 OK\r\nSession: {session};timeout=2\r\nTransport: {transport}\r\n\r\n"))
        }
        "PLAY" | "TEARDOWN" if !asked.url.contains("track") => {
            Some("459 Aggregate Operation Not Allowed\r\n\r\n".to_owned())
        }
        "PLAY" | "TEARDOWN" if asked.field("Session") != sessions(asked) => Some("454 No\r\n\r\n".to_owned()),
        _ => None,
    };
    let mut server = OddServer::new(&["RTP/AVP"; 2], &mut habit);
    server.frames = 100;
    let (client, ..) = run(config(URL), &mut server);
    assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
    let methods = server.methods();
    let track = |method: &str, track: u8| format!("{method} {URL}/track{track}");
    assert_eq!(methods[4..7], [format!("PLAY {URL}"), track("PLAY", 1), track("PLAY", 2)]);
    assert_eq!(methods[methods.len() - 2..], [track("TEARDOWN", 1), track("TEARDOWN", 2)]);
    // Signs of life for both sessions, a second behind each other.
    let alive: Vec<&String> = server.requests[7..].iter().filter(|request| request.starts_with("OPTIONS")).collect();
    assert!(alive.len() >= 4 && alive.len().is_multiple_of(2), "{alive:?}");
    for session in ["A", "B"] {
        let of = alive.iter().filter(|request| request.contains(&format!("\r\nSession: {session}\r\n")));
        assert_eq!(of.count(), alive.len() / 2);
    }
}

#[test]
fn of_tracks_that_are_played_by_themselves_one_may_be_refused() {
    for refused in [&["track1"][..], &["track1", "track2"]] {
        let mut habit = |asked: &Asked<'_>| match asked.method {
            "PLAY" if !asked.url.contains("track") => Some("459 No\r\n\r\n".to_owned()),
            "PLAY" if refused.iter().any(|track| asked.url.ends_with(track)) => Some("455 No\r\n\r\n".to_owned()),
            _ => None,
        };
        let (client, ..) = run(config(URL), &mut OddServer::new(&["RTP/AVP"; 2], &mut habit));
        match client.outcome().unwrap() {
            Ok(ending) => assert_eq!((ending, client.refusals().len(), refused.len()), (&Ending::EndOfStream, 1, 1)),
            Err(error) => assert!(error.to_string().contains("455") && refused.len() == 2, "{error}"),
        }
    }
}

#[test]
fn another_aggregate_is_tried_where_the_first_is_none() {
    // The description's own control is a track's; what was asked for is the aggregate.
    let sdp = "v=0\r\na=control:all\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
    let mut habit = |asked: &Asked<'_>| match asked.method {
        "DESCRIBE" => {
            Some(format!("200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()))
        }
        "PLAY" | "TEARDOWN" if asked.url != URL => Some("460 Only Aggregate Operation Allowed\r\n\r\n".to_owned()),
        _ => None,
    };
    let mut server = OddServer::new(&[], &mut habit);
    let (client, ..) = run(config(URL), &mut server);
    assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
    assert_eq!(server.methods()[3..], [format!("PLAY {URL}/all"), format!("PLAY {URL}"), format!("TEARDOWN {URL}")]);

    let mut wavers = |asked: &Asked<'_>| {
        let status = if asked.url.contains("track") { 460 } else { 459 };
        (asked.method == "PLAY").then(|| format!("{status} No\r\n\r\n"))
    };
    let mut refuses = |asked: &Asked<'_>| (asked.method == "PLAY").then(|| "460 No\r\n\r\n".to_owned());
    let habits: [&mut Habit<'_>; 2] = [&mut refuses, &mut wavers];
    for habit in habits {
        let mut server = OddServer::new(&["RTP/AVP"], habit);
        let (client, ..) = run(config(URL), &mut server);
        let error = client.outcome().unwrap().as_ref().unwrap_err().to_string();
        assert!(
            error.contains("the server answered 4") && server.requests.len() < 16,
            "{error}: {:?}",
            server.methods()
        );
    }
}

#[test]
fn the_profile_of_the_description_is_asked_for() {
    for (protocol, profile) in [
        ("RTP/AVPF", "AVPF"),
        ("RTP/SAVP", "SAVP"),
        ("RTP/SAVPF", "SAVPF"),
        ("UDP/TLS/RTP/SAVPF", "SAVPF"),
        ("rtp/avpf/tcp", "AVPF"),
        ("RTP/AVP/TCP", "AVP"),
        ("", "AVP"),
    ] {
        let begin = format!("RTP/{profile}/TCP;");
        let mut habit = |asked: &Asked<'_>| {
            let known = asked.method != "SETUP" || asked.field("Transport").starts_with(&begin);
            (!known).then(|| "461 Unsupported Transport\r\n\r\n".to_owned())
        };
        let (client, ..) = run(config(URL), &mut OddServer::new(&[protocol], &mut habit));
        assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)), "{protocol}");
        assert_eq!(client.changes().count(), 0);
    }
    let asked_for = |transports: &[MediaTransport], protocol| {
        let mut habit = |asked: &Asked<'_>| {
            let refused = asked.method == "SETUP" && !asked.field("Transport").starts_with("RTP/AVP/TCP");
            refused.then(|| "461 Unsupported Transport\r\n\r\n".to_owned())
        };
        let mut config = config(URL);
        config.transports = transports.to_vec();
        let (client, _, seen) = run(config, &mut OddServer::new(&[protocol], &mut habit));
        assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
        seen.asked().iter().map(|asked| asked.split(';').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(asked_for(&[Tcp], "RTP/AVPF"), ["RTP/AVPF/TCP", "RTP/AVP/TCP"]);
    assert_eq!(
        asked_for(&[Udp, Tcp], "RTP/SAVP"),
        ["RTP/SAVP", "RTP/AVP", "RTP/SAVP/TCP", "RTP/AVP/TCP"],
        "over each transport anew"
    );
}

#[test]
fn who_else_a_server_names_as_source_gets_no_packets() {
    for (source, punches) in [("", 1), (";source=192.0.2.7", 1), (";source=198.51.100.9", 0)] {
        let mut habit = |asked: &Asked<'_>| {
            let ports = format!("client_port={}-{}", port_of(0), port_of(0) + 1);
            let server = format!("server_port={SERVER_RTP}-{}", SERVER_RTP + 1);
            let answer = format!("200 OK\r\nSession: 1\r\nTransport: RTP/AVP;unicast;{ports};{server}{source}\r\n\r\n");
            (asked.method == "SETUP").then_some(answer)
        };
        let mut config = config(URL);
        config.transports = vec![MediaTransport::Udp];
        config.limits.duration = Some(Duration::from_secs(10));
        let (_, _, seen) = run(config, &mut OddServer::new(&["RTP/AVP"], &mut habit));
        assert_eq!(seen.times_of("punch").len(), punches, "{source}");
        assert_eq!(seen.times_of("report").is_empty(), punches == 0, "{source}");
    }
}

#[test]
fn no_later_session_gets_the_password_in_a_weaker_form() {
    let mut challenges = 0;
    let mut habit = |asked: &Asked<'_>| {
        let login = asked.field("Authorization");
        match asked.method {
            // The first session ends behind its login; then somebody asks for Basic.
            "SETUP" => Some("500 Internal Server Error\r\n\r\n".to_owned()),
            "DESCRIBE" if login.is_empty() => {
                challenges += 1;
                let scheme = if challenges == 1 { "Digest realm=\"r\", nonce=\"n\"" } else { "Basic realm=\"r\"" };
                Some(format!("401 Unauthorized\r\nWWW-Authenticate: {scheme}\r\n\r\n"))
            }
            _ => None,
        }
    };
    let mut config = config(URL);
    config.credentials = Some(Credentials { user: "u".to_owned(), password: "p".to_owned() });
    let mut client = Reconnecting::new(config, Reconnect::times(3), 1, START);
    let mut server = OddServer::new(&["RTP/AVP"], &mut habit);
    World::default().run(&mut client, &mut server, &mut ());
    let error = client.outcome().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.contains("asked for Digest MD5 before and asks for Basic now"), "{error}");
    assert!(!server.requests.iter().any(|request| request.contains("Basic")), "{:?}", server.requests);
}
