//! One RTSP session under analysis: the dialogue of a flow, and the streams that belong to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::analysis::budget::Budget;
use crate::analysis::findings::{Finding, NewStream, ProtocolChecks};
use crate::analysis::http::Http;
use crate::analysis::location::Location;
use crate::analysis::media_stop::{MediaStops, WaitEnd};
use crate::analysis::media_wait::{MediaWait, SessionState};
use crate::analysis::report_blocks::RecentReports;
use crate::analysis::rows::{StreamRow, StreamTransport};
use crate::analysis::stream::{DetailLevel, PacketFigures, StreamKey, StreamState};
use crate::analysis::unplaced::UnplacedBytes;
use crate::analysis::unreachable::UnreachablePaths;
use crate::analysis::verdicts::SourceChange;
use crate::rtp::packet::RtpPacket;
use crate::rtsp::message::Message;
use crate::session::Dialog;
use crate::session::dialog::play::PlayControl;
use crate::session::dialog::{MediaPath, PacketSigns, PayloadRole, Request};
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, GivenMedia};

mod coverage;
mod lookup;
mod reports;
mod resent;
mod senders;
mod stops;

/// A packet that was taken: its stream, looked up once for all that its rows need.
#[derive(Debug)]
pub(super) struct TakenPacket<'a> {
    pub(super) stream: &'a mut StreamState,
    /// The place of the stream in its session.
    pub(super) index: usize,
    pub(super) figures: PacketFigures,
    /// Where it is the first of its stream.
    pub(super) begun: Option<Box<StreamBeginning>>,
    pub(super) dialog: &'a Dialog,
    pub(super) checks: &'a mut ProtocolChecks,
}

/// What is said of a stream when its first packet comes.
#[derive(Debug)]
pub(super) struct StreamBeginning {
    pub(super) findings: Vec<Finding>,
    /// Another source sent before.
    pub(super) change: Option<SourceChange>,
}

/// One flow under analysis.
#[derive(Debug)]
pub(super) struct Session {
    /// The capture that is being read.
    pub(super) capture: Arc<str>,
    pub(super) flow: Flow,
    pub(super) dialog: Dialog,
    pub(super) http: Http,
    pub(super) streams: Vec<StreamState>,
    by_key: HashMap<StreamKey, usize>,
    /// What was looked up since the dialogue last went on.
    known: HashMap<PacketSigns, usize>,
    /// Who was taken for the server until it sent itself, and on which channel.
    disowned: Vec<(IpAddr, u16)>,
    /// For each channel the stream of its latest packet.
    latest: Box<[Option<u16>; 256]>,
    depth: DetailLevel,
    /// Who ended the connection first.
    pub(super) closed: Option<Direction>,
    pub(super) control: PlayControl,
    pub(super) watch: ProtocolChecks,
    pub(super) unplaced: UnplacedBytes,
    pub(super) recent: RecentReports,
    pub(super) unreachable: UnreachablePaths,
    pub(super) wait: MediaWait,
    pub(super) stops: MediaStops,
    /// The snap length cut packets of its media, and of its connection what may have been messages.
    pub(super) cut_packets: bool,
    pub(super) cut_messages: bool,
    /// When something that needs a login, where there is one, was first granted.
    pub(super) begun: Option<Timestamp>,
}

impl Session {
    pub(super) fn new(capture: Arc<str>, flow: &Flow, depth: DetailLevel) -> Self {
        Self {
            capture,
            flow: flow.clone(),
            dialog: Dialog::new(),
            http: Http::default(),
            streams: Vec::new(),
            by_key: HashMap::new(),
            known: HashMap::new(),
            disowned: Vec::new(),
            latest: Box::new([None; 256]),
            depth,
            closed: None,
            control: PlayControl::default(),
            watch: ProtocolChecks::default(),
            unplaced: UnplacedBytes::default(),
            recent: RecentReports::default(),
            unreachable: UnreachablePaths::default(),
            wait: MediaWait::default(),
            stops: MediaStops::default(),
            cut_packets: false,
            cut_messages: false,
            begun: None,
        }
    }

