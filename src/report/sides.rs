//! Who has to look for faults, in a line: `network 2, camera 1`.

use std::collections::HashSet;
use std::fmt;

use crate::analysis::verdicts::FaultSide;

/// How often each side has to look for a fault.
#[derive(Debug, Default)]
pub(super) struct SideCounts {
    counts: [usize; FaultSide::ALL.len()],
    /// Incidents that were counted, by their session: several rows of one incident and side are one fault.
    incidents: HashSet<(usize, usize, FaultSide)>,
}

impl SideCounts {
    /// A row of `verdicts`.
    pub(super) fn add(&mut self, side: FaultSide, session: usize, incident: Option<usize>) {
        if incident.is_none_or(|incident| self.incidents.insert((session, incident, side))) {
            for (count, _) in self.counts.iter_mut().zip(FaultSide::ALL).filter(|(_, other)| *other == side) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// The side with the most faults first, and what this capture does not tell last.
impl fmt::Display for SideCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: Vec<(usize, FaultSide)> =
            self.counts.iter().copied().zip(FaultSide::ALL).filter(|(count, _)| *count > 0).collect();
        counts.sort_by_key(|(count, side)| (*side == FaultSide::Unknown, std::cmp::Reverse(*count)));
        counts.iter().enumerate().try_for_each(|(index, (count, side))| {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{side} {count}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_incident_and_side_count_once() {
        let mut sides = SideCounts::default();
        assert_eq!(sides.to_string(), "");
        for (side, session, incident) in [
            (FaultSide::Unknown, 1, None),
            (FaultSide::Unknown, 1, None),
            (FaultSide::Unknown, 1, None),
            (FaultSide::Camera, 1, Some(1)),
            (FaultSide::Network, 1, Some(1)),
            (FaultSide::Network, 1, Some(1)),
            (FaultSide::Network, 2, Some(1)),
        ] {
            sides.add(side, session, incident);
        }
        assert_eq!(sides.to_string(), "network 2, camera 1, unknown 3");
    }
}
