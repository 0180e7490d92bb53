//! A demuxer that knows with which packets the bytes came that it holds back.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::capture::tcp::reassembly::Arrival;
use crate::rtsp::demux::{CaptureGap, Demuxer, Pdu, PduKind};

/// Chunks of an unfinished PDU whose times are kept; of more, those of every other one.
const MAX_CHUNKS: usize = 4096;

/// One direction of a dialogue.
#[derive(Debug)]
pub(in crate::capture) struct TimedDemuxer {
    demuxer: Demuxer,
    /// Where in the stream the chunks end that it holds back, and with which packet they came.
    chunks: VecDeque<(u64, Arrival)>,
    /// How much of the stream the demuxer was given.
    fed: u64,
    /// Its start is not in the capture: every frame has had to look like one.
    mid_stream: bool,
    /// A layer above TCP carries it: its places are not those of the TCP stream.
    carried: bool,
}

/// What happens to a demuxer.
#[derive(Clone, Copy)]
pub(in crate::capture) enum Step<'a> {
    Feed(&'a [u8]),
    Skip(CaptureGap),
    Close,
}

impl TimedDemuxer {
    /// A dialogue from its start.
    pub(in crate::capture) fn new() -> Self {
        Self { demuxer: Demuxer::new(), chunks: VecDeque::new(), fed: 0, mid_stream: false, carried: false }
    }

    /// A dialogue that goes on behind the head of an HTTP message.
    pub(in crate::capture) fn behind_head(offset: u64, carried: bool) -> Self {
        Self { demuxer: Demuxer::at(offset), fed: offset, carried, ..Self::new() }
    }

    /// A dialogue that has begun before.
    pub(in crate::capture) fn mid_stream() -> Self {
        Self { demuxer: Demuxer::mid_stream(), mid_stream: true, ..Self::new() }
    }

    pub(in crate::capture) fn is_mid_stream(&self) -> bool {
        self.mid_stream
    }

    /// From here on a layer above TCP carries it.
    pub(in crate::capture) fn set_carried(&mut self) {
        self.carried = true;
    }

    pub(in crate::capture) fn is_carried(&self) -> bool {
        self.carried
    }

    /// Another file begins, with numbers of its own.
    pub(in crate::capture) fn forget_numbers(&mut self) {
        self.chunks.iter_mut().for_each(|(_, arrival)| arrival.number = 0);
    }

    /// Length of the stream so far.
    pub(in crate::capture) fn fed(&self) -> u64 {
        self.fed
    }

    /// Bytes of memory for what waits.
    pub(in crate::capture) fn held(&self) -> usize {
        self.demuxer.held() + self.chunks.capacity() * size_of::<(u64, Arrival)>()
    }

    /// Does a step that a packet brings about, and hands over the PDUs that it completes, each with the packet that did.
    /// If `each` breaks off, what follows is left.
    ///
    /// # Errors
    /// Those of `each`.
    #[inline]
    pub(in crate::capture) fn step<E>(
        &mut self,
        step: Step<'_>,
        arrival: Arrival,
        mut each: impl FnMut(&Pdu<'_>, Arrival) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let Self { demuxer, chunks, fed, .. } = self;
        let mut pdus = match step {
            Step::Feed(bytes) => {
                *fed += bytes.len() as u64;
                demuxer.feed(bytes)
            }
            Step::Skip(gap) => {
                *fed += gap.len;
                demuxer.skip(gap)
            }
            Step::Close => demuxer.close(),
        };
        loop {
            let next = pdus.next_pdu();
            // By reference: to move it would cost more than all else that is done here.
            let Some(pdu) = &next else { break };
            if each(pdu, completed_by(chunks, pdu).unwrap_or(arrival))?.is_break() {
                break;
            }
        }
        drop(pdus);
        self.keep(arrival);
        Ok(())
    }

    /// Notes when the bytes came that the demuxer holds back of a step. Those of a PDU may be many.
    #[inline]
    fn keep(&mut self, arrival: Arrival) {
        if self.demuxer.offset() < self.fed {
            self.keep_chunk(arrival);
        } else if !self.chunks.is_empty() {
            self.chunks.clear();
        }
    }

    fn keep_chunk(&mut self, arrival: Arrival) {
        if self.chunks.back().is_some_and(|(end, _)| *end == self.fed) {
            return;
        }
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
    pub(in crate::capture) fn release(&mut self) {
        self.demuxer.release();
        self.chunks = VecDeque::new();
    }
}

/// The arrival of a PDU's last byte, where that is one of earlier chunks: a demuxer that looks for its place decides by
/// what comes later.
#[inline]
fn completed_by(chunks: &mut VecDeque<(u64, Arrival)>, pdu: &Pdu<'_>) -> Option<Arrival> {
    chunks.front()?;
    let len = match pdu.kind {
        PduKind::Gap { len, .. } => len,
        _ => pdu.raw.len() as u64,
    };
    let end = pdu.offset + len;
    while chunks.front().is_some_and(|(chunk_end, _)| *chunk_end < end) {
        chunks.pop_front();
    }
    chunks.front().map(|(_, arrival)| *arrival)
}
