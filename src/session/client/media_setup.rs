//! What the client makes of the answers to SETUP: where media comes, by which profile, over which transport it is asked for
//! next where one does not work; and the packets that come and the reports that go.

use std::borrow::Cow;

use crate::rtp::packet::{NAT_PUNCH, RtpPacket, is_rtcp};
use crate::rtsp::interleaved::append_frame;
use crate::session::client::pending::SessionMethod;
use crate::session::client::phase::{ClientPhase, ControlScope, PhaseName, SetupProgress};
use crate::session::client::{MediaTransport, SessionError};
use crate::session::dialog::{MediaPath, PacketSigns, Setup};
use crate::session::server_requests::MAX_ANSWERS;
use crate::session::{Client, Dialog, Group, MediaRoute, Output};
use crate::time::Timestamp;
use crate::trace::{Direction, UdpPath};

/// The profile of RFC 3551.
const PLAIN_PROFILE: &str = "AVP";

impl Client {
    /// Sets up the next track. Media in datagrams needs sockets first: their ports stand in the request.
    pub(super) fn set_up(&mut self, now: Timestamp) {
        match (self.transports.current, self.planned_track()) {
            (MediaTransport::Udp, Some(track)) => self.outputs.push_back(Output::OpenMedia { track }),
            _ => self.send(now, SessionMethod::Setup),
        }
    }

    /// The track whose turn it is, with the URL of its SETUP.
    pub(super) fn planned_setup(&self) -> Option<&(usize, String)> {
        self.phase.negotiation().and_then(SetupProgress::planned_setup)
    }

    fn planned_track(&self) -> Option<usize> {
        self.planned_setup().map(|(track, _)| *track)
    }

    /// The place in the plan of the track whose turn it is.
    pub(super) fn planned(&self) -> usize {
        self.phase.negotiation().map_or(0, |negotiation| negotiation.planned)
    }

    pub(super) fn media_opened(&mut self, now: Timestamp, ports: (u16, u16)) {
        if self.phase.is(PhaseName::SettingUp) && self.phase.pending().is_none() {
            self.transports.ports = Some(ports);
            self.send(now, SessionMethod::Setup);
        }
    }

    pub(super) fn media_failed(&mut self, now: Timestamp, why: &str) {
        if self.phase.is(PhaseName::SettingUp) || self.phase.is(PhaseName::Playing) {
            let transport = self.transports.current;
            let error = SessionError::NoSockets { transport, why: why.to_owned() };
            match self.transports.untried() {
                Some(next) => self.start_over(now, next, &error.to_string()),
                None => self.fail(now, error),
            }
        }
    }

