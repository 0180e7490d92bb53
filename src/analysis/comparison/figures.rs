//! The figures of a track in two captures, and which changes of them are notable.

use serde::Serialize;

use crate::analysis::StreamRow;
use crate::analysis::cell::{float, rounded};

/// A figure of both captures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its name, with its unit.
    pub figure: &'static str,
    /// In A.
    pub a: Option<f64>,
    /// In B.
    pub b: Option<f64>,
    /// B less A.
    pub change: Option<f64>,
    /// The same in per cent of A.
    pub change_percent: Option<f64>,
    /// It is more than chance explains, by the figure's rule.
    pub notable: bool,
}

/// Where a figure comes from. A track that changed its SSRC has several streams.
enum Take {
    /// Counts add up.
    Sum(fn(&StreamRow<'_>) -> i64),
    /// That of the stream with the most packets.
    Longest(fn(&StreamRow<'_>) -> Option<f64>),
    /// The largest of all streams.
    Most(fn(&StreamRow<'_>) -> Option<f64>),
    /// The one for each hundred of the other.
    Percent(fn(&StreamRow<'_>) -> i64, fn(&StreamRow<'_>) -> i64),
    /// How often in a minute.
    PerMinute(fn(&StreamRow<'_>) -> i64),
}

/// More than this, and more than so many per cent of the larger one, is notable.
struct Rule {
    more_than: f64,
    percent: f64,
}

struct Figure {
    name: &'static str,
    take: Take,
    /// `None` for what depends on how long a capture is.
    rule: Option<Rule>,
}

const fn figure(name: &'static str, take: Take, more_than: f64, percent: f64) -> Figure {
    Figure { name, take, rule: Some(Rule { more_than, percent }) }
}

const fn shown(name: &'static str, take: Take) -> Figure {
    Figure { name, take, rule: None }
}

/// docs/compare.md has this table as well.
const FIGURES: [Figure; 24] = [
    shown("packets", Take::Sum(|row| count(row.packets))),
    shown("duration_s", Take::Longest(|row| row.duration_s.map(|seconds| seconds.0))),
    figure("bitrate_bps", Take::Longest(|row| row.bitrate_bps.map(|bits| float(count(bits)))), 1000.0, 10.0),
    shown("lost", Take::Sum(|row| row.lost)),
    shown("missing", Take::Sum(|row| row.missing)),
    figure("missing_percent", Take::Percent(|row| row.missing, |row| row.expected), 0.05, 20.0),
    shown("duplicates", Take::Sum(|row| count(row.duplicates))),
    figure("duplicates_percent", Take::Percent(|row| count(row.duplicates), |row| row.expected), 0.05, 20.0),
    figure("reordered_percent", Take::Percent(|row| count(row.reordered), |row| row.expected), 0.05, 20.0),
    figure("delta_p99_ms", Take::Most(|row| row.delta_p99_ms.map(|millis| millis.0)), 5.0, 20.0),
    shown("delta_max_ms", Take::Most(|row| row.delta_max_ms.map(|millis| millis.0))),
    figure("frame_jitter_mean_ms", Take::Longest(|row| row.frame_jitter_mean_ms.map(|millis| millis.0)), 1.0, 20.0),
    figure("frame_jitter_max_ms", Take::Most(|row| row.frame_jitter_max_ms.map(|millis| millis.0)), 5.0, 20.0),
    figure("drift_ppm", Take::Longest(|row| row.drift_ppm.map(|ppm| ppm.0)), 20.0, 20.0),
    figure("frame_rate_fps", Take::Longest(|row| row.frame_rate_fps.map(|rate| rate.0)), 0.2, 2.0),
    shown("incomplete_frames", Take::Sum(|row| count(row.incomplete_frames.unwrap_or(0)))),
    figure("gop_mean_frames", Take::Longest(|row| row.gop_mean_frames.map(|frames| frames.0)), 0.5, 5.0),
    figure("gop_max_frames", Take::Most(|row| row.gop_max_frames.map(|frames| float(count(frames)))), 1.0, 10.0),
    figure("key_size_ratio", Take::Longest(|row| row.key_size_ratio.map(|ratio| ratio.0)), 0.5, 20.0),
    shown("freezes", Take::Sum(|row| count(row.freezes.unwrap_or(0)))),
    figure("freezes_per_minute", Take::PerMinute(|row| count(row.freezes.unwrap_or(0))), 0.2, 20.0),
    figure("longest_freeze_ms", Take::Most(|row| row.longest_freeze_ms.map(|millis| millis.0)), 100.0, 20.0),
    figure("play_to_first_packet_ms", Take::Longest(|row| row.play_to_first_packet_ms.map(|ms| ms.0)), 50.0, 20.0),
    figure("play_to_key_frame_ms", Take::Longest(|row| row.play_to_key_frame_ms.map(|ms| ms.0)), 100.0, 20.0),
];

impl Take {
    fn value(&self, rows: &[StreamRow<'_>]) -> Option<f64> {
        let longest = rows.iter().max_by_key(|row| row.packets)?;
        let sum = |count: &fn(&StreamRow<'_>) -> i64| float(rows.iter().map(count).fold(0, i64::saturating_add));
        match self {
            Self::Sum(count) => Some(sum(count)),
            Self::Longest(figure) => figure(longest),
            Self::Most(figure) => rows.iter().filter_map(figure).reduce(f64::max),
            Self::Percent(part, whole) => {
                Some(sum(whole)).filter(|whole| *whole > 0.0).map(|all| sum(part) * 100.0 / all)
            }
            Self::PerMinute(count) => {
                let seconds: f64 = rows.iter().filter_map(|row| row.duration_s).map(|seconds| seconds.0).sum();
                (seconds > 0.0).then(|| sum(count) * 60.0 / seconds)
            }
        }
    }
}

impl Rule {
    fn is_notable(&self, a: f64, b: f64) -> bool {
        let change = (b - a).abs();
        change > self.more_than && change > a.abs().max(b.abs()) * self.percent / 100.0
    }
}

/// The figures of a track; those that neither capture has are left out.
pub(super) fn changes(a: &[StreamRow<'_>], b: &[StreamRow<'_>]) -> Vec<Change> {
    let change = |figure: &Figure| {
        let [a, b] = [a, b].map(|rows| figure.take.value(rows).map(rounded));
        let both = a.zip(b);
        Change {
            figure: figure.name,
            a,
            b,
            change: both.map(|(a, b)| rounded(b - a)),
            change_percent: both.filter(|(a, _)| *a != 0.0).map(|(a, b)| rounded((b - a) * 100.0 / a.abs())),
            notable: both.zip(figure.rule.as_ref()).is_some_and(|((a, b), rule)| rule.is_notable(a, b)),
        }
    };
    FIGURES.iter().map(change).filter(|change| change.a.is_some() || change.b.is_some()).collect()
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cell::Fixed;

    fn row(packets: u64, missing: i64, rate: f64) -> StreamRow<'static> {
        StreamRow {
            packets,
            missing,
            expected: count(packets) + missing,
            frame_rate_fps: Some(Fixed(rate)),
            ..StreamRow::default()
        }
    }

    fn notable(a: &[StreamRow<'_>], b: &[StreamRow<'_>]) -> Vec<&'static str> {
        changes(a, b).into_iter().filter(|change| change.notable).map(|change| change.figure).collect()
    }

    #[test]
    fn what_is_notable() {
        assert_eq!(notable(&[row(1000, 0, 25.0)], &[row(9000, 0, 24.9)]), [""; 0], "a longer capture");
        assert_eq!(notable(&[row(1000, 0, 25.0)], &[row(1000, 1, 20.0)]), ["missing_percent", "frame_rate_fps"]);
        assert_eq!(notable(&[row(1000, 100, 25.0)], &[row(1000, 110, 25.0)]), [""; 0], "as bad as before");
    }

    #[test]
    fn streams_of_a_track_add_up() {
        let found = changes(&[row(10, 1, 5.0), row(1000, 0, 25.0)], &[row(1000, 3, 25.0)]);
        let of = |name: &str| found.iter().find(|change| change.figure == name).unwrap().clone();
        assert_eq!((of("packets").a, of("packets").change), (Some(1010.0), Some(-10.0)));
        assert_eq!((of("frame_rate_fps").a, of("frame_rate_fps").change_percent), (Some(25.0), Some(0.0)));
        assert_eq!(of("missing").change_percent, Some(200.0));
        assert!(found.iter().all(|change| change.figure != "gop_mean_frames"));
    }

    #[test]
    fn every_rule_is_documented() {
        let document = include_str!("../../../docs/compare.md");
        for Figure { name, rule, .. } in &FIGURES {
            let line = document.lines().find(|line| line.contains(&format!("`{name}`")));
            let line = line.unwrap_or_else(|| panic!("{name} is not there"));
            if let Some(Rule { more_than, percent }) = rule {
                assert!(line.ends_with(&format!("| {more_than} | {percent} |")), "{name}: {line}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn rules_have_no_direction(a in 0..5000u64, b in 0..5000u64, lost in 0..50i64, rate in 1.0..60.0f64) {
            let (a, b) = ([row(a, lost, rate)], [row(b, 7, 25.0)]);
            proptest::prop_assert_eq!(notable(&a, &b), notable(&b, &a));
            proptest::prop_assert_eq!(notable(&a, &a), [""; 0]);
        }
    }
}
