//! A connection of which it is not known yet whether it speaks RTSP: what it has shown, and what of it waits to be told.

use std::collections::VecDeque;

use crate::capture::tcp::evidence::{RtspEvidence, Weight};
use crate::capture::tcp::reassembly::Arrival;
use crate::rtsp::demux::{FRAME_HEADER, GapCause, Pdu, PduKind};
use crate::trace::{Close, Direction, Payload};

/// A connection that has shown so many bytes and no RTSP does not speak it. Chosen, not measured.
const MAX_PROBE: u64 = 256 << 10;
/// Bytes that wait to be told; beyond them the oldest are dropped, as if the capture had begun later.
const MAX_WITHHELD: usize = 256 << 10;

/// What is known of an undecided connection.
#[derive(Debug, Default)]
pub(in crate::capture) struct Trial {
    evidence: RtspEvidence,
    /// Bytes that have passed.
    seen: u64,
    withheld: VecDeque<WithheldEvent>,
    /// Memory for them.
    held: usize,
}

/// An event that is told once it is known that the connection speaks RTSP.
#[derive(Debug)]
pub(in crate::capture) struct WithheldEvent {
    pub(in crate::capture) direction: Direction,
    pub(in crate::capture) arrival: Arrival,
    content: WithheldContent,
}

#[derive(Debug)]
enum WithheldContent {
    Pdu(OwnedPdu),
    Closed(Close),
}

/// A PDU with its bytes.
#[derive(Debug)]
struct OwnedPdu {
    offset: u64,
    raw: Box<[u8]>,
    kind: OwnedKind,
}

#[derive(Clone, Copy, Debug)]
enum OwnedKind {
    Message { head: usize },
    Interleaved { channel: u8 },
    CutFrame { channel: u8, missing: usize },
    Junk,
    Gap { len: u64, cause: GapCause, in_frame: bool },
}

impl Trial {
    /// Takes what comes next. Whether it is RTSP.
    pub(in crate::capture) fn take(
        &mut self,
        direction: Direction,
        pdu: &Pdu<'_>,
        arrival: Arrival,
        mid_stream: bool,
    ) -> bool {
        match self.evidence.take(direction, pdu, mid_stream) {
            Weight::Enough => return true,
            Weight::Forget => self.forget(direction),
            // What waits must not be lost for want of more evidence.
            Weight::Keep if self.held + pdu.raw.len() > MAX_WITHHELD && self.evidence.is_enough() => return true,
            Weight::Keep => self.keep(WithheldEvent::of_pdu(direction, pdu, arrival)),
        }
        false
    }

    /// A direction has ended.
    pub(in crate::capture) fn closed(&mut self, direction: Direction, close: Close, arrival: Arrival) {
        self.keep(WithheldEvent { direction, arrival, content: WithheldContent::Closed(close) });
    }

    /// So many bytes more have passed. Whether that is enough of them to know.
    pub(in crate::capture) fn is_over(&mut self, len: usize) -> bool {
        self.seen += len as u64;
        self.seen > MAX_PROBE
    }

    /// Whether it is RTSP if nothing more comes.
    pub(in crate::capture) fn is_enough(&self) -> bool {
        self.evidence.is_enough()
    }

    /// Which direction is the client's, where what was said tells.
    pub(in crate::capture) fn client(&self) -> Option<Direction> {
        self.evidence.client()
    }

    /// Whether interleaved frames came.
    pub(in crate::capture) fn has_frames(&self) -> bool {
        self.evidence.has_frames()
    }

    /// Bytes of memory for what waits.
    pub(in crate::capture) fn held(&self) -> usize {
        self.held
    }

    /// Another file begins, with numbers of its own.
    pub(in crate::capture) fn forget_numbers(&mut self) {
        self.withheld.iter_mut().for_each(|event| event.arrival.number = 0);
    }

    /// What waited.
    pub(in crate::capture) fn into_withheld(self) -> VecDeque<WithheldEvent> {
        self.withheld
    }

