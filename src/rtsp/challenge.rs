//! The challenges of `WWW-Authenticate` headers (RFC 7235), read leniently, as cameras write them; and the values of
//! `Authorization`, which have the same form.

use std::borrow::Cow;

use http_auth::digest::DigestClient;
use http_auth::{ChallengeRef, ParamValue};

/// Challenges looked at in one response.
pub(super) const MAX_CHALLENGES: usize = 16;
/// Parameters looked at in one challenge.
const MAX_PARAMS: usize = 32;

/// Takes a header value apart: `SCHEME NAME=VALUE, NAME="VALUE", SCHEME ...`. A word that no `=` follows is a scheme.
/// Commas may be missing or too many, values with spaces unquoted.
pub(crate) fn read_challenges(value: &str) -> Vec<Challenge<'_>> {
    let mut challenges: Vec<Challenge<'_>> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(ends_word);
        let (word, after) = rest.split_at_checked(rest.find(ends_word).unwrap_or(rest.len())).unwrap_or((rest, ""));
        let after = after.trim_start();
        if word.is_empty() {
            return challenges;
        } else if let Some(after) = after.strip_prefix('=') {
            let (value, after) = read_value(after.trim_start());
            if let Some(challenge) = challenges.last_mut() {
                challenge.push(word, value);
            }
            rest = after;
        } else {
            // The second of `qop=auth,auth-int` is none.
            if challenges.len() < MAX_CHALLENGES && !word.eq_ignore_ascii_case("auth-int") {
                challenges.push(Challenge { scheme: word, params: Vec::new() });
            }
            rest = after;
        }
    }
}

/// A scheme and its parameters; the values without quotes, `"` and `\` in them escaped.
pub(crate) struct Challenge<'a> {
    pub(crate) scheme: &'a str,
    params: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Challenge<'a> {
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// Keeps the first of each name; http-auth refuses repeated ones.
    fn push(&mut self, name: &'a str, value: Cow<'a, str>) {
        if self.params.len() < MAX_PARAMS && self.param(name).is_none() {
            self.params.push((name, value));
        }
    }

    /// Empty parameters are left out, and what http-auth couldn't take; it says what it lacks.
    pub(super) fn digest_client(&self) -> Result<DigestClient, String> {
        let mut challenge = ChallengeRef::new(self.scheme);
        for (name, value) in &self.params {
            let is_algorithm = name.eq_ignore_ascii_case("algorithm");
            let is_optional = is_algorithm || name.eq_ignore_ascii_case("qop");
            let value = if is_algorithm { algorithm_name(value) } else { value };
            match ParamValue::try_from_escaped(value) {
                Ok(value) if !is_optional || value.unescaped_len() != 0 => challenge.params.push((name, value)),
                _ => {}
            }
        }
        DigestClient::try_from(&challenge)
    }
}

/// The registered spelling, for `md5`, `SHA256` and such.
fn algorithm_name(given: &str) -> &str {
    const NAMES: [&str; 6] = ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"];
    let letters = |name: &str| name.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase()).collect();
    let wanted: Vec<u8> = letters(given);
    NAMES.into_iter().find(|name| letters(name) == wanted).unwrap_or(given)
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '=' | '"')
}

/// A value in its escaped form, and what follows. Unquoted, it goes up to the comma.
fn read_value(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, after) = quoted.split_at_checked(quoted_len(quoted)).unwrap_or((quoted, ""));
        return (Cow::Borrowed(value), after.strip_prefix('"').unwrap_or(after));
    }
    let (value, after) = text.split_at_checked(text.find(',').unwrap_or(text.len())).unwrap_or((text, ""));
    let value = value.trim_end();
    let is_plain = !value.contains(['"', '\\']);
    let escaped = || Cow::Owned(value.replace('\\', r"\\").replace('"', "\\\""));
    (if is_plain { Cow::Borrowed(value) } else { escaped() }, after)
}

/// Bytes up to the closing quote, or all.
fn quoted_len(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    });
    end.unwrap_or(text.len())
}
