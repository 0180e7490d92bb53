//! A track of which nothing came, as a verdict.

use crate::analysis::location::Location;
use crate::analysis::verdicts::Diagnosis;
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::room::take_room;
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::trace::Direction;

/// PLAY or RECORD was granted, and nothing came.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct NoMedia {
    /// `None` where no track of several had anything.
    pub(in crate::analysis) track: Option<usize>,
    /// Where the answer stands that granted it.
    pub(in crate::analysis) since: Location,
    /// Where nobody waits any longer.
    pub(in crate::analysis) until: Location,
    /// Which way the media should have come.
    pub(in crate::analysis) direction: Direction,
    pub(in crate::analysis) verdict: Cause,
    /// How many are counted somewhere.
    pub(in crate::analysis) packets: u64,
    pub(in crate::analysis) detail: String,
}

impl Diagnosis {
    pub(in crate::analysis) fn no_media(&mut self, told: &NoMedia) {
        if !take_room(&self.room) {
            return;
        }
        let first = Location { direction: told.direction, ..told.since };
        self.events.push(Event {
            subject: Subject::Track(told.track),
            kind: EventKind::NoMedia,
            verdict: told.verdict,
            count: told.packets.max(1),
            first,
            last: told.until,
            span: Some((told.since.at, told.until.at)),
            detail: told.detail.clone(),
        });
    }

    /// Whether it is said already that nothing came of a track.
    pub(super) fn is_silent(&self, track: Option<usize>, direction: Direction) -> bool {
        let own = |event: &Event| match event.subject {
            Subject::Track(of) => of.is_none() || of == track,
            Subject::Stream(_) => false,
        };
        self.events
            .iter()
            .any(|event| event.kind == EventKind::NoMedia && event.first.direction == direction && own(event))
    }
}
