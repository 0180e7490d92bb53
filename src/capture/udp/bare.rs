//! RTP and RTCP of no session: what a command says that found nothing to work on.

use std::collections::HashMap;
use std::net::SocketAddr;

use foldhash::fast::RandomState;

use crate::capture::ip::UdpDatagram;
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::udp::rtp_like::{RtpFlow, RtpLike};
use crate::capture::udp::unclaimed::reporter;
use crate::rtp::packet::is_rtcp;

/// Flows of RTCP that are remembered.
const MAX_RTCP: usize = 1024;

/// The flows of a capture that belong to no session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BareMedia {
    /// What looks like RTP, those with the most packets first.
    pub rtp: Vec<RtpFlow>,
    /// What is RTCP, those with the most packets first.
    pub rtcp: Vec<RtcpFlow>,
}

/// A flow of RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpFlow {
    /// Who sends.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// Who its first report is from.
    pub ssrc: u32,
    /// Its packets.
    pub packets: u64,
}

/// What was seen of UDP that is nobody's.
#[derive(Debug, Default)]
pub(in crate::capture) struct BareFlows {
    rtp: RtpLike,
    rtcp: HashMap<(SocketAddr, SocketAddr), RtcpFlow, RandomState>,
}

impl BareFlows {
    /// Takes a datagram that belongs to no session.
    pub(in crate::capture) fn datagram(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival) {
        if !is_rtcp(datagram.payload) {
            return self.rtp.datagram(datagram, arrival);
        }
        let UdpDatagram { from, to, payload, .. } = *datagram;
        let Some(ssrc) = reporter(payload) else { return };
        if let Some(flow) = self.rtcp.get_mut(&(from, to)) {
            flow.packets += 1;
        } else if self.rtcp.len() < MAX_RTCP {
            self.rtcp.insert((from, to), RtcpFlow { from, to, ssrc, packets: 1 });
        }
    }

    pub(in crate::capture) fn found(&self) -> BareMedia {
        let mut rtcp: Vec<RtcpFlow> = self.rtcp.values().copied().collect();
        rtcp.sort_by_key(|flow| (std::cmp::Reverse(flow.packets), flow.to, flow.from));
        BareMedia { rtp: self.rtp.flows(), rtcp }
    }
}
