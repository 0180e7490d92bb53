//! Datagrams that a capture holds twice though they were on the wire once: the port of a switch mirrors both directions,
//! the interface `any` shows a bridge and its port, a tunnel is captured with what is in it.
//!
//! What tells them from datagrams that the network repeats, or that a sender sends again:
//!
//! - Another place: the copy has another interface, tag, tunnel, link address or hop limit. It is the same packet, seen
//!   elsewhere on its way. A network that repeats a packet does so in one place.
//! - The same place, microseconds later, with the same identification of IP: only the rule tells. A mirror doubles all
//!   packets of a path, a network some of them. So the packets before have to have copies as well.
//! - Without an identification (IPv6; IPv4 that may not be cut, RFC 6864) a sender may have sent the same bytes again. Then
//!   the segments of TCP decide: nobody sends those twice within microseconds.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::capture::ip::{TcpSegment, UdpDatagram};
use crate::capture::reader::Packet;
use crate::time::Timestamp;
use crate::trace::{Remark, Tap};

/// Packets and paths are remembered in so many sets, by their digest.
const SETS: usize = 64;
/// And the latest so many in each of them.
const WAYS: usize = 4;
/// A copy in the same place comes so soon.
const SAME_PLACE_NS: i64 = 1_000_000;
/// A copy elsewhere on the way of a packet with an identification.
const OTHER_PLACE_NS: i64 = 100_000_000;
/// How many segments of TCP are looked at: those of the first dialogue.
const MAX_SEGMENTS: u32 = 64;
/// How many datagrams before one tell the rule.
const BEFORE: u64 = 7;
/// With so many of them, one copy may lack: a mirror may drop packets.
const MANY_BEFORE: u64 = 4;

/// Finds copies.
#[derive(Debug)]
pub(super) struct Copies {
    seen: Vec<[Seen; WAYS]>,
    paths: Vec<[CopiedPath; WAYS]>,
    /// Segments of TCP that were looked at, and how many of them were copies.
    segments: (u32, u32),
    /// Copies of media.
    told: Option<ToldCopies>,
    /// The copy just found is not the first of its datagram.
    again: bool,
}

/// What is told of copies.
#[derive(Clone, Copy, Debug)]
struct ToldCopies {
    copies: u64,
    /// Of how many datagrams.
    datagrams: u64,
    /// Time and number of the first copy.
    first: (Timestamp, u64),
}

/// A packet.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    digest: u64,
    place: u64,
    at: Timestamp,
    /// The how manyth of its path it was.
    index: u64,
    /// It has had a copy.
    copied: bool,
}

/// Which datagrams from one port to another had copies.
#[derive(Clone, Copy, Debug, Default)]
struct CopiedPath {
    ends: u64,
    /// How many datagrams there were, without copies.
    count: u64,
    /// One bit for each of the latest, the latest one lowest.
    copied: u64,
}

impl Default for Copies {
    fn default() -> Self {
        let (seen, paths) = (vec![<_>::default(); SETS], vec![<_>::default(); SETS]);
        Self { seen, paths, segments: (0, 0), told: None, again: false }
    }
}

impl Copies {
    /// Whether a datagram is a copy of one that was captured before. `apart`: other networks have the same ends, and what is
    /// sent there is not this.
    #[inline]
    pub(super) fn is_copy(&mut self, packet: &Packet<'_>, datagram: &UdpDatagram<'_>, apart: bool) -> bool {
        let mut ends = digest_of_ends(datagram.from, datagram.to);
        if apart {
            ends = mix(ends, datagram.network.digest());
        }
        let digest = digest_of_datagram(ends, datagram);
        let Some(seen) = self.seen.get_mut(set_of(digest)) else { return false };
        if let Some(seen) = seen.iter().find(|seen| seen.digest == digest).copied() {
            let is_copy = self.is_copy_of(&seen, packet, datagram, ends);
            self.mark(digest, is_copy);
            return is_copy;
        }
        let Some(paths) = self.paths.get_mut(set_of(ends)) else { return false };
        let [path, ..] = paths;
        if path.ends != ends {
            to_front(paths, |path| path.ends == ends, CopiedPath { ends, ..CopiedPath::default() });
        }
        let [path, ..] = paths;
        let place = digest_of_place(packet, datagram.payload.len(), datagram.hop_limit);
        to_front(seen, |_| false, Seen { digest, place, at: packet.at, index: path.count, copied: false });
        path.count += 1;
        path.copied <<= 1;
        false
    }

    /// Remembers of which datagram a copy was.
    #[cold]
    fn mark(&mut self, digest: u64, is_copy: bool) {
        let set = self.seen.get_mut(set_of(digest)).into_iter().flatten();
        for seen in set.filter(|seen| is_copy && seen.digest == digest) {
            self.again = std::mem::replace(&mut seen.copied, true);
        }
    }

    /// The same bytes came before.
    #[cold]
    fn is_copy_of(&mut self, seen: &Seen, packet: &Packet<'_>, datagram: &UdpDatagram<'_>, ends: u64) -> bool {
        let elsewhere = digest_of_place(packet, datagram.payload.len(), datagram.hop_limit) != seen.place;
        let identified = datagram.id != 0;
        let within = if elsewhere && identified { OTHER_PLACE_NS } else { SAME_PLACE_NS };
        if packet.at.nanos_since(seen.at).saturating_abs() > within {
            return false;
        }
        let (segments, copied_segments) = self.segments;
        let paths = self.paths.get_mut(set_of(ends)).into_iter().flatten();
        let Some(path) = paths.into_iter().find(|path| path.ends == ends) else { return false };
        let back = path.count.saturating_sub(seen.index + 1);
        if back < u64::from(u64::BITS) {
            path.copied |= 1 << back;
        }
        // One of the last segments may wait for its copy.
        let all_segments = segments >= 3 && copied_segments + 1 + segments / 8 >= segments;
        elsewhere
            || if identified {
                path.rule(seen.index, back).unwrap_or(segments < 2 || all_segments)
            } else {
                all_segments && path.rule(seen.index, back).unwrap_or(true)
            }
    }

