//! Base64 (RFC 4648, section 4) as tunnels carry it: in pieces of any size, padded in the middle wherever a client
//! encoded its messages one by one, perhaps in lines, perhaps with holes.
//!
//! No crate decodes such a stream: theirs end at the padding, and none goes on behind a hole.

/// Where in the stream of one body the decoder is.
#[derive(Clone, Debug, Default)]
pub(in crate::capture) struct Decoder {
    /// Which of its four characters comes next.
    place: u8,
    /// The value of the character before it in the same four, where that is known.
    before: Option<u8>,
    /// The character before was `=`: the next letter is the first of four.
    padded: bool,
    /// White space has been seen.
    wrapped: bool,
    /// As long as it is not known which of its four a character is.
    lost: Option<Lost>,
    /// A character that is no base64 has been seen.
    spoilt: bool,
}

/// Characters from the four in which a hole begins to where the place is known again.
#[derive(Clone, Debug, Default)]
struct Lost {
    letters: u64,
    /// So many of their bytes came out before the hole.
    known: u64,
}

/// What came out of a piece, besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::capture) struct Decoded {
    /// So many bytes are missing before them.
    pub(in crate::capture) gap: u64,
    /// The first character of the whole body that is no base64, and behind how many of the bytes it stood.
    pub(in crate::capture) invalid: Option<(u8, usize)>,
}

impl Decoder {
    /// Appends what a piece decodes to. Other characters are passed over (RFC 2045, section 6.8).
    pub(in crate::capture) fn decode(&mut self, text: &[u8], out: &mut Vec<u8>) -> Decoded {
        let mut decoded = Decoded::default();
        for byte in text {
            match (value_of(*byte), *byte) {
                (Some(value), _) => {
                    if std::mem::take(&mut self.padded) {
                        decoded.gap += self.begin_four();
                    }
                    self.letter(value, out);
                }
                (None, b'=') if self.place > 0 || self.padded || self.lost.is_some() => self.padding(),
                (None, b' ' | b'\t' | b'\r' | b'\n') => {
                    self.wrapped = true;
                    if self.lost.is_some() {
                        decoded.gap += self.begin_four();
                    }
                }
                (None, _) if !self.spoilt => {
                    self.spoilt = true;
                    decoded.invalid = Some((*byte, out.len()));
                }
                (None, _) => {}
            }
        }
        decoded
    }

    /// So many characters are missing. How many bytes those were, as far as that can be told by now.
    ///
    /// They are taken to be letters: then their number tells which of its four comes next. In a body with white space
    /// it does not; what follows is passed over up to the next white space or the end of a padding.
    pub(in crate::capture) fn skip(&mut self, len: u64) -> u64 {
        let place = u64::from(self.place);
        // A byte needs the two characters that it lies in.
        let known = if self.before.is_some() { place.saturating_sub(1) } else { place };
        if self.wrapped || self.lost.is_some() {
            self.lost.get_or_insert(Lost { letters: place, known }).pass(len);
            (self.before, self.padded) = (None, false);
            return 0;
        }
        let end = place.saturating_add(len);
        self.place = u8::try_from(end % 4).unwrap_or(0);
        (self.before, self.padded) = (None, false);
        (end / 4 * 3 + end % 4).saturating_sub(known)
    }

    /// Which letters of a piece that comes next hold which bits of all that is decoded, `decoded` bytes of which came
    /// before. Nothing is taken in.
    pub(in crate::capture) fn runs(&self, text: &[u8], decoded: u64) -> Vec<Run> {
        let (mut decoder, mut out, mut gap, mut runs) = (self.clone(), Vec::new(), decoded, Vec::new());
        for (at, byte) in (0..).zip(text) {
            let before = decoder.place;
            gap += decoder.decode(std::slice::from_ref(byte), &mut out).gap;
            let known = gap + out.len() as u64;
            if *byte == b'=' && (before > 0 || decoder.padded) {
                runs.push(Run { text: at, len: 0, bit: known * 8 });
            } else if value_of(*byte).is_some() && decoder.lost.is_none() {
                // Of the four that this letter belongs to as many bytes are counted as letters stand before it.
                let place = u64::from((decoder.place + 3) % 4);
                runs.push(Run { text: at, len: 1, bit: known.saturating_sub(place) * 8 + place * 6 });
            }
        }
        runs
    }

    /// The body ends. How many bytes are missing there.
    pub(in crate::capture) fn finish(&mut self) -> u64 {
        self.begin_four()
    }

    fn letter(&mut self, value: u8, out: &mut Vec<u8>) {
        if let Some(lost) = &mut self.lost {
            return lost.pass(1);
        }
        if let Some(before) = self.before {
            // Bits that belong to the byte before fall off at the top.
            out.push((before << (2 * self.place)) | (value >> (6 - 2 * self.place)));
        }
        self.place = (self.place + 1) % 4;
        self.before = (self.place > 0).then_some(value);
    }

    fn padding(&mut self) {
        if let Some(lost) = &mut self.lost {
            lost.pass(1);
        } else if self.place > 0 {
            self.place = (self.place + 1) % 4;
        }
        (self.before, self.padded) = (None, true);
    }

    /// The next letter is the first of four. How many bytes were lost before it.
    fn begin_four(&mut self) -> u64 {
        (self.place, self.before) = (0, None);
        self.lost.take().map_or(0, |lost| (lost.letters / 4 * 3).saturating_sub(lost.known).max(1))
    }
}

