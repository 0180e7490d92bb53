//! Connections as somebody captured them, packet by packet.

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader, UdpHeader};

use rtsp_rec::capture::reader::read_packets;

pub(crate) const SAMPLE: &[u8] = include_bytes!("../../samples/gstreamer_h264_aac.pcapng");

/// A packet on Ethernet: nanoseconds and bytes.
pub(crate) type Packet = (i64, Vec<u8>);

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [192, 0, 2, 20];
/// What a segment holds.
const MSS: usize = 1400;
/// Between two packets.
const STEP_NS: i64 = 1_000_000;

/// The ports of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) port: u16,
    pub(crate) server_port: u16,
}

/// A connection between the two hosts.
pub(crate) struct TcpTalk {
    ends: Ends,
    /// TCP options of each segment.
    pub(crate) options: Vec<u8>,
    /// Who sent it, and the packet.
    pub(crate) packets: Vec<(bool, Packet)>,
    pub(crate) at: i64,
    /// The next sequence numbers of the client and the server.
    seq: [u32; 2],
}

impl TcpTalk {
    pub(crate) fn new(ends: Ends) -> Self {
        let seq = [u32::from(ends.port) << 16, u32::MAX - 1000];
        Self { ends, options: Vec::new(), packets: Vec::new(), at: 1_000_000_000_000, seq }
    }

    /// One that begins with other sequence numbers.
    pub(crate) fn numbered(mut self, first: [u32; 2]) -> Self {
        self.seq = first;
        self
    }

    pub(crate) fn handshake(&mut self) {
        let [client, server] = self.seq;
        self.push(false, &[], PacketBuilderStep::<TcpHeader>::syn);
        self.push(true, &[], |tcp| tcp.syn().ack(client.wrapping_add(1)));
        self.seq = [client.wrapping_add(1), server.wrapping_add(1)];
    }

    /// Bytes of one side, in segments.
    pub(crate) fn say(&mut self, from_server: bool, bytes: &[u8]) -> &mut Self {
        for part in bytes.chunks(MSS) {
            let ack = self.seq[usize::from(!from_server)];
            self.push(from_server, part, |tcp| tcp.ack(ack));
            let seq = &mut self.seq[usize::from(from_server)];
            *seq = seq.wrapping_add(u32::try_from(part.len()).unwrap());
        }
        self
    }

    /// A segment without bytes.
    pub(crate) fn acknowledge(&mut self, from_server: bool) {
        let ack = self.seq[usize::from(!from_server)];
        self.push(from_server, &[], |tcp| tcp.ack(ack));
    }

    /// Bytes that were sent and not captured.
    pub(crate) fn lose(&mut self, from_server: bool, bytes: &[u8]) -> &mut Self {
        let captured = self.packets.len();
        self.say(from_server, bytes).packets.truncate(captured);
        self
    }

    fn push(
        &mut self,
        from_server: bool,
        payload: &[u8],
        step: impl FnOnce(PacketBuilderStep<TcpHeader>) -> PacketBuilderStep<TcpHeader>,
    ) {
        let Ends { port, server_port } = self.ends;
        let (from, to, ports) =
            if from_server { (SERVER, CLIENT, (server_port, port)) } else { (CLIENT, SERVER, (port, server_port)) };
        let seq = self.seq[usize::from(from_server)];
        let tcp = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64).tcp(ports.0, ports.1, seq, 1000);
        let mut bytes = Vec::new();
        step(tcp).options_raw(&self.options).unwrap().write(&mut bytes, payload).unwrap();
        self.keep(from_server, bytes);
    }

    /// A datagram between the two hosts.
    pub(crate) fn datagram(&mut self, from_server: bool, ports: (u16, u16), payload: &[u8]) -> &mut Self {
        let (from, to) = if from_server { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
        let udp: PacketBuilderStep<UdpHeader> =
            PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64).udp(ports.0, ports.1);
        let mut bytes = Vec::new();
        udp.write(&mut bytes, payload).unwrap();
        self.keep(from_server, bytes);
        self
    }

    /// A datagram from the server to a group.
    pub(crate) fn group_datagram(&mut self, group: [u8; 4], port: u16, payload: &[u8]) {
        let mut bytes = Vec::new();
        let udp = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(SERVER, group, 64).udp(port, port);
        udp.write(&mut bytes, payload).unwrap();
        self.keep(true, bytes);
    }

    /// RTP of the server to another host, from and to these ports.
    pub(crate) fn datagrams_to(&mut self, to: [u8; 4], ports: (u16, u16), numbers: std::ops::Range<u16>) {
        for number in numbers {
            let head = [&[0x80, 96][..], &number.to_be_bytes(), &[0, 0], &number.to_be_bytes(), &[0, 0, 0, 7]].concat();
            let udp = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(SERVER, to, 64).udp(ports.0, ports.1);
            let mut bytes = Vec::new();
            udp.write(&mut bytes, &[head, vec![0x65; 100]].concat()).unwrap();
            self.keep(true, bytes);
            self.at += 10_000_000;
        }
    }

    /// One side ends the connection.
    pub(crate) fn end(&mut self, from_server: bool) {
        let ack = self.seq[usize::from(!from_server)];
        self.push(from_server, &[], |tcp| tcp.fin().ack(ack));
    }

    /// One side breaks the connection off.
    pub(crate) fn reset(&mut self, from_server: bool) {
        let ack = self.seq[usize::from(!from_server)];
        self.push(from_server, &[], |tcp| tcp.rst().ack(ack));
    }

    /// A segment without bytes that acknowledges what was not sent, or another one that the sender's numbers do not fit.
    pub(crate) fn stray(&mut self, from_server: bool, ahead: [u32; 2]) {
        let ack = self.seq[usize::from(!from_server)].wrapping_add(ahead[1]);
        let seq = self.seq;
        self.seq[usize::from(from_server)] = seq[usize::from(from_server)].wrapping_add(ahead[0]);
        self.push(from_server, &[], |tcp| tcp.ack(ack));
        self.seq = seq;
    }

    fn keep(&mut self, from_server: bool, bytes: Vec<u8>) {
        self.at += STEP_NS;
        self.packets.push((from_server, (self.at, bytes)));
    }
}

/// The packets of the sample.
pub(crate) fn sample() -> Vec<Packet> {
    let mut packets = Vec::new();
    read_packets(SAMPLE, |packet| {
        packets.push((packet.at.as_nanos(), packet.data.to_vec()));
        Ok(())
    })
    .unwrap();
    packets
}

/// A pcap file with nanoseconds.
pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1]);
    for (at, packet) in packets {
        let (seconds, nanos) = (at / 1_000_000_000, at % 1_000_000_000);
        let len = u32::try_from(packet.len()).unwrap();
        file.extend(words(&[u32::try_from(seconds).unwrap(), u32::try_from(nanos).unwrap(), len, len]));
        file.extend(packet);
    }
    file
}
