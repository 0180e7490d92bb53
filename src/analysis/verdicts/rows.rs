//! Verdicts as rows.

use std::io;

use crate::analysis::cell::{Fixed, Ssrc, Utc, millis};
use crate::analysis::location::Location;
use crate::analysis::out::{RowEmitter, capture_at};
use crate::analysis::rows::{Row, Sink, VerdictRow};
use crate::analysis::session::{Session, TakenPacket};
use crate::analysis::verdicts::event::{Event, Subject};
use crate::analysis::verdicts::{PassedPacket, SourceChange, incidents};
use crate::rtp::media_kind::MediaKind;
use crate::rtp::rtcp::SenderReport;
use crate::session::dialog::{MediaPath, PacketSigns, is_instead_of_sound};

impl<S: Sink> RowEmitter<S> {
    /// Judges a packet that was taken; `marker`: it has one. No viewer misses what a stranger lost.
    #[inline]
    pub(in crate::analysis) fn judge_packet(&mut self, place: &Location, taken: &mut TakenPacket<'_>, marker: bool) {
        let TakenPacket { stream, index, figures, dialog, .. } = taken;
        if stream.key.stranger.is_none()
            && let Some(judge) = self.judge(place.session)
            && !judge.goes_on(place, *index, stream, figures)
        {
            let described = dialog.media(stream.key.track);
            let kind = described.and_then(|media| MediaKind::named(&media.kind));
            let is_paced = described.is_none() || matches!(kind, Some(MediaKind::Audio | MediaKind::Video));
            let begins_talkspurt = marker && kind == Some(MediaKind::Audio);
            let instead = |payload_type| {
                dialog.media(stream.key.track).is_some_and(|media| is_instead_of_sound(media, payload_type))
            };
            if let Some(sound) = stream.media.filter(|_| stream.key.beside.is_some_and(instead)) {
                judge.sound_ceases(sound);
            }
            judge.packet(*place, *index, stream, &PassedPacket { figures: *figures, begins_talkspurt, is_paced });
        }
    }

    /// Another source sends a track.
    pub(in crate::analysis) fn source_changed(&mut self, place: Location, change: SourceChange) {
        if let Some(judge) = self.judge(place.session) {
            judge.source_changed(place, change);
        }
    }

    /// Judges by a sender report.
    pub(in crate::analysis) fn judge_report(
        &mut self,
        session: &mut Session,
        place: Location,
        path: MediaPath,
        report: &SenderReport<'_>,
    ) {
        if let Some(judge) = self.judge(place.session)
            && let Some(index) = session.known(&PacketSigns::of_report(path, place.direction, report.ssrc()))
            && let Some(stream) = session.streams.get(index).filter(|stream| stream.key.stranger.is_none())
        {
            judge.report(place.at, index, stream, report.packet_count());
        }
    }

    /// Hands over the verdicts on a session that is over.
    pub(in crate::analysis) fn verdicts(&mut self, session: &mut Session, end: Location) -> io::Result<()> {
        let judge = self.judges.as_mut().and_then(|judges| judges.take(end.session));
        let Some(mut judge) = judge else { return Ok(()) };
        if session.has_whole_beginning() {
            session.streams.iter().for_each(|stream| judge.key_frames(stream, end));
        }
        judge.end(&mut session.streams, end);
        let incidents = incidents::numbers(&judge.events);
        judge.events.iter().zip(incidents).try_for_each(|(event, incident)| {
            let media = session.dialog.media(event.subject.track()).map(|media| &*media.kind);
            self.verdict(event, incident, media)
        })
    }

    fn verdict(&mut self, event: &Event, incident: Option<usize>, media: Option<&str>) -> io::Result<()> {
        let Event { first, last, .. } = event;
        let key = match event.subject {
            Subject::Stream(key) => Some(key),
            Subject::Track(_) => None,
        };
        let (from, to) = event.times();
        let direction = key.map_or(first.direction, |key| key.direction);
        self.sink.row(&Row::Verdict(VerdictRow {
            capture: capture_at(&self.captures, first.capture),
            frame_number: first.frame_number,
            time_utc: Utc(first.at),
            time_s: self.time_s(first.at),
            session: first.session,
            track: event.subject.track(),
            channel: key.map(|key| key.channel),
            direction: Some(direction),
            ssrc: key.map(|key| Ssrc(key.ssrc)),
            event: event.kind,
            verdict: event.verdict,
            count: event.count,
            last_frame_number: last.frame_number.filter(|_| first.capture == last.capture),
            last_time_s: self.time_s(last.at),
            duration_ms: event.length().map(|nanos| Fixed(millis(nanos))),
            detail: &event.detail,
            side: event.verdict.side(direction),
            incident,
            from_s: self.time_s(from),
            to_s: self.time_s(to),
            media,
            advice: event.verdict.advice(),
        }))
    }
}
