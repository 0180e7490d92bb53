//! Ethernet, IP and TCP headers around a payload, as capture tools expect them (RFC 894, 791, 8200, 9293).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::checksum::{checksum, sum};
use crate::capture::control_bits as flags;
use crate::capture::ip_protocol;

/// Ethernet header.
pub(in crate::capture) const ETHERNET: usize = 14;
pub(in crate::capture) const IPV4: usize = 20;
const IPV6: usize = 40;
const TCP: usize = 20;
/// The longest of our headers.
pub(in crate::capture) const MAX_HEADERS: usize = ETHERNET + IPV6 + TCP;
/// The longest payload for which the IPv4 total length still holds the headers.
pub(in crate::capture) const MAX_SEGMENT: usize = 65_535 - IPV4 - TCP;
/// Advertised with a scale of 14 this is 1 GiB: "window full" never shows.
const WINDOW: u16 = u16::MAX;
/// Options of our SYNs: maximum segment size 65495, window scale 14 (RFC 9293, 7323).
pub(in crate::capture) const SYN_OPTIONS: [u8; 8] = [2, 4, 0xff, 0xd7, 1, 3, 3, 14];

/// The headers of one direction of a connection; what changes from packet to packet is left 0.
#[derive(Clone, Debug)]
pub(in crate::capture) struct Headers {
    bytes: [u8; MAX_HEADERS],
    len: usize,
    /// Where the TCP header begins.
    tcp: usize,
    /// Checksum sum of what stays the same in the IPv4 header; in the pseudo-header and TCP header.
    ip_sum: u64,
    tcp_sum: u64,
}

/// What changes from packet to packet.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::capture) struct Segment<'a> {
    pub(in crate::capture) seq: u32,
    pub(in crate::capture) ack: u32,
    pub(in crate::capture) flags: u8,
    pub(in crate::capture) ip_id: u16,
    /// TCP options, of a length divisible by 4.
    pub(in crate::capture) options: &'a [u8],
    pub(in crate::capture) payload: &'a [u8],
}

impl Headers {
    /// Headers from one end of a connection to the other. `from_client` picks the made-up MAC addresses.
    pub(in crate::capture) fn new(from: SocketAddr, to: SocketAddr, from_client: bool) -> Self {
        let mut bytes = Vec::with_capacity(MAX_HEADERS);
        let addresses = link_header(&mut bytes, from.ip(), to.ip(), from_client, ip_protocol::TCP);
        let tcp = bytes.len();
        let mut header = [0; TCP];
        NetworkEndian::write_u16(&mut header[0..2], from.port());
        NetworkEndian::write_u16(&mut header[2..4], to.port());
        NetworkEndian::write_u16(&mut header[14..16], WINDOW);
        bytes.extend_from_slice(&header);
        let ip_sum = sum(bytes.get(ETHERNET..tcp).unwrap_or_default());
        let tcp_sum = addresses + sum(&[0, ip_protocol::TCP]) + sum(bytes.get(tcp..).unwrap_or_default());
        let mut headers = Self { bytes: [0; MAX_HEADERS], len: bytes.len(), tcp, ip_sum, tcp_sum };
        for (to, from) in headers.bytes.iter_mut().zip(&bytes) {
            *to = *from;
        }
        headers
    }

    /// Length of a packet with so many bytes of options and payload.
    pub(in crate::capture) const fn packet_len(&self, options: usize, payload: usize) -> usize {
        self.len + options + payload
    }

    /// Where in a packet the byte with the control bits lies.
    pub(in crate::capture) const fn flags_at(&self) -> usize {
        self.tcp + 13
    }

    /// Appends the packet, with its lengths and checksums.
    pub(in crate::capture) fn append(&self, out: &mut Vec<u8>, segment: &Segment<'_>) {
        let start = out.len();
        out.extend_from_slice(self.bytes.get(..self.len).unwrap_or_default());
        let tcp_len = TCP + segment.options.len() + segment.payload.len();
        let headers = out.get_mut(start..).unwrap_or_default();
        self.put_ip_fields(headers, tcp_len, segment.ip_id);
        self.put_tcp_fields(headers, tcp_len, segment);
        out.extend_from_slice(segment.options);
        out.extend_from_slice(segment.payload);
    }

    fn put_ip_fields(&self, headers: &mut [u8], tcp_len: usize, ip_id: u16) {
        if self.tcp != ETHERNET + IPV4 {
            return put_ipv6_length(headers, tcp_len);
        }
        put_ipv4_fields(headers, tcp_len, ip_id, self.ip_sum);
    }

    fn put_tcp_fields(&self, headers: &mut [u8], tcp_len: usize, segment: &Segment<'_>) {
        let (mut seq, mut ack) = ([0; 4], [0; 4]);
        NetworkEndian::write_u32(&mut seq, segment.seq);
        NetworkEndian::write_u32(&mut ack, segment.ack);
        let data_offset = u8::try_from((TCP + segment.options.len()) / 4).unwrap_or(u8::MAX);
        let control = [data_offset << 4, segment.flags];
        put(headers, self.tcp + 4, seq);
        put(headers, self.tcp + 8, ack);
        put(headers, self.tcp + 12, control);
        // The changing fields are summed from where they are, not from where they were just put: reading back bytes
        // that wait to be stored stalls the processor, for every packet.
        let fields = sum(&be_bytes(tcp_len)) + sum(&seq) + sum(&ack) + sum(&control);
        let total = self.tcp_sum + fields + sum(segment.options) + sum(segment.payload);
        put(headers, self.tcp + 16, checksum(total));
    }
}

