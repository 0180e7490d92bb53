//! What sender reports count that came behind the latest packet of their stream: does the server go on sending?

use crate::time::{NANOS_PER_SECOND, Timestamp};

/// A sender counts its packets a little before or after it sends the report.
const SLACK: i64 = 4;
/// A report proves that nothing was sent if so many packets were due until it came, and so long behind the last one.
const DUE: i64 = 2 * SLACK;
const DUE_NS: i64 = NANOS_PER_SECOND / 2;

/// The packet counts of a stream's sender reports, next to its sequence numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReportCounts {
    /// At the latest report ahead of the latest packet.
    before: Option<Count>,
    /// At the first and the latest report behind it.
    first: Option<Count>,
    latest: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    at: Timestamp,
    packets: u32,
    /// Sequence numbers up to the highest that had come.
    numbers: i64,
}

/// Whether a server goes on sending of which nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SenderProgress {
    /// It counts so many packets that did not come.
    GoesOn(u64),
    /// It stays at this count.
    Stands(u32),
}

impl ReportCounts {
    /// A report that counts so many packets came, and so many sequence numbers before it.
    pub(super) fn report(&mut self, at: Timestamp, packets: u32, numbers: i64) {
        let count = Count { at, packets, numbers };
        if self.latest.is_none_or(|latest| latest.numbers != numbers) {
            (self.before, self.first) = (self.latest, Some(count));
        }
        self.latest = Some(count);
    }

    /// What the reports say that came behind the latest packet; `numbers`: up to that one, which came at `last`; `step_ns`:
    /// from one packet to the next.
    pub(super) fn behind(&self, numbers: i64, last: Timestamp, step_ns: i64) -> Option<SenderProgress> {
        let latest = self.latest.filter(|latest| latest.numbers == numbers)?;
        let first = self.first.filter(|first| first.at < latest.at);
        let since = |earlier: &Count| i64::from(latest.packets.wrapping_sub(earlier.packets).cast_signed());
        let grown = first.map(|first| since(&first));
        // Without an earlier report it may have counted what others got, unless it counts what came here.
        let begun = || Some(i64::from(latest.packets) - numbers).filter(|beyond| beyond.abs() <= SLACK);
        let beyond = self.before.map(|before| since(&before) - (numbers - before.numbers)).or_else(begun);
        let more = [grown.filter(|grown| *grown > 0), beyond.filter(|beyond| *beyond > SLACK)];
        if let Some(more) = more.into_iter().flatten().max() {
            return Some(SenderProgress::GoesOn(more.unsigned_abs()));
        }
        let passed = latest.at.nanos_since(last);
        let due = passed >= DUE_NS && passed / step_ns.max(1) >= DUE;
        let stands = grown == Some(0) || beyond.is_some_and(|beyond| beyond.abs() <= SLACK);
        (due && stands).then_some(SenderProgress::Stands(latest.packets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Reports as milliseconds, packet count and sequence numbers; what they say behind the last of 100 numbers, which came
    /// at 4 s, one each 40 ms.
    fn told(reports: &[(i64, u32, i64)]) -> Option<SenderProgress> {
        let mut counts = ReportCounts::default();
        for (at, packets, numbers) in reports {
            counts.report(Timestamp::from_nanos(at * MS), *packets, *numbers);
        }
        counts.behind(100, Timestamp::from_nanos(4_000 * MS), 40 * MS)
    }

    #[test]
    fn counts_go_on_or_stand() {
        use SenderProgress::{GoesOn, Stands};
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[(3_000, 75, 75)]), None, "before the last packet");
        assert_eq!(told(&[(3_000, 75, 75), (5_000, 125, 100)]), Some(GoesOn(25)));
        assert_eq!(told(&[(3_000, 75, 75), (5_000, 102, 100)]), Some(Stands(102)), "a server that counts ahead");
        assert_eq!(told(&[(5_000, 125, 100)]), None, "one report alone counts what others may have got");
        assert_eq!(told(&[(5_000, 125, 100), (6_000, 150, 100)]), Some(GoesOn(25)));
        assert_eq!(told(&[(5_000, 900, 100), (6_000, 900, 100)]), Some(Stands(900)));
        assert_eq!(told(&[(5_000, 100, 100)]), Some(Stands(100)));
        assert_eq!(told(&[(3_000, u32::MAX - 24, 75), (5_000, 25, 100)]), Some(GoesOn(25)), "counts wrap");
    }

    #[test]
    fn a_report_right_behind_the_last_packet_proves_nothing() {
        assert_eq!(told(&[(3_000, 75, 75), (4_010, 100, 100)]), None);
        assert_eq!(told(&[(3_000, 75, 75), (4_499, 100, 100)]), None);
        assert!(told(&[(3_000, 75, 75), (4_500, 100, 100)]).is_some());
    }
}
