//! RTSP messages as views over their bytes, read as tolerantly as real devices need it (RFC 2326, sections 4 to 7),
//! and a builder for those that we send.
//!
//! Own code: httparse 1.10 takes no version but HTTP/1.0 and 1.1, and no target with a space in it.

use std::borrow::Cow;
use std::fmt::Display;

/// A request or response. Nothing is copied and nothing is checked before it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    head: &'a [u8],
    body: &'a [u8],
}

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// Method and URL as given.
    Request {
        /// `OPTIONS`, `DESCRIBE`…
        method: Cow<'a, str>,
        /// The Request-URI.
        url: Cow<'a, str>,
    },
    /// Status and reason.
    Response {
        /// The status code; `None` where there is no number.
        status: Option<u16>,
        /// The reason phrase; may be empty.
        reason: Cow<'a, str>,
    },
}

impl<'a> Message<'a> {
    /// A view over a head (start line, fields, empty line) and a body.
    pub const fn new(head: &'a [u8], body: &'a [u8]) -> Self {
        Self { head, body }
    }

    /// Start line, fields and empty line as they came.
    pub const fn head(&self) -> &'a [u8] {
        self.head
    }

    /// The body.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The first line, taken apart. A request's URL may hold spaces; a response may lack its reason.
    pub fn start_line(&self) -> StartLine<'a> {
        let line = self.head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let (first, rest) = split_word(line);
        if first.contains(&b'/') {
            let (status, reason) = split_word(rest);
            let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
            return StartLine::Response { status, reason: String::from_utf8_lossy(reason) };
        }
        let url = rest.iter().rposition(|byte| *byte == b' ').map_or(rest, |end| rest.get(..end).unwrap_or_default());
        StartLine::Request { method: String::from_utf8_lossy(first), url: String::from_utf8_lossy(url.trim_ascii()) }
    }

    /// The status code of a response; `None` for a request or where there is no number.
    pub fn status(&self) -> Option<u16> {
        match self.start_line() {
            StartLine::Response { status, .. } => status,
            StartLine::Request { .. } => None,
        }
    }

    /// Whether the start line says HTTP.
    pub fn is_http(&self) -> bool {
        let line = self.head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        line.starts_with(b"HTTP/") || last.starts_with(b"HTTP/")
    }

    /// Every header field in its order: name as written, value unfolded and trimmed.
    pub fn fields(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        named(self.head).map(|(name, value)| (String::from_utf8_lossy(name), unfold(value)))
    }

    /// All values of the fields of this name, in any letter case.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, '_> {
        let name = name.to_owned();
        named(self.head)
            .filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| unfold(value))
    }

    /// The same in bytes: a login is computed over them, whatever their encoding.
    pub fn raw_headers(&self, name: &str) -> impl Iterator<Item = Cow<'a, [u8]>> + use<'a, '_> {
        let name = name.to_owned();
        let same = move |(candidate, _): &(&[u8], &[u8])| candidate.eq_ignore_ascii_case(name.as_bytes());
        named(self.head).filter(same).map(|(_, value)| unfold_raw(value))
    }

    /// The first value of a field of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.headers(name).next()
    }

    /// The sequence number that pairs a response with its request (RFC 2326, section 12.17).
    pub fn cseq(&self) -> Option<u32> {
        self.header("CSeq")?.split_ascii_whitespace().next()?.parse().ok()
    }

    /// What Content-Length says; 0 where it is missing or no number.
    pub fn content_length(&self) -> u64 {
        self.header("Content-Length").and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

/// Fields that have a name, with their values, both without the white space around them.
fn named(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    raw_fields(head).filter_map(|(name, value)| Some((name.strip_suffix(b":")?.trim_ascii(), value.trim_ascii())))
}

/// All that stands behind the start line of a head, field by field as it is read: the name with its colon, and the rest of
/// the field with all its line ends. A field without a colon has no name.
pub(crate) fn raw_fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    Fields { rest: after_line(head) }.map(|field| {
        let colon = field.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
        field.split_at_checked(colon).unwrap_or((field, &[]))
    })
}

/// The field lines of a head, continuation lines still folded in.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.take_field()
    }
}

impl<'a> Fields<'a> {
    /// A line with those behind it that begin with white space (RFC 2068, section 2.2).
    fn take_field(&mut self) -> Option<&'a [u8]> {
        let mut end = 0;
        loop {
            let line = memchr::memchr(b'\n', self.rest.get(end..)?);
            end = line.map_or(self.rest.len(), |at| end + at + 1);
            let continued = matches!(self.rest.get(end..), Some([b' ' | b'\t', ..]));
            if !continued || line.is_none() {
                break;
            }
        }
        let (field, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!field.is_empty()).then_some(field)
    }
}

/// What stands behind the first line.
pub(crate) fn after_line(head: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', head).and_then(|end| head.get(end + 1..)).unwrap_or_default()
}

/// The first word and, behind its white space, the rest.
fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    (word, rest.trim_ascii_start())
}

