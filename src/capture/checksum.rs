//! The Internet checksum (RFC 1071).

/// Sums bytes as 16-bit words, to be combined with other sums and finished by [`checksum`]. An odd last byte counts
/// as the first of a word, so only the last part of a packet may be of odd length.
///
/// The words are summed in the machine's little-endian order, eight at a time; section 2(B) of the RFC shows why only
/// the end result has to be swapped.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut lanes = [0u64; 4];
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane += u64::from(u32::from_le_bytes(*word));
        }
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    let tail: u64 = pairs.iter().map(|pair| u64::from(u16::from_le_bytes(*pair))).sum();
    lanes.iter().sum::<u64>() + tail + odd.first().map_or(0, |byte| u64::from(*byte))
}

/// The checksum that belongs to a sum, in network byte order.
pub(super) fn checksum(sum: u64) -> [u8; 2] {
    let mut folded = sum;
    while folded > 0xffff {
        folded = (folded & 0xffff) + (folded >> 16);
    }
    (!u16::try_from(folded).unwrap_or(0)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The RFC's own definition, word by word.
    fn by_definition(bytes: &[u8]) -> [u8; 2] {
        let mut total = 0u64;
        for pair in bytes.chunks(2) {
            total += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        (!u16::try_from(total).unwrap()).to_be_bytes()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(sum(&bytes)), (!0xddf2u16).to_be_bytes());
    }

    proptest! {
        #[test]
        fn equals_the_definition(bytes: Vec<u8>) {
            prop_assert_eq!(checksum(sum(&bytes)), by_definition(&bytes));
        }

        #[test]
        fn parts_of_even_length_add_up(front in prop::collection::vec(any::<[u8; 2]>(), 0..50), back: Vec<u8>) {
            let front = front.concat();
            let whole = [front.as_slice(), &back].concat();
            prop_assert_eq!(checksum(sum(&front) + sum(&back)), checksum(sum(&whole)));
        }
    }
}
