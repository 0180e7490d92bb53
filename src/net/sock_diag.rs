//! What Linux knows of sockets: the system is asked by netlink, as `ss` asks it.

use std::cell::Cell;
use std::io;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::inet::{InetRequest, InetResponse};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};

/// An answer for one socket has a few hundred bytes.
const ANSWER: usize = 32 << 10;
/// Any socket with these addresses.
pub(super) const NO_COOKIE: [u8; 8] = [0xff; 8];
/// Messages begin at multiples of this.
const ALIGNMENT: usize = 4;

thread_local! {
    /// To open and close a socket costs more than to ask: each connection is asked for once a second.
    static KEPT: Cell<Option<Socket>> = const { Cell::new(None) };
}

/// Which sockets are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The one with these addresses.
    One,
    /// All that are like this one.
    All,
}

/// What `pick` takes of the first answer from which it takes something. The kernel answers while it takes the request, so
/// nothing is waited for.
pub(super) fn ask<T>(request: InetRequest, asked: Asked, mut pick: impl FnMut(InetResponse) -> Option<T>) -> Option<T> {
    let netlink = KEPT.take().map_or_else(open, Ok).ok()?;
    let picked = exchange(&netlink, request, asked, &mut pick);
    // Of a dump there may be more, and of what failed nobody knows: only one answer for one request leaves nothing behind.
    KEPT.set(Some(netlink).filter(|_| asked == Asked::One && picked.is_some()));
    picked
}

fn open() -> io::Result<Socket> {
    let netlink = Socket::new(NETLINK_SOCK_DIAG)?;
    netlink.set_non_blocking(true)?;
    netlink.connect(&SocketAddr::new(0, 0))?;
    Ok(netlink)
}

fn exchange<T>(
    netlink: &Socket,
    request: InetRequest,
    asked: Asked,
    pick: &mut impl FnMut(InetResponse) -> Option<T>,
) -> Option<T> {
    netlink.send(&encoded(request, asked), 0).ok()?;
    let mut buffer = vec![0; ANSWER];
    loop {
        let len = netlink.recv(&mut buffer.as_mut_slice(), 0).ok()?;
        let mut rest = buffer.get(..len)?;
        while !rest.is_empty() {
            let answer = NetlinkMessage::<SockDiagMessage>::deserialize(rest).ok()?;
            // The first message tells an error, or that this is all.
            let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) = answer.payload else {
                return None;
            };
            if let Some(picked) = pick(*response) {
                return Some(picked);
            }
            let len = usize::try_from(answer.header.length).ok()?.checked_next_multiple_of(ALIGNMENT)?;
            rest = rest.get(len.max(ALIGNMENT)..).unwrap_or_default();
        }
        if asked == Asked::One {
            return None;
        }
    }
}

fn encoded(request: InetRequest, asked: Asked) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = if asked == Asked::All { NLM_F_REQUEST | NLM_F_DUMP } else { NLM_F_REQUEST };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}
