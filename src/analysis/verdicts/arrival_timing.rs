//! How the arrivals of a stream keep pace with its timestamps.
//!
//! Only packets with a higher timestamp than all before them count, and they are compared with the latest ones of those
//! that came lately: pictures that are sent in another order than they are shown go back and forth.

use crate::analysis::cell::{float, millis};
use crate::analysis::freeze_rule::stands_still;
use crate::analysis::location::Location;
use crate::rtp::jitter::smoothed;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// What comes later than its timestamp says by this is late: half of what a player with a small buffer holds (200 ms).
const LATE_NS: i64 = 100_000_000;
/// A timestamp so far ahead of its arrival, or so far behind, has jumped. Three B pictures in a row are 0.3 s out of
/// order at 10 pictures a second, which must not count.
const JUMP_NS: i64 = 500_000_000;
/// What has not caught up in this time does not. A server that sends what it held does so at the speed of the line. Chosen,
/// not measured.
const CATCH_UP_NS: i64 = 5 * NANOS_PER_SECOND;
/// Silences that are remembered begin with this length: more than the distance of pictures at 25 a second.
const SILENCE_NS: i64 = 50_000_000;
/// An average needs so many steps: less than half a second of pictures. Chosen, not measured.
const STEADY: u32 = 10;
/// How late a stream usually is shows in this time, and in that before it.
const LATELY_NS: i64 = 2 * NANOS_PER_SECOND;

/// Something that the pace shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// A silence, behind which a packet came so many nanoseconds later than its timestamp says.
    Late(i64),
    /// A silence that ended at this place, as long as the timestamps say.
    Pause(Location, (Timestamp, Timestamp)),
    /// A jump of the timestamps by so many nanoseconds more than time passed.
    Jump(i64),
}

/// What shows at the end of a silence where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SilenceCause {
    /// The recorder says that it read late.
    Recorder,
    /// Other tracks went on meanwhile.
    Source,
    /// The recorder's system waited for a TCP segment.
    Network,
}

/// A silence that is not judged yet: does the stream catch up?
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    pub(super) first: Location,
    /// The silence.
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Nanoseconds later than the timestamps say.
    pub(super) by: i64,
    /// How late the stream was before.
    before: i64,
    /// What is known of why, besides the pace.
    pub(super) cause: Option<SilenceCause>,
    /// The picture stood still.
    pub(super) freeze: bool,
}

/// What is known of a packet with a higher timestamp than all before, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    /// Before it.
    silence: i64,
    /// Since the one with the highest timestamp so far.
    passed: i64,
    /// By the timestamps.
    step: i64,
    lateness: i64,
    excused: bool,
}

/// The pace of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct ArrivalTiming {
    /// Arrival and extended timestamp of the packet with the highest one, and of the first.
    highest: Option<(Timestamp, i64)>,
    first: Option<(Timestamp, i64)>,
    /// The latest packet.
    pub(super) last: Option<Timestamp>,
    /// The latest silence.
    silence: Option<(Timestamp, Timestamp)>,
    /// The usual step of timestamps, in nanoseconds.
    step: f64,
    steps: u32,
    pub(super) late: Option<Late>,
    /// A long step of the timestamps, in nanoseconds, which may be a pause or the first one at a lower rate.
    long_step: Option<(Location, (Timestamp, Timestamp), f64)>,
    /// A silence was never made up for.
    pub(super) shifted: bool,
    lately: Lately,
    /// Packets with a lower timestamp than one before.
    backward: i64,
    jitter: f64,
    jitter_sum: f64,
    jitter_count: i64,
}

impl ArrivalTiming {
    /// Takes the next packet in order of arrival; says what it shows. An `excused` silence is no pause.
    pub(super) fn packet(
        &mut self,
        place: Location,
        ext_timestamp: i64,
        clock_rate_hz: Option<u32>,
        excused: bool,
    ) -> Option<Moment> {
        let at = place.at;
        let before = self.last.replace(at);
        if let Some(before) = before.filter(|before| at.nanos_since(*before) >= SILENCE_NS) {
            self.silence = Some((before, at));
        }
        let rate = clock_rate_hz.map(f64::from)?;
        let Some((highest_at, highest)) = self.highest else {
            (self.first, self.highest) = (Some((at, ext_timestamp)), Some((at, ext_timestamp)));
            return None;
        };
        let ticks = ext_timestamp.saturating_sub(highest);
        let step = nanos(ticks, rate);
        // Back by more than any order of sending explains.
        if step < -4 * JUMP_NS {
            self.restart(at, ext_timestamp);
            return Some(Moment::Jump(step));
        }
        if ticks <= 0 {
            self.backward += i64::from(ticks < 0);
            return None;
        }
        self.highest = Some((at, ext_timestamp));
        let silence = before.map_or(0, |before| at.nanos_since(before));
        let lateness = self.lateness_at(at, ext_timestamp, rate);
        let ahead = Ahead { silence, passed: at.nanos_since(highest_at), step, lateness, excused };
        self.ahead(place, ext_timestamp, ahead)
    }

