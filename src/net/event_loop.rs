//! The event loop: one thread, any number of sessions, each a [`Machine`] with at most one connection.
//!
//! Each `read` costs one look at the clock; every PDU that it completes carries that time. A PDU goes to the tap
//! before the machine sees it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use crate::net::clock::Clock;
use crate::net::fused::FusedTap;
use crate::net::peer::{Peer, Turn};
use crate::net::resolver::Resolver;
use crate::session::{Input, Machine};
use crate::time::Timestamp;
use crate::trace::Tap;

const RESOLVER: Token = Token(0);
const SIGNALS: Token = Token(1);
const LISTENER: Token = Token(2);
/// The token of a peer is its place behind this.
const FIRST_PEER: usize = 3;

/// One read takes at most so much.
const READ_SIZE: usize = 256 << 10;
/// The tap hears of the time at least this often.
const TICK: Duration = Duration::from_millis(200);

/// Runs machines until all of them are done.
pub struct EventLoop<M> {
    poll: Poll,
    clock: Clock,
    resolver: Resolver,
    signals: Option<Signals>,
    listener: Option<Listener<M>>,
    peers: Vec<Peer<M>>,
    next_flow: usize,
    /// Peers that may have something to do, each at most once.
    ready: VecDeque<usize>,
    buffer: Vec<u8>,
    last_tick: Timestamp,
}

struct Listener<M> {
    socket: TcpListener,
    /// Makes the machine for a connection that was accepted.
    factory: Box<dyn FnMut() -> M>,
    /// How many more connections are taken.
    remaining: usize,
}

impl<M: Machine> EventLoop<M> {
    /// A loop without machines.
    ///
    /// # Errors
    /// If the system gives no poll instance.
    pub fn new(clock: Clock) -> io::Result<Self> {
        let poll = Poll::new()?;
        let resolver = Resolver::new(Waker::new(poll.registry(), RESOLVER)?);
        Ok(Self {
            poll,
            clock,
            resolver,
            signals: None,
            listener: None,
            peers: Vec::new(),
            next_flow: 0,
            ready: VecDeque::new(),
            buffer: vec![0; READ_SIZE],
            last_tick: clock.now(),
        })
    }

    /// SIGINT and SIGTERM end all sessions in good order; the second one at once.
    ///
    /// # Errors
    /// If the handlers can't be installed.
    pub fn stop_on_signals(&mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        self.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// Adds a machine that connects by itself.
    pub fn add(&mut self, machine: M) {
        let index = self.peers.len();
        self.peers.push(Peer::new(index, Token(FIRST_PEER + index), machine));
        self.make_ready(index);
    }

    /// Accepts `count` connections and runs a machine for each. Gives the address listened on.
    ///
    /// # Errors
    /// If the address can't be listened on.
    pub fn listen(
        &mut self,
        address: SocketAddr,
        count: usize,
        factory: impl FnMut() -> M + 'static,
    ) -> io::Result<SocketAddr> {
        let mut socket = TcpListener::bind(address)?;
        self.poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
        let address = socket.local_addr()?;
        self.listener = Some(Listener { socket, factory: Box::new(factory), remaining: count });
        Ok(address)
    }

    /// The machines, in the order in which they came.
    pub fn machines(&self) -> impl Iterator<Item = &M> {
        self.peers.iter().map(|peer| &peer.machine)
    }

    /// Runs until every machine is done and every connection to accept was accepted.
    ///
    /// # Errors
    /// If the system fails to poll, or the tap failed: then all sessions were ended in good order first.
    pub fn run(&mut self, tap: &mut dyn Tap) -> io::Result<()> {
        let mut tap = FusedTap::new(tap);
        let mut events = Events::with_capacity(256);
        let mut stopping = false;
        loop {
            self.work(&mut tap);
            if self.listener.is_none() && self.peers.iter().all(Peer::is_done) {
                return tap.into_result();
            }
            if tap.has_failed() && !std::mem::replace(&mut stopping, true) {
                self.stop_all(&mut tap);
            }
            match self.poll.poll(&mut events, Some(self.patience())) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.dispatch(event.token(), &mut tap)?;
            }
        }
    }

