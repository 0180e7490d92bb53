//! What an interface description of our captures says, and how to read it back.
//!
//! One interface stands for one session. Its description names the URL and the server's real address, which may
//! differ from the port in the packets: `rtsp://cam:8600/live [server 192.0.2.7:8600]`.

use std::net::SocketAddr;

const BEFORE_SERVER: &str = " [server ";
const AFTER_SERVER: &str = "]";

/// The text of `if_description`.
pub(super) fn describe(url: &str, server: SocketAddr) -> String {
    format!("{url}{BEFORE_SERVER}{server}{AFTER_SERVER}")
}

/// The longest description that is taken for one of ours: each connection keeps its URL.
const MAX_DESCRIPTION: usize = 4096;

/// URL and server address from the text of `if_description`; `None` where it is not one of ours.
pub(super) fn parse(description: &str) -> Option<(&str, SocketAddr)> {
    if description.len() > MAX_DESCRIPTION {
        return None;
    }
    let (url, server) = description.rsplit_once(BEFORE_SERVER)?;
    Some((url, server.strip_suffix(AFTER_SERVER)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        for (url, server) in [("rtsp://cam/live", "192.0.2.7:8600"), ("rtsp://[::1]/a [server x]", "[::1]:554")] {
            let server = server.parse().unwrap();
            assert_eq!(parse(&describe(url, server)), Some((url, server)));
        }
        assert_eq!(parse("eth0"), None);
        assert_eq!(parse("x [server nowhere]"), None);
    }
}
