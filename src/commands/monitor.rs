//! What a person sees of a running recording: a line a session on a terminal, or each message as it passes.

use std::collections::HashSet;
use std::io::{self, Write};

use crate::analysis::{Analyzer, AnalyzerOptions, StreamRow};
use crate::commands::hiding::{rules, shown};
use crate::commands::live::{Figures, Lines};
use crate::commands::recording_health::RecordingHealth;
use crate::commands::terminal::{redraws, warning};
use crate::report::visible::visible;
use crate::rtsp::demux::PduKind;
use crate::rtsp::message::Message;
use crate::time::Timestamp;
use crate::trace::{Direction, Payload, Tap, TraceEvent};

/// More sessions share one line.
const MAX_LINES: usize = 16;

/// Watches a recording for its user.
pub(super) struct Monitor {
    analyzer: Analyzer<()>,
    lines: Option<Lines>,
    /// The line of each connection, by flow number.
    line_of: Vec<usize>,
    /// Somebody will ask for the figures.
    analyzes: bool,
    evidence: RecordingHealth,
    /// Sessions whose user knows that the password can be read on the way.
    warned: HashSet<usize>,
    /// Errors only.
    quiet: bool,
    verbose: bool,
}

impl Monitor {
    /// Shows each message with `verbose`, else a live line for each session unless `quiet` or without a terminal.
    pub(super) fn new(urls: &[String], quiet: bool, verbose: bool, now: Timestamp) -> Self {
        let live = !quiet && !verbose && redraws();
        let names = if urls.len() > MAX_LINES {
            vec![format!("{} sessions", urls.len())]
        } else {
            urls.iter().map(|url| shown(url)).collect()
        };
        let lines = (live && !names.is_empty()).then(|| Lines::new(names, now));
        let analyzer = Analyzer::new(AnalyzerOptions::default(), ());
        Self {
            analyzer,
            lines,
            line_of: Vec::new(),
            analyzes: !quiet,
            evidence: RecordingHealth::default(),
            warned: HashSet::new(),
            quiet,
            verbose,
        }
    }

    /// Warns on standard error, above the live lines.
    pub(super) fn warn(&self, text: &str) {
        if self.quiet {
            return;
        }
        let line = warning(text);
        match &self.lines {
            Some(lines) => lines.say(line),
            None => drop(writeln!(io::stderr(), "{line}")),
        }
    }

    /// The figures are wanted whether they are shown or not.
    pub(super) fn analyzing(self) -> Self {
        Self { analyzes: true, ..self }
    }

    /// The streams as they stand now.
    pub(super) fn streams(&self) -> impl Iterator<Item = StreamRow<'_>> {
        self.analyzer.streams()
    }

    /// What the recording says of itself.
    pub(super) const fn evidence(&self) -> &RecordingHealth {
        &self.evidence
    }

    /// Takes the live lines off the terminal.
    pub(super) fn clear(&self) {
        self.lines.iter().for_each(Lines::clear);
    }
}

impl Tap for Monitor {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if self.verbose {
            show(event);
        }
        if let Payload::Opened { carrier, .. } = event.payload {
            self.line_of.resize(self.line_of.len().max(event.flow.id + 1), 0);
            let last = self.lines.as_ref().map_or(0, Lines::len).saturating_sub(1);
            if let Some(line) = self.line_of.get_mut(event.flow.id) {
                *line = event.flow.session.min(last);
            }
            if let Some(doubt) = carrier.certificate_warning {
                self.warn(&format!("{}: {doubt} (--insecure)", event.flow.url));
            }
        }
        if let Payload::Note(note) = event.payload {
            self.evidence.add(note);
        }
        if !self.quiet && gives_password_away(event) && self.warned.insert(event.flow.session) {
            self.warn(&format!("{}: {READABLE}", event.flow.url));
        }
        if self.analyzes { self.analyzer.event(event) } else { Ok(()) }
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        let mut figures = vec![Figures::default(); lines.len()];
        for row in self.analyzer.streams() {
            let line = row.session.checked_sub(1).and_then(|flow| self.line_of.get(flow));
            if let Some(figures) = line.and_then(|line| figures.get_mut(*line)) {
                figures.add(&row);
            }
        }
        lines.update(now, &figures);
        Ok(())
    }
}

/// RFC 7617, section 4.
const READABLE: &str = "the server asks for a Basic login without TLS: whoever is on the way can read it; \
                        rtsps:// protects it where the server has TLS";

/// Whether a request has a password in it that is not encrypted in any way.
fn gives_password_away(event: &TraceEvent<'_>) -> bool {
    let Payload::Pdu(pdu) = event.payload else { return false };
    let PduKind::Message { head, .. } = pdu.kind else { return false };
    let is_secure = event.flow.url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsps:"));
    if is_secure || event.direction == Direction::ServerToClient {
        return false;
    }
    let login = Message::new(head, &[]).header("Authorization");
    login.is_some_and(|login| login.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic ")))
}

/// Prints a message to standard error, without credentials. What can't be shown is no reason to stop.
pub(super) fn show(event: &TraceEvent<'_>) {
    if let Payload::Note(note) = event.payload {
        let _ = writeln!(io::stderr(), "{} session {}\n{note}\n", event.at, event.flow.id + 1);
    }
    let Payload::Pdu(pdu) = event.payload else { return };
    let PduKind::Message { .. } = pdu.kind else { return };
    let mut bytes = pdu.raw.to_vec();
    rules().mask(&mut bytes);
    let arrow = match event.direction {
        Direction::ClientToServer => '>',
        Direction::ServerToClient => '<',
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Control characters of a hostile server must not reach the terminal.
    let lines: Vec<String> = text.trim_end().lines().map(|line| format!("{arrow} {}", visible(line))).collect();
    let _ = writeln!(io::stderr(), "{} session {}\n{}\n", event.at, event.flow.id + 1, lines.join("\n"));
}
