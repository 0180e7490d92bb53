//! The headers of a packet, edited in place: addresses, options, checksums (RFC 791, 8200, 9293, 768).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::checksum::{checksum, sum};
use crate::capture::encapsulation::KeptHeader;
use crate::capture::ip::Layout;
use crate::capture::ip_protocol::{AUTHENTICATION, FRAGMENT, GRE, ICMP, ICMP_V6, TCP, UDP};
use crate::capture::rewrite::policy::RewritePolicy;
use crate::fields::be16;

/// The flag of GRE that says that it has a checksum (RFC 2784, section 2.1).
const GRE_CHECKSUM: u8 = 0x80;
const IPV4: usize = 20;
const IPV6: usize = 40;
pub(super) const TCP_FIXED: usize = 20;
/// An option without meaning, of IPv4 and of TCP.
const NO_OPERATION: u8 = 1;
/// TCP options that tell of the connection only: maximum segment size, window scale, selective acknowledgements, timestamps.
const PLAIN_OPTIONS: [u8; 5] = [2, 3, 4, 5, 8];

/// Replaces what a header around an IP packet tells of somebody.
pub(super) fn outer(header: &mut [u8], kept: KeptHeader, policy: &mut dyn RewritePolicy) {
    match kept {
        KeptHeader::All => {}
        KeptHeader::First(len) => header.iter_mut().skip(len).for_each(|byte| *byte = 0),
        KeptHeader::Last(len) => {
            let blank = header.len().saturating_sub(len);
            header.iter_mut().take(blank).for_each(|byte| *byte = 0);
        }
        // The sender's first: so the first one to speak is the first one to be named.
        KeptHeader::Addresses(places) => places.iter().for_each(|at| link_address(header, *at, policy)),
        KeptHeader::RoutedAddresses(places) => {
            for at in places {
                let routed = header.get(*at).map_or(0, |byte| byte & 0x80);
                link_address(header, *at, policy);
                header.iter_mut().skip(*at).take(1).for_each(|byte| *byte |= routed);
            }
        }
        KeptHeader::SecureChannel => link_address(header, 6, policy),
        KeptHeader::Cooked { len, at } => cooked(header, header.get(len).copied(), at, policy),
    }
}

fn link_address(data: &mut [u8], at: usize, policy: &mut dyn RewritePolicy) {
    if let Some(address) = data.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<6>()) {
        *address = policy.link_address(*address);
    }
}

/// The eight bytes of an address of any length.
fn cooked(data: &mut [u8], len: Option<u8>, at: usize, policy: &mut dyn RewritePolicy) {
    let known = if len == Some(6) { 6 } else { 0 };
    link_address(data, at, policy);
    let end = data.len().min(at + 8);
    if let Some(rest) = data.get_mut((at + known).min(end)..end) {
        rest.fill(0);
    }
}

/// Replaces the addresses and options of an IP header, and what its extensions hold.
pub(super) fn ip(data: &mut [u8], layout: &Layout, policy: &mut dyn RewritePolicy) {
    let Some(head) = data.get_mut(layout.ip..layout.body) else { return };
    if layout.is_v6 {
        v6_address(head, 8, policy);
        v6_address(head, 24, policy);
        return extensions(head);
    }
    let header = head.len() - layout.skipped;
    let right = checksum(sum(head.get(..header).unwrap_or_default())) == [0, 0];
    for at in [12, 16] {
        if let Some(bytes) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>())
            && let IpAddr::V4(address) = policy.address(Ipv4Addr::from(*bytes).into())
        {
            *bytes = address.octets();
        }
    }
    if let Some(options) = head.get_mut(IPV4..header) {
        options.fill(NO_OPERATION);
    }
    if let Some(authentication) = head.get_mut((header + 2).min(head.len())..) {
        authentication.fill(0);
    }
    settle(head.get_mut(..header).unwrap_or_default(), 10, 0, Some(right));
}

fn v6_address(head: &mut [u8], at: usize, policy: &mut dyn RewritePolicy) {
    if let Some(bytes) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<16>())
        && let IpAddr::V6(address) = policy.address(Ipv6Addr::from(*bytes).into())
    {
        *bytes = address.octets();
    }
}

/// Of each extension header only that stays which leads to the next.
fn extensions(head: &mut [u8]) {
    let (mut kind, mut at) = (head.get(6).copied().unwrap_or_default(), IPV6);
    while let Some([next, len, ..]) = head.get(at..) {
        let (next, len) = (*next, usize::from(*len));
        let (kept, size) = match kind {
            FRAGMENT => (8, 8),
            AUTHENTICATION => (2, (len + 2) * 4),
            _ => (2, (len + 1) * 8),
        };
        let end = (at + size).min(head.len());
        if let Some(rest) = head.get_mut((at + kept).min(end)..end) {
            rest.fill(0);
        }
        (kind, at) = (next, at + size);
    }
}

