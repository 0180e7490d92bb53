//! Input that may have to be waited for: what is done so far goes out before.

use std::io::{self, Read};

/// A reader that flushes an output before each of its reads, as any of them may wait for whoever writes into the pipe.
/// Reads are large where input flows, and so are the flushes.
pub(super) struct HurriedInput<R, F> {
    input: R,
    flush: F,
    failure: Option<io::Error>,
}

impl<R: Read, F: FnMut() -> io::Result<()>> HurriedInput<R, F> {
    pub(super) fn new(input: R, flush: F) -> Self {
        Self { input, flush, failure: None }
    }

    /// Why the output could not be flushed, which no read after that hides.
    pub(super) fn failure(self) -> Option<io::Error> {
        self.failure
    }
}

impl<R: Read, F: FnMut() -> io::Result<()>> Read for HurriedInput<R, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Err(failure) = (self.flush)() {
            self.failure = Some(failure);
            return Err(io::Error::other("the output failed"));
        }
        self.input.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_flushed_before_each_read_and_its_failure_is_kept() {
        let mut flushes = 0;
        let mut input = HurriedInput::new(&b"abc"[..], || {
            flushes += 1;
            if flushes < 3 { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
        let mut out = [0; 2];
        let read = [input.read(&mut out), input.read(&mut out), input.read(&mut out)].map(Result::ok);
        assert_eq!(read, [Some(2), Some(1), None]);
        assert_eq!(input.failure().map(|failure| failure.kind()), Some(io::ErrorKind::BrokenPipe));
        assert_eq!(flushes, 3);
    }
}
