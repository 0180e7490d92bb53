//! Whether a connection speaks RTSP, and what is told once it does.

use std::io;
use std::sync::Arc;

use crate::capture::rewrite::StreamId;
use crate::capture::tcp::content::{Content, State};
use crate::capture::tcp::event_context::{EventContext, tell};
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::sessions::ConnectionSessions;
use crate::capture::tcp::trial::{Trial, WithheldEvent};
use crate::capture::udp::datagrams;
use crate::capture::udp::unclaimed::ClaimedMedia;
use crate::rtsp::demux::PduKind;
use crate::trace::{Direction, Encapsulation, Payload, Tap};

impl Content {
    /// Nothing more may come: decides by what there is.
    pub(in crate::capture) fn conclude<T: Tap>(
        &mut self,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        match &self.state {
            State::Undecided(trial) if trial.is_enough() => self.decide(None, arrival, context),
            _ => Ok(()),
        }
    }

    /// It speaks RTSP: it gets its number, or that of the `known` session that it is the other half of, and what waited
    /// is told. Where there are too many it stays undecided, and so can be forgotten.
    pub(in crate::capture) fn decide<T: Tap>(
        &mut self,
        known: Option<usize>,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        self.shown(context);
        self.turn();
        let Some(flow) = self.flow(known, arrival, context)? else { return Ok(()) };
        let before = self.becomes(State::Rtsp(Box::new(ConnectionSessions::new(Arc::clone(&flow), self.mid_stream))));
        let trial = if let State::Undecided(trial) = before { *trial } else { Trial::default() };
        // With frames its media are on the connection.
        let is_late = (self.mid_stream || self.lacks != [None; 2]) && !trial.has_frames();
        let withheld = trial.into_withheld();
        let first = withheld.front().map_or(arrival, |event| event.arrival);
        self.tell_opened(&flow, first, context)?;
        if let Some(side) = self.only_side().filter(|_| known.is_none()) {
            tell(&flow, self.sender(side), first, Payload::OneDirection, context.tap)?;
        }
        let media = if is_late { context.ports.begins_late(&flow) } else { ClaimedMedia::default() };
        datagrams::remark(&media, &flow, context.ports, arrival, context.tap)?;
        // What came between two ports stands between what came over the connection.
        let mut media = media.datagrams.iter().peekable();
        for event in &withheld {
            while let Some(kept) = media.next_if(|kept| kept.arrival.at < event.arrival.at) {
                datagrams::tell_kept(kept, context.ports, context.rewrite_map, context.tap)?;
            }
            self.tell_withheld(event, context)?;
        }
        media.try_for_each(|kept| datagrams::tell_kept(kept, context.ports, context.rewrite_map, context.tap))
    }

    /// Without a SYN it was guessed who the client is. What was said may tell.
    fn turn(&mut self) {
        if let State::Undecided(trial) = &self.state
            && self.mid_stream
            && !self.turned
            && trial.client() == Some(Direction::ServerToClient)
        {
            self.turned = true;
            std::mem::swap(&mut self.client, &mut self.server);
        }
    }

    /// Tells what came before it was known that this is RTSP.
    fn tell_withheld<T: Tap>(&mut self, event: &WithheldEvent, context: &mut EventContext<'_, T>) -> io::Result<()> {
        event.with_payload(|payload| {
            if let Payload::Pdu(pdu) = payload {
                self.assign(event.direction, pdu, event.arrival, context)?;
            }
            if let Payload::Pdu(pdu) = payload
                && context.rewrite_map.is_some()
                && !matches!(pdu.kind, PduKind::Junk | PduKind::Gap { .. })
            {
                // Whose they are was not known.
                let bare = self.carrier == Encapsulation::default();
                let stream = if bare { StreamId::Tcp } else { StreamId::Carried };
                self.plan(stream(self.number, event.direction), event.direction, pdu, event.arrival, context);
            }
            self.tell(event.direction, event.arrival, payload, context)
        })
    }

    /// So many bytes more have passed: what has shown nothing by now is something else.
    pub(super) fn give_up<T: Tap>(
        &mut self,
        len: usize,
        arrival: Arrival,
        context: &mut EventContext<'_, T>,
    ) -> io::Result<()> {
        let State::Undecided(trial) = &mut self.state else { return Ok(()) };
        if !trial.is_over(len) {
            return Ok(());
        }
        self.conclude(arrival, context)?;
        if matches!(self.state, State::Undecided(_)) {
            self.state = State::Other;
        }
        Ok(())
    }
}