    fn keep(&mut self, event: WithheldEvent) {
        // What comes before the first sign says nothing.
        if !self.withheld.is_empty() || event.is_sign() {
            self.held += event.held();
            self.withheld.push_back(event);
        }
        while self.held > MAX_WITHHELD {
            let Some(oldest) = self.withheld.pop_front() else { break };
            self.held -= oldest.held();
        }
    }

    fn forget(&mut self, direction: Direction) {
        if self.withheld.is_empty() {
            return;
        }
        self.withheld.retain(|event| event.direction != direction);
        self.held = self.withheld.iter().map(WithheldEvent::held).sum();
        if self.withheld.is_empty() {
            self.withheld = VecDeque::new();
        }
    }
}

impl WithheldEvent {
    fn of_pdu(direction: Direction, pdu: &Pdu<'_>, arrival: Arrival) -> Self {
        Self { direction, arrival, content: WithheldContent::Pdu(OwnedPdu::of(pdu)) }
    }

    fn is_sign(&self) -> bool {
        let WithheldContent::Pdu(pdu) = &self.content else { return false };
        !matches!(pdu.kind, OwnedKind::Junk | OwnedKind::Gap { .. })
    }

    fn held(&self) -> usize {
        size_of::<Self>() + if let WithheldContent::Pdu(pdu) = &self.content { pdu.raw.len() } else { 0 }
    }

    /// Lends what is told.
    pub(in crate::capture) fn with_payload<R>(&self, tell: impl FnOnce(Payload<'_>) -> R) -> R {
        match &self.content {
            WithheldContent::Pdu(pdu) => tell(Payload::Pdu(&pdu.lend())),
            WithheldContent::Closed(close) => tell(Payload::Closed(*close)),
        }
    }
}

impl OwnedPdu {
    fn of(pdu: &Pdu<'_>) -> Self {
        let kind = match pdu.kind {
            PduKind::Message { head, .. } => OwnedKind::Message { head: head.len() },
            PduKind::Interleaved { channel, .. } => OwnedKind::Interleaved { channel },
            PduKind::CutFrame { channel, missing, .. } => OwnedKind::CutFrame { channel, missing },
            PduKind::Junk => OwnedKind::Junk,
            PduKind::Gap { len, cause, in_frame } => OwnedKind::Gap { len, cause, in_frame },
        };
        Self { offset: pdu.offset, raw: pdu.raw.into(), kind }
    }

    fn lend(&self) -> Pdu<'_> {
        let payload = self.raw.get(FRAME_HEADER..).unwrap_or_default();
        let kind = match self.kind {
            OwnedKind::Message { head } => {
                let (head, body) = self.raw.split_at_checked(head).unwrap_or((&self.raw, &[]));
                PduKind::Message { head, body }
            }
            OwnedKind::Interleaved { channel } => PduKind::Interleaved { channel, payload },
            OwnedKind::CutFrame { channel, missing } => PduKind::CutFrame { channel, payload, missing },
            OwnedKind::Junk => PduKind::Junk,
            OwnedKind::Gap { len, cause, in_frame } => PduKind::Gap { len, cause, in_frame },
        };
        Pdu { offset: self.offset, raw: &self.raw, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::demux::Demuxer;
    use crate::time::Timestamp;

    #[test]
    fn junk_makes_one_direction_be_forgotten() {
        let mut trial = Trial::default();
        let mut take = |direction, bytes: &[u8]| {
            let mut demuxer = Demuxer::new();
            let mut pdus = demuxer.feed(bytes);
            while let Some(pdu) = pdus.next_pdu() {
                let arrival = Arrival { at: Timestamp::from_nanos(1), number: 1 };
                assert!(!trial.take(direction, &pdu, arrival, true));
            }
        };
        take(Direction::ClientToServer, b"$\0\0\x0c\x80\x60\0\x01\0\0\0\0\0\0\0\x07");
        take(Direction::ServerToClient, b"$\x02\0\x0c\x80\x60\0\x01\0\0\0\0\0\0\0\x08");
        take(Direction::ServerToClient, b"\0no RTSP\0");
        let left: Vec<Direction> = trial.into_withheld().iter().map(|event| event.direction).collect();
        assert_eq!(left, [Direction::ClientToServer]);
    }
}
