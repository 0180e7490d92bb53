//! What the frames of a stream say together.

use crate::analysis::cell::{float, millis};
use crate::analysis::frames::Frame;
use crate::analysis::frames::damage::{PictureDamage, PictureState};
use crate::analysis::frames::key_frames::KeyFrames;
use crate::analysis::freeze_rule::stands_still;
use crate::time::Timestamp;

/// The average that an interval is compared with is that of so many before it, as WebRTC has it.
const RECENT: usize = 30;
const RECENT_COUNT: i64 = 30;

/// More ticks from one frame to the next are no media time: ten seconds of video.
const MAX_STEP: i64 = 900_000;

/// Statistics over the frames of one stream, in their order.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct FrameStatistics {
    pub(in crate::analysis) frames: u64,
    pub(in crate::analysis) incomplete: u64,
    pub(in crate::analysis) key_frames: u64,
    /// The highest extended timestamp of a stretch, the ticks over all of them, their frames, and how many there are.
    highest: Option<i64>,
    ticks: i64,
    timed: u64,
    stretches: u64,
    /// Timestamps do not run as time does.
    unpaced: bool,
    /// Frames since the latest key frame, which is one of them.
    since_key: Option<u64>,
    /// Frames in whole groups, the longest of them, and how many there are.
    grouped: u64,
    longest_group: u64,
    groups: u64,
    /// Bytes and number of complete key frames, and of the others.
    key_sizes: (u64, u64),
    other_sizes: (u64, u64),
    pub(in crate::analysis) first_key_at: Option<Timestamp>,
    /// From here on nobody looks: the client has asked for the end.
    given_up: Option<Timestamp>,
    pace: FreezeDetector,
    pub(in crate::analysis) keys: KeyFrames,
    pub(in crate::analysis) damage: PictureDamage,
}

/// The distances at which pictures become complete.
#[derive(Clone, Debug, Default)]
struct FreezeDetector {
    /// What ended before does not count.
    since: Option<Timestamp>,
    latest: Option<Timestamp>,
    recent: [i64; RECENT],
    /// Of what is in `recent`.
    sum: i64,
    count: u64,
    /// The place of the oldest.
    oldest: usize,
    freezes: u64,
    longest_freeze: i64,
    /// The latest freeze that nobody has asked for.
    latest_freeze: Option<(Timestamp, Timestamp)>,
}

impl FrameStatistics {
    /// Takes the next frame; `lacks`: pictures are missing right before it. Parameter sets without a picture are no frame of
    /// video.
    pub(super) fn frame(&mut self, frame: &Frame, complete: bool, lacks: bool) {
        if frame.video && !frame.coding.picture {
            return;
        }
        let given_up = self.given_up.is_some_and(|since| frame.last_at >= since);
        self.frames += 1;
        self.incomplete += u64::from(!complete && !given_up);
        let at = frame.ext_timestamp;
        self.advance(at);
        if frame.video {
            self.picture(frame, complete);
            if !given_up {
                self.quality(frame, complete, lacks);
            }
        }
    }

    /// Counts media time, but not over jumps of the timestamps.
    fn advance(&mut self, at: i64) {
        if self.unpaced {
            return;
        }
        self.timed += 1;
        let step = self.highest.map_or(0, |highest| at.saturating_sub(highest));
        if self.highest.is_none() || !(-MAX_STEP..=MAX_STEP).contains(&step) {
            self.stretches += 1;
        } else if step > 0 {
            self.ticks = self.ticks.saturating_add(step);
        }
        if self.highest.is_none() || !(-MAX_STEP..=0).contains(&step) {
            self.highest = Some(at);
        }
    }

    fn picture(&mut self, frame: &Frame, complete: bool) {
        let key = frame.coding.key;
        if key {
            self.key_frames += 1;
            if let Some(frames) = self.since_key {
                self.grouped += frames;
                self.groups += 1;
                self.longest_group = self.longest_group.max(frames);
            }
            self.since_key = Some(0);
        }
        if let Some(frames) = &mut self.since_key {
            *frames += 1;
        }
        if complete {
            let sizes = if key { &mut self.key_sizes } else { &mut self.other_sizes };
            *sizes = (sizes.0.saturating_add(frame.bytes), sizes.1 + 1);
            if key {
                self.first_key_at.get_or_insert(frame.last_at);
            }
            if self.given_up.is_none_or(|since| frame.last_at < since) {
                self.pace.complete(frame.last_at);
            }
        }
    }

    /// What a viewer sees of a picture.
    fn quality(&mut self, frame: &Frame, complete: bool, lacks: bool) {
        let (entry, is_first) = (frame.coding.entry(), self.keys.first_picture.is_none());
        self.keys.picture(frame, entry.is_some(), !complete || lacks);
        // What came before the very first packet was not lost.
        if is_first && !complete && frame.has_no_hole() {
            return;
        }
        let Frame { first_at, last_at, .. } = *frame;
        let disposable = frame.coding.is_disposable();
        self.damage.picture(PictureState { first_at, last_at, complete, lacks, disposable, entry });
    }

