//! `Client` and `Server` against each other on virtual time: whole sessions in milliseconds, without a socket.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

/// What a machine around another one leaves to it.
macro_rules! as_inner {
    () => {
        fn next_deadline(&self) -> Option<rtsp_rec::time::Timestamp> {
            self.inner.next_deadline()
        }

        fn is_over(&self) -> bool {
            self.inner.is_over()
        }

        fn url(&self) -> &str {
            self.inner.url()
        }
    };
}

mod no_media;
mod odd_servers;
mod probe;
mod reconnect;
mod replay;
mod rerun;
mod shared_paths;
mod udp;
mod world;

use std::sync::Arc;
use std::time::Duration;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::{Source, Writer, WriterOptions};
use rtsp_rec::report::csv::CsvTable;
use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
use rtsp_rec::rtsp::message::{Message, StartLine};
use rtsp_rec::session::client::Timeouts;
use rtsp_rec::session::script::{ScriptBuilder, ScriptOptions};
use rtsp_rec::session::{Client, ClientConfig, Ending, Machine, ReplayConfig, Script, Server, SessionError};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Direction, Flow, Payload, Tap, TraceEvent};

use world::{LATENCY, SERVER, START, World};

const SAMPLE: &[u8] = include_bytes!("../../samples/gstreamer_h264_aac.pcapng");

fn sample() -> Script {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    Source::read(SAMPLE, &mut builder).unwrap();
    builder.finish().unwrap()
}

/// A recorded session of one PCMU track, with a frame every 20 ms for so many seconds. The server lists `public` and
/// answers SETUP with `session`.
fn scripted(public: &str, session: &str, seconds: u32) -> Script {
    scripted_frames(public, session, 0..seconds * 50)
}

/// The same with the frames of these numbers.
fn scripted_frames(public: &str, session: &str, frames: impl Iterator<Item = u32>) -> Script {
    scripted_bytes(public, session, frames.map(|frame| (frame, rtp(frame))))
}

/// That of the source of [`rtp`], as a frame.
const BYE: [u8; 12] = bye(7);

/// That of any source.
const fn bye(ssrc: u8) -> [u8; 12] {
    [b'$', 1, 0, 8, 0x81, 203, 0, 1, 0, 0, 0, ssrc]
}

/// The same, ended by a BYE (RFC 3550, section 6.6).
fn scripted_with_bye(seconds: u32) -> Script {
    let frames = (0..seconds * 50).map(|frame| (frame, rtp(frame)));
    scripted_bytes("", "1", frames.chain([(seconds * 50, BYE.to_vec())]))
}

/// The same with these bytes at the times of frames.
fn scripted_bytes(public: &str, session: &str, frames: impl Iterator<Item = (u32, Vec<u8>)>) -> Script {
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
    let description = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    let url = "rtsp://camera:8600/live";
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let dialogue = [
        (format!("OPTIONS {url}"), format!("Public: {public}\r\n\r\n")),
        (format!("DESCRIBE {url}"), description),
        (format!("SETUP {url}/track1"), format!("Session: {session}\r\n{transport}\r\n")),
        (format!("PLAY {url}"), "\r\n".to_owned()),
        (format!("TEARDOWN {url}"), "\r\n".to_owned()),
    ];
    for (cseq, (request, reply)) in dialogue.iter().enumerate() {
        let request = format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{transport}\r\n");
        say(&mut builder, START, Direction::ClientToServer, request.as_bytes());
        let reply = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{reply}");
        say(&mut builder, START, Direction::ServerToClient, reply.as_bytes());
    }
    for (frame, bytes) in frames {
        let at = START + Duration::from_millis(20) * frame;
        say(&mut builder, at, Direction::ServerToClient, &bytes);
    }
    builder.finish().unwrap()
}

/// The server of a script, for its first client.
fn server(script: Script) -> Server {
    Server::new(Arc::new(ReplayConfig::new(script)), (flow().client, flow().server), 0, START)
}

/// Where that server has it: the recorded path.
fn url_of(script: &Script) -> String {
    let (_, rest) = script.url().split_once("://").unwrap();
    format!("rtsp://{SERVER}/{}", rest.split_once('/').unwrap().1)
}

