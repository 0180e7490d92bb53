//! When a client answers a challenge, and when it gives up: cameras lock an account after a few wrong tries.

use crate::rtsp::auth::{Authenticator, is_stale};
use crate::rtsp::message::Message;
use crate::rtsp::url::Credentials;
use crate::session::SessionError;

/// How often one request is sent with credentials.
const MAX_ATTEMPTS: u8 = 2;

/// The credentials, and what the server's latest challenge makes of them.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    credentials: Option<Credentials>,
    authenticator: Option<Authenticator>,
    /// The server has taken the credentials before.
    proven: bool,
}

/// What to do about a challenge.
pub(super) enum Verdict {
    Try,
    GiveUp(SessionError),
}

impl Authorization {
    pub(super) fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, ..Self::default() }
    }

    /// Whether requests carry an Authorization header.
    pub(super) fn is_known(&self) -> bool {
        self.authenticator.is_some() && self.credentials.is_some()
    }

    /// What the login goes by, and whether the server has taken the credentials.
    pub(super) fn login(&self) -> Option<(&'static str, bool)> {
        Some((self.authenticator.as_ref()?.scheme_name(), self.proven))
    }

    /// The value of the Authorization header, once there was a challenge.
    pub(super) fn header(&mut self, method: &str, url: &str) -> Option<String> {
        self.authenticator.as_mut()?.authorization(self.credentials.as_ref()?, method, url).ok()
    }

    /// A request was taken that had been sent so often with credentials.
    pub(super) fn succeeded(&mut self, attempts: u8) {
        self.proven |= attempts > 0;
    }

    /// A 401 to a request that was sent so often with credentials. It is tried again if it had none, or if its nonce was too old; a server that has
    /// taken the credentials before may have changed its nonce without saying so.
    pub(super) fn challenged(&mut self, attempts: u8, response: &Message<'_>) -> Verdict {
        let authenticator = match authenticator(response) {
            Ok(authenticator) => authenticator,
            Err(error) => return Verdict::GiveUp(error),
        };
        let scheme = authenticator.scheme_name().to_owned();
        if self.credentials.is_none() {
            return Verdict::GiveUp(SessionError::CredentialsNeeded { scheme });
        }
        let outdated = self.proven || stale(response);
        if attempts > 0 && !(outdated && attempts < MAX_ATTEMPTS) {
            return Verdict::GiveUp(SessionError::CredentialsRefused { scheme });
        }
        self.authenticator = Some(authenticator);
        Verdict::Try
    }

    /// A 401 for a request that is not sent again: the next one uses the new nonce.
    pub(super) fn renew(&mut self, response: &Message<'_>) {
        if let Ok(authenticator) = authenticator(response) {
            self.authenticator = Some(authenticator);
        }
    }
}

fn challenges(response: &Message<'_>) -> Vec<String> {
    ["WWW-Authenticate", "Proxy-Authenticate"]
        .iter()
        .flat_map(|name| response.headers(name))
        .map(std::borrow::Cow::into_owned)
        .collect()
}

fn authenticator(response: &Message<'_>) -> Result<Authenticator, SessionError> {
    Ok(Authenticator::from_challenges(challenges(response).iter().map(String::as_str))?)
}

fn stale(response: &Message<'_>) -> bool {
    is_stale(challenges(response).iter().map(String::as_str))
}
