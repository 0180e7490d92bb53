//! What messages, and what is neither message nor frame, add to the tables.

use std::io;
use std::net::SocketAddr;

use crate::analysis::cell::{Fixed, Millis, Utc, millis};
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::http::HttpRole;
use crate::analysis::location::Location;
use crate::analysis::media_stop::WaitEnd;
use crate::analysis::messages::{MessageParts, shown};
use crate::analysis::out::RowEmitter;
use crate::analysis::rows::{MessageKind, MessageRow, Row, Sink, Table};
use crate::analysis::session::Session;
use crate::analysis::unplaced::Neighbour;
use crate::rtsp::message::{Message, StartLine};
use crate::session::dialog::Request;
use crate::trace::Direction;

impl<S: Sink> RowEmitter<S> {
    /// Tracks of which nothing came.
    pub(in crate::analysis) fn silent_tracks(&mut self, session: &mut Session, end: Location) -> io::Result<()> {
        session.end_wait(end, WaitEnd::CaptureEnd, None);
        for silent in session.wait.take_silent() {
            session.stops.is_silent(silent.track);
            let place = Location { direction: silent.direction, ..silent.since };
            self.finding(place, &Finding::new(FindingCode::NoMedia, silent.track, silent.detail.as_str()))?;
            if let Some(judge) = self.judge(place.session) {
                judge.no_media(&silent);
            }
        }
        Ok(())
    }

    /// Takes a message that came on `connection`, which is the address of its client.
    pub(in crate::analysis) fn message(
        &mut self,
        session: &mut Session,
        place: Location,
        connection: SocketAddr,
        message: &Message<'_>,
    ) -> io::Result<()> {
        let held = session.held();
        if let StartLine::Request { method, url } = message.start_line()
            && method == "TEARDOWN"
        {
            // Whether it is answered or not.
            session.end_wait(place, WaitEnd::Teardown, Some(&url));
        }
        let (request, found) = match session.http.message(place.at, connection, message) {
            HttpRole::Tunnel(request) => {
                let found = session.watch.http_message(place.at, message, request.as_ref());
                (request, found)
            }
            HttpRole::Dialogue => {
                session.asked(&place, message);
                let request = session.message(place.at, place.direction, message);
                session.describe_streams(request.as_ref(), &mut self.budget);
                let Session { watch, dialog, .. } = session;
                let found = if self.findings {
                    watch.message(place.at, place.direction, message, request.as_ref(), dialog)
                } else {
                    Vec::new()
                };
                (request, found)
            }
        };
        if !self.budget.dialogue(held, session.held()) {
            self.forget_dialogue(session, place)?;
        }
        for finding in found {
            self.finding(place, &finding)?;
        }
        self.answered(session, place, message, request.as_ref());
        if self.sink.wants(Table::Messages) { self.message_row(place, message, request) } else { Ok(()) }
    }

    /// What an answer means for freezes and verdicts.
    fn answered(&mut self, session: &mut Session, place: Location, message: &Message<'_>, request: Option<&Request>) {
        let StartLine::Response { status: Some(status), .. } = message.start_line() else { return };
        let Some(request) = request else { return };
        session.answered(place.at, request, message);
        if place.direction == Direction::ServerToClient {
            session.stops.answered(place.at);
        }
        if let Some(judge) = self.judge(place.session) {
            judge.response(place, &request.method, status);
        }
        if (200..300).contains(&status) {
            session.granted(place, request);
        }
        if status < 300 && matches!(request.method.as_str(), "PLAY" | "PAUSE") {
            let controlled = session.controlled_streams(&request.url);
            for stream in &controlled {
                let frames = session.streams.get_mut(*stream).and_then(|stream| stream.frames.as_mut());
                if let Some(frames) = frames {
                    frames.statistics.forget_pace(place.at);
                }
            }
            if let Some(judge) = self.judge(place.session) {
                judge.played(&controlled);
            }
        }
    }

    /// Takes what is neither a message nor a frame.
    pub(in crate::analysis) fn junk(&mut self, session: &mut Session, place: Location, bytes: &[u8]) -> io::Result<()> {
        if place.direction == Direction::ServerToClient && session.dialog.awaits_description() {
            let held = session.held();
            session.dialog.junk(bytes);
            if !self.budget.dialogue(held, session.held()) {
                self.forget_dialogue(session, place)?;
            }
        }
        // Empty lines between messages are allowed (RFC 2326, section 4.1).
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return Ok(());
        }
        session.wait.junk(place.direction, bytes.len());
        // Behind messages that the snap length cut it may be anything.
        let found = session.unplaced.add(place, bytes).filter(|_| !session.cut_messages);
        found.map_or(Ok(()), |(place, finding)| self.finding(place, &finding))
    }

    /// What comes next in a direction tells what the unplaced bytes before it were.
    #[inline]
    pub(in crate::analysis) fn settle(
        &mut self,
        session: &mut Session,
        direction: Direction,
        next: Neighbour,
    ) -> io::Result<()> {
        if session.unplaced.is_settled(direction) && next != Neighbour::Gap {
            return Ok(());
        }
        self.settle_bytes(session, direction, next)
    }

    #[cold]
    fn settle_bytes(&mut self, session: &mut Session, direction: Direction, next: Neighbour) -> io::Result<()> {
        match session.unplaced.settle(direction, next) {
            Some((place, finding)) if !session.cut_messages => self.finding(place, &finding),
            _ => Ok(()),
        }
    }

    fn message_row(&mut self, place: Location, message: &Message<'_>, request: Option<Request>) -> io::Result<()> {
        let parts = MessageParts::new(place.at, message, request);
        let rtsp_session = message.header("Session");
        let product =
            message.header(if parts.kind == MessageKind::Request { "User-Agent" } else { "Server" }).map(shown);
        self.sink.row(&Row::Message(MessageRow {
            capture: &self.capture,
            frame_number: place.frame_number,
            time_utc: Utc(place.at),
            time_s: self.time_s(place.at),
            session: place.session,
            direction: place.direction,
            kind: parts.kind,
            method: parts.method.as_deref(),
            url: parts.url.as_deref(),
            status: parts.status,
            reason: parts.reason.as_deref(),
            cseq: message.cseq(),
            rtsp_session: rtsp_session.as_deref().map(|value| value.split(';').next().unwrap_or(value).trim()),
            latency_ms: parts.latency.map(|nanos| Fixed(millis(nanos)) as Millis),
            head_bytes: message.head().len(),
            body_bytes: message.body().len(),
            product: product.as_deref().filter(|product| !product.is_empty()),
        }))
    }

    /// What is known of all dialogues together is too much.
    #[cold]
    fn forget_dialogue(&mut self, session: &mut Session, place: Location) -> io::Result<()> {
        let held = session.held();
        session.forget_dialogue();
        self.budget.dialogue(held, session.held());
        self.finding(
            place,
            &Finding::new(FindingCode::DialogueForgotten, None, "all dialogues together are too long to keep"),
        )
    }
}
