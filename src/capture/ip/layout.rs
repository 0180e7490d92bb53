//! Where in a captured packet its parts lie, through all that is around them.

use crate::capture::encapsulation::{Header, Inside, find_ip};
use crate::capture::ip::header::Datagram;
use crate::capture::ip::transport::{ICMP_HEADER, quoted};
use crate::capture::ip::tunnel::{MAX_TUNNELS, enter};
use crate::capture::ip_protocol::TCP;
use crate::capture::reader::Packet;

/// A part of a packet, from the outside to the inside.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) enum Layer {
    /// A header at this place that is none of IP.
    Header(usize, Header),
    /// An IP packet.
    Ip(Layout),
}

impl Layer {
    /// The IP packet, if it is one.
    pub(in crate::capture) const fn ip(&self) -> Option<&Layout> {
        match self {
            Self::Ip(layout) => Some(layout),
            Self::Header(..) => None,
        }
    }
}

/// Where in a captured packet the parts of an IP packet lie.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct Layout {
    /// Where the IP packet begins.
    pub(in crate::capture) ip: usize,
    pub(in crate::capture) is_v6: bool,
    pub(in crate::capture) protocol: u8,
    /// Where that begins which the IP header, or the last of its extensions, announced; and where it ends.
    pub(in crate::capture) body: usize,
    pub(in crate::capture) end: usize,
    /// Bytes of extension headers before it.
    pub(in crate::capture) skipped: usize,
    /// Bytes behind it that were not captured.
    pub(in crate::capture) missing: u32,
    /// Where it belongs in a packet of fragments.
    pub(in crate::capture) fragment: Option<u32>,
}

/// Replaces `layers` by the parts of a packet that can be read. An IP packet is the last one, or what is behind the last
/// one is unknown.
pub(in crate::capture) fn layers(packet: &Packet<'_>, layers: &mut Vec<Layer>) {
    let data = packet.data;
    layers.clear();
    let link = Inside::Link(packet.link);
    let found = find_ip(link, data, 0, None, &mut |at, header| layers.push(Layer::Header(at, header)));
    let (Ok(mut at), mut end, mut uncaptured) = (found, data.len(), packet.uncaptured()) else { return };
    for _ in 0..=MAX_TUNNELS {
        let Some(datagram) = data.get(at..end).and_then(|ip| Datagram::parse(ip, uncaptured)) else { break };
        let layout = Layout::new(data, at, &datagram);
        layers.push(Layer::Ip(layout));
        if layout.protocol == TCP || layout.fragment.is_some_and(|start| start > 0) {
            break;
        }
        let mut headers = Vec::new();
        let body = layout.body;
        let inner = enter(&datagram.body, layout.fragment.is_none(), &mut |at, header| {
            headers.push(Layer::Header(body + at, header));
        });
        let Ok(inner) = inner else { break };
        layers.append(&mut headers);
        (at, end, uncaptured) = (body + inner, layout.end, layout.missing);
    }
}

/// Where the parts of a UDP packet lie that a message of ICMP quotes.
pub(in crate::capture) fn quoted_layout(message: &[u8]) -> Option<Layout> {
    Some(Layout::new(message, ICMP_HEADER, &quoted(message)?))
}

impl Layout {
    /// Of a packet that begins at `ip`.
    fn new(data: &[u8], ip: usize, datagram: &Datagram<'_>) -> Self {
        let Datagram { from, body, fragment, .. } = datagram;
        let begin = ip + Datagram::header_len(data.get(ip..).unwrap_or_default()) + usize::from(body.skipped);
        Self {
            ip,
            is_v6: from.is_ipv6(),
            protocol: body.protocol,
            body: begin,
            end: begin + body.bytes.len(),
            skipped: usize::from(body.skipped),
            missing: body.missing,
            fragment: fragment.map(|fragment| fragment.start),
        }
    }
}
