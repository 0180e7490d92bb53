//! One header of a packet, and what it announces.

use crate::capture::encapsulation::network::NetworkField;
use crate::capture::link::LinkType;

/// What stands behind a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum Inside {
    /// An IP packet.
    Ip,
    /// A frame of this link layer.
    Link(LinkType),
    /// What an Ethernet type names.
    EtherType(u16),
    /// Logical link control (IEEE 802.2).
    Llc,
    /// A PPP protocol number.
    Ppp,
    /// A stack of MPLS labels.
    Mpls,
    /// A network service header (RFC 8300).
    Nsh,
    /// A frame of 802.11; with padding behind its header, or without.
    Wifi {
        /// The header is filled up to a multiple of four bytes.
        padded: bool,
    },
    /// One of several frames in an aggregate of 802.11.
    Msdu,
    /// A field of NFLOG.
    Nflog,
    /// A tag of TZSP; behind the last one, what this protocol number of TZSP names.
    TzspTag(u16),
    /// What may come before a packet of Teredo (RFC 4380, section 5.1.1).
    Teredo,
    /// No header tells: the first of these that leads to an IP packet, so many bytes further on.
    OneOf(&'static [(usize, Inside)]),
    /// Nobody can read on.
    Unreadable(Unreadable),
}

impl Inside {
    /// What an Ethernet type names.
    pub(super) const fn of_ether_type(kind: u16) -> Self {
        match kind {
            0x0800 | 0x86dd => Self::Ip,
            0x8847 | 0x8848 => Self::Mpls,
            0x894f => Self::Nsh,
            0x880b => Self::Ppp,
            // Transparent Ethernet bridging.
            0x6558 => Self::Link(LinkType::ETHERNET),
            // A length (IEEE 802.3).
            0..=1500 => Self::Llc,
            _ => Self::EtherType(kind),
        }
    }
}

/// Why what a packet holds stays unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::capture) enum Unreadable {
    /// The link layer is none of those that are known.
    LinkType(u16),
    /// A frame of 802.11 that is encrypted.
    Wifi,
    /// Encapsulating security payload (RFC 4303).
    Esp,
    /// An encrypted frame of IEEE 802.1AE.
    MacSec,
    /// CAPWAP within DTLS (RFC 5415).
    Capwap,
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct Header {
    pub(in crate::capture) len: usize,
    pub(in crate::capture) kept: KeptHeader,
    pub(in crate::capture) inside: Inside,
    pub(in crate::capture) network: NetworkField,
}

/// What of a header tells of nobody, and stays where a capture is redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum KeptHeader {
    /// All of it.
    All,
    /// So many bytes at its beginning.
    First(usize),
    /// So many bytes at its end.
    Last(usize),
    /// All but addresses of the link layer, which are at these places. The sender's comes first.
    Addresses(&'static [usize]),
    /// As `Addresses`; the first bit says whether a route follows, and stays.
    RoutedAddresses(&'static [usize]),
    /// All but the identifier of a secure channel (IEEE 802.1AE), eight bytes behind six.
    SecureChannel,
    /// All but an address of any length in eight bytes.
    Cooked {
        /// Where its length is.
        len: usize,
        /// Where it begins.
        at: usize,
    },
}

impl Header {
    /// One that may stay as it is.
    pub(super) const fn plain(len: usize, inside: Inside) -> Self {
        Self { len, kept: KeptHeader::All, inside, network: NetworkField::Nothing }
    }

    pub(super) const fn new(len: usize, kept: KeptHeader, inside: Inside) -> Self {
        Self { len, kept, inside, network: NetworkField::Nothing }
    }

    /// The same, with what it says of the network.
    pub(super) const fn of_network(self, network: NetworkField) -> Self {
        Self { network, ..self }
    }
}