/// An interleaved RTP frame of PCMU.
fn rtp(number: u32) -> Vec<u8> {
    let sequence = u16::try_from(number & 0xffff).unwrap().to_be_bytes();
    let timestamp = (number * 160).to_be_bytes();
    [&[b'$', 0, 0, 172, 0x80, 0], &sequence[..], &timestamp, &[0, 0, 0, 7], &[0; 160]].concat()
}

fn flow() -> Flow {
    let (client, server) = ("192.0.2.1:50001".parse().unwrap(), SERVER.parse().unwrap());
    Flow { id: 0, session: 0, url: String::new(), client, server }
}

fn say(tap: &mut impl Tap, at: Timestamp, direction: Direction, bytes: &[u8]) {
    let mut demuxer = Demuxer::new();
    let mut pdus = demuxer.feed(bytes);
    while let Some(pdu) = pdus.next_pdu() {
        let payload = Payload::Pdu(&pdu);
        tap.event(&TraceEvent { at, flow: &flow(), direction, frame_number: None, payload }).unwrap();
    }
}

fn config(url: &str) -> ClientConfig {
    let mut config = ClientConfig::new(url.parse().unwrap());
    "test".clone_into(&mut config.user_agent);
    config.seed = 7;
    config
}

/// What the client said, when, and how often media came.
#[derive(Default)]
struct Log {
    requests: Vec<(Duration, String)>,
    frames: u32,
}

