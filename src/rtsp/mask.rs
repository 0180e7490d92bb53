//! Hiding logins in what is kept and shown: bytes become `*` in place, lengths stay.

use memchr::{memchr, memmem};

use super::url::{SCHEMES, userinfo_len};

/// Overwrites the secret part of each `Authorization` and `Proxy-Authorization` header in an RTSP message's head with
/// `*`, in place: all that follows the scheme and its space, or all of a value that has no scheme. Folded lines too.
/// Line ends and the white space that folds a line stay.
pub fn mask_authorization(head: &mut [u8]) {
    let mut is_secret = false;
    for line in head.split_inclusive_mut(|&byte| byte == b'\n') {
        let len = line.strip_suffix(b"\n").map_or(&*line, |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
        let line = line.get_mut(..len).unwrap_or_default();
        let open_len = if line.first().is_some_and(|&byte| is_blank(byte)) {
            blanks(line)
        } else {
            let name_len = line.iter().position(|&byte| byte == b':');
            is_secret = name_len.and_then(|len| line.get(..len)).is_some_and(is_authorization);
            name_len.map_or(0, |len| len + 1 + line.get(len + 1..).map_or(0, public_len))
        };
        if let Some(secret) = line.get_mut(open_len..).filter(|_| is_secret) {
            secret.fill(b'*');
        }
    }
}

/// Overwrites the credentials in every RTSP URL in `bytes` with `*`, in place: the userinfo, and the values of
/// parameters like `user=` and `password=`, which many cameras take. Touches nothing else.
///
/// A URL ends at white space, a quote or an angle bracket, so in a password with such a character only what is
/// before it is hidden.
pub fn mask_urls(bytes: &mut [u8]) {
    let mut from = 0;
    while let Some(found) = bytes.get(from..).and_then(|rest| memmem::find(rest, b"://")) {
        let (before, rest) = bytes.split_at_mut(from + found);
        from = before.len() + 3;
        let Some(rest) = rest.get_mut(3..).filter(|_| ends_with_scheme(before)) else { continue };
        let end = memmem::find(rest, b"://").unwrap_or(rest.len());
        let url = rest.get(..end).unwrap_or_default();
        let end = url.iter().position(|&byte| ends_url(byte)).unwrap_or(end);
        if let Some(userinfo) = rest.get(..end).and_then(userinfo_len).and_then(|len| rest.get_mut(..len)) {
            userinfo.fill(b'*');
        }
        mask_parameters(rest.get_mut(..end).unwrap_or_default());
    }
}

/// A text with its URLs' credentials overwritten.
pub fn masked_urls(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask_urls(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an HTTP request asks for, a path or a URL, with its credentials overwritten.
pub fn masked_target(target: &str) -> String {
    let mut bytes = target.as_bytes().to_vec();
    let authority = memmem::find(&bytes, b"://").map_or(bytes.len(), |at| at + 3);
    let rest = bytes.get_mut(authority..).unwrap_or_default();
    if let Some(userinfo) = userinfo_len(rest).and_then(|len| rest.get_mut(..len)) {
        userinfo.fill(b'*');
    }
    mask_parameters(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Overwrites the values of parameters that log in, in the query or, as some cameras have it, in the path.
fn mask_parameters(url: &mut [u8]) {
    for parameter in url.split_mut(|byte| b"?&;/,".contains(byte)) {
        let Some(equals) = memchr(b'=', parameter) else { continue };
        let Some((name, value)) = parameter.split_at_mut_checked(equals) else { continue };
        if LOGIN_PARAMETERS.iter().any(|login| name.eq_ignore_ascii_case(login)) {
            value.get_mut(1..).unwrap_or_default().fill(b'*');
        }
    }
}

/// Names of URL parameters that log in, as cameras' manuals have them.
const LOGIN_PARAMETERS: [&[u8]; 14] = [
    b"user",
    b"username",
    b"usr",
    b"login",
    b"loginuse",
    b"password",
    b"passwd",
    b"pass",
    b"pwd",
    b"psw",
    b"loginpas",
    b"auth",
    b"token",
    b"secret",
];
/// Characters of the longest word taken for a scheme, such as `Digest`.
const MAX_SCHEME: usize = 32;

fn is_authorization(name: &[u8]) -> bool {
    let name = name.trim_ascii();
    name.eq_ignore_ascii_case(b"authorization") || name.eq_ignore_ascii_case(b"proxy-authorization")
}

/// Bytes at the beginning of a header's value that may be seen: white space, the scheme, and one space.
fn public_len(value: &[u8]) -> usize {
    let before = blanks(value);
    let word = value.get(before..).unwrap_or_default();
    let word_len = word.iter().position(|&byte| is_blank(byte)).unwrap_or(word.len());
    let (word, after) = word.split_at_checked(word_len).unwrap_or((word, &[]));
    // Alone on its line a word is a token, unless it is one of the schemes, whose rest is folded or missing.
    let is_known = [&b"basic"[..], b"digest"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let is_word = word_len <= MAX_SCHEME && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let has_rest = !after.trim_ascii().is_empty();
    if is_known || is_word && has_rest { before + word_len + usize::from(!after.is_empty()) } else { before }
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| is_blank(byte)).count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn ends_with_scheme(bytes: &[u8]) -> bool {
    let ends_with = |scheme: &[u8]| bytes.len().checked_sub(scheme.len()).and_then(|at| bytes.get(at..));
    SCHEMES.iter().any(|scheme| ends_with(scheme).is_some_and(|tail| tail.eq_ignore_ascii_case(scheme)))
}

fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;
    use crate::rtsp::url::{Credentials, RtspUrl};

    #[test]
    fn masks_authorizations_and_nothing_else() {
        for (head, masked) in [
            (
                "PLAY * RTSP/1.0\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\nCSeq: 1\r\n\r\n",
                "PLAY * RTSP/1.0\r\nAuthorization: Basic ********************\r\nCSeq: 1\r\n\r\n",
            ),
            ("AUTHORIZATION :digest  a=\"b\",\n\tc=d\n\ne f", "AUTHORIZATION :digest *******\n\t***\n\ne f"),
            ("proxy-authorization:  dXNlcg==\nX: y", "proxy-authorization:  ********\nX: y"),
            ("Authorization: dXNlcg\r\n", "Authorization: ******\r\n"),
            ("Authorization: user:secret word\r\n", "Authorization: ****************\r\n"),
            ("Authorization: Digest\r\n  a=b\r\nX: y", "Authorization: Digest\r\n  ***\r\nX: y"),
            ("Authorization: Basic ab", "Authorization: Basic **"),
            ("WWW-Authenticate: Basic realm=\"r\"\r\n a\r\n", "WWW-Authenticate: Basic realm=\"r\"\r\n a\r\n"),
        ] {
            let mut bytes = head.as_bytes().to_vec();
            mask_authorization(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), masked);
        }
    }

    #[test]
    fn masks_the_credentials_of_urls_and_nothing_else() {
        for (text, masked) in [
            ("PLAY rtsp://u:p@cam/ RTSP/1.0\r\n", "PLAY rtsp://***@cam/ RTSP/1.0\r\n"),
            ("url=rtsp://cam/1;seq=1,url=RTSPS://u:p@cam/2", "url=rtsp://cam/1;seq=1,url=RTSPS://***@cam/2"),
            ("<rtsp://a:b/c@cam:1/> a@b", "<rtsp://*****@cam:1/> a@b"),
            ("rtsp://rtsp://u:p@cam/ rtsp://u:p@cam:99999", "rtsp://rtsp://***@cam/ rtsp://***@cam:99999"),
            (
                "url=rtsp://cam/x?user=admin&Password=p%40ss&channel=1;seq=2",
                "url=rtsp://cam/x?user=*****&Password=******&channel=1;seq=2",
            ),
            ("rtsp://cam/user=a&password=&ch=1/pwd=x?token=", "rtsp://cam/user=*&password=&ch=1/pwd=*?token="),
            ("rtsp://cam/passwords=1?userdata=2 user=x", "rtsp://cam/passwords=1?userdata=2 user=x"),
            (
                "http://u:p@cam/ a=ssrc:1 cname:user@host rtsp://cam/x@y",
                "http://u:p@cam/ a=ssrc:1 cname:user@host rtsp://cam/x@y",
            ),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            mask_urls(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), masked);
        }
    }

    proptest! {
        #[test]
        fn masking_keeps_lengths_and_line_ends(mut bytes: Vec<u8>, value in "[ -~\t]{0,40}") {
            mask_authorization(&mut bytes);
            let head = format!("Authorization:{value}\r\nCSeq: 1\r\n");
            let mut masked = head.clone().into_bytes();
            mask_authorization(&mut masked);
            prop_assert_eq!(masked.len(), head.len());
            prop_assert!(masked.ends_with(b"\r\nCSeq: 1\r\n") && masked.starts_with(b"Authorization:"));
        }

        #[test]
        fn encoded_credentials_come_back_and_are_masked(user in "\\PC{1,9}", password in "\\PC{0,9}") {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let userinfo = format!("{}:{}", encoded(&user), encoded(&password));
            let url = format!("rtsp://{userinfo}@cam:554/live?x=1");
            let parsed = RtspUrl::parse(&url).unwrap();
            prop_assert_eq!(parsed.credentials(), Some(&Credentials { user, password }));
            prop_assert_eq!(parsed.as_str(), "rtsp://cam:554/live?x=1");
            let mut bytes = url.into_bytes();
            mask_urls(&mut bytes);
            prop_assert_eq!(bytes, format!("rtsp://{}@cam:554/live?x=1", "*".repeat(userinfo.len())).into_bytes());
        }

        #[test]
        fn never_panics(a in "(rtsp://)?[:/@?#\\[\\]a1.é%*]{0,20}", b in "(rtsps?://)?[:/@?#a1.é%]{0,20}", mut bytes: Vec<u8>) {
            let mut text = format!("{a} {b}").into_bytes();
            mask_urls(&mut text);
            let before = bytes.clone();
            mask_urls(&mut bytes);
            prop_assert_eq!(bytes, before);
        }
    }
}
