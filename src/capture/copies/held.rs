//! Datagrams that wait until it shows whether the first of them is a copy. Those behind it wait as well, for their order.

use std::io;

use crate::capture::copies::Copies;
use crate::capture::copies::waiting::{DatagramSight, HeldDatagram, HeldDatagrams};
use crate::capture::ip::UdpDatagram;
use crate::capture::reader::Packet;
use crate::capture::tcp::connections::Connections;
use crate::capture::tcp::reassembly::Arrival;
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::Tap;

/// Datagrams and bytes that wait until it is known whether copies come: some seconds of a quiet stream, some pictures of a
/// fast one. And how long. Chosen, not measured.
const MAX_HELD: usize = 256;
const MAX_BYTES: usize = 512 << 10;
const MAX_WAIT_NS: i64 = 5 * NANOS_PER_SECOND;

impl Copies {
    /// Nothing waits.
    #[inline]
    pub(in crate::capture) fn holds_nothing(&self) -> bool {
        self.held.queue.is_empty()
    }

    /// Takes a copy, what may be one, and what comes behind that.
    #[cold]
    pub(in crate::capture) fn take(
        &mut self,
        packet: &Packet<'_>,
        datagram: &UdpDatagram<'_>,
        (sight, arrival): (DatagramSight, Arrival),
        connections: &mut Connections,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        match sight {
            DatagramSight::Copy if connections.is_media(datagram) => {
                self.count((packet.at, packet.number), self.again);
            }
            DatagramSight::Copy => {}
            DatagramSight::Doubtful(doubt) => self.held.push(datagram, arrival, Some(doubt)),
            DatagramSight::New => self.held.push(datagram, arrival, None),
        }
        self.settle(Some(packet.at), connections, tap)
    }

    /// Hands over what has shown what it is; all of it, where nothing comes any more.
    pub(in crate::capture) fn settle(
        &mut self,
        now: Option<Timestamp>,
        connections: &mut Connections,
        tap: &mut impl Tap,
    ) -> io::Result<()> {
        while let Some((held, is_copy)) = self.next_settled(now) {
            let datagram = held.datagram.as_datagram();
            if !is_copy {
                connections.datagram(&datagram, held.arrival, tap)?;
            } else if connections.is_media(&datagram) {
                let again = held.doubt.is_some_and(|doubt| doubt.again);
                self.count((held.arrival.at, held.arrival.number), again);
            }
        }
        Ok(())
    }

    /// The first that waits, if it has shown whether it is a copy.
    fn next_settled(&mut self, now: Option<Timestamp>) -> Option<(HeldDatagram, bool)> {
        let HeldDatagrams { queue, bytes } = &self.held;
        let HeldDatagram { arrival, doubt, .. } = queue.front()?;
        let is_over = now.is_none_or(|now| now.nanos_since(arrival.at) > MAX_WAIT_NS)
            || queue.len() > MAX_HELD
            || *bytes > MAX_BYTES;
        let is_copy = match *doubt {
            None => Some(false),
            Some(doubt) => self.resolve(doubt).or_else(|| is_over.then_some(false)),
        };
        let is_copy = is_copy?;
        let first = self.held.queue.pop_front()?;
        self.held.bytes = self.held.bytes.saturating_sub(first.datagram.len());
        Some((first, is_copy))
    }
}
