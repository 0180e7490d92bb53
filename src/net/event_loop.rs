//! The event loop: one thread, any number of sessions, each a [`Machine`] with at most one connection.
//!
//! Behind each `read` the clock is looked at; every PDU that it completes carries that time. A PDU goes to the tap
//! before the machine sees it.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::SIGHUP;
use signal_hook_mio::v1_0::Signals;

use crate::net::clock::Clock;
use crate::net::deadlines::Deadlines;
use crate::net::fused::FusedTap;
use crate::net::listener::Listener;
use crate::net::media::MediaSockets;
use crate::net::peer::{Peer, PeerContext};
use crate::net::poll_timer::{self, PollTimer};
use crate::net::ports::Ports;
use crate::net::receiving::ReceiveRoom;
use crate::net::resolver::Resolver;
use crate::net::tls::{Tls, Trust};
use crate::net::waker::LoopWaker;
use crate::session::{Input, Machine};
use crate::time::Timestamp;
use crate::trace::{Direction, Payload, Tap, TraceEvent, UdpPath};

mod accepting;
mod flush;

pub use flush::{SettlingLimits, SettlingState};

/// Other threads: names were resolved, or the tap has changed its mind.
const THREADS: Token = Token(0);
const SIGNALS: Token = Token(1);
const LISTENER: Token = Token(2);
/// The tokens of UDP sockets, and how many there can be.
const FIRST_MEDIA: usize = 3;
const MAX_MEDIA: usize = 128;
/// The tokens of a peer: that of its connection is twice its place behind this, that of its datagrams the next one.
const FIRST_PEER: usize = FIRST_MEDIA + MAX_MEDIA;

/// One read takes at most so much, as one write of the recorder does: 256 KiB for both was the steadiest of the sizes tried.
const READ_SIZE: usize = 256 << 10;
/// The tap hears of the time at least this often.
const TICK: Duration = Duration::from_millis(200);
/// Clients that are served at once; further ones are turned away.
const MAX_CLIENTS: usize = 4096;

/// Runs machines until all of them are done.
pub struct EventLoop<M> {
    poll: Poll,
    clock: Clock,
    resolver: Resolver,
    waker: LoopWaker,
    signals: Option<Signals>,
    /// How often the user wanted an end.
    stops: usize,
    listener: Option<Listener<M>>,
    media: MediaSockets,
    tls: Tls,
    ports: Ports,
    /// Those that were accepted leave their place when they are done.
    peers: Vec<Option<Peer<M>>>,
    free: Vec<usize>,
    /// Peers that are not done.
    active: usize,
    next_session: usize,
    next_flow: usize,
    deadlines: Deadlines,
    /// Peers that may have something to do, each at most once.
    ready: VecDeque<usize>,
    buffer: Vec<u8>,
    room: ReceiveRoom,
    last_tick: Timestamp,
    alarm: PollTimer,
    /// Wake to a fraction of a millisecond.
    precise: bool,
}

