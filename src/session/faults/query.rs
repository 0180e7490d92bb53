//! Faults in the query of a URL: `rtsp://host/path?fault=drop=1%&fault=video:delay=50ms±20ms&seed=7`.
//!
//! Clients join control paths to a URL behind its query (`…?fault=drop=1%/trackID=1`). So a `/` ends a parameter, unless
//! it is the one of `reorder=1%/3`; in a password it has to be written `%2F`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::error::FaultError;
use super::spec::Fault;

/// Faults that one URL may ask for.
const MAX_FAULTS: usize = 64;

/// The faults and the seed that a URL asks for. Other parameters are not looked at.
///
/// A `%` that two hexadecimal digits follow is decoded; any other stands for itself, as in `drop=1%`. No spec has a
/// digit or letter right behind its percent sign, so both `drop=1%` and `drop=1%25` mean the same.
///
/// # Errors
/// Where a fault or the seed can't be read.
pub fn from_query(url: &str) -> Result<(Vec<Fault>, Option<u64>), FaultError> {
    let (mut faults, mut seed) = (Vec::new(), None);
    for parameter in parameters(url).1.map(Parameter::read) {
        match parameter {
            Parameter::Fault { .. } if faults.len() == MAX_FAULTS => return Err(FaultError::TooMany(MAX_FAULTS)),
            Parameter::Fault { spec, .. } => {
                let spec = percent_decode_str(spec).decode_utf8().map_err(|_| FaultError::Encoding)?;
                faults.push(spec.parse()?);
            }
            Parameter::Seed { number, .. } => seed = Some(number.parse().map_err(|_| FaultError::Seed)?),
            Parameter::Other(_) => {}
        }
    }
    Ok((faults, seed))
}

/// The URL without its `fault=` and `seed=` parameters: what tells cameras apart. A path behind them stays.
pub fn without_faults(url: &str) -> Cow<'_, str> {
    let (before, query) = parameters(url);
    if !query.clone().any(|parameter| !matches!(Parameter::read(parameter), Parameter::Other(_))) {
        return Cow::Borrowed(url);
    }
    let (mut kept, mut separator) = (before.to_owned(), '?');
    for parameter in query.map(Parameter::read) {
        match parameter {
            Parameter::Fault { path, .. } | Parameter::Seed { path, .. } => kept.push_str(path),
            Parameter::Other(text) => {
                kept.push(separator);
                kept.push_str(text);
                separator = '&';
            }
        }
    }
    Cow::Owned(kept)
}

/// What stands before the query, and its parameters.
fn parameters(url: &str) -> (&str, impl Iterator<Item = &str> + Clone) {
    let (before, query) = url.split_once('?').map_or((url, None), |(before, query)| (before, Some(query)));
    (before, query.into_iter().flat_map(|query| query.split('&')))
}

/// A parameter; `path` is what a client joined behind it, with its slash.
enum Parameter<'a> {
    Fault { spec: &'a str, path: &'a str },
    Seed { number: &'a str, path: &'a str },
    Other(&'a str),
}

impl<'a> Parameter<'a> {
    fn read(text: &'a str) -> Self {
        if let Some(value) = text.strip_prefix("fault=") {
            let (spec, path) = value.split_at_checked(spec_len(value)).unwrap_or((value, ""));
            Self::Fault { spec, path }
        } else if let Some(value) = text.strip_prefix("seed=") {
            let (number, path) = value.split_at_checked(value.find('/').unwrap_or(value.len())).unwrap_or((value, ""));
            Self::Seed { number, path }
        } else {
            Self::Other(text)
        }
    }
}

