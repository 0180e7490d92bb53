//! What a viewer sees of pictures that came: nothing before the first key frame, damage from a loss on.

use std::collections::HashMap;

use crate::analysis::frames::PicturePlace;
use crate::analysis::location::Location;
use crate::analysis::stream::{SetupTime, StreamKey, StreamState};
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::words::{Cause, EventKind};
use crate::analysis::verdicts::{Diagnosis, seconds};
use crate::rtp::payload::PayloadFormat;
use crate::session::dialog::PayloadRole;
use crate::time::NANOS_PER_SECOND;
use crate::trace::Direction;

/// So long a picture may be grey: servers that hold pictures for who joins have a key frame each second or two, as have
/// cameras, and who asks for one (PLI) has it in less.
const GREY_NS: i64 = 2 * NANOS_PER_SECOND;

impl Diagnosis {
    /// Whether pictures came for long before one with which decoding can begin; only of a stream whose beginning is there.
    pub(super) fn key_frames(&mut self, stream: &StreamState, end: Location) {
        let format = stream.encoding().map(|encoding| encoding.payload);
        let tells = matches!(format, Some(PayloadFormat::H264 | PayloadFormat::H265 { .. }));
        let own = stream.key.stranger.is_none() && stream.key.direction == Direction::ServerToClient;
        if !tells || !own || stream.role != PayloadRole::Media || stream.set_up != SetupTime::Heard {
            return;
        }
        let Some(keys) = stream.frames.as_ref().map(|frames| &frames.statistics.keys) else { return };
        let Some((first, last)) = keys.first_picture.zip(keys.first.or(keys.last_picture)) else { return };
        let grey = last.at.nanos_since(first.at);
        // A key frame may be what was lost.
        if grey <= GREY_NS || keys.lacks && keys.first.is_some() {
            return;
        }
        let length = seconds(grey);
        let (verdict, detail) = match keys.first {
            Some(_) => (Cause::LateKeyFrame, format!("{length:.1} s of pictures came before the first key frame")),
            None if keys.lacks => {
                (Cause::NoKeyFrame, format!("no key frame in {length:.1} s of pictures, unless it is what is missing"))
            }
            None => (Cause::NoKeyFrame, format!("no key frame in {length:.1} s of pictures")),
        };
        let place = |at: PicturePlace| {
            let PicturePlace { at, frame_number, capture } = at;
            Location { at, frame_number, capture, direction: stream.key.direction, ..end }
        };
        let (span, last) = (Some((first.at, last.at)), place(last));
        self.push(Event { last, span, detail, ..Event::at(place(first), stream.key, EventKind::NoPicture, verdict) });
    }

    /// Says of each loss which pictures it damaged.
    pub(super) fn tell_damage(&mut self, streams: &[StreamState]) {
        let by_key: HashMap<StreamKey, &StreamState> = streams.iter().map(|stream| (stream.key, stream)).collect();
        for event in self.events.iter_mut().filter(|event| event.kind == EventKind::Gap) {
            let Subject::Stream(key) = event.subject else { continue };
            let frames = by_key.get(&key).and_then(|stream| stream.frames.as_ref());
            let damage = frames.and_then(|frames| frames.statistics.damage.since(event.first.at, event.last.at));
            if let Some((pictures, nanos, to_the_end)) = damage {
                let what = if pictures == 1 { "picture" } else { "pictures" };
                let until = if to_the_end { "to the end" } else { "until the next that needs none before it" };
                let more = format!("; {pictures} {what} damaged for {:.2} s, {until}", seconds(nanos));
                event.detail.push_str(&more);
            }
        }
    }
}
