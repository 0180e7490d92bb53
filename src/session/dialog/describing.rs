//! What a dialogue learns of a presentation: its description, and the URLs that control it.

use crate::rtsp::control::{join_control, resolve_base};
use crate::rtsp::message::Message;
use crate::rtsp::sdp::{Format, Media, SessionDescription};
use crate::rtsp::url::RtspUrl;
use crate::session::dialog::{Dialog, MAX_URL, Request};

impl Dialog {
    pub(super) fn learn_description(&mut self, request: &Request, response: &Message<'_>) {
        let base = response.header("Content-Base");
        let location = response.header("Content-Location");
        let base =
            RtspUrl::parse(&request.url).ok().map(|url| resolve_base(&url, base.as_deref(), location.as_deref()));
        self.presentation += usize::from(base != self.base && !self.setups.is_empty());
        self.base = base;
        self.describe(response.body());
        self.open_description.answered(response);
    }

    /// Whether the latest description is still to come: without a length it ends with the connection (RFC 2326,
    /// section 4.4), or where the client goes on.
    pub fn awaits_description(&self) -> bool {
        self.open_description.is_awaited()
    }

    /// What the server sent that is neither a message nor a frame: it may be part of a description.
    pub fn junk(&mut self, bytes: &[u8]) {
        self.open_description.push(bytes);
    }

    /// No more will come of a description. Whether there was any.
    pub fn end_description(&mut self) -> bool {
        let Some(body) = self.open_description.end() else { return false };
        self.describe(&body);
        true
    }

    pub(super) fn describe(&mut self, body: &[u8]) {
        self.set_description(SessionDescription::parse(body), body.len());
    }

    /// A description whose texts take so many bytes.
    pub(super) fn set_description(&mut self, description: SessionDescription, texts: usize) {
        let formats: usize = description.media.iter().map(|media| media.formats.capacity()).sum();
        self.described = texts + description.media.capacity() * size_of::<Media>() + formats * size_of::<Format>();
        self.description = Some(description);
        self.by_hand = false;
    }

    /// The URL that a SETUP of this `m=` line names; `None` before a description came, and where it can't be sent.
    pub fn control_url(&self, media: &Media) -> Option<String> {
        usable(join_control(self.base.as_deref()?, media.control.as_deref()))
    }

    /// The URL that controls all tracks at once; `None` before a description came.
    pub fn aggregate_url(&self) -> Option<String> {
        let control = self.description.as_ref().and_then(|description| description.control.as_deref());
        usable(join_control(self.base.as_deref()?, control))
    }
}

/// A URL that fits into a request line: a description may hold anything.
fn usable(url: String) -> Option<String> {
    (url.len() <= MAX_URL && !url.chars().any(char::is_control)).then_some(url)
}
