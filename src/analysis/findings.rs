//! Everything odd, each with its place. docs/findings.md tells what the codes mean and what to do.

use std::collections::{HashMap, HashSet};

use crate::analysis::cell::millis;
use crate::analysis::dialogue::RtspState;
use crate::analysis::findings::sender_counts::SenderCounts;
use crate::analysis::frames::PayloadFault;
use crate::analysis::rows::StreamTransport;
use crate::analysis::sequence::Status;
use crate::analysis::stream::{PacketFigures, SetupTime, StreamKey, StreamState};
use crate::rtp::foreign::ForeignPacket;
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::{SenderReport, SourceDescription};
use crate::session::dialog::{MediaPath, PayloadRole, Setup};
use crate::time::Timestamp;
use crate::trace::Direction;

mod code;
mod finding;
mod new_stream;
mod partial;
mod sender_counts;
mod senders;

pub use code::{FindingCode, Severity};

pub(super) use finding::Finding;
pub(super) use new_stream::NewStream;

/// A packet farther from where its timestamp puts it has jumped. Chosen, not measured; pictures out of order are 0.3 s apart
/// at most.
const JUMP_MS: f64 = 1000.0;
/// A report's clock farther from the capture's is wrong: one set by hand is off by minutes, a wrong time zone by an
/// hour at least.
const CLOCK_NS: i64 = 3600 * 1_000_000_000;
/// Sets of what was reported already are not allowed to grow further.
const MAX_REMEMBERED: usize = 10_000;

/// A source, and the place of its stream.
type KnownSource = (u32, usize);

/// What was found of one session, so that what lasts is told once.
#[derive(Debug, Default)]
pub(super) struct ProtocolChecks {
    told: HashSet<(FindingCode, u64)>,
    /// The latest source on each track, channel and direction.
    sources: HashMap<(Option<usize>, u16, Direction), KnownSource>,
    /// The source before, where the latest stream has another one.
    pub(super) changed: Option<usize>,
    counts: SenderCounts,
    /// What the messages said so far.
    pub(super) heard: RtspState,
    /// A source has said BYE.
    pub(super) bye: bool,
    /// When encrypted RTCP last came, which may have said so.
    pub(super) hidden_word: Option<Timestamp>,
    /// There is no RTSP: nothing is late or early for it.
    pub(super) without_rtsp: bool,
    /// The connection stood before the capture began.
    pub(super) beginning_missing: bool,
    /// Of the connection the capture has this direction alone.
    pub(super) only_side: Option<Direction>,
    /// When bytes of each direction last lacked that may have been messages.
    unheard: [Option<Timestamp>; 2],
    /// And behind them no message of that direction came.
    unheard_last: [bool; 2],
}

impl ProtocolChecks {
    /// Whether it is the first time.
    pub(super) fn first(&mut self, code: FindingCode, of: u64) -> bool {
        self.told.len() < MAX_REMEMBERED && self.told.insert((code, of))
    }

    /// An RTP packet. Of nearly all there is nothing to say: what is odd is put together elsewhere.
    #[inline]
    pub(super) fn packet(
        &mut self,
        at: Timestamp,
        packet: &RtpPacket<'_>,
        figures: &PacketFigures,
        stream: &mut StreamState,
        direction: Direction,
        found: &mut Vec<Finding>,
    ) {
        let (track, number) = (stream.key.track, packet.sequence());
        let harmless = matches!(figures.status, Status::InOrder { gap } if gap == 0 || stream.sequence.is_given_up());
        if !harmless {
            found.extend(order(figures.status, number, track));
        }
        if let Some(difference) = figures.difference_ms.filter(|difference| difference.abs() > JUMP_MS)
            && !stream.may_tick_otherwise(figures)
        {
            found.push(timestamp_jump(difference, number, track));
        }
        if !packet.has_valid_padding() && !stream.is_encrypted() {
            let detail = format!("{number} has a padding count that can't be");
            found.push(Finding::new(FindingCode::PaddingInvalid, track, detail));
        }
        if stream.encoding().is_none() && !stream.is_open() {
            found.extend(self.unknown_payload_type(packet.payload_type(), stream));
        }
        let heard = self.heard.playing || self.only_side.is_some() || self.lacks_messages();
        let early =
            !heard && direction == Direction::ServerToClient && stream.set_up == SetupTime::Heard && !self.without_rtsp;
        // A group plays on, whoever joins and leaves it.
        let own = || stream.transport != StreamTransport::Multicast;
        if early && own() && self.first(FindingCode::MediaBeforePlay, 0) {
            found.push(Finding::new(FindingCode::MediaBeforePlay, track, "media came before the answer to PLAY"));
        }
        // A datagram that came before may stand behind the message: a recorder reads the connection first.
        if self.heard.torn_down.is_some_and(|torn_down| at >= torn_down)
            && own()
            && (self.heard.teardown_asked || stream.is_given_up(at))
            && !self.lacks_messages()
            && self.first(FindingCode::MediaAfterTeardown, track.map_or(u64::MAX, |track| track as u64))
        {
            found.push(Finding::new(FindingCode::MediaAfterTeardown, track, "media came after the answer to TEARDOWN"));
        }
        if packet.payload_len() == Some(0) && self.first(FindingCode::PayloadEmpty, u64::from(packet.ssrc())) {
            found.push(Finding::new(FindingCode::PayloadEmpty, track, format!("{number} carries nothing")));
        }
        if let Some(fault) = stream.frames.as_mut().and_then(|frames| frames.take_fault()) {
            found.extend(self.payload(packet, fault, track));
        }
    }

