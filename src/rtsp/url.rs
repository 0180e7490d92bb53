//! RTSP URLs as people type them and devices send them. Not RFC 3986: what goes into a request line must keep the
//! bytes it was given, passwords hold what they like, and devices join and mangle URLs in ways of their own.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use memchr::{memchr, memchr_iter, memmem, memrchr};
use percent_encoding::percent_decode_str;

/// Why a text is not a URL to connect to. None of the messages repeats the text: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No `://`.
    #[error("no scheme: an RTSP URL begins with rtsp:// or rtsps://")]
    NoScheme,
    /// A scheme other than RTSP's.
    #[error("scheme {0:?} is not RTSP: try rtsp://, or rtsps:// for RTSP over TLS")]
    Scheme(String),
    /// Control characters, which would break the request line.
    #[error("control characters in the URL")]
    ControlCharacter,
    /// Nothing where the host should be.
    #[error("no host: try rtsp://HOST/PATH")]
    MissingHost,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address needs brackets: try rtsp://[ADDRESS]:PORT/PATH")]
    UnbracketedIpv6,
    /// A host that is neither a name nor an address.
    #[error("bad host: try rtsp://HOST:PORT/PATH, with @ : / in a password written as %40 %3A %2F")]
    BadHost,
    /// A port that is not a number from 1 to 65535.
    #[error("bad port, not a number from 1 to 65535 (a password is followed by @ and the host)")]
    BadPort,
}

/// Who to log in as.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password, empty where none was given.
    pub password: String,
}

/// Never shows the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"***").finish()
    }
}

impl Credentials {
    /// Reads `user:password`, percent-decoded; a `%` without two digits stays, as does what would not be UTF-8.
    fn parse(userinfo: &str) -> Option<Self> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        (!userinfo.is_empty()).then(|| Self { user: percent_decoded(user), password: percent_decoded(password) })
    }
}

fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
}

/// A URL to connect to: `rtsp://` or `rtsps://`, host, port, and the text for request lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtspUrl {
    text: String,
    scheme: &'static str,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

impl RtspUrl {
    /// Reads a URL, with or without userinfo.
    ///
    /// The userinfo ends at the last `@` before the first `/`. Where no host follows that one, or a later `@` is
    /// followed by an IP address or a port and that one isn't, the password holds a `/` and the later `@` counts.
    ///
    /// # Errors
    /// Where the scheme is not RTSP's, or there is no host and port to connect to.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = url.trim();
        if url.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(UrlError::ControlCharacter);
        }
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::NoScheme)?;
        let (scheme, default_port) = known_scheme(scheme)?;
        let (userinfo, location) = split_userinfo(rest);
        let HostPort { host, port } = HostPort::leading(location.as_bytes())?;
        Ok(Self {
            text: without_userinfo(url),
            scheme,
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            credentials: userinfo.and_then(Credentials::parse),
        })
    }

    /// `rtsp` or `rtsps`, in lower case.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host name or address; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port given, else 554, or 322 for `rtsps` (RFC 7826, section 4.2).
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// User and password, where the URL had any.
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The URL for request lines: without userinfo, every other byte as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for RtspUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::parse(url)
    }
}

/// As [`RtspUrl::as_str`]: without credentials.
impl fmt::Display for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The scheme and its port.
fn known_scheme(scheme: &str) -> Result<(&'static str, u16), UrlError> {
    if scheme.eq_ignore_ascii_case("rtsp") {
        Ok(("rtsp", 554))
    } else if scheme.eq_ignore_ascii_case("rtsps") {
        Ok(("rtsps", 322))
    } else if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Err(UrlError::Scheme(scheme.to_owned()))
    } else {
        Err(UrlError::NoScheme)
    }
}

/// What stands between userinfo and path.
#[derive(Clone, Copy)]
struct HostPort<'a> {
    host: &'a str,
    port: Option<u16>,
}

/// The longest `host:port` looked for: a DNS name has 253 characters at most.
const MAX_HOST_PORT: usize = 300;

