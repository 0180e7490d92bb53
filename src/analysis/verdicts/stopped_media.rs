//! Media that stopped, as a verdict.

use crate::analysis::location::Location;
use crate::analysis::stream::StreamState;
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::analysis::verdicts::{Diagnosis, span};
use crate::time::Timestamp;

/// Media that nobody had asked to end.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct StoppedMedia {
    /// `None` where all tracks stopped together.
    pub(in crate::analysis) track: Option<usize>,
    /// The place of its stream, and of those that stopped together with it.
    pub(in crate::analysis) stream: usize,
    pub(in crate::analysis) others: Vec<usize>,
    /// It is of pictures.
    pub(in crate::analysis) is_video: bool,
    /// When its last packet came.
    pub(in crate::analysis) since: Timestamp,
    /// Where nobody waits any longer.
    pub(in crate::analysis) until: Location,
    pub(in crate::analysis) verdict: Cause,
    /// How many are counted somewhere.
    pub(in crate::analysis) packets: u64,
    pub(in crate::analysis) detail: String,
}

impl Diagnosis {
    /// Media stopped. What the recorder says of that time explains it better than the way that it came.
    pub(in crate::analysis) fn stopped_media(&mut self, told: &StoppedMedia, stream: &StreamState) {
        let StoppedMedia { since, until, packets, .. } = *told;
        let silence = until.at.nanos_since(since);
        let unread = span::overlap(&self.lags, (since, until.at)) >= silence / 2;
        let drops = self.drops.iter().filter(|(at, _)| (since..=until.at).contains(at));
        let dropped = drops.fold(0u64, |all, (_, drops)| all.saturating_add(*drops));
        let (verdict, count, detail) = if unread {
            (Cause::RecorderLate, 1, format!("{}; the recorder says that it did not read", told.detail))
        } else if dropped > 0 && !stream.is_over_tcp() {
            let detail = format!("{}; the recorder's system dropped {dropped} datagrams there", told.detail);
            (Cause::LostInTheRecorder, dropped, detail)
        } else {
            (told.verdict, packets.max(1), told.detail.clone())
        };
        let frame_number = self.streams.get(told.stream).and_then(|watched| watched.latest_number);
        let first = Location { at: since, frame_number, ..until };
        let subject = if told.others.is_empty() { Subject::Stream(stream.key) } else { Subject::Track(None) };
        let kind = if told.is_video && told.others.is_empty() { EventKind::Freeze } else { EventKind::End };
        let span = Some((since, until.at));
        self.push(Event { subject, kind, verdict, count, first, last: until, span, detail });
    }
}
