//! Dialogues in the frames of a WebSocket.

use rtsp_rec::trace::Direction::{self, ClientToServer, ServerToClient};

use crate::wire::{GET, Said, Tcp, Wire};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const LAST: u8 = 0x80;

/// One frame (RFC 6455, section 5.2): the client's are masked.
pub(crate) fn frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
    let masked = if direction == ClientToServer { 0x80 } else { 0 };
    let len = payload.len();
    let mut frame = match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..=125), _) => vec![first, masked | short],
        (_, Ok(middle)) => [&[first, masked | 0x7e], &middle.to_be_bytes()[..]].concat(),
        _ => [&[first, masked | 0x7f], &(len as u64).to_be_bytes()[..]].concat(),
    };
    if masked == 0 {
        frame.extend(payload);
        return frame;
    }
    let mask = [0x9d, 0x02, u8::try_from(len % 251).unwrap(), 0x24];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// How a WebSocket carries a dialogue.
#[derive(Clone, Debug)]
pub(crate) struct WebSocket {
    pub(crate) protocol: &'static str,
    /// Into pieces of how many bytes messages are cut; not at all if empty.
    pub(crate) pieces: Vec<usize>,
    /// The pieces are frames of one message, not messages.
    pub(crate) fragments: bool,
    /// The opcode of messages.
    pub(crate) opcode: u8,
    /// A ping between all frames.
    pub(crate) pings: bool,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self { protocol: "rtsp.onvif.org", pieces: Vec::new(), fragments: false, opcode: BINARY, pings: false }
    }
}

impl WebSocket {
    pub(crate) fn open(&self, wire: &mut Wire) -> Tcp {
        let mut tcp = Tcp::open(wire, GET);
        let protocol = format!("Sec-WebSocket-Protocol: {}\r\n", self.protocol);
        let asked =
            format!("GET /av HTTP/1.1\r\nHost: c\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{protocol}\r\n");
        let opened =
            format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{protocol}\r\n");
        wire.send(&mut tcp, ClientToServer, asked.as_bytes());
        wire.send(&mut tcp, ServerToClient, opened.as_bytes());
        tcp
    }

    pub(crate) fn frames(&self, direction: Direction, mut bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut sizes) = (Vec::new(), self.pieces.iter().cycle());
        let mut opcode = self.opcode;
        while !bytes.is_empty() {
            let size = sizes.next().copied().unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(size);
            let last = if self.fragments && !rest.is_empty() { 0 } else { LAST };
            out.extend(frame(direction, last | opcode, piece));
            if self.pings {
                out.extend(frame(direction, LAST | PING, b"$\0\0\x08\x80abcdefg"));
            }
            opcode = if last == 0 { 0 } else { self.opcode };
            bytes = rest;
        }
        out
    }

    /// Sends a dialogue, each message a millisecond after the one before.
    pub(crate) fn carry(&self, wire: &mut Wire, said: &[Said]) {
        let mut tcp = self.open(wire);
        self.go_on(wire, &mut tcp, said);
    }

    pub(crate) fn go_on(&self, wire: &mut Wire, tcp: &mut Tcp, said: &[Said]) {
        for (direction, bytes) in said {
            wire.now += 1;
            wire.send(tcp, *direction, &self.frames(*direction, bytes));
        }
    }
}
