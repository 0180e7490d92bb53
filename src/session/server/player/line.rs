//! The way of the frames where faults are on it.

use std::sync::Arc;

use super::{MAX_IDLE_FRAMES, Player, Step, Way, append_frame};
use crate::session::faults::{self, FaultLine};
use crate::session::script::{Frame, Route};
use crate::session::server::transport::Delivery;

impl Player {
    /// The same where frames pass through faults.
    pub(super) fn next_of_line(&mut self, time: i64, deliveries: &[Option<Delivery>], batch: &mut Vec<u8>) -> Step {
        self.feed_line(time);
        let Some(due) = self.line.as_ref().and_then(FaultLine::due) else {
            // Frames may have been dropped, or be held for later ones.
            return match self.source_after() {
                None => Step::End(self.offer.script.end()),
                Some(after) if after <= time => Step::Composed,
                Some(_) => Step::Nothing,
            };
        };
        if due > time {
            return Step::Nothing;
        }
        // What has been gathered leaves first, where the next may be a datagram.
        if !batch.is_empty() && deliveries.iter().flatten().any(|delivery| matches!(delivery, Delivery::Udp { .. })) {
            return Step::Nothing;
        }
        let Some(mut line) = self.line.take() else { return Step::Nothing };
        let step = line.pop().map_or(Step::Nothing, |step| self.deliver(step, deliveries, batch));
        self.line = Some(line);
        step
    }

    /// Puts a step into the form in which it leaves.
    fn deliver(&mut self, step: faults::Step<'_>, deliveries: &[Option<Delivery>], batch: &mut Vec<u8>) -> Step {
        match step {
            faults::Step::Raw(bytes) => {
                if matches!(self.way(Route::Raw, deliveries), Way::Raw) {
                    batch.extend_from_slice(bytes);
                }
                Step::Composed
            }
            faults::Step::Cut { lane, payload, sent } => {
                if let Way::Channel(channel) = self.way(lane, deliveries) {
                    let start = batch.len();
                    append_frame(batch, channel, payload);
                    batch.truncate(start + sent);
                }
                Step::Cut
            }
            faults::Step::Send { lane, payload } => match self.way(lane, deliveries) {
                Way::Nowhere | Way::Raw => Step::Composed,
                Way::Channel(channel) => {
                    append_frame(batch, channel, payload);
                    Step::Composed
                }
                Way::Port { track, rtcp, port } => {
                    payload.clone_into(&mut self.payload);
                    Step::Datagram { track, rtcp, port }
                }
            },
        }
    }

    /// Gives the faults what is due of the script, as far as it may leave before what they hold already.
    fn feed_line(&mut self, time: i64) {
        let offer = Arc::clone(&self.offer);
        let Some(mut line) = self.line.take() else { return };
        for _ in 0..MAX_IDLE_FRAMES {
            let Some(after) = self.source_after() else {
                line.finish();
                break;
            };
            self.idle_frames += 1;
            if after > time || line.due().is_some_and(|due| due < after) {
                break;
            }
            let Some(frame) = offer.script.frame(self.next) else { break };
            if self.rewrites() && frame.lane != Route::Raw {
                self.fit(&frame);
                if !self.payload.is_empty() {
                    line.push(&Frame { after, lane: frame.lane, payload: &self.payload });
                }
            } else {
                line.push(&Frame { after, ..frame });
            }
            self.advance();
        }
        self.line = Some(line);
    }
}
