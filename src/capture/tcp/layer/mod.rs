//! What lies between TCP and RTSP on a connection that began with HTTP: the frames of a WebSocket, or chunks. Told stretch
//! by stretch, so that nothing is copied and a rewritten capture knows each byte's place.

mod chunked;
mod search;
mod stretch;
mod web_socket;

use crate::capture::tcp::reassembly::Piece;
use crate::rtsp::demux::{CaptureGap, GapCause};
use crate::rtsp::message::Message;
use crate::rtsp::tunnel::{self, Half};
use crate::rtsp::upgrade;
use crate::trace::{Direction, Encapsulation};

pub(in crate::capture) use chunked::ChunkedBody;
use stretch::Stretch;
pub(in crate::capture) use stretch::unmask;
pub(in crate::capture) use web_socket::WebSocketFrames;

/// The layer of one direction.
#[derive(Debug)]
pub(in crate::capture) struct Layer {
    coding: Coding,
    /// Where in the TCP stream it is.
    at: u64,
    /// Why bytes before it lack that it has not told of yet.
    cause: GapCause,
}

#[derive(Debug)]
pub(in crate::capture) enum Coding {
    WebSocket(WebSocketFrames),
    Chunked(ChunkedBody),
}

impl Coding {
    /// What follows a message of HTTP, where it is not its body as it stands.
    pub(in crate::capture) fn behind(direction: Direction, message: &Message<'_>) -> Option<Coding> {
        let from_client = direction == Direction::ClientToServer;
        let upgraded =
            if from_client { upgrade::asks_for_web_socket(message) } else { upgrade::opens_web_socket(message) };
        if upgraded {
            return Some(Coding::WebSocket(WebSocketFrames::new(from_client)));
        }
        let tunnelled = match tunnel::half_of(message) {
            Some((half, _)) => from_client && half == Half::Post,
            None => tunnel::is_answer(message),
        };
        (tunnelled && tunnel::is_chunked(message)).then(|| Coding::Chunked(ChunkedBody::new()))
    }

    /// Its name.
    pub(in crate::capture) fn carrier(&self) -> Encapsulation<'static> {
        match self {
            Self::WebSocket(_) => Encapsulation::WEB_SOCKET,
            Self::Chunked(_) => Encapsulation::CHUNKS,
        }
    }
}

/// A part of a stream, as who reads what it carries is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum Carried<'a> {
    /// The layer's own.
    Framing(&'a [u8]),
    /// What it carries, as it stands in the stream, and its mask.
    Payload(&'a [u8], Option<[u8; 4]>),
    /// The same, compressed.
    Compressed,
    /// Bytes of what it carries that are not in the capture.
    Gap(CaptureGap),
}

impl Layer {
    /// One that begins at this place of the TCP stream.
    pub(in crate::capture) fn new(coding: Coding, at: u64) -> Self {
        Self { coding, at, cause: GapCause::default() }
    }

    /// Where in the TCP stream it is.
    pub(in crate::capture) fn at(&self) -> u64 {
        self.at
    }

    /// Takes what comes next and hands it over, each part with its place in the TCP stream. Gives the bytes, if there are
    /// any, from which on the stream is not of this layer, whatever the head said.
    ///
    /// # Errors
    /// Those of `each`.
    pub(in crate::capture) fn piece<'a, E>(
        &mut self,
        piece: Piece<'a>,
        mut each: impl FnMut(u64, Carried<'_>) -> Result<(), E>,
    ) -> Result<Option<&'a [u8]>, E> {
        let mut rest = match piece {
            Piece::Gap(CaptureGap { len, cause }) => {
                let (at, missing) = (self.at, self.skip(len));
                self.cause = cause;
                if missing > 0 {
                    each(at, Carried::Gap(CaptureGap { len: missing, cause }))?;
                }
                return Ok(None);
            }
            Piece::Data(bytes) => bytes,
        };
        while !rest.is_empty() {
            let at = self.at;
            let (len, stretch) = self.next(rest);
            let (bytes, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            match stretch {
                Stretch::Framing => each(at, Carried::Framing(bytes))?,
                Stretch::Payload(mask) => each(at, Carried::Payload(bytes, mask))?,
                Stretch::Compressed => each(at, Carried::Compressed)?,
                Stretch::FoundAgain(len) if len > 0 => {
                    each(at, Carried::Gap(CaptureGap { len, cause: self.cause }))?;
                }
                Stretch::PassedOver | Stretch::FoundAgain(_) => {}
                Stretch::Foreign => return Ok(Some(rest)),
            }
            rest = behind;
        }
        Ok(None)
    }

    /// What `bytes`, which come next, begin with, and how many of them are so.
    fn next(&mut self, bytes: &[u8]) -> (usize, Stretch) {
        let (len, stretch) = match &mut self.coding {
            Coding::WebSocket(frames) => frames.next(bytes),
            Coding::Chunked(body) => body.next(bytes),
        };
        self.at += len as u64;
        (len, stretch)
    }

    /// So many bytes are not in the capture. How many of what it carries are missing, where that can be told by now.
    fn skip(&mut self, len: u64) -> u64 {
        self.at = self.at.saturating_add(len);
        match &mut self.coding {
            Coding::WebSocket(frames) => frames.skip(len),
            Coding::Chunked(body) => body.skip(len),
        }
    }

    /// Nothing more comes. How many bytes are missing at the end.
    pub(in crate::capture) fn finish(&mut self) -> u64 {
        match &mut self.coding {
            Coding::WebSocket(frames) => frames.finish(),
            Coding::Chunked(body) => body.finish(),
        }
    }
}
