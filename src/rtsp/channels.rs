//! Interleaved channel identifiers (RFC 2326, section 10.12).

/// Channels seen, as a bitmap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelSet([u64; 4]);

impl ChannelSet {
    /// Adds a channel.
    #[inline]
    pub fn insert(&mut self, channel: u8) {
        if let Some(word) = self.0.get_mut(usize::from(channel >> 6)) {
            *word |= 1 << (channel & 63);
        }
    }

    /// Whether the channel is in the set.
    pub fn contains(self, channel: u8) -> bool {
        self.0.get(usize::from(channel >> 6)).is_some_and(|word| word >> (channel & 63) & 1 == 1)
    }

    /// Whether a frame may be on this channel, as far as is known: it, or the other one of its RTP/RTCP pair, has
    /// been seen; or none has.
    pub fn plausible(self, channel: u8) -> bool {
        self.0 == [0; 4] || self.contains(channel) || self.contains(channel ^ 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_set_excludes_nothing() {
        assert!(ChannelSet::default().plausible(7));
        assert!(!ChannelSet::default().contains(7));
    }

    #[test]
    fn the_other_channel_of_a_pair_is_plausible() {
        let mut set = ChannelSet::default();
        set.insert(200);
        assert!(set.contains(200) && set.plausible(200) && set.plausible(201));
        assert!(!set.plausible(199) && !set.plausible(202) && !set.plausible(0));
    }
}
