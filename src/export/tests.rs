//! Tracks and views on dialogues made for it.

use std::io;

use super::*;
use crate::rtsp::demux::Demuxer;
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, Payload, Tap, TraceEvent};

const SDP: &str = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=Z0I=\r\n\
                   a=control:t0\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\na=fmtp:97 stereo=1\r\na=control:t1\r\n";

/// What was handed over: session, track, direction, RTCP, the last byte.
type Heard = (usize, Option<usize>, Direction, bool, u8);

#[derive(Default)]
struct Ear {
    heard: Vec<Heard>,
    versions: Vec<usize>,
}

impl MediaSink for Ear {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        let last = *packet.bytes.last().unwrap();
        self.heard.push((track.session, track.number, packet.direction, packet.rtcp, last));
        self.versions.push(track.version);
        Ok(())
    }
}

/// A connection, and the times at which something comes.
struct Talk<'a, T> {
    tap: &'a mut T,
    flow: Flow,
    now: i64,
}

impl<'a, T: Tap> Talk<'a, T> {
    fn new(tap: &'a mut T, session: usize) -> Self {
        let (client, server) = ("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:554".parse().unwrap());
        Self { tap, flow: Flow { id: session, session, url: String::new(), client, server }, now: 0 }
    }

    fn tell(&mut self, direction: Direction, payload: Payload<'_>) {
        self.now += 1_000_000;
        let at = Timestamp::from_nanos(self.now);
        self.tap.event(&TraceEvent { at, flow: &self.flow, direction, frame_number: None, payload }).unwrap();
    }

    fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        let mut demuxer = Demuxer::new();
        let mut pdus = demuxer.feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            self.tell(direction, Payload::Pdu(&pdu));
        }
    }

    fn client(&mut self, cseq: u32, request: &str, headers: &str) {
        let text = format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n");
        self.bytes(Direction::ClientToServer, text.as_bytes());
    }

    fn server(&mut self, cseq: u32, headers: &str, body: &str) {
        let text = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        self.bytes(Direction::ServerToClient, text.as_bytes());
    }

    /// An RTP packet with this last byte.
    fn rtp(&mut self, channel: u8, payload_type: u8, last: u8) {
        let packet = [0x80, payload_type, 0, last, 0, 0, 0, 0, 0, 0, 0, 7, 0x41, last];
        self.bytes(Direction::ServerToClient, &[&[b'$', channel, 0, 14][..], &packet].concat());
    }

    fn describe(&mut self, sdp: &str) {
        self.client(1, "DESCRIBE rtsp://h/x", "");
        self.server(1, "Content-Base: rtsp://h/x/\r\n", sdp);
    }

    fn ask(&mut self, cseq: u32, track: &str, channels: &str) {
        let transport = format!("Transport: RTP/AVP/TCP;interleaved={channels}\r\n");
        self.client(cseq, &format!("SETUP rtsp://h/x/{track}"), &transport);
    }

    fn set_up(&mut self, cseq: u32, track: &str, channels: &str) {
        self.ask(cseq, track, channels);
        self.server(cseq, &format!("Session: 1\r\nTransport: RTP/AVP/TCP;interleaved={channels}\r\n"), "");
    }
}

const S2C: Direction = Direction::ServerToClient;

mod parts;

#[test]
fn packets_find_their_tracks() {
    let mut tracks = Tracks::new(Selection::default(), Ear::default());
    let mut talk = Talk::new(&mut tracks, 0);
    talk.describe(SDP);
    talk.set_up(2, "t1", "0-1");
    talk.set_up(3, "t0", "2-3");
    talk.rtp(0, 97, 1);
    talk.rtp(2, 96, 2);
    talk.rtp(3, 0xc8, 3);
    talk.rtp(9, 26, 4);
    let (found, ear) = tracks.finish().unwrap();
    let expected = [
        (1, Some(1), S2C, false, 1),
        (1, Some(0), S2C, false, 2),
        (1, Some(0), S2C, true, 3),
        (1, None, S2C, false, 4),
    ];
    assert_eq!(ear.heard, expected);
    let names: Vec<String> = found.iter().map(Track::file_name).collect();
    assert_eq!(names, ["1-1", "1-0", "1-channel8"]);
    assert_eq!(found[1].flow.url, "rtsp://h/x");
}

