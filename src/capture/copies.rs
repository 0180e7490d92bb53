//! Datagrams that a capture holds twice though they were on the wire once: the port of a switch mirrors both directions,
//! the interface `any` shows a bridge and its port, a tunnel is captured with what is in it.
//!
//! What tells them from datagrams that the network repeats, or that a sender sends again:
//!
//! - Another place: the copy has another interface, tag, tunnel, link address or hop limit. It is the same packet, seen
//!   elsewhere on its way. A network that repeats a packet does so in one place.
//! - The same place, microseconds later, with the same identification of IP: only the rule tells. A mirror doubles all
//!   packets of a path, or every second or third, a network some of them. So the packets before have to have copies as
//!   well; where the first ones have them those behind tell, and the copy waits for these ([`held`]).
//! - Without an identification (IPv6; IPv4 that may not be cut, RFC 6864) a sender may have sent the same bytes again. Then
//!   the segments of TCP decide: nobody sends those twice within microseconds.

mod held;
mod path;
mod waiting;

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::capture::ip::{TcpSegment, UdpDatagram};
use crate::capture::reader::Packet;
use crate::time::Timestamp;
use crate::trace::{Remark, RemarkKind, Tap};

use path::CopiedPath;
use waiting::{DoubtfulCopy, HeldDatagrams};

pub(super) use waiting::DatagramSight;

/// Packets and paths are remembered in so many sets, by their digest.
const SETS: usize = 64;
/// And the latest so many in each of them: 256 in all. In a millisecond a line of 1 Gbit/s carries some 90 packets of 1,400 bytes.
const WAYS: usize = 4;
/// A copy in the same place comes so soon: a switch's port mirrors both directions within microseconds.
const SAME_PLACE_NS: i64 = 1_000_000;
/// A copy elsewhere on the way of a packet with an identification, behind routers that queue. Chosen, not measured.
const OTHER_PLACE_NS: i64 = 100_000_000;
/// How many segments of TCP are looked at: those of the first dialogue.
const MAX_SEGMENTS: u32 = 64;
/// So many segments came twice: something doubles what passes, though not everything.
const SOME_SEGMENTS: u32 = 3;

/// Finds copies.
#[derive(Debug)]
pub(super) struct Copies {
    seen: Vec<[SeenPacket; WAYS]>,
    paths: Vec<[CopiedPath; WAYS]>,
    /// All datagrams, as if they had one path.
    all: CopiedPath,
    /// Segments of TCP that were looked at, and how many of them were copies.
    segments: (u32, u32),
    /// Copies of media.
    told: Option<ToldCopies>,
    /// The copy just found is not the first of its datagram.
    again: bool,
    held: HeldDatagrams,
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
struct SeenPacket {
    digest: u64,
    place: u64,
    at: Timestamp,
    /// Its index on its path, and among all datagrams.
    index: u64,
    of_all: u64,
    /// It has had a copy.
    copied: bool,
}

impl Default for Copies {
    fn default() -> Self {
        let (seen, paths) = (vec![<_>::default(); SETS], vec![<_>::default(); SETS]);
        Self {
            seen,
            paths,
            all: CopiedPath::default(),
            segments: (0, 0),
            told: None,
            again: false,
            held: HeldDatagrams::default(),
        }
    }
}

impl Copies {
    /// Whether a datagram is a copy of one that was captured before. `apart`: other networks have the same ends, and what is
    /// sent there is not this.
    #[inline]
    pub(super) fn look(&mut self, packet: &Packet<'_>, datagram: &UdpDatagram<'_>, apart: bool) -> DatagramSight {
        let mut ends = digest_of_ends(datagram.from, datagram.to);
        if apart {
            ends = mix(ends, datagram.network.digest());
        }
        let digest = digest_of_datagram(ends, datagram);
        let Some(seen) = self.seen.get_mut(set_of(digest)) else { return DatagramSight::New };
        if let Some(seen) = seen.iter().find(|seen| seen.digest == digest).copied() {
            let sight = self.compared(&seen, packet, datagram, ends);
            return self.mark(digest, sight);
        }
        let Some(paths) = self.paths.get_mut(set_of(ends)) else { return DatagramSight::New };
        let [path, ..] = paths;
        if path.ends != ends {
            to_front(paths, |path| path.ends == ends, CopiedPath::new(ends));
        }
        let [path, ..] = paths;
        let place = digest_of_place(packet, datagram.payload.len(), datagram.hop_limit);
        let (index, of_all) = (path.count, self.all.count);
        to_front(seen, |_| false, SeenPacket { digest, place, at: packet.at, index, of_all, copied: false });
        path.next();
        self.all.next();
        DatagramSight::New
    }

