//! The URLs of presentation and tracks, from what a DESCRIBE response says of them: not resolved by RFC 3986, but
//! joined and repaired as the devices mean them.

use std::net::IpAddr;

use super::resource::ResourceName;
use super::url::{HostPort, RtspUrl, SCHEMES, without_userinfo};

/// The URL of a track or of the presentation: `a=control` of an SDP, taken against its base.
///
/// Joined with one `/` as the devices' own clients do, not resolved by RFC 3986: `rtsp://h/live?x=1/` and `trackID=0`
/// make `rtsp://h/live?x=1/trackID=0`. No control, an empty one and `*` (RFC 2326, section C.1.1) mean the base;
/// an absolute one stands for itself, less its credentials.
pub fn join_control(base: &str, control: Option<&str>) -> String {
    let control = control.map_or("", str::trim);
    if control.is_empty() || control == "*" {
        base.to_owned()
    } else if is_absolute(control) {
        without_userinfo(without_doubled_scheme(control))
    } else {
        format!("{}/{}", base.strip_suffix('/').unwrap_or(base), control.strip_prefix('/').unwrap_or(control))
    }
}

/// Whose of a description's controls a URL is: that which makes this URL with the base; else that which it ends with; else
/// the `next` one, as clients set tracks up in their order.
pub fn control_of(url: &str, base: Option<&str>, controls: &[Option<&str>], next: usize) -> Option<usize> {
    let asked = ResourceName::of(url);
    let same = |control: Option<&str>| base.is_some_and(|base| ResourceName::of(&join_control(base, control)) == asked);
    let ends = |control: Option<&str>| control.is_some_and(|control| url.ends_with(control));
    let mut all = controls.iter().copied();
    let place = all.position(same).or_else(|| controls.iter().copied().position(ends));
    place.or((next < controls.len()).then_some(next))
}

/// The base that a DESCRIBE response gives its controls: Content-Base, else Content-Location, else the URL asked for
/// (RFC 2326, section C.1.1). What devices get wrong about them is put right; what can't be is passed over.
pub fn resolve_base(request_url: &RtspUrl, content_base: Option<&str>, content_location: Option<&str>) -> String {
    let mut given = [content_base, content_location].into_iter().flatten();
    given.find_map(|base| repaired(base.trim(), request_url)).unwrap_or_else(|| request_url.as_str().to_owned())
}

fn repaired(base: &str, request: &RtspUrl) -> Option<String> {
    let base = without_doubled_scheme(base);
    let after_slashes = base.strip_prefix("//").unwrap_or(base);
    if base.is_empty() || base == "*" || base.bytes().any(|byte| byte.is_ascii_control()) {
        None
    } else if is_absolute(base) {
        repaired_absolute(base, request)
    } else if base.contains("://") {
        None
    } else if names_host(after_slashes, request) {
        repaired_absolute(&format!("{}://{after_slashes}", request.scheme()), request)
    } else {
        Some(resolved_path(base, request.as_str()))
    }
}

/// An absolute base as given, or where its host can't be (`::ffff:1.2.3.4` without brackets, 0.0.0.0, none at all),
/// its path at the host that was asked.
fn repaired_absolute(base: &str, request: &RtspUrl) -> Option<String> {
    let unspecified = |url: &RtspUrl| url.host().parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    match RtspUrl::parse(base) {
        Ok(url) if !unspecified(&url) => Some(url.as_str().to_owned()),
        _ => {
            base.get(root_len(base)..).filter(|path| !path.is_empty()).map(|path| resolved_path(path, request.as_str()))
        }
    }
}

/// Whether a base without a scheme begins with a host: `192.168.1.2:1935/`, or the host that was asked.
fn names_host(base: &str, request: &RtspUrl) -> bool {
    HostPort::leading(base.as_bytes()).is_ok_and(|found| found.is_plain() || found.host == request.host())
}

/// A path at the host of `url`; one without a leading `/` beside the last segment of the path of `url`.
fn resolved_path(path: &str, url: &str) -> String {
    let (root, own_path) = url.split_at_checked(root_len(url)).unwrap_or((url, ""));
    let own_path = own_path.split(['?', '#']).next().unwrap_or_default();
    let directory = own_path.rsplit_once('/').map_or("", |(directory, _)| directory);
    if path.starts_with('/') { format!("{root}{path}") } else { format!("{root}{directory}/{path}") }
}

/// Bytes of scheme, host and port at the beginning of an absolute URL.
fn root_len(url: &str) -> usize {
    let host = url.find("://").map_or(0, |at| at + 3);
    url.get(host..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |len| host + len)
}

