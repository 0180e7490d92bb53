//! Logins within URLs, with a scheme, without one, and relative: `http://user:password@host/`, `//user:password@host`,
//! `user:password@host/path`, `/user:password/path`.

use memchr::memmem;

use super::fields::value_start;
use crate::rtsp::url::{HostPort, userinfo_len};

/// What stands before a colon and is no user: URNs, addresses of other kinds, and CNAMEs in SDP (RFC 5576).
const NO_USER: [&str; 12] =
    ["cname", "msid", "mid", "sip", "sips", "tel", "mailto", "xmpp", "acct", "urn", "uuid", "data"];
/// Ports of hosts that stand in paths, as relays have them.
const PORTS: [&[u8]; 6] = [b"554", b"8554", b"322", b"80", b"443", b"8080"];
/// Fields whose value is a URL, which may be a relative one.
const URL_FIELDS: [&[u8]; 8] =
    [b"location", b"content-base", b"content-location", b"rtp-info", b"base", b"referer", b"a=control", b"uri"];

/// Overwrites user and password in URLs, in place.
///
/// A URL ends at white space, a quote or an angle bracket, so in a password with such a character only what is before
/// it is hidden.
pub(super) fn mask_userinfo(text: &mut [u8]) {
    for line in text.split_mut(|&byte| byte == b'\n') {
        let (name, value) = line.split_at_mut(value_start(line));
        let name = name.strip_suffix(b":").unwrap_or_default().trim_ascii_end();
        let is_url = URL_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field));
        value.split_mut(|&byte| ends_url(byte)).for_each(|token| mask_token(token, is_url));
    }
}

/// Words without white space: URLs, if they are any.
fn mask_token(mut token: &mut [u8], is_url: bool) {
    // A list in RTP-Info.
    while let Some(next) = memmem::find(token, b",url=") {
        let (first, rest) = std::mem::take(&mut token).split_at_mut(next);
        mask_urls(first, is_url);
        token = rest.get_mut(1..).unwrap_or_default();
    }
    mask_urls(token, is_url);
}

fn mask_urls(token: &mut [u8], is_url: bool) {
    let scheme = |text: &[u8]| text.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let Some(first) = memmem::find(token, b"://") else { return mask_relative(token, is_url) };
    mask_relative(token.get_mut(..first - scheme(token.get(..first).unwrap_or_default())).unwrap_or_default(), is_url);
    let mut from = first;
    while let Some(found) = token.get(from..).and_then(|rest| memmem::find(rest, b"://")) {
        let (before, rest) = token.split_at_mut(from + found + 3);
        from = before.len();
        if scheme(before.strip_suffix(b"://").unwrap_or_default()) > 0 {
            let end = memmem::find(rest, b"://").unwrap_or(rest.len());
            mask_authority(rest.get_mut(..end).unwrap_or_default());
        }
    }
}

/// What follows `//`.
fn mask_authority(rest: &mut [u8]) {
    let login = userinfo_len(rest).unwrap_or(0);
    rest.get_mut(..login).unwrap_or_default().fill(b'*');
    let path = rest.iter().skip(login).position(|byte| b"/?#".contains(byte)).map_or(rest.len(), |at| login + at);
    mask_path(rest.get_mut(path..).unwrap_or_default());
}

fn mask_relative(token: &mut [u8], is_url: bool) {
    // `url=user:password@host`.
    let name = token.iter().position(|byte| b":=/@".contains(byte)).filter(|at| token.get(*at) == Some(&b'='));
    let token = token.get_mut(name.map_or(0, |at| at + 1)..).unwrap_or_default();
    if let Some(authority) = token.strip_prefix(b"//") {
        let len = authority.len();
        let begin = token.len() - len;
        return mask_authority(token.get_mut(begin..).unwrap_or_default());
    }
    let login = login_len(token).unwrap_or(0);
    token.get_mut(..login).unwrap_or_default().fill(b'*');
    if token.first() == Some(&b'/') || is_url || login > 0 {
        mask_path(token.get_mut(login..).unwrap_or_default());
    }
}

/// Bytes of `user:password` before an `@` and a host.
fn login_len(token: &[u8]) -> Option<usize> {
    let user = token.iter().position(|byte| b":/?#@".contains(byte)).filter(|at| token.get(*at) == Some(&b':'))?;
    let is_user = user > 0 && !NO_USER.iter().any(|word| token.get(..user).is_some_and(|name| is(name, word)));
    let len = userinfo_len(token).filter(|len| is_user && *len > user)?;
    let host = token.get(len + 1..)?;
    let end = host.iter().position(|byte| b";,)".contains(byte)).unwrap_or(host.len());
    HostPort::leading(host.get(..end)?).is_ok().then_some(len)
}

