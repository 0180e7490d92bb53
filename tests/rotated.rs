//! A recording that begins a new file now and then: all its files together tell exactly what one file would have told,
//! and each of them alone holds the dialogues that its media needs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::io;

use proptest::prelude::*;
use rtsp_rec::capture::{BlockSink, Source, Writer, WriterOptions};
use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Flow, Note, Payload, Tap, TraceEvent, UdpPath};

/// The files of a recording.
#[derive(Default)]
struct Files(Vec<Vec<u8>>);

impl BlockSink for Files {
    fn take(&mut self, blocks: &mut Vec<u8>) -> io::Result<()> {
        self.0.last_mut().unwrap().append(blocks);
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.0.push(Vec::new());
        Ok(())
    }
}

/// What happens, at which millisecond, in which session.
#[derive(Clone, Debug)]
enum Step {
    Frames(Vec<Vec<u8>>),
    Datagram(Vec<u8>),
    KeepAlive,
    /// The file is full.
    Rotate,
}

/// A session: how it gets its media, and the steps that it takes.
#[derive(Clone, Debug)]
struct Session {
    udp: bool,
    login: bool,
    steps: Vec<Step>,
    close: Close,
}

fn rtp(seq: u16, len: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 3000).to_be_bytes());
    packet.extend([1, 2, 3, 4]);
    packet.resize(12 + len, 0x24);
    packet
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..5).prop_map(Step::Frames),
        2 => prop::collection::vec(any::<u8>(), 0..300).prop_map(Step::Datagram),
        1 => Just(Step::KeepAlive),
        2 => Just(Step::Rotate),
    ]
}

fn session() -> impl Strategy<Value = Session> {
    let close = prop_oneof![Just(Close::Fin), Just(Close::Reset)];
    (any::<bool>(), any::<bool>(), prop::collection::vec(step(), 0..20), close)
        .prop_map(|(udp, login, steps, close)| Session { udp, login, steps, close })
}

/// A session under way.
struct Stage {
    flow: Flow,
    demuxers: [Demuxer; 2],
    seq: u16,
    cseq: u32,
}

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;

impl Stage {
    fn new(id: usize) -> Self {
        let address = |host: usize, port| format!("10.0.0.{host}:{port}").parse().unwrap();
        let (client, server) = (address(1, 50_000), address(id + 2, 554));
        let flow = Flow { id, session: id, url: format!("rtsp://cam{id}/x"), client, server };
        Self { flow, demuxers: [Demuxer::new(), Demuxer::new()], seq: 65_530, cseq: 0 }
    }

    fn tell(&mut self, tap: &mut dyn Tap, at: Timestamp, direction: Direction, payload: Payload<'_>) {
        tap.event(&TraceEvent { at, flow: &self.flow, direction, frame_number: None, payload }).unwrap();
    }

