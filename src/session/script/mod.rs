//! A recorded session, ready to be played again: what the client asked, what the server said, and its media with their
//! times.

mod assembly;
mod builder;
mod connection_log;
mod error;
mod finder;
mod frame;
pub(super) mod track;

use std::time::Duration;

use crate::rtsp::headers::Session;
use crate::rtsp::message::Message;
use crate::time::Timestamp;
use crate::trace::Close;

pub use builder::{ScriptBuilder, ScriptOptions};
pub use error::ScriptError;
pub use frame::{Frame, Route};
pub use track::ScriptTrack;

use frame::{Bytes, Entry};

/// What client and server of one recorded session said and sent.
#[derive(Debug)]
pub struct Script {
    /// The URL that the recorded client asked for.
    url: String,
    exchanges: Vec<Exchange>,
    /// The session description.
    description: Vec<u8>,
    tracks: Vec<ScriptTrack>,
    /// What the server sent besides its answers, in its order.
    frames: Vec<Entry>,
    /// What the client sent besides its requests.
    client_frames: Vec<Entry>,
    bytes: Bytes,
    /// When PLAY was answered.
    played_at: Timestamp,
    end: End,
    closes_after_teardown: bool,
    session: usize,
    left: ClientExit,
}

/// A request of the recorded client, and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method as written.
    pub method: String,
    /// The Request-URI as written.
    pub url: String,
    /// Nanoseconds since the connection opened.
    pub at: i64,
    request: Recorded,
    answer: Option<ScriptResponse>,
}

#[derive(Clone, Debug)]
struct ScriptResponse {
    message: Recorded,
    /// Nanoseconds since the request.
    latency: i64,
}

/// A message as it was recorded.
#[derive(Clone, Debug)]
struct Recorded {
    head: Vec<u8>,
    body: Vec<u8>,
}

/// How the recorded server ended the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It said BYE and left the connection open.
    Open,
    /// It closed the connection of itself.
    Closed {
        /// Nanoseconds since PLAY was answered.
        after: i64,
        /// How.
        close: Close,
    },
    /// The capture does not tell: the client ended the session, or the capture ended before it.
    Unknown,
}

/// How the recorded client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientExit {
    /// Nanoseconds since the connection opened; the last that was heard where the capture ended before the connection.
    pub at: i64,
    /// How the client closed the connection; `None` if it was not seen to.
    pub close: Option<Close>,
}

impl Recorded {
    fn new(message: &Message<'_>) -> Self {
        Self { head: message.head().to_vec(), body: message.body().to_vec() }
    }

    fn message(&self) -> Message<'_> {
        Message::new(&self.head, &self.body)
    }
}

impl Exchange {
    /// The request.
    pub fn request(&self) -> Message<'_> {
        self.request.message()
    }

    /// The answer, if one came.
    pub fn answer(&self) -> Option<Message<'_>> {
        self.answer.as_ref().map(|answer| answer.message.message())
    }

    /// Nanoseconds from the request to its answer.
    pub fn latency(&self) -> Option<i64> {
        self.answer.as_ref().map(|answer| answer.latency)
    }

    /// The status of the answer.
    pub fn status(&self) -> Option<u16> {
        self.answer()?.status()
    }

    /// Whether the server did not want to: not because of a login, a redirect, a lost session or a transport, which concern
    /// that client alone.
    fn was_refused(&self) -> bool {
        let own = |status: u16| matches!(status, 300..=399 | 401 | 407 | 454..=457 | 461);
        self.status().is_some_and(|status| status >= 300 && !own(status))
    }

    fn succeeded(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }
}

