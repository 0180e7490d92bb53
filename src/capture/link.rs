//! Link layers: from a captured packet to the IP packet in it.

use byteorder::{ByteOrder, NetworkEndian};

use crate::fields::{be32, le32};

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
    /// 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// 802.11 behind a header of Prism chips.
    pub const PRISM: Self = Self(119);
    /// 802.11 behind a radiotap header.
    pub const RADIOTAP: Self = Self(127);
    /// For private use; Apple's tools have it for [`LinkType::PKTAP`].
    pub const USER2: Self = Self(149);
    /// 802.11 behind a header of AVS.
    pub const AVS: Self = Self(163);
    /// Per-packet information before another link layer.
    pub const PPI: Self = Self(192);
    /// The log of Linux's packet filter.
    pub const NFLOG: Self = Self(239);
    /// Apple's packet tap, before another link layer.
    pub const PKTAP: Self = Self(258);
    /// Linux "cooked" capture, as of the interface `any`.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// How the registry calls a link layer that is not read here, of those that are met.
    pub(super) const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            3 => "AX25",
            7 => "ARCNET_BSD",
            129 => "ARCNET_LINUX",
            140 => "MTP2",
            141 => "MTP3",
            142 => "SCCP",
            143 => "DOCSIS",
            147..=162 => "for private use",
            165 => "BACNET_MS_TP",
            177 => "LINUX_LAPD",
            187 => "BLUETOOTH_HCI_H4",
            189 => "USB_LINUX",
            195 => "IEEE802_15_4_WITHFCS",
            201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
            202 => "AX25_KISS",
            220 => "USB_LINUX_MMAPPED",
            227 => "CAN_SOCKETCAN",
            230 => "IEEE802_15_4_NOFCS",
            243 => "MPEG_2_TS",
            247 => "INFINIBAND",
            249 => "USBPCAP",
            251 => "BLUETOOTH_LE_LL",
            252 => "WIRESHARK_UPPER_PDU",
            253 => "NETLINK",
            254 => "BLUETOOTH_LINUX_MONITOR",
            256 => "BLUETOOTH_LE_LL_WITH_PHDR",
            278 => "USB_DARWIN",
            279 => "SDLC",
            _ => return None,
        })
    }
}

/// More tags of VLANs are rare.
const MAX_TAGS: usize = 2;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// Address families: IPv4, and IPv6 on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
const FAMILIES: [u32; 6] = [2, 10, 23, 24, 28, 30];

/// The IP packet in a captured one, with what may follow it, where it stands right behind one of the usual link layers.
/// Its first half byte tells its version.
#[inline]
pub(super) fn ip_packet(link: LinkType, data: &[u8]) -> Option<&[u8]> {
    let (kind, rest) = match link {
        LinkType::ETHERNET => {
            let ([.., a, b], rest) = data.split_first_chunk::<14>()?;
            match [*a, *b] {
                kind @ (IPV4 | IPV6) => (kind, rest),
                kind => behind_tags(kind, rest)?,
            }
        }
        LinkType::LINUX_SLL => {
            let ([.., a, b], rest) = data.split_first_chunk::<16>()?;
            ([*a, *b], rest)
        }
        LinkType::LINUX_SLL2 => {
            let ([a, b, ..], rest) = data.split_first_chunk::<20>()?;
            ([*a, *b], rest)
        }
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            return Some(data);
        }
        LinkType::NULL | LinkType::LOOP if is_loopback(data) => return data.get(4..),
        _ => return None,
    };
    (kind == IPV4 || kind == IPV6).then_some(rest)
}

/// Whether IP stands right behind the link layer's own header, without a tag.
#[inline]
pub(super) fn is_bare(link: LinkType, data: &[u8]) -> bool {
    let kind = data.first_chunk::<14>().map(|[.., a, b]| [*a, *b]);
    link != LinkType::ETHERNET || kind == Some(IPV4) || kind == Some(IPV6)
}

/// Whether an Ethernet type is that of a tag: 802.1Q, 802.1ad, and what was used before the latter.
pub(super) const fn is_tag(kind: u16) -> bool {
    matches!(kind, 0x8100 | 0x88a8 | 0x9100 | 0x9200)
}

/// The type behind the tags of VLANs, and what follows it.
fn behind_tags(mut kind: [u8; 2], mut rest: &[u8]) -> Option<([u8; 2], &[u8])> {
    for _ in 0..MAX_TAGS {
        if is_tag(NetworkEndian::read_u16(&kind)) {
            let ([_, _, a, b], behind) = rest.split_first_chunk::<4>()?;
            (kind, rest) = ([*a, *b], behind);
        }
    }
    Some((kind, rest))
}

/// Whether a packet begins with an address family. Who reads the capture need not have the byte order of who made it.
pub(super) fn is_loopback(data: &[u8]) -> bool {
    [le32(data, 0), be32(data, 0)].iter().flatten().any(|family| FAMILIES.contains(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_link_layers() {
        let ethernet = |kind: [u8; 2]| [&[2; 12][..], &kind, b"IP"].concat();
        for kind in [IPV4, IPV6] {
            assert_eq!(ip_packet(LinkType::ETHERNET, &ethernet(kind)), Some(&b"IP"[..]));
            assert_eq!(ip_packet(LinkType::LINUX_SLL, &[&[0; 14][..], &kind, b"IP"].concat()), Some(&b"IP"[..]));
            assert_eq!(ip_packet(LinkType::LINUX_SLL2, &[&kind[..], &[0; 18], b"IP"].concat()), Some(&b"IP"[..]));
        }
        let tag = |kind: u16| [&kind.to_be_bytes()[..], &[0, 5]].concat();
        for tags in [vec![0x8100], vec![0x88a8, 0x8100], vec![0x9100, 0x9200]] {
            let tags = tags.into_iter().flat_map(tag).collect::<Vec<u8>>();
            let packet = [&[2; 12][..], &tags, &IPV6, b"IP"].concat();
            assert_eq!(ip_packet(LinkType::ETHERNET, &packet), Some(&b"IP"[..]));
            // What only `encapsulation` reads.
            assert_eq!(ip_packet(LinkType::ETHERNET, &[&[2; 12][..], &tags, &[0x88, 0x47], b"IP"].concat()), None);
            assert_eq!(ip_packet(LinkType::ETHERNET, &packet[..packet.len() - 3]), None, "cut");
        }
        for family in FAMILIES {
            assert_eq!(ip_packet(LinkType::NULL, &[&family.to_le_bytes()[..], b"IP"].concat()), Some(&b"IP"[..]));
            assert_eq!(ip_packet(LinkType::LOOP, &[&family.to_be_bytes()[..], b"IP"].concat()), Some(&b"IP"[..]));
        }
        for raw in [12, 14, 101, 228, 229] {
            assert_eq!(ip_packet(LinkType(raw), b"IP"), Some(&b"IP"[..]));
        }
        assert_eq!(ip_packet(LinkType::ETHERNET, &ethernet([0x08, 0x06])), None);
        assert_eq!(ip_packet(LinkType::NULL, &[7, 0, 0, 0, 0x45]), None);
        assert_eq!(ip_packet(LinkType::ETHERNET, &[2; 13]), None);
    }
}
