//! The packets of two captures of one stream, taken at two points of its way: what is in both, and what is lost, repeated,
//! reordered and delayed between them. One pass over both captures at once, with bounded memory.

mod delay;
mod digest;
mod losses;
mod packet;
mod read_order;
mod stream;
mod window;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::trace::Direction;

pub use delay::DelayFigures;
pub use digest::Digests;
pub use losses::{Only, Run};
pub use packet::{Packet, Side};
pub use stream::StreamMatch;

use packet::of;

use read_order::ReadOrder;
use stream::MatchedStream;
use window::{Key, Window};

/// Streams that are matched; packets of any more are passed over.
const MAX_STREAMS: usize = 4096;

/// A stream, wherever it was captured: of several sessions with the same source the first belongs to the first, and so
/// on. Servers send the same packets to all who watch a live picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct StreamKey {
    direction: Direction,
    ssrc: u32,
    nth: usize,
}

/// Matches packets as they come from both captures.
///
/// ```
/// use rtsp_rec::analysis::matching::{Matcher, Packet, Side};
/// use rtsp_rec::time::Timestamp;
/// use rtsp_rec::trace::Direction;
///
/// let packet = |seq: u16, millis: i64| Packet {
///     session: 0,
///     direction: Direction::ServerToClient,
///     ssrc: 7,
///     seq,
///     timestamp: u32::from(seq) * 3000,
///     head: 0,
///     body: None,
///     at: Timestamp::from_nanos(millis * 1_000_000),
///     frame_number: None,
/// };
/// // B's clock is 5 s ahead. Packet 2 is lost on the way, packet 3 is 4 ms later than the others.
/// let a = [packet(1, 0), packet(2, 33), packet(3, 66), packet(4, 99)];
/// let b = [packet(1, 5001), packet(3, 5071), packet(4, 5100)];
/// let mut sides = [a.iter(), b.iter()];
/// let mut matcher = Matcher::default();
/// while let Some(side) = matcher.wants() {
///     match sides[side.index()].next() {
///         Some(packet) => matcher.packet(side, packet),
///         None => matcher.end(side),
///     }
/// }
/// let found = matcher.finish();
/// assert_eq!((found[0].both, found[0].only[Side::A.index()].between), (3, 1));
/// assert_eq!(found[0].delay.as_ref().map(|delay| delay.pdv_max_ms), Some(4.0));
/// ```
#[derive(Debug, Default)]
pub struct Matcher {
    /// For each side the stream of a source in a session.
    known: [HashMap<(Direction, u32, usize), usize, RandomState>; 2],
    /// For each side how many sessions have a source.
    sessions: [HashMap<(Direction, u32), usize>; 2],
    by_key: HashMap<StreamKey, usize>,
    streams: Vec<MatchedStream>,
    window: Window,
    turn: ReadOrder,
    samples: usize,
    passed_over: u64,
}

impl Matcher {
    /// From which capture the next packet should come; `None` once both have ended.
    pub fn wants(&self) -> Option<Side> {
        self.turn.wants()
    }

    /// A capture has no more packets.
    pub fn end(&mut self, side: Side) {
        self.turn.end(side);
    }

    /// Takes the next packet of a capture.
    pub fn packet(&mut self, side: Side, packet: &Packet) {
        let Some(number) = self.stream(side, packet) else {
            self.passed_over += 1;
            self.turn.read(side, packet, None);
            return;
        };
        let key = Key { stream: number, seq: packet.seq, timestamp: packet.timestamp, head: packet.head };
        let Some(stream) = self.streams.get_mut(number) else { return };
        let met = self.window.packet(side, key, packet, || stream.next_index(side));
        if let Some([a, b]) = met {
            self.turn.met(b.at.nanos_since(a.at));
            stream.met(&a, &b, &mut self.samples);
        }
        self.turn.read(side, packet, Some(number));
        while let Some(entry) = self.window.overflow(side) {
            self.settle(side, &entry);
        }
    }

    /// Both captures are read: what was found, in the order in which the streams appeared.
    pub fn finish(mut self) -> Vec<StreamMatch> {
        for side in Side::BOTH {
            while let Some(entry) = self.window.pop(side) {
                self.settle(side, &entry);
            }
        }
        self.streams.into_iter().map(MatchedStream::finish).collect()
    }

    /// Packets that were not matched, as there were too many streams.
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    fn settle(&mut self, side: Side, entry: &window::Entry) {
        if let Some(stream) = self.streams.get_mut(entry.key.stream) {
            stream.settle(side, entry);
        }
    }

    /// The place of the packet's stream, which is made if it is new; `None` where there are too many.
    fn stream(&mut self, side: Side, packet: &Packet) -> Option<usize> {
        let Packet { session, direction, ssrc, .. } = *packet;
        if let Some(number) = of(&mut self.known, side).get(&(direction, ssrc, session)) {
            return Some(*number);
        }
        let nth = of(&mut self.sessions, side).get(&(direction, ssrc)).copied().unwrap_or(0);
        let key = StreamKey { direction, ssrc, nth };
        let number = match self.by_key.get(&key) {
            Some(number) => *number,
            None if self.streams.len() >= MAX_STREAMS => return None,
            None => {
                self.by_key.insert(key, self.streams.len());
                self.streams.push(MatchedStream::new(direction, ssrc));
                self.streams.len() - 1
            }
        };
        of(&mut self.known, side).insert((direction, ssrc, session), number);
        of(&mut self.sessions, side).insert((direction, ssrc), nth + 1);
        self.streams.get_mut(number)?.is_of(side, session);
        Some(number)
    }
}
