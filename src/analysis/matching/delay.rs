//! One-way delay variation between two captures (RFC 5481). The clocks of both need not agree: what they differ by is in
//! each delay, and cancels.

use serde::Serialize;

use crate::analysis::cell::{float, millis, rounded};
use crate::analysis::skew::Skew;
use crate::time::Timestamp;

/// Delays that are kept for each stream; of more every second, fourth… is.
const MAX_SAMPLES: usize = 65_536;
/// The same, where all streams together have kept so many.
const MANY: usize = 2 << 20;
const FEW_SAMPLES: usize = 1024;
/// How far packets may be reordered for their neighbours to be found.
const RECENT: usize = 64;
/// Clocks drift apart by less (crystals are within 100 ppm); more is a delay that grows.
const MAX_DRIFT_PPM: f64 = 500.0;
/// Less is the noise of the line.
const MIN_DRIFT_PPM: f64 = 1.0;

/// How delays vary, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DelayFigures {
    /// B's time less A's, at the least delayed packet: the difference of the clocks and the least delay.
    pub offset_ms: f64,
    /// Packet delay variation (RFC 5481, section 4.2): delay less the least delay. Its mean.
    pub pdv_mean_ms: f64,
    /// Its median.
    pub pdv_p50_ms: f64,
    /// What 99 % do not exceed.
    pub pdv_p99_ms: f64,
    /// The largest.
    pub pdv_max_ms: f64,
    /// Inter-packet delay variation (RFC 5481, section 4.1): delay less that of the packet sent before. The mean of its
    /// absolute value.
    pub ipdv_mean_ms: Option<f64>,
    /// The largest absolute value.
    pub ipdv_max_ms: Option<f64>,
    /// How much faster B's clock runs than A's, in parts per million; `None` below a minute.
    pub drift_ppm: Option<f64>,
    /// That drift is taken out of the figures above.
    pub drift_removed: bool,
}

/// Collects delays.
#[derive(Debug)]
pub(super) struct Delays {
    first_at: Option<Timestamp>,
    seen: u64,
    least: i64,
    most: i64,
    /// Nanoseconds since the first packet, and delay.
    samples: Vec<(i64, i64)>,
    /// One of so many is kept.
    every: u64,
    skew: Skew,
    recent: [Option<(u64, i64)>; RECENT],
    ipdv: Steps,
}

#[derive(Debug, Default)]
struct Steps {
    count: u32,
    sum_ms: f64,
    max_ms: f64,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            first_at: None,
            seen: 0,
            least: i64::MAX,
            most: i64::MIN,
            samples: Vec::new(),
            every: 1,
            skew: Skew::default(),
            recent: [None; RECENT],
            ipdv: Steps::default(),
        }
    }
}

impl Delays {
    /// Takes the times of a packet in both captures, and its place in A. `kept` counts the samples of all streams.
    pub(super) fn packet(&mut self, a: Timestamp, b: Timestamp, index: u64, kept: &mut usize) {
        let delay = b.nanos_since(a);
        let elapsed = a.nanos_since(*self.first_at.get_or_insert(a));
        (self.least, self.most) = (self.least.min(delay), self.most.max(delay));
        // The media clock of this skew is A's, in nanoseconds.
        self.skew.packet(b, elapsed, Some(1_000_000_000));
        self.step(index, delay);
        if self.seen.is_multiple_of(self.every) {
            self.samples.push((elapsed, delay));
            *kept += 1;
            self.thin(kept);
        }
        self.seen += 1;
    }

    fn thin(&mut self, kept: &mut usize) {
        let limit = if *kept > MANY { FEW_SAMPLES } else { MAX_SAMPLES };
        if self.samples.len() >= limit {
            let before = self.samples.len();
            let mut keep = false;
            self.samples.retain(|_| {
                keep = !keep;
                keep
            });
            self.every = self.every.saturating_mul(2);
            *kept = kept.saturating_sub(before - self.samples.len());
        }
    }

    /// The differences to the packets sent right before and right behind it, where these are known.
    fn step(&mut self, index: u64, delay: i64) {
        let place = |index: u64| usize::try_from(index % RECENT as u64).unwrap_or(0);
        for neighbour in [index.checked_sub(1), index.checked_add(1)].into_iter().flatten() {
            let known = self.recent.get(place(neighbour)).copied().flatten();
            if let Some((_, other)) = known.filter(|(number, _)| *number == neighbour) {
                let step = millis(delay.saturating_sub(other)).abs();
                self.ipdv.count = self.ipdv.count.saturating_add(1);
                self.ipdv.sum_ms += step;
                self.ipdv.max_ms = self.ipdv.max_ms.max(step);
            }
        }
        if let Some(recent) = self.recent.get_mut(place(index)) {
            *recent = Some((index, delay));
        }
    }

    pub(super) fn finish(self) -> Option<DelayFigures> {
        let drift_ppm = self.skew.drift_ppm();
        let slope = drift_ppm.filter(|ppm| (MIN_DRIFT_PPM..MAX_DRIFT_PPM).contains(&ppm.abs()));
        let straight = |(elapsed, delay): &(i64, i64)| millis(*delay) - slope.unwrap_or(0.0) * millis(*elapsed) / 1e6;
        let mut delays: Vec<f64> = self.samples.iter().map(straight).collect();
        delays.sort_unstable_by(f64::total_cmp);
        let (first, last) = (*delays.first()?, *delays.last()?);
        // Without a drift both ends are known of all packets, not of the kept ones alone.
        let (least, most) = if slope.is_some() { (first, last) } else { (millis(self.least), millis(self.most)) };
        let count = float(i64::try_from(delays.len()).unwrap_or(i64::MAX));
        let percentile = |percent: usize| {
            let rank = (delays.len() * percent).div_ceil(100).max(1);
            delays.get(rank - 1).map_or(0.0, |delay| delay - least)
        };
        let ipdv = |value: f64| (self.ipdv.count > 0).then(|| rounded(value));
        Some(DelayFigures {
            offset_ms: rounded(least),
            pdv_mean_ms: rounded(delays.iter().map(|delay| delay - least).sum::<f64>() / count),
            pdv_p50_ms: rounded(percentile(50)),
            pdv_p99_ms: rounded(percentile(99)),
            pdv_max_ms: rounded(most - least),
            ipdv_mean_ms: ipdv(self.ipdv.sum_ms / f64::from(self.ipdv.count)),
            ipdv_max_ms: ipdv(self.ipdv.max_ms),
            drift_ppm: drift_ppm.map(rounded),
            drift_removed: slope.is_some(),
        })
    }
}