impl Script {
    /// How a server that is like the recorded one answers a request of this method: as it did last, successes before
    /// refusals. What concerned that client alone is left out: logins, redirects, lost sessions.
    pub(super) fn answer(&self, method: &str) -> Option<Message<'_>> {
        let of_method = || self.exchanges.iter().rev().filter(|exchange| exchange.method == method);
        self.success(method).or_else(|| of_method().find(|exchange| exchange.was_refused())?.answer())
    }

    /// The latest answer of success to a request of this method.
    pub(super) fn success(&self, method: &str) -> Option<Message<'_>> {
        let mut exchanges = self.exchanges.iter().rev();
        exchanges.find(|exchange| exchange.method == method && exchange.succeeded())?.answer()
    }

    /// The answer that media are counted from: the first one to PLAY.
    pub(super) fn play_answer(&self) -> Option<Message<'_>> {
        let plays =
            |exchange: &&Exchange| matches!(exchange.method.as_str(), "PLAY" | "RECORD") && exchange.succeeded();
        self.exchanges.iter().find(plays).and_then(Exchange::answer)
    }

    /// The answer to the SETUP of a track, where the recorded client set it up.
    pub(super) fn setup_answer(&self, track: usize) -> Option<Message<'_>> {
        let url = self.tracks.get(track)?.url.as_deref()?;
        let mut exchanges = self.exchanges.iter().rev();
        exchanges.find(|exchange| exchange.method == "SETUP" && exchange.url == url && exchange.succeeded())?.answer()
    }

    /// The answer to the SETUP of a track that the recorded server would not set up.
    pub(super) fn setup_refusal(&self, track: usize) -> Option<Message<'_>> {
        let of_track = |exchange: &&Exchange| exchange.method == "SETUP" && self.track_at(&exchange.url) == Some(track);
        let mut exchanges = self.exchanges.iter().rev().filter(of_track);
        let refused = exchanges.next().filter(|exchange| exchange.was_refused())?;
        exchanges.all(|exchange| !exchange.succeeded()).then(|| refused.answer())?
    }

    /// The session description: the recorded one, or the one given instead.
    pub fn description(&self) -> &[u8] {
        &self.description
    }

    /// A track for each `m=` line of the description.
    pub fn tracks(&self) -> &[ScriptTrack] {
        &self.tracks
    }

    /// The track that a SETUP of this URL means.
    pub(super) fn track_at(&self, url: &str) -> Option<usize> {
        track::at(&self.tracks, url)
    }

    /// The requests of the recorded client, in their order.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// The frame at this place of the order of sending.
    #[inline]
    pub fn frame(&self, index: usize) -> Option<Frame<'_>> {
        self.bytes.frame(self.frames.get(index)?)
    }

    /// What the recorded client sent besides its requests: receiver reports. `after` counts from the opening of the
    /// connection.
    pub fn client_frame(&self, index: usize) -> Option<Frame<'_>> {
        self.bytes.frame(self.client_frames.get(index)?)
    }

    /// How many frames the server sent.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Nanoseconds from the answer to PLAY to the last frame.
    pub(super) fn last_after(&self) -> i64 {
        self.frames.last().map_or(0, |frame| frame.after)
    }

    /// Time from the answer to PLAY to the last frame.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.last_after()).unwrap_or(0))
    }

    /// When the recorded server answered PLAY, by the capture's clock.
    pub fn played_at(&self) -> Timestamp {
        self.played_at
    }

    /// The identifier of the recorded session.
    pub(super) fn session_id(&self) -> Option<String> {
        let answers = self.exchanges.iter().filter(|exchange| exchange.method == "SETUP").filter_map(Exchange::answer);
        let mut values = answers.filter_map(|answer| answer.header("Session"));
        values.find_map(|value| Session::parse(&value)).map(|session| session.id)
    }

    /// Whether the recorded server closed the connection once it had answered TEARDOWN.
    pub(super) fn closes_after_teardown(&self) -> bool {
        self.closes_after_teardown
    }

    /// The number of the session in its capture, from 1.
    pub fn session(&self) -> usize {
        self.session
    }

    /// How the recorded client left.
    pub fn left(&self) -> ClientExit {
        self.left
    }

    /// How it ended.
    pub fn end(&self) -> End {
        self.end
    }

    /// The recorded URL, which tells the path to ask for.
    pub fn url(&self) -> &str {
        &self.url
    }
}
