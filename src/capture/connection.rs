//! One TCP connection of a capture: two directions put together, and the decision whether it speaks RTSP at all.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::capture::framed::{Framed, Step, completed_by};
use crate::capture::ip::TcpSegment;
use crate::capture::packet::flags;
use crate::capture::ports::MediaPorts;
use crate::capture::reassembly::{Arrival, Assembler, Piece};
use crate::rtsp::demux::{Demuxer, Pdu, PduKind};
use crate::rtsp::headers::Transport;
use crate::rtsp::message::{Message, StartLine};
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Flow, Payload, Tap, TraceEvent};

/// A connection that has shown so many bytes and no RTSP does not speak it.
const MAX_PROBE: u64 = 256 << 10;
/// RTSP connections of one capture; further ones are passed over.
const MAX_SESSIONS: usize = 10_000;
/// The longest Transport header that is remembered.
const MAX_TRANSPORT: usize = 1024;

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Connection {
    streams: [Stream; 2],
    rest: Shared,
}

/// What both directions share.
#[derive(Debug)]
struct Shared {
    client: SocketAddr,
    server: SocketAddr,
    /// URL and real server address, where the capture is one of ours.
    described: Option<(String, SocketAddr)>,
    state: State,
    /// When its SYN was seen, until it is told that it opened.
    started: Timestamp,
    /// The Transport header of the latest SETUP.
    asked: Option<String>,
}

#[derive(Debug)]
enum State {
    /// Nothing has shown what it speaks; so many bytes have passed.
    Undecided(u64),
    /// RTSP, under this number.
    Rtsp(Arc<Flow>),
    /// Something else.
    Other,
}

/// One direction.
#[derive(Debug)]
struct Stream {
    assembler: Assembler,
    framed: Framed,
    closed: Option<Close>,
}

/// Where events of a connection go, and what numbers it.
pub(super) struct Outlet<'a, T> {
    /// RTSP connections so far.
    pub(super) sessions: &'a mut usize,
    pub(super) ports: &'a mut MediaPorts,
    pub(super) tap: &'a mut T,
}

impl Connection {
    /// A connection whose first packet has just come. `opening`: with its SYN.
    pub(super) fn new(
        client: SocketAddr,
        server: SocketAddr,
        described: Option<(&str, SocketAddr)>,
        opening: bool,
        arrival: Arrival,
    ) -> Self {
        let stream = || Stream::new(if opening { Demuxer::new() } else { Demuxer::mid_stream() });
        let described = described.map(|(url, server)| (url.to_owned(), server));
        let state = State::Undecided(0);
        let rest = Shared { client, server, described, state, started: arrival.at, asked: None };
        Self { streams: [stream(), stream()], rest }
    }

    pub(super) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.rest.client, self.rest.server)
    }

    pub(super) fn is_rtsp(&self) -> bool {
        matches!(self.rest.state, State::Rtsp(_))
    }

    /// Bytes of memory for what waits.
    pub(super) fn held(&self) -> usize {
        self.streams.iter().map(Stream::held).sum()
    }

    /// Whether a SYN in this direction is a repetition of the connection's own.
    pub(super) fn is_repeated(&self, direction: Direction, syn: u32) -> bool {
        self.streams.get(direction.index()).is_some_and(|stream| stream.assembler.is_repeated(syn))
    }

    /// Takes a segment.
    pub(super) fn segment<T: Tap>(
        &mut self,
        direction: Direction,
        segment: &TcpSegment<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if matches!(self.rest.state, State::Other) {
            return Ok(());
        }
        let Self { streams, rest } = self;
        let Some(stream) = streams.get_mut(direction.index()) else { return Ok(()) };
        if segment.is_opening() {
            stream.assembler.begin(segment.seq);
        } else if rest.described.is_some() && matches!(rest.state, State::Undecided(_)) {
            rest.decide(arrival, outlet)?;
        }
        let first = segment.seq.wrapping_add(u32::from(segment.is_opening()));
        let Stream { assembler, framed, .. } = stream;
        let mut each = |piece: Piece<'_>, arrival: Arrival| rest.piece(framed, direction, piece, arrival, outlet);
        assembler.segment(first, segment.payload, segment.missing, arrival, &mut each)?;
        let length = u32::try_from(segment.payload.len()).unwrap_or(0).wrapping_add(segment.missing);
        if segment.is_final() {
            assembler.end(first.wrapping_add(length));
        }
        let close = if segment.is_reset() { Some(Close::Reset) } else { assembler.is_over().then_some(Close::Fin) };
        if let Some(close) = close {
            stream.close(direction, close, arrival, rest, outlet)?;
        }
        if matches!(self.rest.state, State::Other) {
            self.streams = [(); 2].map(|()| Stream::new(Demuxer::new()));
        }
        Ok(())
    }

    /// Hands over what waits, as if nothing more came: so it is at the end of the capture, or where memory ends.
    pub(super) fn drain<T: Tap>(&mut self, latest: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<()> {
        let Self { streams, rest } = self;
        for (stream, direction) in streams.iter_mut().zip([Direction::ClientToServer, Direction::ServerToClient]) {
            stream.finish(direction, rest, outlet)?;
            rest.pass(&mut stream.framed, Step::Close, direction, latest, outlet)?;
            stream.framed.release();
        }
        Ok(())
    }
}

impl Stream {
    fn new(demuxer: Demuxer) -> Self {
        Self { assembler: Assembler::default(), framed: Framed::new(demuxer), closed: None }
    }

