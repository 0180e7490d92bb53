//! How a client gets to its server: looks the name up, tries each address, follows redirects.

use crate::rtsp::control::join_control;
use crate::rtsp::mask::masked_urls;
use crate::rtsp::message::Message;
use crate::rtsp::url::RtspUrl;
use crate::session::authorization::Authorization;
use crate::session::client::request::Method;
use crate::session::client::{Phase, SessionError};
use crate::session::dialer::{Dial, Dialer};
use crate::session::{Client, Dialog, Output};
use crate::time::Timestamp;

/// Redirects that are followed.
const MAX_REDIRECTS: u8 = 5;

impl Client {
    pub(super) fn resolve(&mut self, now: Timestamp) {
        self.phase = Phase::Resolving;
        self.dialer = Dialer::new(&self.url, self.config.timeouts.connect);
        let resolve = self.dialer.resolve(now);
        self.outputs.push_back(resolve);
    }

    pub(super) fn dial(&mut self, now: Timestamp, dial: Dial) {
        match dial {
            Dial::Do(output) => {
                self.phase = Phase::Connecting;
                self.outputs.push_back(output);
            }
            Dial::Fail(error) => self.fail(now, error),
        }
    }

    /// The dialogue begins, or goes on where a close after a 401 or a description interrupted it.
    pub(super) fn connected(&mut self, now: Timestamp) {
        self.phase = Phase::SettingUp;
        self.dialer.connected();
        match self.pending.take() {
            Some(pending) => self.send_again(now, pending),
            None if self.dialog.description().is_some() => self.described(now),
            None => self.send(now, Method::Options),
        }
    }

    /// The connection ended, and with it a description: the session goes on over another one.
    pub(super) fn goes_on_elsewhere(&mut self, now: Timestamp) -> bool {
        if self.phase != Phase::SettingUp || !self.dialog.end_description() {
            return false;
        }
        let Some(connect) = self.dialer.again(now) else { return false };
        self.pending = None;
        self.phase = Phase::Connecting;
        self.outputs.push_back(connect);
        true
    }

    /// Goes to another server, or another path. The credentials go along to the same host only.
    pub(super) fn redirected(&mut self, now: Timestamp, response: &Message<'_>) {
        let location = response.header("Location").unwrap_or_default().into_owned();
        let error = |why: String| SessionError::Redirect { location: masked_urls(&location), why };
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return self.fail(now, error("too many redirects".to_owned()));
        }
        match RtspUrl::parse(&join_control(self.url.as_str(), Some(&location))) {
            Ok(url) if url.scheme() != "rtsp" => self.fail(now, error(format!("{}:// is not supported", url.scheme()))),
            Ok(url) => {
                // Those of the original server, however many hops led here.
                let credentials =
                    (url.host() == self.config.url.host()).then(|| self.config.credentials.clone()).flatten();
                self.authorization = Authorization::new(url.credentials().cloned().or(credentials));
                self.shown = masked_urls(url.as_str());
                self.url = url;
                self.dialog = Dialog::new();
                self.outputs.push_back(Output::Disconnect);
                self.resolve(now);
            }
            Err(why) => self.fail(now, error(why.to_string())),
        }
    }
}
