//! The way of the frames from the script to the client, through the faults.

use super::plan::{Stalls, TrackPlan};
use super::queue::{Entry, MAX_WAITING, Queue};
use super::track::Track;
use crate::rtp::packet::is_rtcp;
use crate::rtsp::demux::FRAME_HEADER;
use crate::session::script::{Frame, Route};

/// What leaves next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A frame.
    Send {
        /// Where it belongs.
        lane: Route,
        /// The RTP or RTCP packet.
        payload: &'a [u8],
    },
    /// Bytes of the TCP stream that are no frame. Over UDP they have no place.
    Raw(&'a [u8]),
    /// So much of a frame, its header of four bytes included, then the connection is closed. Over UDP the frame does
    /// not leave.
    Cut {
        /// Where it belongs.
        lane: Route,
        /// The whole RTP or RTCP packet.
        payload: &'a [u8],
        /// How many bytes of header and payload leave: at least one, not all.
        sent: usize,
    },
}

/// The media of one PLAY on its way through the faults. Frames go in as the script has them and come out when they are
/// due; a frame is never due before its time in the script. What is delayed waits, up to 64 MiB of it: beyond that the
/// earliest frames leave early. What is reordered waits for its successors, up to 1000 packets a track.
#[derive(Debug)]
pub struct FaultLine {
    tracks: Vec<Track>,
    stalls: Stalls,
    cut: Option<i64>,
    queue: Queue,
    current: Option<Current>,
    /// Right before the latest frame was garbage.
    behind_garbage: bool,
    is_cut: bool,
}

impl FaultLine {
    pub(super) fn new(plans: &[TrackPlan], stalls: Stalls, cut: Option<i64>, seed: u64) -> Self {
        let track = |(index, plan)| Track::new(plan, seed, index);
        Self {
            tracks: plans.iter().enumerate().map(track).collect(),
            stalls,
            cut,
            queue: Queue::new(MAX_WAITING),
            current: None,
            behind_garbage: false,
            is_cut: false,
        }
    }

    /// Takes the next frame of the script. `after` does not go back; where it does, the frame counts as of the latest
    /// time so far.
    pub fn push(&mut self, frame: &Frame<'_>) {
        if self.is_cut {
            return;
        }
        let now = self.queue.advance(frame.after);
        let Self { tracks, queue, stalls, .. } = self;
        let track = match frame.lane {
            Route::Track { index, rtcp } => tracks.get_mut(index).map(|track| (track, rtcp)),
            Route::Stray { .. } | Route::Raw => None,
        };
        let is_report = is_rtcp(frame.payload);
        match track {
            Some((track, false)) if !is_report => track.rtp(now, frame.lane, frame.payload, queue),
            track => {
                let mut bytes = queue.buffer();
                bytes.extend_from_slice(frame.payload);
                let due = track.map_or_else(
                    || stalls.after(now),
                    |(track, _)| {
                        track.rtcp(&mut bytes);
                        track.stalls().after(now)
                    },
                );
                queue.insert(due, Entry { lane: frame.lane, bytes, garbage: 0, copies: 1 });
            }
        }
    }

    /// No more frames will come: those that wait for later ones leave.
    pub fn finish(&mut self) {
        if self.is_cut {
            return;
        }
        let now = self.queue.now();
        self.tracks.iter_mut().for_each(|track| track.finish(now, &mut self.queue));
    }

    /// Script time of the next step, if there is any.
    pub fn due(&self) -> Option<i64> {
        let unfinished = self.current.as_ref().filter(|current| current.copies_left > 0);
        unfinished.map(|current| current.due).or_else(|| self.queue.due())
    }

    /// The next step, in order of time. To be asked for when it is due; behind a cut there is none.
    pub fn pop(&mut self) -> Option<Step<'_>> {
        if self.current.as_ref().is_none_or(|current| current.copies_left == 0) {
            self.take_next()?;
        }
        let Current { due, entry, garbage_left, copies_left } = self.current.as_mut()?;
        let (garbage, payload) = entry.bytes.split_at_checked(entry.garbage)?;
        if entry.lane == Route::Raw {
            *copies_left = 0;
            return Some(Step::Raw(payload));
        }
        if self.cut.is_some_and(|cut| *due >= cut) {
            *copies_left = 0;
            self.is_cut = true;
            self.queue.clear();
            return Some(Step::Cut { lane: entry.lane, payload, sent: FRAME_HEADER.midpoint(payload.len()) });
        }
        if std::mem::take(garbage_left) {
            return Some(Step::Raw(garbage));
        }
        *copies_left -= 1;
        Some(Step::Send { lane: entry.lane, payload })
    }

    /// Makes the next frame the current one; `None` if there is none.
    fn take_next(&mut self) -> Option<()> {
        if let Some(last) = self.current.take() {
            self.queue.recycle(last.entry.bytes);
        }
        let (due, entry) = self.queue.pop()?;
        // A frame between garbage and garbage is not believed in by those who look for the next frame.
        let garbage_left = entry.garbage > 0 && !self.behind_garbage;
        self.behind_garbage = garbage_left || entry.lane == Route::Raw;
        self.current = Some(Current { due, garbage_left, copies_left: entry.copies, entry });
        Some(())
    }
}

/// The frame that was lent last, and what of it is still to leave.
#[derive(Debug)]
struct Current {
    due: i64,
    entry: Entry,
    garbage_left: bool,
    copies_left: u8,
}
