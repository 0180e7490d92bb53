//! IP packets that carry others.

use byteorder::{ByteOrder, NetworkEndian};

use crate::capture::encapsulation::{Header, NoIp, behind_ip, behind_udp, find_ip, is_port};
use crate::capture::ip::header::Body;
use crate::capture::ip::transport::UDP_HEADER;
use crate::capture::ip_protocol::{TCP, UDP};

/// How many packets may lie within each other.
pub(super) const MAX_TUNNELS: usize = 8;

/// Where in a body another IP packet begins. The headers before it are told to `visit`. What UDP carries is in doubt: the
/// length of the packet within has to fit, unless the body is the first fragment of something longer.
#[cold]
pub(super) fn enter(body: &Body<'_>, whole: bool, visit: &mut dyn FnMut(usize, Header)) -> Result<usize, NoIp> {
    let (header, at, missing) = match body.protocol {
        TCP => return Err(None),
        UDP => {
            let (head, payload) = body.bytes.split_first_chunk::<UDP_HEADER>().ok_or(None)?;
            let ports = [NetworkEndian::read_u16(&head[0..2]), NetworkEndian::read_u16(&head[2..4])];
            let missing = whole.then(|| usize::try_from(body.missing).unwrap_or(usize::MAX));
            (behind_udp(ports, payload).ok_or(None)?, UDP_HEADER, missing)
        }
        protocol => (behind_ip(protocol, body.bytes).ok_or(None)?, 0, None),
    };
    visit(at, header);
    find_ip(header.inside, body.bytes, at + header.len, missing, visit)
}

/// Whether a datagram between these ports may carry another packet.
#[inline]
pub(super) const fn may_carry(from: u16, to: u16) -> bool {
    is_port(to) || is_port(from)
}
