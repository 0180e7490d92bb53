//! Other addresses for those of a capture: always the same for the same, never the same for different ones, and as long when
//! they are written out.
//!
//! They come from ranges that nobody has (RFC 5737, 3849, 6676, 1112), and are given out in the order in which they are
//! asked for. So a capture that was redacted once stays as it is when it is redacted again.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use foldhash::fast::RandomState;

/// More addresses than a capture has of its own.
const MAX_ADDRESSES: usize = 1 << 16;

/// Addresses that are passed over as they have a meaning, or another length.
const MAX_TRIES: usize = 1000;

/// Ranges for addresses of 7 to 15 characters, in the order of their use.
const UNICAST: [&[RangeInclusive<u32>]; 9] = [
    &[range([0, 0, 0, 1], [0, 9, 9, 9]), range([240, 0, 0, 0], [255, 0, 0, 0])],
    &[range([0, 0, 0, 10], [0, 99, 99, 9])],
    &[range([192, 0, 2, 1], [192, 0, 2, 9]), CLASS_E],
    &[range([192, 0, 2, 10], [192, 0, 2, 99]), CLASS_E],
    &[range([192, 0, 2, 100], [192, 0, 2, 255]), CLASS_E],
    &[range([203, 0, 113, 10], [203, 0, 113, 99]), CLASS_E],
    &[range([198, 51, 100, 10], [198, 51, 100, 99]), CLASS_E],
    &[range([198, 51, 100, 100], [198, 51, 100, 255]), CLASS_E],
    &[CLASS_E],
];
const CLASS_E: RangeInclusive<u32> = range([240, 0, 0, 0], [255, 255, 255, 254]);
/// Groups: those for examples, then those that belong to a site.
const GROUPS: [RangeInclusive<u32>; 2] =
    [range([233, 252, 0, 1], [233, 252, 0, 255]), range([239, 0, 0, 0], [239, 255, 255, 255])];

const fn range(from: [u8; 4], to: [u8; 4]) -> RangeInclusive<u32> {
    u32::from_be_bytes(from)..=u32::from_be_bytes(to)
}

/// The addresses of a capture, and what stands for them.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: HashMap<IpAddr, IpAddr, RandomState>,
    /// The latest for each length, with its class.
    latest: HashMap<(bool, usize), (usize, u32)>,
    given: HashMap<(u16, usize), u128>,
    links: HashMap<[u8; 6], [u8; 6], RandomState>,
    latest_known: LatestPairs<IpAddr>,
    latest_links: LatestPairs<[u8; 6]>,
    /// How many of them are of a group.
    groups: usize,
    /// There were none left.
    pub(super) exhausted: bool,
}

/// What was asked for last, and before that: the packets of one connection have the same two addresses.
#[derive(Debug)]
struct LatestPairs<T>([Option<(T, T)>; 2]);

impl<T> Default for LatestPairs<T> {
    fn default() -> Self {
        Self([None, None])
    }
}

impl<T: Copy + PartialEq> LatestPairs<T> {
    /// What stands for an address, which `known` looks up where it was not asked for just now.
    fn get_or(&mut self, address: T, known: impl FnOnce() -> Option<T>) -> Option<T> {
        let [latest, before] = self.0;
        if let Some((_, other)) = [latest, before].into_iter().flatten().find(|(asked, _)| *asked == address) {
            return Some(other);
        }
        let other = known()?;
        self.0 = [Some((address, other)), latest];
        Some(other)
    }
}

impl Addresses {
    /// What stands for an address.
    pub(super) fn address(&mut self, address: IpAddr) -> IpAddr {
        let Self { known, latest_known, .. } = self;
        if let Some(other) = latest_known.get_or(address, || known.get(&address).copied()) {
            return other;
        }
        let other = match address {
            IpAddr::V4(address) if is_plain_v4(address) => Some(address.into()),
            IpAddr::V4(address) => self.next_v4(address).map(IpAddr::V4),
            IpAddr::V6(address) if is_plain_v6(address) => Some(address.into()),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(inner) => match self.address(inner.into()) {
                    IpAddr::V4(inner) => Some(inner.to_ipv6_mapped().into()),
                    IpAddr::V6(_) => None,
                },
                None => self.next_v6(address).map(IpAddr::V6),
            },
        };
        let full = self.known.len() >= MAX_ADDRESSES;
        self.exhausted |= full || other.is_none();
        let other = other.filter(|_| !full).unwrap_or(match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
        if !full {
            self.known.insert(address, other);
        }
        other
    }

    fn next_v4(&mut self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let (group, len) = (address.is_multicast(), text_len(address.into()));
        let ranges: &[RangeInclusive<u32>] = if group { &GROUPS } else { UNICAST.get(len.checked_sub(7)?)? };
        let (first, latest) =
            self.latest.get(&(group, len)).copied().map_or((0, None), |(at, latest)| (at, Some(latest)));
        for (at, range) in ranges.iter().enumerate().skip(first) {
            let start = latest.filter(|_| at == first).map_or(*range.start(), |latest| latest.saturating_add(1));
            if let Some(number) = next_of_len(start, *range.end(), len) {
                self.latest.insert((group, len), (at, number));
                return Some(Ipv4Addr::from(number));
            }
        }
        None
    }

