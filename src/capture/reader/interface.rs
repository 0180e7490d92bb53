//! Interfaces of a pcapng section: what their packets are, and how they count time (pcapng, section 4.2).

use crate::capture::block_type::{IF_DESCRIPTION, IF_TSOFFSET, IF_TSRESOL};
use crate::capture::link::LinkType;
use crate::capture::reader::packet::Endianness;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// `if_tsresol` of an interface that has none: microseconds.
const MICROSECONDS: u8 = 6;

/// An interface description block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// The most that is captured of a packet; 0 for no limit.
    pub(super) snaplen: u32,
    pub(super) description: String,
    pub(super) clock: Clock,
}

impl Interface {
    /// Takes the body of a block apart; `None` if it is too short.
    pub(super) fn parse(body: &[u8], order: Endianness) -> Option<Self> {
        let ([link_a, link_b, _, _, snaplen @ ..], options) = body.split_first_chunk::<8>()?;
        let mut interface = Self {
            link: LinkType(order.u16([*link_a, *link_b])),
            snaplen: order.u32(*snaplen),
            description: String::new(),
            clock: Clock::new(MICROSECONDS, 0),
        };
        let (mut resolution, mut offset) = (MICROSECONDS, 0);
        for (code, value) in (Options { bytes: options, order }) {
            match (code, value) {
                (IF_DESCRIPTION, text) if interface.description.is_empty() => {
                    interface.description = String::from_utf8_lossy(text).into_owned();
                }
                (IF_TSRESOL, [value, ..]) => resolution = *value,
                (IF_TSOFFSET, value) => offset = value.first_chunk().map_or(offset, |value| order.i64(*value)),
                _ => {}
            }
        }
        interface.clock = Clock::new(resolution, offset);
        Some(interface)
    }
}

/// How an interface counts time: ticks to nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    tick: Tick,
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tick {
    /// So many nanoseconds.
    Nanos(i64),
    /// This part of a nanosecond.
    Part(i64),
    /// 2 to the power of minus so many seconds.
    Binary(u8),
}

impl Clock {
    /// From `if_tsresol` and `if_tsoffset` (in seconds).
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let digits = resolution & 0x7f;
        let power = |digits| 10_i64.checked_pow(digits).unwrap_or(i64::MAX);
        let tick = match digits {
            _ if resolution & 0x80 != 0 => Tick::Binary(digits),
            0..=9 => Tick::Nanos(power(u32::from(9 - digits))),
            _ => Tick::Part(power(u32::from(digits - 9))),
        };
        Self { tick, offset: offset.saturating_mul(NANOS_PER_SECOND) }
    }

    /// The instant of a packet. Ticks with the highest bit set are before the epoch: as a count without sign they
    /// would lie behind the year 2500.
    #[inline]
    pub(super) fn instant(self, ticks: u64) -> Timestamp {
        let ticks = ticks.cast_signed();
        let nanos = match self.tick {
            Tick::Nanos(nanos) => ticks.saturating_mul(nanos),
            Tick::Part(part) => ticks.div_euclid(part),
            Tick::Binary(digits) => {
                let nanos = (i128::from(ticks) * i128::from(NANOS_PER_SECOND)) >> digits;
                i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
            }
        };
        Timestamp::from_nanos(nanos.saturating_add(self.offset))
    }
}

/// The options of a block, with or without the mark at their end. One that is longer than its block is the end.
pub(in crate::capture) struct Options<'a> {
    pub(in crate::capture) bytes: &'a [u8],
    pub(in crate::capture) order: Endianness,
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([a, b, c, d], rest) = self.bytes.split_first_chunk::<4>()?;
        let (code, len) = (self.order.u16([*a, *b]), usize::from(self.order.u16([*c, *d])));
        let value = rest.get(..len).filter(|_| code != 0)?;
        self.bytes = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_any_length() {
        let nanos = |resolution, offset, ticks| Clock::new(resolution, offset).instant(ticks).as_nanos();
        assert_eq!(nanos(0, 0, 3), 3_000_000_000);
        assert_eq!(nanos(6, 0, 1_700_000_000_000_001), 1_700_000_000_000_001_000);
        assert_eq!(nanos(9, 0, 1_700_000_000_000_000_001), 1_700_000_000_000_000_001);
        assert_eq!(nanos(12, 0, 1_999), 1);
        assert_eq!(nanos(27, 0, 5_000_000_000_000_000_000), 5);
        assert_eq!(nanos(0x7f, 0, u64::MAX >> 1), 1);
        assert_eq!(nanos(0x80, 0, 3), 3_000_000_000);
        assert_eq!(nanos(0x94, 0, (1 << 20) * 5 + (1 << 19)), 5_500_000_000);
        assert_eq!(nanos(0xff, 0, u64::MAX >> 1), 0);
    }

    #[test]
    fn times_before_the_epoch_and_beyond_all_bounds() {
        let nanos = |resolution, offset, ticks| Clock::new(resolution, offset).instant(ticks).as_nanos();
        assert_eq!(nanos(9, 0, 5_u64.wrapping_neg()), -5);
        assert_eq!(nanos(10, 0, 5_u64.wrapping_neg()), -1);
        assert_eq!(nanos(6, -10, 1), -9_999_999_000);
        assert_eq!(nanos(6, 10, 1), 10_000_001_000);
        assert_eq!(nanos(0, 0, u64::MAX >> 1), i64::MAX);
        assert_eq!(nanos(0x80, 0, 1 << 63), i64::MIN);
        assert_eq!(nanos(6, i64::MIN, 1 << 63), i64::MIN);
        assert_eq!(nanos(6, i64::MAX, 5), i64::MAX);
    }

    #[test]
    fn options_with_and_without_an_end_and_too_long() {
        let interface = |options: &[u8]| {
            Interface::parse(&[&[1, 0, 9, 9, 0, 1, 0, 0], options].concat(), Endianness::Little).unwrap()
        };
        let plain = interface(&[]);
        assert_eq!((plain.link, plain.snaplen, plain.clock), (LinkType::ETHERNET, 256, Clock::new(6, 0)));
        let described = [3, 0, 5, 0, b'c', b'a', b'm', 0xff, b'1', 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0];
        for end in [&[][..], &[0, 0, 0, 0], &[0, 0, 0, 0, 3, 0, 1, 0], &[7], &[3, 0, 200, 0, b'x']] {
            let described = interface(&[&described, end].concat());
            assert_eq!((described.description.as_str(), described.clock), ("cam\u{fffd}1", Clock::new(9, 0)));
        }
        assert_eq!(Interface::parse(&[1, 0, 0, 0, 0, 0, 0], Endianness::Little), None);
    }
}
