//! The analyzer: a tap that turns what passes into rows.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::budget::Budget;
use crate::analysis::findings::{Finding, FindingCode};
use crate::analysis::location::Location;
use crate::analysis::media_stop::WaitEnd;
use crate::analysis::out::RowEmitter;
use crate::analysis::rows::{Sink, StreamRow, Table};
use crate::analysis::session::Session;
use crate::analysis::stream::DetailLevel;
use crate::analysis::unplaced::Neighbour;
use crate::analysis::unreachable::UnreachablePath;
use crate::analysis::untimed::UntimedSink;
use crate::analysis::verdicts::Judges;
use crate::rtsp::demux::{GapCause, Pdu, PduKind};
use crate::rtsp::message::Message;
use crate::session::dialog::{MediaPath, PacketSigns};
use crate::time::Timestamp;
use crate::trace::{CaptureEnd, Direction, Note, Payload, Remark, Tap, TraceEvent};

mod finish;

/// What to compute.
#[derive(Clone, Debug)]
pub struct AnalyzerOptions {
    /// What the column `capture` says.
    pub capture: String,
    /// Look at streams closely: percentiles and frames, which take up to 1 MB a stream. The tables of frames, verdicts
    /// and findings need it in any case.
    pub closely: bool,
    /// What the player holds back whose stalls and late frames `streams` tells of.
    pub buffer: Duration,
}

impl AnalyzerOptions {
    /// What GStreamer's `rtpjitterbuffer` holds back, unless it is told otherwise.
    pub const BUFFER: Duration = Duration::from_millis(200);
}

impl Default for AnalyzerOptions {
    fn default() -> Self {
        Self { capture: String::new(), closely: false, buffer: Self::BUFFER }
    }
}

/// Analyzes trace events, one capture at a time.
///
/// ```
/// use std::io;
///
/// use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
/// use rtsp_rec::capture::Source;
///
/// /// Takes the slowest answer.
/// #[derive(Default)]
/// struct Slowest(f64);
///
/// impl Sink for Slowest {
///     fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
///         if let Row::Message(message) = row {
///             self.0 = message.latency_ms.map_or(self.0, |latency| latency.0.max(self.0));
///         }
///         Ok(())
///     }
///
///     fn wants(&self, table: Table) -> bool {
///         table == Table::Messages
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Slowest::default());
/// Source::read(std::fs::File::open("samples/gstreamer_h264_aac.pcapng")?, &mut analyzer)?;
/// let Slowest(millis) = analyzer.finish()?;
/// assert!(millis > 16.0 && millis < 17.0, "DESCRIBE took {millis} ms");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Analyzer<S> {
    sessions: Vec<Option<Session>>,
    depth: DetailLevel,
    out: RowEmitter<UntimedSink<S>>,
}

impl<S: Sink> Analyzer<S> {
    /// An analyzer that hands its rows to `sink`.
    pub fn new(options: AnalyzerOptions, sink: S) -> Self {
        let AnalyzerOptions { capture, closely, buffer } = options;
        let (packets, frames) = (sink.wants(Table::Packets), sink.wants(Table::Frames));
        // What is odd about payloads shows where they are taken apart.
        let closely = closely || frames || [Table::Verdicts, Table::Findings].iter().any(|table| sink.wants(*table));
        let judges = sink.wants(Table::Verdicts).then(Judges::default);
        let findings = sink.wants(Table::Findings) || judges.is_some();
        let latest = (Timestamp::default(), None);
        let budget = Budget::default();
        let capture: Arc<str> = capture.into();
        let captures = vec![Arc::clone(&capture)];
        let sink = UntimedSink { inner: sink, untimed: false };
        let capture_end = None;
        let out = RowEmitter {
            capture,
            captures,
            sink,
            first: None,
            latest,
            capture_end,
            findings,
            packets,
            frames,
            judges,
            budget,
        };
        Self { sessions: Vec::new(), depth: DetailLevel { closely, frame_rows: frames, crowded: false, buffer }, out }
    }

