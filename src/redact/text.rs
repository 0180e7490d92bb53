//! Text that is made blank: letter for letter, where white space and what the framing of a stream depends on stays.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::capture::rewrite::FILL;
use crate::rtsp::interleaved::{FRAME_HEADER, InterleavedHeader};
use crate::rtsp::start_line::{METHODS, VERSIONS};

const VERTICAL_TAB: u8 = 0x0b;

/// Words that begin messages.
fn words() -> impl Iterator<Item = &'static [u8]> {
    VERSIONS.iter().chain(&METHODS).copied()
}

/// A text of which only white space, control characters and what hid a secret before are left.
pub(super) fn blank(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if is_plain(*byte) { *byte } else { FILL }).collect()
}

const fn is_plain(byte: u8) -> bool {
    byte == b' ' || byte == b'*' || byte.is_ascii_control()
}

/// A text with capitals where another one has them: so it is as much of a start line as that.
pub(super) fn with_capitals_of(text: &[u8], mut other: Vec<u8>) -> Vec<u8> {
    for (byte, original) in other.iter_mut().zip(text) {
        *byte = if original.is_ascii_uppercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
    }
    other
}

/// A function applied to a value without the white space around it.
pub(super) fn inside(value: &[u8], change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let Range { start, end } = trimmed_range(value);
    let (front, rest) = value.split_at_checked(start).unwrap_or((value, &[]));
    let (core, behind) = rest.split_at_checked(end - start).unwrap_or((rest, &[]));
    [front, &change(core), behind].concat()
}

/// A text without the white space around it.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    text.get(trimmed_range(text)).unwrap_or_default()
}

/// What is left of a text without the white space around it, as analysis trims it, with `str::trim`: that takes a vertical
/// tab as well, which `trim_ascii` does not.
fn trimmed_range(text: &[u8]) -> Range<usize> {
    if let Ok(text) = std::str::from_utf8(text) {
        let rest = text.trim_start();
        let start = text.len() - rest.len();
        return start..start + rest.trim_end().len();
    }
    let is_text = |byte: &u8| !byte.is_ascii_whitespace() && *byte != VERTICAL_TAB;
    let start = text.iter().position(is_text).unwrap_or(text.len());
    start..text.iter().rposition(is_text).map_or(start, |last| last + 1)
}

/// Each part of a text between separators, and each separator, in their order.
pub(super) fn split<'a>(text: &'a [u8], separators: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let end = if separators.contains(first) {
            1
        } else {
            rest.iter().position(|byte| separators.contains(byte)).unwrap_or(rest.len())
        };
        let (part, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(part)
    })
}

/// What is neither a message nor a frame, blank in such a way that it stays so: who looks for a place where one begins has
/// to find the same places.
pub(super) fn junk(bytes: &[u8]) -> Vec<u8> {
    let (mut kept, mut ends) = (vec![KeptPart::Class; bytes.len()], BTreeSet::new());
    let mut keep = |at: usize, len: usize, how: KeptPart| {
        kept.iter_mut().skip(at).take(len).for_each(|kept| *kept = how.max(*kept));
    };
    for at in 0..bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        if let Some(word) = words().find(|word| rest.starts_with(word)) {
            keep(at, word.len(), KeptPart::Byte);
        } else if rest.first() == Some(&b'$') {
            keep(at, FRAME_HEADER, KeptPart::Byte);
            keep(at + FRAME_HEADER, 1, KeptPart::Version);
            ends.extend(InterleavedHeader::parse(rest).map(|header| at + header.frame_len()));
        } else if ends.contains(&at) {
            // Behind what may be a frame, and an empty line or two, the beginning of a word counts.
            match rest.first() {
                Some(b'\r' | b'\n') => drop(ends.insert(at + 1)),
                _ => keep(at, begun(rest), KeptPart::Byte),
            }
        }
    }
    let byte = |(byte, kept): (&u8, &KeptPart)| match kept {
        KeptPart::Version if byte >> 6 == 2 => 0x80,
        KeptPart::Class | KeptPart::Version => like(*byte),
        KeptPart::Byte => *byte,
    };
    bytes.iter().zip(&kept).map(byte).collect()
}

/// What stays of a byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeptPart {
    /// What it means to who looks for a start line.
    Class,
    /// Besides, whether it begins a packet of RTP.
    Version,
    Byte,
}