    fn held(&self) -> usize {
        self.assembler.held() + self.framed.held()
    }

    /// Gives up the holes that are left.
    fn finish<T: Tap>(
        &mut self,
        direction: Direction,
        rest: &mut Shared,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let Self { assembler, framed, .. } = self;
        assembler.finish(|piece, arrival| rest.piece(framed, direction, piece, arrival, outlet))
    }

    fn close<T: Tap>(
        &mut self,
        direction: Direction,
        close: Close,
        arrival: Arrival,
        rest: &mut Shared,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        self.closed = Some(close);
        self.finish(direction, rest, outlet)?;
        rest.pass(&mut self.framed, Step::Close, direction, arrival, outlet)?;
        self.framed.release();
        rest.tell(direction, arrival, Payload::Closed(close), outlet)
    }
}

impl Shared {
    /// What comes next in a stream.
    fn piece<T: Tap>(
        &mut self,
        framed: &mut Framed,
        direction: Direction,
        piece: Piece<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        match piece {
            Piece::Data(bytes) => {
                self.pass(framed, Step::Feed(bytes), direction, arrival, outlet)?;
                self.give_up(bytes.len());
                self.tell(direction, arrival, Payload::ReadEnd, outlet)
            }
            Piece::Gap(len) => self.pass(framed, Step::Skip(len), direction, arrival, outlet),
        }
    }

    fn pass<T: Tap>(
        &mut self,
        framed: &mut Framed,
        step: Step<'_>,
        direction: Direction,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let Framed { demuxer, chunks, fed } = framed;
        *fed += step.len();
        let mut pdus = step.take(demuxer);
        while let Some(pdu) = pdus.next_pdu() {
            let arrival = completed_by(chunks, &pdu).unwrap_or(arrival);
            if matches!(self.state, State::Undecided(_)) && shows_rtsp(&pdu) {
                self.decide(arrival, outlet)?;
            }
            if let PduKind::Message { head, body } = pdu.kind {
                self.follow_setup(&Message::new(head, body), outlet);
            }
            self.tell(direction, arrival, Payload::Pdu(pdu), outlet)?;
        }
        drop(pdus);
        framed.keep(arrival);
        Ok(())
    }

    /// It speaks RTSP: it gets its number.
    fn decide<T: Tap>(&mut self, arrival: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<()> {
        if *outlet.sessions >= MAX_SESSIONS {
            self.state = State::Other;
            return Ok(());
        }
        let id = *outlet.sessions;
        *outlet.sessions += 1;
        let (url, server) = self.described.take().unwrap_or((String::new(), self.server));
        self.state = State::Rtsp(Arc::new(Flow { id, session: id, url, client: self.client, server }));
        let opened = Payload::Opened { started: self.started };
        self.tell(Direction::ClientToServer, arrival, opened, outlet)
    }

    /// So many bytes more have shown nothing.
    fn give_up(&mut self, len: usize) {
        if let State::Undecided(seen) = &mut self.state {
            *seen += len as u64;
            if *seen > MAX_PROBE {
                self.state = State::Other;
            }
        }
    }

    /// Notes the UDP ports that a SETUP exchange agrees upon.
    fn follow_setup<T: Tap>(&mut self, message: &Message<'_>, outlet: &mut Outlet<'_, T>) {
        let State::Rtsp(flow) = &self.state else { return };
        match message.start_line() {
            StartLine::Request { method, .. } if method == "SETUP" => {
                let asked = message.header("Transport").filter(|asked| asked.len() <= MAX_TRANSPORT);
                self.asked = asked.map(String::from);
            }
            StartLine::Response { status: Some(200..=299), .. } => {
                if let Some(answered) = message.header("Transport") {
                    outlet.ports.set_up(flow, &Transport::agreed(&answered, self.asked.as_deref()));
                }
            }
            _ => {}
        }
    }

    /// Hands an event over, once it is known that this is RTSP.
    fn tell<T: Tap>(
        &self,
        direction: Direction,
        arrival: Arrival,
        payload: Payload<'_>,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let State::Rtsp(flow) = &self.state else { return Ok(()) };
        let Arrival { at, number } = arrival;
        outlet.tap.event(&TraceEvent { at, flow, direction, frame_number: Some(number), payload })
    }
}

/// What no other protocol has: a start line of RTSP, or a frame that was found behind garbage, with all that is
/// required of those.
fn shows_rtsp(pdu: &Pdu<'_>) -> bool {
    match pdu.kind {
        PduKind::Message { head, .. } => {
            let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
            memchr::memmem::find(line, b"RTSP/").is_some()
        }
        PduKind::Interleaved { payload, .. } => pdu.offset > 0 && payload.first().is_some_and(|first| first >> 6 == 2),
        PduKind::Junk | PduKind::Gap { .. } => false,
    }
}

impl TcpSegment<'_> {
    /// With SYN.
    pub(super) fn is_opening(&self) -> bool {
        self.flags & flags::SYN != 0
    }

    /// With ACK.
    pub(super) fn is_answer(&self) -> bool {
        self.flags & flags::ACK != 0
    }

    /// With FIN.
    pub(super) fn is_final(&self) -> bool {
        self.flags & flags::FIN != 0
    }

    /// With RST.
    pub(super) fn is_reset(&self) -> bool {
        self.flags & flags::RST != 0
    }
}