/// Folded lines joined by single spaces.
fn unfold(value: &[u8]) -> Cow<'_, str> {
    match unfold_raw(value) {
        Cow::Borrowed(value) => String::from_utf8_lossy(value),
        Cow::Owned(value) => Cow::Owned(String::from_utf8_lossy(&value).into_owned()),
    }
}

fn unfold_raw(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let lines: Vec<&[u8]> = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    Cow::Owned(lines.join(&b' '))
}

/// Composes a message to send. Fields come in the order they are added.
#[derive(Clone, Debug)]
pub struct MessageBuilder {
    head: Vec<u8>,
}

impl MessageBuilder {
    /// A request of this method for this URL, given byte for byte.
    pub fn request(method: &str, url: &str) -> Self {
        Self { head: format!("{method} {url} RTSP/1.0\r\n").into_bytes() }
    }

    /// A GET of HTTP/1.1.
    pub fn http_get(target: &str) -> Self {
        Self { head: format!("GET {target} HTTP/1.1\r\n").into_bytes() }
    }

    /// A response.
    pub fn response(status: u16, reason: &str) -> Self {
        Self { head: format!("RTSP/1.0 {status} {reason}\r\n").into_bytes() }
    }

    /// Adds a field. Line breaks in the value are replaced by spaces.
    #[must_use]
    pub fn header(self, name: &str, value: impl Display) -> Self {
        self.raw_header(name, value.to_string().as_bytes())
    }

    /// The same of bytes.
    #[must_use]
    pub fn raw_header(mut self, name: &str, value: &[u8]) -> Self {
        self.head.extend_from_slice(format!("{name}: ").as_bytes());
        let one_line = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.head.extend(value.iter().map(one_line));
        self.head.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a field if there is a value.
    #[must_use]
    pub fn header_opt(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Adds the login, if there is one.
    #[must_use]
    pub fn authorization(self, value: Option<Vec<u8>>) -> Self {
        match value {
            Some(value) => self.raw_header("Authorization", &value),
            None => self,
        }
    }

    /// The bytes of a message without a body.
    pub fn finish(mut self) -> Vec<u8> {
        self.head.extend_from_slice(b"\r\n");
        self.head
    }

    /// The bytes of a message with a body; Content-Length is added.
    pub fn finish_with(self, content_type: &str, body: &[u8]) -> Vec<u8> {
        let head = self.header("Content-Type", content_type).header("Content-Length", body.len());
        let mut bytes = head.finish();
        bytes.extend_from_slice(body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(head: &str) -> Message<'_> {
        Message::new(head.as_bytes(), &[])
    }

    #[test]
    fn requests() {
        let request = message("SETUP rtsp://h/a b RTSP/1.0\r\nCSeq: 3\r\n\r\n");
        let StartLine::Request { method, url } = request.start_line() else { panic!("a request") };
        assert_eq!((method.as_ref(), url.as_ref()), ("SETUP", "rtsp://h/a b"));
        assert_eq!(request.cseq(), Some(3));
        assert_eq!(request.status(), None);
    }

    #[test]
    fn responses_with_and_without_a_reason() {
        for (line, status, reason) in [
            ("RTSP/1.0 404 Stream Not Found\r\n\r\n", Some(404), "Stream Not Found"),
            ("RTSP/1.0 200\r\n\r\n", Some(200), ""),
            ("HTTP/1.1 abc\n\n", None, ""),
            ("RTSP/1.0\n\n", None, ""),
        ] {
            let expected = StartLine::Response { status, reason: reason.into() };
            assert_eq!(message(line).start_line(), expected, "{line:?}");
        }
    }

    #[test]
    fn any_letter_case_folding_and_line_ends() {
        let head = "RTSP/1.0 200 OK\nCseq:  4 \r\nPUBLIC: OPTIONS,\r\n\tDESCRIBE,\n PLAY\r\nEmpty:\nno colon\r\n\
                    content-length : 12\r\n\r\n";
        let response = message(head);
        assert_eq!(response.cseq(), Some(4));
        assert_eq!(response.header("Public").as_deref(), Some("OPTIONS, DESCRIBE, PLAY"));
        assert_eq!(response.header("empty").as_deref(), Some(""));
        assert_eq!(response.content_length(), 12);
        assert_eq!(response.fields().count(), 4);
    }

    #[test]
    fn several_fields_of_one_name() {
        let response = message(
            "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nwww-authenticate: Digest\r\n\r\n",
        );
        assert_eq!(response.headers("WWW-Authenticate").count(), 2);
    }

    #[test]
    fn what_is_built_reads_back() {
        let bytes =
            MessageBuilder::request("DESCRIBE", "rtsp://h/x").header("CSeq", 2).header("Accept", "a\r\nb").finish();
        assert_eq!(bytes, b"DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\nAccept: a  b\r\n\r\n");
        let bytes = MessageBuilder::response(200, "OK")
            .header_opt("Session", None::<&str>)
            .finish_with("application/sdp", b"v=0");
        assert_eq!(bytes, b"RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let message = Message::new(&bytes, &[]);
            let _ = (message.start_line(), message.cseq(), message.content_length());
            let _ = message.fields().count();
        }
    }
}
