//! A passive observer of an RTSP dialogue: which tracks there are, on which channels, under which session.
//!
//! It only watches. Recording asks it where a frame belongs, and so does analysis, which has nobody to ask.

pub mod announced;
mod controlled;
mod describing;
mod given;
mod open;
mod owner;
mod owners;
mod path;
pub mod play;
mod request;
mod role;
mod secure;
mod sender;
mod setup;

use std::time::Duration;

use crate::rtp::media_kind::MediaKind;
use crate::rtp::payload::PayloadFormat;
use crate::rtp::payload_type;
use crate::rtsp::control::{control_of, resolve_base};
use crate::rtsp::group::MediaGroup;
use crate::rtsp::headers::{Session, Transport, parse_public};
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::sdp::{Media, SessionDescription, npt_end, npt_length};
use crate::rtsp::unanswered::UnansweredRequests;
use crate::rtsp::url::RtspUrl;
use crate::time::Timestamp;
use crate::trace::{Direction, UdpPath};

use open::OpenDescription;
use owners::PathOwners;
use request::HeardPart;
use setup::KnownSession;

pub use owner::PacketOwner;
pub use path::{MediaPath, PacketSigns};
pub use request::Request;
pub use role::{PayloadRole, is_instead_of_sound};
pub use setup::{Encoding, Setup};

/// Transports that are remembered: more than there are channel pairs.
const MAX_SETUPS: usize = 128;
/// Longer URLs are not asked for. Chosen, not measured.
const MAX_URL: usize = 4096;

/// What has been learned of a session by listening to it.
#[derive(Debug)]
pub struct Dialog {
    /// Of each side.
    unanswered: [UnansweredRequests<Request>; 2],
    url: Option<String>,
    base: Option<String>,
    description: Option<SessionDescription>,
    /// It came by no RTSP.
    by_hand: bool,
    setups: Vec<Setup>,
    owners: PathOwners,
    /// For each channel the place in `setups` and whether it is the RTCP one.
    channels: Box<[Option<(u8, bool)>; 256]>,
    session: KnownSession,
    public: Vec<String>,
    play_range: Option<String>,
    /// When the first PLAY went out that was granted.
    played: Option<Timestamp>,
    /// The client has media to send: it announced it, or asked to record.
    publishes: bool,
    /// How often another presentation was described.
    presentation: usize,
    /// Bytes that the description takes.
    described: usize,
    /// What has come of a description whose length was not told.
    open_description: OpenDescription,
    heard: HeardPart,
}

impl Default for Dialog {
    fn default() -> Self {
        Self {
            unanswered: Default::default(),
            url: None,
            base: None,
            description: None,
            by_hand: false,
            setups: Vec::new(),
            owners: PathOwners::default(),
            channels: Box::new([None; 256]),
            session: KnownSession::default(),
            public: Vec::new(),
            play_range: None,
            played: None,
            publishes: false,
            presentation: 0,
            described: 0,
            open_description: OpenDescription::default(),
            heard: HeardPart::All,
        }
    }
}

impl Dialog {
    /// An observer that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a message in. For a response, the request that it answers, if that was seen.
    pub fn observe(&mut self, at: Timestamp, direction: Direction, message: &Message<'_>) -> Option<Request> {
        match message.start_line() {
            StartLine::Request { method, url } => {
                self.request(at, direction, message, &method, &url);
                None
            }
            // A provisional answer (RFC 2326, section 7.1.1): the final one is still to come. But 101 is HTTP's last word.
            StartLine::Response { status: Some(100 | 102..=199), .. } => None,
            StartLine::Response { status, .. } => {
                // Session Not Found (RFC 2326, section 11.3.5).
                self.session.is_over |= status == Some(454);
                if self.heard == HeardPart::Answers && direction == Direction::ServerToClient {
                    self.unasked(status, message);
                    return None;
                }
                let request = self.answered(direction.reverse(), message.cseq())?;
                if status.is_some_and(|status| (200..300).contains(&status)) {
                    self.success(&request, message);
                }
                Some(request)
            }
        }
    }

    fn request(&mut self, at: Timestamp, direction: Direction, message: &Message<'_>, method: &str, url: &str) {
        let transport = (method == "SETUP").then(|| message.header("Transport").map(String::from)).flatten();
        if matches!(method, "OPTIONS" | "DESCRIBE" | "ANNOUNCE") && url.contains("://") && self.setups.is_empty() {
            let plain = RtspUrl::parse(url).map_or_else(|_| url.to_owned(), |url| url.as_str().to_owned());
            self.url = Some(masked_text(&plain));
        }
        if method == "SETUP" {
            self.end_description();
        }
        self.publishes |= direction == Direction::ClientToServer && matches!(method, "ANNOUNCE" | "RECORD");
        let request = Request { method: method.to_owned(), url: url.to_owned(), cseq: message.cseq(), at, transport };
        // Who publishes describes the media himself (RFC 2326, section 10.3).
        if method == "ANNOUNCE" && !message.body().is_empty() {
            self.base = RtspUrl::parse(url).ok().map(|url| resolve_base(&url, None, None));
            self.describe(message.body());
        }
        if let Some(unanswered) = self.unanswered.get_mut(direction.index()) {
            unanswered.ask(request.cseq, request);
        }
    }

