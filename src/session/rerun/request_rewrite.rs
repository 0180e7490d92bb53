//! A recorded request as another server has to see it: every byte stays but those that must change.

use std::borrow::Cow;

use crate::rtsp::message::Message;
use crate::rtsp::relocate::relocated;

/// What must be another in a request.
#[derive(Debug)]
pub(super) struct Changes<'a> {
    /// What it asks for.
    pub(super) url: &'a str,
    /// `rtsp://host:port` of the live server.
    pub(super) root: &'a str,
    pub(super) cseq: u32,
    /// The session, where the recorded request named one.
    pub(super) session: Option<String>,
    /// Another transport than the recorded one.
    pub(super) transport: Option<String>,
    pub(super) authorization: Option<Vec<u8>>,
}

impl Changes<'_> {
    /// The bytes of the recorded request with these changes.
    pub(super) fn apply(&self, request: &Message<'_>) -> Vec<u8> {
        let lacks = |name: &str| request.header(name).is_none();
        let cseq = lacks("CSeq").then(|| ("CSeq", self.cseq.to_string().into_bytes()));
        let login = self.authorization.clone().filter(|_| lacks("Authorization")).map(|value| ("Authorization", value));
        let more: Vec<(&str, Vec<u8>)> = cseq.into_iter().chain(login).collect();
        let mut bytes = fitted(request.head(), self.url, |name| self.field(request, name), &more);
        bytes.extend_from_slice(request.body());
        bytes
    }

    fn field(&self, request: &Message<'_>, name: &str) -> Field {
        let set = |value: Option<&[u8]>| value.map_or(Field::Drop, |value| Field::Set(value.to_vec()));
        match name.to_ascii_lowercase().as_str() {
            "cseq" if request.cseq() == Some(self.cseq) => Field::Keep,
            "cseq" => Field::Set(self.cseq.to_string().into_bytes()),
            "session" => set(self.session.as_deref().map(str::as_bytes)),
            "transport" => self.transport.clone().map_or(Field::Keep, |value| Field::Set(value.into_bytes())),
            "authorization" => set(self.authorization.as_deref()),
            // What was recorded of it is another server's, or masked.
            "proxy-authorization" => Field::Drop,
            _ => match relocated(&request.header(name).unwrap_or_default(), self.root) {
                Cow::Borrowed(_) => Field::Keep,
                Cow::Owned(value) => Field::Set(value.into_bytes()),
            },
        }
    }
}

/// What becomes of a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    /// It stays byte for byte.
    Keep,
    /// It gets this value.
    Set(Vec<u8>),
    /// It is left out.
    Drop,
}

/// The head of a request with another URL; `decide` is asked about each field, by its name. Fields of `more` follow
/// behind the last.
fn fitted(head: &[u8], url: &str, mut decide: impl FnMut(&str) -> Field, more: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let (start, line_end) = split_end(lines.next().unwrap_or_default());
    let mut fitted = start_line(start, url);
    fitted.extend_from_slice(line_end);
    let mut kept = true;
    for line in lines {
        let (text, line_end) = split_end(line);
        if text.is_empty() {
            break;
        }
        // A continuation belongs to the field above.
        if !matches!(text.first(), Some(b' ' | b'\t')) {
            let name_len = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let name = String::from_utf8_lossy(text.get(..name_len).unwrap_or_default());
            let field = decide(name.trim());
            kept = field == Field::Keep;
            if let Field::Set(value) = field {
                fitted.extend_from_slice(name.as_bytes());
                fitted.extend_from_slice(b": ");
                fitted.extend(one_line(&value));
                fitted.extend_from_slice(line_end);
            }
        }
        if kept {
            fitted.extend_from_slice(line);
        }
    }
    for (name, value) in more {
        fitted.extend_from_slice(format!("{name}: ").as_bytes());
        fitted.extend(one_line(value));
        fitted.extend_from_slice(b"\r\n");
    }
    fitted.extend_from_slice(if line_end == b"\n" { b"\n" } else { b"\r\n" });
    fitted
}

/// A line and what ends it.
fn split_end(line: &[u8]) -> (&[u8], &[u8]) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    line.split_at_checked(text.len()).unwrap_or((line, &[]))
}

/// Method and version as recorded, with another URL between them.
fn start_line(recorded: &[u8], url: &str) -> Vec<u8> {
    let blank = |byte: &u8| *byte == b' ';
    let method = recorded.get(..recorded.iter().position(blank).unwrap_or(recorded.len())).unwrap_or_default();
    let trimmed = recorded.trim_ascii_end();
    let version = trimmed.get(trimmed.iter().rposition(blank).map_or(0, |at| at + 1)..).unwrap_or_default();
    let url: Vec<u8> = one_line(url.as_bytes()).collect();
    [method, b" ", &url, b" ", version].concat()
}

fn one_line(value: &[u8]) -> impl Iterator<Item = u8> {
    value.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] =
        b"PLAY rtsp://old/a b RTSP/1.0\r\nCseq:  7\r\nX-Folded: a,\r\n  b\r\nAuthorization: Digest ***,\r\n \
        ***\r\nSession:1\r\nUser-Agent: LibVLC/2.0.3 (LIVE555 Streaming Media v2011.12.23) \r\n\r\n";

    fn fit(head: &[u8], decide: impl FnMut(&str) -> Field, more: &[(&str, Vec<u8>)]) -> String {
        String::from_utf8(fitted(head, "rtsp://new/x", decide, more)).unwrap()
    }

    #[test]
    fn what_stays_stays_byte_for_byte() {
        let same = fitted(HEAD, "rtsp://old/a b", |_| Field::Keep, &[]);
        assert_eq!(String::from_utf8(same).unwrap(), String::from_utf8(HEAD.to_vec()).unwrap());
        let bare = b"OPTIONS * RTSP/1.0\nCSeq: 1\n\n";
        assert_eq!(fitted(bare, "*", |_| Field::Keep, &[]), bare);
    }

    #[test]
    fn fields_are_set_left_out_and_added_in_their_places() {
        let decide = |name: &str| match name {
            "Cseq" => Field::Set(b"8".to_vec()),
            "Session" => Field::Set(b"abc\r\nX: y".to_vec()),
            "Authorization" => Field::Drop,
            _ => Field::Keep,
        };
        assert_eq!(
            fit(HEAD, decide, &[("Authorization", b"Basic x".to_vec())]),
            "PLAY rtsp://new/x RTSP/1.0\r\nCseq: 8\r\nX-Folded: a,\r\n  b\r\nSession: abc  X: y\r\n\
             User-Agent: LibVLC/2.0.3 (LIVE555 Streaming Media v2011.12.23) \r\nAuthorization: Basic x\r\n\r\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_always_ends(head: Vec<u8>, url: String) {
            let fitted = fitted(&head, &url, |name| if name.len() > 3 { Field::Drop } else { Field::Keep }, &[]);
            proptest::prop_assert!(fitted.ends_with(b"\n"));
        }
    }
}
