//! What passes over a connection, as recording, analysis and replay all see it.
//!
//! A live session and a capture file both turn into the same sequence of [`TraceEvent`]s; whatever consumes
//! them ([`Tap`]) does not know which one it was.

mod given;
mod note;
mod path;
mod tcp;
mod unreachable;

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::rtsp::demux::{CaptureGap, Pdu};
use crate::time::Timestamp;

pub use given::GivenMedia;
pub use note::{NoNote, Note, PREFIX, TcpState};
pub use path::UdpPath;
pub use tcp::{ConnectionSecond, ConnectionStall, RoundTrips, SegmentCounts, StallCause};
pub use unreachable::UnreachableReason;

/// One transport connection between an RTSP client and its server, or one of the two of an HTTP tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Number of the connection, from 0, in order of first appearance. Those of an HTTP tunnel share it; where a captured
    /// connection carries several RTSP sessions each has one.
    pub id: usize,
    /// Number of the session that the connection belongs to, from 0. A session that had to connect again
    /// (redirect, close after a 401) has several flows.
    pub session: usize,
    /// URL of the session as far as it is known, without credentials.
    pub url: String,
    /// Real address of the client.
    pub client: SocketAddr,
    /// Real address of the server, also where the capture shows port 554 instead.
    pub server: SocketAddr,
}

word_enum! {
    /// Who sends.
    #[derive(Default, PartialOrd, Ord)]
    pub enum Direction {
        /// From the RTSP client to the server.
        ClientToServer = "c2s",
        /// From the RTSP server to the client.
        #[default]
        ServerToClient = "s2c",
    }
}

impl Direction {
    /// The other way round.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }

    /// 0 for client to server, 1 for server to client: a place in a pair of per-direction states.
    pub const fn index(self) -> usize {
        match self {
            Self::ClientToServer => 0,
            Self::ServerToClient => 1,
        }
    }
}

/// How a connection ended, as far as the wire shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// An orderly end (FIN).
    Fin,
    /// An abort (RST).
    Reset,
}

/// What lies between TCP and RTSP. A capture of our own has it decoded, and names it only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encapsulation<'a> {
    /// In words, such as `TLS 1.3`; nothing where RTSP lies on TCP.
    pub name: &'a str,
    /// Why the server may be another than it says, where that was found and passed over.
    pub certificate_warning: Option<&'a str>,
}

