//! What of a capture's payloads may stay, or stands in their place, by position: in TCP streams, in datagrams, and in the
//! base64 of HTTP tunnels. Filled while the capture is read for the first time, looked up while it is written.
//!
//! All bytes that are to be written are in here. So what a packet holds decides nothing: a byte that was sent twice, be it
//! as another, is written as the same.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::capture::rewrite::base64_map::Runs;
use crate::capture::rewrite::pieces::{KeptPiece, first_behind, settle};
use crate::capture::rewrite::policy::{ByteSequence, FILL, Late, Patch, RewritePolicy, SessionDatagram};
use crate::capture::tcp::base64::Run;
use crate::rtsp::demux::Pdu;
use crate::time::Timestamp;
use crate::trace::Direction;

/// Bytes that a map may take.
const MAX_SIZE: usize = 512 << 20;

/// A packet by its number, and the fragments that it belongs to.
pub(in crate::capture) type PacketPlace = (u64, Option<u32>);

/// A sequence of bytes with a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::capture) enum StreamId {
    /// One direction of a TCP connection, by its number.
    Tcp(u64, Direction),
    /// What a layer above TCP carries in one direction of a connection.
    Carried(u64, Direction),
    /// What the client says through a tunnel, decoded.
    Tunnel(usize),
    /// All datagrams of sessions, one behind the other.
    Datagrams,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A part of a stream, or a datagram, from this position on; behind so many bytes of header.
    Stream { stream: ByteSequence, at: i64, header: u16 },
    /// A part of an IP packet that came in fragments.
    Fragment(u32),
}

/// Bytes of a TCP stream that hold those of a carried one.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    len: u64,
    carried: ByteSequence,
    /// Where in that stream.
    at: u64,
    mask: [u8; 4],
}

/// What is known of a stream.
#[derive(Debug, Default)]
struct MappedStream {
    pieces: Vec<KeptPiece>,
    /// In their order.
    spans: Vec<Span>,
    /// The piece that was looked for last: packets come in the order of their stream, mostly.
    near: Cell<usize>,
    /// Its connection speaks RTSP.
    shown: bool,
    /// The body of a POST.
    runs: Runs,
}

/// All that is known.
#[derive(Debug)]
pub(in crate::capture) struct RewriteMap {
    pub(super) policy: Box<dyn RewritePolicy>,
    /// By frame number.
    bodies: Vec<(u64, Body)>,
    /// The packet that is being read, and the fragments that it belongs to.
    current: PacketPlace,
    streams: Vec<MappedStream>,
    places: HashMap<StreamId, ByteSequence, RandomState>,
    /// The one that was asked for last: packets of one stream come in rows.
    latest: Option<(StreamId, ByteSequence)>,
    connections: HashSet<u64>,
    assembled: HashMap<u32, Body>,
    /// Bytes of all datagrams so far.
    datagrams: u64,
    kept: Vec<u8>,
    /// What is put at the moment.
    patch: Patch,
    size: usize,
}

impl RewriteMap {
    pub(super) fn new(policy: Box<dyn RewritePolicy>) -> Self {
        Self {
            policy,
            bodies: Vec::new(),
            current: (0, None),
            streams: Vec::new(),
            places: HashMap::default(),
            latest: None,
            connections: HashSet::new(),
            assembled: HashMap::new(),
            datagrams: 0,
            kept: Vec::new(),
            patch: Patch::default(),
            size: 0,
        }
    }

    /// Whether there is more than may be kept.
    pub(in crate::capture) fn is_full(&self) -> bool {
        self.size > MAX_SIZE
    }

    /// A packet comes; where it is a fragment, of this one of all fragmented packets.
    pub(in crate::capture) fn packet(&mut self, number: u64, assembly: Option<u32>) {
        self.current = (number, assembly);
        if let Some(assembly) = assembly {
            self.body(Body::Fragment(assembly));
        }
    }

    /// The packet that is being read.
    pub(in crate::capture) fn current(&self) -> PacketPlace {
        self.current
    }

    /// Goes to an earlier packet, or back. Gives the one that was being read.
    pub(in crate::capture) fn go_to(&mut self, packet: PacketPlace) -> PacketPlace {
        std::mem::replace(&mut self.current, packet)
    }

    /// The packet carries a part of a stream.
    pub(in crate::capture) fn segment(&mut self, stream: StreamId, at: i64, header: u16) {
        let stream = self.place(stream);
        self.carried(Body::Stream { stream, at, header });
    }

