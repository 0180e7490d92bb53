//! URL references of a server, as `Location` has them, resolved by RFC 3986, section 5.2.
//!
//! Control URLs of descriptions are joined in another way: [`super::control`].
//!
//! Own code: servers get their URL back letter for letter, and cameras send what is no reference (spaces, a host without a
//! scheme). fluent-uri 0.4 (9 crates) refuses that, url 2.5 (45 crates) percent-encodes what it reads.

use super::url::{HostPort, SCHEMES};

/// The URL that a reference means, seen from `base`. What stands for a host without a scheme (`192.0.2.7:554/live`) is
/// taken for one, as a reference by the RFC can't begin so.
pub(crate) fn resolve_reference(base: &str, reference: &str) -> String {
    let reference = reference.trim();
    let base = UrlParts::of(base);
    let scheme = base.scheme.unwrap_or("rtsp");
    // `rtsp:path` is an old form of `path` (section 5.2.2, of those who are not strict).
    let own = reference.get(..=scheme.len()).filter(|start| start.eq_ignore_ascii_case(&format!("{scheme}:")));
    let reference = match own.and_then(|own| reference.get(own.len()..)) {
        Some(rest) if !rest.starts_with("//") => rest,
        _ => reference,
    };
    let given = UrlParts::of(reference);
    if given.scheme.is_some() {
        return reference.to_owned();
    }
    if given.authority.is_none() && names_host(reference) {
        return format!("{scheme}://{reference}");
    }
    let base_authority = base.authority.unwrap_or_default();
    let (authority, path, query) = match (given.authority, given.path) {
        (Some(authority), path) => (authority, without_dots(path), given.query),
        (None, "") => (base_authority, base.path.to_owned(), given.query.or(base.query)),
        (None, path) if path.starts_with('/') => (base_authority, without_dots(path), given.query),
        (None, path) => (base_authority, without_dots(&merged(base.path, path)), given.query),
    };
    let with = |mark: char, text: Option<&str>| text.map(|text| format!("{mark}{text}")).unwrap_or_default();
    format!("{scheme}://{authority}{path}{}{}", with('?', query), with('#', given.fragment))
}

/// The components of a URL or reference (RFC 3986, appendix B).
struct UrlParts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> UrlParts<'a> {
    fn of(text: &'a str) -> Self {
        let (text, fragment) = split_at_mark(text, '#');
        // What comes before `://` may be no scheme of ours: then it says what is wrong.
        let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
        let scheme = scheme.or_else(|| text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_ours(scheme)));
        let rest = scheme.and_then(|scheme| text.get(scheme.len() + 1..)).unwrap_or(text);
        let (rest, query) = split_at_mark(rest, '?');
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) =
                    rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        Self { scheme, authority, path, query, fragment }
    }
}

fn split_at_mark(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_scheme(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(rest)
}

fn is_ours(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.as_bytes().eq_ignore_ascii_case(scheme))
}

/// Whether what should be a path begins with an address, or with a host and its port.
fn names_host(reference: &str) -> bool {
    HostPort::leading(reference.as_bytes()).is_ok_and(HostPort::is_plain)
}

/// A path beside that of the base (section 5.2.3).
fn merged(base: &str, path: &str) -> String {
    let directory = base.rsplit_once('/').map_or("", |(directory, _)| directory);
    format!("{directory}/{path}")
}

/// Without the segments `.` and `..` (section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." if is_last => kept.push(""),
            "." => {}
            ".." => {
                // The empty segment before the first `/` stays.
                if kept.len() > 1 {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtsp::url::RtspUrl;

    /// Section 5.4, with the scheme that is ours.
    #[test]
    fn the_examples_of_the_rfc() {
        for (reference, resolved) in [
            ("g:h", "rtsp://a/b/c/g:h"),
            ("g", "rtsp://a/b/c/g"),
            ("./g", "rtsp://a/b/c/g"),
            ("g/", "rtsp://a/b/c/g/"),
            ("/g", "rtsp://a/g"),
            ("//g", "rtsp://g"),
            ("?y", "rtsp://a/b/c/d;p?y"),
            ("g?y", "rtsp://a/b/c/g?y"),
            ("#s", "rtsp://a/b/c/d;p?q#s"),
            ("g#s", "rtsp://a/b/c/g#s"),
            ("g?y#s", "rtsp://a/b/c/g?y#s"),
            (";x", "rtsp://a/b/c/;x"),
            ("g;x?y#s", "rtsp://a/b/c/g;x?y#s"),
            ("", "rtsp://a/b/c/d;p?q"),
            (".", "rtsp://a/b/c/"),
            ("./", "rtsp://a/b/c/"),
            ("..", "rtsp://a/b/"),
            ("../g", "rtsp://a/b/g"),
            ("../..", "rtsp://a/"),
            ("../../g", "rtsp://a/g"),
            ("../../../g", "rtsp://a/g"),
            ("/./g", "rtsp://a/g"),
            ("/../g", "rtsp://a/g"),
            ("g..", "rtsp://a/b/c/g.."),
            ("./../g", "rtsp://a/b/g"),
            ("g;x=1/../y", "rtsp://a/b/c/y"),
            ("g?y/../x", "rtsp://a/b/c/g?y/../x"),
            ("rtsp:g", "rtsp://a/b/c/g"),
        ] {
            // `g:h` has a scheme by the RFC; of none but RTSP's own it is said without `//`.
            assert_eq!(resolve_reference("rtsp://a/b/c/d;p?q", reference), resolved, "{reference}");
        }
    }

    #[test]
    fn what_servers_write() {
        let base = "rtsps://192.0.2.7:8554/live?x=1";
        for (reference, resolved) in [
            (" rtsp://other/y ", "rtsp://other/y"),
            ("RTSPS://other:1/y", "RTSPS://other:1/y"),
            ("http://other/y", "http://other/y"),
            ("//other:5540/y?z", "rtsps://other:5540/y?z"),
            ("/good/x", "rtsps://192.0.2.7:8554/good/x"),
            ("192.0.2.9:554/y", "rtsps://192.0.2.9:554/y"),
            ("[2001:db8::1]/y", "rtsps://[2001:db8::1]/y"),
            ("cam2:554/y", "rtsps://cam2:554/y"),
            ("y?u=rtsp://h/", "rtsps://192.0.2.7:8554/y?u=rtsp://h/"),
            ("//u:p@other/y", "rtsps://u:p@other/y"),
        ] {
            assert_eq!(resolve_reference(base, reference), resolved, "{reference}");
        }
        assert_eq!(resolve_reference("rtsp://a", "g"), "rtsp://a/g");
        assert_eq!(resolve_reference("rtsp://a?x", "g"), "rtsp://a/g");
    }

    proptest! {
        #[test]
        fn never_panics(base in "(rtsp://)?[:/@?#\\[\\]a1.é%*]{0,20}", given in "(rtsps?:|//)?[:/@?#a1.é%]{0,20}") {
            let _ = resolve_reference(&base, &given);
        }

        /// A path on the same server stays on it.
        #[test]
        fn a_path_leads_nowhere_else(path in "/[a-z./]{0,20}") {
            prop_assume!(!path.starts_with("//"));
            let url = RtspUrl::parse(&resolve_reference("rtsp://cam:8554/live", &path)).unwrap();
            prop_assert_eq!((url.host(), url.port()), ("cam", 8554));
            prop_assert!(!url.target().split('/').any(|segment| segment == ".."));
        }
    }
}
