//! One connection: its stream, a demuxer for each direction, and the bytes that the stream has not taken yet.

use std::io;
use std::time::Duration;

use crate::net::fused::FusedTap;
use crate::net::read_lag::{LATE, ReadLag, SegmentCounts};
use crate::net::stream::{Progress, RtspStream};
use crate::rtsp::demux::{Demuxer, Pdu, Pdus};
use crate::session::{Input, Machine};
use crate::time::Timestamp;
use crate::trace::{Close, Direction, Encapsulation, Flow, Note, Payload, TraceEvent};

/// As long as more than this waits to be sent, no more is asked for: as much as one read brings.
const OUTBOX_LIMIT: usize = 256 << 10;

/// A connection of the event loop.
#[derive(Debug)]
pub(super) struct Connection {
    stream: RtspStream,
    flow: Flow,
    /// The direction in which this side sends.
    own: Direction,
    /// When connecting began; `None` once the connection stands.
    connecting_since: Option<Timestamp>,
    inbound: Demuxer,
    outbound: Demuxer,
    outbox: Vec<u8>,
    sent: usize,
    lateness: ReadLag,
    /// What the system knows of the connection was told: its end is near.
    summed_up: bool,
}

impl Connection {
    /// One whose stream connects, or is connected.
    pub(super) fn new(stream: RtspStream, flow: Flow, own: Direction, connecting_since: Option<Timestamp>) -> Self {
        let (inbound, outbound) = (Demuxer::new(), Demuxer::new());
        let lateness = ReadLag::new(Timestamp::default());
        Self {
            stream,
            flow,
            own,
            connecting_since,
            inbound,
            outbound,
            outbox: Vec::new(),
            sent: 0,
            lateness,
            summed_up: false,
        }
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.connecting_since.is_some()
    }

    /// Goes on with connecting. Once the stream stands the real addresses are known.
    pub(super) fn finish_connecting(
        &mut self,
        now: Timestamp,
        buffer: &mut [u8],
        next_flow: &mut usize,
        tap: &mut FusedTap<'_>,
    ) -> io::Result<Progress> {
        let progress = self.stream.progress(buffer)?;
        if let Progress::Stands = progress {
            (self.flow.client, self.flow.server) = self.stream.addresses()?;
            let started = self.connecting_since.take().unwrap_or(now);
            self.opened(now, started, next_flow, tap);
        }
        Ok(progress)
    }

    /// The connection stands, and gets its number.
    pub(super) fn opened(&mut self, now: Timestamp, started: Timestamp, next_flow: &mut usize, tap: &mut FusedTap<'_>) {
        self.flow.id = *next_flow;
        *next_flow += 1;
        self.lateness.drained(now);
        let (name, doubt) = self.stream.carrier();
        let carrier = Encapsulation { name: &name, certificate_warning: doubt.as_deref() };
        tell(tap, now, &self.flow, Direction::ClientToServer, Payload::Opened { started, carrier });
    }

    /// How long what is to be read has waited, where that may be too long.
    pub(super) fn waited(&self, now: Timestamp) -> Option<Duration> {
        (self.is_client() && self.lateness.is_possible(now)).then(|| self.stream.oldest()).flatten()
    }

    /// Tells of what was just read and had waited so long, if that was too long.
    pub(super) fn judge_reading(
        &mut self,
        now: Timestamp,
        waited: Option<Duration>,
        overslept: Duration,
        tap: &mut FusedTap<'_>,
    ) {
        let Some((from, to)) = self.lateness.late(now, waited, overslept) else { return };
        // Behind a hole bytes wait, and keep the time at which they came; nobody could read them. Where the loop itself
        // slept too long that is no excuse.
        let rise = self.count_segments(now).filter(|_| overslept <= LATE);
        let waited = to.duration_since(from);
        let note = if let Some(SegmentCounts { out_of_order, retransmitted }) = rise {
            self.lateness.drained(now);
            Note::OutOfOrder { waited, segments: out_of_order, retransmitted }
        } else {
            self.lateness.tell((from, to));
            Note::Late { lag: waited, unread: self.stream.unread(), span: Some((from, to)) }
        };
        tell(tap, now, &self.flow, self.own.reverse(), Payload::Note(&note));
    }

    /// Asks the system for its counts of segments. Gives by how much they rose since the last time.
    fn count_segments(&mut self, now: Timestamp) -> Option<SegmentCounts> {
        let state = self.stream.tcp_state()?;
        self.lateness.count(now, state.into())
    }

    /// Everything that had come by now has been read.
    pub(super) fn drained(&mut self, now: Timestamp) {
        self.lateness.drained(now);
        // What the counts are before something waits tells what rises meanwhile.
        if self.is_client() && self.lateness.wants_counts(now) {
            self.count_segments(now);
        }
    }

