//! SETUP: which of the transports that a client offers is taken, and how that is said.

use crate::rtsp::headers::Transport;

/// What this server answers to OPTIONS where nothing was recorded.
pub(super) const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// How a track gets to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Interleaved, on these channels.
    Tcp { rtp: u8, rtcp: u8 },
    /// To these ports of the client, from those of the server.
    Udp { client: (u16, u16), server: (u16, u16) },
}

/// What is to be had for a track.
pub(super) struct Offered {
    pub(super) track: usize,
    /// The server's ports.
    pub(super) udp: Option<(u16, u16)>,
}

impl Offered {
    /// The first transport of the client's list that is to be had (RFC 2326, section 12.39).
    pub(super) fn accept(&self, asked: &str, taken: &[Option<Delivery>]) -> Option<Delivery> {
        Transport::parse_all(asked).iter().filter(|transport| !transport.multicast).find_map(|transport| {
            let protocol = transport.protocol.to_ascii_uppercase();
            if !matches!(protocol.trim_end_matches("/TCP").trim_end_matches("/UDP"), "RTP/AVP" | "RTP/AVPF") {
                return None;
            }
            if transport.interleaved.is_some() || protocol.ends_with("/TCP") {
                let (rtp, rtcp) = transport.interleaved.or_else(|| free_channels(self.track, taken))?;
                return Some(Delivery::Tcp { rtp, rtcp });
            }
            let client = transport.client_port.filter(|(rtp, rtcp)| *rtp > 0 && *rtcp > 0)?;
            Some(Delivery::Udp { client, server: self.udp? })
        })
    }
}

/// A pair that no other track has; its own by custom, if that is free.
fn free_channels(track: usize, taken: &[Option<Delivery>]) -> Option<(u8, u8)> {
    let own = u8::try_from(track).ok().and_then(|track| track.checked_mul(2));
    let used = |channel: u8| {
        let of =
            |delivery: &Delivery| matches!(delivery, Delivery::Tcp { rtp, rtcp } if [*rtp, *rtcp].contains(&channel));
        taken.iter().flatten().any(of)
    };
    let pairs = own.into_iter().chain((0..=254).step_by(2));
    pairs.map(|rtp| (rtp, rtp + 1)).find(|(rtp, rtcp)| !used(*rtp) && !used(*rtcp))
}

impl Delivery {
    /// The Transport header of the answer: the recorded one with this client's channels or ports in the place of the
    /// recorded client's. Addresses are left out: they were those of another network.
    pub(super) fn transport(self, recorded: Option<&str>, hide_channels: bool) -> String {
        let first = recorded.and_then(|value| value.split(',').next()).unwrap_or_default();
        let parsed = Transport::parse_all(first);
        let tcp = |transport: &Transport| transport.interleaved.is_some() || transport.protocol.ends_with("/TCP");
        let same = parsed.first().is_some_and(|transport| tcp(transport) == matches!(self, Self::Tcp { .. }));
        let ports = |parameter: &str| {
            let name = parameter.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
            matches!(name.as_str(), "interleaved" | "client_port" | "server_port" | "port")
        };
        let address = |parameter: &str| {
            let name = parameter.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
            matches!(name.as_str(), "source" | "destination" | "ttl" | "layers" | "multicast" | "unicast")
        };
        let mut parts: Vec<String> = Vec::new();
        let mut recorded = first.split(';').map(str::trim);
        let protocol = recorded.next().unwrap_or_default();
        let others: Vec<&str> = recorded.filter(|parameter| !parameter.is_empty()).collect();
        let own = self.parameters();
        if same && !others.is_empty() {
            parts.push(protocol.to_owned());
            parts.push("unicast".to_owned());
            // One that named no channels or ports names none now.
            if others.iter().any(|parameter| ports(parameter)) {
                parts.extend(own);
            }
        } else {
            parts.push(self.protocol().to_owned());
            parts.push("unicast".to_owned());
            parts.extend(own);
        }
        if hide_channels {
            parts.retain(|part| !part.starts_with("interleaved="));
        }
        parts.extend(others.iter().filter(|other| !ports(other) && !address(other)).map(|other| (*other).to_owned()));
        parts.join(";")
    }

    const fn protocol(self) -> &'static str {
        match self {
            Self::Tcp { .. } => "RTP/AVP/TCP",
            Self::Udp { .. } => "RTP/AVP",
        }
    }

    fn parameters(self) -> Vec<String> {
        match self {
            Self::Tcp { rtp, rtcp } => vec![format!("interleaved={rtp}-{rtcp}")],
            Self::Udp { client, server } => {
                vec![format!("client_port={}-{}", client.0, client.1), format!("server_port={}-{}", server.0, server.1)]
            }
        }
    }
}
