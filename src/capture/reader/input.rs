//! Bytes of a capture, lent from one buffer: nothing is copied but what a refill cuts in two.

use std::io::{self, BufRead, ErrorKind, Read};

use crate::capture::reader::CaptureError;

/// Bytes read at once; measured as the fastest size for captures from the page cache.
const BUFFER: usize = 256 << 10;
/// Room before them for what a read cut in two: reads then stay whole, from and to whole pages, which the system copies
/// faster.
const HEADROOM: usize = 64 << 10;
const PAGE: usize = 4 << 10;

/// A reader with a window on what comes next. The window is as long as it was ever asked to be, at least [`BUFFER`].
pub(super) struct Input<'r> {
    reader: Box<dyn Read + 'r>,
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
    pub(super) fn new(reader: Box<dyn Read + 'r>) -> Self {
        let mut buffer = vec![0; HEADROOM + PAGE + BUFFER];
        let to_page = buffer.get(HEADROOM..).map_or(0, |room| room.as_ptr().align_offset(PAGE)).min(PAGE);
        let base = HEADROOM + to_page;
        buffer.truncate(base + BUFFER);
        Self { reader, buffer, base, start: base, end: base, offset: 0, ended: false, torn: false }
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
        let waiting = self.end - self.start;
        // What waits goes right before the place of the next read; a window that is longer than usual begins in front.
        let start = if len <= waiting + BUFFER { self.base.saturating_sub(waiting) } else { 0 };
        let start = if start + waiting == self.base { start } else { 0 };
        self.buffer.copy_within(self.start..self.end, start);
        (self.start, self.end) = (start, start + waiting);
        if self.buffer.len() < start + len {
            self.buffer.resize(start + len, 0);
        }
        while self.end - self.start < len && !self.ended {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(free) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end = self.buffer.len().min(self.end + read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => (self.ended, self.torn) = (true, true),
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
