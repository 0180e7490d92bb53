//! Missing packets, and who lost them.

use crate::analysis::location::Location;
use crate::analysis::stream::StreamState;
use crate::analysis::verdicts::words::Cause;
use crate::rtp::MAX_MISORDER;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// A sender counts its packets a little before or after it sends the report: by so many at most, as long as reports without
/// a loss between them have not shown how exact it is.
const SLACK: i64 = 4;
/// Gaps whose times are remembered for each loss.
const MAX_SPANS: usize = 64;
/// A gap so long after the last one is another loss, reports or not, as with other events. Servers report each 3 to 10 s.
const APART_NS: i64 = 10 * NANOS_PER_SECOND;
/// Freezes that one loss may cause.
const MAX_FREEZES: usize = 64;

/// What had been sent and what had come at some moment.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// By the sender's report; 0 before the first one.
    sent: u32,
    received: i64,
    missing: i64,
    at: Timestamp,
}

/// Numbers that were skipped right before a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) place: Location,
    pub(super) ext_seq: i64,
    /// When the packet before it came.
    pub(super) since: Timestamp,
    pub(super) packets: u16,
    /// Bytes of the connection lack between both packets.
    pub(super) cut_by_capture: bool,
}

/// Numbers that were skipped and may still come.
#[derive(Clone, Debug)]
struct Open {
    first: Location,
    last: Location,
    last_seq: i64,
    /// From the packet before each gap to the one behind it.
    spans: Vec<(Timestamp, Timestamp)>,
    /// At the latest report before it, and at the latest one since.
    before: Balance,
    after: Option<Balance>,
    /// Missing right before it.
    missing: i64,
    /// Bytes of the connection lack in one of the gaps.
    cut_by_capture: bool,
}

/// A picture that stood still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freeze {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) place: Location,
}

/// The gaps of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    reported: Balance,
    /// At the report before that one.
    earlier: Balance,
    /// By how many packets the counts are off at most, as far as reports without a loss between them show it.
    noise: Option<i64>,
    open: Option<Open>,
    freezes: Vec<Freeze>,
}

/// What became of a gap.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) first: Location,
    pub(super) last: Location,
    /// From the packet before each gap to the one behind it.
    pub(super) spans: Vec<(Timestamp, Timestamp)>,
    pub(super) packets: u64,
    pub(super) freezes: Vec<Freeze>,
    pub(super) verdict: Cause,
    pub(super) detail: String,
    /// Bytes of the connection lack in one of its gaps.
    pub(super) cut_by_capture: bool,
}

impl Lost {
    /// Whether a moment lies in one of its gaps.
    pub(super) fn covers(&self, at: Timestamp) -> bool {
        self.spans.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }
}

