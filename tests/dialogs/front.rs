//! What stands before a scripted server: TLS, the server's end of a tunnel through HTTP or of a WebSocket, or TLS and one of them.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::gate::Gate;
use crate::transcript::{header, word};
use crate::web_socket::{ClientFrames, accepted, frame};

/// What a tunnel is opened with.
const OPENED: &str = "HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";

/// What RTSP comes in.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Carrier {
    #[default]
    Nothing,
    /// A GET and its POST.
    HttpTunnel,
    WebSocket,
}

/// How a front behaves.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// It speaks TLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// At the end it does not say so in TLS.
    pub(crate) abrupt: bool,
    /// What it takes RTSP out of.
    pub(crate) carrier: Carrier,
    /// The server's bytes come in pieces of this size; as they are if 0.
    pub(crate) piece: usize,
    /// It answers this to every GET.
    pub(crate) refusal: Option<&'static str>,
    /// It answers this until the credentials are right, of GET and POST.
    pub(crate) challenge: Option<&'static str>,
    /// It closes a POST when something has come through it.
    pub(crate) short_posts: bool,
}

/// A running front.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    backend: Arc<OnceLock<SocketAddr>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Front {
    pub(crate) fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener can be made so");
        let address = listener.local_addr().expect("it is bound");
        let (backend, stop) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let mut work = Work {
            rules,
            backend: Arc::clone(&backend),
            links: Vec::new(),
            tunnels: HashMap::new(),
            heads: Vec::new(),
            gate: Gate::default(),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                work.accept(&listener);
                work.pump();
                thread::sleep(Duration::from_micros(200));
            }
            work.heads
        });
        Self { address, backend, stop, thread }
    }

    /// Where it leads.
    pub(crate) fn lead_to(&self, backend: SocketAddr) {
        self.backend.set(backend).expect("it is told once");
    }

    /// The heads of GETs and POSTs, in their order.
    pub(crate) fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the front does not fail")
    }
}

/// Both directions of a connection, or of TLS on it.
enum Near {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// A connection of the client's.
struct Link {
    near: Near,
    role: Role,
    open: bool,
}

enum Role {
    /// It says what it is.
    Head(Vec<u8>),
    /// Both sides pass, to here.
    Through(TcpStream),
    /// The server's side of the tunnel of this cookie.
    Get(String),
    /// The client's side.
    Post(String),
    /// Frames pass, what they carry goes to here.
    Socket(TcpStream, ClientFrames),
}

struct Work {
    rules: Rules,
    backend: Arc<OnceLock<SocketAddr>>,
    links: Vec<Link>,
    /// The connection behind each tunnel.
    tunnels: HashMap<String, TcpStream>,
    heads: Vec<String>,
    gate: Gate,
}

impl Work {
    fn accept(&mut self, listener: &TcpListener) {
        while let Ok((socket, _)) = listener.accept() {
            socket.set_nonblocking(true).expect("a stream can be made so");
            socket.set_nodelay(true).expect("a stream can be made so");
            let near = match &self.rules.tls {
                None => Near::Plain(socket),
                Some(config) => {
                    let session = ServerConnection::new(Arc::clone(config)).expect("a configuration that holds");
                    Near::Tls(Box::new(StreamOwned::new(session, socket)))
                }
            };
            let speaks_http = self.rules.carrier != Carrier::Nothing;
            let role = if speaks_http { Role::Head(Vec::new()) } else { Role::Through(self.connect()) };
            self.links.push(Link { near, role, open: true });
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.backend.get().expect("it leads somewhere")).expect("it is served there");
        stream.set_nonblocking(true).expect("a stream can be made so");
        stream
    }

    fn pump(&mut self) {
        for mut link in std::mem::take(&mut self.links) {
            self.serve(&mut link);
            if link.open {
                self.links.push(link);
            } else if !self.rules.abrupt {
                link.near.close();
            }
        }
    }