    /// The rows of the streams as they stand now, in the order in which sessions and streams appeared.
    pub fn streams(&self) -> impl Iterator<Item = StreamRow<'_>> {
        self.sessions.iter().flatten().flat_map(Session::rows)
    }

    /// All packets are there: decides on what streams carry that nothing describes. [`finish`](Self::finish) does it as well.
    pub fn settle(&mut self) {
        for session in self.sessions.iter_mut().flatten() {
            session.streams.iter_mut().for_each(|stream| stream.settle(&mut self.out.budget));
        }
    }

    /// Whether anything of an RTSP session was seen.
    pub fn has_sessions(&self) -> bool {
        self.sessions.iter().any(Option::is_some)
    }

    /// Another capture that goes on where this one ended: its rows name it. The rows of streams name the capture in
    /// which the stream begins.
    pub fn next_capture(&mut self, capture: &str) {
        self.out.capture = capture.into();
        self.out.captures.push(Arc::clone(&self.out.capture));
        for session in self.sessions.iter_mut().flatten() {
            session.capture = Arc::clone(&self.out.capture);
        }
    }

    /// A packet has no time: nothing is reckoned from times any more, nor judged by them.
    #[cold]
    fn untimed(&mut self) {
        self.out.sink.untimed = true;
        self.out.judges = None;
    }

    /// The session of an event, which begins with its first one.
    #[inline]
    fn session(&mut self, event: &TraceEvent<'_>) -> Option<(&mut Session, &mut RowEmitter<UntimedSink<S>>)> {
        let Self { sessions, depth, out } = self;
        if !matches!(sessions.get(event.flow.id), Some(Some(_))) {
            if sessions.len() <= event.flow.id {
                sessions.resize_with(event.flow.id + 1, || None);
            }
            *sessions.get_mut(event.flow.id)? = Some(Session::new(Arc::clone(&out.capture), event.flow, *depth));
        }
        Some((sessions.get_mut(event.flow.id)?.as_mut()?, out))
    }
}

impl<S: Sink> RowEmitter<S> {
    /// What the recorder says of its own work. That packets are repeated is no oddity.
    fn note(&mut self, place: Location, note: &Note) -> io::Result<()> {
        if let Some(judge) = self.judge(place.session) {
            judge.note(place.at, note);
        }
        let (code, detail) = match note {
            Note::KernelDrops { datagrams } => {
                (FindingCode::KernelDrops, format!("the system dropped {datagrams} datagrams, its buffer was full"))
            }
            Note::Late { lag, unread, .. } => {
                let lag = lag.as_secs_f64() * 1000.0;
                (FindingCode::RecorderLate, format!("read {lag:.3} ms after it had come, {unread} bytes left unread"))
            }
            Note::OutOfOrder { waited, segments, retransmitted } => {
                let waited = waited.as_secs_f64() * 1000.0;
                let detail = format!(
                    "bytes waited {waited:.3} ms in the system for a segment that was lost or late on the way: {segments} \
                     segments came out of order, {retransmitted} were sent again from here"
                );
                (FindingCode::TcpOutOfOrder, detail)
            }
            Note::Paused { pause } => {
                let pause = pause.as_secs_f64() * 1000.0;
                let detail = format!("the recorder did not read for {pause:.3} ms, the disk was busy");
                (FindingCode::RecorderPaused, detail)
            }
            Note::Tcp(state) => (FindingCode::TcpInfo, state.to_string()),
            Note::Repeated { .. } => return Ok(()),
        };
        self.finding(place, &Finding::new(code, None, detail))
    }

    #[inline]
    fn pdu(&mut self, session: &mut Session, event: &TraceEvent<'_>, pdu: &Pdu<'_>) -> io::Result<()> {
        let place = self.place(event, Some(pdu.offset));
        match pdu.kind {
            PduKind::Interleaved { channel, payload } => {
                self.settle(session, place.direction, Neighbour::Whole)?;
                self.frame(session, place, MediaPath::Channel(channel), payload, 0)
            }
            PduKind::CutFrame { channel, payload, missing } => {
                self.settle(session, place.direction, Neighbour::Whole)?;
                self.frame(session, place, MediaPath::Channel(channel), payload, missing)
            }
            PduKind::Message { head, body } => {
                self.settle(session, place.direction, Neighbour::Whole)?;
                self.message(session, place, event.flow.client, &Message::new(head, body))
            }
            PduKind::Junk => self.junk(session, place, pdu.raw),
            PduKind::Gap { len, cause, in_frame } => {
                session.wait.missing(place.direction, len);
                if place.direction == Direction::ServerToClient && cause != GapCause::SnapLength {
                    session.stops.missing(place.at);
                }
                if !in_frame {
                    session.lacks_messages(place.direction, place.at, cause);
                }
                if cause == GapCause::SnapLength {
                    self.cut_by_snap_length(session, &place, in_frame);
                    return Ok(());
                }
                self.settle(session, place.direction, Neighbour::Gap)?;
                let detail = format!("{len} bytes are not in the capture");
                self.finding(place, &Finding::new(FindingCode::CaptureGap, None, detail))
            }
        }
    }

