//! A body in chunks (RFC 9112, section 7.1), as it comes in through a tunnel: some proxies make chunks of what a server
//! sends without an end.

/// The longest line with the size of a chunk, with its extensions.
const MAX_LINE: usize = 256;

/// Takes the chunks away.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// The line with a size, or the end of a chunk, as far as it has come.
    line: Vec<u8>,
    /// So much of the chunk is still to come.
    left: u64,
    /// The chunk is over, but for the end of its line.
    ends: bool,
    /// The last chunk has come.
    over: bool,
}

/// The bytes are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoChunk;

impl Chunks {
    /// Takes what came, and moves what the chunks carry to the front of it: how many bytes that are.
    pub(crate) fn unpack(&mut self, bytes: &mut [u8]) -> Result<usize, NoChunk> {
        let (mut read, mut kept) = (0, 0);
        while read < bytes.len() && !self.over {
            if self.left == 0 {
                let Some(byte) = bytes.get(read) else { break };
                self.line.push(*byte);
                read += 1;
                self.end_of_line()?;
                continue;
            }
            let here = bytes.len() - read;
            let len = usize::try_from(self.left).map_or(here, |left| left.min(here));
            bytes.copy_within(read..read + len, kept);
            (read, kept) = (read + len, kept + len);
            self.left -= len as u64;
            self.ends = self.left == 0;
        }
        Ok(kept)
    }

    fn end_of_line(&mut self) -> Result<(), NoChunk> {
        if self.line.last() != Some(&b'\n') {
            return if self.line.len() < MAX_LINE { Ok(()) } else { Err(NoChunk) };
        }
        let line = std::mem::take(&mut self.line);
        let size = line.trim_ascii();
        if std::mem::take(&mut self.ends) {
            return if size.is_empty() { Ok(()) } else { Err(NoChunk) };
        }
        let size = size.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = str::from_utf8(size).ok().filter(|size| !size.starts_with('+'));
        self.left = size.and_then(|size| u64::from_str_radix(size, 16).ok()).ok_or(NoChunk)?;
        self.over = self.left == 0;
        Ok(())
    }

    /// The last chunk has come.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), NoChunk> {
        let (mut chunks, mut out) = (Chunks::default(), Vec::new());
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