    /// The session's URL without credentials.
    pub(super) fn url(&self) -> &str {
        self.dialog.url().unwrap_or(&self.flow.url)
    }

    /// Takes a message; gives the request that it answers. Streams on a channel that it sets up become its track's:
    /// some servers send before they answer SETUP.
    pub(super) fn message(&mut self, at: Timestamp, direction: Direction, message: &Message<'_>) -> Option<Request> {
        let set_up = self.dialog.setups().len();
        let request = self.dialog.observe(at, direction, message);
        if self.dialog.setups().len() != set_up {
            self.forget_lookups();
            let tracks = self.dialog.setups().get(set_up..).unwrap_or_default().iter().map(|setup| setup.track);
            tracks.for_each(|track| self.watch.begin_track(track));
            (0..self.streams.len()).for_each(|index| self.adopt(index));
        } else if request.as_ref().is_some_and(|request| request.method == "TEARDOWN") {
            self.forget_lookups();
        }
        request
    }

    /// A request was granted: media may be due from now on, or no longer.
    pub(super) fn granted(&mut self, place: Location, request: &Request) {
        if matches!(request.method.as_str(), "DESCRIBE" | "ANNOUNCE" | "SETUP" | "PLAY" | "RECORD") {
            self.begun.get_or_insert(place.at);
        }
        if request.method == "PAUSE" {
            let asked = Location { at: request.at, frame_number: None, ..place };
            self.end_stops(asked, WaitEnd::Pause, Some(&request.url));
        }
        let Self { wait, dialog, streams, watch, unreachable, .. } = self;
        let state = SessionState { dialog, streams, unreachable, bye: watch.bye };
        wait.granted(place, &request.method, &request.url, state);
    }

    /// Media is no longer waited for: of the track of a URL, or of any.
    pub(super) fn end_wait(&mut self, place: Location, end: WaitEnd, url: Option<&str>) {
        self.end_stops(place, end, url);
        let Self { wait, dialog, streams, watch, unreachable, .. } = self;
        wait.end(place, url, SessionState { dialog, streams, unreachable, bye: watch.bye });
    }

    /// Takes what somebody says of its media who is no part of it.
    pub(super) fn describe(&mut self, given: &GivenMedia) {
        self.dialog.given(given);
        self.watch.without_rtsp |= !given.transports.is_empty();
        self.forget_lookups();
    }

    /// About how many bytes of memory the dialogue takes.
    pub(super) fn held(&self) -> usize {
        self.dialog.held() + self.http.held() + self.watch.heard.held()
    }

    /// Frees the memory of the dialogue: what comes now has no track.
    pub(super) fn forget_dialogue(&mut self) {
        self.dialog = Dialog::new();
        self.http.forget();
        self.watch.heard.forget();
        self.forget_lookups();
    }

