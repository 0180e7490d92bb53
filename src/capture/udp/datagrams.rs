//! Datagrams of sessions, as events: those that come, and those that waited for their session to show.

use std::io;

use crate::capture::ip::UdpDatagram;
use crate::capture::rewrite::{RewriteMap, SessionDatagram};
use crate::capture::tcp::reassembly::Arrival;
use crate::capture::udp::media::PortMedia;
use crate::capture::udp::ports::MediaPorts;
use crate::capture::udp::unclaimed::{ClaimedMedia, KeptDatagram};
use crate::trace::{Flow, Payload, Remark, RemarkKind, Tap, TraceEvent};

/// A datagram of media that these sessions set up: several where it goes to a group.
#[inline]
pub(in crate::capture) fn tell(
    members: &[PortMedia],
    datagram: &UdpDatagram<'_>,
    arrival: Arrival,
    rewrite_map: &mut Option<Box<RewriteMap>>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    for (place, media) in members.iter().enumerate() {
        media.note(datagram.payload);
        let path = media.path_among(members, datagram.from);
        // What a packet of a group becomes is decided once.
        if let Some(rewrite_map) = rewrite_map.as_mut().filter(|_| place == 0) {
            let (at, direction, payload) = (arrival.at, media.direction, datagram.payload);
            rewrite_map.datagram(media.flow.id, &SessionDatagram { at, direction, path, payload }, datagram.header);
        }
        let Arrival { at, number } = arrival;
        let UdpDatagram { from, to, payload, missing, .. } = *datagram;
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        let payload = Payload::Datagram { path, from, to, payload, missing };
        let (flow, direction) = (&*media.flow, media.direction);
        let frame_number = (number > 0).then_some(number);
        tap.event(&TraceEvent { at, flow, direction, frame_number, payload })?;
    }
    Ok(())
}

/// One that waited until it was known whose it is.
pub(in crate::capture) fn tell_kept(
    kept: &KeptDatagram,
    ports: &MediaPorts,
    rewrite_map: &mut Option<Box<RewriteMap>>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    let datagram = kept.datagram();
    let members = ports.find(datagram.from, datagram.to);
    let now = kept.place.and_then(|place| Some(rewrite_map.as_mut()?.go_to(place)));
    tell(members, &datagram, kept.arrival, rewrite_map, tap)?;
    if let (Some(now), Some(rewrite_map)) = (now, rewrite_map) {
        rewrite_map.go_to(now);
    }
    Ok(())
}

/// Nothing more may come of some session: what waits of RTP that no SETUP named is told, where it is a silent track's.
#[cold]
pub(in crate::capture) fn tell_unnamed(
    ports: &mut MediaPorts,
    now: Arrival,
    rewrite_map: &mut Option<Box<RewriteMap>>,
    tap: &mut impl Tap,
) -> io::Result<()> {
    if ports.silent.is_empty() {
        return Ok(());
    }
    for ends in ports.unclaimed.all_rtp() {
        let Some(claimed) = ports.claim_unnamed(ends, now.at) else { continue };
        claimed.datagrams.iter().try_for_each(|kept| tell_kept(kept, ports, rewrite_map, tap))?;
    }
    Ok(())
}

/// What is not certain of media that a session has claimed.
pub(in crate::capture) fn remark(
    claimed: &ClaimedMedia,
    session: &Flow,
    ports: &mut MediaPorts,
    arrival: Arrival,
    tap: &mut impl Tap,
) -> io::Result<()> {
    let Arrival { at, number } = arrival;
    let mut tell = |detail: String| {
        tap.remark(&Remark { at, frame_number: number, kind: RemarkKind::CaptureBeginsLate, detail: &detail })
    };
    if claimed.passed_over > 0 {
        let count = claimed.passed_over;
        tell(format!(
            "{count} datagrams that came before their session showed are not counted, as they were too many"
        ))?;
    }
    if !claimed.datagrams.is_empty() && ports.unclaimed.is_ambiguous(session) {
        let (client, server) = (session.client.ip(), session.server.ip());
        tell(format!(
            "several connections of {client} to {server} stood before the capture: which of them set up the media over \
             UDP is not known, the first one has them here"
        ))?;
    }
    Ok(())
}
