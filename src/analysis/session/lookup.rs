//! Which stream a packet belongs to.

use std::sync::Arc;

use crate::analysis::budget::Budget;
use crate::analysis::location::Location;
use crate::analysis::session::Session;
use crate::analysis::stream::{DetailLevel, SetupTime, StreamKey, StreamState};
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::Goodbye;
use crate::session::dialog::{MediaPath, PacketSigns, PayloadRole, Request};
use crate::trace::Direction;

/// Streams that one connection is allowed: a capture that changes its SSRC with each packet must not eat the memory.
const MAX_STREAMS: usize = 4096;
/// Look-ups that are remembered until the dialogue goes on.
const MAX_KNOWN: usize = 4096;
/// In more streams the media of a packet beside it is not looked for.
const MAX_SEARCHED: usize = 256;

impl Session {
    /// The track that a packet belongs to.
    pub(in crate::analysis) fn track_of(&mut self, signs: &PacketSigns) -> Option<usize> {
        self.dialog.setup_of(signs)?.track
    }

    /// The dialogue went on: what belongs to whom may have changed.
    pub(super) fn forget_lookups(&mut self) {
        self.latest.fill(None);
        self.known.clear();
    }

    /// Gives an unnamed stream to the track that has its path by now, unless that has one of this source.
    pub(super) fn adopt(&mut self, index: usize) {
        let Some(stream) = self.streams.get(index) else { return };
        let (old, Some(path)) = (stream.key, stream.path) else { return };
        let is_beside = old.beside.is_some() && stream.role != PayloadRole::Media;
        if old.track.is_some() || is_beside || old.stranger.is_some() {
            return;
        }
        let payload_type = stream.payload_type();
        let signs = PacketSigns { path, direction: old.direction, payload_type, ssrc: Some(old.ssrc), number: None };
        let (key, role) = self.key(&signs);
        let described = payload_type.is_some_and(|of| self.dialog.described_format(key.track, of).is_some());
        // What was given a row of its own keeps it.
        let beside = key.beside.or(old.beside.filter(|_| !described));
        self.rename(index, StreamKey { beside, ..key });
        let set_up = self.set_up_time(path);
        if let Some(stream) = self.streams.get_mut(index) {
            (stream.role, stream.set_up) = (role, set_up);
        }
    }

    /// Where a description came: of a session that began before the capture it says what media is that came before.
    #[cold]
    pub(in crate::analysis) fn describe_streams(&mut self, answered: Option<&Request>, budget: &mut Budget) {
        let is_described = answered.is_some_and(|request| request.method == "DESCRIBE");
        if !is_described || !self.watch.beginning_missing {
            return;
        }
        self.forget_lookups();
        for index in 0..self.streams.len() {
            let payload_type = self.streams.get(index).and_then(StreamState::payload_type);
            self.adopt(index);
            let Self { streams, dialog, .. } = self;
            let Some(stream) = streams.get_mut(index).filter(|stream| stream.payload_type().is_none()) else {
                continue;
            };
            let (Some(payload_type), track) = (payload_type, stream.key.track) else { continue };
            let described = dialog.described_format(track, payload_type).is_some();
            stream.set_encoding(payload_type, dialog.encoding(track, payload_type), described, budget);
        }
    }

    fn set_up_time(&self, path: MediaPath) -> SetupTime {
        let before = self.watch.beginning_missing && !self.dialog.has_set_up(path);
        if before { SetupTime::Before } else { SetupTime::Heard }
    }

    /// Gives a stream another key, unless a stream has it.
    fn rename(&mut self, index: usize, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(index) else { return };
        if stream.key == key || self.by_key.contains_key(&key) {
            return;
        }
        self.by_key.remove(&stream.key);
        self.by_key.insert(key, index);
        stream.name(key);
    }

    /// What tells the stream of a packet apart, and what the packet is there.
    fn key(&mut self, signs: &PacketSigns) -> (StreamKey, PayloadRole) {
        let PacketSigns { path, direction, payload_type, ssrc, .. } = *signs;
        let ssrc = ssrc.unwrap_or_default();
        let Some(owner) = self.dialog.owner(signs) else {
            // By custom RTCP has the odd channel.
            let channel = self.dialog.number_of(path).unwrap_or(path.number() & !1);
            let stranger = path.stranger();
            return (StreamKey { track: None, channel, direction, ssrc, beside: None, stranger }, PayloadRole::Media);
        };
        let setup = self.dialog.setups().get(owner.setup);
        let channel = setup.and_then(crate::session::dialog::Setup::number).unwrap_or(path.number());
        let track = setup.and_then(|setup| setup.track);
        let beside = payload_type.filter(|_| owner.role != PayloadRole::Media);
        (StreamKey { track, channel, direction, ssrc, beside, stranger: None }, owner.role)
    }

