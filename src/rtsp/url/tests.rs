//! How URLs are read.

use proptest::prelude::*;

use super::*;

fn parts(url: &str) -> (String, String, u16, String) {
    let url = RtspUrl::parse(url).unwrap();
    let login = url.credentials().map(|c| format!("{} {}", c.user, c.password)).unwrap_or_default();
    (url.as_str().to_owned(), url.host().to_owned(), url.port(), login)
}

#[test]
fn reads_urls() {
    for (url, text, host, port, login) in [
        ("rtsp://cam", "rtsp://cam", "cam", 554, ""),
        (" RTSP://Cam:8554/a b?c=%2f#d\n", "RTSP://Cam:8554/a b?c=%2f#d", "Cam", 8554, ""),
        ("rtsps://u:p@127.0.0.1/live", "rtsps://127.0.0.1/live", "127.0.0.1", 322, "u p"),
        ("rtsp://[::1]:8574/h264_aac.mkv", "rtsp://[::1]:8574/h264_aac.mkv", "::1", 8574, ""),
        ("rtsp://u@[fe80::1%eth0]/", "rtsp://[fe80::1]/", "fe80::1%eth0", 554, "u "),
        ("rtsp://u:p@[fe80::1%25eth0]:8554/x", "rtsp://[fe80::1]:8554/x", "fe80::1%eth0", 8554, "u p"),
        ("rtsp://[fe80::1%25wlan%2D0]/[a]", "rtsp://[fe80::1]/[a]", "fe80::1%wlan-0", 554, ""),
        ("rtsp://[fe80::1%25]/", "rtsp://[fe80::1]/", "fe80::1%25", 554, ""),
        ("rtsp://a%25b/", "rtsp://a%25b/", "a%25b", 554, ""),
        ("rtsp://@cam/", "rtsp://cam/", "cam", 554, ""),
        ("rtsp://cam/live?mail=a@b.c", "rtsp://cam/live?mail=a@b.c", "cam", 554, ""),
        ("rtsp://relay:554/rtsp://u:p@1.2.3.4:5/x", "rtsp://relay:554/rtsp://u:p@1.2.3.4:5/x", "relay", 554, ""),
    ] {
        assert_eq!(parts(url), (text.to_owned(), host.to_owned(), port, login.to_owned()), "{url}");
    }
}

#[test]
fn what_http_asks_for() {
    for (url, authority, target) in [
        ("rtsp://u:p@cam", "cam", "/"),
        ("rtsps://[::1]:8554/a b?c=/d#e", "[::1]:8554", "/a%20b?c=/d"),
        ("rtsp://cam?x", "cam", "/?x"),
    ] {
        let url = RtspUrl::parse(url).unwrap();
        assert_eq!((url.authority(), url.target().as_str()), (authority, target));
    }
    let port = |url: &str| RtspUrl::parse(url).unwrap().port_or(80);
    assert_eq!((port("rtsp://cam"), port("rtsp://cam:554"), port("rtsps://cam:322/")), (80, 554, 322));
}

#[test]
fn other_ports() {
    for (url, is_secure, port, text) in [
        ("rtsp://u:p@cam/a?b#c", true, 322, "rtsps://cam:322/a?b#c"),
        ("rtsps://[::1]:8554", false, 80, "rtsp://[::1]:80"),
        ("rtsp://cam:1?x", false, 2, "rtsp://cam:2?x"),
    ] {
        let elsewhere = RtspUrl::parse(url).unwrap().at(is_secure, port);
        assert_eq!(elsewhere, RtspUrl::parse(text).unwrap());
    }
}

#[test]
fn a_zone_stays_on_this_host() {
    let here = RtspUrl::parse("rtsp://[fe80::1%25eth0]:8554/x").unwrap();
    assert_eq!((here.plain_host(), here.authority()), ("fe80::1", "[fe80::1]:8554"));
    assert_eq!(here.at(true, 322).as_str(), "rtsps://[fe80::1]:322/x");
    for (given, host) in
        [("rtsp://[fe80::2]/y", "fe80::2%eth0"), ("rtsp://[2001:db8::1]/y", "2001:db8::1"), ("rtsp://cam/", "cam")]
    {
        assert_eq!(RtspUrl::parse(given).unwrap().seen_from(&here).host(), host);
    }
}

#[test]
fn passwords_hold_what_they_like() {
    for (url, text, login) in [
        ("rtsp://admin:p@ss/w@rd@cam:554/live", "rtsp://cam:554/live", "admin p@ss/w@rd"),
        ("rtsp://admin:a/b?c#d@cam/live", "rtsp://cam/live", "admin a/b?c#d"),
        ("rtsp://admin:a?b:c@cam/live/x@y", "rtsp://cam/live/x@y", "admin a?b:c"),
        ("rtsp://admin:50%%2520 &%zz@cam/", "rtsp://cam/", "admin 50%%20 &%zz"),
        ("rtsp://admin:100%ff@cam/", "rtsp://cam/", "admin 100%ff"),
        ("rtsp://a%40b:%3a%2F@[::1]:554/", "rtsp://[::1]:554/", "a@b :/"),
    ] {
        let (found_text, _, _, found_login) = parts(url);
        assert_eq!((found_text.as_str(), found_login.as_str()), (text, login), "{url}");
    }
}

#[test]
fn says_what_to_try_and_no_secret() {
    for (url, error) in [
        ("cam/live", UrlError::NoScheme),
        ("http://cam/", UrlError::Scheme("http".to_owned())),
        ("rtsp://", UrlError::MissingHost),
        ("rtsp:///live", UrlError::MissingHost),
        ("rtsp://u:secret@/live", UrlError::MissingHost),
        ("rtsp://u:secret@cam:99999/", UrlError::BadPort),
        ("rtsp://cam:0/", UrlError::BadPort),
        ("rtsp://cam:+1/", UrlError::BadPort),
        ("rtsp://rtsp://cam/", UrlError::BadPort),
        ("rtsp://::1/live", UrlError::UnbracketedIpv6),
        ("rtsp://[::1/live", UrlError::BadHost),
        ("rtsp://[::1]x/live", UrlError::BadHost),
        ("rtsp://cam/\r\nX: y", UrlError::ControlCharacter),
    ] {
        assert_eq!(RtspUrl::parse(url), Err(error.clone()), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
    let url = RtspUrl::parse("rtsp://u:secret@cam/").unwrap();
    assert!(!format!("{url:?} {url}").contains("secret"));
}

proptest! {
    #[test]
    fn never_panics(url in "(rtsp://)?[:/@?#\\[\\]a1.é%*]{0,20}") {
        let _ = RtspUrl::parse(&url);
    }
}
