//! The packets that only one of two captures has: where they stand, in runs.

use serde::Serialize;

use crate::analysis::cell::Utc;
use crate::analysis::matching::window::Arrival;

/// Runs that are kept for each stream and side.
const MAX_RUNS: usize = 1000;

/// Packets in a row that the other capture lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// How many.
    pub packets: u64,
    /// Sequence number of the first.
    pub first_seq: u16,
    /// Of the last.
    pub last_seq: u16,
    /// Wireshark's number of the first, in the capture that has it.
    pub frame_number: Option<u64>,
    /// When the first came, in that capture.
    pub time_utc: Utc,
}

/// The packets that only one capture has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Only {
    /// Before the first that both have: there the other capture begins.
    pub before: u64,
    /// Between the first and the last that both have: lost, or sent past the other point.
    pub between: u64,
    /// Behind the last that both have: there the other capture ends.
    pub after: u64,
    /// How many runs those between make.
    pub run_count: u64,
    /// The longest of them.
    pub longest_run: u64,
    /// The first of them.
    pub runs: Vec<Run>,
}

/// Collects them, in the order of their capture.
#[derive(Debug, Default)]
pub(super) struct Losses {
    only: Only,
    open: Option<Open>,
    /// The lowest and the highest place of a packet that both have.
    met: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Open {
    first: u64,
    last: u64,
    run: Run,
}

impl Losses {
    /// A packet at this place is in both.
    pub(super) fn met(&mut self, index: u64) {
        let (low, high) = self.met.unwrap_or((index, index));
        self.met = Some((low.min(index), high.max(index)));
    }

    /// One is not.
    pub(super) fn lacks(&mut self, arrival: &Arrival, seq: u16) {
        match &mut self.open {
            Some(open) if open.last + 1 == arrival.index => {
                open.last = arrival.index;
                open.run.packets += 1;
                open.run.last_seq = seq;
            }
            _ => {
                self.close();
                let Arrival { at, frame_number, index, .. } = *arrival;
                let run = Run { packets: 1, first_seq: seq, last_seq: seq, frame_number, time_utc: Utc(at) };
                self.open = Some(Open { first: index, last: index, run });
            }
        }
    }

    /// What lies between two runs is in both, so only a last one can be behind all of that.
    fn close(&mut self) {
        let Some(Open { first, last, run }) = self.open.take() else { return };
        let only = &mut self.only;
        match self.met {
            Some((_, high)) if high < first => only.after += run.packets,
            Some((low, _)) if low < last => {
                only.between += run.packets;
                only.run_count += 1;
                only.longest_run = only.longest_run.max(run.packets);
                if only.runs.len() < MAX_RUNS {
                    only.runs.push(run);
                }
            }
            _ => only.before += run.packets,
        }
    }

    pub(super) fn finish(mut self) -> Only {
        self.close();
        self.only
    }
}
