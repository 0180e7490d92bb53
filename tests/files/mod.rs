//! Captures in every format, made of the packets of the sample.

mod around;

use std::io::Read;

use flate2::Compression;
use flate2::read::GzEncoder;
use pcap_file::pcapng::{Block, PcapNgReader};
use rtsp_rec::capture::reader::LinkType;

pub(crate) use around::surroundings;

pub(crate) const SAMPLE: &[u8] = include_bytes!("../../samples/gstreamer_h264_aac.pcapng");

/// A packet: nanoseconds and bytes.
pub(crate) type Packet = (i64, Vec<u8>);

/// The packets of the sample as another reader sees them.
pub(crate) fn sample() -> Vec<Packet> {
    let mut reader = PcapNgReader::new(SAMPLE).unwrap();
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
            packets.push((i64::try_from(packet.timestamp.as_nanos()).unwrap(), packet.data.to_vec()));
        }
    }
    packets
}

/// How numbers are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

pub(crate) const ORDERS: [Order; 2] = [Order::Little, Order::Big];

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }

    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = len(body) + len(&padding) + 12;
        [&self.words(&[kind, length]), body, &padding, &self.words(&[length])].concat()
    }

    pub(crate) fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[self.words(&[0x1a2b_3c4d]), version, vec![0xff; 8]].concat())
    }

    /// An interface description block with clock options, without an end of options.
    pub(crate) fn interface(self, link: LinkType, resolution: u8, offset: i64) -> Vec<u8> {
        let offset = match self {
            Self::Little => offset.to_le_bytes(),
            Self::Big => offset.to_be_bytes(),
        };
        let head = [self.u16(link.0), [0; 2], self.u16(0), [0; 2]].concat();
        let clock = [&self.u16(9)[..], &self.u16(1), &[resolution, 0, 0, 0], &self.u16(14), &self.u16(8), &offset];
        self.block(1, &[head, clock.concat()].concat())
    }

    pub(crate) fn enhanced(self, interface: u32, ticks: u64, packet: &[u8]) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32);
        let head = self.words(&[interface, high, low, len(packet), len(packet)]);
        self.block(6, &[&head, packet].concat())
    }
}

pub(crate) fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

pub(crate) fn nanos(nanos: i64) -> u64 {
    u64::try_from(nanos).unwrap()
}

/// A pcap file; `more` bytes stand between head and packet of each record.
pub(crate) fn pcap(order: Order, magic: u32, link: LinkType, more: usize, packets: &[Packet]) -> Vec<u8> {
    let mut file = order.words(&[magic, 0x0002_0004, 0, 0, 262_144, u32::from(link.0)]);
    let unit = if magic == 0xa1b2_3c4d { 1 } else { 1_000 };
    for (at, packet) in packets {
        let (seconds, fraction) = (at / 1_000_000_000, at % 1_000_000_000 / unit);
        let times = [u32::try_from(seconds).unwrap(), u32::try_from(fraction).unwrap()];
        file.extend(order.words(&[times[0], times[1], len(packet), len(packet)]));
        file.extend(vec![7; more]);
        file.extend(packet);
    }
    file
}

/// A pcapng file with enhanced packet blocks of nanoseconds.
pub(crate) fn pcapng(order: Order, link: LinkType, packets: &[Packet]) -> Vec<u8> {
    let head = [order.section(), order.interface(link, 9, 0)].concat();
    let blocks = packets.iter().flat_map(|(at, packet)| order.enhanced(0, nanos(*at), packet));
    head.into_iter().chain(blocks).collect()
}

/// Other packets at the same times.
pub(crate) fn change(packets: &[Packet], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Packet> {
    packets.iter().map(|(at, packet)| (*at, change(packet))).collect()
}

/// The same as IPv6, with a hop-by-hop header.
pub(crate) fn ipv6(packet: &[u8]) -> Vec<u8> {
    let [l0, l1] = u16::try_from(packet.len() - 34 + 8).unwrap().to_be_bytes();
    let address = |bytes: &[u8]| [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0][..], bytes].concat();
    let head = [&packet[..12], &[0x86, 0xdd, 0x60, 0, 0, 0, l0, l1, 0, 64]].concat();
    let addresses = [address(&packet[26..30]), address(&packet[30..34])].concat();
    [&head[..], &addresses, &[6, 0, 1, 4, 0, 0, 0, 0], &packet[34..]].concat()
}

/// An IPv4 packet as two fragments, the second first.
pub(crate) fn fragments((packet, id): (&Packet, u16)) -> [Packet; 2] {
    let (at, bytes) = packet;
    let fragment = |place: u16, body: &[u8]| {
        let total = u16::try_from(body.len() + 20).unwrap();
        let words = [total, id, place].map(u16::to_be_bytes).concat();
        (*at, [&bytes[..16], &words, &bytes[22..34], body].concat())
    };
    [fragment(2, &bytes[50..]), fragment(0x2000, &bytes[34..50])]
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut out).unwrap();
    out
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A session that sets up UDP with this transport, and 40 RTP packets to the client's port; a pcap file.
pub(crate) fn udp_session(transport: &str, port: u16) -> Vec<u8> {
    let packet = |from_server: bool, protocol: u8, ports: [u16; 2], rest: &[u8]| {
        let ends = if from_server { [[10, 0, 0, 2], [10, 0, 0, 1]] } else { [[10, 0, 0, 1], [10, 0, 0, 2]] };
        let length = u16::try_from(24 + rest.len()).unwrap().to_be_bytes();
        let head = [&[2; 12][..], &[8, 0, 0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0]].concat();
        [head, ends.concat(), ports.map(u16::to_be_bytes).concat(), rest.to_vec()].concat()
    };
    let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:t\r\n";
    let (mut packets, mut sequence) = (Vec::new(), [1_u32; 2]);
    for (from_server, text) in [
        (false, "DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_owned()),
        (true, format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())),
        (false, format!("SETUP rtsp://h/a/t RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n")),
        (true, format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\n{transport}\r\n")),
    ] {
        let ports = if from_server { [554, 40_000] } else { [40_000, 554] };
        let [own, other] = [usize::from(from_server), usize::from(!from_server)].map(|side| sequence[side]);
        let head = [own.to_be_bytes(), other.to_be_bytes(), [0x50, 0x18, 9, 9], [0; 4]].concat();
        packets.push(packet(from_server, 6, ports, &[&head, text.as_bytes()].concat()));
        sequence[usize::from(from_server)] += u32::try_from(text.len()).unwrap();
    }
    for number in 0..40_u8 {
        // With a source, times and numbers as they come, in which an address may be read.
        let source = [0x45, number, 0, 60];
        let rtp =
            [&[0x80, 0, 0, number, 0, 0, number, 0][..], &source, &[0x45, 0, 0, 60, 0x60], &[number; 200]].concat();
        let length = u16::try_from(rtp.len() + 8).unwrap().to_be_bytes();
        packets.push(packet(true, 17, [7000, port], &[&length[..], &[0, 0], &rtp].concat()));
    }
    let packets: Vec<Packet> = (1..).map(|at: i64| at * 20_000_000).zip(packets).collect();
    pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &packets)
}