/// As `analyze` does: answers alone describe and set up.
#[test]
fn of_answers_alone_the_tracks_are_known() {
    let mut tracks = Tracks::new(Selection::default(), Ear::default());
    let mut talk = Talk::new(&mut tracks, 0);
    talk.tell(S2C, Payload::OneDirection);
    talk.server(1, "Content-Type: application/sdp\r\n", SDP);
    for (cseq, channels) in [(2, "0-1"), (3, "2-3")] {
        talk.server(cseq, &format!("Session: 1\r\nTransport: RTP/AVP/TCP;interleaved={channels}\r\n"), "");
    }
    talk.rtp(0, 96, 1);
    talk.rtp(2, 97, 2);
    let (found, ear) = tracks.finish().unwrap();
    assert_eq!(ear.heard, [(1, Some(0), S2C, false, 1), (1, Some(1), S2C, false, 2)]);
    assert_eq!(found[0].media.formats[0].encoding.as_deref(), Some("H264"));
}

#[test]
fn media_before_the_answer_to_setup_wait_for_it() {
    let mut tracks = Tracks::new(Selection::default(), Ear::default());
    let mut talk = Talk::new(&mut tracks, 0);
    talk.describe(SDP);
    talk.ask(2, "t0", "0-1");
    talk.rtp(4, 96, 1);
    talk.rtp(4, 96, 2);
    talk.server(2, "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=4-5\r\n", "");
    talk.rtp(4, 96, 3);
    let heard = tracks.finish().unwrap().1.heard;
    assert_eq!(heard, [1, 2, 3].map(|last| (1, Some(0), S2C, false, last)));
}

#[test]
fn without_an_answer_they_come_at_the_end() {
    let mut tracks = Tracks::new(Selection::default(), Ear::default());
    let mut talk = Talk::new(&mut tracks, 0);
    talk.ask(2, "t0", "0-1");
    talk.rtp(0, 26, 1);
    assert_eq!(tracks.finish().unwrap().1.heard, [(1, None, S2C, false, 1)]);
}

#[test]
fn a_selection_leaves_out_the_others() {
    let mut tracks = Tracks::new(Selection { session: Some(2), track: Some(1) }, Ear::default());
    for session in 0..2 {
        let mut talk = Talk::new(&mut tracks, session);
        talk.describe(SDP);
        talk.set_up(2, "t0", "0-1");
        talk.set_up(3, "t1", "2-3");
        talk.rtp(0, 96, 1);
        talk.rtp(2, 97, 2);
    }
    assert!(tracks.saw_rtsp());
    assert_eq!(tracks.finish().unwrap().1.heard, [(2, Some(1), S2C, false, 2)]);
}

#[test]
fn a_new_description_is_a_new_version() {
    let mut tracks = Tracks::new(Selection::default(), Ear::default());
    let mut talk = Talk::new(&mut tracks, 0);
    talk.describe(SDP);
    talk.set_up(2, "t0", "0-1");
    talk.rtp(0, 96, 1);
    talk.describe(SDP);
    talk.rtp(0, 96, 2);
    talk.describe(&SDP.replace("Z0I=", "aM4="));
    talk.rtp(0, 96, 3);
    let (found, ear) = tracks.finish().unwrap();
    assert_eq!((ear.versions, found.len()), (vec![0, 0, 1], 1));
}

/// What a view writes.
#[derive(Default)]
struct Datagrams(Vec<(String, Vec<u8>)>);

impl Tap for Datagrams {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Payload::Datagram { from, to, payload, .. } = event.payload else { panic!("{event:?}") };
        self.0.push((format!("{from} {to}"), payload.to_vec()));
        Ok(())
    }
}

#[test]
fn a_view_announces_each_track_before_its_media() {
    let mut tracks = Tracks::new(Selection::default(), View::new(Datagrams::default()));
    let mut talk = Talk::new(&mut tracks, 0);
    talk.describe(SDP);
    talk.set_up(2, "t0", "0-1");
    talk.set_up(3, "t1", "2-3");
    talk.rtp(2, 97, 1);
    talk.rtp(0, 96, 2);
    talk.rtp(2, 97, 3);
    let written = tracks.finish().unwrap().1.into_inner().0;
    let routes: Vec<&str> = written.iter().map(|(route, _)| route.as_str()).collect();
    let announcement = "10.0.0.2:9875 224.2.127.254:9875";
    let media = ["10.0.0.2:40400 10.0.0.1:16384", "10.0.0.2:40402 10.0.0.1:16386"];
    assert_eq!(routes, [announcement, media[0], announcement, media[1], media[0]]);
    let (head, text) = written[0].1.split_at(8);
    assert_eq!(head, [0x20, 0, 0, 0, 10, 0, 0, 2]);
    let expected = "application/sdp\0v=0\r\no=- 1 0 IN IP4 10.0.0.2\r\ns=session 1 track 1 rtsp://h/x\r\n\
                    c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 16384 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n\
                    a=fmtp:97 stereo=1\r\n";
    assert_eq!(String::from_utf8_lossy(text), expected);
    assert!(!String::from_utf8_lossy(&written[2].1).contains("sprop"), "Wireshark would call it malformed");
}
