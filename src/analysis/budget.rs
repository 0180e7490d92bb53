//! What all sessions of an analysis together may keep, so that no capture eats the memory.

/// Streams of all sessions.
const MAX_STREAMS: usize = 24_576;
/// With more of them each has to do with less.
const CROWDED: usize = 4096;
/// Bytes of arrival distances.
const MAX_DISTANCES: usize = 56 << 20;
/// Of those, what streams with many distances leave to those with few.
const FOR_FEW: usize = 16 << 20;
/// Bytes of frames that are kept for what a player would have shown, and what streams with many leave to those with few.
const MAX_FRAMES: usize = 32 << 20;
const FRAMES_FOR_FEW: usize = 8 << 20;
/// Bytes of dialogues.
const MAX_DIALOGUES: usize = 32 << 20;
/// Bytes of packets that wait until it is known what they carry.
const MAX_WAITING: usize = 8 << 20;

/// What is used of it.
#[derive(Debug, Default)]
pub(super) struct Budget {
    streams: usize,
    distances: usize,
    frames: usize,
    dialogues: usize,
    waiting: usize,
}

impl Budget {
    /// Room for another stream; whether there was any.
    pub(super) fn stream(&mut self) -> bool {
        let room = self.streams < MAX_STREAMS;
        self.streams += usize::from(room);
        room
    }

    /// Whether there are so many streams that each must be small.
    pub(super) fn is_crowded(&self) -> bool {
        self.streams > CROWDED
    }

    /// Room for so many bytes of arrival distances, of a stream with `many`; whether there was any.
    pub(super) fn take(&mut self, bytes: usize, many: bool) -> bool {
        let limit = if many { MAX_DISTANCES - FOR_FEW } else { MAX_DISTANCES };
        let room = self.distances.saturating_add(bytes) <= limit;
        self.distances += if room { bytes } else { 0 };
        room
    }

    pub(super) fn give_back(&mut self, bytes: usize) {
        self.distances = self.distances.saturating_sub(bytes);
    }

    /// Room for so many bytes of frames, of a stream with `many`; whether there was any.
    pub(super) fn take_frames(&mut self, bytes: usize, many: bool) -> bool {
        let limit = if many { MAX_FRAMES - FRAMES_FOR_FEW } else { MAX_FRAMES };
        let room = self.frames.saturating_add(bytes) <= limit;
        self.frames += if room { bytes } else { 0 };
        room
    }

    /// Packets of a stream that wait take `after` bytes where they took `before`; whether that is still within the limit.
    pub(super) fn waits(&mut self, before: usize, after: usize) -> bool {
        self.waiting = (self.waiting + after).saturating_sub(before);
        self.waiting <= MAX_WAITING
    }

    /// A dialogue keeps `after` bytes where it kept `before`; whether that is still within the limit.
    pub(super) fn dialogue(&mut self, before: usize, after: usize) -> bool {
        self.dialogues = (self.dialogues + after).saturating_sub(before);
        self.dialogues <= MAX_DIALOGUES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_a_limit() {
        let mut budget = Budget::default();
        assert_eq!((0..100_000).filter(|_| budget.stream()).count(), MAX_STREAMS);
    }

    #[test]
    fn who_needs_much_leaves_room_for_others() {
        let mut budget = Budget::default();
        while budget.take(1 << 20, true) {}
        assert!(budget.take(FOR_FEW, false) && !budget.take(1, false));
        budget.give_back(1);
        assert!(budget.take(1, false));
        while budget.take_frames(1 << 20, true) {}
        assert!(budget.take_frames(FRAMES_FOR_FEW, false) && !budget.take_frames(1, false));
    }

    #[test]
    fn dialogues_that_end_make_room() {
        let mut budget = Budget::default();
        assert!(budget.dialogue(0, MAX_DIALOGUES) && !budget.dialogue(0, 1));
        assert!(budget.dialogue(MAX_DIALOGUES, 0));
        assert!(budget.waits(0, MAX_WAITING) && !budget.waits(0, 1) && budget.waits(MAX_WAITING, 0));
    }
}
