//! Text from outside as a terminal may see it: a camera's name for itself must not move the cursor, nor turn the line
//! around.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// A character whose last byte is missing has so many at most.
const LONGEST: usize = 3;

/// Whether a character steers what shows it: control characters, the marks of bidirectional text (Unicode annex 9), and
/// the separators of lines and paragraphs.
pub fn steers(char: char) -> bool {
    let is_bidirectional =
        matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || is_bidirectional || matches!(char, '\u{2028}' | '\u{2029}')
}

/// A text in one line, with what steers spelled out: `\u001b`, as JSON has it.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(steers) { Cow::Owned(spelled(text, |_| false)) } else { Cow::Borrowed(text) }
}

/// The same, but line feeds stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    let stays = |char: char| char == '\n';
    let is_clean = !text.contains(|char| steers(char) && !stays(char));
    if is_clean { Cow::Borrowed(text) } else { Cow::Owned(spelled(text, stays)) }
}

fn spelled(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if steers(char) && !stays(char) {
            let _ = write!(out, "\\u{:04x}", u32::from(char));
        } else {
            out.push(char);
        }
    }
    out
}

/// Spells out what steers in all that is written to a terminal, but for line feeds.
pub struct VisibleText<W> {
    out: W,
    /// The beginning of a character whose rest comes with the next write.
    cut: Vec<u8>,
}

impl<W: Write> VisibleText<W> {
    /// For what goes there.
    pub const fn new(out: W) -> Self {
        Self { out, cut: Vec::new() }
    }
}

impl<W: Write> Write for VisibleText<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.cut.extend_from_slice(bytes);
        let rest = self.cut.split_off(self.cut.len() - unfinished(&self.cut));
        let whole = std::mem::replace(&mut self.cut, rest);
        self.out.write_all(visible_lines(&String::from_utf8_lossy(&whole)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Bytes at the end that begin a character whose rest is not there. Of those that begin none each is shown for itself.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.len().saturating_sub(LONGEST);
    let end = bytes.get(last..).unwrap_or_default();
    let Some(begin) = end.iter().rposition(|byte| byte & 0xc0 != 0x80) else { return 0 };
    let needed = match end.get(begin) {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let there = end.len() - begin;
    if there < needed { there } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_is_spelled_out() {
        assert_eq!(
            visible("a\x1b\u{9b}2J\u{202e}b\n\t\u{7f}\u{e9}"),
            "a\\u001b\\u009b2J\\u202eb\\u000a\\u0009\\u007f\u{e9}"
        );
        assert_eq!(visible_lines("a\nb\rc\u{2028}\u{61c}"), "a\nb\\u000dc\\u2028\\u061c");
        assert!(matches!(visible("rtsp://cam/\u{fc}"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn in_any_pieces(texts in prop::collection::vec("[a\\n\u{1b}\u{9b}\u{202e}\u{e9}\u{1f600}]{0,9}", 0..5), size in 1_usize..7) {
            let text = texts.concat();
            let mut out = VisibleText::new(Vec::new());
            for piece in text.as_bytes().chunks(size) {
                out.write_all(piece).unwrap();
            }
            prop_assert_eq!(String::from_utf8(out.out).unwrap(), visible_lines(&text));
        }

        #[test]
        fn nothing_steers(bytes: Vec<u8>) {
            let mut out = VisibleText::new(Vec::new());
            out.write_all(&bytes).unwrap();
            let shown = String::from_utf8(out.out).unwrap();
            prop_assert!(!shown.contains(|char| steers(char) && char != '\n'), "{:?}", shown);
        }
    }
}
