//! Which transport a client asks for in SETUP, which ones are left to try, and how each gets to the server.

use crate::rtsp::tunnel::{TunnelKind, TunnelRequest};
use crate::rtsp::url::RtspUrl;
use crate::session::client::config::{ClientConfig, MediaTransport};
use crate::session::dialer::Dialer;

/// The transports that may be used, and how far they have got.
#[derive(Debug)]
pub(super) struct Transports {
    pub(super) allowed: Vec<MediaTransport>,
    pub(super) current: MediaTransport,
    pub(super) tried: Vec<MediaTransport>,
    /// With the next session this one is tried.
    pub(super) next: Option<MediaTransport>,
    /// The ports of the sockets for the track that is being set up.
    pub(super) ports: Option<(u16, u16)>,
    /// The tracks that were set up, by their place in the description.
    pub(super) tracks: Vec<usize>,
    pub(super) datagrams: bool,
    /// The profile that the description names was refused: the plain one is asked for.
    pub(super) plain_profile: bool,
    pub(super) changes: Vec<String>,
}

impl Transports {
    pub(super) fn new(allowed: &[MediaTransport]) -> Self {
        let current = allowed.first().copied().unwrap_or_default();
        Self {
            allowed: if allowed.is_empty() { vec![current] } else { allowed.to_vec() },
            current,
            tried: vec![current],
            next: None,
            ports: None,
            tracks: Vec::new(),
            datagrams: false,
            plain_profile: false,
            changes: Vec::new(),
        }
    }

    /// The one that is asked for.
    pub(super) fn current(&self) -> MediaTransport {
        self.current
    }

    /// The next one, where there is one that was not tried.
    pub(super) fn untried(&self) -> Option<MediaTransport> {
        self.allowed.iter().find(|transport| !self.tried.contains(transport)).copied()
    }

    /// Whether media comes in datagrams.
    pub(super) fn has_datagrams(&self) -> bool {
        self.datagrams
    }

    /// Which SETUP was that of a track.
    pub(super) fn place(&self, track: usize) -> Option<usize> {
        self.tracks.iter().position(|known| *known == track)
    }

    pub(super) fn changes(&self) -> &[String] {
        &self.changes
    }

    /// What SETUP asks for. Each track has a pair of channels, or of ports, of its own.
    pub(super) fn header(&self, planned: usize, profile: &str) -> String {
        match (self.current, self.ports) {
            (MediaTransport::Multicast, _) => format!("RTP/{profile};multicast"),
            (MediaTransport::Udp, ports) => {
                let (rtp, rtcp) = ports.unwrap_or_default();
                format!("RTP/{profile};unicast;client_port={rtp}-{rtcp}")
            }
            (MediaTransport::Tcp | MediaTransport::Http | MediaTransport::WebSocket, _) => {
                let rtp = 2 * planned;
                format!("RTP/{profile}/TCP;unicast;interleaved={rtp}-{}", rtp + 1)
            }
        }
    }

    pub(super) fn change(&mut self, to: MediaTransport, why: &str) {
        self.changes.push(format!("{why}: changed to {to}"));
        self.current = to;
        self.plain_profile = false;
        self.tried.push(to);
    }
}

/// What gets to the server of a URL.
pub(super) fn dialer(config: &ClientConfig, url: &RtspUrl, transport: MediaTransport) -> Dialer {
    let dialer = Dialer::new(url, config.timeouts.connect);
    let Some(kind) = transport.tunnel() else { return dialer };
    let tunnel = TunnelRequest {
        kind,
        host: url.authority().to_owned(),
        target: web_socket_paths(url)
            .into_iter()
            .next()
            .filter(|_| kind == TunnelKind::WebSocket)
            .unwrap_or(url.target()),
        user_agent: config.user_agent.clone(),
        authorization: [None, None],
    };
    dialer.through(tunnel, url)
}

/// Where a WebSocket for RTSP may be had: ONVIF's device service would tell, which is not asked here. First what most of its
/// devices have, then what other servers take.
pub(super) fn web_socket_paths(url: &RtspUrl) -> [String; 3] {
    ["/rtsp-over-websocket".to_owned(), url.target(), "/".to_owned()]
}
