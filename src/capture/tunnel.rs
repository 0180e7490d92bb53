//! RTSP tunnelled through HTTP: which connections belong together, and the client's side out of the bodies of its POSTs.
//!
//! The server's side passes on the connection of the GET as if there were no tunnel; `connection` treats it so. The
//! client's side is one stream, however many POSTs carry it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::capture::base64::Decoder;
use crate::capture::framed::{Framed, Step};
use crate::capture::layer::Carried;
use crate::capture::outlet::Outlet;
use crate::capture::reassembly::{Arrival, Piece};
use crate::capture::rewrite::{Ledger, StreamId};
use crate::rtsp::tunnel::Half;
use crate::trace::{Direction, Flow, Payload, Tap, TraceEvent};

/// Tunnels of one capture; further ones are passed over.
const MAX_TUNNELS: usize = 10_000;
/// POST connections of one capture; further ones are passed over.
const MAX_POSTS: usize = 32_768;

/// Whose tunnel it is: the client's address and its cookie. The server's may differ, as it may ask for the POST to go to
/// another one of its machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TunnelKey {
    client: IpAddr,
    cookie: String,
}

/// The tunnels of a capture.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    /// For each cookie the place of its latest tunnel.
    places: HashMap<TunnelKey, usize>,
    all: Vec<Tunnel>,
    /// POST connections so far.
    posts: usize,
    /// Bytes of memory for what waits in all of them.
    held: usize,
}

/// A GET and its POSTs, as far as they have been seen.
#[derive(Debug)]
struct Tunnel {
    session: usize,
    has_get: bool,
    /// The latest POST's.
    flow: Option<Arc<Flow>>,
    /// The client's side, decoded.
    framed: Framed,
}

impl TunnelKey {
    pub(super) fn new(client: IpAddr, cookie: &str) -> Self {
        Self { client, cookie: cookie.to_owned() }
    }
}

impl Tunnels {
    /// Another file begins, with numbers of its own.
    pub(super) fn next_part(&mut self) {
        self.all.iter_mut().for_each(|tunnel| tunnel.framed.forget_numbers());
    }

    /// The session that a new half belongs to, if its other half has been seen. A second GET opens another tunnel.
    pub(super) fn session(&self, key: &TunnelKey, half: Half) -> Option<usize> {
        let tunnel = self.all.get(*self.places.get(key)?)?;
        (half == Half::Post || !tunnel.has_get).then_some(tunnel.session)
    }

    /// Takes the connection of a GET in.
    pub(super) fn get(&mut self, key: TunnelKey, session: usize) {
        if let Some(tunnel) = self.place(key, session).and_then(|place| self.all.get_mut(place)) {
            tunnel.has_get = true;
        }
    }

    /// Takes the connection of a POST in, whose body begins. `None` where there are too many.
    pub(super) fn post(&mut self, key: TunnelKey, flow: &Arc<Flow>) -> Option<PostBody> {
        self.posts = self.posts.checked_add(1).filter(|posts| *posts <= MAX_POSTS)?;
        let place = self.place(key, flow.session)?;
        self.all.get_mut(place)?.flow = Some(Arc::clone(flow));
        Some(PostBody { flow: Arc::clone(flow), tunnel: place, decoder: Decoder::default(), connection: 0, at: 0 })
    }

    /// The place of a session's tunnel, which is made if it is new.
    fn place(&mut self, key: TunnelKey, session: usize) -> Option<usize> {
        let known = self.places.get(&key).copied();
        let same = |place: &usize| self.all.get(*place).is_some_and(|tunnel| tunnel.session == session);
        if let Some(place) = known.filter(same) {
            return Some(place);
        }
        if self.all.len() >= MAX_TUNNELS {
            return None;
        }
        self.places.insert(key, self.all.len());
        self.all.push(Tunnel { session, has_get: false, flow: None, framed: Framed::new() });
        Some(self.all.len() - 1)
    }

    /// Bytes of memory for what waits.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// And for what waits where most of it does.
    pub(super) fn most_held(&self) -> usize {
        self.all.iter().map(|tunnel| tunnel.framed.held()).max().unwrap_or(0)
    }