    /// Reads once. `None` where nothing is there yet.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<Result<usize, Close>> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Some(Err(Close::Fin)),
                Ok(len) => return Some(Ok(len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Some(Err(Close::Reset)),
            }
        }
    }

    /// What one read brought: recorded first, understood later.
    pub(super) fn received(
        &mut self,
        now: Timestamp,
        chunk: &[u8],
        tap: &mut FusedTap<'_>,
        machine: &mut impl Machine,
    ) {
        self.take(now, chunk, tap, |pdu| machine.handle(now, Input::Pdu(pdu)));
    }

    /// The same behind the end of the session: it is only recorded.
    pub(super) fn received_last(&mut self, now: Timestamp, chunk: &[u8], tap: &mut FusedTap<'_>) {
        self.take(now, chunk, tap, |_| ());
    }

    fn take(&mut self, now: Timestamp, chunk: &[u8], tap: &mut FusedTap<'_>, understand: impl FnMut(&Pdu<'_>)) {
        let direction = self.own.reverse();
        pass_on(now, self.inbound.feed(chunk), &self.flow, direction, tap, understand);
        tell(tap, now, &self.flow, direction, Payload::ReadEnd);
    }

    /// The peer ended the connection: what was left of its last PDU, and the end.
    pub(super) fn ended(&mut self, now: Timestamp, close: Close, tap: &mut FusedTap<'_>, machine: &mut impl Machine) {
        let direction = self.own.reverse();
        let understand = |pdu: &Pdu<'_>| machine.handle(now, Input::Pdu(pdu));
        pass_on(now, self.inbound.close(), &self.flow, direction, tap, understand);
        self.sum_up(now, tap);
        tell(tap, now, &self.flow, direction, Payload::Closed(close));
    }

    /// Tells what the system knows of a client's connection, once, while it still knows it.
    fn sum_up(&mut self, now: Timestamp, tap: &mut FusedTap<'_>) {
        if self.is_client()
            && !std::mem::replace(&mut self.summed_up, true)
            && let Some(state) = self.stream.tcp_state()
        {
            tell(tap, now, &self.flow, self.own.reverse(), Payload::Note(&Note::Tcp(state)));
        }
    }

    /// This side ends the connection. What had come of an unfinished PDU is kept.
    pub(super) fn close(&mut self, now: Timestamp, tap: &mut FusedTap<'_>) {
        if !self.is_connecting() {
            pass_on(now, self.inbound.close(), &self.flow, self.own.reverse(), tap, |_| ());
            self.end_own(now, Close::Fin, tap);
        }
        self.stream.close();
    }

    /// This side has nothing more to send, and says so; the other side may still be heard.
    pub(super) fn shut_down(&mut self, now: Timestamp, tap: &mut FusedTap<'_>) {
        self.stream.shut_down();
        self.end_own(now, Close::Fin, tap);
    }

    /// This side resets the connection when it is dropped: what waits to be sent is lost.
    pub(super) fn abort(&mut self, now: Timestamp, tap: &mut FusedTap<'_>) {
        self.stream.make_abrupt();
        pass_on(now, self.inbound.close(), &self.flow, self.own.reverse(), tap, |_| ());
        self.end_own(now, Close::Reset, tap);
    }

    fn end_own(&mut self, now: Timestamp, close: Close, tap: &mut FusedTap<'_>) {
        pass_on(now, self.outbound.close(), &self.flow, self.own, tap, |_| ());
        self.sum_up(now, tap);
        tell(tap, now, &self.flow, self.own, Payload::Closed(close));
    }

    /// The connection's addresses and numbers.
    pub(super) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Whether this side is the client.
    pub(super) fn is_client(&self) -> bool {
        self.own == Direction::ClientToServer
    }

    /// Sends bytes; what the socket does not take now waits in line.
    pub(super) fn submit(&mut self, now: Timestamp, bytes: &[u8], tap: &mut FusedTap<'_>) {
        let mut rest = bytes;
        while self.is_drained() && !self.is_connecting() && !rest.is_empty() {
            let Some(len) = self.write(now, rest, tap) else { break };
            rest = rest.get(len..).unwrap_or_default();
        }
        self.queue(rest);
    }

    /// Bytes that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len().saturating_sub(self.sent)
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_drained(&self) -> bool {
        self.waiting() == 0
    }

    /// Puts bytes in line to be sent.
    fn queue(&mut self, bytes: &[u8]) {
        if self.sent > OUTBOX_LIMIT {
            self.outbox.drain(..self.sent);
            self.sent = 0;
        }
        self.outbox.extend_from_slice(bytes);
    }

    /// Whether more can be put in line.
    pub(super) fn has_room(&self) -> bool {
        self.waiting() < OUTBOX_LIMIT
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn send(&mut self, now: Timestamp, tap: &mut FusedTap<'_>) {
        if !self.is_connecting() {
            self.stream.flush();
        }
        let outbox = std::mem::take(&mut self.outbox);
        while let Some(rest) = outbox.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let Some(len) = self.write(now, rest, tap) else { break };
            self.sent += len;
        }
        self.outbox = outbox;
        if self.is_drained() {
            self.outbox.clear();
            self.sent = 0;
        }
    }

    /// One write, recorded as far as the socket took it; `None` where it takes nothing. Its errors show when it is
    /// read.
    fn write(&mut self, now: Timestamp, bytes: &[u8], tap: &mut FusedTap<'_>) -> Option<usize> {
        loop {
            match self.stream.write(bytes) {
                Ok(len) => {
                    let taken = bytes.get(..len).unwrap_or_default();
                    pass_on(now, self.outbound.feed(taken), &self.flow, self.own, tap, |_| ());
                    tell(tap, now, &self.flow, self.own, Payload::ReadEnd);
                    return Some(len);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

fn tell(tap: &mut FusedTap<'_>, at: Timestamp, flow: &Flow, direction: Direction, payload: Payload<'_>) {
    tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload });
}

fn pass_on(
    now: Timestamp,
    mut pdus: Pdus<'_>,
    flow: &Flow,
    direction: Direction,
    tap: &mut FusedTap<'_>,
    mut then: impl FnMut(&Pdu<'_>),
) {
    while let Some(pdu) = pdus.next_pdu() {
        tell(tap, now, flow, direction, Payload::Pdu(&pdu));
        then(&pdu);
    }
}
