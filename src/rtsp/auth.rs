//! Logging in: from the challenges of a 401 response to the `Authorization` value of the next request (RFC 7235; Basic,
//! RFC 7617; Digest, RFC 7616 and the older forms of RFC 2617 and 2069).
//!
//! The digests are http-auth's; its parser is strict, so `challenge` takes challenges apart, as cameras write them.

use http_auth::PasswordParams;
use http_auth::digest::{Algorithm, DigestClient, Qop};
use serde::Serialize;

use super::challenge::{Challenge, MAX_CHALLENGES, read_challenges};
use super::url::Credentials;

/// Why there is no `Authorization` value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The challenge or the URL holds what can't be written into an answer.
    #[error("can't answer the server's challenge: {0}")]
    Unanswerable(String),
}

/// Answers a server's challenge for as long as its nonce is good, and counts the answers.
#[derive(Debug)]
pub struct Authenticator {
    scheme: Scheme,
}

#[derive(Debug)]
enum Scheme {
    Basic,
    Digest(DigestClient),
}

impl Authenticator {
    /// Takes the strongest challenge out of the values of all `WWW-Authenticate` headers of a response: Digest with
    /// SHA-2 over Digest with MD5 over Basic, of equals the first.
    ///
    /// # Errors
    /// Where none is supported; the error names those offered.
    pub fn from_challenges<'a>(challenges: impl Iterator<Item = &'a str>) -> Result<Self, AuthError> {
        let mut best: Option<Scheme> = None;
        let mut rejected = Vec::new();
        for challenge in challenges.flat_map(read_challenges).take(MAX_CHALLENGES) {
            match Scheme::new(&challenge) {
                Ok(scheme) if best.as_ref().is_none_or(|best| scheme.strength() > best.strength()) => {
                    best = Some(scheme);
                }
                Ok(_) => {}
                Err(reason) => rejected.push(reason),
            }
        }
        let without = || {
            if rejected.is_empty() {
                AuthError::NotChallenged
            } else {
                AuthError::Unsupported { offered: rejected.join(", ") }
            }
        };
        best.map(|scheme| Self { scheme }).ok_or_else(without)
    }

    /// The value of the `Authorization` header for one request. `uri` is the URL of the request line, byte for byte.
    ///
    /// # Errors
    /// Where `uri` or the server's realm can't stand in a quoted string, as what is not ASCII.
    pub fn authorization(&mut self, credentials: &Credentials, method: &str, uri: &str) -> Result<String, AuthError> {
        let Credentials { user, password } = credentials;
        match &mut self.scheme {
            Scheme::Basic => Ok(http_auth::basic::encode_credentials(user, password)),
            Scheme::Digest(client) => {
                // With a body known, auth-int would be preferred, which few servers get right.
                let body = if client.qop() & Qop::Auth { None } else { Some(&[][..]) };
                let params = PasswordParams { username: user, password, uri, method, body };
                let answer = client.respond(&params).map_err(AuthError::Unanswerable)?;
                Ok(with_algorithm(answer, client))
            }
        }
    }

    /// What was chosen, such as `Digest MD5`.
    pub fn scheme_name(&self) -> &'static str {
        match &self.scheme {
            Scheme::Basic => "Basic",
            Scheme::Digest(client) => match client.algorithm() {
                Algorithm::Sha256 => "Digest SHA-256",
                Algorithm::Sha512Trunc256 => "Digest SHA-512-256",
                _ => "Digest MD5",
            },
        }
    }
}

/// Without qop, http-auth leaves the algorithm out, as RFC 2069 has none. `MediaMTX` takes that for MD5.
fn with_algorithm(answer: String, client: &DigestClient) -> String {
    match client.algorithm() {
        Algorithm::Sha256 if client.rfc2069_compat() => format!("{answer}, algorithm=SHA-256"),
        Algorithm::Sha512Trunc256 if client.rfc2069_compat() => format!("{answer}, algorithm=SHA-512-256"),
        _ => answer,
    }
}

impl Scheme {
    /// What answers a challenge, or its scheme and why it can't be answered.
    fn new(challenge: &Challenge<'_>) -> Result<Self, String> {
        let name = challenge.scheme;
        if name.eq_ignore_ascii_case("Basic") {
            Ok(Self::Basic)
        } else if name.eq_ignore_ascii_case("Digest") {
            challenge.digest_client().map(Self::Digest).map_err(|reason| format!("{name} ({reason})"))
        } else {
            Err(name.escape_debug().take(MAX_NAME).collect())
        }
    }

    fn strength(&self) -> u8 {
        match self {
            Self::Basic => 0,
            Self::Digest(client) => match client.algorithm() {
                Algorithm::Sha512Trunc256 => 3,
                Algorithm::Sha256 => 2,
                _ => 1,
            },
        }
    }
}

