//! How a client gets to its server: looks the name up, tries each address, follows redirects.

use crate::rtsp::control::join_control;
use crate::rtsp::mask::masked_urls;
use crate::rtsp::message::Message;
use crate::rtsp::tunnel::{Half, TunnelRequest};
use crate::rtsp::url::RtspUrl;
use crate::session::authorization::{Authorization, Verdict};
use crate::session::client::request::Method;
use crate::session::client::{ClientConfig, MediaTransport, Phase, SessionError, refusal};
use crate::session::dialer::{Dial, Dialer};
use crate::session::{Client, Output};
use crate::time::Timestamp;

/// Redirects that are followed.
const MAX_REDIRECTS: u8 = 5;

/// What gets to the server of a URL.
pub(super) fn dialer(config: &ClientConfig, url: &RtspUrl, transport: MediaTransport) -> Dialer {
    let dialer = Dialer::new(url, config.timeouts.connect);
    if transport != MediaTransport::Http {
        return dialer;
    }
    let tunnel = TunnelRequest {
        host: url.authority().to_owned(),
        target: url.target(),
        user_agent: config.user_agent.clone(),
        authorization: [None, None],
    };
    dialer.through(tunnel, url)
}

impl Client {
    pub(super) fn resolve(&mut self, now: Timestamp) {
        self.phase = Phase::Resolving;
        self.dialer = dialer(&self.config, &self.url, self.transports.current());
        let resolve = self.dialer.resolve(now);
        self.outputs.push_back(resolve);
    }

    pub(super) fn dial(&mut self, now: Timestamp, dial: Dial) {
        match dial {
            Dial::Do(output) => {
                self.phase = Phase::Connecting;
                self.outputs.push_back(output);
            }
            Dial::Fail(error) if self.transports.current() == MediaTransport::Http => self.tunnel_failed(now, error),
            Dial::Fail(error) => self.fail(now, error),
        }
    }

    /// The dialogue begins, or goes on where a close after a 401 or a description interrupted it.
    pub(super) fn connected(&mut self, now: Timestamp) {
        self.phase = Phase::SettingUp;
        self.dialer.connected();
        self.tunnel_attempts = 0;
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

    /// The server did not open the tunnel: it wants a login first, or has none.
    pub(super) fn tunnel_refused(&mut self, now: Timestamp, response: &Message<'_>) {
        if !matches!(response.status(), Some(401 | 407)) {
            let url = self.url.as_str();
            let error = refusal(Half::Get.method(), url, response, self.transports.current());
            return self.tunnel_failed(now, error);
        }
        match self.tunnel_authorization.challenged(self.tunnel_attempts, response) {
            Verdict::Try => {
                self.tunnel_attempts += 1;
                if let Some(tunnel) = self.dialer.tunnel_mut() {
                    let header = |half: Half| self.tunnel_authorization.header(half.method(), &tunnel.target);
                    tunnel.authorization = [Half::Get, Half::Post].map(header);
                }
                self.outputs.extend(self.dialer.again(now));
            }
            Verdict::GiveUp(error) => self.fail(now, error),
        }
    }

    /// There is no tunnel; the next transport may do.
    fn tunnel_failed(&mut self, now: Timestamp, error: SessionError) {
        match self.transports.untried() {
            Some(next) => self.start_over(now, next, &error.to_string()),
            None => self.fail(now, error),
        }
    }

    /// Goes to another server, or another path. The credentials go along to the same host only, and not from TLS to
    /// where everybody can read them.
    pub(super) fn redirected(&mut self, now: Timestamp, response: &Message<'_>) {
        let location = response.header("Location").unwrap_or_default().into_owned();
        let error = |why: String| SessionError::Redirect { location: masked_urls(&location), why };
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return self.fail(now, error("too many redirects".to_owned()));
        }
        match RtspUrl::parse(&join_control(self.url.as_str(), Some(&location))) {
            Ok(url) => {
                // Those of the original server, however many hops led here.
                let original = &self.config.url;
                let trusted = url.host() == original.host() && (url.is_secure() || !original.is_secure());
                let credentials = trusted.then(|| self.config.credentials.clone()).flatten();
                let credentials = url.credentials().cloned().or(credentials);
                self.tunnel_authorization = Authorization::new(credentials.clone());
                self.authorization = Authorization::new(credentials);
                self.shown = masked_urls(url.as_str());
                self.url = url;
                self.forget_session();
                self.outputs.push_back(Output::Disconnect);
                self.resolve(now);
            }
            Err(why) => self.fail(now, error(why.to_string())),
        }
    }
}
