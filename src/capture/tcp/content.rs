//! What a TCP connection carries: RTSP, the POST of an HTTP tunnel, or something else.

mod decision;
mod passing;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::capture::tcp::event_context::{EventContext, tell};
use crate::capture::tcp::layer::{Coding, Layer};
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::sessions::ConnectionSessions;
use crate::capture::tcp::sharing::{SharedConnection, claim_media, end_all, tell_shared};
use crate::capture::tcp::trial::Trial;
use crate::capture::tcp::tunnel::post::PostBody;
use crate::capture::tcp::tunnel::{TunnelKey, Tunnels};
use crate::rtsp::demux::CaptureGap;
use crate::rtsp::message::Message;
use crate::rtsp::tunnel::{self, Half};
use crate::rtsp::upgrade;
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Encapsulation, Flow, Payload, Tap};

/// What both directions of a connection share.
#[derive(Debug)]
pub(in crate::capture) struct Content {
    number: u64,
    pub(in crate::capture) client: SocketAddr,
    pub(in crate::capture) server: SocketAddr,
    /// URL and real server address, where the capture is one of ours; until it is known what it carries.
    described: Option<(String, SocketAddr)>,
    pub(in crate::capture) state: State,
    /// When its first packet was seen.
    pub(in crate::capture) started: Timestamp,
    /// Its beginning is not in the capture: no SYN was seen.
    mid_stream: bool,
    /// Of which sides a packet came.
    seen: [bool; 2],
    /// Missing bytes of each direction that may have been messages, before it was known what it carries.
    lacks: [Option<CaptureGap>; 2],
    /// How many bytes of each direction were acknowledged and have not come.
    awaited: [u64; 2],
    /// What was taken for the client's direction is the server's.
    turned: bool,
    /// What lies between TCP and RTSP in each direction, where anything does.
    layers: [Option<Layer>; 2],
    /// What the message just read says that follows it.
    announced: Option<Coding>,
    /// What lies between, in a word: a WebSocket that it became or asked for, chunks whose head the capture lacks.
    carrier: Encapsulation<'static>,
    /// Compressed messages were told of, in each direction.
    compressed: [bool; 2],
}

#[derive(Debug)]
pub(in crate::capture) enum State {
    /// Nothing has shown for certain what it speaks.
    Undecided(Box<Trial>),
    /// RTSP.
    Rtsp(Box<ConnectionSessions>),
    /// The GET of an HTTP tunnel: RTSP, whose sessions the tunnel at this place has.
    Get(usize),
    /// The POST of an HTTP tunnel, whose body has begun.
    Post(PostBody),
    /// Something else.
    Other,
}

impl Content {
    /// That of a new connection.
    pub(in crate::capture) fn new(
        number: u64,
        client: SocketAddr,
        server: SocketAddr,
        described: Option<(&str, SocketAddr)>,
        mid_stream: bool,
        started: Timestamp,
    ) -> Self {
        let described = described.map(|(url, server)| (url.to_owned(), server));
        Self {
            number,
            client,
            server,
            described,
            state: State::Undecided(Box::default()),
            started,
            mid_stream,
            seen: [false; 2],
            lacks: [None; 2],
            awaited: [0; 2],
            turned: false,
            layers: [None, None],
            announced: None,
            carrier: Encapsulation::default(),
            compressed: [false; 2],
        }
    }

    /// Who sends what comes in this direction.
    #[inline]
    pub(in crate::capture) fn sender(&self, direction: Direction) -> Direction {
        if self.turned { direction.reverse() } else { direction }
    }

    /// A packet of one side has come.
    #[inline]
    pub(in crate::capture) fn see(&mut self, direction: Direction) {
        if let Some(seen) = self.seen.get_mut(direction.index()) {
            *seen = true;
        }
    }

    /// The side of which alone there is anything, of a connection that begins in the capture.
    pub(in crate::capture) fn only_side(&self) -> Option<Direction> {
        self.seen_alone().filter(|_| !self.mid_stream)
    }

    fn seen_alone(&self) -> Option<Direction> {
        match self.seen {
            [true, false] => Some(Direction::ClientToServer),
            [false, true] => Some(Direction::ServerToClient),
            _ => None,
        }
    }

    /// Of a connection that stood before the capture it shows in the end alone that one side of it lacks.
    pub(in crate::capture) fn tell_only_side<T: Tap>(
        &self,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let side = self.seen_alone().filter(|_| self.mid_stream);
        side.map_or(Ok(()), |side| self.tell(side, arrival, Payload::OneDirection, context))
    }

    /// Bytes of memory for what waits to be told.
    pub(in crate::capture) fn held(&self) -> usize {
        if let State::Undecided(trial) = &self.state { trial.held() } else { 0 }
    }

