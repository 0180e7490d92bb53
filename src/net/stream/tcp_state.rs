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
    use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
    use netlink_packet_sock_diag::inet::nlas::Nla;
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
    use netlink_sys::protocols::NETLINK_SOCK_DIAG;
    use netlink_sys::{Socket, SocketAddr as NetlinkAddress};

    use crate::trace::TcpState;

    /// An answer has a few hundred bytes.
    const ANSWER: usize = 16 << 10;
    /// Where the fields of `struct tcp_info` begin. Kernels add fields at its end: that of segments out of order since 5.4.
    const RTT: usize = 68;
    const RTT_DEVIATION: usize = 72;
    const RETRANSMITTED: usize = 100;
    const OUT_OF_ORDER: usize = 224;
    /// Any socket with these addresses.
    const NO_COOKIE: [u8; 8] = [0xff; 8];

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

    /// The kernel answers while it takes the request, so nothing is waited for.
    fn ask(local: SocketAddr, remote: SocketAddr) -> Option<Vec<u8>> {
        let netlink = Socket::new(NETLINK_SOCK_DIAG).ok()?;
        netlink.set_non_blocking(true).ok()?;
        netlink.connect(&NetlinkAddress::new(0, 0)).ok()?;
        netlink.send(&request(local, remote), 0).ok()?;
        let mut buffer = vec![0; ANSWER];
        let len = netlink.recv(&mut buffer.as_mut_slice(), 0).ok()?;
        let answer = NetlinkMessage::<SockDiagMessage>::deserialize(buffer.get(..len)?).ok()?;
        let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) = answer.payload else { return None };
        response.nlas.into_iter().find_map(|attribute| match attribute {
            Nla::TcpInfo(info) => Some(info),
            _ => None,
        })
    }

    fn request(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
        let scope = match local {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(address) => address.scope_id(),
        };
        let request = InetRequest {
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
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
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
