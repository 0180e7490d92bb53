//! Captured packets to trace events: puts TCP connections together and through their demuxers, and gives UDP packets to
//! the session that set up their ports.

use std::io::{self, Read};
use std::sync::Arc;

use crate::capture::beginning::Beginning;
use crate::capture::copies::{Copies, DatagramSight};
use crate::capture::cut_packets::CutPackets;
use crate::capture::ip::{Decoded, IpLayer};
use crate::capture::reader::{CaptureError, FileEnd, Input, NextChunk, Packet, read_input};
use crate::capture::rewrite::{RewriteMap, too_much};
use crate::capture::tcp::connections::Connections;
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::udp::bare::BareMedia;
use crate::capture::udp::named::{NamedMedia, NamedSessions};
use crate::time::Timestamp;
use crate::trace::{CaptureEnd, GivenMedia, Note, Payload, Remark, RemarkKind, Tap, TraceEvent};

/// Turns packets into trace events.
///
/// ```
/// use std::io;
///
/// use rtsp_rec::capture::Source;
/// use rtsp_rec::rtsp::demux::PduKind;
/// use rtsp_rec::rtsp::message::Message;
/// use rtsp_rec::trace::{Payload, Tap, TraceEvent};
///
/// /// Remembers the statuses of all answers.
/// #[derive(Default)]
/// struct Statuses(Vec<u16>);
///
/// impl Tap for Statuses {
///     fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
///         if let Payload::Pdu(pdu) = event.payload
///             && let PduKind::Message { head, body } = pdu.kind
///         {
///             self.0.extend(Message::new(head, body).status());
///         }
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut statuses = Statuses::default();
/// let end = Source::read(std::fs::File::open("samples/gstreamer_h264_aac.pcapng")?, &mut statuses)?;
/// assert_eq!(statuses.0, [200; 6]);
/// assert!(!end.cut);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Source {
    ip: IpLayer,
    connections: Connections,
    copies: Copies,
    cut: CutPackets,
    latest: Option<Arrival>,
    /// Copies were planned as what they are copies of.
    has_planned_copies: bool,
}

impl Source {
    /// A source that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that finds the media that is named as well, and describes with it the sessions that are not described.
    pub fn with_named(named: Option<Arc<NamedMedia>>) -> Self {
        let mut source = Self::default();
        source.connections.named = NamedSessions::new(named);
        source
    }

    /// What of the capture looks like RTP, or is RTCP, and belongs to no session.
    pub fn bare_media(&self) -> BareMedia {
        self.connections.bare.found()
    }

    /// Reads one capture to its end and hands every event to the tap.
    ///
    /// # Errors
    /// If the capture can't be read or is damaged; or if the tap fails.
    pub fn read<R: Read>(input: R, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        let mut source = Self::new();
        let end = source.read_part(input, tap)?;
        source.finish(tap).map_err(CaptureError::Tap)?;
        Ok(end)
    }

    /// Reads one capture to its end, enters into a map what of its bytes is what, and hands every event to the tap. Gives the
    /// map, what belongs to no session, and whether there are copies.
    pub(super) fn read_into_map<R: Read>(
        input: R,
        rewrite_map: RewriteMap,
        tap: &mut impl Tap,
    ) -> Result<(RewriteMap, BareMedia, bool), CaptureError> {
        let mut source = Self::new();
        source.connections.rewrite_map = Some(Box::new(rewrite_map));
        source.read_part(input, tap)?;
        let bare = source.bare_media();
        source.tell_rest(tap).map_err(CaptureError::Tap)?;
        let rewrite_map = source.connections.rewrite_map.take().ok_or_else(|| CaptureError::Tap(too_much()))?;
        Ok((*rewrite_map, bare, source.has_planned_copies))
    }

