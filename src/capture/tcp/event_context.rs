//! Where the events of connections go, and what numbers them.

use std::io;

use crate::capture::rewrite::RewriteMap;
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::tcp::tunnel::{HttpTunnel, Tunnels};
use crate::capture::udp::ports::MediaPorts;
use crate::trace::{Direction, Flow, Payload, Remark, RemarkKind, Tap, TraceEvent};

/// RTSP sessions of one capture; further ones are passed over.
const MAX_SESSIONS: usize = 10_000;

/// Where events of a connection go, and what numbers it.
pub(in crate::capture) struct EventContext<'a, T> {
    /// RTSP sessions so far; one more once some were passed over.
    pub(in crate::capture) sessions: &'a mut usize,
    pub(in crate::capture) ports: &'a mut MediaPorts,
    pub(in crate::capture) tunnels: &'a mut Tunnels,
    /// Where a plan is made of it.
    pub(in crate::capture) rewrite_map: &'a mut Option<Box<RewriteMap>>,
    pub(in crate::capture) tap: &'a mut T,
}

impl<T: Tap> EventContext<'_, T> {
    /// The number of the next session. `None` where there are too many; the first that is passed over is told of.
    pub(in crate::capture) fn next_session(&mut self, arrival: Arrival) -> io::Result<Option<usize>> {
        if *self.sessions > MAX_SESSIONS {
            return Ok(None);
        }
        *self.sessions += 1;
        if *self.sessions <= MAX_SESSIONS {
            return Ok(Some(*self.sessions - 1));
        }
        let detail = &format!("RTSP sessions from the {}th on are passed over", *self.sessions);
        let Arrival { at, number } = arrival;
        self.tap.remark(&Remark { at, frame_number: number, kind: RemarkKind::TooManySessions, detail })?;
        Ok(None)
    }

    /// Does something with the tunnel at this place that needs the others as well.
    pub(in crate::capture) fn on_tunnel(
        &mut self,
        place: usize,
        act: impl FnOnce(&mut HttpTunnel, &mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(mut tunnel) = self.tunnels.take(place) else { return Ok(()) };
        let done = act(&mut tunnel, self);
        self.tunnels.put(place, tunnel);
        done
    }
}

/// Hands an event over.
#[inline]
pub(in crate::capture) fn tell(
    flow: &Flow,
    direction: Direction,
    arrival: Arrival,
    payload: Payload<'_>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    let Arrival { at, number } = arrival;
    let frame_number = (number > 0).then_some(number);
    tap.event(&TraceEvent { at, flow, direction, frame_number, payload })
}
