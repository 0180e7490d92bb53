//! The frames of a WebSocket (RFC 6455, section 5): what the data frames of one direction carry, joined, is a stream of RTSP.
//! A PDU may span frames, and a frame may hold several.

use crate::capture::tcp::layer::search::find;
use crate::capture::tcp::layer::stretch::Stretch;
use crate::rtsp::web_socket::{FrameHeader, HeaderRead, MAX_HEADER};

/// One direction of a WebSocket.
#[derive(Debug)]
pub(in crate::capture) struct WebSocketFrames {
    state: State,
    /// A client has to mask what it sends, a server must not (section 5.1).
    from_client: bool,
    /// A frame has been seen.
    begun: bool,
    /// A message came compressed (RFC 7692): none of it is read.
    compressed: bool,
}

#[derive(Debug)]
enum State {
    /// In a header, so much of which has come.
    Header([u8; MAX_HEADER], usize),
    /// In a payload.
    Payload(Frame),
    /// Looking for a header; so many bytes behind the last one that was certain, if there was one.
    Lost(u64),
}

/// A frame, or what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    len: u64,
    mask: Option<[u8; 4]>,
    control: bool,
    /// The first reserved bit (RFC 7692, section 6).
    compressed: bool,
    first_of_message: bool,
}

const EMPTY: State = State::Header([0; MAX_HEADER], 0);

impl WebSocketFrames {
    /// What follows the HTTP messages.
    pub(in crate::capture) fn new(from_client: bool) -> Self {
        Self { state: EMPTY, from_client, begun: false, compressed: false }
    }

    /// A WebSocket that the capture comes into somewhere, if a frame with RTSP shows in these bytes.
    pub(in crate::capture) fn found_in(bytes: &[u8], from_client: bool) -> Option<Self> {
        find(bytes, from_client)?;
        Some(Self { state: State::Lost(0), ..Self::new(from_client) })
    }

    pub(super) fn next(&mut self, bytes: &[u8]) -> (usize, Stretch) {
        match &mut self.state {
            State::Header(..) => self.header(bytes),
            State::Payload(frame) => {
                let len = usize::try_from(frame.len).map_or(bytes.len(), |len| len.min(bytes.len()));
                let mask = frame.mask;
                let stretch = match frame.control {
                    true => Stretch::PassedOver,
                    false if self.compressed => Stretch::Compressed,
                    false => Stretch::Payload(mask),
                };
                frame.take(len as u64);
                if frame.len == 0 {
                    self.state = EMPTY;
                }
                (len, stretch)
            }
            State::Lost(missing) => match find(bytes, self.from_client) {
                Some(0) => {
                    // What lies before the first frame of all is not missing.
                    let missing = if std::mem::replace(&mut self.begun, true) { *missing } else { 0 };
                    self.state = EMPTY;
                    (0, Stretch::FoundAgain(missing))
                }
                found => {
                    let len = found.unwrap_or(bytes.len());
                    *missing = missing.saturating_add(len as u64);
                    (len, Stretch::PassedOver)
                }
            },
        }
    }

    fn header(&mut self, bytes: &[u8]) -> (usize, Stretch) {
        let State::Header(mut header, before) = self.state else { return (0, Stretch::Framing) };
        let mut len = before;
        for byte in bytes {
            let Some(place) = header.get_mut(len) else { break };
            *place = *byte;
            len += 1;
            match FrameHeader::read(header.get(..len).unwrap_or_default()) {
                HeaderRead::Cut => {}
                HeaderRead::Not => return self.not_a_header(len - before, before),
                HeaderRead::Whole(frame, _) => return self.begin(frame.into(), len - before, before),
            }
        }
        self.state = State::Header(header, len);
        (len - before, Stretch::Framing)
    }

    fn begin(&mut self, frame: Frame, taken: usize, before: usize) -> (usize, Stretch) {
        if !self.begun && frame.mask.is_some() != self.from_client {
            return self.not_a_header(taken, before);
        }
        self.begun = true;
        if frame.first_of_message && !frame.control {
            self.compressed = frame.compressed;
        }
        self.state = if frame.len == 0 { EMPTY } else { State::Payload(frame) };
        (taken, Stretch::Framing)
    }

    /// Where no frame came before there is no WebSocket: a request that was refused, and another one.
    fn not_a_header(&mut self, taken: usize, before: usize) -> (usize, Stretch) {
        if !self.begun && before == 0 {
            return (0, Stretch::Foreign);
        }
        self.state = State::Lost((before + taken) as u64);
        (taken, Stretch::PassedOver)
    }

    pub(super) fn skip(&mut self, len: u64) -> u64 {
        match &mut self.state {
            State::Payload(frame) if len <= frame.len => {
                let missing = if frame.control { 0 } else { len };
                frame.take(len);
                if frame.len == 0 {
                    self.state = EMPTY;
                }
                return missing;
            }
            State::Lost(missing) => *missing = missing.saturating_add(len),
            State::Header(..) | State::Payload(_) => self.state = State::Lost(len),
        }
        0
    }

