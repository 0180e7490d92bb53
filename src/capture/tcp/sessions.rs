//! Which RTSP session of a connection a message or a frame is of.
//!
//! A session is none of its connection's (RFC 2326, section 1.1): who records all cameras of a machine may control them
//! over one. Session identifiers tell them apart (section 12.37); before there is one, and where a server gives all the
//! same, it is the URL that was described. A channel is that of the session whose SETUP named it last.

mod names;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::capture::udp::ports::MediaPorts;
use crate::capture::udp::setups::SetupWatch;
use crate::rtsp::headers::{Session, Transport};
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::unanswered::UnansweredRequests;
use crate::time::Timestamp;
use crate::trace::{Direction, Flow};

use names::{SessionNames, id_digest, parents, url_digest};

/// Sessions of one connection beside the first: as many as there are pairs of channels. What belongs to further ones is
/// the latest one's.
const MAX_OTHERS: usize = 127;
/// The longest URL and Transport header that are remembered.
const MAX_TEXT: usize = 4096;
/// Tracks of a session that may be torn down apart.
const MAX_TRACKS: usize = 64;
const CHANNELS: usize = 256;

/// The sessions of a connection, and whose turn it is.
#[derive(Debug)]
pub(in crate::capture) struct ConnectionSessions {
    first: KnownSession,
    others: Vec<KnownSession>,
    /// The connection stood before the capture: what comes may have been set up then.
    late: bool,
    /// Whose the latest PDU of each direction was: 0 is the first.
    current: [usize; 2],
    /// Whose the latest message was.
    latest: usize,
    /// Of each side.
    unanswered: [UnansweredRequests<AskedSession>; 2],
    /// For each channel whose it is, once there are several sessions.
    channels: Vec<u8>,
}

/// A session of a connection.
#[derive(Debug)]
struct KnownSession {
    flow: Arc<Flow>,
    setups: SetupWatch,
    names: SessionNames,
    /// It has asked for a description, and was not refused it.
    described: bool,
    /// It has agreed upon a transport, or its media shows that it did.
    set_up: bool,
    /// The URLs of its tracks that were set up and not torn down.
    tracks: Vec<u64>,
    /// All of it was torn down.
    over: bool,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct AskedSession {
    session: usize,
    method: AskedMethod,
}

/// What was asked for, as far as it tells sessions apart.
#[derive(Debug)]
enum AskedMethod {
    /// The description of this URL.
    Describe(String),
    /// A track: its URL, and the Transport header.
    SetUp(u64, String),
    /// The end of what this URL controls.
    TearDown(u64),
    Other,
}

impl ConnectionSessions {
    /// A connection with one session; `late`: the connection stood before the capture.
    pub(in crate::capture) fn new(flow: Arc<Flow>, late: bool) -> Self {
        let first = KnownSession::new(flow);
        let (others, unanswered, channels) = (Vec::new(), Default::default(), Vec::new());
        Self { first, others, late, current: [0; 2], latest: 0, unanswered, channels }
    }

    /// Whether there are several.
    #[inline]
    pub(in crate::capture) fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// The first of them.
    pub(in crate::capture) fn first(&self) -> &Arc<Flow> {
        &self.first.flow
    }

    /// Whose the latest PDU of a direction was.
    #[inline]
    pub(in crate::capture) fn flow(&self, direction: Direction) -> &Arc<Flow> {
        if self.others.is_empty() {
            return &self.first.flow;
        }
        &self.session(self.current.get(direction.index()).copied().unwrap_or(0)).flow
    }

    /// What the latest message of a direction sets up.
    pub(in crate::capture) fn setups(&mut self, direction: Direction) -> (&Arc<Flow>, &mut SetupWatch) {
        let place = self.current.get(direction.index()).copied().unwrap_or(0);
        let session = self.session_mut(place);
        (&session.flow, &mut session.setups)
    }

    /// The capture lacks bytes that may have been messages. Gives those whose transport may have been agreed upon there.
    #[cold]
    pub(in crate::capture) fn lack_messages(&mut self) -> Vec<Arc<Flow>> {
        self.late = true;
        self.all().filter(|session| !session.set_up && !session.over).map(|session| Arc::clone(&session.flow)).collect()
    }

    /// Those that are not over.
    pub(in crate::capture) fn live(&self) -> impl Iterator<Item = &Arc<Flow>> {
        self.all().filter(|session| !session.over).map(|session| &session.flow)
    }

    /// All of them.
    pub(in crate::capture) fn flows(&self) -> impl Iterator<Item = &Arc<Flow>> {
        self.all().map(|session| &session.flow)
    }

    /// The connection that they are told by is another one, between these ends.
    pub(in crate::capture) fn move_to(&mut self, client: SocketAddr, server: SocketAddr) {
        for session in std::iter::once(&mut self.first).chain(&mut self.others) {
            session.flow = Arc::new(Flow { client, server, ..(*session.flow).clone() });
        }
    }

