//! Digest (RFC 7616, and the older forms of RFC 2617 and 2069) over the bytes of a challenge, whatever their encoding.
//!
//! Own code, though there are crates: http-auth 0.1.10 refuses realms and nonces that are not ASCII, as cameras from
//! Asia send them (in GB 2312, for one), and takes the body itself for its hash with `qop=auth-int`.

use std::fmt::Write as _;

use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Sha256, Sha512_256};

use super::challenge::Challenge;
use super::url::Credentials;

/// What stays as it is in an extended parameter (`attr-char` of RFC 8187, section 3.2.1).
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The hash function of a Digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DigestHash {
    Md5,
    Sha256,
    Sha512Trunc256,
}

/// Every algorithm that can be answered: its registered name, its hash, and whether the nonces go into the secret.
const ALGORITHMS: [(&str, DigestHash, bool); 6] = [
    ("MD5", DigestHash::Md5, false),
    ("MD5-sess", DigestHash::Md5, true),
    ("SHA-256", DigestHash::Sha256, false),
    ("SHA-256-sess", DigestHash::Sha256, true),
    ("SHA-512-256", DigestHash::Sha512Trunc256, false),
    ("SHA-512-256-sess", DigestHash::Sha512Trunc256, true),
];

/// The algorithm of a challenge in its registered spelling, for `md5`, `SHA256` and such.
fn algorithm(given: &[u8]) -> Option<(&'static str, DigestHash, bool)> {
    let letters = |name: &[u8]| -> Vec<u8> {
        name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    let wanted = letters(given);
    ALGORITHMS.into_iter().find(|(name, ..)| letters(name.as_bytes()) == wanted)
}

/// What a request says of itself, as far as it is hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct HashedRequest<'a> {
    pub(super) method: &'a str,
    /// The URL of the request line, byte for byte.
    pub(super) uri: &'a str,
    pub(super) body: &'a [u8],
}

/// Answers a Digest challenge, and counts the answers.
#[derive(Debug)]
pub(super) struct DigestAnswerer {
    /// As they came, with their escapes; without the quotes.
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    /// The name of the algorithm where the challenge gave one.
    named: Option<&'static str>,
    hash: DigestHash,
    is_session: bool,
    /// `auth`, or `auth-int`; `None` for the form of RFC 2069.
    qop: Option<&'static str>,
    hashes_user: bool,
    is_utf8: bool,
    count: u32,
}

impl DigestAnswerer {
    /// One for this challenge, or what is wrong with it. Empty parameters are taken for missing ones.
    pub(super) fn new(challenge: &Challenge<'_>) -> Result<Self, String> {
        let given = |name: &str| challenge.param(name).filter(|value| !value.is_empty()).map(<[u8]>::to_vec);
        let required =
            |name: &str| challenge.param(name).map(<[u8]>::to_vec).ok_or_else(|| format!("{name} is missing"));
        let is =
            |name: &str, value: &str| given(name).is_some_and(|given| given.eq_ignore_ascii_case(value.as_bytes()));
        let named = given("algorithm");
        let (name, hash, is_session) = algorithm(named.as_deref().unwrap_or(b"MD5"))
            .ok_or_else(|| format!("unknown algorithm \"{}\"", shown(named.as_deref().unwrap_or_default())))?;
        Ok(Self {
            realm: required("realm")?,
            nonce: required("nonce")?,
            opaque: given("opaque"),
            named: named.is_some().then_some(name),
            hash,
            is_session,
            qop: given("qop").map_or(Ok(None), |offered| qop(&offered).map(Some))?,
            hashes_user: is("userhash", "true"),
            is_utf8: is("charset", "UTF-8"),
            count: 0,
        })
    }

    pub(super) fn hash(&self) -> DigestHash {
        self.hash
    }

    /// The value of the `Authorization` header for one request.
    pub(super) fn answer(&mut self, login: &Credentials, request: HashedRequest<'_>) -> Vec<u8> {
        // It only has to differ from answer to answer (RFC 7616, section 3.4).
        self.answer_with(login, request, &format!("{:032x}", fastrand::u128(..)))
    }