    fn next_v6(&mut self, address: Ipv6Addr) -> Option<Ipv6Addr> {
        let (len, [first, ..]) = (text_len(address.into()), address.segments());
        // Of a group the flags and the scope stay.
        let group = if address.is_multicast() { first } else { 0 };
        let number = self.given.entry((group, len)).or_default();
        for _ in 0..MAX_TRIES {
            let other: Ipv6Addr = v6_text(group, len, *number)?.parse().ok()?;
            *number += 1;
            if text_len(other.into()) == len && !is_plain_v6(other) && other.is_multicast() == (group > 0) {
                return Some(other);
            }
        }
        None
    }

    /// What stands for an address of the link layer: a locally administered one.
    pub(super) fn link(&mut self, address: [u8; 6]) -> [u8; 6] {
        if address == [0xff; 6] || address == [0; 6] {
            return address;
        }
        let Self { links, latest_links, .. } = self;
        if let Some(other) = latest_links.get_or(address, || links.get(&address).copied()) {
            return other;
        }
        let [first, ..] = address;
        let group = first & 1;
        let number = self.links.len() - self.groups;
        let number = if group == 1 { self.groups } else { number };
        let [a, b, c, d] = u32::try_from(number + 1).unwrap_or(u32::MAX).to_be_bytes();
        let other = [2 | group, 0, a, b, c, d];
        if self.links.len() < MAX_ADDRESSES {
            self.links.insert(address, other);
            self.groups += usize::from(group);
        }
        other
    }
}

/// What tells of nobody: loopback, none, everybody, and the groups of the protocols themselves.
fn is_plain_v4(address: Ipv4Addr) -> bool {
    let local_group = matches!(address.octets(), [224, 0, 0, _]);
    address.is_loopback() || address.is_unspecified() || address.is_broadcast() || local_group
}

fn is_plain_v6(address: Ipv6Addr) -> bool {
    let well_known = matches!(address.segments(), [0xff01 | 0xff02 | 0xff05, 0, 0, 0, 0, 0, 0, 1..=0x1ff]);
    let no_group = address.is_multicast() && matches!(address.segments(), [_, 0, 0, 0, 0, 0, 0, 0]);
    address.is_loopback() || address.is_unspecified() || well_known || no_group
}

fn v4_len(octets: [u8; 4]) -> usize {
    3 + octets.into_iter().map(digits_of).sum::<usize>()
}

const fn digits_of(octet: u8) -> usize {
    match octet {
        0..=9 => 1,
        10..=99 => 2,
        _ => 3,
    }
}

/// The first address from `start` on whose text has this length. Steps over all that can't have it.
fn next_of_len(start: u32, end: u32, len: usize) -> Option<u32> {
    let mut number = u64::from(start);
    while number <= u64::from(end) {
        let address = u32::try_from(number).ok()?;
        let [a, b, c, d] = address.to_be_bytes();
        let left = len.checked_sub(3 + digits_of(a)).filter(|left| (3..=9).contains(left))?;
        let below = |octet: u8, least: usize, left: usize| {
            left.checked_sub(digits_of(octet)).filter(|left| (least..=3 * least).contains(left))
        };
        let Some(left) = below(b, 2, left) else {
            number = (number | 0xffff) + 1;
            continue;
        };
        match below(c, 1, left) {
            Some(left) if digits_of(d) == left => return Some(address),
            Some(left) if digits_of(d) < left => number = number & !0xff | if left == 2 { 10 } else { 100 },
            _ => number = (number | 0xff) + 1,
        }
    }
    None
}

fn text_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(address) => v4_len(address.octets()),
        IpAddr::V6(address) => address.to_string().len(),
    }
}

/// The text of the `number`th address of this length.
fn v6_text(group: u16, len: usize, number: u128) -> Option<String> {
    let prefix = match (group, len) {
        (0, ..=10) => String::new(),
        (0, 39) => "fd00:1000".to_owned(),
        (0, _) => "2001:db8".to_owned(),
        _ => format!("{group:x}"),
    };
    let groups = if prefix.is_empty() { 0 } else { prefix.matches(':').count() + 1 };
    let compressed = len.checked_sub(prefix.len() + 2).filter(|rest| (rest + 1).div_ceil(5) + groups <= 6 && *rest > 0);
    let Some(rest) = compressed else {
        let rest = len.checked_sub(prefix.len() + 1)?;
        return Some(format!("{prefix}:{}", digits(rest, 8 - groups, number)?));
    };
    Some(format!("{prefix}::{}", digits(rest, (rest + 1).div_ceil(5), number)?))
}

