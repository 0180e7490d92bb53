//! Media over UDP for which the capture has no SETUP, since it began too late. What has the shape of RTP waits here until
//! an RTSP connection between the same hosts shows that stood before the capture as well: then it is that session's.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::capture::ip::{OwnedDatagram, UdpDatagram};
use crate::capture::rewrite::PacketPlace;
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::udp::silent::UnnamedRtp;
use crate::rtp::MAX_DROPOUT;
use crate::rtp::packet::{is_rtcp, rtp_source_by_shape};
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtsp::headers::Transport;
use crate::time::Timestamp;
use crate::trace::Flow;

/// Bytes and datagrams that wait; beyond them the oldest are passed over.
const MAX_HELD: usize = 16 << 20;
const MAX_KEPT: usize = 65_536;
/// So many packets of one source, in sequence, are RTP: by chance another one has the same SSRC once in 2^32.
const IN_SEQUENCE: u8 = 3;
/// So many compound reports of one source are RTCP.
const REPORTS: u8 = 2;
/// Sources of a flow that are told apart.
const MAX_SOURCES: usize = 8;
/// Flows of RTP that wait for their session.
const MAX_FLOWS: usize = 1024;
/// Sessions of which one may be theirs.
const MAX_SESSIONS: usize = 1024;

/// Sender and receiver.
pub(in crate::capture) type UdpEnds = (SocketAddr, SocketAddr);

/// Datagrams that nobody has set up, and the sessions that may have.
#[derive(Debug, Default)]
pub(in crate::capture) struct UnclaimedMedia {
    flows: HashMap<UdpEnds, UdpFlow, RandomState>,
    /// Everything that waits, the oldest first; and what was claimed meanwhile.
    order: VecDeque<(u64, UdpEnds)>,
    next: u64,
    held: usize,
    /// Flows that are RTP.
    rtp: Vec<UdpEnds>,
    /// Flows that are RTCP. Of a quiet track there may be nothing else.
    rtcp: Vec<UdpEnds>,
    /// Sessions that began before the capture.
    sessions: Vec<Arc<Flow>>,
}

/// Datagrams between two ports.
#[derive(Debug, Default)]
struct UdpFlow {
    waiting: VecDeque<KeptDatagram>,
    passed_over: u64,
    /// Its sources, the one that was heard last first.
    sources: Vec<NumberedSource>,
    /// Who reports on it, and how often.
    reporter: Option<(u32, u8)>,
    /// When its first one came.
    since: Option<Timestamp>,
}

/// A source whose packets are numbered: its latest number, and how many came in sequence.
#[derive(Clone, Copy, Debug)]
struct NumberedSource {
    ssrc: u32,
    latest: u16,
    in_sequence: u8,
}

/// A datagram with its bytes.
#[derive(Debug)]
pub(in crate::capture) struct KeptDatagram {
    serial: u64,
    datagram: OwnedDatagram,
    pub(in crate::capture) arrival: Arrival,
    /// The packet, where the capture is to be written once more.
    pub(in crate::capture) place: Option<PacketPlace>,
}

/// What becomes a session's.
#[derive(Debug, Default)]
pub(in crate::capture) struct ClaimedMedia {
    pub(in crate::capture) datagrams: Vec<KeptDatagram>,
    /// So many were not kept.
    pub(in crate::capture) passed_over: u64,
}

impl KeptDatagram {
    pub(in crate::capture) fn datagram(&self) -> UdpDatagram<'_> {
        self.datagram.as_datagram()
    }

    /// Its place in the order of all.
    pub(in crate::capture) fn serial(&self) -> u64 {
        self.serial
    }

    fn held(&self) -> usize {
        size_of::<Self>() + size_of::<(u64, UdpEnds)>() + self.datagram.len()
    }
}

impl UdpFlow {
    /// Counts packets of a source whose numbers go on. Tracks may share the ports, and so may what repairs them, each with
    /// a source of its own. Whether that makes it RTP, now.
    fn note(&mut self, (ssrc, number): (u32, u16)) -> bool {
        let was_rtp = self.is_rtp();
        let place = self.sources.iter().position(|source| source.ssrc == ssrc).unwrap_or_else(|| {
            self.sources.truncate(MAX_SOURCES - 1);
            self.sources.push(NumberedSource { ssrc, latest: number.wrapping_sub(1), in_sequence: 0 });
            self.sources.len() - 1
        });
        if let Some(heard) = self.sources.get_mut(..=place) {
            heard.rotate_right(1);
        }
        if let Some(source) = self.sources.first_mut().filter(|source| source.is_next(number)) {
            source.latest = number;
            source.in_sequence = source.in_sequence.saturating_add(1);
        }
        !was_rtp && self.is_rtp()
    }

    /// Counts compound reports of one source. Whether that makes it RTCP, now.
    fn note_report(&mut self, ssrc: u32) -> bool {
        let (_, count) = self.reporter.filter(|(known, _)| *known == ssrc).unwrap_or((ssrc, 0));
        self.reporter = Some((ssrc, count.saturating_add(1)));
        count + 1 == REPORTS
    }

