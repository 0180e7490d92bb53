//! The media of a capture by track: listens to each dialogue, and says of each packet whose it is.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use crate::export::described::DescribedBytes;
use crate::rtp::packet::is_rtcp;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::sdp::Media;
use crate::rtsp::tunnel;
use crate::session::Dialog;
use crate::session::dialog::play::{MediaChange, PlayControl};
use crate::session::dialog::{MediaPath, PacketSigns, Request, Setup};
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, Payload, Tap, TraceEvent};

/// Tracks of a capture; the packets of further ones are passed over.
const MAX_TRACKS: usize = 4096;
/// Look-ups of a session that are remembered.
const MAX_KNOWN: usize = 4096;
/// Bytes that wait for the answer to a SETUP, in all sessions.
const MAX_EARLY: usize = 8 << 20;
/// Bytes that all dialogues together may take.
const MAX_DIALOGUES: usize = 16 << 20;

/// Which tracks are wanted; all where nothing is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection {
    /// The session, as `analyze` numbers them, from 1.
    pub session: Option<usize>,
    /// The track: the place of its `m=` line, from 0.
    pub track: Option<usize>,
}

/// A track that has media.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its place among all tracks, in the order of their first packets.
    pub index: usize,
    /// The session as `analyze` numbers them, from 1.
    pub session: usize,
    /// The place of its `m=` line; `None` where none was seen.
    pub number: Option<usize>,
    /// The channel, or the UDP port, of its RTP packets.
    pub channel: u16,
    /// The connection, with the URL of the session.
    pub flow: Flow,
    /// Where its media comes from: the server's RTP port, or that of RTSP where it is interleaved.
    pub source: SocketAddr,
    /// Its description; empty where none was seen.
    pub media: Media,
    /// How often its description has changed.
    pub version: usize,
}

impl Track {
    /// How people call it: `session 1 track 0`.
    pub fn name(&self) -> String {
        match self.number {
            Some(number) => format!("session {} track {number}", self.session),
            None => format!("session {} channel {}", self.session, self.channel),
        }
    }

    /// What files are called by: `1-0`.
    pub fn file_name(&self) -> String {
        match self.number {
            Some(number) => format!("{}-{number}", self.session),
            None => format!("{}-channel{}", self.session, self.channel),
        }
    }
}

/// An RTP or RTCP packet.
#[derive(Clone, Copy, Debug)]
pub struct MediaPacket<'a> {
    /// When it came.
    pub at: Timestamp,
    /// Who sent it.
    pub direction: Direction,
    /// Whether it is RTCP.
    pub rtcp: bool,
    /// The packet.
    pub bytes: &'a [u8],
}

/// Takes the packets of tracks, in their order.
pub trait MediaSink {
    /// Takes a packet.
    ///
    /// # Errors
    /// Where it could not be written down; the run stops.
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()>;

    /// The client asked for its media elsewhere, or for its end.
    fn change(&mut self, track: &Track, at: Timestamp, change: &MediaChange) {
        let _ = (track, at, change);
    }
}

/// A connection.
#[derive(Debug, Default)]
struct Session {
    dialog: Dialog,
    control: PlayControl,
    /// Places of its tracks.
    tracks: Vec<usize>,
    /// What is known since the last message.
    known: HashMap<PacketSigns, Option<usize>>,
    /// Packets on channels that a SETUP without answer may name: some servers send before they answer.
    early: Vec<Early>,
}

/// A packet that came before its track was known.
#[derive(Debug)]
struct Early {
    flow: Flow,
    at: Timestamp,
    direction: Direction,
    path: MediaPath,
    bytes: Vec<u8>,
}

/// A tap that hands over the media of what passes.
#[derive(Debug)]
pub struct Tracks<S> {
    selection: Selection,
    sessions: HashMap<usize, Session>,
    found: Vec<Track>,
    /// Bytes that the dialogues take.
    held: usize,
    /// Bytes that wait for the answer to a SETUP.
    early: usize,
    described: DescribedBytes,
    sink: S,
}

impl<S: MediaSink> Tracks<S> {
    /// Hands the packets of the selected tracks to `sink`.
    pub fn new(selection: Selection, sink: S) -> Self {
        Self {
            selection,
            sessions: HashMap::new(),
            found: Vec::new(),
            held: 0,
            early: 0,
            described: DescribedBytes::default(),
            sink,
        }
    }

    /// Whether any of the selected sessions was there.
    pub fn saw_rtsp(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// The capture is over: hands over what still waits, and gives the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<(Vec<Track>, S)> {
        let mut flows: Vec<usize> = self.sessions.keys().copied().collect();
        flows.sort_unstable();
        for flow in flows {
            self.release(flow)?;
        }
        Ok((self.found, self.sink))
    }

