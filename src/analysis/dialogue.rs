//! What is odd about RTSP messages: answers that lack or come late, and what RFC 2326 wants otherwise.

use crate::analysis::cell::millis;
use crate::analysis::findings::{Finding, FindingCode, ProtocolChecks};
use crate::rtsp::headers::{RtpInfo, Session as SessionHeader, Transport};
use crate::rtsp::message::{Message, StartLine};
use crate::session::Dialog;
use crate::session::dialog::{Request, Setup};
use crate::time::Timestamp;
use crate::trace::Direction;

mod description;
mod state;

pub(super) use state::RtspState;

/// An answer that takes longer is late: a viewer notices a second.
const LATE_NS: i64 = 1_000_000_000;
/// A session that lives no longer without a sign of its client.
const SHORT_TIMEOUT_S: u64 = 30;
/// Session identifiers and streams of RTP-Info that are remembered.
const MAX_REMEMBERED: usize = 64;

/// What any answer can be.
fn late_or_refused(at: Timestamp, status: Option<u16>, request: &Request, found: &mut Vec<Finding>) {
    let mut add = |code, detail: String| found.push(Finding::new(code, None, detail));
    let latency = at.nanos_since(request.at);
    if latency > LATE_NS {
        add(FindingCode::ResponseLate, format!("{} was answered after {:.3} s", request.method, millis(latency) / 1e3));
    }
    if let Some(status @ 400..) = status {
        add(FindingCode::ErrorResponse, format!("{} was answered {status}", request.method));
    }
}

impl ProtocolChecks {
    /// A message; for an answer with the request that it answers.
    pub(super) fn message(
        &mut self,
        at: Timestamp,
        direction: Direction,
        message: &Message<'_>,
        request: Option<&Request>,
        dialog: &Dialog,
    ) -> Vec<Finding> {
        let mut found = self.form(direction, message);
        self.hears(direction);
        if self.beginning_missing && dialog.setups().is_empty() && message.header("Session").is_some() {
            found.extend(self.begins_late());
        }
        match message.start_line() {
            StartLine::Request { method, url } => self.request(direction, (&method, &url), message, dialog, &mut found),
            StartLine::Response { reason, .. } => {
                if reason.is_empty() && self.once(FindingCode::ReasonMissing, direction) {
                    found.push(Finding::new(FindingCode::ReasonMissing, None, "a status line without reason phrase"));
                }
                self.response(at, direction, message, request, dialog, &mut found);
            }
        }
        found
    }

    /// Whether it is the first time in this direction.
    fn once(&mut self, code: FindingCode, direction: Direction) -> bool {
        self.first(code, u64::from(direction == Direction::ServerToClient))
    }

    /// How a message is written, whatever it says.
    fn form(&mut self, direction: Direction, message: &Message<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        let bare = memchr::memchr_iter(b'\n', message.head())
            .any(|at| at.checked_sub(1).and_then(|before| message.head().get(before)) != Some(&b'\r'));
        if bare && self.once(FindingCode::LineEndBare, direction) {
            found.push(Finding::new(FindingCode::LineEndBare, None, "a line ends with a line feed alone"));
        }
        if message.cseq().is_none() && self.once(FindingCode::CseqMissing, direction) {
            found.push(Finding::new(
                FindingCode::CseqMissing,
                None,
                "a message without CSeq, or one that is no number",
            ));
        }
        found
    }

    fn request(
        &mut self,
        direction: Direction,
        (method, url): (&str, &str),
        message: &Message<'_>,
        dialog: &Dialog,
        found: &mut Vec<Finding>,
    ) {
        if let (Some(latest), Some(cseq)) = (self.heard.cseq.get_mut(direction.index()), message.cseq()) {
            let before = latest.replace(cseq).filter(|before| cseq <= *before);
            if let Some(before) = before.filter(|_| self.once(FindingCode::CseqRepeated, direction)) {
                found.push(Finding::new(
                    FindingCode::CseqRepeated,
                    None,
                    format!("{method} with CSeq {cseq} after {before}"),
                ));
            }
        }
        if direction == Direction::ClientToServer {
            // The answer that gave the identifier may lack.
            let session = self.heard.check_session(method, message, true);
            let session =
                session.filter(|finding| finding.code == FindingCode::SessionMissing || !self.lacks_messages());
            found.extend(session.filter(|finding| self.once(finding.code, direction)));
            self.heard.teardown_asked |= method == "TEARDOWN" && dialog.controls_all(url);
        }
    }

