//! What a viewer may notice, and everything odd.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::analysis::findings::{FindingCode, Severity};
use crate::analysis::rows::{FindingRow, VerdictRow};
use crate::analysis::verdicts::{Cause, EventKind, FaultSide};
use crate::report::page::head_tail::HeadTail;
use crate::report::page::limits::{FINDINGS, VERDICTS, clipped, listed_findings};
use crate::report::page::streams::Total;
use crate::report::page::words::{SectionPlace, frame_link, goto_exactly, left_out, many, stream_of};
use crate::report::sides::SideCounts;
use crate::trace::Direction;

/// What may be noticed.
#[derive(Debug)]
pub(super) struct Verdicts {
    all: HeadTail<VerdictView>,
    sides: SideCounts,
}

#[derive(Debug)]
struct VerdictView {
    event: EventKind,
    cause: Cause,
    count: u64,
    place: CapturePlace,
    last: CapturePlace,
    session: usize,
    track: Option<usize>,
    duration_ms: Option<String>,
    detail: String,
    side: FaultSide,
    incident: Option<usize>,
    media: Option<String>,
    advice: &'static str,
}

/// Where it was seen.
#[derive(Debug)]
struct CapturePlace {
    /// As in the CSV.
    seconds: String,
    frame_number: Option<u64>,
}

impl Default for Verdicts {
    fn default() -> Self {
        Self { all: HeadTail::new(VERDICTS.0, VERDICTS.1), sides: SideCounts::default() }
    }
}

impl Verdicts {
    pub(super) fn add(&mut self, row: &VerdictRow<'_>) {
        self.sides.add(row.side, row.session, row.incident);
        self.all.push(VerdictView {
            event: row.event,
            cause: row.verdict,
            count: row.count,
            place: CapturePlace { seconds: row.time_s.to_string(), frame_number: row.frame_number },
            last: CapturePlace { seconds: row.last_time_s.to_string(), frame_number: row.last_frame_number },
            session: row.session,
            track: row.track,
            duration_ms: row.duration_ms.map(|duration| duration.to_string()),
            detail: clipped(row.detail),
            side: row.side,
            incident: row.incident,
            media: row.media.map(clipped),
            advice: row.advice,
        });
    }

    pub(super) fn count(&self) -> usize {
        self.all.count()
    }
}

/// The verdicts, or that there are none.
pub(super) fn verdicts(section: SectionPlace, verdicts: &Verdicts, streams: &Total) -> Markup {
    if verdicts.count() == 0 && !section.has_sessions {
        return html! {};
    }
    let (first, omitted, last) = verdicts.all.parts();
    let id = format!("s{}-verdict", section.number);
    let start = section.start;
    html! {
        section.verdicts aria-labelledby={ (id) "s" } {
            h3 id={ (id) "s" } { "What a viewer may notice" }
            @if verdicts.count() == 0 && streams.streams == 0 {
                p { "No verdict was reached: there is nothing that a viewer could have seen." }
            }
            @else if verdicts.count() == 0 && streams.is_clean() {
                p.calm { "Nothing was noticed that a viewer would see." }
            }
            @else if verdicts.count() == 0 {
                p { "No verdict was reached, but packets or frames are missing or late: see the streams." }
            }
            @else { p.sides { "Who has to look: " b { (verdicts.sides) } "." } ul {
                @for (index, verdict) in first.iter().enumerate() { (verdict.card(&format!("{id}-{index}"), start)) }
                @if omitted > 0 { li.omitted { (left_out(&many(omitted, "verdict"), "verdicts")) } }
                @for (index, verdict) in last.enumerate() { (verdict.card(&format!("{id}-end-{index}"), start)) }
            } }
        }
    }
}

impl VerdictView {
    fn card(&self, anchor: &str, start: Option<i64>) -> Markup {
        html! { li data-of=[stream_of(Some(self.session), self.track)] {
            p.event {
                b { (self.event.as_str().replace('-', " ")) }
                @if self.count > 1 { " × " (self.count) }
                span.verdict { (self.cause.as_str().replace('-', " ")) }
                span.side { (self.side) }
            }
            p { (self.detail) }
            @if !self.advice.is_empty() { p.advice { (self.advice) } }
            p.facts {
                span {
                    "session " (self.session)
                    @if let Some(track) = self.track { ", track " (track) }
                    @if let Some(media) = &self.media { " (" (media) ")" }
                }
                @if let Some(incident) = self.incident { span { "incident " (incident) } }
                span { (goto_exactly(&self.place.seconds, start)) " s"
                    @if self.count > 1 { " to " (goto_exactly(&self.last.seconds, start)) " s" } }
                @if let Some(duration) = &self.duration_ms { span { (duration) " ms" } }
                (frame_link(anchor, self.place.frame_number))
                @if self.last.frame_number != self.place.frame_number {
                    (frame_link(&format!("{anchor}-last"), self.last.frame_number))
                }
            }
        } }
    }
}

/// Findings by their code.
#[derive(Debug, Default)]
pub(super) struct Findings {
    by_code: BTreeMap<(Severity, FindingCode), HeadTail<Finding>>,
}

#[derive(Debug)]
struct Finding {
    place: CapturePlace,
    session: Option<usize>,
    track: Option<usize>,
    direction: Option<Direction>,
    detail: String,
    stream_offset: Option<u64>,
}