    /// The place of a stream that is there, for a report on it.
    pub(in crate::analysis) fn known(&mut self, signs: &PacketSigns) -> Option<usize> {
        if let Some(index) = self.known.get(signs) {
            return Some(*index);
        }
        let (key, _) = self.key(signs);
        let index = self.by_key.get(&key).copied().or_else(|| self.same_source(&key))?;
        self.remember(*signs, index);
        Some(index)
    }

    /// A BYE came: it counts where it names a source of its sender's. In a multicast group each receiver that leaves says
    /// one for itself.
    pub(in crate::analysis) fn said_goodbye(&mut self, place: &Location, path: MediaPath, goodbye: &Goodbye<'_>) {
        for ssrc in goodbye.ssrcs() {
            let Some(index) = self.known(&PacketSigns::of_report(path, place.direction, ssrc)) else { continue };
            self.watch.bye = true;
            if let Some(stream) = self.streams.get_mut(index) {
                stream.goodbye = Some(place.at);
            }
        }
    }

    /// A stream of this source that is no media: retransmission has reports of its own.
    fn same_source(&self, key: &StreamKey) -> Option<usize> {
        let same = |stream: &StreamState| {
            let StreamKey { channel, direction, ssrc, beside, stranger, .. } = stream.key;
            (channel, direction, ssrc, stranger) == (key.channel, key.direction, key.ssrc, key.stranger)
                && beside.is_some()
        };
        self.streams.iter().position(same)
    }

    fn remember(&mut self, signs: PacketSigns, index: usize) {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(signs, index);
    }

    /// The place of a packet's stream, which is made if it is new.
    #[inline]
    pub(super) fn stream(
        &mut self,
        direction: Direction,
        path: MediaPath,
        packet: &RtpPacket<'_>,
        budget: &mut Budget,
    ) -> Option<usize> {
        let latest = self.latest.get(latest_place(path)).copied().flatten().map(usize::from);
        if let Some(index) = latest
            && let Some(stream) = self.streams.get(index)
            && stream.key.ssrc == packet.ssrc()
            && stream.key.direction == direction
            && stream.payload_type() == Some(packet.payload_type())
            && stream.path == Some(path)
        {
            return Some(index);
        }
        self.other_stream(PacketSigns::of_rtp(path, direction, packet), Some(packet.sequence()), budget)
    }

    /// The place of a stream that is not that of the packet before.
    #[cold]
    pub(super) fn other_stream(
        &mut self,
        signs: PacketSigns,
        number: Option<u16>,
        budget: &mut Budget,
    ) -> Option<usize> {
        let known = self.known.get(&signs).copied();
        let index = if let Some(index) = known { index } else { self.looked_up(&signs, number, budget)? };
        if known.is_none() {
            self.remember(signs, index);
        }
        if signs.payload_type.is_some()
            && let Some(stream) = self.streams.get_mut(index)
            && let Some(latest) = self.latest.get_mut(latest_place(signs.path))
        {
            stream.path = Some(signs.path);
            *latest = u16::try_from(index).ok();
        }
        Some(index)
    }

    fn looked_up(&mut self, signs: &PacketSigns, number: Option<u16>, budget: &mut Budget) -> Option<usize> {
        let (mut key, role) = self.key(signs);
        if signs.payload_type.is_some() {
            self.disown(signs, &key, role);
        }
        if role == PayloadRole::Undescribed && self.has_media(&key) {
            key.track = None;
        }
        if let Some(payload_type) = signs.payload_type.filter(|_| self.counts_apart(signs, &key, number)) {
            key.beside = Some(payload_type);
        }
        if let Some(index) = self.by_key.get(&key).copied() {
            return Some(index);
        }
        if let Some(index) = self.announced_by_reports(signs, &key).or_else(|| self.reporting(signs, &key)) {
            self.rename(index, key);
            return Some(index);
        }
        if self.streams.len() >= MAX_STREAMS || !budget.stream() {
            return None;
        }
        let depth = DetailLevel { crowded: budget.is_crowded(), ..self.depth };
        let depth = DetailLevel { closely: depth.closely && role == PayloadRole::Media, ..depth };
        let mut stream = StreamState::new(Arc::clone(&self.capture), key, depth);
        (stream.transport, stream.role, stream.path) = (self.transport(signs.path), role, Some(signs.path));
        stream.set_up = self.set_up_time(signs.path);
        self.streams.push(stream);
        self.by_key.insert(key, self.streams.len() - 1);
        Some(self.streams.len() - 1)
    }

