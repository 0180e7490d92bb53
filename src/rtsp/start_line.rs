//! Tells whether bytes begin with the start line of an RTSP message (RFC 2326, sections 6.1 and 7.1).
//!
//! HTTP versions pass too: some servers answer RTSP requests with `HTTP/1.1`, and tunnels speak it by design.

use memchr::memchr;

/// Longest start line that is taken for one.
const MAX_START_LINE: usize = 8 << 10;
/// Longest method name that is taken for one; the longest of RFC 2326 has 13 letters.
const MAX_METHOD: usize = 20;
/// What a response begins with.
pub(crate) const VERSIONS: [&[u8]; 2] = [b"RTSP/", b"HTTP/"];
/// The methods of RFC 2326 and those that open an HTTP tunnel.
pub(crate) const METHODS: [&[u8]; 13] = [
    b"OPTIONS ",
    b"DESCRIBE ",
    b"SETUP ",
    b"PLAY ",
    b"PAUSE ",
    b"TEARDOWN ",
    b"GET_PARAMETER ",
    b"SET_PARAMETER ",
    b"ANNOUNCE ",
    b"RECORD ",
    b"REDIRECT ",
    b"GET ",
    b"POST ",
];

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// It is one.
    Yes,
    /// It is none, whatever follows.
    No,
    /// It may become one: the line is not complete.
    NeedLine,
}

/// Whether a start line stands at the beginning. The same bytes with more behind them never change a `Yes` or `No`.
pub fn recognise(bytes: &[u8]) -> Recognition {
    // Who looks for a start line asks at each capital letter: a long line must not be searched for each of them.
    if token(bytes) == Token::Other {
        return Recognition::No;
    }
    let within = bytes.get(..MAX_START_LINE).unwrap_or(bytes);
    let Some(end) = memchr(b'\n', within) else {
        let possible = bytes.len() < MAX_START_LINE && is_text(within.trim_ascii_end());
        return if possible { Recognition::NeedLine } else { Recognition::No };
    };
    let line = bytes.get(..end).unwrap_or(bytes).trim_ascii_end();
    let complete = match token(line) {
        Token::Version => line.len() > VERSIONS[0].len(),
        Token::Method => ends_with_version(line),
        Token::Unfinished | Token::Other => false,
    };
    if complete && is_text(line) { Recognition::Yes } else { Recognition::No }
}

/// No control characters. Looks at all of them: that is faster than to stop at the first.
fn is_text(line: &[u8]) -> bool {
    line.iter().filter(|byte| byte.is_ascii_control() && **byte != b'\t').count() == 0
}

/// Whether the first word of a response, or a known method, stands at the beginning.
pub fn recognise_token(bytes: &[u8]) -> Recognition {
    let mut answer = Recognition::No;
    for word in VERSIONS.iter().chain(&METHODS) {
        if bytes.starts_with(word) {
            return Recognition::Yes;
        }
        if word.starts_with(bytes) {
            answer = Recognition::NeedLine;
        }
    }
    answer
}

/// What the first word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Version,
    Method,
    Unfinished,
    Other,
}

fn token(bytes: &[u8]) -> Token {
    if let Some(number) = VERSIONS.iter().find_map(|version| bytes.strip_prefix(*version)) {
        let digit = number.first().is_none_or(u8::is_ascii_digit);
        return if digit { Token::Version } else { Token::Other };
    }
    let letters = bytes.iter().take(MAX_METHOD + 1).take_while(|byte| byte.is_ascii_uppercase() || **byte == b'_');
    let letters = letters.count();
    match bytes.get(letters) {
        _ if letters > MAX_METHOD => Token::Other,
        Some(b' ') if letters >= 3 => Token::Method,
        Some(b'/') if VERSIONS.iter().any(|version| version.starts_with(bytes)) => Token::Unfinished,
        Some(_) => Token::Other,
        None => Token::Unfinished,
    }
}

/// Whether the last word is a protocol version.
fn ends_with_version(line: &[u8]) -> bool {
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    VERSIONS.iter().any(|version| last.strip_prefix(*version).is_some_and(|rest| matches!(rest, [b'0'..=b'9', ..])))
}

/// A start line that RTSP has, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtspLine {
    /// Method, URL and an RTSP version.
    Request,
    /// An RTSP version and a status.
    Response,
    /// The same with an HTTP version, as some servers of RTSP answer.
    HttpResponse,
}