/// Whether a challenge says `stale=true`: the password was right, the nonce is used up (RFC 7616, section 3.3).
pub fn is_stale<'a>(challenges: impl Iterator<Item = &'a str>) -> bool {
    let is_true = |value: &str| value.eq_ignore_ascii_case("true");
    challenges.flat_map(read_challenges).any(|challenge| challenge.param("stale").is_some_and(is_true))
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
pub fn offered_logins<'a>(challenges: impl Iterator<Item = &'a str>) -> Vec<OfferedLogin> {
    let text = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
    let login = |challenge: Challenge<'_>| {
        let param = |name: &str| challenge.param(name).filter(|value| !value.is_empty()).map(text);
        OfferedLogin {
            scheme: challenge.scheme.chars().take(MAX_NAME).collect(),
            algorithm: param("algorithm"),
            qop: param("qop"),
            realm: param("realm"),
            stale: param("stale").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        }
    };
    challenges.flat_map(read_challenges).take(MAX_CHALLENGES).map(login).collect()
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
        let mut authenticator = Authenticator::from_challenges(challenges.iter().copied()).unwrap();
        authenticator.authorization(&credentials(user, password), method, uri).unwrap()
    }

    fn scheme(challenges: &[&str]) -> &'static str {
        Authenticator::from_challenges(challenges.iter().copied()).unwrap().scheme_name()
    }

    /// The response that RFC examples give for their cnonce.
    fn rfc_response(challenge: &str, password: &str, cnonce: &str) -> String {
        let authenticator = Authenticator::from_challenges([challenge].into_iter()).unwrap();
        let Scheme::Digest(mut client) = authenticator.scheme else { panic!("Basic") };
        let params = PasswordParams { username: "Mufasa", password, uri: "/dir/index.html", method: "GET", body: None };
        let answer = client.respond_with_testing_cnonce(&params, cnonce).unwrap();
        read_challenges(&answer)[0].param("response").unwrap().to_owned()
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
    fn answers_the_examples_of_the_rfcs() {
        // RFC 2617, section 3.5
        let md5 = r#"Digest realm="testrealm@host.com", qop="auth,auth-int",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        assert_eq!(rfc_response(md5, "Circle Of Life", "0a4f113b"), "6629fae49393a05397450978507c4ef1");
        // RFC 7616, section 3.9.1
        let sha256 = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256,
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        assert_eq!(
            rfc_response(sha256, "Circle of Life", cnonce),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        let md5 = sha256.replace("SHA-256", "MD5");
        assert_eq!(rfc_response(&md5, "Circle of Life", cnonce), "8ca523f5e9506fed4657c9700eebdbec");
        // RFC 7617, sections 2 and 2.1
        let basic = ["Basic realm=\"WallyWorld\""];
        assert_eq!(answer(&basic, "Aladdin", "open sesame", "", ""), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(answer(&basic, "test", "123\u{a3}", "", ""), "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn counts_the_answers_and_echoes_opaque() {
        let challenge = r#"Digest realm="r", nonce="n", qop="auth", opaque="o""#;
        let mut authenticator = Authenticator::from_challenges([challenge].into_iter()).unwrap();
        for count in ["nc=00000001", "nc=00000002"] {
            let value = authenticator.authorization(&credentials("u", "p"), "PLAY", "rtsp://h/").unwrap();
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
    fn names_what_it_cannot_answer() {
        let error = |challenges: &[&str]| Authenticator::from_challenges(challenges.iter().copied()).unwrap_err();
        let text = error(&["NTLM, Digest realm=\"r\", nonce=\"n\", algorithm=X", "Digest realm=\"r\""]).to_string();
        assert!(
            text.ends_with(r#"but NTLM, Digest (unknown algorithm "X"), Digest (missing required parameter nonce)"#),
            "{text}"
        );
        assert_eq!(error(&[]), AuthError::NotChallenged);
        let mut digest = Authenticator::from_challenges([r#"Digest realm="r", nonce="n""#].into_iter()).unwrap();
        let answer = digest.authorization(&credentials("u", "secret"), "PLAY", "rtsp://h/é").unwrap_err();
        assert!(!answer.to_string().contains("secret"), "{answer}");
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
        fn never_panics(text in r#"([Dd]igest|Basic|realm|nonce|algorithm|qop|stale|[=," \\é]|"a"|MD5|auth){0,30}"#) {
            let _ = (is_stale([text.as_str()].into_iter()), offered_logins([text.as_str()].into_iter()));
            if let Ok(mut authenticator) = Authenticator::from_challenges([text.as_str()].into_iter()) {
                let _ = authenticator.authorization(&credentials(&text, &text), &text, &text);
            }
        }
    }
}
