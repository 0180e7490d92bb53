//! What TCP itself says of a silence.

use std::collections::VecDeque;
use std::time::Duration;

use crate::analysis::verdicts::span::{Span, keep, overlap, remember};
use crate::analysis::verdicts::words::Cause;
use crate::time::Timestamp;
use crate::trace::{ConnectionStall, Direction, StallCause};

/// Stalls of the connections of a session, in one direction.
#[derive(Debug, Default)]
pub(super) struct TcpEvidence {
    /// The receiver had no room.
    closed: VecDeque<Span>,
    /// What was sent had been lost.
    lossy: VecDeque<Span>,
    losses: VecDeque<(Span, u64, u64)>,
    /// There was nothing to send.
    idle: VecDeque<Span>,
    /// What the handshake took, where it is in the capture.
    round_trip: Option<Duration>,
}

impl TcpEvidence {
    /// A connection did not move on.
    pub(super) fn stall(&mut self, stall: &ConnectionStall) {
        let span = (stall.since, stall.until);
        self.round_trip = stall.round_trip.or(self.round_trip);
        match stall.cause {
            StallCause::NoRoom => remember(&mut self.closed, span),
            StallCause::NothingToSend => remember(&mut self.idle, span),
            StallCause::Loss { sent_again, asked } => {
                remember(&mut self.lossy, span);
                // It may have been told before it was over.
                self.losses.pop_back_if(|((since, _), ..)| *since == stall.since);
                keep(&mut self.losses, (span, sent_again, asked));
            }
        }
    }

    /// Why nothing came in this direction in a time in which so much was late: the cause, and the evidence in words.
    pub(super) fn cause(&self, direction: Direction, silence: Span, by: i64) -> Option<(Cause, String)> {
        let most = |spans| overlap(spans, silence) >= by / 2;
        if direction == Direction::ServerToClient && most(&self.closed) {
            let why = format!("; for {:.3} s of it the client had no room (TCP window)", common(&self.closed, silence));
            return Some((Cause::ClientDoesNotRead, why));
        }
        if most(&self.lossy) {
            return Some((Cause::LateOnTheNetwork, self.loss(silence)));
        }
        let idle = "; TCP had room and nothing under way, and what came then waited for no acknowledgement";
        most(&self.idle).then(|| (Cause::LateAtTheSource, idle.to_owned()))
    }

    fn loss(&self, (from, to): Span) -> String {
        let within = |((since, until), ..): &&(Span, u64, u64)| *since < to && from < *until;
        let counted = self.losses.iter().filter(within);
        let (again, asked) = counted.fold((0u64, 0u64), |(again, asked), (_, more_again, more_asked)| {
            (again.saturating_add(*more_again), asked.saturating_add(*more_asked))
        });
        let trip = self
            .round_trip
            .map_or_else(String::new, |time| format!("; a round trip takes {:.1} ms", time.as_secs_f64() * 1e3));
        format!("; TCP segments were lost: {again} came again or late, {asked} acknowledgements asked for them{trip}")
    }
}

/// Seconds.
fn common(spans: &VecDeque<Span>, silence: Span) -> f64 {
    Timestamp::from_nanos(overlap(spans, silence)).seconds_since(Timestamp::from_nanos(0))
}
