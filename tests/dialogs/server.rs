//! A server that does what a transcript says, and notes what passes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::gate::Gate;
use crate::media::Media;
use crate::transcript::{End, Oddity, Transcript, body, header, path, word};

/// Between two rounds of media.
const PACE: Duration = Duration::from_millis(3);
/// Frames between two requests of the server's, or two stretches of garbage.
const FRAMES_BETWEEN: usize = 10;
/// Longer than any client may take to close.
const PATIENCE: Duration = Duration::from_secs(30);
/// Holds `$` with a channel in use, but no frame.
const GARBAGE: &[u8] = b"\x00\x17lost$\x00\x00\x20\x00 and found\xff";

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Log>>,
}

/// What passed over one connection.
#[derive(Default)]
pub(crate) struct Log {
    /// All bytes of the client's.
    pub(crate) received: Vec<u8>,
    /// Its messages.
    pub(crate) messages: Vec<String>,
    /// What the server sent.
    pub(crate) sent: Vec<Sent>,
    /// The client closed only after it had read so many of the bytes sent.
    pub(crate) due: usize,
}

/// Something that the server sent in one piece.
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Frame,
    Other,
}

impl Server {
    /// Starts to serve at a free port of `host`; `None` where there is no such address. In what it says, `places`
    /// replace the recorded server's and others.
    pub(crate) fn start(transcript: Arc<Transcript>, host: &str, places: &[(&str, String)]) -> Option<Self> {
        let listener = TcpListener::bind((host, 0)).ok()?;
        listener.set_nonblocking(true).expect("a listener can be made so");
        let address = listener.local_addr().expect("it is bound");
        // A place for this server itself, where others stand between, comes before its address.
        let mut replace: Vec<_> = places.iter().map(|(from, to)| ((*from).to_owned(), to.clone())).collect();
        replace.push((transcript.authority().to_owned(), address.to_string()));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let gate = Gate::of(&transcript);
        let role = Role { used: vec![false; transcript.exchanges.len()], transcript, replace, gate };
        let thread = thread::spawn(move || role.serve(&listener, &stopped));
        Some(Self { address, stop, thread })
    }

    /// What passed, connection by connection. The client must have ended.
    pub(crate) fn finish(self) -> Vec<Log> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the server does not fail")
    }
}

/// What the server knows beyond a connection.
struct Role {
    transcript: Arc<Transcript>,
    used: Vec<bool>,
    replace: Vec<(String, String)>,
    gate: Gate,
}

/// What to do about a request.
struct Turn {
    reply: Option<String>,
    frames_before: usize,
    close: bool,
}

