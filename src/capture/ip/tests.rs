use std::net::{Ipv6Addr, SocketAddr};

use super::*;
use crate::capture::ip_protocol::{AUTHENTICATION, FRAGMENT};
use crate::capture::reader::LinkType;
use crate::time::Timestamp;
use crate::trace::UnreachableReason;
use proptest::collection::vec;
use proptest::prelude::*;

const FROM: &str = "10.0.0.1:554";
const TO: &str = "10.0.0.2:40000";
const FROM6: &str = "[2001:db8::1]:554";
const TO6: &str = "[2001:db8::2]:40000";

fn packet(link: LinkType, data: &[u8]) -> Packet<'_> {
    let original_len = u32::try_from(data.len()).unwrap();
    Packet { number: 1, at: Timestamp::default(), interface: 0, link, description: "", notes: "", data, original_len }
}

fn tcp_bytes(payload: &[u8]) -> Vec<u8> {
    let head = [2, 42, 156, 64, 0, 0, 0, 7, 0, 0, 0, 9, 0x60, 0x18, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
    [&head, payload].concat()
}

fn udp_bytes(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[2, 42, 156, 64, length[0], length[1], 0, 0], payload].concat()
}

/// An IPv4 packet; `place` is the word with flags and fragment offset.
fn v4(protocol: u8, place: u16, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16::try_from(body.len() + 24).unwrap().to_be_bytes();
    let [p0, p1] = place.to_be_bytes();
    let head = [0x46, 0, l0, l1, 0, 77, p0, p1, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1];
    [&head, body].concat()
}

fn v6(next: u8, body: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut head = vec![0x60, 0, 0, 0, l0, l1, next, 64];
    for last in [1, 2] {
        head.extend_from_slice(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).octets());
    }
    [&head, body].concat()
}

fn segment<'a>(from: &str, to: &str, payload: &'a [u8], missing: u32) -> Decoded<'a> {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    Decoded::Tcp(TcpSegment {
        from,
        to,
        seq: 7,
        ack: 9,
        flags: 0x18,
        payload,
        missing,
        header: 0,
        network: NetworkId::default(),
        hop_limit: 0,
        id: 0,
        head: &[],
    })
}

fn datagram<'a>(from: &str, to: &str, payload: &'a [u8], missing: u32) -> Decoded<'a> {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    Decoded::Udp(UdpDatagram {
        from,
        to,
        payload,
        missing,
        header: 0,
        network: NetworkId::default(),
        id: 0,
        hop_limit: 0,
        checksum: 0,
    })
}

/// Where the payload lies is told elsewhere.
fn without_header(decoded: Decoded<'_>) -> Decoded<'_> {
    match decoded {
        Decoded::Tcp(segment) => Decoded::Tcp(TcpSegment { header: 0, hop_limit: 0, id: 0, head: &[], ..segment }),
        Decoded::Udp(datagram) => Decoded::Udp(UdpDatagram { header: 0, id: 0, hop_limit: 0, ..datagram }),
        icmp @ Decoded::Icmp(_) => icmp,
    }
}

fn assert_decodes(ip: &[u8], expected: Decoded<'_>) {
    let mut layer = IpLayer::default();
    assert_eq!(layer.decode(&packet(LinkType::RAW, ip)).map(without_header), Some(expected));
}

#[test]
fn options_and_padding_are_no_payload() {
    assert_decodes(&[v4(TCP, 0x4000, &tcp_bytes(b"hello")), vec![0; 9]].concat(), segment(FROM, TO, b"hello", 0));
    assert_decodes(&[v6(TCP, &tcp_bytes(b"hello")), vec![0; 9]].concat(), segment(FROM6, TO6, b"hello", 0));
    assert_decodes(&v4(UDP, 0, &[udp_bytes(b"hello"), vec![0; 3]].concat()), datagram(FROM, TO, b"hello", 0));
}

#[test]
fn a_total_length_of_zero_takes_what_was_captured() {
    let mut ip = v4(TCP, 0, &tcp_bytes(b"hello"));
    ip[2..4].fill(0);
    assert_decodes(&ip, segment(FROM, TO, b"hello", 0));
    let cut = Packet { original_len: 100_000, ..packet(LinkType::RAW, &ip) };
    let missing = 100_000 - u32::try_from(ip.len()).unwrap();
    assert_eq!(IpLayer::default().decode(&cut).map(without_header), Some(segment(FROM, TO, b"hello", missing)));
    let mut ip = v6(UDP, &udp_bytes(b"hello"));
    ip[4..6].fill(0);
    assert_decodes(&ip, datagram(FROM6, TO6, b"hello", 0));
}

#[test]
fn what_snaplen_cut_off_is_counted() {
    for (ip, head) in [(v4(TCP, 0, &tcp_bytes(b"hello")), 48_usize), (v6(TCP, &tcp_bytes(b"hello")), 64)] {
        for len in 0..=ip.len() {
            let (captured, missing) = b"hello".split_at(len.saturating_sub(head));
            let expected = (len >= head - 4).then(|| (captured, u32::try_from(missing.len()).unwrap()));
            let mut layer = IpLayer::default();
            let decoded = layer.decode(&packet(LinkType::RAW, &ip[..len]));
            let found = decoded.map(|decoded| match decoded {
                Decoded::Tcp(tcp) => (tcp.payload, tcp.missing),
                Decoded::Udp(_) | Decoded::Icmp(_) => panic!("TCP"),
            });
            assert_eq!(found, expected, "{len}");
        }
    }
    let ip = v4(UDP, 0, &udp_bytes(b"hello"));
    assert_decodes(&ip[..ip.len() - 3], datagram(FROM, TO, b"he", 3));
}

#[test]
fn extension_headers_are_passed_over() {
    let headers = [
        vec![60, 0, 1, 4, 0, 0, 0, 0],
        [vec![43, 1], vec![0; 14]].concat(),
        vec![51, 0, 0, 0, 0, 0, 0, 0],
        [vec![44, 1], vec![0; 10]].concat(),
        vec![6, 0, 0, 0, 1, 2, 3, 4],
    ];
    assert_decodes(&v6(0, &[headers.concat(), tcp_bytes(b"hello")].concat()), segment(FROM6, TO6, b"hello", 0));
    let authenticated = [vec![6, 1], vec![0; 10], tcp_bytes(b"hello")].concat();
    assert_decodes(&v4(AUTHENTICATION, 0, &authenticated), segment(FROM, TO, b"hello", 0));
    let endless = [0, 0, 0, 0, 0, 0, 0, 0].repeat(20);
    assert_eq!(IpLayer::default().decode(&packet(LinkType::RAW, &v6(0, &endless))), None);
}

fn unreachable(from: &str, to: &str, reason: UnreachableReason) -> Decoded<'static> {
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
    Decoded::Icmp(IcmpError { by: from.ip(), from, to, reason })
}