    fn send(&mut self, tap: &mut dyn Tap, at: Timestamp, direction: Direction, bytes: &[u8]) {
        let Self { demuxers, flow, .. } = self;
        let mut pdus = demuxers[direction.index()].feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload: Payload::Pdu(&pdu) }).unwrap();
        }
        drop(pdus);
        self.tell(tap, at, direction, Payload::ReadEnd);
    }

    fn ask(&mut self, tap: &mut dyn Tap, at: Timestamp, method: &str, status: u16, header: &str, body: &str) {
        self.cseq += 1;
        let (cseq, length) = (self.cseq, body.len());
        let asked = if method == "SETUP" { header.trim_end().split(";server").next().unwrap() } else { "" };
        let line_end = if asked.is_empty() { "" } else { "\r\n" };
        let request = format!("{method} rtsp://cam/x RTSP/1.0\r\nCSeq: {cseq}\r\n{asked}{line_end}\r\n");
        self.send(tap, at, C2S, request.as_bytes());
        let answer = format!(
            "RTSP/1.0 {status} X\r\nCSeq: {cseq}\r\nSession: 7\r\n{header}Content-Length: {length}\r\n\r\n{body}"
        );
        self.send(tap, at, S2C, answer.replace("\r\n\r\n\r\n", "\r\n\r\n").as_bytes());
    }

    /// Where the client of this session gets its media: all are on one host.
    fn media_port(&self) -> u16 {
        5000 + 2 * u16::try_from(self.flow.id).unwrap()
    }

    /// From the connection to PLAY.
    fn begin(&mut self, tap: &mut dyn Tap, at: Timestamp, session: &Session) {
        self.tell(tap, at, C2S, Payload::Opened { started: at, carrier: Encapsulation::default() });
        self.ask(tap, at, "OPTIONS", 200, "Public: DESCRIBE\r\n", "");
        if session.login {
            self.ask(tap, at, "DESCRIBE", 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
        }
        let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:a\r\n";
        self.ask(tap, at, "DESCRIBE", 200, "Content-Type: application/sdp\r\n", sdp);
        let transport = if session.udp {
            let port = self.media_port();
            format!("Transport: RTP/AVP;unicast;client_port={port}-{};server_port=6000-6001\r\n", port + 1)
        } else {
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n".to_owned()
        };
        self.ask(tap, at, "SETUP", 200, &transport, "");
        self.ask(tap, at, "PLAY", 200, "RTP-Info: url=a;seq=0\r\n", "");
    }

    fn step(&mut self, tap: &mut dyn Tap, at: Timestamp, step: &Step) {
        match step {
            Step::Frames(frames) => {
                let mut bytes = Vec::new();
                for frame in frames {
                    let packet = rtp(self.seq, frame.len());
                    self.seq = self.seq.wrapping_add(1);
                    bytes.extend([b'$', 0]);
                    bytes.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
                    bytes.extend(packet);
                }
                self.send(tap, at, S2C, &bytes);
            }
            Step::Datagram(payload) => {
                let packet = rtp(self.seq, payload.len());
                self.seq = self.seq.wrapping_add(1);
                let (from, to) =
                    ((self.flow.server.ip(), 6000).into(), (self.flow.client.ip(), self.media_port()).into());
                self.tell(
                    tap,
                    at,
                    S2C,
                    Payload::Datagram { path: UdpPath::of_server(6000), from, to, payload: &packet, missing: 0 },
                );
            }
            Step::KeepAlive => self.ask(tap, at, "OPTIONS", 200, "", ""),
            Step::Rotate => {}
        }
    }

    fn end(&mut self, tap: &mut dyn Tap, at: Timestamp, close: Close) {
        self.ask(tap, at, "TEARDOWN", 200, "", "");
        self.tell(tap, at, S2C, Payload::Closed(close));
        if close == Close::Fin {
            self.tell(tap, at, C2S, Payload::Closed(close));
        }
    }
}

/// What the sessions do in turns goes to `tap`; `rotate` is called where a file is full.
fn perform(sessions: &[Session], tap: &mut dyn Tap, rotate: &mut dyn FnMut(Timestamp)) {
    let longest = sessions.iter().map(|session| session.steps.len()).max().unwrap_or(0);
    let mut stages: Vec<Stage> = (0..sessions.len()).map(Stage::new).collect();
    for turn in 0..longest + 2 {
        for ((number, session), stage) in sessions.iter().enumerate().zip(&mut stages) {
            let at = Timestamp::from_nanos(i64::try_from((turn * 10 + number) * 1_000_000).unwrap());
            let step = turn.checked_sub(1).and_then(|step| session.steps.get(step));
            match step {
                None if turn == 0 => stage.begin(tap, at, session),
                None if turn == session.steps.len() + 1 => stage.end(tap, at, session.close),
                None => {}
                Some(step) => stage.step(tap, at, step),
            }
            if matches!(step, Some(Step::Rotate)) {
                rotate(at);
            }
        }
    }
}

/// An event as it reads back, without its number in the file.
#[derive(Debug, PartialEq)]
struct Event {
    at: Timestamp,
    flow: Flow,
    direction: Direction,
    what: String,
}

