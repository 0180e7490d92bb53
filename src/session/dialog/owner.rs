//! Whose a packet is: the path tells, and where tracks share one, the payload type and the source.
//!
//! Darwin Streaming Server and gortsplib send all tracks from one pair of UDP ports, some cameras on one channel.

use std::net::IpAddr;

use crate::rtp::packet::{RtpPacket, is_nat_punch, is_rtcp};
use crate::rtp::rtcp::Compound;
use crate::rtsp::sdp::{Media, MediaFlow};
use crate::session::dialog::path::{MediaPath, PacketSigns};
use crate::session::dialog::role::PayloadRole;
use crate::session::dialog::{Dialog, Setup};
use crate::trace::{Direction, UdpPath};

/// Sources that are remembered of paths that tracks share.
const MAX_SOURCES: usize = 256;
/// Paths of which it is remembered who sends.
const MAX_SENDERS: usize = 256;

/// Whose a packet is, and what it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketOwner {
    /// The place in [`Dialog::setups`].
    pub setup: usize,
    /// What the track's description says of its payload type.
    pub role: PayloadRole,
}

/// A source that was told apart on a path that tracks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KnownSource {
    direction: Direction,
    ssrc: u32,
    /// The place of its SETUP.
    setup: usize,
}

/// Whose media a path has.
#[derive(Clone, Copy, Debug)]
struct PathSender {
    path: UdpPath,
    /// The one that is taken for the server, though it has another address; `None` once the server itself has sent.
    taken: Option<IpAddr>,
    /// It has the source that SETUP announced.
    announced: bool,
}

/// What packets have shown of their owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    sources: Vec<KnownSource>,
    senders: Vec<PathSender>,
}

impl Owners {
    /// Whose source it is, of those that share its path. RTCP may have another channel than its RTP.
    fn source(&self, signs: &PacketSigns, candidates: &[usize]) -> Option<usize> {
        let same = |known: &&KnownSource| {
            known.direction == signs.direction && Some(known.ssrc) == signs.ssrc && candidates.contains(&known.setup)
        };
        self.sources.iter().rfind(same).map(|known| known.setup)
    }

    fn learn(&mut self, signs: &PacketSigns, setup: usize) {
        let Some(ssrc) = signs.ssrc else { return };
        let new = KnownSource { direction: signs.direction, ssrc, setup };
        if self.sources.len() < MAX_SOURCES && !self.sources.contains(&new) {
            self.sources.push(new);
        }
    }

    /// What it says of setups is void.
    pub(super) fn forget_sources(&mut self) {
        self.sources.clear();
    }

    /// Bytes of memory for it.
    pub(super) fn held(&self) -> usize {
        self.sources.capacity() * size_of::<KnownSource>() + self.senders.capacity() * size_of::<PathSender>()
    }
}

impl Dialog {
    /// Whose a packet is. `None` where no SETUP named its path, where the tracks on it can't be told apart, and where a
    /// stranger sent it. What it says may change with each message, and with the first packet of another sender.
    pub fn owner(&mut self, signs: &PacketSigns) -> Option<PacketOwner> {
        if !self.admits(signs) {
            return None;
        }
        let candidates = self.candidates(signs.path);
        let setup = match candidates.as_slice() {
            [] => self.set_up_by_type(signs)?,
            [only] => *only,
            _ => self.choose(&candidates, signs)?,
        };
        let media = self.setups.get(setup).and_then(|setup| self.media(setup.track));
        let role = match (media, signs.payload_type) {
            (Some(media), Some(payload_type)) => PayloadRole::of(media, payload_type),
            _ => PayloadRole::Media,
        };
        Some(PacketOwner { setup, role })
    }

    /// The SETUP whose track a packet belongs to; see [`owner`](Self::owner).
    pub fn setup_of(&mut self, signs: &PacketSigns) -> Option<&Setup> {
        let owner = self.owner(signs)?;
        self.setups.get(owner.setup)
    }

    /// Whether a datagram is meant only to let media in through a NAT, or a firewall: of a client the few bytes that all
    /// send, and whatever comes before PLAY is granted, or later with a payload type that is none of the track's, where the
    /// client has no media to send. `GStreamer` sends five datagrams of 200 random bytes for each track. A server that is
    /// published to sends the empty packet.
    pub fn is_punch(&self, path: MediaPath, direction: Direction, bytes: &[u8]) -> bool {
        if matches!(path, MediaPath::Channel(_)) {
            return false;
        }
        if direction == Direction::ServerToClient {
            return self.publishes && is_nat_punch(bytes);
        }
        if self.publishes {
            return is_nat_punch(bytes);
        }
        is_nat_punch(bytes) || !is_whole_rtcp(bytes) && !self.may_send(path, bytes)
    }

