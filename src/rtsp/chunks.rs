//! A body in chunks (RFC 9112, section 7.1): the line with a size, which captures are searched for as well, and a body as it
//! comes in through a tunnel: some proxies make chunks of what a server sends without an end. `chunked_transfer` 1.5 wraps a
//! reader that blocks.

/// The longest size that is taken for one, in hexadecimal digits.
const MAX_DIGITS: usize = 8;
/// The longest line with a size and extensions.
const MAX_LINE: usize = 1024;

/// The line with a chunk's size, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkSize {
    bytes: u64,
    digits: usize,
    len: usize,
    /// Behind the digits: white space and extensions say nothing.
    extension: bool,
}

impl ChunkSize {
    /// Nothing of it has come.
    pub(crate) const NONE: Self = Self { bytes: 0, digits: 0, len: 0, extension: false };

    /// Takes the next byte. `false` where it can't be one of such a line.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.len += 1;
        let digit = char::from(byte).to_digit(16).filter(|_| !self.extension);
        match (digit, byte) {
            (Some(digit), _) => {
                self.bytes = self.bytes << 4 | u64::from(digit);
                self.digits += 1;
                self.digits <= MAX_DIGITS
            }
            (None, b'\r' | b'\n' | b';' | b' ' | b'\t') => {
                self.extension = true;
                self.digits > 0
            }
            (None, _) => self.extension && byte.is_ascii_graphic() && self.len <= MAX_LINE,
        }
    }

    /// The size.
    pub(crate) const fn bytes(self) -> u64 {
        self.bytes
    }

    /// Bytes of the line.
    pub(crate) const fn len(self) -> usize {
        self.len
    }
}

/// Takes the chunks away.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    state: ChunkState,
}

#[derive(Clone, Copy, Debug)]
enum ChunkState {
    Size(ChunkSize),
    /// So much of the chunk is still to come.
    Data(u64),
    /// Behind a chunk, before its line end.
    DataEnd,
    /// The last chunk has come.
    Over,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self { state: ChunkState::Size(ChunkSize::NONE) }
    }
}

/// The bytes are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoChunk;

impl ChunkReader {
    /// Takes what came, and moves what the chunks carry to the front of it: how many bytes that are.
    pub(crate) fn unpack(&mut self, bytes: &mut [u8]) -> Result<usize, NoChunk> {
        let (mut read, mut kept) = (0, 0);
        while let Some(byte) = bytes.get(read).copied() {
            match self.state {
                ChunkState::Data(left) => {
                    let here = bytes.len() - read;
                    let len = usize::try_from(left).map_or(here, |left| left.min(here));
                    bytes.copy_within(read..read + len, kept);
                    (read, kept) = (read + len, kept + len);
                    let left = left - len as u64;
                    self.state = if left == 0 { ChunkState::DataEnd } else { ChunkState::Data(left) };
                }
                ChunkState::Over => break,
                ChunkState::Size(_) | ChunkState::DataEnd => {
                    self.framing(byte)?;
                    read += 1;
                }
            }
        }
        Ok(kept)
    }

    /// A byte between chunks.
    fn framing(&mut self, byte: u8) -> Result<(), NoChunk> {
        self.state = match (self.state, byte) {
            (ChunkState::Size(mut size), _) => match (size.take(byte), byte) {
                (false, _) => return Err(NoChunk),
                (true, b'\n') if size.bytes() == 0 => ChunkState::Over,
                (true, b'\n') => ChunkState::Data(size.bytes()),
                (true, _) => ChunkState::Size(size),
            },
            (ChunkState::DataEnd, b'\n') => ChunkState::Size(ChunkSize::NONE),
            (ChunkState::DataEnd, b'\r') => ChunkState::DataEnd,
            _ => return Err(NoChunk),
        };
        Ok(())
    }

    /// The last chunk has come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, ChunkState::Over)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), NoChunk> {
        let (mut chunks, mut out) = (ChunkReader::default(), Vec::new());
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let len = chunks.unpack(&mut bytes)?;
            out.extend_from_slice(&bytes[..len]);
        }
        Ok((out, chunks.is_over()))
    }

    #[test]
    fn sizes_extensions_and_the_end() {
        let wire = b"4;name=x\r\nRTSP\r\n0a \r\n/1.0 200 O\r\n1\nK\n0\r\n\r\n";
        assert_eq!(unpacked(&[wire]), Ok((b"RTSP/1.0 200 OK".to_vec(), true)));
        for wrong in [&b"RTSP/1.0 200 OK\r\n"[..], b"2\r\nabc\r\n", b"\r\n", b"+2\r\nab", &[b'1'; 300]] {
            assert_eq!(unpacked(&[wrong]), Err(NoChunk), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            size in 1usize..20,
        ) {
            let chunk = |payload: &Vec<u8>| [format!("{:x}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat();
            let wire: Vec<u8> = payloads.iter().flat_map(chunk).collect();
            let pieces: Vec<&[u8]> = wire.chunks(size).collect();
            prop_assert_eq!(unpacked(&pieces), Ok((payloads.concat(), false)));
        }
    }
}
