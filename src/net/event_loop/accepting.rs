//! Connections that clients make.

use std::io;
use std::net::SocketAddr;

use mio::Interest;
use mio::net::TcpListener;

use crate::net::EventLoop;
use crate::net::event_loop::{LISTENER, MAX_CLIENTS};
use crate::net::fused::FusedTap;
use crate::net::listener::{Accepted, Listener};
use crate::net::peer::is_out_of_files;
use crate::session::Machine;

impl<M: Machine> EventLoop<M> {
    /// Accepts connections, at most `limit`, and runs a machine for each. Gives the address listened on.
    ///
    /// # Errors
    /// If the address can't be listened on.
    pub fn listen(
        &mut self,
        address: SocketAddr,
        limit: Option<u64>,
        factory: impl FnMut(Accepted) -> M + 'static,
    ) -> io::Result<SocketAddr> {
        let mut socket = TcpListener::bind(address)?;
        self.poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
        let address = socket.local_addr()?;
        let (factory, limit) = (Box::new(factory), limit.unwrap_or(u64::MAX));
        self.listener = Some(Listener { socket, factory, accepted: 0, limit, starved: false });
        Ok(address)
    }

    pub(super) fn accept(&mut self, tap: &mut FusedTap<'_>) -> io::Result<()> {
        while let Some(listener) = &mut self.listener {
            let (stream, client) = match listener.socket.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A client that was gone before it was accepted is no reason to stop.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) if is_out_of_files(&error) => {
                    listener.starved = true;
                    log::debug!("no file descriptor is left for the next client");
                    break;
                }
                Err(error) => return Err(error),
            };
            if self.active >= MAX_CLIENTS {
                continue;
            }
            // A client that is gone again has none.
            let Ok(server) = stream.local_addr() else { continue };
            let number = listener.accepted;
            let machine = (listener.factory)(Accepted { client, server, number, now: self.clock.now() });
            listener.accepted += 1;
            if listener.accepted >= listener.limit {
                self.listener = None;
            }
            log::debug!("connection {number} comes from {client}");
            let index = self.insert(machine);
            // A connection that is gone again shows when it is read.
            self.turn(index, tap, |peer, turn| peer.accepted(stream, client, turn).is_err());
        }
        Ok(())
    }

    /// Those who had to wait for a file descriptor: no event tells of them again.
    pub(super) fn accept_starved(&mut self, tap: &mut FusedTap<'_>) {
        if let Some(listener) = self.listener.as_mut().filter(|listener| listener.starved) {
            listener.starved = false;
            // It worked before.
            let _ = self.accept(tap);
        }
    }
}
