//! RTSP tunnelled through HTTP: which connections belong together, and which sessions they carry.
//!
//! The server's side passes on the connection of the GET as if there were no tunnel; `connection` treats it so. The
//! client's side is one stream, however many POSTs carry it. Both are of the same sessions: what the one asks for tells
//! whose the answers and frames of the other are.

pub(super) mod post;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::capture::tcp::sessions::ConnectionSessions;
use crate::capture::tcp::timed_demuxer::TimedDemuxer;
use crate::rtsp::tunnel::Half;
use crate::trace::{Direction, Flow};

/// Tunnels of one capture; further ones are passed over.
const MAX_TUNNELS: usize = 10_000;
/// POST connections of one capture; further ones are passed over.
const MAX_POSTS: usize = 32_768;

/// Whose tunnel it is: the client's address and its cookie. The server's may differ, as it may ask for the POST to go to
/// another one of its machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::capture) struct TunnelKey {
    client: IpAddr,
    cookie: String,
}

/// The tunnels of a capture.
#[derive(Debug, Default)]
pub(in crate::capture) struct Tunnels {
    /// For each cookie the place of its latest tunnel.
    places: HashMap<TunnelKey, usize>,
    /// `None` while something is done with one.
    all: Vec<Option<Box<HttpTunnel>>>,
    /// POST connections so far.
    posts: usize,
    /// Bytes of memory for what waits in all of them.
    held: usize,
}

/// A GET and its POSTs, as far as they have been seen.
#[derive(Debug)]
pub(in crate::capture) struct HttpTunnel {
    pub(in crate::capture) sessions: ConnectionSessions,
    has_get: bool,
    /// Who sends all that is there of the GET's connection.
    only_side: Option<Direction>,
    /// The client's side, decoded.
    framed: TimedDemuxer,
}

impl TunnelKey {
    pub(in crate::capture) fn new(client: IpAddr, cookie: &str) -> Self {
        Self { client, cookie: cookie.to_owned() }
    }
}

impl Tunnels {
    /// Another file begins, with numbers of its own.
    pub(in crate::capture) fn next_part(&mut self) {
        self.all.iter_mut().flatten().for_each(|tunnel| tunnel.framed.forget_numbers());
    }

    pub(in crate::capture) fn get(&self, place: usize) -> Option<&HttpTunnel> {
        self.all.get(place)?.as_deref()
    }

    pub(in crate::capture) fn get_mut(&mut self, place: usize) -> Option<&mut HttpTunnel> {
        self.all.get_mut(place)?.as_deref_mut()
    }

    /// Takes a tunnel out, to do something with it that needs the others as well.
    pub(in crate::capture) fn take(&mut self, place: usize) -> Option<Box<HttpTunnel>> {
        let tunnel = self.all.get_mut(place)?.take()?;
        self.held = self.held.saturating_sub(tunnel.framed.held());
        Some(tunnel)
    }

    /// Puts it back, and counts what waits in it.
    pub(in crate::capture) fn put(&mut self, place: usize, tunnel: Box<HttpTunnel>) {
        self.held += tunnel.framed.held();
        if let Some(known) = self.all.get_mut(place) {
            *known = Some(tunnel);
        }
    }

    /// The session that a new half begins with, if its other half has been seen. A second GET opens another tunnel.
    pub(in crate::capture) fn session(&self, key: &TunnelKey, half: Half) -> Option<usize> {
        let tunnel = self.get(*self.places.get(key)?)?;
        (half == Half::Post || !tunnel.has_get).then(|| tunnel.sessions.first().session)
    }

