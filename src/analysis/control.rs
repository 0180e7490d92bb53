//! What a client's requests mean for the streams of its session: PLAY has the media go on elsewhere or at another pace,
//! TEARDOWN ends it.

use std::collections::VecDeque;

use crate::analysis::announced::AnnouncedPart;
use crate::analysis::dialogue::setup_of;
use crate::analysis::out::Place;
use crate::analysis::session::Session;
use crate::analysis::stream::{Stream, StreamKey};
use crate::rtsp::headers::RtpInfo;
use crate::rtsp::message::{Message, StartLine};
use crate::session::Dialog;
use crate::session::dialog::Request;
use crate::time::Timestamp;
use crate::trace::Direction;

/// PLAYs whose answers are waited for, and tracks of RTP-Info.
const MAX_ASKED: usize = 8;
const MAX_TRACKS: usize = 64;

/// What the client asked for so far.
#[derive(Debug)]
pub(super) struct PlayControl {
    asked: VecDeque<AskedPlay>,
    paused: bool,
    /// Timestamps run as time does: at Scale 2 or by ONVIF's `Rate-Control: no` they need not.
    pub(super) paced: bool,
    /// By RTP-Info: the first numbers of tracks.
    first: Vec<(Option<usize>, u16)>,
}

impl Default for PlayControl {
    fn default() -> Self {
        Self { asked: VecDeque::new(), paused: false, paced: true, first: Vec::new() }
    }
}

impl PlayControl {
    /// The number with which a track begins, by the latest answer to PLAY.
    pub(super) fn first(&self, track: Option<usize>) -> Option<u16> {
        self.first.iter().find(|(of, _)| *of == track).map(|(_, seq)| *seq)
    }
}

/// A PLAY that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct AskedPlay {
    at: Timestamp,
    cseq: Option<u32>,
    /// For another place or pace.
    sought: bool,
    /// Behind a PAUSE.
    resumed: bool,
    paced: bool,
}

impl Session {
    /// A request of the client, before it is answered. Whoever asks for the end does not listen any more, whatever the
    /// answer will be.
    pub(super) fn asked(&mut self, place: &Place, message: &Message<'_>) {
        let StartLine::Request { method, url } = message.start_line() else { return };
        match (place.direction, &*method) {
            (Direction::ClientToServer, "TEARDOWN") => self.give_up(place.at, &url, true),
            (Direction::ClientToServer, "PLAY") => self.asked_to_play(place.at, &url, message),
            _ => {}
        }
    }

    /// The final answer to a request. A TEARDOWN that was refused ends nothing, and PLAY begins again.
    pub(super) fn answered(&mut self, at: Timestamp, request: &Request, message: &Message<'_>, status: u16) {
        let granted = status < 300;
        match request.method.as_str() {
            "TEARDOWN" if !granted => self.give_up(at, &request.url, false),
            "RECORD" if granted => self.give_up(at, &request.url, false),
            "PAUSE" if granted => self.control.paused = true,
            "PLAY" => {
                let place = self.control.asked.iter().rposition(|asked| asked.cseq == request.cseq);
                let Some(asked) = place.and_then(|place| self.control.asked.remove(place)) else { return };
                if granted {
                    self.give_up(at, &request.url, false);
                    self.plays(at, asked, &request.url, message);
                } else {
                    self.streams.iter_mut().for_each(|stream| stream.announced.forget(asked.at));
                }
            }
            _ => {}
        }
    }

    /// Media that comes before the answer may be what is asked for.
    fn asked_to_play(&mut self, at: Timestamp, url: &str, message: &Message<'_>) {
        let sought = ["Range", "Scale", "Speed", "Rate-Control"].iter().any(|name| message.header(name).is_some());
        let resumed = self.control.paused;
        let kept = if sought || resumed { true } else { self.control.paced };
        let asked = AskedPlay { at, cseq: message.cseq(), sought, resumed, paced: is_paced(message, kept) };
        if self.control.asked.len() == MAX_ASKED {
            self.control.asked.pop_front();
        }
        self.control.asked.push_back(asked);
        if sought || resumed {
            let part = AnnouncedPart { asked: at, answered: None, seq: None, sought, resumed, paced: asked.paced };
            self.announce(url, |_| part);
        }
    }

