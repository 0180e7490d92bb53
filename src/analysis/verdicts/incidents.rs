//! Incidents: events of a session that a viewer notices as one. The picture freezes, the sound is late, packets are missing, all
//! within a second: that is one fault seen from three sides.

use crate::analysis::verdicts::event::Event;
use crate::analysis::verdicts::words::EventKind;
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// Events of tracks that one fault hits begin and end with packets of their own, so they need not touch. A second is chosen, not
/// measured: reports, sound and pictures of a track come at least so often.
const NEAR_NS: i64 = NANOS_PER_SECOND;

/// The number of each event's incident, from 1 in order of time. `None` for what a session or stream shows as a whole.
/// `events` are sorted by their first place.
pub(super) fn numbers(events: &[Event]) -> Vec<Option<usize>> {
    let mut with_times: Vec<(Timestamp, Timestamp, usize)> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.kind.is_at_a_time())
        .map(|(index, event)| {
            let (from, to) = event.times();
            // Media that never came is missed from its beginning on: what else happens until the end is another fault.
            (from, if event.kind == EventKind::NoMedia { from } else { to }, index)
        })
        .collect();
    with_times.sort_by_key(|(from, ..)| *from);
    let mut numbers = vec![None; events.len()];
    let (mut incident, mut end) = (0_usize, None::<Timestamp>);
    for (from, to, index) in with_times {
        if end.is_none_or(|end| from.nanos_since(end) > NEAR_NS) {
            incident = incident.saturating_add(1);
        }
        end = end.max(Some(to));
        if let Some(number) = numbers.get_mut(index) {
            *number = Some(incident);
        }
    }
    numbers
}

impl EventKind {
    /// Whether it happened at some time, and is not what lasts or what was counted from beginning to end.
    const fn is_at_a_time(self) -> bool {
        match self {
            Self::Gap
            | Self::NoMedia
            | Self::NoPicture
            | Self::Late
            | Self::Pause
            | Self::Freeze
            | Self::Restart
            | Self::End => true,
            Self::Jitter
            | Self::Drift
            | Self::Timestamps
            | Self::Duplicates
            | Self::Reordering
            | Self::Garbage
            | Self::Channels
            | Self::Reports
            | Self::Login
            | Self::Refusal => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::location::Location;
    use crate::analysis::verdicts::event::Subject;
    use crate::analysis::verdicts::words::Cause;
    use crate::trace::Direction;

    fn event(kind: EventKind, from_ms: i64, to_ms: i64) -> Event {
        let place = |ms: i64| Location {
            at: Timestamp::from_nanos(ms * 1_000_000),
            capture: 0,
            frame_number: None,
            session: 1,
            direction: Direction::ServerToClient,
            offset: None,
        };
        let (first, last) = (place(from_ms), place(to_ms));
        let (subject, verdict) = (Subject::Track(None), Cause::Unexplained);
        Event { subject, kind, verdict, count: 1, first, last, span: None, detail: String::new() }
    }

    #[test]
    fn what_is_near_is_one() {
        let events = [
            event(EventKind::Gap, 0, 0),
            event(EventKind::Freeze, 400, 2_000),
            event(EventKind::Duplicates, 500, 60_000),
            event(EventKind::Late, 2_900, 2_900),
            event(EventKind::Gap, 3_901, 3_901),
            event(EventKind::Drift, 9_000, 9_000),
        ];
        assert_eq!(numbers(&events), [Some(1), Some(1), None, Some(1), Some(2), None]);
    }

    #[test]
    fn the_silence_counts_from_its_beginning() {
        let mut late = event(EventKind::Late, 9_000, 9_000);
        late.span = Some((Timestamp::from_nanos(3_000_000_000), Timestamp::from_nanos(9_000_000_000)));
        let events = [event(EventKind::Freeze, 2_500, 2_600), event(EventKind::Gap, 8_000, 8_000), late];
        assert_eq!(numbers(&events), [Some(1), Some(1), Some(1)]);
    }

    proptest! {
        /// Whoever overlaps has one number, and numbers have no holes.
        #[test]
        fn overlapping_events_share_a_number(times in prop::collection::vec((0_i64..60_000, 0_i64..5_000), 0..30)) {
            let mut events: Vec<Event> =
                times.iter().map(|(from, length)| event(EventKind::Gap, *from, from + length)).collect();
            events.sort_by_key(|event| event.first.at);
            let numbers = numbers(&events);
            for (a, one) in events.iter().zip(&numbers) {
                for (b, other) in events.iter().zip(&numbers) {
                    let overlap = a.first.at <= b.last.at && b.first.at <= a.last.at;
                    prop_assert!(!overlap || one == other, "{a:?} and {b:?}");
                }
            }
            let seen: std::collections::BTreeSet<_> = numbers.iter().flatten().copied().collect();
            prop_assert_eq!(seen.len(), seen.last().copied().unwrap_or(0));
        }
    }
}
