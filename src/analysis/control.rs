//! What a client's requests mean for the streams of its session: TEARDOWN ends them.

use crate::analysis::out::Place;
use crate::analysis::session::Session;
use crate::analysis::stream::StreamKey;
use crate::rtsp::message::{Message, StartLine};
use crate::session::Dialog;
use crate::session::dialog::Request;
use crate::time::Timestamp;
use crate::trace::Direction;

impl Session {
    /// A request of the client, before it is answered. Whoever asks for the end does not listen any more, whatever the
    /// answer will be.
    pub(super) fn asked(&mut self, place: &Place, message: &Message<'_>) {
        if let StartLine::Request { method, url } = message.start_line()
            && place.direction == Direction::ClientToServer
            && method == "TEARDOWN"
        {
            self.give_up(place.at, &url, true);
        }
    }

    /// The final answer to a request. A TEARDOWN that was refused ends nothing, and PLAY begins again.
    pub(super) fn answered(&mut self, at: Timestamp, request: &Request, status: u16) {
        let goes_on = match request.method.as_str() {
            "TEARDOWN" => status >= 300,
            "PLAY" | "RECORD" => status < 300,
            _ => false,
        };
        if goes_on {
            self.give_up(at, &request.url, false);
        }
    }

    fn give_up(&mut self, at: Timestamp, url: &str, given_up: bool) {
        let Self { dialog, streams, .. } = self;
        let of_url = controlled(dialog, url);
        for stream in streams.iter_mut().filter(|stream| of_url(&stream.key)) {
            stream.give_up(at, given_up);
        }
    }
}

/// Which streams a request with this URL controls: those of the track that was set up there; else all (RFC 2326,
/// section 14.2, tells aggregate control from that of one stream).
fn controlled(dialog: &Dialog, url: &str) -> impl Fn(&StreamKey) -> bool {
    let plain = |url: &str| url.trim_end_matches('/').to_owned();
    let aggregate = dialog.aggregate_url().is_some_and(|aggregate| plain(&aggregate) == plain(url));
    let setup = dialog.setups().iter().rev().find(|setup| plain(&setup.url) == plain(url));
    let track = setup.filter(|_| !aggregate).and_then(|setup| setup.track);
    move |key| track.is_none() || key.track == track
}
