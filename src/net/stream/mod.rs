//! What a connection reads from and writes to: RTSP as it is, whatever carries it. TCP, TLS, a tunnel through HTTP, or
//! a tunnel over TLS.

mod channel;
mod http_opening;
mod inquiry;
mod outgoing;
mod progress;
mod secured;
mod tcp_state;
mod tunnel;
mod waiting;
mod web_socket;

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Registry, Token};

use channel::Channel;
use http_opening::Opener;
pub(super) use progress::Progress;
use tunnel::Tunnel;
use web_socket::WebSocket;

use crate::net::tls::Tls;
use crate::rtsp::tunnel::TunnelKind;
use crate::session::Via;
use crate::trace::{Encapsulation, TcpState};

/// After so long without a sign of life the system asks a client's host whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A stream of RTSP in both directions, which does not block.
#[derive(Debug)]
pub(super) enum RtspStream {
    /// One connection for both.
    Direct(Channel),
    /// Two, of HTTP.
    Tunnel(Box<Tunnel>),
    /// One, that began with HTTP.
    WebSocket(Box<WebSocket>),
}

impl RtspStream {
    /// Begins to connect.
    pub(super) fn connect(
        registry: &Registry,
        token: Token,
        address: SocketAddr,
        via: Via,
        tls: &Tls,
    ) -> io::Result<Self> {
        let server = via.tls.map(|name| tls.server(&name, address.ip())).transpose().map_err(io::Error::other)?;
        let Some(request) = via.tunnel else {
            return Channel::connect(registry, token, address, server.as_ref()).map(Self::Direct);
        };
        let opener = Opener { registry: registry.try_clone()?, token, address, tls: server };
        Ok(match request.kind {
            TunnelKind::GetAndPost => Self::Tunnel(Box::new(Tunnel::connect(opener, request)?)),
            TunnelKind::WebSocket => Self::WebSocket(Box::new(WebSocket::connect(&opener, &request)?)),
        })
    }

    /// A connection that was accepted.
    pub(super) fn accepted(registry: &Registry, token: Token, socket: TcpStream) -> io::Result<Self> {
        let channel = Channel::accepted(registry, token, socket)?;
        // A frame must not wait for the next one to fill a segment, and a client that vanished while its media go over
        // UDP shows by nothing else. Where these can't be had, it works too.
        let _ = channel.socket().set_nodelay(true);
        let _ = socket2::SockRef::from(channel.socket())
            .set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(KEEP_ALIVE));
        Ok(Self::Direct(channel))
    }

    /// Goes on with connecting; the buffer is for what the server says meanwhile.
    pub(super) fn progress(&mut self, buffer: &mut [u8]) -> io::Result<Progress> {
        match self {
            Self::Direct(channel) => Ok(if channel.progress()? { Progress::Stands } else { Progress::Pending }),
            Self::Tunnel(tunnel) => tunnel.progress(buffer),
            Self::WebSocket(socket) => socket.progress(buffer),
        }
    }

    /// The connection by which the stream is known: the one over which the server's side comes.
    fn channel(&self) -> &Channel {
        match self {
            Self::Direct(channel) => channel,
            Self::Tunnel(tunnel) => tunnel.get(),
            Self::WebSocket(socket) => socket.channel(),
        }
    }

    /// How long what is to be read has waited, at least; `None` where there is nothing, or where nobody knows.
    pub(super) fn oldest(&self) -> Option<Duration> {
        waiting::oldest(self.channel().socket())
    }

    /// What the system knows of the connection.
    pub(super) fn tcp_state(&self) -> Option<TcpState> {
        tcp_state::state_of(self.channel().socket())
    }

    /// Bytes that lie unread in the system.
    pub(super) fn unread(&self) -> u64 {
        waiting::unread(self.channel().socket())
    }

    /// The addresses of this side and of the other.
    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        let socket = self.channel().socket();
        Ok((socket.local_addr()?, socket.peer_addr()?))
    }

    /// What carries RTSP besides TCP, and why the server may not be the one that was meant.
    pub(super) fn carrier(&self) -> (String, Option<String>) {
        let (tls, doubt) = self.channel().describe().unwrap_or_default();
        let name = match self {
            Self::Direct(_) => return (tls, doubt),
            Self::Tunnel(_) => "HTTP",
            Self::WebSocket(_) => Encapsulation::WEB_SOCKET.name,
        };
        let over = if tls.is_empty() { String::new() } else { format!(" over {tls}") };
        (format!("{name}{over}"), doubt)
    }

    /// Reads once; `Ok(0)` at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Direct(channel) => channel.read(buffer),
            Self::Tunnel(tunnel) => tunnel.read(buffer),
            Self::WebSocket(socket) => socket.read(buffer),
        }
    }

    /// Writes once; what was taken goes out, if need be when it is [flushed](Self::flush).
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(channel) => channel.write(bytes),
            Self::Tunnel(tunnel) => tunnel.write(bytes),
            Self::WebSocket(socket) => socket.write(bytes),
        }
    }

    /// Sends what was taken before and waits. Errors show when it is read.
    pub(super) fn flush(&mut self) {
        let _ = match self {
            Self::Direct(channel) => channel.flush(),
            Self::Tunnel(tunnel) => tunnel.flush(),
            Self::WebSocket(socket) => socket.flush(),
        };
    }

    /// Says that the end comes, where there is a way to say it before it does.
    pub(super) fn close(&mut self) {
        match self {
            Self::Direct(channel) => channel.close(),
            Self::Tunnel(tunnel) => tunnel.close(),
            Self::WebSocket(socket) => socket.close(),
        }
    }

    /// This side has nothing more to send.
    pub(super) fn shut_down(&self) {
        // Where that fails the connection is gone, which shows when it is read.
        let _ = self.channel().socket().shutdown(Shutdown::Write);
    }

    /// Dropping it is a reset.
    pub(super) fn make_abrupt(&self) {
        let _ = socket2::SockRef::from(self.channel().socket()).set_linger(Some(Duration::ZERO));
    }
}
