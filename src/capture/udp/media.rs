//! Whose the media is that goes between two UDP ports.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::capture::encapsulation::NetworkId;
use crate::rtp::packet::rtp_source;
use crate::rtp::{MAX_DROPOUT, MAX_MISORDER};
use crate::rtsp::headers::Transport;
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, UdpPath};

/// A number so far ahead of the latest is neither next nor late.
const JUMP: RangeInclusive<u16> = MAX_DROPOUT..=MAX_MISORDER.wrapping_neg();

/// Whose media it is.
#[derive(Clone, Debug)]
pub(in crate::capture) struct PortMedia {
    pub(in crate::capture) flow: Arc<Flow>,
    pub(in crate::capture) direction: Direction,
    /// The transport of its track.
    pub(in crate::capture) path: UdpPath,
    /// From where it comes: the server, and the `source=` of its answer.
    pub(in crate::capture) senders: [IpAddr; 2],
    /// In which network it was set up.
    pub(in crate::capture) network: NetworkId,
    /// Source and sequence number of the latest RTP packet.
    pub(in crate::capture) latest: Cell<Option<(u32, u16)>>,
    /// When the session left the group, or the ports that it had before the capture. So long as nobody else joins, what comes
    /// late is its own.
    pub(in crate::capture) left: Option<Timestamp>,
}

impl PortMedia {
    /// A datagram has come.
    pub(in crate::capture) fn note(&self, payload: &[u8]) {
        if let Some(source) = rtp_source(payload) {
            self.latest.set(Some(source));
        }
    }

    /// Whether an RTP packet is of another source than those before.
    pub(in crate::capture) fn is_of_another(&self, payload: &[u8]) -> bool {
        let sources = rtp_source(payload).zip(self.latest.get());
        sources.is_some_and(|((ssrc, _), (known, _))| ssrc != known)
    }

    /// The path of a datagram from this address.
    #[inline]
    pub(in crate::capture) fn path_from(&self, from: SocketAddr) -> UdpPath {
        match self.direction {
            Direction::ClientToServer => self.path,
            Direction::ServerToClient if self.senders.contains(&from.ip()) => self.path,
            Direction::ServerToClient => self.path.sent_from(from, &self.senders),
        }
    }

    /// The same where others may have it as well: cameras may share a group, and what one of them sends is not that of
    /// another one.
    #[inline]
    pub(in crate::capture) fn path_among(&self, members: &[Self], from: SocketAddr) -> UdpPath {
        let mut path = self.path_from(from);
        if path.stranger.is_some() && members.len() > 1 {
            path.unlikely |= members.iter().any(|other| other.path_from(from).stranger.is_none());
        }
        path
    }

    /// Whether an RTP packet can be the next: of the same source, and in sequence as RFC 3550, appendix A.1, sees it.
    pub(in crate::capture) fn goes_on(&self, (ssrc, seq): (u32, u16)) -> bool {
        self.latest.get().is_some_and(|(known, latest)| known == ssrc && !JUMP.contains(&seq.wrapping_sub(latest)))
    }
}

/// Those of a network. Where it is none of theirs, all members of a group, and who named a pair of ports last.
#[cold]
pub(in crate::capture) fn of_network(members: &[PortMedia], network: NetworkId) -> &[PortMedia] {
    let own = |media: &PortMedia| media.network == network;
    if let (Some(first), Some(last)) = (members.iter().position(own), members.iter().rposition(own)) {
        return members.get(first..=last).unwrap_or_default();
    }
    let is_group = members.iter().any(|media| media.path.group.is_some());
    members.get(if is_group { 0 } else { members.len() - 1 }..).unwrap_or_default()
}

/// A group, with its ports for RTP and RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct GroupPorts {
    pub(in crate::capture) address: IpAddr,
    pub(in crate::capture) ports: (u16, u16),
}

impl GroupPorts {
    /// The group that a session joined by this transport.
    pub(in crate::capture) fn of(transport: &Transport) -> Option<Self> {
        let (address, ports) = (transport.destination?, transport.server_port?);
        transport.multicast.then_some(Self { address, ports })
    }

    pub(in crate::capture) fn ends(self) -> [SocketAddr; 2] {
        let (rtp, rtcp) = self.ports;
        [rtp, rtcp].map(|port| SocketAddr::new(self.address, port))
    }
}
