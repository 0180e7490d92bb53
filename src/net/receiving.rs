//! What the system tells of a datagram: when it came, and how many were lost before it for want of room.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;

/// A datagram that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) len: usize,
    pub(super) from: SocketAddr,
    /// When it came, in nanoseconds of the system's clock.
    pub(super) at: Option<i64>,
    /// How many the socket has lost so far, where that is known.
    pub(super) lost: Option<u32>,
}

/// The longest datagram.
const LONGEST: usize = 1 << 16;
/// How many are read at once.
const AT_ONCE: usize = 32;
/// Room for each, a little more than it takes: what lies a power of two apart has to share a processor's cache.
const SLOT: usize = LONGEST + 2112;

/// Room for datagrams that are read at once. Of its memory, only as much is taken as was ever written to.
#[derive(Debug, Default)]
pub(super) struct ReceiveRoom {
    bytes: Vec<u8>,
    received: Vec<Option<Received>>,
    headers: system::MessageHeaders,
}

impl ReceiveRoom {
    fn slots(&mut self) -> (&mut [u8], &mut Vec<Option<Received>>, &mut system::MessageHeaders) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; SLOT * AT_ONCE];
        }
        let Self { bytes, received, headers } = self;
        received.clear();
        (bytes, received, headers)
    }

    /// Reads the next datagram.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<(Received, &[u8])> {
        let (bytes, ..) = self.slots();
        let room = bytes.get_mut(..LONGEST).unwrap_or_default();
        let received = system::receive(socket, room)?;
        Ok((received, room.get(..received.len).unwrap_or_default()))
    }

    /// Reads datagrams that are there, as many as have room; there is at least one.
    pub(super) fn receive_more<'r>(
        &'r mut self,
        socket: &UdpSocket,
    ) -> io::Result<impl Iterator<Item = (Received, &'r [u8])> + use<'r>> {
        let (bytes, received, headers) = self.slots();
        system::receive_more(socket, bytes, headers, received)?;
        let slots = bytes.chunks(SLOT);
        // Where an address can't be read, the datagram is passed over.
        Ok(received.iter().zip(slots).filter_map(|(one, slot)| Some(((*one)?, slot.get(..(*one)?.len)?))))
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_UDP};
    use netlink_packet_sock_diag::inet::nlas::Nla;
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
    use nix::errno::Errno;
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, cmsg_space, recvmmsg, recvmsg,
        setsockopt, sockopt,
    };
    use nix::sys::time::TimeSpec;

    use super::{AT_ONCE, LONGEST, Received, SLOT, SocketAddr, UdpSocket, io};
    use crate::net::sock_diag::{self, Asked, NO_COOKIE};

    /// Two control messages: the time and the count.
    const CONTROL: usize = cmsg_space::<TimeSpec>() + cmsg_space::<u32>();

    /// Asks for the time of each datagram, the count of lost ones, and room for `buffer` bytes. What can't be had is
    /// done without.
    pub(in crate::net) fn prepare(socket: &UdpSocket, buffer: usize) {
        let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
        let _ = setsockopt(socket, sockopt::RxqOvfl, &1);
        // Beyond net.core.rmem_max, where the process may; else as far as that.
        if setsockopt(socket, sockopt::RcvBufForce, &buffer).is_err() {
            let _ = setsockopt(socket, sockopt::RcvBuf, &buffer);
        }
    }

    /// What `recvmmsg` fills in. Once it has, the lengths in it are those of what came, not those of the room.
    pub(super) type MessageHeaders = Option<MultiHeaders<SockaddrStorage>>;

    pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = [0; CONTROL];
        let mut slices = [IoSliceMut::new(buffer)];
        let message =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())
                .map_err(|errno: Errno| io::Error::from(errno))?;
        Ok(told(&message)?)
    }

    /// Reads as many as are there, one to a slot.
    pub(super) fn receive_more(
        socket: &UdpSocket,
        bytes: &mut [u8],
        headers: &mut MessageHeaders,
        received: &mut Vec<Option<Received>>,
    ) -> io::Result<()> {
        let room = || MultiHeaders::preallocate(AT_ONCE, Some(Vec::with_capacity(CONTROL)));
        let slots = bytes.chunks_mut(SLOT).filter_map(|slot| slot.get_mut(..LONGEST));
        let mut slices: Vec<_> = slots.map(|slot| [IoSliceMut::new(slot)]).collect();
        let used = headers.get_or_insert_with(room);
        let messages = recvmmsg(socket.as_raw_fd(), used, &mut slices, MsgFlags::empty(), None)
            .map_err(|errno: Errno| io::Error::from(errno))?;
        received.extend(messages.map(|message| told(&message).ok()));
        *headers = None;
        Ok(())
    }

    fn told(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Result<Received, io::ErrorKind> {
        let from = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
        let mut received = Received { len: message.bytes, from, at: None, lost: None };
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::ScmTimestampns(time) => {
                    received.at = i64::try_from(Duration::from(time).as_nanos()).ok();
                }
                ControlMessageOwned::RxqOvfl(count) => received.lost = Some(count),
                _ => {}
            }
        }
        Ok(received)
    }

    /// How many datagrams the socket has lost so far, also behind the last one that it holds.
    pub(in crate::net) fn lost(socket: &UdpSocket) -> Option<u32> {
        let (local, cookie) = (socket.local_addr().ok()?, socket2::SockRef::from(socket).cookie().ok()?);
        // Several programs may share a port: the cookie tells this socket from theirs.
        sock_diag::ask(all_at(local), Asked::All, |response| {
            let [low, high] = [&response.header.socket_id.cookie[..4], &response.header.socket_id.cookie[4..]]
                .map(|half| half.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes)));
            if (u64::from(high) << 32) | u64::from(low) != cookie {
                return None;
            }
            response.nlas.into_iter().find_map(|attribute| match attribute {
                Nla::MemInfo(memory) => Some(memory.drops),
                _ => None,
            })
        })
    }

    /// Asks for all UDP sockets on this port.
    fn all_at(local: SocketAddr) -> InetRequest {
        let any = if local.is_ipv4() { SocketId::new_v4() } else { SocketId::new_v6() };
        InetRequest {
            family: if local.is_ipv4() { AF_INET } else { AF_INET6 },
            protocol: IPPROTO_UDP,
            extensions: ExtensionFlags::SKMEMINFO,
            states: StateFlags::all(),
            socket_id: SocketId { source_port: local.port(), cookie: NO_COOKIE, ..any },
        }
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = storage.as_sockaddr_in().map(|address| SocketAddr::from(*address));
        v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Received, SocketAddr, UdpSocket, io};

    /// Asks for room for `buffer` bytes; less works too.
    pub(in crate::net) fn prepare(socket: &UdpSocket, buffer: usize) {
        let _ = socket2::SockRef::from(socket).set_recv_buffer_size(buffer);
    }

    /// Not told by the system.
    pub(in crate::net) fn lost(_: &UdpSocket) -> Option<u32> {
        None
    }

    pub(super) type MessageHeaders = ();

    pub(super) fn receive_more(
        socket: &UdpSocket,
        bytes: &mut [u8],
        (): &mut MessageHeaders,
        received: &mut Vec<Option<Received>>,
    ) -> io::Result<()> {
        received.push(Some(receive(socket, bytes)?));
        Ok(())
    }

    pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
        let (len, from): (usize, SocketAddr) = socket.recv_from(buffer)?;
        Ok(Received { len, from, at: None, lost: None })
    }
}

pub(super) use system::{lost, prepare};
