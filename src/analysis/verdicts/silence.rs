//! Silences and freezes: who was late?

use crate::analysis::location::Location;
use crate::analysis::sequence::Status;
use crate::analysis::stream::{StreamKey, StreamState};
use crate::analysis::verdicts::arrival_timing::{Late, Moment, SilenceCause};
use crate::analysis::verdicts::event::{Event, LATELY, Subject};
use crate::analysis::verdicts::loss::Freeze;
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::analysis::verdicts::{Diagnosis, PassedPacket, Watched, seconds, span};
use crate::time::Timestamp;
use crate::trace::{ConnectionStall, Direction};

impl Diagnosis {
    /// Whether a packet comes at the pace of its timestamps.
    pub(super) fn pace(&mut self, place: Location, index: usize, stream: &StreamState, passed: &PassedPacket) {
        let (figures, rate) = (&passed.figures, stream.clock_rate_hz());
        let Some(watched) = self.streams.get_mut(index) else { return };
        // Timestamps jump over what is missing.
        let ceased = std::mem::take(&mut watched.ceased);
        let excused = passed.begins_talkspurt || ceased || figures.status != (Status::InOrder { gap: 0 });
        let moment = watched.pace.packet(place, figures.ext_rtp_timestamp, rate, excused);
        let done = watched.pace.caught_up(rate).and_then(|caught_up| Some((watched.pace.late.take()?, caught_up)));
        if let Some((late, caught_up)) = done {
            self.late(&late, caught_up, index, stream.key);
        }
        match moment {
            Some(Moment::Late(by)) => self.begin_late(place, by, index, stream),
            Some(Moment::Pause(place, span)) => {
                let length = seconds(span.1.nanos_since(span.0));
                let detail = format!("{length:.3} s of silence, and the timestamps jump by as much");
                let event = Event::at(place, stream.key, EventKind::Pause, Cause::LateAtTheSource);
                self.push(Event { span: Some(span), detail, ..event });
            }
            Some(Moment::Jump(by)) => {
                let detail = format!("RTP timestamps jumped by {:+.3} s against the clock", seconds(by));
                self.push(Event {
                    detail,
                    ..Event::at(place, stream.key, EventKind::Timestamps, Cause::SourceClockJumped)
                });
            }
            None => {}
        }
    }

    fn begin_late(&mut self, place: Location, by: i64, index: usize, stream: &StreamState) {
        let rate = stream.clock_rate_hz();
        let Some(watched) = self.streams.get_mut(index) else { return };
        let Some((from, to)) = watched.pace.silence() else { return };
        // Another silence came before the last one was judged.
        let unjudged = watched.pace.take_unjudged(rate, by);
        let middle = from.plus_nanos(to.nanos_since(from) / 2);
        let went_on = |(other, watched): (usize, &Watched)| {
            other != index && watched.direction == Some(place.direction) && watched.pace.went_on_at(middle)
        };
        let others_went_on = self.streams.iter().enumerate().any(went_on);
        let most = |spans| span::overlap(spans, (from, to)) >= by / 2;
        let cause = if most(&self.lags) {
            Some(SilenceCause::Recorder)
        } else if others_went_on {
            Some(SilenceCause::Source)
        } else {
            most(&self.holes).then_some(SilenceCause::Network)
        };
        if let Some(watched) = self.streams.get_mut(index)
            && let Some(late) = watched.pace.begin_late(place, by, rate)
        {
            late.cause = cause;
        }
        if let Some((late, made_up)) = unjudged {
            self.late(&late, made_up, index, stream.key);
        }
    }

    /// A silence is judged; `made_up`: at least in part.
    pub(super) fn late(&mut self, late: &Late, made_up: bool, index: usize, key: StreamKey) {
        let silence = seconds(late.to.nanos_since(late.from));
        let by = format!("{silence:.3} s of silence, {:.3} s later than the timestamps", seconds(late.by));
        let (verdict, why) = self.cause_of(late, made_up, index, key);
        let detail = format!("{by}{why}");
        if let Some(watched) = self.streams.get_mut(index) {
            watched.pace.shifted |= !made_up;
        }
        let kind = if late.freeze { EventKind::Freeze } else { EventKind::Late };
        self.push(Event { span: Some((late.from, late.to)), detail, ..Event::at(late.first, key, kind, verdict) });
    }

