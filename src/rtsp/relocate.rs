//! URLs of one server made those of another: in header values and descriptions, whatever the recorded device took for
//! its own address.

use std::borrow::Cow;

use crate::rtsp::url::SCHEMES;

/// `text` with scheme and authority of every absolute RTSP URL in it replaced by `root` (`rtsp://host:port`). Paths
/// and queries stay byte for byte; so does everything if `root` is empty.
pub fn relocated<'a>(text: &'a str, root: &str) -> Cow<'a, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = split_at_url(rest).filter(|_| !root.is_empty()) {
        out.push_str(before);
        out.push_str(root);
        rest = behind;
    }
    if out.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What stands before the first absolute RTSP URL, and what behind its authority.
fn split_at_url(text: &str) -> Option<(&str, &str)> {
    text.match_indices("://").find_map(|(colon, _)| {
        let before = text.get(..colon)?;
        let scheme = SCHEMES
            .iter()
            .copied()
            .filter(|scheme| {
                let start = before.len().checked_sub(scheme.len());
                start
                    .and_then(|start| before.as_bytes().get(start..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
            })
            .max_by_key(|scheme| scheme.len())?;
        let authority = text.get(colon + 3..)?;
        // Of a doubled scheme the inner one counts, as clients see it.
        if SCHEMES.iter().any(|scheme| begins_with_scheme(authority.as_bytes(), scheme)) {
            return None;
        }
        let end = authority.find(|char: char| char.is_whitespace() || "/?#\"'<>;,".contains(char));
        let behind = authority.get(end.unwrap_or(authority.len())..)?;
        Some((before.get(..before.len() - scheme.len())?, behind))
    })
}

fn begins_with_scheme(text: &[u8], scheme: &[u8]) -> bool {
    let (word, rest) = text.split_at_checked(scheme.len()).unwrap_or((&[], &[]));
    word.eq_ignore_ascii_case(scheme) && rest.starts_with(b"://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_moves_and_nothing_else() {
        let root = "rtsp://127.0.0.1:9";
        for (text, moved) in [
            ("rtsp://cam/live/", "rtsp://127.0.0.1:9/live/"),
            ("RTSP://user:pass@cam:554/live?x=rtsp", "rtsp://127.0.0.1:9/live?x=rtsp"),
            ("rtsp://[::1]:80", "rtsp://127.0.0.1:9"),
            ("rtsp://host:8000/a", "rtsp://127.0.0.1:9/a"),
            (
                "url=rtsp://h/a;seq=1,url=rtsp://h:8/b;seq=2",
                "url=rtsp://127.0.0.1:9/a;seq=1,url=rtsp://127.0.0.1:9/b;seq=2",
            ),
            ("a=control:rtsp://h/t\r\na=x\r\n", "a=control:rtsp://127.0.0.1:9/t\r\na=x\r\n"),
            ("u=http://h/rtsp", "u=http://h/rtsp"),
            ("rtsp://rtsp://h/x", "rtsp://rtsp://127.0.0.1:9/x"),
            ("npt=0-", "npt=0-"),
            ("", ""),
        ] {
            assert_eq!(relocated(text, root), moved);
            assert_eq!(relocated(text, ""), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "([a-z:/@é]|rtsp://){0,40}") {
            let moved = relocated(&text, "rtsp://r").into_owned();
            proptest::prop_assert_eq!(relocated(&moved, "rtsp://r").into_owned(), moved);
        }
    }
}