    /// Takes a packet that shows nothing: one more with the highest timestamp, soon after the one before, while no silence
    /// is to be judged. It does what [`packet`](Self::packet) does with such a packet.
    #[inline]
    pub(super) fn goes_on(&mut self, at: Timestamp, ext_timestamp: i64) -> bool {
        let same = self.highest.is_some_and(|(_, highest)| highest == ext_timestamp);
        let soon = self.last.is_some_and(|last| at.nanos_since(last) < SILENCE_NS);
        let goes_on = same && soon && self.late.is_none();
        if goes_on {
            self.last = Some(at);
        }
        goes_on
    }

    /// A packet with a higher timestamp than all before came.
    fn ahead(&mut self, place: Location, ext_timestamp: i64, ahead: Ahead) -> Option<Moment> {
        let Ahead { silence, passed, step, lateness, excused } = ahead;
        let (at, off) = (place.at, passed.saturating_sub(step));
        if off <= -JUMP_NS && self.late.is_none() {
            self.restart(at, ext_timestamp);
            return Some(Moment::Jump(off.saturating_neg()));
        }
        self.jitter = smoothed(self.jitter, millis(off));
        self.jitter_sum += self.jitter;
        self.jitter_count += 1;
        let by = lateness.saturating_sub(self.lately.highest().unwrap_or(lateness));
        self.lately.add(at, lateness);
        if by >= LATE_NS && silence >= by / 2 {
            return Some(Moment::Late(by));
        }
        let excused = excused || off.saturating_abs() >= LATE_NS.max(passed / 5) || silence < passed / 2;
        self.step(place, float(step), excused)
    }

    /// Takes a step of the timestamps, in nanoseconds. A long one is a pause if the next one is not as long: else the rate
    /// is another now.
    fn step(&mut self, place: Location, step: f64, excused: bool) -> Option<Moment> {
        let usual = (self.steps >= STEADY).then_some(self.step);
        let long = usual.is_some_and(|usual| stands_still(step, usual));
        let before = self.long_step.take();
        match before {
            Some((_, _, before)) if 2.0 * step >= before => (self.step, self.steps) = (step, 1),
            _ if long && !excused => {
                self.long_step = self.silence().map(|span| (place, span, step));
            }
            _ if long => {}
            _ => {
                self.step += (step - self.step) / f64::from(self.steps.saturating_add(1).min(16));
                self.steps = self.steps.saturating_add(1);
            }
        }
        before.filter(|(_, _, before)| 2.0 * step < *before).map(|(place, span, _)| Moment::Pause(place, span))
    }

    /// Counts from here on.
    fn restart(&mut self, at: Timestamp, ext_timestamp: i64) {
        self.forget();
        (self.last, self.first, self.highest) = (Some(at), Some((at, ext_timestamp)), Some((at, ext_timestamp)));
    }

    /// What comes next has another beginning: the client paused, or plays from elsewhere.
    pub(super) fn forget(&mut self) {
        (self.first, self.highest, self.last, self.late, self.silence) = (None, None, None, None, None);
        (self.lately, self.long_step) = (Lately::default(), None);
    }

    /// How late a packet is, in nanoseconds, compared with the first one.
    fn lateness_at(&self, at: Timestamp, ext_timestamp: i64, rate: f64) -> i64 {
        let Some((first_at, first)) = self.first else { return 0 };
        at.nanos_since(first_at).saturating_sub(nanos(ext_timestamp.saturating_sub(first), rate))
    }

    /// The latest silence, which the latest packet ended.
    pub(super) fn silence(&self) -> Option<(Timestamp, Timestamp)> {
        self.silence.filter(|(_, to)| Some(*to) == self.last)
    }

    /// Whether a silence fills most of this time.
    pub(super) fn was_silent(&self, begin: Timestamp, end: Timestamp) -> bool {
        let within = |(from, to): (Timestamp, Timestamp)| to.min(end).nanos_since(from.max(begin));
        self.silence.is_some_and(|silence| within(silence) > end.nanos_since(begin) / 2)
    }

    /// Whether packets came around this time.
    pub(super) fn went_on_at(&self, at: Timestamp) -> bool {
        let silent = self.silence.is_some_and(|(from, to)| (from..to).contains(&at));
        !silent && self.last.is_some_and(|last| last >= at)
    }