    /// Whether a client that does not publish may have media to send: a back channel.
    fn may_send(&self, path: MediaPath, bytes: &[u8]) -> bool {
        let own = self.setups.iter().filter(|setup| path.is_of(setup));
        let mut media = own.filter_map(|setup| self.media(setup.track)).peekable();
        let Ok(packet) = RtpPacket::parse(bytes) else { return false };
        if media.peek().is_none() {
            return self.played.is_some();
        }
        media.any(|media| {
            // What the server describes as sendonly, the client sends (ONVIF Streaming, back channel).
            let back = matches!(media.flow, Some(MediaFlow::SendOnly | MediaFlow::Both));
            let described = media.format(packet.payload_type()).is_some() || media.formats.is_empty();
            described && (back || self.played.is_some())
        })
    }

    /// Whether any SETUP named a path.
    pub fn knows(&self, path: MediaPath) -> bool {
        self.setups.iter().any(|setup| path.is_of(setup))
    }

    /// The places of the setups that a packet on this path can belong to: of each track the latest.
    fn candidates(&self, path: MediaPath) -> Vec<usize> {
        let mut places: Vec<usize> = Vec::new();
        for (place, setup) in self.setups.iter().enumerate().filter(|(_, setup)| path.is_of(setup)) {
            let track = |place: &usize| self.setups.get(*place).and_then(|setup| setup.track);
            places.retain(|known| track(known) != setup.track);
            places.push(place);
        }
        places
    }

    /// Several tracks have the path: the payload type tells which it is, else the source.
    fn choose(&mut self, candidates: &[usize], signs: &PacketSigns) -> Option<usize> {
        let names = |place: &usize, tells: &dyn Fn(&Setup, Option<&Media>) -> bool| {
            self.setups.get(*place).is_some_and(|setup| tells(setup, self.media(setup.track)))
        };
        let fits = |_: &Setup, media: Option<&Media>| {
            media.zip(signs.payload_type).is_some_and(|(media, number)| media.format(number).is_some())
        };
        let announces =
            |setup: &Setup, media: Option<&Media>| signs.ssrc.is_some_and(|ssrc| setup.announces(media, ssrc));
        let fitting: Vec<usize> = candidates.iter().copied().filter(|place| names(place, &fits)).collect();
        let left = if fitting.is_empty() { candidates } else { fitting.as_slice() };
        let announced: Vec<usize> = left.iter().copied().filter(|place| names(place, &announces)).collect();
        let known = || self.owners.source(signs, left);
        // Late packets of a track that was torn down are still its own; its path may be another's by then.
        let live: Vec<usize> =
            left.iter().copied().filter(|place| self.setups.get(*place).is_some_and(|setup| !setup.over)).collect();
        let found = only(&fitting).or_else(|| only(&announced)).or_else(known).or_else(|| only(&live))?;
        if !fitting.is_empty() {
            self.owners.learn(signs, found);
        }
        Some(found)
    }

    /// Whether the sender of a packet is the server, or is taken for it: who announced SSRC it has, or who sends first, of
    /// those that have another address. Servers with several addresses do not always say which one sends.
    pub fn admits(&mut self, signs: &PacketSigns) -> bool {
        let MediaPath::Udp(path) = signs.path else { return true };
        if signs.direction == Direction::ClientToServer {
            return true;
        }
        let own = UdpPath { stranger: None, ..path };
        let known = self.owners.senders.iter().position(|sender| sender.path == own);
        // Reports alone prove nothing.
        if signs.payload_type.is_none() {
            let sender = known.and_then(|place| self.owners.senders.get(place));
            return path.stranger.is_none() || sender.is_some_and(|sender| sender.taken == path.stranger);
        }
        let announced = path.stranger.is_some() && self.announces(signs);
        match known.and_then(|place| self.owners.senders.get_mut(place)) {
            None => {
                if self.owners.senders.len() < MAX_SENDERS {
                    self.owners.senders.push(PathSender { path: own, taken: path.stranger, announced });
                }
                true
            }
            Some(sender) if sender.taken == path.stranger => true,
            Some(sender) => {
                let takes_over = path.stranger.is_none() || sender.taken.is_some() && announced && !sender.announced;
                if takes_over {
                    (sender.taken, sender.announced) = (path.stranger, announced);
                }
                takes_over
            }
        }
    }

