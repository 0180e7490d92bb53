//! The HTTP messages that open a tunnel for RTSP (Apple, *Tunnelling RTSP and RTP through HTTP*): a GET, on whose
//! connection the server's side passes as it is, and a POST whose body is the client's side in base64. What they have
//! in common is the value of `x-sessioncookie`.

use std::borrow::Cow;
use std::fmt::Write;

use crate::rtsp::head_end::head_end;
use crate::rtsp::message::{Message, MessageBuilder, StartLine};
use crate::rtsp::web_socket::accepts;

/// A longer cookie opens no tunnel; those of known clients have 16 to 32 letters.
const MAX_COOKIE: usize = 256;
/// What both sides call the tunnelled bytes.
const CONTENT_TYPE: &str = "application/x-rtsp-tunnelled";
/// What an answer may begin with: some servers say RTSP even here.
const VERSIONS: [&[u8]; 2] = [b"HTTP/", b"RTSP/"];
/// The protocol that a WebSocket has to speak (ONVIF Streaming Specification).
const WEB_SOCKET_PROTOCOL: &str = "rtsp.onvif.org";
/// What clients say of the length of the POST's body, which nobody knows beforehand. Servers do not count.
const POST_LENGTH: u32 = 32767;
/// A longer head of an answer is none.
const MAX_ANSWER: usize = 16 << 10;

/// One of the two connections of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// From server to client.
    Get,
    /// From client to server.
    Post,
}

/// How HTTP is made to carry RTSP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TunnelKind {
    /// By the answer to a GET and the body of a POST.
    #[default]
    GetAndPost,
    /// By the frames of a WebSocket.
    WebSocket,
}

/// What a client says to open a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelRequest {
    /// Which one.
    pub kind: TunnelKind,
    /// Host, and port where it is not the usual one, as the Host header has them.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// The User-Agent header.
    pub user_agent: String,
    /// The Authorization headers of GET and POST.
    pub authorization: [Option<Vec<u8>>; 2],
}

impl TunnelRequest {
    /// The request that opens a WebSocket for RTSP (RFC 6455, section 4.1; ONVIF Streaming Specification). gortsplib, which
    /// `MediaMTX` serves with, wants `Upgrade` and the protocol letter by letter.
    pub fn upgrade(&self, key: &str) -> Vec<u8> {
        let [authorization, _] = &self.authorization;
        MessageBuilder::http_get(&one_line(&self.target))
            .header("Host", &self.host)
            .header("User-Agent", &self.user_agent)
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", key)
            .header("Sec-WebSocket-Version", 13)
            .header("Sec-WebSocket-Protocol", WEB_SOCKET_PROTOCOL)
            .authorization(authorization.clone())
            .finish()
    }

