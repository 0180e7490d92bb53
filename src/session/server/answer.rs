//! Answers: those of the recorded server, with what must be another for this client.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::rtsp::message::Message;
use crate::rtsp::relocate::relocated;
use crate::session::Script;
use crate::session::faults::reason;
use crate::session::script::track::authority;
use crate::time::Timestamp;

/// The shortest session identifier that is given out.
const SESSION_ID: usize = 8;

/// An answer in the making.
pub(super) struct ServedResponse<'a> {
    start: String,
    fields: Vec<(Cow<'a, str>, String)>,
    /// `rtsp://host:port` as the client asked for it.
    root: String,
}

impl<'a> ServedResponse<'a> {
    /// The recorded answer, or a plain 200.
    pub(super) fn new(recorded: Option<Message<'a>>, now: Timestamp, request: &Request<'_>) -> Self {
        let Some(recorded) = recorded else { return Self::plain(200, now, request) };
        let root = request.root();
        let cseq = request.message.header("CSeq").unwrap_or_default();
        let start = recorded.head().split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
        let mut answer = Self { start: String::from_utf8_lossy(start).into_owned(), fields: Vec::new(), root };
        for (name, value) in recorded.fields() {
            let value = match () {
                () if is(&name, "CSeq") => cseq.clone().into_owned(),
                () if is(&name, "Date") => now.http_date(),
                () if is(&name, "WWW-Authenticate") => continue,
                () => relocated(&value, &answer.root).into_owned(),
            };
            answer.fields.push((name, value));
        }
        answer
    }

    /// An answer of our own.
    pub(super) fn plain(status: u16, now: Timestamp, request: &Request<'_>) -> Self {
        let start = format!("RTSP/1.0 {status} {}", reason(status));
        let mut fields = vec![("Date".into(), now.http_date())];
        if let Some(cseq) = request.message.header("CSeq") {
            fields.insert(0, ("CSeq".into(), cseq.into_owned()));
        }
        Self { start, fields, root: request.root() }
    }

    /// Puts this client's session in the place of the recorded one; without one the field is left out.
    pub(super) fn of_session(mut self, session: Option<&str>) -> Self {
        self.fields.retain_mut(|(name, value)| {
            let Some(session) = session.filter(|_| is(name, "Session")) else { return !is(name, "Session") };
            let parameters = value.find(';').and_then(|at| value.get(at..)).unwrap_or_default();
            *value = format!("{session}{parameters}");
            true
        });
        self
    }

    /// Puts this transport in the place of the recorded one.
    pub(super) fn with_transport(mut self, transport: &str) -> Self {
        self.fields.retain_mut(|(name, value)| {
            if is(name, "Transport") {
                transport.clone_into(value);
            }
            true
        });
        self.or_header("Transport", transport)
    }

    /// Leaves fields out.
    pub(super) fn without(mut self, names: &[&str]) -> Self {
        self.fields.retain(|(own, _)| !names.iter().any(|name| is(own, name)));
        self
    }

    /// Adds a field if there is none of this name.
    pub(super) fn or_header(mut self, name: &'static str, value: &str) -> Self {
        if !self.fields.iter().any(|(own, _)| is(own, name)) {
            self.fields.push((name.into(), value.to_owned()));
        }
        self
    }

    /// Adds a field.
    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.fields.push((name.into(), value));
        self
    }

    /// The bytes, with a text that says what is wrong with the request.
    pub(super) fn with_text(self, text: &str) -> Vec<u8> {
        self.or_header("Content-Type", "text/plain; charset=utf-8")
            .or_header("Content-Length", "")
            .bytes(text.as_bytes())
    }

    /// The bytes, without a body.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes(&[])
    }

    /// The bytes, with the description as a client of this server has to see it.
    pub(super) fn with_description(self, description: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(description);
        let body = match relocated(&text, &self.root) {
            // What does not change stays byte for byte.
            Cow::Borrowed(_) => description.to_vec(),
            Cow::Owned(text) => text.into_bytes(),
        };
        self.or_header("Content-Type", "application/sdp").or_header("Content-Length", "").bytes(&body)
    }

    /// Only descriptions have a body: others are left out, as they speak of the recorded client.
    fn bytes(mut self, body: &[u8]) -> Vec<u8> {
        self.fields.retain_mut(|(name, value)| {
            if is(name, "Content-Length") {
                *value = body.len().to_string();
            }
            !body.is_empty() || !is(name, "Content-Type")
        });
        let mut head = self.start;
        for (name, value) in &self.fields {
            // A value can hold no line breaks: recorded ones came unfolded, the client's are cut by its own lines.
            head.extend(["\r\n", name, ": ", value]);
        }
        head.push_str("\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

pub(super) fn without_userinfo(root: &str) -> String {
    match (root.find("://"), root.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let (scheme, host) = (root.get(..scheme + 3), root.get(at + 1..));
            format!("{}{}", scheme.unwrap_or_default(), host.unwrap_or_default())
        }
        _ => root.to_owned(),
    }
}

/// An identifier that looks like the recorded server's: of the same length, digits for digits, letters for letters.
pub(super) fn session_id(script: &Script, number: u64) -> String {
    let recorded = script.session_id().unwrap_or_default();
    let pattern = if recorded.len() < SESSION_ID { "00000000" } else { &recorded };
    // SplitMix64: neighbouring numbers give identifiers that have nothing in common.
    let mut state = number;
    let mut next = |below: u8| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u8::try_from((mixed ^ (mixed >> 31)) % u64::from(below)).unwrap_or(0)
    };
    let like = |byte: u8| match byte {
        b'0'..=b'9' => b'0' + next(10),
        b'a'..=b'z' => b'a' + next(6),
        b'A'..=b'Z' => b'A' + next(6),
        other => other,
    };
    pattern.bytes().map(like).map(char::from).collect()
}

/// A request taken apart.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    /// Where the client reached this server.
    pub(super) reached_at: SocketAddr,
}

impl Request<'_> {
    /// `rtsp://host:port` as the client knows it.
    pub(super) fn root(&self) -> String {
        match authority(self.url) {
            "" => format!("rtsp://{}", self.reached_at),
            named => without_userinfo(named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_lose_their_user() {
        assert_eq!(without_userinfo("rtsp://u:p@h:1"), "rtsp://h:1");
        assert_eq!(without_userinfo("rtsp://h:1"), "rtsp://h:1");
        assert_eq!(without_userinfo(""), "");
    }
}