impl Role {
    fn serve(mut self, listener: &TcpListener, stop: &AtomicBool) -> Vec<Log> {
        let mut logs = Vec::new();
        loop {
            match listener.accept() {
                Ok((stream, _)) => logs.push(Talk::new(stream, &mut self).run()),
                Err(_) if stop.load(Ordering::Acquire) => return logs,
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// The first exchange of the transcript that fits and was not used; else the last one.
    fn turn(&mut self, request: &str) -> Turn {
        let plain = |reply: String| Turn { reply: Some(reply), frames_before: 0, close: false };
        if self.transcript.wants.as_ref().is_some_and(|field| header(request, field).is_none()) {
            return plain(with_cseq("RTSP/1.0 400 Bad Request\r\nCSeq: 0\r\n\r\n", None, request));
        }
        if let Some(refusal) = self.gate.refuses(request) {
            return plain(with_cseq(&refusal, None, request));
        }
        let (method, url) = (word(request, 0), word(request, 1));
        let exchanges = &self.transcript.exchanges;
        let fits = |index: &usize| {
            let exchange = &exchanges[*index];
            exchange.method() == method && (method != "SETUP" || path(exchange.url()) == path(url))
        };
        let fitting: Vec<usize> = (0..exchanges.len()).filter(fits).collect();
        let fresh = fitting.iter().find(|index| !self.used[**index]);
        let Some(&index) = fresh.or(fitting.last()) else {
            return plain(with_cseq("RTSP/1.0 501 Not Implemented\r\nCSeq: 0\r\n\r\n", None, request));
        };
        self.used[index] = true;
        let exchange = &exchanges[index];
        let recorded = header(&exchange.request, "CSeq");
        let reply = exchange.reply.as_ref().map(|reply| with_cseq(&self.placed(reply), recorded, request));
        let turn = Turn { reply, frames_before: exchange.frames_before, close: exchange.close };
        turn.reply.iter().for_each(|reply| self.gate.sent(reply));
        turn
    }

    /// URLs lead to this server; the length of the body is what it is then.
    fn placed(&self, text: &str) -> String {
        let text = self.replace.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let Some(length) = header(&text, "Content-Length") else { return text };
        let fields = ["Content-Length: ", "Content-length: "];
        let length = |field: &&str| (format!("\n{field}{length}\r"), format!("\n{field}{}\r", body(&text).len()));
        fields.iter().map(length).fold(text.clone(), |text, (from, to)| text.replace(&from, &to))
    }
}

/// The sequence number of the request, where the reply had that of the recorded request (or of any, without one).
fn with_cseq(reply: &str, recorded: Option<&str>, request: &str) -> String {
    match (header(reply, "CSeq"), header(request, "CSeq")) {
        (Some(old), Some(new)) if recorded.is_none_or(|recorded| recorded == old) => {
            ["CSeq", "Cseq"].iter().fold(reply.to_owned(), |reply, name| {
                reply.replace(&format!("\n{name}: {old}\r"), &format!("\n{name}: {new}\r"))
            })
        }
        _ => reply.to_owned(),
    }
}

/// One connection.
struct Talk<'a> {
    stream: TcpStream,
    role: &'a mut Role,
    media: Media,
    log: Log,
    /// How far the client's messages have been taken.
    taken: usize,
    playing: bool,
    frames: usize,
    pushed: usize,
    torn_down: bool,
    open: bool,
}

impl<'a> Talk<'a> {
    fn new(stream: TcpStream, role: &'a mut Role) -> Self {
        stream.set_nonblocking(false).expect("a stream can be made so");
        stream.set_nodelay(true).expect("a stream can be made so");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time to wait");
        let media = Media::new(&role.transcript);
        let log = Log::default();
        Self { stream, role, media, log, taken: 0, playing: false, frames: 0, pushed: 0, torn_down: false, open: true }
    }

    /// Answers and sends until one side closes.
    fn run(mut self) -> Log {
        while self.open && self.receive() {
            while let Some(message) = self.next_message() {
                self.log.messages.push(message.clone());
                if !message.starts_with("RTSP/") {
                    self.answer(&message);
                }
            }
            if self.playing {
                self.send_round();
            }
        }
        if !self.torn_down {
            self.log.due = self.log.sent.iter().map(|sent| sent.bytes.len()).sum();
        }
        self.log
    }

    /// Reads what is there; whether the client may say more.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 4096];
        self.stream.set_read_timeout(Some(if self.playing { PACE } else { PATIENCE })).expect("a time to wait");
        match self.stream.read(&mut buffer) {
            Ok(length) => {
                self.log.received.extend_from_slice(&buffer[..length]);
                length > 0
            }
            Err(error) => self.playing && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// The client's messages have no body. Its receiver reports stand between them.
    fn next_message(&mut self) -> Option<String> {
        while let Some([b'$', _, a, b, ..]) = self.log.received.get(self.taken..) {
            let end = self.taken + 4 + usize::from(u16::from_be_bytes([*a, *b]));
            if end > self.log.received.len() {
                return None;
            }
            self.taken = end;
        }
        let rest = &self.log.received[self.taken..];
        let length = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        self.taken += length;
        Some(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn answer(&mut self, request: &str) {
        let method = word(request, 0);
        let turn = self.role.turn(request);
        self.torn_down |= method == "TEARDOWN";
        self.send_frames(turn.frames_before);
        if let Some(reply) = &turn.reply {
            self.send(reply.clone().into_bytes(), Kind::Message);
        }
        match method {
            "PLAY" => self.playing = turn.reply.is_some_and(|reply| word(&reply, 1) == "200"),
            "TEARDOWN" => {
                self.log.due = self.log.sent.iter().map(|sent| sent.bytes.len()).sum();
                self.after_teardown(turn.reply.is_some());
            }
            _ => {}
        }
        self.open &= !turn.close;
    }

    /// A server that does not answer goes on as before.
    fn after_teardown(&mut self, answered: bool) {
        if answered {
            self.playing = false;
            let late = self.role.transcript.late_frames;
            let byes = self.media.take_byes();
            let sent = byes.len().min(late);
            byes.into_iter().take(late).for_each(|bye| self.send(bye, Kind::Frame));
            self.send_frames(late - sent);
            self.open = !self.role.transcript.closes;
        }
    }

    /// One frame of each channel, and what else is due.
    fn send_round(&mut self) {
        self.send_frames(self.media.round());
        let due = self.frames / FRAMES_BETWEEN > self.pushed;
        let push = self.role.transcript.pushes.get(self.pushed).map(|(request, _)| request.clone());
        if let Some(request) = push.filter(|_| due) {
            self.pushed += 1;
            self.send(self.role.placed(&request).into_bytes(), Kind::Message);
        }
    }

    fn send_frames(&mut self, count: usize) {
        for _ in 0..count {
            match self.role.transcript.end {
                Some((limit, end)) if self.frames >= limit => return self.end(end),
                _ => self.send_frame(),
            }
        }
    }

    fn send_frame(&mut self) {
        let Some(frame) = self.media.next_frame() else { return };
        self.frames += 1;
        if self.role.transcript.garbage && self.frames.is_multiple_of(FRAMES_BETWEEN) {
            self.send(GARBAGE.to_vec(), Kind::Other);
        }
        if self.role.transcript.oddities.contains(&Oddity::EmptyLines) {
            self.send(b"\r\n".to_vec(), Kind::Other);
        }
        let cut =
            self.role.transcript.oddities.contains(&Oddity::CutFrames) && self.frames.is_multiple_of(FRAMES_BETWEEN);
        match frame.len().checked_sub(20).filter(|_| cut) {
            Some(kept) => self.send(frame[..kept].to_vec(), Kind::Other),
            None => self.send(frame, Kind::Frame),
        }
    }

    /// The media is over.
    fn end(&mut self, end: End) {
        if self.frames == usize::MAX {
            return;
        }
        self.frames = usize::MAX;
        match end {
            End::Bye => self.media.take_byes().into_iter().for_each(|bye| self.send(bye, Kind::Frame)),
            End::Half | End::HalfAndFin => {
                let frame = self.media.next_frame().unwrap_or_default();
                self.send(frame[..frame.len() / 2].to_vec(), Kind::Other);
            }
            End::Silence | End::Fin => {}
        }
        self.open = !matches!(end, End::Fin | End::HalfAndFin);
    }

    /// What can't be sent any more ends the connection.
    fn send(&mut self, bytes: Vec<u8>, kind: Kind) {
        if self.open && self.stream.write_all(&bytes).is_ok() {
            self.log.sent.push(Sent { bytes, kind });
        } else {
            self.open = false;
        }
    }
}
