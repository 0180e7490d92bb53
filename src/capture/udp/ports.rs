//! Which UDP ports carry the media of which session, from the answers to SETUP.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::capture::encapsulation::NetworkId;
use crate::capture::ip::UdpDatagram;
use crate::capture::udp::media::GroupPorts;
use crate::capture::udp::media::{PortMedia, of_network};
use crate::capture::udp::port_pairs::{PortPairs, anybody};
use crate::capture::udp::silent::{SilentTracks, TrackPorts};
use crate::capture::udp::unclaimed::{ClaimedMedia, KeptDatagram, UdpEnds, UnclaimedMedia, transport_of};
use crate::rtsp::headers::Transport;
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, UdpPath};

/// Port pairs that are remembered: as many as a host has ports.
const MAX_PORTS: usize = 65_536;
/// Sessions that are told of one multicast packet.
const MAX_MEMBERS: usize = 64;

/// The ports of all sessions of a capture.
#[derive(Debug, Default)]
pub(in crate::capture) struct MediaPorts {
    /// In which network what sets up ports is said.
    pub(in crate::capture) network: NetworkId,
    /// Several networks have the same ports.
    are_shared: bool,
    pub(in crate::capture) pairs: PortPairs<PortMedia>,
    /// Groups that sessions joined before the capture, with the session.
    pub(in crate::capture) claimed_groups: Vec<(usize, GroupPorts)>,
    /// The ports of flows that were set up before the capture, with the session.
    pub(in crate::capture) claimed_pairs: Vec<(usize, UdpEnds)>,
    /// What was set up before the capture began.
    pub(in crate::capture) unclaimed: UnclaimedMedia,
    /// Of which sessions media may come elsewhere.
    pub(in crate::capture) silent: SilentTracks,
}

impl MediaPorts {
    /// Takes the transport that a session agreed upon.
    pub(in crate::capture) fn set_up(&mut self, flow: &Arc<Flow>, transport: &Transport) {
        if transport.interleaved.is_some() || self.pairs.len() >= MAX_PORTS {
            return;
        }
        let Some(path) = UdpPath::new(transport) else { return };
        let server = transport.source.unwrap_or(flow.server.ip());
        let known = PortMedia {
            flow: Arc::clone(flow),
            direction: Direction::ServerToClient,
            path,
            senders: [flow.server.ip(), server],
            network: self.network,
            latest: Cell::default(),
            left: None,
        };
        if transport.multicast {
            return self.set_up_group(&known, transport);
        }
        let client = transport.destination.unwrap_or(flow.client.ip());
        let own = [transport.client_port, transport.asked_port];
        // AirPlay's senders do not say from which port they send.
        let own = if own == [None; 2] { [Some((0, 0)), None] } else { own };
        let (server_rtp, server_rtcp) = transport.server_port.unwrap_or((0, 0));
        if let [Some((client_rtp, _)), asked] = own
            && client_rtp != 0
        {
            let client = |port| SocketAddr::new(client, port);
            let asked = asked.map_or(client_rtp, |(rtp, _)| rtp);
            let clients = [client(client_rtp), client(asked)];
            self.silent.set_up(flow, TrackPorts { server: SocketAddr::new(server, server_rtp), clients });
        }
        for (client_rtp, client_rtcp) in own.into_iter().flatten() {
            for (client_port, server_port) in [(client_rtp, server_rtp), (client_rtcp, server_rtcp)] {
                let (client, server) = (SocketAddr::new(client, client_port), SocketAddr::new(server, server_port));
                if client_port == 0 && server_port == 0 {
                    continue;
                }
                self.add(&known, (server, client), Direction::ServerToClient);
                self.add(&known, (client, server), Direction::ClientToServer);
                // Some send from another port, or another address, than they say.
                if client_port != 0 {
                    self.add(&known, (anybody(client), client), Direction::ServerToClient);
                }
            }
        }
    }

