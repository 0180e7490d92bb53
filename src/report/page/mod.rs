//! Rows to one HTML page: tables that need no scripts, charts that do, nothing from the network.
//!
//! A [`CaptureReport`] is a sink that keeps of each table what is shown: its memory does not grow with the capture. What comes
//! from the capture is escaped where it becomes text, and numbers are all that scripts get; a policy in the page lets
//! no other script run than those that are written here.

mod charts;
mod collect;
mod data;
mod decimate;
mod dialogue;
mod findings;
mod head_tail;
mod limits;
mod series;
mod streams;
#[cfg(test)]
mod tests;
mod words;

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

pub use collect::CaptureReport;

use crate::report::page::data::Data;
use crate::report::page::limits::Share;
use crate::report::page::streams::StreamView;
use crate::report::page::words::{file_name, grouped};
use crate::time::Timestamp;

/// The chart library, uPlot 1.6.32 as npm has it; `vendor/README.md` tells how it got here.
const UPLOT: &str = include_str!("vendor/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("vendor/uPlot.min.css");
const UPLOT_LICENSE: &str = include_str!("vendor/LICENSE");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// What a capture of something else, or of a part of a session, is told: silence would look like an all-clear.
const NO_SESSION: &str = "No RTSP session was found; it may be in TLS, or the capture may lack its beginning. \
    RTP without RTSP is analyzed where --sdp or --rtp names it.";

/// What a section may do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PagePart {
    Dialogues,
    Charts,
    Findings,
    Overview,
    Verdicts,
}

/// In this order parts are left out where many captures share the page, with what the page calls them: last what tells whether
/// a capture needs a look.
const LEFT_OUT_FIRST: [(PagePart, &str); 5] = [
    (PagePart::Dialogues, "messages"),
    (PagePart::Charts, "charts"),
    (PagePart::Findings, "findings"),
    (PagePart::Overview, "sessions and streams"),
    (PagePart::Verdicts, "verdicts"),
];

impl CaptureReport {
    /// Nothing more comes: the section about these captures as HTML, with the data of its charts. It shares the page with
    /// so many sections.
    ///
    /// # Errors
    /// If the data can't be written as JSON.
    pub fn render(mut self, captures: &[String], sections: usize) -> io::Result<String> {
        let share = Share::of(sections);
        let charted = self.streams.finish(share.charted);
        self.charts.limit_to(share.shown_buckets(charted.len()));
        let mut text = String::new();
        for left_out in 0..=LEFT_OUT_FIRST.len() {
            text = self.render_without(captures, &charted, LEFT_OUT_FIRST.get(..left_out).unwrap_or_default())?;
            if text.len() <= share.bytes {
                break;
            }
        }
        Ok(text)
    }

    /// The section without some of its parts, which it names.
    fn render_without(
        &self,
        captures: &[String],
        charted: &[usize],
        left_out: &[(PagePart, &str)],
    ) -> io::Result<String> {
        let shows = |part: PagePart| !left_out.iter().any(|(other, _)| *other == part);
        let charted = if shows(PagePart::Charts) { charted } else { &[] };
        let of_charted = || self.streams.kept.iter().filter(|stream| charted.contains(&stream.number));
        let data = Data::of(self, of_charted()).json()?;
        let (id, place) = (format!("s{}", self.number), self.place());
        let named: Vec<&str> = left_out.iter().map(|(_, name)| *name).collect();
        let markup = html! {
            section.capture id=(id) aria-labelledby={ (id) "-name" } {
                (self.head(&id, captures))
                @if !named.is_empty() { p.omitted {
                    "Many captures share this page, so it has no " (named.join(", no ")) " of this one; a report of it alone has"
                } }
                @if shows(PagePart::Verdicts) { (findings::verdicts(place, &self.verdicts, &self.streams.total)) }
                @if shows(PagePart::Overview) {
                    (dialogue::sessions(place, &self.sessions, self.more_sessions))
                    (streams::overview(place, &self.streams, charted))
                }
                (self.streams_in_detail(of_charted()))
                @if shows(PagePart::Dialogues) { (dialogue::ladders(place, &self.sessions)) }
                @if shows(PagePart::Findings) { (findings::findings(place, &self.findings)) }
            }
            script type="application/json" id={ (id) "-data" } { (PreEscaped(data)) }
        };
        Ok(markup.into_string())
    }