    /// The snap length cut what came. One finding tells of all that it cut; packets that lack behind it may have been there.
    fn cut_by_snap_length(&mut self, session: &mut Session, place: &Location, in_frame: bool) {
        let is_counted = !session.unplaced.cut(place.direction);
        if let Some(judge) = self.judge(place.session).filter(|_| !(in_frame && is_counted)) {
            judge.capture_gap(place);
        }
    }
}

impl<S: Sink> Tap for Analyzer<S> {
    #[inline]
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if matches!(event.payload, Payload::ReadEnd) {
            return Ok(());
        }
        if !event.at.is_known() {
            self.untimed();
        } else if self.out.first.is_none() {
            let begin = if let Payload::Opened { started, .. } = event.payload { started } else { event.at };
            self.out.first = Some(begin);
        }
        // What waited for its session to show is told late.
        let (at, number) = self.out.latest;
        if event.at >= at || event.frame_number >= number {
            self.out.latest = (event.at, event.frame_number);
        }
        let Some((session, out)) = self.session(event) else { return Ok(()) };
        if session.watch.only_side.is_some_and(|side| side != event.direction)
            && matches!(event.payload, Payload::Pdu(_) | Payload::Closed(_))
        {
            session.only_side(None);
        }
        match &event.payload {
            Payload::Pdu(pdu) => out.pdu(session, event, pdu),
            Payload::Datagram { path, payload, missing, .. } => {
                out.frame(session, out.place(event, None), MediaPath::Udp(*path), payload, *missing)
            }
            Payload::NotBase64 { byte, offset } => {
                let detail = format!("{:?} in the tunnel is no base64; it is passed over", char::from(*byte));
                out.finding(out.place(event, Some(*offset)), &Finding::new(FindingCode::TunnelGarbage, None, detail))
            }
            Payload::Compressed => {
                let detail = "messages of the WebSocket are compressed (RFC 7692); they are not read";
                out.finding(out.place(event, None), &Finding::new(FindingCode::WebsocketCompressed, None, detail))
            }
            Payload::Unreachable { path, from, to, by, reason } => {
                // What was under way meets ports that are closed.
                if session.watch.heard.teardown_asked {
                    return Ok(());
                }
                let (path, direction) = (MediaPath::Udp(*path), event.direction.reverse());
                let track =
                    session.track_of(&PacketSigns { path, direction, payload_type: None, ssrc: None, number: None });
                let (from, to, by, reason) = (*from, *to, *by, *reason);
                let (direction, at, count) = (event.direction, event.at, 1);
                session.unreachable.add(UnreachablePath {
                    track,
                    direction,
                    from,
                    to,
                    by,
                    reason,
                    since: at,
                    last: at,
                    count,
                });
                Ok(())
            }
            Payload::Described(given) => {
                session.describe(given);
                Ok(())
            }
            // The GET of an HTTP tunnel may come behind its POST.
            Payload::Opened { carrier, .. } => {
                session.http.opened(*carrier);
                session.flow.clone_from(event.flow);
                Ok(())
            }
            Payload::BeginningMissing => {
                session.begins_late();
                Ok(())
            }
            Payload::MessagesMissing(gap) => {
                session.wait.awaits(event.direction, gap.len);
                session.lacks_messages(event.direction, event.at, gap.cause);
                Ok(())
            }
            Payload::OneDirection => {
                session.only_side(Some(event.direction));
                Ok(())
            }
            Payload::Closed(_) => {
                let first = *session.closed.get_or_insert(event.direction);
                session.wait.closed(first);
                // The POST of a tunnel may end before its GET.
                if !session.http.is_tunnel() {
                    session.end_wait(out.place(event, None), WaitEnd::Close, None);
                }
                let next = if first == event.direction { Neighbour::Whole } else { Neighbour::Closed };
                out.settle(session, event.direction, next)
            }
            Payload::Note(note) => out.note(out.place(event, None), note),
            Payload::Second(second) => out.second(out.place(event, None), second),
            Payload::Stall(stall) => {
                if let Some(judge) = out.judge(event.flow.id + 1) {
                    judge.stall(event.direction, stall);
                }
                Ok(())
            }
            Payload::ReadEnd => Ok(()),
        }
    }

    fn wants_segments(&self) -> bool {
        self.out.sink.wants(Table::Tcp) || self.out.judges.is_some()
    }

    fn end(&mut self, latest: CaptureEnd) {
        self.out.capture_end = Some(latest).filter(|latest| latest.at.is_known());
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        let Some(detail) = self.remarked(remark) else { return Ok(()) };
        let finding = Finding::new(remark.kind.into(), None, detail);
        self.out.found(remark.at, (remark.frame_number > 0).then_some(remark.frame_number), None, None, None, &finding)
    }
}
