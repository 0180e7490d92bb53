//! Where connections come in.

use std::net::SocketAddr;

use mio::net::TcpListener;

use crate::time::Timestamp;

/// A client that has just connected.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// Its address.
    pub client: SocketAddr,
    /// The address that it connected to.
    pub server: SocketAddr,
    /// How many came before it.
    pub number: u64,
    /// The time.
    pub now: Timestamp,
}

/// Accepts connections.
pub(super) struct Listener<M> {
    pub(super) socket: TcpListener,
    /// Makes the machine for a connection that was accepted.
    pub(super) factory: Box<dyn FnMut(Accepted) -> M>,
    pub(super) accepted: u64,
    /// How many connections are taken in all.
    pub(super) limit: u64,
    /// There was no file descriptor left for the next one.
    pub(super) starved: bool,
}
