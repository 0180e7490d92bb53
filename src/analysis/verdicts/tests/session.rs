//! Made sessions, and the verdicts on them.

use std::io;

use crate::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use crate::rtsp::demux::{Demuxer, GapCause, Pdu, PduKind};
use crate::time::Timestamp;
use crate::trace::{ConnectionStall, Direction, Flow, Note, Payload, StallCause, Tap, TraceEvent, UdpPath};

pub(super) const MS: i64 = 1_000_000;
pub(super) const START: i64 = 1_800_000_000_000 * MS;
const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:0\r\n\
                   m=audio 0 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=control:1\r\n";

/// Verdicts as `track event verdict count`, and their details.
#[derive(Default)]
pub(super) struct Verdicts(pub(super) Vec<String>, pub(super) Vec<String>);

impl Sink for Verdicts {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if let Row::Verdict(row) = row {
            let track = row.track.map_or("-".to_owned(), |track| track.to_string());
            self.0.push(format!("{track} {} {} {}", row.event, row.verdict, row.count));
            self.1.push(row.detail.to_owned());
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        table == Table::Verdicts
    }
}

/// What passes at some time, in milliseconds.
#[derive(Clone, Debug)]
pub(super) enum Passing {
    /// Track, sequence number, milliseconds of its timestamp. Number 0 of the first track is a key frame.
    Packet(usize, u16, i64),
    /// A key frame of the first track.
    KeyFrame(u16, i64),
    /// Track, packets that it counts.
    Report(usize, u32),
    /// The client's word on a track: highest sequence number.
    Heard(usize, u32),
    /// The end of a track.
    Goodbye(usize),
    Note(Note),
    /// TCP did not move on for so many milliseconds before.
    Stall(StallCause, i64),
    /// Bytes that the capture lacks.
    Gap,
    /// A request of the client without its line end, and the answer's status.
    Ask(&'static str, u16),
    /// A key that is pressed instead of sound of the second track: sequence number, milliseconds of its timestamp.
    Key(u16, i64),
    /// A packet of the client's own sound.
    Backchannel(u16, i64),
}

/// A session under analysis.
pub(super) struct Session {
    pub(super) analyzer: Analyzer<Verdicts>,
    pub(super) flow: Flow,
    udp: bool,
    /// The tracks that are set up.
    tracks: Vec<usize>,
}

impl Session {
    pub(super) fn new(udp: bool) -> Self {
        Self::of(udp, &[0, 1])
    }

    /// With these tracks set up and played.
    pub(super) fn of(udp: bool, tracks: &[usize]) -> Self {
        let mut session = Self::silent(udp, tracks);
        session.dialogue();
        session
    }

    /// Of which nothing has passed yet.
    pub(super) fn silent(udp: bool, tracks: &[usize]) -> Self {
        let address = |text: &str| text.parse().unwrap();
        let flow = Flow {
            id: 0,
            session: 0,
            url: String::new(),
            client: address("10.0.0.1:50000"),
            server: address("10.0.0.2:554"),
        };
        let options = AnalyzerOptions { closely: true, ..AnalyzerOptions::default() };
        Self { analyzer: Analyzer::new(options, Verdicts::default()), flow, udp, tracks: tracks.to_vec() }
    }

    pub(super) fn event(&mut self, at: i64, direction: Direction, payload: Payload<'_>) {
        let at = Timestamp::from_nanos(START + at * MS);
        let event = TraceEvent { at, flow: &self.flow, direction, frame_number: Some(1), payload };
        self.analyzer.event(&event).unwrap();
    }

    pub(super) fn dialogue(&mut self) {
        let ask = |method: &str, path: &str, cseq: u32, more: &str| {
            format!("{method} rtsp://h/x/{path} RTSP/1.0\r\nCSeq: {cseq}\r\n{more}\r\n")
        };
        let answer = |cseq: u32, more: &str| format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{more}\r\n");
        let body = format!("Content-Base: rtsp://h/x/\r\nContent-Length: {}\r\n", SDP.len());
        self.say(-100, Direction::ClientToServer, &ask("DESCRIBE", "", 1, ""));
        self.say(-100, Direction::ServerToClient, &(answer(1, &body) + SDP));
        for track in self.tracks.clone() {
            let track = u32::try_from(track).unwrap();
            let transport = if self.udp {
                let (client, server) = (5000 + 2 * track, 6000 + 2 * track);
                format!(
                    "Transport: RTP/AVP;unicast;client_port={client}-{};server_port={server}-{}\r\n",
                    client + 1,
                    server + 1
                )
            } else {
                format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}\r\n", 2 * track, 2 * track + 1)
            };
            self.say(-100, Direction::ClientToServer, &ask("SETUP", &track.to_string(), 2 + track, &transport));
            self.say(-100, Direction::ServerToClient, &answer(2 + track, &transport));
        }
        self.say(-100, Direction::ClientToServer, &ask("PLAY", "", 4, ""));
        self.say(-100, Direction::ServerToClient, &answer(4, ""));
    }

