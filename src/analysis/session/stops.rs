//! Media of a session that stops while it is wanted.

use crate::analysis::location::Location;
use crate::analysis::media_stop::{StopScene, WaitEnd};
use crate::analysis::session::Session;
use crate::analysis::verdicts::StoppedMedia;
use crate::session::dialog::play::ControlledTracks;
use crate::time::Timestamp;

impl Session {
    /// Nobody waits any longer for media: for that of a URL, or for any.
    pub(super) fn end_stops(&mut self, place: Location, end: WaitEnd, url: Option<&str>) {
        let Self { stops, dialog, streams, watch, .. } = self;
        let tracks = url.map(|url| ControlledTracks::new(dialog, url));
        stops.end(place, end, tracks.as_ref(), StopScene { dialog, streams, watch });
    }

    /// The client asks for media.
    pub(in crate::analysis) fn wants_media(&mut self, at: Timestamp, url: &str) {
        let Self { stops, dialog, streams, watch, .. } = self;
        let tracks = ControlledTracks::new(dialog, url);
        stops.played(at, &tracks, StopScene { dialog, streams, watch });
    }

    /// What stopped, once the session is over.
    pub(in crate::analysis) fn take_stops(&mut self) -> Vec<StoppedMedia> {
        let Self { stops, dialog, streams, watch, .. } = self;
        stops.take(StopScene { dialog, streams, watch })
    }
}
