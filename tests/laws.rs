//! Laws that hold for any input: nothing is lost, nothing panics.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::io;
use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::{Source, Writer, WriterOptions};
use rtsp_rec::rtsp::demux::{CaptureGap, Demuxer, GapCause, Pdu, PduKind, Pdus};
use rtsp_rec::session::script::{ScriptBuilder, ScriptOptions};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Flow, Note, Payload, Tap, TraceEvent};

/// A PDU without its borrow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    offset: u64,
    raw: Vec<u8>,
    kind: String,
}

impl Owned {
    fn of(pdu: &Pdu<'_>) -> Self {
        let kind = match pdu.kind {
            PduKind::Message { head, body } => format!("message {}+{}", head.len(), body.len()),
            PduKind::Interleaved { channel, payload } => format!("channel {channel}, {}", payload.len()),
            PduKind::Junk => "junk".to_owned(),
            PduKind::CutFrame { channel, payload, missing } => format!("cut {channel}, {}+{missing}", payload.len()),
            PduKind::Gap { len, .. } => format!("gap {len}"),
        };
        Self { offset: pdu.offset, raw: pdu.raw.to_vec(), kind }
    }
}

/// Adds a PDU; junk right behind junk is joined to it.
fn push(pdus: &mut Vec<Owned>, pdu: &Pdu<'_>) {
    match pdus.last_mut() {
        Some(last) if last.kind == "junk" && pdu.kind == PduKind::Junk => last.raw.extend_from_slice(pdu.raw),
        _ => pdus.push(Owned::of(pdu)),
    }
}

fn drain(mut pdus: Pdus<'_>, into: &mut Vec<Owned>) {
    while let Some(pdu) = pdus.next_pdu() {
        push(into, &pdu);
    }
}

fn demux(stream: &[u8], cuts: &[usize]) -> Vec<Owned> {
    let (mut demuxer, mut pdus, mut from) = (Demuxer::new(), Vec::new(), 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.sort_unstable();
    for to in cuts.into_iter().chain([stream.len()]) {
        drain(demuxer.feed(&stream[from..to]), &mut pdus);
        from = to;
    }
    drain(demuxer.close(), &mut pdus);
    pdus
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    (0u8..6, vec(any::<u8>(), 0..80), any::<bool>()).prop_map(|(channel, mut payload, rtp)| {
        if rtp && payload.len() > 2 {
            (payload[0], payload[1]) = (0x80, 96);
        }
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [vec![b'$', channel], length.to_vec(), payload].concat()
    })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("RTSP/1.0 200 OK"),
        Just("RTSP/1.0 404"),
        Just("OPTIONS * RTSP/1.0"),
        Just("SETUP rtsp://h/a/trackID=1 RTSP/1.0"),
    ];
    (line, prop_oneof![Just("\r\n"), Just("\n")], vec("[A-Za-z-]{1,9}: [ -~]{0,20}", 0..4), "[a-z=\r\n]{0,30}")
        .prop_map(|(line, end, fields, body)| {
            let fields: String = fields
                .into_iter()
                .filter(|field| !field.to_ascii_lowercase().starts_with("content-length"))
                .map(|field| field + end)
                .collect();
            format!("{line}{end}{fields}Content-Length: {}{end}{end}{body}", body.len()).into_bytes()
        })
}

/// Bytes as a session may hold them: messages, frames, garbage, pieces of the former.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![4 => frame(), 2 => message()];
    let part = (whole, any::<prop::sample::Index>()).prop_map(|(bytes, cut)| bytes[..=cut.index(bytes.len())].to_vec());
    let piece = prop_oneof![
        6 => prop_oneof![4 => frame(), 2 => message()],
        1 => part,
        1 => vec(any::<u8>(), 0..40),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"$$$$RTSP/".to_vec()),
    ];
    vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_demuxer_is_lossless(stream in stream(), cuts in vec(any::<usize>(), 0..20)) {
        let pdus = demux(&stream, &cuts);
        let mut position = 0;
        for pdu in &pdus {
            prop_assert_eq!(pdu.offset, position as u64);
            position += pdu.raw.len();
        }
        prop_assert_eq!(pdus.into_iter().flat_map(|pdu| pdu.raw).collect::<Vec<_>>(), stream);
    }

    #[test]
    fn chunks_make_no_difference(stream in stream(), cuts in vec(any::<usize>(), 0..20)) {
        prop_assert_eq!(demux(&stream, &cuts), demux(&stream, &[]));
    }

    #[test]
    fn single_bytes_make_no_difference(stream in stream()) {
        let cuts: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(demux(&stream, &cuts), demux(&stream, &[]));
    }

    #[test]
    fn what_is_whole_is_found(pieces in vec(prop_oneof![3 => frame(), 1 => message()], 0..16)) {
        let found: Vec<Vec<u8>> = demux(&pieces.concat(), &[]).into_iter().map(|pdu| pdu.raw).collect();
        prop_assert_eq!(found, pieces);
    }

    #[test]
    fn gaps_keep_the_positions(stream in stream(), at in any::<usize>(), len in 1u64..5000, snap: bool) {
        let (front, back) = stream.split_at(at % (stream.len() + 1));
        let (mut demuxer, mut pdus) = (Demuxer::new(), Vec::new());
        drain(demuxer.feed(front), &mut pdus);
        let cause = if snap { GapCause::SnapLength } else { GapCause::NotCaptured };
        drain(demuxer.skip(CaptureGap { len, cause }), &mut pdus);
        drain(demuxer.feed(back), &mut pdus);
        drain(demuxer.close(), &mut pdus);
        prop_assert_eq!(pdus.iter().filter(|pdu| pdu.kind == format!("gap {len}")).count(), 1);
        prop_assert_eq!(demuxer.offset(), stream.len() as u64 + len);
        prop_assert_eq!(pdus.into_iter().flat_map(|pdu| pdu.raw).collect::<Vec<_>>(), stream);
    }
}