    /// The connection has ended: who left without a TEARDOWN has left its groups as well.
    pub(in crate::capture) fn leave_groups(&self, at: Timestamp, ports: &mut MediaPorts) {
        for session in self.all() {
            session.setups.leave_groups(&session.flow, at, ports);
        }
    }

    /// An interleaved frame comes.
    #[inline]
    pub(in crate::capture) fn frame(&mut self, direction: Direction, channel: u8) {
        if self.others.is_empty() {
            self.first.set_up |= self.late;
            return;
        }
        let place = self.channels.get(usize::from(channel)).copied().unwrap_or(0);
        self.turn_to(direction, usize::from(place));
    }

    /// Whether a message of the client begins another session.
    pub(in crate::capture) fn is_another(&self, direction: Direction, message: &Message<'_>) -> bool {
        let StartLine::Request { method, url } = message.start_line() else { return false };
        direction == Direction::ClientToServer
            && self.others.len() < MAX_OTHERS
            && self.asked(&method, &url, identifier(message)).is_none()
    }

    /// Another session begins with the next message.
    pub(in crate::capture) fn begin(&mut self, flow: Arc<Flow>) {
        if self.channels.is_empty() {
            self.channels = vec![0; CHANNELS];
        }
        self.others.push(KnownSession::new(flow));
        self.latest = self.others.len();
    }

    /// A message of HTTP comes, which opens what carries all of them: it stands with the first.
    pub(in crate::capture) fn http(&mut self, direction: Direction) {
        self.turn_to(direction, 0);
    }

    /// A message comes.
    pub(in crate::capture) fn message(&mut self, direction: Direction, message: &Message<'_>) {
        match message.start_line() {
            StartLine::Request { method, url } => self.request(direction, message, &method, &url),
            StartLine::Response { status, .. } => self.answer(direction, message, status.unwrap_or_default()),
        }
        self.turn_to(direction, self.latest);
    }

    fn request(&mut self, direction: Direction, message: &Message<'_>, method: &str, url: &str) {
        let id = identifier(message);
        let method = if direction == Direction::ClientToServer { method } else { "" };
        self.latest = self.asked(method, url, id).unwrap_or(self.latest);
        let alone = self.others.is_empty();
        let session = self.session_mut(self.latest);
        // Its SETUP may have been before the capture.
        if let Some(id) = id.filter(|_| alone) {
            session.names.add_id(id);
            session.names.add_url(url_digest(url));
        }
        let method = session.is_asked(method, url, message);
        if let Some(unanswered) = self.unanswered.get_mut(direction.index()) {
            unanswered.ask(message.cseq(), AskedSession { session: self.latest, method });
        }
    }

    /// The session of a request; `None` where it begins another one.
    fn asked(&self, method: &str, url: &str, id: Option<u64>) -> Option<usize> {
        let name = url_digest(url);
        let named = |session: &KnownSession| session.names.has_url(name);
        let held = |session: &KnownSession| id.is_some_and(|id| session.names.has_id(id));
        let both = |session: &KnownSession| named(session) && held(session);
        match method {
            "DESCRIBE" | "ANNOUNCE" => self.last(named).or_else(|| self.last(KnownSession::is_blank)),
            "SETUP" => {
                let found = self.last(both).or_else(|| self.last(named)).or_else(|| self.last(held));
                let found = found.or_else(|| self.below(url, |_| true));
                // The first SETUP of a session has no identifier (RFC 2326, section 12.37).
                let latest = self.session(self.latest);
                let another = id.is_none() && latest.set_up && !latest.described && latest.names.has_ids();
                found.or((!another).then_some(self.latest))
            }
            _ => {
                let found = self.last(both).or_else(|| self.below(url, held));
                let found = found.or_else(|| held(self.session(self.latest)).then_some(self.latest));
                let found = found.or_else(|| self.last(held)).or_else(|| self.last(named));
                found.or_else(|| self.below(url, |_| true)).or(Some(self.latest))
            }
        }
    }

    fn answer(&mut self, direction: Direction, message: &Message<'_>, status: u16) {
        let id = identifier(message);
        let held = |session: &KnownSession| id.is_some_and(|id| session.names.has_id(id));
        let asking = direction.reverse().index();
        // Who numbers the requests of each session apart has some numbers twice.
        let own = |asked: &AskedSession| held(self.session(asked.session));
        let found = self.unanswered.get(asking).and_then(|unanswered| {
            let place = unanswered.place(message.cseq(), own)?;
            Some((place, unanswered.get(place)?.session))
        });
        let Some((place, session)) = found else {
            self.latest = self.last(held).unwrap_or(self.latest);
            return;
        };
        self.latest = session;
        // The final answer is still to come (RFC 2326, section 7.1.1).
        if status < 200 {
            return;
        }
        let removed = self.unanswered.get_mut(asking).and_then(|unanswered| unanswered.remove(place));
        let Some(asked) = removed else { return };
        if let AskedMethod::SetUp(_, transport) = &asked.method
            && status < 300
        {
            self.hand_over_channels(message, transport, asked.session);
        }
        self.session_mut(asked.session).is_answered(&asked.method, message, status < 300, id);
    }

