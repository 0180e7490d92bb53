//! The UDP sockets from which a server sends: a pair of ports for each track, shared by all its clients.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use crate::net::ports::Ports;

/// Errors of earlier packets that are passed over in a row.
const ATTEMPTS: usize = 100;
/// A burst of frames of one capture time must not fill the socket.
const SEND_BUFFER: usize = 4 << 20;

/// Pairs of sockets, RTP on an even port and RTCP on the next (RFC 3550, section 11).
#[derive(Debug, Default)]
pub(super) struct MediaSockets {
    sockets: Vec<UdpSocket>,
    ports: Vec<(u16, u16)>,
}

impl MediaSockets {
    /// Binds and registers a pair for each track; their tokens count up from `first`.
    pub(super) fn bind(registry: &Registry, address: IpAddr, tracks: usize, first: usize) -> io::Result<Self> {
        let mut media = Self::default();
        for _ in 0..tracks {
            let (rtp, rtcp) = Ports::Any.bind_pair(SocketAddr::new(address, 0))?;
            // Less than this works too.
            let _ = socket2::SockRef::from(&rtp).set_send_buffer_size(SEND_BUFFER);
            media.ports.push((rtp.local_addr()?.port(), rtcp.local_addr()?.port()));
            media.sockets.extend([rtp, rtcp]);
        }
        for (number, socket) in media.sockets.iter_mut().enumerate() {
            registry.register(socket, Token(first + number), Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(media)
    }

    /// The RTP and RTCP ports of each track.
    pub(super) fn ports(&self) -> &[(u16, u16)] {
        &self.ports
    }

    /// The ports of the track that a socket belongs to, and its own.
    pub(super) fn ports_of(&self, socket: usize) -> Option<((u16, u16), u16)> {
        let pair = *self.ports.get(socket / 2)?;
        Some((pair, if socket.is_multiple_of(2) { pair.0 } else { pair.1 }))
    }

    /// Sends a packet. Gives whether the system took it; `None` where it has no room now.
    pub(super) fn send(&self, track: usize, rtcp: bool, to: SocketAddr, payload: &[u8]) -> Option<bool> {
        let socket = self.sockets.get(2 * track + usize::from(rtcp));
        match socket.map(|socket| socket.send_to(payload, to)) {
            Some(Ok(_)) => Some(true),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            // A client that is gone shows at its connection.
            Some(Err(_)) | None => Some(false),
        }
    }

    /// The next packet that came for a socket.
    pub(super) fn receive(&self, socket: usize, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let socket = self.sockets.get(socket)?;
        // An error here is that of an earlier packet (ICMP); the next one may be good.
        (0..ATTEMPTS).find_map(|_| match socket.recv_from(buffer) {
            Ok(received) => Some(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(None),
            Err(_) => None,
        })?
    }
}