    /// The request that an answer with this sequence number belongs to.
    fn answered(&mut self, direction: Direction, cseq: Option<u32>) -> Option<Request> {
        let unanswered = self.unanswered.get_mut(direction.index())?;
        // The capture may lack the request.
        if self.heard == HeardPart::Rest && cseq.is_some_and(|cseq| !unanswered.has_sent(cseq)) {
            return None;
        }
        let place = unanswered.place(cseq, |_| true)?;
        unanswered.remove(place)
    }

    fn success(&mut self, request: &Request, response: &Message<'_>) {
        match request.method.as_str() {
            "OPTIONS" => self.learn_public(response),
            "DESCRIBE" => self.learn_description(request, response),
            "SETUP" => self.learn_setup(request, response),
            "PLAY" => {
                self.play_range = response.header("Range").map(String::from);
                self.learn_sources(response);
                self.played.get_or_insert(request.at);
            }
            "TEARDOWN" => self.tear_down(&request.url),
            _ => {}
        }
    }

    fn learn_public(&mut self, response: &Message<'_>) {
        let methods: Vec<String> = response.headers("Public").flat_map(|value| parse_public(&value)).collect();
        if !methods.is_empty() {
            self.public = methods;
        }
    }

    /// About how many bytes of memory it takes, beside a small fixed size.
    pub fn held(&self) -> usize {
        let texts = [&self.url, &self.base, &self.play_range].into_iter().flatten().map(String::len).sum::<usize>();
        let session = self.session.known.as_ref().map_or(0, |session| session.id.len());
        let public = self.public.iter().map(|method| method.len() + size_of::<String>()).sum::<usize>();
        let setups = self.setups.iter().map(Setup::held).sum::<usize>();
        let requests = self.unanswered.iter().flat_map(UnansweredRequests::iter).map(Request::held).sum::<usize>();
        texts
            + session
            + public
            + setups
            + requests
            + self.described
            + self.open_description.held()
            + self.owners.held()
    }

    fn learn_setup(&mut self, request: &Request, response: &Message<'_>) {
        let id = response.header("Session").and_then(|value| Session::parse(&value));
        let session = id.as_ref().map(|session| session.id.clone());
        self.learn_session(id);
        let answered = response.header("Transport");
        let transport = Transport::agreed(answered.as_deref().unwrap_or_default(), request.transport.as_deref());
        if self.setups.len() >= MAX_SETUPS {
            return;
        }
        let track = self.track_of(&request.url);
        let transport = self.described_group(track).complete(transport);
        let channels = transport.interleaved;
        let place = u8::try_from(self.setups.len()).unwrap_or(u8::MAX);
        for (channel, rtcp) in channels.iter().flat_map(|(rtp, rtcp)| [(*rtcp, true), (*rtp, false)]) {
            if let Some(entry) = self.channels.get_mut(usize::from(channel)) {
                *entry = Some((place, rtcp));
            }
        }
        let path = UdpPath::new(&transport);
        let new = Setup {
            track,
            url: request.url.clone(),
            session,
            channels,
            path,
            played_ssrc: None,
            played_seq: None,
            over: false,
            presentation: self.presentation,
            transport,
        };
        self.owners.share_paths |= self.setups.iter().any(|other| other.track != track && other.shares_path_with(&new));
        self.setups.push(new);
        self.owners.forget_sources();
    }

    /// Gives back memory that was meant for more tracks.
    pub(super) fn trim(&mut self) {
        self.setups.shrink_to_fit();
    }

    /// Where the media of a track goes by its description.
    fn described_group(&self, track: Option<usize>) -> MediaGroup {
        let described = self.description.as_ref().zip(self.media(track));
        described.map_or_else(MediaGroup::default, |(description, media)| MediaGroup::described(description, media))
    }

    /// Some servers change the identifier with each SETUP: the first one stays, and the shortest timeout. After its end
    /// another session begins.
    fn learn_session(&mut self, session: Option<Session>) {
        let Some(new) = session else { return };
        let KnownSession { known, is_over } = &mut self.session;
        if std::mem::take(is_over) {
            *known = None;
        }
        match known {
            None => *known = Some(new),
            Some(known) => known.timeout = known.timeout.into_iter().chain(new.timeout).min(),
        }
    }

    /// The `m=` line that a SETUP of this URL means.
    fn track_of(&self, url: &str) -> Option<usize> {
        let media = self.description.as_ref()?.media.iter();
        let controls: Vec<Option<&str>> = media.map(|media| media.control.as_deref()).collect();
        control_of(url, self.base.as_deref(), &controls, self.setups.len())
    }

