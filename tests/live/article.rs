//! The article's own dialogue as a capture: a Python client of 2012 against Darwin Streaming Server. The messages are
//! those of `tests/dialogs/dss_article.txt`, at their times; the media stands in for that of the lost server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rtsp_rec::capture::{Writer, WriterOptions};
use rtsp_rec::rtsp::demux::Demuxer;
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Flow, Payload, Tap, TraceEvent};

use crate::recorder::Place;

/// What is said and sent: at which nanosecond, by whom.
type Said = (i64, Direction, Vec<u8>);

const START: i64 = 1_795_332_866_000_000_000;
/// RTP channel, payload type, SSRC, and timestamp units in a tenth of a second.
const TRACKS: [(u8, u8, u32, u32); 2] = [(0, 96, 0x587f_fa3b, 9000), (2, 97, 0x7397_cc5a, 800)];

/// Writes the capture; gives its file.
pub(crate) fn capture(place: &Place) -> PathBuf {
    let path = place.dir().join("article.pcapng");
    let file = File::create(&path).expect("the folder is writable");
    let mut writer = Writer::new(file, WriterOptions::default()).expect("short options");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs/dss_article.txt"));
    let mut said = messages(&text.expect("the transcript is there"));
    let end = said.last().expect("a TEARDOWN").0;
    said.extend((0..119).flat_map(|number| TRACKS.map(|track| frame(number, track))));
    said.sort_by_key(|(at, ..)| *at);
    let (client, server) = ("127.0.0.1:50001".parse().unwrap(), "127.0.0.1:5541".parse().unwrap());
    let flow = Flow { id: 0, session: 0, url: String::new(), client, server };
    let mut tell = |at: i64, direction, payload: Payload<'_>| {
        let at = Timestamp::from_nanos(START + at);
        writer
            .event(&TraceEvent { at, flow: &flow, direction, frame_number: None, payload })
            .expect("room on the disk");
    };
    tell(
        0,
        Direction::ClientToServer,
        Payload::Opened { started: Timestamp::from_nanos(START), carrier: Encapsulation::default() },
    );
    for (at, direction, bytes) in &said {
        let mut demuxer = Demuxer::new();
        let mut pdus = demuxer.feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            tell(*at, *direction, Payload::Pdu(&pdu));
        }
        drop(pdus);
        tell(*at, *direction, Payload::ReadEnd);
    }
    for direction in [Direction::ServerToClient, Direction::ClientToServer] {
        tell(end, direction, Payload::Closed(Close::Fin));
    }
    writer.flush().expect("room on the disk");
    path
}

/// The messages of a transcript with their times.
fn messages(text: &str) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let speaker = [("--- C->S t=", Direction::ClientToServer), ("--- S->C t=", Direction::ServerToClient)];
        let begins = speaker.iter().find_map(|(mark, direction)| Some((line.strip_prefix(mark)?, *direction)));
        if let Some((time, direction)) = begins {
            let millis: i64 = time.replace('.', "").parse().expect("seconds with three decimals");
            // Messages of one millisecond keep their order.
            let order = i64::try_from(said.len()).unwrap() * 1000;
            said.push((millis * 1_000_000 + order, direction, Vec::new()));
            open = true;
        } else if line.starts_with("--- ") {
            open = false;
        } else if let Some((.., bytes)) = said.last_mut().filter(|_| open) {
            bytes.extend_from_slice(line.replace("\\r", "\r").replace("\\n", "\n").as_bytes());
        }
    }
    said
}

/// An interleaved RTP frame, ten a second from the answer to PLAY on.
fn frame(number: u16, (channel, payload_type, ssrc, units): (u8, u8, u32, u32)) -> Said {
    let at = 10_000_000 + i64::from(number) * 100_000_000 + i64::from(channel);
    let head = [b'$', channel, 0, 112, 0x80, 0x80 | payload_type];
    let timestamp = (u32::from(number) * units).to_be_bytes();
    let bytes = [&head[..], &number.to_be_bytes(), &timestamp, &ssrc.to_be_bytes(), &[0; 100]].concat();
    (at, Direction::ServerToClient, bytes)
}
