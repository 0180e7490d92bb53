//! The server's side of a login: Basic (RFC 7617) and Digest with MD5 (RFC 2617).

use md5::{Digest as _, Md5};

use super::random::stream_of;
use crate::rtsp::auth::basic;
use crate::rtsp::challenge::{Challenge, read_challenges};
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::url::Credentials;

/// What the login is for.
const REALM: &str = "rtsp-rec";

/// Asks the client of one connection to log in. OPTIONS passes without, every other method needs a login of its own, as
/// always in RTSP.
///
/// The Digest challenge offers no `qop`: live555 and `GStreamer` know none. An answer with `qop=auth` is accepted all the
/// same. The `uri` of an answer must be the URL of the request line, or what that URL begins with: live555 gives the base
/// URL for every track.
#[derive(Clone, Debug)]
pub struct Login {
    digest: Option<Credentials>,
    basic: Option<Credentials>,
    /// Each nonce is good for one request only.
    is_once: bool,
    nonces: fastrand::Rng,
    nonce: String,
    is_used: bool,
}

/// What becomes of an `Authorization` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoginOutcome {
    Good,
    /// Right, but for the nonce.
    Stale,
    Bad,
}

impl Login {
    pub(super) fn new(digest: Option<Credentials>, basic: Option<Credentials>, is_once: bool, seed: u64) -> Self {
        let mut nonces = stream_of(seed, 0, "nonce");
        let nonce = new_nonce(&mut nonces);
        Self { digest, basic, is_once, nonces, nonce, is_used: false }
    }

    /// `None` where the request may pass, else the header fields of the answer 401.
    ///
    /// A right answer to a nonce that is not the current one, or with `stale-nonce` one that has let a request pass
    /// already, gets a new nonce and `stale=true`. A wrong answer, or none, gets the nonce that is current.
    pub fn check(&mut self, method: &str, request: &Message<'_>) -> Option<Vec<(&'static str, String)>> {
        if method == "OPTIONS" || (self.digest.is_none() && self.basic.is_none()) {
            return None;
        }
        let verdict = request.header("Authorization").map_or(LoginOutcome::Bad, |value| {
            let StartLine::Request { url, .. } = request.start_line() else { return LoginOutcome::Bad };
            self.judge(method, &url, &value)
        });
        match verdict {
            LoginOutcome::Good => return None,
            LoginOutcome::Stale => self.renew(),
            LoginOutcome::Bad if self.is_once && self.is_used => self.renew(),
            LoginOutcome::Bad => {}
        }
        Some(self.challenges(verdict == LoginOutcome::Stale))
    }

