//! From what was heard to a script: frames find their tracks, times their origin, the session its end.

use std::collections::BTreeMap;

use crate::rtp::packet::is_rtcp;
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::rtsp::sdp::SessionDescription;
use crate::session::Dialog;
use crate::session::dialog::Setup;
use crate::session::script::connection_log::ConnectionLog;
use crate::session::script::finder::{Finder, guess};
use crate::session::script::frame::{Bytes, Entry};
use crate::session::script::{ClientExit, End, Exchange, Route, Script, ScriptTrack, track};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Where it is served if the capture holds no URL.
const NAMELESS: &str = "rtsp://camera/replay";

impl ConnectionLog {
    /// The script, with this description instead of the recorded one.
    pub(super) fn into_script(mut self, session: usize, given: Option<Vec<u8>>) -> Script {
        let description = given.unwrap_or_else(|| self.recorded_description());
        let dialog = std::mem::take(&mut self.dialog);
        let (tracks, setups) = tracks(&dialog, &SessionDescription::parse(&description));
        let guessed = if setups.is_empty() { guess(&self, &tracks) } else { BTreeMap::new() };
        let [client, server] = &self.sides;
        let (sender, receiver) = if self.publishes { (client, server) } else { (server, client) };
        let from = if self.publishes { Direction::ClientToServer } else { Direction::ServerToClient };
        let first_media = sender.frames.first().map(|frame| frame.at);
        let play = self.play.or_else(|| self.asked_to_play()).or(first_media).unwrap_or_default();
        let mut finder = Finder::new(dialog, &setups, guessed, &self);
        let frames = finder.entries(sender, from, play);
        // Reports speak of the sources that were told apart.
        let client_frames = finder.entries(receiver, from.reverse(), self.opened.unwrap_or(play));
        self.dialog = finder.into_dialog();
        let end = self.end(&frames, play);
        let closes_after_teardown = self.closes_after_teardown();
        let url = self.url();
        let left = self.left(self.opened.unwrap_or(play));
        let Self { exchanges, bytes, .. } = self;
        Script {
            url,
            exchanges,
            description,
            tracks,
            frames,
            client_frames,
            bytes,
            played_at: play,
            end,
            closes_after_teardown,
            session,
            left,
        }
    }

    fn recorded_description(&self) -> Vec<u8> {
        let described = |exchange: &&Exchange| exchange.succeeded() && exchange.method == "DESCRIBE";
        let announced = |exchange: &&Exchange| exchange.method == "ANNOUNCE";
        let answer = self.exchanges.iter().rev().find(described).and_then(Exchange::answer);
        let request = || self.exchanges.iter().rev().find(announced).map(Exchange::request);
        answer.or_else(request).map(|message| message.body().to_vec()).unwrap_or_default()
    }

    /// A capture may lack the answer to PLAY.
    fn asked_to_play(&self) -> Option<Timestamp> {
        let play = self.exchanges.iter().find(|exchange| matches!(exchange.method.as_str(), "PLAY" | "RECORD"))?;
        let after = u64::try_from(play.at).unwrap_or(0);
        Some(self.opened? + std::time::Duration::from_nanos(after))
    }

    /// The URL that was asked for; in a capture that began later, that of any request.
    fn url(&self) -> String {
        let any = || self.exchanges.iter().map(|exchange| exchange.url.as_str()).find(|url| url.contains("://"));
        self.dialog.url().or_else(any).unwrap_or(NAMELESS).to_owned()
    }

    /// Whether it was the server that closed first, behind its answer to TEARDOWN.
    fn closes_after_teardown(&self) -> bool {
        let [client, server] = &self.sides;
        let torn_down = self.exchanges.iter().any(|exchange| exchange.method == "TEARDOWN" && exchange.succeeded());
        let first = match (client.closed, server.closed) {
            (Some((client, _)), Some((server, _))) => server < client,
            (None, closed) => closed.is_some(),
            (Some(_), None) => false,
        };
        torn_down && first
    }

    fn left(&self, opened: Timestamp) -> ClientExit {
        let [client, _] = &self.sides;
        if let Some((at, close)) = client.closed {
            return ClientExit { at: at.nanos_since(opened), close: Some(close) };
        }
        let frames = self.sides.iter().filter_map(|side| side.frames.last()).map(|heard| heard.at.nanos_since(opened));
        let messages =
            self.exchanges.iter().map(|exchange| exchange.at.saturating_add(exchange.latency().unwrap_or(0)));
        ClientExit { at: frames.chain(messages).max().unwrap_or(0), close: None }
    }

    fn end(&self, frames: &[Entry], play: Timestamp) -> End {
        let [client, server] = &self.sides;
        let torn_down =
            self.exchanges.iter().find(|exchange| exchange.method == "TEARDOWN").map(|exchange| exchange.at);
        let opened = self.opened.unwrap_or(play);
        let left = client.closed.map(|(at, _)| at.nanos_since(opened)).into_iter().chain(torn_down).min();
        let said_bye = all_said_bye(frames, &self.bytes);
        match server.closed {
            Some((at, close)) if left.is_none_or(|left| at.nanos_since(opened) < left) => {
                let last = frames.last().map_or(0, |frame| frame.after);
                End::Closed { after: at.nanos_since(play).max(last), close }
            }
            _ if said_bye => End::Open,
            _ => End::Unknown,
        }
    }
}

/// Whether every track that has media says BYE (RFC 3550, section 6.6).
fn all_said_bye(frames: &[Entry], bytes: &Bytes) -> bool {
    let mut tracks: BTreeMap<usize, bool> = BTreeMap::new();
    for frame in frames.iter().filter_map(|entry| bytes.frame(entry)) {
        let Route::Track { index, .. } = frame.lane else { continue };
        if is_rtcp(frame.payload) {
            let bye = Compound::new(frame.payload).any(|packet| matches!(packet, Ok(RtcpPacket::Goodbye(_))));
            *tracks.entry(index).or_default() |= bye;
        } else {
            tracks.entry(index).or_default();
        }
    }
    !tracks.is_empty() && tracks.values().all(|bye| *bye)
}

/// The tracks of a description, and for each SETUP the track that it set up.
fn tracks(dialog: &Dialog, description: &SessionDescription) -> (Vec<ScriptTrack>, Vec<Option<usize>>) {
    let mut tracks: Vec<ScriptTrack> = description.media.iter().map(ScriptTrack::new).collect();
    let place = |(order, setup): (usize, &Setup)| {
        let named = track::at(&tracks, &setup.url).or(setup.track);
        named.or(Some(order)).filter(|index| *index < tracks.len())
    };
    let setups: Vec<Option<usize>> = dialog.setups().iter().enumerate().map(place).collect();
    for (setup, index) in dialog.setups().iter().zip(&setups) {
        if let Some(track) = index.and_then(|index| tracks.get_mut(index)) {
            track.url = Some(setup.url.clone());
        }
    }
    (tracks, setups)
}
