//! How fast RTP timestamps run, by the times at which their packets came.

use crate::time::Timestamp;

/// The rates that encodings in use have (RFC 3551, section 6; RFC 3640, RFC 7587). They are so far from each other that an
/// estimate that is 1 % off fits one at most.
const USUAL_HZ: [u32; 10] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000];
/// How far the estimate may be from a usual rate.
const TOLERANCE: f64 = 0.01;
/// How far half of the single slopes may be from their median.
const STEADY: f64 = 0.05;
/// What arrives within less time may be one burst.
const MIN_SPAN_S: f64 = 1.5;
/// Distinct timestamps that an estimate needs. Chosen, not measured.
const MIN_POINTS: usize = 16;
/// Distinct timestamps that are kept: when there are more, every other one goes.
const MAX_POINTS: usize = 256;

/// Estimates the rate of a clock from points of time and ticks.
///
/// The estimate is the median of slopes across half of the stretch, so that single late packets, bursts, and pictures out
/// of order do not move it.
///
/// ```
/// use rtsp_rec::rtp::clock_fit::ClockFit;
/// use rtsp_rec::time::Timestamp;
///
/// let mut fit = ClockFit::default();
/// for packet in 0..100 {
///     fit.point(Timestamp::from_nanos(packet * 20_000_000), packet * 160);
/// }
/// assert_eq!(fit.usual_rate_hz(), Some(8000));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClockFit {
    /// Times and ticks since the first of them.
    points: Vec<(f64, f64)>,
    first: Option<(Timestamp, i64)>,
    /// The ticks of the latest point, which count once.
    latest: Option<i64>,
    /// Only each so many-th point is kept, of which so many have come.
    stride: u32,
    passed: u32,
}

/// An estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockEstimate {
    /// Ticks a second.
    pub rate_hz: f64,
    /// How far half of the single slopes are from it, as a share of it.
    pub spread: f64,
    /// Seconds from the first point to the last.
    pub span_s: f64,
}

impl ClockFit {
    /// Takes a packet's arrival and extended timestamp; of packets of one timestamp the first counts.
    pub fn point(&mut self, at: Timestamp, ticks: i64) {
        if self.latest.replace(ticks) == Some(ticks) {
            return;
        }
        let (first_at, first_ticks) = *self.first.get_or_insert((at, ticks));
        let (seconds, ticks) = (at.seconds_since(first_at), float(ticks.saturating_sub(first_ticks)));
        self.passed += 1;
        if self.passed < self.stride {
            return;
        }
        self.passed = 0;
        if self.points.len() >= MAX_POINTS {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride = self.stride.max(1).saturating_mul(2);
        }
        self.points.push((seconds, ticks));
    }

    /// Seconds from the first point to the latest that was kept.
    pub fn span_s(&self) -> f64 {
        self.points.last().map_or(0.0, |(seconds, _)| *seconds)
    }

    /// The rate, once there are points enough over a time that is long enough; `None` where time or ticks stand still.
    pub fn estimate(&self) -> Option<ClockEstimate> {
        let span_s = self.span_s();
        if self.points.len() < MIN_POINTS || span_s < MIN_SPAN_S {
            return None;
        }
        let half = self.points.len() / 2;
        let pairs = self.points.iter().zip(self.points.iter().skip(half));
        let slope = |((t0, x0), (t1, x1)): (&(f64, f64), &(f64, f64))| (x1 - x0) / (t1 - t0);
        let mut slopes: Vec<f64> = pairs.map(slope).filter(|slope| slope.is_finite()).collect();
        let rate_hz = median(&mut slopes).filter(|rate| *rate > 0.0)?;
        let mut distances: Vec<f64> = slopes.iter().map(|slope| (slope / rate_hz - 1.0).abs()).collect();
        let spread = median(&mut distances)?;
        Some(ClockEstimate { rate_hz, spread, span_s })
    }