/// `rtsp://rtsp://h/` is meant to be `rtsp://h/`.
fn without_doubled_scheme(mut url: &str) -> &str {
    while let Some((_, rest)) = url.split_once("://").filter(|(_, rest)| is_absolute(url) && is_absolute(rest)) {
        url = rest;
    }
    url
}

/// Whether `url` begins with an RTSP scheme and `://`.
fn is_absolute(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| SCHEMES.iter().any(|s| scheme.as_bytes().eq_ignore_ascii_case(s)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn joins_controls() {
        let base = "rtsp://127.0.0.1:8554/av/";
        for (base, control, joined) in [
            (base, None, base),
            (base, Some(""), base),
            (base, Some(" * "), base),
            (base, Some("stream=0"), "rtsp://127.0.0.1:8554/av/stream=0"),
            ("rtsp://127.0.0.1:8554/av", Some("stream=0"), "rtsp://127.0.0.1:8554/av/stream=0"),
            (base, Some("/stream=0"), "rtsp://127.0.0.1:8554/av/stream=0"),
            ("rtsp://127.0.0.1:8604/live?x=1/", Some("trackID=0"), "rtsp://127.0.0.1:8604/live?x=1/trackID=0"),
            ("rtsp://h/live?x=1", Some("trackID=0?y=2"), "rtsp://h/live?x=1/trackID=0?y=2"),
            (base, Some("rtsp://127.0.0.1:8564/vlc/trackID=2"), "rtsp://127.0.0.1:8564/vlc/trackID=2"),
            (base, Some("RTSP://admin:p/w@cam:554/t1"), "RTSP://cam:554/t1"),
            (base, Some("rtsp://rtsp://u:p@cam/t1"), "rtsp://cam/t1"),
        ] {
            assert_eq!(join_control(base, control), joined);
        }
    }

    #[test]
    fn finds_controls() {
        let controls = [Some("t0"), Some("rtsp://h/x/t1"), None, Some("0")];
        let found = |url: &str, base, next| control_of(url, base, &controls, next);
        let base = Some("rtsp://h/live/");
        assert_eq!(found("rtsp://h/live/t0", base, 1), Some(0));
        assert_eq!(found("rtsp://h/x/t1", base, 0), Some(1));
        assert_eq!(found("rtsp://h/live/", base, 0), Some(2));
        assert_eq!(found("rtsp://nat/live/t0", base, 2), Some(0), "the base that the description names is another");
        assert_eq!(found("rtsp://nat/live/t0", None, 2), Some(0));
        assert_eq!((found("rtsp://h/y", None, 1), found("rtsp://h/y", None, 4)), (Some(1), None));
    }

    #[test]
    fn repairs_bases() {
        let request = RtspUrl::parse("rtsp://u:p@192.168.1.2:8554/a/live?x=1").unwrap();
        for (base, resolved) in [
            ("rtsp://192.168.1.2/live/", "rtsp://192.168.1.2/live/"),
            ("rtsp://u:p@192.168.1.2/live/", "rtsp://192.168.1.2/live/"),
            ("rtsp://rtsp://cam.lan:554/stream1/", "rtsp://cam.lan:554/stream1/"),
            ("rtsp://::ffff:192.168.1.123/onvif/profile.1/", "rtsp://192.168.1.2:8554/onvif/profile.1/"),
            ("rtsp://0.0.0.0:554/live/", "rtsp://192.168.1.2:8554/live/"),
            ("rtsp:///live/", "rtsp://192.168.1.2:8554/live/"),
            ("192.168.1.2/live", "rtsp://192.168.1.2/live"),
            ("192.168.1.87:1935/", "rtsp://192.168.1.87:1935/"),
            ("//192.168.1.2/live/", "rtsp://192.168.1.2/live/"),
            ("/live/", "rtsp://192.168.1.2:8554/live/"),
            ("live/", "rtsp://192.168.1.2:8554/a/live/"),
            ("", request.as_str()),
            ("*", request.as_str()),
            ("rtsp://", request.as_str()),
            ("http://192.168.1.2/", request.as_str()),
        ] {
            assert_eq!(resolve_base(&request, Some(base), None), resolved, "{base}");
        }
        assert_eq!(resolve_base(&request, Some(" "), Some("rtsp://h/b")), "rtsp://h/b");
        assert_eq!(resolve_base(&request, None, None), "rtsp://192.168.1.2:8554/a/live?x=1");
    }

    proptest! {
        #[test]
        fn never_panics(a in "(rtsp://)?[:/@?#\\[\\]a1.é%*]{0,20}", b in "(rtsps?://)?[:/@?#a1.é%]{0,20}") {
            let _ = join_control(&a, Some(&b));
            let request = RtspUrl::parse("rtsp://cam/live").unwrap();
            let _ = resolve_base(&request, Some(&a), Some(&b));
        }
    }
}