    /// What is due, and a turn for each peer that may have something to do.
    fn work(&mut self, tap: &mut FusedTap<'_>) {
        let now = self.clock.now();
        for index in 0..self.peers.len() {
            let due = |peer: &Peer<M>| !peer.is_done() && peer.machine.next_deadline().is_some_and(|at| at <= now);
            if self.peers.get(index).is_some_and(due) {
                self.handle(index, Input::Wake, tap);
            }
        }
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else { break };
            let serve = |peer: &mut Peer<M>, turn: &mut Turn<'_, '_>| {
                peer.queued = false;
                peer.service(turn)
            };
            if self.with_peer(index, tap, serve) == Some(true) {
                self.make_ready(index);
            }
        }
        if now.duration_since(self.last_tick) >= TICK {
            self.last_tick = now;
            tap.tick(now);
        }
    }

    /// How long to sleep: to the first deadline or the next tick, and not at all while there is work.
    fn patience(&self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let active = self.peers.iter().filter(|peer| !peer.is_done());
        let deadline = active.filter_map(|peer| peer.machine.next_deadline()).min();
        let tick = self.last_tick + TICK;
        deadline.map_or(tick, |deadline| deadline.min(tick)).duration_since(self.clock.now())
    }

    fn dispatch(&mut self, token: Token, tap: &mut FusedTap<'_>) -> io::Result<()> {
        match token {
            RESOLVER => self.resolved(tap),
            SIGNALS => {
                let count = self.signals.as_mut().map_or(0, |signals| signals.pending().count());
                (0..count).for_each(|_| self.stop_all(tap));
            }
            LISTENER => self.accept(tap)?,
            Token(number) => self.make_ready(number.saturating_sub(FIRST_PEER)),
        }
        Ok(())
    }

    fn make_ready(&mut self, index: usize) {
        if let Some(peer) = self.peers.get_mut(index).filter(|peer| !peer.queued) {
            peer.queued = true;
            self.ready.push_back(index);
        }
    }

    fn stop_all(&mut self, tap: &mut FusedTap<'_>) {
        self.listener = None;
        (0..self.peers.len()).for_each(|index| self.handle(index, Input::Stop, tap));
    }

    fn resolved(&mut self, tap: &mut FusedTap<'_>) {
        while let Some((index, result)) = self.resolver.next_answer() {
            match result {
                Ok(addresses) => self.handle(index, Input::Resolved(&addresses), tap),
                Err(why) => self.handle(index, Input::ResolveFailed(&why), tap),
            }
        }
    }

    fn accept(&mut self, tap: &mut FusedTap<'_>) -> io::Result<()> {
        while let Some(listener) = &mut self.listener {
            let (stream, client) = match listener.socket.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A client that was gone before it was accepted is no reason to stop.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            let machine = (listener.factory)();
            listener.remaining = listener.remaining.saturating_sub(1);
            if listener.remaining == 0 {
                self.listener = None;
            }
            let index = self.peers.len();
            self.add(machine);
            self.with_peer(index, tap, |peer, turn| peer.accepted(stream, client, turn)).transpose()?;
        }
        Ok(())
    }

    fn handle(&mut self, index: usize, input: Input<'_>, tap: &mut FusedTap<'_>) {
        self.with_peer(index, tap, |peer, turn| peer.handle(input, turn));
    }

    /// Lends a peer what it needs for its turn.
    fn with_peer<T>(
        &mut self,
        index: usize,
        tap: &mut FusedTap<'_>,
        act: impl FnOnce(&mut Peer<M>, &mut Turn<'_, '_>) -> T,
    ) -> Option<T> {
        let Self { poll, clock, resolver, peers, next_flow, buffer, .. } = self;
        let mut turn = Turn { registry: poll.registry(), clock, resolver, next_flow, buffer, tap };
        Some(act(peers.get_mut(index)?, &mut turn))
    }
}
