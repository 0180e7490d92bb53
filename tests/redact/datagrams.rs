//! Datagrams beside a dialogue.

use etherparse::PacketBuilder;
use rtsp_rec::trace::Direction::{self, ClientToServer, ServerToClient};

use crate::wire::{START, Wire};

impl Wire {
    /// Sends a datagram from one of these ports of client and server to the other.
    pub(crate) fn datagram(&mut self, direction: Direction, [client, server]: [u16; 2], payload: &[u8]) {
        let (from, to, hosts) = match direction {
            ClientToServer => (client, server, ([10, 0, 0, 1], [10, 0, 0, 2])),
            ServerToClient => (server, client, ([10, 0, 0, 2], [10, 0, 0, 1])),
        };
        let ip = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(hosts.0, hosts.1, 64);
        let mut packet = Vec::new();
        ip.udp(from, to).write(&mut packet, payload).unwrap();
        self.packets.push((START + self.now * 1_000_000, packet));
    }
}
