//! Another source sends a track: was the one before restarted, or do both send?

use std::collections::BTreeMap;

use crate::analysis::location::Location;
use crate::analysis::stream::StreamState;
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::analysis::verdicts::{Diagnosis, take_room};

/// Packets that may be on their way when another source begins.
const UNDER_WAY: u64 = 3;

/// A source began where another one had sent before.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct SourceChange {
    /// The place of the stream before.
    pub(in crate::analysis) before: usize,
    /// How many packets of it had come.
    pub(in crate::analysis) packets: u64,
    pub(in crate::analysis) track: Option<usize>,
    pub(in crate::analysis) detail: String,
}

impl SourceChange {
    /// Whether the source before has ended. One that goes on was not restarted: two send.
    fn has_ended(&self, streams: &[StreamState]) -> bool {
        streams.get(self.before).is_none_or(|stream| stream.sequence.packets <= self.packets.saturating_add(UNDER_WAY))
    }
}

impl Diagnosis {
    /// Another source sends, and PLAY did not ask for it.
    pub(in crate::analysis) fn source_changed(&mut self, place: Location, change: SourceChange) {
        if take_room(&self.room) {
            self.changes.push((place, change));
        }
    }

    /// The restarts among the changes, one event a track.
    pub(super) fn restarts(&mut self, streams: &[StreamState]) {
        let mut by_track: BTreeMap<Option<usize>, Event> = BTreeMap::new();
        for (place, change) in std::mem::take(&mut self.changes) {
            let ended = change.has_ended(streams);
            let SourceChange { track, detail, .. } = change;
            if let Some(event) = by_track.get_mut(&track).filter(|_| ended) {
                event.count += 1;
                event.last = place;
            } else if ended {
                let (subject, kind, verdict) = (Subject::Track(track), EventKind::Restart, Cause::SourceRestarted);
                let event = Event { subject, kind, verdict, count: 1, first: place, last: place, span: None, detail };
                by_track.insert(track, event);
                continue;
            }
            self.give_back();
        }
        self.events.extend(by_track.into_values());
    }
}