    /// A session shows that began before the capture. Gives its media so far, in order.
    pub(in crate::capture) fn begins_late(&mut self, session: &Arc<Flow>) -> ClaimedMedia {
        let mut all = ClaimedMedia::default();
        for ends in self.unclaimed.begins_late(session) {
            // Another session has it, whose SETUP is in the capture or that showed before.
            let is_own = |media: &PortMedia| media.network == self.network && media.left.is_none();
            if self.find(ends.0, ends.1).iter().any(is_own) {
                continue;
            }
            let ClaimedMedia { datagrams, passed_over } = self.claim(session, ends);
            all.datagrams.extend(datagrams);
            all.passed_over += passed_over;
        }
        all.datagrams.sort_by_key(KeptDatagram::serial);
        all
    }

    /// A flow of RTP becomes a session's, as if it had been set up. Gives what waited.
    pub(in crate::capture) fn claim(&mut self, session: &Arc<Flow>, ends: UdpEnds) -> ClaimedMedia {
        let claimed = self.unclaimed.claim(ends);
        let transport = transport_of(ends, session);
        self.note_claimed(session, &transport);
        match UdpPath::new(&transport) {
            Some(path) if !transport.multicast => self.set_up_claimed(session, path, ends),
            _ => self.set_up(session, &transport),
        }
        claimed
    }

    /// Only the flow's own pair of addresses and ports becomes the session's: another server may send to the same client, whose
    /// session began before the capture as well.
    fn set_up_claimed(&mut self, session: &Arc<Flow>, path: UdpPath, (from, to): UdpEnds) {
        let direction =
            if from.ip() == session.server.ip() { Direction::ServerToClient } else { Direction::ClientToServer };
        let (senders, network, latest) = ([session.server.ip(); 2], self.network, Cell::default());
        let media = PortMedia { flow: Arc::clone(session), direction, path, senders, network, latest, left: None };
        let above = |end: SocketAddr| SocketAddr::new(end.ip(), end.port().wrapping_add(1));
        for (from, to) in [(from, to), (above(from), above(to))] {
            if self.pairs.len() < MAX_PORTS {
                self.add(&media, (from, to), direction);
                self.add(&media, (to, from), direction.reverse());
                self.note_pair(session, (from, to));
            }
        }
    }

    /// A flow of RTP that no SETUP named, while a track of a session between its hosts is silent: it becomes that
    /// session's. Gives what waited.
    pub(in crate::capture) fn claim_unnamed(&mut self, ends: UdpEnds, now: Timestamp) -> Option<ClaimedMedia> {
        if self.silent.is_empty() {
            return None;
        }
        let rtp = self.unclaimed.one_way(ends)?;
        let session = self.silent.owner(rtp, now, |flow, track| self.is_silent(flow, track))?;
        let (from, to) = ends;
        let receiver = (to.ip() != session.client.ip()).then_some(to.ip());
        let path = UdpPath { server: from.port(), client: to.port(), receiver, ..UdpPath::default() };
        let direction = Direction::ServerToClient;
        let senders = [session.server.ip(), from.ip()];
        let (network, latest) = (self.network, Cell::default());
        let media = PortMedia { flow: session, direction, path, senders, network, latest, left: None };
        let above = |end: SocketAddr| SocketAddr::new(end.ip(), end.port().wrapping_add(1));
        for (from, to) in [(from, to), (above(from), above(to))] {
            // The ports above may be those of another track.
            if self.find(from, to).is_empty() && self.pairs.len() < MAX_PORTS {
                self.add(&media, (from, to), direction);
                self.add(&media, (to, from), direction.reverse());
            }
        }
        Some(self.unclaimed.claim(ends))
    }

    /// Whether nothing has come to the ports of a track.
    fn is_silent(&self, flow: &Flow, track: TrackPorts) -> bool {
        let TrackPorts { server, clients } = track;
        let any_port = SocketAddr::new(server.ip(), 0);
        let is_heard = |client: SocketAddr| {
            let senders = [server, any_port, anybody(client)];
            let mut all = senders.into_iter().filter_map(|from| self.pairs.get((from, client))).flatten();
            all.any(|media| media.flow.id != flow.id || media.latest.get().is_some())
        };
        !clients.into_iter().any(is_heard)
    }

