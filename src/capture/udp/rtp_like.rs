//! UDP that looks like RTP, where nothing says that it is: what could be named.
//!
//! By chance one datagram in four has the version of RTP. Only several of one source, payload type and pair of addresses
//! whose sequence numbers go on are RTP: DNS, QUIC, STUN, DTLS, Teredo and games have none of it.

use std::collections::HashMap;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use crate::capture::ip::UdpDatagram;
use crate::capture::tcp::reassembly::Arrival;
use crate::rtp::infer::PayloadEvidence;
use crate::rtp::packet::{RtpPacket, rtp_source_by_shape};

/// Sources that are looked at.
const MAX_SOURCES: usize = 4096;
/// Sources whose payloads are looked at.
const MAX_EVIDENCE: usize = 64;
/// So many packets in sequence look like RTP: by chance their numbers agree once in 2^84.
const IN_SEQUENCE: u64 = 8;
/// A number so far ahead is still of the same stream. RFC 3550 allows more (appendix A.1), but here nothing else speaks for
/// RTP. Chosen, not measured.
const NEXT: u16 = 16;
/// A timestamp so far from the one before is no clock: three minutes of video.
const MAX_STEP: u32 = 1 << 24;

/// A flow that looks like RTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpFlow {
    /// Who sends.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// Its source.
    pub ssrc: u32,
    /// The payload type of its first packet.
    pub payload_type: u8,
    /// Its packets.
    pub packets: u64,
    /// What its payloads look like.
    pub encoding: Option<&'static str>,
    /// How fast its timestamps run.
    pub clock_rate_hz: Option<u32>,
}

/// What was seen of UDP that is nobody's.
#[derive(Debug, Default)]
pub(in crate::capture) struct RtpLike {
    sources: HashMap<(SocketAddr, SocketAddr, u32), Source, RandomState>,
    evidence: usize,
    /// So many sources are refused before it is looked again for those that are no RTP.
    refusing: usize,
}

#[derive(Debug)]
struct Source {
    payload_type: u8,
    latest: (u16, u32),
    packets: u64,
    in_sequence: u64,
    evidence: Option<Box<PayloadEvidence>>,
}

impl Source {
    /// Most of its packets follow each other.
    fn is_rtp(&self) -> bool {
        self.in_sequence >= IN_SEQUENCE && self.in_sequence >= self.packets / 2
    }
}

impl RtpLike {
    /// Takes a datagram that belongs to no session.
    pub(in crate::capture) fn datagram(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival) {
        let UdpDatagram { from, to, payload, .. } = *datagram;
        let Some((ssrc, number)) = rtp_source_by_shape(payload) else { return };
        let Ok(packet) = RtpPacket::parse(payload) else { return };
        let key = (from, to, ssrc);
        if !self.sources.contains_key(&key) && self.sources.len() >= MAX_SOURCES && !self.make_room() {
            return;
        }
        let (payload_type, timestamp) = (packet.payload_type(), packet.timestamp());
        let source = self.sources.entry(key).or_insert_with(|| {
            let latest = (number.wrapping_sub(1), timestamp);
            Source { payload_type, latest, packets: 0, in_sequence: 0, evidence: None }
        });
        source.packets += 1;
        let (before, clock) = source.latest;
        let follows = (1..=NEXT).contains(&number.wrapping_sub(before));
        let step = timestamp.wrapping_sub(clock).cast_signed().unsigned_abs();
        source.latest = (number, timestamp);
        source.in_sequence += u64::from(follows && step < MAX_STEP && source.packets > 1);
        if source.evidence.is_none() && source.in_sequence >= IN_SEQUENCE && self.evidence < MAX_EVIDENCE {
            self.evidence += 1;
            source.evidence = Some(Box::new(PayloadEvidence::new(source.payload_type)));
        }
        if let Some(evidence) = source.evidence.as_mut().filter(|_| payload_type == source.payload_type) {
            evidence.packet(arrival.at, &packet);
        }
    }

