//! TLS over a TCP connection that does not block.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::{ClientConnection, ProtocolVersion};

use super::progress::interrupted;
use crate::net::tls::{TlsServer, explain, is_refusal};

/// So much more than what one read brings may come out: a record that lay in the session, unfinished.
const RECORD: usize = 20 << 10;
/// A server that sends more than this without a byte for the client keeps it busy for nothing.
const MAX_FRUITLESS: usize = 1 << 20;
/// One write takes at most so much: a record.
const WRITE_SIZE: usize = 16 << 10;

/// The client's side of a TLS connection.
#[derive(Debug)]
pub(super) struct Secured {
    socket: TcpStream,
    session: ClientConnection,
    server: TlsServer,
    /// The server does not want TLS as it is spoken here.
    refused: bool,
    /// The server has said that it says no more.
    closed: bool,
    /// What is to be told once all that came before it was read.
    failure: Option<io::Error>,
}

impl Secured {
    /// TLS over a socket that connects.
    pub(super) fn new(socket: TcpStream, server: &TlsServer) -> io::Result<Self> {
        let session = server.begin().map_err(io::Error::other)?;
        Ok(Self { socket, session, server: server.clone(), refused: false, closed: false, failure: None })
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Goes on with the handshake of a socket that is connected, as far as that goes. Whether it is done.
    pub(super) fn shake_hands(&mut self) -> io::Result<bool> {
        loop {
            self.flush()?;
            if !self.session.is_handshaking() {
                return Ok(true);
            }
            match self.session.read_tls(&mut self.socket) {
                Ok(0) => {
                    let why = "the server closed the connection during the TLS handshake; does it speak TLS there?";
                    return Err(io::Error::other(why));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if interrupted(&error) => continue,
                Err(error) => return Err(error),
            }
            if let Err(error) = self.session.process_new_packets() {
                self.refused = is_refusal(&error);
                // The server may like to know why; it need not.
                let _ = self.flush();
                return Err(io::Error::other(explain(&error)));
            }
        }
    }

    /// Whether the handshake failed as both sides have nothing in common.
    pub(super) const fn is_refused(&self) -> bool {
        self.refused
    }

    /// Version and cipher, and what is wrong with the server's certificate if it was accepted all the same.
    pub(super) fn describe(&self) -> (String, Option<String>) {
        let version = match self.session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let suite = self.session.negotiated_cipher_suite();
        let suite = suite.and_then(|suite| suite.suite().as_str()).unwrap_or("unknown cipher");
        let certificates = self.session.peer_certificates().unwrap_or_default();
        (format!("{version} {suite}"), self.server.doubt(certificates))
    }

    /// What one read of the socket brought, decrypted into the front of the buffer. The back of it is for what is
    /// encrypted, so that a read may be large without a buffer for each connection.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let front = buffer.len() / 2 + RECORD;
        let Some((plain, cipher)) = buffer.split_at_mut_checked(front) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut fruitless = 0;
        loop {
            // What came with the handshake lies there already.
            let len = self.drain(plain);
            if len > 0 {
                return Ok(len);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.closed {
                return Ok(0);
            }
            if fruitless > MAX_FRUITLESS {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match self.socket.read(cipher)? {
                // Cameras do not care to announce the end.
                0 => return Ok(0),
                len => {
                    fruitless += len;
                    let len = self.decrypt(cipher.get(..len).unwrap_or_default(), plain);
                    if len > 0 {
                        return Ok(len);
                    }
                }
            }
        }
    }

    /// Decrypts what came, all of it. What is wrong with it is told after what was good.
    fn decrypt(&mut self, mut cipher: &[u8], plain: &mut [u8]) -> usize {
        let mut len = 0;
        while !cipher.is_empty() && !self.closed && self.failure.is_none() {
            let taken = self.session.read_tls(&mut cipher);
            let processed = self.session.process_new_packets();
            len += self.drain(plain.get_mut(len..).unwrap_or_default());
            match (taken, processed) {
                (Ok(1..), Ok(state)) => self.closed = state.peer_has_closed(),
                (_, Err(error)) => self.failure = Some(io::Error::other(explain(&error))),
                (Err(error), _) => self.failure = Some(error),
                (Ok(0), Ok(_)) => break,
            }
        }
        // Answers of the session's own, such as to a change of keys; what does not go now goes later.
        let _ = self.flush();
        len
    }

    /// Takes what is decrypted.
    fn drain(&mut self, plain: &mut [u8]) -> usize {
        let mut len = 0;
        while let Some(rest) = plain.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match self.session.reader().read(rest) {
                Ok(count @ 1..) => len += count,
                Ok(0) | Err(_) => break,
            }
        }
        len
    }

    /// Encrypts and sends. What was taken before has to be gone first, so nothing piles up here.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if self.session.wants_write() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = self.session.writer().write(bytes.get(..WRITE_SIZE).unwrap_or(bytes))?;
        // An error shows at the next write, or when it is read.
        let _ = self.flush();
        Ok(len)
    }

    /// Sends what is encrypted, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if interrupted(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Announces the end.
    pub(super) fn close(&mut self) {
        self.session.send_close_notify();
        let _ = self.flush();
    }
}
