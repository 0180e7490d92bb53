//! The server's side: plays a [`Script`] to one client, with the recorded answers and at the recorded times.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::rtsp::demux::PduKind;
use crate::rtsp::headers::Transport;
use crate::rtsp::message::{Message, MessageBuilder, StartLine};
use crate::session::script::{Recorded, ScriptTrack, authority, path};
use crate::session::{Input, Machine, Output, Script};
use crate::time::Timestamp;

/// Header fields that are made anew for each client.
const OWN_FIELDS: [&str; 5] = ["CSeq", "Content-Type", "Content-Length", "Transport", "Date"];

/// The server machine, one for each connection.
#[derive(Debug)]
pub struct Server {
    script: Arc<Script>,
    outputs: VecDeque<Output<'static>>,
    /// For each track of the script the client's channels.
    channels: Vec<Option<(u8, u8)>>,
    playing_since: Option<Timestamp>,
    next_frame: usize,
    /// The frame being sent, with its header.
    frame: Vec<u8>,
    done: bool,
}

/// A request taken apart.
struct Request<'a> {
    message: &'a Message<'a>,
    method: Cow<'a, str>,
    url: Cow<'a, str>,
}

impl Server {
    /// A server for a client that has just connected.
    pub fn new(script: Arc<Script>) -> Self {
        let channels = vec![None; script.tracks.len()];
        Self {
            script,
            outputs: VecDeque::new(),
            channels,
            playing_since: None,
            next_frame: 0,
            frame: Vec::new(),
            done: false,
        }
    }

    fn request(&mut self, now: Timestamp, message: &Message<'_>) {
        let StartLine::Request { method, url } = message.start_line() else { return };
        let request = Request { message, method, url };
        let response = match request.method.as_ref() {
            "DESCRIBE" if path(&request.url) != path(&self.script.url) => status(&request, 404, "Not Found"),
            "OPTIONS" | "DESCRIBE" | "GET_PARAMETER" | "SET_PARAMETER" => self.recorded_or_plain(&request),
            "SETUP" => self.set_up(&request),
            "PLAY" if self.channels.iter().all(Option::is_none) => {
                status(&request, 455, "Method Not Valid in This State")
            }
            "PLAY" => {
                self.playing_since.get_or_insert(now);
                self.recorded_or_plain(&request)
            }
            "PAUSE" | "TEARDOWN" => {
                self.playing_since = None;
                self.recorded_or_plain(&request)
            }
            _ => status(&request, 501, "Not Implemented"),
        };
        self.outputs.push_back(Output::Send(Cow::Owned(response)));
    }

    fn set_up(&mut self, request: &Request<'_>) -> Vec<u8> {
        let same = |track: &ScriptTrack| path(&track.url) == path(&request.url);
        let Some(index) = self.script.tracks.iter().position(same) else {
            return status(request, 404, "Not Found");
        };
        let transports = request.message.header("Transport").unwrap_or_default();
        let Some(asked) = Transport::parse_all(&transports).into_iter().find(|asked| asked.protocol.ends_with("/TCP"))
        else {
            return status(request, 461, "Unsupported Transport");
        };
        let free = u8::try_from(2 * index).unwrap_or(0);
        let channels = asked.interleaved.unwrap_or((free, free + 1));
        if let Some(entry) = self.channels.get_mut(index) {
            *entry = Some(channels);
        }
        let transport = format!("RTP/AVP/TCP;unicast;interleaved={}-{}", channels.0, channels.1);
        let recorded = self.script.tracks.get(index).and_then(|track| self.script.setup_response(track));
        let response = match recorded {
            Some(recorded) => self.repeat(recorded, request),
            None => answer(request, 200, "OK"),
        };
        response.header("Transport", transport).finish()
    }

    fn recorded_or_plain(&self, request: &Request<'_>) -> Vec<u8> {
        let Some(recorded) = self.script.response(&request.method) else {
            return status(request, 200, "OK");
        };
        let response = self.repeat(recorded, request);
        let body = recorded.message().body();
        if body.is_empty() {
            return response.finish();
        }
        let content_type = recorded.message().header("Content-Type").unwrap_or("application/sdp".into());
        let body = self.relocated(&String::from_utf8_lossy(body), request);
        response.finish_with(&content_type, body.as_bytes())
    }

    /// The recorded fields, but for those that belong to one client.
    fn repeat(&self, recorded: &Recorded, request: &Request<'_>) -> MessageBuilder {
        let own = |name: &str| OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name));
        recorded
            .message()
            .fields()
            .filter(|(name, _)| !own(name))
            .fold(answer(request, 200, "OK"), |response, (name, value)| {
                response.header(&name, self.relocated(&value, request))
            })
    }

    /// URLs that point to the recorded server point to where the client found this one.
    fn relocated(&self, text: &str, request: &Request<'_>) -> String {
        let (recorded, asked) = (authority(&self.script.url), authority(&request.url));
        if recorded.is_empty() || asked.is_empty() { text.to_owned() } else { text.replace(recorded, asked) }
    }

    /// Composes the next frame if it is due, leaving out tracks that the client did not set up.
    fn compose_frame(&mut self, now: Timestamp) -> bool {
        let Some(since) = self.playing_since else { return false };
        while let Some(frame) = self.script.frame(self.next_frame) {
            if since + frame.after > now {
                return false;
            }
            self.next_frame += 1;
            let Some((rtp, rtcp)) = self.channels.get(frame.track).copied().flatten() else { continue };
            let length = u16::try_from(frame.payload.len()).unwrap_or(u16::MAX);
            self.frame.clear();
            self.frame.extend_from_slice(&[b'$', if frame.rtcp { rtcp } else { rtp }]);
            self.frame.extend_from_slice(&length.to_be_bytes());
            self.frame.extend_from_slice(frame.payload);
            return true;
        }
        false
    }
}

impl Machine for Server {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Pdu(pdu) => {
                if let PduKind::Message { head, body } = pdu.kind {
                    self.request(now, &Message::new(head, body));
                }
            }
            Input::Closed(_) | Input::Stop if !self.done => {
                self.done = true;
                self.outputs.clear();
                self.playing_since = None;
                self.outputs.extend([Output::Disconnect, Output::Done]);
            }
            _ => {}
        }
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        self.compose_frame(now).then_some(Output::Send(Cow::Borrowed(&self.frame)))
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        Some(self.playing_since? + self.script.frame(self.next_frame)?.after)
    }

    fn is_over(&self) -> bool {
        self.done
    }

    fn url(&self) -> &str {
        &self.script.url
    }
}

fn answer(request: &Request<'_>, status: u16, reason: &str) -> MessageBuilder {
    MessageBuilder::response(status, reason).header_opt("CSeq", request.message.header("CSeq"))
}

fn status(request: &Request<'_>, status: u16, reason: &str) -> Vec<u8> {
    answer(request, status, reason).finish()
}