    fn answer_with(&mut self, login: &Credentials, request: HashedRequest<'_>, cnonce: &str) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        let count = format!("{:08x}", self.count);
        let response = self.response(login, request, &count, cnonce);
        let mut value = b"Digest ".to_vec();
        self.name_user(login, &mut value);
        let mut quoted = |name: &str, escaped: &[u8]| {
            value.extend_from_slice(format!(", {name}=\"").as_bytes());
            value.extend_from_slice(escaped);
            value.push(b'"');
        };
        quoted("realm", &self.realm);
        quoted("nonce", &self.nonce);
        quoted("uri", &escaped(request.uri.as_bytes()));
        quoted("response", response.as_bytes());
        if self.qop.is_some() || self.is_session {
            quoted("cnonce", cnonce.as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            quoted("opaque", opaque);
        }
        let mut token = |name: &str, token: &str| value.extend_from_slice(format!(", {name}={token}").as_bytes());
        // RFC 2069 has no algorithm but MD5. Without its name, MediaMTX takes any for MD5.
        if let Some(name) = self.named.filter(|name| self.qop.is_some() || *name != "MD5") {
            token("algorithm", name);
        }
        if let Some(qop) = self.qop {
            token("qop", qop);
            token("nc", &count);
        }
        if self.hashes_user {
            token("userhash", "true");
        }
        value
    }

    /// The user, hashed or encoded where the challenge knows of that (RFC 7616, section 3.4.4), else in bytes of UTF-8.
    fn name_user(&self, login: &Credentials, value: &mut Vec<u8>) {
        let user = login.user.as_bytes();
        if self.hashes_user {
            let name = self.hex(&[user, b":", &unescaped(&self.realm)]);
            value.extend_from_slice(format!("username=\"{name}\"").as_bytes());
        } else if self.is_utf8 && !login.user.is_ascii() {
            let name = utf8_percent_encode(&login.user, EXTENDED);
            value.extend_from_slice(format!("username*=UTF-8''{name}").as_bytes());
        } else {
            value.extend_from_slice(b"username=\"");
            value.extend_from_slice(&escaped(user));
            value.push(b'"');
        }
    }

    /// RFC 7616, section 3.4.1. Values are hashed without their escapes.
    fn response(&self, login: &Credentials, request: HashedRequest<'_>, count: &str, cnonce: &str) -> String {
        let (realm, nonce) = (unescaped(&self.realm), unescaped(&self.nonce));
        let mut secret = self.hex(&[login.user.as_bytes(), b":", &realm, b":", login.password.as_bytes()]);
        if self.is_session {
            secret = self.hex(&[secret.as_bytes(), b":", &nonce, b":", cnonce.as_bytes()]);
        }
        let (method, uri) = (request.method.as_bytes(), request.uri.as_bytes());
        let asked = match self.qop {
            Some("auth-int") => self.hex(&[method, b":", uri, b":", self.hex(&[request.body]).as_bytes()]),
            _ => self.hex(&[method, b":", uri]),
        };
        let counts = self.qop.map(|qop| format!("{count}:{cnonce}:{qop}:")).unwrap_or_default();
        self.hex(&[secret.as_bytes(), b":", &nonce, b":", counts.as_bytes(), asked.as_bytes()])
    }

    fn hex(&self, parts: &[&[u8]]) -> String {
        match self.hash {
            DigestHash::Md5 => hex::<Md5>(parts),
            DigestHash::Sha256 => hex::<Sha256>(parts),
            DigestHash::Sha512Trunc256 => hex::<Sha512_256>(parts),
        }
    }
}

/// The quality of protection to take. Whether a body is protected makes no difference where there is none, and few
/// servers get `auth-int` right.
fn qop(offered: &[u8]) -> Result<&'static str, String> {
    let offers = offered.split(|byte| *byte == b',' || byte.is_ascii_whitespace());
    let offers = |wanted: &'static str| offers.clone().any(|offer| offer.eq_ignore_ascii_case(wanted.as_bytes()));
    ["auth", "auth-int"]
        .into_iter()
        .find(|wanted| offers(wanted))
        .ok_or_else(|| format!("unknown qop \"{}\"", shown(offered)))
}

fn hex<D: md5::Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a challenge says, for people.
fn shown(value: &[u8]) -> String {
    String::from_utf8_lossy(value).escape_debug().take(32).collect()
}

/// As it can stand in a quoted string. Line ends would end the header, and are nothing that anybody means.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' | b'\\' => escaped.extend_from_slice(&[b'\\', *byte]),
            b'\r' | b'\n' | 0 => escaped.push(b' '),
            _ => escaped.push(*byte),
        }
    }
    escaped
}

