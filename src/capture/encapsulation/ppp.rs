//! PPP, HDLC and Frame Relay.

use crate::capture::encapsulation::header::{Header, Inside};
use crate::capture::link::LinkType;
use crate::fields::be16;

/// A protocol number of two bytes, or one if it is odd (RFC 1661, section 6.5); before it the address and control
/// field of HDLC framing may stand (RFC 1662, section 3.1).
pub(super) fn frame(data: &[u8]) -> Option<Header> {
    let framing = if data.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
    let (protocol, len) = match data.get(framing)? {
        short if short & 1 == 1 => (u16::from(*short), 1),
        _ => (be16(data, framing)?, 2),
    };
    let len = framing + len;
    match protocol {
        0x0021 | 0x0057 => Some(Header::plain(len, Inside::Ip)),
        0x0281 | 0x0283 => Some(Header::plain(len, Inside::Mpls)),
        // A bridged frame: flags, and 1 for Ethernet (RFC 3518, section 4.2).
        0x0031 if data.get(len + 1) == Some(&1) => Some(Header::plain(len + 2, Inside::Link(LinkType::ETHERNET))),
        // Multilink: a packet in one piece, with a long sequence number (RFC 1990, section 3).
        0x003d if data.get(len)? & 0xc0 == 0xc0 => Some(Header::plain(len + 4, Inside::Ppp)),
        _ => None,
    }
}

/// PPP in HDLC framing, or Cisco's HDLC.
pub(super) fn hdlc(data: &[u8]) -> Option<Header> {
    match *data {
        [0x0f | 0x8f, 0, ..] => cisco_hdlc(data),
        _ => frame(data),
    }
}

/// Address, control, and an Ethernet type.
pub(super) fn cisco_hdlc(data: &[u8]) -> Option<Header> {
    Some(Header::plain(4, Inside::of_ether_type(be16(data, 2)?)))
}

/// An address of two to four bytes, then control and a network layer identifier (RFC 2427), or as Cisco has it an
/// Ethernet type.
pub(super) fn frame_relay(data: &[u8]) -> Option<Header> {
    let address = data.iter().take(4).position(|byte| byte & 1 == 1).filter(|last| *last > 0)? + 1;
    let rest = data.get(address..)?;
    let (padding, identifier) = match *rest {
        [0x03, 0, identifier, ..] => (1, identifier),
        [0x03, identifier, ..] => (0, identifier),
        _ => return Some(Header::plain(address + 2, Inside::of_ether_type(be16(rest, 0)?))),
    };
    let len = address + padding + 2;
    match identifier {
        0xcc | 0x8e => Some(Header::plain(len, Inside::Ip)),
        0xcf => Some(Header::plain(len, Inside::Ppp)),
        0x80 => match *data.get(len..)? {
            [0, 0, 0, ..] => Some(Header::plain(len + 5, Inside::of_ether_type(be16(data, len + 3)?))),
            [0, 0x80, 0xc2, 0, 1 | 7, ..] => Some(Header::plain(len + 5, Inside::Link(LinkType::ETHERNET))),
            _ => None,
        },
        _ => None,
    }
}