    /// A response, and the request that it answers.
    fn response(
        &mut self,
        at: Timestamp,
        direction: Direction,
        message: &Message<'_>,
        request: Option<&Request>,
        dialog: &Dialog,
        found: &mut Vec<Finding>,
    ) {
        let mut add = |code, detail: String| found.push(Finding::new(code, None, detail));
        let status = message.status();
        if message.head().starts_with(b"HTTP/") {
            add(FindingCode::HttpResponse, "the answer speaks HTTP, not RTSP".to_owned());
        }
        if status.is_none_or(|status| !(100..600).contains(&status)) {
            add(FindingCode::StatusInvalid, "the status line has no status of three digits".to_owned());
        }
        let Some(request) = request else {
            // What the first answer answers may lie before the capture.
            let asked = self.heard.cseq.get(direction.reverse().index()).is_some_and(Option::is_some);
            let lacking = self.lacks_messages() || self.beginning_missing && !asked;
            if status.is_none_or(|status| status >= 200) && !lacking {
                add(FindingCode::ResponseWithoutRequest, "no request is known that this could answer".to_owned());
            }
            return;
        };
        if let (Some(asked), Some(answered)) = (request.cseq, message.cseq())
            && asked != answered
            && !self.lacks_messages()
        {
            add(FindingCode::CseqWrong, format!("CSeq {answered} answers {} {asked}", request.method));
        }
        late_or_refused(at, status, request, found);
        if matches!(status, Some(200..=299)) && direction == Direction::ServerToClient {
            self.success(at, message, request, dialog, found);
        }
    }

    /// A message of HTTP that opens a tunnel or refuses to; for an answer with the request that it answers.
    pub(super) fn http_message(&self, at: Timestamp, message: &Message<'_>, request: Option<&Request>) -> Vec<Finding> {
        let (mut found, StartLine::Response { status, .. }) = (Vec::new(), message.start_line()) else {
            return Vec::new();
        };
        match request {
            Some(request) => late_or_refused(at, status, request, &mut found),
            // It may lie before the capture, or in the direction that lacks.
            None if status.is_none_or(|status| status >= 200) && !self.beginning_missing && !self.lacks_messages() => {
                let detail = "no request is known that this could answer";
                found.push(Finding::new(FindingCode::ResponseWithoutRequest, None, detail));
            }
            None => {}
        }
        found
    }

    /// The server did what it was asked for.
    fn success(
        &mut self,
        at: Timestamp,
        message: &Message<'_>,
        request: &Request,
        dialog: &Dialog,
        found: &mut Vec<Finding>,
    ) {
        let direction = Direction::ServerToClient;
        let session = self.heard.check_session(&request.method, message, false).filter(|_| !self.lacks_messages());
        found.extend(session.filter(|finding| self.once(finding.code, direction)));
        match request.method.as_str() {
            "OPTIONS" if message.header("Public").is_none() && self.first(FindingCode::PublicMissing, 0) => {
                found.push(Finding::new(
                    FindingCode::PublicMissing,
                    None,
                    "the answer to OPTIONS does not list the methods",
                ));
            }
            "DESCRIBE" => description::check(message, dialog, found),
            "SETUP" => {
                if let Some(setup) = dialog.setups().last() {
                    self.set_up(message, request, setup, dialog, found);
                }
            }
            "PLAY" => self.play(at, message, dialog, found),
            "PAUSE" => self.heard.paused |= dialog.controls_all(&request.url),
            "TEARDOWN" => self.heard.torn_down = Some(at),
            _ => {}
        }
    }

    fn play(&mut self, at: Timestamp, message: &Message<'_>, dialog: &Dialog, found: &mut Vec<Finding>) {
        let first = !self.heard.playing;
        (self.heard.playing, self.heard.paused, self.heard.torn_down) = (true, false, None);
        let Some(value) = message.header("RTP-Info") else {
            if self.first(FindingCode::RtpInfoMissing, 0) {
                found.push(Finding::new(FindingCode::RtpInfoMissing, None, "the answer to PLAY has no RTP-Info"));
            }
            return;
        };
        let infos = RtpInfo::parse_all(&value).into_iter().take(MAX_REMEMBERED);
        let named =
            infos.enumerate().filter_map(|(place, info)| Some((dialog.setup_of_info(&info.url, place)?.track, info)));
        if first {
            (self.heard.rtp_info, self.heard.played_at) = (named.collect(), at);
        }
    }

