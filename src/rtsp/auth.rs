//! Logging in: from the challenges of a 401 response to the `Authorization` value of the next request (RFC 7235; Basic,
//! RFC 7617; Digest, RFC 7616 and the older forms of RFC 2617 and 2069).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::challenge::{Challenge, MAX_CHALLENGES, read_challenges};
use super::digest::{DigestAnswerer, DigestHash, HashedRequest};
use super::url::Credentials;

/// Why there is no `Authorization` value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// None of the challenges can be answered.
    #[error("the server offers no login that is supported (Digest or Basic), but {offered}")]
    Unsupported {
        /// The schemes offered, each with what is wrong with it.
        offered: String,
    },
    /// There is no challenge (RFC 7235, section 3.1, wants one).
    #[error("the server asks for a login (401) and does not say of which kind: WWW-Authenticate is missing")]
    NotChallenged,
    /// The password would go out in a form that is easier to read than the one asked for before (RFC 7616, section 5.8).
    #[error(
        "the server asked for {} before and asks for {} now: the password is not sent in a weaker form", before.name(), now.name()
    )]
    Weaker {
        /// The strongest that it has asked for.
        before: LoginScheme,
        /// The strongest that it asks for now.
        now: LoginScheme,
    },
}

/// A form of login, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LoginScheme {
    /// The password as it is, in base64.
    Basic,
    /// Digest with MD5.
    DigestMd5,
    /// Digest with SHA-256.
    DigestSha256,
    /// Digest with SHA-512/256.
    DigestSha512,
}

impl LoginScheme {
    /// As one says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::DigestMd5 => "Digest MD5",
            Self::DigestSha256 => "Digest SHA-256",
            Self::DigestSha512 => "Digest SHA-512-256",
        }
    }
}

/// Answers a server's challenge for as long as its nonce is good, and counts the answers.
#[derive(Debug)]
pub struct Authenticator {
    /// `None` for Basic.
    digest: Option<DigestAnswerer>,
}

impl Authenticator {
    /// Takes the strongest challenge out of the values of all `WWW-Authenticate` headers of a response: Digest with
    /// SHA-2 over Digest with MD5 over Basic, of equals the first (RFC 7616, section 3.7), but rather one for the URL of
    /// the request than one for others. What names other URLs is answered all the same where it is alone or stronger:
    /// Hikvision's `domain="::"` names none.
    ///
    /// # Errors
    /// Where none is supported; the error names those offered.
    pub fn from_challenges<'a, T>(challenges: impl Iterator<Item = &'a T>, url: &str) -> Result<Self, AuthError>
    where
        T: AsRef<[u8]> + ?Sized + 'a,
    {
        let mut best: Option<(Self, bool)> = None;
        let mut rejected = Vec::new();
        for challenge in challenges.flat_map(|value| read_challenges(value.as_ref())).take(MAX_CHALLENGES) {
            match Self::new(&challenge) {
                Ok(new) => {
                    let covers = challenge.covers(url);
                    if best.as_ref().is_none_or(|(best, covered)| (new.scheme(), covers) > (best.scheme(), *covered)) {
                        best = Some((new, covers));
                    }
                }
                Err(reason) => rejected.push(reason),
            }
        }
        best.map(|(best, _)| best).ok_or_else(|| match rejected.as_slice() {
            [] => AuthError::NotChallenged,
            rejected => AuthError::Unsupported { offered: rejected.join(", ") },
        })
    }

    /// What answers a challenge, or its scheme and why it can't be answered.
    fn new(challenge: &Challenge<'_>) -> Result<Self, String> {
        if challenge.is("Basic") {
            Ok(Self { digest: None })
        } else if challenge.is("Digest") {
            let digest = DigestAnswerer::new(challenge);
            digest.map(|digest| Self { digest: Some(digest) }).map_err(|why| format!("{} ({why})", challenge.scheme()))
        } else {
            Err(challenge.scheme().escape_debug().take(MAX_NAME).collect())
        }
    }

    /// The value of the `Authorization` header for one request, in bytes: what the server wrote is repeated as it came.
    /// `uri` is the URL of the request line, byte for byte.
    pub fn authorization(&mut self, credentials: &Credentials, method: &str, uri: &str, body: &[u8]) -> Vec<u8> {
        match &mut self.digest {
            None => basic(credentials).into_bytes(),
            Some(digest) => digest.answer(credentials, HashedRequest { method, uri, body }),
        }
    }

    /// What was chosen.
    pub fn scheme(&self) -> LoginScheme {
        match self.digest.as_ref().map(DigestAnswerer::hash) {
            None => LoginScheme::Basic,
            Some(DigestHash::Md5) => LoginScheme::DigestMd5,
            Some(DigestHash::Sha256) => LoginScheme::DigestSha256,
            Some(DigestHash::Sha512Trunc256) => LoginScheme::DigestSha512,
        }
    }
}

