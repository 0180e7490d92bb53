//! Verdicts: for each gap, silence, freeze and whatever else a viewer may notice, what the evidence says of its cause.
//! docs/verdicts.md states the rules.

mod arrival_timing;
mod event;
mod event_counters;
mod incidents;
mod logins;
mod loss;
mod no_media;
mod pictures;
mod restart;
mod room;
mod rows;
mod side;
mod silence;
mod source_change;
mod span;
mod stopped_media;
mod tcp_evidence;
#[cfg(test)]
mod tests;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::analysis::cell::millis;
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::analysis::sequence::Status;
use crate::analysis::stream::{PacketFigures, StreamKey, StreamState};
use crate::time::Timestamp;
use crate::trace::{Direction, Note};

pub use words::{Cause, EventKind, FaultSide};

pub(super) use no_media::NoMedia;
pub(super) use source_change::SourceChange;
pub(super) use stopped_media::StoppedMedia;

use arrival_timing::ArrivalTiming;
use event::{Event, LATELY, Subject};
use loss::{Freeze, Gap, Losses, Lost};
use room::take_room;
use tcp_evidence::TcpEvidence;

/// Events of all sessions; further ones are left out, and the last one before says so.
const MAX_EVENTS: usize = 20_000;
/// Less jitter is none that lasts, even where a frame is late once.
const UNSTEADY_MS: f64 = 10.0;
/// Crystals are not worse than this.
const DRIFT_PPM: f64 = 100.0;
/// A drift has to move the clocks apart by so much, and by twice the jitter.
const DRIFT_MS: f64 = 10.0;

/// A judge for each session.
#[derive(Debug)]
pub(super) struct Judges {
    by_session: Vec<Option<Box<Diagnosis>>>,
    room: Arc<AtomicUsize>,
}

impl Default for Judges {
    fn default() -> Self {
        Self { by_session: Vec::new(), room: Arc::new(AtomicUsize::new(MAX_EVENTS)) }
    }
}

impl Judges {
    /// The judge of a session, which is counted from 1.
    #[inline]
    pub(super) fn of(&mut self, session: usize) -> Option<&mut Diagnosis> {
        let place = session.checked_sub(1)?;
        if !matches!(self.by_session.get(place), Some(Some(_))) {
            self.begin(place);
        }
        self.by_session.get_mut(place)?.as_deref_mut()
    }

    #[cold]
    fn begin(&mut self, place: usize) {
        if place >= self.by_session.len() {
            self.by_session.resize_with(place.saturating_add(1), || None);
        }
        if let Some(judge) = self.by_session.get_mut(place) {
            *judge = Some(Box::new(Diagnosis { room: Arc::clone(&self.room), ..Diagnosis::default() }));
        }
    }

    /// The judge of a session, if there is one.
    fn existing(&mut self, session: usize) -> Option<&mut Diagnosis> {
        self.by_session.get_mut(session.checked_sub(1)?)?.as_deref_mut()
    }

    /// The judge of a session that is over.
    pub(super) fn take(&mut self, session: usize) -> Option<Box<Diagnosis>> {
        self.by_session.get_mut(session.checked_sub(1)?)?.take()
    }
}

/// Judges one session.
#[derive(Debug, Default)]
pub(super) struct Diagnosis {
    /// By their place in the session.
    streams: Vec<Watched>,
    /// When bytes had come that the recorder read late, and when it read them: no two overlap.
    lags: VecDeque<(Timestamp, Timestamp)>,
    /// When bytes waited for a segment that was lost or late.
    holes: VecDeque<(Timestamp, Timestamp)>,
    /// For each direction, what TCP says of the times in which nothing moved on.
    tcp: [TcpEvidence; 2],
    /// When the system dropped datagrams, and how many.
    drops: VecDeque<(Timestamp, u64)>,
    /// For each direction, when bytes of the connection last lacked in the capture: it may be so with every packet.
    capture_gaps: [Option<Timestamp>; 2],
    tally: event_counters::EventCounters,
    changes: Vec<(Location, SourceChange)>,
    events: Vec<Event>,
    /// Events that all sessions together may still have.
    room: Arc<AtomicUsize>,
}