/// So many groups of hexadecimal digits with colons between them: `len` characters, none of them a leading zero.
fn digits(len: usize, groups: usize, mut number: u128) -> Option<String> {
    let digits = len.checked_sub(groups.checked_sub(1)?)?;
    let mut lens = vec![0; groups];
    for place in 0..digits {
        *lens.get_mut(groups - 1 - place % groups)? += 1;
    }
    let mut text = Vec::new();
    for len in lens.into_iter().rev() {
        if !(1..=4).contains(&len) {
            return None;
        }
        for place in (0..len).rev() {
            let leading = u128::from(place == 0);
            let base = 16 - leading;
            text.push(char::from_digit(u32::try_from(number % base + leading).ok()?, 16)?);
            number /= base;
        }
        text.push(':');
    }
    text.pop();
    (number == 0).then(|| text.into_iter().rev().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_for_one_and_as_long(
            v4 in prop::collection::vec(any::<u32>(), 0..40),
            near in prop::collection::vec(0..512u32, 0..40),
            v6 in prop::collection::vec(any::<[u16; 8]>(), 0..20),
            masks in prop::collection::vec(any::<u8>(), 20),
        ) {
            let mut addresses = Addresses::default();
            let sparse = v6.iter().zip(&masks).map(|(groups, mask)| {
                let mut groups = *groups;
                (0..8).filter(|at| mask >> at & 1 == 1).for_each(|at| groups[at] = 0);
                Ipv6Addr::from(groups).into()
            });
            let near = near.iter().map(|low| Ipv4Addr::from(0x0a00_0000 | low).into());
            let all: Vec<IpAddr> = v4.iter().map(|number| Ipv4Addr::from(*number).into())
                .chain(near).chain(sparse).chain(v6.iter().map(|groups| Ipv6Addr::from(*groups).into())).collect();
            let others: Vec<IpAddr> = all.iter().map(|address| addresses.address(*address)).collect();
            prop_assert!(!addresses.exhausted);
            let mut again = Addresses::default();
            for (address, other) in all.iter().zip(&others) {
                prop_assert_eq!(address.to_string().len(), other.to_string().len(), "{} {}", address, other);
                prop_assert_eq!(address.is_multicast(), other.is_multicast());
                prop_assert_eq!(address.is_unspecified(), other.is_unspecified());
                prop_assert_eq!(addresses.address(*address), *other);
                prop_assert_eq!(again.address(*other), *other, "stable");
            }
            for (one, other) in all.iter().zip(&others) {
                for (second, third) in all.iter().zip(&others) {
                    prop_assert_eq!(one == second, other == third, "{} {}", one, second);
                }
            }
        }
    }

    proptest! {
        /// In whatever order they are asked for, what stands for an address is what stood for it first.
        #[test]
        fn always_the_same_for_the_same(asked in prop::collection::vec(0..5u8, 0..60)) {
            let mut addresses = Addresses::default();
            let (mut first, mut first_links) = (HashMap::new(), HashMap::new());
            for last in asked {
                let (address, link) = (Ipv4Addr::new(10, 0, 0, last).into(), [0, 1, 2, 3, 4, last]);
                let (other, other_link) = (addresses.address(address), addresses.link(link));
                prop_assert_eq!(*first.entry(address).or_insert(other), other);
                prop_assert_eq!(*first_links.entry(link).or_insert(other_link), other_link);
            }
            prop_assert_eq!(first.values().collect::<std::collections::HashSet<_>>().len(), first.len());
        }
    }

    #[test]
    fn addresses_that_tell_nothing_stay() {
        let mut addresses = Addresses::default();
        for plain in ["127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.22", "::", "::1", "ff02::1", "ff02::fb"] {
            let plain: IpAddr = plain.parse().unwrap();
            assert_eq!(addresses.address(plain), plain);
        }
        for (address, other) in [
            ("10.0.0.1", "0.0.0.10"),
            ("192.168.1.20", "203.0.113.10"),
            ("239.1.2.3", "239.0.0.0"),
            ("fe80::1", "::10:10"),
            ("2a02:8108:8ac0:1:a1b2:c3d4:e5f6:789a", "2001:db8:100:100:1000:1000:1000:1000"),
            ("::ffff:10.0.0.1", "::ffff:0.0.0.10"),
        ] {
            assert_eq!(addresses.address(address.parse().unwrap()).to_string(), other, "{address}");
        }
    }

    #[test]
    fn link_addresses() {
        let mut addresses = Addresses::default();
        let all = [[0, 1, 2, 3, 4, 5], [1, 0, 0x5e, 1, 2, 3], [0xff; 6], [0, 1, 2, 3, 4, 6], [0, 1, 2, 3, 4, 5]];
        let others = all.map(|address| addresses.link(address));
        let expected = [[2, 0, 0, 0, 0, 1], [3, 0, 0, 0, 0, 1], [0xff; 6], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]];
        assert_eq!(others, expected);
    }
}