impl Losses {
    /// Numbers are skipped, of which nothing is counted yet but the gap. What was skipped long before is another loss.
    pub(super) fn gap(&mut self, gap: Gap, stream: &StreamState) -> Option<Lost> {
        let Gap { place, ext_seq, since, packets, cut_by_capture } = gap;
        let missing = stream.sequence.missing() - i64::from(packets);
        let apart = |open: &Open| {
            place.at.nanos_since(open.last.at) > APART_NS && ext_seq - open.last_seq > i64::from(MAX_MISORDER)
        };
        let lost = if self.open.as_ref().is_some_and(apart) { self.close(stream, missing) } else { None };
        // A report between the packets on both sides of the gap may count what is missing or not.
        let before = if self.reported.at > since { self.earlier } else { self.reported };
        let (after, spans) = (None, Vec::new());
        let new = Open { first: place, last: place, last_seq: ext_seq, spans, before, after, missing, cut_by_capture };
        let open = self.open.get_or_insert(new);
        (open.last, open.last_seq) = (place, ext_seq);
        open.cut_by_capture |= cut_by_capture;
        if open.spans.len() < MAX_SPANS {
            open.spans.push((since, place.at));
        } else if let Some((_, to)) = open.spans.last_mut() {
            *to = place.at;
        }
        lost
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
    pub(super) fn report(&mut self, at: Timestamp, sent: u32, stream: &StreamState) -> Option<Lost> {
        let highest = stream.sequence.highest().unwrap_or(0);
        let now = Balance::new(at, sent, stream);
        match &mut self.open {
            Some(open) => {
                open.after = Some(now);
                if highest - open.last_seq < i64::from(MAX_MISORDER) {
                    return None;
                }
            }
            None => self.learn(now),
        }
        self.earlier = std::mem::replace(&mut self.reported, now);
        self.end(stream)
    }

    /// How exact the sender counts, from two reports without a loss between them. Before the first one it may have counted
    /// what others got.
    fn learn(&mut self, now: Balance) {
        let off = i64::from(now.sent.wrapping_sub(self.reported.sent)) - (now.received - self.reported.received);
        let first = self.reported.received == 0;
        if now.missing == self.reported.missing && (!first || off.abs() <= SLACK) {
            self.noise = Some(self.noise.unwrap_or(0).max(off.abs()));
        }
    }

    /// Nothing more comes that belongs there.
    pub(super) fn end(&mut self, stream: &StreamState) -> Option<Lost> {
        self.close(stream, stream.sequence.missing())
    }

    /// `missing`: of the stream, but for what belongs to another loss.
    fn close(&mut self, stream: &StreamState, missing: i64) -> Option<Lost> {
        let (open, freezes) = (self.open.take()?, std::mem::take(&mut self.freezes));
        // All of it came late.
        let packets = u64::try_from(missing - open.missing).ok().filter(|packets| *packets > 0)?;
        let noise = self.noise.unwrap_or(SLACK);
        let (verdict, detail) = judge(stream.is_over_tcp(), noise, &open.before, open.after.as_ref());
        let Open { first, last, spans, cut_by_capture, .. } = open;
        Some(Lost { first, last, spans, packets, freezes, verdict, detail, cut_by_capture })
    }
}

impl Balance {
    fn new(at: Timestamp, sent: u32, stream: &StreamState) -> Self {
        let received = i64::try_from(stream.sequence.distinct()).unwrap_or(i64::MAX);
        // The sender counts all packets of the source.
        let received = received.saturating_add(i64::try_from(stream.sequence.beside).unwrap_or(0));
        Self { sent, received, missing: stream.sequence.missing(), at }
    }
}

/// What the counts of two sender reports say: one before the loss, or the beginning, and one behind it.
fn judge(over_tcp: bool, noise: i64, before: &Balance, after: Option<&Balance>) -> (Cause, String) {
    let counted = after.map(|after| {
        let sent = i64::from(after.sent.wrapping_sub(before.sent));
        let (received, missing) = (after.received - before.received, after.missing - before.missing);
        (sent, received, missing, weigh(sent - received, missing, noise))
    });
    let counts = |sent, received| format!("the sender reports count {sent} packets, {received} came");
    match counted {
        None if over_tcp => {
            (Cause::LostBeforeSending, "TCP loses nothing; no sender report behind it tells more".into())
        }
        None => (Cause::LostSomewhere, "no sender report behind it tells whether they were sent".into()),
        Some((sent, received, _, Some(true))) if over_tcp => {
            let detail = format!("TCP loses nothing; {}: dropped behind the counting", counts(sent, received));
            (Cause::LostBeforeSending, detail)
        }
        Some((sent, received, ..)) if over_tcp => {
            (Cause::LostBeforeSending, format!("TCP loses nothing; {}", counts(sent, received)))
        }
        Some((sent, received, _, Some(true))) => (Cause::LostOnTheWay, counts(sent, received)),
        Some((sent, received, _, Some(false))) => (Cause::LostBeforeSending, counts(sent, received)),
        Some((sent, received, missing, None)) => {
            let detail = format!("{}: that does not tell of {missing} missing", counts(sent, received));
            (Cause::LostSomewhere, detail)
        }
    }
}

/// Whether what was missing had been counted as sent, by how many more were sent than came and how exact that is; `None`
/// where that can't be told.
fn weigh(more: i64, missing: i64, noise: i64) -> Option<bool> {
    let (sent, unsent) = ((more - missing).abs() <= noise, more.abs() <= noise);
    (sent != unsent).then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_weighed() {
        assert_eq!((weigh(1, 1, 0), weigh(0, 1, 0), weigh(2, 1, 0)), (Some(true), Some(false), None));
        assert_eq!((weigh(1, 1, 1), weigh(0, 1, 1), weigh(10, 12, 4)), (None, None, Some(true)));
        assert_eq!((weigh(1, 12, 4), weigh(6, 12, 4), weigh(-5, 5, 4)), (Some(false), None, None));
    }
}
