//! UDP sockets in pairs: RTP on an even port and RTCP on the next (RFC 3550, section 11).

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;

/// An even port and the one above it are looked for this often where the system names ports.
const ATTEMPTS: usize = 100;

/// The ports that may be used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Ports {
    /// Those that the system names.
    #[default]
    Any,
    /// From `first` to `last`; the next pair is looked for from `next` on.
    Range { first: u16, last: u16, next: u16 },
}

impl Ports {
    /// From `first` to `last`.
    pub(super) fn range(first: u16, last: u16) -> Self {
        Self::Range { first, last, next: first }
    }

    /// Binds a pair on this address, whose port does not count.
    pub(super) fn bind_pair(&mut self, address: SocketAddr) -> io::Result<(UdpSocket, UdpSocket)> {
        match self {
            Self::Any => bind_any(address),
            Self::Range { first, last, next } => {
                let even = |port: &u16| port.is_multiple_of(2);
                let (before, behind) = (*first..*next, *next..*last);
                for port in behind.chain(before).filter(even) {
                    if let Ok(pair) = bind(address, port) {
                        *next = port.saturating_add(2).min(*last);
                        return Ok(pair);
                    }
                }
                let why = format!("no pair of UDP ports is free in {first}-{last}; give --port-range more of them");
                Err(io::Error::new(io::ErrorKind::AddrInUse, why))
            }
        }
    }
}

fn bind(mut address: SocketAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    address.set_port(port);
    let rtp = UdpSocket::bind(address)?;
    address.set_port(port.saturating_add(1));
    Ok((rtp, UdpSocket::bind(address)?))
}

fn bind_any(mut address: SocketAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut rejected = Vec::new();
    for _ in 0..ATTEMPTS {
        address.set_port(0);
        let rtp = UdpSocket::bind(address)?;
        let port = rtp.local_addr()?.port();
        if let Some(next) = port.checked_add(1).filter(|_| port.is_multiple_of(2)) {
            address.set_port(next);
            if let Ok(rtcp) = UdpSocket::bind(address) {
                return Ok((rtp, rtcp));
            }
        }
        // Kept, so that the system names another.
        rejected.push(rtp);
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no pair of UDP ports is free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    fn numbers((rtp, rtcp): &(UdpSocket, UdpSocket)) -> (u16, u16) {
        (rtp.local_addr().unwrap().port(), rtcp.local_addr().unwrap().port())
    }

    #[test]
    fn rtp_has_the_even_port() {
        for _ in 0..20 {
            let (rtp, rtcp) = numbers(&Ports::Any.bind_pair(loopback()).unwrap());
            assert!(rtp.is_multiple_of(2) && rtcp == rtp + 1, "{rtp} {rtcp}");
        }
    }

    #[test]
    fn a_range_is_used_to_its_end_and_again() {
        // A stretch that is free now: whoever else takes ports leaves this test its last pair.
        let (first, _) = numbers(&Ports::Any.bind_pair(loopback()).unwrap());
        let mut ports = Ports::range(first - 1, first + 2);
        let pair = ports.bind_pair(loopback()).unwrap();
        assert_eq!(numbers(&pair), (first, first + 1), "an odd number begins no pair");
        let error = ports.bind_pair(loopback()).unwrap_err().to_string();
        assert!(error.contains(&format!("{}-{}", first - 1, first + 2)) && error.contains("--port-range"), "{error}");
        drop(pair);
        assert_eq!(numbers(&ports.bind_pair(loopback()).unwrap()), (first, first + 1));
    }
}