    /// The channels that were agreed upon are this session's from now on.
    fn hand_over_channels(&mut self, message: &Message<'_>, asked: &str, session: usize) {
        let answered = message.header("Transport").unwrap_or_default();
        let transport = Transport::agreed(&answered, (!asked.is_empty()).then_some(asked));
        let Some((rtp, rtcp)) = transport.interleaved else { return };
        for channel in [rtp, rtcp] {
            if let (Some(known), Ok(session)) = (self.channels.get_mut(usize::from(channel)), u8::try_from(session)) {
                *known = session;
            }
        }
    }

    fn turn_to(&mut self, direction: Direction, place: usize) {
        if let Some(current) = self.current.get_mut(direction.index()) {
            *current = place;
        }
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &KnownSession> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn session(&self, place: usize) -> &KnownSession {
        place.checked_sub(1).and_then(|place| self.others.get(place)).unwrap_or(&self.first)
    }

    fn session_mut(&mut self, place: usize) -> &mut KnownSession {
        place.checked_sub(1).and_then(|place| self.others.get_mut(place)).unwrap_or(&mut self.first)
    }

    /// The latest session that is so.
    fn last(&self, is_so: impl Fn(&KnownSession) -> bool) -> Option<usize> {
        let from_last = self.others.iter().rposition(&is_so).map(|place| place + 1);
        from_last.or_else(|| is_so(&self.first).then_some(0))
    }

    /// The latest session that is so, of those whose URL is nearest above this one.
    fn below(&self, url: &str, is_so: impl Fn(&KnownSession) -> bool) -> Option<usize> {
        parents(url).into_iter().find_map(|parent| self.last(|session| session.names.has_url(parent) && is_so(session)))
    }
}

impl KnownSession {
    fn new(flow: Arc<Flow>) -> Self {
        let (setups, names, tracks) = (SetupWatch::default(), SessionNames::default(), Vec::new());
        Self { flow, setups, names, described: false, set_up: false, tracks, over: false }
    }

    /// Nothing says which presentation it has.
    fn is_blank(&self) -> bool {
        !self.described && !self.set_up && !self.names.has_ids()
    }

    /// The client asks for something. What of it is to be remembered until the answer comes.
    fn is_asked(&mut self, method: &str, url: &str, message: &Message<'_>) -> AskedMethod {
        let short = |text: &str| if text.len() <= MAX_TEXT { text.to_owned() } else { String::new() };
        match method {
            "DESCRIBE" | "ANNOUNCE" => {
                self.described = true;
                self.names.add_url(url_digest(url));
                // Who publishes describes the media himself (RFC 2326, section 10.3).
                if !message.body().is_empty() {
                    self.names.describe(url, message);
                }
                AskedMethod::Describe(short(url))
            }
            "SETUP" => {
                self.names.add_url(url_digest(url));
                // Without a description the tracks of one presentation lie beside each other.
                if let Some(parent) = parents(url).first().filter(|_| !self.described) {
                    self.names.add_url(*parent);
                }
                AskedMethod::SetUp(
                    url_digest(url),
                    message.header("Transport").as_deref().map(short).unwrap_or_default(),
                )
            }
            "TEARDOWN" => AskedMethod::TearDown(url_digest(url)),
            _ => AskedMethod::Other,
        }
    }

    fn is_answered(&mut self, asked: &AskedMethod, message: &Message<'_>, granted: bool, id: Option<u64>) {
        match asked {
            AskedMethod::Describe(_) if !granted => self.described = false,
            AskedMethod::Describe(url) => self.names.describe(url, message),
            AskedMethod::SetUp(url, _) if granted => {
                if let Some(id) = id {
                    self.names.add_id(id);
                }
                (self.set_up, self.over) = (true, false);
                if self.tracks.len() < MAX_TRACKS && !self.tracks.contains(url) {
                    self.tracks.push(*url);
                }
            }
            // Without the URL of a track it is all of them (RFC 2326, section 10.7).
            AskedMethod::TearDown(url) if granted => {
                let one = self.tracks.contains(url);
                self.tracks.retain(|track| one && track != url);
                self.over = self.tracks.is_empty();
            }
            _ => {}
        }
    }
}

/// The digest of the session identifier that a message names.
fn identifier(message: &Message<'_>) -> Option<u64> {
    Some(id_digest(&Session::parse(&message.header("Session")?)?.id))
}
