//! Passwords that the program was given: wherever a server repeats one, it is hidden.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memchr2_iter;

use super::fields::value_start;
use super::names::{MAX_NAME, SecretNames, frames_messages};
use crate::rtsp::url::{Credentials, userinfo_len};

/// What is shorter is found by chance all over a dialogue.
const MIN_SECRET: usize = 4;
/// What is shorter has to stand as a word of its own.
const MIN_WITHIN: usize = 8;
/// More are not looked for: each costs time for each message.
const MAX_SECRETS: usize = 10_000;
/// Words of the protocols. A capture without them could not be read, and who takes one for a password has none.
const PROTOCOL: [&str; 32] = [
    "rtsp",
    "rtsps",
    "http",
    "options",
    "describe",
    "announce",
    "setup",
    "play",
    "pause",
    "record",
    "teardown",
    "redirect",
    "session",
    "transport",
    "public",
    "range",
    "content",
    "unicast",
    "multicast",
    "interleaved",
    "client_port",
    "server_port",
    "video",
    "audio",
    "application",
    "control",
    "rtpmap",
    "fmtp",
    "h264",
    "h265",
    "basic",
    "digest",
];

/// Secrets as they may stand in a text.
#[derive(Clone, Default)]
pub(super) struct KnownSecrets {
    plain: Vec<Vec<u8>>,
}

/// Never shows them.
impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.plain.len())
    }
}

impl KnownSecrets {
    /// Keeps a password, and what Basic makes of it (RFC 7617).
    pub(super) fn add_login(&mut self, Credentials { user, password }: &Credentials) {
        self.add(password.as_bytes());
        if !password.is_empty() {
            self.add(STANDARD_NO_PAD.encode(format!("{user}:{password}")).as_bytes());
        }
    }

    /// Keeps what logs in within a URL: its password, and parameters.
    pub(super) fn add_url(&mut self, url: &str, names: &SecretNames) {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let login = userinfo_len(rest.as_bytes()).and_then(|len| rest.get(..len)).unwrap_or_default();
        if let Some((_, password)) = login.split_once(':') {
            self.add(&unescaped(password.as_bytes()));
        }
        let rest = rest.get(login.len()..).unwrap_or_default();
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        for parameter in query.split('&').chain(path.split(['/', '&', ';'])) {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            if names.hides_word(name.as_bytes()) {
                self.add(&unescaped(value.as_bytes()));
            }
        }
    }

    fn add(&mut self, secret: &[u8]) {
        let is_word = PROTOCOL.iter().any(|word| secret.eq_ignore_ascii_case(word.as_bytes()));
        let is_masked = secret.iter().all(|byte| *byte == b'*');
        let is_wanted = secret.len() >= MIN_SECRET && !is_word && !is_masked && self.plain.len() < MAX_SECRETS;
        if is_wanted && !self.plain.iter().any(|known| known == secret) {
            // A longer one that begins like another is to be found whole.
            let place = self.plain.partition_point(|known| known.len() > secret.len());
            self.plain.insert(place, secret.to_vec());
        }
    }

    /// Overwrites them in place, as they are and with any of their bytes percent-encoded.
    pub(super) fn mask(&self, text: &mut [u8]) {
        for secret in &self.plain {
            let Some(&first) = secret.first() else { continue };
            let mut from = 0;
            while let Some(at) = memchr2_iter(first, b'%', text.get(from..).unwrap_or_default()).next() {
                let at = from + at;
                let end = match_end(text, at, secret).filter(|end| may_hide(text, at, *end, secret));
                if let Some(end) = end {
                    text.get_mut(at..end).unwrap_or_default().fill(b'*');
                }
                from = end.unwrap_or(at + 1);
            }
        }
    }
}

