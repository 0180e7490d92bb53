//! Verdicts: for each gap, silence, freeze and whatever else a viewer may notice, what the evidence says of its cause.
//! docs/verdicts.md states the rules.

mod event;
mod loss;
mod pace;
mod rows;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::analysis::cell::millis;
use crate::analysis::findings::Finding;
use crate::analysis::out::Place;
use crate::analysis::sequence::Status;
use crate::analysis::stream::{PacketFigures, Stream, StreamKey};
use crate::time::Timestamp;
use crate::trace::Note;

pub use event::Verdict;

use event::{Event, Subject};
use loss::{Freeze, Losses, Lost};
use pace::{Late, Moment, Pace};

/// Events of all sessions; further ones are left out, and the last one before says so.
const MAX_EVENTS: usize = 20_000;
/// What the recorder said of itself is remembered so many times.
const MAX_NOTES: usize = 64;
/// A jitter that a player's buffer may not hide.
const UNSTEADY_MS: f64 = 10.0;
/// Crystals are not worse than this.
const DRIFT_PPM: f64 = 100.0;
/// A drift has to move the clocks apart by so much, and by twice the jitter.
const DRIFT_MS: f64 = 10.0;

/// A judge for each session.
#[derive(Debug)]
pub(super) struct Judges {
    by_session: Vec<Option<Box<Judge>>>,
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
    pub(super) fn of(&mut self, session: usize) -> Option<&mut Judge> {
        let place = session.checked_sub(1)?;
        if place >= self.by_session.len() {
            self.by_session.resize_with(session, || None);
        }
        let Self { by_session, room } = self;
        let new = || Box::new(Judge { room: Arc::clone(room), ..Judge::default() });
        Some(by_session.get_mut(place)?.get_or_insert_with(new))
    }

    /// The judge of a session that is over.
    pub(super) fn take(&mut self, session: usize) -> Option<Box<Judge>> {
        self.by_session.get_mut(session.checked_sub(1)?)?.take()
    }
}

/// Judges one session.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// By their place in the session.
    streams: BTreeMap<usize, Watched>,
    /// When the recorder was late, and by how much; when the system dropped datagrams, and how many.
    lags: VecDeque<(Timestamp, i64)>,
    drops: VecDeque<(Timestamp, u64)>,
    capture_gaps: VecDeque<Timestamp>,
    tally: tally::Tally,
    events: Vec<Event>,
    /// Events that all sessions together may still have.
    room: Arc<AtomicUsize>,
}

/// What is known of one stream.
#[derive(Debug, Default)]
struct Watched {
    losses: Losses,
    pace: Pace,
}

impl Judge {
    /// A packet that was counted.
    pub(super) fn packet(&mut self, place: Place, index: usize, stream: &mut Stream, figures: &PacketFigures) {
        let freeze = stream.frames.as_mut().and_then(|frames| frames.statistics.take_freeze());
        let watched = self.streams.entry(index).or_default();
        let since = watched.pace.last.unwrap_or(place.at);
        match figures.status {
            Status::Duplicate => return,
            Status::InOrder { gap } if gap > 0 => watched.losses.gap(place, figures.ext_seq, since, gap, stream),
            Status::Restart => {
                let lost = watched.losses.end(stream);
                self.lost(lost, stream);
            }
            _ => {}
        }
        self.pace(place, index, stream, figures);
        if let Some((from, to)) = freeze {
            self.freeze(Freeze { from, to, place }, index, stream.key);
        }
    }

    fn pace(&mut self, place: Place, index: usize, stream: &Stream, figures: &PacketFigures) {
        let rate = stream.clock_rate_hz();
        let Some(watched) = self.streams.get_mut(&index) else { return };
        let moment = watched.pace.packet(place.at, figures.ext_rtp_timestamp, rate);
        let done = watched.pace.caught_up(rate).and_then(|caught_up| Some((watched.pace.late.take()?, caught_up)));
        if let Some((late, caught_up)) = done {
            self.late(&late, caught_up, place, stream);
        }
        match moment {
            Some(Moment::Late(by)) => self.begin_late(place, by, index, stream),
            // Timestamps jump over what is missing.
            Some(Moment::Pause) if figures.status != (Status::InOrder { gap: 0 }) => {}
            Some(Moment::Pause) => self.pause(place, index, stream.key),
            Some(Moment::Jump(by)) => {
                let detail = format!("RTP timestamps went {:.3} s more than the clock", seconds(by));
                self.push(Event { detail, ..Event::at(place, stream.key, "timestamps", Verdict::SourceClockJumped) });
            }
            None => {}
        }
    }

    fn begin_late(&mut self, place: Place, by: i64, index: usize, stream: &Stream) {
        let Some(before) = self.streams.get_mut(&index) else { return };
        // Another silence came before the last one was judged.
        let unjudged = before.pace.late.take();
        let Some((from, to)) = before.pace.silence() else { return };
        let middle = from.plus_nanos(to.nanos_since(from) / 2);
        let went_on = |(other, watched): (&usize, &Watched)| *other != index && watched.pace.went_on_at(middle);
        let others_went_on = self.streams.iter().any(went_on);
        let recorder = self.lags.iter().any(|(at, lag)| (from..=to).contains(at) && *lag >= by / 2);
        if let Some(watched) = self.streams.get_mut(&index)
            && let Some(late) = watched.pace.begin_late(place, by, stream.clock_rate_hz())
        {
            (late.others_went_on, late.recorder) = (others_went_on, recorder);
        }
        if let Some(late) = unjudged {
            self.late(&late, true, place, stream);
        }
    }