/// What is known of one stream.
#[derive(Debug, Default)]
struct Watched {
    direction: Option<Direction>,
    /// Its latest packet, and the number of that in the capture.
    latest: Option<Timestamp>,
    latest_number: Option<u64>,
    over_tcp: bool,
    losses: Losses,
    pace: ArrivalTiming,
    /// Events or comfort noise came instead of its sound since its latest packet.
    ceased: bool,
}

/// What passed: a packet, and what is known of its stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassedPacket {
    pub(super) figures: PacketFigures,
    /// The packet has the marker, and is of audio: silence before it was meant (RFC 3551, section 4.1).
    pub(super) begins_talkspurt: bool,
    /// Packets come as time passes, unlike those of events.
    pub(super) is_paced: bool,
}

impl Diagnosis {
    /// Takes a packet of which there is nothing to judge, as are nearly all: one more of the picture before, in order and
    /// in time.
    #[inline]
    pub(super) fn goes_on(
        &mut self,
        place: &Location,
        index: usize,
        stream: &StreamState,
        figures: &PacketFigures,
    ) -> bool {
        let at = place.at;
        let Some(watched) = self.streams.get_mut(index) else { return false };
        let freezes = stream.frames.as_ref().is_some_and(|frames| frames.statistics.has_freeze());
        let goes_on = figures.status == (Status::InOrder { gap: 0 })
            && !freezes
            && !figures.begins
            && watched.pace.goes_on(at, figures.ext_rtp_timestamp);
        if goes_on {
            (watched.latest, watched.latest_number) = (Some(at), place.frame_number);
        }
        goes_on
    }

    /// A packet that was counted.
    pub(super) fn packet(&mut self, place: Location, index: usize, stream: &mut StreamState, passed: &PassedPacket) {
        let freeze = stream.frames.as_mut().and_then(|frames| frames.statistics.take_freeze());
        let capture_gap = self.capture_gaps.get(place.direction.index()).copied().flatten();
        let Some(watched) = self.watched(index) else { return };
        if passed.figures.begins {
            watched.pace.forget();
        }
        watched.direction = Some(place.direction);
        watched.over_tcp = stream.is_over_tcp();
        let since = watched.latest.replace(place.at).unwrap_or(place.at);
        watched.latest_number = place.frame_number;
        let lost = match passed.figures.status {
            Status::Duplicate => return,
            Status::InOrder { gap } if gap > 0 && !stream.sequence.is_given_up() => {
                let (ext_seq, packets) = (passed.figures.ext_seq, gap);
                let cut_by_capture = capture_gap.is_some_and(|at| at >= since);
                let gap = Gap { place, ext_seq, since, packets, cut_by_capture };
                watched.losses.gap(gap, stream)
            }
            Status::Restart => watched.losses.end(stream),
            _ => None,
        };
        self.lost(lost, stream);
        if passed.is_paced && stream.is_paced() {
            self.pace(place, index, stream, passed);
        } else if let Some(watched) = self.watched(index) {
            // What is not looked at is no silence when the pace counts again.
            watched.pace.forget();
        }
        if let Some((from, to)) = freeze {
            self.freeze(Freeze { from, to, place }, index, stream);
        }
    }

    /// The client starts or stops the media of these streams: silence and jumps of timestamps are no events there.
    pub(super) fn played(&mut self, streams: &[usize]) {
        for stream in streams {
            if let Some(watched) = self.streams.get_mut(*stream) {
                watched.pace.forget();
            }
        }
    }

    /// Something came instead of the sound of this stream, whose timestamps jump over that time.
    pub(super) fn sound_ceases(&mut self, index: usize) {
        if let Some(watched) = self.watched(index) {
            watched.ceased = true;
        }
    }

    /// A sender report with this packet count.
    pub(super) fn report(&mut self, at: Timestamp, index: usize, stream: &StreamState, packet_count: u32) {
        let lost = self.watched(index).and_then(|watched| watched.losses.report(at, packet_count, stream));
        self.lost(lost, stream);
    }

    /// What is known of the stream at this place of the session.
    fn watched(&mut self, index: usize) -> Option<&mut Watched> {
        if index >= self.streams.len() {
            self.streams.resize_with(index.saturating_add(1), Watched::default);
        }
        self.streams.get_mut(index)
    }