/// How many bytes are the beginning of a word.
fn begun(bytes: &[u8]) -> usize {
    let same = |word: &[u8]| word.iter().zip(bytes).take_while(|(one, other)| one == other).count();
    words().map(same).max().unwrap_or(0)
}

/// A byte that means the same to who looks for a start line.
const fn like(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => b'X',
        b'0'..=b'9' => b'0',
        b' ' | b'\t' | b'\r' | b'\n' | 12 | b'_' | b'/' => byte,
        0..=31 | 127 => 1,
        _ => FILL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::demux::{Demuxer, PduKind};
    use proptest::prelude::*;

    /// Offsets, lengths and kinds.
    fn shape(chunks: &[&[u8]]) -> Vec<(u64, usize, u8)> {
        let (mut demuxer, mut shape) = (Demuxer::mid_stream(), Vec::new());
        for chunk in chunks {
            let mut pdus = demuxer.feed(chunk);
            while let Some(pdu) = pdus.next_pdu() {
                let kind = match pdu.kind {
                    PduKind::Message { .. } => 0,
                    PduKind::Interleaved { .. } => 1,
                    PduKind::Junk => 2,
                    PduKind::CutFrame { .. } | PduKind::Gap { .. } => 3,
                };
                shape.push((pdu.offset, pdu.raw.len(), kind));
            }
        }
        shape
    }

    #[test]
    fn white_space_is_what_analysis_takes_for_it() {
        for text in ["\u{b}s\u{b}", " \t s", "\u{a0}s\r\n", "s", "", " \u{b} "] {
            assert_eq!(trimmed(text.as_bytes()), text.trim().as_bytes(), "{text:?}");
        }
        assert_eq!(trimmed(b"\x0b \xff\x0b"), b"\xff");
        assert_eq!(inside(b"\x0b ab ", <[u8]>::to_ascii_uppercase), b"\x0b AB ");
    }

    proptest! {
        #[test]
        fn junk_stays_junk_in_the_same_places(
            parts in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..30),
                Just(b"RTSP/1.0 200 OK".to_vec()), Just(b"PLAY rtsp://h/".to_vec()), Just(b"\r\n".to_vec()),
                Just(vec![b'$', 0, 0, 12, 0x80, 96]), "[A-Z]{1,5} ".prop_map(String::into_bytes),
            ], 0..12),
            cuts in prop::collection::vec(1usize..40, 1..8),
        ) {
            let bytes = parts.concat();
            let other = junk(&bytes);
            prop_assert_eq!(bytes.len(), other.len());
            prop_assert_eq!(&junk(&other), &other, "stable");
            let chunks = |bytes: &'static [u8]| -> Vec<&'static [u8]> {
                let (mut rest, mut chunks, mut at) = (bytes, Vec::new(), 0);
                while !rest.is_empty() {
                    let (front, behind) = rest.split_at(cuts[at % cuts.len()].min(rest.len()));
                    chunks.push(front);
                    rest = behind;
                    at += 1;
                }
                chunks
            };
            let before = shape(&chunks(bytes.leak()));
            prop_assume!(before.iter().all(|(_, _, kind)| *kind == 2));
            prop_assert_eq!(before, shape(&chunks(other.leak())));
        }
    }

    #[test]
    fn what_is_left() {
        assert_eq!(blank(b"Max M\xc3\xbcller\r\n"), b"xxx xxxxxxx\r\n");
        assert_eq!(junk(b"PLAY it Again$\x02\x00\x10\x91\x22\n"), b"PLAY xx Xxxxx$\x02\x00\x10\x80x\n");
        let frame = b"$\0\0\x04\x80xxx";
        assert_eq!(junk(&[frame, &b"Gustav"[..]].concat()), [frame, &b"Gxxxxx"[..]].concat());
        assert_eq!(junk(&[frame, &b"\r\n\r\nGustav"[..]].concat()), [frame, &b"\r\n\r\nGxxxxx"[..]].concat());
        assert_eq!(inside(b" \tab ", blank), b" \txx ");
        assert_eq!(split(b"a=b;;c", b"=;").collect::<Vec<_>>(), [&b"a"[..], b"=", b"b", b";", b";", b"c"]);
    }
}