    /// A payload type that nothing describes and whose packets do not show what they carry.
    pub(super) fn unknown_payload_type(&mut self, payload_type: u8, stream: &StreamState) -> Option<Finding> {
        // What was said of media without a track was said before the capture began.
        let lacking = self.beginning_missing || self.lacks_messages();
        let described = stream.key.stranger.is_none() && (!lacking || stream.key.track.is_some());
        let unknown = stream.encoding().is_none()
            && described
            && self.first(FindingCode::PayloadTypeUnknown, u64::from(payload_type));
        unknown.then(|| Finding::new(FindingCode::PayloadTypeUnknown, stream.key.track, format!("type {payload_type}")))
    }

    /// The media of a session is encrypted.
    pub(super) fn encryption(&mut self, profile: Option<&str>) -> Option<Finding> {
        let profile = profile.filter(|_| self.first(FindingCode::MediaEncrypted, 0))?;
        let detail = format!("{profile}: payloads and RTCP are encrypted, only what RTP headers say is told");
        Some(Finding::new(FindingCode::MediaEncrypted, None, detail))
    }

    /// Packets on a path of media that were not meant as RTP: told once for each kind and path.
    pub(super) fn foreign(&mut self, kind: ForeignPacket, path: MediaPath, track: Option<usize>) -> Option<Finding> {
        let of = u64::from(path.number()) << 8 | kind as u64;
        let code = if kind == ForeignPacket::Unknown { FindingCode::RtpMalformed } else { FindingCode::NotRtp };
        self.first(FindingCode::NotRtp, of).then(|| Finding::new(code, track, format!("{kind}; they are in no table")))
    }

    /// The first payload of a stream that is not of the announced format, and the first with each of its oddities.
    #[cold]
    fn payload(&mut self, packet: &RtpPacket<'_>, fault: PayloadFault, track: Option<usize>) -> Option<Finding> {
        let (ssrc, number) = (u64::from(packet.ssrc()), packet.sequence());
        let (code, of, detail) = match fault {
            // An empty one has a code of its own.
            PayloadFault::Malformed(_) if packet.payload().is_empty() => return None,
            PayloadFault::Malformed(error) => (FindingCode::PayloadMalformed, ssrc, format!("{number}: {error}")),
            PayloadFault::Odd(oddity) => {
                let code = if oddity.is_allowed() { FindingCode::PayloadUnusual } else { FindingCode::PayloadOdd };
                (code, ssrc << 8 | u64::from(oddity.kind()), format!("{number}: {oddity}"))
            }
        };
        self.first(code, of).then(|| Finding::new(code, track, detail))
    }

    /// The first packet of a stream.
    pub(super) fn new_stream(&mut self, stream: &StreamKey, new: &NewStream<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        let NewStream { path, named, setup, media, shares, role, payload_type, index, .. } = *new;
        if !named && self.beginning_missing {
            found.extend(self.begins_late());
        } else if !named && !self.lacks_messages() && self.first(FindingCode::UnknownChannel, u64::from(path.number()))
        {
            found.push(Finding::new(FindingCode::UnknownChannel, None, new.unnamed()));
        }
        if role == PayloadRole::Undescribed && self.first(FindingCode::PayloadTypeUnknown, u64::from(payload_type)) {
            let detail = new.undescribed();
            found.push(Finding::new(FindingCode::PayloadTypeUnknown, stream.track, detail));
        }
        found.extend(self.sender(stream, path));
        if role != PayloadRole::Media || stream.stranger.is_some() {
            return found;
        }
        let ssrc = format!("{:#010x}", stream.ssrc);
        let before = self.sources.insert((stream.track, stream.channel, stream.direction), (stream.ssrc, index));
        // Layers of one track have sources of their own (RFC 5576).
        let described = |before: u32| {
            media.is_some_and(|media| [before, stream.ssrc].iter().all(|ssrc| media.sources.contains(ssrc)))
        };
        // Where SETUP lacks there may be several tracks, or sessions, in one place.
        let unclear = stream.track.is_none() && self.lacks_messages();
        let changed = before.filter(|(before, _)| *before != stream.ssrc && !described(*before) && !unclear);
        if let Some((before, place)) = changed {
            self.changed = Some(place);
            found.push(Finding::new(FindingCode::SsrcChange, stream.track, format!("from {before:#010x} to {ssrc}")));
        }
        let others = setup.filter(|setup| !setup.announces(media, stream.ssrc));
        if let Some(announced) = others.and_then(|setup| setup.transport.ssrc) {
            let detail = format!("{ssrc} sends, Transport announced {announced:#010x}");
            found.push(Finding::new(FindingCode::SsrcNotAnnounced, stream.track, detail));
        }
        if let Some(other) = shares {
            found.push(Finding::new(
                FindingCode::SharedSsrc,
                stream.track,
                format!("{ssrc} sends on track {other} as well"),
            ));
        }
        found
    }