    /// How late the stream is, in nanoseconds, compared with its first packet.
    pub(super) fn lateness(&self, clock_rate_hz: Option<u32>) -> Option<i64> {
        let (at, ext_timestamp) = self.highest?;
        Some(self.lateness_at(at, ext_timestamp, f64::from(clock_rate_hz?)))
    }

    /// The silence that ended at `place`, `by` nanoseconds late, is to be judged. One that waits for that is replaced.
    pub(super) fn begin_late(&mut self, place: Location, by: i64, clock_rate_hz: Option<u32>) -> Option<&mut Late> {
        let (from, to) = self.silence()?;
        let before = self.lateness(clock_rate_hz)?.saturating_sub(by);
        Some(self.late.insert(Late { first: place, from, to, by, before, cause: None, freeze: false }))
    }

    /// Whether the silence that is to be judged was made up for; `None` while that is open.
    pub(super) fn caught_up(&self, clock_rate_hz: Option<u32>) -> Option<bool> {
        let late = self.late.as_ref()?;
        let now = self.lateness(clock_rate_hz)?;
        if now.saturating_sub(late.before) <= late.by / 3 {
            return Some(true);
        }
        let waited = self.last?.nanos_since(late.to);
        (waited > CATCH_UP_NS.max(late.by)).then_some(false)
    }

    /// Takes the silence that is to be judged, and whether it is made up for as far as can be seen: something of it must be.
    /// `besides`: so much of the lateness is of another silence.
    pub(super) fn take_unjudged(&mut self, clock_rate_hz: Option<u32>, besides: i64) -> Option<(Late, bool)> {
        let now = self.lateness(clock_rate_hz).unwrap_or(0).saturating_sub(besides);
        let late = self.late.take()?;
        Some((late, now.saturating_sub(late.before) < late.by - late.by / 10))
    }

    /// Mean of the jitter over packets with a new timestamp, in milliseconds; `None` where timestamps go back and forth.
    pub(super) fn jitter_mean_ms(&self) -> Option<f64> {
        (self.jitter_count > 10 * self.backward).then(|| self.jitter_sum / float(self.jitter_count))
    }
}

/// The highest lateness in the latest stretch of time, and in that before it.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    now: Option<(Timestamp, i64)>,
    before: Option<i64>,
}

impl Lately {
    fn highest(&self) -> Option<i64> {
        self.before.max(self.now.map(|(_, lateness)| lateness))
    }

    fn add(&mut self, at: Timestamp, lateness: i64) {
        match &mut self.now {
            Some((since, highest)) if at.nanos_since(*since) < LATELY_NS => *highest = lateness.max(*highest),
            now => {
                self.before = now.map(|(_, highest)| highest);
                *now = Some((at, lateness));
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; beyond 292 years nothing is asked")]
fn nanos(ticks: i64, rate: f64) -> i64 {
    (float(ticks) * 1e9 / rate) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::Direction;

    const RATE: Option<u32> = Some(90_000);

    fn place(at: i64) -> Location {
        let (at, direction) = (Timestamp::from_nanos(at), Direction::ServerToClient);
        Location { at, frame_number: None, capture: 0, session: 1, direction, offset: None }
    }

    /// Nanoseconds and ticks since the packet before.
    fn steps() -> impl Strategy<Value = Vec<(i64, i64)>> {
        let nanos = prop_oneof![6 => 0i64..1_000_000, 3 => 0i64..200_000_000, 1 => -1_000_000i64..8_000_000_000];
        let ticks = prop_oneof![6 => Just(0i64), 3 => Just(3_600i64), 1 => -400_000i64..400_000];
        prop::collection::vec((nanos, ticks), 0..200)
    }

    proptest! {
        #[test]
        fn what_goes_on_shows_nothing(steps in steps()) {
            let (mut short, mut long) = (ArrivalTiming::default(), ArrivalTiming::default());
            let (mut at, mut timestamp) = (0, 0);
            for (nanos, ticks) in steps {
                (at, timestamp) = (at + nanos, timestamp + ticks);
                let moment = long.packet(place(at), timestamp, RATE, false);
                if short.goes_on(place(at).at, timestamp) {
                    prop_assert!(moment.is_none() && long.caught_up(RATE).is_none(), "{moment:?}");
                } else {
                    short.packet(place(at), timestamp, RATE, false);
                }
                if let Some(Moment::Late(by)) = moment {
                    for pace in [&mut short, &mut long] {
                        pace.begin_late(place(at), by, RATE);
                    }
                }
                if long.caught_up(RATE).is_some() {
                    (short.late, long.late) = (None, None);
                }
                prop_assert_eq!(format!("{short:?}"), format!("{long:?}"));
            }
        }
    }
}
