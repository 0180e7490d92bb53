//! Header fields and attributes whose whole value logs in.

use super::names::{SecretNames, frames_messages, is_name_byte};

/// Characters of the longest word taken for a scheme, such as `Digest`.
const MAX_SCHEME: usize = 32;
const AUTHORIZATION: &[u8] = b"authorization";

/// How much of a field's value is hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HiddenPart {
    Nothing,
    /// All but a scheme (RFC 7235, section 2.1).
    BehindScheme,
    All,
}

/// Overwrites the values of fields, attributes of SDP and lines `name: value` that log in, in place. Of an
/// `Authorization` the scheme stays, line ends stay, and so does the white space that folds a line.
pub(super) fn mask_fields(text: &mut [u8], names: &SecretNames) {
    let mut hidden = HiddenPart::Nothing;
    for line in text.split_inclusive_mut(|&byte| byte == b'\n') {
        let len = line.strip_suffix(b"\n").map_or(&*line, |line| line.strip_suffix(b"\r").unwrap_or(line)).len();
        let line = line.get_mut(..len).unwrap_or_default();
        let value = if line.first().is_some_and(|&byte| is_blank(byte)) {
            // The field is folded.
            blanks(line)
        } else {
            let value = value_start(line);
            hidden = part(line.get(..value).unwrap_or_default(), names);
            let text = line.get(value..).unwrap_or_default();
            value + if hidden == HiddenPart::BehindScheme { public_len(text) } else { blanks(text) }
        };
        if hidden != HiddenPart::Nothing {
            line.get_mut(value..).unwrap_or_default().fill(b'*');
        } else if let Some(value) = echo(line) {
            line.get_mut(value..).unwrap_or_default().fill(b'*');
        }
    }
}

/// Where the value begins in `Name: value`, in `a=name:value` and in `x=value`; 0 where the line has no name.
pub(super) fn value_start(line: &[u8]) -> usize {
    let begin = if line.get(1) == Some(&b'=') { 2 } else { 0 };
    let rest = line.get(begin..).unwrap_or_default();
    let name = rest.iter().take_while(|&&byte| is_name_byte(byte)).count();
    let colon = name + blanks(rest.get(name..).unwrap_or_default());
    let is_attribute = begin == 0 || line.first() == Some(&b'a');
    // `rtsp://` is no field.
    let is_url = rest.get(colon + 1..).is_some_and(|after| after.starts_with(b"//"));
    let is_named = is_attribute && name > 0 && rest.get(colon) == Some(&b':') && !is_url;
    if is_named { begin + colon + 1 } else { begin }
}

fn part(before_value: &[u8], names: &SecretNames) -> HiddenPart {
    let Some(name) = before_value.strip_suffix(b":") else { return HiddenPart::Nothing };
    let name = name.trim_ascii_end();
    let name = name.strip_prefix(b"a=").unwrap_or(name);
    let begin = name.len().saturating_sub(AUTHORIZATION.len());
    if name.get(begin..).is_some_and(|end| end.eq_ignore_ascii_case(AUTHORIZATION)) {
        HiddenPart::BehindScheme
    } else if names.hides_field(name) && !frames_messages(name) {
        HiddenPart::All
    } else {
        HiddenPart::Nothing
    }
}

/// Where the secret begins of an `Authorization:` within a line: servers show requests in their error pages.
fn echo(line: &[u8]) -> Option<usize> {
    let found = line.windows(AUTHORIZATION.len()).position(|word| word.eq_ignore_ascii_case(AUTHORIZATION))?;
    let colon = found + AUTHORIZATION.len() + blanks(line.get(found + AUTHORIZATION.len()..)?);
    let value = line.get(colon..)?.strip_prefix(b":")?;
    Some(colon + 1 + public_len(value))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        mask_fields(&mut bytes, &SecretNames::default());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn masks_fields_that_log_in_and_nothing_else() {
        for (text, hidden) in [
            (
                "PLAY * RTSP/1.0\r\nAuthorization: Basic dXNlcjpwYXNzd29yZA==\r\nCSeq: 1\r\n\r\n",
                "PLAY * RTSP/1.0\r\nAuthorization: Basic ********************\r\nCSeq: 1\r\n\r\n",
            ),
            ("AUTHORIZATION :digest  a=\"b\",\n\tc=d\n\ne f", "AUTHORIZATION :digest *******\n\t***\n\ne f"),
            ("proxy-authorization:  dXNlcg==\nX: y", "proxy-authorization:  ********\nX: y"),
            ("X-Authorization: Bearer abc\r\n", "X-Authorization: Bearer ***\r\n"),
            ("Authorization: dXNlcg\r\n", "Authorization: ******\r\n"),
            ("Authorization: user:secret word\r\n", "Authorization: ****************\r\n"),
            ("Authorization: Digest\r\n  a=b\r\nX: y", "Authorization: Digest\r\n  ***\r\nX: y"),
            ("Authorization: Basic ab", "Authorization: Basic **"),
            ("WWW-Authenticate: Basic realm=\"r\"\r\n a\r\n", "WWW-Authenticate: Basic realm=\"r\"\r\n a\r\n"),
            (
                "X-Auth-Token: a b\r\nCookie: s=1\r\nSession: 1\r\n",
                "X-Auth-Token: ***\r\nCookie: ***\r\nSession: 1\r\n",
            ),
            (
                "v=0\r\na=password:a:b\r\na=control:x\r\nk=clear:x\r\n",
                "v=0\r\na=password:***\r\na=control:x\r\nk=clear:x\r\n",
            ),
            ("volume: 1\r\npwd: x\r\n", "volume: 1\r\npwd: *\r\n"),
            ("<p>You sent Authorization: Basic dTpw</p>\r\nb", "<p>You sent Authorization: Basic ********\r\nb"),
            ("Access-Control-Allow-Headers: Authorization\r\n", "Access-Control-Allow-Headers: Authorization\r\n"),
            ("a=rtpmap:96 H264/90000\r\na=key-mgmt:mikey A\r\n", "a=rtpmap:96 H264/90000\r\na=key-mgmt:mikey A\r\n"),
        ] {
            assert_eq!(masked(text), hidden);
        }
    }

    #[test]
    fn where_values_begin() {
        for (line, value) in [
            ("Location: x", " x"),
            ("Location :x", "x"),
            ("a=control:u:p@h", "u:p@h"),
            ("e=a:b@c", "a:b@c"),
            ("PLAY a:b RTSP/1.0", "PLAY a:b RTSP/1.0"),
            ("rtsp://u:p@h", "rtsp://u:p@h"),
            ("", ""),
        ] {
            assert_eq!(line.get(value_start(line.as_bytes())..), Some(value));
        }
    }

    proptest! {
        #[test]
        fn lengths_and_line_ends_stay(mut bytes: Vec<u8>, value in "[ -~\t]{0,40}") {
            mask_fields(&mut bytes, &SecretNames::default());
            let hidden = masked(&format!("Authorization:{value}\r\nCSeq: 1\r\n"));
            prop_assert_eq!(hidden.len(), value.len() + 25);
            prop_assert!(hidden.ends_with("\r\nCSeq: 1\r\n") && hidden.starts_with("Authorization:"));
        }
    }
}