    /// Whether a SETUP of its path announced a packet's source.
    fn announces(&self, signs: &PacketSigns) -> bool {
        let own = |setup: &&Setup| signs.path.is_of(setup);
        let named = |setup: &Setup| signs.ssrc.is_some_and(|ssrc| setup.announces(self.media(setup.track), ssrc));
        self.setups.iter().filter(own).any(named)
    }
}

impl Setup {
    /// Whether the answer to SETUP or the description names a source.
    pub fn announces(&self, media: Option<&Media>, ssrc: u32) -> bool {
        self.transport.ssrc == Some(ssrc) || media.is_some_and(|media| media.sources.contains(&ssrc))
    }
}

/// Whether bytes are RTCP from the first packet to the last.
fn is_whole_rtcp(bytes: &[u8]) -> bool {
    is_rtcp(bytes) && Compound::new(bytes).all(|packet| packet.is_ok())
}

fn only(places: &[usize]) -> Option<usize> {
    match places {
        [place] => Some(*place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::message::Message;
    use crate::time::Timestamp;

    const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
        m=audio 0 RTP/AVP 0 97\r\na=rtpmap:97 opus/48000/2\r\na=ssrc:21 cname:x\r\na=control:a\r\n";
    /// Both tracks list the same type.
    const SAME: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=ssrc:21 cname:x\r\na=control:a\r\n";

    fn say(dialog: &mut Dialog, direction: Direction, head: &str, body: &str) {
        let head = format!("{}\r\n\r\n", head.replace('|', "\r\n"));
        dialog.observe(Timestamp::default(), direction, &Message::new(head.as_bytes(), body.as_bytes()));
    }

    fn ask(dialog: &mut Dialog, request: &str, answer: &str, body: &str) {
        say(dialog, Direction::ClientToServer, &format!("{request}|CSeq: 1"), "");
        say(dialog, Direction::ServerToClient, &format!("RTSP/1.0 200 OK|CSeq: 1{answer}"), body);
    }

    /// Tracks `v` and `a`, set up with these transports.
    fn set_up(sdp: &str, transports: [&str; 2]) -> Dialog {
        let mut dialog = Dialog::new();
        ask(&mut dialog, "DESCRIBE rtsp://h/x RTSP/1.0", "|Content-Base: rtsp://h/x/", sdp);
        for (track, transport) in ["v", "a"].into_iter().zip(transports) {
            let request = format!("SETUP rtsp://h/x/{track} RTSP/1.0|Transport: {transport}");
            ask(&mut dialog, &request, &format!("|Session: 1|Transport: {transport}"), "");
        }
        dialog
    }

    fn signs(path: MediaPath, payload_type: Option<u8>, ssrc: u32) -> PacketSigns {
        PacketSigns { path, direction: Direction::ServerToClient, payload_type, ssrc: Some(ssrc) }
    }

    /// The tracks of packets with these payload types and sources.
    fn tracks(dialog: &mut Dialog, path: MediaPath, packets: &[(Option<u8>, u32)]) -> Vec<Option<usize>> {
        let track = |(payload_type, ssrc): &(Option<u8>, u32)| {
            dialog.setup_of(&signs(path, *payload_type, *ssrc)).and_then(|setup| setup.track)
        };
        packets.iter().map(track).collect()
    }

    const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
    const UDP: &str = "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001";
    const GROUP: &str = "RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001";

    fn path(transport: &str) -> MediaPath {
        let transport = &crate::rtsp::headers::Transport::parse_all(transport)[0];
        transport
            .interleaved
            .map_or_else(|| MediaPath::Udp(UdpPath::new(transport).unwrap()), |(rtp, _)| MediaPath::Channel(rtp))
    }

    #[test]
    fn payload_types_tell_tracks_apart_and_reports_follow_their_source() {
        for transport in [TCP, UDP, GROUP] {
            let mut dialog = set_up(SDP, [transport, transport]);
            let own = path(transport);
            let reports = if own == MediaPath::Channel(0) { MediaPath::Channel(1) } else { own };
            assert_eq!(tracks(&mut dialog, reports, &[(None, 7)]), [None], "before anything has come");
            assert_eq!(
                tracks(&mut dialog, own, &[(Some(96), 7), (Some(0), 8), (Some(97), 8), (Some(50), 9)]),
                [Some(0), Some(1), Some(1), None]
            );
            assert_eq!(tracks(&mut dialog, reports, &[(None, 7), (None, 8), (None, 9)]), [Some(0), Some(1), None]);
            assert_eq!(tracks(&mut dialog, own, &[(Some(50), 7)]), [Some(0)], "what is not described, by its source");
        }
    }

    #[test]
    fn an_announced_source_tells_tracks_of_one_payload_type_apart() {
        let mut dialog = set_up(SAME, [UDP, UDP]);
        let own = path(UDP);
        assert_eq!(tracks(&mut dialog, own, &[(Some(96), 21), (Some(96), 7)]), [Some(1), None]);
        let mut dialog = set_up(SAME, [&format!("{UDP};ssrc=00000007"), UDP]);
        assert_eq!(tracks(&mut dialog, own, &[(Some(96), 21), (Some(96), 7)]), [Some(1), Some(0)]);
    }

    #[test]
    fn either_port_tells_tracks_apart() {
        let other_client = UDP.replace("5000-5001", "5002-5003");
        let mut dialog = set_up(SAME, [UDP, &other_client]);
        assert_eq!(tracks(&mut dialog, path(UDP), &[(Some(96), 7)]), [Some(0)]);
        assert_eq!(tracks(&mut dialog, path(&other_client), &[(Some(96), 7)]), [Some(1)]);
        let other_group = GROUP.replace("239.1.1.1", "239.1.1.2");
        let mut dialog = set_up(SAME, [GROUP, &other_group]);
        assert_eq!(tracks(&mut dialog, path(&other_group), &[(Some(96), 7)]), [Some(1)]);
    }

    #[test]
    fn a_track_that_was_torn_down_leaves_its_channel_to_the_next() {
        let mut dialog = set_up(SAME, [TCP, "RTP/AVP/TCP;unicast;interleaved=2-3"]);
        ask(&mut dialog, "TEARDOWN rtsp://h/x/v/ RTSP/1.0|Session: 1", "", "");
        assert_eq!(dialog.setups().iter().map(|setup| setup.over).collect::<Vec<_>>(), [true, false]);
        assert_eq!(tracks(&mut dialog, path(TCP), &[(Some(96), 7)]), [Some(0)], "what comes late");
        ask(&mut dialog, &format!("SETUP rtsp://h/x/a RTSP/1.0|Transport: {TCP}"), &format!("|Transport: {TCP}"), "");
        assert_eq!(tracks(&mut dialog, path(TCP), &[(Some(96), 7)]), [Some(1)]);
        ask(&mut dialog, "TEARDOWN rtsp://h/x/ RTSP/1.0|Session: 1", "", "");
        assert!(dialog.setups().iter().all(|setup| setup.over));
    }

    /// The owner of a packet with this source, sent from 10.0.0.`from`; the server is 10.0.0.1.
    fn from(dialog: &mut Dialog, from: u8, payload_type: Option<u8>, ssrc: u32) -> bool {
        let MediaPath::Udp(own) = path(UDP) else { panic!() };
        let known = [std::net::IpAddr::from([10, 0, 0, 1])];
        let own = own.sent_from(([10, 0, 0, from], 6000).into(), &known);
        dialog.owner(&signs(MediaPath::Udp(own), payload_type, ssrc)).is_some()
    }

    const OTHER: &str = "RTP/AVP;unicast;client_port=5004-5005;server_port=6000-6001";

    #[test]
    fn once_the_server_has_sent_others_are_strangers() {
        let mut dialog = set_up(SDP, [UDP, OTHER]);
        assert!(from(&mut dialog, 1, Some(96), 7));
        assert!(!from(&mut dialog, 9, Some(96), 7), "whatever source it says");
        assert!(!from(&mut dialog, 9, None, 7));
        assert!(from(&mut dialog, 1, None, 7));
    }

    #[test]
    fn a_server_of_several_addresses_is_who_sends_first() {
        let mut dialog = set_up(SDP, [UDP, OTHER]);
        assert!(!from(&mut dialog, 9, None, 7), "reports alone prove nothing");
        assert!(from(&mut dialog, 9, Some(96), 7));
        assert!(!from(&mut dialog, 8, Some(96), 8));
        assert!(from(&mut dialog, 9, None, 7));
        assert!(from(&mut dialog, 1, Some(96), 5), "until it sends from its own");
        assert!(!from(&mut dialog, 9, Some(96), 7));
    }

    #[test]
    fn an_announced_source_outweighs_the_first() {
        let mut dialog = set_up(SDP, [&format!("{UDP};ssrc=00000007"), OTHER]);
        assert!(from(&mut dialog, 9, Some(96), 6));
        assert!(from(&mut dialog, 8, Some(96), 7));
        assert!(!from(&mut dialog, 9, Some(96), 6));
    }
}
