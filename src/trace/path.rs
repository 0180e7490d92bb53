//! The UDP transport of a track, as datagrams show it.

use std::net::{IpAddr, SocketAddr};

use crate::rtsp::headers::Transport;

/// By what datagrams are told apart: the RTP ports that SETUP agreed upon, those of RTCP among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UdpPath {
    /// The server's RTP port, or that of the group; 0 where nobody named it.
    pub server: u16,
    /// The client's RTP port; 0 with multicast, and where nobody named it.
    pub client: u16,
    /// The group, with multicast: cameras use one port for the groups of all tracks.
    pub group: Option<IpAddr>,
    /// Who sends, if that is neither the server nor the `source=` of its answer.
    pub stranger: Option<IpAddr>,
    /// That one is hardly the server under another address: it sends from another port, or is known as somebody else.
    pub unlikely: bool,
    /// Where it goes, if that is another host than the one agreed upon.
    pub receiver: Option<IpAddr>,
}

impl UdpPath {
    /// The path of a track that has this transport. `None` where it is interleaved or names no port.
    pub fn new(transport: &Transport) -> Option<Self> {
        if transport.interleaved.is_some() {
            return None;
        }
        let rtp = |ports: Option<(u16, u16)>| ports.map_or(0, |(rtp, _)| rtp);
        let (server, client) = (rtp(transport.server_port), rtp(transport.client_port));
        if transport.multicast {
            let group = transport.destination.filter(IpAddr::is_multicast);
            return transport.server_port.map(|_| Self { server, group, ..Self::default() });
        }
        (transport.server_port.is_some() || transport.client_port.is_some()).then_some(Self {
            server,
            client,
            ..Self::default()
        })
    }

    /// The path of which only the server's port is known.
    pub fn of_server(port: u16) -> Self {
        Self { server: port, ..Self::default() }
    }

    /// The same for a datagram from this address, where the media comes from one of `known`.
    #[must_use]
    pub fn sent_from(self, from: SocketAddr, known: &[IpAddr]) -> Self {
        let (from, port) = (from.ip().to_canonical(), from.port());
        let stranger = (!known.iter().any(|address| address.to_canonical() == from)).then_some(from);
        let is_port = self.group.is_some() || [self.server, self.server.wrapping_add(1)].contains(&port);
        Self { stranger, unlikely: stranger.is_some() && self.server != 0 && !is_port, ..self }
    }

    /// The same, whoever sends.
    #[must_use]
    pub fn of_anybody(self) -> Self {
        Self { stranger: None, unlikely: false, ..self }
    }

    /// The number by which the tables know the track: the server's RTP port, else the client's.
    pub const fn number(self) -> u16 {
        if self.server == 0 { self.client } else { self.server }
    }

    /// Whether both can be one transport. What one of them does not know does not tell them apart.
    pub fn fits(self, other: Self) -> bool {
        let same = |own: u16, other: u16| own == other || own == 0 || other == 0;
        let known = self.number() != 0 && other.number() != 0;
        let group = self.group == other.group || self.group.is_none() || other.group.is_none();
        let receiver = self.receiver == other.receiver;
        known && group && receiver && same(self.server, other.server) && same(self.client, other.client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(transport: &str) -> Option<UdpPath> {
        UdpPath::new(&Transport::parse_all(transport)[0])
    }

    #[test]
    fn either_port_tells_tracks_apart() {
        let a = path("RTP/AVP;unicast;client_port=5000-5001;server_port=6970-6971").unwrap();
        let other_client = path("RTP/AVP;unicast;client_port=5002-5003;server_port=6970-6971").unwrap();
        let other_server = path("RTP/AVP;unicast;client_port=5000-5001;server_port=6972-6973").unwrap();
        assert!(a.fits(a) && !a.fits(other_client) && !a.fits(other_server));
        assert_eq!((a.number(), other_client.number()), (6970, 6970));
        let unknown_server = path("RTP/AVP;unicast;client_port=5000-5001").unwrap();
        assert!(a.fits(unknown_server) && !other_client.fits(unknown_server));
        assert_eq!(unknown_server.number(), 5000);
        assert!(a.fits(UdpPath::of_server(6970)) && !a.fits(UdpPath::of_server(5000)));
        assert!(!a.fits(UdpPath { receiver: "10.0.0.9".parse().ok(), ..a }), "the same ports of another host");
    }

    #[test]
    fn groups_of_one_port() {
        let group = |last| path(&format!("RTP/AVP;multicast;destination=239.1.1.{last};port=5004-5005")).unwrap();
        assert!(group(1).fits(group(1)) && !group(1).fits(group(2)));
        assert_eq!(group(1).number(), 5004);
    }

    #[test]
    fn what_is_no_udp_path() {
        assert_eq!(path("RTP/AVP/TCP;interleaved=0-1;client_port=5000-5001"), None);
        assert_eq!(path("RTP/AVP;unicast"), None);
        assert_eq!(path("RTP/AVP;multicast;destination=239.1.1.1"), None);
        assert!(!UdpPath::default().fits(UdpPath::default()), "ports that nobody named");
    }

    #[test]
    fn a_stranger_on_another_port_is_hardly_the_server() {
        let known = ["10.0.0.2".parse().unwrap()];
        let from = |path: UdpPath, text: &str| path.sent_from(text.parse().unwrap(), &known).unlikely;
        let (named, unnamed) = (UdpPath::of_server(6970), path("RTP/AVP;client_port=5000-5001").unwrap());
        assert_eq!(["10.0.0.9:6970", "10.0.0.9:6971"].map(|sender| from(named, sender)), [false; 2]);
        assert_eq!(["10.0.0.9:6972", "10.0.0.9:7000"].map(|sender| from(named, sender)), [true; 2]);
        assert!(!from(named, "10.0.0.2:7000"), "the server itself");
        assert!(!from(unnamed, "10.0.0.9:7000"), "nobody knows the port");
        let group = path("RTP/AVP;multicast;destination=239.1.1.1;port=5004-5005").unwrap();
        assert!(!from(group, "10.0.0.9:7000"), "a group's port is not the sender's");
    }

    #[test]
    fn who_is_a_stranger() {
        let known: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap()];
        let from = |text: &str| UdpPath::of_server(6970).sent_from(text.parse().unwrap(), &known).stranger;
        assert_eq!(from("10.0.0.1:7777"), None);
        assert_eq!(from("[::ffff:10.0.0.9]:6970"), None, "IPv4 on a socket of IPv6");
        assert_eq!(from("10.0.0.3:6970"), "10.0.0.3".parse().ok());
    }
}
