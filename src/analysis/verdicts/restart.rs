//! Another source sends a track: was the one before restarted, or do both send?

use std::collections::BTreeMap;

use crate::analysis::location::Location;
use crate::analysis::stream::StreamState;
use crate::analysis::verdicts::Diagnosis;
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::room::take_room;
use crate::analysis::verdicts::source_change::SourceChange;
use crate::analysis::verdicts::words::{Cause, EventKind};

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
