//! Thousands of connections that speak something else: none of them is a session, however they were captured.
use std::io;

use rtsp_rec::capture::Source;
use rtsp_rec::trace::{Payload, Tap, TraceEvent};

use crate::connections::{Ends, Packet, SAMPLE, TcpTalk, pcap, sample};

/// Connections of a run.
const CONNECTIONS: usize = 3000;
/// And those of one capture.
const BATCH: usize = 100;
/// The shortest and the longest, in bytes; short ones are as frequent as long ones.
const LENGTHS: [f64; 2] = [1e3, 4e4];
/// Some of each protocol are as long as this.
const LONG: usize = 1 << 20;

/// What is said: by the server, or by the client.
type Said = Vec<(bool, Vec<u8>)>;

/// What a protocol says in about so many bytes.
type Protocol = fn(&mut fastrand::Rng, usize) -> Said;

const PROTOCOLS: [(&str, Protocol); 13] = [
    ("TLS", tls),
    ("SSH", ssh),
    ("SMB", smb),
    ("RTMP", rtmp),
    ("random", random),
    ("repeated", repeated),
    ("download", download),
    ("web page", web_page),
    ("web page in chunks", web_page_in_chunks),
    ("log", log),
    ("transcript", transcript),
    ("capture over HTTP", capture_over_http),
    ("capture over SMB", capture_over_smb),
];