    /// The packet is a datagram of a session.
    pub(in crate::capture) fn datagram(&mut self, session: usize, datagram: &SessionDatagram<'_>, header: u16) {
        let (place, mut patch) = (self.place(StreamId::Datagrams), std::mem::take(&mut self.patch));
        patch.clear();
        let offset = self.datagrams;
        self.datagrams += datagram.payload.len() as u64;
        let late = self.policy.datagram((place, offset), session, datagram, &mut patch);
        self.apply(place, offset, &patch);
        self.patch = patch;
        self.apply_late(late);
        self.carried(Body::Stream { stream: place, at: i64::try_from(offset).unwrap_or(i64::MAX), header });
    }

    /// What a stream holds next.
    pub(in crate::capture) fn pdu(
        &mut self,
        stream: StreamId,
        session: Option<usize>,
        direction: Direction,
        pdu: &Pdu<'_>,
        at: Timestamp,
    ) {
        let (place, mut patch) = (self.place(stream), std::mem::take(&mut self.patch));
        patch.clear();
        let late = self.policy.pdu(place, session, direction, pdu, at, &mut patch);
        self.apply(place, pdu.offset, &patch);
        self.patch = patch;
        self.apply_late(late);
    }

    /// A connection speaks RTSP.
    pub(in crate::capture) fn shown(&mut self, connection: u64) {
        self.connections.insert(connection);
    }

    /// Letters of a POST that lie at `text` in its stream.
    pub(in crate::capture) fn letters(&mut self, post: u64, text: u64, tunnel: usize, runs: &[Run]) {
        let tunnel = self.place(StreamId::Tunnel(tunnel));
        let place = self.place(StreamId::Tcp(post, Direction::ClientToServer));
        if let Some(stream) = self.streams.get_mut(place.0 as usize) {
            self.size += stream.runs.add(text, tunnel, runs);
        }
    }

    /// The stream of this POST is base64 from here on.
    pub(in crate::capture) fn post_body(&mut self, post: u64, at: u64) {
        let place = self.place(StreamId::Tcp(post, Direction::ClientToServer));
        if let Some(stream) = self.streams.get_mut(place.0 as usize) {
            stream.runs.begin(at);
        }
    }

    /// Bytes of a connection that have to stay as they are.
    pub(in crate::capture) fn keep_bytes(&mut self, connection: u64, direction: Direction, at: u64, bytes: &[u8]) {
        let (place, mut patch) = (self.place(StreamId::Tcp(connection, direction)), Patch::default());
        patch.put(0, bytes);
        self.apply(place, at, &patch);
    }

    /// So many bytes of a connection hold those of what it carries, from `at` on, under a mask.
    pub(in crate::capture) fn carried_bytes(
        &mut self,
        (connection, direction): (u64, Direction),
        start: u64,
        len: usize,
        at: u64,
        mask: Option<[u8; 4]>,
    ) {
        let carried = self.place(StreamId::Carried(connection, direction));
        let place = self.place(StreamId::Tcp(connection, direction));
        if let Some(stream) = self.streams.get_mut(place.0 as usize) {
            stream.spans.push(Span { start, len: len as u64, carried, at, mask: mask.unwrap_or_default() });
            self.size += size_of::<Span>();
        }
    }

    /// All has been read.
    pub(super) fn finish(&mut self) {
        let late = self.policy.finish();
        self.apply_late(late);
        // It may have become known late what a packet carries.
        self.bodies.sort_by_key(|(number, _)| *number);
        for stream in &mut self.streams {
            settle(&mut stream.pieces);
        }
        for (id, place) in &self.places {
            let is_shown = match id {
                StreamId::Tcp(number, _) => self.connections.contains(number),
                StreamId::Datagrams => true,
                StreamId::Carried(..) | StreamId::Tunnel(_) => false,
            };
            if is_shown && let Some(stream) = self.streams.get_mut(place.0 as usize) {
                stream.shown = true;
            }
        }
    }

    /// What the packets carry, in their order.
    pub(super) fn bodies(&self) -> &[(u64, Body)] {
        &self.bodies
    }

    /// What fragments make up.
    pub(super) fn assembled(&self, assembly: u32) -> Option<Body> {
        self.assembled.get(&assembly).copied()
    }

    /// Writes what stands at a position of a stream over `out`.
    pub(super) fn stream(&self, place: ByteSequence, at: i64, out: &mut [u8]) {
        let before = usize::try_from(at.saturating_neg()).unwrap_or(0).min(out.len());
        let (unknown, out) = out.split_at_mut(before);
        unknown.fill(FILL);
        let at = u64::try_from(at).unwrap_or(0);
        let Some(stream) = self.streams.get(place.0 as usize).filter(|stream| stream.shown) else {
            return out.fill(FILL);
        };
        let raw = usize::try_from(stream.runs.from().saturating_sub(at)).unwrap_or(usize::MAX).min(out.len());
        let (raw, text) = out.split_at_mut(raw);
        self.pieces(&stream.pieces, &stream.near, at, raw);
        self.spans(&stream.spans, at, raw);
        let behind = at + raw.len() as u64;
        if text.is_empty() {
            return;
        }
        let tunnelled = |tunnel: ByteSequence, at: u64| self.two_bytes(tunnel, at);
        let mut kept = vec![FILL; text.len()];
        self.pieces(&stream.pieces, &stream.near, behind, &mut kept);
        stream.runs.write(behind, text, &kept, tunnelled);
    }

