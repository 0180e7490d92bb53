//! The base64 of a POST: which letters hold which bits of what the client says, so that they can be written anew.

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::rewrite::policy::{ByteSequence, FILL};
use crate::capture::tcp::base64::{Run, letter_of, value_of};

/// The body of a POST.
#[derive(Debug, Default)]
pub(super) struct Runs {
    from: Option<u64>,
    all: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    run: Run,
    tunnel: ByteSequence,
    /// Behind the last bit that counts.
    end: u64,
}

impl Runs {
    /// It begins here.
    pub(super) fn begin(&mut self, at: u64) {
        self.from.get_or_insert(at);
    }

    /// Where it begins: nowhere in most streams.
    pub(super) fn from(&self) -> u64 {
        self.from.unwrap_or(u64::MAX)
    }

    /// Adds letters. Gives how many bytes of memory they take.
    pub(super) fn add(&mut self, text: u64, tunnel: ByteSequence, runs: &[Run]) -> usize {
        let before = self.all.len();
        for run in runs {
            let run = Run { text: run.text + text, ..*run };
            match self.all.last_mut() {
                Some(last) if run.len == 0 => last.end = last.end.min(run.bit),
                _ if run.len == 0 => {}
                Some(last) if last.continues(&run, tunnel) => last.run.len += run.len,
                _ => self.all.push(Placed { run, tunnel, end: u64::MAX }),
            }
        }
        (self.all.len() - before) * size_of::<Placed>()
    }

    /// Writes the text that begins at `at` over `out`: letters by the bits of `bytes`, which gives two in a row; white space and padding stay; of all
    /// else what `kept` has, or what is no letter either.
    pub(super) fn write(&self, at: u64, out: &mut [u8], kept: &[u8], bytes: impl Fn(ByteSequence, u64) -> [u8; 2]) {
        for ((place, was), kept) in (at..).zip(out).zip(kept) {
            *was = match *was {
                b' ' | b'\t' | b'\r' | b'\n' | b'=' => *was,
                _ if *kept != FILL => *kept,
                letter if value_of(letter).is_some() => self.letter(place, &bytes),
                _ => b'!',
            };
        }
    }

    fn letter(&self, at: u64, bytes: &impl Fn(ByteSequence, u64) -> [u8; 2]) -> u8 {
        let index = self.all.partition_point(|placed| placed.run.text + placed.run.len <= at);
        let Some(placed) = self.all.get(index).filter(|placed| placed.run.text <= at) else { return FILL };
        let first = placed.run.bit + 6 * (at - placed.run.text);
        // Of the last letters some bits may not count.
        let counts = placed.end.saturating_sub(first).min(6);
        let bits = NetworkEndian::read_u16(&bytes(placed.tunnel, first / 8)) << (first % 8) >> 10;
        letter_of(u8::try_from(bits & !(0x3f >> counts)).unwrap_or(0))
    }
}

impl Placed {
    fn continues(&self, next: &Run, tunnel: ByteSequence) -> bool {
        let Run { text, len, bit } = self.run;
        self.tunnel == tunnel && self.end == u64::MAX && next.text == text + len && next.bit == bit + 6 * len
    }
}