    /// RTCP where RTP was agreed upon.
    pub(super) fn rtcp_channel(&mut self, channel: u8, setup: Option<&Setup>) -> Option<Finding> {
        let number = u16::from(channel);
        let on_rtp =
            setup.and_then(|setup| setup.channels).is_some_and(|(rtp, rtcp)| rtp != rtcp && u16::from(rtp) == number);
        (on_rtp && self.first(FindingCode::RtcpOnRtpChannel, u64::from(number))).then(|| {
            let track = setup.and_then(|setup| setup.track);
            Finding::new(FindingCode::RtcpOnRtpChannel, track, format!("RTCP on channel {number}"))
        })
    }

    /// What a client opens the way for UDP with.
    pub(super) fn punch(&mut self, track: Option<usize>) -> Option<Finding> {
        let detail = "packets without content that open the way through a NAT; they are no stream";
        self.first(FindingCode::NatPunch, 0).then(|| Finding::new(FindingCode::NatPunch, track, detail))
    }

    /// A source description.
    pub(super) fn description(&mut self, description: &SourceDescription<'_>, track: Option<usize>) -> Option<Finding> {
        let ends = description.chunks().all(|chunk| chunk.is_terminated());
        let detail = "a list of items that no null octet ends";
        (!ends && self.first(FindingCode::SdesWithoutEnd, 0))
            .then(|| Finding::new(FindingCode::SdesWithoutEnd, track, detail))
    }

    /// A sender report.
    pub(super) fn report(&mut self, at: Timestamp, report: &SenderReport<'_>, stream: &StreamState) -> Vec<Finding> {
        let mut found = Vec::new();
        let (key, ssrc) = (stream.key, u64::from(report.ssrc()));
        match report.ntp().to_timestamp() {
            None if self.first(FindingCode::SrWithoutNtp, ssrc) => {
                found.push(Finding::new(FindingCode::SrWithoutNtp, key.track, "the NTP time is 0"));
            }
            Some(ntp)
                if at.is_known()
                    && ntp.nanos_since(at).saturating_abs() > CLOCK_NS
                    && self.first(FindingCode::SrWrongClock, ssrc) =>
            {
                let hours = millis(ntp.nanos_since(at)) / 3.6e6;
                found.push(Finding::new(
                    FindingCode::SrWrongClock,
                    key.track,
                    format!("{ntp}, {hours:.1} h off the capture"),
                ));
            }
            _ => {}
        }
        if !stream.may_come_elsewhere() {
            found.extend(self.counts.report(at, report, stream));
        }
        found
    }
}

/// What is odd about the order of packets.
#[cold]
fn order(status: Status, number: u16, track: Option<usize>) -> Option<Finding> {
    let (code, detail) = match status {
        Status::InOrder { gap: 0 } => return None,
        Status::InOrder { gap } => (FindingCode::SequenceGap, format!("{gap} missing before {number}")),
        Status::Reordered => (FindingCode::Reordered, format!("{number} came after a higher one")),
        Status::Duplicate => (FindingCode::Duplicate, format!("{number} came again")),
        Status::Jump => (FindingCode::SequenceJump, format!("to {number}, far from all before")),
        Status::Restart => (FindingCode::SequenceRestart, format!("the numbers start over before {number}")),
    };
    Some(Finding::new(code, track, detail))
}

#[cold]
fn timestamp_jump(difference_ms: f64, number: u16, track: Option<usize>) -> Finding {
    let detail = format!("{number} came {:.3} s off its timestamp's distance", difference_ms / 1e3);
    Finding::new(FindingCode::TimestampJump, track, detail)
}