    /// Takes a segment of TCP.
    #[inline]
    pub(super) fn segment(&mut self, packet: &Packet<'_>, segment: &TcpSegment<'_>) {
        if self.segments.0 < MAX_SEGMENTS {
            self.sample(packet, segment);
        }
    }

    #[cold]
    fn sample(&mut self, packet: &Packet<'_>, segment: &TcpSegment<'_>) {
        let numbers = u64::from(segment.seq) << 32 | u64::from(segment.ack);
        let shape = (segment.payload.len() as u64) << 8 | u64::from(segment.flags);
        let digest = mix(mix(digest_of_ends(segment.from, segment.to), numbers), shape);
        let Some(seen) = self.seen.get_mut(set_of(digest)) else { return };
        let (segments, copied) = &mut self.segments;
        let soon = |at: Timestamp| packet.at.nanos_since(at).saturating_abs() <= SAME_PLACE_NS;
        if seen.iter().any(|seen| seen.digest == digest && soon(seen.at)) {
            *copied += 1;
        } else {
            *segments += 1;
            to_front(seen, |seen| seen.digest == digest, Seen { digest, at: packet.at, ..Seen::default() });
        }
    }

    /// A copy of media is passed over.
    #[cold]
    pub(super) fn count(&mut self, packet: &Packet<'_>) {
        let none = ToldCopies { copies: 0, datagrams: 0, first: (packet.at, packet.number) };
        let told = self.told.get_or_insert(none);
        told.copies += 1;
        told.datagrams += u64::from(!self.again);
    }

    /// Tells how many there were, and begins anew.
    pub(super) fn tell(&mut self, tap: &mut impl Tap) -> io::Result<()> {
        let Some(ToldCopies { copies, datagrams, first: (at, frame_number) }) = self.told.take() else {
            return Ok(());
        };
        let detail = match (datagrams, copies) {
            (1, 1) => "1 datagram of media is in the capture twice; it is counted once".to_owned(),
            _ if datagrams == copies => {
                format!("{copies} datagrams of media are in the capture twice; each is counted once")
            }
            _ => format!("the capture has {copies} copies of {datagrams} datagrams of media; each is counted once"),
        };
        tap.remark(&Remark { at, frame_number, code: "captured-twice", detail: &detail })
    }
}

impl CopiedPath {
    /// Whether those before this one had copies; `None` if there are too few to tell.
    fn rule(&self, index: u64, back: u64) -> Option<bool> {
        let before = index.min(BEFORE);
        if before + back + 1 > u64::from(u64::BITS) {
            return Some(false);
        }
        let mask = ((1 << before) - 1) << (back + 1).min(63);
        let without = u64::from((!self.copied & mask).count_ones());
        match before {
            0..3 => (without > 0).then_some(false),
            3..MANY_BEFORE => Some(without == 0),
            _ => Some(without <= 1),
        }
    }
}

const fn mix(digest: u64, word: u64) -> u64 {
    (digest.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The set that a digest belongs to.
const fn set_of(digest: u64) -> usize {
    (digest >> 40) as usize % SETS
}

/// Brings what is known to the front of its set; else what is new, in the place of the oldest.
fn to_front<T: Copy>(set: &mut [T; WAYS], is_known: impl Fn(&T) -> bool, new: T) {
    let known = set.iter().position(is_known);
    if let Some(upto) = set.get_mut(..=known.unwrap_or(WAYS - 1)) {
        upto.rotate_right(1);
    }
    if known.is_none() {
        let [first, ..] = set;
        *first = new;
    }
}

fn digest_of_ends(from: SocketAddr, to: SocketAddr) -> u64 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let [high, low] = halves(address.to_bits());
            mix(high, low)
        }
    };
    mix(mix(address(from.ip()), address(to.ip())), u64::from(from.port()) << 16 | u64::from(to.port()))
}

fn halves(number: u128) -> [u64; 2] {
    let low = u128::from(u64::MAX);
    [number >> 64, number & low].map(|half| u64::try_from(half).unwrap_or_default())
}

/// Of its headers and, as some send no checksum, of what of RTP changes: the first 16 bytes and the last 8.
fn digest_of_datagram(ends: u64, datagram: &UdpDatagram<'_>) -> u64 {
    let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let payload = datagram.payload;
    let numbers = u64::from(datagram.id) << 48 | u64::from(datagram.checksum) << 32 | payload.len() as u64;
    let last = payload.get(payload.len().saturating_sub(8)..).unwrap_or_default();
    let second = payload.get(8..).unwrap_or_default();
    mix(mix(mix(mix(ends, numbers), word(payload)), word(second)), word(last)) | 1
}

/// Of where a packet was captured: its interface, what it begins with, the length of all its headers, and how far it may
/// still go.
fn digest_of_place(packet: &Packet<'_>, payload: usize, hop_limit: u8) -> u64 {
    let link = packet.data.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
    let headers = u64::from(packet.original_len).saturating_sub(payload as u64);
    let [high, low] = halves(link);
    mix(mix(mix(u64::from(packet.interface), high), low), headers << 8 | u64::from(hop_limit))
}

#[cfg(test)]
mod tests;
