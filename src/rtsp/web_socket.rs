//! The frames of a WebSocket (RFC 6455, section 5) as a client meets them: what the server's data frames carry, joined, is
//! a stream of RTSP. And the handshake that ONVIF's Streaming Specification asks for (*RTSP over WebSocket*).
//!
//! Own code: frames come in pieces from a socket that does not block, are unpacked in place, and captures are searched for
//! their headers. tungstenite 0.30 (17 crates without its handshake) reads whole messages out of a stream of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::fields::{be16, be64};
use crate::rtsp::message::Message;
use crate::rtsp::upgrade::opens_web_socket;

/// The longest header: two bytes, a length of 64 bits, a mask.
pub(crate) const MAX_HEADER: usize = 14;
/// The longest payload of a control frame (section 5.5).
const MAX_CONTROL: u64 = 125;
/// The bit of a header that says that a mask follows.
const MASKED: u8 = 0x80;
/// What a server adds to the client's key (section 1.3).
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of payload.
    pub(crate) len: u64,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) opcode: u8,
    /// Its message ends with it.
    pub(crate) last: bool,
    /// The first reserved bit (RFC 7692, section 6).
    pub(crate) compressed: bool,
}

/// What bytes at the start of a header tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    /// The header, and how many bytes it has.
    Whole(FrameHeader, usize),
    /// More bytes are needed.
    Cut,
    /// That is no frame.
    Not,
}

impl FrameHeader {
    /// Pings, their answers, and the end.
    pub(crate) fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }

    /// A header at the start of `bytes`.
    pub(crate) fn read(bytes: &[u8]) -> HeaderRead {
        let Some(first) = bytes.first() else { return HeaderRead::Cut };
        let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
        let control = opcode & 8 != 0;
        // Reserved bits but the one of compression, reserved opcodes, control frames in pieces (sections 5.2 and 5.4).
        if first & 0x30 != 0 || !matches!(opcode, 0..=2 | 8..=10) || control && (!last || first & 0x40 != 0) {
            return HeaderRead::Not;
        }
        let Some(second) = bytes.get(1) else { return HeaderRead::Cut };
        let (len, behind) = match second & 0x7f {
            126 => (be16(bytes, 2).map(u64::from), 4),
            127 => (be64(bytes, 2), 10),
            len => (Some(u64::from(len)), 2),
        };
        let Some(len) = len else { return HeaderRead::Cut };
        // The length has as few bytes as it needs (section 5.2).
        let shortest = match behind {
            4 => len > MAX_CONTROL,
            10 => len > u64::from(u16::MAX) && len >> 63 == 0,
            _ => true,
        };
        if !shortest || control && len > MAX_CONTROL {
            return HeaderRead::Not;
        }
        let (mask, end) = if second & 0x80 == 0 {
            (None, behind)
        } else {
            let mask = bytes.get(behind..).and_then(|rest| rest.first_chunk());
            let Some(mask) = mask else { return HeaderRead::Cut };
            (Some(*mask), behind + 4)
        };
        HeaderRead::Whole(Self { len, mask, opcode, last, compressed: first & 0x40 != 0 }, end)
    }
}

