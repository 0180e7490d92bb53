//! What carries RTSP besides TCP, on loopback: `rtsp-rec record -t ws` through a relay that makes a WebSocket of a plain
//! server (RFC 6455; ONVIF Streaming Specification), and servers that refuse TLS. No peers are needed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod served;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use served::{Replay, rtsp_rec};

/// One frame of a server holds at most so much here, so that messages and packets span frames.
const PIECE: usize = 700;

/// A server that has RTSP of `upstream` at this path, after so many 401.
struct Relay {
    address: SocketAddr,
    pongs: Arc<AtomicUsize>,
}

impl Relay {
    fn start(upstream: SocketAddr, path: &'static str, login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pongs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&pongs);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, pongs) = (stream.unwrap(), Arc::clone(&counted));
                thread::spawn(move || serve(stream, upstream, path, login, &pongs));
            }
        });
        Self { address, pongs }
    }

    fn url(&self) -> String {
        format!("rtsp://user:secret@{}/live", self.address)
    }
}

fn serve(mut stream: TcpStream, upstream: SocketAddr, path: &str, login: Option<&str>, pongs: &AtomicUsize) {
    let head = head(&mut stream);
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
    assert!(head.starts_with("GET ") && field("Sec-WebSocket-Protocol:") == "rtsp.onvif.org", "{head}");
    assert_eq!(
        (field("Upgrade:"), field("Connection:"), field("Sec-WebSocket-Version:")),
        ("websocket", "Upgrade", "13")
    );
    let asked = head.split(' ').nth(1).unwrap();
    if asked != path {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
    if login.is_some_and(|login| field("Authorization:") != login) {
        let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n";
        return stream.write_all(challenge.as_bytes()).unwrap();
    }
    let key = field("Sec-WebSocket-Key:");
    let hash = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = STANDARD.encode(hash);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    let plain = TcpStream::connect(upstream).unwrap();
    let (mut to, mut from) = (stream.try_clone().unwrap(), plain.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; PIECE];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            let mut frames = vec![0x89, 2, b'h', b'i', 0x82];
            match u8::try_from(len) {
                Ok(short @ 0..=125) => frames.push(short),
                _ => frames.extend_from_slice(&[&[126][..], &u16::try_from(len).unwrap().to_be_bytes()].concat()),
            }
            frames.extend_from_slice(&buffer[..len]);
            if to.write_all(&frames).is_err() {
                return;
            }
        }
        let _ = to.write_all(&[0x88, 0]);
    });
    unwrap_frames(stream, plain, pongs);
}

fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// What the client's frames carry goes on; each of them has to have a mask.
fn unwrap_frames(mut stream: TcpStream, mut plain: TcpStream, pongs: &AtomicUsize) {
    let mut start = [0; 2];
    while stream.read_exact(&mut start).is_ok() {
        assert!(start[1] & 0x80 != 0, "a client masks its frames");
        let mut len = usize::from(start[1] & 0x7f);
        assert!(len < 127, "no message of a client is so long");
        if len == 126 {
            let mut long = [0; 2];
            stream.read_exact(&mut long).unwrap();
            len = u16::from_be_bytes(long).into();
        }
        let (mut mask, mut payload) = ([0; 4], vec![0; len]);
        stream.read_exact(&mut mask).unwrap();
        stream.read_exact(&mut payload).unwrap();
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match start[0] {
            0x82 => plain.write_all(&payload).unwrap(),
            0x8a => {
                assert_eq!(payload, b"hi");
                pongs.fetch_add(1, Ordering::Relaxed);
            }
            0x88 => return drop(plain.shutdown(std::net::Shutdown::Write)),
            other => panic!("a frame of {other:#x}"),
        }
    }
}

fn record(url: &str, file: &Path, options: &[&str]) -> Output {
    let mut command = rtsp_rec();
    command.args(["record", url, "--idle-timeout", "5s", "-o"]).arg(file).args(options);
    command.output().expect("rtsp-rec can be run")
}

/// Some columns of the streams of a capture.
fn streams(file: &Path) -> String {
    let mut command = rtsp_rec();
    command.arg("analyze").arg(file).args(["--format", "json"]);
    let rows = String::from_utf8(command.output().expect("rtsp-rec can be run").stdout).unwrap();
    let columns = |row: &str| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        ["transport", "encoding", "packets", "payload_bytes", "lost", "sr_count"]
            .map(|name| row[name].to_string())
            .join(" ")
    };
    rows.lines().map(columns).collect::<Vec<_>>().join("\n")
}

