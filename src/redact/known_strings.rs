//! Hosts and logins that were seen, to find them again in texts.

use std::collections::HashMap;

use crate::redact::text::with_capitals_of;
use crate::rtsp::start_line::{METHODS, VERSIONS};

/// Shorter ones would be found in too much.
const MIN_WORD: usize = 2;
/// The longest name of a host.
const MAX_WORD: usize = 253;
/// More hosts and logins than a capture has.
const MAX_WORDS: usize = 1 << 16;
/// Places behind each other at which a word may end that begins here.
const MAX_ENDS: usize = 32;
/// What RTSP itself says in its fields, whoever is called so.
const RESERVED: [&[u8]; 12] = [
    b"application",
    b"sdp",
    b"text",
    b"parameters",
    b"x-rtsp-tunnelled",
    b"timeout",
    b"chunked",
    b"identity",
    b"base64",
    b"rtsp",
    b"http",
    b"no",
];

/// Hosts and logins that were seen in URLs and the like, in small letters, and what stands for them.
#[derive(Debug, Default)]
pub(super) struct KnownStrings {
    known: HashMap<Vec<u8>, Vec<u8>>,
    longest: usize,
    /// There were too many.
    pub(super) exhausted: bool,
}

impl KnownStrings {
    /// From now on this word is replaced in texts.
    pub(super) fn learn(&mut self, word: &[u8], other: &[u8]) {
        let small = word.to_ascii_lowercase();
        let fits = (MIN_WORD..=MAX_WORD).contains(&word.len()) && !word.iter().all(|byte| b"*x".contains(byte));
        if !fits || is_reserved(&small) || self.known.contains_key(&small) {
            return;
        }
        if self.known.len() >= MAX_WORDS {
            self.exhausted = true;
            return;
        }
        self.longest = self.longest.max(word.len());
        self.known.insert(small, other.to_vec());
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What stands for the longest known word that a text begins with.
    pub(super) fn find(&self, text: &[u8]) -> Option<Vec<u8>> {
        let run = text.iter().take(self.longest).take_while(|byte| !byte.is_ascii_whitespace()).count();
        let ends = (MIN_WORD..=run).rev().filter(|end| !text.get(*end).copied().is_some_and(is_letter));
        ends.take(MAX_ENDS).find_map(|end| {
            let word = text.get(..end)?;
            let other = self.known.get(&word.to_ascii_lowercase())?;
            Some(with_capitals_of(word, other.clone()))
        })
    }
}

/// Numbers, methods, versions, and other words of the protocol.
fn is_reserved(small: &[u8]) -> bool {
    let protocol = VERSIONS.iter().chain(&METHODS).map(|word| word.get(..word.len() - 1).unwrap_or_default());
    small.iter().all(u8::is_ascii_digit) || protocol.chain(RESERVED).any(|word| word.eq_ignore_ascii_case(small))
}

pub(super) const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}
