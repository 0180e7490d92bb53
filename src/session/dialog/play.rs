//! What a client's requests mean for the media of its session: PLAY has it go on elsewhere or at another pace, TEARDOWN ends
//! it. Who counts losses asks here, so that what was never sent is lost nowhere.

use std::collections::VecDeque;

use crate::rtsp::headers::RtpInfo;
use crate::rtsp::message::{Message, StartLine};
use crate::session::dialog::announced::AnnouncedPart;
use crate::session::dialog::{Dialog, Request, Setup};
use crate::time::Timestamp;
use crate::trace::Direction;

/// PLAYs whose answers are waited for, and tracks of RTP-Info.
const MAX_ASKED: usize = 8;
const MAX_TRACKS: usize = 64;

/// What the client asked for so far.
#[derive(Debug)]
pub struct PlayControl {
    asked: VecDeque<AskedPlay>,
    paused: bool,
    paced: bool,
    /// By RTP-Info: the first numbers of tracks.
    first: Vec<(Option<usize>, u16)>,
}

impl Default for PlayControl {
    fn default() -> Self {
        Self { asked: VecDeque::new(), paused: false, paced: true, first: Vec::new() }
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

/// What a message means for media.
#[derive(Debug)]
pub struct MediaChange {
    /// For that of which tracks.
    pub tracks: ControlledTracks,
    /// The client asked for its end, or wants it after all.
    pub given_up: Option<bool>,
    /// It goes on elsewhere, or may.
    pub part: Option<PartAnnouncement>,
    /// The PLAY that was sent then was refused.
    pub refused: Option<Timestamp>,
}

/// The tracks that a request controls.
#[derive(Debug)]
pub struct ControlledTracks {
    all: bool,
    /// Places in the description, and channels or ports of RTP.
    tracks: Vec<(Option<usize>, Option<u16>)>,
}

/// Parts of several tracks that are to come.
#[derive(Debug)]
pub struct PartAnnouncement {
    part: AnnouncedPart,
    /// By RTP-Info: track, SSRC and first number.
    numbers: Vec<(Option<usize>, Option<u32>, u16)>,
}

impl PlayControl {
    /// Timestamps run as time does: at Scale 2 or by ONVIF's `Rate-Control: no` they need not.
    pub fn is_paced(&self) -> bool {
        self.paced
    }

    /// The number with which a track begins, by the latest answer to PLAY.
    pub fn first(&self, track: Option<usize>) -> Option<u16> {
        self.first.iter().find(|(of, _)| *of == track).map(|(_, seq)| *seq)
    }

    /// A request, before it is answered. Whoever asks for the end does not listen any more, whatever the answer will be.
    pub fn asked(
        &mut self,
        at: Timestamp,
        direction: Direction,
        message: &Message<'_>,
        dialog: &Dialog,
    ) -> Option<MediaChange> {
        let StartLine::Request { method, url } = message.start_line() else { return None };
        match (direction, &*method) {
            (Direction::ClientToServer, "TEARDOWN") => Some(MediaChange::given_up(dialog, &url, true)),
            (Direction::ClientToServer, "PLAY") => {
                let part = self.asked_to_play(at, message)?;
                let part = PartAnnouncement { part, numbers: Vec::new() };
                Some(MediaChange { part: Some(part), ..MediaChange::nothing(dialog, &url) })
            }
            _ => None,
        }
    }

    /// Media that comes before the answer may be what is asked for.
    fn asked_to_play(&mut self, at: Timestamp, message: &Message<'_>) -> Option<AnnouncedPart> {
        let sought = ["Range", "Scale", "Speed", "Rate-Control"].iter().any(|name| message.header(name).is_some());
        let resumed = self.paused;
        let kept = if sought || resumed { true } else { self.paced };
        let asked = AskedPlay { at, cseq: message.cseq(), sought, resumed, paced: is_paced(message, kept) };
        if self.asked.len() == MAX_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back(asked);
        (sought || resumed).then(|| asked.part(None))
    }

    /// The final answer to a request. A TEARDOWN that was refused ends nothing, and PLAY begins again.
    pub fn answered(
        &mut self,
        at: Timestamp,
        request: &Request,
        answer: &Message<'_>,
        dialog: &Dialog,
    ) -> Option<MediaChange> {
        let granted = answer.status()? < 300;
        let wanted = || Some(MediaChange::given_up(dialog, &request.url, false));
        match request.method.as_str() {
            "TEARDOWN" if !granted => wanted(),
            "RECORD" if granted => wanted(),
            "PAUSE" if granted => {
                self.paused = true;
                None
            }
            "PLAY" => {
                let place = self.asked.iter().rposition(|asked| asked.cseq == request.cseq);
                let asked = place.and_then(|place| self.asked.remove(place))?;
                if !granted {
                    return Some(MediaChange { refused: Some(asked.at), ..MediaChange::nothing(dialog, &request.url) });
                }
                let part = Some(self.plays(at, asked, answer, dialog));
                Some(MediaChange { part, ..MediaChange::given_up(dialog, &request.url, false) })
            }
            _ => None,
        }
    }

    /// The server granted a PLAY: where does the media go on? It may have chosen another pace than was asked for.
    fn plays(&mut self, at: Timestamp, asked: AskedPlay, answer: &Message<'_>, dialog: &Dialog) -> PartAnnouncement {
        let value = answer.header("RTP-Info").unwrap_or_default();
        let infos = RtpInfo::parse_all(&value).into_iter().take(MAX_TRACKS).enumerate();
        let named = infos.filter_map(|(place, info)| {
            let track = dialog.setup_of_info(&info.url, place)?.track;
            Some((track, info.ssrc, info.seq?))
        });
        let numbers: Vec<(Option<usize>, Option<u32>, u16)> = named.collect();
        self.first = numbers.iter().map(|(track, _, seq)| (*track, *seq)).collect();
        let paced = is_paced(answer, asked.paced);
        (self.paced, self.paused) = (paced, false);
        PartAnnouncement { part: AskedPlay { paced, ..asked }.part(Some(at)), numbers }
    }
}

impl AskedPlay {
    fn part(self, answered: Option<Timestamp>) -> AnnouncedPart {
        let Self { at: asked, sought, resumed, paced, .. } = self;
        AnnouncedPart { asked, answered, seq: None, sought, resumed, paced }
    }
}

impl PartAnnouncement {
    /// The part of a stream.
    pub fn of(&self, track: Option<usize>, ssrc: u32) -> AnnouncedPart {
        let same = |(of, source, _): &&(Option<usize>, Option<u32>, u16)| {
            *of == track && source.is_none_or(|source| source == ssrc)
        };
        let seq = self.numbers.iter().find(same).map(|(.., seq)| *seq);
        AnnouncedPart { seq, ..self.part }
    }
}

impl MediaChange {
    fn nothing(dialog: &Dialog, url: &str) -> Self {
        Self { tracks: ControlledTracks::new(dialog, url), given_up: None, part: None, refused: None }
    }

    fn given_up(dialog: &Dialog, url: &str, given_up: bool) -> Self {
        Self { given_up: Some(given_up), ..Self::nothing(dialog, url) }
    }
}

impl ControlledTracks {
    /// Which tracks a request with this URL controls: the one that was set up there; else all (RFC 2326, section 14.2, tells
    /// aggregate control from that of one stream).
    pub fn new(dialog: &Dialog, url: &str) -> Self {
        let all = dialog.controls_all(url);
        let places = if all { Vec::new() } else { dialog.controlled_by(url) };
        let setups = places.into_iter().filter_map(|place| dialog.setups().get(place));
        Self { all, tracks: setups.map(|setup| (setup.track, setup.number())).collect() }
    }

    /// Whether a track is among them. Without a description the channel tells which one it is.
    pub fn contains(&self, track: Option<usize>, channel: u16) -> bool {
        let same = |(place, number): &(Option<usize>, Option<u16>)| {
            *place == track && (place.is_some() || *number == Some(channel))
        };
        self.all || self.tracks.iter().any(same)
    }
}

impl Dialog {
    /// The SETUP that an entry of RTP-Info speaks of: by its URL, else by its place. Only tracks that were set up.
    pub fn setup_of_info(&self, url: &str, place: usize) -> Option<&Setup> {
        let setups = self.setups();
        let name = url.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
        let same = setups.iter().find(|setup| setup.url == url);
        let ends =
            || setups.iter().find(|setup| name.is_some_and(|name| setup.url.trim_end_matches('/').ends_with(name)));
        same.or_else(ends).or_else(|| setups.get(place))
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
