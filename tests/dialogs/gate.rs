//! Looks at the credentials of requests, as a server does that has asked for them.

use http_auth::{DigestClient, PasswordParams, parse_challenges};
use md5::{Digest, Md5};

use crate::transcript::{Transcript, header, word};

/// Whom the servers of the transcripts know.
pub(crate) const USER: &str = "user";
/// And how.
pub(crate) const PASSWORD: &str = "password";

/// The latest challenge of a server.
pub(crate) struct Gate {
    reply: Option<String>,
    user: String,
    password: String,
}

/// One that lets in the user of most transcripts.
impl Default for Gate {
    fn default() -> Self {
        Self { reply: None, user: USER.to_owned(), password: PASSWORD.to_owned() }
    }
}

impl Gate {
    /// That of the server of this transcript, which has said nothing yet.
    pub(crate) fn of(transcript: &Transcript) -> Self {
        let default = Self::default();
        let (user, password) = transcript.login.clone().unwrap_or((default.user, default.password));
        Self { reply: None, user, password }
    }

    /// A reply goes out; a 401 is what requests have to answer from now on.
    pub(crate) fn sent(&mut self, reply: &str) {
        if word(reply, 1) == "401" {
            self.reply = Some(reply.to_owned());
        }
    }

    /// The 401 once more, unless the request has the right credentials.
    pub(crate) fn refuses(&self, request: &str) -> Option<String> {
        let challenge = self.reply.as_ref()?;
        let right = header(request, "Authorization").is_some_and(|answer| self.answers(answer, challenge, request));
        (!right).then(|| challenge.clone())
    }

    /// Whether `answer` is a right answer to one of the challenges of a 401.
    fn answers(&self, answer: &str, challenge: &str, request: &str) -> bool {
        let offers = challenge.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
        let scheme = word(answer, 0);
        let offer = offers.into_iter().find(|offer| word(offer, 0) == scheme);
        match scheme {
            "Basic" => offer.is_some() && answer == http_auth::basic::encode_credentials(&self.user, &self.password),
            "Digest" => offer.is_some_and(|offer| self.digest_answers(answer, offer, request)),
            _ => false,
        }
    }

    /// Realm, nonce and response as they must be, and the URL of the request line as `uri`.
    fn digest_answers(&self, answer: &str, offer: &str, request: &str) -> bool {
        let challenges = parse_challenges(offer).expect("a challenge");
        let mut client = DigestClient::try_from(&challenges[0]).expect("a Digest challenge");
        let (method, uri) = (word(request, 0), word(request, 1));
        let params = PasswordParams { username: &self.user, password: &self.password, uri, method, body: None };
        if let Some(cnonce) = parameter(answer, "cnonce") {
            let [realm, nonce] = ["realm", "nonce"].map(|name| parameter(offer, name).unwrap_or_default());
            let ha1 = md5(&format!("{}:{realm}:{}", self.user, self.password));
            let count: String = answer.split_once("nc=").expect("a count").1.chars().take(8).collect();
            let wanted = md5(&format!("{ha1}:{nonce}:{count}:{cnonce}:auth:{}", md5(&format!("{method}:{uri}"))));
            return parameter(answer, "response") == Some(&wanted) && parameter(answer, "uri") == Some(uri);
        }
        let right = client.respond(&params).expect("can be answered");
        ["username", "realm", "nonce", "uri", "response"]
            .into_iter()
            .all(|name| parameter(answer, name).is_some() && parameter(answer, name) == parameter(&right, name))
    }
}

/// In hexadecimal digits.
fn md5(text: &str) -> String {
    format!("{:x}", Md5::digest(text))
}

/// A quoted parameter of an Authorization value.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = value.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}
