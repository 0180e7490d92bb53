//! One TCP connection of a capture: two directions, each put together and through a demuxer.

mod watched;

use std::io;
use std::net::SocketAddr;

use crate::capture::beginning::{First, is_near, reach};
use crate::capture::encapsulation::NetworkId;
use crate::capture::ip::TcpSegment;
use crate::capture::rewrite::StreamId;
use crate::capture::tcp::content::{Content, State};
use crate::capture::tcp::event_context::EventContext;
use crate::capture::tcp::reassembly::{Arrival, Assembler, Piece};
use crate::capture::tcp::timed_demuxer::{Step, TimedDemuxer};
use crate::capture::tcp::tunnel::Tunnels;
use crate::capture::tcp::watch::SegmentWatch;
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::{Close, Direction, Flow, Tap};

/// A SYN that comes again with the same number is the same one, captured elsewhere on its way or sent again, if it comes so
/// soon: clients begin a new connection with another number (RFC 6528).
const SYN_COPY_NS: i64 = NANOS_PER_SECOND;

/// A TCP connection.
#[derive(Debug)]
pub(in crate::capture) struct Connection {
    number: u64,
    streams: [ConnectionSide; 2],
    content: Content,
    /// Where it is of interest how it fares.
    watch: Option<Box<SegmentWatch>>,
    /// Bytes of memory for what waits.
    held: usize,
}

/// The SYN of a direction.
#[derive(Clone, Copy, Debug)]
struct SeenSyn {
    number: u32,
    at: Timestamp,
    hop_limit: u8,
}

/// One direction.
#[derive(Debug)]
struct ConnectionSide {
    assembler: Assembler,
    framed: TimedDemuxer,
    opened: Option<SeenSyn>,
    closed: Option<Close>,
}

impl Connection {
    /// A connection whose first packet has just come. `opening`: with its SYN.
    pub(in crate::capture) fn new(
        number: u64,
        client: SocketAddr,
        server: SocketAddr,
        described: Option<(&str, SocketAddr)>,
        opening: bool,
        arrival: Arrival,
    ) -> Self {
        let stream = || ConnectionSide::new(if opening { TimedDemuxer::new() } else { TimedDemuxer::mid_stream() });
        let content = Content::new(number, client, server, described, !opening, arrival.at);
        Self { number, streams: [stream(), stream()], content, watch: None, held: 0 }
    }

    /// Its segments are looked at: how it fares is told.
    pub(in crate::capture) fn watched(self) -> Self {
        Self { watch: Some(Box::default()), ..self }
    }

