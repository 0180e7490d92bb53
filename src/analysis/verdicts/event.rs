//! What a viewer may notice, with its cause.

use crate::analysis::location::Location;
use crate::analysis::stream::StreamKey;
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// So many of the latest events are looked through for one that belongs together with a new one.
pub(super) const LATELY: usize = 8;
/// Events of one kind and cause that are not farther apart are one: a line that fails for a while makes one row, not fifty.
/// Chosen, not measured.
const TOGETHER_NS: i64 = 10 * NANOS_PER_SECOND;

/// Of what an event speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Stream(StreamKey),
    /// A track, where one is known.
    Track(Option<usize>),
}

impl Subject {
    /// The track, where one is known.
    pub(super) const fn track(self) -> Option<usize> {
        match self {
            Self::Stream(key) => key.track,
            Self::Track(track) => track,
        }
    }
}

/// An event and its cause.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) subject: Subject,
    pub(super) kind: EventKind,
    pub(super) verdict: Cause,
    /// Of what is counted: packets, times.
    pub(super) count: u64,
    pub(super) first: Location,
    pub(super) last: Location,
    /// From when to when it lasted, where that can be said; the longest one of several.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) detail: String,
}

impl Event {
    /// Whether `next` is more of the same.
    pub(super) fn is_continued_by(&self, next: &Self) -> bool {
        self.subject == next.subject
            && self.kind == next.kind
            && self.verdict == next.verdict
            && next.first.at.nanos_since(self.last.at) <= TOGETHER_NS
    }

    /// Takes in more of the same; what is said of the greater one stays.
    pub(super) fn take(&mut self, next: Self) {
        self.last = next.last;
        if self.length() < next.length() || self.span.is_none() && next.count > self.count {
            (self.span, self.detail) = (next.span, next.detail);
        }
        self.count += next.count;
    }

    /// From when to when it was noticed, all of it.
    pub(super) fn times(&self) -> (Timestamp, Timestamp) {
        let (from, to) = self.span.unwrap_or((self.first.at, self.last.at));
        (from.min(self.first.at), to.max(self.last.at))
    }

    /// Nanoseconds.
    pub(super) fn length(&self) -> Option<i64> {
        self.span.map(|(from, to)| to.nanos_since(from))
    }
}
