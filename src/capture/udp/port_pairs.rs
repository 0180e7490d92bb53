//! What is known of datagrams by both ends, of which one may be known in part.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use foldhash::fast::RandomState;

/// Sender and receiver.
type AddressPair = (SocketAddr, SocketAddr);

/// Places for what was looked up of late.
const RECENT: usize = 16;

/// Values by sender and receiver; an unknown port or address of one end is 0 or unspecified.
#[derive(Debug)]
pub(in crate::capture) struct PortPairs<T> {
    places: HashMap<AddressPair, usize, RandomState>,
    values: Vec<Vec<T>>,
    /// The places of ends that were looked up of late, at one that the ends tell: datagrams of one flow come in rows.
    recent: [Option<(AddressPair, Option<usize>)>; RECENT],
}

impl<T> Default for PortPairs<T> {
    fn default() -> Self {
        Self { places: HashMap::default(), values: Vec::new(), recent: [None; RECENT] }
    }
}

impl<T> PortPairs<T> {
    /// How many pairs there are.
    pub(in crate::capture) fn len(&self) -> usize {
        self.places.len()
    }

    /// The values of exactly these ends.
    pub(in crate::capture) fn get(&self, ends: AddressPair) -> Option<&Vec<T>> {
        self.places.get(&ends).and_then(|place| self.values.get(*place))
    }

    /// The same, to be changed.
    pub(in crate::capture) fn get_mut(&mut self, ends: AddressPair) -> Option<&mut Vec<T>> {
        self.places.get(&ends).and_then(|place| self.values.get_mut(*place))
    }

    /// The same; they are made if there are none.
    pub(in crate::capture) fn entry(&mut self, ends: AddressPair) -> Option<&mut Vec<T>> {
        let next = self.values.len();
        let place = *self.places.entry(ends).or_insert(next);
        if place == next {
            self.values.push(Vec::new());
            self.recent = [None; RECENT];
        }
        self.values.get_mut(place)
    }

    /// The values of ends that may be a datagram's.
    pub(in crate::capture) fn find(&self, from: SocketAddr, to: SocketAddr) -> &[T] {
        self.values_at(self.place(from, to))
    }

    /// The same for one datagram after the other.
    #[inline]
    pub(in crate::capture) fn find_next(&mut self, from: &SocketAddr, to: &SocketAddr) -> &[T] {
        let slot = slot_of(from, to) % RECENT;
        // Compared where they stand, as a copy would have to wait for them to be written.
        let place = match self.recent.get(slot) {
            Some(Some(((sender, receiver), place))) if sender == from && receiver == to => *place,
            _ => self.remember(slot, (*from, *to)),
        };
        self.values_at(place)
    }

    fn remember(&mut self, slot: usize, ends: AddressPair) -> Option<usize> {
        let place = self.place(ends.0, ends.1);
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = Some((ends, place));
        }
        place
    }

    fn place(&self, from: SocketAddr, to: SocketAddr) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let any_port = |address: SocketAddr| SocketAddr::new(address.ip(), 0);
        let all = [(from, to), (any_port(from), to), (from, any_port(to)), (anybody(to), to)];
        all.iter().find_map(|ends| self.places.get(ends)).copied()
    }

    #[inline]
    fn values_at(&self, place: Option<usize>) -> &[T] {
        place.and_then(|place| self.values.get(place)).map_or(&[], Vec::as_slice)
    }
}

/// A number for what was looked up of late. Many clients may have the same ports, and differ in the last byte of their
/// addresses.
#[inline]
pub(in crate::capture) fn slot_of(from: &SocketAddr, to: &SocketAddr) -> usize {
    usize::from(from.port() ^ to.port().rotate_left(2) ^ last_byte(from) ^ last_byte(to))
}

#[inline]
fn last_byte(end: &SocketAddr) -> u16 {
    match end.ip() {
        IpAddr::V4(address) => address.octets()[3].into(),
        IpAddr::V6(address) => address.octets()[15].into(),
    }
}

/// Whoever speaks the same protocol.
pub(in crate::capture) fn anybody(like: SocketAddr) -> SocketAddr {
    let address = match like.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(address, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ends_that_are_known_in_part() {
        let (a, b) = (address("10.0.0.1:5000"), address("10.0.0.2:6000"));
        let mut pairs = PortPairs::default();
        assert_eq!(pairs.find_next(&a, &b), [] as [u8; 0]);
        let parts = [(anybody(b), b), (a, address("10.0.0.2:0")), (address("10.0.0.1:0"), b), (a, b)];
        for (ends, value) in parts.into_iter().zip(1..) {
            pairs.entry(ends).unwrap().push(value);
            // What was looked up before does not outlive what is known better.
            assert_eq!(pairs.find(a, b), [value]);
            (0..2).for_each(|_| assert_eq!(pairs.find_next(&a, &b), [value]));
        }
        assert_eq!((pairs.len(), pairs.find(b, a)), (4, [].as_slice()));
        assert_eq!(pairs.find(address("10.0.0.9:1"), b), [1]);
    }

    #[test]
    fn ends_that_share_a_place_are_told_apart() {
        let mut pairs = PortPairs::default();
        let b = address("10.0.0.2:6000");
        let all: Vec<_> = (1..=40).map(|last| address(&format!("10.0.0.{last}:5000"))).collect();
        all.iter().zip(0..).for_each(|(a, number)| pairs.entry((*a, b)).unwrap().push(number));
        for _ in 0..2 {
            let found: Vec<u8> = all.iter().flat_map(|a| pairs.find_next(a, &b).to_vec()).collect();
            assert_eq!(found, (0..40).collect::<Vec<u8>>());
        }
    }
}
