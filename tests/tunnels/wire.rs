//! Dialogues as captures: over plain TCP, or through an HTTP tunnel.

use etherparse::PacketBuilder;
use rtsp_rec::trace::Direction::{self, ClientToServer, ServerToClient};

/// Nanoseconds of the first packet.
pub(crate) const START: i64 = 1_795_332_904_000_000_000;
/// The server's port.
pub(crate) const SERVER: u16 = 554;
/// The client's ports of a plain connection or a GET, and of the first POST.
pub(crate) const GET: u16 = 50_000;
pub(crate) const POST: u16 = 50_001;

/// Who says what at once.
pub(crate) type Said = (Direction, Vec<u8>);

/// A capture in the making.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) packets: Vec<(i64, Vec<u8>)>,
    /// Milliseconds since the start.
    pub(crate) now: i64,
    /// Into pieces of how many bytes payloads are cut; not at all if empty.
    pub(crate) pieces: Vec<usize>,
    pub(crate) cut: usize,
}

/// A TCP connection.
pub(crate) struct Tcp {
    client: u16,
    /// Of the client and the server: the next byte's number.
    next: [u32; 2],
}

impl Tcp {
    /// Opens one.
    pub(crate) fn open(wire: &mut Wire, client: u16) -> Self {
        // A later one with the same ports has other numbers (RFC 6528).
        let later = u32::try_from(wire.packets.len()).unwrap();
        let mut tcp = Self { client, next: [u32::MAX - 100, 7].map(|first: u32| first.wrapping_add(later)) };
        wire.packet(&mut tcp, ClientToServer, b"", Step::syn);
        wire.packet(&mut tcp, ServerToClient, b"", |tcp| tcp.syn().ack(0));
        tcp.next = tcp.next.map(|next| next.wrapping_add(1));
        tcp
    }

    /// One that was there before the capture began.
    pub(crate) fn begun(client: u16) -> Self {
        Self { client, next: [u32::MAX - 100, 7] }
    }

    /// Bytes that nobody captured.
    pub(crate) fn lose(&mut self, direction: Direction, len: usize) {
        let next = &mut self.next[direction.index()];
        *next = next.wrapping_add(u32::try_from(len).unwrap());
    }
}

type Step = etherparse::PacketBuilderStep<etherparse::TcpHeader>;

impl Wire {
    fn packet(&mut self, tcp: &mut Tcp, direction: Direction, payload: &[u8], flags: impl Fn(Step) -> Step) {
        let (from, to, hosts) = match direction {
            ClientToServer => (tcp.client, SERVER, ([10, 0, 0, 1], [10, 0, 0, 2])),
            ServerToClient => (SERVER, tcp.client, ([10, 0, 0, 2], [10, 0, 0, 1])),
        };
        let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(hosts.0, hosts.1, 64);
        let next = &mut tcp.next[direction.index()];
        let mut packet = Vec::new();
        flags(ip.tcp(from, to, *next, 65_535)).write(&mut packet, payload).unwrap();
        *next = next.wrapping_add(u32::try_from(payload.len()).unwrap());
        self.packets.push((START + self.now * 1_000_000, packet));
    }

    /// Sends bytes, in pieces.
    pub(crate) fn send(&mut self, tcp: &mut Tcp, direction: Direction, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let piece = self.pieces.get(self.cut % self.pieces.len().max(1)).copied().unwrap_or(usize::MAX);
            self.cut += 1;
            let (front, rest) = bytes.split_at(piece.min(bytes.len()));
            self.packet(tcp, direction, front, |tcp| tcp.ack(0).psh());
            bytes = rest;
        }
    }

    /// Ends one side of a connection.
    pub(crate) fn close(&mut self, tcp: &mut Tcp, direction: Direction) {
        self.packet(tcp, direction, b"", |tcp| tcp.ack(0).fin());
    }

    /// What one side sent.
    pub(crate) fn only(&self, side: Direction) -> Self {
        let server = [10, 0, 0, if side == ServerToClient { 2 } else { 1 }];
        let own = |(_, packet): &&(i64, Vec<u8>)| packet[26..30] == server;
        Self { packets: self.packets.iter().filter(own).cloned().collect(), ..Self::default() }
    }

    /// The capture, as pcap with nanoseconds.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file: Vec<u8> =
            [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1].iter().flat_map(|word| word.to_le_bytes()).collect();
        for (at, packet) in &self.packets {
            let len = i64::try_from(packet.len()).unwrap();
            let head = [at / 1_000_000_000, at % 1_000_000_000, len, len];
            file.extend(head.iter().flat_map(|word| u32::try_from(*word).unwrap().to_le_bytes()));
            file.extend(packet);
        }
        file
    }
}

