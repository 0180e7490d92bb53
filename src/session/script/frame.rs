//! What a recorded peer sent besides its messages, piece by piece.

use crate::session::script::error::ScriptError;

/// Media that one script holds; it is kept in memory.
pub(super) const MAX_MEDIA: u64 = 4 << 30;
/// Bytes are kept in pieces of this size, so that nothing is moved when they grow.
const CHUNK: usize = 4 << 20;

/// Where a frame belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// RTP or RTCP of a track.
    Track {
        /// Place of the track in the description (`m=` line).
        index: usize,
        /// On the RTCP channel or port.
        rtcp: bool,
    },
    /// An interleaved frame on a channel that no SETUP named.
    Stray {
        /// The channel.
        channel: u8,
    },
    /// Bytes of the TCP stream that are no frame: the recorded server put them between two.
    Raw,
}

/// A frame to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When: nanoseconds since PLAY was answered; negative where it came before the answer.
    pub after: i64,
    /// Where it belongs.
    pub lane: Route,
    /// The RTP or RTCP packet; for [`Route::Raw`] the bytes as they are.
    pub payload: &'a [u8],
}

/// A frame whose bytes lie elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) after: i64,
    pub(super) lane: Route,
    pub(super) place: ByteSpan,
}

/// Where bytes lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteSpan {
    chunk: u32,
    start: u32,
    len: u32,
}

/// Bytes in chunks.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    chunks: Vec<Vec<u8>>,
    total: u64,
}

impl Bytes {
    /// Appends bytes.
    ///
    /// # Errors
    /// If it is more than a script holds.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<ByteSpan, ScriptError> {
        let room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= bytes.len();
        if !self.chunks.last().is_some_and(room) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(bytes.len())));
        }
        self.total = self.total.saturating_add(bytes.len() as u64);
        let index = self.chunks.len() - 1;
        let chunk =
            self.chunks.last_mut().filter(|_| self.total <= MAX_MEDIA).ok_or(ScriptError::TooLarge(MAX_MEDIA))?;
        let start = chunk.len();
        chunk.extend_from_slice(bytes);
        let number = |value: usize| u32::try_from(value).map_err(|_| ScriptError::TooLarge(MAX_MEDIA));
        Ok(ByteSpan { chunk: number(index)?, start: number(start)?, len: number(bytes.len())? })
    }

    /// The frame of an entry.
    #[inline]
    pub(super) fn frame(&self, entry: &Entry) -> Option<Frame<'_>> {
        Some(Frame { after: entry.after, lane: entry.lane, payload: self.get(entry.place)? })
    }

    #[inline]
    pub(super) fn get(&self, place: ByteSpan) -> Option<&[u8]> {
        let start = place.start as usize;
        self.chunks.get(place.chunk as usize)?.get(start..start + place.len as usize)
    }
}