    /// Reads one of several captures that follow each other, as rotation leaves them. [`Source::finish`] comes after
    /// the last. Events have the numbers that packets have in their own file; what was completed by a packet of an
    /// earlier one has none.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read_part<R: Read>(&mut self, input: R, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        self.read_input(Input::new(Box::new(input)), tap)
    }

    /// As [`Source::read_part`], of a capture that comes in chunks.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read_chunks(&mut self, next: NextChunk<'_>, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        self.read_input(Input::of_chunks(next), tap)
    }

    fn read_input(&mut self, input: Input<'_>, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        self.connections.next_part();
        let end = match self.connections.named.of_rtsp() {
            None => self.read_packets(input, tap)?,
            Some(given) => self.read_packets(input, &mut Describing { given: &given, tap })?,
        };
        self.ip.unreadable.tell(tap).map_err(CaptureError::Tap)?;
        self.copies.tell(tap).map_err(CaptureError::Tap)?;
        self.cut.tell(tap).map_err(CaptureError::Tap)?;
        if end.cut {
            let Arrival { at, number } = self.latest();
            let detail = "the file ends in the middle of a packet";
            let remark = Remark { at, frame_number: number, kind: RemarkKind::CaptureCut, detail };
            tap.remark(&remark).map_err(CaptureError::Tap)?;
        }
        Ok(end)
    }

    fn read_packets(&mut self, input: Input<'_>, tap: &mut impl Tap) -> Result<FileEnd, CaptureError> {
        let end = read_input(input, |packet| self.packet(packet, tap));
        self.copies.settle(None, &mut self.connections, tap).map_err(CaptureError::Tap)?;
        end
    }

    /// Whether a capture goes on where what was read ends: it begins no earlier, and with a connection that may speak
    /// RTSP, or the media of one, whose sequence numbers go on. A file between them may be lost.
    pub fn is_continued_by(&self, next: &Beginning) -> bool {
        self.latest.is_some_and(|latest| self.connections.is_continued_by(next, latest.at))
    }

    /// The capture ends here: hands over what no packet completed.
    ///
    /// # Errors
    /// Those of the tap.
    pub fn finish(mut self, tap: &mut impl Tap) -> io::Result<()> {
        self.tell_rest(tap)
    }

    fn tell_rest(&mut self, tap: &mut impl Tap) -> io::Result<()> {
        let latest = self.latest();
        match self.connections.named.of_rtsp() {
            None => self.connections.finish(latest, tap)?,
            Some(given) => self.connections.finish(latest, &mut Describing { given: &given, tap })?,
        }
        tap.end(CaptureEnd { at: latest.at, frame_number: latest.number });
        Ok(())
    }

    fn latest(&self) -> Arrival {
        self.latest.unwrap_or(Arrival { at: Timestamp::default(), number: 0 })
    }

    /// A packet comes, of a capture that is to be written once more.
    #[cold]
    fn enter(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let assembly = self.ip.assembly(packet);
        match &mut self.connections.rewrite_map {
            Some(rewrite_map) if rewrite_map.is_full() => return Err(too_much()),
            Some(rewrite_map) => rewrite_map.packet(packet.number, assembly),
            None => {}
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Packet<'_>, tap: &mut impl Tap) -> io::Result<()> {
        if self.connections.rewrite_map.is_some() {
            self.enter(packet)?;
        }
        let arrival = Arrival { at: packet.at, number: packet.number };
        self.latest = Some(arrival);
        let arrival = if packet.notes.is_empty() { arrival } else { recorded(packet.notes, arrival) };
        // By reference, as it is large.
        let decoded = &self.ip.decode(packet);
        let noted = packet.notes.is_empty() || self.connections.notes(decoded.as_ref(), packet.notes, arrival, tap)?;
        match decoded {
            Some(Decoded::Tcp(segment)) => {
                if segment.missing > 0 {
                    self.cut.add(packet);
                }
                self.copies.segment(packet, segment);
                self.connections.segment(packet.description, segment, arrival, tap)?;
            }
            Some(Decoded::Udp(datagram)) => {
                if datagram.missing > 0 {
                    self.cut.add(packet);
                }
                let apart = self.connections.is_apart(datagram);
                let sight = self.copies.look(packet, datagram, apart);
                if sight == DatagramSight::New && self.copies.holds_nothing() {
                    self.connections.datagram(datagram, arrival, tap)?;
                } else if self.connections.rewrite_map.is_some() {
                    // Where a capture is written once more, its copies are as well.
                    self.has_planned_copies = true;
                    self.connections.datagram(datagram, arrival, tap)?;
                } else {
                    self.copies.take(packet, datagram, (sight, arrival), &mut self.connections, tap)?;
                }
            }
            Some(Decoded::Icmp(error)) => self.connections.unreachable(error, arrival, tap)?,
            None => {}
        }
        // Only now may it be known whose they are.
        if noted { Ok(()) } else { self.connections.notes(decoded.as_ref(), packet.notes, arrival, tap).map(|_| ()) }
    }
}

/// Tells of each RTSP session what is given of those that are not described.
struct Describing<'a, T> {
    given: &'a GivenMedia,
    tap: &'a mut T,
}

impl<T: Tap> Tap for Describing<'_, T> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.tap.event(event)?;
        if !matches!(event.payload, Payload::Opened { .. }) {
            return Ok(());
        }
        self.tap.event(&TraceEvent { payload: Payload::Described(self.given), ..*event })
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        self.tap.remark(remark)
    }

    fn wants_segments(&self) -> bool {
        self.tap.wants_segments()
    }
}

/// When a packet was on the wire: one that repeats another has the time of that.
#[cold]
fn recorded(notes: &str, arrival: Arrival) -> Arrival {
    let repeated = Note::all_in(notes).find_map(|note| match note {
        Note::Repeated { at } => Some(at),
        _ => None,
    });
    Arrival { at: repeated.unwrap_or(arrival.at), ..arrival }
}