/// Elements of a path that are `user:password`.
fn mask_path(path: &mut [u8]) {
    let end = path.iter().position(|byte| b"?#".contains(byte)).unwrap_or(path.len());
    for element in path.get_mut(..end).unwrap_or_default().split_mut(|byte| b"/;,".contains(byte)) {
        if is_login(element) {
            let end = element.iter().position(|byte| *byte == b'@').unwrap_or(element.len());
            element.get_mut(..end).unwrap_or_default().fill(b'*');
        }
    }
}

fn is_login(element: &[u8]) -> bool {
    let Some(colon) = element.iter().position(|byte| *byte == b':') else { return false };
    let (user, password) = element.split_at_checked(colon).unwrap_or_default();
    let password = password.get(1..).unwrap_or_default();
    let is_number = |text: &[u8], digits: usize| text.len() <= digits && text.iter().all(u8::is_ascii_digit);
    // A time, a host with its port, or a number behind a word, such as `track:1`.
    let is_time = user.iter().all(|byte| byte.is_ascii_digit() || b"-.T".contains(byte));
    let is_host = PORTS.contains(&password) || user.contains(&b'.') && is_number(password, 5) || user.starts_with(b"[");
    let is_name = element.contains(&b'=') || NO_USER.iter().any(|word| is(user, word));
    !user.is_empty() && !is_number(password, 2) && !is_time && !is_host && !is_name
}

fn is(name: &[u8], word: &str) -> bool {
    name.eq_ignore_ascii_case(word.as_bytes())
}

const fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        mask_userinfo(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn masks_logins_in_urls_and_nothing_else() {
        for (text, hidden) in [
            ("PLAY rtsp://u:p@cam/ RTSP/1.0\r\n", "PLAY rtsp://***@cam/ RTSP/1.0\r\n"),
            ("url=rtsp://cam/1;seq=1,url=RTSPS://u:p@cam/2", "url=rtsp://cam/1;seq=1,url=RTSPS://***@cam/2"),
            ("<rtsp://a:b/c@cam:1/> a@b", "<rtsp://*****@cam:1/> a@b"),
            ("rtsp://rtsp://u:p@cam/ rtsp://u:p@cam:99999", "rtsp://rtsp://***@cam/ rtsp://***@cam:99999"),
            ("Location: http://u:p@cam/x", "Location: http://***@cam/x"),
            ("Location: //u:p@cam/x", "Location: //***@cam/x"),
            ("Location://u:p@cam/x", "Location://***@cam/x"),
            ("Location: u:p@cam/x", "Location: ***@cam/x"),
            ("Location:u:p@cam/x", "Location:***@cam/x"),
            ("Location: admin:12345/live", "Location: ***********/live"),
            ("a=control:u:p@cam/track1", "a=control:***@cam/track1"),
            ("a=control:rtsp://cam/u:pw/track1", "a=control:rtsp://cam/****/track1"),
            (
                "RTP-Info: url=u:p@cam/1;seq=1,url=u:p/w@cam:5/2;seq=2",
                "RTP-Info: url=***@cam/1;seq=1,url=*****@cam:5/2;seq=2",
            ),
            ("DESCRIBE /admin:secret/live RTSP/1.0", "DESCRIBE /************/live RTSP/1.0"),
            ("rtsp://relay/u:p@10.0.0.1/live", "rtsp://relay/***@10.0.0.1/live"),
            ("rtsp://relay/10.0.0.1:554/camera:8554/[::1]:554/x", "rtsp://relay/10.0.0.1:554/camera:8554/[::1]:554/x"),
            ("a=control:track:1\r\n", "a=control:track:1\r\n"),
            ("/2026-11-28T22:56:44/urn:x:y/a", "/2026-11-28T22:56:44/urn:x:y/a"),
            ("a=ssrc:1 cname:user@host sip:a@b mailto:a@b", "a=ssrc:1 cname:user@host sip:a@b mailto:a@b"),
            ("rtsp://cam/x@y cam:554/x@y e=Max <max@cam>", "rtsp://cam/x@y cam:554/x@y e=Max <max@cam>"),
            ("Date: Sat, 28 Nov 2026 22:56:44 GMT", "Date: Sat, 28 Nov 2026 22:56:44 GMT"),
            ("Transport: RTP/AVP;client_port=1-2;source=[::1]", "Transport: RTP/AVP;client_port=1-2;source=[::1]"),
            ("Range: clock=20261128T225644Z-", "Range: clock=20261128T225644Z-"),
        ] {
            assert_eq!(masked(text), hidden);
        }
    }

    proptest! {
        #[test]
        fn never_panics(a in "(rtsp://)?[:/@?#\\[\\]a1.é%*=]{0,20}", b in "(rtsps?://)?[:/@?#a1.é%;,]{0,20}", bytes: Vec<u8>) {
            for mut text in [format!("{a} {b}").into_bytes(), bytes] {
                let len = text.len();
                mask_userinfo(&mut text);
                prop_assert_eq!(text.len(), len);
            }
        }
    }
}
