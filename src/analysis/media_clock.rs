//! At which rate the timestamps of a stream really run. Some devices count microseconds or pictures where the description
//! says 90,000 Hz, tick G.722 at 16,000 Hz, or stamp 25 pictures a second and deliver 21.

use crate::analysis::cell::float;
use crate::time::Timestamp;

/// Places of arrival and timestamp that are kept: with more of them every second one goes.
const MAX_POINTS: usize = 32;
/// They are so far apart at first.
const SPACING_NS: i64 = 100_000_000;
/// Fewer say nothing.
const MIN_POINTS: usize = 12;
/// Rates that clocks of media have (RFC 3551, table 4; RFC 7587; counters of milliseconds and microseconds).
const KNOWN_HZ: [u32; 13] =
    [1000, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000, 96_000, 1_000_000];
/// A clock that is off by less drifts; known rates are 7 % apart at the least.
const OFF: f64 = 0.02;
/// What two measurements of one rate may differ by.
const SAME: f64 = 0.05;
/// A known rate shows in this time, and is met this well, if it is so far from the described one. 96,000 Hz is only 7 % from
/// 90,000: for a few seconds pictures in another order than they are shown, and jitter, look like that.
const KNOWN_NS: i64 = 1_500_000_000;
const MET: f64 = 0.02;
const FAR: f64 = 0.2;
/// A wrong clock has moved so far away from the described one, and by so many times the scatter of its measurements.
const APART_NS: f64 = 500e6;
const APART_SCATTER: f64 = 16.0;
/// Sender reports confirm a rate that was measured for so long.
const CONFIRMED_NS: i64 = 4_000_000_000;
/// Any other rate has to be steadier than what a thin line makes of pictures of different sizes, for so long.
const ALONE_NS: i64 = 15_000_000_000;

/// What is asked of a clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockEvidence {
    /// The rate that the description names.
    pub(super) described: Option<u32>,
    /// Ticks for each second of the server's own clock, by its sender reports.
    pub(super) reported: Option<f64>,
    /// The media has an end: a server may send it faster than time.
    pub(super) on_demand: bool,
}

/// The pace of timestamps against arrivals.
#[derive(Clone, Debug, Default)]
pub(super) struct MediaClock {
    /// Nanoseconds and ticks since the first packet of the part.
    points: Vec<(i64, i64)>,
    first: Option<(Timestamp, i64)>,
    highest: i64,
    /// The two longest steps of the timestamps, in ticks.
    long_steps: (i64, i64),
    /// Doublings of the spacing.
    doubled: u32,
    /// The pace of this part, and the one that was measured longest in those before.
    pace: Option<ClockPace>,
    earlier: Option<ClockPace>,
}

/// A pace that was measured.
#[derive(Clone, Copy, Debug)]
struct ClockPace {
    hz: f64,
    span_ns: i64,
    /// How far the measurements are from it, in time: half of them farther.
    scatter_ns: f64,
    /// Which share of the measurements is within 10 % of it, and within 3 %.
    steady: f64,
    very_steady: f64,
}

impl MediaClock {
    /// Takes arrival and extended timestamp of a packet with another timestamp than the one before. Whether the pace was
    /// measured anew.
    #[inline]
    pub(super) fn packet(&mut self, at: Timestamp, extended: i64) -> bool {
        let Some((first_at, first)) = self.first else {
            self.first = Some((at, extended));
            self.highest = extended;
            self.points.push((0, 0));
            return false;
        };
        // Pictures that are sent in another order than they are shown go back and forth.
        if extended <= self.highest {
            return false;
        }
        let step = extended.saturating_sub(self.highest);
        self.highest = extended;
        if step > self.long_steps.1 {
            self.long_step(step);
        }
        let elapsed = at.nanos_since(first_at);
        let last = self.points.last().map_or(0, |(elapsed, _)| *elapsed);
        if elapsed.saturating_sub(last) < SPACING_NS << self.doubled.min(32) {
            return false;
        }
        self.point(elapsed, extended.saturating_sub(first));
        true
    }

    #[cold]
    fn long_step(&mut self, step: i64) {
        let (longest, _) = self.long_steps;
        self.long_steps = if step > longest { (step, longest) } else { (longest, step) };
    }

    /// The longest step of the timestamps that came twice, in ticks: what came once is an event, twice is how the stream
    /// goes. `None` before the third timestamp.
    pub(super) fn usual_step(&self) -> Option<i64> {
        Some(self.long_steps.1).filter(|ticks| *ticks > 0)
    }

