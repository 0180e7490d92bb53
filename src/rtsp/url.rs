//! RTSP URLs as people type them and devices send them. Not RFC 3986: what goes into a request line must keep the
//! bytes it was given, passwords hold what they like, and devices join and mangle URLs in ways of their own.
//!
//! Own code: url 2.5 (33 crates) takes `ss` for the host of `rtsp://admin:p@ss#1@cam/live`, writes the space of `/a b` as
//! `%20` and `/a/../b` as `/b`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use memchr::{memchr, memchr_iter, memmem, memrchr};
use percent_encoding::percent_decode_str;

/// The port of RTSP (RFC 2326, section 3.2).
pub const RTSP_PORT: u16 = 554;
/// The port of RTSP over TLS (RFC 7826, section 4.2).
pub const RTSPS_PORT: u16 = 322;

/// Why a text is not a URL to connect to. None of the messages repeats the text: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No `://`.
    #[error("no scheme: try rtsp://HOST/PATH, or rtsps:// for RTSP over TLS")]
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
    port: Option<u16>,
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
        let scheme = known_scheme(scheme)?;
        let (userinfo, location) = split_userinfo(rest);
        let HostPort { host, port } = HostPort::leading(location.as_bytes())?;
        let (address, zone) = split_zone(host);
        let text = without_userinfo(url);
        Ok(Self {
            text: if zone.is_some() { text.replacen(&format!("[{host}]"), &format!("[{address}]"), 1) } else { text },
            scheme,
            host: zone.map_or_else(|| host.to_owned(), |zone| format!("{address}%{zone}")),
            port,
            credentials: userinfo.and_then(Credentials::parse),
        })
    }

    /// `rtsp` or `rtsps`, in lower case.
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host name or address; an IPv6 address without its brackets, and with the zone if it has one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same as others know it: a zone has a meaning on this host alone (RFC 6874), so no request names it.
    pub fn plain_host(&self) -> &str {
        self.host.split('%').next().unwrap_or_default()
    }

    /// A URL that the server of `here` gave: a link-local address is in the zone of that server.
    #[must_use]
    pub fn seen_from(mut self, here: &Self) -> Self {
        let is_local = self.host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_unicast_link_local());
        if let Some((_, zone)) = here.host.split_once('%').filter(|_| is_local) {
            self.host = format!("{}%{zone}", self.host);
        }
        self
    }

    /// Whether it asks for TLS.
    pub const fn is_secure(&self) -> bool {
        matches!(self.scheme.as_bytes(), b"rtsps")
    }

    /// The port given, else 554, or 322 for `rtsps` (RFC 7826, section 4.2).
    pub const fn port(&self) -> u16 {
        self.port_or(if self.is_secure() { RTSPS_PORT } else { RTSP_PORT })
    }

    /// The port given, else another.
    pub const fn port_or(&self, other: u16) -> u16 {
        match self.port {
            Some(port) => port,
            None => other,
        }
    }

    /// The port of a tunnel through HTTP, where the URL names none: that of HTTP, or of HTTPS.
    pub const fn http_port(&self) -> u16 {
        if self.is_secure() { 443 } else { 80 }
    }

    /// Host and port as they were given.
    pub fn authority(&self) -> &str {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// Path and query for the request line of HTTP, where white space has to be escaped.
    pub fn target(&self) -> String {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        let target = rest.get(self.authority().len()..).unwrap_or_default();
        let target = target.split('#').next().unwrap_or_default().replace(' ', "%20");
        if target.starts_with('/') { target } else { format!("/{target}") }
    }

    /// The same at another port of the host, with or without TLS. Credentials stay behind.
    #[must_use]
    pub fn at(&self, is_secure: bool, port: u16) -> Self {
        let rest = self.text.split_once("://").and_then(|(_, rest)| rest.get(self.authority().len()..));
        let scheme = if is_secure { "rtsps" } else { "rtsp" };
        let host = self.plain_host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let text = format!("{scheme}://{host}:{port}{}", rest.unwrap_or_default());
        Self { text, scheme, host: self.host.clone(), port: Some(port), credentials: None }
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

/// The scheme in lower case.
fn known_scheme(scheme: &str) -> Result<&'static str, UrlError> {
    if scheme.eq_ignore_ascii_case("rtsp") {
        Ok("rtsp")
    } else if scheme.eq_ignore_ascii_case("rtsps") {
        Ok("rtsps")
    } else if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Err(UrlError::Scheme(scheme.to_owned()))
    } else {
        Err(UrlError::NoScheme)
    }
}

/// What stands between userinfo and path.
#[derive(Clone, Copy)]
pub(super) struct HostPort<'a> {
    pub(super) host: &'a str,
    port: Option<u16>,
}

/// The longest `host:port` looked for: a DNS name has 253 characters at most.
const MAX_HOST_PORT: usize = 300;

impl<'a> HostPort<'a> {
    /// Reads what is before the first `/`, `?` or `#`.
    pub(super) fn leading(bytes: &'a [u8]) -> Result<Self, UrlError> {
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
    pub(super) fn is_plain(self) -> bool {
        self.port.is_some() || split_zone(self.host).0.parse::<IpAddr>().is_ok()
    }
}

/// An address and its zone: behind `%25` as RFC 6874 has it, or behind `%` as people type it. `%25` alone is zone 25.
fn split_zone(host: &str) -> (&str, Option<String>) {
    let Some((address, zone)) = host.split_once('%').filter(|(address, _)| address.contains(':')) else {
        return (host, None);
    };
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    (address, Some(percent_decoded(zone)))
}

/// Splits `::1]:554` into the address, which may have a zone, and the port.
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
pub(crate) fn userinfo_len(rest: &[u8]) -> Option<usize> {
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
pub(super) fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", split_userinfo(rest).1),
        None => url.to_owned(),
    }
}

/// The schemes of RFC 2326, section 3.2, and RFC 7826, section 4.2.
pub(super) const SCHEMES: [&[u8]; 3] = [b"rtsp", b"rtsps", b"rtspu"];

#[cfg(test)]
mod tests;
