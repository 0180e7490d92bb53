//! URLs with other hosts and paths: part for part, so that what began or ended another one still does.

use std::net::IpAddr;

use memchr::memmem;

use crate::redact::pseudonyms::Pseudonyms;
use crate::redact::text::{blank, inside, split, trimmed};
use crate::rtsp::url::userinfo_len;

/// What stands between the parts of a path and a query.
const SEPARATORS: &[u8] = b"/?&=;,#:@ \t\r\n\"'<>";
/// What ends host and port.
const BEHIND_AUTHORITY: &[u8] = b"/?#;, \t\r\n\"'<>";
/// Words that many devices use and that tell of none, alone or with a number of up to three digits.
const WORDS: [&[u8]; 17] = [
    b"trackid",
    b"track",
    b"streamid",
    b"stream",
    b"video",
    b"audio",
    b"media",
    b"application",
    b"metadata",
    b"channel",
    b"subtype",
    b"unicast",
    b"multicast",
    b"url",
    b"seq",
    b"rtptime",
    b"rtsp-over-websocket",
];

impl Pseudonyms {
    /// A URL, or a path alone.
    pub(super) fn url(&mut self, text: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(at) = memmem::find(rest, b"://") {
            let (before, behind) = rest.split_at_checked(at + 3).unwrap_or((rest, &[]));
            let scheme = scheme_len(before.get(..at).unwrap_or_default());
            let (path, scheme) = before.split_at_checked(at - scheme).unwrap_or((before, &[]));
            self.path(path, &mut out);
            out.extend_from_slice(scheme);
            rest = self.authority(behind, &mut out);
        }
        self.path(rest, &mut out);
        out
    }

    /// Every absolute URL in a text, and what its words tell; all else stays.
    pub(super) fn urls_in(&mut self, text: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(at) = memmem::find(rest, b"://") {
            let end = rest.iter().skip(at).position(|byte| byte.is_ascii_whitespace() || b"\"'<>".contains(byte));
            let (url, behind) = rest.split_at_checked(end.map_or(rest.len(), |end| at + end)).unwrap_or((rest, &[]));
            let begin = at - scheme_len(url.get(..at).unwrap_or_default());
            let (before, url) = url.split_at_checked(begin).unwrap_or((url, &[]));
            out.extend(self.words_in(before));
            out.extend(self.url(url));
            rest = behind;
        }
        out.extend(self.words_in(rest));
        out
    }

