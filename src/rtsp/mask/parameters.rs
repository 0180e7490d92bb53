//! Values that log in and have a name: `?user=a&password=b`, `"token": "x"`, `<Password>x</Password>`.

use super::names::{MAX_NAME, SecretNames, is_name_byte};

/// In a longer URL it is not looked for where a parameter stands.
const MAX_URL: usize = 4096;
/// What ends a value in an encoded URL: `&`, `;` and `#`.
const ENCODED_ENDS: [&[u8]; 3] = [b"26", b"3b", b"23"];

/// Overwrites the values of parameters that log in, in place: in queries, in paths, as some cameras have them, and
/// wherever else `name=value` stands.
pub(super) fn mask_parameters(text: &mut [u8], names: &SecretNames) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.iter().position(|byte| b"=%:>".contains(byte))) {
        at += found;
        let value = value_after_name(text, at, names).unwrap_or(at..at + 1);
        if value.start > at {
            text.get_mut(value.clone()).unwrap_or_default().fill(b'*');
        }
        at = value.end.max(at + 1);
    }
}

type Value = std::ops::Range<usize>;

/// The value behind what stands at this place, if a name stands before it that hides the value.
fn value_after_name(text: &[u8], at: usize, names: &SecretNames) -> Option<Value> {
    let (before, rest) = text.split_at_checked(at)?;
    match *rest.first()? {
        b'=' => {
            let before = before.strip_suffix(b"\"").unwrap_or(before);
            names.hides(name_at_the_end(before)).then(|| assigned(text, at + 1))
        }
        // `=` in a URL that is the value of a parameter itself.
        b'%' if rest.get(1..3).is_some_and(|code| code.eq_ignore_ascii_case(b"3D")) => {
            names.hides(name_at_the_end(before)).then(|| encoded(text, at + 3))
        }
        // JSON.
        b':' => {
            let name = before.trim_ascii_end().strip_suffix(b"\"")?;
            let blanks = rest.get(1..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let value = at + 1 + blanks;
            let is_value = text.get(value).is_some_and(|&byte| byte == b'"' || byte.is_ascii_digit());
            (is_value && names.hides(name_at_the_end(name))).then(|| assigned(text, value))
        }
        // XML: a name of its own, or with a prefix.
        b'>' => {
            let name = name_at_the_end(before);
            let opening = *before.get(before.len().checked_sub(name.len() + 1)?)?;
            let is_element = (opening == b'<' || opening == b':') && names.hides(name);
            is_element.then(|| at + 1..end_of(text, at + 1, |byte| byte == b'<' || byte.is_ascii_control()))
        }
        _ => None,
    }
}

/// The word that ends here, or nothing where it is too long for a name.
fn name_at_the_end(text: &[u8]) -> &[u8] {
    let len = text.iter().rev().take(MAX_NAME + 1).take_while(|&&byte| is_name_byte(byte)).count();
    let (before, name) = text.split_at_checked(text.len() - len).unwrap_or((text, &[]));
    if before.ends_with(b"%") { name.get(2..).unwrap_or_default() } else { name }
}

/// What is assigned by the `=` before `begin`.
fn assigned(text: &[u8], begin: usize) -> Value {
    if let Some(&quote) = text.get(begin).filter(|byte| b"\"'".contains(byte)) {
        return begin + 1..end_of(text, begin + 1, |byte| byte == quote || byte.is_ascii_control());
    }
    // Behind a name that ends like one, this is base64.
    if text.get(begin) == Some(&b'=') {
        return begin..begin;
    }
    let mut end = end_of(text, begin, ends_value);
    if end == begin {
        return begin..end;
    }
    while let Some(separator) = text.get(end).filter(|byte| b"/,;".contains(byte)) {
        let next = end_of(text, end + 1, ends_value);
        if !goes_on(*separator, text.get(end + 1..next).unwrap_or_default(), || is_in_path(text, begin)) {
            break;
        }
        end = next;
    }
    begin..end
}

/// Whether a value goes on behind a separator that people forget to encode: `password=a/b&channel=1`.
fn goes_on(separator: u8, segment: &[u8], in_path: impl FnOnce() -> bool) -> bool {
    let equals = segment.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
    let names_value = equals.is_some_and(|at| segment.iter().skip(at).any(|byte| *byte != b'='));
    let is_other = segment.is_empty() || names_value;
    if separator != b'/' {
        return !is_other;
    }
    // What is joined to a URL names a track: `track1`, `trackID=1`, `0`.
    let letters = segment.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_').count();
    let digits = segment.len() - letters;
    let is_track = digits <= 4 && segment.iter().skip(letters).all(u8::is_ascii_digit);
    !is_other && !is_track && !in_path()
}

/// Whether a parameter stands in the path of a URL, where a `/` ends it.
fn is_in_path(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let token = before.iter().rev().take(MAX_URL).take_while(|&&byte| !ends_text(byte));
    token.copied().find(|byte| b"?/".contains(byte)) == Some(b'/')
}

/// A value within an encoded URL.
fn encoded(text: &[u8], begin: usize) -> Value {
    let rest = text.get(begin..).unwrap_or_default();
    let is_code = |at: usize| {
        let code = rest.get(at + 1..at + 3).unwrap_or_default();
        ENCODED_ENDS.iter().any(|end| code.eq_ignore_ascii_case(end))
    };
    let end = (0..rest.len()).find(|at| match rest.get(*at) {
        Some(b'%') => is_code(*at),
        Some(byte) => ends_value(*byte),
        None => true,
    });
    begin..begin + end.unwrap_or(rest.len())
}

fn end_of(text: &[u8], begin: usize, ends: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(begin..).unwrap_or_default();
    begin + rest.iter().position(|&byte| ends(byte)).unwrap_or(rest.len())
}

const fn ends_value(byte: u8) -> bool {
    ends_text(byte) || matches!(byte, b'&' | b';' | b',' | b'/' | b'#' | b'?')
}

const fn ends_text(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks_values_and_nothing_else() {
        for (text, hidden) in [
            (
                "url=rtsp://cam/x?user=admin&Password=p%40ss&channel=1;seq=2",
                "url=rtsp://cam/x?user=*****&Password=******&channel=1;seq=2",
            ),
            ("rtsp://cam/user=a&password=&ch=1/pwd=x?token=", "rtsp://cam/user=*&password=&ch=1/pwd=*?token="),
            ("/live?userdata=2&tokens=3 user=x", "/live?userdata=2&tokens=3 user=*"),
            ("a=control:x.sdp&old_pass=y/trackID=1", "a=control:x.sdp&old_pass=*/trackID=1"),
            ("?token=ab/c+d==&x=1", "?token=********&x=1"),
            ("?token=ab/cd/track1", "?token=**/cd/track1"),
            ("/a?password=a;b,c&x=1 y", "/a?password=*****&x=1 y"),
            ("url=/a?sig=x;seq=1,url=/b?sig=y", "url=/a?sig=*;seq=1,url=/b?sig=*"),
            ("/pass=ab/c+d/x", "/pass=**/c+d/x"),
            (
                "?next=rtsp%3A%2F%2Fcam%2F%3Fuser%3Da%26pwd%3Dbc%26x%3D1",
                "?next=rtsp%3A%2F%2Fcam%2F%3Fuser%3D*%26pwd%3D**%26x%3D1",
            ),
            (
                "{\"password\": \"a \\u00e4\", \"pin\":12, \"x\": \"y\"}",
                "{\"password\": \"********\", \"pin\":**, \"x\": \"y\"}",
            ),
            (
                "<Password>a b</Password><t:token>c</t:token><x>d</x>",
                "<Password>***</Password><t:token>*</t:token><x>d</x>",
            ),
            ("token=\"a b\" pwd='c;d' x", "token=\"***\" pwd='***' x"),
            ("Digest username=\"u\", realm=\"r\", qop=\"auth\"", "Digest username=\"*\", realm=\"r\", qop=\"auth\""),
            ("sprop-parameter-sets=Z0LAkey==,aMxkey=,x", "sprop-parameter-sets=Z0LAkey==,aMxkey=,x"),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            mask_parameters(&mut bytes, &SecretNames::default());
            assert_eq!(String::from_utf8(bytes).unwrap(), hidden);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_hides_once(text in "([?&;,/ \"<>:%=]|3D|pwd|user|a1){0,30}", any: Vec<u8>) {
            for mut bytes in [text.into_bytes(), any] {
                let len = bytes.len();
                mask_parameters(&mut bytes, &SecretNames::default());
                prop_assert_eq!(bytes.len(), len);
            }
        }
    }
}