    /// Another file begins.
    pub(in crate::capture) fn forget_numbers(&mut self) {
        if let State::Undecided(trial) = &mut self.state {
            trial.forget_numbers();
        }
    }

    /// An interface of ours tells that it is RTSP before its content does.
    #[inline]
    pub(in crate::capture) fn is_only_described(&self) -> bool {
        matches!(self.state, State::Undecided(_)) && self.described.is_some()
    }

    /// What a message tells about what the connection carries.
    fn message<T: Tap>(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if !message.is_http() {
            return Ok(());
        }
        self.announced = Coding::behind(direction, message);
        if let Some(Coding::WebSocket(_)) = self.announced {
            self.carrier = Encapsulation::WEB_SOCKET;
            let undecided = matches!(self.state, State::Undecided(_));
            return if undecided && upgrade::names_rtsp(message) {
                self.decide(None, arrival, context)
            } else {
                Ok(())
            };
        }
        if direction == Direction::ClientToServer
            && let Some((half, cookie)) = tunnel::half_of(message)
        {
            return self.tunnel_half(half, TunnelKey::new(self.client.ip(), &cookie), arrival, context);
        }
        if matches!(self.state, State::Undecided(_)) && tunnel::is_answer(message) {
            return self.decide(None, arrival, context);
        }
        Ok(())
    }

    /// It is one of the two connections of an HTTP tunnel.
    fn tunnel_half<T: Tap>(
        &mut self,
        half: Half,
        key: TunnelKey,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let known = context.tunnels.session(&key, half);
        match (half, &self.state) {
            (Half::Get, State::Undecided(_)) => {
                self.decide(known, arrival, context)?;
                self.opens_tunnel(key, context.tunnels);
                return if known.is_some() { self.tell_moved(arrival, context) } else { Ok(()) };
            }
            (Half::Get, State::Rtsp(_)) => self.opens_tunnel(key, context.tunnels),
            (Half::Get, State::Get(place)) => context.tunnels.open_again(key, *place),
            (Half::Post, State::Undecided(_)) => {
                self.shown(context);
                let Some(flow) = self.flow(known, arrival, context)? else { return Ok(()) };
                let Some(body) = PostBody::open(context.tunnels, key, Arc::clone(&flow)) else { return Ok(()) };
                self.becomes(State::Post(body));
                return if known.is_none() { self.tell_opened(&flow, arrival, context) } else { Ok(()) };
            }
            _ => {}
        }
        Ok(())
    }

    /// Its sessions are those of a tunnel from now on.
    fn opens_tunnel(&mut self, key: TunnelKey, tunnels: &mut Tunnels) {
        let only_side = self.only_side().map(|side| self.sender(side));
        match std::mem::replace(&mut self.state, State::Other) {
            State::Rtsp(sessions) => {
                self.state = tunnels.open_get(key, sessions, only_side).map_or_else(State::Rtsp, State::Get);
            }
            other => self.state = other,
        }
    }

    /// The sessions of a tunnel whose POST came before its GET are known by the GET's addresses from now on. Of the first one
    /// it was told.
    fn tell_moved<T: Tap>(&mut self, arrival: Arrival, context: &mut EventContext<'_, T>) -> io::Result<()> {
        let opened = Payload::Opened { started: self.started, carrier: Encapsulation::HTTP };
        self.on_sessions(context, |sessions, context| {
            let mut others = sessions.flows().skip(1);
            others.try_for_each(|flow| tell(flow, Direction::ClientToServer, arrival, opened, context.tap))
        })
    }

    fn shown<T: Tap>(&self, context: &mut EventContext<'_, T>) {
        if let Some(rewrite_map) = context.rewrite_map {
            rewrite_map.shown(self.number);
        }
    }

    /// It is known what it carries. Gives the state before.
    fn becomes(&mut self, state: State) -> State {
        self.described = None;
        std::mem::replace(&mut self.state, state)
    }