    /// The usual rate that the estimate fits well.
    pub fn usual_rate_hz(&self) -> Option<u32> {
        self.estimate()?.usual_rate_hz()
    }
}

impl ClockEstimate {
    /// The usual rate that this fits well; `None` where packets came too unsteadily to tell.
    pub fn usual_rate_hz(&self) -> Option<u32> {
        let fits = |usual: &u32| self.spread <= STEADY && self.is_near(*usual, TOLERANCE);
        USUAL_HZ.into_iter().find(fits)
    }

    /// Whether the estimate is within this share of a rate.
    pub fn is_near(&self, rate_hz: u32, share: f64) -> bool {
        (self.rate_hz / f64::from(rate_hz) - 1.0).abs() <= share
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ticks of any clock are thousands of years")]
fn float(ticks: i64) -> f64 {
    ticks as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packets at these milliseconds, with these ticks.
    fn fit(points: impl IntoIterator<Item = (f64, i64)>) -> ClockFit {
        let mut fit = ClockFit::default();
        for (ms, ticks) in points {
            #[expect(clippy::cast_possible_truncation, reason = "a test's small number")]
            fit.point(Timestamp::from_nanos((ms * 1e6) as i64), ticks);
        }
        fit
    }

    proptest! {
        /// Whatever the rate and wherever it begins: it is found under jitter, and no other.
        #[test]
        fn usual_rates_are_found_under_jitter(
            rate in prop::sample::select(USUAL_HZ.to_vec()),
            first in any::<u32>(),
            jitter in prop::collection::vec(0.0..15.0, 200),
        ) {
            let points = jitter.iter().zip(0i64..).map(|(late, packet)| {
                (float(packet) * 20.0 + late, i64::from(first) + packet * i64::from(rate) / 50)
            });
            prop_assert_eq!(fit(points).usual_rate_hz(), Some(rate));
        }

        /// A server that sends faster than in real time makes no other rate of it that it could be told by.
        #[test]
        fn what_is_no_usual_rate_is_none(faster in 1.02..1.07) {
            let points = (0..200).map(|packet| (float(packet) * 20.0 / faster, packet * 160));
            prop_assert_eq!(fit(points).usual_rate_hz(), None);
        }
    }

    #[test]
    fn little_is_not_enough() {
        assert_eq!(fit((0..15).map(|packet| (float(packet) * 200.0, packet * 1600))).estimate(), None, "too few");
        assert_eq!(fit((0..60).map(|packet| (float(packet) * 20.0, packet * 160))).estimate(), None, "too short");
        assert_eq!(fit((0..100).map(|packet| (float(packet) * 20.0, 7))).estimate(), None, "the clock stands");
        assert_eq!(fit((0..100).map(|packet| (0.0, packet * 160))).estimate(), None, "time stands");
    }

    #[test]
    fn a_burst_at_the_beginning_is_no_rate() {
        // Two seconds of media at once, then in real time: no slope counts for all.
        let points = (0..200).map(|packet| (float((packet - 100).max(0)) * 20.0 + float(packet) * 0.1, packet * 160));
        assert_eq!(fit(points).usual_rate_hz(), None);
    }

    #[test]
    fn points_are_thinned_out_and_the_rate_stays() {
        let long = fit((0..100_000).map(|packet| (float(packet) * 20.0, packet * 960)));
        assert!(long.points.len() <= MAX_POINTS && long.span_s() > 1900.0, "{} s", long.span_s());
        assert_eq!(long.usual_rate_hz(), Some(48_000));
    }

    #[test]
    fn pictures_out_of_order() {
        // I B B P as sent: timestamps 0 3 1 2, each of 40 ms.
        let shown = |sent: i64| sent / 3 * 3 + [3, 1, 2][usize::try_from(sent % 3).unwrap()];
        let points = (0..100).map(|sent| (float(sent) * 40.0, shown(sent) * 3600));
        let estimate = fit(points).estimate().unwrap();
        assert!(estimate.is_near(90_000, 0.05), "{estimate:?}");
    }
}
