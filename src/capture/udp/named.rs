//! RTP without RTSP: flows that somebody names, by a session description or by their addresses.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use crate::capture::ip::UdpDatagram;
use crate::rtp::media_kind::MediaKind;
use crate::rtp::packet::{RtpPacket, rtp_source};
use crate::rtsp::headers::Transport;
use crate::rtsp::sdp::{Format, Media, SessionDescription};
use crate::trace::{Flow, GivenMedia};

/// Sessions that named flows may make.
const MAX_SESSIONS: usize = 4096;
/// Flows of a session.
const MAX_FLOWS: usize = 128;
/// Encodings that are no sound, of those that are named by hand.
const PICTURES: [&str; 14] = [
    "H264",
    "H265",
    "HEVC",
    "JPEG",
    "MP4V-ES",
    "VP8",
    "VP9",
    "AV1",
    "MPV",
    "H261",
    "H263",
    "H263-1998",
    "H263-2000",
    "MP2T",
];

/// The address of RTP, with what it carries where that is known: `192.0.2.10:5000=H264/90000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    address: SocketAddr,
    encoding: Option<(String, u32)>,
}

impl FromStr for NamedPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write it like 192.0.2.10:5000, [2001:db8::1]:5000 or 192.0.2.10:5000=H264/90000";
        let (address, encoding) = text.split_once('=').map_or((text, None), |(address, rest)| (address, Some(rest)));
        let address: SocketAddr = address.parse().map_err(|_| FORM)?;
        let encoding = encoding.map(|encoding| {
            // A number of channels may follow, as in an rtpmap.
            let (name, rate) = encoding.split_once('/')?;
            let rate = rate.split('/').next()?.parse().ok().filter(|rate| *rate > 0)?;
            (!name.is_empty()).then(|| (name.to_owned(), rate))
        });
        match encoding {
            Some(None) => Err(FORM),
            named if address.port() > 0 => Ok(Self { address, encoding: named.flatten() }),
            _ => Err(FORM),
        }
    }
}

/// All that is named of a run.
#[derive(Clone, Debug, Default)]
pub struct NamedMedia {
    description: SessionDescription,
    flows: Vec<NamedFlow>,
    /// The description comes from a file, so it may be that of an RTSP session.
    is_description: bool,
}

/// Where the media of a track goes, or comes from.
#[derive(Clone, Debug)]
struct NamedFlow {
    /// Unspecified where the description does not say it.
    address: IpAddr,
    ports: (u16, u16),
    track: usize,
    /// What a payload type means that the description does not name.
    encoding: Option<(String, u32)>,
}

impl NamedFlow {
    fn is_at(&self, end: SocketAddr) -> bool {
        let same = self.address.is_unspecified() || self.address.to_canonical() == end.ip().to_canonical();
        same && end.port() == self.ports.0
    }
}

impl NamedMedia {
    /// The media of a session description, whose flows are those that its `c=` and `m=` lines name. One of RTSP names
    /// none: it describes sessions whose own description is not in the capture.
    ///
    /// # Errors
    /// Where there is no `m=` line in it.
    pub fn of_description(sdp: &[u8]) -> Result<Self, &'static str> {
        let description = SessionDescription::parse(sdp);
        if description.media.is_empty() {
            return Err("no m= line is in it; is it a session description?");
        }
        let named = |(track, media): (usize, &Media)| {
            let address = media.address.or(description.address)?;
            let rtcp = media.rtcp_port.unwrap_or(media.port.wrapping_add(1));
            let flow = NamedFlow { address, ports: (media.port, rtcp), track, encoding: None };
            (media.port > 0).then_some(flow)
        };
        let flows = description.media.iter().enumerate().filter_map(named).collect();
        Ok(Self { description, flows, is_description: true })
    }

    /// Names one more flow, which becomes a track of its own.
    pub fn name(&mut self, port: &NamedPort) {
        let NamedPort { address, encoding } = port.clone();
        let kind = encoding.as_ref().map_or("", |(name, _)| {
            let is_video = PICTURES.iter().any(|known| known.eq_ignore_ascii_case(name));
            if is_video { MediaKind::Video.as_str() } else { MediaKind::Audio.as_str() }
        });
        let media =
            Media { kind: kind.to_owned(), port: address.port(), protocol: "RTP/AVP".to_owned(), ..Media::default() };
        let ports = (address.port(), address.port().wrapping_add(1));
        self.flows.push(NamedFlow { address: address.ip(), ports, track: self.description.media.len(), encoding });
        self.description.media.push(media);
    }

    /// What describes an RTSP session without a description of its own.
    fn description(&self) -> GivenMedia {
        GivenMedia { description: self.description.clone(), transports: Vec::new() }
    }
}

/// The named flows that have shown, by their hosts.
#[derive(Debug, Default)]
pub(in crate::capture) struct NamedSessions {
    media: Option<Arc<NamedMedia>>,
    /// By the addresses of sender and receiver.
    sessions: HashMap<(IpAddr, IpAddr), NamedSession>,
    /// The senders and receivers of flows that have shown.
    begun: HashSet<(IpAddr, SocketAddr)>,
}

#[derive(Debug)]
struct NamedSession {
    flow: Arc<Flow>,
    given: GivenMedia,
}

