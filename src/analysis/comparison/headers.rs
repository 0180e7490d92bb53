//! The header fields of two answers, without what is another in each session.

use std::fmt;

use crate::rtsp::headers::RtpInfo;
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::Message;
use crate::rtsp::relocate::relocated;

/// Fields that are looked at in each answer.
const MAX_FIELDS: usize = 200;

/// A field that one of two answers has, or that both have with other values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderChange {
    /// Its name as written, then or else now.
    pub name: String,
    /// Its value then.
    pub then: Option<String>,
    /// Its value now.
    pub now: Option<String>,
}

/// What differs, in a line.
impl fmt::Display for HeaderChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, then, now } = self;
        match (then, now) {
            (Some(then), None) => write!(f, "{name} is missing (it was '{then}')"),
            (None, Some(now)) => write!(f, "{name} is new ('{now}')"),
            _ => write!(
                f,
                "{name} was '{}' then, is '{}' now",
                then.as_deref().unwrap_or_default(),
                now.as_deref().unwrap_or_default()
            ),
        }
    }
}

/// The URL of a presentation, which stands for itself in both sessions.
pub(super) struct Presentation {
    /// As [`relocated`] leaves it, without a slash at its end.
    url: String,
}

impl Presentation {
    pub(super) fn new(url: &str) -> Self {
        Self { url: relocated(url, ANYWHERE).trim_end_matches('/').to_owned() }
    }

    /// A text whose absolute URLs do not tell host and path of the presentation.
    pub(super) fn neutral(&self, text: &str) -> String {
        let text = relocated(text, ANYWHERE);
        if self.url.is_empty() { text.into_owned() } else { text.replace(&self.url, "*") }
    }
}

/// What stands for scheme and authority of every server.
const ANYWHERE: &str = "rtsp://*";

/// The fields that differ, in their recorded order, then the new ones.
pub(super) fn changes(
    answers: [Message<'_>; 2],
    presentations: &[Presentation; 2],
    bodies_differ: bool,
    moved: bool,
) -> Vec<HeaderChange> {
    let [then, now] = answers.map(|answer| fields(&answer));
    let [then_at, now_at] = presentations;
    let ignored = |name: &str| match name {
        "content-length" => bodies_differ,
        "transport" => moved,
        _ => false,
    };
    let mut changes = Vec::new();
    for field in then.iter().filter(|field| !ignored(&field.key)) {
        let other = now.iter().find(|other| other.key == field.key);
        let same = other.is_some_and(|other| neutral(field, then_at) == neutral(other, now_at));
        if !same {
            changes.push(change(Some(field), other));
        }
    }
    let new = now.iter().filter(|field| !ignored(&field.key) && !then.iter().any(|other| other.key == field.key));
    changes.extend(new.map(|field| change(None, Some(field))));
    changes
}

/// A field with all its values.
struct Field {
    name: String,
    /// The name in small letters.
    key: String,
    values: Vec<String>,
}

fn fields(answer: &Message<'_>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (name, value) in answer.fields().take(MAX_FIELDS) {
        let key = name.to_ascii_lowercase();
        match fields.iter_mut().find(|field| field.key == key) {
            Some(field) => field.values.push(value.into_owned()),
            None => fields.push(Field { name: name.into_owned(), key, values: vec![value.into_owned()] }),
        }
    }
    fields
}

fn change(then: Option<&Field>, now: Option<&Field>) -> HeaderChange {
    let shown = |field: &Field| match field.key.as_str() {
        // What stands behind the scheme is for the server alone.
        "authorization" | "proxy-authorization" => scheme(&field.values.join(", ")).to_owned(),
        _ => masked_text(&field.values.join(", ")),
    };
    let name = then.or(now).map(|field| field.name.clone()).unwrap_or_default();
    HeaderChange { name, then: then.map(shown), now: now.map(shown) }
}

/// The scheme of credentials (RFC 7235, section 2.1).
fn scheme(value: &str) -> &str {
    value.trim_start().split_once(' ').map_or("", |(scheme, _)| scheme)
}

/// Parameters of Transport that are another in each session.
const ADDRESSES: [&str; 9] =
    ["interleaved", "client_port", "server_port", "port", "ssrc", "source", "destination", "dest_addr", "src_addr"];

/// The values without what is another in each session.
fn neutral(field: &Field, presentation: &Presentation) -> Vec<String> {
    field.values.iter().map(|value| neutral_value(&field.key, value, presentation)).collect()
}

fn neutral_value(key: &str, value: &str, presentation: &Presentation) -> String {
    match key {
        "cseq" | "date" | "expires" => String::new(),
        // Only of requests: the credentials belong to a nonce, and may be masked.
        "authorization" | "proxy-authorization" => scheme(value).to_owned(),
        "session" => value.split(';').skip(1).map(|parameter| parameter.trim().to_owned() + ";").collect(),
        "transport" => neutral_parameters(value, ';', |name| ADDRESSES.contains(&name)),
        "rtp-info" => RtpInfo::parse_all(value).iter().map(|info| neutral_info(info, presentation)).collect(),
        "www-authenticate" | "proxy-authenticate" => {
            neutral_parameters(value, ',', |name| name.ends_with("nonce") || name == "opaque")
        }
        _ => presentation.neutral(value),
    }
}

/// A list of parameters, without the values of some.
fn neutral_parameters(value: &str, separator: char, hidden: impl Fn(&str) -> bool) -> String {
    let parameter = |text: &str| match text.trim().split_once('=') {
        Some((name, _)) if hidden(name.trim().to_ascii_lowercase().as_str()) => format!("{name}=*;"),
        // The first one of a challenge stands behind the name of its scheme.
        Some((name, _)) if name.rsplit(' ').next().is_some_and(&hidden) => format!("{name}=*;"),
        _ => text.trim().to_owned() + ";",
    };
    value.split(separator).map(parameter).collect()
}

fn neutral_info(info: &RtpInfo, presentation: &Presentation) -> String {
    let there = |known: bool| if known { "*" } else { "-" };
    format!("{} {} {};", presentation.neutral(&info.url), there(info.seq.is_some()), there(info.rtptime.is_some()))
}
