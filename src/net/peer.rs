//! One session of the event loop: a machine, and the connection through which it speaks.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Registry, Token};

use crate::net::clock::Clock;
use crate::net::connection::Connection;
use crate::net::datagrams::Datagrams;
use crate::net::fused::FusedTap;
use crate::net::logged::LoggedMachine;
use crate::net::media::MediaSockets;
use crate::net::ports::Ports;
use crate::net::receiving::ReceiveRoom;
use crate::net::resolver::Resolver;
use crate::net::stream::{Progress, RtspStream};
use crate::net::tls::Tls;
use crate::rtsp::message::Message;
use crate::session::{Input, Machine, Output, Via};
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Flow};

mod backpressure;
mod datagrams;
mod shutdown;
mod state;

use state::{PeerShutdown, Reading};

/// After so many bytes read, or sent, the others have their turn: a millisecond at the full speed of one core.
const READ_BUDGET: usize = 1 << 20;
const WRITE_BUDGET: usize = 1 << 20;
/// How often a machine whose connection is full is tried again. Chosen, not measured.
const RETRY: Duration = Duration::from_millis(100);

/// A machine with its connection.
#[derive(Debug)]
pub(super) struct Peer<M> {
    /// Its place among all.
    index: usize,
    token: Token,
    /// That of the sockets for media that this side gets.
    datagram_token: Token,
    /// The number of its session.
    session: usize,
    pub(super) machine: LoggedMachine<M>,
    connection: Option<Connection>,
    origin: Origin,
    done: bool,
    /// The connection ends when everything is sent, at this time at the latest.
    leaving: Option<PeerShutdown>,
    /// A datagram that the socket had no room for.
    parked: Option<Datagram>,
    /// The sockets for media that this side gets.
    pub(super) datagrams: Datagrams,
    /// Where datagrams went: what comes from there is this client's.
    client_ports: Vec<u16>,
    /// Whether the tap takes what is read.
    reading: Reading,
    /// It stands in line for a turn.
    pub(super) queued: bool,
    /// The other side can't be written to any more: only reading tells how that came.
    pub(super) hung_up: bool,
}

/// How a machine came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// By the program.
    Added,
    /// For a connection that was accepted.
    Accepted,
}

#[derive(Debug)]
struct Datagram {
    track: usize,
    rtcp: bool,
    port: u16,
    payload: Vec<u8>,
}

/// What the loop lends to a peer while it has its turn.
pub(super) struct PeerContext<'a, 't> {
    pub(super) registry: &'a Registry,
    pub(super) clock: &'a Clock,
    pub(super) resolver: &'a Resolver,
    pub(super) media: &'a MediaSockets,
    pub(super) tls: &'a Tls,
    /// How much later than it wanted to the loop woke up.
    pub(super) overslept: Duration,
    /// Where a client's own sockets may be.
    pub(super) ports: &'a mut Ports,
    /// Number of the next connection.
    pub(super) next_flow: &'a mut usize,
    /// Where reads go.
    pub(super) buffer: &'a mut [u8],
    pub(super) room: &'a mut ReceiveRoom,
    pub(super) tap: &'a mut FusedTap<'t>,
}

/// Why a machine is not asked further.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// It wants nothing more.
    Satisfied,
    /// Too much waits to be sent.
    Full,
    /// Others have their turn.
    Spent,
}

impl<M: Machine> Peer<M> {
    /// A machine that has not said yet what it wants.
    pub(super) fn new(index: usize, [token, datagram_token]: [Token; 2], session: usize, machine: M) -> Self {
        Self {
            index,
            token,
            datagram_token,
            session,
            machine: LoggedMachine::new(machine, session),
            connection: None,
            origin: Origin::Added,
            done: false,
            leaving: None,
            parked: None,
            datagrams: Datagrams::default(),
            client_ports: Vec::new(),
            reading: Reading::Wanted,
            queued: false,
            hung_up: false,
        }
    }

