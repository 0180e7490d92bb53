//! The HTTP messages of a tunnel: which answer belongs to which request, and which half of the tunnel lacks.
//!
//! They are no part of the RTSP dialogue: they have no `CSeq`, and a POST may never be answered.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::analysis::findings::{Finding, FindingCode};
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::tunnel::{self, Half};
use crate::rtsp::upgrade;
use crate::session::dialog::Request;
use crate::time::Timestamp;
use crate::trace::Encapsulation;

/// Requests without an answer that are remembered.
const MAX_OUTSTANDING: usize = 64;

/// To what a message belongs.
#[derive(Debug)]
pub(super) enum HttpRole {
    /// To the RTSP dialogue: some servers answer that with HTTP.
    Dialogue,
    /// To a tunnel; with the request that it answers.
    Tunnel(Option<Request>),
}

/// What was seen of a session's tunnel.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Http {
    /// With the client's address on the connection that they came on.
    outstanding: VecDeque<(SocketAddr, Request)>,
    has_get: bool,
    has_post: bool,
    /// The server has said that its side follows.
    open: bool,
    /// What the client sent lacks.
    answers_alone: bool,
    /// It is a WebSocket; or a tunnel that opened for another session, or before the capture.
    carried: bool,
}

impl Http {
    /// The connection stands, and this carries RTSP on it.
    pub(super) fn opened(&mut self, carrier: Encapsulation<'_>) {
        self.carried |= [Encapsulation::WEB_SOCKET, Encapsulation::HTTP, Encapsulation::CHUNKS].contains(&carrier);
    }

    /// Of the connection there are the answers alone; or not, after all.
    pub(super) fn hear_answers_alone(&mut self, alone: bool) {
        self.answers_alone = alone;
    }

    /// Takes a message of HTTP.
    pub(super) fn message(&mut self, at: Timestamp, connection: SocketAddr, message: &Message<'_>) -> HttpRole {
        if !message.is_http() {
            return HttpRole::Dialogue;
        }
        match message.start_line() {
            StartLine::Request { method, url } => {
                self.request(
                    connection,
                    Request::new(at, &method, &url),
                    tunnel::half_of(message).map(|(half, _)| half),
                );
                HttpRole::Tunnel(None)
            }
            StartLine::Response { status, .. } => {
                self.open |= tunnel::is_answer(message);
                let asked = self.outstanding.iter().position(|(from, _)| *from == connection);
                match asked {
                    // A provisional answer: the final one is still to come.
                    Some(_) if status.is_some_and(|status| status < 200) && !upgrade::opens_web_socket(message) => {
                        HttpRole::Tunnel(None)
                    }
                    Some(place) => HttpRole::Tunnel(self.outstanding.remove(place).map(|(_, request)| request)),
                    None if tunnel::is_answer(message) || upgrade::opens_web_socket(message) => HttpRole::Tunnel(None),
                    // RTSP that is answered with HTTP has the number of its request all the same.
                    None if self.answers_alone && message.cseq().is_none() => HttpRole::Tunnel(None),
                    None => HttpRole::Dialogue,
                }
            }
        }
    }

    fn request(&mut self, connection: SocketAddr, request: Request, half: Option<Half>) {
        self.has_get |= half == Some(Half::Get);
        self.has_post |= half == Some(Half::Post);
        if self.outstanding.len() == MAX_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((connection, request));
    }

    /// About how many bytes of memory the requests take.
    pub(super) fn held(&self) -> usize {
        self.outstanding.iter().map(|(_, request)| request.held()).sum()
    }

    pub(super) fn forget(&mut self) {
        self.outstanding = VecDeque::new();
    }

    /// Whether the session is tunnelled.
    pub(super) fn is_tunnel(&self) -> bool {
        self.has_get || self.has_post || self.open
    }

    /// Whether HTTP carries the session: by a tunnel, or a WebSocket.
    pub(super) fn carries_rtsp(&self) -> bool {
        self.is_tunnel() || self.carried
    }

    /// What lacks when the capture ends.
    pub(super) fn unfinished(&self) -> Vec<Finding> {
        let unanswered = self.outstanding.iter().filter(|(_, request)| request.method != "POST");
        let mut found: Vec<Finding> = unanswered
            .map(|(_, request)| {
                let detail = format!("{} sent at {} was never answered", request.method, request.at);
                Finding::new(FindingCode::ResponseMissing, None, detail)
            })
            .collect();
        let mut lacks = |half, whose| {
            let detail =
                format!("the {half} of this tunnel is not in the capture, and so nothing that the {whose} said");
            found.push(Finding::new(FindingCode::TunnelIncomplete, None, detail));
        };
        if self.open && !self.has_post {
            lacks("POST", "client");
        }
        if self.has_post && !self.has_get && !self.open {
            lacks("GET", "server");
        }
        found
    }
}