/// The `Authorization` value of Basic.
pub fn basic(credentials: &Credentials) -> String {
    let Credentials { user, password } = credentials;
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Whether a challenge says `stale=true`: the password was right, the nonce is used up (RFC 7616, section 3.3).
pub fn is_stale<'a, T>(challenges: impl Iterator<Item = &'a T>) -> bool
where
    T: AsRef<[u8]> + ?Sized + 'a,
{
    challenges.flat_map(|value| read_challenges(value.as_ref())).any(|challenge| says_stale(&challenge))
}

fn says_stale(challenge: &Challenge<'_>) -> bool {
    challenge.param("stale").is_some_and(|value| value.eq_ignore_ascii_case(b"true"))
}

/// A login that a server offers, as it says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OfferedLogin {
    /// `Digest`, `Basic`…
    pub scheme: String,
    /// The hash of Digest; MD5 where nothing is said.
    pub algorithm: Option<String>,
    /// The quality of protection of Digest, such as `auth`.
    pub qop: Option<String>,
    /// What the login is for.
    pub realm: Option<String>,
    /// The nonce of the request was used up.
    pub stale: bool,
}

/// What is offered, in the order of the values of all `WWW-Authenticate` headers of a response.
pub fn offered_logins<'a, T>(challenges: impl Iterator<Item = &'a T>) -> Vec<OfferedLogin>
where
    T: AsRef<[u8]> + ?Sized + 'a,
{
    let text = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
    let login = |challenge: Challenge<'_>| {
        let param = |name: &str| challenge.text(name).filter(|value| !value.is_empty()).map(|value| text(&value));
        OfferedLogin {
            scheme: challenge.scheme().chars().take(MAX_NAME).collect(),
            algorithm: param("algorithm"),
            qop: param("qop"),
            realm: param("realm"),
            stale: says_stale(&challenge),
        }
    };
    challenges.flat_map(|value| read_challenges(value.as_ref())).take(MAX_CHALLENGES).map(login).collect()
}