/// A whole frame with these bytes, masked as a client has to (section 5.3).
pub(crate) fn client_frame(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => frame.push(MASKED | len),
        (_, Ok(len)) => {
            frame.push(MASKED | 0x7e);
            frame.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | 0x7f);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Opcodes of section 5.2.
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// What the server's frames come to.
#[derive(Debug, Default)]
pub(crate) struct ServerFrames {
    /// The beginning of a header.
    header: Vec<u8>,
    /// The frame whose payload comes.
    frame: Option<FrameHeader>,
    /// The payload of a control frame, so far.
    control: Vec<u8>,
    /// What pings said that wait for their answer; the latest counts (section 5.5.3).
    ping: Option<Vec<u8>>,
    closed: bool,
}

/// The bytes are no frames of a server that was asked for no compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoFrame;

impl ServerFrames {
    /// Takes what came, and moves what data frames carry to the front of it: how many bytes that are. What is no frame
    /// ends it, as nobody can tell where the next one would begin.
    pub(crate) fn unpack(&mut self, bytes: &mut [u8]) -> Result<usize, NoFrame> {
        let (mut read, mut kept) = (0, 0);
        while read < bytes.len() && !self.closed {
            let Some(mut frame) = self.frame else {
                let Some(byte) = bytes.get(read) else { break };
                self.header.push(*byte);
                read += 1;
                self.begin()?;
                continue;
            };
            let len =
                usize::try_from(frame.len).map_or(bytes.len(), |len| len.min(bytes.len())).min(bytes.len() - read);
            if frame.is_control() {
                self.control.extend_from_slice(bytes.get(read..read + len).unwrap_or_default());
            } else {
                bytes.copy_within(read..read + len, kept);
                kept += len;
            }
            read += len;
            frame.len -= len as u64;
            self.frame = Some(frame);
            self.end_of_frame();
        }
        Ok(kept)
    }

    fn begin(&mut self) -> Result<(), NoFrame> {
        match FrameHeader::read(&self.header) {
            HeaderRead::Cut => Ok(()),
            // A server does not mask (section 5.1), and has not been asked to compress.
            HeaderRead::Whole(frame, _) if frame.mask.is_none() && !frame.compressed => {
                self.header.clear();
                self.frame = Some(frame);
                self.end_of_frame();
                Ok(())
            }
            HeaderRead::Whole(..) | HeaderRead::Not => Err(NoFrame),
        }
    }

    fn end_of_frame(&mut self) {
        let Some(frame) = self.frame.filter(|frame| frame.len == 0) else { return };
        self.frame = None;
        let said = std::mem::take(&mut self.control);
        match frame.opcode {
            PING => self.ping = Some(said),
            CLOSE => self.closed = true,
            _ => {}
        }
    }

    /// What a ping said that has had no answer.
    pub(crate) fn take_ping(&mut self) -> Option<Vec<u8>> {
        self.ping.take()
    }

    /// The server has said that it says no more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

/// The key of a handshake for these random bytes.
pub(crate) fn key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// Whether an answer opens the WebSocket that was asked for with this key (section 4.1).
pub(crate) fn accepts(answer: &Message<'_>, key: &str) -> bool {
    let expected = STANDARD.encode(Sha1::new().chain_update(key).chain_update(MAGIC).finalize());
    opens_web_socket(answer) && answer.header("Sec-WebSocket-Accept").is_some_and(|accept| accept.trim() == expected)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_handshake_of_the_rfc() {
        // RFC 6455, section 1.3
        let answer = |accept: &str| {
            format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        };
        let good = answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        assert!(accepts(&Message::new(good.as_bytes(), &[]), key));
        assert!(!accepts(&Message::new(answer("x").as_bytes(), &[]), key));
        assert_eq!(super::key(*b"the sample nonce"), key);
    }

    #[test]
    fn frames_of_the_rfc() {
        // RFC 6455, section 5.7: a masked "Hello".
        let frame = client_frame(1, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(frame, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        for (len, header) in [(125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
            let frame = client_frame(BINARY, &vec![7; len], [1, 2, 3, 4]);
            let HeaderRead::Whole(read, end) = FrameHeader::read(&frame) else { panic!("a header") };
            assert_eq!((read.len, end, frame.len()), (len as u64, header, header + len));
        }
    }

    /// What comes out of these pieces.
    fn unpacked(frames: &mut ServerFrames, pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let len = frames.unpack(&mut bytes).unwrap();
            out.extend_from_slice(&bytes[..len]);
        }
        out
    }

    #[test]
    fn control_frames_stand_between_data() {
        let mut frames = ServerFrames::default();
        let bytes = [&[0x02, 3][..], b"RTS", &[0x89, 2, 7, 8], &[0x80, 1], b"P", &[0x82, 0], &[0x81, 1], b"/"].concat();
        assert_eq!(unpacked(&mut frames, &[&bytes]), b"RTSP/");
        assert_eq!((frames.take_ping(), frames.take_ping()), (Some(vec![7, 8]), None));
        assert_eq!(unpacked(&mut frames, &[&[0x88, 2, 3, 232, 0x82, 1, 9]]), b"");
        assert!(frames.is_closed());
    }

    #[test]
    fn what_is_no_frame_of_a_server() {
        for bytes in [&b"RTSP/1.0 200 OK"[..], &[0x82, 0x81, 1, 2, 3, 4, 5], &[0xc2, 1, 1], &[0x83, 1, 1]] {
            assert_eq!(ServerFrames::default().unpack(&mut bytes.to_vec()), Err(NoFrame), "{bytes:?}");
        }
    }

    proptest! {
        /// However the bytes are cut, what was framed comes out.
        #[test]
        fn pieces_make_no_difference(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            size in 1usize..50,
        ) {
            let mut wire = Vec::new();
            for payload in &payloads {
                let frame = client_frame(BINARY, payload, [0; 4]);
                let HeaderRead::Whole(_, end) = FrameHeader::read(&frame) else { panic!("a header") };
                // A mask of zeros, left out: that is a server's frame.
                wire.extend_from_slice(&[&[frame[0], frame[1] & 0x7f], &frame[2..end - 4], &frame[end..]].concat());
            }
            let pieces: Vec<&[u8]> = wire.chunks(size).collect();
            prop_assert_eq!(unpacked(&mut ServerFrames::default(), &pieces), payloads.concat());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut frames = ServerFrames::default();
            let len = bytes.len();
            prop_assert!(frames.unpack(&mut bytes.clone()).ok().is_none_or(|kept| kept <= len));
            prop_assert!(frames.control.len() <= 125 && frames.header.len() <= MAX_HEADER);
        }
    }
}
