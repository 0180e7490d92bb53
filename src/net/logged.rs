//! A machine whose every step can be followed: what it is told and what it wants, as records of the crate `log`.
//!
//! A recorder that hangs is asked by `RTSP_REC_LOG=trace` what it waits for. Without a logger each step costs one load and one
//! comparison, and nothing is formatted. Messages come at `debug` with their start line alone, as headers hold logins; media at
//! `trace`.

use std::fmt;

use log::{Level, debug, log_enabled, trace};

use crate::rtsp::demux::{Pdu, PduKind};
use crate::session::{Input, Machine, MediaRoute, Output};
use crate::time::Timestamp;
use crate::trace::Close;

/// More of a start line is not shown.
const MAX_LINE: usize = 300;

/// Wraps a machine and tells of it under the number of its session.
#[derive(Debug)]
pub(super) struct LoggedMachine<M> {
    pub(super) machine: M,
    /// `session`, or `client` where the connection was accepted.
    label: &'static str,
    session: usize,
    /// The deadline that was told last.
    told: Option<Timestamp>,
}

impl<M: Machine> LoggedMachine<M> {
    pub(super) fn new(machine: M, session: usize) -> Self {
        Self { machine, label: "session", session, told: None }
    }

    /// From now on it is told as the server of a client.
    pub(super) fn serves_client(&mut self) {
        self.label = "client";
    }

    /// What it waits for, once it wants nothing more.
    fn tell_deadline(&mut self, now: Timestamp) {
        let next = self.machine.next_deadline();
        if next == self.told {
            return;
        }
        self.told = next;
        match next {
            Some(deadline) => {
                trace!("{} {}: waits for {:?} at most", self.label, self.session, deadline.duration_since(now));
            }
            None => trace!("{} {}: waits without a deadline", self.label, self.session),
        }
    }
}

impl<M: Machine> Machine for LoggedMachine<M> {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        if log_enabled!(Level::Debug) {
            let told = ToldInput(&input);
            if is_quiet(&input) {
                trace!("{} {}: {told}", self.label, self.session);
            } else {
                debug!("{} {}: {told}", self.label, self.session);
            }
        }
        self.machine.handle(now, input);
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        if log_enabled!(Level::Trace) {
            self.tell_deadline(now);
        }
        let output = self.machine.poll_output(now);
        if log_enabled!(Level::Debug)
            && let Some(output) = &output
        {
            let wanted = WantedOutput(output);
            if is_media(output) {
                trace!("{} {}: {wanted}", self.label, self.session);
            } else {
                debug!("{} {}: {wanted}", self.label, self.session);
            }
        }
        output
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.machine.next_deadline()
    }

    fn is_over(&self) -> bool {
        self.machine.is_over()
    }

    fn url(&self) -> &str {
        self.machine.url()
    }
}

/// What comes with each packet, or many times a second.
fn is_quiet(input: &Input<'_>) -> bool {
    match input {
        Input::Pdu(pdu) => !matches!(pdu.kind, PduKind::Message { .. }),
        Input::Datagram { .. } | Input::Wake | Input::Unread => true,
        _ => false,
    }
}

fn is_media(output: &Output<'_>) -> bool {
    match output {
        Output::Send(bytes) => bytes.first() == Some(&b'$'),
        Output::Datagram { .. } => true,
        _ => false,
    }
}

struct ToldInput<'a>(&'a Input<'a>);

impl fmt::Display for ToldInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Resolved(addresses) => write!(f, "the name is resolved: {addresses:?}"),
            Input::ResolveFailed(why) => write!(f, "the name can't be resolved: {why}"),
            Input::Connected => f.write_str("connected"),
            Input::ConnectFailed(why) => write!(f, "the connection failed: {why}"),
            Input::TunnelRefused(answer) => write!(f, "the tunnel was refused: {}", start_line(answer.head())),
            Input::Pdu(pdu) => write_pdu(f, pdu),
            Input::MediaOpened { rtp, rtcp } => write!(f, "UDP sockets are open on the ports {rtp} and {rtcp}"),
            Input::MediaFailed(why) => write!(f, "no UDP sockets for the media: {why}"),
            Input::Datagram { track, payload, .. } => write!(f, "got {} bytes over UDP, track {track}", payload.len()),
            Input::Closed(close) => f.write_str(closed(*close)),
            Input::Stop => f.write_str("is to stop"),
            Input::Wake => f.write_str("its deadline has come"),
            Input::Unread => f.write_str("is not read, as the recording can't keep up"),
        }
    }
}

fn write_pdu(f: &mut fmt::Formatter<'_>, pdu: &Pdu<'_>) -> fmt::Result {
    match pdu.kind {
        PduKind::Message { head, body } => {
            write!(f, "got {}", start_line(head))?;
            if body.is_empty() { Ok(()) } else { write!(f, ", with a body of {} bytes", body.len()) }
        }
        PduKind::Interleaved { channel, payload } => write!(f, "got {} bytes on channel {channel}", payload.len()),
        PduKind::Junk => write!(f, "got {} bytes that are no RTSP", pdu.raw.len()),
        PduKind::CutFrame { channel, payload, missing } => {
            write!(f, "the first {} bytes of a frame on channel {channel}, {missing} are missing", payload.len())
        }
        PduKind::Gap { len, .. } => write!(f, "{len} bytes are missing"),
    }
}

fn closed(close: Close) -> &'static str {
    match close {
        Close::Fin => "the peer ended the connection",
        Close::Reset => "the peer reset the connection",
    }
}

struct WantedOutput<'a>(&'a Output<'a>);

impl fmt::Display for WantedOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Output::Resolve { host, port } => write!(f, "resolves {host}, port {port}"),
            Output::Connect { address, via } => {
                let tls = if via.tls.is_some() { " with TLS" } else { "" };
                let tunnel = if via.tunnel.is_some() { " through HTTP" } else { "" };
                write!(f, "connects to {address}{tls}{tunnel}")
            }
            Output::Send(bytes) if bytes.first() == Some(&b'$') => write!(f, "sends a frame of {} bytes", bytes.len()),
            Output::Send(bytes) => write!(f, "sends {}", start_line(bytes)),
            Output::OpenMedia { track } => write!(f, "opens UDP sockets for track {track}"),
            Output::TakeMedia(route) => write_route(f, *route),
            Output::CloseMedia { track: Some(track) } => write!(f, "closes the UDP sockets of track {track}"),
            Output::CloseMedia { track: None } => f.write_str("closes its UDP sockets"),
            Output::Datagram { track, port, payload, .. } => {
                write!(f, "sends {} bytes over UDP to port {port}, track {track}", payload.len())
            }
            Output::Disconnect => f.write_str("disconnects"),
            Output::Abort => f.write_str("resets the connection"),
            Output::Done => f.write_str("is done"),
        }
    }
}

fn write_route(f: &mut fmt::Formatter<'_>, route: MediaRoute) -> fmt::Result {
    write!(f, "takes the media of track {}", route.track)?;
    if let Some(group) = route.group {
        write!(f, " from the group {}", group.address)?;
    }
    route.source.map_or(Ok(()), |source| write!(f, ", sent by {source}"))
}

/// The first line of a message; the rest may hold a login.
fn start_line(message: &[u8]) -> String {
    let end = message.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(message.len()).min(MAX_LINE);
    String::from_utf8_lossy(message.get(..end).unwrap_or_default()).into_owned()
}
