//! The server's end of RTSP over WebSocket (RFC 6455; ONVIF Streaming Specification).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::transcript::header;

/// What a key is hashed with (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// The answer that grants what this head asks for.
pub(crate) fn accepted(head: &str) -> String {
    assert_eq!(header(head, "Upgrade"), Some("websocket"), "{head}");
    assert_eq!(header(head, "Sec-WebSocket-Protocol"), Some("rtsp.onvif.org"), "{head}");
    let key = header(head, "Sec-WebSocket-Key").expect("a key");
    let accept = STANDARD.encode(Sha1::digest(format!("{key}{GUID}")));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n"
    )
}

/// A frame of the server's.
pub(crate) fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = match (u8::try_from(bytes.len()), u16::try_from(bytes.len())) {
        (Ok(short @ ..=125), _) => vec![short],
        (_, Ok(middle)) => [&[126], &middle.to_be_bytes()[..]].concat(),
        _ => [&[127], &(bytes.len() as u64).to_be_bytes()[..]].concat(),
    };
    [&[BINARY], &length[..], bytes].concat()
}

/// The client's frames, as they come.
#[derive(Default)]
pub(crate) struct ClientFrames {
    waiting: Vec<u8>,
    pub(crate) closed: bool,
}

impl ClientFrames {
    /// What the frames carry that are whole now.
    pub(crate) fn take(&mut self, came: &[u8]) -> Vec<u8> {
        self.waiting.extend_from_slice(came);
        let mut carried = Vec::new();
        while let Some((opcode, len, payload)) = whole(&self.waiting) {
            match opcode {
                BINARY => carried.extend(payload),
                CLOSE => self.closed = true,
                other => panic!("a frame of {other:#x}"),
            }
            self.waiting.drain(..len);
        }
        carried
    }
}

/// First byte, length and payload of the first frame, if it is there as a whole.
fn whole(bytes: &[u8]) -> Option<(u8, usize, Vec<u8>)> {
    let [opcode, len, rest @ ..] = bytes else { return None };
    assert!(len & 0x80 != 0, "a client masks its frames");
    let (len, rest) = match len & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
        127 => panic!("no message of a client is so long"),
        short => (usize::from(short), rest),
    };
    let (mask, rest) = rest.split_at_checked(4)?;
    let payload = rest.get(..len)?.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((*opcode, bytes.len() - rest.len() + len, payload))
}
