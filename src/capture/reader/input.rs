//! Bytes of a capture, lent from one buffer: nothing is copied but what a refill cuts in two.

use std::io::{self, BufRead, ErrorKind, Read};

use crate::capture::reader::packet::CaptureError;

/// Bytes read at once; measured as the fastest size for captures from the page cache.
const BUFFER: usize = 256 << 10;
/// Room before them for what a read cut in two: reads then stay whole, from and to whole pages, which the system copies
/// faster.
const HEADROOM: usize = 64 << 10;
const PAGE: usize = 4 << 10;

/// Gives the next chunk of a capture, for the one that was read. `None` at the end.
pub type NextChunk<'r> = Box<dyn FnMut(Vec<u8>) -> Option<Vec<u8>> + 'r>;

/// Where the bytes come from.
enum ByteSource<'r> {
    Reader(Box<dyn Read + 'r>),
    /// Chunks that are read where they are. They cost a copy only where they cut something in two.
    Chunks(NextChunk<'r>),
}

/// A reader with a window on what comes next. The window of a reader is as long as it was ever asked to be, at least
/// [`BUFFER`].
pub(in crate::capture) struct Input<'r> {
    source: ByteSource<'r>,
    buffer: Vec<u8>,
    /// Where reads go: a page begins here.
    base: usize,
    start: usize,
    end: usize,
    /// Bytes before `start`.
    offset: u64,
    ended: bool,
    /// The end came where there had to be more.
    torn: bool,
}

impl<'r> Input<'r> {
    pub(in crate::capture) fn new(reader: Box<dyn Read + 'r>) -> Self {
        let mut buffer = vec![0; HEADROOM + PAGE + BUFFER];
        let to_page = buffer.get(HEADROOM..).map_or(0, |room| room.as_ptr().align_offset(PAGE)).min(PAGE);
        let base = HEADROOM + to_page;
        buffer.truncate(base + BUFFER);
        let source = ByteSource::Reader(reader);
        Self { source, buffer, base, start: base, end: base, offset: 0, ended: false, torn: false }
    }

    pub(in crate::capture) fn of_chunks(next: NextChunk<'r>) -> Self {
        let source = ByteSource::Chunks(next);
        Self { source, buffer: Vec::new(), base: 0, start: 0, end: 0, offset: 0, ended: false, torn: false }
    }

    /// Bytes consumed.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the end was met and everything before it is consumed.
    pub(super) const fn is_drained(&self) -> bool {
        self.ended && self.start == self.end
    }

    /// Whether something is left that is too short, or the input ended where there had to be more.
    pub(super) const fn is_cut(&self) -> bool {
        self.torn || self.start < self.end
    }

    /// The next `len` bytes; `None` if the input ends before.
    #[inline]
    pub(super) fn ahead(&mut self, len: usize) -> Result<Option<&[u8]>, CaptureError> {
        if self.end - self.start < len {
            self.fill(len).map_err(|source| CaptureError::Io { offset: self.offset, source })?;
        }
        Ok(self.window().get(..len))
    }

    /// Passes over bytes that were seen.
    #[inline]
    pub(super) fn pass(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    /// Passes over bytes without keeping them. `false` if the input ends before.
    pub(super) fn skip(&mut self, mut len: usize) -> Result<bool, CaptureError> {
        while len > 0 {
            if self.ahead(1)?.is_none() {
                self.torn = true;
                return Ok(false);
            }
            let step = len.min(self.end - self.start);
            self.pass(step);
            len -= step;
        }
        Ok(true)
    }

    /// What is there without reading.
    pub(super) fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until the window holds `len` bytes or the input ends.
    #[cold]
    fn fill(&mut self, len: usize) -> io::Result<()> {
        if matches!(self.source, ByteSource::Reader(_)) {
            self.make_room(len);
        }
        while self.end - self.start < len && !self.ended {
            match &mut self.source {
                ByteSource::Reader(reader) => match reader.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                    Ok(0) => self.ended = true,
                    Ok(read) => self.end = self.buffer.len().min(self.end + read),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => (self.ended, self.torn) = (true, true),
                    Err(error) => return Err(error),
                },
                ByteSource::Chunks(next) => {
                    let waiting = self.buffer.split_off(self.start);
                    match next(std::mem::take(&mut self.buffer)) {
                        Some(chunk) if waiting.is_empty() => self.buffer = chunk,
                        Some(chunk) => self.buffer = [waiting, chunk].concat(),
                        None => (self.buffer, self.ended) = (waiting, true),
                    }
                    (self.start, self.end) = (0, self.buffer.len());
                }
            }
        }
        Ok(())
    }

    /// Makes room for a window of so many bytes.
    fn make_room(&mut self, len: usize) {
        let waiting = self.end - self.start;
        // What waits goes right before the place of the next read; a window that is longer than usual begins in front.
        let start = if len <= waiting + BUFFER { self.base.saturating_sub(waiting) } else { 0 };
        let start = if start + waiting == self.base { start } else { 0 };
        self.buffer.copy_within(self.start..self.end, start);
        (self.start, self.end) = (start, start + waiting);
        if self.buffer.len() < start + len {
            self.buffer.resize(start + len, 0);
        }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.pass(read);
        Ok(read)
    }
}

/// What a decompressor reads from.
impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.fill(1)?;
        }
        Ok(self.window())
    }

    fn consume(&mut self, len: usize) {
        self.pass(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However chunks cut a capture, they are read as a file of the same bytes is.
        #[test]
        fn chunks_are_read_as_what_they_make_up(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            steps in prop::collection::vec((0..60usize, 0..60usize), 0..40),
        ) {
            let whole = chunks.concat();
            let mut left = chunks.into_iter();
            let mut of_chunks = Input::of_chunks(Box::new(|_| left.next()));
            let mut of_reader = Input::new(Box::new(whole.as_slice()));
            for (ahead, pass) in steps {
                let one = of_chunks.ahead(ahead).unwrap().map(<[u8]>::to_vec);
                prop_assert_eq!(one.as_deref(), of_reader.ahead(ahead).unwrap());
                let pass = pass.min(ahead).min(of_reader.window().len()).min(of_chunks.window().len());
                of_chunks.pass(pass);
                of_reader.pass(pass);
                prop_assert_eq!(of_chunks.offset(), of_reader.offset());
            }
            prop_assert_eq!(of_chunks.skip(500).unwrap(), of_reader.skip(500).unwrap());
            prop_assert_eq!(of_chunks.is_drained(), of_reader.is_drained());
            prop_assert_eq!(of_chunks.is_cut(), of_reader.is_cut());
        }
    }

    /// A chunk is given back once it is read, and what no chunk cuts in two is not copied.
    #[test]
    fn chunks_go_round() {
        let (mut left, mut back) = (vec![vec![3; 10], vec![1; 10]], Vec::new());
        let mut input = Input::of_chunks(Box::new(|used| {
            back.push(used);
            left.pop()
        }));
        for _ in 0..4 {
            assert!(input.ahead(5).unwrap().is_some());
            input.pass(5);
        }
        assert_eq!(input.ahead(1).unwrap(), None);
        drop(input);
        assert_eq!(back, [vec![], vec![1; 10], vec![3; 10]]);
    }
}
