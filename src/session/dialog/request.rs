//! What a dialogue remembers of a request until its answer comes.

use crate::rtsp::headers::Transport;
use crate::time::Timestamp;

/// A request that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method as written.
    pub method: String,
    /// The Request-URI as written.
    pub url: String,
    /// Its sequence number.
    pub cseq: Option<u32>,
    /// When it was seen.
    pub at: Timestamp,
    /// The Transport header, for SETUP.
    pub(super) transport: Option<String>,
}

impl Request {
    /// A request that a dialogue does not hold: one of HTTP.
    pub fn new(at: Timestamp, method: &str, url: &str) -> Self {
        Self { method: method.to_owned(), url: url.to_owned(), cseq: None, at, transport: None }
    }

    /// The transports that a SETUP asked for.
    pub fn asked_transports(&self) -> Vec<Transport> {
        self.transport.as_deref().map(Transport::parse_all).unwrap_or_default()
    }

    /// About how many bytes of memory it takes.
    pub fn held(&self) -> usize {
        size_of::<Self>() + self.method.len() + self.url.len() + self.transport.as_ref().map_or(0, String::len)
    }

    /// The interleaved channels that a SETUP asked for.
    pub fn asked_channels(&self) -> Option<(u8, u8)> {
        self.asked_transports().iter().find_map(|transport| transport.interleaved)
    }
}

/// What of a dialogue there is to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeardPart {
    All,
    /// Requests are known not to come.
    Answers,
    /// What was set up before is not known.
    Rest,
}
