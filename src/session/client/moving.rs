//! Where a session goes on that its server sends away: by an answer (RFC 2326, section 11.2), or by a request REDIRECT in
//! mid-stream (section 10.10).

use std::time::Duration;

use crate::rtsp::headers::clock_start;
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::Message;
use crate::rtsp::reference::resolve_reference;
use crate::rtsp::url::RtspUrl;
use crate::session::authorization::Authorization;
use crate::session::client::phase::{PendingRedirect, PhaseName};
use crate::session::client::{MediaTransport, SessionError};
use crate::session::{Client, Output};
use crate::time::Timestamp;

/// Redirects that are followed without media in between, as RFC 2068 recommends (section 10.3).
const MAX_REDIRECTS: u8 = 5;
/// After media for so long a redirect begins a new count: a recording for weeks may see many.
const STEADY: Duration = Duration::from_secs(10);

impl Client {
    /// A request was answered with a redirect.
    pub(super) fn redirected(&mut self, now: Timestamp, response: &Message<'_>) {
        let location = response.header("Location").unwrap_or_default().into_owned();
        self.follow(now, &location);
    }

    /// HTTP sent the tunnel elsewhere: whether it goes there.
    pub(super) fn tunnel_redirected(&mut self, now: Timestamp, response: &Message<'_>) -> bool {
        let is_redirect = matches!(response.status(), Some(301..=303 | 307 | 308));
        // A WebSocket has a path of its own, which is none of the session's.
        let follows = is_redirect && self.transports.current() == MediaTransport::Http;
        let location = response.header("Location").filter(|_| follows);
        let Some(location) = location.map(|location| as_rtsp(location.trim())) else { return false };
        self.follow(now, &location);
        true
    }

    /// Goes at once where an answer says.
    fn follow(&mut self, now: Timestamp, location: &str) {
        match self.destination(location) {
            Ok(url) => {
                self.note(format!("redirected to {}", masked_text(url.as_str())));
                self.move_to(now, url);
            }
            Err(error) => self.fail(now, error),
        }
    }

    /// The server sent REDIRECT: the session is torn down and begins anew where it says, and when.
    pub(super) fn sent_away(&mut self, now: Timestamp, request: &Message<'_>) {
        let of_another = |session: &str| {
            let known = self.dialog.setups().iter().filter_map(|setup| setup.session.as_deref());
            !known.chain(self.dialog.session_id()).any(|own| own == session)
        };
        let session = request.header("Session");
        let session = session.as_deref().and_then(|session| session.split(';').next()).map(str::trim);
        if !matches!(self.phase.name(), PhaseName::SettingUp | PhaseName::Playing) || session.is_some_and(of_another) {
            return;
        }
        if self.media.lasted().is_some_and(|lasted| lasted >= STEADY) {
            self.redirects = 0;
        }
        // Without a place to go (RFC 7826, section 13.10) there is nothing to do but to wait for the end.
        let Some(location) = request.header("Location") else {
            return self.note("the server sent REDIRECT without a Location".to_owned());
        };
        match self.destination(&location) {
            Ok(url) => {
                self.note(format!("the server sent REDIRECT to {}", masked_text(url.as_str())));
                let at = request.header("Range").and_then(|range| clock_start(&range)).unwrap_or(now);
                self.departure = Some(PendingRedirect { url, at });
                self.depart(now);
            }
            Err(error) => self.fail(now, error),
        }
    }

    /// When it is time to go.
    pub(super) fn departs_at(&self) -> Option<Timestamp> {
        let waits = matches!(self.phase.name(), PhaseName::SettingUp | PhaseName::Playing);
        self.departure.as_ref().map(|departure| departure.at).filter(|_| waits)
    }

    /// Takes leave of this server, if it is time to.
    pub(super) fn depart(&mut self, now: Timestamp) {
        if self.departs_at().is_some_and(|at| at <= now) {
            self.tear_down(now);
        }
    }

    /// Goes on at another server, if this one has sent its client there.
    pub(super) fn move_on(&mut self, now: Timestamp) -> bool {
        let Some(departure) = self.departure.take() else { return false };
        self.move_to(now, departure.url);
        true
    }

    fn destination(&mut self, location: &str) -> Result<RtspUrl, SessionError> {
        let error = |why: String| SessionError::Redirect { location: masked_text(location), why };
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return Err(error("too many redirects".to_owned()));
        }
        if location.trim().is_empty() {
            return Err(error("the answer does not say where to".to_owned()));
        }
        let url = RtspUrl::parse(&resolve_reference(self.url.as_str(), location));
        url.map(|url| url.seen_from(&self.url)).map_err(|why| error(why.to_string()))
    }

    /// Goes to another server, or another path. The credentials go along to the same host only, and not from TLS to
    /// where everybody can read them.
    fn move_to(&mut self, now: Timestamp, url: RtspUrl) {
        // Those of the original server, however many hops led here.
        let original = &self.config.url;
        let same_host = url.plain_host() == original.plain_host();
        let trusted = same_host && (url.is_secure() || !original.is_secure());
        let credentials = trusted.then(|| self.config.credentials.clone()).flatten();
        let credentials = url.credentials().cloned().or(credentials);
        self.original_login = self.login_asked();
        self.tunnel_authorization = Authorization::new(credentials.clone());
        self.authorization = Authorization::new(credentials);
        if same_host {
            self.authorization.raise(self.original_login);
        }
        self.shown = masked_text(url.as_str());
        self.url = url;
        self.forget_session();
        self.outputs.push_back(Output::Disconnect);
        self.resolve(now);
    }
}

/// A URL of HTTP as that of the session that is tunnelled there; others as they are.
fn as_rtsp(url: &str) -> String {
    let same = [("http", "rtsp"), ("https", "rtsps"), ("ws", "rtsp"), ("wss", "rtsps")];
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let known = same.into_iter().find(|(http, _)| scheme.eq_ignore_ascii_case(http));
    known.map_or_else(|| url.to_owned(), |(_, rtsp)| format!("{rtsp}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_tunnels() {
        for (http, rtsp) in [
            ("http://cam:8080/x?y", "rtsp://cam:8080/x?y"),
            ("HTTPS://cam/x", "rtsps://cam/x"),
            ("wss://cam/x", "rtsps://cam/x"),
            ("rtsp://cam/x", "rtsp://cam/x"),
            ("/x?u=http://h/", "/x?u=http://h/"),
        ] {
            assert_eq!(as_rtsp(http), rtsp);
        }
    }
}