    /// Requests that have had no answer yet, of both sides.
    pub fn unanswered(&self) -> impl Iterator<Item = (Direction, &Request)> {
        let sides = [Direction::ClientToServer, Direction::ServerToClient];
        sides
            .into_iter()
            .zip(&self.unanswered)
            .flat_map(|(side, requests)| requests.iter().map(move |request| (side, request)))
    }

    /// The URL that the client asked for, without user part, other credentials in it masked.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The latest session description.
    pub fn description(&self) -> Option<&SessionDescription> {
        self.description.as_ref()
    }

    /// The media description of a track.
    pub fn media(&self, track: Option<usize>) -> Option<&Media> {
        self.description.as_ref()?.media.get(track?)
    }

    /// The tracks set up, in their order.
    pub fn setups(&self) -> &[Setup] {
        &self.setups
    }

    /// Whether tracks share a path, so that the path alone does not tell whose a packet is; see [`owner`](Self::owner).
    pub fn shares_paths(&self) -> bool {
        self.owners.share_paths
    }

    /// Who uses an interleaved channel, and whether for RTCP. `None` where no SETUP named it.
    pub fn channel(&self, channel: u8) -> Option<(&Setup, bool)> {
        let (place, rtcp) = (*self.channels.get(usize::from(channel))?)?;
        Some((self.setups.get(usize::from(place))?, rtcp))
    }

    /// The number by which the tables know a path: that of the first SETUP that named it.
    pub fn number_of(&self, path: MediaPath) -> Option<u16> {
        self.setups.iter().find(|setup| path.is_of(setup))?.number()
    }

    /// The place in [`setups`](Self::setups) of who uses an interleaved channel.
    pub fn place(&self, channel: u8) -> Option<usize> {
        (*self.channels.get(usize::from(channel))?).map(|(place, _)| usize::from(place))
    }

    /// Encoding and clock rate: from the description, else from the static table of RFC 3551.
    pub fn encoding(&self, track: Option<usize>, payload_type: u8) -> Option<Encoding> {
        let described = self.described_format(track, payload_type);
        let format = described.and_then(|(_, media)| media.format(payload_type));
        let fixed = payload_type::static_format(payload_type);
        let name = format.and_then(|format| format.encoding.clone());
        let clock_rate_hz = format.and_then(|format| format.clock_rate_hz).or(fixed.map(|fixed| fixed.clock_rate_hz));
        let name = name.or(fixed.map(|fixed| fixed.encoding.to_owned()))?;
        // Without a description only audio has a number of channels.
        let described = described.map(|(_, media)| media).or(self.media(track));
        let kind = match described {
            Some(media) => MediaKind::named(&media.kind),
            None => fixed.and_then(|fixed| fixed.channels).map(|_| MediaKind::Audio),
        };
        let payload = PayloadFormat::new(kind, &name, format.and_then(|format| format.fmtp.as_deref()));
        Some(Encoding { name, clock_rate_hz, payload })
    }

    /// The media section that says what packets of a track are: its own, else the only one that has their payload type. Some
    /// servers take channels, or ports, for those of another track.
    pub fn described_format(&self, track: Option<usize>, payload_type: u8) -> Option<(usize, &Media)> {
        let all = &self.description.as_ref()?.media;
        let own = all.get(track?)?;
        if own.format(payload_type).is_some() {
            return track.map(|track| (track, own));
        }
        let mut others = all.iter().enumerate().filter(|(_, media)| media.format(payload_type).is_some());
        others.next().filter(|_| others.next().is_none())
    }

    /// When the first PLAY was sent that the server granted.
    pub fn played(&self) -> Option<Timestamp> {
        self.played
    }

    /// The session identifier that the server gave first.
    pub fn session_id(&self) -> Option<&str> {
        self.session.known.as_ref().map(|session| session.id.as_str())
    }

    /// How long the session lives without a sign of the client, where the server said so.
    pub fn session_timeout(&self) -> Option<Duration> {
        self.session.known.as_ref()?.timeout
    }

    /// The methods that the server supports, by its own word.
    pub fn public(&self) -> &[String] {
        &self.public
    }

    /// Where the media ends, in seconds: from the answer to PLAY, else from the description.
    pub fn range_end(&self) -> Option<f64> {
        let described = self.description.as_ref().and_then(|description| description.range.as_deref());
        self.play_range.as_deref().and_then(npt_end).or_else(|| described.and_then(npt_end))
    }

    /// How long the media goes on, in seconds: from the latest answer to PLAY, else from the description.
    pub(crate) fn range_length(&self) -> Option<f64> {
        let described = self.description.as_ref().and_then(|description| description.range.as_deref());
        self.play_range.as_deref().and_then(npt_length).or_else(|| described.and_then(npt_length))
    }
}
