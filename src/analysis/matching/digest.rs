//! RTP packets as they pass, reduced to what is compared.

use std::hash::{BuildHasher, Hash};
use std::io;

use foldhash::quality::FixedState;

use crate::analysis::matching::Packet;
use crate::rtp::packet::{RtpPacket, is_nat_punch, is_rtcp};
use crate::session::dialog::MediaPath;
use crate::trace::{Tap, TraceEvent};

/// So much of a payload is in a recording without media as well; what follows is zero there.
const HEAD: usize = 16;

/// A tap that hands on each RTP packet.
#[derive(Debug)]
pub struct Digests<F> {
    to: F,
}

impl<F: FnMut(Packet) -> io::Result<()>> Digests<F> {
    /// Packets go to `to`.
    pub const fn new(to: F) -> Self {
        Self { to }
    }
}

impl<F: FnMut(Packet) -> io::Result<()>> Tap for Digests<F> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Some((path, bytes)) = MediaPath::of(&event.payload) else { return Ok(()) };
        if is_rtcp(bytes) || opens_nat(path, bytes) {
            return Ok(());
        }
        RtpPacket::parse(bytes).map_or(Ok(()), |packet| (self.to)(digest(event, &packet)))
    }
}

/// Whether a payload is nothing but an opening in a NAT, as it is sent over UDP.
fn opens_nat(path: MediaPath, payload: &[u8]) -> bool {
    matches!(path, MediaPath::Udp(_)) && is_nat_punch(payload)
}

fn digest(event: &TraceEvent<'_>, packet: &RtpPacket<'_>) -> Packet {
    let payload = packet.payload();
    let (begin, rest) = payload.split_at_checked(HEAD).unwrap_or((payload, &[]));
    // A recording without media ends there, but for one byte that may count padding.
    let stripped = rest.iter().all(|byte| *byte == 0);
    Packet {
        session: event.flow.id,
        direction: event.direction,
        ssrc: packet.ssrc(),
        seq: packet.sequence(),
        timestamp: packet.timestamp(),
        head: hash(&(payload.len(), begin, packet.payload_type(), packet.marker())),
        body: (!stripped).then(|| hash(&rest)),
        at: event.at,
        frame_number: event.frame_number,
    }
}

/// The same in both captures.
fn hash(value: &impl Hash) -> u64 {
    FixedState::default().hash_one(value)
}
