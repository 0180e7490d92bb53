//! Media as UDP datagrams that Wireshark understands without settings: each track on ports of its own, announced by SAP
//! (RFC 2974) with a session description that names its payload types.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::export::tracks::{MediaPacket, MediaSink, Track};
use crate::rtp::packet::RtpPacket;
use crate::rtsp::sdp::{Format, Media};
use crate::trace::{Direction, Payload, Tap, TraceEvent, UdpPath};

/// Where Wireshark expects announcements (RFC 2974, section 3).
const SAP_PORT: u16 = 9875;
const SAP_GROUP: Ipv4Addr = Ipv4Addr::new(224, 2, 127, 254);
const SAP_GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 2, 0x7ffe);
/// Version 1; in the first byte of an announcement.
const SAP_VERSION: u8 = 0x20;
/// The originating source is an IPv6 address.
const SAP_IPV6: u8 = 0x10;
const SAP_TYPE: &[u8] = b"application/sdp\0";
/// RTP ports of the first track, at the client and the server.
const FIRST_PORTS: (u16, u16) = (16_384, 40_400);
/// So many tracks have ports of their own.
const PORT_PAIRS: usize = 12_000;
/// Longer texts of a description are left out of the announcement.
const MAX_TEXT: usize = 4096;

/// Hands datagrams to a tap that writes them down.
#[derive(Debug)]
pub struct View<T> {
    tap: T,
    /// By track: the version of its description that was announced.
    announced: Vec<Option<usize>>,
}

/// Where the packets of a track go.
#[derive(Clone, Copy, Debug)]
struct ViewAddresses {
    client: SocketAddr,
    server: SocketAddr,
}

impl ViewAddresses {
    fn of(track: &Track) -> Self {
        let step = u16::try_from(track.index % PORT_PAIRS * 2).unwrap_or(0);
        let (client, server) = FIRST_PORTS;
        Self {
            client: SocketAddr::new(track.flow.client.ip(), client + step),
            server: SocketAddr::new(track.flow.server.ip(), server + step),
        }
    }

    /// From where to where a packet goes.
    fn route(self, direction: Direction, rtcp: bool) -> (SocketAddr, SocketAddr) {
        let port = |end: SocketAddr| SocketAddr::new(end.ip(), end.port() + u16::from(rtcp));
        match direction {
            Direction::ClientToServer => (port(self.client), port(self.server)),
            Direction::ServerToClient => (port(self.server), port(self.client)),
        }
    }
}

impl<T: Tap> View<T> {
    /// Hands datagrams to `tap`.
    pub const fn new(tap: T) -> Self {
        Self { tap, announced: Vec::new() }
    }

    /// The tap.
    pub fn into_inner(self) -> T {
        self.tap
    }

    /// What Wireshark has to know before the first packet.
    fn announce(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        let (server, client) = (track.flow.server.ip(), ViewAddresses::of(track).client);
        let description = description(track, client, packet);
        let mut bytes = vec![SAP_VERSION | if server.is_ipv6() { SAP_IPV6 } else { 0 }, 0];
        // A description that changes has another hash (RFC 2974, section 3).
        let hash = u16::try_from((track.index + track.version * PORT_PAIRS) & 0xffff).unwrap_or(0);
        bytes.extend(hash.to_be_bytes());
        let group = match server {
            IpAddr::V4(server) => {
                bytes.extend(server.octets());
                IpAddr::from(SAP_GROUP)
            }
            IpAddr::V6(server) => {
                bytes.extend(server.octets());
                IpAddr::from(SAP_GROUP_V6)
            }
        };
        bytes.extend_from_slice(SAP_TYPE);
        bytes.extend_from_slice(description.as_bytes());
        let (from, to) = (SocketAddr::new(server, SAP_PORT), SocketAddr::new(group, SAP_PORT));
        self.tell(track, packet, Direction::ServerToClient, (from, to), &bytes)
    }

    fn tell(
        &mut self,
        track: &Track,
        packet: &MediaPacket<'_>,
        direction: Direction,
        (from, to): (SocketAddr, SocketAddr),
        payload: &[u8],
    ) -> io::Result<()> {
        let payload = Payload::Datagram { path: UdpPath::of_server(to.port()), from, to, payload, missing: 0 };
        self.tap.event(&TraceEvent { at: packet.at, flow: &track.flow, direction, frame_number: None, payload })
    }
}

impl<T: Tap> MediaSink for View<T> {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        if self.announced.len() <= track.index {
            self.announced.resize(track.index + 1, None);
        }
        if let Some(announced) = self.announced.get_mut(track.index)
            && announced.replace(track.version) != Some(track.version)
        {
            self.announce(track, packet)?;
        }
        let route = ViewAddresses::of(track).route(packet.direction, packet.rtcp);
        self.tell(track, packet, packet.direction, route, packet.bytes)
    }
}

/// A description of the track alone, with the port that it has here.
fn description(track: &Track, client: SocketAddr, packet: &MediaPacket<'_>) -> String {
    let Media { kind, formats, .. } = &track.media;
    let address = |ip: IpAddr| format!("IN {} {ip}", if ip.is_ipv6() { "IP6" } else { "IP4" });
    let own = RtpPacket::parse(packet.bytes).map_or(0, |packet| packet.payload_type());
    let types: Vec<String> = match formats.as_slice() {
        [] => vec![own.to_string()],
        formats => formats.iter().map(|format| format.payload_type.to_string()).collect(),
    };
    let kind = if kind.is_empty() || !kind.bytes().all(is_token) { "application" } else { kind };
    let url = if track.flow.url.len() > MAX_TEXT { "" } else { &track.flow.url };
    let mut text = format!("v=0\r\no=- {} {} ", track.session, track.version);
    let _ = write!(text, "{}\r\ns={} {url}\r\n", address(track.flow.server.ip()), track.name());
    let _ = write!(text, "c={}\r\nt=0 0\r\n", address(client.ip()));
    let _ = write!(text, "m={kind} {} RTP/AVP {}\r\n", client.port(), types.join(" "));
    for format in formats {
        describe_format(&mut text, format);
    }
    text
}

/// The `a=rtpmap` of a format, and its `a=fmtp`. Wireshark takes some good parameter sets of H.264 for malformed, and needs
/// none: those are left out.
fn describe_format(text: &mut String, format: &Format) {
    let Format { payload_type, encoding, clock_rate_hz, channels, fmtp } = format;
    let (Some(encoding), Some(rate)) =
        (encoding.as_deref().filter(|encoding| encoding.bytes().all(is_token)), clock_rate_hz)
    else {
        return;
    };
    let channels = channels.map(|channels| format!("/{channels}")).unwrap_or_default();
    let _ = write!(text, "a=rtpmap:{payload_type} {encoding}/{rate}{channels}\r\n");
    let has_sets = ["H264", "H265"].iter().any(|name| encoding.eq_ignore_ascii_case(name));
    if let Some(fmtp) = fmtp.as_deref().filter(|fmtp| !has_sets && fmtp.len() <= MAX_TEXT) {
        let fmtp: String = fmtp.chars().filter(|char| !char.is_control()).collect();
        let _ = write!(text, "a=fmtp:{payload_type} {fmtp}\r\n");
    }
}

/// RFC 4566, section 9.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte)
}
