//! What Linux knows of a TCP connection: the system is asked by netlink, as `ss -i` asks it. Elsewhere nobody is.

use mio::net::TcpStream;

use crate::trace::TcpState;

/// The state of a connection as it is now; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn state_of(socket: &TcpStream) -> Option<TcpState> {
    linux::state_of(socket)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn state_of(_: &TcpStream) -> Option<TcpState> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::SocketAddr;
    use std::time::Duration;

    use mio::net::TcpStream;
    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
    use netlink_packet_sock_diag::inet::nlas::Nla;
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

    use crate::net::sock_diag::{self, Asked, NO_COOKIE};
    use crate::trace::TcpState;

    /// Where the fields of `struct tcp_info` begin. Kernels add fields at its end: that of segments out of order since 5.4.
    const RTT: usize = 68;
    const RTT_DEVIATION: usize = 72;
    const RETRANSMITTED: usize = 100;
    const OUT_OF_ORDER: usize = 224;

    pub(super) fn state_of(socket: &TcpStream) -> Option<TcpState> {
        let info = ask(socket.local_addr().ok()?, socket.peer_addr().ok()?)?;
        let micros = |at| Some(Duration::from_micros(field(&info, at)?.into()));
        Some(TcpState {
            rtt: micros(RTT)?,
            rtt_deviation: micros(RTT_DEVIATION)?,
            retransmitted: field(&info, RETRANSMITTED)?.into(),
            out_of_order: field(&info, OUT_OF_ORDER).map(u64::from),
        })
    }

    fn field(info: &[u8], at: usize) -> Option<u32> {
        info.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
    }

    fn ask(local: SocketAddr, remote: SocketAddr) -> Option<Vec<u8>> {
        sock_diag::ask(request(local, remote), Asked::One, |response| {
            response.nlas.into_iter().find_map(|attribute| match attribute {
                Nla::TcpInfo(info) => Some(info),
                _ => None,
            })
        })
    }

    fn request(local: SocketAddr, remote: SocketAddr) -> InetRequest {
        let scope = match local {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(address) => address.scope_id(),
        };
        InetRequest {
            family: if local.is_ipv4() { AF_INET } else { AF_INET6 },
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::INFO,
            states: StateFlags::all(),
            socket_id: SocketId {
                source_port: local.port(),
                destination_port: remote.port(),
                source_address: local.ip(),
                destination_address: remote.ip(),
                interface_id: scope,
                cookie: NO_COOKIE,
            },
        }
    }

    #[cfg(test)]
    mod tests {
        use std::net::{TcpListener, TcpStream as Blocking};

        use super::*;

        #[test]
        fn a_connection_is_known_until_it_is_gone() {
            for host in ["127.0.0.1:0", "[::1]:0"] {
                let Ok(listener) = TcpListener::bind(host) else { continue };
                let socket = Blocking::connect(listener.local_addr().unwrap()).unwrap();
                let (client, server) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
                // Where the system does not tell at all, there is nothing to test.
                let Some(info) = ask(client, server) else { continue };
                assert_eq!((field(&info, RETRANSMITTED), field(&info, 1 << 20)), (Some(0), None));
                assert!(ask(client, SocketAddr::new(server.ip(), 1)).is_none(), "no such connection");
            }
        }
    }
}