impl<M: Machine> EventLoop<M> {
    /// A loop without machines.
    ///
    /// # Errors
    /// If the system gives no poll instance.
    pub fn new(clock: Clock) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), THREADS)?);
        let resolver = Resolver::new(Arc::clone(&waker));
        Ok(Self {
            poll,
            clock,
            resolver,
            waker: LoopWaker::new(waker),
            signals: None,
            stops: 0,
            listener: None,
            media: MediaSockets::default(),
            tls: Tls::default(),
            ports: Ports::default(),
            peers: Vec::new(),
            free: Vec::new(),
            active: 0,
            next_session: 0,
            next_flow: 0,
            deadlines: Deadlines::default(),
            ready: VecDeque::new(),
            buffer: vec![0; READ_SIZE],
            room: ReceiveRoom::default(),
            last_tick: clock.now(),
            alarm: PollTimer::default(),
            precise: false,
        })
    }

    /// These signals end all sessions in good order; the second one at once.
    ///
    /// # Errors
    /// If the handlers can't be installed.
    pub fn stop_on_signals(&mut self, signals: &[i32]) -> io::Result<()> {
        let mut signals = Signals::new(signals)?;
        self.poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// For a tap whose readiness changes in other threads: wakes the loop to look at it.
    pub fn waker(&self) -> LoopWaker {
        self.waker.clone()
    }

    /// Whom machines that ask for TLS may believe; without this nobody.
    pub fn trust(&mut self, trust: Trust) {
        self.tls = Tls::new(trust);
    }

    /// Wakes machines to a fraction of a millisecond, where the system's poll counts whole ones. Reading may wait for
    /// up to a millisecond then, when a deadline is near: not for those who record arrival times.
    pub fn be_precise(&mut self) {
        self.precise = true;
    }

    /// Clients get media in datagrams on these ports only, from the first to the last.
    pub fn use_ports(&mut self, (first, last): (u16, u16)) {
        self.ports = Ports::range(first, last);
    }

    /// Adds a machine that connects by itself.
    pub fn add(&mut self, machine: M) {
        self.insert(machine);
    }

    fn insert(&mut self, machine: M) -> usize {
        let index = self.free.pop().unwrap_or(self.peers.len());
        let first = FIRST_PEER + 2 * index;
        let peer = Peer::new(index, [Token(first), Token(first + 1)], self.next_session, machine);
        self.next_session += 1;
        self.active += 1;
        match self.peers.get_mut(index) {
            Some(place) => *place = Some(peer),
            None => self.peers.push(Some(peer)),
        }
        self.make_ready(index);
        index
    }

    /// Binds a pair of UDP ports for each track, from which machines may send. Gives the ports.
    ///
    /// # Errors
    /// If there are none.
    pub fn bind_media(&mut self, address: IpAddr, tracks: usize) -> io::Result<Vec<(u16, u16)>> {
        let tracks = tracks.min(MAX_MEDIA / 2);
        self.media = MediaSockets::bind(self.poll.registry(), address, tracks, FIRST_MEDIA)?;
        Ok(self.media.ports().to_vec())
    }

    /// The machines, in the order in which they were added.
    pub fn machines(&self) -> impl Iterator<Item = &M> {
        self.peers.iter().flatten().map(|peer| &peer.machine.machine)
    }

    /// Runs until every machine is done and every connection to accept was accepted.
    ///
    /// # Errors
    /// If the system fails to poll, or the tap failed: then all sessions were ended in good order first.
    pub fn run(&mut self, tap: &mut dyn Tap) -> io::Result<()> {
        self.run_more(tap, |_| None)
    }

    /// The same; whenever something has happened, `more` is asked for machines to add, until it has none.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_more(&mut self, tap: &mut dyn Tap, mut more: impl FnMut(&Self) -> Option<M>) -> io::Result<()> {
        let mut tap = FusedTap::new(tap);
        let mut events = Events::with_capacity(256);
        let mut stopping = false;
        loop {
            self.work(&mut tap);
            while let Some(machine) = more(self) {
                self.add(machine);
            }
            if self.listener.is_none() && self.active == 0 {
                return tap.into_result();
            }
            if tap.has_failed() && !std::mem::replace(&mut stopping, true) {
                self.stop_all(&mut tap);
            }
            match self.wait(&mut events) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.dispatch(event, &mut tap)?;
            }
        }
    }

    fn count_signals(&mut self) -> usize {
        let Some(signals) = &mut self.signals else { return 0 };
        // A shell sends SIGHUP besides the terminal, and systemd behind SIGTERM: that is nobody who is in a hurry.
        let (hung_up, wanted): (Vec<i32>, Vec<i32>) = signals.pending().partition(|signal| *signal == SIGHUP);
        let first = self.stops == 0 && wanted.is_empty() && !hung_up.is_empty();
        let count = wanted.len() + usize::from(first);
        self.stops += count;
        count
    }

    /// What is due, and a turn for each peer that may have something to do.
    fn work(&mut self, tap: &mut FusedTap<'_>) {
        let now = self.clock.now();
        self.alarm.woke(now);
        // All of them first: one that is due again at once has to stand in line.
        let due: Vec<usize> = std::iter::from_fn(|| self.deadlines.take_due(now)).collect();
        for index in due {
            self.handle(index, Input::Wake, tap);
        }
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else { break };
            let serve = |peer: &mut Peer<M>, turn: &mut PeerContext<'_, '_>| {
                peer.queued = false;
                peer.service(turn)
            };
            self.turn(index, tap, serve);
        }
        if now.duration_since(self.last_tick) >= TICK {
            self.last_tick = now;
            tap.tick(now);
            // Should the system have failed to wake the loop.
            self.heed_waker();
            self.accept_starved(tap);
        }
    }

    /// How long to sleep: to the first deadline or the next tick, and not at all while there is work.
    fn patience(&mut self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let tick = self.last_tick + TICK;
        let due = self.deadlines.next().map_or(tick, |deadline| deadline.min(tick));
        self.alarm.set(self.clock.now(), due)
    }

    /// Sleeps until something happens or is due.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let patience = self.patience();
        let patience = if self.precise { poll_timer::whole_millis(patience) } else { patience };
        log::trace!("{} sessions, waits {patience:?} at most", self.active);
        let result = self.poll.poll(events, Some(patience));
        log::trace!("woke with {} events", events.iter().count());
        result
    }

    fn dispatch(&mut self, event: &Event, tap: &mut FusedTap<'_>) -> io::Result<()> {
        match event.token() {
            THREADS => {
                self.resolved(tap);
                self.heed_waker();
            }
            SIGNALS => (0..self.count_signals()).for_each(|_| self.stop_all(tap)),
            LISTENER => self.accept(tap)?,
            Token(number) if number < FIRST_PEER => self.media_event(number - FIRST_MEDIA, event, tap),
            Token(number) => {
                let (index, datagrams) = ((number - FIRST_PEER) / 2, (number - FIRST_PEER) % 2 == 1);
                if let Some(Some(peer)) = self.peers.get_mut(index) {
                    peer.datagrams.is_ready |= datagrams;
                    peer.hung_up |= !datagrams && (event.is_error() || event.is_write_closed());
                }
                self.make_ready(index);
            }
        }
        Ok(())
    }

    /// A UDP socket has room again, or something came: reports of receivers.
    fn media_event(&mut self, socket: usize, event: &Event, tap: &mut FusedTap<'_>) {
        if event.is_writable() {
            let parked = |peer: &Option<Peer<M>>| peer.as_ref().is_some_and(Peer::is_parked);
            let waiting: Vec<usize> =
                (0..self.peers.len()).filter(|at| self.peers.get(*at).is_some_and(parked)).collect();
            for index in waiting {
                self.make_ready(index);
            }
        }
        let Some(((port, _), own)) = self.media.ports_of(socket) else { return };
        while let Some((len, from)) = self.media.receive(socket, &mut self.buffer) {
            let at = self.clock.now();
            let Some(flow) = self.peers.iter().flatten().find_map(|peer| peer.flow_of(from)) else { continue };
            let payload = self.buffer.get(..len).unwrap_or_default();
            let to = SocketAddr::new(flow.server.ip(), own);
            let payload = Payload::Datagram { path: UdpPath::of_server(port), from, to, payload, missing: 0 };
            let direction = Direction::ClientToServer;
            tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
        }
    }

    fn make_ready(&mut self, index: usize) {
        if let Some(Some(peer)) = self.peers.get_mut(index)
            && !std::mem::replace(&mut peer.queued, true)
        {
            self.ready.push_back(index);
        }
    }

    /// The tap's readiness has changed: everybody looks.
    fn heed_waker(&mut self) {
        if self.waker.was_called() {
            (0..self.peers.len()).for_each(|index| self.make_ready(index));
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

    fn handle(&mut self, index: usize, input: Input<'_>, tap: &mut FusedTap<'_>) {
        self.turn(index, tap, |peer, turn| peer.handle(input, turn));
    }

    /// Lends a peer what it needs for its turn; `act` tells whether it may have more to do at once.
    fn turn(
        &mut self,
        index: usize,
        tap: &mut FusedTap<'_>,
        act: impl FnOnce(&mut Peer<M>, &mut PeerContext<'_, '_>) -> bool,
    ) {
        let Self { poll, clock, resolver, media, tls, ports, peers, next_flow, buffer, room, alarm, .. } = self;
        let overslept = alarm.overslept();
        let Some(Some(peer)) = peers.get_mut(index) else { return };
        let was_done = peer.is_done();
        let registry = poll.registry();
        let mut turn =
            PeerContext { registry, clock, resolver, media, tls, overslept, ports, next_flow, buffer, room, tap };
        let more = act(peer, &mut turn);
        if !peer.is_done() {
            self.deadlines.set(index, peer.deadline(self.clock.now()));
            if more {
                self.make_ready(index);
            }
            return;
        }
        self.deadlines.set(index, None);
        if !was_done {
            self.active -= 1;
            if peer.was_accepted() {
                peers_leave(&mut self.peers, &mut self.free, index);
            }
        }
    }
}

/// The place of a client that is gone is another's.
fn peers_leave<M>(peers: &mut [Option<Peer<M>>], free: &mut Vec<usize>, index: usize) {
    if let Some(place) = peers.get_mut(index) {
        *place = None;
        free.push(index);
    }
}