    /// Nanoseconds and ticks from the first packet of the part to `at`, and to the highest timestamp.
    pub(super) fn elapsed(&self, at: Timestamp) -> Option<(i64, i64)> {
        let (first_at, first) = self.first?;
        Some((at.nanos_since(first_at), self.highest.saturating_sub(first)))
    }

    #[cold]
    fn point(&mut self, elapsed: i64, ticks: i64) {
        if self.points.len() >= MAX_POINTS {
            let mut even = false;
            self.points.retain(|_| {
                even = !even;
                even
            });
            self.doubled += 1;
        }
        self.points.push((elapsed, ticks));
        self.pace = ClockPace::of(&self.points);
    }

    /// Another part begins, whose timestamps have nothing to do with those before.
    pub(super) fn begin_part(&mut self) {
        let earlier = self.longest();
        *self = Self { earlier, ..Self::default() };
    }

    fn longest(&self) -> Option<ClockPace> {
        [self.pace, self.earlier].into_iter().flatten().max_by_key(|pace| pace.span_ns)
    }

    /// The rate at which timestamps run, if it is not the one that the description names.
    pub(super) fn wrong_hz(&self, evidence: ClockEvidence) -> Option<f64> {
        let ClockEvidence { described, reported, on_demand } = evidence;
        let (pace, described) = (self.longest()?, described.map(f64::from)?);
        let off = |hz: f64, by: f64| (hz / by - 1.0).abs();
        if off(pace.hz, described) < OFF || pace.steady < 0.8 {
            return None;
        }
        let proven = match reported {
            // By the server's own clock the rate is right: it does not send as time passes.
            Some(reported) if off(reported, described) < OFF => false,
            Some(reported) if off(reported, pace.hz) < SAME => pace.span_ns >= CONFIRMED_NS,
            _ if on_demand => false,
            _ => {
                let (is_off, span) = (off(pace.hz, described), pace.span_ns);
                let is_known = known(pace.hz, MET).is_some() && is_off > FAR && span >= KNOWN_NS;
                let is_steady = span >= ALONE_NS && pace.very_steady > 0.85;
                let is_apart = is_off * float(span) >= APART_NS.max(APART_SCATTER * pace.scatter_ns);
                is_apart && (is_known || is_steady)
            }
        };
        proven.then(|| known(pace.hz, MET / 4.0).map_or(pace.hz, f64::from))
    }

    /// Whether a packet, this long behind the one before and so many ticks, is at the pace of a clock with another rate, as
    /// long as nobody knows how this one runs.
    #[cold]
    pub(super) fn may_explain(&self, passed_ns: i64, ticks: f64) -> bool {
        self.pace.is_none() && passed_ns > 0 && known(ticks * 1e9 / float(passed_ns), 2.0 * SAME).is_some()
    }
}

impl ClockPace {
    /// The median of the paces over an eighth of the time: a burst at the beginning or a silence disturbs few of them.
    fn of(points: &[(i64, i64)]) -> Option<Self> {
        if points.len() < MIN_POINTS {
            return None;
        }
        let behind = points.iter().skip(points.len() / 8);
        let pace = |((from, ticks), (to, later)): (&(i64, i64), &(i64, i64))| {
            float(later.saturating_sub(*ticks)) * 1e9 / float(to.saturating_sub(*from).max(1))
        };
        let mut paces: Vec<f64> = points.iter().zip(behind).map(pace).collect();
        paces.sort_by(f64::total_cmp);
        let hz = *paces.get(paces.len() / 2)?;
        let count = |share: f64| {
            let near = paces.iter().map(|pace| f64::from(u8::from((pace - hz).abs() <= share * hz.abs())));
            near.clone().sum::<f64>() / near.map(|_| 1.0).sum::<f64>()
        };
        let span_ns = points.last().map_or(0, |(elapsed, _)| *elapsed);
        let mut off: Vec<f64> = paces.iter().map(|pace| (pace - hz).abs()).collect();
        off.sort_by(f64::total_cmp);
        let scatter_ns = off.get(off.len() / 2)? / hz.abs().max(f64::MIN_POSITIVE) * float(span_ns) / 8.0;
        Some(Self { hz, span_ns, scatter_ns, steady: count(0.1), very_steady: count(0.03) })
    }
}

