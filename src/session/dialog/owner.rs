//! Whose a packet is: the path tells, and where tracks share one, the payload type and the source.
//!
//! Darwin Streaming Server and gortsplib send all tracks from one pair of UDP ports, some cameras on one channel.

use crate::rtp::packet::{RtpPacket, is_nat_punch, is_rtcp};
use crate::rtp::rtcp::Compound;
use crate::rtsp::headers::RtpInfo;
use crate::rtsp::message::Message;
use crate::rtsp::resource::ResourceName;
use crate::rtsp::sdp::{Media, MediaFlow};
use crate::session::dialog::path::{MediaPath, PacketSigns};
use crate::session::dialog::request::HeardPart;
use crate::session::dialog::role::PayloadRole;
use crate::session::dialog::{Dialog, MAX_SETUPS, Setup};
use crate::trace::Direction;

/// Whose a packet is, and what it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketOwner {
    /// The place in [`Dialog::setups`].
    pub setup: usize,
    /// What the track's description says of its payload type.
    pub role: PayloadRole,
}

impl Dialog {
    /// Whose a packet is. `None` where no SETUP named its path, where the tracks on it can't be told apart, and where a
    /// stranger sent it. What it says may change with each message, and with the first packet of another sender.
    pub fn owner(&mut self, signs: &PacketSigns) -> Option<PacketOwner> {
        if !self.admits(signs) {
            return None;
        }
        let candidates = self.candidates(signs.path);
        let by_type =
            if candidates.is_empty() || self.may_share(&candidates, signs) { self.set_up_by_type(signs) } else { None };
        let setup = match (by_type, candidates.as_slice()) {
            (Some(place), _) => place,
            (None, []) => return None,
            (None, [only]) => *only,
            (None, _) => self.choose(&candidates, signs)?,
        };
        let media = self.setups.get(setup).and_then(|setup| self.described_media(setup));
        let role = match (media, signs.payload_type) {
            (Some(media), Some(payload_type)) => PayloadRole::of(media, payload_type),
            _ => PayloadRole::Media,
        };
        Some(PacketOwner { setup, role })
    }

    /// The SETUP whose track a packet belongs to; see [`owner`](Self::owner).
    pub fn setup_of(&mut self, signs: &PacketSigns) -> Option<&Setup> {
        let owner = self.owner(signs)?;
        self.setups.get(owner.setup)
    }

    /// Whether a datagram is meant only to let media in through a NAT, or a firewall: of a client the few bytes that all
    /// send, and whatever comes before PLAY is granted, or later with a payload type that is none of the track's, where the
    /// client has no media to send. `GStreamer` sends five datagrams of 200 random bytes for each track. A server that is
    /// published to sends the empty packet.
    #[inline]
    pub fn is_punch(&self, path: MediaPath, direction: Direction, bytes: &[u8]) -> bool {
        match (path, direction) {
            (MediaPath::Channel(_), _) => false,
            (MediaPath::Udp(_), Direction::ServerToClient) => self.publishes && is_nat_punch(bytes),
            (MediaPath::Udp(_), Direction::ClientToServer) => self.is_punch_of_client(path, bytes),
        }
    }

    fn is_punch_of_client(&self, path: MediaPath, bytes: &[u8]) -> bool {
        // Of a path whose SETUP the capture lacks nobody knows who sends there.
        if self.publishes || !self.has_set_up(path) {
            return is_nat_punch(bytes);
        }
        is_nat_punch(bytes) || !is_whole_rtcp(bytes) && !self.may_send(path, bytes)
    }

    /// Whether a client that does not publish may have media to send: a back channel.
    fn may_send(&self, path: MediaPath, bytes: &[u8]) -> bool {
        let own = self.setups.iter().filter(|setup| path.is_of(setup));
        let mut media = own.filter_map(|setup| self.media(setup.track)).peekable();
        let Ok(packet) = RtpPacket::parse(bytes) else { return false };
        if media.peek().is_none() {
            return self.played.is_some();
        }
        media.any(|media| {
            // What the server describes as sendonly, the client sends (ONVIF Streaming, back channel).
            let back = matches!(media.flow, Some(MediaFlow::SendOnly | MediaFlow::Both));
            let described = media.format(packet.payload_type()).is_some() || media.formats.is_empty();
            described && (back || self.played.is_some())
        })
    }