fn noise(random: &mut fastrand::Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

/// TLS 1.3: records of application data behind a hello.
fn tls(random: &mut fastrand::Rng, len: usize) -> Said {
    let record = |random: &mut fastrand::Rng, kind: u8, len: u16| {
        [&[kind, 3, 3], &len.to_be_bytes()[..], &noise(random, usize::from(len))].concat()
    };
    let mut records = record(random, 22, 90);
    while records.len() < len {
        let len = random.u16(200..16_400);
        records.extend(record(random, 23, len));
    }
    vec![(false, record(random, 22, 512)), (true, records), (false, record(random, 23, 60))]
}

fn ssh(random: &mut fastrand::Rng, len: usize) -> Said {
    let hello = |name: &str| format!("SSH-2.0-{name}\r\n").into_bytes();
    let mut said = vec![(true, hello("OpenSSH_9.6")), (false, hello("libssh"))];
    said.extend((0..=len / 500).map(|turn| (turn % 3 != 0, noise(random, 500))));
    said
}

/// SMB2 over TCP: a length, a header of 64 bytes, data.
fn smb(random: &mut fastrand::Rng, len: usize) -> Said {
    let data = noise(random, len);
    smb_of(&data)
}

fn smb_of(data: &[u8]) -> Said {
    let reply = |part: &[u8]| {
        let header = [&b"\xfeSMB\x40\x00"[..], &[0; 58]].concat();
        let len = u32::try_from(header.len() + part.len()).unwrap();
        [&len.to_be_bytes()[..], &header, part].concat()
    };
    let asked = reply(&[0; 48]);
    data.chunks(60_000).flat_map(|part| [(false, asked.clone()), (true, reply(part))]).collect()
}

/// A handshake, then chunks of 4096 bytes.
fn rtmp(random: &mut fastrand::Rng, len: usize) -> Said {
    let hello = [&[3][..], &noise(random, 1536)].concat();
    let chunks: Vec<u8> = (0..=len / 4096)
        .flat_map(|_| [&[4, 0, 0, 40, 0, 16, 0, 9, 1, 0, 0, 0][..], &noise(random, 4096)].concat())
        .collect();
    vec![(false, hello.clone()), (true, hello), (false, chunks)]
}

fn random(random: &mut fastrand::Rng, len: usize) -> Said {
    vec![(false, noise(random, len / 2)), (true, noise(random, len / 2))]
}

/// Bytes with the shape of frames, again and again.
fn repeated(random: &mut fastrand::Rng, len: usize) -> Said {
    let frame = [&[b'$', 0, 0, 20, 0x80, 96][..], &noise(random, 18)].concat();
    let dollars = vec![b'$'; len / 3];
    let counted = (0..len / 9).flat_map(|count| [b'$', 0, 0, 5, 0x80, 0, count.to_le_bytes()[0], 1, 1]);
    vec![(true, frame.repeat(len / 72)), (false, dollars), (true, counted.collect())]
}

const ASKED: &[u8] = b"GET /RTSP/1.0 HTTP/1.1\r\nHost: h\r\n\r\n";

fn download(random: &mut fastrand::Rng, len: usize) -> Said {
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n".to_vec();
    vec![(false, ASKED.to_vec()), (true, head), (true, noise(random, len))]
}

const DIALOGUE: &str = "OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP\r\n\r\n\
                        DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\n\r\nRTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n";

/// RFC 2326 as text, so to speak.
fn prose(random: &mut fastrand::Rng, len: usize) -> String {
    let mut text = String::new();
    while text.len() < len {
        match random.u8(..5) {
            0 => text += &DIALOGUE.replace("\r\n", "\n"),
            1 => text += "     C->S: PLAY rtsp://audio.example.com/audio RTSP/1.0\n           CSeq: 835\n\n",
            2 => text += "S->C: RTSP/1.0 200 OK\r\n      CSeq: 835\r\n\r\n",
            3 => text += "INFO connected with RTSP/1.0\r\n\r\n",
            _ => text += "An RTSP session is not what speaks of one. $ curl rtsp://h/x\n",
        }
    }
    text
}

fn web_page(random: &mut fastrand::Rng, len: usize) -> Said {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n";
    vec![(false, ASKED.to_vec()), (true, (head.to_owned() + &prose(random, len)).into_bytes())]
}

fn web_page_in_chunks(random: &mut fastrand::Rng, len: usize) -> Said {
    let mut page = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for part in prose(random, len).as_bytes().chunks(4000) {
        page.extend([format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    }
    vec![(false, ASKED.to_vec()), (true, page)]
}

/// Lines of a log, of one that goes on.
fn log(random: &mut fastrand::Rng, len: usize) -> Said {
    let mut lines = String::new();
    for line in prose(random, len).lines() {
        lines += &["<14>Nov 28 10:00:00 host vlc: ", line, "\r\n"].concat();
    }
    vec![(false, b"\xff\xfd\x18tail -f\r\n".to_vec()), (true, lines.into_bytes())]
}

/// A terminal that shows what was said.
fn transcript(random: &mut fastrand::Rng, len: usize) -> Said {
    let shown = format!("\u{1b}[1m$ cat session.txt\r\n{}$ ", DIALOGUE.repeat(len / DIALOGUE.len() + 1));
    vec![(true, noise(random, 3)), (false, b"cat session.txt\r\n".to_vec()), (true, shown.into_bytes())]
}

/// A part of a capture of RTSP.
fn copied(random: &mut fastrand::Rng, len: usize) -> &'static [u8] {
    let from = random.usize(..SAMPLE.len());
    &SAMPLE[from..SAMPLE.len().min(from + len)]
}

fn capture_over_http(random: &mut fastrand::Rng, len: usize) -> Said {
    let mut reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for part in copied(random, len).chunks(8192) {
        reply.extend([format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    }
    vec![(false, ASKED.to_vec()), (true, reply)]
}

fn capture_over_smb(random: &mut fastrand::Rng, len: usize) -> Said {
    smb_of(copied(random, len))
}

/// How a connection was captured.
#[derive(Debug)]
struct View {
    syn: bool,
    holes: bool,
    /// Only the client's, or only the server's direction.
    only: Option<bool>,
}

impl View {
    fn of(random: &mut fastrand::Rng) -> Self {
        let only = (random.u8(..4) == 0).then(|| random.bool());
        Self { syn: random.bool(), holes: random.u8(..3) == 0, only }
    }
}

/// The connections that were taken for sessions, by the client's port.
#[derive(Default)]
struct Sessions(Vec<u16>);

impl Tap for Sessions {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if matches!(event.payload, Payload::Opened { .. }) {
            self.0.extend([event.flow.client.port(), event.flow.server.port()]);
        }
        Ok(())
    }
}

/// Says it all on a connection, as it was captured.
fn talk(random: &mut fastrand::Rng, port: u16, said: &Said, view: &View) -> Vec<Packet> {
    let mut talk = TcpTalk::new(Ends { port, server_port: random.choice([80, 443, 445, 554, 1935, 50_000]).unwrap() });
    talk.options = if random.u8(..4) == 0 {
        b"\x1e\x0c\x20\x00multipath\x01".get(..12).unwrap_or_default().to_vec()
    } else {
        vec![]
    };
    if view.syn {
        talk.handshake();
    }
    for (from_server, bytes) in said {
        talk.say(*from_server, bytes);
    }
    let skipped = if view.syn { 0 } else { random.usize(..=talk.packets.len() / 2) };
    let kept = talk.packets.into_iter().skip(skipped);
    let kept = kept.filter(|(from_server, _)| view.only.is_none_or(|only| only == *from_server));
    kept.filter(|_| !view.holes || random.u8(..20) > 0).map(|(_, packet)| packet).collect()
}

#[test]
fn none_of_them_is_a_session() {
    let mut random = fastrand::Rng::with_seed(12);
    for batch in 0..CONNECTIONS / BATCH {
        let (mut packets, mut spoken) = (Vec::new(), Vec::new());
        for place in 0..BATCH {
            let number = batch * BATCH + place;
            let (name, protocol) = PROTOCOLS[number % PROTOCOLS.len()];
            let [shortest, longest] = LENGTHS.map(f64::ln);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between the two")]
            let len = (shortest + random.f64() * (longest - shortest)).exp() as usize;
            let len = if number.is_multiple_of(CONNECTIONS / 10) { LONG } else { len };
            let (said, view) = (protocol(&mut random, len), View::of(&mut random));
            let port = u16::try_from(20_000 + place).unwrap();
            packets.extend(talk(&mut random, port, &said, &view));
            spoken.push((name, len, view));
        }
        let mut sessions = Sessions::default();
        let file = pcap(&packets);
        Source::read(&file[..], &mut sessions).unwrap();
        let wrong = sessions.0.iter().filter_map(|port| spoken.get(usize::from(*port).checked_sub(20_000)?));
        assert_eq!(wrong.map(|spoken| format!("{spoken:?}")).collect::<Vec<_>>(), [""; 0], "batch {batch}");
    }
}

/// The test can fail: what is no other protocol is found in the same way.
#[test]
fn a_session_among_them_is_found() {
    let mut random = fastrand::Rng::with_seed(12);
    let said = tls(&mut random, 50_000);
    let mut packets = talk(&mut random, 20_000, &said, &View { syn: true, holes: false, only: None });
    packets.extend(sample());
    let mut sessions = Sessions::default();
    Source::read(&pcap(&packets)[..], &mut sessions).unwrap();
    assert_eq!(sessions.0.len(), 2);
}
