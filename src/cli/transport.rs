//! How media travels, as the command line says it.

use clap::{Args, ValueEnum};

use crate::session::MediaTransport;

/// What concerns the way of the media.
#[derive(Clone, Debug, Args)]
pub struct TransportArgs {
    /// How media travels; of several the next is tried where one is refused or brings nothing, e.g. udp,tcp
    #[arg(short, long, value_enum, value_name = "NAME", value_delimiter = ',', default_value = "tcp")]
    pub transport: Vec<TransportName>,

    /// UDP ports to receive media on, e.g. 50000-50099; each track takes two [default: those that the system names]
    #[arg(long, value_name = "A-B", value_parser = port_range)]
    pub port_range: Option<(u16, u16)>,
}

/// The transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TransportName {
    /// Interleaved with RTSP
    Tcp,
    /// Datagrams to this host
    Udp,
    /// Datagrams to a group
    Multicast,
    /// Interleaved, in a tunnel through HTTP
    Http,
    /// Interleaved, in a WebSocket (ONVIF); with rtsps:// over TLS
    Ws,
}

impl From<TransportName> for MediaTransport {
    fn from(name: TransportName) -> Self {
        match name {
            TransportName::Tcp => Self::Tcp,
            TransportName::Udp => Self::Udp,
            TransportName::Multicast => Self::Multicast,
            TransportName::Http => Self::Http,
            TransportName::Ws => Self::WebSocket,
        }
    }
}

/// `5000-5099`: there must be an even port with one behind it.
pub(super) fn port_range(text: &str) -> Result<(u16, u16), String> {
    let ports = text
        .split_once('-')
        .and_then(|(first, last)| Some((first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?)));
    let (first, last) = ports.filter(|(first, _)| *first > 0).ok_or("write it like 50000-50099")?;
    let first_even = first.saturating_add(first % 2);
    if first_even >= last {
        return Err("there must be an even port and the one behind it".to_owned());
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges() {
        assert_eq!(port_range("50000-50099"), Ok((50_000, 50_099)));
        assert_eq!(port_range("50000-50001"), Ok((50_000, 50_001)));
        for wrong in ["50001-50002", "50000-50000", "50099-50000", "0-100", "65535-65535", "1-70000", "5000", "a-b", ""]
        {
            assert!(port_range(wrong).is_err(), "{wrong}");
        }
    }
}
