//! When a client answers a challenge, and when it gives up: cameras lock an account after a few wrong tries.

use std::borrow::Cow;

use crate::rtsp::auth::{AuthError, Authenticator, LoginScheme, is_stale};
use crate::rtsp::message::Message;
use crate::rtsp::url::Credentials;
use crate::session::SessionError;

/// How often one request is sent with credentials: the second time with the nonce that replaces a stale one (RFC 7616,
/// section 3.3). More often locks accounts.
const MAX_ATTEMPTS: u8 = 2;

/// The credentials, and what the server's latest challenge makes of them.
#[derive(Debug, Default)]
pub(super) struct Authorization {
    credentials: Option<Credentials>,
    authenticator: Option<Authenticator>,
    /// The server has taken the credentials before.
    proven: bool,
    /// The strongest login that the server has asked for: nothing weaker is answered from then on, as whoever stands in
    /// between could ask for it (RFC 7616, section 5.8).
    strongest: Option<LoginScheme>,
}

/// What to do about a challenge.
pub(super) enum AuthAction {
    Try,
    GiveUp(SessionError),
}

impl Authorization {
    pub(super) fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, ..Self::default() }
    }

    /// The server is known to have asked for this login, if for any.
    pub(super) fn raise(&mut self, asked: Option<LoginScheme>) {
        self.strongest = self.strongest.max(asked);
    }

    /// What answers requests by now.
    pub(super) fn scheme(&self) -> Option<LoginScheme> {
        self.authenticator.as_ref().map(Authenticator::scheme)
    }

    /// The strongest login that the server has asked for.
    pub(super) fn strongest(&self) -> Option<LoginScheme> {
        self.strongest
    }

    /// Whether requests carry an Authorization header.
    pub(super) fn is_known(&self) -> bool {
        self.authenticator.is_some() && self.credentials.is_some()
    }

    /// What the login goes by, and whether the server has taken the credentials.
    pub(super) fn login(&self) -> Option<(&'static str, bool)> {
        Some((self.authenticator.as_ref()?.scheme().name(), self.proven))
    }

    /// The value of the Authorization header, once there was a challenge.
    pub(super) fn header(&mut self, method: &str, url: &str) -> Option<Vec<u8>> {
        Some(self.authenticator.as_mut()?.authorization(self.credentials.as_ref()?, method, url, &[]))
    }

    /// A request was taken that had been sent so often with credentials.
    pub(super) fn succeeded(&mut self, attempts: u8) {
        self.proven |= attempts > 0;
    }

    /// A 401 to a request for this URL that was sent so often with credentials. It is tried again if it had none, or if
    /// its nonce was too old; a server that has taken the credentials before may have changed its nonce without saying
    /// so.
    pub(super) fn challenged(&mut self, attempts: u8, url: &str, response: &Message<'_>) -> AuthAction {
        let authenticator = match self.authenticator(url, response) {
            Ok(authenticator) => authenticator,
            Err(error @ AuthError::Weaker { .. }) => return AuthAction::GiveUp(error.into()),
            // gortsplib's second 401 has no challenge: what it asked for before was refused.
            Err(error) => return AuthAction::GiveUp(self.refused(attempts).unwrap_or(error.into())),
        };
        let scheme = authenticator.scheme().name().to_owned();
        if self.credentials.is_none() {
            return AuthAction::GiveUp(SessionError::CredentialsNeeded { scheme });
        }
        let outdated = self.proven || stale(response);
        if attempts > 0 && !(outdated && attempts < MAX_ATTEMPTS) {
            return AuthAction::GiveUp(SessionError::CredentialsRefused { scheme });
        }
        self.authenticator = Some(authenticator);
        AuthAction::Try
    }

    /// What a 401 says that asks for nothing which could be given, to a request that was sent so often with credentials.
    fn refused(&self, attempts: u8) -> Option<SessionError> {
        let scheme = self.authenticator.as_ref().filter(|_| attempts > 0 && !self.proven)?.scheme().name().to_owned();
        Some(SessionError::CredentialsRefused { scheme })
    }

    /// A 401 for a request that is not sent again: the next one uses the new nonce.
    pub(super) fn renew(&mut self, url: &str, response: &Message<'_>) {
        if let Ok(authenticator) = self.authenticator(url, response) {
            self.authenticator = Some(authenticator);
        }
    }

    /// What answers the challenges of a response, unless that is weaker than what was asked for before.
    fn authenticator(&mut self, url: &str, response: &Message<'_>) -> Result<Authenticator, AuthError> {
        let new = Authenticator::from_challenges(challenges(response).iter(), url)?;
        let now = new.scheme();
        if let Some(before) = self.strongest.filter(|strongest| *strongest > now) {
            return Err(AuthError::Weaker { before, now });
        }
        self.strongest = Some(now);
        Ok(new)
    }
}