impl Encapsulation<'_> {
    /// RTSP in the frames of a WebSocket (RFC 6455).
    pub const WEB_SOCKET: Encapsulation<'static> = Encapsulation { name: "WebSocket", certificate_warning: None };
    /// The two connections of an HTTP tunnel.
    pub const HTTP: Encapsulation<'static> = Encapsulation { name: "HTTP", certificate_warning: None };
    /// A body of HTTP in chunks (RFC 9112, section 7.1) whose head the capture lacks.
    pub const CHUNKS: Encapsulation<'static> = Encapsulation { name: "HTTP in chunks", certificate_warning: None };
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// The connection stands. `started` is when the client began to connect. Of an HTTP tunnel's connections the one
    /// that shows first is told, and that of the GET: its flow names the addresses that count.
    Opened {
        /// When the SYN left.
        started: Timestamp,
        /// What carries it besides TCP.
        carrier: Encapsulation<'a>,
    },
    /// What somebody says of the session's media who is no part of it. With transports it is a session without RTSP.
    Described(&'a GivenMedia),
    /// The connection stood before the capture began: its SYN is not in it, nor may be what was agreed upon. Told behind
    /// `Opened`.
    BeginningMissing,
    /// Bytes of this direction are not in the capture, and may have been messages: what was agreed upon there is not known.
    /// Told behind `Opened` of those before RTSP showed; later, for bytes the other side acknowledged, when it sends
    /// a message or closes. They are told as gaps when their direction goes on or ends.
    MessagesMissing(CaptureGap),
    /// The connection begins in the capture, and nothing of the other side has come by the time that it shows RTSP, not
    /// even its part of the handshake. The event's direction is that which is there. Told behind `Opened`.
    OneDirection,
    /// One message, interleaved frame, stretch of junk, or gap.
    Pdu(&'a Pdu<'a>),
    /// An RTP or RTCP packet over UDP, between ports that the session set up.
    Datagram {
        /// The transport that it came on.
        path: UdpPath,
        /// Who sent it.
        from: SocketAddr,
        /// Where it goes.
        to: SocketAddr,
        /// The packet, or the beginning of it.
        payload: &'a [u8],
        /// Bytes of the packet behind them that the capture cut off.
        missing: usize,
    },
    /// An ICMP error about a datagram of the session, which did not get where it was sent. The event's direction is that of
    /// the error: the other way round than that of the datagram.
    Unreachable {
        /// The transport of the datagram, as `Datagram` names it.
        path: UdpPath,
        /// Who had sent it.
        from: SocketAddr,
        /// Where it did not get.
        to: SocketAddr,
        /// Who says so: the host itself, or a router on the way.
        by: IpAddr,
        /// Why.
        reason: UnreachableReason,
    },
    /// The client's side of an HTTP tunnel holds a character that is no base64, `offset` bytes into the decoded stream. Told
    /// once for each POST.
    NotBase64 {
        /// The character.
        byte: u8,
        /// Behind how many decoded bytes.
        offset: u64,
    },
    /// A WebSocket carries compressed messages (RFC 7692), which are not read. Told once for each direction.
    Compressed,
    /// What the recorder knows of its own work, before that which it concerns. A capture has it as a comment of the
    /// flow's next packet.
    Note(&'a Note),
    /// A second of one direction of the connection, by the headers of its segments. Told to taps that want it, of captures
    /// that hold the segments as they were on the wire.
    Second(&'a ConnectionSecond),
    /// Bytes of this direction did not move on. Told as `Second` is, before what the segment carries that ended it.
    Stall(&'a ConnectionStall),
    /// The last PDU that one `read` completed has been handed over. A capture does not tell of reads.
    ReadEnd,
    /// The sender of this direction ended the connection.
    Closed(Close),
}

/// Something that happened on a flow, at a time.
#[derive(Clone, Copy, Debug)]
pub struct TraceEvent<'a> {
    /// Arrival: when the bytes that complete the event were read, sent, or captured.
    pub at: Timestamp,
    /// The connection.
    pub flow: &'a Flow,
    /// Who sent it.
    pub direction: Direction,
    /// Wireshark's number of the packet that completes the event; `None` while recording.
    pub frame_number: Option<u64>,
    /// What it was.
    pub payload: Payload<'a>,
}

/// What may be odd about a capture itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemarkKind {
    /// The file ends in the middle of a packet.
    CaptureCut,
    /// Media of a session whose beginning lies before the capture.
    CaptureBeginsLate,
    /// Datagrams are in the capture twice.
    CapturedTwice,
    /// Packets that can't be read, such as encrypted ones.
    PacketsUnreadable,
    /// The capture has the beginnings of packets only.
    PacketsCut,
    /// More sessions than are looked at.
    TooManySessions,
}

/// Something odd about a capture itself, not about a connection in it.
#[derive(Clone, Copy, Debug)]
pub struct Remark<'a> {
    /// The time of the latest packet.
    pub at: Timestamp,
    /// Wireshark's number of it.
    pub frame_number: u64,
    /// What kind of oddity.
    pub kind: RemarkKind,
    /// What, in words.
    pub detail: &'a str,
}

/// The last packet of a capture, whatever it is: RTSP may have ended long before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureEnd {
    /// When it was captured.
    pub at: Timestamp,
    /// Wireshark's number of it.
    pub frame_number: u64,
}

