//! Skew of arrival against the media clock, and the drift between the two clocks.

use crate::analysis::cell::{float, millis, ticks_ms};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// The lowest skew of each such stretch counts: what lies above waited somewhere. Chosen, not measured.
const WINDOW_NS: i64 = 2 * NANOS_PER_SECOND;
/// A line through less says nothing: 10 ms of jitter at its ends tilt one of 60 s by 170 ppm already.
const MIN_DRIFT_NS: i64 = 60 * NANOS_PER_SECOND;
/// No clock is worse than this, as crystals are within 100 ppm: a slope beyond it is a wrong clock rate, or media that
/// is not sent as time passes.
const MAX_DRIFT_PPM: f64 = 20_000.0;

/// The skew of a stream: (arrival - first arrival) - (timestamp - first timestamp) / rate. Positive is late.
#[derive(Clone, Debug, Default)]
pub(super) struct Skew {
    /// Arrival and extended timestamp of the first packet.
    first: Option<(Timestamp, i64)>,
    min: f64,
    max: f64,
    known: bool,
    envelope: LowerEnvelope,
    /// Of earlier parts that were long enough: squares and products around their middles.
    earlier: Option<(f64, f64)>,
}

/// A line through the lowest skew of each stretch of time.
#[derive(Clone, Debug, Default)]
pub(super) struct LowerEnvelope {
    window: Option<Window>,
    line: Line,
    elapsed_ns: i64,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    /// Where it begins.
    start_ns: i64,
    /// Where its lowest skew is.
    at_ns: i64,
    skew_ms: f64,
}

impl Window {
    fn holds(&self, elapsed_ns: i64) -> bool {
        (0..WINDOW_NS).contains(&elapsed_ns.saturating_sub(self.start_ns))
    }
}

/// Sums of a least-squares line through points.
#[derive(Clone, Debug, Default)]
struct Line {
    count: i64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Skew {
    /// Takes arrival and extended timestamp of the next packet; gives its skew in milliseconds.
    #[inline]
    pub(super) fn packet(&mut self, at: Timestamp, extended: i64, clock_rate_hz: Option<u32>) -> Option<f64> {
        let (first_at, first) = *self.first.get_or_insert((at, extended));
        let rate = clock_rate_hz?;
        let elapsed_ns = at.nanos_since(first_at);
        let skew_ms = millis(elapsed_ns) - ticks_ms(float(extended.saturating_sub(first)), rate);
        self.min = self.min.min(skew_ms);
        self.max = self.max.max(skew_ms);
        self.known = true;
        self.envelope.add(elapsed_ns, skew_ms);
        Some(skew_ms)
    }

    /// The next packet is the first of another part, from which skew counts. Extremes are those of all parts, and drift is
    /// the common slope of those that are long enough.
    pub(super) fn begin_part(&mut self) {
        if let Some((squares, products)) = self.envelope.spread() {
            let (before_squares, before_products) = self.earlier.unwrap_or_default();
            self.earlier = Some((before_squares + squares, before_products + products));
        }
        (self.first, self.envelope) = (None, LowerEnvelope::default());
    }

    /// Lowest and highest skew in milliseconds; `None` with an unknown clock rate.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        self.known.then_some((self.min, self.max))
    }

    /// How much faster the capture's clock runs than the media clock, in parts per million; `None` below 60 s.
    pub(super) fn drift_ppm(&self) -> Option<f64> {
        let parts = [self.envelope.spread(), self.earlier];
        parts.into_iter().flatten().reduce(|one, other| (one.0 + other.0, one.1 + other.1)).and_then(slope_ppm)
    }
}

/// The slope that squares and products make; `None` where no clock can be so wrong.
fn slope_ppm((squares, products): (f64, f64)) -> Option<f64> {
    // Milliseconds for each second are thousandths.
    let ppm = products / squares * 1e3;
    (squares > 0.0 && ppm.abs() <= MAX_DRIFT_PPM).then_some(ppm)
}