    /// The profile of RTP to ask for: the one that the description names, as some servers grant no other.
    pub(super) fn profile(&self) -> &'static str {
        let media = self.planned_track().and_then(|track| self.dialog.media(Some(track)));
        media.filter(|_| !self.transports.plain_profile).map_or(PLAIN_PROFILE, |media| profile_of(&media.protocol))
    }

    /// Whether a refused SETUP may succeed with the plain profile: some servers describe another, and know that one only.
    pub(super) fn profile_refused(&mut self, status: Option<u16>) -> bool {
        let asked = self.profile();
        if asked == PLAIN_PROFILE || !says_unsupported(status) {
            return false;
        }
        self.transports.plain_profile = true;
        self.note(format!("RTP/{asked} was refused, though the description names it: RTP/{PLAIN_PROFILE} asked for"));
        true
    }

    /// Whether a refused SETUP may succeed over another transport. Not all servers say 461.
    pub(super) fn is_about_transport(&self, status: Option<u16>) -> bool {
        says_unsupported(status) && self.dialog.setups().is_empty() && self.transports.untried().is_some()
    }

    /// The first SETUP was refused for its transport: all begins with the next one, on the same connection.
    pub(super) fn transport_refused(&mut self, now: Timestamp, error: SessionError) {
        let Some(next) = self.transports.untried() else { return self.fail(now, error) };
        let current = self.transports.current;
        if current.tunnel() != next.tunnel() {
            return self.start_over(now, next, &error.to_string());
        }
        self.transports.change(next, &error.to_string());
        self.outputs.push_back(Output::CloseMedia { track: None });
        self.refusals.clear();
        if let Some(negotiation) = self.phase.negotiation_mut() {
            negotiation.planned = 0;
        }
        self.set_up(now);
    }

    /// A track is set up: its media comes as the server says, which may not be what was asked for.
    pub(super) fn setup_answered(&mut self, now: Timestamp) {
        let Some(track) = self.planned_track() else { return };
        let Some(setup) = self.dialog.setups().last().cloned() else { return self.set_up_next(now) };
        let (asked, answered) = (self.transports.current, answered(&setup));
        let interleaved = answered.is_interleaved();
        if interleaved == asked.is_interleaved() && (interleaved || answered == asked) {
            self.transports.tracks.push(track);
            self.media.add_track();
            self.reporter.add_track();
            if interleaved || self.take_media(now, track, &setup) {
                self.set_up_next(now);
            }
        } else if interleaved && self.transports.allowed.contains(&answered) {
            // Followed where that is possible: all other tracks will come that way as well.
            self.outputs.push_back(Output::CloseMedia { track: Some(track) });
            self.transports.change(answered, &format!("{asked} was asked for, {answered} answered"));
            self.setup_answered(now);
        } else if self.transports.allowed.contains(&answered) && !self.transports.tried.contains(&answered) {
            self.start_over(now, answered, &format!("{asked} was asked for, {answered} answered"));
        } else {
            self.fail(now, SessionError::OtherTransport { asked, answered });
        }
    }

    /// Lets the media of a track in; whether it can come.
    fn take_media(&mut self, now: Timestamp, track: usize, setup: &Setup) -> bool {
        let transport = &setup.transport;
        let group = match (transport.multicast, transport.destination, transport.server_port) {
            (false, ..) => None,
            (true, Some(address), Some(ports)) if address.is_multicast() => {
                Some(Group { address, ports, ttl: transport.ttl })
            }
            (true, ..) => {
                self.media_failed(now, "the answer to SETUP names no group and port");
                return false;
            }
        };
        self.transports.datagrams = true;
        let path = setup.path.unwrap_or_default();
        self.outputs.push_back(Output::TakeMedia(MediaRoute { track, path, source: transport.source, group }));
        // Whoever else `source` names has not asked for packets.
        if let Some((rtp, rtcp)) = transport.server_port.filter(|_| group.is_none() && !self.is_elsewhere(setup)) {
            let place = self.transports.place(track).unwrap_or_default();
            for (is_rtcp, port, packet) in
                [(false, rtp, NAT_PUNCH.to_vec()), (true, rtcp, self.reporter.empty_report(place))]
            {
                self.outputs.push_back(Output::Datagram { track, rtcp: is_rtcp, port, payload: Cow::Owned(packet) });
            }
        }
        true
    }

    /// Whether media comes from another host than the server, by the server's word.
    fn is_elsewhere(&self, setup: &Setup) -> bool {
        let server = self.dialer.address().map(|address| address.ip().to_canonical());
        setup.transport.source.is_some_and(|source| Some(source.to_canonical()) != server)
    }

    /// Ends this session and begins another one over `next`.
    pub(super) fn start_over(&mut self, now: Timestamp, next: MediaTransport, why: &str) {
        self.transports.change(next, why);
        self.transports.next = Some(next);
        self.tear_down(now);
    }

    /// Begins another session, if one is wanted after this one.
    pub(super) fn begin_again(&mut self, now: Timestamp) -> bool {
        if self.transports.next.take().is_none() {
            return false;
        }
        self.forget_session();
        self.outputs.push_back(Output::Disconnect);
        let same = self.transports.current.tunnel() == self.dialer.tunnel_mut().map(|tunnel| tunnel.kind);
        match self.dialer.again(now).filter(|_| same) {
            Some(connect) => {
                self.phase.enter(ClientPhase::Connecting(SetupProgress::default()));
                self.outputs.push_back(connect);
            }
            // A tunnel may have a port of its own.
            None => self.resolve(now),
        }
        true
    }

    /// What was learned of a session that is over.
    pub(super) fn forget_session(&mut self) {
        self.dialog = Dialog::new();
        self.refusals.clear();
        self.media.begin_again();
        self.reporter.forget_tracks();
        self.scope = ControlScope::default();
        self.transports.tracks.clear();
        self.transports.datagrams = false;
        self.outputs.push_back(Output::CloseMedia { track: None });
    }

    /// A datagram came for a track. That of a stranger is recorded, and no sign of life of this server.
    pub(super) fn datagram(&mut self, now: Timestamp, track: usize, path: UdpPath, payload: &[u8]) {
        self.media.received(payload.len());
        let signs = PacketSigns::new(MediaPath::Udp(path), Direction::ServerToClient, payload);
        if self.dialog.admits(&signs) {
            self.packet(now, signs.path, self.transports.place(track), payload);
        }
    }

    /// An RTP or RTCP packet came, on the path of this SETUP. Where tracks share it, what the packet shows tells.
    pub(super) fn packet(&mut self, now: Timestamp, path: MediaPath, place: Option<usize>, payload: &[u8]) {
        let Self { dialog, media, reporter, .. } = self;
        let signs = || PacketSigns::new(path, Direction::ServerToClient, payload);
        let owner = if dialog.shares_paths() { Some(dialog.owner(&signs())) } else { None };
        if let Some(None) = owner {
            media.is_unclear();
        }
        let place = owner.flatten().map(|owner| owner.setup).or(place);
        if is_rtcp(payload) {
            media.rtcp(now, place, payload);
            return place.map_or((), |place| reporter.rtcp(now, place, payload));
        }
        let packet = RtpPacket::parse(payload).ok();
        media.rtp(now, place, packet.as_ref().map(RtpPacket::ssrc));
        let (Some(place), Some(packet)) = (place, packet) else { return };
        let rate = |payload_type| {
            let track = dialog.setups().get(place).and_then(|setup| setup.track);
            dialog.encoding(track, payload_type)?.clock_rate_hz
        };
        reporter.rtp(now, place, &packet, rate);
    }

    /// Sends the receiver reports that are due.
    pub(super) fn send_reports(&mut self, now: Timestamp) {
        while let Some((place, compound)) = self.reporter.take_due(now) {
            // A server that does not read gets no more of them.
            if self.outputs.len() < MAX_ANSWERS {
                self.send_report(place, compound);
            }
        }
    }

    /// Takes leave of each track that had a report.
    pub(super) fn say_goodbye(&mut self, now: Timestamp) {
        for (place, compound) in self.reporter.goodbyes(now) {
            self.send_report(place, compound);
        }
    }

    /// Sends a report the way that the media of its track comes.
    fn send_report(&mut self, place: usize, compound: Vec<u8>) {
        let Some(setup) = self.dialog.setups().get(place) else { return };
        let output = match (setup.channels, setup.transport.server_port) {
            (Some(_), _) if self.phase.is_orphaned() => None,
            (Some((_, channel)), _) => {
                let mut frame = Vec::new();
                append_frame(&mut frame, channel, &compound);
                Some(Output::Send(Cow::Owned(frame)))
            }
            // Who has not sent anything gets nothing.
            (None, Some(_)) if self.is_elsewhere(setup) && !self.media.has_sent(place) => None,
            (None, Some((_, port))) => {
                let track = self.transports.tracks.get(place).copied();
                track.map(|track| Output::Datagram { track, rtcp: true, port, payload: Cow::Owned(compound) })
            }
            // Nobody knows where it should go.
            (None, None) => None,
        };
        self.outputs.extend(output);
    }
}

/// Whether a status may mean that SETUP asked for a transport that the server does not have. Not all say 461.
fn says_unsupported(status: Option<u16>) -> bool {
    matches!(status, Some(400 | 403 | 406 | 415 | 451 | 456 | 459 | 461 | 501 | 551))
}

/// The profile of RTP in the protocol of an `m=` line (RFC 3551, RFC 3711, RFC 4585, RFC 5124).
fn profile_of(protocol: &str) -> &'static str {
    let named = |profile: &&str| protocol.split('/').any(|part| part.eq_ignore_ascii_case(profile));
    ["SAVPF", "SAVP", "AVPF"].into_iter().find(named).unwrap_or(PLAIN_PROFILE)
}

/// What the server made of a SETUP.
fn answered(setup: &Setup) -> MediaTransport {
    match setup.channels {
        Some(_) => MediaTransport::Tcp,
        None if setup.transport.multicast => MediaTransport::Multicast,
        None => MediaTransport::Udp,
    }
}
