//! Media that a server sends to another UDP port than a session agreed upon, or to that port of another host. While a
//! track of it is silent, RTP between the same hosts that nobody else has set up is taken for the track's, and such with both
//! ports of the track wherever it goes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::rtsp::message::{Message, StartLine};
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::Flow;

/// So long nothing has to come on the ports agreed upon: as long as a viewer waits (docs/verdicts.md).
const PATIENCE_NS: i64 = 2 * NANOS_PER_SECOND;
/// Sessions over UDP that are watched, and tracks of each.
const MAX_SESSIONS: usize = 1024;
const MAX_TRACKS: usize = 64;

/// Server and client.
type Hosts = (IpAddr, IpAddr);

/// The sessions over UDP of a capture, by their hosts.
#[derive(Debug, Default)]
pub(in crate::capture) struct SilentTracks {
    sessions: HashMap<Hosts, Vec<UdpSession>, RandomState>,
    count: usize,
}

/// A session that has set up tracks over UDP.
#[derive(Debug)]
struct UdpSession {
    flow: Arc<Flow>,
    tracks: Vec<TrackPorts>,
    /// `CSeq` of a PLAY that has no answer, and when it was sent.
    asked: Option<(Option<u32>, Timestamp)>,
    /// When the PLAY was sent that was granted.
    played: Option<Timestamp>,
    /// When media was no longer waited for.
    ended: Option<Timestamp>,
}

/// Where the RTP of a track should come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct TrackPorts {
    /// Port 0 where nobody named it.
    pub(in crate::capture) server: SocketAddr,
    /// As agreed, and as the client asked for.
    pub(in crate::capture) clients: [SocketAddr; 2],
}

/// A flow of RTP that no SETUP named.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct UnnamedRtp {
    pub(in crate::capture) from: SocketAddr,
    pub(in crate::capture) to: SocketAddr,
    /// Its first packet.
    pub(in crate::capture) since: Timestamp,
}

fn hosts(flow: &Flow) -> Hosts {
    (flow.server.ip(), flow.client.ip())
}

impl UdpSession {
    /// Whether a flow has both ports of a track and another receiver.
    fn misses(&self, UnnamedRtp { from, to, .. }: UnnamedRtp) -> bool {
        let of_track = |track: &TrackPorts| {
            let own = track.clients.iter().any(|client| client.port() == to.port() && client.ip() != to.ip());
            own && track.server == from && from.port() != 0
        };
        self.tracks.iter().any(of_track)
    }
}

impl SilentTracks {
    /// A session has set up a track.
    pub(in crate::capture) fn set_up(&mut self, flow: &Arc<Flow>, track: TrackPorts) {
        let all = self.sessions.entry(hosts(flow)).or_default();
        if let Some(session) = all.iter_mut().find(|session| session.flow.id == flow.id) {
            if session.tracks.len() < MAX_TRACKS && !session.tracks.contains(&track) {
                session.tracks.push(track);
            }
        } else if self.count < MAX_SESSIONS {
            self.count += 1;
            let (flow, tracks) = (Arc::clone(flow), vec![track]);
            all.push(UdpSession { flow, tracks, asked: None, played: None, ended: None });
        }
    }

    /// Follows who plays. Whether media is no longer waited for.
    pub(in crate::capture) fn message(&mut self, flow: &Flow, message: &Message<'_>, at: Timestamp) -> bool {
        let Some(session) = self.sessions.get_mut(&hosts(flow)) else { return false };
        let Some(session) = session.iter_mut().find(|session| session.flow.id == flow.id) else { return false };
        match message.start_line() {
            StartLine::Request { method, .. } if method == "PLAY" => session.asked = Some((message.cseq(), at)),
            StartLine::Request { method, .. } => return matches!(&*method, "PAUSE" | "TEARDOWN"),
            StartLine::Response { status: Some(200..=299), .. } => {
                if let Some((_, since)) = session.asked.take_if(|(cseq, _)| *cseq == message.cseq()) {
                    let goes_on = session.played.filter(|_| session.ended.is_none());
                    (session.played, session.ended) = (goes_on.or(Some(since)), None);
                }
            }
            StartLine::Response { .. } => {}
        }
        false
    }

    /// Media is no longer waited for.
    pub(in crate::capture) fn ends(&mut self, flow: &Flow, at: Timestamp) {
        let all = self.sessions.get_mut(&hosts(flow));
        if let Some(session) = all.and_then(|all| all.iter_mut().find(|session| session.flow.id == flow.id)) {
            session.ended.get_or_insert(at);
        }
    }

    pub(in crate::capture) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The session whose media a flow is: of a silent track, from its server's address to its client's. What began before
    /// PLAY is another's. Where several sessions have the same hosts, or the server is on the client's host, the server's
    /// port has to be one that the session agreed upon. To another host both ports have to be a track's.
    pub(in crate::capture) fn owner(
        &self,
        rtp: UnnamedRtp,
        now: Timestamp,
        is_silent: impl Fn(&Flow, TrackPorts) -> bool,
    ) -> Option<Arc<Flow>> {
        let UnnamedRtp { from, to, since } = rtp;
        let waits = |session: &&UdpSession| {
            let waited = |played: Timestamp| since >= played && now.nanos_since(played) >= PATIENCE_NS;
            // What came before it ended may still be its own, so that it is nobody else's for certain.
            let ended = session.ended.is_none_or(|ended| since <= ended);
            ended
                && session.played.is_some_and(waited)
                && session.tracks.iter().any(|track| is_silent(&session.flow, *track))
        };
        let names = |session: &&UdpSession| {
            session.tracks.iter().any(|track| track.server == from && is_silent(&session.flow, *track))
        };
        let of_hosts = self.sessions.get(&(from.ip(), to.ip())).into_iter().flatten();
        let waiting: Vec<&UdpSession> = of_hosts.filter(waits).collect();
        let mut named = waiting.iter().copied().filter(names);
        let found = match (named.next(), named.next(), waiting.as_slice()) {
            (Some(session), None, _) => session,
            (None, _, [session]) if from.ip() != to.ip() => *session,
            (None, _, []) => {
                let mut misled = self.sessions.values().flatten().filter(|session| session.misses(rtp)).filter(waits);
                misled.next().filter(|_| misled.next().is_none())?
            }
            _ => return None,
        };
        found.ended.is_none().then(|| Arc::clone(&found.flow))
    }
}