    /// Takes an RTP packet. `None` where the session has too many streams.
    #[inline]
    pub(super) fn rtp(
        &mut self,
        place: Location,
        path: MediaPath,
        packet: &RtpPacket<'_>,
        budget: &mut Budget,
    ) -> Option<TakenPacket<'_>> {
        let index = self.stream(place.direction, path, packet, budget)?;
        let stream = self.streams.get(index)?;
        // Reports may have made it before.
        let new = stream.sequence.packets == 0;
        if new || stream.payload_type() != Some(packet.payload_type()) || stream.key.beside.is_some() {
            self.prepare(index, packet, budget);
        }
        let stream = self.streams.get_mut(index)?;
        let figures = stream.packet(place.at, packet, budget);
        stream.frame(&place, packet, &figures, budget);
        let begun = if new { Some(Box::new(self.beginning(place.at, path, packet, index))) } else { None };
        let Self { streams, dialog, watch, .. } = self;
        Some(TakenPacket { stream: streams.get_mut(index)?, index, figures, begun, dialog, checks: watch })
    }

    /// Before the first packet of a stream, one of another payload type, and one beside the media.
    #[cold]
    fn prepare(&mut self, index: usize, packet: &RtpPacket<'_>, budget: &mut Budget) {
        let Self { dialog, streams, control, .. } = self;
        let Some(stream) = streams.get_mut(index) else { return };
        if stream.payload_type() != Some(packet.payload_type()) {
            let (track, payload_type) = (stream.key.track, packet.payload_type());
            let described = dialog.described_format(track, payload_type).is_some();
            stream.set_encoding(payload_type, dialog.encoding(track, payload_type), described, budget);
            if dialog.secure_profile(track).is_some() {
                stream.encrypt();
            }
        }
        if stream.sequence.packets == 0 {
            let on_demand = dialog.range_end().is_some();
            stream.begin(control.is_paced(), on_demand, packet.sequence(), control.first(stream.key.track));
        }
        if stream.key.beside.is_some() && stream.role != PayloadRole::Media {
            self.beside(index, packet);
            self.resent(index, packet);
        }
    }

    /// What is said of a stream whose first packet has just been taken.
    #[cold]
    fn beginning(&mut self, at: Timestamp, path: MediaPath, packet: &RtpPacket<'_>, index: usize) -> StreamBeginning {
        let findings = self.new_stream_findings(at, path, packet, index);
        let change = self.take_source_change(at, packet, &findings);
        StreamBeginning { findings, change }
    }

    /// What is odd about a stream that has just begun.
    fn new_stream_findings(
        &mut self,
        at: Timestamp,
        path: MediaPath,
        packet: &RtpPacket<'_>,
        index: usize,
    ) -> Vec<Finding> {
        let Some(stream) = self.streams.get(index) else { return Vec::new() };
        let (key, rate) = (stream.key, stream.clock_rate_hz());
        let role = stream.role;
        let signs = PacketSigns::of_rtp(path, key.direction, packet);
        let setup = self.dialog.setup_of(&signs).cloned();
        let named = if self.watch.beginning_missing { self.dialog.has_set_up(path) } else { self.dialog.knows(path) };
        let Self { watch, streams, dialog, disowned, .. } = self;
        let media = dialog.media(setup.as_ref().and_then(|setup| setup.track));
        let described_by = dialog.described_format(key.track, packet.payload_type()).map(|(track, _)| track);
        let same = |other: &&StreamState| {
            other.key.ssrc == key.ssrc && other.key.direction == key.direction && other.key.track != key.track
        };
        let shares = streams.iter().find(same).and_then(|other| other.key.track);
        let mut found = watch.new_stream(
            &key,
            &NewStream {
                path,
                named,
                setup: setup.as_ref(),
                media,
                described_by,
                shares,
                role,
                payload_type: packet.payload_type(),
                index,
            },
        );
        found.extend(watch.encryption(dialog.secure_profile(key.track)));
        found.extend(std::mem::take(disowned).into_iter().filter_map(|(sender, of)| watch.stranger(sender, of)));
        if role == PayloadRole::Media && key.stranger.is_none() {
            found.extend(watch.heard.first_packet(at, packet, key.track, rate));
        }
        found
    }

    /// Streams whose packets waited to the end and did not show what they carry.
    pub(super) fn unknown_payload_types(&mut self) -> Vec<(Direction, Finding)> {
        let Self { watch, streams, .. } = self;
        let found = |stream: &StreamState| {
            Some((stream.key.direction, watch.unknown_payload_type(stream.payload_type()?, stream)?))
        };
        streams.iter().filter_map(found).collect()
    }

    /// What carries the streams of a path.
    fn transport(&self, path: MediaPath) -> StreamTransport {
        match path {
            MediaPath::Channel(_) if self.http.carries_rtsp() => StreamTransport::Http,
            MediaPath::Channel(_) => StreamTransport::Tcp,
            MediaPath::Udp(path) if path.group.is_some() => StreamTransport::Multicast,
            MediaPath::Udp(_) => StreamTransport::Udp,
        }
    }

    /// The rows of the `streams` table.
    pub(super) fn rows(&self) -> impl Iterator<Item = StreamRow<'_>> {
        self.streams.iter().map(|stream| {
            let media = self.dialog.media(stream.key.track).map(|media| media.kind.as_str());
            stream.row(&self.flow, self.url(), media, self.dialog.played())
        })
    }
}
