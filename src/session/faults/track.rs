//! The packets of one track on their way through its faults.

use std::collections::VecDeque;

use super::plan::{Stalls, TrackPlan};
use super::queue::{Entry, Queue};
use super::random::stream_of;
use super::rewrite::Rewriter;
use super::units::Share;
use crate::rtp::edit::payload_mut;
use crate::session::script::Route;

/// Fewest and most bytes of garbage.
const GARBAGE: std::ops::RangeInclusive<usize> = 16..=64;
/// Garbage is of bytes that no message and no frame begins with, and no text holds.
const GARBAGE_BYTES: std::ops::RangeFrom<u8> = 0x80..;

/// The faults of one track at work. Each fault has a random stream of its own, from which something is drawn for each
/// RTP packet, whatever the others do with it: so no fault changes where another one falls.
#[derive(Debug)]
pub(super) struct Track {
    plan: TrackPlan,
    rewriter: Rewriter,
    drop: fastrand::Rng,
    duplicate: fastrand::Rng,
    corrupt: fastrand::Rng,
    garbage: fastrand::Rng,
    reorder: fastrand::Rng,
    delay: fastrand::Rng,
    /// Packets moved back, each with how many have still to come before it.
    held: VecDeque<(u16, Packet)>,
    /// When the latest packet leaves: the next one does not leave earlier.
    last_due: i64,
    has_left: bool,
}

/// A packet, and what is still to happen to it.
#[derive(Debug)]
struct Packet {
    entry: Entry,
    delay: i64,
}

impl Track {
    pub(super) fn new(plan: &TrackPlan, seed: u64, index: usize) -> Self {
        let stream = |name| stream_of(seed, index, name);
        Self {
            plan: plan.clone(),
            rewriter: Rewriter::new(seed, index),
            drop: stream("drop"),
            duplicate: stream("dup"),
            corrupt: stream("corrupt"),
            garbage: stream("garbage"),
            reorder: stream("reorder"),
            delay: stream("delay"),
            held: VecDeque::new(),
            last_due: i64::MIN,
            has_left: false,
        }
    }

    pub(super) fn stalls(&self) -> &Stalls {
        &self.plan.stalls
    }

    /// Changes an RTCP compound, which may become shorter.
    pub(super) fn rtcp(&mut self, bytes: &mut Vec<u8>) {
        self.rewriter.rtcp(&self.plan, bytes);
    }

    /// Takes an RTP packet of the script at `now`.
    pub(super) fn rtp(&mut self, now: i64, lane: Route, payload: &[u8], queue: &mut Queue) {
        let falls = |share: Option<Share>, rng: &mut fastrand::Rng| share.is_some_and(|share| share.falls(rng));
        let dropped = falls(self.plan.drop, &mut self.drop);
        let copies = 1 + u8::from(falls(self.plan.duplicate, &mut self.duplicate));
        let corrupted = falls(self.plan.corrupt, &mut self.corrupt).then(|| self.corrupt.fork());
        let garbage = falls(self.plan.garbage, &mut self.garbage).then(|| self.garbage.fork());
        let distance = self.plan.reorder.filter(|(share, _)| share.falls(&mut self.reorder)).map(|(_, by)| by);
        let delay = self.plan.delay.map_or(0, |(mean, spread)| mean + self.delay.i64(-spread..=spread));

        let mut bytes = queue.buffer();
        let garbage = garbage.map_or(0, |rng| put_garbage(rng, &mut bytes));
        bytes.extend_from_slice(payload);
        let packet = bytes.get_mut(garbage..).unwrap_or_default();
        self.rewriter.rtp(&self.plan, now, packet);
        if dropped {
            queue.recycle(bytes);
            return;
        }
        if let Some(rng) = corrupted {
            corrupt(rng, payload_mut(packet));
        }
        self.came(now, distance, Packet { entry: Entry { lane, bytes, garbage, copies }, delay }, queue);
    }

    /// A packet comes by: it goes on, or is held, and those leave that have waited for it.
    fn came(&mut self, now: i64, distance: Option<u16>, packet: Packet, queue: &mut Queue) {
        self.held.iter_mut().for_each(|(left, _)| *left = left.saturating_sub(1));
        match distance {
            Some(distance) => self.held.push_back((distance, packet)),
            None => self.leave(now, packet, queue),
        }
        while let Some((_, packet)) = self.held.pop_front_if(|(left, _)| *left == 0) {
            self.leave(now, packet, queue);
        }
    }

    /// No more will come: what is held leaves.
    pub(super) fn finish(&mut self, now: i64, queue: &mut Queue) {
        while let Some((_, packet)) = self.held.pop_front() {
            self.leave(now, packet, queue);
        }
    }

    fn leave(&mut self, now: i64, packet: Packet, queue: &mut Queue) {
        let Packet { mut entry, delay } = packet;
        // Those who look for the next frame behind garbage believe in one on a channel that they know.
        if !std::mem::replace(&mut self.has_left, true) {
            entry.bytes.drain(..std::mem::take(&mut entry.garbage));
        }
        let due = self.plan.stalls.after(now.saturating_add(delay).max(self.last_due));
        self.last_due = due;
        queue.insert(due, entry);
    }
}

/// Adds garbage; gives its length.
fn put_garbage(mut rng: fastrand::Rng, bytes: &mut Vec<u8>) -> usize {
    let len = rng.usize(GARBAGE);
    bytes.extend(std::iter::repeat_with(|| rng.u8(GARBAGE_BYTES)).take(len));
    len
}

/// Changes one byte; an empty payload has none.
fn corrupt(mut rng: fastrand::Rng, payload: &mut [u8]) {
    if !payload.is_empty()
        && let Some(byte) = payload.get_mut(rng.usize(0..payload.len()))
    {
        *byte ^= rng.u8(1..);
    }
}
