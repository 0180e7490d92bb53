//! What the messages of a session said so far.

use crate::analysis::cell::float;
use crate::analysis::findings::{Finding, FindingCode};
use crate::rtp::packet::RtpPacket;
use crate::rtp::{MAX_DROPOUT, MAX_MISORDER};
use crate::rtsp::headers::{RtpInfo, Session as SessionHeader};
use crate::rtsp::message::Message;
use crate::time::Timestamp;

/// RTP-Info speaks of packets that come so soon after it.
const SOON_NS: i64 = 5_000_000_000;
/// And a first timestamp so far from what it says is another one. Chosen, not measured.
const RTPTIME_S: f64 = 10.0;

/// What the messages of a session said so far.
#[derive(Debug, Default)]
pub(in crate::analysis) struct RtspState {
    /// PLAY was answered.
    pub(in crate::analysis) playing: bool,
    /// And then, at this time, TEARDOWN.
    pub(in crate::analysis) torn_down: Option<Timestamp>,
    pub(in crate::analysis) teardown_asked: bool,
    /// PAUSE was answered, and no PLAY since.
    pub(in crate::analysis) paused: bool,
    /// The latest sequence number of each side's requests.
    pub(super) cseq: [Option<u32>; 2],
    /// Every identifier that the server gave.
    pub(super) ids: Vec<String>,
    /// What the first answer to PLAY said, when, of streams that have not begun.
    pub(super) rtp_info: Vec<(Option<usize>, RtpInfo)>,
    pub(super) played_at: Timestamp,
}

impl RtspState {
    /// About how many bytes of memory its texts take.
    pub(in crate::analysis) fn held(&self) -> usize {
        let ids = self.ids.iter().map(|id| size_of::<String>() + id.len()).sum::<usize>();
        let infos = self.rtp_info.iter().map(|(_, info)| size_of::<RtpInfo>() + info.url.len()).sum::<usize>();
        ids + infos
    }

    pub(in crate::analysis) fn forget(&mut self) {
        (self.ids, self.rtp_info) = (Vec::new(), Vec::new());
    }

    /// The first packet of a stream, against what the answer to PLAY said of it.
    pub(in crate::analysis) fn first_packet(
        &mut self,
        at: Timestamp,
        packet: &RtpPacket<'_>,
        track: Option<usize>,
        clock_rate_hz: Option<u32>,
    ) -> Option<Finding> {
        let is_of = |info: &RtpInfo| info.ssrc.is_none_or(|ssrc| ssrc == packet.ssrc());
        let place = self.rtp_info.iter().position(|(of, info)| *of == track && is_of(info))?;
        let (_, info) = self.rtp_info.swap_remove(place);
        if at.nanos_since(self.played_at) > SOON_NS {
            return None;
        }
        let (seq, timestamp) = (packet.sequence(), packet.timestamp());
        let other_seq = info.seq.filter(|said| {
            let ahead = seq.wrapping_sub(*said);
            ahead >= MAX_DROPOUT && ahead.wrapping_neg() > MAX_MISORDER
        });
        let other_time = info.rtptime.zip(clock_rate_hz).filter(|(said, rate)| {
            let ticks = timestamp.wrapping_sub(*said).cast_signed();
            float(i64::from(ticks)).abs() > RTPTIME_S * f64::from(*rate)
        });
        let detail = match (other_seq, other_time) {
            (Some(said), _) => format!("it says seq {said}, the first packet has {seq}"),
            (None, Some((said, _))) => format!("it says rtptime {said}, the first packet has {timestamp}"),
            (None, None) => return None,
        };
        Some(Finding::new(FindingCode::RtpInfoWrong, track, detail))
    }

    /// An identifier in a request or answer after SETUP. A client has to return the one that it got with every request of
    /// the session (RFC 2326, section 12.37). A server need not: the answers to PAUSE and TEARDOWN in sections 10.6 and
    /// 10.7 have none, and `req.` in table 3 says what a side has to understand, not what it has to send.
    pub(super) fn check_session(&self, method: &str, message: &Message<'_>, is_request: bool) -> Option<Finding> {
        // Requests that are sent before SETUP is answered name each other instead (RFC 7826, section 18.33).
        let pipelined = message.header("Pipelined-Requests").is_some();
        if !matches!(method, "PLAY" | "PAUSE" | "RECORD" | "TEARDOWN") || self.ids.is_empty() || pipelined {
            return None;
        }
        match message.header("Session").and_then(|value| SessionHeader::parse(&value)) {
            None => {
                is_request.then(|| Finding::new(FindingCode::SessionMissing, None, format!("{method} without Session")))
            }
            Some(session) if !self.ids.contains(&session.id) => Some(Finding::new(
                FindingCode::SessionUnknown,
                None,
                format!("{method} for a session that SETUP did not give"),
            )),
            Some(_) => None,
        }
    }
}
