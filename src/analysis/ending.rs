//! What is odd about a session as a whole, which shows when its capture ends.

use crate::analysis::cell::float;
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::session::Session;
use crate::analysis::stream::StreamState;
use crate::rtsp::sdp::Media;
use crate::session::dialog::PayloadRole;
use crate::time::NANOS_PER_SECOND;
use crate::trace::Direction;

/// In this time a sender has to report (RFC 3550, section 6.2, wants one each 5 s or so).
const REPORTS_NS: i64 = 30 * NANOS_PER_SECOND;
/// And no report may be missing for so many times their distance.
const REPORTS_MISSED: f64 = 5.0;
/// Key frames farther apart are rare. Encoders have one each ten seconds if nobody tells them otherwise (x264: 250 pictures);
/// those at 25 pictures a second are not meant, however their timestamps are rounded.
const KEY_FRAMES_S: f64 = 10.1;
/// Packets that can't all lack the marker.
const MANY_PACKETS: u64 = 50;
/// Video whose frames end with the marker. It is not so in transport streams (RFC 2250, section 2.1).
const MARKED: [&str; 9] = ["H264", "H265", "JPEG", "MP4V-ES", "VP8", "VP9", "AV1", "H263-1998", "MPV"];

impl Session {
    /// What is odd about the session, at the end of the capture.
    pub(super) fn ending(&self) -> Vec<(Direction, Finding)> {
        let own = self.abandoned().map(|finding| (Direction::ServerToClient, finding));
        let of = |stream: &StreamState| {
            let found = if stream.key.stranger.is_some() {
                [const { None }; 5]
            } else if stream.is_encrypted() {
                // What SRTCP says nobody can tell.
                [marker(stream), clock(stream), None, None, None]
            } else {
                [marker(stream), clock(stream), reports(stream), self.stray_reports(stream), key_frames(stream)]
            };
            found.into_iter().flatten().map(|finding| (stream.key.direction, finding)).collect::<Vec<_>>()
        };
        let resent = |stream: &StreamState| {
            Some((stream.key.direction, stream.resent.as_ref()?.finding(stream.key.track, stream.key.beside)?))
        };
        let resent = self.streams.iter().filter_map(resent);
        let unreachable = self.unreachable.iter().map(|path| (path.direction, path.finding()));
        own.into_iter().chain(unreachable).chain(resent).chain(self.streams.iter().flat_map(of)).collect()
    }

    /// A connection that the server ended without a word.
    fn abandoned(&self) -> Option<Finding> {
        let heard = &self.watch.heard;
        let own = |stream: &&StreamState| stream.key.stranger.is_none();
        let media = self.streams.iter().filter(own).filter(|stream| stream.key.direction == Direction::ServerToClient);
        let last = media.filter_map(StreamState::last).max()?;
        if !heard.playing || heard.paused || heard.teardown_asked || self.watch.bye {
            return None;
        }
        // What the capture lacks of either side may have been the word: TEARDOWN, or BYE, or more media.
        if self.watch.may_have_ended(last) {
            return None;
        }
        // An encrypted BYE can't be told.
        let encrypted = self.streams.iter().any(StreamState::is_encrypted);
        (self.closed == Some(Direction::ServerToClient) && !encrypted).then(|| {
            let detail = "the server closed without RTCP BYE and without TEARDOWN";
            Finding::new(FindingCode::EndWithoutBye, None, detail)
        })
    }

    /// Reports on a source that sends nothing, where another one sends.
    ///
    /// A track with repair data has a source for that (RFC 4588, section 5.3), which may have nothing to repair: then it
    /// is not wrong while the source of the media has reports as well.
    fn stray_reports(&self, stream: &StreamState) -> Option<Finding> {
        let key = stream.key;
        if stream.sequence.packets > 0 || stream.reports.count == 0 {
            return None;
        }
        let of_track = |other: &&StreamState| other.key.track == key.track && other.key.direction == key.direction;
        let mut senders = self.streams.iter().filter(of_track).filter(|other| other.sequence.packets > 0).peekable();
        senders.peek()?;
        let repaired = self.dialog.media(key.track).is_some_and(has_repair_data);
        let meant = !repaired || senders.all(|sender| sender.reports.count == 0);
        meant.then(|| {
            Finding::new(FindingCode::SrWrongSsrc, key.track, format!("{:#010x} reports and sends no RTP", key.ssrc))
        })
    }
}

/// Whether one of a track's formats stands beside the media.
fn has_repair_data(media: &Media) -> bool {
    media.formats.iter().any(|format| PayloadRole::of(media, format.payload_type) == PayloadRole::Beside)
}

/// Frames of video that nothing ends.
fn marker(stream: &StreamState) -> Option<Finding> {
    let is_marked = |name: &str| MARKED.iter().any(|marked| marked.eq_ignore_ascii_case(name));
    let video = stream.encoding().is_some_and(|encoding| is_marked(&encoding.name));
    let none = video && stream.sequence.packets >= MANY_PACKETS && stream.marker_packets() == 0;
    let detail = || format!("none of {} packets of video has the marker", stream.sequence.packets);
    none.then(|| Finding::new(FindingCode::MarkerMissing, stream.key.track, detail()))
}

/// Key frames that are far apart.
fn key_frames(stream: &StreamState) -> Option<Finding> {
    let (frames, rate) = (stream.frames.as_ref()?, stream.time_rate_hz().filter(|rate| *rate > 0)?);
    let (ticks, nanos) = frames.statistics.keys.longest_distance();
    let seconds = (float(ticks) / f64::from(rate)).min(float(nanos) / float(NANOS_PER_SECOND));
    let detail = || format!("up to {seconds:.1} s from one key frame to the next, or to the end");
    (seconds > KEY_FRAMES_S).then(|| Finding::new(FindingCode::KeyFramesRare, stream.key.track, detail()))
}

/// Timestamps that run at another rate than described.
fn clock(stream: &StreamState) -> Option<Finding> {
    Some(Finding::new(FindingCode::ClockRateWrong, stream.key.track, stream.wrong_clock_detail()?))
}

/// Sender reports that never came or came no more.
fn reports(stream: &StreamState) -> Option<Finding> {
    let (track, duration) = (stream.key.track, stream.duration()?);
    let Some(report) = stream.reports.last else {
        let detail = || format!("no sender report in {} s", duration / NANOS_PER_SECOND);
        return (duration >= REPORTS_NS).then(|| Finding::new(FindingCode::SrMissing, track, detail()));
    };
    let silence = stream.last()?.nanos_since(report.at);
    let usual = stream.reports.interval_mean_s().unwrap_or(0.0) * REPORTS_MISSED;
    let stopped = silence >= REPORTS_NS && stream.last()?.seconds_since(report.at) > usual;
    let detail = || format!("no sender report in the last {} s", silence / NANOS_PER_SECOND);
    stopped.then(|| Finding::new(FindingCode::SrStopped, track, detail()))
}