    /// The cause of a silence, and the evidence in words.
    fn cause_of(&self, late: &Late, made_up: bool, index: usize, key: StreamKey) -> (Cause, String) {
        let over_tcp = self.streams.get(index).is_some_and(|watched| watched.over_tcp);
        let tcp = self.tcp.get(key.direction.index()).filter(|_| over_tcp);
        let (verdict, why) = match late.cause {
            Some(SilenceCause::Recorder) => (Cause::RecorderLate, "; the recorder says that it read late"),
            Some(SilenceCause::Source) => (Cause::LateAtTheSource, "; other tracks of the session went on meanwhile"),
            Some(SilenceCause::Network) => (
                Cause::LateOnTheNetwork,
                "; meanwhile the recorder's system held what had come behind a segment that was lost or late",
            ),
            None => {
                let told = tcp.and_then(|tcp| tcp.cause(key.direction, (late.from, late.to), late.by));
                match told {
                    Some(told) => return told,
                    None if made_up => {
                        (Cause::LateOnTheNetwork, ", then a burst that caught up; no track went on meanwhile")
                    }
                    None => (Cause::LateAtTheSource, "; it never caught up"),
                }
            }
        };
        (verdict, why.to_owned())
    }

    /// A connection did not move on for a while.
    pub(in crate::analysis) fn stall(&mut self, direction: Direction, stall: &ConnectionStall) {
        if let Some(tcp) = self.tcp.get_mut(direction.index()) {
            tcp.stall(stall);
        }
    }

    /// The picture stood still: the silence in that time was the cause, or a loss.
    pub(super) fn freeze(&mut self, freeze: Freeze, index: usize, stream: &StreamState) {
        let key = stream.key;
        let overlaps = |from: Timestamp, to: Timestamp| from < freeze.to && freeze.from < to;
        let late = self.streams.get_mut(index).and_then(|watched| watched.pace.late.as_mut());
        if let Some(late) = late.filter(|late| overlaps(late.from, late.to)) {
            late.freeze = true;
            return;
        }
        let lately = || (0..self.events.len()).rev().take(LATELY);
        let own = |place: usize| self.events.get(place).filter(|event| event.subject == Subject::Stream(key));
        let silence = |event: &Event| {
            matches!(event.kind, EventKind::Late | EventKind::Pause | EventKind::Freeze)
                && event.span.is_some_and(|(from, to)| overlaps(from, to))
        };
        let loss =
            |event: &Event| event.kind == EventKind::Gap && event.first.at <= freeze.to && freeze.from <= event.last.at;
        let silent = lately().find(|place| own(*place).is_some_and(silence));
        let lossy = lately().find_map(|place| own(place).filter(|event| loss(event)).map(|event| event.verdict));
        if let Some(place) = silent {
            self.rename(place, EventKind::Freeze);
        } else if let Some(verdict) = lossy {
            self.push(freeze.event(key, verdict));
        } else if let Some(watched) = self.streams.get_mut(index) {
            if watched.losses.is_open_since(freeze.from) {
                watched.losses.freeze(freeze);
            } else {
                let silent = watched.pace.was_silent(freeze.from, freeze.to);
                // Pictures come in bursts, which the buffer of a player hides.
                if silent && !stream.has_late_frame_since(freeze.from) {
                    return;
                }
                self.push(freeze.without_loss(key, silent));
            }
        }
    }

    /// Calls an event by another name, under which it may be more of the same.
    fn rename(&mut self, place: usize, kind: EventKind) {
        if self.events.get(place).is_some_and(|event| event.kind != kind) {
            let event = self.events.remove(place);
            self.give_back();
            self.push(Event { kind, ..event });
        }
    }
}

impl Freeze {
    /// A freeze in which packets are missing, with what is known of them.
    pub(super) fn event(self, key: StreamKey, verdict: Cause) -> Event {
        let detail = "no complete picture for so long, since packets are missing".to_owned();
        Event { span: Some((self.from, self.to)), detail, ..Event::at(self.place, key, EventKind::Freeze, verdict) }
    }

    fn without_loss(self, key: StreamKey, silent: bool) -> Event {
        let (verdict, detail) = if silent {
            (Cause::UnsteadyDelivery, "no complete picture for so long: pictures come in bursts")
        } else {
            (Cause::Unexplained, "no complete picture for so long, though no packet is missing or late")
        };
        let detail = detail.to_owned();
        Event { span: Some((self.from, self.to)), detail, ..Event::at(self.place, key, EventKind::Freeze, verdict) }
    }
}
