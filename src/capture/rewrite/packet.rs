//! One packet written anew: its length stays, and where in it what lies.

use crate::capture::encapsulation::Header;
use crate::capture::ip::{self, ICMP_HEADER, Layer, Layout};
use crate::capture::ip_protocol::{ICMP, ICMP_V6, TCP, UDP};
use crate::capture::reader::Packet;
use crate::capture::rewrite::headers::{
    TCP_FIXED, ip as ip_header, outer, settle_transport, tcp_options, transport_checksum,
};
use crate::capture::rewrite::policy::{FILL, RewritePolicy};
use crate::capture::rewrite::rewrite_map::{Body, RewriteMap};
use crate::trace::UnreachableReason;

const UDP_HEADER: usize = 8;
/// More than the IP packets that may lie within each other.
const MAX_LAYOUTS: usize = 10;
/// The longest one of TCP.
const MAX_TCP_HEADER: usize = 60;
/// Where its checksum is.
const UDP_CHECKSUM: usize = 6;
/// Behind type, code and checksum of ICMP.
const CHECKSUM_END: usize = 4;

/// Puts what stands for the bytes of a packet over `data`, which holds them. `layers` is room for its parts.
pub(super) fn rewrite(
    rewrite_map: &mut RewriteMap,
    packet: &Packet<'_>,
    body: Option<Body>,
    layers: &mut Vec<Layer>,
    data: &mut [u8],
) {
    ip::layers(packet, layers);
    let layouts = || layers.iter().filter_map(Layer::ip);
    let mut were_right = [None; MAX_LAYOUTS];
    for (was_right, layout) in were_right.iter_mut().zip(layouts()) {
        *was_right = transport_checksum(data, layout);
    }
    for layer in &*layers {
        match layer {
            Layer::Header(at, Header { len, kept, .. }) => {
                let end = data.len().min(at + len);
                outer(data.get_mut(*at..end).unwrap_or_default(), *kept, &mut *rewrite_map.policy);
            }
            Layer::Ip(layout) => ip_header(data, layout, &mut *rewrite_map.policy),
        }
    }
    let known = match layers.last() {
        Some(Layer::Header(at, header)) => at + header.len,
        Some(Layer::Ip(layout)) => layout.end,
        None => 0,
    };
    data.iter_mut().skip(known).for_each(|byte| *byte = 0);
    // What comes in fragments is known as a whole, with all that it carries.
    let split = layouts().find(|layout| layout.fragment.is_some());
    if let Some(content) = split.or(layouts().next_back())
        && let Some(bytes) = data.get_mut(content.body..content.end)
    {
        transport(rewrite_map, bytes, content, body);
    }
    // From the inside to the outside: a checksum covers what is within.
    let were_right = were_right.get(..layouts().count()).unwrap_or_default();
    for (layout, was_right) in layouts().rev().zip(were_right.iter().rev()) {
        settle_transport(data, layout, *was_right);
    }
}

/// The contents of an IP packet.
fn transport(rewrite_map: &mut RewriteMap, bytes: &mut [u8], layout: &Layout, body: Option<Body>) {
    match (layout.fragment, body) {
        (Some(start), Some(Body::Fragment(assembly))) => match rewrite_map.assembled(assembly) {
            Some(body) => fragment(rewrite_map, bytes, start as usize, layout.protocol, body),
            None => bytes.fill(0),
        },
        (Some(_), _) => bytes.fill(0),
        (None, body) => whole(rewrite_map, bytes, layout, body),
    }
}

/// A transport packet in one piece.
fn whole(rewrite_map: &mut RewriteMap, bytes: &mut [u8], layout: &Layout, body: Option<Body>) {
    let header = match layout.protocol {
        TCP => bytes.get(12).map_or(TCP_FIXED, |offset| usize::from(offset >> 4) * 4).max(TCP_FIXED),
        UDP => UDP_HEADER,
        protocol @ (ICMP | ICMP_V6) => return icmp(bytes, protocol, &mut *rewrite_map.policy),
        _ => return bytes.fill(0),
    };
    if layout.protocol == TCP {
        tcp_options(bytes, header);
    }
    let (_, payload) = bytes.split_at_mut_checked(header).unwrap_or_default();
    match body {
        Some(body) => content(rewrite_map, payload, 0, body),
        None => payload.fill(FILL),
    }
}

/// A message of ICMP: of a UDP packet that it quotes, addresses and ports lead to the session.
fn icmp(bytes: &mut [u8], protocol: u8, policy: &mut dyn RewritePolicy) {
    let reason = ip::icmp_reason(protocol, bytes);
    let quoted = ip::quoted_layout(bytes).filter(|_| reason.is_some());
    let kept = if matches!(reason, Some(UnreachableReason::TooBig { .. })) { ICMP_HEADER } else { CHECKSUM_END };
    let Some(quoted) = quoted else { return bytes.iter_mut().skip(kept).for_each(|byte| *byte = 0) };
    bytes.iter_mut().take(ICMP_HEADER).skip(kept).for_each(|byte| *byte = 0);
    ip_header(bytes, &quoted, policy);
    let ports_and_length = quoted.body + UDP_CHECKSUM;
    bytes.iter_mut().skip(ports_and_length).for_each(|byte| *byte = 0);
}

/// A fragment that begins `start` bytes behind the IP header of the packet that it belongs to.
fn fragment(rewrite_map: &RewriteMap, bytes: &mut [u8], start: usize, protocol: u8, body: Body) {
    let header = match body {
        Body::Stream { header, .. } => usize::from(header),
        Body::Fragment(_) => return bytes.fill(0),
    };
    let (head, payload) = bytes.split_at_mut(header.saturating_sub(start).min(bytes.len()));
    // Those of a tunnel are known only where all of them are in the first fragment.
    let first = start == 0 && header <= head.len();
    let longest = if protocol == TCP { MAX_TCP_HEADER } else { UDP_HEADER };
    if header > longest && !first {
        head.fill(0);
    }
    // Options can't be told from each other here.
    if protocol == TCP {
        head.iter_mut().skip(TCP_FIXED.saturating_sub(start)).for_each(|byte| *byte = 1);
    }
    content(rewrite_map, payload, start.saturating_sub(header), body);
}

/// A payload, or what of it lies `skipped` bytes behind its beginning.
fn content(rewrite_map: &RewriteMap, payload: &mut [u8], skipped: usize, body: Body) {
    match body {
        Body::Stream { stream, at, .. } => {
            rewrite_map.stream(stream, at.saturating_add_unsigned(skipped as u64), payload);
        }
        Body::Fragment(_) => payload.fill(FILL),
    }
}