impl Tap for Log {
    fn event(&mut self, event: &TraceEvent<'_>) -> std::io::Result<()> {
        let Payload::Pdu(pdu) = event.payload else { return Ok(()) };
        match pdu.kind {
            PduKind::Interleaved { .. } if event.direction == Direction::ServerToClient => self.frames += 1,
            PduKind::Message { head, body } => {
                if let StartLine::Request { method, url } = Message::new(head, body).start_line() {
                    self.requests.push((event.at.duration_since(START), format!("{method} {url}")));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Log {
    fn said(&self) -> Vec<&str> {
        self.requests.iter().map(|(_, request)| request.as_str()).collect()
    }

    /// When requests of this method were sent, in seconds.
    fn times_of(&self, method: &str) -> Vec<u64> {
        self.requests.iter().filter(|(_, said)| said.starts_with(method)).map(|(at, _)| at.as_secs()).collect()
    }
}

/// Runs a session; gives how it ended, when, and what was said.
fn run(config: ClientConfig, script: Script, mut world: World) -> (Result<Ending, SessionError>, Duration, Log) {
    let (mut client, mut server, mut log) = (Client::new(config, START), server(script), Log::default());
    let end = world.run(&mut client, &mut server, &mut log);
    (client.outcome().unwrap().clone(), end.duration_since(START), log)
}

#[test]
fn a_whole_session() {
    let script = sample();
    let frames = u32::try_from(script.frame_count()).unwrap();
    let url = url_of(&script);
    let (outcome, took, log) = run(config(&url), script, World::default());
    assert_eq!(outcome, Ok(Ending::EndOfStream));
    assert_eq!(log.frames, frames);
    assert!((10..12).contains(&took.as_secs()), "{took:?}");
    let expected = [
        "OPTIONS rtsp://192.0.2.7:8600/short",
        "DESCRIBE rtsp://192.0.2.7:8600/short",
        "SETUP rtsp://192.0.2.7:8600/short/stream=0",
        "SETUP rtsp://192.0.2.7:8600/short/stream=1",
        "PLAY rtsp://192.0.2.7:8600/short/",
        "TEARDOWN rtsp://192.0.2.7:8600/short/",
    ];
    assert_eq!(log.said(), expected);
}

#[test]
fn what_is_recorded_is_what_was_served() {
    let script = sample();
    let mut config = config(&url_of(&script));
    config.timeouts.idle = Duration::from_secs(5);
    let (mut client, mut server) = (Client::new(config, START), server(script));
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    World::default().run(&mut client, &mut server, &mut writer);
    let capture = writer.into_inner().unwrap();

    let (served, recorded) = (Media::of(SAMPLE), Media::of(&capture));
    assert_eq!(recorded.0.len(), served.0.len());
    assert!(recorded.0 == served.0, "same frames, same channels, same order");
    insta::assert_snapshot!(streams_csv(&capture));
}

/// Channel and payload of every frame.
#[derive(Default)]
struct Media(Vec<(u8, Vec<u8>)>);

impl Media {
    fn of(capture: &[u8]) -> Self {
        let mut media = Self::default();
        Source::read(capture, &mut media).unwrap();
        media
    }
}

impl Tap for Media {
    fn event(&mut self, event: &TraceEvent<'_>) -> std::io::Result<()> {
        if let Payload::Pdu(pdu) = event.payload
            && let PduKind::Interleaved { channel, payload } = pdu.kind
            && event.direction == Direction::ServerToClient
        {
            self.0.push((channel, payload.to_vec()));
        }
        Ok(())
    }
}

/// The `streams` table turned on its side: a line for each column.
fn streams_csv(capture: &[u8]) -> String {
    let options = AnalyzerOptions { capture: "virtual.pcapng".to_owned(), closely: true, ..AnalyzerOptions::default() };
    let mut analyzer = Analyzer::new(options, ());
    Source::read(capture, &mut analyzer).unwrap();
    let mut csv = Vec::new();
    let mut table = CsvTable::new(rtsp_rec::analysis::rows::Table::Streams, &mut csv);
    analyzer.streams().for_each(|row| table.row(&row).unwrap());
    drop(table);
    let text = String::from_utf8(csv).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let columns = (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column]).collect::<Vec<_>>().join(" | "));
    columns.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_session_is_kept_alive_by_options() {
    let script = scripted("OPTIONS, DESCRIBE, GET_PARAMETER", "1;timeout=60", 100);
    let mut config = config("rtsp://camera:8600/live");
    config.limits.duration = Some(Duration::from_secs(95));
    let (outcome, took, log) = run(config, script, World::default());
    assert_eq!(outcome, Ok(Ending::LimitReached));
    assert_eq!(took.as_secs(), 95);
    assert_eq!(log.times_of("OPTIONS"), [0, 30, 60, 90]);
    assert_eq!(log.times_of("GET_PARAMETER"), [0; 0]);
}

#[test]
fn a_short_timeout_is_kept_by_what_public_lists() {
    let script = scripted("DESCRIBE, GET_PARAMETER", "1;timeout=10", 21);
    let mut config = config("rtsp://camera:8600/live");
    config.limits.duration = Some(Duration::from_secs(18));
    let (_, _, log) = run(config, script, World::default());
    assert_eq!(log.times_of("GET_PARAMETER"), [5, 10, 15]);
    assert_eq!(log.times_of("OPTIONS"), [0]);
}

#[test]
fn limits_end_the_session_exactly() {
    let mut packets = config("rtsp://camera:8600/live");
    packets.limits.packets = Some(100);
    let (outcome, _, log) = run(packets, scripted("", "1", 10), World::default());
    assert_eq!(outcome, Ok(Ending::LimitReached));
    assert_eq!(log.frames, 100, "the server stops at once when TEARDOWN comes, 5 ms later");

    let mut bytes = config("rtsp://camera:8600/live");
    bytes.limits.bytes = Some(50 * 176);
    let (outcome, _, log) = run(bytes, scripted("", "1", 10), World::default());
    assert_eq!(outcome, Ok(Ending::LimitReached));
    assert!((45..=50).contains(&log.frames), "{} frames and the dialogue", log.frames);
}

#[test]
fn ctrl_c_tears_down() {
    let world = World { stop_at: Some(START + Duration::from_secs(3)), ..World::default() };
    let (outcome, took, log) = run(config("rtsp://camera:8600/live"), scripted("", "1", 10), world);
    assert_eq!(outcome, Ok(Ending::Stopped));
    assert_eq!(took, Duration::from_secs(3) + 2 * LATENCY);
    assert_eq!(log.said().last(), Some(&"TEARDOWN rtsp://camera:8600/live"));
}

#[test]
fn a_teardown_that_is_never_answered_costs_its_timeout() {
    let stop = START + Duration::from_secs(3);
    let mut world = World { stop_at: Some(stop), ..World::default() };
    let mut client = Client::new(config("rtsp://camera:8600/live"), START);
    let mut server = Mute { inner: server(scripted("", "1", 10)), deaf_to: "TEARDOWN" };
    let end = world.run(&mut client, &mut server, &mut ());
    assert_eq!(client.outcome(), Some(&Ok(Ending::Stopped)));
    assert_eq!(end.duration_since(stop), Timeouts::default().teardown);
}

#[test]
fn a_request_that_is_never_answered_is_an_error() {
    let mut client = Client::new(config("rtsp://camera:8600/live"), START);
    let mut server = Mute { inner: server(scripted("", "1", 10)), deaf_to: "DESCRIBE" };
    let end = World::default().run(&mut client, &mut server, &mut ());
    let error = SessionError::NoAnswer { method: "DESCRIBE".to_owned(), after: Duration::from_secs(10) };
    assert_eq!(client.outcome(), Some(&Err(error)));
    assert_eq!(end.duration_since(START).as_secs(), 10);
}

#[test]
fn silence_is_an_error_after_the_idle_timeout() {
    let script = scripted_frames("", "1", (0..500).chain([5000]));
    let (outcome, took, log) = run(config("rtsp://camera:8600/live"), script, World::default());
    assert_eq!(outcome, Err(SessionError::Idle { after: Duration::from_secs(30), unheard: None }));
    assert_eq!((took.as_secs(), log.frames), (40, 500));
    assert_eq!(log.said().last(), Some(&"TEARDOWN rtsp://camera:8600/live"));
}

/// A client whose socket is not read for a while.
struct Held {
    inner: Client,
    until: Timestamp,
}

impl Machine for Held {
    fn handle(&mut self, now: Timestamp, input: rtsp_rec::session::Input<'_>) {
        if now < self.until && matches!(input, rtsp_rec::session::Input::Wake) {
            self.inner.handle(now, rtsp_rec::session::Input::Unread);
        }
        self.inner.handle(now, input);
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<rtsp_rec::session::Output<'_>> {
        self.inner.poll_output(now)
    }

    as_inner!();
}

#[test]
fn an_answer_that_waits_unread_is_waited_for() {
    let held = |config: ClientConfig, seconds| Held {
        inner: Client::new(config, START),
        until: START + Duration::from_secs(seconds),
    };
    let mut client = held(config("rtsp://camera:8600/live"), 25);
    let mut server = Mute { inner: server(scripted("", "1", 10)), deaf_to: "DESCRIBE" };
    let end = World::default().run(&mut client, &mut server, &mut ());
    let error = SessionError::NoAnswer { method: "DESCRIBE".to_owned(), after: Duration::from_secs(10) };
    assert_eq!(client.inner.outcome(), Some(&Err(error)));
    assert_eq!(end.duration_since(START).as_secs(), 30, "as long as ever once it is read");

    // The user waits for the end: that is not put off for long.
    let mut config = config("rtsp://camera:8600/live");
    config.limits.duration = Some(Duration::from_secs(4));
    let mut client = held(config, 3600);
    let mut server = Mute { inner: self::server(scripted("", "1", 10)), deaf_to: "TEARDOWN" };
    let end = World::default().run(&mut client, &mut server, &mut ());
    assert!(matches!(client.inner.outcome(), Some(Ok(Ending::LimitReached))), "{:?}", client.inner.outcome());
    assert_eq!(end.duration_since(START).as_secs(), 4 + 2 + 3);
}

#[test]
fn silence_says_nothing_while_nothing_is_read() {
    let script = scripted_frames("", "1", (0..500).chain([5000]));
    let inner = Client::new(config("rtsp://camera:8600/live"), START);
    let mut client = Held { inner, until: START + Duration::from_secs(50) };
    let end = World::default().run(&mut client, &mut server(script), &mut ());
    assert_eq!(
        client.inner.outcome(),
        Some(&Err(SessionError::Idle { after: Duration::from_secs(30), unheard: None }))
    );
    // 30 s after it was last told; it would be 30 s after the last frame, which came at 10 s.
    let took = end.duration_since(START).as_secs();
    assert!((60..=80).contains(&took), "{took} s");
}

#[test]
fn a_close_in_mid_stream_is_an_error() {
    let world = World { fin_at: Some(START + Duration::from_secs(4)), ..World::default() };
    let (outcome, took, _) = run(config("rtsp://camera:8600/live"), scripted("", "1", 10), world);
    let Err(SessionError::Closed { during }) = outcome else { panic!("{outcome:?}") };
    assert!(during.contains("4.0 s into the stream"), "{during}");
    assert_eq!(took.as_secs(), 4);
}

#[test]
fn every_address_is_tried() {
    let addresses = ["192.0.2.5:8600", "[2001:db8::1]:8600", SERVER].map(|address| address.parse().unwrap());
    let mut config = config("rtsp://camera:8600/live");
    config.limits.packets = Some(10);
    let world = World { addresses: addresses.to_vec(), ..World::default() };
    let (outcome, _, _) = run(config.clone(), scripted("", "1", 10), world);
    assert_eq!(outcome, Ok(Ending::LimitReached));

    let world = World { addresses: addresses[..2].to_vec(), ..World::default() };
    let (outcome, _, _) = run(config, scripted("", "1", 10), world);
    let Err(SessionError::Connect { address, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(address, "[2001:db8::1]:8600");
}

#[test]
fn only_the_wanted_media_is_set_up() {
    let script = sample();
    let mut config = config(&url_of(&script));
    config.media = vec!["audio".to_owned()];
    let (outcome, _, log) = run(config.clone(), script, World::default());
    assert_eq!(outcome, Ok(Ending::EndOfStream));
    let set_up: Vec<&str> = log.said().into_iter().filter(|said| said.starts_with("SETUP")).collect();
    assert_eq!(set_up, ["SETUP rtsp://192.0.2.7:8600/short/stream=1"]);

    config.media = vec!["application".to_owned()];
    let (outcome, _, _) = run(config, sample(), World::default());
    let kinds = vec!["video".to_owned(), "audio".to_owned()];
    assert_eq!(outcome, Err(SessionError::NoTracks { wanted: "application".to_owned(), kinds }));
}

/// A server that does not hear one method.
struct Mute {
    inner: Server,
    deaf_to: &'static str,
}

impl Machine for Mute {
    fn handle(&mut self, now: Timestamp, input: rtsp_rec::session::Input<'_>) {
        if let rtsp_rec::session::Input::Pdu(pdu) = input
            && pdu.raw.starts_with(self.deaf_to.as_bytes())
        {
            return;
        }
        self.inner.handle(now, input);
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<rtsp_rec::session::Output<'_>> {
        self.inner.poll_output(now)
    }

    as_inner!();
}

#[test]
fn what_a_bye_has_overtaken_does_not_revive_the_stream() {
    let frames = (0..50).map(|frame| (frame, rtp(frame))).chain([(50, BYE.to_vec()), (51, rtp(50))]);
    // The server goes on with its reports, and leaves the connection open.
    let report = (52..3000).map(|frame| (frame, vec![b'$', 1, 0, 8, 0x80, 201, 0, 1, 0, 0, 0, 9]));
    let script = scripted_bytes("", "1", frames.chain(report));
    let mut client = Client::new(config("rtsp://camera:8600/live"), START);
    let end = World::default().run(&mut client, &mut server(script), &mut ());
    assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
    assert_eq!(end.duration_since(START).as_secs(), 1);
}

#[test]
fn the_bye_of_another_source_ends_nothing() {
    // As a receiver says it that leaves a group, and one that names nobody (RFC 3550, section 6.6).
    let nobody = vec![b'$', 1, 0, 4, 0x80, 203, 0, 0];
    let frames = (0..50).map(|frame| (frame, rtp(frame))).chain([(50, bye(9).to_vec()), (51, nobody)]);
    // Media that goes on after a second, and its own BYE.
    let rest = (100..150).map(|frame| (frame, rtp(frame))).chain([(150, BYE.to_vec())]);
    let script = scripted_bytes("", "1", frames.chain(rest));
    let mut client = Client::new(config("rtsp://camera:8600/live"), START);
    let end = World::default().run(&mut client, &mut server(script), &mut ());
    assert_eq!(client.outcome(), Some(&Ok(Ending::EndOfStream)));
    assert_eq!((client.progress().rtp_packets, end.duration_since(START).as_secs()), (100, 3));
}