    /// Remembers of which datagram a copy was.
    #[cold]
    fn mark(&mut self, digest: u64, sight: DatagramSight) -> DatagramSight {
        if sight == DatagramSight::New {
            return sight;
        }
        let set = self.seen.get_mut(set_of(digest)).into_iter().flatten();
        for seen in set.filter(|seen| seen.digest == digest) {
            self.again = std::mem::replace(&mut seen.copied, true);
        }
        match sight {
            DatagramSight::Doubtful(doubt) => DatagramSight::Doubtful(DoubtfulCopy { again: self.again, ..doubt }),
            known => known,
        }
    }

    /// The same bytes came before.
    #[cold]
    fn compared(
        &mut self,
        seen: &SeenPacket,
        packet: &Packet<'_>,
        datagram: &UdpDatagram<'_>,
        ends: u64,
    ) -> DatagramSight {
        let elsewhere = digest_of_place(packet, datagram.payload.len(), datagram.hop_limit) != seen.place;
        let identified = datagram.id != 0;
        let within = if elsewhere && identified { OTHER_PLACE_NS } else { SAME_PLACE_NS };
        if packet.at.nanos_since(seen.at).saturating_abs() > within {
            return DatagramSight::New;
        }
        let (segments, copied_segments) = self.segments;
        let Some(path) = path_of(&mut self.paths, ends) else { return DatagramSight::New };
        path.note_copy(seen.index);
        self.all.note_copy(seen.of_all);
        if elsewhere {
            return DatagramSight::Copy;
        }
        // One of the last segments may wait for its copy.
        let all_segments = segments >= 3 && copied_segments + 1 + segments / 8 >= segments;
        let may_be = identified || copied_segments >= SOME_SEGMENTS;
        let by_default = if identified { segments < 2 || all_segments } else { all_segments };
        let of_all = self.all.is_periodic_before(seen.of_all).then_some(true);
        match of_all.or_else(|| path.rule(seen.index)) {
            _ if !may_be && !all_segments => DatagramSight::New,
            Some(true) => DatagramSight::Copy,
            None if by_default => DatagramSight::Copy,
            _ => DatagramSight::Doubtful(DoubtfulCopy { ends, index: seen.index, of_all: seen.of_all, again: false }),
        }
    }

    /// Whether what was doubtful is a copy, by what came behind it; `None` so long as that does not show.
    fn resolve(&mut self, doubt: DoubtfulCopy) -> Option<bool> {
        let path = path_of(&mut self.paths, doubt.ends).map(|path| path.rule_behind(doubt.index));
        match (path.unwrap_or(Some(false)), self.all.is_periodic_behind(doubt.of_all)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
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
            to_front(seen, |seen| seen.digest == digest, SeenPacket { digest, at: packet.at, ..SeenPacket::default() });
        }
    }

    /// A copy of media is passed over; `again` if it is not the first of its datagram.
    #[cold]
    fn count(&mut self, first: (Timestamp, u64), again: bool) {
        let told = self.told.get_or_insert(ToldCopies { copies: 0, datagrams: 0, first });
        told.first = told.first.min(first);
        told.copies += 1;
        told.datagrams += u64::from(!again);
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
        tap.remark(&Remark { at, frame_number, kind: RemarkKind::CapturedTwice, detail: &detail })
    }
}

fn path_of(paths: &mut [[CopiedPath; WAYS]], ends: u64) -> Option<&mut CopiedPath> {
    paths.get_mut(set_of(ends))?.iter_mut().find(|path| path.ends == ends)
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