    /// What names the connection from now on. `None` where there are too many sessions.
    fn flow<T: Tap>(
        &self,
        known: Option<usize>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<Option<Arc<Flow>>> {
        let id = if known.is_some() { known } else { context.next_session(arrival)? };
        let (url, server) = self.described.clone().unwrap_or((String::new(), self.server));
        Ok(id.map(|id| Arc::new(Flow { id, session: id, url, client: self.client, server })))
    }

    fn tell_opened<T: Tap>(&self, flow: &Flow, arrival: Arrival, context: &mut EventContext<'_, T>) -> io::Result<()> {
        let opened = Payload::Opened { started: self.started, carrier: self.carrier };
        tell(flow, Direction::ClientToServer, arrival, opened, context.tap)?;
        if self.mid_stream {
            tell(flow, Direction::ClientToServer, arrival, Payload::BeginningMissing, context.tap)?;
        }
        for (direction, lacks) in [Direction::ClientToServer, Direction::ServerToClient].into_iter().zip(self.lacks) {
            if let Some(gap) = lacks {
                let sender = self.sender(direction);
                tell(flow, sender, arrival, Payload::MessagesMissing(gap), context.tap)?;
            }
        }
        Ok(())
    }

    /// Missing bytes may have been messages: media may come on ports that those named.
    #[cold]
    fn lacks_messages<T: Tap>(
        &mut self,
        direction: Direction,
        gap: CaptureGap,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        match &mut self.state {
            State::Undecided(_) => {
                if let Some(lacks) = self.lacks.get_mut(direction.index()) {
                    let before = lacks.map_or(0, |before| before.len);
                    *lacks = Some(CaptureGap { len: before.saturating_add(gap.len), ..gap });
                }
                Ok(())
            }
            State::Rtsp(sessions) => {
                let mut open = sessions.lack_messages().into_iter();
                open.try_for_each(|flow| claim_media(&flow, arrival, context))
            }
            State::Get(_) | State::Post(_) | State::Other => Ok(()),
        }
    }

    /// So many bytes of a direction were acknowledged and have not come.
    #[inline]
    pub(in crate::capture) fn await_bytes(&mut self, direction: Direction, awaited: u64) {
        if let Some(known) = self.awaited.get_mut(direction.index()) {
            *known = awaited;
        }
    }

    /// What comes now in one direction may answer bytes of this one that have not come.
    #[inline]
    pub(in crate::capture) fn lacks_awaited<T: Tap>(
        &mut self,
        direction: Direction,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let gap = CaptureGap::not_captured(self.awaited.get(direction.index()).copied().unwrap_or_default());
        if gap.len == 0 {
            return Ok(());
        }
        self.lacks_messages(direction, gap, arrival, context)?;
        self.tell(direction, arrival, Payload::MessagesMissing(gap), context)
    }

    /// A direction has ended.
    pub(in crate::capture) fn closed<T: Tap>(
        &mut self,
        direction: Direction,
        close: Close,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        self.on_sessions(context, |sessions, context| end_all(sessions, arrival, context))?;
        match &mut self.state {
            State::Undecided(trial) => trial.closed(direction, close, arrival),
            // A tunnel outlives its POSTs.
            State::Post(_) => {}
            _ => self.tell(direction, arrival, Payload::Closed(close), context)?,
        }
        Ok(())
    }

    /// Hands an event over, once it is known that this is RTSP.
    #[inline]
    pub(in crate::capture) fn tell<T: Tap>(
        &self,
        direction: Direction,
        arrival: Arrival,
        payload: Payload<'_>,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let sender = self.sender(direction);
        match &self.state {
            State::Rtsp(sessions) => tell_shared(sessions, sender, arrival, payload, context.tap),
            State::Get(place) => {
                let Some(tunnel) = context.tunnels.get(*place) else { return Ok(()) };
                tell_shared(&tunnel.sessions, sender, arrival, payload, context.tap)
            }
            State::Post(body) => tell(body.flow(), direction, arrival, payload, context.tap),
            State::Undecided(_) | State::Other => Ok(()),
        }
    }

    /// Its sessions, once it has shown RTSP as it stands.
    pub(in crate::capture) fn sessions<'a>(&'a self, tunnels: &'a Tunnels) -> Option<&'a ConnectionSessions> {
        match &self.state {
            State::Rtsp(sessions) => Some(sessions),
            State::Get(place) => tunnels.get(*place).map(|tunnel| &tunnel.sessions),
            State::Undecided(_) | State::Post(_) | State::Other => None,
        }
    }

    /// Does something with them that needs the context as well.
    fn on_sessions<T: Tap>(
        &mut self,
        context: &mut EventContext<'_, T>,
        act: impl FnOnce(&mut ConnectionSessions, &mut EventContext<'_, T>) -> io::Result<()>,
    ) -> io::Result<()> {
        match &mut self.state {
            State::Rtsp(sessions) => act(sessions, context),
            State::Get(place) => context.on_tunnel(*place, |tunnel, context| act(&mut tunnel.sessions, context)),
            State::Undecided(_) | State::Post(_) | State::Other => Ok(()),
        }
    }

    /// What is told of it when another session begins there.
    fn shared(&self) -> SharedConnection {
        let carrier = if matches!(self.state, State::Get(_)) { Encapsulation::HTTP } else { self.carrier };
        let only_side = self.only_side().map(|side| self.sender(side));
        SharedConnection { carrier, only_side, mid_stream: self.mid_stream }
    }
}
