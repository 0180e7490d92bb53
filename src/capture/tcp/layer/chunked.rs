//! A body in chunks (RFC 9112, section 7.1): servers and proxies that speak HTTP/1.1 send the server's side of a tunnel so,
//! and some clients the POST.

use crate::capture::tcp::layer::stretch::Stretch;
use crate::rtsp::chunks::ChunkSize;
use crate::rtsp::interleaved::{FRAME_HEADER, InterleavedHeader};
use crate::rtsp::start_line::{Recognition, recognise_token};

/// A body from its first chunk on.
#[derive(Debug)]
pub(in crate::capture) struct ChunkedBody {
    state: State,
    /// A chunk has been seen.
    begun: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the line of a size: what is read of it.
    Size(ChunkSize),
    /// So many bytes of a chunk are to come.
    Data(u64),
    /// Behind a chunk, before its line end.
    DataEnd,
    /// Looking for the next chunk; so many bytes behind the last that was certain.
    Lost(u64),
    /// The last chunk was there.
    Over,
}

const NEXT: State = State::Size(ChunkSize::NONE);

impl ChunkedBody {
    pub(in crate::capture) const fn new() -> Self {
        Self { state: NEXT, begun: false }
    }

    /// A body that the capture comes into somewhere, if a chunk shows in these bytes.
    pub(in crate::capture) fn found_in(bytes: &[u8]) -> Option<Self> {
        find(bytes)?;
        Some(Self { state: State::Lost(0), begun: false })
    }

    pub(super) fn next(&mut self, bytes: &[u8]) -> (usize, Stretch) {
        match self.state {
            State::Size(line) => self.size(line, bytes),
            State::Data(left) => {
                let len = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let left = left.saturating_sub(len as u64);
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                (len, Stretch::Payload(None))
            }
            State::DataEnd => self.data_end(bytes),
            State::Lost(missing) => match find(bytes) {
                Some(0) => {
                    self.state = NEXT;
                    // What lies before the first chunk of all is not missing.
                    let missing = if std::mem::replace(&mut self.begun, true) { missing } else { 0 };
                    (0, Stretch::FoundAgain(missing))
                }
                found => {
                    let len = found.unwrap_or(bytes.len());
                    self.state = State::Lost(missing.saturating_add(len as u64));
                    (len, Stretch::PassedOver)
                }
            },
            State::Over => (bytes.len(), Stretch::PassedOver),
        }
    }

    fn size(&mut self, mut line: ChunkSize, bytes: &[u8]) -> (usize, Stretch) {
        let before = line.len();
        for byte in bytes {
            if !line.take(*byte) {
                // A head that says chunked without a chunk behind it: what comes is the body as it is.
                if !self.begun && before == 0 {
                    return (0, Stretch::Foreign);
                }
                self.state = State::Lost(line.len() as u64);
                return (line.len() - before, Stretch::PassedOver);
            }
            if *byte == b'\n' {
                self.begun = true;
                self.state = if line.bytes() == 0 { State::Over } else { State::Data(line.bytes()) };
                return (line.len() - before, Stretch::Framing);
            }
        }
        self.state = State::Size(line);
        (line.len() - before, Stretch::Framing)
    }

    fn data_end(&mut self, bytes: &[u8]) -> (usize, Stretch) {
        match bytes {
            [b'\n', ..] => {
                self.state = NEXT;
                (1, Stretch::Framing)
            }
            [b'\r', ..] => (1, Stretch::Framing),
            _ => {
                self.state = State::Lost(0);
                (0, Stretch::PassedOver)
            }
        }
    }

    pub(super) fn skip(&mut self, len: u64) -> u64 {
        match self.state {
            State::Data(left) if len <= left => {
                self.state = if len == left { State::DataEnd } else { State::Data(left - len) };
                return len;
            }
            State::Lost(missing) => self.state = State::Lost(missing.saturating_add(len)),
            State::Over => {}
            State::Size(_) | State::Data(_) | State::DataEnd => self.state = State::Lost(len),
        }
        0
    }

