//! A recording on virtual time: the session, the demuxers and the capture of `record`, and a server of chance.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use fastrand::Rng;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::{Source, Writer, WriterOptions};
use rtsp_rec::rtsp::demux::{Demuxer, Pdu, Pdus};
use rtsp_rec::rtsp::url::Credentials;
use rtsp_rec::session::client::MediaTransport::{Multicast, Tcp, Udp};
use rtsp_rec::session::client::Timeouts;
use rtsp_rec::session::{ClientConfig, Input, Machine, Output, Reconnect, Reconnecting};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Flow, Payload, Tap, TraceEvent, UdpPath};

use crate::TRANSCRIPTS;
use crate::server::{Act, Server, What};
use crate::transcript::Transcript;

const START: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);
/// Every session must have ended by then: its limits and timeouts are much shorter.
const END: Duration = Duration::from_mins(10);
/// More happens in no session.
const MAX_STEPS: usize = 200_000;

/// What came of many cases.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    connections: usize,
    bytes: usize,
    /// Sessions that ended well.
    good: usize,
    /// Sessions that were lost and taken up again.
    lost: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.good += other.good;
        self.lost += other.lost;
    }
}

/// What went over a connection, by [`Direction::index`].
#[derive(Debug, Default, PartialEq, Eq)]
struct Bytes([Vec<u8>; 2]);

/// Runs a case and checks what must hold of it.
pub(crate) fn check(case: u64) -> Totals {
    let mut rng = Rng::with_seed(case);
    let transcript = &TRANSCRIPTS[rng.usize(..TRANSCRIPTS.len())];
    let mut session = Reconnecting::new(config(&mut rng, transcript), Reconnect::times(rng.u32(..3)), case, START);
    let mut world = World::new(Server::new(rng.fork(), transcript), transcript);
    let took = world.run(case, &mut session);
    assert!(took <= END, "case {case}: it took {took:?}");
    let outcome = session.outcome().unwrap_or_else(|| panic!("case {case}: it ended without an outcome"));
    let capture = world.writer.into_inner().expect("a capture in memory");
    let mut captured = Captured::default();
    let end = Source::read(capture.as_slice(), &mut captured).expect("the capture can be read");
    assert!(!end.cut, "case {case}: the capture is cut");
    // Who connects and says nothing, and hears nothing, leaves no PDU.
    captured.0.resize_with(captured.0.len().max(world.passed.len()), Bytes::default);
    assert!(captured.0 == world.passed, "case {case}: the capture lacks something, or has more");
    Source::read(capture.as_slice(), &mut Analyzer::new(AnalyzerOptions::default(), ())).expect("it can be analyzed");
    let bytes = world.passed.iter().map(|Bytes([_, theirs])| theirs.len()).sum();
    Totals { connections: world.passed.len(), bytes, good: usize::from(outcome.is_ok()), lost: session.lost() }
}

fn config(rng: &mut Rng, transcript: &Transcript) -> ClientConfig {
    let duration = Duration::from_secs([1, 4, 20][rng.usize(..3)]);
    let transports = [&[][..], &[Tcp, Udp], &[Udp, Tcp], &[Multicast, Udp, Tcp]][rng.usize(..4)].to_vec();
    let mut config = ClientConfig::new(transcript.url().parse().expect("a URL"));
    config.credentials = Some(Credentials { user: "user".to_owned(), password: "password".to_owned() });
    "fuzz".clone_into(&mut config.user_agent);
    config.transports = transports;
    config.seed = rng.u64(..);
    config.limits.duration = Some(duration);
    config.timeouts = Timeouts {
        connect: Duration::from_secs(2),
        response: Duration::from_secs(2),
        idle: Duration::from_secs(3),
        ..Timeouts::default()
    };
    config
}

/// The bytes of a capture.
#[derive(Default)]
struct Captured(Vec<Bytes>);

impl Tap for Captured {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if let Payload::Pdu(pdu) = event.payload {
            self.0.resize_with(self.0.len().max(event.flow.id + 1), Bytes::default);
            self.0[event.flow.id].0[event.direction.index()].extend_from_slice(pdu.raw);
        }
        Ok(())
    }
}