    /// A silence is judged.
    fn late(&mut self, late: &Late, caught_up: bool, end: Place, stream: &Stream) {
        let by = format!(
            "{:.3} s of silence, {:.3} s later than the timestamps",
            seconds(late.to.nanos_since(late.from)),
            seconds(late.by)
        );
        let (verdict, detail) = if late.recorder {
            (Verdict::RecorderLate, format!("{by}; the recorder says that it read late"))
        } else if late.others_went_on {
            (Verdict::LateAtTheSource, format!("{by}; other tracks of the session went on meanwhile"))
        } else if caught_up {
            (Verdict::LateOnTheNetwork, format!("{by}, then a burst that caught up; no track went on meanwhile"))
        } else {
            (Verdict::LateAtTheSource, format!("{by}; it never caught up"))
        };
        let kind = if late.freeze { "freeze" } else { "late" };
        let span = Some((late.from, late.to));
        let event = Event { span, detail, last: end, ..Event::at(late.first, stream.key, kind, verdict) };
        self.push(Event { last: late.first, ..event });
    }

    fn pause(&mut self, place: Place, index: usize, key: StreamKey) {
        let Some(span) = self.streams.get(&index).and_then(|watched| watched.pace.silence()) else { return };
        let length = seconds(span.1.nanos_since(span.0));
        let detail = format!("{length:.3} s of silence, and the timestamps jump by as much");
        let event = Event { span: Some(span), detail, ..Event::at(place, key, "pause", Verdict::LateAtTheSource) };
        self.push(event);
    }

    /// The picture stood still: the silence in that time was the cause, or a loss.
    fn freeze(&mut self, freeze: Freeze, index: usize, key: StreamKey) {
        let Some(watched) = self.streams.get_mut(&index) else { return };
        let overlaps = |from: Timestamp, to: Timestamp| from < freeze.to && freeze.from < to;
        if let Some(late) = watched.pace.late.as_mut().filter(|late| overlaps(late.from, late.to)) {
            late.freeze = true;
            return;
        }
        let silence = |event: &&mut Event| {
            event.subject == Subject::Stream(key)
                && matches!(event.kind, "late" | "pause" | "freeze")
                && event.span.is_some_and(|(from, to)| overlaps(from, to))
        };
        if let Some(event) = self.events.iter_mut().rev().take(8).find(silence) {
            event.kind = "freeze";
        } else if watched.losses.is_open_since(freeze.from) {
            watched.losses.freeze(freeze);
        } else {
            let detail = "no complete picture for so long, though no packet is missing or late".to_owned();
            let span = Some((freeze.from, freeze.to));
            self.push(Event { span, detail, ..Event::at(freeze.place, key, "freeze", Verdict::Unexplained) });
        }
    }

    /// A sender report with this packet count.
    pub(super) fn report(&mut self, index: usize, stream: &Stream, packet_count: u32) {
        let lost = self.streams.entry(index).or_default().losses.report(packet_count, stream);
        self.lost(lost, stream);
    }

    fn lost(&mut self, lost: Option<Lost>, stream: &Stream) {
        let Some(mut lost) = lost else { return };
        let during = |at: &Timestamp| (lost.since..=lost.last.at).contains(at);
        let dropped: u64 = self.drops.iter().filter(|(at, _)| during(at)).map(|(_, count)| count).sum();
        if self.capture_gaps.iter().any(during) {
            lost.verdict = Verdict::MissingInTheCapture;
            lost.detail = String::from("bytes are missing from the capture there");
        } else if dropped >= lost.packets {
            lost.verdict = Verdict::LostInTheRecorder;
            lost.detail = format!("the recorder's system dropped {dropped} datagrams there");
        }
        let Lost { first, last, packets, verdict, detail, .. } = lost;
        self.push(Event { last, count: packets, detail, ..Event::at(first, stream.key, "gap", verdict) });
        for Freeze { from, to, place } in lost.freezes {
            let detail = "no complete picture for so long, since packets are missing".to_owned();
            self.push(Event { span: Some((from, to)), detail, ..Event::at(place, stream.key, "freeze", verdict) });
        }
    }

    /// What the recorder says of itself.
    pub(super) fn note(&mut self, at: Timestamp, note: &Note) {
        let nanos = |time: &Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        match note {
            Note::Late { lag, .. } => remember(&mut self.lags, (at, nanos(lag))),
            Note::Paused { pause } => remember(&mut self.lags, (at, nanos(pause))),
            Note::KernelDrops { datagrams } => remember(&mut self.drops, (at, *datagrams)),
            Note::Tcp(_) | Note::Repeated { .. } => {}
        }
    }

