//! Link layers: from a captured packet to the IP packet in it.

/// What a packet begins with: a number from the registry that pcap and pcapng share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LinkType(
    /// The number, a LINKTYPE of <https://www.tcpdump.org/linktypes.html>.
    pub u16,
);

impl LinkType {
    /// BSD loopback: an address family in the byte order of the machine.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC framing.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC framing.
    pub const PPP_HDLC: Self = Self(50);
    /// A `PPPoE` session packet without Ethernet.
    pub const PPP_ETHER: Self = Self(51);
    /// IPv4 or IPv6.
    pub const RAW: Self = Self(101);
    /// IPv4 or IPv6, as files name it that hold a DLT instead of a LINKTYPE.
    pub const RAW_BSD: Self = Self(12);
    /// The same on OpenBSD.
    pub const RAW_OPENBSD: Self = Self(14);
    /// OpenBSD loopback: an address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, as of the interface `any`.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPPOE_SESSION: u16 = 0x8864;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// VLAN tags: 802.1Q, 802.1ad, and what was used before the latter.
const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
/// How deep tags nest.
const MAX_TAGS: usize = 4;
/// Address families: IPv4, and IPv6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
const FAMILIES: [u32; 6] = [2, 10, 23, 24, 28, 30];

/// The IP packet in a captured one, with what may follow it; `None` if there is none. Its first half byte tells its
/// version.
#[inline]
pub(super) fn ip_packet(link: LinkType, data: &[u8]) -> Option<&[u8]> {
    match link {
        LinkType::ETHERNET => {
            let (head, rest) = data.split_first_chunk::<14>()?;
            let [.., a, b] = *head;
            network(u16::from_be_bytes([a, b]), rest)
        }
        LinkType::LINUX_SLL => {
            let ([.., a, b], rest) = data.split_first_chunk::<16>()?;
            network(u16::from_be_bytes([*a, *b]), rest)
        }
        LinkType::LINUX_SLL2 => {
            let ([a, b, ..], rest) = data.split_first_chunk::<20>()?;
            network(u16::from_be_bytes([*a, *b]), rest)
        }
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => Some(data),
        LinkType::NULL | LinkType::LOOP => loopback(data),
        LinkType::PPP | LinkType::PPP_HDLC => ppp(data),
        LinkType::PPP_ETHER => pppoe(data),
        _ => None,
    }
}

/// What an Ethernet type announces.
#[inline]
fn network(kind: u16, rest: &[u8]) -> Option<&[u8]> {
    match kind {
        IPV4 | IPV6 => Some(rest),
        _ => tagged(kind, rest),
    }
}

/// The IP packet behind VLAN tags and `PPPoE`.
fn tagged(mut kind: u16, mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..=MAX_TAGS {
        match kind {
            IPV4 | IPV6 => return Some(rest),
            PPPOE_SESSION => return pppoe(rest),
            _ if VLAN.contains(&kind) => {
                let ([_, _, a, b], behind) = rest.split_first_chunk::<4>()?;
                (kind, rest) = (u16::from_be_bytes([*a, *b]), behind);
            }
            _ => return None,
        }
    }
    None
}

/// Version and type, code 0 for session data, session, length (RFC 2516, section 4).
fn pppoe(data: &[u8]) -> Option<&[u8]> {
    match data.split_first_chunk::<6>()? {
        ([0x11, 0, ..], rest) => ppp(rest),
        _ => None,
    }
}

/// A protocol number of two bytes, or one if it is odd (RFC 1661, section 6.5); before it the address and control
/// field of HDLC framing may stand (RFC 1662, section 3.1).
fn ppp(data: &[u8]) -> Option<&[u8]> {
    let data = data.strip_prefix(&[0xff, 0x03]).unwrap_or(data);
    let (protocol, rest) = match data {
        [short, rest @ ..] if short & 1 == 1 => (u16::from(*short), rest),
        [a, b, rest @ ..] => (u16::from_be_bytes([*a, *b]), rest),
        _ => return None,
    };
    matches!(protocol, PPP_IPV4 | PPP_IPV6).then_some(rest)
}

/// Who reads the capture need not have the byte order of who made it.
fn loopback(data: &[u8]) -> Option<&[u8]> {
    let (family, rest) = data.split_first_chunk::<4>()?;
    let known = FAMILIES.contains(&u32::from_le_bytes(*family)) || FAMILIES.contains(&u32::from_be_bytes(*family));
    known.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 packet that would be, as far as this layer looks at it.
    const IP: &[u8] = &[0x45, 1, 2, 3];

    fn assert_found(link: LinkType, head: &[u8]) {
        assert_eq!(ip_packet(link, &[head, IP].concat()), Some(IP), "{link:?} {head:02x?}");
        let shorter = head.get(..head.len().saturating_sub(1)).unwrap();
        assert!(head.is_empty() || ip_packet(link, shorter).is_none(), "{link:?} {head:02x?}");
    }

    fn ethernet(rest: &[u8]) -> Vec<u8> {
        [&[2; 12], rest].concat()
    }

    #[test]
    fn ethernet_with_tags_and_pppoe() {
        for kind in [[0x08, 0x00], [0x86, 0xdd]] {
            assert_found(LinkType::ETHERNET, &ethernet(&kind));
            assert_found(LinkType::ETHERNET, &ethernet(&[&[0x81, 0, 0, 5], &kind[..]].concat()));
            assert_found(LinkType::ETHERNET, &ethernet(&[&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6], &kind[..]].concat()));
            let tags = [0x91, 0, 0, 5].repeat(4);
            assert_found(LinkType::ETHERNET, &ethernet(&[&tags, &kind[..]].concat()));
            let tags = [0x91, 0, 0, 5].repeat(5);
            assert_eq!(ip_packet(LinkType::ETHERNET, &ethernet(&[&tags, &kind[..], IP].concat())), None);
        }
        for protocol in [&[0x00, 0x21][..], &[0x00, 0x57], &[0x21], &[0x57]] {
            let session = [&[0x11, 0, 0, 1, 0, 9], protocol].concat();
            assert_found(LinkType::PPP_ETHER, &session);
            assert_found(LinkType::ETHERNET, &ethernet(&[&[0x88, 0x64], &session[..]].concat()));
            assert_found(LinkType::ETHERNET, &ethernet(&[&[0x81, 0, 0, 1, 0x88, 0x64], &session[..]].concat()));
            assert_found(LinkType::PPP, protocol);
            assert_found(LinkType::PPP_HDLC, &[&[0xff, 0x03], protocol].concat());
        }
    }