struct World<'a> {
    server: Server<'a>,
    addresses: Vec<std::net::SocketAddr>,
    now: Timestamp,
    queue: VecDeque<(Timestamp, What)>,
    connecting: Option<(Timestamp, bool)>,
    connection: Option<Connection>,
    /// Tracks that have UDP sockets.
    opened: Vec<usize>,
    passed: Vec<Bytes>,
    writer: Writer<Vec<u8>>,
}

struct Connection {
    flow: Flow,
    inbound: Demuxer,
    outbound: Demuxer,
}

impl<'a> World<'a> {
    fn new(server: Server<'a>, transcript: &Transcript) -> Self {
        let port = transcript.url().parse::<rtsp_rec::rtsp::url::RtspUrl>().expect("a URL").port();
        let options = WriterOptions { keep_credentials: true, ..WriterOptions::default() };
        Self {
            server,
            addresses: vec![([192, 0, 2, 7], port).into(), ([192, 0, 2, 8], port).into()],
            now: START,
            queue: VecDeque::new(),
            connecting: None,
            connection: None,
            opened: Vec::new(),
            passed: Vec::new(),
            writer: Writer::new(Vec::new(), options).expect("memory"),
        }
    }

    /// Runs until the session is done; gives how long it took.
    fn run(&mut self, case: u64, session: &mut Reconnecting) -> Duration {
        for _ in 0..MAX_STEPS {
            if self.obey(session) {
                return self.now.duration_since(START);
            }
            let due =
                [self.queue.front().map(|(at, _)| *at), self.connecting.map(|(at, _)| at), session.next_deadline()];
            let next =
                due.into_iter().flatten().min().unwrap_or_else(|| panic!("case {case}: nothing will ever happen"));
            self.now = self.now.max(next);
            assert!(self.now.duration_since(START) <= END, "case {case}: it hangs");
            self.happen(session);
        }
        panic!("case {case}: it does not come to an end");
    }

    /// Does what the session wants; whether it is done.
    fn obey(&mut self, session: &mut Reconnecting) -> bool {
        while let Some(output) = session.poll_output(self.now) {
            match output {
                Output::Resolve { .. } => session.handle(self.now, Input::Resolved(&self.addresses)),
                Output::Connect { .. } => {
                    self.disconnect();
                    self.connecting = Some((self.now + Duration::from_millis(1), !self.server.is_away()));
                }
                Output::Send(bytes) => self.send(&bytes),
                Output::Disconnect | Output::Abort => self.disconnect(),
                Output::OpenMedia { track } if !self.server.is_away() => {
                    self.opened.push(track);
                    let rtp = 5000 + 2 * u16::try_from(track).expect("few tracks");
                    session.handle(self.now, Input::MediaOpened { rtp, rtcp: rtp + 1 });
                }
                Output::OpenMedia { .. } => session.handle(self.now, Input::MediaFailed("no port is free")),
                Output::CloseMedia { track } => {
                    self.opened.retain(|opened| track.is_some_and(|track| track != *opened));
                }
                Output::TakeMedia(_) | Output::Datagram { .. } => {}
                Output::Done => return true,
            }
        }
        false
    }

    /// What is due now.
    fn happen(&mut self, session: &mut Reconnecting) {
        if let Some((_, stands)) = self.connecting.take_if(|(at, _)| *at <= self.now) {
            let input = if stands { Input::Connected } else { Input::ConnectFailed("refused") };
            if stands {
                self.connect();
            }
            session.handle(self.now, input);
        } else if self.queue.front().is_some_and(|(at, _)| *at <= self.now) {
            match self.queue.pop_front() {
                Some((_, What::Send(bytes))) => self.receive(&bytes, session),
                Some((_, What::Close)) => self.closed(Close::Fin, session),
                Some((_, What::Reset)) => self.closed(Close::Reset, session),
                None => {}
            }
        } else {
            session.handle(self.now, Input::Wake);
        }
    }