    /// Writes what is carried over the bytes that hold it.
    fn spans(&self, spans: &[Span], at: u64, out: &mut [u8]) {
        let end = at + out.len() as u64;
        let first = spans.partition_point(|span| span.start + span.len <= at);
        for span in spans.iter().skip(first).take_while(|span| span.start < end) {
            let (from, to) = (span.start.max(at), (span.start + span.len).min(end));
            let place = |position: u64| usize::try_from(position - at).unwrap_or(usize::MAX);
            let (Some(target), Some(carried)) =
                (out.get_mut(place(from)..place(to)), self.streams.get(span.carried.0 as usize))
            else {
                continue;
            };
            self.pieces(&carried.pieces, &carried.near, span.at + (from - span.start), target);
            let masked = usize::try_from((from - span.start) % 4).unwrap_or(0);
            let mask = span.mask.iter().cycle().skip(masked);
            target.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
    }

    /// The byte there and the next one: the bits of a letter lie in two bytes at most.
    fn two_bytes(&self, place: ByteSequence, at: u64) -> [u8; 2] {
        let mut bytes = [FILL; 2];
        if let Some(stream) = self.streams.get(place.0 as usize) {
            self.pieces(&stream.pieces, &stream.near, at, &mut bytes);
        }
        bytes
    }

    fn pieces(&self, pieces: &[KeptPiece], near: &Cell<usize>, at: u64, out: &mut [u8]) {
        out.fill(FILL);
        let end = at.saturating_add(out.len() as u64);
        let first = first_behind(pieces, near.get(), at);
        near.set(first);
        for piece in pieces.iter().skip(first).take_while(|piece| piece.start < end) {
            let (from, to) = (piece.start.max(at), (piece.start + u64::from(piece.len)).min(end));
            let place = |position: u64, base: u64| usize::try_from(position - base).unwrap_or(usize::MAX);
            let kept = piece.kept as usize;
            let source = self.kept.get(kept + place(from, piece.start)..kept + place(to, piece.start));
            if let (Some(source), Some(target)) = (source, out.get_mut(place(from, at)..place(to, at))) {
                target.copy_from_slice(source);
            }
        }
    }

    fn place(&mut self, id: StreamId) -> ByteSequence {
        if let Some((_, place)) = self.latest.filter(|(latest, _)| *latest == id) {
            return place;
        }
        let next = ByteSequence(u32::try_from(self.streams.len()).unwrap_or(u32::MAX));
        let place = *self.places.entry(id).or_insert(next);
        if place == next {
            self.streams.push(MappedStream::default());
            self.size += size_of::<MappedStream>() + 4 * size_of::<(StreamId, ByteSequence)>();
        }
        self.latest = Some((id, place));
        place
    }

    fn carried(&mut self, body: Body) {
        match self.current {
            (_, Some(assembly)) => {
                self.assembled.insert(assembly, body);
                self.size += 2 * size_of::<(u32, Body)>();
            }
            _ => self.body(body),
        }
    }

    fn body(&mut self, body: Body) {
        self.bodies.push((self.current.0, body));
        self.size += size_of::<(u64, Body)>();
    }

    fn apply_late(&mut self, late: Vec<Late>) {
        for (place, offset, patch) in late {
            self.apply(place, offset, &patch);
        }
    }

    fn apply(&mut self, place: ByteSequence, offset: u64, patch: &Patch) {
        let Some(stream) = self.streams.get_mut(place.0 as usize) else { return };
        let mut pieces = std::mem::take(&mut stream.pieces);
        self.keep(offset, patch, &mut pieces);
        if let Some(stream) = self.streams.get_mut(place.0 as usize) {
            stream.pieces = pieces;
        }
    }

    fn keep(&mut self, offset: u64, patch: &Patch, pieces: &mut Vec<KeptPiece>) {
        for (at, bytes) in patch.pieces() {
            let (Ok(kept), Ok(len)) = (u32::try_from(self.kept.len()), u32::try_from(bytes.len())) else { return };
            self.kept.extend_from_slice(bytes);
            pieces.push(KeptPiece { start: offset + at as u64, len, kept });
            self.size += bytes.len() + size_of::<KeptPiece>();
        }
    }
}