    fn set_up(
        &mut self,
        message: &Message<'_>,
        request: &Request,
        setup: &Setup,
        dialog: &Dialog,
        found: &mut Vec<Finding>,
    ) {
        let value = message.header("Session");
        match value.as_deref().and_then(SessionHeader::parse) {
            None => {
                found.push(Finding::new(
                    FindingCode::SessionMissing,
                    setup.track,
                    "the answer to SETUP has no Session",
                ));
            }
            Some(session) => {
                if dialog.session_id().is_some_and(|first| first != session.id) {
                    found.push(Finding::new(FindingCode::SessionChanged, setup.track, format!("to {}", session.id)));
                }
                if self.heard.ids.len() < MAX_REMEMBERED && !self.heard.ids.contains(&session.id) {
                    self.heard.ids.push(session.id);
                }
            }
        }
        let timeout = value.as_deref().and_then(timeout_s).filter(|timeout| *timeout < SHORT_TIMEOUT_S);
        if let Some(timeout) = timeout.filter(|_| self.first(FindingCode::SessionTimeoutShort, 0)) {
            found.push(Finding::new(
                FindingCode::SessionTimeoutShort,
                None,
                format!("{timeout} s without a sign of the client"),
            ));
        }
        transport(message, request, setup, found);
    }
}

/// The timeout as it stands in a Session header.
fn timeout_s(value: &str) -> Option<u64> {
    let mut parameters = value.split(';').skip(1).filter_map(|part| part.split_once('='));
    parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))?.1.trim().parse().ok()
}

/// What SETUP agreed upon.
fn transport(message: &Message<'_>, request: &Request, setup: &Setup, found: &mut Vec<Finding>) {
    let mut add = |code, detail: String| found.push(Finding::new(code, setup.track, detail));
    let is_tcp = |transport: &Transport| transport.interleaved.is_some() || over_tcp(transport);
    let has_ports = |given: &Transport| given.server_port.is_some() || given.client_port.is_some() || given.multicast;
    let answers = Transport::parse_all(&message.header("Transport").unwrap_or_default());
    if answers.len() > 1 {
        add(FindingCode::TransportSeveral, format!("{} transports in one answer, which has to choose", answers.len()));
    }
    let asked = request.asked_transports();
    let Some(given) = answers.iter().find(|answer| answer.interleaved.is_some()).or(answers.first()) else {
        return add(FindingCode::TransportIncomplete, "the answer has no Transport".to_owned());
    };
    let name = |tcp| if tcp { "TCP" } else { "UDP" };
    let used_tcp = given.interleaved.is_some() || !has_ports(given) && over_tcp(given);
    let channels = request.asked_channels();
    if !asked.is_empty() && asked.iter().all(|asked| is_tcp(asked) != used_tcp) && (used_tcp || has_ports(given)) {
        add(
            FindingCode::TransportChanged,
            format!("{} was asked for, {} is answered", name(!used_tcp), name(used_tcp)),
        );
    } else if channels.is_some() && given.interleaved.is_none() && !has_ports(given) {
        add(FindingCode::TransportIncomplete, "interleaved channels were asked for, the answer names none".to_owned());
    } else if let (Some(asked), Some(used)) = (channels, given.interleaved)
        && asked != used
    {
        add(FindingCode::ChannelsChanged, format!("{}-{} asked for, {}-{} given", asked.0, asked.1, used.0, used.1));
    }
    if given.interleaved.is_some() && !over_tcp(given) {
        add(FindingCode::TransportProtocol, format!("{} with interleaved channels, not RTP/AVP/TCP", given.protocol));
    }
    if given.interleaved.is_none() && has_ports(given) && !given.multicast && given.server_port.is_none() {
        add(FindingCode::ServerPortMissing, "the answer does not say from which ports the server sends".to_owned());
    }
}

fn over_tcp(transport: &Transport) -> bool {
    transport.protocol.to_ascii_uppercase().ends_with("/TCP")
}
