//! The HTTP messages that open a tunnel for RTSP (Apple, *Tunnelling RTSP and RTP through HTTP*): a GET, on whose
//! connection the server's side passes as it is, and a POST whose body is the client's side in base64. What they have
//! in common is the value of `x-sessioncookie`.

use std::borrow::Cow;

use crate::rtsp::message::{Message, StartLine};

/// A longer cookie opens no tunnel; those of known clients have 16 to 32 letters.
const MAX_COOKIE: usize = 256;
/// What both sides call the tunnelled bytes.
const CONTENT_TYPE: &str = "application/x-rtsp-tunnelled";

/// One of the two connections of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// From server to client.
    Get,
    /// From client to server.
    Post,
}

/// Which connection of which tunnel a request opens: the value of its cookie.
pub fn half_of<'a>(message: &Message<'a>) -> Option<(Half, Cow<'a, str>)> {
    if !is_http(message) {
        return None;
    }
    let StartLine::Request { method, .. } = message.start_line() else { return None };
    let half = match &*method {
        "GET" => Half::Get,
        "POST" => Half::Post,
        _ => return None,
    };
    let cookie = message.header("x-sessioncookie")?;
    (1..=MAX_COOKIE).contains(&cookie.len()).then_some((half, cookie))
}

/// Whether this is the answer to a GET that says that the server's side follows.
pub fn is_answer(message: &Message<'_>) -> bool {
    message.head().starts_with(b"HTTP/")
        && message.header("Content-Type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case(CONTENT_TYPE))
}

/// Whether the start line says HTTP.
pub fn is_http(message: &Message<'_>) -> bool {
    let line = message.head().split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    line.starts_with(b"HTTP/") || last.starts_with(b"HTTP/")
}

/// How many bytes of body a message has. Those that open a tunnel have none, whatever they say: their Content-Length
/// (mostly 32767) is there for proxies, and what follows is the tunnelled stream.
pub fn body_length(message: &Message<'_>) -> u64 {
    if is_answer(message) || half_of(message).is_some() { 0 } else { message.content_length() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(head: &str) -> Message<'_> {
        Message::new(head.as_bytes(), &[])
    }

    #[test]
    fn halves() {
        let get = message("GET /av HTTP/1.0\r\nX-SessionCookie: abc \r\nContent-Length: 9\r\n\r\n");
        assert_eq!(half_of(&get), Some((Half::Get, "abc".into())));
        let post = message("POST /a b HTTP/1.1\r\nx-sessioncookie: abc\r\nContent-Length: 32767\r\n\r\n");
        assert_eq!(half_of(&post), Some((Half::Post, "abc".into())));
        assert_eq!((body_length(&get), body_length(&post)), (0, 0));
    }

    #[test]
    fn no_halves() {
        let long = format!("GET / HTTP/1.0\r\nx-sessioncookie: {}\r\n\r\n", "a".repeat(MAX_COOKIE + 1));
        for head in [
            "GET / HTTP/1.0\r\nContent-Length: 7\r\n\r\n",
            "GET / HTTP/1.0\r\nx-sessioncookie:\r\n\r\n",
            "PUT / HTTP/1.0\r\nx-sessioncookie: abc\r\n\r\n",
            "GET rtsp://h/ RTSP/1.0\r\nx-sessioncookie: abc\r\n\r\n",
            "HTTP/1.0 200 OK\r\nx-sessioncookie: abc\r\n\r\n",
            &long,
        ] {
            assert_eq!(half_of(&message(head)), None, "{head:?}");
        }
        assert_eq!(body_length(&message("POST / HTTP/1.0\r\nContent-Length: 7\r\n\r\n")), 7);
    }

    #[test]
    fn answers() {
        let opened =
            message("HTTP/1.0 200 OK\r\nContent-Type: application/X-RTSP-tunnelled\r\nContent-Length: 32767\r\n\r\n");
        assert!(is_answer(&opened));
        assert_eq!(body_length(&opened), 0);
        let refused = message("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n");
        assert!(!is_answer(&refused) && is_http(&refused));
        assert_eq!(body_length(&refused), 20);
        assert!(!is_http(&message("RTSP/1.0 200 OK\r\n\r\n")));
        assert!(!is_http(&message("OPTIONS * RTSP/1.0\r\n\r\n")));
    }
}
