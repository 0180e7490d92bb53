//! What a person sees of a running recording: a line a session on a terminal, or each message as it passes.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use crate::analysis::{Analyzer, AnalyzerOptions, StreamRow};
use crate::commands::evidence::Evidence;
use crate::report::summary::bitrate;
use crate::rtsp::demux::PduKind;
use crate::rtsp::mask::{mask_authorization, mask_urls};
use crate::time::Timestamp;
use crate::trace::{Direction, Payload, Tap, TraceEvent};

/// More sessions share one line.
const MAX_LINES: usize = 16;
/// The bitrate shown is the mean over at least this time.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// Watches a recording for its user.
pub(super) struct Monitor {
    analyzer: Analyzer<()>,
    lines: Vec<Line>,
    /// The line of each connection, by flow number.
    line_of: Vec<usize>,
    /// Somebody will ask for the figures.
    analyzes: bool,
    evidence: Evidence,
    /// Errors only.
    quiet: bool,
    verbose: bool,
}

/// A line of the terminal.
struct Line {
    bar: ProgressBar,
    /// The URL, or how many sessions share the line.
    name: String,
    started: Timestamp,
    /// When the bitrate was last taken, and the payload bytes then.
    window: (Timestamp, u64),
    /// `None` before it could be taken.
    rate: Option<u64>,
}

/// The figures of a line.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    packets: u64,
    bytes: u64,
    lost: i64,
    jitter_ms: f64,
}

impl Monitor {
    /// Shows each message with `verbose`, else a live line for each session unless `quiet` or without a terminal.
    pub(super) fn new(urls: &[String], quiet: bool, verbose: bool, now: Timestamp) -> Self {
        let live = !quiet && !verbose && io::stderr().is_terminal();
        let names = if urls.len() > MAX_LINES { vec![format!("{} sessions", urls.len())] } else { urls.to_vec() };
        let progress = MultiProgress::new();
        let lines = names.into_iter().filter(|_| live).map(|name| Line::new(&progress, name, now)).collect();
        let analyzer = Analyzer::new(AnalyzerOptions::default(), ());
        Self { analyzer, lines, line_of: Vec::new(), analyzes: !quiet, evidence: Evidence::default(), quiet, verbose }
    }

    /// Says something on standard error, above the live lines.
    fn warn(&self, text: &str) {
        let clean: String = text.chars().filter(|char| !char.is_control()).collect();
        match self.lines.first() {
            Some(line) => line.bar.println(clean),
            None => drop(writeln!(io::stderr(), "{clean}")),
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
    pub(super) const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Takes the live lines off the terminal.
    pub(super) fn clear(&self) {
        self.lines.iter().for_each(|line| line.bar.finish_and_clear());
    }
}

impl Tap for Monitor {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if self.verbose {
            show(event);
        }
        if let Payload::Opened { carrier, .. } = event.payload {
            self.line_of.resize(self.line_of.len().max(event.flow.id + 1), 0);
            if let Some(line) = self.line_of.get_mut(event.flow.id) {
                *line = event.flow.session.min(self.lines.len().saturating_sub(1));
            }
            if let Some(doubt) = carrier.doubt.filter(|_| !self.quiet) {
                self.warn(&format!("warning: {}: {doubt} (--insecure)", event.flow.url));
            }
        }
        if let Payload::Note(note) = event.payload {
            self.evidence.add(note);
        }
        if self.analyzes { self.analyzer.event(event) } else { Ok(()) }
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut figures = vec![Figures::default(); self.lines.len()];
        for row in self.analyzer.streams() {
            let line = row.session.checked_sub(1).and_then(|flow| self.line_of.get(flow));
            if let Some(figures) = line.and_then(|line| figures.get_mut(*line)) {
                figures.add(&row);
            }
        }
        for (line, figures) in self.lines.iter_mut().zip(figures) {
            line.update(now, figures);
        }
        Ok(())
    }
}

impl Figures {
    fn add(&mut self, row: &StreamRow<'_>) {
        self.packets += row.packets;
        self.bytes += row.payload_bytes;
        self.lost += row.lost;
        self.jitter_ms = self.jitter_ms.max(row.jitter_last_ms.map_or(0.0, |jitter| jitter.0));
    }
}

impl Line {
    fn new(progress: &MultiProgress, name: String, now: Timestamp) -> Self {
        let bar = progress.add(ProgressBar::new_spinner());
        bar.set_style(ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or(ProgressStyle::default_spinner()));
        bar.set_message(format!("{name}  connecting"));
        Self { bar, name, started: now, window: (now, 0), rate: None }
    }

    fn update(&mut self, now: Timestamp, figures: Figures) {
        let (since, bytes) = self.window;
        let window = now.duration_since(since);
        if window >= RATE_WINDOW {
            let bits = u128::from(figures.bytes.saturating_sub(bytes)) * 8 * 1000;
            self.rate = Some(u64::try_from(bits / window.as_millis().max(1)).unwrap_or(u64::MAX));
            self.window = (now, figures.bytes);
        }
        let elapsed = now.duration_since(self.started).as_secs();
        let state = match self.rate {
            _ if figures.packets == 0 => "waiting",
            // It has stopped, or the session is being tried again.
            Some(0) => "no media",
            _ => "playing",
        };
        self.bar.set_message(format!(
            "{}  {state}  {:02}:{:02}  {} packets  {}  {}  lost {}  jitter {:.1} ms",
            self.name,
            elapsed / 60,
            elapsed % 60,
            HumanCount(figures.packets),
            DecimalBytes(figures.bytes),
            bitrate(self.rate.unwrap_or_default()),
            figures.lost,
            figures.jitter_ms,
        ));
        self.bar.tick();
    }
}

/// Prints a message to standard error, without credentials. What can't be shown is no reason to stop.
pub(super) fn show(event: &TraceEvent<'_>) {
    if let Payload::Note(note) = event.payload {
        let _ = writeln!(io::stderr(), "{} session {}\n{note}\n", event.at, event.flow.id + 1);
    }
    let Payload::Pdu(pdu) = event.payload else { return };
    let PduKind::Message { head, .. } = pdu.kind else { return };
    let mut bytes = pdu.raw.to_vec();
    if let Some(head) = bytes.get_mut(..head.len()) {
        mask_authorization(head);
    }
    mask_urls(&mut bytes);
    let arrow = match event.direction {
        Direction::ClientToServer => '>',
        Direction::ServerToClient => '<',
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Control characters of a hostile server must not reach the terminal.
    let clean = |line: &str| line.chars().filter(|char| !char.is_control() || *char == '\t').collect::<String>();
    let lines: Vec<String> = text.trim_end().lines().map(|line| format!("{arrow} {}", clean(line))).collect();
    let _ = writeln!(io::stderr(), "{} session {}\n{}\n", event.at, event.flow.id + 1, lines.join("\n"));
}
