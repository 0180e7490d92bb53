//! Report blocks and the round trip that they tell of (RFC 3550, section 6.4.1).

use std::collections::VecDeque;

use crate::rtp::rtcp::ReportBlock;
use crate::time::Timestamp;
use crate::trace::Direction;

/// Sender reports that a later block may refer to.
const REMEMBERED: usize = 64;

/// The latest sender reports of a session.
#[derive(Debug, Default)]
pub(super) struct RecentReports(VecDeque<(Direction, u32, Timestamp)>);

impl RecentReports {
    /// A sender report with this middle of its NTP time passed.
    pub(super) fn passed(&mut self, direction: Direction, middle: u32, at: Timestamp) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((direction, middle, at));
    }

    /// Milliseconds from the sender report that a block repeats to the block, less what its sender waited. As both are
    /// timed where the capture was taken, this is the round trip from there to the reporter. `None` where the capture
    /// holds no such report in the other direction.
    pub(super) fn round_trip_ms(&self, direction: Direction, block: &ReportBlock, at: Timestamp) -> Option<f64> {
        let other = direction.reverse();
        let known = |(way, middle, _): &&(Direction, u32, Timestamp)| *way == other && *middle == block.lsr;
        let (_, _, sent) = self.0.iter().rev().find(known).filter(|_| block.lsr != 0)?;
        Some((at.seconds_since(*sent) - delay_s(block)) * 1e3)
    }
}

/// The delay since the last sender report, in seconds.
pub(super) fn delay_s(block: &ReportBlock) -> f64 {
    f64::from(block.dlsr) / 65_536.0
}
