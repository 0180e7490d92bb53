//! Options of TCP that tell how a connection fares (RFC 9293, section 3.2; RFC 7323; RFC 2018).

use byteorder::{ByteOrder, NetworkEndian};

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const WINDOW_SCALE: u8 = 3;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
/// Two sequence numbers.
const SACK_BLOCK: usize = 8;
/// Larger shifts count as this one (RFC 7323, section 2.3).
const MAX_SHIFT: u8 = 14;

/// What a segment's options say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TcpOptions {
    /// How far windows are shifted. It counts in a SYN only.
    pub(super) window_shift: Option<u8>,
    /// Blocks of a selective acknowledgement.
    pub(super) sack_blocks: u8,
    pub(super) timestamps: Option<TimestampPair>,
}

/// The two times of the timestamps option (RFC 7323, section 3.2), in ticks of who sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimestampPair {
    /// When the segment was sent.
    pub(super) value: u32,
    /// Of the segment that it answers.
    pub(super) echo: u32,
}

impl TcpOptions {
    /// Reads them, as far as they are whole.
    pub(super) fn parse(mut bytes: &[u8]) -> Self {
        let mut options = Self::default();
        while let Some((kind, rest)) = bytes.split_first() {
            match *kind {
                END => break,
                NO_OPERATION => bytes = rest,
                kind => {
                    // The length counts itself and the kind.
                    let length = rest.first().and_then(|length| usize::from(*length).checked_sub(2));
                    let Some(content) = length.and_then(|length| rest.get(1..)?.get(..length)) else { break };
                    options.option(kind, content);
                    bytes = rest.get(1 + content.len()..).unwrap_or_default();
                }
            }
        }
        options
    }

    fn option(&mut self, kind: u8, content: &[u8]) {
        match (kind, content) {
            (WINDOW_SCALE, [shift]) => self.window_shift = Some((*shift).min(MAX_SHIFT)),
            (SACK, blocks) => self.sack_blocks = u8::try_from(blocks.len() / SACK_BLOCK).unwrap_or(u8::MAX),
            (TIMESTAMPS, [value @ .., _, _, _, _]) if value.len() == 4 => {
                let echo = content.get(4..).unwrap_or_default();
                let (value, echo) = (NetworkEndian::read_u32(value), NetworkEndian::read_u32(echo));
                self.timestamps = Some(TimestampPair { value, echo });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_linux_sends() {
        let syn = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7];
        let timestamps = Some(TimestampPair { value: 7, echo: 0 });
        assert_eq!(TcpOptions::parse(&syn), TcpOptions { window_shift: Some(7), sack_blocks: 0, timestamps });
        let two_holes = [&[1, 1, 5, 18][..], &[9; 16], &[1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 7]].concat();
        let timestamps = Some(TimestampPair { value: 8, echo: 7 });
        assert_eq!(TcpOptions::parse(&two_holes), TcpOptions { window_shift: None, sack_blocks: 2, timestamps });
    }

    #[test]
    fn what_is_wrong_ends_them() {
        // A shift above 14; no length; a length of nothing; one behind the end; behind the end of the list.
        assert_eq!(TcpOptions::parse(&[3, 3, 200]).window_shift, Some(14));
        for broken in [&[3][..], &[3, 1, 7], &[3, 9, 7], &[0, 3, 3, 7], &[2, 0, 3, 3, 7]] {
            assert_eq!(TcpOptions::parse(broken), TcpOptions::default(), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let options = TcpOptions::parse(&bytes);
            prop_assert!(usize::from(options.sack_blocks) * SACK_BLOCK <= bytes.len());
            prop_assert!(options.window_shift.is_none_or(|shift| shift <= MAX_SHIFT));
        }
    }
}
