//! The demuxer of one direction of a captured connection, and when the bytes came that it holds back.

use std::collections::VecDeque;

use crate::capture::reassembly::Arrival;
use crate::rtsp::demux::{Demuxer, Pdu, PduKind, Pdus};

/// Chunks of an unfinished PDU whose times are kept; of more, those of every other one.
const MAX_CHUNKS: usize = 4096;

/// A demuxer that knows when the bytes came which it holds back.
#[derive(Debug)]
pub(super) struct Framed {
    pub(super) demuxer: Demuxer,
    /// Where in the stream the chunks end that it holds back, and with which packet they came.
    pub(super) chunks: VecDeque<(u64, Arrival)>,
    /// How much of the stream the demuxer was given.
    pub(super) fed: u64,
}

impl Framed {
    pub(super) fn new(demuxer: Demuxer) -> Self {
        Self { demuxer, chunks: VecDeque::new(), fed: 0 }
    }

    /// Bytes of memory for what waits.
    pub(super) fn held(&self) -> usize {
        self.demuxer.held() + self.chunks.capacity() * size_of::<(u64, Arrival)>()
    }

    /// Notes when the bytes came that the demuxer holds back of a chunk. Those of a PDU may be many.
    #[inline]
    pub(super) fn keep(&mut self, arrival: Arrival) {
        if self.demuxer.offset() < self.fed {
            self.keep_chunk(arrival);
        } else if !self.chunks.is_empty() {
            self.chunks.clear();
        }
    }

    fn keep_chunk(&mut self, arrival: Arrival) {
        if self.chunks.len() == MAX_CHUNKS {
            let mut odd = false;
            self.chunks.retain(|_| {
                odd = !odd;
                !odd
            });
        }
        self.chunks.push_back((self.fed, arrival));
    }

    /// Gives back the memory of what was handed over.
    pub(super) fn release(&mut self) {
        self.demuxer.release();
        self.chunks = VecDeque::new();
    }
}

/// What happens to a demuxer.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Feed(&'a [u8]),
    Skip(u64),
    Close,
}

impl<'a> Step<'a> {
    /// How much of the stream it is.
    pub(super) fn len(self) -> u64 {
        match self {
            Self::Feed(bytes) => bytes.len() as u64,
            Self::Skip(len) => len,
            Self::Close => 0,
        }
    }

    pub(super) fn take(self, demuxer: &'a mut Demuxer) -> Pdus<'a> {
        match self {
            Self::Feed(bytes) => demuxer.feed(bytes),
            Self::Skip(len) => demuxer.skip(len),
            Self::Close => demuxer.close(),
        }
    }
}

/// The arrival of a PDU's last byte, where that is one of earlier chunks: a demuxer that looks for its place decides by
/// what comes later.
pub(super) fn completed_by(chunks: &mut VecDeque<(u64, Arrival)>, pdu: &Pdu<'_>) -> Option<Arrival> {
    chunks.front()?;
    let len = match pdu.kind {
        PduKind::Gap { len } => len,
        _ => pdu.raw.len() as u64,
    };
    let end = pdu.offset + len;
    while chunks.front().is_some_and(|(chunk_end, _)| *chunk_end < end) {
        chunks.pop_front();
    }
    chunks.front().map(|(_, arrival)| *arrival)
}