/// What a line that [`recognise`] takes for a start line is to RTSP. A method that RFC 2326 does not know needs a URL that
/// is one: `INFO connected with RTSP/1.0` is none.
pub fn rtsp_line(line: &[u8]) -> Option<RtspLine> {
    let line = line.trim_ascii();
    let (first, rest) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
    let rest = rest.trim_ascii();
    if first.starts_with(VERSIONS[0]) || first.starts_with(VERSIONS[1]) {
        let kind = if first.starts_with(VERSIONS[0]) { RtspLine::Response } else { RtspLine::HttpResponse };
        return rest.first().is_some_and(u8::is_ascii_digit).then_some(kind);
    }
    let (url, version) = rest.split_at(rest.iter().rposition(|byte| *byte == b' ')?);
    let url = url.trim_ascii();
    let version = version.trim_ascii().strip_prefix(VERSIONS[0])?;
    let known = METHODS.iter().any(|method| method.trim_ascii() == first);
    let is_url = url == b"*" || memchr::memmem::find(url, b"://").is_some();
    let complete = !url.is_empty() && version.first().is_some_and(u8::is_ascii_digit);
    (complete && (known || is_url)).then_some(RtspLine::Request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_rtsp() {
        for (line, kind) in [
            ("OPTIONS * RTSP/1.0\r", Some(RtspLine::Request)),
            ("SETUP track1 RTSP/1.0", Some(RtspLine::Request)),
            ("DESCRIBE rtsp://h/with space RTSP/2.0 ", Some(RtspLine::Request)),
            ("X_VENDOR rtsp://h/ RTSP/1.0", Some(RtspLine::Request)),
            ("RTSP/1.0 200", Some(RtspLine::Response)),
            ("RTSP/2.0 404 Not Found\r", Some(RtspLine::Response)),
            ("HTTP/1.1 401 Unauthorized\r", Some(RtspLine::HttpResponse)),
            ("GET /doc/RTSP/1.0 HTTP/1.1\r", None),
            ("GET /?q=RTSP/1.0", None),
            ("INFO connected with RTSP/1.0", None),
            ("OPTIONS RTSP/1.0", None),
            ("OPTIONS * RTSP/x", None),
            ("RTSP/1.0 is a protocol", None),
            ("RTSP/1.0", None),
            ("", None),
        ] {
            assert_eq!(rtsp_line(line.as_bytes()), kind, "{line:?}");
        }
    }

    #[test]
    fn start_lines() {
        for line in [
            "RTSP/1.0 200 OK\r\n",
            "RTSP/1.0 200\n",
            "HTTP/1.1 404 Not Found\r\n",
            "OPTIONS * RTSP/1.0\r\n",
            "DESCRIBE rtsp://h/with space RTSP/1.0  \r\n",
            "X_VENDOR rtsp://h/ RTSP/2.0\r\n",
            "GET /tunnel HTTP/1.0\r\n",
        ] {
            assert_eq!(recognise(line.as_bytes()), Recognition::Yes, "{line:?}");
        }
    }

    #[test]
    fn no_start_lines() {
        for line in
            ["RTSP/x\r\n", "OPTIONS *\r\n", "options * RTSP/1.0\r\n", "AB c RTSP/1.0\n", "v=0\r\n", "\0", "\n", "A\n"]
        {
            assert_eq!(recognise(line.as_bytes()), Recognition::No, "{line:?}");
        }
        assert_eq!(recognise(&[b'A'; 40]), Recognition::No);
        assert_eq!(recognise(&[b"PLAY ".as_slice(), &[b'x'; MAX_START_LINE]].concat()), Recognition::No);
    }

    #[test]
    fn each_prefix_of_a_start_line_may_become_one() {
        for line in ["RTSP/1.0 200 OK\r\n", "GET_PARAMETER rtsp://h/ RTSP/1.0\r\n"] {
            for end in 0..line.len() {
                assert_eq!(recognise(&line.as_bytes()[..end]), Recognition::NeedLine, "{:?}", &line[..end]);
            }
        }
    }

    #[test]
    fn tokens_at_every_split_point() {
        for word in VERSIONS.iter().chain(&METHODS) {
            for end in 0..word.len() {
                assert_eq!(recognise_token(&word[..end]), Recognition::NeedLine);
            }
            assert_eq!(recognise_token(&[word, b"x".as_slice()].concat()), Recognition::Yes);
        }
        assert_eq!(recognise_token(b"PLAX"), Recognition::No);
    }
}
