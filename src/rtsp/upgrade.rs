//! The HTTP messages that turn a connection into a WebSocket (RFC 6455, section 4), which may carry RTSP (ONVIF Streaming
//! Specification, *RTSP over WebSocket*).

use crate::rtsp::message::{Message, StartLine};

/// What the path ends with (ONVIF Streaming Specification, section 5.1.1.5).
const PATH: &str = "rtsp-over-websocket";

/// Whether a request asks for a WebSocket.
pub fn asks_for_web_socket(message: &Message<'_>) -> bool {
    let is_get = matches!(message.start_line(), StartLine::Request { method, .. } if method == "GET");
    is_get && message.is_http() && names_web_socket(message)
}

/// Whether an answer grants it: frames follow.
pub fn opens_web_socket(message: &Message<'_>) -> bool {
    message.head().starts_with(b"HTTP/") && message.status() == Some(101) && names_web_socket(message)
}

/// Whether one of the two says that RTSP is meant: by its protocol (`rtsp.onvif.org`), or by the end of its path, as clients
/// of Axis' cameras ask for `/rtsp-over-websocket` with the protocol `binary`.
pub fn names_rtsp(message: &Message<'_>) -> bool {
    let path = match message.start_line() {
        StartLine::Request { url, .. } => {
            let path = url.split('?').next().unwrap_or_default();
            path.rsplit('/').next().is_some_and(|end| end.eq_ignore_ascii_case(PATH))
        }
        StartLine::Response { .. } => false,
    };
    let says_rtsp = |protocols: &str| protocols.to_ascii_lowercase().contains("rtsp");
    path || message.headers("Sec-WebSocket-Protocol").any(|protocols| says_rtsp(&protocols))
}

fn names_web_socket(message: &Message<'_>) -> bool {
    let mut names = message.headers("Upgrade");
    names.any(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case("websocket")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(head: &str) -> Message<'_> {
        Message::new(head.as_bytes(), &[])
    }

    #[test]
    fn requests_and_answers() {
        let asked =
            message("GET /x HTTP/1.1\r\nUpgrade: h2c, WebSocket\r\nSec-WebSocket-Protocol: a, rtsp.onvif.org\r\n\r\n");
        assert!(asks_for_web_socket(&asked) && names_rtsp(&asked) && !opens_web_socket(&asked));
        let opened = message("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n");
        assert!(opens_web_socket(&opened) && !asks_for_web_socket(&opened) && !names_rtsp(&opened));
        for head in [
            "GET /x HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
            "GET /x HTTP/1.1\r\n\r\n",
            "POST /x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET rtsp://h/ RTSP/1.0\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        ] {
            assert!(!asks_for_web_socket(&message(head)) && !opens_web_socket(&message(head)), "{head}");
        }
        assert!(names_rtsp(&message("GET /x/RTSP-over-websocket?x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")));
        assert!(!names_rtsp(&message("GET /chat?camera=rtsp HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")));
    }
}
