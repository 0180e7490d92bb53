//! A request that waits for its answer, and an answer that is none of those hoped for.

use crate::rtsp::mask::masked_text;
use crate::rtsp::message::{Message, StartLine};
use crate::session::client::config::{MediaTransport, SessionError};
use crate::time::Timestamp;

/// The methods that carry a session forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionMethod {
    Options,
    Describe,
    Setup,
    Play,
    Teardown,
}

impl SessionMethod {
    /// The method's name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Teardown => "TEARDOWN",
        }
    }
}

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct PendingRequest {
    pub(super) method: SessionMethod,
    pub(super) url: String,
    pub(super) cseq: u32,
    pub(super) deadline: Timestamp,
    /// What the deadline may become while nothing is read.
    pub(super) latest: Option<Timestamp>,
    /// How often it went out with an Authorization header.
    pub(super) attempts: u8,
    /// It goes out again because the server asked for credentials.
    pub(super) challenged: bool,
}

/// An answer that is none of those hoped for.
pub(super) fn refusal(method: &str, url: &str, response: &Message<'_>, transport: MediaTransport) -> SessionError {
    let (status, reason) = match response.start_line() {
        StartLine::Response { status, reason } => (status.unwrap_or(0), reason.into_owned()),
        StartLine::Request { .. } => (0, String::new()),
    };
    SessionError::Refused { method: method.to_owned(), url: masked_text(url), status, reason, transport }
}