    /// Whether a payload type that nobody described has numbers of its own, far from those of the source's first one: it
    /// resends or repairs that (RFC 4588, section 5.3; RFC 5109, section 4), or its purpose is unknown. Once it has a row of
    /// its own it stays there: its numbers may come near those of the media later.
    #[cold]
    fn counts_apart(&self, signs: &PacketSigns, key: &StreamKey, number: Option<u16>) -> bool {
        let described = self.dialog.media(key.track).is_some_and(|media| !media.formats.is_empty());
        let Some(number) = number.filter(|_| !described && key.beside.is_none()) else { return false };
        if signs.payload_type.is_some() && self.by_key.contains_key(&StreamKey { beside: signs.payload_type, ..*key }) {
            return true;
        }
        let stream = self.by_key.get(key).and_then(|index| self.streams.get(*index));
        stream.is_some_and(|stream| {
            stream.first_payload_type().is_some_and(|first| Some(first) != signs.payload_type)
                && stream.sequence.is_far(number)
        })
    }

    /// A stream that only reports have spoken of: its first packet tells whose it is.
    fn announced_by_reports(&self, signs: &PacketSigns, key: &StreamKey) -> Option<usize> {
        let same = |stream: &StreamState| {
            let StreamKey { channel, direction, ssrc, stranger, .. } = stream.key;
            // Who only reported was a stranger so far.
            let stranger = stranger.filter(|address| key.stranger.is_some() || signs.path.stranger() != Some(*address));
            // Reports come where they should; what comes to another UDP port is not what they speak of.
            let fits = match (stream.path, signs.path) {
                (Some(MediaPath::Udp(own)), MediaPath::Udp(path)) => own.fits(path),
                _ => true,
            };
            stream.sequence.packets == 0
                && fits
                && (channel, direction, ssrc, stranger) == (key.channel, key.direction, key.ssrc, key.stranger)
        };
        signs.payload_type.and_then(|_| self.streams.iter().position(same))
    }

    /// A stream of packets, where a report on them comes for the first time.
    fn reporting(&self, signs: &PacketSigns, key: &StreamKey) -> Option<usize> {
        if signs.payload_type.is_some() { None } else { self.same_source(key) }
    }

    /// A packet beside the media, which may count in the media's numbers.
    #[cold]
    pub(super) fn beside(&mut self, index: usize, packet: &RtpPacket<'_>) {
        let Some(key) = self.streams.get(index).map(|stream| stream.key) else { return };
        let known = self.streams.get(index).and_then(|stream| stream.media);
        let same = |stream: &StreamState| {
            let StreamKey { channel, direction, ssrc, beside, stranger, .. } = stream.key;
            (channel, direction, ssrc, stranger) == (key.channel, key.direction, key.ssrc, key.stranger)
                && beside.is_none()
        };
        let searched = self.streams.len() <= MAX_SEARCHED;
        let Some(media) = known.or_else(|| self.streams.iter().position(same).filter(|_| searched)) else { return };
        if let Some(stream) = self.streams.get_mut(index) {
            stream.media = Some(media);
            stream.sequence.share();
        }
        if let Some(stream) = self.streams.get_mut(media) {
            stream.sequence.foreign(packet.sequence());
        }
    }

    /// Whether the description's media has come of a track.
    fn has_media(&self, key: &StreamKey) -> bool {
        self.streams.iter().any(|stream| is_media_of(stream, key))
    }

    /// Media came: what was taken for it is not, packets of other payload types and those of another sender.
    fn disown(&mut self, signs: &PacketSigns, key: &StreamKey, role: PayloadRole) {
        if role != PayloadRole::Media || key.track.is_none() {
            return;
        }
        for index in 0..self.streams.len() {
            let Some(stream) = self.streams.get(index) else { return };
            let own = (stream.key.track, stream.key.channel, stream.key.direction);
            if own != (key.track, key.channel, key.direction) {
                continue;
            }
            let sender = stream.path.and_then(MediaPath::stranger);
            if stream.role == PayloadRole::Undescribed {
                self.rename(index, StreamKey { track: None, ..stream.key });
            } else if let Some(address) = sender
                && sender != signs.path.stranger()
            {
                self.disowned.push((address, key.channel));
                self.watch.forget_source(&stream.key);
                self.rename(index, StreamKey { track: None, beside: None, stranger: sender, ..stream.key });
            }
        }
        self.forget_lookups();
    }
}

fn is_media_of(stream: &StreamState, key: &StreamKey) -> bool {
    let own = (stream.key.track, stream.key.channel, stream.key.direction);
    own == (key.track, key.channel, key.direction) && stream.role == PayloadRole::Media && stream.sequence.packets > 0
}

/// Where the latest stream of a path stands; ports share the places of channels.
fn latest_place(path: MediaPath) -> usize {
    usize::from(path.number() & 0xff)
}