fn challenges<'a>(response: &Message<'a>) -> Vec<Cow<'a, [u8]>> {
    ["WWW-Authenticate", "Proxy-Authenticate"].iter().flat_map(|name| response.raw_headers(name)).collect()
}

fn stale(response: &Message<'_>) -> bool {
    is_stale(challenges(response).iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::auth::AuthError;

    fn after(attempts: u8, first: &str, second: &str) -> String {
        let credentials = Credentials { user: "u".to_owned(), password: "p".to_owned() };
        let mut authorization = Authorization::new(Some(credentials));
        let head = |challenge: &str| format!("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{challenge}\r\n");
        let (first, second) = (head(first), head(second));
        assert!(matches!(authorization.challenged(0, URL, &Message::new(first.as_bytes(), &[])), AuthAction::Try));
        match authorization.challenged(attempts, URL, &Message::new(second.as_bytes(), &[])) {
            AuthAction::Try => "once more".to_owned(),
            AuthAction::GiveUp(error) => error.to_string(),
        }
    }

    const URL: &str = "rtsp://cam/live";
    const DIGEST: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";

    #[test]
    fn a_second_401_refuses_the_password_whatever_it_asks_for() {
        let refused = "the server does not accept the user name or password (Digest MD5)";
        for second in [DIGEST, "", "WWW-Authenticate: NTLM\r\n"] {
            assert!(after(1, DIGEST, second).starts_with(refused), "{second}");
        }
        assert_eq!(after(1, DIGEST, &DIGEST.replace("nonce", "stale=true, nonce")), "once more");
    }

    #[test]
    fn nothing_weaker_is_answered_than_what_was_asked_for_before() {
        let sha256 = DIGEST.replace("nonce", "algorithm=SHA-256, nonce");
        let basic = "WWW-Authenticate: Basic realm=\"r\"\r\n";
        for (first, second, told) in [
            (DIGEST, basic, "asked for Digest MD5 before and asks for Basic now"),
            (&sha256, DIGEST, "asked for Digest SHA-256 before and asks for Digest MD5 now"),
        ] {
            for attempts in [0, 1] {
                let said = after(attempts, first, second);
                assert!(said.contains(told) && said.ends_with("the password is not sent in a weaker form"), "{said}");
            }
        }
        assert_eq!(after(0, basic, DIGEST), "once more");
        assert_eq!(after(0, DIGEST, &format!("{basic}{DIGEST}")), "once more");
    }

    #[test]
    fn a_login_that_was_taken_is_not_called_wrong() {
        let credentials = Credentials { user: "u".to_owned(), password: "p".to_owned() };
        let mut authorization = Authorization::new(Some(credentials));
        let heads = ["", DIGEST].map(|challenge| format!("RTSP/1.0 401 No\r\nCSeq: 1\r\n{challenge}\r\n"));
        let [bare, challenge] = heads.each_ref().map(|head| Message::new(head.as_bytes(), &[]));
        assert!(matches!(authorization.challenged(0, URL, &challenge), AuthAction::Try));
        authorization.succeeded(1);
        let AuthAction::GiveUp(error) = authorization.challenged(1, URL, &bare) else {
            panic!("there is nothing to try")
        };
        assert_eq!(error, SessionError::Authentication(AuthError::NotChallenged));
    }

    #[test]
    fn a_401_without_challenge_says_so() {
        let credentials = Credentials { user: "u".to_owned(), password: "p".to_owned() };
        let mut authorization = Authorization::new(Some(credentials));
        let head = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n";
        let AuthAction::GiveUp(error) = authorization.challenged(0, URL, &Message::new(head, &[])) else {
            panic!("there is nothing to try")
        };
        assert_eq!(error, SessionError::Authentication(AuthError::NotChallenged));
    }
}