/// Whether a tap takes more of a session. The later ones outweigh the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It does.
    More,
    /// Not now: nothing is to be read until it does again. What is sent meanwhile it still takes.
    Wait,
    /// Never again: the session is to end in good order.
    Stop,
}

/// Something that consumes what passes: a capture writer, an analyzer, or both as a pair.
///
/// [`Source`](crate::capture::Source) shows one at work. Two of them in a row are a tap as well:
///
/// ```
/// use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
/// use rtsp_rec::capture::{Source, Writer, WriterOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let writer = Writer::new(Vec::new(), WriterOptions::default())?;
/// let mut tap = (writer, Analyzer::new(AnalyzerOptions::default(), ()));
/// Source::read(std::fs::File::open("samples/gstreamer_h264_aac.pcapng")?, &mut tap)?;
/// let (writer, analyzer) = tap;
/// assert_eq!(analyzer.streams().count(), 2);
/// assert!(writer.into_inner()?.len() > 100_000);
/// # Ok(())
/// # }
/// ```
pub trait Tap {
    /// Takes one event. Events of one flow and direction come in stream order.
    ///
    /// # Errors
    /// Where the event could not be written down; the run stops.
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()>;

    /// Takes note of something odd about the capture. Those who only record have no use for it.
    ///
    /// # Errors
    /// As [`Tap::event`].
    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        let _ = remark;
        Ok(())
    }

    /// A capture has been read to its end, where this packet stands. Not told while recording.
    fn end(&mut self, latest: CaptureEnd) {
        let _ = latest;
    }

    /// Whether it is of interest how TCP connections fare. Asked when one begins: to count it takes time with each segment.
    fn wants_segments(&self) -> bool {
        false
    }

    /// Whether more of a session is wanted. Asked before each read.
    fn readiness(&self, session: usize) -> Readiness {
        let _ = session;
        Readiness::More
    }

    /// Called a few times a second while events are awaited: the place to flush what lies in buffers.
    ///
    /// # Errors
    /// As [`Tap::event`].
    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let _ = now;
        Ok(())
    }
}

/// Takes everything and does nothing.
impl Tap for () {
    fn event(&mut self, _: &TraceEvent<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// With nobody there, nothing is done.
impl<T: Tap> Tap for Option<T> {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.as_mut().map_or(Ok(()), |tap| tap.event(event))
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        self.as_mut().map_or(Ok(()), |tap| tap.remark(remark))
    }

    fn end(&mut self, latest: CaptureEnd) {
        if let Some(tap) = self {
            tap.end(latest);
        }
    }

    fn wants_segments(&self) -> bool {
        self.as_ref().is_some_and(Tap::wants_segments)
    }

    fn readiness(&self, session: usize) -> Readiness {
        self.as_ref().map_or(Readiness::More, |tap| tap.readiness(session))
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.as_mut().map_or(Ok(()), |tap| tap.tick(now))
    }
}

/// First the one, then the other; the second does not see what the first failed on.
impl<A: Tap, B: Tap> Tap for (A, B) {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.0.event(event)?;
        self.1.event(event)
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        self.0.remark(remark)?;
        self.1.remark(remark)
    }

    fn end(&mut self, latest: CaptureEnd) {
        self.0.end(latest);
        self.1.end(latest);
    }

    fn wants_segments(&self) -> bool {
        self.0.wants_segments() || self.1.wants_segments()
    }

    fn readiness(&self, session: usize) -> Readiness {
        self.0.readiness(session).max(self.1.readiness(session))
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.0.tick(now)?;
        self.1.tick(now)
    }
}

impl<T: Tap + ?Sized> Tap for &mut T {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        (**self).event(event)
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        (**self).remark(remark)
    }

    fn end(&mut self, latest: CaptureEnd) {
        (**self).end(latest);
    }

    fn wants_segments(&self) -> bool {
        (**self).wants_segments()
    }

    fn readiness(&self, session: usize) -> Readiness {
        (**self).readiness(session)
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        (**self).tick(now)
    }
}
