//! A session held against another one that asked for the same: request by request, and track by track. Two captures side
//! by side.

mod alignment;
mod captures;
mod description;
mod dialogue;
mod differences;
mod figures;
mod headers;
mod meaning;
mod performed;
mod streams;
mod transcript;

use crate::rtsp::mask::masked_text;
use crate::rtsp::message::Message;
use crate::rtsp::url::RtspUrl;

pub use captures::{CaptureComparison, CaptureView, PacketPair, PairedBy, SessionName, SessionPair, TrackPair};
pub use description::LineChange;
pub use dialogue::Latencies;
pub use figures::Change;
pub use headers::HeaderChange;
pub use streams::{Figures, StreamPair, figures};
pub use transcript::{HeardSession, Transcript};

use headers::Presentation;

/// A request, and what became of it then and now.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its place among the recorded ones, from 1; `None` for one that was not recorded.
    pub number: Option<usize>,
    /// Nanoseconds from the opening of the connection to it, now.
    pub at: i64,
    /// Its method.
    pub method: &'a str,
    /// Its URL, now.
    pub url: &'a str,
    /// What became of it then.
    pub then: Fate<'a>,
    /// What became of it now.
    pub now: Fate<'a>,
    /// Its part in a login that was not recorded.
    pub login: Login,
    /// It asked for another transport than then.
    pub moved: bool,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default)]
pub enum Fate<'a> {
    /// An answer.
    Answered {
        /// The status code.
        status: Option<u16>,
        /// Nanoseconds since the request.
        latency: i64,
        /// The answer, if it was kept.
        message: Option<Message<'a>>,
    },
    /// No answer.
    NoAnswer,
    /// It was not sent, as there was no need to, and why.
    LeftOut(&'a str),
    /// It could not be sent, and why.
    NotSent(&'a str),
    /// There was no such request.
    #[default]
    Nothing,
}

/// The part of a request in a login that was not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// None.
    #[default]
    None,
    /// It was asked for credentials, which the next request gives. `known`: the recorded client gave some at once.
    Asked {
        /// The recorded request carried credentials.
        known: bool,
    },
    /// It gives them.
    Given,
}

/// A compared request.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestRow {
    /// Its place among the recorded ones, from 1.
    pub number: Option<usize>,
    /// Nanoseconds from the opening of the connection to it, now.
    pub at: i64,
    /// Its method.
    pub method: String,
    /// Path and query of its URL, without credentials.
    pub path: String,
    /// Status, or what there was instead, then and now.
    pub status: [String; 2],
    /// Nanoseconds to the answer, then and now.
    pub latency: [Option<i64>; 2],
    /// What should be known of it.
    pub remark: Option<String>,
    /// The header fields of the requests that differ, but for what must; where both were captured.
    pub asked: Vec<HeaderChange>,
    /// The header fields of the answers that differ, but for what must.
    pub headers: Vec<HeaderChange>,
    /// The lines of the descriptions that differ, but for identifiers and addresses; of other bodies, whether they do.
    pub body: Vec<LineChange>,
    /// What counts as a difference, in words.
    pub difference: Option<String>,
}

/// The comparison of two sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// A row for each request.
    pub requests: Vec<RequestRow>,
    /// A row for each track.
    pub streams: Vec<StreamPair>,
    /// What had to be done otherwise than then.
    pub notes: Vec<String>,
    /// How the tracks of the descriptions differ, in words.
    pub tracks: Option<String>,
}

impl Comparison {
    /// Adds a request. `presentations` are the URLs of the presentation then and now.
    pub fn request(&mut self, request: &Request<'_>, presentations: [&str; 2]) {
        let row = RequestRow::new(request, &presentations.map(Presentation::new), description::changes);
        if let ("DESCRIBE", Some([then, now])) = (request.method, bodies(request)) {
            self.tracks = description::track_difference(then, now, ["then", "now"]).or(self.tracks.take());
        }
        self.requests.push(row);
    }

    /// The first difference that counts: another status, other header fields, other tracks or encodings, or media that
    /// came then and does not now.
    pub fn first_difference(&self) -> Option<String> {
        let of_requests = || self.requests.iter().find_map(|row| row.difference.clone());
        let of_streams = || self.streams.iter().find_map(StreamPair::difference);
        of_requests().or_else(|| self.tracks.clone()).or_else(of_streams)
    }
}