    /// A group has all its members; another pair of ports belongs to the session that named it last in its network. Those of
    /// a network stand beside each other.
    pub(in crate::capture) fn add(&mut self, known: &PortMedia, ends: (SocketAddr, SocketAddr), direction: Direction) {
        let Some(members) = self.pairs.entry(ends) else { return };
        members.retain(|media| {
            let beside = known.path.group.is_some() || media.network != known.network;
            media.flow.id != known.flow.id && beside && media.left.is_none()
        });
        // Most have one, and there are many of them.
        if members.is_empty() {
            members.reserve_exact(1);
        }
        if members.len() < MAX_MEMBERS {
            let last = members.iter().rposition(|media| media.network == known.network);
            let place = last.map_or(members.len(), |last| last + 1);
            members.insert(place, PortMedia { direction, ..known.clone() });
            self.are_shared |= members.iter().any(|media| media.network != known.network);
        }
    }

    /// Whose datagram this is. One to a group belongs to each session that joined it.
    pub(in crate::capture) fn find(&self, from: SocketAddr, to: SocketAddr) -> &[PortMedia] {
        self.pairs.find(from, to)
    }

    /// The same for one datagram after the other. Where several networks have its ends, it is that of those that set them up
    /// in its own.
    #[inline]
    pub(in crate::capture) fn find_next(&mut self, datagram: &UdpDatagram<'_>) -> &[PortMedia] {
        let members = self.pairs.find_next(&datagram.from, &datagram.to);
        if members.len() < 2 { members } else { of_network(members, datagram.network) }
    }