    fn serve(&mut self, link: &mut Link) {
        let came = take(&mut link.near);
        link.open = came.is_some();
        let came = came.unwrap_or_default();
        match &mut link.role {
            Role::Head(head) => {
                head.extend_from_slice(&came);
                let text = String::from_utf8_lossy(head).into_owned();
                if let Some(end) = text.find("\r\n\r\n") {
                    let rest = head.split_off(end + 4);
                    self.open(link, &text[..end + 4], &rest);
                }
            }
            Role::Through(far) => {
                push(far, &came);
                let back = take(far);
                link.near.send(back.as_deref().unwrap_or_default(), self.rules.piece);
                if !link.open {
                    let _ = far.shutdown(Shutdown::Both);
                }
                link.open &= back.is_some();
            }
            Role::Get(cookie) => {
                let far = self.tunnels.get_mut(cookie).expect("a GET comes first");
                let back = take(far);
                link.near.send(back.as_deref().unwrap_or_default(), self.rules.piece);
                if !link.open {
                    let _ = far.shutdown(Shutdown::Both);
                }
                link.open &= back.is_some();
            }
            Role::Post(cookie) => {
                let cookie = cookie.clone();
                self.posted(link, &cookie, &came);
            }
            Role::Socket(far, frames) => {
                push(far, &frames.take(&came));
                let back = take(far);
                let framed = back.as_deref().filter(|back| !back.is_empty()).map(frame);
                link.near.send(framed.as_deref().unwrap_or_default(), self.rules.piece);
                link.open &= back.is_some() && !frames.closed;
                if !link.open {
                    let _ = far.shutdown(Shutdown::Both);
                }
            }
        }
    }

    /// A client encodes message by message, and each arrives as a whole here.
    fn posted(&mut self, link: &mut Link, cookie: &str, text: &[u8]) {
        let Some(far) = self.tunnels.get_mut(cookie).filter(|_| !text.is_empty()) else { return };
        if self.rules.short_posts {
            link.open = false;
            link.near.close();
        }
        for message in text.split_inclusive(|byte| *byte == b'=').collect::<Vec<_>>().iter().map(|part| part.to_vec()) {
            // The second character of a padding stands alone.
            if message != b"=" {
                let padded = if message.len() % 4 == 3 { [message, b"=".to_vec()].concat() } else { message };
                push(far, &STANDARD.decode(&padded).expect("base64"));
            }
        }
    }

    /// A GET or POST has come.
    fn open(&mut self, link: &mut Link, head: &str, rest: &[u8]) {
        self.heads.push(head.to_owned());
        let cookie = || header(head, "x-sessioncookie").expect("a tunnel has a cookie").to_owned();
        let refusal = self.rules.refusal.map(str::to_owned).or_else(|| self.challenge(head));
        match (word(head, 0), refusal) {
            (_, Some(refusal)) => {
                self.gate.sent(&refusal);
                push(&mut link.near, refusal.as_bytes());
                link.open = false;
            }
            ("GET", None) if self.rules.carrier == Carrier::WebSocket => {
                push(&mut link.near, accepted(head).as_bytes());
                link.role = Role::Socket(self.connect(), ClientFrames::default());
            }
            ("GET", None) => {
                self.tunnels.insert(cookie(), self.connect());
                push(&mut link.near, OPENED.as_bytes());
                link.role = Role::Get(cookie());
            }
            (method, None) => {
                assert_eq!(method, "POST");
                link.role = Role::Post(cookie());
                self.posted(link, &cookie(), rest);
            }
        }
    }

    fn challenge(&self, head: &str) -> Option<String> {
        let first = self.rules.challenge.filter(|_| header(head, "Authorization").is_none());
        first.map(str::to_owned).or_else(|| self.gate.refuses(head))
    }
}

impl Near {
    fn send(&mut self, bytes: &[u8], piece: usize) {
        bytes.chunks(if piece == 0 { usize::MAX } else { piece }).for_each(|piece| push(self, piece));
    }

    /// Says so, and sends what is left.
    fn close(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        };
        let _ = socket.shutdown(Shutdown::Write);
    }
}

impl Read for Near {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Near {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// What is there, in one piece; `None` at the end.
fn take(from: &mut impl Read) -> Option<Vec<u8>> {
    let (mut taken, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Some(taken).filter(|taken| !taken.is_empty()),
            Ok(len) => taken.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(taken),
            Err(_) => return Some(taken).filter(|taken| !taken.is_empty()),
        }
    }
}

/// Writes it all; to a reader that is gone, nothing.
fn push(to: &mut impl Write, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(len) => rest = &rest[len..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
            Err(_) => return,
        }
    }
    while to.flush().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        thread::sleep(Duration::from_millis(1));
    }
}