/// Bytes up to the slash where a path begins, or all.
fn spec_len(value: &str) -> usize {
    let Some(slash) = value.find('/') else { return value.len() };
    let (spec, path) = value.split_at_checked(slash).unwrap_or((value, ""));
    let name = spec.split(['=', '@']).next().unwrap_or_default();
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    let distance = path.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let ends = matches!(path.as_bytes().get(1 + distance), None | Some(b'/'));
    if name == "reorder" && distance > 0 && ends { slash + 1 + distance } else { slash }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::super::spec::tests::fault;
    use super::*;

    fn read(url: &str) -> (Vec<String>, Option<u64>) {
        let (faults, seed) = from_query(url).expect(url);
        (faults.iter().map(ToString::to_string).collect(), seed)
    }

    #[test]
    fn reads_queries_with_and_without_escapes_and_paths() {
        for (query, faults, seed, rest) in [
            ("?fault=drop=1%", &["drop=1%"][..], None, ""),
            ("?fault=drop=1%25", &["drop=1%"], None, ""),
            ("?fault=drop=1%/trackID=1", &["drop=1%"], None, "/trackID=1"),
            ("?fault=drop=1%25/", &["drop=1%"], None, "/"),
            ("?fault=drop=1%/3", &["drop=1%"], None, "/3"),
            ("?fault=reorder=1%/3", &["reorder=1%/3"], None, ""),
            ("?fault=reorder=1%25/3/stream=0", &["reorder=1%/3"], None, "/stream=0"),
            ("?fault=reorder=1%25%2F3/stream=0", &["reorder=1%/3"], None, "/stream=0"),
            ("?fault=reorder=1%/stream=0", &["reorder=1%"], None, "/stream=0"),
            ("?fault=reorder=1%/3d", &["reorder=1%"], None, "/3d"),
            ("?fault=video:reorder=2%/4/1", &["video:reorder=2%/4"], None, "/1"),
            ("?fault=drop=1%&fault=video:delay=50ms±20ms&seed=7", &["drop=1%", "video:delay=50ms±20ms"], Some(7), ""),
            ("?fault=delay%3D50ms%C2%B120ms&seed=8/a/b", &["delay=50ms±20ms"], Some(8), "/a/b"),
            ("?fault=digest=u:p%2Fw%40%26", &["digest=u:p/w@&"], None, ""),
            ("?id=3&fault=no-sr&x=/y&seed=1/track1", &["no-sr"], Some(1), "?id=3&x=/y/track1"),
            ("?fault=no-sr&id=3/track1", &["no-sr"], None, "?id=3/track1"),
            ("?faults=1&default=2", &[], None, "?faults=1&default=2"),
            ("?", &[], None, "?"),
            ("", &[], None, ""),
        ] {
            let url = format!("rtsp://h/x{query}");
            let (found, number) = read(&url);
            assert_eq!(
                (&found[..], number),
                (&faults.iter().map(ToString::to_string).collect::<Vec<_>>()[..], seed),
                "{url}"
            );
            assert_eq!(without_faults(&url), format!("rtsp://h/x{rest}"), "{url}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(from_query("rtsp://h/?seed=x"), Err(FaultError::Seed));
        assert_eq!(from_query("rtsp://h/?fault=delay=5%B1"), Err(FaultError::Encoding));
        assert!(matches!(from_query("rtsp://h/?fault=nothing"), Err(FaultError::Name(_))));
        let many = format!("rtsp://h/?{}", "fault=no-sr&".repeat(65));
        assert_eq!(from_query(&many), Err(FaultError::TooMany(64)));
        assert_eq!(without_faults("rtsp://h/x?seed=x/t"), "rtsp://h/x/t");
    }

    proptest! {
        #[test]
        fn an_escaped_fault_reads_back(fault in fault(), seed: u64, path in "(/[a-z=0-9]{1,9}){0,2}") {
            let spec = fault.to_string();
            let url = format!("rtsp://h/x?fault={}&seed={seed}{path}", utf8_percent_encode(&spec, NON_ALPHANUMERIC));
            prop_assert_eq!(from_query(&url), Ok((vec![fault], Some(seed))));
            let rest = without_faults(&url);
            prop_assert_eq!(rest, format!("rtsp://h/x{path}"));
        }

        #[test]
        fn what_is_left_asks_for_nothing(url in r"rtsp://h/x(\?|&|fault=|seed=|drop=1%|reorder=1%/3|/|[a-z0-9%]){0,12}") {
            let rest = without_faults(&url).into_owned();
            let _ = from_query(&url);
            if url.matches('?').count() < 2 {
                prop_assert_eq!(without_faults(&rest), rest.as_str());
                prop_assert_eq!(from_query(&rest), Ok((vec![], None)));
            }
        }
    }
}