    /// The request that opens this half of the tunnel of this cookie. It speaks HTTP/1.0, whose answers come in one piece.
    pub fn head(&self, half: Half, cookie: &str) -> Vec<u8> {
        let (method, [get, post]) = (half.method(), &self.authorization);
        let authorization = if half == Half::Get { get } else { post };
        let mut head = format!("{method} {} HTTP/1.0\r\n", one_line(&self.target));
        let mut field = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = write!(head, "{name}: {}\r\n", one_line(value));
        };
        field("Host", &self.host);
        field("User-Agent", &self.user_agent);
        field("x-sessioncookie", cookie);
        match half {
            Half::Get => field("Accept", CONTENT_TYPE),
            Half::Post => field("Content-Type", CONTENT_TYPE),
        }
        field("Pragma", "no-cache");
        field("Cache-Control", "no-cache");
        if half == Half::Post {
            field("Content-Length", &POST_LENGTH.to_string());
            field("Expires", "Sun, 9 Jan 1972 00:00:00 GMT");
        }
        let mut head = head.into_bytes();
        if let Some(value) = authorization {
            head.extend_from_slice(b"Authorization: ");
            head.extend(value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

impl Half {
    /// The method of the request that opens it.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Line breaks would end the field, and white space a request line's target.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// What the server says on one of the connections before the tunnel stands, gathered to the end of its head.
#[derive(Debug, Default)]
pub struct OpeningResponse {
    bytes: Vec<u8>,
    /// How far they were searched for the end of the head.
    scanned: usize,
    /// That of the WebSocket that was asked for.
    key: Option<String>,
    /// What it opens comes in chunks.
    chunked: bool,
}

/// Where an [`OpeningResponse`] stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The head is not whole.
    NotYet,
    /// It is opened. What came behind the head is the tunnel's.
    Opened(Vec<u8>),
    /// It is not: the head, for [`Message::new`].
    Refused(Vec<u8>),
    /// That is no answer to HTTP.
    Nonsense,
}

impl OpeningResponse {
    /// That to the request for a WebSocket with this key.
    pub fn to_web_socket(key: String) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// Whether what was opened comes in chunks, which HTTP/1.0 does not know, but proxies do.
    pub fn is_chunked(&self) -> bool {
        self.chunked
    }

    /// Takes what came. After anything but [`Answered::NotYet`] it has said all.
    pub fn feed(&mut self, chunk: &[u8]) -> Answered {
        self.bytes.extend_from_slice(chunk);
        let Some(end) = head_end(&self.bytes, &mut self.scanned) else {
            let is_version =
                |version: &[u8]| version.starts_with(self.bytes.get(..version.len()).unwrap_or(&self.bytes));
            let possible = VERSIONS.into_iter().any(is_version) && self.bytes.len() < MAX_ANSWER;
            return if possible { Answered::NotYet } else { Answered::Nonsense };
        };
        let rest = self.bytes.split_off(end);
        let head = std::mem::take(&mut self.bytes);
        let answer = Message::new(&head, &[]);
        match (answer.status(), &self.key) {
            (Some(101), Some(key)) if accepts(&answer, key) => Answered::Opened(rest),
            (_, Some(_)) => Answered::Refused(head),
            _ if !VERSIONS.into_iter().any(|version| head.starts_with(version)) => Answered::Nonsense,
            // A web server has an answer to any GET.
            (Some(200..=299), None) if carries_tunnel(&answer) => {
                self.chunked = is_chunked(&answer);
                Answered::Opened(rest)
            }
            _ => Answered::Refused(head),
        }
    }
}

/// Whether an answer names no other content than a tunnel.
fn carries_tunnel(answer: &Message<'_>) -> bool {
    answer.header("Content-Type").is_none_or(|kind| kind.trim().eq_ignore_ascii_case(CONTENT_TYPE))
}

/// Which connection of which tunnel a request opens: the value of its cookie.
pub fn half_of<'a>(message: &Message<'a>) -> Option<(Half, Cow<'a, str>)> {
    if !message.is_http() {
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

/// Whether the body comes in chunks (RFC 9112, section 7.1).
pub fn is_chunked(message: &Message<'_>) -> bool {
    message.is_http()
        && message.headers("Transfer-Encoding").any(|coding| coding.to_ascii_lowercase().contains("chunked"))
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
    fn the_request_for_a_web_socket() {
        let request = TunnelRequest {
            kind: TunnelKind::WebSocket,
            host: "cam:8080".to_owned(),
            target: "/rtsp-over-websocket".to_owned(),
            user_agent: "test".to_owned(),
            authorization: [Some(b"Basic eDp5".to_vec()), None],
        };
        let head = String::from_utf8(request.upgrade("a2V5")).unwrap();
        assert_eq!(
            head,
            "GET /rtsp-over-websocket HTTP/1.1\r\nHost: cam:8080\r\nUser-Agent: test\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: a2V5\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: rtsp.onvif.org\r\nAuthorization: Basic eDp5\r\n\r\n"
        );
        let mut answer = OpeningResponse::to_web_socket("dGhlIHNhbXBsZSBub25jZQ==".to_owned());
        let opened = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\u{2}";
        assert_eq!(answer.feed(opened.as_bytes()), Answered::Opened(vec![2]));
        for refused in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"] {
            let mut answer = OpeningResponse::to_web_socket("x".to_owned());
            assert_eq!(answer.feed(refused.as_bytes()), Answered::Refused(refused.as_bytes().to_vec()));
        }
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
    fn what_opens_a_tunnel_is_recognised() {
        let wish = TunnelRequest {
            host: "cam:8080".to_owned(),
            target: "/live?a=b".to_owned(),
            user_agent: "x\r\ny".to_owned(),
            kind: TunnelKind::GetAndPost,
            authorization: [None, Some(b"Basic eDp5".to_vec())],
        };
        for half in [Half::Get, Half::Post] {
            let head = wish.head(half, "abc");
            let message = Message::new(&head, &[]);
            assert_eq!(half_of(&message), Some((half, "abc".into())));
            assert_eq!(message.header("User-Agent").unwrap(), "x  y");
            assert_eq!(message.header("Authorization").is_some(), half == Half::Post);
            let line = format!("{} /live?a=b HTTP/1.0\r\n", half.method());
            assert!(head.starts_with(line.as_bytes()) && head.ends_with(b"\r\n\r\n"));
        }
    }

    /// The last word of an answer that comes in these pieces; all before it were not enough.
    fn answer(pieces: &[&[u8]]) -> Answered {
        let mut answer = OpeningResponse::default();
        let (last, before) = pieces.split_last().unwrap();
        for piece in before {
            assert_eq!(answer.feed(piece), Answered::NotYet, "{piece:?}");
        }
        answer.feed(last)
    }

    #[test]
    fn an_answer_and_the_first_tunnelled_bytes() {
        let head = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";
        let whole = [head.as_slice(), b"RTSP/1.0"].concat();
        for cut in 0..head.len() {
            let (front, back) = whole.split_at(cut);
            assert_eq!(answer(&[front, back]), Answered::Opened(b"RTSP/1.0".to_vec()), "{cut}");
        }
        let bytes: Vec<&[u8]> = head.chunks(1).collect();
        assert_eq!(answer(&bytes), Answered::Opened(Vec::new()));
        assert_eq!(answer(&[b"HTTP/1.1 200 OK\nServer: x\n\n$"]), Answered::Opened(b"$".to_vec()));
    }

    #[test]
    fn answers_that_open_nothing() {
        let refused = b"HTTP/1.1 404 Not Found\r\n\r\n";
        assert_eq!(answer(&[refused.as_slice()]), Answered::Refused(refused.to_vec()));
        let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
        assert_eq!(answer(&[page.as_slice()]), Answered::Refused(page.to_vec()), "a web server");
        let plain = b"RTSP/1.0 400 Bad Request\r\n\r\n";
        assert_eq!(answer(&[plain.as_slice()]), Answered::Refused(plain.to_vec()), "a server that knows no tunnel");
        assert_eq!(answer(&[b"SSH-2.0-x\r\n\r\n"]), Answered::Nonsense);
        assert_eq!(answer(&[b"HTT", b"X"]), Answered::Nonsense);
        assert_eq!(answer(&[b"HTTP/1.0 200 OK\r\n", &[b'x'; MAX_ANSWER]]), Answered::Nonsense);
    }

    #[test]
    fn answers() {
        let opened =
            message("HTTP/1.0 200 OK\r\nContent-Type: application/X-RTSP-tunnelled\r\nContent-Length: 32767\r\n\r\n");
        assert!(is_answer(&opened));
        assert_eq!(body_length(&opened), 0);
        let refused = message("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n");
        assert!(!is_answer(&refused) && refused.is_http());
        assert_eq!(body_length(&refused), 20);
        assert!(!message("RTSP/1.0 200 OK\r\n\r\n").is_http());
        assert!(!message("OPTIONS * RTSP/1.0\r\n\r\n").is_http());
    }
}
