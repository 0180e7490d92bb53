//! The RTSP dialogue of a session, as a ladder between two life lines.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::analysis::rows::{MessageKind, MessageRow, StreamRow, StreamTransport};
use crate::report::page::head_tail::HeadTail;
use crate::report::page::limits::{MESSAGES, clipped};
use crate::report::page::words::{SectionPlace, frame_link, goto, left_out, many};
use crate::trace::Direction;

/// An RTSP session.
#[derive(Debug)]
pub(super) struct Session {
    url: String,
    client: String,
    server: String,
    transports: Vec<StreamTransport>,
    user_agent: String,
    product: String,
    messages: HeadTail<Message>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            url: String::new(),
            client: String::new(),
            server: String::new(),
            transports: Vec::new(),
            user_agent: String::new(),
            product: String::new(),
            messages: HeadTail::new(MESSAGES.0, MESSAGES.1),
        }
    }
}

/// A rung of the ladder.
#[derive(Debug)]
struct Message {
    seconds: f64,
    from_client: bool,
    request: bool,
    frame_number: Option<u64>,
    /// Method and URL, or status and reason.
    head: String,
    rest: String,
    /// Of a response: what it answers.
    answers: String,
    status: Option<u16>,
    latency_ms: Option<f64>,
    body_bytes: usize,
}

impl Session {
    pub(super) fn message(&mut self, row: &MessageRow<'_>) {
        let request = row.kind == MessageKind::Request;
        let from_client = row.direction == Direction::ClientToServer;
        let product = if from_client { &mut self.user_agent } else { &mut self.product };
        if product.is_empty() && request == from_client {
            *product = clipped(row.product.unwrap_or_default());
        }
        if self.url.is_empty() && request {
            self.url = clipped(row.url.unwrap_or_default());
        }
        let (method, url) = (row.method.unwrap_or_default(), row.url.unwrap_or_default());
        let status = row.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        self.messages.push(Message {
            seconds: row.time_s.0,
            from_client,
            request,
            frame_number: row.frame_number,
            head: if request { clipped(method) } else { status },
            rest: clipped(if request { url } else { row.reason.unwrap_or_default() }),
            answers: if request { String::new() } else { clipped(method) },
            status: row.status,
            latency_ms: row.latency_ms.map(|latency| latency.0),
            body_bytes: row.body_bytes,
        });
    }

    pub(super) fn stream(&mut self, row: &StreamRow<'_>) {
        if !row.url.is_empty() {
            self.url = clipped(&row.url);
        }
        self.client.clone_from(&row.client);
        self.server.clone_from(&row.server);
        if !self.transports.contains(&row.transport) {
            self.transports.push(row.transport);
        }
    }

    /// What carried its streams, each once.
    fn transports(&self) -> String {
        self.transports.iter().map(|transport| transport.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn ladder(&self, id: &str, start: Option<i64>) -> Markup {
        let (first, omitted, last) = self.messages.parts();
        html! {
            div.ladder role="list" aria-label="RTSP messages in their order" {
                div.ends aria-hidden="true" {
                    span { b { "client" } " " (self.client) }
                    span { b { "server" } " " (self.server) }
                }
                @for (index, message) in first.iter().enumerate() { (message.rung(&format!("{id}-{index}"), start)) }
                @if omitted > 0 {
                    p.omitted role="listitem" { (left_out(&many(omitted, "message"), "messages")) }
                }
                @for (index, message) in last.enumerate() { (message.rung(&format!("{id}-end-{index}"), start)) }
            }
        }
    }
}

impl Message {
    fn rung(&self, anchor: &str, start: Option<i64>) -> Markup {
        let way = if self.from_client { "to-server" } else { "to-client" };
        let result = match self.status {
            Some(200..=299) => "good",
            Some(300..=399 | 401 | 407) => "fair",
            _ if self.request => "asks",
            _ => "bad",
        };
        let from_to = if self.from_client { "from client to server" } else { "from server to client" };
        html! {
            div.rung.(way).(result) role="listitem" {
                span.at { (goto(self.seconds, start)) }
                span.said {
                    b { (self.head) } " " span.rest { (self.rest) }
                    @if !self.answers.is_empty() { span.answers { " · " (self.answers) } }
                }
                span.arrow role="img" aria-label=(from_to) {}
                span.facts {
                    @if let Some(latency) = self.latency_ms {
                        span.latency { "after " (format!("{latency:.3}")) " ms" }
                    }
                    @if self.body_bytes > 0 { span { (self.body_bytes) " bytes of body" } }
                    (frame_link(anchor, self.frame_number))
                }
            }
        }
    }
}

/// Columns of the table of sessions.
const TEXTS: [&str; 7] = ["session", "URL", "client", "server", "transport", "user agent", "server product"];

/// A table of the sessions.
pub(super) fn sessions(section: SectionPlace, sessions: &BTreeMap<usize, Session>, more: usize) -> Markup {
    html! {
        @if !sessions.is_empty() {
            h3 { "Sessions" }
            div.scroll { table {
                thead { tr {
                    @for name in TEXTS { th scope="col" { (name) } }
                    th.number scope="col" { "messages" }
                } }
                tbody { @for (number, session) in sessions { tr {
                    th scope="row" { a href={ "#s" (section.number) "-dialogue-" (number) } { (number) } }
                    td.url { (session.url) }
                    td { (session.client) }
                    td { (session.server) }
                    td { (session.transports()) }
                    td { (session.user_agent) }
                    td { (session.product) }
                    td.number { (session.messages.count()) }
                } } }
            } }
            @if more > 0 {
                p.omitted { (left_out(&many(more, "session"), "messages")) }
            }
        }
    }
}

/// The dialogue of each session.
pub(super) fn ladders(section: SectionPlace, sessions: &BTreeMap<usize, Session>) -> Markup {
    let with_messages = || sessions.iter().filter(|(_, session)| session.messages.count() > 0);
    let id = format!("s{}", section.number);
    html! {
        @if with_messages().next().is_some() {
            section aria-labelledby={ (id) "-dialogue" } {
                h3 id={ (id) "-dialogue" } { "RTSP dialogue" }
                p.hint {
                    "Times are seconds since the first packet of the capture. "
                    "The latency of a response is the time since its request."
                }
                @for (number, session) in with_messages() {
                    details.dialogue id={ (id) "-dialogue-" (number) } open[sessions.len() <= 4] {
                        summary { "Session " (number) ": " span.url { (session.url) } }
                        (session.ladder(&format!("{id}-message-{number}"), section.start))
                    }
                }
            }
        }
    }
}