/// The rate that media clocks have and that is met so well.
fn known(hz: f64, met: f64) -> Option<u32> {
    KNOWN_HZ.into_iter().find(|known| (hz / f64::from(*known) - 1.0).abs() <= met)
}

/// A rate for people: as exact as it was measured.
pub(super) fn about_hz(hz: f64) -> String {
    let magnitude = 10f64.powf(hz.abs().max(1.0).log10().floor() - 2.0).max(0.01);
    let is_known = known(hz, 0.0).is_some();
    let rounded = if is_known { hz } else { (hz / magnitude).round() * magnitude };
    if rounded.fract().abs() < 1e-6 || rounded > 1e3 { format!("{rounded:.0}") } else { format!("{rounded:.1}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIVE: ClockEvidence = ClockEvidence { described: Some(90_000), reported: None, on_demand: false };

    /// Packets with these distances in milliseconds and ticks.
    fn clock(steps: impl IntoIterator<Item = (f64, i64)>) -> MediaClock {
        let (mut clock, mut ms, mut ticks) = (MediaClock::default(), 0.0, 4_294_000_000);
        for (passed, step) in steps {
            #[expect(clippy::cast_possible_truncation, reason = "a test's small number")]
            clock.packet(Timestamp::from_nanos((ms * 1e6) as i64), ticks);
            (ms, ticks) = (ms + passed, ticks + step);
        }
        clock
    }

    fn steady(count: usize, ms: f64, ticks: i64) -> impl Iterator<Item = (f64, i64)> {
        std::iter::repeat_n((ms, ticks), count)
    }

    fn wrong(steps: impl IntoIterator<Item = (f64, i64)>, evidence: ClockEvidence) -> Option<String> {
        clock(steps).wrong_hz(evidence).map(about_hz)
    }

    #[test]
    fn rates_that_devices_have() {
        let says = |described, count, ms, ticks| {
            wrong(steady(count, ms, ticks), ClockEvidence { described: Some(described), ..LIVE })
        };
        for (described, count, ms, ticks, told) in [
            (90_000, 100, 40.0, 40_000, Some("1000000")),
            (90_000, 20, 1000.0, 1_000_000, Some("1000000")),
            (90_000, 100, 40.0, 40, Some("1000")),
            (90_000, 100, 40.0, 1920, Some("48000")),
            (48_000, 100, 20.0, 1800, Some("90000")),
            (8000, 200, 20.0, 320, Some("16000")),
            (90_000, 200, 23.22, 1024, Some("44100")),
            (44_100, 200, 40.0, 3600, Some("90000")),
            // AAC with SBR whose description has the doubled rate.
            (48_000, 200, 42.667, 1024, Some("24000")),
            // A count of pictures, and a camera that is slower than it stamps.
            (90_000, 500, 40.0, 1, Some("25")),
            (90_000, 400, 47.619, 3600, Some("75600")),
            // As they should be: G.722 too (RFC 3551, section 4.5.2), Opus, and those that drift.
            (8000, 200, 20.0, 160, None),
            (48_000, 200, 20.0, 960, None),
            (90_000, 500, 40.0, 3600, None),
            (90_000, 500, 40.04, 3600, None),
            (90_000, 500, 40.7, 3600, None),
        ] {
            assert_eq!(says(described, count, ms, ticks).as_deref(), told, "{described} {ms} {ticks}");
        }
    }

    #[test]
    fn a_few_packets_are_no_evidence() {
        assert_eq!(wrong(steady(30, 40.0, 40_000), LIVE), None);
        assert_eq!(wrong(steady(50, 40.0, 40_000), LIVE).as_deref(), Some("1000000"));
        // A rate that no clock has needs more.
        assert_eq!(wrong(steady(200, 47.619, 3600), LIVE), None);
        assert_eq!(clock(steady(1, 40.0, 1)).wrong_hz(LIVE), None);
        assert_eq!(wrong(steady(500, 40.0, 40_000), ClockEvidence { described: None, ..LIVE }), None);
    }

    #[test]
    fn reports_decide() {
        let reported = |hz| ClockEvidence { reported: Some(hz), ..LIVE };
        let slow = || steady(200, 47.619, 3600);
        assert_eq!(wrong(slow(), reported(75_500.0)).as_deref(), Some("75600"));
        assert_eq!(wrong(slow(), reported(90_010.0)), None, "it is sent slower than time");
        assert_eq!(wrong(steady(100, 40.0, 40_000), reported(90_000.0)), None);
        // Reports of nothing.
        assert_eq!(wrong(steady(100, 40.0, 40_000), reported(0.0)).as_deref(), Some("1000000"));
    }

    #[test]
    fn media_that_is_sent_faster_than_time_has_no_other_clock() {
        let on_demand = ClockEvidence { on_demand: true, ..LIVE };
        assert_eq!(wrong(steady(2000, 20.0, 3600), on_demand), None);
        // A burst, then as time passes; and the reverse.
        assert_eq!(wrong(steady(100, 1.0, 3600).chain(steady(500, 40.0, 3600)), LIVE), None);
        assert_eq!(wrong(steady(500, 20.0, 3600).chain(steady(500, 40.0, 3600)), LIVE), None);
        assert_eq!(wrong(steady(500, 40.0, 3600).chain(steady(500, 20.0, 3600)), LIVE), None);
        assert_eq!(wrong(steady(700, 20.0, 3600).chain(steady(200, 40.0, 3600)), LIVE), None);
    }

    #[test]
    fn a_burst_at_the_beginning_and_a_jump_hide_no_wrong_clock() {
        let burst = steady(100, 0.5, 40_000).chain(steady(200, 40.0, 40_000));
        assert_eq!(wrong(burst, LIVE).as_deref(), Some("1000000"));
        let jump = steady(200, 40.0, 40_000).chain([(40.0, 900_000_000)]).chain(steady(200, 40.0, 40_000));
        assert_eq!(wrong(jump, LIVE).as_deref(), Some("1000000"));
        let silence = steady(200, 40.0, 40_000).chain([(2000.0, 40_000)]).chain(steady(200, 40.0, 40_000));
        assert_eq!(wrong(silence, LIVE).as_deref(), Some("1000000"));
    }

    #[test]
    fn the_longest_part_tells() {
        let mut clock = clock(steady(100, 40.0, 40_000));
        clock.begin_part();
        for packet in 0..40 {
            clock.packet(Timestamp::from_nanos(packet * 40_000_000), packet * 3600);
        }
        assert_eq!(clock.wrong_hz(LIVE), Some(1e6));
    }

    #[test]
    fn a_step_may_be_at_another_pace() {
        let clock = MediaClock::default();
        assert!(clock.may_explain(200_000_000, 200_000.0) && clock.may_explain(200_000_000, 190_000.0));
        assert!(!clock.may_explain(200_000_000, 700_000.0) && !clock.may_explain(200_000_000, -200_000.0));
        assert!(!clock.may_explain(0, 200_000.0));
    }

    proptest! {
        /// Any pictures whose timestamps tell when they were taken, with a jitter of up to 30 ms.
        #[test]
        fn a_right_clock_is_never_wrong(
            steps in prop::collection::vec((5..400i64, 0.0..30.0f64), 1..600),
        ) {
            let mut clock = MediaClock::default();
            let mut ms = 0;
            for (step, late) in steps {
                #[expect(clippy::cast_possible_truncation, reason = "a test's small number")]
                clock.packet(Timestamp::from_nanos(ms * 1_000_000 + (late * 1e6) as i64), ms * 90);
                ms += step;
            }
            prop_assert_eq!(clock.wrong_hz(LIVE), None);
        }

        /// Ten pictures a second and more, of which up to four are sent in any order.
        #[test]
        fn the_order_of_pictures_makes_no_clock_wrong(
            orders in prop::collection::vec(Just([0i64, 1, 2, 3]).prop_shuffle(), 1..150),
            late in prop::collection::vec(0..8i64, 600),
            picture in 20..100i64,
        ) {
            let mut clock = MediaClock::default();
            for ((place, shown), late) in (0i64..).zip(orders.iter().enumerate().flat_map(|(group, order)| {
                order.map(|shown| 4 * i64::try_from(group).unwrap() + shown)
            })).zip(late) {
                clock.packet(Timestamp::from_nanos((place * picture + late) * 1_000_000), shown * picture * 90);
                prop_assert_eq!(clock.wrong_hz(LIVE), None);
            }
        }

        #[test]
        fn any_times_can_be(times in prop::collection::vec((any::<i64>(), any::<i64>()), 0..100)) {
            let mut clock = MediaClock::default();
            for (at, ticks) in times {
                clock.packet(Timestamp::from_nanos(at), ticks);
            }
            clock.wrong_hz(LIVE);
            prop_assert!(clock.points.len() <= MAX_POINTS);
        }
    }
}
