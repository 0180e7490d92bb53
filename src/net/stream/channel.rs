//! One connection, with or without TLS.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::secured::Secured;
use super::waiting;
use crate::net::tls::TlsServer;

/// A socket and what is spoken on it.
#[derive(Debug)]
pub(in crate::net) struct Channel {
    layer: Layer,
    /// The TCP connection stands.
    connected: bool,
}

#[derive(Debug)]
enum Layer {
    Tcp(TcpStream),
    Tls(Box<Secured>),
}

impl Channel {
    /// Begins to connect.
    pub(super) fn connect(
        registry: &Registry,
        token: Token,
        address: SocketAddr,
        tls: Option<&TlsServer>,
    ) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let layer = match tls {
            None => Layer::Tcp(socket),
            Some(server) => Layer::Tls(Box::new(Secured::new(socket, server)?)),
        };
        Ok(Self { layer, connected: false })
    }

    /// A connection that was accepted.
    pub(super) fn accepted(registry: &Registry, token: Token, mut socket: TcpStream) -> io::Result<Self> {
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { layer: Layer::Tcp(socket), connected: true })
    }

    /// Goes on with connecting. Whether bytes can pass.
    pub(super) fn progress(&mut self) -> io::Result<bool> {
        if !self.connected {
            let socket = self.socket();
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            match socket.peer_addr() {
                Ok(_) => self.connected = true,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error),
            }
            waiting::note_arrivals(self.socket());
            // A request must not wait for the next one to fill a segment. Where that can't be had, it works too.
            let _ = self.socket().set_nodelay(true);
        }
        match &mut self.layer {
            Layer::Tcp(_) => Ok(true),
            Layer::Tls(secured) => secured.shake_hands(),
        }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match &self.layer {
            Layer::Tcp(socket) => socket,
            Layer::Tls(secured) => secured.socket(),
        }
    }

    /// What TLS there is, and what is wrong with it.
    pub(super) fn describe(&self) -> Option<(String, Option<String>)> {
        match &self.layer {
            Layer::Tcp(_) => None,
            Layer::Tls(secured) => Some(secured.describe()),
        }
    }

    /// Reads once; `Ok(0)` at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Tcp(socket) => socket.read(buffer),
            Layer::Tls(secured) => secured.read(buffer),
        }
    }

    /// Writes once; what was taken goes out, if need be when it is [flushed](Self::flush).
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Tcp(socket) => socket.write(bytes),
            Layer::Tls(secured) => secured.write(bytes),
        }
    }

    /// Sends what was taken before and waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Tcp(_) => Ok(()),
            Layer::Tls(secured) => secured.flush(),
        }
    }

    /// Says that the end comes, where there is a way to say it before it does.
    pub(super) fn close(&mut self) {
        if let Layer::Tls(secured) = &mut self.layer {
            secured.close();
        }
    }
}