impl<'a> HostPort<'a> {
    /// Reads what is before the first `/`, `?` or `#`.
    fn leading(bytes: &'a [u8]) -> Result<Self, UrlError> {
        let bytes = bytes.get(..MAX_HOST_PORT).unwrap_or(bytes);
        let end = bytes.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(bytes.len());
        let text = bytes.get(..end).and_then(|bytes| str::from_utf8(bytes).ok()).ok_or(UrlError::BadHost)?;
        if text.parse::<Ipv6Addr>().is_ok() {
            return Err(UrlError::UnbracketedIpv6);
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(inner) => split_brackets(inner)?,
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(UrlError::MissingHost);
        }
        if !text.starts_with('[') && !host.bytes().all(is_name_byte) {
            return Err(UrlError::BadHost);
        }
        Ok(Self { host, port: port.map(parse_port).transpose()? })
    }

    /// Whether it can hardly be part of a password: an address, or with a port.
    fn is_plain(self) -> bool {
        self.port.is_some() || self.host.parse::<IpAddr>().is_ok()
    }
}

/// Splits `::1]:554` into the address, which may have a zone (RFC 6874), and the port.
fn split_brackets(inner: &str) -> Result<(&str, Option<&str>), UrlError> {
    let (host, after) = inner.split_once(']').ok_or(UrlError::BadHost)?;
    let address = host.split_once('%').map_or(host, |(address, _zone)| address);
    let port = after.strip_prefix(':');
    let is_valid = address.parse::<Ipv6Addr>().is_ok() && (after.is_empty() || port.is_some());
    if is_valid { Ok((host, port)) } else { Err(UrlError::BadHost) }
}

/// Letters of any script, digits, and what names have between them.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%')
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| is_number && port != 0).ok_or(UrlError::BadPort)
}

/// Bytes of userinfo at the beginning of what follows a `://`; the `@` is the byte behind them.
fn userinfo_len(rest: &[u8]) -> Option<usize> {
    let authority = rest.get(..memchr(b'/', rest).unwrap_or(rest.len())).unwrap_or(rest);
    let usual = memrchr(b'@', authority);
    if usual.is_none() && HostPort::leading(authority).is_ok() {
        return None;
    }
    let begin = usual.unwrap_or(0);
    // An `@` behind another `://` belongs to a URL inside this one.
    let searched = rest.get(begin..memmem::find(rest, b"://").unwrap_or(rest.len())).unwrap_or_default();
    let mut best = None;
    for at in memchr_iter(b'@', searched).map(|at| at + begin) {
        let Ok(found) = HostPort::leading(rest.get(at + 1..).unwrap_or_default()) else { continue };
        if found.is_plain() {
            return Some(at);
        }
        best.get_or_insert(at);
    }
    best.or(usual)
}

/// Userinfo, without its `@`, and what follows.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let split = userinfo_len(rest.as_bytes()).and_then(|len| rest.split_at_checked(len));
    split.map_or((None, rest), |(userinfo, after)| (Some(userinfo), after.strip_prefix('@').unwrap_or(after)))
}

/// An absolute URL without its userinfo, otherwise as given. Says nothing of whether it's a good one.
fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", split_userinfo(rest).1),
        None => url.to_owned(),
    }
}

/// The schemes of RFC 2326, section 3.2, and RFC 7826, section 4.2.
const SCHEMES: [&[u8]; 3] = [b"rtsp", b"rtsps", b"rtspu"];

/// Whether `url` begins with an RTSP scheme and `://`.
fn is_absolute(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| SCHEMES.iter().any(|s| scheme.as_bytes().eq_ignore_ascii_case(s)))
}

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

/// The base that a DESCRIBE response gives its controls: Content-Base, else Content-Location, else the URL asked for
/// (RFC 2326, section C.1.1). What devices get wrong about them is put right; what can't be is passed over.
pub fn resolve_base(request_url: &RtspUrl, content_base: Option<&str>, content_location: Option<&str>) -> String {
    let mut given = [content_base, content_location].into_iter().flatten();
    given.find_map(|base| repaired(base.trim(), request_url)).unwrap_or_else(|| request_url.text.clone())
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
        repaired_absolute(&format!("{}://{after_slashes}", request.scheme), request)
    } else {
        Some(resolved_path(base, &request.text))
    }
}

