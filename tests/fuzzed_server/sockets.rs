//! A recording by the program itself, of a server of chance on loopback.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rtsp_rec::capture::Source;
use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
use rtsp_rec::trace::{Direction, Payload, Tap, TraceEvent};

use crate::TRANSCRIPTS;
use crate::server::{Act, Server, What};

/// The program's timeouts, with reserve for a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

/// Runs a case: the program ends in time with 0 or 1, and what it has of each connection is what was sent over it, up to
/// where it stopped reading.
pub(crate) fn check(case: u64) {
    let mut rng = Rng::with_seed(case);
    let transcript = &TRANSCRIPTS[rng.usize(..TRANSCRIPTS.len())];
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url =
        transcript.url().replace(transcript.authority(), &listener.local_addr().expect("it is bound").to_string());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let served = thread::spawn(move || serve(&listener, Server::new(rng.fork(), transcript), &stopped));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("fuzz.pcapng");
    let child = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"))
        .args(["record", &url, "-q", "-d", "1", "--reconnect", "1", "--user", "user", "--keep-credentials"])
        .args(["--connect-timeout", "1", "--response-timeout", "300ms", "--idle-timeout", "500ms", "-o"])
        .arg(&file)
        .env("RTSP_REC_PASSWORD", "password")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rtsp-rec can be run");
    let code = wait(case, child);
    stop.store(true, Ordering::Release);
    let sent = served.join().expect("the server does not fail");
    assert!(matches!(code, Some(0 | 1)), "case {case}: exit code {code:?}");
    let mut captured = Captured::default();
    let end = Source::read(File::open(file).expect("a capture"), &mut captured).expect("the capture can be read");
    assert!(!end.cut, "case {case}: the capture is cut");
    assert!(captured.0.len() <= sent.len(), "case {case}: more connections than were served");
    for (number, (captured, sent)) in captured.0.iter().zip(&sent).enumerate() {
        assert!(sent.starts_with(captured), "case {case}: what connection {number} has was not sent so");
    }
}

fn wait(case: u64, mut child: Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            return status.code();
        }
        if started.elapsed() > LIMIT {
            child.kill().expect("a child to kill");
            child.wait().expect("a child to wait for");
            panic!("case {case}: the program hangs");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// What the server sent over each connection.
fn serve(listener: &TcpListener, mut server: Server<'_>, stop: &AtomicBool) -> Vec<Vec<u8>> {
    listener.set_nonblocking(true).expect("a listener can be made so");
    let mut sent = Vec::new();
    while !stop.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) => sent.push(talk(stream, &mut server, stop)),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
    sent
}

/// Answers until one side ends the connection.
fn talk(mut stream: TcpStream, server: &mut Server<'_>, stop: &AtomicBool) -> Vec<u8> {
    let (mut sent, mut due, mut requests) = (Vec::new(), Vec::<(Instant, What)>::new(), Demuxer::new());
    stream.set_nonblocking(false).expect("a stream can be made so");
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a time to wait");
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a time to wait");
    while !stop.load(Ordering::Acquire) {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => return sent,
            Ok(length) => hear(&mut requests, &buffer[..length], server, &mut due),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return sent,
        }
        while due.first().is_some_and(|(at, _)| *at <= Instant::now()) {
            match due.remove(0).1 {
                What::Send(bytes) => {
                    // Of what could not be sent as a whole some may have come.
                    sent.extend_from_slice(&bytes);
                    if stream.write_all(&bytes).is_err() {
                        return sent;
                    }
                }
                What::Close | What::Reset => return sent,
            }
        }
    }
    sent
}

/// Plans what the requests lead to, in a fifth of its time.
fn hear(requests: &mut Demuxer, bytes: &[u8], server: &mut Server<'_>, due: &mut Vec<(Instant, What)>) {
    let mut pdus = requests.feed(bytes);
    while let Some(pdu) = pdus.next_pdu() {
        let text = String::from_utf8_lossy(pdu.raw);
        if !matches!(pdu.kind, PduKind::Message { .. }) || text.starts_with("RTSP/") {
            continue;
        }
        let mut at = Instant::now();
        for Act { after, what } in server.asked(&text) {
            at += after / 5;
            due.push((at, what));
        }
    }
    due.sort_by_key(|(at, _)| *at);
}

/// What the server sent, as the capture has it.
#[derive(Default)]
struct Captured(Vec<Vec<u8>>);

impl Tap for Captured {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.0.resize_with(self.0.len().max(event.flow.id + 1), Vec::new);
        if let (Payload::Pdu(pdu), Direction::ServerToClient) = (event.payload, event.direction) {
            self.0[event.flow.id].extend_from_slice(pdu.raw);
        }
        Ok(())
    }
}