fn decoded(ip: &[u8]) -> Option<Decoded<'static>> {
    match IpLayer::default().decode(&packet(LinkType::RAW, ip)) {
        Some(Decoded::Icmp(error)) => Some(Decoded::Icmp(error)),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[test]
fn icmp_errors_quote_a_datagram() {
    let (v4_udp, v6_udp) = (v4(UDP, 0, &udp_bytes(b"hello")), v6(UDP, &udp_bytes(b"hello")));
    let quoting = |head: [u8; 4], quote: &[u8]| [&head[..], &[0; 4], quote].concat();
    // Some quote the header and eight bytes only.
    for quote in [&v4_udp[..], &v4_udp[..32]] {
        let port = v4(ICMP, 0, &quoting([3, 3, 0, 0], quote));
        assert_eq!(decoded(&port), Some(unreachable(FROM, TO, UnreachableReason::Port)));
    }
    let port = v6(ICMP_V6, &quoting([1, 4, 0, 0], &v6_udp));
    assert_eq!(decoded(&port), Some(unreachable(FROM6, TO6, UnreachableReason::Port)));
    for (what, message) in [
        ("no error", quoting([8, 0, 0, 0], &v4_udp)),
        ("too short a quote", quoting([3, 3, 0, 0], &v4_udp[..31])),
        ("TCP", quoting([3, 3, 0, 0], &v4(TCP, 0, &tcp_bytes(b"hello")))),
        ("a later fragment", quoting([3, 3, 0, 0], &v4(UDP, 4, &udp_bytes(b"hello")))),
    ] {
        assert_eq!(decoded(&v4(ICMP, 0, &message)), None, "{what}");
    }
}

/// The fragments of a packet, each with 16 bytes.
fn fragments(v6_instead: bool, protocol: u8, body: &[u8]) -> Vec<Vec<u8>> {
    let count = body.len().div_ceil(16);
    let fragment = |(index, bytes): (usize, &[u8])| {
        let (place, more) = (u16::try_from(index * 2).unwrap(), u16::from(index + 1 < count));
        if !v6_instead {
            return v4(protocol, place | more << 13, bytes);
        }
        let [p0, p1] = (place << 3 | more).to_be_bytes();
        v6(FRAGMENT, &[&[protocol, 0, p0, p1, 0, 0, 0, 5], bytes].concat())
    };
    body.chunks(16).enumerate().map(fragment).collect()
}

#[test]
fn fragments_are_joined_in_any_order() {
    let payload: Vec<u8> = (0..100).collect();
    for v6_instead in [false, true] {
        let (from, to) = if v6_instead { (FROM6, TO6) } else { (FROM, TO) };
        for (protocol, body, expected) in [
            (TCP, tcp_bytes(&payload), segment(from, to, &payload, 0)),
            (UDP, udp_bytes(&payload), datagram(from, to, &payload, 0)),
        ] {
            let mut parts = fragments(v6_instead, protocol, &body);
            for _ in 0..2 {
                let mut layer = IpLayer::default();
                let (last, first) = parts.split_last().unwrap();
                for part in first.iter().chain(first) {
                    assert_eq!(layer.decode(&packet(LinkType::RAW, part)), None);
                }
                assert_eq!(layer.decode(&packet(LinkType::RAW, last)).map(without_header), Some(expected));
                parts.reverse();
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        link in prop_oneof![0u16..15, 100u16..115, 225u16..230, Just(276)],
        head in 0..5usize,
        bytes in vec(any::<u8>(), 0..120),
        captured in any::<u32>(),
    ) {
        let heads = [vec![], [vec![0; 12], vec![8, 0]].concat(), vec![0x45], v4(TCP, 0, &[]), v6(FRAGMENT, &[])];
        let bytes = [heads[head].clone(), bytes].concat();
        let packet = Packet { original_len: captured, ..packet(LinkType(link), &bytes) };
        let mut layer = IpLayer::default();
        let payload = match layer.decode(&packet) {
            Some(Decoded::Tcp(tcp)) => tcp.payload.len(),
            Some(Decoded::Udp(udp)) => udp.payload.len(),
            Some(Decoded::Icmp(_)) | None => 0,
        };
        prop_assert!(payload <= bytes.len());
    }
}