impl NamedSessions {
    pub(in crate::capture) fn new(media: Option<Arc<NamedMedia>>) -> Self {
        Self { media, ..Self::default() }
    }

    /// What describes RTSP sessions without a description of their own.
    pub(in crate::capture) fn of_rtsp(&self) -> Option<GivenMedia> {
        self.media.as_ref().filter(|media| media.is_description).map(|media| media.description())
    }

    /// Whether anything is named.
    #[inline]
    pub(in crate::capture) const fn is_empty(&self) -> bool {
        self.media.is_none()
    }

    /// Whether an RTP packet that could be of this `session` begins a flow of its own: another sender to what is named, or
    /// the other side of a call. All that is sent to a group is told of once.
    pub(in crate::capture) fn is_another(&self, datagram: &UdpDatagram<'_>, session: &Flow) -> bool {
        let UdpDatagram { from, to, payload, .. } = *datagram;
        let Some(media) = self.media.as_deref().filter(|_| self.sessions.len() < MAX_SESSIONS) else { return false };
        !self.begun.contains(&(from.ip(), to))
            && !to.ip().is_multicast()
            && media.flows.iter().any(|flow| flow.is_at(to))
            && self.sessions.values().any(|known| known.flow.id == session.id)
            && rtp_source(payload).is_some()
            && RtpPacket::parse(payload).is_ok()
    }

    /// Whether it is an RTP packet of a flow that is named and has not shown before. Gives its session, with the transport
    /// that is new; who sends it first is the server.
    pub(in crate::capture) fn begin(
        &mut self,
        datagram: &UdpDatagram<'_>,
        sessions: &mut usize,
    ) -> Option<(&Arc<Flow>, &GivenMedia)> {
        let media = self.media.as_deref()?;
        let UdpDatagram { from, to, payload, .. } = *datagram;
        rtp_source(payload)?;
        let payload_type = RtpPacket::parse(payload).ok()?.payload_type();
        let by = |end: SocketAddr| media.flows.iter().filter(move |flow| flow.is_at(end)).peekable();
        // Sections that share a port (RFC 8843) are told apart by payload type.
        let mut named = by(to);
        if named.peek().is_none() {
            named = by(from);
        }
        named.peek()?;
        if self.sessions.len() >= MAX_SESSIONS {
            return None;
        }
        let session = self.sessions.entry((from.ip(), to.ip())).or_insert_with(|| {
            let id = *sessions;
            *sessions += 1;
            let flow = Flow { id, session: id, url: String::new(), client: to, server: from };
            NamedSession { flow: Arc::new(flow), given: media.description() }
        });
        let known = session.given.transports.len();
        for flow in named.take(MAX_FLOWS.saturating_sub(known)) {
            let track = session.given.description.media.get_mut(flow.track)?;
            if let Some((name, rate)) = &flow.encoding {
                let (encoding, clock_rate_hz) = (Some(name.clone()), Some(*rate));
                track.formats = vec![Format { payload_type, encoding, clock_rate_hz, ..Format::default() }];
            }
            session.given.transports.push((flow.track, transport(flow, to)));
        }
        self.begun.insert((from.ip(), to));
        (session.given.transports.len() > known).then_some((&session.flow, &session.given))
    }
}

/// The transport that a SETUP would have agreed upon for a flow to this address.
fn transport(named: &NamedFlow, to: SocketAddr) -> Transport {
    // Where the sender's end is named, RTCP goes beside RTP at the other one.
    let rtcp = if named.is_at(to) { named.ports.1 } else { to.port().wrapping_add(1) };
    let ports = Some((to.port(), rtcp));
    let transport = Transport { protocol: "RTP/AVP".to_owned(), destination: Some(to.ip()), ..Transport::default() };
    if to.ip().is_multicast() {
        Transport { multicast: true, server_port: ports, ..transport }
    } else {
        Transport { client_port: ports, ..transport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_by_hand() {
        let port = |text: &str| text.parse::<NamedPort>();
        let known = |text: &str, name: &str, rate| NamedPort {
            address: text.parse().unwrap(),
            encoding: Some((name.to_owned(), rate)),
        };
        assert_eq!(port("192.0.2.1:5000=H264/90000"), Ok(known("192.0.2.1:5000", "H264", 90_000)));
        assert_eq!(port("[::1]:5000=L16/44100/2"), Ok(known("[::1]:5000", "L16", 44_100)));
        assert_eq!(port("[::1]:5000").unwrap().encoding, None);
        for wrong in ["5000", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:5000=", "192.0.2.1:5000=H264", "::1:5000=/90000"] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flows_of_a_description() {
        let sdp = "v=0\r\nc=IN IP4 239.1.1.1/127\r\nm=video 5000 RTP/AVP 96\r\na=rtcp:5007\r\n\
                   m=audio 5002/2 RTP/AVP 0\r\nc=IN IP6 ff02::1\r\nm=application 0 RTP/AVP 97\r\n";
        let media = NamedMedia::of_description(sdp.as_bytes()).unwrap();
        let flows: Vec<_> = media.flows.iter().map(|flow| (flow.address.to_string(), flow.ports)).collect();
        assert_eq!(flows, [("239.1.1.1".to_owned(), (5000, 5007)), ("ff02::1".to_owned(), (5002, 5003))]);
        assert!(NamedMedia::of_description(b"v=0\r\n").is_err());
    }
}
