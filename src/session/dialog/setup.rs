//! What SETUP agreed upon for a track, and what its payload types mean.

use crate::rtp::payload::PayloadFormat;
use crate::rtsp::headers::{Session, Transport};
use crate::trace::UdpPath;

/// A track that a SETUP exchange connected to a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Index of the description's `m=` line; `None` where no description was seen or none of its URLs fits.
    pub track: Option<usize>,
    /// The URL that was set up.
    pub url: String,
    /// The session identifier of the answer: some servers give each track another.
    pub session: Option<String>,
    /// The interleaved channels of RTP and RTCP.
    pub channels: Option<(u8, u8)>,
    /// The UDP path, where it is not interleaved.
    pub path: Option<UdpPath>,
    /// The source that the answer to PLAY names.
    pub(super) played_ssrc: Option<u32>,
    /// The number of the first packet, by that answer.
    pub(super) played_seq: Option<u16>,
    /// It was torn down.
    pub over: bool,
    /// Which of the presentations it is of that were described: a connection may control two cameras.
    pub(super) presentation: usize,
    /// The transport agreed upon: what the server answered, filled up with what the client asked for.
    pub transport: Transport,
}

impl Setup {
    pub(super) fn held(&self) -> usize {
        let session = self.session.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.url.len() + session + self.transport.protocol.len()
    }

    /// Whether a SETUP was heard for it, or it is known from elsewhere.
    pub(super) const fn is_heard(&self) -> bool {
        !self.url.is_empty()
    }

    /// The number that the tables call its channel: the interleaved RTP channel, else the server's RTP port, else the
    /// client's.
    pub fn number(&self) -> Option<u16> {
        self.channels.map(|(rtp, _)| u16::from(rtp)).or(self.path.map(UdpPath::number))
    }

    /// Whether packets of both may come on one channel, or between the same ports.
    pub(super) fn shares_path_with(&self, other: &Self) -> bool {
        let channels = |setup: &Self| setup.channels.map(|(rtp, rtcp)| [rtp, rtcp]);
        match (channels(self), channels(other)) {
            (Some(own), Some(others)) => own.iter().any(|channel| others.contains(channel)),
            _ => self.path.zip(other.path).is_some_and(|(own, other)| own.fits(other)),
        }
    }
}

/// Encoding and clock of a payload type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Encoding name as the description writes it.
    pub name: String,
    /// RTP clock rate.
    pub clock_rate_hz: Option<u32>,
    /// How payloads are made up.
    pub payload: PayloadFormat,
}

/// The session that the server named.
#[derive(Debug, Default)]
pub(super) struct KnownSession {
    pub(super) known: Option<Session>,
    /// All tracks were torn down, or the server knows it no more.
    pub(super) is_over: bool,
}