impl LowerEnvelope {
    /// Takes a skew, so long after the first one.
    #[inline]
    pub(super) fn add(&mut self, elapsed_ns: i64, skew_ms: f64) {
        self.elapsed_ns = elapsed_ns;
        match &mut self.window {
            Some(window) if window.holds(elapsed_ns) => {
                if skew_ms < window.skew_ms {
                    (window.at_ns, window.skew_ms) = (elapsed_ns, skew_ms);
                }
            }
            window => {
                let start_ns = elapsed_ns.saturating_sub(elapsed_ns.rem_euclid(WINDOW_NS));
                if let Some(window) = window.replace(Window { start_ns, at_ns: elapsed_ns, skew_ms }) {
                    self.line.point(&window);
                }
            }
        }
    }

    /// Squares and products, if it is long enough.
    fn spread(&self) -> Option<(f64, f64)> {
        let window = self.window.filter(|_| self.elapsed_ns >= MIN_DRIFT_NS)?;
        let mut line = self.line.clone();
        line.point(&window);
        Some(line.spread())
    }

    /// The slope in parts per million; `None` below 60 s.
    pub(super) fn slope_ppm(&self) -> Option<f64> {
        self.spread().and_then(slope_ppm)
    }
}

impl Line {
    fn point(&mut self, lowest: &Window) {
        let (x, y) = (millis(lowest.at_ns) / 1e3, lowest.skew_ms);
        self.count += 1;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// Squares of times and products with skews, around their middles.
    fn spread(&self) -> (f64, f64) {
        let count = float(self.count.max(1));
        (self.xx - self.x * self.x / count, self.xy - self.x * self.y / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of 50 packets a second whose arrivals stretch by `ppm`, every third one late.
    fn stretched(ppm: f64, packets: i64) -> Skew {
        let mut skew = Skew::default();
        for packet in 0..packets {
            let late = if packet % 3 == 1 { 7.0 } else { 0.0 };
            let ms = float(packet) * 20.0 * (1.0 + ppm / 1e6) + late;
            #[expect(clippy::cast_possible_truncation, reason = "a test's small number")]
            let at = Timestamp::from_nanos((ms * 1e6).round() as i64);
            skew.packet(at, packet * 160 + 4_294_966_000, Some(8000));
        }
        skew
    }

    #[test]
    fn late_is_positive() {
        let (min, max) = stretched(0.0, 100).range().unwrap();
        assert!(min.abs() < 1e-6 && (max - 7.0).abs() < 1e-6, "{min} {max}");
    }

    #[test]
    fn drift_is_found_under_jitter() {
        let drift = stretched(200.0, 6000).drift_ppm().unwrap();
        assert!((drift - 200.0).abs() < 1.0, "{drift}");
    }

    #[test]
    fn parts_have_one_slope() {
        let mut skew = stretched(200.0, 6000);
        let range = skew.range();
        skew.begin_part();
        assert_eq!(skew.range(), range);
        assert!((skew.drift_ppm().unwrap() - 200.0).abs() < 1.0);
        // Hours away, and too short to tell of drift.
        for packet in 0..100 {
            let at = Timestamp::from_nanos((packet * 40 + 7_000_000) * 1_000_000);
            let told = skew.packet(at, packet * 160, Some(8000)).unwrap();
            assert!((told - float(packet) * 20.0).abs() < 1e-6, "{told}");
        }
        assert!((skew.drift_ppm().unwrap() - 200.0).abs() < 1.0);
        assert!((skew.range().unwrap().1 - 1980.0).abs() < 1e-6);
    }

    #[test]
    fn no_clock_drifts_by_percents() {
        assert!(stretched(19_000.0, 6000).drift_ppm().is_some());
        assert_eq!(stretched(25_000.0, 6000).drift_ppm(), None);
    }

    #[test]
    fn a_minute_is_needed() {
        assert_eq!(stretched(200.0, 2990).drift_ppm(), None);
    }
}
