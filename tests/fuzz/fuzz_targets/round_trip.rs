//! What a recording holds is what was said: events to pcapng and back. A byte for who speaks, two for the length.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use rtsp_rec::capture::{Source, Writer, WriterOptions};
use rtsp_rec::rtsp::demux::{Demuxer, Pdus};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Flow, Payload, Tap, TraceEvent};

#[derive(Default)]
struct Said([Vec<u8>; 2]);

impl Tap for Said {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if let (Payload::Pdu(pdu), Some(said)) = (event.payload, self.0.get_mut(event.direction.index())) {
            said.extend_from_slice(pdu.raw);
        }
        Ok(())
    }
}

struct Play<T> {
    flow: Flow,
    at: Timestamp,
    tap: T,
}

impl<T: Tap> Play<T> {
    fn tell(&mut self, direction: Direction, payload: Payload<'_>) {
        let Self { flow, at, tap } = self;
        tap.event(&TraceEvent { at: *at, flow, direction, frame_number: None, payload }).expect("memory takes all");
    }

    fn all(&mut self, direction: Direction, mut pdus: Pdus<'_>) {
        while let Some(pdu) = pdus.next_pdu() {
            self.tell(direction, Payload::Pdu(&pdu));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (client, server) = ("127.0.0.1:50001".parse(), "127.0.0.1:8600".parse());
    let (Ok(client), Ok(server)) = (client, server) else { return };
    let flow = Flow { id: 0, session: 0, url: "rtsp://camera:8600/live".to_owned(), client, server };
    let options = WriterOptions { keep_credentials: true, ..WriterOptions::default() };
    let writer = Writer::new(Vec::new(), options).expect("memory takes all");
    let mut play = Play { flow, at: Timestamp::from_nanos(1_795_332_904_000_000_001), tap: (writer, Said::default()) };
    let mut demuxers = [Demuxer::new(), Demuxer::new()];
    play.tell(Direction::ClientToServer, Payload::Opened { started: play.at, carrier: Encapsulation::default() });
    let mut rest = data;
    while let Some(([who, l0, l1], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*l0, *l1])).min(behind.len());
        let (bytes, behind) = behind.split_at(len);
        rest = behind;
        let direction = if who & 1 == 0 { Direction::ServerToClient } else { Direction::ClientToServer };
        play.at = play.at + std::time::Duration::from_micros(u64::from(*who));
        let Some(demuxer) = demuxers.get_mut(direction.index()) else { return };
        play.all(direction, demuxer.feed(bytes));
        play.tell(direction, Payload::ReadEnd);
    }
    for direction in [Direction::ServerToClient, Direction::ClientToServer] {
        let Some(demuxer) = demuxers.get_mut(direction.index()) else { return };
        play.all(direction, demuxer.close());
        play.tell(direction, Payload::Closed(Close::Fin));
    }
    let (writer, said) = play.tap;
    let file = writer.into_inner().expect("memory takes all");
    let mut read = Said::default();
    let end = Source::read(file.as_slice(), &mut read).expect("our own file is read");
    assert!(!end.cut);
    assert!(read.0 == said.0, "what is written reads back");
});
