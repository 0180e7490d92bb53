//! Looks at the credentials of requests, as a server does that has asked for them.

use http_auth::{DigestClient, PasswordParams, parse_challenges};

use crate::transcript::{header, word};

/// Whom the servers of the transcripts know.
pub(crate) const USER: &str = "user";
/// And how.
pub(crate) const PASSWORD: &str = "password";

/// The latest challenge of a server.
#[derive(Default)]
pub(crate) struct Gate {
    reply: Option<String>,
}

impl Gate {
    /// A reply goes out; a 401 is what requests have to answer from now on.
    pub(crate) fn sent(&mut self, reply: &str) {
        if word(reply, 1) == "401" {
            self.reply = Some(reply.to_owned());
        }
    }

    /// The 401 once more, unless the request has the right credentials.
    pub(crate) fn refuses(&self, request: &str) -> Option<String> {
        let challenge = self.reply.as_ref()?;
        let right = header(request, "Authorization").is_some_and(|answer| answers(answer, challenge, request));
        (!right).then(|| challenge.clone())
    }
}

/// Whether `answer` is a right answer to one of the challenges of a 401.
fn answers(answer: &str, challenge: &str, request: &str) -> bool {
    let offers = challenge.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
    let scheme = word(answer, 0);
    let offer = offers.into_iter().find(|offer| word(offer, 0) == scheme);
    match scheme {
        "Basic" => offer.is_some() && answer == http_auth::basic::encode_credentials(USER, PASSWORD),
        "Digest" => offer.is_some_and(|offer| digest_answers(answer, offer, request)),
        _ => false,
    }
}

/// Realm, nonce and response as they must be, and the URL of the request line as `uri`.
fn digest_answers(answer: &str, offer: &str, request: &str) -> bool {
    let challenges = parse_challenges(offer).expect("a challenge");
    let mut client = DigestClient::try_from(&challenges[0]).expect("a Digest challenge");
    let (method, uri) = (word(request, 0), word(request, 1));
    let params = PasswordParams { username: USER, password: PASSWORD, uri, method, body: None };
    let right = client.respond(&params).expect("can be answered");
    ["username", "realm", "nonce", "uri", "response"]
        .into_iter()
        .all(|name| parameter(answer, name).is_some() && parameter(answer, name) == parameter(&right, name))
}

/// A quoted parameter of an Authorization value.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = value.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}
