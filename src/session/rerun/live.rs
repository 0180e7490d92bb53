//! What the live server has agreed to: its sessions and channels in the place of the recorded ones.

use std::collections::BTreeMap;

use crate::rtsp::headers::{Session, Transport};
use crate::rtsp::message::Message;

/// Session and channels of the live server.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Identifiers by the recorded ones.
    sessions: BTreeMap<String, String>,
    /// The first one of the session that stands.
    session: Option<String>,
    /// By recorded track.
    deliveries: BTreeMap<usize, Delivery>,
}

/// How a recorded track comes now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub(super) rtp: u8,
    pub(super) rtcp: u8,
    /// It came in another way then.
    pub(super) moved: bool,
}

impl Live {
    /// The session that stands.
    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The session that stands for the recorded one; where that is not known, the one that stands.
    pub(super) fn session_for(&self, recorded: Option<&str>) -> Option<String> {
        let recorded = recorded.and_then(Session::parse);
        let known = recorded.and_then(|recorded| self.sessions.get(&recorded.id));
        known.or(self.session.as_ref()).cloned()
    }

    /// The session is over.
    pub(super) fn torn_down(&mut self) {
        self.session = None;
    }

    /// SETUP was answered with success, then and now.
    pub(super) fn set_up(&mut self, recorded: Option<Message<'_>>, response: &Message<'_>) {
        let session = |message: &Message<'_>| message.header("Session").and_then(|value| Session::parse(&value));
        let Some(live) = session(response) else { return };
        if let Some(recorded) = recorded.as_ref().and_then(session) {
            self.sessions.entry(recorded.id).or_insert_with(|| live.id.clone());
        }
        self.session.get_or_insert(live.id);
    }

    /// How a track comes from now on, by the answer and what was asked for.
    pub(super) fn deliver(&mut self, track: usize, response: &Message<'_>, asked: Option<&str>, moved: bool) {
        let answered = response.header("Transport").unwrap_or_default();
        match Transport::agreed(&answered, asked).interleaved {
            Some((rtp, rtcp)) => self.deliveries.insert(track, Delivery { rtp, rtcp, moved }),
            None => self.deliveries.remove(&track),
        };
    }

    /// How a track comes.
    pub(super) fn delivery(&self, track: usize) -> Option<Delivery> {
        self.deliveries.get(&track).copied()
    }

    /// The first of a pair of channels that no other track has; by custom that of the track itself.
    pub(super) fn free_channels(&self, track: Option<usize>) -> u8 {
        let own = track.and_then(|track| u8::try_from(track.checked_mul(2)?).ok()).filter(|own| *own < u8::MAX);
        let others = self.deliveries.iter().filter(|(index, _)| Some(**index) != track);
        let taken: Vec<u8> = others.flat_map(|(_, other)| [other.rtp, other.rtcp]).collect();
        let free = |first: &u8| !taken.contains(first) && !taken.contains(&first.saturating_add(1));
        own.into_iter().chain((0..=254).step_by(2)).find(free).unwrap_or(0)
    }
}
