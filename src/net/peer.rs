//! One session of the event loop: a machine, and the connection through which it speaks.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Registry, Token};

use crate::net::clock::Clock;
use crate::net::connection::Connection;
use crate::net::fused::FusedTap;
use crate::net::resolver::Resolver;
use crate::session::{Input, Machine, Output};
use crate::trace::{Close, Direction, Flow};

/// After so many bytes read the others have their turn.
const READ_BUDGET: usize = 1 << 20;

/// A machine with its connection.
#[derive(Debug)]
pub(super) struct Peer<M> {
    /// Its place among all, which is also the number of its session.
    index: usize,
    token: Token,
    pub(super) machine: M,
    connection: Option<Connection>,
    done: bool,
    /// It stands in line for a turn.
    pub(super) queued: bool,
}

/// What the loop lends to a peer while it has its turn.
pub(super) struct Turn<'a, 't> {
    pub(super) registry: &'a Registry,
    pub(super) clock: &'a Clock,
    pub(super) resolver: &'a Resolver,
    /// Number of the next connection.
    pub(super) next_flow: &'a mut usize,
    /// Where reads go.
    pub(super) buffer: &'a mut [u8],
    pub(super) tap: &'a mut FusedTap<'t>,
}

impl<M: Machine> Peer<M> {
    /// A machine that has not said yet what it wants.
    pub(super) fn new(index: usize, token: Token, machine: M) -> Self {
        Self { index, token, machine, connection: None, done: false, queued: false }
    }

    /// Nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes over a connection that was accepted.
    pub(super) fn accepted(
        &mut self,
        stream: TcpStream,
        client: SocketAddr,
        turn: &mut Turn<'_, '_>,
    ) -> io::Result<()> {
        let now = turn.clock.now();
        let flow = self.flow(client, stream.local_addr()?);
        let own = Direction::ServerToClient;
        let mut connection = Connection::new(turn.registry, stream, self.token, flow, own, None)?;
        connection.opened(now, now, turn.next_flow, turn.tap);
        self.connection = Some(connection);
        Ok(())
    }

    /// A connection of this session; it gets its number when it stands.
    fn flow(&self, client: SocketAddr, server: SocketAddr) -> Flow {
        Flow { id: 0, session: self.index, url: self.machine.url().to_owned(), client, server }
    }

    /// Goes on with connecting, reading and writing as far as the socket lets it. Whether there may be more to read.
    pub(super) fn service(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        self.finish_connecting(turn);
        let more = self.receive(turn);
        self.pump(turn);
        more
    }

    /// Tells the machine what happened, and does what it wants then.
    pub(super) fn handle(&mut self, input: Input<'_>, turn: &mut Turn<'_, '_>) {
        if !self.done {
            self.machine.handle(turn.clock.now(), input);
            self.pump(turn);
        }
    }

    fn finish_connecting(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.clock.now();
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_connecting()) else { return };
        match connection.finish_connecting(now, turn.next_flow, turn.tap) {
            None => {}
            Some(Ok(())) => self.machine.handle(now, Input::Connected),
            Some(Err(error)) => {
                self.connection = None;
                self.machine.handle(now, Input::ConnectFailed(&explain(&error)));
            }
        }
    }

    /// Reads until nothing is left or others should have their turn. One look at the clock for each read.
    fn receive(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let mut budget = READ_BUDGET;
        while let Some(connection) = self.connection.as_mut().filter(|connection| !connection.is_connecting()) {
            match connection.read(turn.buffer) {
                None => return false,
                Some(Ok(len)) => {
                    let chunk = turn.buffer.get(..len).unwrap_or_default();
                    connection.received(turn.clock.now(), chunk, turn.tap, &mut self.machine);
                    budget = budget.saturating_sub(len);
                }
                Some(Err(close)) => self.closed_by_peer(close, turn),
            }
            if budget == 0 {
                return true;
            }
            self.pump(turn);
        }
        false
    }

    fn closed_by_peer(&mut self, close: Close, turn: &mut Turn<'_, '_>) {
        let Some(mut connection) = self.connection.take() else { return };
        let now = turn.clock.now();
        connection.ended(now, close, turn.tap, &mut self.machine);
        if close == Close::Fin {
            connection.close(now, turn.tap);
        }
        self.machine.handle(now, Input::Closed(close));
    }

    /// Does what the machine wants, as long as the socket keeps up.
    fn pump(&mut self, turn: &mut Turn<'_, '_>) {
        loop {
            let satisfied = self.obey(turn);
            let full = self.connection.as_mut().is_some_and(|connection| {
                connection.send(turn.clock.now(), turn.tap);
                !connection.has_room()
            });
            if satisfied || full {
                return;
            }
        }
    }

    /// Does what the machine wants until it wants nothing more, or too much waits to be sent: then `false`.
    fn obey(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let now = turn.clock.now();
        while self.machine.is_over() || self.connection.as_ref().is_none_or(Connection::has_room) {
            match self.machine.poll_output(now) {
                None => return true,
                Some(Output::Send(bytes)) => {
                    if let Some(connection) = &mut self.connection {
                        connection.queue(&bytes);
                    }
                }
                Some(Output::Resolve { host, port }) => turn.resolver.resolve(self.index, &host, port),
                Some(Output::Connect(address)) => self.connect(address, turn),
                Some(Output::Disconnect) => self.disconnect(turn),
                Some(Output::Done) => self.done = true,
            }
        }
        false
    }

    fn connect(&mut self, address: SocketAddr, turn: &mut Turn<'_, '_>) {
        self.disconnect(turn);
        let now = turn.clock.now();
        // The client's own address is known once the connection stands.
        let flow = self.flow(address, address);
        let connection = TcpStream::connect(address).and_then(|stream| {
            Connection::new(turn.registry, stream, self.token, flow, Direction::ClientToServer, Some(now))
        });
        match connection {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => self.machine.handle(now, Input::ConnectFailed(&explain(&error))),
        }
    }

    fn disconnect(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(mut connection) = self.connection.take() else { return };
        let now = turn.clock.now();
        connection.send(now, turn.tap);
        connection.close(now, turn.tap);
    }
}

/// The system's words for a failed connection, with what to try.
fn explain(error: &io::Error) -> String {
    /// EMFILE and ENFILE: the process, or the system, has no file descriptor left.
    const TOO_MANY_FILES: [i32; 2] = [24, 23];
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::ConnectionRefused, _) => {
            "connection refused; is the server running, and the port right?".into()
        }
        (_, Some(code)) if TOO_MANY_FILES.contains(&code) => {
            "no file descriptor left; raise the limit with ulimit -n, or record fewer sessions at once".into()
        }
        _ => error.to_string(),
    }
}
