//! RTP packets as they pass, reduced to what is compared.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::io;

use foldhash::quality::FixedState;

use crate::analysis::matching::Packet;
use crate::rtp::packet::{RtpPacket, is_rtcp};
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::session::Dialog;
use crate::session::dialog::MediaPath;
use crate::trace::{Payload, Tap, TraceEvent};

/// So much of a payload is in a recording without media as well; what follows is zero there.
const HEAD: usize = 16;

/// Bytes of memory for the dialogues of all sessions.
const MAX_DIALOGUES: usize = 16 << 20;

/// A tap that hands on each RTP packet. It follows the dialogues, which tell what is sent only to open a way through a NAT.
#[derive(Debug)]
pub struct Digests<F> {
    to: F,
    dialogs: HashMap<usize, Dialog>,
    /// Of a session without messages.
    silent: Dialog,
    /// Bytes of memory that the dialogues take.
    held: usize,
}

impl<F: FnMut(Packet) -> io::Result<()>> Digests<F> {
    /// Packets go to `to`.
    pub fn new(to: F) -> Self {
        Self { to, dialogs: HashMap::new(), silent: Dialog::new(), held: 0 }
    }

    /// A dialogue goes on. Where all of them are too long to keep, this one begins anew.
    #[cold]
    fn learn(&mut self, session: usize, more: impl FnOnce(&mut Dialog)) {
        let dialog = self.dialogs.entry(session).or_default();
        let before = dialog.held();
        more(dialog);
        self.held = (self.held + dialog.held()).saturating_sub(before);
        if self.held > MAX_DIALOGUES {
            self.held = self.held.saturating_sub(dialog.held());
            *dialog = Dialog::new();
        }
    }

    /// Whether a datagram is no media, as the analysis sees it.
    fn is_punch(&self, event: &TraceEvent<'_>, path: MediaPath, bytes: &[u8]) -> bool {
        // Frames do not pay for the look-up.
        if matches!(path, MediaPath::Channel(_)) {
            return false;
        }
        let dialog = self.dialogs.get(&event.flow.id).unwrap_or(&self.silent);
        dialog.is_punch(path, event.direction, bytes)
    }
}

impl<F: FnMut(Packet) -> io::Result<()>> Tap for Digests<F> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        match &event.payload {
            Payload::Pdu(Pdu { kind: PduKind::Message { head, body }, .. }) => {
                let message = Message::new(head, body);
                self.learn(event.flow.id, |dialog| {
                    if !message.is_http() {
                        dialog.observe(event.at, event.direction, &message);
                    }
                });
            }
            Payload::Described(given) => self.learn(event.flow.id, |dialog| dialog.given(given)),
            _ => {}
        }
        let Some((path, bytes, missing)) = MediaPath::of(&event.payload) else { return Ok(()) };
        if is_rtcp(bytes) || missing == 0 && self.is_punch(event, path, bytes) {
            return Ok(());
        }
        RtpPacket::parse_cut(bytes, missing).map_or(Ok(()), |packet| (self.to)(digest(event, &packet)))
    }
}

fn digest(event: &TraceEvent<'_>, packet: &RtpPacket<'_>) -> Packet {
    let payload = packet.payload();
    let (begin, rest) = payload.split_at_checked(HEAD).unwrap_or((payload, &[]));
    // A recording without media ends there, but for one byte that may count padding.
    let stripped = packet.is_cut() || rest.iter().all(|byte| *byte == 0);
    Packet {
        session: event.flow.id,
        direction: event.direction,
        ssrc: packet.ssrc(),
        seq: packet.sequence(),
        timestamp: packet.timestamp(),
        head: hash(&(packet.payload_len().unwrap_or(payload.len()), begin, packet.payload_type(), packet.marker())),
        body: (!stripped).then(|| hash(&rest)),
        at: event.at,
        frame_number: event.frame_number,
    }
}

/// The same in both captures.
fn hash(value: &impl Hash) -> u64 {
    FixedState::default().hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::trace::{Direction, Flow, UdpPath};

    const C: Direction = Direction::ClientToServer;
    const S: Direction = Direction::ServerToClient;

    /// The sequence numbers of what is handed on.
    fn handed_on(events: &[(Direction, &[u8])]) -> Vec<u16> {
        let (client, server) = ("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:554".parse().unwrap());
        let flow = Flow { id: 0, session: 0, url: String::new(), client, server };
        let path = UdpPath { server: 6000, client: 5000, ..UdpPath::default() };
        let mut handed_on = Vec::new();
        let mut digests = Digests::new(|packet: Packet| {
            handed_on.push(packet.seq);
            Ok(())
        });
        for (direction, bytes) in events {
            let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
            let (head, body) = bytes.split_at(head);
            let pdu = Pdu { offset: 0, raw: bytes, kind: PduKind::Message { head, body } };
            let payload = match head {
                [] => Payload::Datagram { path, from: client, to: server, payload: bytes, missing: 0 },
                _ => Payload::Pdu(&pdu),
            };
            let at = Timestamp::from_nanos(1);
            digests.event(&TraceEvent { at, flow: &flow, direction: *direction, frame_number: None, payload }).unwrap();
        }
        handed_on
    }

    fn rtp(payload_type: u8, seq: u8) -> Vec<u8> {
        [&[0x80, payload_type, 0, seq, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0x41; 100]].concat()
    }

    #[test]
    fn what_only_opens_a_way_is_not_compared() {
        let described = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\nm=video 0 RTP/AVP 96\r\na=control:t0\r\n";
        let set_up =
            b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nTransport: RTP/AVP;client_port=5000-5001;server_port=6000-6001\r\n\r\n";
        let before: [(Direction, &[u8]); 4] = [
            (C, b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
            (S, described),
            (C, b"SETUP rtsp://h/a/t0 RTSP/1.0\r\nCSeq: 2\r\n\r\n"),
            (S, set_up),
        ];
        // GStreamer's clients send what may look like RTP; the description tells that it is none.
        let (punch, media) = (rtp(33, 1), rtp(96, 2));
        let all = [&before[..], &[(C, &punch), (S, &media)]].concat();
        assert_eq!(handed_on(&all), [2]);
        // Without a dialogue nobody knows.
        assert_eq!(handed_on(&all[4..]), [1, 2]);
        // Who publishes sends media.
        let announce: (Direction, &[u8]) = (C, b"ANNOUNCE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        assert_eq!(handed_on(&[&[announce], &all[..]].concat()), [1, 2]);
    }
}