    #[test]
    fn cooked_raw_and_loopback() {
        assert_found(LinkType::LINUX_SLL, &[&[0; 14][..], &[0x08, 0x00]].concat());
        assert_found(LinkType::LINUX_SLL, &[&[0; 14][..], &[0x81, 0, 0, 1, 0x86, 0xdd]].concat());
        assert_found(LinkType::LINUX_SLL2, &[&[0x08, 0x00][..], &[0; 18]].concat());
        for raw in [12, 14, 101, 228, 229] {
            assert_found(LinkType(raw), &[]);
        }
        for family in [2, 10, 23, 24, 28, 30_u32] {
            assert_found(LinkType::NULL, &family.to_le_bytes());
            assert_found(LinkType::NULL, &family.to_be_bytes());
            assert_found(LinkType::LOOP, &family.to_be_bytes());
        }
    }

    #[test]
    fn what_is_not_ip_is_none() {
        assert_eq!(ip_packet(LinkType::ETHERNET, &ethernet(&[0x08, 0x06, 0x45, 1])), None);
        assert_eq!(ip_packet(LinkType::ETHERNET, &ethernet(&[0x88, 0x64, 0x11, 9, 0, 1, 0, 9, 0, 0x21, 0x45])), None);
        assert_eq!(ip_packet(LinkType::PPP, &[0xc0, 0x21, 0x45]), None);
        assert_eq!(ip_packet(LinkType::NULL, &[7, 0, 0, 0, 0x45]), None);
        assert_eq!(ip_packet(LinkType(147), IP), None);
    }
}