    /// A finding of this session.
    pub(super) fn finding(&mut self, place: Place, finding: &Finding) {
        if finding.code == "capture-gap" {
            remember(&mut self.capture_gaps, place.at);
        }
        self.tally.finding(place, finding, &self.room);
    }

    /// The final answer to a request.
    pub(super) fn response(&mut self, place: Place, method: &str, status: u16) {
        self.tally.response(place, method, status, &self.room);
    }

    /// The session is over: what is open is judged.
    pub(super) fn end(&mut self, streams: &[Stream], end: Place) {
        for (index, stream) in streams.iter().enumerate() {
            let Some(watched) = self.streams.get_mut(&index) else { continue };
            let (lost, late) = (watched.losses.end(stream), watched.pace.late.take());
            let jitter = watched.pace.jitter_mean_ms();
            self.lost(lost, stream);
            if let Some(late) = late {
                self.late(&late, true, end, stream);
            }
            self.whole(stream, jitter, end);
            let others = streams.iter().filter(|other| other.key.track == stream.key.track);
            if others.map(|other| other.sequence.packets).sum::<u64>() == 0 {
                self.nothing_came(stream, end);
            }
        }
        let over_tcp = |track: Option<usize>| {
            streams.iter().filter(|stream| track.is_none() || stream.key.track == track).any(Stream::is_over_tcp)
        };
        self.events.extend(std::mem::take(&mut self.tally).into_events(over_tcp));
        self.events.sort_by_key(|event| event.first.at);
    }

    /// What a stream shows as a whole.
    fn whole(&mut self, stream: &Stream, jitter_ms: Option<f64>, end: Place) {
        let at = |kind, verdict| {
            let place = Place { direction: stream.key.direction, frame_number: None, ..end };
            Event::at(place, stream.key, kind, verdict)
        };
        let own = |event: &&Event| event.subject == Subject::Stream(stream.key);
        let told = |kinds: &[&str]| self.events.iter().filter(own).any(|event| kinds.contains(&event.kind));
        let jitter =
            jitter_ms.filter(|jitter| *jitter >= UNSTEADY_MS && !told(&["late", "pause", "freeze", "timestamps"]));
        let drift = drift(stream, jitter_ms.unwrap_or(0.0)).filter(|_| !told(&["timestamps"]));
        if let Some(jitter) = jitter {
            let detail = format!("packets with a new timestamp come {jitter:.1} ms off their pace on average");
            self.push(Event { detail, ..at("jitter", Verdict::UnsteadyDelivery) });
        }
        if let Some((verdict, detail)) = drift {
            self.push(Event { detail, ..at("drift", verdict) });
        }
    }

    /// A stream that the server counts packets of, while none came.
    fn nothing_came(&mut self, stream: &Stream, end: Place) {
        let verdict = if stream.is_over_tcp() { Verdict::LostBeforeSending } else { Verdict::LostOnTheWay };
        let Some(report) = stream.reports.last.filter(|report| report.packets > 0) else { return };
        let detail = format!("the sender reports count {} packets, none came", report.packets);
        let place = Place { at: report.at, frame_number: None, direction: stream.key.direction, ..end };
        self.push(Event { count: u64::from(report.packets), detail, ..Event::at(place, stream.key, "gap", verdict) });
    }

    fn push(&mut self, event: Event) {
        if let Some(before) = self.events.iter_mut().rev().take(8).find(|before| before.is_continued_by(&event)) {
            before.take(event);
        } else if take_room(&self.room) {
            self.events.push(event);
        } else if let Some(last) = self.events.last_mut() {
            last.detail = String::from("more of these and others are left out");
        }
    }
}

impl Event {
    /// One event of a stream.
    fn at(place: Place, key: StreamKey, kind: &'static str, verdict: Verdict) -> Self {
        let (subject, detail) = (Subject::Stream(key), String::new());
        Self { subject, kind, verdict, count: 1, first: place, last: place, span: None, detail }
    }
}

/// A clock that runs at another speed, by how much the others do.
fn drift(stream: &Stream, jitter_ms: f64) -> Option<(Verdict, String)> {
    let drift = stream.drift_ppm().filter(|drift| drift.abs() >= DRIFT_PPM)?;
    let apart_ms = drift.abs() / 1e6 * millis(stream.duration()?);
    if apart_ms < DRIFT_MS.max(2.0 * jitter_ms) {
        return None;
    }
    let Some(own) = stream.reports.media_drift_ppm() else {
        let detail = format!("{drift:.0} ppm against this clock; no reports tell of the server's");
        return Some((Verdict::MediaClockDrifts, detail));
    };
    let verdict = if own.abs() * 2.0 < drift.abs() { Verdict::ServerClockDrifts } else { Verdict::MediaClockDrifts };
    Some((verdict, format!("{drift:.0} ppm against this clock, {own:.0} ppm against the server's own clock")))
}

/// Room for another event; whether there was any.
fn take_room(room: &AtomicUsize) -> bool {
    room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

fn remember<T>(memory: &mut VecDeque<T>, item: T) {
    if memory.len() == MAX_NOTES {
        memory.pop_front();
    }
    memory.push_back(item);
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
