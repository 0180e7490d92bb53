//! Other names for those of a capture: hosts, parts of paths, sources. Always the same for the same, as long, and never the
//! same for different ones as long as there are enough.

use std::collections::HashMap;

/// Bytes that all names together may take.
const MAX_NAMES: usize = 64 << 20;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// With what they begin: a letter, so that none is an address.
const FIRST: &[u8; 26] = b"xyzabcdefghijklmnopqrstuvw";

/// The names of a capture, and what stands for them.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<Vec<u8>, Vec<u8>>,
    /// How many there are of each length, and with capitals in the same places.
    counts: HashMap<Vec<bool>, u64>,
    size: usize,
    /// There were none left.
    pub(super) exhausted: bool,
}

impl Names {
    /// What stands for a name.
    pub(super) fn name(&mut self, name: &[u8]) -> Vec<u8> {
        if name.len() < 2 {
            return vec![b'x'; name.len()];
        }
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let capitals: Vec<bool> = name.iter().map(u8::is_ascii_uppercase).collect();
        let count = self.counts.entry(capitals).or_default();
        let mut other = numbered(name, *count);
        // A description with control characters is a bad one.
        let controls = other.iter_mut().zip(name).filter(|(_, byte)| byte.is_ascii_control());
        controls.for_each(|(other, byte)| *other = *byte);
        *count += 1;
        self.size += 2 * name.len() + 96;
        self.exhausted |= self.size > MAX_NAMES;
        if !self.exhausted {
            self.known.insert(name.to_vec(), other.clone());
        }
        other
    }
}

/// `x0`, `x1`… of any length, with capitals where the name has them: who looks for the beginning of a message asks for those.
fn numbered(name: &[u8], mut number: u64) -> Vec<u8> {
    let mut text: Vec<u8> = Vec::with_capacity(name.len());
    for (place, byte) in name.iter().enumerate().rev() {
        let letters: &[u8] = if place == 0 || byte.is_ascii_uppercase() { FIRST } else { DIGITS };
        let base = letters.len() as u64;
        let letter = usize::try_from(number % base).ok().and_then(|at| letters.get(at)).copied().unwrap_or(b'x');
        text.push(if byte.is_ascii_uppercase() { letter.to_ascii_uppercase() } else { letter });
        number /= base;
    }
    text.reverse();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_for_one_as_long_and_stable(all in prop::collection::hash_set("[a-zA-Z0-9.]{2,6}", 0..200)) {
            let (mut names, mut again) = (Names::default(), Names::default());
            let others: Vec<Vec<u8>> = all.iter().map(|name| names.name(name.as_bytes())).collect();
            for (name, other) in all.iter().zip(&others) {
                prop_assert_eq!(name.len(), other.len());
                prop_assert_eq!(&names.name(name.as_bytes()), other);
                prop_assert_eq!(&again.name(other), other);
            }
            let distinct: std::collections::HashSet<&Vec<u8>> = others.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
        }
    }

    #[test]
    fn names_are_counted() {
        let mut names = Names::default();
        let text = |name: Vec<u8>| String::from_utf8(name).unwrap();
        assert_eq!(text(names.name(b"camera")), "x00000");
        assert_eq!(text(names.name(b"office")), "x00001");
        assert_eq!(text(names.name(b"camera")), "x00000");
        assert_eq!(text(names.name(b"Garage7")), "X000000");
        assert_eq!(text(numbered(b"ab", 36)), "y0");
    }
}
