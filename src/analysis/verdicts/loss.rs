//! Missing packets, and who lost them.

use crate::analysis::out::Place;
use crate::analysis::stream::Stream;
use crate::analysis::verdicts::event::Verdict;
use crate::rtp::MAX_MISORDER;
use crate::time::Timestamp;

/// A sender counts its packets a little before or after it sends the report.
const SLACK: i64 = 4;
/// Freezes that one loss may cause.
const MAX_FREEZES: usize = 64;

/// What had been sent and what had come at some moment.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// By the sender's report; 0 before the first one.
    sent: u32,
    received: i64,
    missing: i64,
}

/// Numbers that were skipped and may still come.
#[derive(Clone, Debug)]
struct Open {
    first: Place,
    last: Place,
    last_seq: i64,
    /// Of the latest packet before it.
    since: Timestamp,
    /// At the latest report before it, and at the latest one since.
    before: Balance,
    after: Option<Balance>,
    /// Missing right before it.
    missing: i64,
}

/// A picture that stood still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freeze {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) place: Place,
}

/// The gaps of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    reported: Balance,
    open: Option<Open>,
    freezes: Vec<Freeze>,
}

/// What became of a gap.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) first: Place,
    pub(super) last: Place,
    pub(super) since: Timestamp,
    pub(super) packets: u64,
    pub(super) freezes: Vec<Freeze>,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
}

impl Losses {
    /// Numbers are skipped right before the packet at `place`, of which nothing is counted yet but the gap.
    pub(super) fn gap(&mut self, place: Place, ext_seq: i64, since: Timestamp, gap: u16, stream: &Stream) {
        let before = self.reported;
        let missing = stream.sequence.missing() - i64::from(gap);
        let new = Open { first: place, last: place, last_seq: ext_seq, since, before, after: None, missing };
        let open = self.open.get_or_insert(new);
        (open.last, open.last_seq) = (place, ext_seq);
    }

    /// Whether numbers were skipped since then.
    pub(super) fn is_open_since(&self, from: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| open.last.at >= from)
    }

    /// A loss made the picture stand still.
    pub(super) fn freeze(&mut self, freeze: Freeze) {
        if self.freezes.len() < MAX_FREEZES {
            self.freezes.push(freeze);
        }
    }

    /// A sender report with this packet count came. What was skipped long enough ago won't come any more.
    pub(super) fn report(&mut self, sent: u32, stream: &Stream) -> Option<Lost> {
        let highest = stream.sequence.highest().unwrap_or(0);
        let now = balance(sent, stream);
        if let Some(open) = &mut self.open {
            open.after = Some(now);
            if highest - open.last_seq < i64::from(MAX_MISORDER) {
                return None;
            }
        }
        self.reported = now;
        self.end(stream)
    }

    /// Nothing more comes that belongs there.
    pub(super) fn end(&mut self, stream: &Stream) -> Option<Lost> {
        let (open, freezes) = (self.open.take()?, std::mem::take(&mut self.freezes));
        let packets = stream.sequence.missing() - open.missing;
        // All of it came late.
        let packets = u64::try_from(packets).ok().filter(|packets| *packets > 0)?;
        let (verdict, detail) = judge(stream, &open.before, open.after.as_ref());
        let Open { first, last, since, .. } = open;
        Some(Lost { first, last, since, packets, freezes, verdict, detail })
    }
}

fn balance(sent: u32, stream: &Stream) -> Balance {
    let distinct = stream.sequence.packets.saturating_sub(stream.sequence.duplicates);
    Balance { sent, received: i64::try_from(distinct).unwrap_or(i64::MAX), missing: stream.sequence.missing() }
}

/// What the counts of two sender reports say: one before the loss, or the beginning, and one behind it.
fn judge(stream: &Stream, before: &Balance, after: Option<&Balance>) -> (Verdict, String) {
    let over_tcp = stream.is_over_tcp();
    let counted = after.map(|after| {
        let sent = i64::from(after.sent.wrapping_sub(before.sent));
        let (received, missing) = (after.received - before.received, after.missing - before.missing);
        (sent, received, missing, weigh(sent - received, missing))
    });
    let counts = |sent, received| format!("the sender reports count {sent} packets, {received} came");
    match counted {
        None if over_tcp => {
            (Verdict::LostBeforeSending, "TCP loses nothing; no sender report behind it tells more".into())
        }
        None => (Verdict::LostSomewhere, "no sender report behind it tells whether they were sent".into()),
        Some((sent, received, _, Some(true))) if over_tcp => {
            let detail = format!("TCP loses nothing; {}: dropped behind the counting", counts(sent, received));
            (Verdict::LostBeforeSending, detail)
        }
        Some((sent, received, ..)) if over_tcp => {
            (Verdict::LostBeforeSending, format!("TCP loses nothing; {}", counts(sent, received)))
        }
        Some((sent, received, _, Some(true))) => (Verdict::LostOnTheWay, counts(sent, received)),
        Some((sent, received, _, Some(false))) => (Verdict::LostBeforeSending, counts(sent, received)),
        Some((sent, received, missing, None)) => {
            let detail = format!("{}: that does not tell of {missing} missing", counts(sent, received));
            (Verdict::LostSomewhere, detail)
        }
    }
}

/// Whether what was missing had been counted as sent, by how many more were sent than came; `None` where that can't be
/// told.
fn weigh(more: i64, missing: i64) -> Option<bool> {
    let fits = (-SLACK..=missing.saturating_add(SLACK)).contains(&more);
    match (2 * more).cmp(&missing) {
        _ if !fits => None,
        std::cmp::Ordering::Greater => Some(true),
        std::cmp::Ordering::Less => Some(false),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_weighed() {
        assert_eq!((weigh(1, 1), weigh(0, 1), weigh(2, 1)), (Some(true), Some(false), Some(true)));
        assert_eq!((weigh(10, 12), weigh(1, 12), weigh(6, 12)), (Some(true), Some(false), None));
        assert_eq!((weigh(-2, 5), weigh(-5, 5), weigh(10, 5)), (Some(false), None, None));
    }
}