    pub(super) fn finish(&mut self) -> u64 {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Lost(missing) => missing,
            _ => 0,
        }
    }
}

/// The first place where a chunk begins, one that is here as a whole or holds RTSP: behind a line's end, or at the start.
fn find(bytes: &[u8]) -> Option<usize> {
    let lines = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1);
    [0].into_iter().chain(lines).find(|at| bytes.get(*at..).is_some_and(is_chunk))
}

fn is_chunk(bytes: &[u8]) -> bool {
    let mut line = ChunkSize::NONE;
    for byte in bytes {
        if !line.take(*byte) {
            return false;
        }
        if *byte == b'\n' {
            let data = bytes.get(line.len()..).unwrap_or_default();
            let end = usize::try_from(line.bytes()).ok().and_then(|size| data.get(size..));
            let whole = end.is_some_and(|end| end.starts_with(b"\r\n"));
            return line.bytes() > 0 && (whole || begins_rtsp(data, line.bytes()));
        }
    }
    false
}

/// Whether a chunk of `len` bytes that begins so holds RTSP: the beginning of a message, or a frame on a channel.
fn begins_rtsp(data: &[u8], len: u64) -> bool {
    match (InterleavedHeader::parse(data), data.get(FRAME_HEADER)) {
        (Some(header), Some(first)) => first >> 6 == 2 && header.frame_len() as u64 <= len,
        _ => recognise_token(data) == Recognition::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(body: &mut ChunkedBody, pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (len, stretch) = body.next(rest);
                match stretch {
                    Stretch::Framing => out.push(format!("f{len}")),
                    Stretch::Payload(None) => out.push(format!("p{len}")),
                    Stretch::FoundAgain(missing) => out.push(format!("again{missing}")),
                    Stretch::PassedOver if len > 0 => out.push(format!("-{len}")),
                    Stretch::PassedOver => {}
                    other => return format!("{other:?}"),
                }
                rest = &rest[len..];
            }
        }
        out.join(" ")
    }

    fn read(pieces: &[&[u8]]) -> String {
        stretches(&mut ChunkedBody::new(), pieces)
    }

    #[test]
    fn chunks() {
        assert_eq!(read(&[b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"]), "f3 p3 f1 f1 f3 p10 f1 f1 f3 -2");
        assert_eq!(
            read(&[b"0", b"2;name=\"v\"\r", b"\na", b"b\r", b"\n1 \n\n", b"\n"]),
            "f1 f11 f1 p1 p1 f1 f1 f3 p1 f1"
        );
    }

    #[test]
    fn no_chunks() {
        for bytes in [b"RTSP/1.0 200 OK\r\n".as_slice(), b"$\0\0\x04", b"\r\n", b"123456789\r\n"] {
            assert_eq!(read(&[bytes]), "Foreign", "{bytes:?}");
        }
        assert_eq!(read(&[b"1\r\nab"]), "f3 p1 -1");
    }

    #[test]
    fn behind_a_hole_the_next_chunk_is_found() {
        let mut body = ChunkedBody::new();
        assert_eq!(stretches(&mut body, &[b"5\r\nab"]), "f3 p2");
        assert_eq!(body.skip(3), 3);
        assert_eq!(stretches(&mut body, &[b"\r\n1\r\nx\r\n"]), "f1 f1 f3 p1 f1 f1");
        assert_eq!(body.skip(9), 0);
        assert_eq!(stretches(&mut body, &[b"yz\r\n9\r\nshort\r\n4\r\nabcd\r\n"]), "-14 again23 f3 p4 f1 f1");
        assert_eq!(body.skip(1), 0);
        assert_eq!(stretches(&mut body, &[b"\nff\r\n$\0\0\xfb\x80"]), "-1 again2 f4 p5");
        assert_eq!(body.finish(), 0);
    }
}