/// Characters of an unknown scheme's name that are repeated, and of other words of a challenge.
const MAX_NAME: usize = 32;
const MAX_TEXT: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: password.to_owned() }
    }

    fn answer(challenges: &[&str], user: &str, password: &str, method: &str, uri: &str) -> String {
        let mut authenticator = Authenticator::from_challenges(challenges.iter().copied(), uri).unwrap();
        String::from_utf8(authenticator.authorization(&credentials(user, password), method, uri, b"")).unwrap()
    }

    fn scheme(challenges: &[&str]) -> &'static str {
        Authenticator::from_challenges(challenges.iter().copied(), "*").unwrap().scheme().name()
    }

    #[test]
    fn answers_real_servers() {
        for (challenges, uri, response) in [
            (
                // Darwin Streaming Server 6.0.3
                &[r#"Digest realm="Streaming Server", nonce="b6e2d4b69aa21558e391c0861ad0b9bf""#][..],
                "rtsp://127.0.0.1:5541/secure/sample_h264_100kbit.mp4",
                "829227bed02e6ad0a348929014886f62",
            ),
            (
                &[r#"Digest realm="GStreamer RTSP Server", nonce="07cac2e5ef5286fd""#],
                "rtsp://127.0.0.1:8556/av",
                "2196aea31301b651aae304057c98a3f1",
            ),
            (
                // MediaMTX quotes the algorithm.
                &[
                    r#"Basic realm="ipcam""#,
                    r#"Digest realm="ipcam", nonce="8798c76d183bd4b54f97a8003321909f", algorithm="MD5""#,
                ],
                "rtsp://127.0.0.1:8604/secret",
                "da2717d033fc16bf750cd49e6745a795",
            ),
            (
                &[r#"Digest realm="LIVE555 Streaming Media", nonce="c6588da7d6360e6452794e1728b6e0f6""#],
                "rtsp://127.0.0.1:8575/h264_aac.mkv",
                "f8dc407b79af363e27b6321a3a523c23",
            ),
        ] {
            let value = answer(challenges, "user", "password", "DESCRIBE", uri);
            assert!(value.contains(&format!(r#"response="{response}""#)), "{value}");
            assert!(value.contains(&format!(r#"uri="{uri}""#)), "{value}");
            assert!(!value.contains("cnonce"), "{value}");
        }
    }

    #[test]
    fn basic_as_in_the_rfc() {
        // RFC 7617, sections 2 and 2.1
        let basic = ["Basic realm=\"WallyWorld\""];
        assert_eq!(answer(&basic, "Aladdin", "open sesame", "", ""), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(answer(&basic, "test", "123\u{a3}", "", ""), "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn counts_the_answers_and_echoes_opaque() {
        let challenge = r#"Digest realm="r", nonce="n", qop="auth", opaque="o""#;
        let mut authenticator = Authenticator::from_challenges([challenge].into_iter(), "rtsp://h/").unwrap();
        for count in ["nc=00000001", "nc=00000002"] {
            let value = authenticator.authorization(&credentials("u", "p"), "PLAY", "rtsp://h/", b"");
            let value = String::from_utf8(value).unwrap();
            assert!(value.contains(count) && value.contains(r#"opaque="o""#), "{value}");
        }
        let value = answer(&[r#"Digest realm="r", nonce="n", algorithm="SHA-256""#], "u", "p", "PLAY", "*");
        assert!(value.ends_with(", algorithm=SHA-256"), "{value}");
        assert!(
            answer(&[r#"Digest realm="r", nonce="n", qop=auth-int"#], "u", "p", "PLAY", "*").contains("qop=auth-int")
        );
    }

    #[test]
    fn takes_the_strongest() {
        let (basic, md5) = (r#"Basic realm="r""#, r#"Digest realm="r", nonce="n""#);
        let sha256 = r#"Digest realm="r", nonce="n", algorithm=SHA-256"#;
        assert_eq!(scheme(&[basic, sha256, md5]), "Digest SHA-256");
        assert_eq!(scheme(&[md5, basic]), "Digest MD5");
        assert_eq!(scheme(&[&[basic, md5, sha256].join(", ")]), "Digest SHA-256");
        assert_eq!(scheme(&["NTLM", "Digest realm=\"r\"", "basic"]), "Basic");
    }

    #[test]
    fn of_equals_the_one_for_this_url_is_taken() {
        let md5 = |realm: &str, domain: &str| format!(r#"Digest realm="{realm}", nonce="n", domain="{domain}""#);
        let sha256 = |realm: &str, domain: &str| format!("{}, algorithm=SHA-256", md5(realm, domain));
        let realm = |challenges: &[String]| {
            let challenges: Vec<&str> = challenges.iter().map(String::as_str).collect();
            let value = answer(&challenges, "u", "p", "DESCRIBE", "rtsp://cam:8554/live/1");
            value.split('"').nth(3).unwrap().to_owned()
        };
        for (first, second, taken) in [
            (md5("a", "/other"), md5("b", ""), "b"),
            (md5("a", "/other"), r#"Digest realm="b", nonce="n""#.to_owned(), "b"),
            (md5("a", "/other rtsp://x/ rtsp://cam:8554/live"), md5("b", ""), "a"),
            (md5("a", "/other"), md5("b", "/live"), "b"),
            (md5("a", "rtsp://other/live"), md5("b", "rtsp://cam:8554/"), "b"),
            (md5("a", "/other"), md5("b", "::"), "a"),
            (md5("a", ""), md5("b", "/live"), "a"),
            // What is stronger is not given up for it.
            (sha256("a", "::"), md5("b", ""), "a"),
            (md5("a", "/other"), sha256("b", "/else"), "b"),
            (md5("a", "/other"), r#"Basic realm="b""#.to_owned(), "a"),
        ] {
            assert_eq!(realm(&[first.clone(), second.clone()]), taken, "{first}, {second}");
            assert_eq!(realm(&[format!("{first}, {second}")]), taken, "in one line");
        }
        assert_eq!(realm(&[md5("a", "/other")]), "a", "where there is no other");
    }

    #[test]
    fn names_what_it_cannot_answer() {
        let error = |challenges: &[&str]| Authenticator::from_challenges(challenges.iter().copied(), "*").unwrap_err();
        let text = error(&["NTLM, Digest realm=\"r\", nonce=\"n\", algorithm=X", "Digest realm=\"r\""]).to_string();
        assert!(text.ends_with(r#"but NTLM, Digest (unknown algorithm "X"), Digest (nonce is missing)"#), "{text}");
        assert_eq!(error(&[]), AuthError::NotChallenged);
    }

    #[test]
    fn reads_what_cameras_send() {
        let plain = answer(&[r#"Digest realm="IP Camera(12345)", nonce="abc""#], "u", "p", "PLAY", "*");
        for odd in [
            "Digest realm=IP Camera(12345) , nonce=abc",
            r#"digest realm="IP Camera(12345)",nonce="abc",stale="FALSE","#,
            r#"Digest  realm = "IP Camera(12345)" nonce="abc" , algorithm = "md5", qop="", opaque="""#,
            r#"Digest realm="IP Camera(12345)", nonce="abc", nonce="def", algorithm="#,
            "Digest\trealm=\"IP Camera(12345)\",,  nonce=\"abc",
        ] {
            assert_eq!(answer(&[odd], "u", "p", "PLAY", "*"), plain, "{odd}");
        }
        assert_eq!(scheme(&["Digest realm=r, qop=auth,auth-int, nonce=n, algorithm=sha256"]), "Digest SHA-256");
        assert!(answer(&[r#"Digest realm=a"b\c, nonce=n"#], "u", "p", "PLAY", "*").contains(r#"realm="a\"b\\c""#));
        assert!(answer(&[r#"Digest realm="a\"b", nonce=n"#], "u", "p", "PLAY", "*").contains(r#"realm="a\"b""#));
    }

    #[test]
    fn sees_stale_nonces() {
        let is_stale = |value| is_stale([r#"Basic realm="r""#, value].into_iter());
        assert!(is_stale(r#"Digest realm="r", nonce="n", stale=true"#));
        assert!(is_stale(r#"Digest realm="r", nonce="n",Stale="TRUE""#));
        assert!(!is_stale(r#"Digest realm="stale=true", nonce="n", stale=false"#));
    }

    #[test]
    fn lists_what_is_offered() {
        let offered = offered_logins(
            [r#"Basic realm="r", NTLM"#, r#"Digest realm="IP cam", nonce="n", algorithm=SHA-256, qop="auth""#]
                .into_iter(),
        );
        let text = |login: &OfferedLogin| {
            let words = [&login.algorithm, &login.qop, &login.realm];
            format!("{} {}", login.scheme, words.map(|word| word.as_deref().unwrap_or("-")).join(" "))
        };
        let texts: Vec<String> = offered.iter().map(text).collect();
        assert_eq!(texts, ["Basic - - r", "NTLM - - -", "Digest SHA-256 auth IP cam"]);
    }

    proptest! {
        #[test]
        fn no_challenge_panics_or_ends_the_header(
            realm in prop::collection::vec(any::<u8>(), 0..20),
            nonce in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let challenge = [b"Digest realm=\"", &realm[..], b"\", nonce=\"", &nonce, b"\""].concat();
            if let Ok(mut authenticator) = Authenticator::from_challenges([&challenge].into_iter(), "*") {
                // A header field that came has no line ends.
                let value = authenticator.authorization(&credentials("u", "p"), "PLAY", "*", b"");
                let ends = |bytes: &[u8]| bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
                prop_assert!(ends(&value) <= ends(&challenge));
            }
        }

        #[test]
        fn never_panics(text in r#"([Dd]igest|Basic|realm|nonce|algorithm|qop|stale|[=," \\é]|"a"|MD5|auth){0,30}"#) {
            let _ = (is_stale([text.as_str()].into_iter()), offered_logins([text.as_str()].into_iter()));
            if let Ok(mut authenticator) = Authenticator::from_challenges([text.as_str()].into_iter(), &text) {
                let _ = authenticator.authorization(&credentials(&text, &text), &text, &text, text.as_bytes());
            }
        }
    }
}
