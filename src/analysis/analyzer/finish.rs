//! What is told when the capture is over, and of the capture itself: what is known only then.

use std::borrow::Cow;
use std::io;

use crate::analysis::analyzer::Analyzer;
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::analysis::out::RowEmitter;
use crate::analysis::rows::{Row, Sink};
use crate::analysis::session::Session;
use crate::analysis::unplaced::Neighbour;
use crate::time::Timestamp;
use crate::trace::{Direction, Remark, RemarkKind};

impl<S: Sink> Analyzer<S> {
    /// The capture is over: hands over what was left unanswered and the streams, and gives the sink back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<S> {
        self.settle();
        let Self { sessions, out, .. } = &mut self;
        // Findings of one kind stand together, session by session.
        sessions.iter_mut().flatten().try_for_each(|session| out.unknown_media(session))?;
        sessions.iter_mut().flatten().try_for_each(|session| out.unplaced_bytes(session))?;
        sessions.iter_mut().flatten().try_for_each(|session| out.lacking_direction(session))?;
        sessions.iter().flatten().try_for_each(|session| out.unanswered(session))?;
        sessions.iter().flatten().try_for_each(|session| out.endings(session))?;
        sessions.iter_mut().flatten().try_for_each(|session| out.silence(session))?;
        sessions.iter_mut().flatten().try_for_each(|session| out.last_frames(session))?;
        sessions.iter_mut().flatten().try_for_each(|session| out.stopped_media(session))?;
        if let Some(judges) = &mut out.judges {
            judges.match_logins(sessions.iter().flatten());
        }
        for session in sessions.iter_mut().flatten() {
            let end = out.end_of(session, Direction::ServerToClient);
            out.verdicts(session, end)?;
        }
        for row in sessions.iter().flatten().flat_map(Session::rows) {
            out.sink.row(&Row::Stream(Box::new(row)))?;
        }
        Ok(self.out.sink.inner)
    }

    /// What there is to say of a remark. That packets are cut matters where they are a session's, or where there is none.
    pub(super) fn remarked<'a>(&self, remark: &Remark<'a>) -> Option<Cow<'a, str>> {
        if remark.kind != RemarkKind::PacketsCut {
            return Some(remark.detail.into());
        }
        let sessions = || self.sessions.iter().flatten();
        let (messages, media) =
            (sessions().any(|session| session.cut_messages), sessions().any(|session| session.cut_packets));
        let what = match (messages, media) {
            (false, false) if self.has_sessions() => return None,
            (false, false) => "what they carry is not known",
            (true, false) => "among them may be RTSP messages, and what those say is not known",
            (false, true) => "of media RTP headers are read, pictures and frames are not told",
            (true, true) => {
                "of media RTP headers are read, pictures and frames are not told; among them may be RTSP messages, and \
                 what those say (tracks, encodings, channels, ports) is not known"
            }
        };
        Some(format!("{}: {what}", remark.detail).into())
    }
}

impl<S: Sink> RowEmitter<S> {
    /// When the capture ends: who waits for media waits until then, even where no session has anything to say.
    fn end_of_capture(&self) -> (Timestamp, Option<u64>) {
        let end = self.capture_end.filter(|end| end.at >= self.latest.0);
        end.map_or(self.latest, |end| (end.at, Some(end.frame_number)))
    }

    /// Payload types that nothing named, and strangers that report.
    fn unknown_media(&mut self, session: &mut Session) -> io::Result<()> {
        let found = session.unknown_payload_types();
        for (direction, finding) in found.into_iter().chain(session.reporting_strangers()) {
            let place = self.end_of(session, direction);
            self.finding(place, &finding)?;
        }
        Ok(())
    }

    /// Bytes of which it did not show what they are.
    fn unplaced_bytes(&mut self, session: &mut Session) -> io::Result<()> {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let closed = session.closed.is_some_and(|first| first != direction);
            self.settle(session, direction, if closed { Neighbour::Closed } else { Neighbour::End })?;
        }
        Ok(())
    }

    /// Of the connection one direction alone is in the capture.
    fn lacking_direction(&mut self, session: &Session) -> io::Result<()> {
        let Some(direction) = session.watch.only_side else { return Ok(()) };
        let place = self.end_of(session, direction);
        let others = session.streams.iter().filter(|stream| stream.key.direction != direction);
        let packets = others.map(|stream| stream.sequence.packets).sum();
        self.finding(place, &Finding::one_direction(direction, packets))
    }

    /// Requests without an answer, and tunnels without one half. Of one direction alone it is said already that the other
    /// one lacks.
    fn unanswered(&mut self, session: &Session) -> io::Result<()> {
        if session.watch.only_side.is_some() {
            return Ok(());
        }
        for (direction, request) in session.dialog.unanswered() {
            if session.watch.may_have_been_answered(direction, request.at) {
                continue;
            }
            let place = self.end_of(session, direction);
            let detail = format!("{} sent at {} was never answered", request.method, request.at);
            self.finding(place, &Finding::new(FindingCode::ResponseMissing, None, detail))?;
        }
        if session.watch.lacks_messages() {
            return Ok(());
        }
        let place = self.end_of(session, Direction::ClientToServer);
        session.http.unfinished().iter().try_for_each(|finding| self.finding(place, finding))
    }

    /// How the streams and the session ended.
    fn endings(&mut self, session: &Session) -> io::Result<()> {
        for (direction, finding) in session.ending() {
            let place = self.end_of(session, direction);
            self.finding(place, &finding)?;
        }
        Ok(())
    }

    /// Tracks of which nothing came.
    fn silence(&mut self, session: &mut Session) -> io::Result<()> {
        let (at, frame_number) = self.end_of_capture();
        let end = Location { at, frame_number, ..self.end_of(session, Direction::ServerToClient) };
        self.silent_tracks(session, end)
    }

    /// Tracks whose media stopped: the pictures of the last moment stand still until the end.
    fn stopped_media(&mut self, session: &mut Session) -> io::Result<()> {
        for stop in session.take_stops() {
            self.finding(stop.until, &Finding::new(FindingCode::MediaStopped, stop.track, stop.detail.as_str()))?;
            for place in stop.others.iter().chain([&stop.stream]) {
                if let Some(frames) = session.streams.get_mut(*place).and_then(|stream| stream.frames.as_mut()) {
                    frames.statistics.stands_still_until(stop.until.at);
                }
            }
            if let Some(stream) = session.streams.get(stop.stream)
                && let Some(judge) = self.judge(stop.until.session)
            {
                judge.stopped_media(&stop, stream);
            }
        }
        Ok(())
    }

    /// Frames that no later packet ended.
    fn last_frames(&mut self, session: &mut Session) -> io::Result<()> {
        let number = session.flow.id + 1;
        for stream in &mut session.streams {
            if let Some(frames) = &mut stream.frames {
                frames.end_all();
            }
            self.ended_frames(number, stream)?;
        }
        Ok(())
    }
}
