//! Sockets that are members of a multicast group.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};

/// Joins a group on the interface that has the address `local`. The socket is bound to the group, so it gets nothing
/// but what is sent there; several programs of one host may do so.
pub(super) fn join(group: SocketAddr, local: SocketAddr, ttl: Option<u8>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    let ttl = u32::from(ttl.unwrap_or(1));
    match (group.ip(), local.ip()) {
        (IpAddr::V4(address), IpAddr::V4(local)) => {
            socket.bind(&group.into())?;
            socket.join_multicast_v4(&address, &local)?;
            send_to_v4(&socket, local, ttl)?;
        }
        (IpAddr::V6(address), IpAddr::V6(_)) => {
            let interface = interface_of(local);
            socket.set_only_v6(true)?;
            socket.bind(&group.into())?;
            socket.join_multicast_v6(&address, interface)?;
            socket.set_multicast_if_v6(interface)?;
            socket.set_multicast_hops_v6(ttl)?;
            socket.set_multicast_loop_v6(false)?;
        }
        _ => {
            let why = format!("the group {} and this side's {} are of different families", group.ip(), local.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
    }
    only_joined(&socket, group);
    Ok(UdpSocket::from_std(socket.into()))
}

/// Reports leave where the media comes in. They do not come back: this side knows what it sent.
fn send_to_v4(socket: &Socket, local: Ipv4Addr, ttl: u32) -> io::Result<()> {
    socket.set_multicast_if_v4(&local)?;
    socket.set_multicast_ttl_v4(ttl)?;
    socket.set_multicast_loop_v4(false)
}

/// Not what other programs have joined on other interfaces. Where that can't be told, it is only rarely wrong.
#[cfg(target_os = "linux")]
fn only_joined(socket: &Socket, group: SocketAddr) {
    let _ = if group.is_ipv4() { socket.set_multicast_all_v4(false) } else { socket.set_multicast_all_v6(false) };
}

#[cfg(not(target_os = "linux"))]
fn only_joined(_: &Socket, _: SocketAddr) {}

/// The number of the interface that has an address; 0, for the system to choose, where it is not found.
fn interface_of(local: SocketAddr) -> u32 {
    if let SocketAddr::V6(local) = local
        && local.scope_id() != 0
    {
        return local.scope_id();
    }
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return 0 };
    let has = |address: &nix::sys::socket::SockaddrStorage| {
        address.as_sockaddr_in6().is_some_and(|address| IpAddr::V6(address.ip()) == local.ip())
    };
    let mut owners = interfaces.filter(|interface| interface.address.as_ref().is_some_and(has));
    owners.find_map(|owner| nix::net::if_::if_nametoindex(owner.interface_name.as_str()).ok()).unwrap_or(0)
}