    fn pdu(&mut self, event: &TraceEvent<'_>, pdu: &Pdu<'_>) -> io::Result<()> {
        match pdu.kind {
            PduKind::Message { head, body } => self.message(event, &Message::new(head, body)),
            PduKind::Interleaved { channel, payload } => self.frame(event, MediaPath::Channel(channel), payload),
            PduKind::Junk => {
                if event.direction == Direction::ServerToClient {
                    self.learn(event, |dialog| {
                        if dialog.awaits_description() {
                            dialog.junk(pdu.raw);
                        }
                    });
                }
                Ok(())
            }
            // Half a packet is no media.
            PduKind::CutFrame { .. } | PduKind::Gap { in_frame: true, .. } => Ok(()),
            // What messages agreed upon may be there.
            PduKind::Gap { .. } => {
                self.learn(event, Dialog::begins_late);
                Ok(())
            }
        }
    }

    fn message(&mut self, event: &TraceEvent<'_>, message: &Message<'_>) -> io::Result<()> {
        let is_of_tunnel = is_of_tunnel(message);
        if !is_of_tunnel {
            self.ask(event, message);
        }
        let mut answered = None;
        let settled = self.learn(event, |dialog| {
            if event.direction == Direction::ClientToServer {
                dialog.hear_answers_alone(false);
            }
            if !is_of_tunnel {
                answered = dialog.observe(event.at, event.direction, message);
            }
        });
        if let Some(request) = answered {
            self.answer(event, &request, message);
        }
        if settled { self.release(event.flow.id) } else { Ok(()) }
    }

    /// What a request means for media, before it is answered.
    fn ask(&mut self, event: &TraceEvent<'_>, message: &Message<'_>) {
        let Some(Session { control, dialog, .. }) = self.sessions.get_mut(&event.flow.id) else { return };
        let change = control.asked(event.at, event.direction, message, dialog);
        self.change(event, change.as_ref());
    }

    /// What its answer means.
    fn answer(&mut self, event: &TraceEvent<'_>, request: &Request, message: &Message<'_>) {
        let Some(Session { control, dialog, .. }) = self.sessions.get_mut(&event.flow.id) else { return };
        let change = control.answered(event.at, request, message, dialog);
        self.change(event, change.as_ref());
    }

    fn change(&mut self, event: &TraceEvent<'_>, change: Option<&MediaChange>) {
        let (Some(change), Some(session)) = (change, self.sessions.get(&event.flow.id)) else { return };
        for track in session.tracks.iter().filter_map(|index| self.found.get(*index)) {
            if change.refused.is_some() || change.tracks.contains(track.number, track.channel) {
                self.sink.change(track, event.at, change);
            }
        }
    }

    /// The dialogue goes on. Whether nothing has to wait for the answer to a SETUP any more.
    fn learn(&mut self, event: &TraceEvent<'_>, more: impl FnOnce(&mut Dialog)) -> bool {
        let session = self.sessions.entry(event.flow.id).or_default();
        let before = session.dialog.held();
        more(&mut session.dialog);
        session.known.clear();
        self.held = (self.held + session.dialog.held()).saturating_sub(before);
        // What is known of all dialogues together is too much.
        if self.held > MAX_DIALOGUES {
            self.held = self.held.saturating_sub(session.dialog.held());
            session.dialog = Dialog::new();
        }
        !session.early.is_empty() && !awaits_setup(&session.dialog)
    }

    fn frame(&mut self, event: &TraceEvent<'_>, path: MediaPath, bytes: &[u8]) -> io::Result<()> {
        let session = self.sessions.entry(event.flow.id).or_default();
        if session.dialog.is_punch(path, event.direction, bytes) {
            return Ok(());
        }
        if matches!(path, MediaPath::Channel(_))
            && !session.dialog.knows(path)
            && awaits_setup(&session.dialog)
            && self.early + bytes.len() <= MAX_EARLY
        {
            self.early += bytes.len() + size_of::<Early>();
            let (flow, bytes) = (event.flow.clone(), bytes.to_vec());
            session.early.push(Early { flow, at: event.at, direction: event.direction, path, bytes });
            return Ok(());
        }
        let packet = MediaPacket { at: event.at, direction: event.direction, rtcp: is_rtcp(bytes), bytes };
        self.hand_over(event.flow, path, &packet)
    }

    /// Hands over what came early: its tracks are known now, or never.
    fn release(&mut self, flow: usize) -> io::Result<()> {
        let Some(session) = self.sessions.get_mut(&flow) else { return Ok(()) };
        for Early { flow, at, direction, path, bytes } in std::mem::take(&mut session.early) {
            self.early = self.early.saturating_sub(bytes.len() + size_of::<Early>());
            let packet = MediaPacket { at, direction, rtcp: is_rtcp(&bytes), bytes: &bytes };
            self.hand_over(&flow, path, &packet)?;
        }
        Ok(())
    }