    /// Hands over what waits where most of it does, as if nothing more came. How many bytes that frees.
    pub(super) fn relieve(
        &mut self,
        latest: Arrival,
        ledger: &mut Option<Box<Ledger>>,
        tap: &mut impl Tap,
    ) -> io::Result<usize> {
        let most = self.all.iter_mut().enumerate().max_by_key(|(_, tunnel)| tunnel.framed.held());
        let Some((place, Tunnel { flow: Some(flow), framed, .. })) = most else { return Ok(0) };
        let before = framed.held();
        pass(framed, Step::Close, &Side { place, flow }, latest, ledger, tap)?;
        framed.release();
        let freed = before.saturating_sub(framed.held());
        self.held = self.held.saturating_sub(freed);
        Ok(freed)
    }

    /// The capture ends: hands over what no POST completed.
    pub(super) fn finish(
        &mut self,
        latest: Arrival,
        ledger: &mut Option<Box<Ledger>>,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        for (place, Tunnel { flow, framed, .. }) in self.all.iter_mut().enumerate() {
            if let Some(flow) = flow {
                pass(framed, Step::Close, &Side { place, flow }, latest, ledger, tap)?;
            }
        }
        Ok(())
    }
}

/// The body of a POST, up to the end of its connection.
#[derive(Debug)]
pub(super) struct PostBody {
    flow: Arc<Flow>,
    tunnel: usize,
    decoder: Decoder,
    /// The number of its connection, and where in its stream it is.
    connection: u64,
    at: u64,
}

/// The client's side of a tunnel: its place among them, and the flow of the POST that speaks.
struct Side<'a> {
    place: usize,
    flow: &'a Flow,
}

impl PostBody {
    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// It begins at this place of its connection's stream.
    pub(super) fn begin(&mut self, connection: u64, at: u64, ledger: &mut Option<Box<Ledger>>) {
        (self.connection, self.at) = (connection, at);
        if let Some(ledger) = ledger {
            ledger.post_body(connection, at);
        }
    }

    /// A part of it, where it comes in chunks.
    pub(super) fn carried<T: Tap>(
        &mut self,
        at: u64,
        carried: Carried<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        self.at = at;
        match carried {
            Carried::Framing(bytes) => {
                if let Some(ledger) = outlet.ledger {
                    ledger.keep_bytes(self.connection, Direction::ClientToServer, at, bytes);
                }
                Ok(())
            }
            Carried::Payload(text, _) => self.piece(Piece::Data(text), arrival, outlet),
            Carried::Gap(len) => self.piece(Piece::Gap(len), arrival, outlet),
            Carried::Compressed => Ok(()),
        }
    }

    /// What comes next of it.
    pub(super) fn piece<T: Tap>(
        &mut self,
        piece: Piece<'_>,
        arrival: Arrival,
        outlet: &mut Outlet<'_, T>,
    ) -> io::Result<()> {
        let Tunnels { all, held, .. } = outlet.tunnels;
        let Some(Tunnel { framed, .. }) = all.get_mut(self.tunnel) else { return Ok(()) };
        let before = framed.held();
        self.decode(piece, framed, arrival, outlet.ledger, outlet.tap)?;
        *held = (*held + framed.held()).saturating_sub(before);
        Ok(())
    }

    fn decode(
        &mut self,
        piece: Piece<'_>,
        framed: &mut Framed,
        arrival: Arrival,
        ledger: &mut Option<Box<Ledger>>,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        let Self { flow, tunnel, decoder, connection, at } = self;
        let side = Side { place: *tunnel, flow };
        let text = match piece {
            Piece::Gap(len) => {
                *at += len;
                return pass(framed, Step::Skip(decoder.skip(len)), &side, arrival, ledger, tap);
            }
            Piece::Data(text) => text,
        };
        let begin = *at;
        *at += text.len() as u64;
        if let Some(ledger) = ledger {
            ledger.letters(*connection, begin, *tunnel, &decoder.runs(text, framed.fed()));
        }
        let mut bytes = Vec::with_capacity(text.len());
        let decoded = decoder.decode(text, &mut bytes);
        pass(framed, Step::Skip(decoded.gap), &side, arrival, ledger, tap)?;
        if let Some((byte, place)) = decoded.invalid {
            let offset = framed.fed() + place as u64;
            keep_invalid(ledger, *connection, begin, text, byte);
            tell(flow, arrival, Payload::NotBase64 { byte, offset }, tap)?;
        }
        pass(framed, Step::Feed(&bytes), &side, arrival, ledger, tap)
    }

