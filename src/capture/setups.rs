//! Follows the exchanges of a session that open UDP ports and leave groups.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::capture::ports::{GroupPorts, MediaPorts};
use crate::rtsp::headers::Transport;
use crate::rtsp::message::{Message, StartLine};
use crate::trace::{Direction, Flow};

/// The longest Transport header and URL that are remembered.
const MAX_TEXT: usize = 1024;
/// Requests without an answer that are remembered: a client may send all its SETUPs at once.
const MAX_ASKED: usize = 16;
/// Groups that are remembered of a session.
const MAX_GROUPS: usize = 64;

/// The SETUPs and TEARDOWNs of a session.
#[derive(Debug, Default)]
pub(super) struct SetupWatch {
    asked: VecDeque<AskedRequest>,
    /// Groups that were joined, by the URL of their track.
    groups: Vec<(String, GroupPorts)>,
}

/// A request that was not answered yet.
#[derive(Debug)]
struct AskedRequest {
    cseq: Option<u32>,
    url: String,
    /// The Transport header; `None` for TEARDOWN.
    transport: Option<String>,
}

impl SetupWatch {
    /// Whether a message asks for a track.
    pub(super) fn asks(message: &Message<'_>) -> bool {
        matches!(message.start_line(), StartLine::Request { method, .. } if method == "SETUP")
    }

    /// It leaves all groups that it has joined.
    pub(super) fn leave_groups(&self, flow: &Flow, ports: &mut MediaPorts) {
        for (_, group) in &self.groups {
            ports.leave(flow, *group);
        }
    }

    /// Takes a message of the session.
    pub(super) fn message(
        &mut self,
        flow: &Arc<Flow>,
        direction: Direction,
        message: &Message<'_>,
        ports: &mut MediaPorts,
    ) {
        match message.start_line() {
            StartLine::Request { method, url } if matches!(&*method, "SETUP" | "TEARDOWN") => {
                let short = |text: &str| text.get(..MAX_TEXT).unwrap_or(text).to_owned();
                let transport = message.header("Transport").filter(|asked| asked.len() <= MAX_TEXT);
                let transport = (method == "SETUP").then(|| transport.map(String::from).unwrap_or_default());
                if self.asked.len() >= MAX_ASKED {
                    self.asked.pop_front();
                }
                self.asked.push_back(AskedRequest { cseq: message.cseq(), url: short(&url), transport });
            }
            StartLine::Response { status: Some(status @ 200..), .. } if direction == Direction::ServerToClient => {
                let asked = self.answered(message);
                if status < 300 {
                    self.granted(flow, message, asked, ports);
                }
            }
            _ => {}
        }
    }

    /// The request that an answer belongs to, by its number; where it is not known, the latest.
    fn answered(&mut self, message: &Message<'_>) -> Option<AskedRequest> {
        let cseq = message.cseq();
        let place = self.asked.iter().rposition(|asked| asked.cseq == cseq);
        // An answer to something else names no transport.
        let latest = || message.header("Transport").is_some().then(|| self.asked.len().checked_sub(1)).flatten();
        place.or_else(latest).and_then(|place| self.asked.remove(place))
    }

    fn granted(
        &mut self,
        flow: &Arc<Flow>,
        message: &Message<'_>,
        asked: Option<AskedRequest>,
        ports: &mut MediaPorts,
    ) {
        if let Some(AskedRequest { url, transport: None, .. }) = asked {
            return self.torn_down(flow, &url, ports);
        }
        let Some(answered) = message.header("Transport") else { return };
        let (url, asked) = asked.map_or((String::new(), None), |asked| (asked.url, asked.transport));
        let transport = Transport::agreed(&answered, asked.as_deref());
        ports.set_up(flow, &transport);
        if let Some(group) = GroupPorts::of(&transport)
            && self.groups.len() < MAX_GROUPS
        {
            self.groups.push((url, group));
        }
    }

    /// The client has left the group of a track, or all of them.
    fn torn_down(&mut self, flow: &Flow, url: &str, ports: &mut MediaPorts) {
        if self.groups.is_empty() {
            return;
        }
        let same = |known: &str| known.trim_end_matches('/') == url.trim_end_matches('/');
        let of_track = self.groups.iter().any(|(known, _)| same(known));
        let left: Vec<GroupPorts> =
            self.groups.iter().filter(|(known, _)| !of_track || same(known)).map(|(_, group)| *group).collect();
        self.groups.retain(|(_, group)| !left.contains(group));
        for group in left {
            ports.leave(flow, group);
        }
    }
}