    fn connect(&mut self) {
        let id = self.passed.len();
        let port = 40_000 + u16::try_from(id).expect("few connections");
        let (client, server) = (([192, 0, 2, 1], port).into(), self.addresses[0]);
        let flow = Flow { id, session: 0, url: "rtsp://fuzz/".to_owned(), client, server };
        tell(
            &mut self.writer,
            self.now,
            &flow,
            Direction::ClientToServer,
            Payload::Opened { started: self.now, carrier: Encapsulation::default() },
        );
        self.passed.push(Bytes::default());
        self.connection = Some(Connection { flow, inbound: Demuxer::new(), outbound: Demuxer::new() });
    }

    fn disconnect(&mut self) {
        self.queue.clear();
        self.connecting = None;
        let Some(mut connection) = self.connection.take() else { return };
        let (writer, now) = (&mut self.writer, self.now);
        let (c2s, s2c) = (Direction::ClientToServer, Direction::ServerToClient);
        pass_on(writer, now, &connection.flow, s2c, connection.inbound.close(), |_| ());
        pass_on(writer, now, &connection.flow, c2s, connection.outbound.close(), |_| ());
        tell(writer, now, &connection.flow, c2s, Payload::Closed(Close::Fin));
    }

    fn send(&mut self, bytes: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        let direction = Direction::ClientToServer;
        self.passed[connection.flow.id].0[direction.index()].extend_from_slice(bytes);
        pass_on(&mut self.writer, self.now, &connection.flow, direction, connection.outbound.feed(bytes), |_| ());
        let request = String::from_utf8_lossy(bytes);
        // Answers, and reports of what was received.
        if request.starts_with("RTSP/") || request.starts_with('$') {
            return;
        }
        let mut at = self.now;
        // What it was about to do it does at the same time.
        for Act { after, what } in self.server.asked(&request) {
            at = at + after;
            self.queue.push_back((at, what));
        }
        self.queue.make_contiguous().sort_by_key(|(at, _)| *at);
    }

    fn receive(&mut self, bytes: &[u8], session: &mut Reconnecting) {
        if let (Some(track), [b'$', _, _, _, payload @ ..]) = (self.opened.first(), bytes) {
            return session
                .handle(self.now, Input::Datagram { track: *track, path: UdpPath::of_server(6970), payload });
        }
        let Some(connection) = &mut self.connection else { return };
        let (now, direction) = (self.now, Direction::ServerToClient);
        self.passed[connection.flow.id].0[direction.index()].extend_from_slice(bytes);
        let understand = |pdu: &Pdu<'_>| session.handle(now, Input::Pdu(pdu));
        pass_on(&mut self.writer, now, &connection.flow, direction, connection.inbound.feed(bytes), understand);
        tell(&mut self.writer, now, &connection.flow, direction, Payload::ReadEnd);
    }

    fn closed(&mut self, close: Close, session: &mut Reconnecting) {
        self.queue.clear();
        let Some(mut connection) = self.connection.take() else { return };
        let (now, direction) = (self.now, Direction::ServerToClient);
        let understand = |pdu: &Pdu<'_>| session.handle(now, Input::Pdu(pdu));
        pass_on(&mut self.writer, now, &connection.flow, direction, connection.inbound.close(), understand);
        tell(&mut self.writer, now, &connection.flow, direction, Payload::Closed(close));
        session.handle(now, Input::Closed(close));
    }
}

fn tell(tap: &mut Writer<Vec<u8>>, at: Timestamp, flow: &Flow, direction: Direction, payload: Payload<'_>) {
    tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload }).expect("memory");
}

/// First on disk, then understood.
fn pass_on(
    tap: &mut Writer<Vec<u8>>,
    at: Timestamp,
    flow: &Flow,
    direction: Direction,
    mut pdus: Pdus<'_>,
    mut understand: impl FnMut(&Pdu<'_>),
) {
    while let Some(pdu) = pdus.next_pdu() {
        tell(tap, at, flow, direction, Payload::Pdu(&pdu));
        understand(&pdu);
    }
}
