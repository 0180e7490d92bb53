//! How a client gets to its server: looks the name up, tries each address, follows redirects.

use std::net::SocketAddr;

use crate::rtsp::control::join_control;
use crate::rtsp::mask::masked_urls;
use crate::rtsp::message::Message;
use crate::rtsp::url::RtspUrl;
use crate::session::authorization::Authorization;
use crate::session::client::request::Method;
use crate::session::client::{Phase, SessionError};
use crate::session::{Client, Dialog, Output};
use crate::time::Timestamp;

/// Redirects that are followed.
const MAX_REDIRECTS: u8 = 5;

impl Client {
    pub(super) fn resolve(&mut self, now: Timestamp) {
        self.phase = Phase::Resolving;
        self.connect_deadline = Some(now + self.config.timeouts.connect);
        self.outputs.push_back(Output::Resolve { host: self.url.host().to_owned(), port: self.url.port() });
    }

    pub(super) fn connect_next(&mut self, now: Timestamp, why: &str) {
        if let Some(address) = self.addresses.pop_front() {
            return self.connect(now, address);
        }
        let address = self.address.map_or_else(|| self.url.host().to_owned(), |address| address.to_string());
        self.fail(now, SessionError::Connect { address, why: why.to_owned() });
    }

    pub(super) fn connect(&mut self, now: Timestamp, address: SocketAddr) {
        self.phase = Phase::Connecting;
        self.address = Some(address);
        self.connect_deadline = Some(now + self.config.timeouts.connect);
        self.outputs.push_back(Output::Connect(address));
    }

    /// The dialogue begins, or goes on where a close after a 401 interrupted it.
    pub(super) fn connected(&mut self, now: Timestamp) {
        self.phase = Phase::SettingUp;
        self.connect_deadline = None;
        match self.pending.take() {
            Some(pending) => self.send_again(now, pending),
            None => self.send(now, Method::Options),
        }
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