    /// Its connection ends. The stream may go on in another one.
    pub(super) fn finish<T: Tap>(&mut self, arrival: Arrival, outlet: &mut Outlet<'_, T>) -> io::Result<()> {
        let gap = self.decoder.finish();
        let Some(Tunnel { framed, .. }) = outlet.tunnels.all.get_mut(self.tunnel) else { return Ok(()) };
        let side = Side { place: self.tunnel, flow: &self.flow };
        pass(framed, Step::Skip(gap), &side, arrival, outlet.ledger, outlet.tap)
    }
}

/// Hands over what a step completes.
fn pass(
    framed: &mut Framed,
    step: Step<'_>,
    Side { place, flow }: &Side<'_>,
    arrival: Arrival,
    ledger: &mut Option<Box<Ledger>>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    framed.step(step, arrival, |pdu, arrival| {
        if let Some(ledger) = ledger {
            ledger.pdu(StreamId::Tunnel(*place), Some(flow.id), Direction::ClientToServer, pdu, arrival.at);
        }
        tell(flow, arrival, Payload::Pdu(pdu), tap)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The character that is no base64 is told of: it has to stay. It is the first such one.
fn keep_invalid(ledger: &mut Option<Box<Ledger>>, connection: u64, begin: u64, text: &[u8], byte: u8) {
    if let (Some(ledger), Some(at)) = (ledger, memchr::memchr(byte, text)) {
        ledger.keep_bytes(connection, Direction::ClientToServer, begin + at as u64, &[byte]);
    }
}

fn tell(flow: &Flow, arrival: Arrival, payload: Payload<'_>, tap: &mut impl Tap) -> io::Result<()> {
    let Arrival { at, number } = arrival;
    let direction = Direction::ClientToServer;
    tap.event(&TraceEvent { at, flow, direction, frame_number: (number > 0).then_some(number), payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> TunnelKey {
        TunnelKey::new(IpAddr::from([10, 0, 0, 1]), &number.to_string())
    }

    fn flow(session: usize) -> Arc<Flow> {
        let (client, server) = ("10.0.0.1:1024".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        Arc::new(Flow { id: session, session, url: String::new(), client, server })
    }

    #[test]
    fn tunnels_and_posts_have_limits() {
        let mut tunnels = Tunnels::default();
        (0..2 * MAX_TUNNELS).for_each(|number| tunnels.get(key(number), number));
        assert_eq!((tunnels.all.len(), tunnels.places.len()), (MAX_TUNNELS, MAX_TUNNELS));
        assert!(tunnels.post(key(MAX_TUNNELS), &flow(MAX_TUNNELS)).is_none());
        let bodies = (0..2 * MAX_POSTS).filter(|_| tunnels.post(key(0), &flow(0)).is_some()).count();
        // The one above was counted too.
        assert_eq!(bodies, MAX_POSTS - 1);
    }

    #[test]
    fn a_second_get_opens_another_tunnel() {
        let mut tunnels = Tunnels::default();
        assert!(tunnels.post(key(1), &flow(0)).is_some());
        assert_eq!(tunnels.session(&key(1), Half::Get), Some(0));
        tunnels.get(key(1), 0);
        assert_eq!((tunnels.session(&key(1), Half::Get), tunnels.session(&key(1), Half::Post)), (None, Some(0)));
        tunnels.get(key(1), 5);
        assert_eq!(tunnels.session(&key(1), Half::Post), Some(5));
        assert_eq!(tunnels.session(&key(2), Half::Post), None);
    }
}
