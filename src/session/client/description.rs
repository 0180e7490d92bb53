//! A description whose length the server does not tell: it ends where the connection does.

use crate::rtsp::demux::MAX_BODY;
use crate::rtsp::message::Message;
use crate::session::Client;
use crate::session::client::Phase;
use crate::session::client::request::{Method, Pending};
use crate::time::Timestamp;

/// Whether the body of an answer to DESCRIBE is still to come (RFC 2326, section 4.4).
pub(super) fn is_open(method: Method, response: &Message<'_>) -> bool {
    method == Method::Describe && response.body().is_empty() && response.header("Content-Length").is_none()
}

impl Client {
    /// The answer to DESCRIBE came without its body, which may take as long as the answer could have.
    pub(super) fn await_description(&mut self, pending: Pending) {
        self.description = Some(Vec::new());
        self.pending = Some(pending);
    }

    /// What the demuxer can't place may be part of it.
    pub(super) fn gather(&mut self, junk: &[u8]) {
        if let Some(body) = &mut self.description {
            let room = MAX_BODY.saturating_sub(body.len());
            body.extend_from_slice(junk.get(..room).unwrap_or(junk));
        }
    }

    /// There is no more of it. Whether it was one.
    pub(super) fn take_description(&mut self) -> bool {
        let Some(body) = self.description.take() else { return false };
        self.dialog.describe(&body);
        !body.is_empty()
    }

    /// The connection ended, and with it the description: the session goes on over another one.
    pub(super) fn goes_on_elsewhere(&mut self, now: Timestamp) -> bool {
        if self.phase != Phase::SettingUp || !self.take_description() {
            return false;
        }
        let Some(connect) = self.dialer.again(now) else { return false };
        self.pending = None;
        self.phase = Phase::Connecting;
        self.outputs.push_back(connect);
        true
    }
}
