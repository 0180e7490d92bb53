//! What a client's requests mean for the streams of its session.

use crate::analysis::location::Location;
use crate::analysis::session::Session;
use crate::rtsp::message::{Message, StartLine};
use crate::session::dialog::Request;
use crate::session::dialog::play::{ControlledTracks, MediaChange};
use crate::time::Timestamp;
use crate::trace::Direction;

impl Session {
    /// A request, before it is answered.
    pub(super) fn asked(&mut self, place: &Location, message: &Message<'_>) {
        if place.direction == Direction::ClientToServer
            && let StartLine::Request { method, url } = message.start_line()
            && method == "PLAY"
        {
            self.wants_media(place.at, &url);
        }
        if let Some(change) = self.control.asked(place.at, place.direction, message, &self.dialog) {
            self.change_media(place.at, &change);
        }
    }

    /// The final answer to a request.
    pub(super) fn answered(&mut self, at: Timestamp, request: &Request, message: &Message<'_>) {
        if let Some(change) = self.control.answered(at, request, message, &self.dialog) {
            self.change_media(at, &change);
        }
    }

    fn change_media(&mut self, at: Timestamp, change: &MediaChange) {
        if let Some(asked) = change.refused {
            self.streams.iter_mut().for_each(|stream| stream.announced.forget(asked));
        }
        for stream in &mut self.streams {
            let key = stream.key;
            if !change.tracks.contains(key.track, key.channel) {
                continue;
            }
            if let Some(given_up) = change.given_up {
                stream.give_up(at, given_up);
            }
            if let Some(part) = change.part.as_ref().filter(|_| key.direction == Direction::ServerToClient) {
                stream.announce(part.of(key.track, key.ssrc));
            }
        }
    }

    /// The places of the streams that a request with this URL controls.
    pub(super) fn controlled_streams(&self, url: &str) -> Vec<usize> {
        let tracks = ControlledTracks::new(&self.dialog, url);
        let streams = self.streams.iter().enumerate();
        let controlled = streams.filter(|(_, stream)| tracks.contains(stream.key.track, stream.key.channel));
        controlled.map(|(place, _)| place).collect()
    }
}