    /// Forgets sources that are no RTP. Whether that makes room; to look for them with each datagram would take too long.
    fn make_room(&mut self) -> bool {
        if self.refusing > 0 {
            self.refusing -= 1;
            return false;
        }
        self.sources.retain(|_, source| source.is_rtp());
        if self.sources.len() > MAX_SOURCES / 2 {
            self.refusing = MAX_SOURCES;
        }
        self.sources.len() < MAX_SOURCES
    }

    /// The flows, those with the most packets first.
    pub(in crate::capture) fn flows(&self) -> Vec<RtpFlow> {
        let rtp = self.sources.iter().filter(|(_, source)| source.is_rtp());
        let flow = |((from, to, ssrc), source): (&(SocketAddr, SocketAddr, u32), &Source)| RtpFlow {
            from: *from,
            to: *to,
            ssrc: *ssrc,
            payload_type: source.payload_type,
            packets: source.packets,
            encoding: source.evidence.as_ref().and_then(|evidence| evidence.format()).map(|format| format.encoding),
            clock_rate_hz: source.evidence.as_ref().and_then(|evidence| evidence.clock_rate_hz()),
        };
        let mut flows: Vec<RtpFlow> = rtp.map(flow).collect();
        flows.sort_by_key(|flow| (std::cmp::Reverse(flow.packets), flow.to, flow.from, flow.ssrc));
        flows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Timestamp;

    fn seen(payloads: impl IntoIterator<Item = Vec<u8>>) -> Vec<RtpFlow> {
        let mut like = RtpLike::default();
        for (payload, number) in payloads.into_iter().zip(1u64..) {
            let [from, to] = ["192.0.2.1:6000", "192.0.2.2:5000"].map(|text| text.parse().unwrap());
            let at = Timestamp::from_nanos(i64::try_from(number).unwrap() * 20_000_000);
            like.datagram(&UdpDatagram::new(from, to, &payload), Arrival { at, number });
        }
        like.flows()
    }

    fn rtp(number: u16, ssrc: u32) -> Vec<u8> {
        let head = [&[0x80, 0][..], &number.to_be_bytes(), &(u32::from(number) * 160).to_be_bytes()].concat();
        [&head[..], &ssrc.to_be_bytes(), &[0xd5; 160]].concat()
    }

    #[test]
    fn two_sources_and_their_order() {
        let packets = (0..60).map(|number| rtp(number, u32::from(number % 3 == 0)));
        let flows = seen(packets);
        let told: Vec<_> = flows.iter().map(|flow| (flow.ssrc, flow.packets, flow.encoding)).collect();
        assert_eq!(told, [(0, 40, Some("PCMU")), (1, 20, Some("PCMU"))]);
    }

    #[test]
    fn what_begins_like_rtp_and_has_no_sequence() {
        // DNS: the number counts, flags stand where the sequence number would, counts where the source would.
        let dns = (0x8000u16..0x8100).map(|id| {
            let [a, b] = id.to_be_bytes();
            [&[a, b, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..], b"\x07example\x03com\0\0\x01\0\x01"].concat()
        });
        assert_eq!(seen(dns), []);
        // NTP with a leap second announced, a packet that is repeated, RTCP.
        assert_eq!(seen((0..99).map(|_| [&[0xa3, 1, 6, 0xec][..], &[7; 44]].concat())), []);
        assert_eq!(seen((0..99).map(|_| rtp(7, 7))), []);
        assert_eq!(seen((0..99).map(|number| [&[0x80, 200, 0, number][..], &[0; 24]].concat())), []);
        assert_eq!(seen((0..8).map(|number| rtp(number, 7))), [], "too few");
    }

    proptest! {
        #[test]
        fn random_datagrams_are_none(seed: u64, first in 0x80..0xc0u8, len in 12usize..200) {
            let mut state = seed | 1;
            let datagrams = (0..300).map(|_| {
                let mut bytes: Vec<u8> = (0..len).map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_be_bytes()[1]
                }).collect();
                bytes[0] = first;
                // A connection identifier, where RTP has its source.
                bytes[8..12].copy_from_slice(&[1, 2, 3, 4]);
                bytes
            });
            prop_assert_eq!(seen(datagrams), []);
        }
    }
}