#[derive(Default)]
struct Collector(Vec<Event>);

impl Tap for Collector {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if !matches!(event.payload, Payload::Note(Note::Repeated { .. })) {
            let (at, flow, direction) = (event.at, event.flow.clone(), event.direction);
            self.0.push(Event { at, flow, direction, what: format!("{:?}", event.payload) });
        }
        Ok(())
    }
}

fn read_parts(files: &[Vec<u8>]) -> Vec<Event> {
    let (mut source, mut read) = (Source::new(), Collector::default());
    for file in files {
        source.read_part(file.as_slice(), &mut read).unwrap();
    }
    source.finish(&mut read).unwrap();
    read.0
}

/// The recording as one file, and as several.
fn record(sessions: &[Session]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let options = || WriterOptions { rotates: true, ..WriterOptions::default() };
    let mut whole = Writer::new(Vec::new(), options()).unwrap();
    perform(sessions, &mut whole, &mut |_| ());
    let mut split = Writer::new(Files(vec![Vec::new()]), options()).unwrap();
    // Rotation needs the writer itself, which the tap is.
    let cell = std::cell::RefCell::new(&mut split);
    let mut tap = Shared(&cell);
    perform(sessions, &mut tap, &mut |at| cell.borrow_mut().rotate(at).unwrap());
    (whole.into_inner().unwrap(), split.into_inner().unwrap().0)
}

struct Shared<'a, 'w>(&'a std::cell::RefCell<&'w mut Writer<Files>>);

impl Tap for Shared<'_, '_> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.0.borrow_mut().event(event)
    }
}

/// What a file alone tells of a session.
#[derive(Default)]
struct Alone {
    described: bool,
    set_up: bool,
    media: usize,
    odd: usize,
}

#[derive(Default)]
struct Standing(Vec<(String, Alone)>);

impl Tap for Standing {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let url = event.flow.server.to_string();
        let place = self.0.iter().position(|(known, _)| *known == url).unwrap_or_else(|| {
            self.0.push((url, Alone::default()));
            self.0.len() - 1
        });
        let alone = &mut self.0[place].1;
        match event.payload {
            Payload::Pdu(pdu) => match pdu.kind {
                PduKind::Message { head, .. } => {
                    let head = String::from_utf8_lossy(head);
                    alone.described |= head.contains("application/sdp");
                    alone.set_up |= head.contains("RTSP/1.0 200") && head.contains("Transport:");
                }
                PduKind::Interleaved { .. } => alone.media += 1,
                PduKind::CutFrame { .. } | PduKind::Junk | PduKind::Gap { .. } => alone.odd += 1,
            },
            Payload::Datagram { .. } => alone.media += 1,
            _ => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn all_files_together_tell_what_one_would(sessions in prop::collection::vec(session(), 1..4)) {
        let (whole, files) = record(&sessions);
        let rotations: usize =
            sessions.iter().flat_map(|session| &session.steps).filter(|step| matches!(step, Step::Rotate)).count();
        prop_assert_eq!(files.len(), rotations + 1);
        prop_assert_eq!(read_parts(&files), read_parts(std::slice::from_ref(&whole)));
    }

    #[test]
    fn each_file_stands_alone(sessions in prop::collection::vec(session(), 1..4)) {
        let (whole, files) = record(&sessions);
        let mut media = 0;
        for file in &files {
            let mut standing = Standing::default();
            Source::read(file.as_slice(), &mut standing).unwrap();
            for (url, alone) in standing.0 {
                prop_assert_eq!(alone.odd, 0, "{}", url);
                prop_assert!(alone.media == 0 || (alone.described && alone.set_up), "{}", url);
                media += alone.media;
            }
        }
        let mut all = Standing::default();
        Source::read(whole.as_slice(), &mut all).unwrap();
        prop_assert_eq!(media, all.0.iter().map(|(_, alone)| alone.media).sum::<usize>());
    }
}