/// An absolute base as given, or where its host can't be (`::ffff:1.2.3.4` without brackets, 0.0.0.0, none at all),
/// its path at the host that was asked.
fn repaired_absolute(base: &str, request: &RtspUrl) -> Option<String> {
    let unspecified = |url: &RtspUrl| url.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
    match RtspUrl::parse(base) {
        Ok(url) if !unspecified(&url) => Some(url.text),
        _ => base.get(root_len(base)..).filter(|path| !path.is_empty()).map(|path| resolved_path(path, &request.text)),
    }
}

/// Whether a base without a scheme begins with a host: `192.168.1.2:1935/`, or the host that was asked.
fn names_host(base: &str, request: &RtspUrl) -> bool {
    HostPort::leading(base.as_bytes()).is_ok_and(|found| found.is_plain() || found.host == request.host)
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

/// Overwrites the userinfo of every RTSP URL in `bytes` with `*`, in place. Touches nothing else.
///
/// A URL ends at white space, a quote or an angle bracket, so in a password with such a character only what is
/// before it is hidden.
pub fn mask_userinfo(bytes: &mut [u8]) {
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
    }
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
            ("rtsp://u@[fe80::1%eth0]/", "rtsp://[fe80::1%eth0]/", "fe80::1%eth0", 554, "u "),
            ("rtsp://@cam/", "rtsp://cam/", "cam", 554, ""),
            ("rtsp://cam/live?mail=a@b.c", "rtsp://cam/live?mail=a@b.c", "cam", 554, ""),
            ("rtsp://relay:554/rtsp://u:p@1.2.3.4:5/x", "rtsp://relay:554/rtsp://u:p@1.2.3.4:5/x", "relay", 554, ""),
        ] {
            assert_eq!(parts(url), (text.to_owned(), host.to_owned(), port, login.to_owned()), "{url}");
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

    #[test]
    fn masks_userinfo_and_nothing_else() {
        for (text, masked) in [
            ("PLAY rtsp://u:p@cam/ RTSP/1.0\r\n", "PLAY rtsp://***@cam/ RTSP/1.0\r\n"),
            ("url=rtsp://cam/1;seq=1,url=RTSPS://u:p@cam/2", "url=rtsp://cam/1;seq=1,url=RTSPS://***@cam/2"),
            ("<rtsp://a:b/c@cam:1/> a@b", "<rtsp://*****@cam:1/> a@b"),
            ("rtsp://rtsp://u:p@cam/ rtsp://u:p@cam:99999", "rtsp://rtsp://***@cam/ rtsp://***@cam:99999"),
            (
                "http://u:p@cam/ a=ssrc:1 cname:user@host rtsp://cam/x@y",
                "http://u:p@cam/ a=ssrc:1 cname:user@host rtsp://cam/x@y",
            ),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            mask_userinfo(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), masked);
        }
    }

    proptest! {
        #[test]
        fn encoded_credentials_come_back_and_are_masked(user in "\\PC{1,9}", password in "\\PC{0,9}") {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let userinfo = format!("{}:{}", encoded(&user), encoded(&password));
            let url = format!("rtsp://{userinfo}@cam:554/live?x=1");
            let parsed = RtspUrl::parse(&url).unwrap();
            prop_assert_eq!(parsed.credentials(), Some(&Credentials { user, password }));
            prop_assert_eq!(parsed.as_str(), "rtsp://cam:554/live?x=1");
            let mut bytes = url.into_bytes();
            mask_userinfo(&mut bytes);
            prop_assert_eq!(bytes, format!("rtsp://{}@cam:554/live?x=1", "*".repeat(userinfo.len())).into_bytes());
        }

        #[test]
        fn never_panics(a in "(rtsp://)?[:/@?#\\[\\]a1.é%*]{0,20}", b in "(rtsps?://)?[:/@?#a1.é%]{0,20}", mut bytes: Vec<u8>) {
            let _ = RtspUrl::parse(&a);
            let _ = join_control(&a, Some(&b));
            let request = RtspUrl::parse("rtsp://cam/live").unwrap();
            let _ = resolve_base(&request, Some(&a), Some(&b));
            let mut text = format!("{a} {b}").into_bytes();
            mask_userinfo(&mut text);
            let before = bytes.clone();
            mask_userinfo(&mut bytes);
            prop_assert_eq!(bytes, before);
        }
    }
}