impl RequestRow {
    /// `described` tells what differs in two descriptions.
    fn new(
        request: &Request<'_>,
        presentations: &[Presentation; 2],
        described: impl FnOnce([&[u8]; 2], &[Presentation; 2]) -> Vec<LineChange>,
    ) -> Self {
        let (then, now) = (request.then, request.now);
        let mut row = Self {
            number: request.number,
            at: request.at,
            method: request.method.to_owned(),
            path: path(request.url),
            status: [then.shown(), now.shown()],
            latency: [then.latency(), now.latency()],
            remark: request.remark(),
            asked: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            difference: None,
        };
        if let (Some([then, now]), false) = (messages(request), matches!(request.login, Login::Asked { .. })) {
            let bodies_differ = then.body() != now.body();
            row.headers = headers::changes([then, now], presentations, bodies_differ, request.moved);
            row.body = match request.method {
                "DESCRIBE" => described([then.body(), now.body()], presentations),
                _ if bodies_differ => LineChange::whole([then.body().len(), now.body().len()]),
                _ => Vec::new(),
            };
        }
        row.difference = row.first_difference(request);
        row
    }

    fn first_difference(&self, request: &Request<'_>) -> Option<String> {
        let name = self.number.map_or_else(|| self.method.clone(), |number| format!("#{number} {}", self.method));
        let [then, now] = &self.status;
        let counts = match (request.then, request.now, request.login) {
            (Fate::Nothing, ..) | (_, Fate::LeftOut(_), _) | (_, _, Login::Asked { known: true }) => return None,
            _ => then != now,
        };
        if counts {
            return Some(format!("{name}: {then} then, {now} now"));
        }
        let field = self.headers.first()?;
        Some(format!("{name}: {field}"))
    }
}

impl Request<'_> {
    fn remark(&self) -> Option<String> {
        match (self.now, self.login, self.then) {
            (Fate::LeftOut(why), ..) => Some(format!("left out: {why}")),
            (Fate::NotSent(why), ..) if !why.is_empty() => Some(format!("not sent: {why}")),
            (_, Login::Asked { .. }, _) => Some("asked for a login".to_owned()),
            (_, Login::Given, _) => Some("again, with credentials".to_owned()),
            (_, _, Fate::Nothing) => Some("not recorded".to_owned()),
            _ if self.moved => Some("over TCP now".to_owned()),
            _ => None,
        }
    }
}

impl Fate<'_> {
    fn shown(self) -> String {
        match self {
            Self::Answered { status: Some(status), .. } => status.to_string(),
            Self::Answered { status: None, .. } => "no status".to_owned(),
            Self::NoAnswer => "no answer".to_owned(),
            Self::LeftOut(_) | Self::NotSent(_) => "not sent".to_owned(),
            Self::Nothing => "-".to_owned(),
        }
    }

    const fn latency(self) -> Option<i64> {
        match self {
            Self::Answered { latency, .. } => Some(latency),
            _ => None,
        }
    }
}

/// Both answers, where both came.
fn messages<'a>(request: &Request<'a>) -> Option<[Message<'a>; 2]> {
    match (request.then, request.now) {
        (Fate::Answered { message: Some(then), .. }, Fate::Answered { message: Some(now), .. }) => Some([then, now]),
        _ => None,
    }
}

/// Both bodies, where both answers are successes.
fn bodies<'a>(request: &Request<'a>) -> Option<[&'a [u8]; 2]> {
    let [then, now] = messages(request)?;
    let good = |message: &Message<'_>| matches!(message.status(), Some(200..=299));
    (good(&then) && good(&now)).then(|| [then.body(), now.body()])
}

/// Path and query, without credentials.
fn path(url: &str) -> String {
    let url = RtspUrl::parse(url).map_or_else(|_| masked_text(url), |url| masked_text(url.as_str()));
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(host..).and_then(|rest| rest.find(['/', '?'])).and_then(|at| url.get(host + at..));
    if host == 0 { url } else { path.unwrap_or("/").to_owned() }
}

#[cfg(test)]
mod tests;
