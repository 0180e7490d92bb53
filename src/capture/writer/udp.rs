//! UDP datagrams as packets (RFC 768), with the headers below them.

use std::net::{IpAddr, SocketAddr};

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::checksum::{checksum, sum};
use crate::capture::ip_protocol;
use crate::capture::writer::packet::{
    ETHERNET, IPV4, be_bytes, link_header, link_header_len, put_ipv4_fields, put_ipv6_length,
};

const UDP: usize = 8;
/// The longest payload for which the IPv4 total length still holds the headers.
pub(in crate::capture) const MAX_DATAGRAM: usize = 65_535 - IPV4 - UDP;

/// Bytes of a datagram with its headers.
pub(in crate::capture) fn packet_len(from: SocketAddr, to: SocketAddr, payload: usize) -> usize {
    link_header_len(from.ip(), to.ip()) + UDP + payload
}

/// Appends a datagram with its headers. `from_client` picks the made-up MAC addresses.
pub(in crate::capture) fn append(
    out: &mut Vec<u8>,
    (from, to): (SocketAddr, SocketAddr),
    from_client: bool,
    ip_id: u16,
    payload: &[u8],
) {
    let start = out.len();
    let addresses = link_header(out, from.ip(), to.ip(), from_client, ip_protocol::UDP);
    let udp_len = UDP + payload.len();
    let headers = out.get_mut(start..).unwrap_or_default();
    match (from.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let rest = sum(headers.get(ETHERNET..).unwrap_or_default());
            put_ipv4_fields(headers, udp_len, ip_id, rest);
        }
        _ => put_ipv6_length(headers, udp_len),
    }
    let length = be_bytes(udp_len);
    let mut header = [0; UDP];
    NetworkEndian::write_u16(&mut header[0..2], from.port());
    NetworkEndian::write_u16(&mut header[2..4], to.port());
    header[4..6].copy_from_slice(&length);
    let total = addresses + sum(&[0, ip_protocol::UDP]) + sum(&length) + sum(&header);
    // 0 stands for no checksum.
    let check = match checksum(total + sum(payload)) {
        [0, 0] => [0xff, 0xff],
        check => check,
    };
    header[6..8].copy_from_slice(&check);
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    #[test]
    fn datagrams_are_valid() {
        for (from, to) in [("127.0.0.1:6970", "10.1.2.3:5000"), ("[::1]:6970", "[fe80::1]:5000")] {
            for payload in [b"".as_slice(), b"x", &[0xff; 1401], &vec![7; MAX_DATAGRAM]] {
                let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
                let mut packet = Vec::new();
                append(&mut packet, (from, to), false, 7, payload);
                assert_eq!(packet.len(), packet_len(from, to, payload.len()));
                let sliced = SlicedPacket::from_ethernet(&packet).unwrap();
                let Some(TransportSlice::Udp(udp)) = &sliced.transport else { panic!("UDP") };
                let header = udp.to_header();
                let computed = match &sliced.net {
                    Some(NetSlice::Ipv4(ip)) => {
                        let header4 = ip.header().to_header();
                        assert_eq!(header4.header_checksum, header4.calc_header_checksum());
                        header.calc_checksum_ipv4(&header4, payload).unwrap()
                    }
                    Some(NetSlice::Ipv6(ip)) => header.calc_checksum_ipv6(&ip.header().to_header(), payload).unwrap(),
                    _ => panic!("IP"),
                };
                assert_eq!((header.checksum, udp.payload()), (computed, payload));
                assert_eq!((header.source_port, header.destination_port), (6970, 5000));
            }
        }
    }
}