    pub(super) fn finish(&mut self) -> u64 {
        match std::mem::replace(&mut self.state, EMPTY) {
            State::Lost(missing) => missing,
            State::Header(..) | State::Payload(_) => 0,
        }
    }
}

impl From<FrameHeader> for Frame {
    fn from(header: FrameHeader) -> Self {
        let FrameHeader { len, mask, opcode, compressed, .. } = header;
        Self { len, mask, control: header.is_control(), compressed, first_of_message: opcode != 0 }
    }
}

impl Frame {
    /// So many bytes of it have passed.
    fn take(&mut self, len: u64) {
        self.len = self.len.saturating_sub(len);
        if let Some(mask) = &mut self.mask {
            mask.rotate_left(usize::try_from(len % 4).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches of a stream that comes in these pieces: `f` for framing, `p` for payload, `-` for what is passed over,
    /// each with its length.
    fn stretches(frames: &mut WebSocketFrames, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (len, stretch) = frames.next(rest);
                out.push(match stretch {
                    Stretch::Framing => format!("f{len}"),
                    Stretch::Payload(_) => format!("p{len}"),
                    Stretch::Compressed => format!("c{len}"),
                    Stretch::PassedOver => format!("-{len}"),
                    Stretch::FoundAgain(missing) => format!("again{missing}"),
                    Stretch::Foreign => "foreign".to_owned(),
                });
                if stretch == Stretch::Foreign {
                    return out.join(" ");
                }
                rest = &rest[len..];
            }
        }
        out.join(" ")
    }

    fn from_server(pieces: &[&[u8]]) -> String {
        stretches(&mut WebSocketFrames::new(false), pieces)
    }

    #[test]
    fn lengths_of_all_sizes() {
        let short = [&[0x82, 3][..], b"abc"].concat();
        let middle = [&[0x82, 126, 1, 0][..], &[7; 256]].concat();
        let long = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 1][..], &vec![7; 65_537]].concat();
        assert_eq!(from_server(&[&[short, middle, long].concat()]), "f2 p3 f4 p256 f10 p65537");
        assert_eq!(from_server(&[&[0x82, 126], &[0, 200, 1], &[2]]), "f2 f2 p1 p1");
        assert_eq!(from_server(&[&[0x82, 0, 0x89, 2, 1, 2, 0xc1, 1, 9, 0x81, 1, 9]]), "f2 f2 -2 f2 c1 f2 p1");
    }

    #[test]
    fn what_is_no_frame() {
        // Another request, a reserved opcode, a reserved bit, a mask of the server.
        for bytes in [b"GET / HTTP/1.1\r\n".as_slice(), &[0x83, 1, 1], &[0xa2, 1, 1], &[0x82, 0x81, 0, 0, 0, 0, 1]] {
            assert_eq!(from_server(&[bytes]), "foreign", "{bytes:?}");
        }
        // Later it is only a lost place: a length in more bytes than it needs, one above 2^63, a control frame in parts.
        for bytes in [&[0x82, 126, 0, 9][..], &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], &[0x09, 0], &[0x89, 126, 0, 200]]
        {
            let found = from_server(&[&[0x82, 1, 9], bytes]);
            assert!(found.starts_with("f2 p1 -"), "{found}");
        }
    }

    #[test]
    fn the_mask_goes_on_over_pieces() {
        let mask = [1, 2, 3, 4];
        let header = [&[0x82, 0x86][..], &mask].concat();
        let mut frames = WebSocketFrames::new(true);
        assert_eq!(frames.next(&header), (6, Stretch::Framing));
        assert_eq!(frames.next(&[9, 9, 9]), (3, Stretch::Payload(Some(mask))));
        assert_eq!(frames.skip(2), 2);
        assert_eq!(frames.next(&[9, 9]), (1, Stretch::Payload(Some([2, 3, 4, 1]))));
    }

    #[test]
    fn behind_a_hole_rtsp_is_found_again() {
        let frame = [&[0x82, 14, b'$', 0, 0, 10, 0x80][..], &[0x82; 9]].concat();
        let mut frames = WebSocketFrames::new(false);
        assert_eq!(stretches(&mut frames, &[&frame[..5]]), "f2 p3");
        assert_eq!(frames.skip(100), 0);
        assert_eq!(stretches(&mut frames, &[&[&frame[7..], &frame[..]].concat()]), "-9 again109 f2 p14");
        assert_eq!(frames.skip(1), 0);
        assert_eq!(stretches(&mut frames, &[b"\x81\x1eno RTSP", &[0x81, 20], b"RTSP/1.0 200 OK"]), "-9 -2 -15");
        assert_eq!(stretches(&mut frames, &[&[&[0x81, 20][..], b"RTSP/1.0 200 OK"].concat()]), "again27 f2 p15");
        assert_eq!(frames.finish(), 0);
    }
}