impl Findings {
    pub(super) fn add(&mut self, row: &FindingRow<'_>) {
        let of_code = self.by_code.entry((row.severity, row.code));
        of_code.or_insert_with(|| HeadTail::new(FINDINGS.0, FINDINGS.1)).push(Finding {
            place: CapturePlace { seconds: row.time_s.to_string(), frame_number: row.frame_number },
            session: row.session,
            track: row.track,
            direction: row.direction,
            detail: clipped(row.detail),
            stream_offset: row.stream_offset,
        });
    }

    fn count(&self, severity: Severity) -> usize {
        let codes = self.by_code.iter().filter(|((of, _), _)| *of == severity);
        codes.map(|(_, findings)| findings.count()).sum()
    }

    /// Whether there is any error.
    pub(super) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many there are of each severity: `2 errors`, and the rest: `3 warnings, 1 note`.
    pub(super) fn counts(&self) -> (String, String) {
        let counts = Severity::ALL.into_iter().map(|severity| (severity, self.count(severity)));
        let some = counts.filter(|(_, count)| *count > 0);
        let mut texts = some.map(|(severity, count)| many(count, severity.as_str()));
        let worst = texts.next().unwrap_or_else(|| "none".to_owned());
        (worst, texts.collect::<Vec<_>>().join(", "))
    }
}

/// As in the CSV, and whether it holds numbers.
const COLUMNS: [(&str, bool); 7] = [
    ("frame_number", false),
    ("time_s", true),
    ("detail", false),
    ("session", true),
    ("track", true),
    ("direction", false),
    ("stream_offset", true),
];

/// The findings, a group for each code.
pub(super) fn findings(section: SectionPlace, all: &Findings) -> Markup {
    if all.by_code.is_empty() && !section.has_sessions {
        return html! {};
    }
    let id = format!("s{}-findings", section.number);
    let most = listed_findings(all.by_code.len());
    html! {
        section.findings aria-labelledby=(id) {
            h3 id=(id) { "Findings" }
            @if all.by_code.is_empty() { p.calm { "Nothing odd was found." } }
            @else { p.hint {
                "Everything odd, the worst first. A frame number can be copied into Wireshark as a display filter; "
                "a time shows its place in the charts."
            } }
            @for ((severity, code), findings) in &all.by_code {
                details.(severity.as_str()) open[*severity != Severity::Note || all.by_code.len() <= 3] {
                    summary {
                        span.severity { (severity.as_str()) } " " code { (code.as_str()) } " "
                        span.count { (many(findings.count(), "time")) }
                    }
                    (group(&format!("s{}-{code}", section.number), findings.parts_within(most), section.start))
                }
            }
        }
    }
}

fn group<'a>(
    id: &str,
    (first, omitted, last): (&[Finding], usize, impl Iterator<Item = &'a Finding>),
    start: Option<i64>,
) -> Markup {
    html! { div.scroll { table {
        thead { tr { @for (name, is_number) in COLUMNS { th.number[is_number] scope="col" { (name) } } } }
        tbody {
            @for (index, finding) in first.iter().enumerate() { (finding.line(&format!("{id}-{index}"), start)) }
            @if omitted > 0 { tr { td.omitted colspan="7" { (left_out(&format!("{omitted} more"), "findings")) } } }
            @for (index, finding) in last.enumerate() { (finding.line(&format!("{id}-end-{index}"), start)) }
        }
    } } }
}

impl Finding {
    fn line(&self, anchor: &str, start: Option<i64>) -> Markup {
        html! { tr data-of=[stream_of(self.session, self.track)] {
            td { (frame_link(anchor, self.place.frame_number)) }
            td.number { (goto_exactly(&self.place.seconds, start)) }
            td.detail { (self.detail) }
            td.number { @if let Some(session) = self.session { (session) } }
            td.number { @if let Some(track) = self.track { (track) } }
            td { (self.direction.map_or("", Direction::as_str)) }
            td.number { @if let Some(offset) = self.stream_offset { (offset) } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: SectionPlace = SectionPlace { number: 0, start: None, has_sessions: false };

    #[test]
    fn the_worst_comes_first_and_what_is_left_out_is_said() {
        let mut all = Findings::default();
        assert_eq!(all.counts().0, "none");
        for _ in 0..30 {
            all.add(&FindingRow { severity: Severity::Note, code: FindingCode::NatPunch, ..<_>::default() });
        }
        all.add(&FindingRow { severity: Severity::Error, code: FindingCode::Junk, ..<_>::default() });
        assert_eq!(all.counts(), ("1 error".to_owned(), "30 notes".to_owned()));
        let text = findings(PLACE, &all).into_string();
        assert!(text.find("junk") < text.find("nat-punch"), "{text}");
        assert!(text.contains("14 more left out here"), "{text}");
    }

    #[test]
    fn a_verdict_has_its_place() {
        let mut noticed = Verdicts::default();
        noticed.add(&VerdictRow {
            event: EventKind::NoMedia,
            verdict: Cause::LostBeforeSending,
            count: 3,
            frame_number: Some(7),
            last_frame_number: Some(9),
            detail: "<b>",
            ..<_>::default()
        });
        let text = verdicts(PLACE, &noticed, &Total::default()).into_string();
        for part in
            ["<b>no media</b> × 3", "lost before sending", "frame.number == 7", "frame.number == 9", "&lt;b&gt;"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