    pub(super) fn pass(&mut self, at: i64, passing: &Passing) {
        match passing {
            Passing::Packet(track, number, media) => {
                let (payload_type, rate) = [(96, 90), (0, 8)][*track];
                let timestamp = u32::try_from(media * rate + 1_000_000).unwrap();
                let payload = match (track, number) {
                    (0, 0) => [0x65, 0x88],
                    (0, _) => [0x41, 0x9a],
                    _ => [0x55; 2],
                };
                let marker = if *track == 0 { 0x80 } else { 0 };
                let header = [&[0x80, marker | payload_type][..], &number.to_be_bytes(), &timestamp.to_be_bytes()];
                self.media(at, *track, false, &[&header.concat(), &[0, 0, 0, 7][..], &payload[..]].concat());
            }
            Passing::KeyFrame(number, media) => {
                let timestamp = u32::try_from(media * 90 + 1_000_000).unwrap();
                let header = [&[0x80, 0xe0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 7]];
                self.media(at, 0, false, &[&header.concat(), &[0x65, 0x88][..]].concat());
            }
            Passing::Report(track, packets) => {
                let words = [7, 0, 0, 0, *packets, 0].map(u32::to_be_bytes).concat();
                self.media(at, *track, true, &[&[0x80, 200, 0, 6][..], &words].concat());
            }
            Passing::Heard(track, highest) => {
                let words = [9, 7, 0, *highest, 3, 0, 0].map(u32::to_be_bytes).concat();
                self.media_from(
                    Direction::ClientToServer,
                    at,
                    *track,
                    true,
                    &[&[0x81, 201, 0, 7][..], &words].concat(),
                );
            }
            Passing::Goodbye(track) => self.media(at, *track, true, &[0x81, 203, 0, 1, 0, 0, 0, 7]),
            Passing::Note(note) => self.event(at, Direction::ServerToClient, Payload::Note(note)),
            Passing::Stall(cause, length) => {
                let [since, until] = [at - length, at].map(|at| Timestamp::from_nanos(START + at * MS));
                let stall = ConnectionStall { cause: *cause, since, until, round_trip: None };
                self.event(at, Direction::ServerToClient, Payload::Stall(&stall));
            }
            Passing::Gap => {
                let pdu = Pdu {
                    offset: 1,
                    raw: &[],
                    kind: PduKind::Gap { len: 9, cause: GapCause::NotCaptured, in_frame: true },
                };
                self.event(at, Direction::ServerToClient, Payload::Pdu(&pdu));
            }
            Passing::Ask(request, status) => {
                let cseq = 100 + at;
                let request = format!("{request}\r\nCSeq: {cseq}\r\nSession: 1\r\n\r\n");
                let answer = format!("RTSP/1.0 {status} So\r\nCSeq: {cseq}\r\nSession: 1\r\n\r\n");
                self.say(at, Direction::ClientToServer, &request);
                self.say(at, Direction::ServerToClient, &answer);
            }
            Passing::Key(number, media) => {
                let timestamp = u32::try_from(media * 8 + 1_000_000).unwrap();
                let header =
                    [&[0x80, 101][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 7, 5, 10, 3, 32]];
                self.media(at, 1, false, &header.concat());
            }
            Passing::Backchannel(number, media) => {
                let timestamp = u32::try_from(media * 8).unwrap();
                let header =
                    [&[0x80, 0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 9, 1]].concat();
                let pdu = Pdu { offset: 1, raw: &header, kind: PduKind::Interleaved { channel: 2, payload: &header } };
                self.event(at, Direction::ClientToServer, Payload::Pdu(&pdu));
            }
        }
    }

