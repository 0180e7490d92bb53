//! One connection, with or without TLS.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::inquiry::TlsInquiry;
use super::secured::Secured;
use super::waiting;
use crate::net::tls::TlsServer;

/// A socket and what is spoken on it.
#[derive(Debug)]
pub(in crate::net) struct Channel {
    layer: Layer,
    /// The TCP connection stands.
    connected: bool,
    /// How to ask what the server would have taken, if it refuses TLS.
    asks: Option<Box<ConnectTarget>>,
}

/// Who connects, and where to.
#[derive(Debug)]
struct ConnectTarget {
    registry: Registry,
    token: Token,
    address: SocketAddr,
}

#[derive(Debug)]
enum Layer {
    Tcp(TcpStream),
    Tls(Box<Secured>),
    /// TLS was refused.
    Inquiry(Box<TlsInquiry>),
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
        let Some(server) = tls else { return Ok(Self { layer: Layer::Tcp(socket), connected: false, asks: None }) };
        let layer = Layer::Tls(Box::new(Secured::new(socket, server)?));
        let asks = Some(Box::new(ConnectTarget { registry: registry.try_clone()?, token, address }));
        Ok(Self { layer, connected: false, asks })
    }

    /// A connection that was accepted.
    pub(super) fn accepted(registry: &Registry, token: Token, mut socket: TcpStream) -> io::Result<Self> {
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { layer: Layer::Tcp(socket), connected: true, asks: None })
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
        let error = match &mut self.layer {
            Layer::Tcp(_) => return Ok(true),
            Layer::Inquiry(inquiry) => return inquiry.progress().map_or(Ok(false), |why| Err(io::Error::other(why))),
            Layer::Tls(secured) => match secured.shake_hands() {
                Ok(done) => {
                    if done {
                        self.asks = None;
                    }
                    return Ok(done);
                }
                Err(error) if !secured.is_refused() => return Err(error),
                Err(error) => error,
            },
        };
        // Once: the answer of the inquiry is the end.
        let Some(target) = self.asks.take() else { return Err(error) };
        let ConnectTarget { registry, token, address } = *target;
        let Ok(inquiry) = TlsInquiry::begin(&registry, token, address, error.to_string()) else { return Err(error) };
        self.layer = Layer::Inquiry(Box::new(inquiry));
        Ok(false)
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match &self.layer {
            Layer::Tcp(socket) => socket,
            Layer::Tls(secured) => secured.socket(),
            Layer::Inquiry(inquiry) => inquiry.socket(),
        }
    }

    /// What TLS there is, and what is wrong with it.
    pub(super) fn describe(&self) -> Option<(String, Option<String>)> {
        match &self.layer {
            Layer::Tcp(_) | Layer::Inquiry(_) => None,
            Layer::Tls(secured) => Some(secured.describe()),
        }
    }

    /// Reads once; `Ok(0)` at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Tcp(socket) => socket.read(buffer),
            Layer::Tls(secured) => secured.read(buffer),
            Layer::Inquiry(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes once; what was taken goes out, if need be when it is [flushed](Self::flush).
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Tcp(socket) => socket.write(bytes),
            Layer::Tls(secured) => secured.write(bytes),
            Layer::Inquiry(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Sends what was taken before and waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Tcp(_) | Layer::Inquiry(_) => Ok(()),
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