    fn challenges(&self, is_stale: bool) -> Vec<(&'static str, String)> {
        let stale = if is_stale { ", stale=true" } else { "" };
        let digest = format!(r#"Digest realm="{REALM}", nonce="{}"{stale}"#, self.nonce);
        let basic = format!(r#"Basic realm="{REALM}""#);
        let offered = [self.digest.as_ref().map(|_| digest), self.basic.as_ref().map(|_| basic)];
        offered.into_iter().flatten().map(|challenge| ("WWW-Authenticate", challenge)).collect()
    }

    fn renew(&mut self) {
        self.nonce = new_nonce(&mut self.nonces);
        self.is_used = false;
    }

    fn judge(&mut self, method: &str, url: &str, value: &str) -> LoginOutcome {
        if let Some(login) = &self.basic {
            let expected = basic(login);
            if same_basic(value, &expected) {
                return LoginOutcome::Good;
            }
        }
        let answers = read_challenges(value.as_bytes());
        let Some(answer) = answers.first().filter(|answer| answer.is("Digest")) else {
            return LoginOutcome::Bad;
        };
        if !self.digest.as_ref().is_some_and(|login| is_right(answer, login, method, url)) {
            return LoginOutcome::Bad;
        }
        if answer.param("nonce") != Some(self.nonce.as_bytes()) || (self.is_once && self.is_used) {
            return LoginOutcome::Stale;
        }
        self.is_used = true;
        LoginOutcome::Good
    }
}

/// The name of a scheme is case-insensitive, what follows is not.
fn same_basic(value: &str, expected: &str) -> bool {
    let parts = |text: &str| {
        let (scheme, token) = text.trim().split_once(' ')?;
        Some((scheme.to_ascii_lowercase(), token.trim().to_owned()))
    };
    parts(value).is_some_and(|value| Some(value) == parts(expected))
}

/// Whether a Digest answer fits its own nonce, whichever that is.
fn is_right(answer: &Challenge<'_>, login: &Credentials, method: &str, url: &str) -> bool {
    let param = |name| answer.text(name).unwrap_or_default();
    let uri = param("uri");
    let uri = uri.as_ref();
    let behind = url.strip_prefix(uri.trim_end_matches('/'));
    let is_here = uri == url || behind.is_some_and(|path| uri.len() > 1 && (path.is_empty() || path.starts_with('/')));
    let is_md5 = answer.param("algorithm").is_none_or(|algorithm| algorithm.eq_ignore_ascii_case(b"MD5"));
    let counts = match answer.text("qop").as_deref() {
        None | Some("") => String::new(),
        Some(qop) if qop.eq_ignore_ascii_case("auth") => format!("{}:{}:{qop}:", param("nc"), param("cnonce")),
        Some(_) => return false,
    };
    let expected = response(login, REALM, &format!("{}:{counts}", param("nonce")), method, uri);
    is_here && is_md5 && param("response").eq_ignore_ascii_case(&expected)
}

/// The `response` of RFC 2617, section 3.2.2. `middle` is what stands between the two hashes: nonce and colon, with a
/// qop its counts as well.
fn response(login: &Credentials, realm: &str, middle: &str, method: &str, uri: &str) -> String {
    let Credentials { user, password } = login;
    let secret = hex_md5(&format!("{user}:{realm}:{password}"));
    let request = hex_md5(&format!("{method}:{uri}"));
    hex_md5(&format!("{secret}:{middle}{request}"))
}

fn hex_md5(text: &str) -> String {
    format!("{:x}", Md5::digest(text))
}

fn new_nonce(rng: &mut fastrand::Rng) -> String {
    format!("{:032x}", rng.u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::auth::{Authenticator, is_stale};

    const URL: &str = "rtsp://h/x/track1";

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: password.to_owned() }
    }

    fn login(digest: bool, basic: bool, is_once: bool) -> Login {
        let user = || credentials("user", "pass word");
        Login::new(digest.then(user), basic.then(user), is_once, 7)
    }

    fn ask(login: &mut Login, method: &str, authorization: Option<&str>) -> Option<Vec<String>> {
        let field = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        let head = format!("{method} {URL} RTSP/1.0\r\nCSeq: 1\r\n{field}\r\n");
        let fields = login.check(method, &Message::new(head.as_bytes(), &[]))?;
        assert!(fields.iter().all(|(name, _)| *name == "WWW-Authenticate"));
        Some(fields.into_iter().map(|(_, value)| value).collect())
    }

    fn client(challenges: &[String]) -> Authenticator {
        Authenticator::from_challenges(challenges.iter().map(String::as_str), URL).unwrap()
    }

    fn answer(client: &mut Authenticator, method: &str) -> String {
        String::from_utf8(client.authorization(&credentials("user", "pass word"), method, URL, b"")).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc_and_of_real_servers() {
        // RFC 2617, section 3.5
        let middle = "dcd98b7102dd2f0e8b11d0f600bfb0c093:00000001:0a4f113b:auth:";
        let mufasa = credentials("Mufasa", "Circle Of Life");
        let found = response(&mufasa, "testrealm@host.com", middle, "GET", "/dir/index.html");
        assert_eq!(found, "6629fae49393a05397450978507c4ef1");
        // Without qop: what Darwin Streaming Server, GStreamer and live555 accepted.
        let user = credentials("user", "password");
        for (realm, nonce, uri, expected) in [
            (
                "Streaming Server",
                "b6e2d4b69aa21558e391c0861ad0b9bf:",
                "rtsp://127.0.0.1:5541/secure/sample_h264_100kbit.mp4",
                "829227bed02e6ad0a348929014886f62",
            ),
            (
                "GStreamer RTSP Server",
                "07cac2e5ef5286fd:",
                "rtsp://127.0.0.1:8556/av",
                "2196aea31301b651aae304057c98a3f1",
            ),
            (
                "LIVE555 Streaming Media",
                "c6588da7d6360e6452794e1728b6e0f6:",
                "rtsp://127.0.0.1:8575/h264_aac.mkv",
                "f8dc407b79af363e27b6321a3a523c23",
            ),
        ] {
            assert_eq!(response(&user, realm, nonce, "DESCRIBE", uri), expected);
        }
    }

    #[test]
    fn our_own_client_logs_in() {
        for (digest, basic, scheme) in [(true, false, "Digest MD5"), (false, true, "Basic"), (true, true, "Digest MD5")]
        {
            let mut login = login(digest, basic, false);
            assert_eq!(ask(&mut login, "OPTIONS", None), None);
            let challenges = ask(&mut login, "DESCRIBE", None).unwrap();
            assert_eq!(challenges.len(), usize::from(digest) + usize::from(basic));
            let mut client = client(&challenges);
            assert_eq!(client.scheme().name(), scheme);
            for method in ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"] {
                assert_eq!(ask(&mut login, method, Some(&answer(&mut client, method))), None, "{method}");
            }
            let other = client.authorization(&credentials("user", "wrong"), "PLAY", URL, b"");
            let other = String::from_utf8(other).unwrap();
            let refused = ask(&mut login, "PLAY", Some(&other)).unwrap();
            assert_eq!(refused, challenges, "the nonce is still good");
        }
        assert_eq!(ask(&mut login(false, false, false), "DESCRIBE", None), None);
    }

    #[test]
    fn either_scheme_passes_where_both_are_offered() {
        let mut login = login(true, true, false);
        let basic = ask(&mut login, "PLAY", None).unwrap().split_off(1);
        assert_eq!(ask(&mut login, "PLAY", Some(&answer(&mut client(&basic), "PLAY"))), None);
        let digest_only = &mut self::login(true, false, false);
        assert!(ask(digest_only, "PLAY", Some(&answer(&mut client(&basic), "PLAY"))).is_some());
    }

    #[test]
    fn answers_with_qop_are_accepted() {
        let mut login = login(true, false, false);
        let offered = ask(&mut login, "PLAY", None).unwrap().remove(0);
        let mut client = client(&[format!("{offered}, qop=\"auth\", opaque=\"o\"")]);
        for _ in 0..2 {
            let answer = answer(&mut client, "PLAY");
            assert!(answer.contains("cnonce"), "{answer}");
            assert_eq!(ask(&mut login, "PLAY", Some(&answer)), None);
            assert!(ask(&mut login, "PLAY", Some(&answer.replace("qop=auth", "qop=auth-int"))).is_some());
        }
    }

    #[test]
    fn the_uri_is_that_of_the_request_or_its_base() {
        let user = credentials("user", "pass word");
        let mut login = login(true, false, false);
        let mut client = client(&ask(&mut login, "SETUP", None).unwrap());
        for (uri, passes) in [
            (URL, true),
            ("rtsp://h/x/", true),
            ("rtsp://h/x", true),
            ("rtsp://h/y/", false),
            ("rtsp://h/x/tra", false),
            ("/", false),
            ("rtsp://h/x/track1/a", false),
        ] {
            let answer = String::from_utf8(client.authorization(&user, "SETUP", uri, b"")).unwrap();
            assert_eq!(ask(&mut login, "SETUP", Some(&answer)).is_none(), passes, "{uri}");
        }
        let other_method = answer(&mut client, "PLAY");
        assert!(ask(&mut login, "SETUP", Some(&other_method)).is_some());
    }

    #[test]
    fn a_stale_nonce_costs_each_request_a_second_try() {
        let mut login = login(true, false, true);
        let mut challenges = ask(&mut login, "DESCRIBE", None).unwrap();
        assert!(!is_stale(challenges.iter().map(String::as_str)));
        assert_eq!(ask(&mut login, "DESCRIBE", Some(&answer(&mut client(&challenges), "DESCRIBE"))), None);
        for method in ["SETUP", "SETUP", "PLAY"] {
            let old = challenges.clone();
            challenges = ask(&mut login, method, Some(&answer(&mut client(&challenges), method))).unwrap();
            assert!(is_stale(challenges.iter().map(String::as_str)), "{challenges:?}");
            assert_ne!(challenges, old);
            assert_eq!(ask(&mut login, method, Some(&answer(&mut client(&challenges), method))), None);
        }
        let wrong = client(&challenges).authorization(&credentials("user", "x"), "PLAY", URL, b"");
        let wrong = String::from_utf8(wrong).unwrap();
        let refused = ask(&mut login, "PLAY", Some(&wrong)).unwrap();
        assert!(!is_stale(refused.iter().map(String::as_str)), "a wrong password is not stale");
        assert_eq!(ask(&mut login, "PLAY", Some(&answer(&mut client(&refused), "PLAY"))), None, "and has a good nonce");
    }

    #[test]
    fn a_nonce_of_another_connection_is_stale() {
        let mut login = login(true, false, false);
        let foreign = [r#"Digest realm="rtsp-rec", nonce="abc""#.to_owned()];
        let challenges = ask(&mut login, "PLAY", Some(&answer(&mut client(&foreign), "PLAY"))).unwrap();
        assert!(is_stale(challenges.iter().map(String::as_str)));
        assert_eq!(ask(&mut login, "PLAY", Some(&answer(&mut client(&challenges), "PLAY"))), None);
    }

    proptest::proptest! {
        #[test]
        fn no_value_panics_or_passes(value in r#"([Dd]igest |[Bb]asic |username|uri|nonce|response|qop|nc|[=," \\é]|"[a-z]*"|MD5|auth){0,30}"#) {
            let mut login = login(true, true, true);
            proptest::prop_assert!(ask(&mut login, "PLAY", Some(&value)).is_some());
        }
    }
}