    fn lost(&mut self, lost: Option<Lost>, stream: &StreamState) {
        let Some(mut lost) = lost else { return };
        let drops = self.drops.iter().filter(|(at, _)| lost.covers(*at));
        let dropped = drops.fold(0u64, |all, (_, drops)| all.saturating_add(*drops));
        if stream.is_over_tcp() && lost.cut_by_capture {
            lost.verdict = Cause::MissingInTheCapture;
            lost.detail = String::from("bytes are missing from the capture there");
        } else if !stream.is_over_tcp() && dropped >= lost.packets {
            self.drops.retain(|(at, _)| !lost.covers(*at));
            lost.verdict = Cause::LostInTheRecorder;
            lost.detail = format!("the recorder's system dropped {dropped} datagrams there");
        }
        let Lost { first, last, packets, verdict, detail, .. } = lost;
        self.push(Event { last, count: packets, detail, ..Event::at(first, stream.key, EventKind::Gap, verdict) });
        for freeze in lost.freezes {
            self.push(freeze.event(stream.key, verdict));
        }
    }

    /// What the recorder says of itself.
    pub(super) fn note(&mut self, at: Timestamp, note: &Note) {
        match note {
            Note::Late { lag, span, .. } => span::remember(&mut self.lags, span.unwrap_or((at - *lag, at))),
            Note::Paused { pause } => span::remember(&mut self.lags, (at - *pause, at)),
            Note::OutOfOrder { waited, .. } => span::remember(&mut self.holes, (at - *waited, at)),
            Note::KernelDrops { datagrams } => span::keep(&mut self.drops, (at, *datagrams)),
            Note::Tcp(_) | Note::Repeated { .. } => {}
        }
    }

    /// A finding of this session.
    pub(super) fn finding(&mut self, place: Location, finding: &Finding) {
        if finding.code == FindingCode::CaptureGap {
            self.capture_gap(&place);
        }
        self.tally.finding(place, finding, &self.room);
    }

    /// Bytes of a connection lack in the capture.
    pub(super) fn capture_gap(&mut self, place: &Location) {
        if let Some(latest) = self.capture_gaps.get_mut(place.direction.index()) {
            *latest = Some(place.at);
        }
    }

    /// The final answer to a request.
    pub(super) fn response(&mut self, place: Location, method: &str, status: u16) {
        self.tally.response(place, method, status, &self.room);
    }

    /// The session is over: what is open is judged.
    pub(super) fn end(&mut self, streams: &mut [StreamState], end: Location) {
        for (index, stream) in streams.iter_mut().enumerate() {
            let freeze = stream.frames.as_mut().and_then(|frames| frames.statistics.take_freeze());
            if let Some((from, to)) = freeze {
                self.freeze(Freeze { from, to, place: Location { at: to, frame_number: None, ..end } }, index, stream);
            }
            let Some(watched) = self.streams.get_mut(index) else { continue };
            let lost = watched.losses.end(stream);
            let unjudged = watched.pace.take_unjudged(stream.clock_rate_hz(), 0);
            let jitter = watched.pace.jitter_mean_ms();
            self.lost(lost, stream);
            if let Some((late, made_up)) = unjudged {
                self.late(&late, made_up, index, stream.key);
            }
            self.whole(stream, jitter, index, end);
        }
        for stream in &*streams {
            let others = streams.iter().filter(|other| other.key.track == stream.key.track);
            let told = self.is_silent(stream.key.track, stream.key.direction);
            let told = told || stream.key.stranger.is_some();
            if !told && stream.reports.count > 0 && others.map(|other| other.sequence.packets).sum::<u64>() == 0 {
                self.nothing_came(stream, end);
            }
        }
        self.tell_damage(streams);
        let over_tcp = |track: Option<usize>| {
            streams.iter().filter(|stream| track.is_none() || stream.key.track == track).any(StreamState::is_over_tcp)
        };
        self.events.extend(std::mem::take(&mut self.tally).into_events(over_tcp));
        self.restarts(streams);
        self.events.sort_by_key(|event| event.first.at);
    }

