//! The challenges of `WWW-Authenticate` headers (RFC 7235), read leniently, as cameras write them; and the values of
//! `Authorization`, which have the same form. Values are bytes: a Digest is computed over them whatever they mean.

use std::borrow::Cow;

use super::reference::resolve_reference;

/// Challenges looked at in one response.
pub(super) const MAX_CHALLENGES: usize = 16;
/// Parameters looked at in one challenge.
const MAX_PARAMS: usize = 32;

/// Takes a header value apart: `SCHEME NAME=VALUE, NAME="VALUE", SCHEME ...`. A word that no `=` follows is a scheme.
/// Commas may be missing or too many, values with spaces unquoted.
pub(crate) fn read_challenges(value: &[u8]) -> Vec<Challenge<'_>> {
    let mut challenges: Vec<Challenge<'_>> = Vec::new();
    let mut rest = value;
    loop {
        rest = from(rest, rest.iter().position(|byte| !ends_word(*byte)));
        let end = rest.iter().position(|byte| ends_word(*byte)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let after = after.trim_ascii_start();
        if word.is_empty() {
            return challenges;
        } else if let Some(after) = after.strip_prefix(b"=") {
            let (value, after) = read_value(after.trim_ascii_start());
            if let Some(challenge) = challenges.last_mut() {
                challenge.push(word, value);
            }
            rest = after;
        } else {
            // The second of `qop=auth,auth-int` is none.
            let is_scheme = challenges.len() < MAX_CHALLENGES && !word.eq_ignore_ascii_case(b"auth-int");
            match challenges.last_mut().filter(|_| !is_scheme) {
                Some(challenge) => challenge.also(word),
                None if is_scheme => challenges.push(Challenge { scheme: word, params: Vec::new() }),
                None => {}
            }
            rest = after;
        }
    }
}

/// A scheme and its parameters; the values without quotes, `"` and `\` in them escaped.
pub(crate) struct Challenge<'a> {
    scheme: &'a [u8],
    params: Vec<(&'a [u8], Cow<'a, [u8]>)>,
}

impl<'a> Challenge<'a> {
    /// Whether it is of this scheme.
    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme.as_bytes())
    }

    /// Its scheme, as text.
    pub(crate) fn scheme(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.scheme)
    }

    /// The first parameter of this name, in any letter case.
    pub(crate) fn param(&self, name: &str) -> Option<&[u8]> {
        let same = |key: &[u8]| key.eq_ignore_ascii_case(name.as_bytes());
        self.params.iter().find(|(key, _)| same(key)).map(|(_, value)| value.as_ref())
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name).map(String::from_utf8_lossy)
    }

    /// Whether its login is for this URL too: `domain` names what URLs begin with for which it is, and without it all are
    /// meant (RFC 7616, section 3.3).
    pub(crate) fn covers(&self, url: &str) -> bool {
        let domain = self.text("domain").unwrap_or_default();
        let mut prefixes = domain.split_whitespace().map(|prefix| resolve_reference(url, prefix)).peekable();
        prefixes.peek().is_none() || prefixes.any(|prefix| url.starts_with(&prefix))
    }

    /// Keeps the first of each name.
    fn push(&mut self, name: &'a [u8], value: Cow<'a, [u8]>) {
        let known = self.params.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        if self.params.len() < MAX_PARAMS && !known {
            self.params.push((name, value));
        }
    }

    /// One more offer of an unquoted `qop`.
    fn also(&mut self, offer: &[u8]) {
        if let Some((_, value)) = self.params.last_mut().filter(|(key, _)| key.eq_ignore_ascii_case(b"qop")) {
            *value = Cow::Owned([value.as_ref(), b",", offer].concat());
        }
    }
}

fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'=' | b'"')
}

/// What is left from a position on; nothing where there is none.
fn from(bytes: &[u8], position: Option<usize>) -> &[u8] {
    position.and_then(|position| bytes.get(position..)).unwrap_or_default()
}

/// A value in its escaped form, and what follows. Unquoted, it goes up to the comma.
fn read_value(bytes: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    if let Some(quoted) = bytes.strip_prefix(b"\"") {
        let (value, after) = quoted.split_at_checked(quoted_len(quoted)).unwrap_or((quoted, &[]));
        return (Cow::Borrowed(value), after.strip_prefix(b"\"").unwrap_or(after));
    }
    let end = bytes.iter().position(|byte| *byte == b',').unwrap_or(bytes.len());
    let (value, after) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let value = value.trim_ascii_end();
    if !value.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
        return (Cow::Borrowed(value), after);
    }
    let escaped = value.iter().flat_map(|byte| {
        let escape = matches!(byte, b'"' | b'\\').then_some(b'\\');
        escape.into_iter().chain([*byte])
    });
    (Cow::Owned(escaped.collect()), after)
}

/// Bytes up to the closing quote, or all.
fn quoted_len(bytes: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = bytes.iter().position(|byte| {
        let closes = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        closes
    });
    end.unwrap_or(bytes.len())
}