    fn is_rtp(&self) -> bool {
        self.sources.iter().any(|source| source.in_sequence >= IN_SEQUENCE)
    }
}

impl NumberedSource {
    const fn is_next(self, number: u16) -> bool {
        matches!(number.wrapping_sub(self.latest), 1..MAX_DROPOUT)
    }
}

impl UnclaimedMedia {
    /// Takes a datagram. Where its flow turns out to be RTP, the session that it may belong to.
    pub(in crate::capture) fn take(
        &mut self,
        datagram: &UdpDatagram<'_>,
        arrival: Arrival,
        place: Option<PacketPlace>,
    ) -> Option<(Arc<Flow>, UdpEnds)> {
        let source = rtp_source_by_shape(datagram.payload);
        if source.is_none() && !is_rtcp(datagram.payload) {
            return None;
        }
        let ends = (datagram.from, datagram.to);
        self.keep(datagram, arrival, place);
        let flow = self.flows.get_mut(&ends)?;
        let has_shown = match source {
            Some(source) => flow.note(source),
            None => reporter(datagram.payload).is_some_and(|ssrc| flow.note_report(ssrc)),
        };
        let waiting = if source.is_some() { &mut self.rtp } else { &mut self.rtcp };
        if !has_shown || waiting.len() >= MAX_FLOWS {
            return None;
        }
        let session = self.sessions.iter().find(|session| is_between(ends, session)).cloned();
        if session.is_none() {
            waiting.push(ends);
        }
        let ends = if source.is_some() { ends } else { reported(ends) };
        Some((session?, ends))
    }

    /// A session shows that began before the capture. Gives the flows between its hosts.
    pub(in crate::capture) fn begins_late(&mut self, session: &Arc<Flow>) -> Vec<UdpEnds> {
        if self.sessions.iter().any(|known| known.id == session.id) {
            return Vec::new();
        }
        if self.sessions.len() < MAX_SESSIONS {
            self.sessions.push(Arc::clone(session));
        }
        let own = |ends: &UdpEnds| is_between(*ends, session);
        let mut found: Vec<UdpEnds> = self.rtp.iter().copied().filter(own).collect();
        for ends in self.rtcp.iter().copied().filter(own).map(reported) {
            let (from, to) = ends;
            if !found.contains(&ends) && !found.contains(&(to, from)) {
                found.push(ends);
            }
        }
        found
    }

    /// The session begins in the capture after all, or it is over.
    pub(in crate::capture) fn begins(&mut self, session: &Flow) {
        self.sessions.retain(|known| known.id != session.id);
    }

    /// Whether other sessions that began before the capture have the same hosts.
    pub(in crate::capture) fn is_ambiguous(&self, session: &Flow) -> bool {
        let hosts = |flow: &Flow| (flow.client.ip(), flow.server.ip());
        self.sessions.iter().filter(|other| hosts(other) == hosts(session)).nth(1).is_some()
    }

    /// Whether another session that began before the capture has the same hosts.
    pub(in crate::capture) fn has_session_like(&self, session: &Flow) -> bool {
        let hosts = |flow: &Flow| (flow.client.ip(), flow.server.ip());
        self.sessions.iter().any(|other| other.id != session.id && hosts(other) == hosts(session))
    }

    /// A flow that is RTP and goes one way only: in a call both sides send.
    pub(in crate::capture) fn one_way(&self, (from, to): UdpEnds) -> Option<UnnamedRtp> {
        let flow = self.flows.get(&(from, to)).filter(|flow| flow.is_rtp())?;
        let is_answered = self.flows.get(&(to, from)).is_some_and(UdpFlow::is_rtp);
        let since = flow.since.filter(|_| !is_answered)?;
        Some(UnnamedRtp { from, to, since })
    }

    /// All flows that are RTP.
    pub(in crate::capture) fn all_rtp(&self) -> Vec<UdpEnds> {
        self.rtp.clone()
    }

    /// Whether an RTP packet goes on with a flow that waits.
    pub(in crate::capture) fn goes_on(&self, ends: UdpEnds, (ssrc, number): (u32, u16)) -> bool {
        let goes_on = |source: &NumberedSource| source.ssrc == ssrc && source.is_next(number);
        self.flows.get(&ends).is_some_and(|flow| flow.is_rtp() && flow.sources.iter().any(goes_on))
    }

    /// Another file begins, with numbers of its own.
    pub(in crate::capture) fn forget_numbers(&mut self) {
        let all = self.flows.values_mut().flat_map(|flow| &mut flow.waiting);
        all.for_each(|kept| kept.arrival.number = 0);
    }

    /// Gives out what waits of a flow, with the reports on the ports above and in the other direction.
    pub(in crate::capture) fn claim(&mut self, ends: UdpEnds) -> ClaimedMedia {
        let (from, to) = ends;
        let above = |end: SocketAddr| SocketAddr::new(end.ip(), end.port().wrapping_add(1));
        let mut claimed = ClaimedMedia::default();
        for ends in [(from, to), (to, from), (above(from), above(to)), (above(to), above(from))] {
            let Some(flow) = self.flows.remove(&ends) else { continue };
            self.held = self.held.saturating_sub(flow.waiting.iter().map(KeptDatagram::held).sum());
            claimed.passed_over += flow.passed_over;
            claimed.datagrams.extend(flow.waiting);
        }
        self.rtp.retain(|known| self.flows.contains_key(known));
        self.rtcp.retain(|known| self.flows.contains_key(known));
        claimed.datagrams.sort_by_key(|kept| kept.serial);
        claimed
    }