/// What a quoted string stands for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let (mut plain, mut bytes) = (Vec::with_capacity(text.len()), text.iter());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => *bytes.next().unwrap_or(byte),
            _ => *byte,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::challenge::read_challenges;
    use super::*;

    fn login(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), password: password.to_owned() }
    }

    fn answerer(challenge: &[u8]) -> DigestAnswerer {
        DigestAnswerer::new(&read_challenges(challenge)[0]).unwrap()
    }

    /// The `response` of an answer to a challenge of the RFCs, for their client nonce.
    fn rfc(challenge: &str, password: &str, cnonce: &str) -> String {
        let request = HashedRequest { method: "GET", uri: "/dir/index.html", body: b"" };
        let value = answerer(challenge.as_bytes()).answer_with(&login("Mufasa", password), request, cnonce);
        param(&value, "response")
    }

    fn param(value: &[u8], name: &str) -> String {
        String::from_utf8(read_challenges(value)[0].param(name).unwrap().to_vec()).unwrap()
    }

    const PLAY: HashedRequest<'_> = HashedRequest { method: "PLAY", uri: "rtsp://h/x", body: b"" };

    #[test]
    fn the_examples_of_the_rfcs() {
        // RFC 2617, section 3.5
        let md5 = r#"Digest realm="testrealm@host.com", qop="auth,auth-int",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        assert_eq!(rfc(md5, "Circle Of Life", "0a4f113b"), "6629fae49393a05397450978507c4ef1");
        // RFC 7616, section 3.9.1
        let sha256 = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256,
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        assert_eq!(
            rfc(sha256, "Circle of Life", cnonce),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        let md5 = sha256.replace("SHA-256", "MD5");
        assert_eq!(rfc(&md5, "Circle of Life", cnonce), "8ca523f5e9506fed4657c9700eebdbec");
    }

    /// Realm 青 in GB 18030, nonce and opaque in no encoding at all.
    #[test]
    fn bytes_are_hashed_and_echoed_as_they_came() {
        let challenge = b"Digest realm=\"\xc7\xe0\", nonce=\"\xff\x80n\", opaque=\"\xfe\"";
        let value = answerer(challenge).answer(&login("u", "p"), PLAY);
        for echoed in [&b"realm=\"\xc7\xe0\""[..], b"nonce=\"\xff\x80n\"", b"opaque=\"\xfe\""] {
            assert!(value.windows(echoed.len()).any(|bytes| bytes == echoed), "{}", value.escape_ascii());
        }
        let secret = hex::<Md5>(&[b"u:\xc7\xe0:p"]);
        let asked = hex::<Md5>(&[b"PLAY:rtsp://h/x"]);
        assert_eq!(param(&value, "response"), hex::<Md5>(&[secret.as_bytes(), b":\xff\x80n:", asked.as_bytes()]));
    }

    #[test]
    fn auth_int_hashes_the_hash_of_the_body() {
        // The hash of nothing is not nothing (RFC 7616, section 3.4.3).
        let challenge = br#"Digest realm="r", nonce="n", qop="auth-int""#;
        for (body, hash) in
            [(&b""[..], "d41d8cd98f00b204e9800998ecf8427e"), (b"abc", "900150983cd24fb0d6963f7d28e17f72")]
        {
            let value = answerer(challenge).answer_with(&login("u", "p"), HashedRequest { body, ..PLAY }, "c");
            let (secret, asked) = (hex::<Md5>(&[b"u:r:p"]), hex::<Md5>(&[b"PLAY:rtsp://h/x:", hash.as_bytes()]));
            let wanted = format!("{secret}:n:00000001:c:auth-int:{asked}");
            assert_eq!(param(&value, "response"), hex::<Md5>(&[wanted.as_bytes()]));
            assert_eq!(param(&value, "qop"), "auth-int");
        }
        assert_eq!(answerer(br#"Digest realm="r", nonce="n", qop="auth-int,AUTH""#).qop, Some("auth"));
        let odd = DigestAnswerer::new(&read_challenges(br#"Digest realm="r", nonce="n", qop="x""#)[0]);
        assert_eq!(odd.unwrap_err(), "unknown qop \"x\"");
    }

    #[test]
    fn sessions_put_the_nonces_into_the_secret() {
        let challenge = br#"Digest realm="r", nonce="n", algorithm=MD5-sess"#;
        let value = answerer(challenge).answer_with(&login("u", "p"), PLAY, "c");
        let secret = hex::<Md5>(&[format!("{}:n:c", hex::<Md5>(&[b"u:r:p"])).as_bytes()]);
        let wanted = format!("{secret}:n:{}", hex::<Md5>(&[b"PLAY:rtsp://h/x"]));
        assert_eq!(param(&value, "response"), hex::<Md5>(&[wanted.as_bytes()]));
        assert_eq!((param(&value, "cnonce").as_str(), param(&value, "algorithm").as_str()), ("c", "MD5-sess"));
    }

    #[test]
    fn users_whose_name_is_not_ascii() {
        let user = |more: &str| {
            let challenge = format!("Digest realm=\"r\", nonce=\"n\"{more}");
            String::from_utf8(answerer(challenge.as_bytes()).answer(&login("J\u{e4}s\"n", "p"), PLAY)).unwrap()
        };
        assert!(user("").starts_with("Digest username=\"J\u{e4}s\\\"n\", realm"), "{}", user(""));
        assert!(user(", charset=UTF-8").starts_with("Digest username*=UTF-8''J%C3%A4s%22n, realm"));
        let name = hex::<Md5>(&["J\u{e4}s\"n:r".as_bytes()]);
        let hashed = user(", charset=UTF-8, userhash=true");
        assert!(hashed.contains(&format!("username=\"{name}\"")) && hashed.ends_with(", userhash=true"), "{hashed}");
    }

    #[test]
    fn no_text_breaks_out_of_its_quotes() {
        let request = HashedRequest { uri: "rtsp://h/\"\r\nEvil: 1", ..PLAY };
        let value = answerer(b"Digest realm=\"r\", nonce=\"n\"").answer(&login("a\r\nb\"", "p"), request);
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n')));
        assert_eq!(read_challenges(&value).len(), 1);
        assert_eq!(param(&value, "nonce"), "n");
    }
}