    /// Whether several networks have the ends of a datagram, and its own is one of them.
    #[inline]
    pub(in crate::capture) fn is_apart(&self, datagram: &UdpDatagram<'_>) -> bool {
        self.are_shared && {
            let members = self.pairs.find(datagram.from, datagram.to);
            of_network(members, datagram.network).len() < members.len()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn known(client: &str, server: &str, transport: &str) -> MediaPorts {
        let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
        let flow = Arc::new(Flow { id: 0, session: 0, url: String::new(), client, server });
        let mut ports = MediaPorts::default();
        ports.set_up(&flow, &Transport::parse_all(transport)[0]);
        ports
    }

    fn direction(ports: &MediaPorts, from: &str, to: &str) -> Option<Direction> {
        ports.find(from.parse().unwrap(), to.parse().unwrap()).first().map(|media| media.direction)
    }

    const UDP: &str = "RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971";
    const GROUP: &str = "RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001";
    const C: Option<Direction> = Some(Direction::ClientToServer);
    const S: Option<Direction> = Some(Direction::ServerToClient);

    #[test]
    fn what_comes_to_the_client_is_media_wherever_it_is_from() {
        let ports = known("10.0.0.1:4000", "10.0.0.2:554", UDP);
        assert_eq!(direction(&ports, "10.0.0.2:6970", "10.0.0.1:5000"), S);
        assert_eq!(direction(&ports, "10.0.0.1:5001", "10.0.0.2:6971"), C);
        assert_eq!(direction(&ports, "10.0.0.2:7777", "10.0.0.1:5000"), S, "another port");
        assert_eq!(direction(&ports, "10.0.9.9:6970", "10.0.0.1:5001"), S, "another address");
        assert_eq!(direction(&ports, "10.0.0.2:6970", "10.0.0.1:5002"), None);
        assert_eq!(direction(&ports, "10.0.0.1:5555", "10.0.0.2:6971"), None);
    }

    #[test]
    fn addresses_of_rtsp_2() {
        let transport =
            "RTP/AVP/UDP;unicast;dest_addr=\":5000\"/\":5003\";src_addr=\"10.0.0.3:6970\"/\"10.0.0.3:6971\"";
        let ports = known("10.0.0.1:4000", "10.0.0.2:554", transport);
        assert_eq!(direction(&ports, "10.0.0.3:6970", "10.0.0.1:5000"), S);
        assert_eq!(direction(&ports, "10.0.0.1:5003", "10.0.0.3:6971"), C);
        let ports = known("[::1]:4000", "[::1]:554", "RTP/AVP;unicast;RTCP-mux;dest_addr=\"[fe80::7]:5000\"");
        assert_eq!(direction(&ports, "[::1]:6970", "[fe80::7]:5000"), S);
        assert_eq!(direction(&ports, "[::1]:6970", "[fe80::7]:5001"), None);
    }

    /// The sessions and strangers of a datagram.
    fn whose(ports: &MediaPorts, from: &str, to: &str) -> Vec<(usize, Option<IpAddr>)> {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        ports.find(from, to).iter().map(|media| (media.flow.id, media.path_from(from).stranger)).collect()
    }

    #[test]
    fn who_else_sends_is_told() {
        let ports = known("10.0.0.1:4000", "10.0.0.2:554", &format!("{UDP};source=10.0.0.3"));
        for (from, stranger) in [("10.0.0.2:1", None), ("10.0.0.3:6970", None), ("10.0.0.4:6970", Some("10.0.0.4"))] {
            let stranger = stranger.map(|address| address.parse().unwrap());
            assert_eq!(whose(&ports, from, "10.0.0.1:5000"), [(0, stranger)], "{from}");
        }
    }

    #[test]
    fn cameras_that_share_a_group() {
        let mut ports = MediaPorts::default();
        for (id, server) in ["10.0.0.2:554", "10.0.0.3:554"].into_iter().enumerate() {
            let (client, server) = ("10.0.0.1:4000".parse().unwrap(), server.parse().unwrap());
            let flow = Arc::new(Flow { id, session: id, url: String::new(), client, server });
            ports.set_up(&flow, &Transport::parse_all(GROUP)[0]);
        }
        let unlikely = |from: &str| -> Vec<bool> {
            let (from, to) = (from.parse().unwrap(), "239.1.2.3:7000".parse().unwrap());
            let members = ports.find(from, to);
            members.iter().map(|media| media.path_among(members, from).unlikely).collect()
        };
        assert_eq!(unlikely("10.0.0.2:7000"), [false, true]);
        assert_eq!(unlikely("10.0.0.3:7000"), [true, false]);
        assert_eq!(unlikely("10.0.0.4:7000"), [false, false], "it may be either's");
    }

    #[test]
    fn the_ports_that_were_asked_for_count_as_well() {
        let answer = "RTP/AVP;unicast;client_port=8000-8001;server_port=6970-6971";
        let (client, server) = ("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:554".parse().unwrap());
        let flow = Arc::new(Flow { id: 0, session: 0, url: String::new(), client, server });
        let mut ports = MediaPorts::default();
        ports.set_up(&flow, &Transport::agreed(answer, Some("RTP/AVP;unicast;client_port=5000-5001")));
        for port in ["5000", "5001", "8000", "8001"] {
            assert_eq!(direction(&ports, "10.0.0.2:6970", &format!("10.0.0.1:{port}")), S, "{port}");
        }
        assert_eq!(direction(&ports, "10.0.0.1:5001", "10.0.0.2:6971"), C);
    }

    #[test]
    fn a_sender_that_does_not_name_its_port() {
        let ports = known("10.0.0.1:4000", "10.0.0.2:554", "RTP/AVP/UDP;unicast;mode=record;server_port=6000");
        assert_eq!(direction(&ports, "10.0.0.1:50626", "10.0.0.2:6000"), C);
        assert_eq!(direction(&ports, "10.0.0.2:6000", "10.0.0.1:50626"), S);
        assert_eq!(direction(&ports, "10.0.0.7:50626", "10.0.0.2:6000"), None);
    }

    #[test]
    fn the_clients_own_reports_to_its_group() {
        let ports = known("10.0.0.1:4000", "10.0.0.2:554", GROUP);
        assert_eq!(direction(&ports, "10.0.0.2:7000", "239.1.2.3:7000"), S);
        assert_eq!(direction(&ports, "10.0.0.1:7001", "239.1.2.3:7001"), C);
        assert_eq!(direction(&ports, "10.0.0.3:7001", "239.1.2.3:7001"), S, "another member");
        let ports = known("127.0.0.1:4000", "127.0.0.1:554", GROUP);
        assert_eq!(direction(&ports, "127.0.0.1:7001", "239.1.2.3:7001"), S, "on one host");
    }
}