impl Lost {
    fn pass(&mut self, letters: u64) {
        self.letters = self.letters.saturating_add(letters);
    }
}

/// The letter of six bits.
pub(in crate::capture) const fn letter_of(value: u8) -> u8 {
    match value & 63 {
        value @ 0..=25 => b'A' + value,
        value @ 26..=51 => b'a' + value - 26,
        value @ 52..=61 => b'0' + value - 52,
        62 => b'+',
        _ => b'/',
    }
}

/// The six bits of a letter of the alphabet.
pub(in crate::capture) const fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Letters in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct Run {
    /// Where the first of them lies in the text.
    pub(in crate::capture) text: u64,
    /// How many; none where a padding says that the letters before hold no more.
    pub(in crate::capture) len: u64,
    /// Which bit of the decoded bytes it begins with.
    pub(in crate::capture) bit: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// By the definition: the bits of all bytes in a row, six at a time, padded to four letters.
    fn encode(bytes: &[u8]) -> Vec<u8> {
        let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let letter = |bits: &[u8]| {
            let value = bits.iter().fold(0, |value, bit| value << 1 | bit) << (6 - bits.len());
            LETTERS[usize::from(value)]
        };
        let mut text: Vec<u8> = bits.chunks(6).map(letter).collect();
        text.resize(text.len().next_multiple_of(4), b'=');
        text
    }

    fn decode(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Decoded>) {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let decoded = pieces.iter().map(|piece| decoder.decode(piece, &mut out)).collect();
        assert_eq!(decoder.finish(), 0);
        (out, decoded)
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        // RFC 4648, section 10; all of them in one stream.
        let text = b"Zg==Zm8=Zm9vZm9vYg==Zm9vYmE=Zm9vYmFy";
        assert_eq!(decode(&[text]).0, b"ffofoofoobfoobafoobar");
    }

    #[test]
    fn lines_and_strange_characters() {
        let (out, decoded) = decode(&[b"Zm9v\r\nYm", b"-\0Fy\n"]);
        assert_eq!(out, b"foobar");
        assert_eq!(decoded, [Decoded::default(), Decoded { gap: 0, invalid: Some((b'-', 4)) }]);
        let (out, decoded) = decode(&[b"==Zg===Zg=Zm9v"]);
        assert_eq!((out.as_slice(), decoded[0].invalid), (b"fffoo".as_slice(), Some((b'=', 0))));
    }

    /// A stream with a hole: the bytes before it, its length, the bytes behind.
    fn with_hole(text: &[u8], from: usize, to: usize) -> (Vec<u8>, u64, Vec<u8>) {
        let (mut decoder, mut front, mut back) = (Decoder::default(), Vec::new(), Vec::new());
        decoder.decode(&text[..from], &mut front);
        let gap = decoder.skip((to - from) as u64);
        let decoded = decoder.decode(&text[to..], &mut back);
        (front, gap + decoded.gap + decoder.finish(), back)
    }

    #[test]
    fn a_hole_in_lines_ends_at_the_next_line() {
        let text = b"Zm9v\nYmFyZm9v\nYmFy\nZm9v\n";
        assert_eq!(with_hole(text, 7, 12), (b"foob".to_vec(), 5, b"barfoo".to_vec()));
        assert_eq!(with_hole(text, 7, 9).2, b"barfoo");
        assert_eq!(with_hole(text, 20, 22), (b"foobarfoobar".to_vec(), 3, vec![]));
    }

    proptest! {
        /// Messages encoded one by one or all at once, in any pieces, with line breaks between them or not.
        #[test]
        fn what_was_encoded_comes_out(
            messages in vec(vec(any::<u8>(), 0..50), 0..8),
            breaks in prop_oneof![Just(""), Just("\r\n")],
            cuts in vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let text: Vec<u8> =
                messages.iter().flat_map(|message| [encode(message), breaks.as_bytes().to_vec()].concat()).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let (out, decoded) = decode(&pieces);
            prop_assert_eq!(out, messages.concat());
            prop_assert!(decoded.iter().all(|decoded| *decoded == Decoded::default()));
        }

        /// No byte is lost but those that lie in a missing character, and all others keep their positions.
        #[test]
        fn a_hole_costs_what_it_holds(
            bytes in vec(any::<u8>(), 0..60),
            ends in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ) {
            let bytes = &bytes[..bytes.len() / 3 * 3];
            let text = encode(bytes);
            let (first, second) = (ends.0.index(text.len() + 1), ends.1.index(text.len() + 1));
            let (from, to) = (first.min(second), first.max(second));
            prop_assume!(from < to);
            let (front, gap, back) = with_hole(&text, from, to);
            let place = |byte: usize| byte / 3 * 4 + byte % 3;
            let known = |byte: &usize| place(*byte) + 1 < from || place(*byte) >= to;
            let expected: Vec<u8> = (0..bytes.len()).filter(known).map(|byte| bytes[byte]).collect();
            prop_assert_eq!(front.len() as u64 + gap + back.len() as u64, bytes.len() as u64);
            prop_assert_eq!([front, back].concat(), expected);
        }

        #[test]
        fn no_bytes_panic(pieces in vec((vec(any::<u8>(), 0..40), any::<u32>()), 0..10)) {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            for (piece, hole) in &pieces {
                decoder.decode(piece, &mut out);
                decoder.skip(u64::from(*hole));
            }
            decoder.finish();
            prop_assert!(out.len() <= pieces.iter().map(|(piece, _)| piece.len()).sum());
        }
    }
}