    /// What a stream shows as a whole.
    fn whole(&mut self, stream: &StreamState, jitter_ms: Option<f64>, index: usize, end: Location) {
        if let Some(detail) = stream.wrong_clock_detail() {
            return self.clock_is_wrong(detail, stream.key, end);
        }
        let shifted = self.streams.get(index).is_some_and(|watched| watched.pace.shifted);
        let at = |kind, verdict| {
            let place = Location { direction: stream.key.direction, frame_number: None, ..end };
            Event::at(place, stream.key, kind, verdict)
        };
        let own = |event: &&Event| event.subject == Subject::Stream(stream.key);
        let told = |kinds: &[EventKind]| self.events.iter().filter(own).any(|event| kinds.contains(&event.kind));
        let jitter = jitter_ms.filter(|jitter| {
            *jitter >= UNSTEADY_MS
                && stream.late_frames() > 0
                && !told(&[EventKind::Late, EventKind::Pause, EventKind::Freeze, EventKind::Timestamps])
        });
        let drift = drift(stream, jitter_ms.unwrap_or(0.0)).filter(|_| !shifted && !told(&[EventKind::Timestamps]));
        if let Some(jitter) = jitter {
            let late = stream.late_frames();
            let detail = format!(
                "packets with a new timestamp come {jitter:.1} ms off their pace on average, {late} frames too late for \
                 the buffer of a player"
            );
            self.push(Event { detail, ..at(EventKind::Jitter, Cause::UnsteadyDelivery) });
        }
        if let Some((verdict, detail)) = drift {
            self.push(Event { detail, ..at(EventKind::Drift, verdict) });
        }
    }

    /// What was said of the pace of a stream before its clock was known to be wrong is taken back.
    fn clock_is_wrong(&mut self, detail: String, key: StreamKey, end: Location) {
        let of_pace = |event: &Event| {
            event.subject == Subject::Stream(key)
                && matches!(event.kind, EventKind::Late | EventKind::Pause | EventKind::Timestamps)
        };
        let before = self.events.len();
        self.events.retain(|event| !of_pace(event));
        (self.events.len()..before).for_each(|_| self.give_back());
        let place = Location { direction: key.direction, frame_number: None, ..end };
        self.push(Event { detail, ..Event::at(place, key, EventKind::Timestamps, Cause::ClockRateWrong) });
    }

    /// A stream that the server counts packets of, while none came.
    fn nothing_came(&mut self, stream: &StreamState, end: Location) {
        if stream.may_come_elsewhere() {
            return;
        }
        let verdict = if stream.is_over_tcp() { Cause::LostBeforeSending } else { Cause::LostOnTheWay };
        let Some(report) = stream.reports.last.filter(|report| report.packets > 0) else { return };
        let detail = format!("the sender reports count {} packets, none came", report.packets);
        let place = Location { frame_number: None, direction: stream.key.direction, ..end };
        self.push(Event {
            count: u64::from(report.packets),
            detail,
            ..Event::at(place, stream.key, EventKind::Gap, verdict)
        });
    }

    /// An event less.
    fn give_back(&self) {
        self.room.fetch_add(1, Ordering::Relaxed);
    }

    fn push(&mut self, event: Event) {
        if let Some(before) = self.events.iter_mut().rev().take(LATELY).find(|before| before.is_continued_by(&event)) {
            before.take(event);
        } else if take_room(&self.room) {
            self.events.push(event);
        } else if let Some(last) = self.events.last_mut() {
            last.detail = String::from("this and more; further events are left out");
        }
    }
}

impl Event {
    /// One event of a stream.
    fn at(place: Location, key: StreamKey, kind: EventKind, verdict: Cause) -> Self {
        let (subject, detail) = (Subject::Stream(key), String::new());
        Self { subject, kind, verdict, count: 1, first: place, last: place, span: None, detail }
    }
}

/// A clock that runs at another speed, by how much the others do.
fn drift(stream: &StreamState, jitter_ms: f64) -> Option<(Cause, String)> {
    let drift = stream.drift_ppm().filter(|drift| drift.abs() >= DRIFT_PPM)?;
    let apart_ms = drift.abs() / 1e6 * millis(stream.duration()?);
    if apart_ms < DRIFT_MS.max(2.0 * jitter_ms) {
        return None;
    }
    let Some(own) = stream.reports.media_drift_ppm() else {
        let detail = format!("{drift:.0} ppm against this clock; no reports tell of the server's");
        return Some((Cause::MediaClockDrifts, detail));
    };
    let verdict = if own.abs() * 2.0 < drift.abs() { Cause::ServerClockDrifts } else { Cause::MediaClockDrifts };
    Some((verdict, format!("{drift:.0} ppm against this clock, {own:.0} ppm against the server's own clock")))
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
