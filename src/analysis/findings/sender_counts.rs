//! Whether as many packets come as their sender counts (RFC 3550, section 6.4.1).

use std::collections::HashMap;

use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::stream::{StreamKey, StreamState};
use crate::rtp::rtcp::SenderReport;
use crate::time::Timestamp;

/// Streams whose counts are remembered.
const MAX_REMEMBERED: usize = 10_000;
/// The counts of a report are taken a little before or after it is sent.
const COUNT_SLACK: i64 = 4;

/// What the senders counted more than came.
#[derive(Debug, Default)]
pub(super) struct SenderCounts {
    baselines: HashMap<StreamKey, CountBaseline>,
}

/// How things stood at the last comparison.
#[derive(Clone, Copy, Debug)]
struct CountBaseline {
    /// Counted less received, modulo 2^32.
    difference: u32,
    /// Numbers that had not come.
    missing: i64,
    /// By how much the latest report differed without proof.
    doubtful: i64,
}

impl SenderCounts {
    /// What the sender counted against what came, both modulo 2^32. A busy sender counts a whole picture before it has sent
    /// it, and reports travel by another path than media: without missing numbers the next report has to say so too.
    pub(super) fn report(&mut self, at: Timestamp, report: &SenderReport<'_>, stream: &StreamState) -> Option<Finding> {
        if self.baselines.len() >= MAX_REMEMBERED || stream.is_given_up(at) {
            return None;
        }
        // Of all packets of the source.
        let received = stream.sequence.distinct().saturating_add(stream.sequence.beside);
        let [_, _, _, _, low @ ..] = received.to_be_bytes();
        let difference = report.packet_count().wrapping_sub(u32::from_be_bytes(low));
        let missing = stream.sequence.missing();
        let now = CountBaseline { difference, missing, doubtful: 0 };
        let more = self.baselines.entry(stream.key).or_insert(now).advance(now)?;
        let detail = format!("the sender counts {more} more than came since the last comparison");
        Some(Finding::new(FindingCode::SrCountMismatch, stream.key.track, detail))
    }
}

impl CountBaseline {
    /// How much more was counted, where that is proven; it is part of the baseline then.
    fn advance(&mut self, now: Self) -> Option<i64> {
        let moved = i64::from(now.difference.wrapping_sub(self.difference).cast_signed());
        let lost = now.missing.saturating_sub(self.missing);
        let proven = match (moved, self.doubtful) {
            (more, _) if more > COUNT_SLACK && lost >= more - COUNT_SLACK => more,
            (more, before) if more > 0 && before > 0 => more.min(before),
            (less, before) if less < 0 && before < 0 => less.max(before),
            _ => 0,
        };
        self.doubtful = moved - proven;
        if proven.abs() <= COUNT_SLACK {
            self.doubtful = moved;
            return None;
        }
        // As far as it is proven: what is not counts from here as well.
        self.difference = now.difference.wrapping_sub(low(moved - proven));
        self.missing = now.missing;
        Some(proven)
    }
}

/// A difference modulo 2^32.
fn low(difference: i64) -> u32 {
    let [_, _, _, _, low @ ..] = difference.to_be_bytes();
    u32::from_be_bytes(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of reports: how much each counted more than had come, and how many numbers were missing by then.
    fn told(reports: &[(i64, i64)]) -> Vec<i64> {
        let of =
            |(more, missing): &(i64, i64)| CountBaseline { difference: low(*more), missing: *missing, doubtful: 0 };
        let mut baseline = of(&reports[0]);
        reports.iter().skip(1).filter_map(|report| baseline.advance(of(report))).collect()
    }

    #[test]
    fn packets_under_way_are_not_missing() {
        assert_eq!(told(&[(0, 0), (40, 0), (0, 0), (0, 0)]), [0; 0], "counted before they were sent");
        assert_eq!(told(&[(0, 0), (-40, 0), (0, 0)]), [0; 0], "the report was late");
        assert_eq!(told(&[(0, 0), (40, 0), (-40, 0), (0, 0)]), [0; 0]);
        assert_eq!(told(&[(0, 0), (40, 0)]), [0; 0], "the last report of a recording that ends then");
        assert_eq!(told(&[(-3, 0), (1, 0), (-3, 0), (1, 0)]), [0; 0]);
    }

    #[test]
    fn missing_numbers_prove_it_at_once() {
        assert_eq!(told(&[(0, 0), (5, 5)]), [5]);
        assert_eq!(
            told(&[(0, 7), (5, 7), (5, 7)]),
            [5],
            "what was missing before proves nothing, the next report does"
        );
        assert_eq!(told(&[(0, 0), (9, 5), (9, 5), (18, 14)]), [9, 9]);
        assert_eq!(told(&[(0, 0), (10, 5), (10, 5)]), [10]);
    }

    #[test]
    fn the_next_report_proves_it() {
        assert_eq!(told(&[(-3, 0), (2, 0), (2, 0), (2, 0)]), [5]);
        assert_eq!(told(&[(-3, 0), (1, 0), (1, 0)]), [0; 0]);
        assert_eq!(told(&[(0, 0), (-5, 0), (-9, 0), (-9, 0)]), [-5]);
        assert_eq!(told(&[(0, 0), (30, 0), (60, 0), (90, 0)]), [30, 30], "each as far as the one before has said it");
        assert_eq!(told(&[(i64::from(u32::MAX), 0), (9, 0), (9, 0)]), [10], "counts of 32 bits wrap");
    }
}