    /// Login, host and port. Gives what follows.
    fn authority<'a>(&mut self, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        // Of a doubled scheme the inner one counts.
        if memmem::find(text, b"://").is_some_and(|at| at > 0 && scheme_len(text.get(..at).unwrap_or_default()) == at) {
            return text;
        }
        let mut rest = text;
        if let Some(len) = userinfo_len(text) {
            let (login, behind) = text.split_at_checked(len + 1).unwrap_or((text, &[]));
            self.login(login.strip_suffix(b"@").unwrap_or(login));
            out.extend(login.iter().map(|byte| if b":@*".contains(byte) { *byte } else { b'x' }));
            rest = behind;
        }
        let end = rest.iter().position(|byte| BEHIND_AUTHORITY.contains(byte)).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        out.extend(self.host_and_port(authority));
        behind
    }

    /// `host:port`, `[::1]:port`, or either without a port.
    pub(super) fn host_and_port(&mut self, text: &[u8]) -> Vec<u8> {
        if address(text).is_some() {
            return self.host(text);
        }
        if let Some(inner) = text.strip_prefix(b"[") {
            let end = inner.iter().position(|byte| *byte == b']').unwrap_or(inner.len());
            let (host, behind) = inner.split_at_checked(end).unwrap_or((inner, &[]));
            return [b"[", self.host(host).as_slice(), behind].concat();
        }
        let port =
            text.iter().rposition(|byte| *byte == b':').filter(|at| text.iter().skip(at + 1).all(u8::is_ascii_digit));
        let (host, port) = text.split_at_checked(port.unwrap_or(text.len())).unwrap_or((text, &[]));
        [self.host(host).as_slice(), port].concat()
    }

    /// A name or an address, which may have a zone.
    pub(super) fn host(&mut self, host: &[u8]) -> Vec<u8> {
        if host.eq_ignore_ascii_case(b"localhost") {
            return host.to_vec();
        }
        let zone = host
            .iter()
            .position(|byte| *byte == b'%')
            .filter(|at| address(host.get(..*at).unwrap_or_default()).is_some());
        let (host, zone) = host.split_at_checked(zone.unwrap_or(host.len())).unwrap_or((host, &[]));
        let host = match address(host) {
            Some(known) => self.address_text(host, known),
            None => self.odd_name(host),
        };
        let mut out = host;
        out.extend(zone.iter().map(|byte| if *byte == b'%' { b'%' } else { b'x' }));
        out
    }

    /// User and password are not to stand in a text either.
    fn login(&mut self, login: &[u8]) {
        let colon = login.iter().position(|byte| *byte == b':').unwrap_or(login.len());
        let (user, password) = login.split_at_checked(colon).unwrap_or((login, &[]));
        self.learn_login(user);
        self.learn_login(password.get(1..).unwrap_or_default());
    }

    /// A name; what names don't have stays, as it makes the URL a bad one.
    fn odd_name(&mut self, host: &[u8]) -> Vec<u8> {
        let odd = |byte: u8| byte.is_ascii_punctuation() && !b"-._~%".contains(&byte);
        let other = self.names.name(host);
        self.words.learn(host, &other);
        // A machine is called by the first part of its name as well.
        let label = host.iter().position(|byte| *byte == b'.').unwrap_or(0);
        if let (Some(label), Some(other)) = (host.get(..label), other.get(..label)) {
            self.words.learn(label, other);
        }
        other.into_iter().zip(host).map(|(other, byte)| if odd(*byte) { *byte } else { other }).collect()
    }

    /// An address as long as it was written.
    fn address_text(&mut self, text: &[u8], address: IpAddr) -> Vec<u8> {
        let other = self.addresses.address(address);
        if other == address {
            return text.to_vec();
        }
        let forms = [other.to_string(), uncompressed(other, false), uncompressed(other, true)];
        let fits = forms.into_iter().find(|form| form.len() == text.len());
        fits.map_or_else(|| self.names.name(text), String::into_bytes)
    }

    /// A path with a query, or a part of it.
    fn path(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut before = [b"".as_slice(); 2];
        for part in split(text, SEPARATORS) {
            let [name, equals] = before;
            let counts = equals == b"=" && is_word(name, 0) && part.len() <= 3 && part.iter().all(u8::is_ascii_digit);
            if counts {
                out.extend_from_slice(part);
            } else {
                out.extend(self.part(part));
            }
            before = [equals, part];
        }
    }

    fn part(&mut self, part: &[u8]) -> Vec<u8> {
        let plain = part.len() < 2 || part.iter().all(|byte| *byte == b'*') || is_word(part, 3);
        match address(part) {
            Some(known) => self.address_text(part, known),
            None if plain => part.to_vec(),
            None => self.names.name(part),
        }
    }

    /// Parameters of a header field, each `name=value` or a word alone: each word and each value, even an empty one,
    /// becomes what `change` makes of it.
    pub(super) fn parameters(
        &mut self,
        text: &[u8],
        separators: &[u8],
        mut change: impl FnMut(&mut Self, Parameter<'_>) -> Vec<u8>,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        for part in split(text, separators) {
            let Some(equals) = part.iter().position(|byte| *byte == b'=') else {
                out.extend(change(self, Parameter::Word(part)));
                continue;
            };
            let (name, given) = part.split_at_checked(equals + 1).unwrap_or((part, &[]));
            let key = trimmed(name.get(..equals).unwrap_or_default()).to_ascii_lowercase();
            out.extend_from_slice(name);
            out.extend(inside(given, |value| change(self, Parameter::Named { name: &key, value })));
        }
        out
    }
}