    /// The sources and numbers that the answer to PLAY names (RFC 7826, section 18.45; some servers of RTSP 1.0 do it as well).
    pub(super) fn learn_sources(&mut self, answer: &Message<'_>) {
        let Some(value) = answer.header("RTP-Info") else { return };
        for info in RtpInfo::parse_all(&value).into_iter().take(MAX_SETUPS) {
            let url = info.url.trim_end_matches('/');
            let name = ResourceName::of(&info.url);
            let named = |setup: &&mut Setup| {
                if ResourceName::of(&setup.url).has_path_of(&name) {
                    return true;
                }
                let own = setup.url.trim_end_matches('/').strip_suffix(url);
                // Its name alone will do, where it is whole.
                !url.is_empty() && own.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            };
            let Some(setup) = self.setups.iter_mut().rev().find(named) else { continue };
            setup.played_seq = info.seq;
            if setup.transport.ssrc.is_none() && info.ssrc.is_some() {
                setup.played_ssrc = info.ssrc;
            }
        }
        self.owners.forget_sources();
    }

    /// The media section that describes a track, unless another presentation was described since.
    pub(super) fn described_media(&self, setup: &Setup) -> Option<&Media> {
        self.media(setup.track).filter(|_| setup.presentation == self.presentation)
    }

    /// Whether it is known of a path whose it is: a SETUP named it, or who described the session.
    pub fn knows(&self, path: MediaPath) -> bool {
        self.setups.iter().any(|setup| path.is_of(setup))
    }

    /// Whether a SETUP named a path.
    pub fn has_set_up(&self, path: MediaPath) -> bool {
        self.setups.iter().any(|setup| setup.is_heard() && path.is_of(setup))
    }

    /// The places of the setups that a packet on this path can belong to: of each track the latest.
    fn candidates(&self, path: MediaPath) -> Vec<usize> {
        let mut places: Vec<usize> = Vec::new();
        for (place, setup) in self.setups.iter().enumerate().filter(|(_, setup)| path.is_of(setup)) {
            let track = |place: &usize| self.setups.get(*place).and_then(|setup| setup.track);
            places.retain(|known| track(known) != setup.track);
            places.push(place);
        }
        places
    }

    /// Whether a track more may have a path that only packets have shown whose it is: none of those known there has this
    /// payload type.
    fn may_share(&self, candidates: &[usize], signs: &PacketSigns) -> bool {
        let Some(payload_type) = signs.payload_type.filter(|_| self.heard == HeardPart::Rest) else { return false };
        let mut setups = candidates.iter().filter_map(|place| self.setups.get(*place));
        let names = |setup: &Setup| self.media(setup.track).is_some_and(|media| media.format(payload_type).is_some());
        setups.all(|setup| !setup.is_heard() && !names(setup))
    }

    /// Several tracks have the path: the payload type tells which it is, else the source.
    fn choose(&mut self, candidates: &[usize], signs: &PacketSigns) -> Option<usize> {
        let names = |place: &usize, tells: &dyn Fn(&Setup, Option<&Media>) -> bool| {
            self.setups.get(*place).is_some_and(|setup| tells(setup, self.described_media(setup)))
        };
        let fits = |_: &Setup, media: Option<&Media>| {
            media.zip(signs.payload_type).is_some_and(|(media, number)| media.format(number).is_some())
        };
        let announces =
            |setup: &Setup, media: Option<&Media>| signs.ssrc.is_some_and(|ssrc| setup.announces(media, ssrc));
        let fitting: Vec<usize> = candidates.iter().copied().filter(|place| names(place, &fits)).collect();
        let left = if fitting.is_empty() { candidates } else { fitting.as_slice() };
        let announced: Vec<usize> = left.iter().copied().filter(|place| names(place, &announces)).collect();
        let known = || self.owners.source(signs, left);
        // Late packets of a track that was torn down are still its own; its path may be another's by then.
        let live: Vec<usize> =
            left.iter().copied().filter(|place| self.setups.get(*place).is_some_and(|setup| !setup.over)).collect();
        let found = only(&fitting).or_else(|| only(&announced)).or_else(known).or_else(|| only(&live))?;
        if !fitting.is_empty() {
            self.owners.learn(signs, found);
        }
        Some(found)
    }
}

impl Setup {
    /// Whether the answer to SETUP or PLAY, or the description, names a source.
    pub fn announces(&self, media: Option<&Media>, ssrc: u32) -> bool {
        [self.transport.ssrc, self.played_ssrc].contains(&Some(ssrc))
            || media.is_some_and(|media| media.sources.contains(&ssrc))
    }
}

/// Whether bytes are RTCP from the first packet to the last.
fn is_whole_rtcp(bytes: &[u8]) -> bool {
    is_rtcp(bytes) && Compound::new(bytes).all(|packet| packet.is_ok())
}

fn only(places: &[usize]) -> Option<usize> {
    match places {
        [place] => Some(*place),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