    /// Ticks from one frame to the next, on average.
    pub(super) fn usual_step(&self) -> Option<i64> {
        let steps = i64::try_from(self.timed.checked_sub(self.stretches)?).ok()?;
        self.ticks.checked_div(steps).filter(|step| *step > 0)
    }

    /// Frames for each second of media time.
    pub(in crate::analysis) fn rate_fps(&self, clock_rate_hz: Option<u32>) -> Option<f64> {
        let steps = i64::try_from(self.timed.checked_sub(self.stretches)?).ok()?;
        (self.ticks > 0 && steps > 0)
            .then(|| float(steps) * f64::from(clock_rate_hz.unwrap_or(0)) / float(self.ticks))
            .filter(|rate| *rate > 0.0)
    }

    /// Frames from one key frame to the next: on average, and at most.
    pub(in crate::analysis) fn groups(&self) -> Option<(f64, u64)> {
        let groups = i64::try_from(self.groups).ok().filter(|groups| *groups > 0)?;
        Some((float(self.grouped.cast_signed()) / float(groups), self.longest_group))
    }

    /// The average size of key frames as a multiple of that of the others.
    pub(in crate::analysis) fn key_size_ratio(&self) -> Option<f64> {
        let mean = |(bytes, count): (u64, u64)| {
            (bytes > 0 && count > 0).then(|| float(bytes.cast_signed()) / float(count.cast_signed()))
        };
        Some(mean(self.key_sizes)? / mean(self.other_sizes)?)
    }

    /// The client paused or plays again: the time between is no freeze, and not the camera's distance between key frames.
    pub(in crate::analysis) fn forget_pace(&mut self, at: Timestamp) {
        (self.pace.since, self.pace.latest) = (Some(at), None);
        self.keys.begin_part(at);
    }

    /// Another part of the media begins; `paced`: its timestamps run as time does.
    pub(in crate::analysis) fn begin_part(&mut self, paced: bool) {
        (self.highest, self.unpaced) = (None, !paced);
    }

    /// The client asked for the end at this time, or goes on.
    pub(in crate::analysis) fn give_up(&mut self, since: Option<Timestamp>) {
        self.given_up = since;
    }

    /// Whether the picture stood still since the last time.
    #[inline]
    pub(in crate::analysis) fn has_freeze(&self) -> bool {
        self.pace.latest_freeze.is_some()
    }

    /// From when to when the picture stood still, if it has since the last time.
    pub(in crate::analysis) fn take_freeze(&mut self) -> Option<(Timestamp, Timestamp)> {
        self.pace.latest_freeze.take()
    }

    /// Nothing came any more until then, though it was wanted: the last picture stands still.
    pub(in crate::analysis) fn stands_still_until(&mut self, at: Timestamp) {
        if self.given_up.is_none_or(|since| at <= since) {
            self.pace.ends(at);
        }
    }

    /// How many freezes there were, and the longest in milliseconds; `None` where no two pictures came.
    pub(in crate::analysis) fn freezes(&self) -> Option<(u64, f64)> {
        (self.pace.count > 0).then(|| (self.pace.freezes, millis(self.pace.longest_freeze)))
    }
}

impl FreezeDetector {
    /// A freeze as the statistics of WebRTC define it: an interval that stands still by the average of the 30 before it.
    /// The second interval can be the first one.
    fn complete(&mut self, at: Timestamp) {
        if self.since.is_some_and(|since| at < since) {
            return;
        }
        let Some(before) = self.latest.replace(at) else { return };
        let interval = at.nanos_since(before);
        if self.freezes(interval) {
            self.latest_freeze = Some((before, at));
        }
        if let Some(place) = self.recent.get_mut(self.oldest) {
            // Times of a hostile capture may be centuries apart.
            self.sum = self.sum.wrapping_add(interval).wrapping_sub(*place);
            *place = interval;
        }
        self.oldest = (self.oldest + 1) % RECENT;
        self.count += 1;
    }

    /// Whether the picture stood still for so long; then it is counted.
    fn freezes(&mut self, interval: i64) -> bool {
        let freezes = self.average().is_some_and(|average| stands_still(float(interval), float(average)));
        if freezes {
            self.freezes += 1;
            self.longest_freeze = self.longest_freeze.max(interval);
        }
        freezes
    }

    /// No picture came behind the latest, and nobody has asked for the end before `at`.
    fn ends(&mut self, at: Timestamp) {
        if let Some(before) = self.latest.filter(|latest| self.since.is_none_or(|since| since <= *latest)) {
            self.freezes(at.nanos_since(before));
        }
    }

    fn average(&self) -> Option<i64> {
        self.sum.checked_div(i64::try_from(self.count).unwrap_or(i64::MAX).min(RECENT_COUNT))
    }
}
