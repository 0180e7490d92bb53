//! What is known of a session from elsewhere than its dialogue.

use crate::rtsp::headers::Transport;
use crate::rtsp::message::Message;
use crate::session::dialog::path::{MediaPath, PacketSigns};
use crate::session::dialog::request::HeardPart;
use crate::session::dialog::{Dialog, MAX_SETUPS, Setup};
use crate::trace::{GivenMedia, UdpPath};

impl Dialog {
    /// Takes what somebody says who is no part of the session. A description of its own counts for more.
    pub fn given(&mut self, given: &GivenMedia) {
        if self.description.is_none() || self.by_hand {
            self.set_description(given.description.clone(), 0);
            self.by_hand = true;
        }
        for (track, transport) in &given.transports {
            let known = |setup: &Setup| setup.track == Some(*track) && setup.transport == *transport;
            if !self.setups.iter().any(known) {
                self.set_up_by_hand(*track, transport.clone());
            }
        }
        self.owners.forget_sources();
    }

    /// The session stood before its dialogue could be heard: tracks may come on paths that no SETUP is heard of.
    pub const fn begins_late(&mut self) {
        self.heard = HeardPart::Rest;
    }

    /// The place of a setup for a packet on a path that no SETUP in the capture names: that of the only track whose
    /// description has its payload type. Where SETUP is not lacking, the description says nothing of such a path.
    pub(super) fn set_up_by_type(&mut self, signs: &PacketSigns) -> Option<usize> {
        let payload_type = signs.payload_type.filter(|_| self.by_hand || self.heard == HeardPart::Rest)?;
        let media = &self.description.as_ref()?.media;
        let mut named = (0..media.len())
            .filter(|place| media.get(*place).is_some_and(|media| media.format(payload_type).is_some()));
        let track = named.next().filter(|_| named.next().is_none())?;
        let transport = match signs.path {
            // By custom RTCP has the odd channel.
            MediaPath::Channel(channel) => {
                Transport { interleaved: Some((channel & !1, channel | 1)), ..Transport::default() }
            }
            MediaPath::Udp(path) => Transport {
                server_port: (path.server > 0).then_some((path.server, path.server.wrapping_add(1))),
                client_port: (path.client > 0).then_some((path.client, path.client.wrapping_add(1))),
                ..Transport::default()
            },
        };
        self.set_up_by_hand(track, transport)
    }

    /// The capture has no requests: an answer with a transport is that to SETUP, tracks come in the description's order.
    pub fn hear_answers_alone(&mut self, alone: bool) {
        self.heard = if alone { HeardPart::Answers } else { HeardPart::All };
    }

    /// Takes an answer whose request is not in the capture.
    pub(super) fn unasked(&mut self, status: Option<u16>, answer: &Message<'_>) {
        if !matches!(status, Some(200..=299)) {
            return;
        }
        let is_description = |kind: std::borrow::Cow<'_, str>| kind.to_ascii_lowercase().starts_with("application/sdp");
        if answer.header("Content-Type").is_some_and(is_description) {
            self.describe(answer.body());
        } else if let Some(answered) = answer.header("Transport") {
            let media = self.description().map_or(0, |description| description.media.len());
            let next = self.setups().len();
            if next < media {
                let transport = self.described_group(Some(next)).complete(Transport::agreed(&answered, None));
                self.set_up_by_hand(next, transport);
            }
        }
    }

    fn set_up_by_hand(&mut self, track: usize, transport: Transport) -> Option<usize> {
        let place = self.setups.len();
        if place >= MAX_SETUPS {
            return None;
        }
        let (channels, path) = (transport.interleaved, UdpPath::new(&transport));
        let new = Setup {
            track: Some(track),
            url: String::new(),
            session: None,
            channels,
            path,
            played_ssrc: None,
            played_seq: None,
            over: false,
            presentation: self.presentation,
            transport,
        };
        self.owners.share_paths |=
            self.setups.iter().any(|other| other.track != new.track && other.shares_path_with(&new));
        self.setups.push(new);
        Some(place)
    }
}