    /// Somebody has joined a group: what waits of it is not told any more.
    pub(in crate::capture) fn forget_group(&mut self, group: SocketAddr) {
        let gone: Vec<UdpEnds> = self.flows.keys().filter(|(_, to)| *to == group).copied().collect();
        for ends in &gone {
            let Some(flow) = self.flows.remove(ends) else { continue };
            self.held = self.held.saturating_sub(flow.waiting.iter().map(KeptDatagram::held).sum());
        }
        self.rtp.retain(|known| !gone.contains(known));
        self.rtcp.retain(|known| !gone.contains(known));
    }

    fn keep(&mut self, datagram: &UdpDatagram<'_>, arrival: Arrival, place: Option<PacketPlace>) {
        let (serial, ends) = (self.next, (datagram.from, datagram.to));
        self.next += 1;
        let kept = KeptDatagram { serial, datagram: datagram.into(), arrival, place };
        self.held += kept.held();
        self.order.push_back((serial, ends));
        let flow = self.flows.entry(ends).or_default();
        flow.since.get_or_insert(arrival.at);
        flow.waiting.push_back(kept);
        while self.held > MAX_HELD || self.order.len() > MAX_KEPT {
            let Some(oldest) = self.order.pop_front() else { break };
            self.pass_over(oldest);
        }
    }

    fn pass_over(&mut self, (serial, ends): (u64, UdpEnds)) {
        let Some(flow) = self.flows.get_mut(&ends) else { return };
        // What was claimed has left its place in the order.
        if flow.waiting.front().is_none_or(|kept| kept.serial != serial) {
            return;
        }
        let Some(oldest) = flow.waiting.pop_front() else { return };
        self.held = self.held.saturating_sub(oldest.held());
        flow.passed_over += 1;
        if flow.waiting.is_empty() {
            self.flows.remove(&ends);
            self.rtp.retain(|known| *known != ends);
            self.rtcp.retain(|known| *known != ends);
        }
    }
}

/// Who sends a compound packet of RTCP, which begins with a report (RFC 3550, section 6.1) and whose lengths add up to that
/// of its datagram (appendix A.2). By chance one datagram in 2^24 is made so.
pub(in crate::capture) fn reporter(payload: &[u8]) -> Option<u32> {
    let mut packets = Compound::new(payload);
    let ssrc = match packets.next()?.ok()? {
        RtcpPacket::SenderReport(report) => report.ssrc(),
        RtcpPacket::ReceiverReport(report) => report.ssrc(),
        _ => return None,
    };
    packets.all(|packet| packet.is_ok()).then_some(ssrc)
}

/// The flow of RTP that reports are on: RTCP has the odd ports (RFC 3550, section 11), or else those of RTP.
fn reported((from, to): UdpEnds) -> UdpEnds {
    if from.port() % 2 == 0 || to.port() % 2 == 0 {
        return (from, to);
    }
    let below = |end: SocketAddr| SocketAddr::new(end.ip(), end.port().wrapping_sub(1));
    (below(from), below(to))
}

/// Between the hosts of a session, or from its server to a group.
fn is_between((from, to): UdpEnds, session: &Flow) -> bool {
    let (client, server) = (session.client.ip(), session.server.ip());
    let pair = (from.ip(), to.ip());
    pair == (server, client) || pair == (client, server) || from.ip() == server && to.ip().is_multicast()
}

/// What a SETUP would have agreed upon for a flow: RTCP has the port above (RFC 3550, section 11).
pub(in crate::capture) fn transport_of((from, to): UdpEnds, session: &Flow) -> Transport {
    let pair = |end: SocketAddr| Some((end.port(), end.port().wrapping_add(1)));
    if to.ip().is_multicast() {
        let destination: Option<IpAddr> = Some(to.ip());
        return Transport { multicast: true, destination, server_port: pair(to), ..Transport::default() };
    }
    let (server, client) = if from.ip() == session.server.ip() { (from, to) } else { (to, from) };
    Transport { server_port: pair(server), client_port: pair(client), ..Transport::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVER: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

    #[test]
    fn reports_that_fill_their_datagram() {
        assert_eq!(reporter(&RECEIVER), Some(7));
        let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 7];
        assert_eq!(reporter(&[RECEIVER, goodbye].concat()), Some(7));
        for other in [
            &RECEIVER[..7],
            &[&RECEIVER[..], &[0]].concat(),
            &goodbye,
            &[0x80, 201, 0, 0],
            &[0x80, 200, 0, 1, 0, 0, 0, 7],
        ] {
            assert_eq!(reporter(other), None, "{other:?}");
        }
    }
}