    fn hand_over(&mut self, flow: &Flow, path: MediaPath, packet: &MediaPacket<'_>) -> io::Result<()> {
        let signs = PacketSigns::new(path, packet.direction, packet.bytes);
        let track = self.sessions.get(&flow.id).and_then(|session| session.known.get(&signs).copied());
        let track = track.unwrap_or_else(|| self.find(flow, &signs));
        match track.and_then(|index| self.found.get(index)) {
            Some(track) => self.sink.packet(track, packet),
            None => Ok(()),
        }
    }

    /// The track of a packet, made where it is new. `None` where it is not wanted.
    #[cold]
    fn find(&mut self, flow: &Flow, signs: &PacketSigns) -> Option<usize> {
        let Self { selection, sessions, found: tracks, described, .. } = self;
        let session = sessions.get_mut(&flow.id)?;
        let found = session.track(flow, signs, *selection, tracks, described);
        if session.known.len() >= MAX_KNOWN {
            session.known.clear();
        }
        session.known.insert(*signs, found);
        found
    }
}

impl Session {
    /// The track of a packet, made where it is new. `None` where it is not wanted, or there are too many.
    fn track(
        &mut self,
        flow: &Flow,
        signs: &PacketSigns,
        selection: Selection,
        tracks: &mut Vec<Track>,
        described: &mut DescribedBytes,
    ) -> Option<usize> {
        let number_of_path = self.dialog.number_of(signs.path);
        let setup = self.dialog.setup_of(signs).cloned();
        let setup = setup.as_ref();
        let number = setup.and_then(|setup| setup.track);
        if selection.track.is_some() && selection.track != number {
            return None;
        }
        // By custom RTCP has the odd channel.
        let channel = setup.and_then(Setup::number).or(number_of_path).unwrap_or(signs.path.number() & !1);
        let mut media = self.dialog.media(number).cloned().unwrap_or_default();
        // That SETUP agreed upon encryption counts, whatever the description says.
        if let Some(profile) = self.dialog.secure_profile(number) {
            profile.clone_into(&mut media.protocol);
        }
        let is_it = |track: &Track| track.number == number && (number.is_some() || track.channel == channel);
        let known = self.tracks.iter().copied().find(|index| tracks.get(*index).is_some_and(is_it));
        if let Some(track) = known.and_then(|index| tracks.get_mut(index)) {
            if track.media != media {
                described.forget(&track.media);
                track.media = described.keep(media);
                track.version += 1;
            }
            return known;
        }
        if tracks.len() >= MAX_TRACKS {
            return None;
        }
        let index = tracks.len();
        let mut source = flow.server;
        source.set_port(setup.and_then(server_port).unwrap_or(source.port()));
        let url = self.dialog.url().unwrap_or(&flow.url).to_owned();
        let flow = Flow { url, ..flow.clone() };
        let media = described.keep(media);
        tracks.push(Track { index, session: flow.id + 1, number, channel, flow, source, media, version: 0 });
        self.tracks.push(index);
        Some(index)
    }
}

fn server_port(setup: &Setup) -> Option<u16> {
    setup.transport.server_port.map(|(rtp, _)| rtp).filter(|_| setup.channels.is_none())
}

/// Whether a SETUP of the client waits for its answer.
fn awaits_setup(dialog: &Dialog) -> bool {
    dialog.unanswered().any(|(_, request)| request.method == "SETUP")
}

/// Whether a message opens an HTTP tunnel, or answers that: it is no part of the dialogue. Some servers answer RTSP with
/// HTTP.
fn is_of_tunnel(message: &Message<'_>) -> bool {
    let is_request = matches!(message.start_line(), StartLine::Request { .. });
    message.is_http() && (is_request || tunnel::is_answer(message) || message.cseq().is_none())
}

impl<S: MediaSink> Tap for Tracks<S> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if self.selection.session.is_some_and(|session| session != event.flow.id + 1) {
            return Ok(());
        }
        match event.payload {
            Payload::Pdu(pdu) => self.pdu(event, pdu),
            Payload::OneDirection => {
                let answers_alone = event.direction == Direction::ServerToClient;
                self.learn(event, |dialog| dialog.hear_answers_alone(answers_alone));
                Ok(())
            }
            Payload::Described(given) => {
                self.learn(event, |dialog| dialog.given(given));
                Ok(())
            }
            Payload::BeginningMissing | Payload::MessagesMissing(_) => {
                self.learn(event, Dialog::begins_late);
                Ok(())
            }
            Payload::Datagram { path, payload, missing: 0, .. } => self.frame(event, MediaPath::Udp(path), payload),
            _ => Ok(()),
        }
    }
}