    /// The server granted a PLAY: where does the media go on? It may have chosen another pace than was asked for.
    fn plays(&mut self, at: Timestamp, asked: AskedPlay, url: &str, message: &Message<'_>) {
        let value = message.header("RTP-Info").unwrap_or_default();
        let infos = RtpInfo::parse_all(&value).into_iter().take(MAX_TRACKS).enumerate();
        let named = infos.filter_map(|(place, info)| {
            let track = setup_of(&info.url, place, &self.dialog)?.track;
            Some((track, info.ssrc, info.seq?))
        });
        let numbers: Vec<(Option<usize>, Option<u32>, u16)> = named.collect();
        let paced = is_paced(message, asked.paced);
        let number = |key: &StreamKey| {
            let same = |(track, ssrc, _): &&(Option<usize>, Option<u32>, u16)| {
                *track == key.track && ssrc.is_none_or(|ssrc| ssrc == key.ssrc)
            };
            numbers.iter().find(same).map(|(_, _, seq)| *seq)
        };
        let AskedPlay { at: sent, sought, resumed, .. } = asked;
        let part = AnnouncedPart { asked: sent, answered: Some(at), seq: None, sought, resumed, paced };
        self.announce(url, |key| AnnouncedPart { seq: number(key), ..part });
        self.control.first = numbers.iter().map(|(track, _, seq)| (*track, *seq)).collect();
        (self.control.paced, self.control.paused) = (paced, false);
    }

    fn announce(&mut self, url: &str, part: impl Fn(&StreamKey) -> AnnouncedPart) {
        let to_client = |stream: &&mut Stream| stream.key.direction == Direction::ServerToClient;
        let Self { dialog, streams, .. } = self;
        let of_url = controlled(dialog, url);
        for stream in streams.iter_mut().filter(to_client).filter(|stream| of_url(&stream.key)) {
            stream.announce(part(&stream.key));
        }
    }

    /// The places of the streams that a request with this URL controls.
    pub(super) fn controlled_streams(&self, url: &str) -> Vec<usize> {
        let of_url = controlled(&self.dialog, url);
        let streams = self.streams.iter().enumerate().filter(|(_, stream)| of_url(&stream.key));
        streams.map(|(place, _)| place).collect()
    }

    fn give_up(&mut self, at: Timestamp, url: &str, given_up: bool) {
        let Self { dialog, streams, .. } = self;
        let of_url = controlled(dialog, url);
        for stream in streams.iter_mut().filter(|stream| of_url(&stream.key)) {
            stream.give_up(at, given_up);
        }
    }
}

/// Whether media comes at a second for each second: by Scale and Speed (RFC 2326, sections 12.34 and 12.35) and ONVIF's
/// Rate-Control; as before where none of them is there.
fn is_paced(message: &Message<'_>, before: bool) -> bool {
    let one = |name| {
        let value = message.header(name)?;
        // RFC 7826, section 18.50, has a range.
        let low = value.split('-').next().filter(|low| !low.trim().is_empty()).unwrap_or(&value);
        Some(low.trim().parse::<f64>().is_ok_and(|value| (value - 1.0).abs() <= 0.001))
    };
    let controlled = || message.header("Rate-Control").map(|value| !value.trim().eq_ignore_ascii_case("no"));
    let told: Vec<bool> = [one("Scale"), one("Speed"), controlled()].into_iter().flatten().collect();
    if told.is_empty() { before } else { told.into_iter().all(|paced| paced) }
}

/// Which streams a request with this URL controls: those of the track that was set up there; else all (RFC 2326,
/// section 14.2, tells aggregate control from that of one stream).
fn controlled(dialog: &Dialog, url: &str) -> impl Fn(&StreamKey) -> bool {
    let all = dialog.controls_all(url);
    let places = if all { Vec::new() } else { dialog.controlled_by(url) };
    let setups = places.into_iter().filter_map(|place| dialog.setups().get(place));
    let tracks: Vec<(Option<usize>, Option<u16>)> = setups.map(|setup| (setup.track, setup.number())).collect();
    // Without a description the channel tells which track it is.
    move |key| {
        let same = |(track, number): &(Option<usize>, Option<u16>)| {
            *track == key.track && (track.is_some() || *number == Some(key.channel))
        };
        all || tracks.iter().any(same)
    }
}