/// Where the secret ends that begins here.
fn match_end(text: &[u8], begin: usize, secret: &[u8]) -> Option<usize> {
    // A `%` of the secret may stand for itself, or be encoded as `%25`.
    [true, false].into_iter().find_map(|decoding| {
        secret.iter().try_fold(begin, |at, byte| {
            let rest = text.get(at..)?;
            let found = *rest.first()?;
            let is_plain = found == *byte || found == b'+' && *byte == b' ';
            let is_encoded = found == b'%' && escaped(rest) == Some(*byte);
            match (is_plain, is_encoded) {
                (_, true) if decoding || !is_plain => Some(at + 3),
                (true, _) => Some(at + 1),
                _ => None,
            }
        })
    })
}

/// Whether what was found is the secret, and not a part of something else that has to be read.
fn may_hide(text: &[u8], begin: usize, end: usize, secret: &[u8]) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let before = begin.checked_sub(1).and_then(|at| text.get(at));
    let is_within = is_part(before) || is_part(text.get(end));
    // Only the beginning of a line can be such a field.
    let before = text.get(begin.saturating_sub(MAX_NAME)..begin).unwrap_or_default();
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_begin = line.len() < before.len() || before.len() == begin;
    let name = line.get(..value_start(line)).and_then(|name| name.strip_suffix(b":")).unwrap_or_default();
    (secret.len() >= MIN_WITHIN || !is_within) && !(is_begin && frames_messages(name))
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(text).collect()
}

/// The byte that `%` and two digits stand for.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    (text.first() == Some(&b'%')).then_some(())?;
    Some(digit(1)? << 4 | digit(2)?)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn knowing(passwords: &[&str]) -> KnownSecrets {
        let mut known = KnownSecrets::default();
        for password in passwords {
            known.add_login(&Credentials { user: "admin".to_owned(), password: (*password).to_owned() });
        }
        known
    }

    fn masked(known: &KnownSecrets, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        known.mask(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_password_that_comes_back_is_hidden() {
        let known = knowing(&["g3heim!/x", "s3cret", "s3cret-and-more"]);
        for (text, hidden) in [
            ("Server: g3heim!/x\r\nX: ag3heim!/xb", "Server: *********\r\nX: a*********b"),
            ("a=control:g3heim%21%2fx/track1", "a=control:*************/track1"),
            ("YWRtaW46ZzNoZWltIS94 YWRtaW46ZzNoZWltIS94", "******************** ********************"),
            ("s3cret, s3cretary; as3cret \"s3cret\"", "******, s3cretary; as3cret \"******\""),
            ("s3cret-and-more", "***************"),
        ] {
            assert_eq!(masked(&known, text), hidden);
        }
        assert_eq!(format!("{known:?}"), "6 secrets");
    }

    #[test]
    fn a_dialogue_can_still_be_read() {
        let known = knowing(&["video", "RTSP", "123", "4711", ""]);
        let text = "RTSP/1.0 200 OK\r\nCSeq: 4711\r\nContent-Length: 4711\r\nX: 4711\r\n\r\nm=video 123";
        assert_eq!(masked(&known, text), text.replace("X: 4711", "X: ****"));
    }

    #[test]
    fn urls_tell_secrets() {
        let mut known = KnownSecrets::default();
        let names = SecretNames::default();
        known.add_url("rtsp://u:p%40ssword@cam/a=1/pwd=inpath?token=ab/cd%2Bef==&user=somebody&channel=12345", &names);
        let text = "p@ssword inpath ab/cd+ef== somebody 12345 p%40ssword";
        assert_eq!(masked(&known, text), "******** ****** ********** somebody 12345 **********");
    }

    proptest! {
        #[test]
        fn found_in_any_encoding(password in "[!-~]{8,20}", around in "[ -~]{0,9}") {
            let known = knowing(&[&password]);
            let encoded = utf8_percent_encode(&password, NON_ALPHANUMERIC).to_string();
            let text = masked(&known, &format!("{around} {password} {encoded} {around}"));
            prop_assert!(!text.contains(&password) && (!text.contains(&encoded) || encoded == password), "{}", text);
        }

        #[test]
        fn lengths_stay(mut text: Vec<u8>, password in "\\PC{4,9}") {
            let len = text.len();
            knowing(&[&password, "%%%%"]).mask(&mut text);
            prop_assert_eq!(text.len(), len);
        }
    }
}