    /// Takes the connection of a GET in, which has these sessions and so much of whose sides can be seen. The place of its
    /// tunnel; or the sessions, where there are too many tunnels.
    pub(in crate::capture) fn open_get(
        &mut self,
        key: TunnelKey,
        sessions: Box<ConnectionSessions>,
        only_side: Option<Direction>,
    ) -> Result<usize, Box<ConnectionSessions>> {
        let flow = Arc::clone(sessions.first());
        let known = self.places.get(&key).copied().filter(|_| self.session(&key, Half::Get) == Some(flow.session));
        if let Some((place, tunnel)) = known.and_then(|place| Some((place, self.get_mut(place)?))) {
            (tunnel.has_get, tunnel.only_side) = (true, only_side);
            // Its answers and media are those that count.
            tunnel.sessions.move_to(flow.client, flow.server);
            return Ok(place);
        }
        if self.all.len() >= MAX_TUNNELS {
            return Err(sessions);
        }
        Ok(self.add(key, HttpTunnel { sessions: *sessions, has_get: true, only_side, framed: TimedDemuxer::new() }))
    }

    /// Another GET on the same connection: the first one may have been refused.
    pub(in crate::capture) fn open_again(&mut self, key: TunnelKey, place: usize) {
        if self.places.len() < MAX_TUNNELS {
            self.places.insert(key, place);
        }
    }

    /// Takes the connection of a POST in: the place of its tunnel. `None` where there are too many.
    fn open_post(&mut self, key: TunnelKey, flow: &Arc<Flow>) -> Option<usize> {
        self.posts = self.posts.checked_add(1).filter(|posts| *posts <= MAX_POSTS)?;
        let known = self.places.get(&key).copied();
        known.or_else(|| {
            let sessions = ConnectionSessions::new(Arc::clone(flow), false);
            let tunnel = HttpTunnel { sessions, has_get: false, only_side: None, framed: TimedDemuxer::new() };
            (self.all.len() < MAX_TUNNELS).then(|| self.add(key, tunnel))
        })
    }

    fn add(&mut self, key: TunnelKey, tunnel: HttpTunnel) -> usize {
        self.places.insert(key, self.all.len());
        self.all.push(Some(Box::new(tunnel)));
        self.all.len() - 1
    }

    /// Bytes of memory for what waits.
    pub(in crate::capture) fn held(&self) -> usize {
        self.held
    }

    /// And for what waits where most of it does.
    pub(in crate::capture) fn most_held(&self) -> usize {
        self.all.iter().flatten().map(|tunnel| tunnel.framed.held()).max().unwrap_or(0)
    }
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

    fn sessions(session: usize) -> Box<ConnectionSessions> {
        Box::new(ConnectionSessions::new(flow(session), false))
    }

    #[test]
    fn tunnels_and_posts_have_limits() {
        let mut tunnels = Tunnels::default();
        let opened =
            (0..2 * MAX_TUNNELS).filter(|number| tunnels.open_get(key(*number), sessions(*number), None).is_ok());
        assert_eq!(opened.count(), MAX_TUNNELS);
        (0..2 * MAX_TUNNELS).for_each(|number| tunnels.open_again(key(number), 0));
        assert_eq!((tunnels.all.len(), tunnels.places.len()), (MAX_TUNNELS, MAX_TUNNELS));
        assert!(tunnels.open_post(key(MAX_TUNNELS), &flow(MAX_TUNNELS)).is_none());
        let bodies = (0..2 * MAX_POSTS).filter(|_| tunnels.open_post(key(0), &flow(0)).is_some()).count();
        // The one above was counted too.
        assert_eq!(bodies, MAX_POSTS - 1);
    }

    #[test]
    fn a_second_get_opens_another_tunnel() {
        let mut tunnels = Tunnels::default();
        assert_eq!(tunnels.open_post(key(1), &flow(0)), Some(0));
        assert_eq!(tunnels.session(&key(1), Half::Get), Some(0));
        assert_eq!(tunnels.open_get(key(1), sessions(0), None).ok(), Some(0));
        assert_eq!((tunnels.session(&key(1), Half::Get), tunnels.session(&key(1), Half::Post)), (None, Some(0)));
        assert_eq!(tunnels.open_get(key(1), sessions(5), None).ok(), Some(1));
        assert_eq!(tunnels.session(&key(1), Half::Post), Some(5));
        assert_eq!(tunnels.session(&key(2), Half::Post), None);
    }
}