/// Replaces what does not tell of the connection in the options behind a TCP header that begins `segment`.
pub(super) fn tcp_options(segment: &mut [u8], header: usize) {
    let end = header.min(segment.len());
    let Some(mut rest) = segment.get_mut(TCP_FIXED.min(end)..end) else { return };
    while let [kind, behind @ ..] = rest {
        let len = match (*kind, behind.first()) {
            (0 | NO_OPERATION, _) => 1,
            (_, Some(len)) if *len >= 2 => usize::from(*len),
            _ => usize::MAX,
        };
        let plain = *kind <= NO_OPERATION || PLAIN_OPTIONS.contains(kind) && len <= 40;
        let (option, behind) = std::mem::take(&mut rest).split_at_mut_checked(len).unwrap_or_default();
        if !plain {
            option.fill(NO_OPERATION);
        }
        rest = behind;
    }
}

/// Whether the checksum of a transport packet, which lies in the body of a layout, is right; `None` where it has none, or
/// where not all of the packet is there.
pub(super) fn transport_checksum(data: &[u8], layout: &Layout) -> Option<bool> {
    let (body, at) = checked(data, layout)?;
    let field = body.get(at..at + 2)?;
    if layout.protocol == UDP && field == [0, 0] {
        return None;
    }
    Some(checksum(pseudo_header(data, layout, body.len()) + sum(body)) == [0, 0])
}

/// Makes the checksum of a transport packet as right or wrong as it was.
pub(super) fn settle_transport(data: &mut [u8], layout: &Layout, was_right: Option<bool>) {
    let Some((len, at)) = checked(data, layout).map(|(body, at)| (body.len(), at)) else {
        return erase(data, layout);
    };
    let pseudo = pseudo_header(data, layout, len);
    if let Some(body) = data.get_mut(layout.body..layout.body + len) {
        settle(body, at, pseudo, was_right);
        if layout.protocol == UDP && was_right.is_some() && body.get(at..at + 2) == Some(&[0, 0]) {
            // 0 stands for no checksum.
            body.iter_mut().skip(at).take(2).for_each(|byte| *byte = 0xff);
        }
    }
}

/// A checksum of what is not all there can't be told to be right, and would tell of what was there.
fn erase(data: &mut [u8], layout: &Layout) {
    if layout.fragment.is_some_and(|start| start > 0) {
        return;
    }
    let end = layout.end.min(data.len());
    if let Some(at) = checksum_at(layout.protocol, data.get(layout.body..end).unwrap_or_default())
        && let Some(field) = data.get_mut((layout.body + at).min(end)..(layout.body + at + 2).min(end))
    {
        field.fill(0);
    }
}

fn checksum_at(protocol: u8, body: &[u8]) -> Option<usize> {
    match protocol {
        TCP => Some(16),
        UDP => Some(6),
        ICMP | ICMP_V6 => Some(2),
        GRE => body.first().is_some_and(|flags| flags & GRE_CHECKSUM != 0).then_some(4),
        _ => None,
    }
}

/// The bytes that the checksum covers, and its place in them.
fn checked<'a>(data: &'a [u8], layout: &Layout) -> Option<(&'a [u8], usize)> {
    let body = data.get(layout.body..layout.end)?;
    let at = checksum_at(layout.protocol, body)?;
    if layout.missing > 0 || layout.fragment.is_some() {
        return None;
    }
    let announced = be16(body, 4).filter(|_| layout.protocol == UDP);
    let len = announced.map_or(body.len(), usize::from);
    let body = body.get(..len).filter(|_| len >= at + 2)?;
    Some((body, at))
}

fn pseudo_header(data: &[u8], layout: &Layout, len: usize) -> u64 {
    let addresses = if layout.is_v6 { 8..IPV6 } else { 12..IPV4 };
    let addresses = data.get(layout.ip + addresses.start..layout.ip + addresses.end).unwrap_or_default();
    let mut length = [0; 4];
    NetworkEndian::write_u32(&mut length, u32::try_from(len).unwrap_or(u32::MAX));
    if matches!(layout.protocol, ICMP | GRE) { 0 } else { sum(addresses) + sum(&[0, layout.protocol]) + sum(&length) }
}

/// Writes a checksum: the right one, or where that was wrong another one that is. One that was not there stays away.
fn settle(bytes: &mut [u8], at: usize, more: u64, was_right: Option<bool>) {
    let Some(field) = bytes.get_mut(at..at + 2) else { return };
    let empty = *field == [0, 0];
    field.fill(0);
    let Some(was_right) = was_right else { return };
    let right = checksum(more + sum(bytes));
    let written = match (was_right, empty) {
        (true, _) => right,
        (false, true) => [0, 0],
        (false, false) => right.map(|byte| !byte),
    };
    bytes.iter_mut().skip(at).zip(written).for_each(|(byte, value)| *byte = value);
}
