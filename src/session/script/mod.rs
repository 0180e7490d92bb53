//! A recorded session, ready to be served again: what the server said, and its frames with their times.

pub mod frame;

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use thiserror::Error;

use crate::rtsp::demux::PduKind;
use crate::rtsp::message::Message;
use crate::session::Dialog;
use crate::time::Timestamp;
use crate::trace::{Direction, Payload, Tap, TraceEvent};

/// What a capture lacks to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    /// No answer to DESCRIBE.
    #[error("the capture holds no session description (an answer to DESCRIBE)")]
    NoDescription,
    /// No track was set up.
    #[error("the capture holds no SETUP exchange")]
    NoTracks,
    /// It never began to play.
    #[error("the capture holds no answer to PLAY")]
    NoPlay,
}

/// What a server said and sent in one recorded session.
#[derive(Debug, Default)]
pub struct Script {
    /// The URL that the recorded client asked for.
    pub(super) url: String,
    responses: Vec<Recorded>,
    /// URL and channels of each track set up.
    pub(super) tracks: Vec<ScriptTrack>,
    frames: Vec<ScriptFrame>,
    data: Vec<u8>,
}

/// A response to serve again.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) method: String,
    /// The request's URL, which tells the SETUPs apart.
    pub(super) url: String,
    head: Vec<u8>,
    body: Vec<u8>,
}

/// A track of the recorded session.
#[derive(Debug)]
pub(super) struct ScriptTrack {
    pub(super) url: String,
    channels: (u8, u8),
}

#[derive(Debug)]
struct ScriptFrame {
    after: Duration,
    track: usize,
    rtcp: bool,
    payload: Range<usize>,
}

/// A frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// When: time since PLAY was answered.
    pub(super) after: Duration,
    /// Place in [`Script::tracks`].
    pub(super) track: usize,
    pub(super) rtcp: bool,
    pub(super) payload: &'a [u8],
}

impl Recorded {
    pub(super) fn message(&self) -> Message<'_> {
        Message::new(&self.head, &self.body)
    }
}

impl Script {
    /// The successful response to a request of this method; the latest one, as servers say 401 first.
    pub(super) fn response(&self, method: &str) -> Option<&Recorded> {
        self.responses.iter().rev().find(|recorded| recorded.method == method)
    }

    /// The response to the SETUP of a track.
    pub(super) fn setup_response(&self, track: &ScriptTrack) -> Option<&Recorded> {
        self.responses.iter().rev().find(|recorded| recorded.method == "SETUP" && recorded.url == track.url)
    }

    /// The frame at this place of the order of sending.
    pub(super) fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let frame = self.frames.get(index)?;
        let payload = self.data.get(frame.payload.clone())?;
        Some(Frame { after: frame.after, track: frame.track, rtcp: frame.rtcp, payload })
    }

    /// The recorded URL, which tells the path to ask for.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL under which a server at this address serves it.
    pub fn url_at(&self, server: SocketAddr) -> String {
        format!("rtsp://{server}{}", path(&self.url))
    }

    /// How many frames it holds.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Time from PLAY to the last frame.
    pub fn duration(&self) -> Duration {
        self.frames.last().map_or(Duration::ZERO, |frame| frame.after)
    }
}

/// Listens to a capture and makes a [`Script`] of the first session in it. Frames are held in memory.
#[derive(Debug, Default)]
pub struct ScriptBuilder {
    script: Script,
    dialog: Dialog,
    /// The flow listened to.
    flow: Option<usize>,
    play: Option<Timestamp>,
}

impl ScriptBuilder {
    /// One that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The script.
    ///
    /// # Errors
    /// If the capture lacks what a server has to answer.
    pub fn finish(mut self) -> Result<Script, ScriptError> {
        self.script.response("DESCRIBE").ok_or(ScriptError::NoDescription)?;
        self.play.ok_or(ScriptError::NoPlay)?;
        if self.script.tracks.is_empty() {
            return Err(ScriptError::NoTracks);
        }
        self.script.url = self.dialog.url().unwrap_or_default().to_owned();
        Ok(self.script)
    }

    fn message(&mut self, at: Timestamp, direction: Direction, message: &Message<'_>) {
        let set_up = self.dialog.setups().len();
        let Some(request) = self.dialog.observe(at, direction, message) else { return };
        if !message.status().is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        if let Some((url, channels)) =
            self.dialog.setups().get(set_up).and_then(|setup| Some((setup.url.clone(), setup.channels?)))
        {
            self.script.tracks.push(ScriptTrack { url, channels });
        }
        if request.method == "PLAY" {
            self.play.get_or_insert(at);
        }
        let (head, body) = (message.head().to_vec(), message.body().to_vec());
        self.script.responses.push(Recorded { method: request.method, url: request.url, head, body });
    }

    fn frame(&mut self, at: Timestamp, channel: u8, payload: &[u8]) {
        let of = |track: &ScriptTrack| track.channels.0 == channel || track.channels.1 == channel;
        let Some(index) = self.script.tracks.iter().position(of) else { return };
        let rtcp = self.script.tracks.get(index).is_some_and(|track| track.channels.1 == channel);
        let start = self.script.data.len();
        self.script.data.extend_from_slice(payload);
        let payload = start..self.script.data.len();
        // Some servers send before they answer PLAY: those frames leave at once.
        let after = self.play.map_or(Duration::ZERO, |play| at.duration_since(play));
        self.script.frames.push(ScriptFrame { after, track: index, rtcp, payload });
    }
}

impl Tap for ScriptBuilder {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Payload::Pdu(pdu) = event.payload else { return Ok(()) };
        if *self.flow.get_or_insert(event.flow.id) != event.flow.id {
            return Ok(());
        }
        match pdu.kind {
            PduKind::Message { head, body } => self.message(event.at, event.direction, &Message::new(head, body)),
            PduKind::Interleaved { channel, payload } if event.direction == Direction::ServerToClient => {
                self.frame(event.at, channel, payload);
            }
            _ => {}
        }
        Ok(())
    }
}

/// `rtsp://host:port` of a URL; nothing where there is none.
pub(super) fn authority(url: &str) -> &str {
    let Some(scheme) = url.find("://") else { return "" };
    let host = scheme + 3;
    let end = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |slash| host + slash);
    url.get(..end).unwrap_or_default()
}

/// What stands behind the authority, without a slash at its end.
pub(super) fn path(url: &str) -> &str {
    url.get(authority(url).len()..).unwrap_or_default().trim_end_matches('/')
}