fn upstream(replay: &Replay) -> SocketAddr {
    let authority = replay.url.strip_prefix("rtsp://").unwrap().split('/').next().unwrap();
    authority.parse().unwrap()
}

#[test]
fn a_web_socket_brings_what_tcp_brings() {
    let dir = tempfile::tempdir().unwrap();
    let [plain, framed] = ["plain.pcapng", "framed.pcapng"].map(|name| dir.path().join(name));
    let replay = Replay::start(&["--speed", "4"]);
    let recorded = record(&replay.url, &plain, &[]);
    assert!(recorded.status.success(), "{recorded:?}");
    // The URL names the replay's path; the relay is asked where ONVIF has it.
    let path = replay.url.rsplit_once('/').unwrap().1;
    let relay = Relay::start(upstream(&replay), "/rtsp-over-websocket", None);
    let recorded = record(&relay.url().replace("live", path), &framed, &["-t", "ws"]);
    assert!(recorded.status.success(), "{recorded:?}");
    assert_eq!(streams(&framed), streams(&plain));
    assert!(relay.pongs.load(Ordering::Relaxed) > 0, "pings are answered");
    let bytes = std::fs::read(&framed).unwrap();
    assert!(bytes.windows(14).any(|bytes| bytes == b"over WebSocket"), "the interface says how it came");
}

#[test]
fn other_paths_are_tried_and_logins_answered() {
    let dir = tempfile::tempdir().unwrap();
    let replay = Replay::start(&["--speed", "4"]);
    let path = replay.url.rsplit_once('/').unwrap().1;
    for (name, login) in [("/", None), ("/", Some("Basic dXNlcjpzZWNyZXQ="))] {
        let relay = Relay::start(upstream(&replay), name, login);
        let file = dir.path().join(format!("{}.pcapng", login.is_some()));
        let recorded = record(&relay.url().replace("live", path), &file, &["-t", "ws", "--max-packets", "20"]);
        assert!(recorded.status.success(), "{recorded:?}");
    }
    let relay = Relay::start(upstream(&replay), "/nowhere", None);
    let recorded = record(&relay.url(), &dir.path().join("none.pcapng"), &["-t", "ws"]);
    let stderr = String::from_utf8_lossy(&recorded.stderr).into_owned();
    assert_eq!(recorded.status.code(), Some(1));
    assert!(stderr.contains("404") && stderr.contains("does it speak RTSP over WebSocket"), "{stderr}");
    // Where there is none, another transport may do.
    let plain = record(&replay.url, &dir.path().join("plain.pcapng"), &["-t", "ws,tcp", "--max-packets", "20"]);
    assert!(plain.status.success(), "{plain:?}");
}

/// Answers the first `ClientHello` with an alert, and the second with what is given; what the recorder says.
fn refused(second: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsps://{}/live", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        // handshake_failure (RFC 5246, section 7.2.2)
        for answer in [&[21, 3, 3, 0, 2, 2, 40][..], second] {
            let mut stream = listener.accept().unwrap().0;
            let mut header = [0; 5];
            stream.read_exact(&mut header).unwrap();
            let mut hello = vec![0; u16::from_be_bytes([header[3], header[4]]).into()];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(answer).unwrap();
        }
    });
    let file = tempfile::tempdir().unwrap();
    let mut command = rtsp_rec();
    command.args(["record", &url, "--insecure", "-o"]).arg(file.path().join("none.pcapng"));
    let output = command.output().expect("rtsp-rec can be run");
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_server_with_old_suites_is_asked_what_it_takes() {
    // A ServerHello: TLS 1.2, 32 random bytes, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    const HELLO: [u8; 47] = {
        let mut hello = [0; 47];
        (hello[0], hello[1], hello[2], hello[4], hello[5], hello[8], hello[9], hello[10]) = (22, 3, 3, 42, 2, 38, 3, 3);
        hello[45] = 0x2f;
        hello
    };
    let said = refused(&HELLO);
    assert!(said.contains("the server would take TLS 1.2 with TLS_RSA_WITH_AES_128_CBC_SHA"), "{said}");
    assert!(said.contains("stunnel"), "{said}");
}

#[test]
fn a_server_that_takes_nothing_is_told_without_it() {
    let said = refused(&[21, 3, 3, 0, 2, 2, 40]);
    assert!(said.contains("HandshakeFailure") && !said.contains("would take"), "{said}");
}
