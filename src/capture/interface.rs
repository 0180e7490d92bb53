//! What an interface description of our captures says, and how to read it back.
//!
//! One interface stands for one session. Its description names the URL and the server's real address, which may
//! differ from the port in the packets, and what carried RTSP if that was not TCP alone:
//! `rtsps://cam:8600/live [server 192.0.2.7:8600 over TLS 1.3 TLS13_AES_256_GCM_SHA384]`.

use std::net::SocketAddr;

use crate::trace::Carrier;

const BEFORE_SERVER: &str = " [server ";
const BEFORE_CARRIER: &str = " over ";
const AFTER_SERVER: &str = "]";

/// The text of `if_description`.
pub(super) fn describe(url: &str, server: SocketAddr, carrier: Carrier<'_>) -> String {
    let (before, name) = if carrier.name.is_empty() { ("", "") } else { (BEFORE_CARRIER, carrier.name) };
    format!("{url}{BEFORE_SERVER}{server}{before}{name}{AFTER_SERVER}")
}

/// The longest description that is taken for one of ours: each connection keeps its URL.
const MAX_DESCRIPTION: usize = 4096;

/// URL and server address from the text of `if_description`; `None` where it is not one of ours.
pub(super) fn parse(description: &str) -> Option<(&str, SocketAddr)> {
    if description.len() > MAX_DESCRIPTION {
        return None;
    }
    let (url, server) = description.rsplit_once(BEFORE_SERVER)?;
    let server = server.strip_suffix(AFTER_SERVER)?;
    Some((url, server.split_once(BEFORE_CARRIER).map_or(server, |(server, _carrier)| server).parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        for (url, server) in [("rtsp://cam/live", "192.0.2.7:8600"), ("rtsp://[::1]/a [server x]", "[::1]:554")] {
            let server = server.parse().unwrap();
            for name in ["", "TLS 1.3 TLS13_AES_128_GCM_SHA256", "HTTP over TLS 1.2 X"] {
                let carrier = Carrier { name, doubt: None };
                assert_eq!(parse(&describe(url, server, carrier)), Some((url, server)));
            }
        }
        assert_eq!(parse("eth0"), None);
        assert_eq!(parse("x [server nowhere]"), None);
    }
}
