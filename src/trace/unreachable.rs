//! Why a datagram did not get where it was sent, as an ICMP error tells it.

use std::fmt::{self, Display, Formatter};

use byteorder::{ByteOrder, NetworkEndian};

/// What an ICMP error says (RFC 792, RFC 1812, section 5.2.7.1, and RFC 4443, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UnreachableReason {
    /// The host is there, and nobody listens on the port.
    Port,
    /// The last router does not find the host.
    Host,
    /// A router knows no way to the network.
    Network,
    /// A firewall or a policy forbids it.
    Prohibited,
    /// The packet is longer than a link on the way takes, and may not be cut.
    TooBig {
        /// What the link takes; 0 where the router does not tell.
        mtu: u32,
    },
    /// It passed as many routers as it was allowed to, as in a loop.
    HopLimit,
    /// Another code.
    Other(u8),
}

impl UnreachableReason {
    /// What a message of ICMP says, by its type, its code and the four bytes behind its checksum; `None` if it is no error
    /// that keeps a datagram away.
    pub(crate) fn of_icmp(kind: u8, code: u8, rest: [u8; 4]) -> Option<Self> {
        Some(match (kind, code) {
            (3, 0 | 5 | 6 | 11) => Self::Network,
            (3, 1 | 7 | 8 | 12) => Self::Host,
            (3, 3) => Self::Port,
            (3, 4) => Self::TooBig { mtu: NetworkEndian::read_u16(&rest[2..4]).into() },
            (3, 9 | 10 | 13) => Self::Prohibited,
            (3, code) => Self::Other(code),
            (11, 0) => Self::HopLimit,
            _ => return None,
        })
    }

    /// The same of `ICMPv6`.
    pub(crate) fn of_icmp_v6(kind: u8, code: u8, rest: [u8; 4]) -> Option<Self> {
        Some(match (kind, code) {
            (1, 0) => Self::Network,
            (1, 1 | 5 | 6) => Self::Prohibited,
            (1, 3) => Self::Host,
            (1, 4) => Self::Port,
            (1, code) => Self::Other(code),
            (2, _) => Self::TooBig { mtu: NetworkEndian::read_u32(&rest) },
            (3, 0) => Self::HopLimit,
            _ => return None,
        })
    }
}

impl Display for UnreachableReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port => f.write_str("port unreachable"),
            Self::Host => f.write_str("host unreachable"),
            Self::Network => f.write_str("network unreachable"),
            Self::Prohibited => f.write_str("administratively prohibited"),
            Self::TooBig { mtu: 0 } => f.write_str("too big"),
            Self::TooBig { mtu } => write!(f, "too big for a link of {mtu} bytes"),
            Self::HopLimit => f.write_str("hop limit exceeded"),
            Self::Other(code) => write!(f, "unreachable, code {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use UnreachableReason as Reason;

    #[test]
    fn codes_of_both_versions() {
        for (kind, code, rest, reason) in [
            (3, 3, [0; 4], Some(Reason::Port)),
            (3, 1, [0; 4], Some(Reason::Host)),
            (3, 0, [0; 4], Some(Reason::Network)),
            (3, 13, [0; 4], Some(Reason::Prohibited)),
            (3, 4, [0, 0, 0x05, 0x78], Some(Reason::TooBig { mtu: 1400 })),
            (3, 2, [0; 4], Some(Reason::Other(2))),
            (11, 0, [0; 4], Some(Reason::HopLimit)),
            (11, 1, [0; 4], None),
            (8, 0, [0; 4], None),
        ] {
            assert_eq!(Reason::of_icmp(kind, code, rest), reason, "{kind}/{code}");
        }
        for (kind, code, rest, reason) in [
            (1, 4, [0; 4], Some(Reason::Port)),
            (1, 3, [0; 4], Some(Reason::Host)),
            (1, 0, [0; 4], Some(Reason::Network)),
            (1, 1, [0; 4], Some(Reason::Prohibited)),
            (1, 2, [0; 4], Some(Reason::Other(2))),
            (2, 0, [0, 0, 5, 0], Some(Reason::TooBig { mtu: 1280 })),
            (3, 0, [0; 4], Some(Reason::HopLimit)),
            (3, 1, [0; 4], None),
            (128, 0, [0; 4], None),
        ] {
            assert_eq!(Reason::of_icmp_v6(kind, code, rest), reason, "ICMPv6 {kind}/{code}");
        }
    }

    #[test]
    fn reasons_in_words() {
        assert_eq!(Reason::TooBig { mtu: 1400 }.to_string(), "too big for a link of 1400 bytes");
        assert_eq!(Reason::TooBig { mtu: 0 }.to_string(), "too big");
        assert_eq!(Reason::Other(2).to_string(), "unreachable, code 2");
    }
}
