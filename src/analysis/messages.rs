//! RTSP messages to rows.

use std::borrow::Cow;

use crate::analysis::rows::MessageKind;
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::url::RtspUrl;
use crate::session::dialog::Request;
use crate::time::Timestamp;

/// The parts of a message that its row shows.
#[derive(Debug)]
pub(super) struct MessageParts<'a> {
    pub(super) kind: MessageKind,
    pub(super) method: Option<Cow<'a, str>>,
    pub(super) url: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<Cow<'a, str>>,
    /// Nanoseconds since the request, for a response.
    pub(super) latency: Option<i64>,
}

impl<'a> MessageParts<'a> {
    /// Takes a message apart. `request` is what a response answers.
    pub(super) fn new(at: Timestamp, message: &Message<'a>, request: Option<Request>) -> Self {
        match message.start_line() {
            StartLine::Request { method, url } => Self {
                kind: MessageKind::Request,
                url: Some(without_credentials(&url)),
                method: Some(method),
                status: None,
                reason: None,
                latency: None,
            },
            StartLine::Response { status, reason } => Self {
                kind: MessageKind::Response,
                latency: request.as_ref().map(|request| at.nanos_since(request.at)),
                url: request.as_ref().map(|request| without_credentials(&request.url)),
                method: request.map(|request| Cow::Owned(request.method)),
                status,
                reason: (!reason.is_empty()).then(|| shown(reason)),
            },
        }
    }
}

/// The URL without its user part, and with the credentials among its parameters masked.
pub(super) fn without_credentials(url: &str) -> String {
    match RtspUrl::parse(url) {
        Ok(url) => masked_text(url.as_str()),
        Err(_) => masked_text(url),
    }
}

/// A text of a server without what logs in: some repeat the request.
pub(super) fn shown(text: Cow<'_, str>) -> Cow<'_, str> {
    let masked = masked_text(&text);
    if masked == text { text } else { Cow::Owned(masked) }
}