    pub(in crate::capture) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.content.client, self.content.server)
    }

    /// It has shown RTSP, be it through HTTP.
    pub(in crate::capture) fn is_rtsp(&self) -> bool {
        matches!(self.content.state, State::Rtsp(_) | State::Get(_) | State::Post(_))
    }

    /// Its numbers and addresses and who sends in this direction, once it has shown RTSP.
    pub(in crate::capture) fn flow<'a>(
        &'a self,
        direction: Direction,
        tunnels: &'a Tunnels,
    ) -> Option<(&'a Flow, Direction)> {
        let sender = self.content.sender(direction);
        Some((self.content.sessions(tunnels)?.flow(sender), sender))
    }

    /// Bytes of memory for what waits.
    #[inline]
    pub(in crate::capture) fn held(&self) -> usize {
        self.held
    }

    #[inline]
    fn count(&mut self) {
        let [one, other] = &self.streams;
        let watched = self.watch.as_ref().map_or(0, |watch| watch.held());
        self.held = one.held() + other.held() + self.content.held() + watched;
    }

    /// Whether a SYN in this direction is a repetition of the connection's own.
    pub(in crate::capture) fn is_repeated(&self, direction: Direction, syn: u32, at: Timestamp) -> bool {
        if matches!(self.content.state, State::Other) {
            return false;
        }
        self.streams.get(direction.index()).is_some_and(|stream| {
            let soon = |own: SeenSyn| own.number == syn && at.nanos_since(own.at) <= SYN_COPY_NS;
            stream.assembler.is_repeated(syn) || stream.closed.is_none() && stream.opened.is_some_and(soon)
        })
    }

    /// Whether a segment in a network where its ends were not seen can be of this connection, which was seen in this
    /// direction in another one. Two connections of the same ends have other numbers (RFC 6528).
    #[cold]
    pub(in crate::capture) fn fits(
        &self,
        direction: Direction,
        segment: &TcpSegment<'_>,
        network: Option<NetworkId>,
        at: Timestamp,
    ) -> bool {
        let Some(stream) = self.streams.get(direction.index()) else { return true };
        let ack = segment.is_answer().then_some(segment.ack);
        if segment.is_opening() && matches!(self.content.state, State::Other) {
            return false;
        }
        if let Some(own) = stream.opened.filter(|_| segment.is_opening()) {
            // What goes from one overlay to another has passed a router.
            let apart = network.is_some_and(|network| network.is_another_overlay(segment.network));
            return self.is_repeated(direction, segment.seq, at) && !(apart && own.hop_limit == segment.hop_limit);
        }
        let elapsed = at.nanos_since(self.content.started);
        let is_near = |direction: Direction, number: u32| {
            let front = self.streams.get(direction.index()).and_then(|stream| stream.assembler.front());
            front.is_none_or(|(front, received)| is_near(number, front, reach(received, elapsed, elapsed)))
        };
        is_near(direction, segment.seq) && ack.is_none_or(|ack| is_near(direction.reverse(), ack))
    }

    /// Another file begins.
    pub(in crate::capture) fn next_part(&mut self) {
        for ConnectionSide { assembler, framed, .. } in &mut self.streams {
            assembler.forget_numbers();
            framed.forget_numbers();
        }
        self.content.forget_numbers();
        if let Some(watch) = &mut self.watch {
            watch.forget_numbers();
        }
    }

    /// Whether a segment can be one of this connection, `pause` nanoseconds after the `latest` packet: its sequence
    /// number and what it acknowledges go on.
    pub(in crate::capture) fn goes_on(
        &self,
        direction: Direction,
        first: &First,
        pause: i64,
        latest: Timestamp,
    ) -> bool {
        let elapsed = latest.nanos_since(self.content.started);
        let fits = |direction: Direction, number: u32| {
            let (front, received) = self.streams.get(direction.index())?.assembler.front()?;
            Some(is_near(number, front, reach(received, pause, elapsed)))
        };
        let sent = fits(direction, first.seq);
        let acknowledged = first.ack.and_then(|ack| fits(direction.reverse(), ack));
        let known = sent.is_some() || acknowledged.is_some();
        known && sent != Some(false) && acknowledged != Some(false) && !matches!(self.content.state, State::Other)
    }

    /// Takes a segment.
    pub(in crate::capture) fn segment<T: Tap>(
        &mut self,
        direction: Direction,
        segment: &TcpSegment<'_>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if matches!(self.content.state, State::Other) {
            return Ok(());
        }
        if self.watch.is_some() {
            self.watch_segment(direction, segment, arrival, context)?;
        }
        self.acknowledged(direction, segment, arrival);
        let Self { streams, content, .. } = self;
        let Some(stream) = streams.get_mut(direction.index()) else { return Ok(()) };
        content.see(direction);
        if segment.is_opening() {
            if stream.assembler.begin(segment.seq) {
                let TcpSegment { seq: number, hop_limit, .. } = *segment;
                stream.opened = Some(SeenSyn { number, at: arrival.at, hop_limit });
            }
        } else if content.is_only_described() {
            content.decide(None, arrival, context)?;
        }
        let first = segment.seq.wrapping_add(u32::from(segment.is_opening()));
        let ConnectionSide { assembler, framed, .. } = stream;
        if let Some(rewrite_map) = context.rewrite_map {
            rewrite_map.segment(StreamId::Tcp(self.number, direction), assembler.place(first), segment.header);
        }
        let mut each = |piece: Piece<'_>, arrival: Arrival| content.piece(framed, direction, piece, arrival, context);
        assembler.segment(first, segment.payload, segment.missing, arrival, &mut each)?;
        let length = u32::try_from(segment.payload.len()).unwrap_or(0).wrapping_add(segment.missing);
        if length == 0 && !segment.is_opening() {
            assembler.was_sent(first, arrival);
        }
        if segment.is_final() {
            assembler.end(first.wrapping_add(length));
        }
        let close = if segment.is_reset() { Some(Close::Reset) } else { assembler.is_over().then_some(Close::Fin) };
        if let Some(close) = close {
            self.close(direction, close, arrival, context)?;
        }
        if matches!(self.content.state, State::Other) {
            self.streams = [(); 2].map(|()| ConnectionSide::new(TimedDemuxer::new()));
            self.watch = None;
        }
        self.count();
        Ok(())
    }

    /// What a segment says of the other direction.
    #[inline]
    fn acknowledged(&mut self, direction: Direction, segment: &TcpSegment<'_>, arrival: Arrival) {
        let Some(other) = self.streams.get_mut(direction.reverse().index()) else { return };
        if segment.is_answer() {
            let lacks = other.assembler.acknowledged(segment.ack, arrival);
            self.content.await_bytes(direction.reverse(), lacks);
        }
    }

    /// Before a close: tell what the other side sent and the capture lacks. If that side had ended, close it first.
    #[cold]
    fn close<T: Tap>(
        &mut self,
        direction: Direction,
        close: Close,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let Self { streams: [client, server], content, .. } = self;
        let (own, other) = if direction == Direction::ClientToServer { (client, server) } else { (server, client) };
        if other.assembler.ends_in_hole() {
            other.close(direction.reverse(), Close::Fin, arrival, content, context)?;
        }
        content.lacks_awaited(direction.reverse(), arrival, context)?;
        own.close(direction, close, arrival, content, context)
    }

    /// Decides whether it speaks RTSP by what there is.
    pub(in crate::capture) fn conclude<T: Tap>(
        &mut self,
        latest: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        self.content.conclude(latest, context)?;
        self.count();
        Ok(())
    }

    /// Hands over what waits, as if nothing more came.
    pub(in crate::capture) fn relieve<T: Tap>(
        &mut self,
        latest: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let Self { streams, content, .. } = self;
        for (stream, direction) in streams.iter_mut().zip([Direction::ClientToServer, Direction::ServerToClient]) {
            stream.finish(direction, content, context)?;
            content.conclude(latest, context)?;
            content.pass(&mut stream.framed, Step::Close, direction, latest, context)?;
            stream.framed.release();
        }
        if let Some(watch) = &mut self.watch {
            watch.relieve();
        }
        self.count();
        Ok(())
    }

    /// Nothing more comes.
    pub(in crate::capture) fn drain<T: Tap>(
        &mut self,
        latest: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let stream = self.streams.get(direction.index());
            if stream.is_some_and(|stream| stream.assembler.ends_in_hole()) {
                self.close(direction, Close::Fin, latest, context)?;
            }
        }
        self.relieve(latest, context)?;
        self.content.tell_only_side(latest, context)?;
        self.end_watch(context)?;
        match &mut self.content.state {
            State::Post(body) => body.finish(latest, context),
            _ => Ok(()),
        }
    }
}

impl ConnectionSide {
    fn new(framed: TimedDemuxer) -> Self {
        Self { assembler: Assembler::default(), framed, opened: None, closed: None }
    }

    #[inline]
    fn held(&self) -> usize {
        self.assembler.held() + self.framed.held()
    }

    /// Gives up the holes that are left.
    fn finish<T: Tap>(
        &mut self,
        direction: Direction,
        content: &mut Content,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let Self { assembler, framed, .. } = self;
        assembler.finish(|piece, arrival| content.piece(framed, direction, piece, arrival, context))
    }

    fn close<T: Tap>(
        &mut self,
        direction: Direction,
        close: Close,
        arrival: Arrival,
        content: &mut Content,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        self.closed = Some(close);
        self.finish(direction, content, context)?;
        content.end(&mut self.framed, direction, arrival, context)?;
        self.framed.release();
        content.closed(direction, close, arrival, context)
    }
}
