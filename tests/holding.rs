//! A tap that can't take more: reading waits for it, nothing is lost, and a session that it has given up ends in good
//! order while the others go on.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rtsp_rec::net::{Clock, EventLoop};
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::session::{Client, ClientConfig, Ending, Input, Machine, Output};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Direction, Note, Payload, Readiness, Tap, TraceEvent};

const FRAMES: u16 = 20_000;

/// A server of one track: all frames at once, then BYE.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/x", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || dialogue(&stream.unwrap()));
        }
    });
    url
}

fn dialogue(stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let (mut method, mut cseq) = (String::new(), String::new());
    while let Some(line) = lines.next().transpose()? {
        if method.is_empty() {
            line.split(' ').next().unwrap().clone_into(&mut method);
        } else if let Some(number) = line.strip_prefix("CSeq: ") {
            number.clone_into(&mut cseq);
        } else if line.is_empty() {
            let (header, body) = match method.as_str() {
                "DESCRIBE" => ("", "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:a\r\n"),
                "SETUP" => ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
                _ => ("", ""),
            };
            let length = body.len();
            let head = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 7\r\n{header}Content-Length: {length}\r\n");
            write!(&mut &*stream, "{head}\r\n{body}")?;
            if method == "PLAY" {
                (&mut &*stream).write_all(&media())?;
            }
            method.clear();
        }
    }
    Ok(())
}

fn media() -> Vec<u8> {
    let mut bytes = Vec::new();
    for seq in 0..FRAMES {
        bytes.extend([b'$', 0, 2, 12, 0x80, 96]);
        bytes.extend(seq.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 1, 2, 3, 4]);
        bytes.extend([7; 512]);
    }
    bytes.extend([b'$', 1, 0, 8, 0x81, 203, 0, 1, 1, 2, 3, 4]);
    bytes
}

fn client(url: &str, clock: Clock) -> Client {
    let config = ClientConfig::new(url.parse().unwrap());
    Client::new(config, clock.now())
}

/// Takes nothing of session 0 from its first frame on, until the gate is opened.
struct Gate {
    shut: AtomicBool,
    was_asked: AtomicBool,
    /// Tells that it was asked.
    told: Sender<()>,
    /// What it says while it is shut.
    answer: Readiness,
}

struct Tapped {
    gate: Arc<Gate>,
    /// By session.
    frames: [usize; 2],
    pauses: usize,
    /// What was told of session 0, without repetition.
    order: Vec<&'static str>,
    /// Frames that were read although nothing was wanted.
    unwanted: usize,
}

impl Tapped {
    fn new(answer: Readiness) -> (Self, Receiver<()>) {
        let (told, asked) = channel();
        let gate = Arc::new(Gate { shut: AtomicBool::new(false), was_asked: AtomicBool::new(false), told, answer });
        (Self { gate, frames: [0; 2], pauses: 0, order: Vec::new(), unwanted: 0 }, asked)
    }
}

impl Tap for Tapped {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let told = match event.payload {
            Payload::Pdu(pdu) if matches!(pdu.kind, PduKind::Interleaved { .. }) => "media",
            Payload::Note(Note::Paused { .. }) => "pause",
            Payload::Closed(_) => "end",
            _ => "",
        };
        if event.flow.session == 0 && !told.is_empty() && self.order.last() != Some(&told) {
            self.order.push(told);
        }
        match event.payload {
            // Not the client's reports, of which a slow run has more.
            Payload::Pdu(pdu)
                if matches!(pdu.kind, PduKind::Interleaved { .. }) && event.direction == Direction::ServerToClient =>
            {
                let session = event.flow.session;
                self.frames[session] += 1;
                if session == 0 {
                    let held = self.gate.shut.load(Ordering::SeqCst) && self.gate.was_asked.load(Ordering::SeqCst);
                    self.unwanted += usize::from(held);
                    if self.frames[0] == 1 {
                        self.gate.shut.store(true, Ordering::SeqCst);
                    }
                }
            }
            Payload::Note(Note::Paused { .. }) => self.pauses += 1,
            _ => {}
        }
        Ok(())
    }

    fn readiness(&self, session: usize) -> Readiness {
        if session == 1 || !self.gate.shut.load(Ordering::SeqCst) {
            return Readiness::More;
        }
        self.gate.was_asked.store(true, Ordering::SeqCst);
        let _ = self.gate.told.send(());
        self.gate.answer
    }
}

const ALL: usize = FRAMES as usize + 1;

#[test]
fn what_waits_is_read_when_there_is_room() {
    let (mut tap, asked) = Tapped::new(Readiness::Wait);
    let clock = Clock::start();
    let mut event_loop = EventLoop::new(clock).unwrap();
    let url = serve();
    event_loop.add(client(&url, clock));
    event_loop.add(client(&url, clock));
    let (waker, gate) = (event_loop.waker(), Arc::clone(&tap.gate));
    let opener = thread::spawn(move || {
        asked.recv().unwrap();
        gate.shut.store(false, Ordering::SeqCst);
        waker.wake();
    });
    event_loop.run(&mut tap).unwrap();
    opener.join().unwrap();
    assert_eq!((tap.frames, tap.pauses, tap.unwanted), ([ALL, ALL], 1, 0));
    assert!(event_loop.machines().all(|client| matches!(client.outcome(), Some(Ok(Ending::EndOfStream)))));
}

#[test]
fn a_session_that_is_given_up_ends_alone() {
    let (mut tap, _asked) = Tapped::new(Readiness::Stop);
    let clock = Clock::start();
    let mut event_loop = EventLoop::new(clock).unwrap();
    let url = serve();
    event_loop.add(client(&url, clock));
    event_loop.add(client(&url, clock));
    event_loop.run(&mut tap).unwrap();
    assert_eq!(tap.frames[1], ALL);
    let endings: Vec<_> = event_loop.machines().map(|client| client.outcome().unwrap().as_ref().unwrap()).collect();
    assert_eq!(endings, [&Ending::Stopped, &Ending::EndOfStream]);
}

/// A client that leaves while it is not read, when the disk has room again or not.
struct Leaver {
    inner: Client,
    gate: Arc<Gate>,
    opens: bool,
    next: Timestamp,
    last: Vec<Output<'static>>,
    is_over: bool,
}

impl Machine for Leaver {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        self.next = now + Duration::from_millis(20);
        if matches!(input, Input::Unread) {
            self.is_over = true;
            self.last = vec![Output::Done, Output::Disconnect];
            self.gate.shut.store(!self.opens, Ordering::SeqCst);
        }
        if !self.is_over {
            self.inner.handle(now, input);
        }
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        if self.is_over { self.last.pop() } else { self.inner.poll_output(now) }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        Some(self.next)
    }

    fn is_over(&self) -> bool {
        self.is_over
    }

    fn url(&self) -> &str {
        self.inner.url()
    }
}

#[test]
fn a_session_that_ends_unread_says_so_first() {
    for (opens, order) in [(false, &["media", "pause", "end"][..]), (true, &["media", "pause", "media", "end"])] {
        let (mut tap, _asked) = Tapped::new(Readiness::Wait);
        let clock = Clock::start();
        let mut event_loop = EventLoop::new(clock).unwrap();
        let (inner, gate) = (client(&serve(), clock), Arc::clone(&tap.gate));
        event_loop.add(Leaver { inner, gate, opens, next: clock.now(), last: Vec::new(), is_over: false });
        event_loop.run(&mut tap).unwrap();
        assert_eq!(tap.order, order, "room again: {opens}");
    }
}
