//! UDP datagrams as packets (RFC 768), with the headers below them.

use std::net::{IpAddr, SocketAddr};

use crate::capture::checksum::{checksum, sum};
use crate::capture::packet::{ETHERNET, IPV4, be_bytes, link_header, put_ipv4_fields, put_ipv6_length};

const UDP: usize = 8;
/// Protocol number of UDP.
const PROTOCOL_UDP: u8 = 17;
/// The longest payload for which the IPv4 total length still holds the headers.
pub(super) const MAX_DATAGRAM: usize = 65_535 - IPV4 - UDP;

/// A datagram with its headers. `from_client` picks the made-up MAC addresses.
pub(super) fn packet(from: SocketAddr, to: SocketAddr, from_client: bool, ip_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ETHERNET + IPV4 + UDP + payload.len());
    let addresses = link_header(&mut bytes, from.ip(), to.ip(), from_client, PROTOCOL_UDP);
    let udp_len = UDP + payload.len();
    match (from.ip(), to.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let rest = sum(bytes.get(ETHERNET..).unwrap_or_default());
            put_ipv4_fields(&mut bytes, udp_len, ip_id, rest);
        }
        _ => put_ipv6_length(&mut bytes, udp_len),
    }
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()];
    let length = be_bytes(udp_len);
    let total = sum(&addresses) + sum(&[0, PROTOCOL_UDP]) + sum(&length) + sum(ports.as_flattened()) + sum(&length);
    bytes.extend_from_slice(ports.as_flattened());
    bytes.extend_from_slice(&length);
    // 0 stands for no checksum.
    let check = match checksum(total + sum(payload)) {
        [0, 0] => [0xff, 0xff],
        check => check,
    };
    bytes.extend_from_slice(&check);
    bytes.extend_from_slice(payload);
    bytes
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
                let packet = packet(from, to, false, 7, payload);
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