    fn head(&self, id: &str, captures: &[String]) -> Markup {
        let time = |nanos: i64| Timestamp::from_nanos(nanos).to_string();
        let total = &self.streams.total;
        let end = self.span.start.map(|start| time(start.saturating_add(self.span.end)));
        let alone = |text: String| (text, String::new());
        // What it is, and whether it needs a look.
        let facts = [
            ("Verdicts", alone(grouped(self.verdicts.count() as u64)), self.verdicts.count() > 0),
            ("Missing packets", alone(total.missing.to_string()), total.missing > 0),
            ("Freezes", alone(grouped(total.freezes)), total.freezes > 0),
            ("Incomplete frames", alone(grouped(total.incomplete_frames)), total.incomplete_frames > 0),
            ("Damaged pictures", alone(grouped(total.damaged_frames)), total.damaged_frames > 0),
            ("Findings", self.findings.counts(), self.findings.has_errors()),
            ("RTP packets", alone(grouped(total.packets)), false),
            ("Streams", alone(grouped(total.streams as u64)), false),
            ("Sessions", alone(grouped((self.sessions.len() + self.more_sessions) as u64)), false),
        ];
        html! {
            h2 id={ (id) "-name" } {
                @for (index, name) in captures.iter().enumerate() { @if index > 0 { ", " } (file_name(name)) }
            }
            @if !self.place().has_sessions { p.caution role="note" { (NO_SESSION) } }
            @if let (Some(start), Some(end)) = (self.span.start, end) {
                p.span { (time(start)) " to " (end) " (" (duration(self.span.end)) ")" }
            }
            dl.facts { @for (name, (value, more), alarm) in facts { div.alarm[alarm] {
                dt { (name) }
                dd { (value) @if !more.is_empty() { small { (more) } } }
            } } }
        }
    }

    fn streams_in_detail<'a>(&self, charted: impl Iterator<Item = &'a StreamView>) -> Markup {
        html! {
            div.detail {
                noscript { p.hint { "Charts need scripts. All tables are here without." } }
                div.tools data-section=(self.number) hidden {
                    span { "Drag over a chart to zoom, double click to go back. All charts show the same time." }
                    span.buttons role="group" aria-label="Time shown in the charts" {
                        button type="button" data-do="left" title="Earlier" { "←" }
                        button type="button" data-do="out" title="Zoom out" { "−" }
                        button type="button" data-do="in" title="Zoom in" { "+" }
                        button type="button" data-do="right" title="Later" { "→" }
                        button type="button" data-do="reset" { "All" }
                    }
                    output.range {}
                }
                @for stream in charted { (streams::stream(self.number, stream, &self.charts)) }
            }
        }
    }
}

/// `1 h 02 min 03 s`, `12.345 s`.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are shown")]
fn duration(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    match seconds {
        0..=59 => format!("{:.3} s", nanos as f64 / 1e9),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min {:02} s", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// The page before its sections; `captures` are what each of them is about. Their folders are left out.
pub fn beginning(captures: &[Vec<String>]) -> String {
    let names = captures.iter().map(|names| names.iter().map(|name| file_name(name)).collect::<Vec<_>>().join(", "));
    let names: Vec<String> = names.collect();
    let title = names.first().map_or_else(String::new, |name| format!("{name}: "));
    let markup = html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="generator" content={ "rtsp-rec " (env!("CARGO_PKG_VERSION")) };
            title { (title) "RTSP report" }
            style { (PreEscaped(UPLOT_STYLE)) }
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
        header.page {
            h1 { "RTSP report" }
            button.theme type="button" hidden { "Dark" }
        }
        @if names.len() > 1 { nav aria-label="Captures" { ol {
            @for (index, name) in names.iter().enumerate() { li { a href={ "#s" (index) } { (name) } } }
        } } }
        (PreEscaped("<main>"))
    };
    markup.into_string()
}

/// The page after its sections.
pub fn end() -> String {
    let markup = html! {
        (PreEscaped("</main>"))
        footer { p {
            "Made by rtsp-rec " (env!("CARGO_PKG_VERSION")) ". The columns of all tables are those of rtsp-rec analyze; "
            "docs/metrics.md defines them, docs/report.md explains the charts."
        } }
        (PreEscaped(format!("<!-- uPlot:\n{}\n-->", UPLOT_LICENSE.trim())))
        script { (PreEscaped(UPLOT)) }
        script { (PreEscaped(SCRIPT)) }
        (PreEscaped("</body></html>\n"))
    };
    markup.into_string()
}

/// Nothing from anywhere, and of scripts and styles only these.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let (scripts, styles) = ([UPLOT, SCRIPT].map(hash).join(" "), [UPLOT_STYLE, STYLE].map(hash).join(" "));
    format!("default-src 'none'; script-src {scripts}; style-src {styles}; base-uri 'none'; form-action 'none'")
}