/// Base64 as clients write it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    /// Each message for itself, padded.
    Padded,
    /// Each message for itself, in lines.
    Lines,
    /// One stream; messages are as long as three bytes need it.
    Stream,
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// By the definition of RFC 4648.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    let four = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        let letter = |place: usize| if place <= three.len() { LETTERS[bits >> (18 - 6 * place) & 63] } else { b'=' };
        [letter(0), letter(1), letter(2), letter(3)]
    };
    bytes.chunks(3).flat_map(four).collect()
}

impl Encoding {
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let text = base64(bytes);
        match self {
            Self::Padded | Self::Stream => text,
            Self::Lines => text.chunks(60).flat_map(|line| [line, b"\r\n"].concat()).collect(),
        }
    }
}

/// How a tunnel carries a dialogue.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    pub(crate) encoding: Encoding,
    /// The client's messages in each POST.
    pub(crate) per_post: usize,
    pub(crate) post_first: bool,
    pub(crate) cookie: &'static str,
    /// The longest chunks of the answer to GET and of the POST; not in chunks where there is none.
    pub(crate) chunks: [Option<usize>; 2],
}

impl Default for Tunnel {
    fn default() -> Self {
        Self { encoding: Encoding::Padded, per_post: usize::MAX, post_first: false, cookie: "c1", chunks: [None; 2] }
    }
}

pub(crate) fn get(cookie: &str) -> Vec<u8> {
    format!("GET /av HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n")
        .into_bytes()
}

pub(crate) fn post(cookie: &str) -> Vec<u8> {
    let head = "Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767\r\n";
    format!("POST /av HTTP/1.0\r\nx-sessioncookie: {cookie}\r\n{head}\r\n").into_bytes()
}

/// What opens the server's side; its length is not to be believed.
pub(crate) const OPENED: &[u8] =
    b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767\r\n\r\n";

impl Tunnel {
    /// Sends a dialogue, each message a millisecond after the one before.
    pub(crate) fn carry(&self, wire: &mut Wire, said: &[Said]) {
        let mut first = self.post_first.then(|| self.open_post(wire, POST));
        let mut get_connection = Tcp::open(wire, GET);
        wire.send(&mut get_connection, ClientToServer, &get(self.cookie));
        let [from_server, from_client] = self.chunks;
        wire.send(&mut get_connection, ServerToClient, &in_chunks_head(OPENED, from_server));
        let (mut port, mut sent) = (POST, 0);
        let mut post_connection = first.take().unwrap_or_else(|| self.open_post(wire, port));
        for (direction, bytes) in said {
            wire.now += 1;
            if *direction == ServerToClient {
                wire.send(&mut get_connection, ServerToClient, &in_chunks(bytes, from_server));
                continue;
            }
            if sent == self.per_post {
                wire.close(&mut post_connection, ClientToServer);
                (port, sent) = (port + 1, 0);
                post_connection = self.open_post(wire, port);
            }
            wire.send(&mut post_connection, ClientToServer, &in_chunks(&self.encoding.of(bytes), from_client));
            sent += 1;
        }
        wire.close(&mut get_connection, ServerToClient);
    }

    pub(crate) fn open_post(&self, wire: &mut Wire, port: u16) -> Tcp {
        let mut tcp = Tcp::open(wire, port);
        wire.send(&mut tcp, ClientToServer, &in_chunks_head(&post(self.cookie), self.chunks[1]));
        tcp
    }
}

/// A head that says whether its body comes in chunks.
fn in_chunks_head(head: &[u8], longest: Option<usize>) -> Vec<u8> {
    let head = String::from_utf8(head.to_vec()).unwrap();
    match longest {
        Some(_) => head.replace("Content-Length: 32767", "Transfer-Encoding: chunked").into_bytes(),
        None => head.into_bytes(),
    }
}

/// Bytes in chunks of this length at most.
pub(crate) fn in_chunks(bytes: &[u8], longest: Option<usize>) -> Vec<u8> {
    let Some(longest) = longest else { return bytes.to_vec() };
    let chunk = |bytes: &[u8]| [format!("{:x};a=b\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    bytes.chunks(longest).flat_map(chunk).collect()
}

/// Sends a dialogue as it is.
pub(crate) fn plain(wire: &mut Wire, said: &[Said]) {
    let mut tcp = Tcp::open(wire, GET);
    for (direction, bytes) in said {
        wire.now += 1;
        wire.send(&mut tcp, *direction, bytes);
    }
}
