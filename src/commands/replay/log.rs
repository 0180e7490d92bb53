//! What a replaying server tells of its clients while it runs.

use std::io::{self, Write};

use crate::commands::hiding::shown;
use crate::commands::monitor::show;
use crate::rtsp::demux::PduKind;
use crate::rtsp::message::{Message, StartLine};
use crate::trace::{Direction, Payload, Tap, TraceEvent};

/// Tells on standard error who plays what and who leaves, or every message.
#[derive(Debug)]
pub(super) struct ClientLog {
    verbose: bool,
}

impl ClientLog {
    pub(super) fn new(verbose: bool) -> Self {
        Self { verbose }
    }
}

impl Tap for ClientLog {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        match event.payload {
            Payload::Pdu(pdu) if self.verbose && matches!(pdu.kind, PduKind::Message { .. }) => show(event),
            Payload::Pdu(pdu) if event.direction == Direction::ClientToServer => {
                let PduKind::Message { head, body } = pdu.kind else { return Ok(()) };
                match Message::new(head, body).start_line() {
                    StartLine::Request { method, url }
                        if matches!(&*method, "DESCRIBE" | "PLAY" | "PAUSE" | "TEARDOWN") =>
                    {
                        say(event, &format!("{method} {url}"));
                    }
                    _ => {}
                }
            }
            Payload::Closed(_) if event.direction == Direction::ClientToServer => say(event, "gone"),
            _ => {}
        }
        Ok(())
    }
}

/// A line on standard error. One that can't be written is no reason to stop; what clients send must not steer the
/// terminal.
fn say(event: &TraceEvent<'_>, what: &str) {
    let _ = writeln!(io::stderr(), "{} client {} {}  {}", event.at, event.flow.id + 1, event.flow.client, shown(what));
}