    /// What the server sends on a channel.
    pub(super) fn pass_on(&mut self, at: i64, channel: u8, payload: &[u8]) {
        let pdu = Pdu { offset: 1, raw: payload, kind: PduKind::Interleaved { channel, payload } };
        self.event(at, Direction::ServerToClient, Payload::Pdu(&pdu));
    }

    /// A message alone.
    pub(super) fn say(&mut self, at: i64, direction: Direction, text: &str) {
        let mut demuxer = Demuxer::new();
        let mut pdus = demuxer.feed(text.as_bytes());
        while let Some(pdu) = pdus.next_pdu() {
            self.event(at, direction, Payload::Pdu(&pdu));
        }
    }

    fn media(&mut self, at: i64, track: usize, rtcp: bool, payload: &[u8]) {
        self.media_from(Direction::ServerToClient, at, track, rtcp, payload);
    }

    fn media_from(&mut self, direction: Direction, at: i64, track: usize, rtcp: bool, payload: &[u8]) {
        let number = u16::try_from(2 * track).unwrap();
        if self.udp {
            let (from, to) = (self.flow.server, self.flow.client);
            self.event(
                at,
                direction,
                Payload::Datagram { path: UdpPath::of_server(6000 + number), from, to, payload, missing: 0 },
            );
        } else {
            let channel = u8::try_from(number).unwrap() + u8::from(rtcp);
            let pdu = Pdu { offset: 1, raw: payload, kind: PduKind::Interleaved { channel, payload } };
            self.event(at, direction, Payload::Pdu(&pdu));
        }
    }
}

/// The verdicts on what passes, with the tracks set up that are in it.
pub(super) fn verdicts(udp: bool, passing: &[(i64, Passing)]) -> Vec<String> {
    let is_in = |track: &usize| {
        passing.iter().any(|(_, passing)| {
            matches!(passing, Passing::Packet(of, ..) | Passing::Report(of, _) | Passing::Heard(of, ..) if of == track)
        })
    };
    verdicts_of(udp, &[0, 1].into_iter().filter(is_in).collect::<Vec<_>>(), passing)
}

/// The verdicts on what passes in a session of these tracks.
pub(super) fn verdicts_of(udp: bool, tracks: &[usize], passing: &[(i64, Passing)]) -> Vec<String> {
    let mut session = Session::of(udp, tracks);
    let mut passing = passing.to_vec();
    passing.sort_by_key(|(at, _)| *at);
    for (at, passing) in &passing {
        session.pass(*at, passing);
    }
    session.analyzer.finish().unwrap().0
}

/// A picture each 40 ms, or a packet of audio each 20 ms, and a report each second; for ten seconds.
pub(super) fn steady(track: usize) -> Vec<(i64, Passing)> {
    let step = [40, 20][track];
    let packets = (0..10_000 / step).map(|number| {
        let at = number * step;
        (at, Passing::Packet(track, u16::try_from(number).unwrap(), at))
    });
    // Each report counts what was sent before it.
    let reports = (1..10).map(|second| {
        let sent = u32::try_from((second * 1000 + 10) / step + 1).unwrap();
        (second * 1000 + 10, Passing::Report(track, sent))
    });
    packets.chain(reports).collect()
}

pub(super) fn both() -> Vec<(i64, Passing)> {
    [steady(0), steady(1)].concat()
}

/// Without the packets of the track whose numbers are in there.
pub(super) fn without(
    mut all: Vec<(i64, Passing)>,
    track: usize,
    numbers: std::ops::Range<u16>,
) -> Vec<(i64, Passing)> {
    all.retain(
        |(_, passing)| !matches!(passing, Passing::Packet(of, number, _) if *of == track && numbers.contains(number)),
    );
    all
}

/// What is due in the silence comes at its end; of this track, or of both.
pub(super) fn held(
    all: Vec<(i64, Passing)>,
    silence: std::ops::Range<i64>,
    track: Option<usize>,
) -> Vec<(i64, Passing)> {
    let is_held = |passing: &Passing| match passing {
        Passing::Packet(of, ..) | Passing::Report(of, _) => track.is_none_or(|track| track == *of),
        _ => false,
    };
    let hold = |(at, passing): (i64, Passing)| {
        let held = silence.contains(&at) && is_held(&passing);
        (if held { silence.end } else { at }, passing)
    };
    all.into_iter().map(hold).collect()
}