/// A parameter of a header field. `ssrc=` is one with an empty value, `ssrc` is a word.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parameter<'a> {
    /// Without `=`; separators come so as well.
    Word(&'a [u8]),
    /// Its name in small letters, and what stands behind the `=`.
    Named { name: &'a [u8], value: &'a [u8] },
}

/// A login parameter's value and the like.
pub(super) fn hidden(text: &[u8]) -> Vec<u8> {
    blank(text).iter().zip(text).map(|(hidden, byte)| if b"\",:".contains(byte) { *byte } else { *hidden }).collect()
}

/// Bytes of a scheme at the end of a text.
fn scheme_len(text: &[u8]) -> usize {
    text.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

fn address(text: &[u8]) -> Option<IpAddr> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// One of the words, with a number of so many digits at most.
fn is_word(text: &[u8], digits: usize) -> bool {
    let number = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let word = text.get(..text.len() - number).unwrap_or_default();
    number <= digits && WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// An IPv6 address without `::`, with or without leading zeros.
fn uncompressed(address: IpAddr, zeros: bool) -> String {
    let IpAddr::V6(address) = address else { return String::new() };
    let group = |group: &u16| if zeros { format!("{group:04x}") } else { format!("{group:x}") };
    address.segments().iter().map(group).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(pseudonyms: &mut Pseudonyms, text: &str) -> String {
        String::from_utf8(pseudonyms.url(text.as_bytes())).unwrap()
    }

    #[test]
    fn part_for_part() {
        let mut pseudonyms = Pseudonyms::default();
        for (text, other) in [
            ("rtsp://camera:8554/office/main", "rtsp://x00000:8554/x00001/x000"),
            ("rtsp://camera:8554/office/main/trackID=3", "rtsp://x00000:8554/x00001/x000/trackID=3"),
            ("rtsp://admin:s3:cret@192.168.1.20/a/office?x=1", "rtsp://xxxxx:xx:xxxx@203.0.113.10/a/x00001?x=1"),
            ("office/main", "x00001/x000"),
            ("192.168.1.20/office", "203.0.113.10/x00001"),
            ("rtsp://[fe80::1%eth0]:554/", "rtsp://[::10:10%xxxx]:554/"),
            ("rtsp://rtsp://camera/track1", "rtsp://rtsp://x00000/track1"),
            ("rtsp://relay1/rtsp://u:p@camera/main", "rtsp://x00002/rtsp://x:x@x00000/x000"),
            ("rtsp://***:***@camera/?user=***", "rtsp://***:***@x00000/?x001=***"),
            ("rtsp://localhost/track12?channel=1&pin=1234", "rtsp://localhost/track12?channel=1&x00=x002"),
            ("rtsp://::ffff:192.168.1.20/a", "rtsp://::ffff:203.0.113.10/a"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(url(&mut pseudonyms, text), other);
        }
    }

    #[test]
    fn urls_in_texts() {
        let mut pseudonyms = Pseudonyms::default();
        let other = pseudonyms.urls_in(b"see <rtsp://camera/main> or http://camera.");
        assert_eq!(String::from_utf8(other).unwrap(), "see <rtsp://x00000/x000> or http://x000000");
    }

    proptest! {
        #[test]
        fn as_long_and_prefixes_stay(
            host in "[a-z]{2,8}|10\\.[0-9]{1,2}\\.0\\.1", path in "[a-z/=?&]{0,20}", more in "[a-zA-Z0-9/=]{1,12}", any in any::<Vec<u8>>(),
        ) {
            let mut pseudonyms = Pseudonyms::default();
            prop_assert_eq!(pseudonyms.url(&any).len(), any.len());
            prop_assert_eq!(pseudonyms.urls_in(&any).len(), any.len());
            let base = format!("rtsp://{host}/{path}");
            let (one, two) = (url(&mut pseudonyms, &base), url(&mut pseudonyms, &format!("{base}/{more}")));
            let control = url(&mut pseudonyms, &more);
            prop_assert_eq!(two, format!("{}/{}", one, control));
        }
    }
}
