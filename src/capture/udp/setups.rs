//! Follows the exchanges of a session that open UDP ports and leave groups.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::capture::udp::media::GroupPorts;
use crate::capture::udp::ports::MediaPorts;
use crate::rtsp::control::{control_of, resolve_base};
use crate::rtsp::group::MediaGroup;
use crate::rtsp::headers::Transport;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::sdp::SessionDescription;
use crate::rtsp::url::RtspUrl;
use crate::time::Timestamp;
use crate::trace::{Direction, Flow};

/// The longest Transport header, URL and control that are remembered.
const MAX_TEXT: usize = 1024;
/// Requests without an answer that are remembered: a client may send all its SETUPs at once.
const MAX_ASKED: usize = 16;
/// Groups that are remembered of a session.
const MAX_GROUPS: usize = 64;

/// What a session has set up, and torn down.
#[derive(Debug, Default)]
pub(in crate::capture) struct SetupWatch {
    asked: VecDeque<AskedRequest>,
    described: DescribedGroups,
    /// SETUPs that were granted.
    granted: usize,
    /// Groups that were joined, by the URL of their track.
    groups: Vec<(String, GroupPorts)>,
}

/// A request that was not answered yet.
#[derive(Debug)]
struct AskedRequest {
    cseq: Option<u32>,
    url: String,
    what: SetupRequest,
}

/// What a request asks for.
#[derive(Debug)]
enum SetupRequest {
    Description,
    /// A track, with this Transport header.
    Track(String),
    End,
}

/// Where the tracks of a description go.
#[derive(Debug, Default)]
struct DescribedGroups {
    base: Option<String>,
    /// Each track with its control.
    tracks: Vec<(Option<String>, MediaGroup)>,
}

impl SetupWatch {
    /// Whether a message asks for a track.
    pub(in crate::capture) fn asks(message: &Message<'_>) -> bool {
        matches!(message.start_line(), StartLine::Request { method, .. } if method == "SETUP")
    }

    /// It leaves all groups that it has joined.
    pub(in crate::capture) fn leave_groups(&self, flow: &Flow, at: Timestamp, ports: &mut MediaPorts) {
        for (_, group) in &self.groups {
            ports.leave(flow, *group, at);
        }
        ports.leave_claimed(flow, at);
    }

    /// Takes a request of which the answer is not in the capture, nor is any other: the client's ports are as it asked for.
    pub(in crate::capture) fn unanswered(flow: &Arc<Flow>, message: &Message<'_>, ports: &mut MediaPorts) {
        if !Self::asks(message) {
            return;
        }
        let asked = message.header("Transport").filter(|asked| asked.len() <= MAX_TEXT).unwrap_or_default();
        // Where the server took another one, nothing comes to these.
        let mut offered = Transport::parse_all(&asked).into_iter().filter(|offer| !offer.multicast);
        if let Some(offer) = offered.find(|offer| offer.client_port.is_some()) {
            ports.set_up(flow, &Transport { interleaved: None, ..offer });
        }
    }

    /// Takes a message of the session.
    pub(in crate::capture) fn message(
        &mut self,
        flow: &Arc<Flow>,
        (at, direction): (Timestamp, Direction),
        message: &Message<'_>,
        ports: &mut MediaPorts,
    ) {
        match message.start_line() {
            StartLine::Request { method, url } => self.asked(message, &method, &url),
            StartLine::Response { status: Some(status @ 200..), .. } if direction == Direction::ServerToClient => {
                let asked = self.answered(message);
                if status < 300 {
                    self.granted(flow, at, message, asked, ports);
                }
            }
            StartLine::Response { .. } => {}
        }
    }

    fn asked(&mut self, message: &Message<'_>, method: &str, url: &str) {
        let what = match method {
            "DESCRIBE" => SetupRequest::Description,
            "SETUP" => {
                let transport = message.header("Transport").filter(|asked| asked.len() <= MAX_TEXT);
                SetupRequest::Track(transport.map(String::from).unwrap_or_default())
            }
            "TEARDOWN" => SetupRequest::End,
            _ => return,
        };
        if self.asked.len() >= MAX_ASKED {
            self.asked.pop_front();
        }
        let url = url.get(..MAX_TEXT).unwrap_or(url).to_owned();
        self.asked.push_back(AskedRequest { cseq: message.cseq(), url, what });
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
        at: Timestamp,
        message: &Message<'_>,
        asked: Option<AskedRequest>,
        ports: &mut MediaPorts,
    ) {
        let answered = message.header("Transport");
        let (url, asked) = match asked {
            Some(AskedRequest { what: SetupRequest::End, url, .. }) => return self.torn_down(flow, at, &url, ports),
            Some(AskedRequest { what: SetupRequest::Description, url, .. }) => {
                return self.described = DescribedGroups::new(Some(&url), message);
            }
            Some(AskedRequest { what: SetupRequest::Track(asked), url, .. }) => (url, Some(asked)),
            None if answered.is_some() => (String::new(), None),
            // The request may not be in the capture.
            None if message.body().is_empty() => return,
            None => return self.described = DescribedGroups::new(None, message),
        };
        // Without a Transport the server takes what was asked for.
        let transport = Transport::agreed(&answered.unwrap_or_default(), asked.as_deref());
        let transport = self.described.group_of(&url, self.granted).complete(transport);
        self.granted += 1;
        ports.set_up(flow, &transport);
        if let Some(group) = GroupPorts::of(&transport)
            && self.groups.len() < MAX_GROUPS
        {
            self.groups.push((url, group));
        }
    }

    /// The client has left the group of a track, or all of them.
    fn torn_down(&mut self, flow: &Flow, at: Timestamp, url: &str, ports: &mut MediaPorts) {
        let same = |known: &str| known.trim_end_matches('/') == url.trim_end_matches('/');
        let of_track = self.groups.iter().any(|(known, _)| same(known));
        if !of_track {
            ports.leave_claimed(flow, at);
        }
        let left: Vec<GroupPorts> =
            self.groups.iter().filter(|(known, _)| !of_track || same(known)).map(|(_, group)| *group).collect();
        self.groups.retain(|(_, group)| !left.contains(group));
        for group in left {
            ports.leave(flow, group, at);
        }
    }
}

impl DescribedGroups {
    /// Those of the description in this answer, if it is one.
    fn new(url: Option<&str>, answer: &Message<'_>) -> Self {
        let description = SessionDescription::parse(answer.body());
        let short = |control: &String| (control.len() <= MAX_TEXT).then(|| control.clone());
        let tracks = description
            .media
            .iter()
            .map(|media| (media.control.as_ref().and_then(short), MediaGroup::described(&description, media)));
        let tracks: Vec<_> = tracks.collect();
        // Most descriptions name no group, and need not be remembered.
        if tracks.iter().all(|(_, group)| *group == MediaGroup::default()) {
            return Self::default();
        }
        let (base, location) = (answer.header("Content-Base"), answer.header("Content-Location"));
        let url = url.and_then(|url| RtspUrl::parse(url).ok());
        let base = url.map(|url| resolve_base(&url, base.as_deref(), location.as_deref()));
        Self { base: base.filter(|base| base.len() <= MAX_TEXT), tracks }
    }

    /// That of the track with this URL, or in this place.
    fn group_of(&self, url: &str, place: usize) -> MediaGroup {
        let controls: Vec<Option<&str>> = self.tracks.iter().map(|(control, _)| control.as_deref()).collect();
        let track = control_of(url, self.base.as_deref(), &controls, place);
        track.and_then(|track| self.tracks.get(track)).map(|(_, group)| *group).unwrap_or_default()
    }
}