    /// Nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.done && self.leaving.is_none()
    }

    /// Whether the connection was the other side's wish. It gives its place away when it is done.
    pub(super) fn was_accepted(&self) -> bool {
        self.origin == Origin::Accepted
    }

    /// Whether a datagram waits for room in a socket.
    pub(super) fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// When it has to be woken.
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let full = self.connection.as_ref().is_some_and(|connection| !connection.has_room());
        match self.leaving {
            Some(leaving) => Some(leaving.until),
            None if full || self.is_parked() => Some(now + RETRY),
            None => self.machine.next_deadline(),
        }
    }

    /// Takes over a connection that was accepted.
    pub(super) fn accepted(
        &mut self,
        stream: TcpStream,
        client: SocketAddr,
        turn: &mut PeerContext<'_, '_>,
    ) -> io::Result<()> {
        self.origin = Origin::Accepted;
        self.machine.serves_client();
        let now = turn.clock.now();
        let flow = self.flow(client, stream.local_addr()?);
        let own = Direction::ServerToClient;
        let stream = RtspStream::accepted(turn.registry, self.token, stream)?;
        let mut connection = Connection::new(stream, flow, own, None);
        connection.opened(now, now, turn.next_flow, turn.tap);
        self.connection = Some(connection);
        Ok(())
    }

    /// A connection of this session; it gets its number when it stands.
    fn flow(&self, client: SocketAddr, server: SocketAddr) -> Flow {
        Flow { id: 0, session: self.session, url: self.machine.url().to_owned(), client, server }
    }

    /// Whether a datagram from there is this client's; then its connection.
    pub(super) fn flow_of(&self, from: SocketAddr) -> Option<&Flow> {
        let flow = self.connection.as_ref()?.flow();
        (flow.client.ip() == from.ip() && self.client_ports.contains(&from.port())).then_some(flow)
    }

    /// Goes on with connecting, reading and writing as far as the socket lets it. Whether there may be more to do.
    pub(super) fn service(&mut self, turn: &mut PeerContext<'_, '_>) -> bool {
        self.finish_connecting(turn);
        // What the socket takes now makes room for answers to what is read.
        let spent = self.pump(turn);
        // What is read of the connection first tells what the datagrams are.
        let more = self.may_read(turn) && self.receive(turn);
        let more = self.may_read(turn) && self.receive_datagrams(turn) || more;
        let spent = self.pump(turn) || spent;
        more || spent
    }

    /// Tells the machine what happened, and does what it wants then. Whether there may be more to do.
    pub(super) fn handle(&mut self, input: Input<'_>, turn: &mut PeerContext<'_, '_>) -> bool {
        let now = turn.clock.now();
        match self.leaving {
            Some(leaving) => {
                // The user is impatient, or the client takes too long.
                if leaving.until <= now || (leaving.hurried && matches!(input, Input::Stop)) {
                    self.leave(turn);
                } else if matches!(input, Input::Stop) {
                    self.hurry(now);
                }
                false
            }
            None if self.done => false,
            None => {
                if self.reading.is_held() {
                    self.machine.handle(now, Input::Unread);
                }
                self.machine.handle(now, input);
                let more = self.pump(turn);
                if matches!(input, Input::Stop) {
                    self.hurry(now);
                }
                more
            }
        }
    }

    fn finish_connecting(&mut self, turn: &mut PeerContext<'_, '_>) {
        let now = turn.clock.now();
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_connecting()) else { return };
        match connection.finish_connecting(now, turn.buffer, turn.next_flow, turn.tap) {
            Ok(Progress::Pending) => {}
            Ok(Progress::Stands) => self.machine.handle(now, Input::Connected),
            Ok(Progress::Refused(head)) => {
                self.connection = None;
                self.machine.handle(now, Input::TunnelRefused(&Message::new(&head, &[])));
            }
            Err(error) => {
                self.connection = None;
                self.machine.handle(now, Input::ConnectFailed(&explain(&error)));
            }
        }
    }

    /// Reads until nothing is left or others should have their turn. A look at the clock before and behind each read.
    /// Who does not fetch its answers is not asked for more requests.
    fn receive(&mut self, turn: &mut PeerContext<'_, '_>) -> bool {
        let mut budget = READ_BUDGET;
        let hung_up = self.hung_up;
        let can_read = |connection: &&mut Connection| !connection.is_connecting() && (connection.has_room() || hung_up);
        while let Some(connection) = self.connection.as_mut().filter(can_read) {
            let before = turn.clock.now();
            let waited = connection.waited(before);
            match connection.read(turn.buffer) {
                None => {
                    connection.drained(before);
                    return false;
                }
                Some(Ok(len)) => {
                    let now = turn.clock.now();
                    connection.judge_reading(now, waited, turn.overslept, turn.tap);
                    let chunk = turn.buffer.get(..len).unwrap_or_default();
                    connection.received(now, chunk, turn.tap, &mut self.machine);
                    budget = budget.saturating_sub(len);
                }
                Some(Err(close)) => self.closed_by_peer(close, turn),
            }
            if budget == 0 {
                return true;
            }
            self.pump(turn);
            if !self.may_read(turn) {
                return false;
            }
        }
        false
    }

    fn closed_by_peer(&mut self, close: Close, turn: &mut PeerContext<'_, '_>) {
        // Behind the end of the connection there may be no packet to say it.
        self.tell_drops(turn);
        let Some(mut connection) = self.connection.take() else { return };
        let now = turn.clock.now();
        connection.ended(now, close, turn.tap, &mut self.machine);
        let said = self.leaving.take().is_some_and(|leaving| leaving.shut_down);
        if close == Close::Fin && !said {
            connection.close(now, turn.tap);
        }
        self.machine.handle(now, Input::Closed(close));
    }

    /// Does what the machine wants, as long as the socket keeps up. Whether others should have their turn first.
    fn pump(&mut self, turn: &mut PeerContext<'_, '_>) -> bool {
        let mut budget = WRITE_BUDGET;
        loop {
            if self.leaving.is_some() {
                self.drain(turn);
                return false;
            }
            let pause = self.obey(&mut budget, turn);
            if let Some(connection) = &mut self.connection {
                connection.send(turn.clock.now(), turn.tap);
            }
            let full =
                self.parked.is_some() || self.connection.as_ref().is_some_and(|connection| !connection.has_room());
            match pause {
                Pause::Spent => return true,
                Pause::Satisfied if self.leaving.is_none() => return false,
                Pause::Full if full => return false,
                Pause::Satisfied | Pause::Full => {}
            }
        }
    }

    /// Does what the machine wants until it wants nothing more, or too much waits to be sent.
    fn obey(&mut self, budget: &mut usize, turn: &mut PeerContext<'_, '_>) -> Pause {
        if let Some(Datagram { track, rtcp, port, payload }) = self.parked.take() {
            self.send_datagram(track, rtcp, port, &payload, turn);
        }
        while self.machine.is_over() || self.connection.as_ref().is_none_or(Connection::has_room) {
            if self.parked.is_some() {
                return Pause::Full;
            }
            if *budget == 0 {
                return Pause::Spent;
            }
            let now = turn.clock.now();
            match self.machine.poll_output(now) {
                None => return Pause::Satisfied,
                Some(Output::Send(bytes)) => {
                    *budget = budget.saturating_sub(bytes.len());
                    if let Some(connection) = &mut self.connection {
                        connection.submit(now, &bytes, turn.tap);
                    }
                }
                Some(Output::Datagram { track, rtcp, port, payload }) => {
                    *budget = budget.saturating_sub(payload.len());
                    let payload = payload.into_owned();
                    self.send_datagram(track, rtcp, port, &payload, turn);
                }
                Some(Output::OpenMedia { track }) => self.open_media(track, turn),
                Some(Output::TakeMedia(route)) => self.take_media(route, turn),
                Some(Output::CloseMedia { track }) => self.close_media(track, turn),
                Some(Output::Resolve { host, port }) => turn.resolver.resolve(self.index, &host, port),
                Some(Output::Connect { address, via }) => self.connect(address, via, turn),
                Some(Output::Disconnect) => self.disconnect(turn),
                Some(Output::Abort) => self.abort(turn),
                Some(Output::Done) => {
                    self.close_media(None, turn);
                    self.done = true;
                }
            }
        }
        Pause::Full
    }

    fn connect(&mut self, address: SocketAddr, via: Via, turn: &mut PeerContext<'_, '_>) {
        self.disconnect(turn);
        let now = turn.clock.now();
        // The client's own address is known once the connection stands.
        let flow = self.flow(address, address);
        match RtspStream::connect(turn.registry, self.token, address, via, turn.tls) {
            Ok(stream) => {
                self.connection = Some(Connection::new(stream, flow, Direction::ClientToServer, Some(now)));
            }
            Err(error) => self.machine.handle(now, Input::ConnectFailed(&explain(&error))),
        }
    }
}

/// The system's words for a failed connection, with what to try.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused; is the server running, and the port right?".into(),
        _ if is_out_of_files(error) => {
            "no file descriptor left; raise the limit with ulimit -n, or record fewer sessions at once".into()
        }
        _ => error.to_string(),
    }
}

/// EMFILE and ENFILE: the process, or the system, has no file descriptor left.
pub(super) fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23))
}