/// An event without its borrow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    at: Timestamp,
    direction: Direction,
    client: SocketAddr,
    server: SocketAddr,
    url: String,
    what: Result<Owned, Option<Close>>,
}

/// Keeps PDUs and ends of connections.
#[derive(Default)]
struct Collector(Vec<Event>);

impl Tap for Collector {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let what = match event.payload {
            Payload::Pdu(pdu) => Ok(Owned::of(pdu)),
            Payload::Closed(close) => Err(Some(close)),
            Payload::Opened { .. } => Err(None),
            _ => return Ok(()),
        };
        let Flow { client, server, url, .. } = event.flow.clone();
        self.0.push(Event { at: event.at, direction: event.direction, client, server, url, what });
        Ok(())
    }
}

/// What a client and a server said on one connection: who, and what one read brought.
fn conversation() -> impl Strategy<Value = Vec<(Direction, Vec<u8>)>> {
    let direction = prop_oneof![1 => Just(Direction::ClientToServer), 3 => Just(Direction::ServerToClient)];
    vec((direction, stream()), 0..12)
}

fn tell(tap: &mut impl Tap, flow: &Flow, at: Timestamp, direction: Direction, payload: Payload<'_>) {
    tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload }).unwrap();
}

/// Plays a conversation to a tap, as the event loop does.
fn play(conversation: &[(Direction, Vec<u8>)], flow: &Flow, tap: &mut impl Tap) {
    let mut demuxers = [Demuxer::new(), Demuxer::new()];
    let mut at = Timestamp::from_nanos(1_795_332_904_000_000_001);
    tell(tap, flow, at, Direction::ClientToServer, Payload::Opened { started: at, carrier: Encapsulation::default() });
    for (direction, bytes) in conversation {
        at = at + std::time::Duration::from_nanos(1_000_003);
        let mut pdus = demuxers[direction.index()].feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            tell(tap, flow, at, *direction, Payload::Pdu(&pdu));
        }
        drop(pdus);
        tell(tap, flow, at, *direction, Payload::ReadEnd);
    }
    for direction in [Direction::ServerToClient, Direction::ClientToServer] {
        let mut pdus = demuxers[direction.index()].close();
        while let Some(pdu) = pdus.next_pdu() {
            tell(tap, flow, at, direction, Payload::Pdu(&pdu));
        }
        drop(pdus);
        tell(tap, flow, at, direction, Payload::Closed(Close::Fin));
    }
}

fn flow(ipv6: bool) -> Flow {
    let (client, server) = if ipv6 { ("[::1]:50001", "[::1]:8600") } else { ("127.0.0.1:50001", "127.0.0.1:8600") };
    let url = "rtsp://camera:8600/live".to_owned();
    Flow { id: 0, session: 0, url, client: client.parse().unwrap(), server: server.parse().unwrap() }
}

fn capture(conversation: &[(Direction, Vec<u8>)], ipv6: bool) -> Vec<u8> {
    let options = WriterOptions { keep_credentials: true, ..WriterOptions::default() };
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    play(conversation, &flow(ipv6), &mut writer);
    writer.into_inner().unwrap()
}

/// Wants every table.
struct Everything;

