//! `rtsp-rec probe` as a user runs it, against `rtsp-rec replay` and against nobody, over loopback. No peers are needed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod served;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use rtsp_rec::capture::Source;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::trace::{Payload, Tap, TraceEvent};
use serde_json::Value;

use served::{Replay, rtsp_rec};

fn probe(url: &str, options: &[&str]) -> Output {
    let mut command = rtsp_rec();
    command.args(["probe", url, "--timeout", "8s"]).args(options).output().expect("rtsp-rec can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn json(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("an object")
}

/// What came of a transport at a port.
fn result<'a>(found: &'a Value, transport: &str, tls: bool, port: u16) -> &'a Value {
    let rows = found["transports"].as_array().expect("rows");
    let is_it = |row: &&Value| row["transport"] == transport && row["tls"] == tls && row["port"] == port;
    rows.iter().find(is_it).expect("a row")
}

#[test]
fn a_replayed_capture() {
    let server = Replay::start(&[]);
    let port = server.url.split(':').nth(2).unwrap().split('/').next().unwrap().parse().unwrap();
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let file = dir.path().join("probe.pcapng");
    let output = probe(&server.url, &["--format", "json", "-o", file.to_str().unwrap()]);
    let found = json(&output, 0);
    let of = |transport, tls| result(&found, transport, tls, port)["result"].as_str().unwrap();
    assert_eq!((of("tcp", false), of("udp", false)), ("works", "works"));
    assert_ne!((of("http", false), of("tcp", true)), ("works", "works"));
    assert_eq!(found["description"]["tracks"][0]["encoding"], "H264");
    assert_eq!(found["keep_alive"][0]["result"], "works");
    assert_eq!(found["record"], format!("rtsp-rec record {}", server.url));
    assert_eq!(found["server"]["name"], "GStreamer RTSP server");

    let mut sessions = Sessions::default();
    let end = Source::read(std::fs::File::open(&file).expect("there is a capture"), &mut sessions).expect("a capture");
    assert!(!end.cut);
    assert!(sessions.with_media.len() >= 2, "TCP and UDP: {sessions:?}");
    let table = probe(&server.url, &[]);
    assert_eq!(table.status.code(), Some(0), "{}", text(&table.stderr));
    assert!(text(&table.stdout).ends_with(&format!("\nTo record it: rtsp-rec record {}\n", server.url)));
    assert!(text(&table.stdout).lines().all(|line| line.chars().count() <= 100));
}

/// The connections of a capture, and those where media came.
#[derive(Debug, Default)]
struct Sessions {
    with_media: BTreeSet<usize>,
}

impl Tap for Sessions {
    fn event(&mut self, event: &TraceEvent<'_>) -> std::io::Result<()> {
        let is_frame = matches!(event.payload, Payload::Pdu(pdu) if matches!(pdu.kind, PduKind::Interleaved { .. }));
        if is_frame || matches!(event.payload, Payload::Datagram { .. }) {
            self.with_media.insert(event.flow.id);
        }
        Ok(())
    }
}

#[test]
fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let output = probe(&format!("rtsp://127.0.0.1:{port}/x"), &["--format", "json"]);
    let found = json(&output, 1);
    assert_eq!(found["record"], Value::Null);
    assert_eq!(result(&found, "tcp", false, port)["result"], "no-connection");
    assert_eq!(result(&found, "udp", false, port)["result"], "not-tried");
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("connection refused; is the server running"), "{said}");
    let table = text(&probe(&format!("rtsp://127.0.0.1:{port}/x"), &[]).stdout);
    assert!(!table.contains("login") && !table.contains("keep-alive"), "nobody was there to ask: {table}");
}

#[test]
fn a_server_of_another_kind_gets_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = thread::spawn(move || {
        // One for RTSP, one each for a tunnel and TLS.
        let mut heard = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).expect("it says something");
            heard.push(text(&buffer[..length]));
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .expect("a reader");
        }
        heard
    });
    let output = probe(&format!("rtsp://admin:secret@127.0.0.1:{port}/x"), &["--format", "json"]);
    let found = json(&output, 1);
    let heard = server.join().expect("it does not fail");
    assert!(heard.iter().all(|request| !request.contains("secret") && !request.contains("Authorization")), "{heard:?}");
    assert_eq!(found["transports"][0]["result"], "closed", "{}", found["transports"][0]);
    assert!(!text(&output.stdout).contains("secret") && !text(&output.stderr).contains("secret"));
}

#[test]
fn wrong_usage() {
    for arguments in [&["probe"][..], &["probe", "http://x/"], &["probe", "rtsp://x/", "--timeout", "soon"]] {
        let output = rtsp_rec().args(arguments).output().expect("rtsp-rec can be run");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