/// Identification, length and checksum of an IPv4 header; `rest` is the sum of its other fields.
pub(in crate::capture) fn put_ipv4_fields(headers: &mut [u8], payload: usize, ip_id: u16, rest: u64) {
    let (total, mut id) = (be_bytes(IPV4 + payload), [0; 2]);
    NetworkEndian::write_u16(&mut id, ip_id);
    put(headers, ETHERNET + 2, total);
    put(headers, ETHERNET + 4, id);
    put(headers, ETHERNET + 10, checksum(rest + sum(&total) + sum(&id)));
}

pub(in crate::capture) fn put_ipv6_length(headers: &mut [u8], payload: usize) {
    put(headers, ETHERNET + 4, be_bytes(payload));
}

/// A length as IP writes it; longer ones never get here.
pub(in crate::capture) fn be_bytes(length: usize) -> [u8; 2] {
    let mut bytes = [0; 2];
    NetworkEndian::write_u16(&mut bytes, u16::try_from(length).unwrap_or(u16::MAX));
    bytes
}

/// Sets PSH in a packet that was composed without, and mends its checksum (RFC 1624). `flags` is the place of the
/// control bits.
pub(in crate::capture) fn set_push(packet: &mut [u8], flags: usize) {
    let Some([control, _, _, high, low]) = packet.get_mut(flags..flags + 5) else { return };
    if *control & flags::PSH == 0 {
        *control |= flags::PSH;
        let mended = u64::from(!u16::from_le_bytes([*high, *low])) + u64::from(u16::from_le_bytes([0, flags::PSH]));
        [*high, *low] = checksum(mended);
    }
}

/// Bytes of what [`link_header`] appends.
pub(in crate::capture) fn link_header_len(from: IpAddr, to: IpAddr) -> usize {
    ETHERNET + if from.is_ipv4() && to.is_ipv4() { IPV4 } else { IPV6 }
}

/// Appends an Ethernet and an IP header; gives the sum of the addresses.
pub(in crate::capture) fn link_header(
    bytes: &mut Vec<u8>,
    from: IpAddr,
    to: IpAddr,
    from_client: bool,
    protocol: u8,
) -> u64 {
    let mac = |client: bool| [0x02, 0, 0, 0, 0, if client { 1 } else { 2 }];
    bytes.extend_from_slice(&mac(!from_client));
    bytes.extend_from_slice(&mac(from_client));
    if let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) {
        bytes.extend_from_slice(&[0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
        let addresses = [from.octets(), to.octets()];
        bytes.extend_from_slice(addresses.as_flattened());
        return sum(addresses.as_flattened());
    }
    bytes.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, protocol, 64]);
    let addresses = [as_ipv6(from).octets(), as_ipv6(to).octets()];
    bytes.extend_from_slice(addresses.as_flattened());
    sum(addresses.as_flattened())
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(target) = bytes.get_mut(at..at + N) {
        target.copy_from_slice(&value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::SlicedPacket;

    fn headers(from: &str, to: &str) -> Headers {
        Headers::new(from.parse().unwrap(), to.parse().unwrap(), true)
    }

    fn assert_valid(packet: &[u8], payload: &[u8]) {
        let sliced = SlicedPacket::from_ethernet(packet).unwrap();
        let Some(etherparse::TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("TCP") };
        let computed = match &sliced.net {
            Some(etherparse::NetSlice::Ipv4(ip)) => {
                let header = ip.header().to_header();
                assert_eq!(header.header_checksum, header.calc_header_checksum());
                tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap()
            }
            Some(etherparse::NetSlice::Ipv6(ip)) => {
                tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()).unwrap()
            }
            _ => panic!("IP"),
        };
        assert_eq!(tcp.checksum(), computed);
        assert_eq!(tcp.payload(), payload);
    }

    #[test]
    fn packets_are_valid_with_and_without_push() {
        for (from, to) in [("127.0.0.1:50000", "127.0.0.1:554"), ("[::1]:50000", "[::1]:8554")] {
            let headers = headers(from, to);
            for payload in [b"".as_slice(), b"x", b"RTSP/1.0 200 OK\r\n\r\n", &[0xff; 1501]] {
                let mut packet = Vec::new();
                headers
                    .append(&mut packet, &Segment { seq: u32::MAX, flags: flags::ACK, payload, ..Segment::default() });
                assert_eq!(packet.len(), headers.packet_len(0, payload.len()));
                assert_valid(&packet, payload);
                set_push(&mut packet, headers.flags_at());
                assert_eq!(packet[headers.flags_at()], flags::ACK | flags::PSH);
                assert_valid(&packet, payload);
            }
        }
    }

    #[test]
    fn the_longest_segment_fits() {
        let mut packet = Vec::new();
        let payload = vec![7; MAX_SEGMENT];
        headers("1.2.3.4:1", "5.6.7.8:2").append(&mut packet, &Segment { payload: &payload, ..Segment::default() });
        assert_valid(&packet, &payload);
    }

    #[test]
    fn a_syn_carries_its_options() {
        let mut packet = Vec::new();
        let segment = Segment { flags: flags::SYN, options: &SYN_OPTIONS, ..Segment::default() };
        headers("1.2.3.4:1", "5.6.7.8:2").append(&mut packet, &segment);
        assert_valid(&packet, b"");
    }
}