impl Sink for Everything {
    fn row(&mut self, _: &Row<'_>) -> io::Result<()> {
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// A lost demuxer decides by what follows, which in a capture comes with the next packet: a direction with junk in it
/// is compared without times. Each direction is for itself.
fn comparable(events: Vec<Event>) -> Vec<Event> {
    let mut events = joined(events);
    events.sort_by_key(|event| event.direction);
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        let own: Vec<&mut Event> = events.iter_mut().filter(|event| event.direction == direction).collect();
        if own.iter().any(|event| matches!(&event.what, Ok(pdu) if pdu.kind == "junk")) {
            for event in own {
                event.at = Timestamp::default();
            }
        }
    }
    events
}

/// Junk behind junk as one event.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        let same = joined.iter_mut().rev().find(|last| last.direction == event.direction);
        match (same.map(|last| &mut last.what), &event.what) {
            (Some(Ok(last)), Ok(new)) if last.kind == "junk" && new.kind == "junk" => {
                last.raw.extend_from_slice(&new.raw);
            }
            _ => joined.push(event),
        }
    }
    joined
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_reads_back(conversation in conversation(), ipv6: bool) {
        let mut said = Collector::default();
        play(&conversation, &flow(ipv6), &mut said);
        let mut read = Collector::default();
        let file = capture(&conversation, ipv6);
        let end = Source::read(file.as_slice(), &mut read).unwrap();
        prop_assert!(!end.cut);
        prop_assert_eq!(comparable(read.0), comparable(said.0));
    }

    #[test]
    fn a_capture_cut_anywhere_is_read_up_to_there(conversation in conversation(), cut in any::<prop::sample::Index>()) {
        let file = capture(&conversation, false);
        let whole = Source::read(file.as_slice(), &mut ()).unwrap().packets;
        let part = &file[..cut.index(file.len())];
        match Source::read(part, &mut ()) {
            Ok(end) => prop_assert!(end.packets <= whole),
            // Without its section header it is no capture.
            Err(error) => prop_assert!(part.len() < 200, "{error}"),
        }
    }

    #[test]
    fn no_bytes_panic_the_reader(bytes in vec(any::<u8>(), 0..600)) {
        let _ = Source::read(bytes.as_slice(), &mut ());
    }

    #[test]
    fn no_damage_panics_the_analysis(
        conversation in conversation(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut file = capture(&conversation, false);
        for (place, value) in damage {
            let at = place.index(file.len());
            file[at] = value;
        }
        let mut tap = (Analyzer::new(AnalyzerOptions::default(), Everything), ScriptBuilder::new(ScriptOptions::default()));
        let _ = Source::read(file.as_slice(), &mut tap);
        let _ = tap.0.finish();
        let _ = tap.1.finish();
    }
}

/// Notes and the bytes of PDUs, in their order.
#[derive(Default)]
struct Noted(Vec<Result<Vec<u8>, Note>>);

impl Tap for Noted {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        match event.payload {
            Payload::Pdu(pdu) => self.0.push(Ok(pdu.raw.to_vec())),
            Payload::Note(note) => self.0.push(Err(*note)),
            Payload::Closed(_) => self.0.push(Ok(Vec::new())),
            _ => {}
        }
        Ok(())
    }
}

fn note() -> impl Strategy<Value = Note> {
    prop_oneof![
        any::<u64>().prop_map(|datagrams| Note::KernelDrops { datagrams }),
        (0..1_000_000_000u64, any::<u64>(), any::<bool>()).prop_map(|(micros, unread, with_span)| {
            let lag = std::time::Duration::from_micros(micros);
            let span = with_span.then(|| (Timestamp::from_nanos(0), Timestamp::from_nanos(0) + lag));
            Note::Late { lag, unread, span }
        }),
        any::<u64>().prop_map(|segments| Note::OutOfOrder {
            waited: std::time::Duration::ZERO,
            segments,
            retransmitted: 1
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn notes_come_back_before_what_they_concern(
        frames in vec((vec(note(), 0..3), prop_oneof![frame(), message()]), 1..20),
        last in vec(note(), 0..2),
    ) {
        // What looks like a login would be masked, which tests/secrets.rs looks at.
        let options = WriterOptions { keep_credentials: true, ..WriterOptions::default() };
        let (mut written, mut writer) = (Noted::default(), Writer::new(Vec::new(), options).unwrap());
        let mut both = (&mut written, &mut writer);
        let (flow, at, to_client) = (flow(false), Timestamp::from_nanos(1), Direction::ServerToClient);
        tell(&mut both, &flow, at, Direction::ClientToServer, Payload::Opened { started: at, carrier: Encapsulation::default() });
        let mut demuxer = Demuxer::new();
        for (notes, bytes) in &frames {
            for note in notes {
                tell(&mut both, &flow, at, to_client, Payload::Note(note));
            }
            let mut pdus = demuxer.feed(bytes);
            while let Some(pdu) = pdus.next_pdu() {
                tell(&mut both, &flow, at, to_client, Payload::Pdu(&pdu));
            }
        }
        for note in &last {
            tell(&mut both, &flow, at, to_client, Payload::Note(note));
        }
        tell(&mut both, &flow, at, to_client, Payload::Closed(Close::Fin));
        let mut read = Noted::default();
        Source::read(writer.into_inner().unwrap().as_slice(), &mut read).unwrap();
        prop_assert_eq!(read.0, written.0);
    }
}
