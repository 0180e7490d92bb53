//! Two sessions side by side, for people: at most 100 columns, then on the left of now.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::analysis::comparison::{Comparison, Figures, HeaderChange, LineChange, RequestRow, StreamPair};
use crate::report::summary::bitrate;
use crate::report::visible::visible;

/// How `replay --to` calls both.
const THEN_AND_NOW: [&str; 2] = ["then", "now"];
/// No line is wider.
pub(super) const WIDTH: usize = 100;
/// Wider paths are shown with their beginning and their end.
const MAX_PATH: usize = 30;
/// Wider names of methods and encodings are cut.
const MAX_NAME: usize = 13;
/// Requests that are listed one by one: the first ones; of the rest those that differ.
const MAX_REQUESTS: usize = 200;
/// Changed fields that are remembered.
const MAX_SHOWN: usize = 200;
/// Lines of a description that are listed.
const MAX_LINES: usize = 60;
/// Before each changed line.
const INDENT: usize = 4;
/// A changed line takes at most so many.
const MAX_WRAPPED: usize = 6;
pub(super) const UNKNOWN: &str = "-";

/// The comparison as text.
pub fn text(comparison: &Comparison) -> String {
    let mut parts = vec![requests(&comparison.requests, THEN_AND_NOW)];
    let mut shown = Vec::new();
    parts.extend(comparison.requests.iter().filter_map(|row| details(row, &mut shown, THEN_AND_NOW)));
    parts.extend((!comparison.streams.is_empty()).then(|| streams(&comparison.streams)));
    let notes: String = comparison.notes.iter().map(|note| cut(&format!("note: {note}"), WIDTH) + "\n").collect();
    parts.extend((!notes.is_empty()).then_some(notes));
    let verdict = match comparison.first_difference() {
        Some(difference) => format!("first difference: {difference}"),
        None => "no difference in statuses, header fields, tracks and encodings".to_owned(),
    };
    parts.push(cut(&verdict, WIDTH) + "\n");
    parts.join("\n")
}

/// The table of the requests, with the names of both sessions.
pub(super) fn requests(rows: &[RequestRow], [then, now]: [&str; 2]) -> String {
    let (then_ms, now_ms) = (format!("{then} ms"), format!("{now} ms"));
    let header = ["#", "at s", "method", "path", then, now, &then_ms, &now_ms, ""];
    let listed = rows.iter().enumerate().filter(|(index, row)| *index < MAX_REQUESTS || row.difference.is_some());
    let cells = |row: &RequestRow| {
        let [then, now] = &row.status;
        let [then_ms, now_ms] = row.latency.map(|latency| millis(latency.map(nanos_to_ms)));
        [
            row.number.map_or_else(|| "+".to_owned(), |number| number.to_string()),
            seconds(row.at),
            cut(&row.method, MAX_NAME),
            shortened(&row.path),
            then.clone(),
            now.clone(),
            then_ms,
            now_ms,
            clean(row.remark.as_deref().unwrap_or_default()),
        ]
    };
    let rows_listed: Vec<[String; 9]> = listed.map(|(_, row)| cells(row)).collect();
    let left_out = rows.len() - rows_listed.len();
    let more = if left_out > 0 { format!("and {left_out} more without a difference\n") } else { String::new() };
    table("Requests", &header, rows_listed, &[0, 1, 6, 7]) + &more
}

/// What differs in the answers to a request. What was shown of an answer before is only named.
pub(super) fn details<'a>(
    row: &'a RequestRow,
    shown: &mut Vec<&'a HeaderChange>,
    [then, now]: [&str; 2],
) -> Option<String> {
    if row.headers.is_empty() && row.body.is_empty() {
        return None;
    }
    let number = row.number.map(|number| format!(" #{number}")).unwrap_or_default();
    let mut lines = vec![cut(&format!("Answer{number} to {} differs (- {then}, + {now})", row.method), WIDTH)];
    lines.extend(fields(&row.headers, shown));
    lines.extend(row.body.iter().take(MAX_LINES).map(|change| {
        let (sign, text) = match change {
            LineChange::Then(text) => ('-', text),
            LineChange::Now(text) => ('+', text),
        };
        wrapped(sign, &format!("  {text}"))
    }));
    if row.body.len() > MAX_LINES {
        lines.push(format!("      and {} more lines", row.body.len() - MAX_LINES));
    }
    Some(lines.join("\n") + "\n")
}

/// The fields that differ, two lines each; those that were shown before are only named.
pub(super) fn fields<'a>(changes: &'a [HeaderChange], shown: &mut Vec<&'a HeaderChange>) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) = changes.iter().partition(|change| shown.contains(change));
    let mut lines = Vec::new();
    for change in &new {
        let line = |sign: char, value: &String| wrapped(sign, &format!("{}: {value}", change.name));
        lines.extend(change.then.iter().map(|value| line('-', value)));
        lines.extend(change.now.iter().map(|value| line('+', value)));
    }
    let names: Vec<&str> = old.iter().map(|change| change.name.as_str()).collect();
    lines.extend((!names.is_empty()).then(|| wrapped('=', &format!("as above: {}", names.join(", ")))));
    shown.extend(new.into_iter().take(MAX_SHOWN.saturating_sub(shown.len())));
    lines
}

fn streams(pairs: &[StreamPair]) -> String {
    let header = ["track", "", "encoding", "packets", "bitrate", "lost", "missing", "jitter", "delta", "first"];
    let rows = pairs.iter().flat_map(|pair| {
        [cells(pair.track.to_string(), "then", pair.then.as_ref()), cells(String::new(), "now", pair.now.as_ref())]
    });
    let title = "Streams (ms: largest jitter of frames, largest delta, first packet after PLAY's answer)";
    table(title, &header, rows.collect(), &[3, 4, 5, 6, 7, 8, 9])
}

fn cells(track: String, when: &str, figures: Option<&Figures>) -> [String; 10] {
    let Some(figures) = figures else {
        let mut cells = [(); 10].map(|()| UNKNOWN.to_owned());
        let [first, second, ..] = &mut cells;
        (*first, *second) = (track, when.to_owned());
        return cells;
    };
    [
        track,
        when.to_owned(),
        figures.encoding.as_deref().map_or_else(|| UNKNOWN.to_owned(), |name| cut(name, MAX_NAME)),
        figures.packets.to_string(),
        figures.bitrate_bps.map_or_else(|| UNKNOWN.to_owned(), bitrate),
        figures.lost.to_string(),
        figures.missing.to_string(),
        millis(figures.frame_jitter_max_ms),
        millis(figures.delta_max_ms),
        millis(figures.first_packet_ms),
    ]
}

/// A table with a title; the columns of these numbers stand to the right.
pub(super) fn table<const N: usize>(
    title: &str,
    header: &[&str; N],
    rows: Vec<[String; N]>,
    numbers: &[usize],
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(*header);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| cut(line.trim_end(), WIDTH)).collect();
    format!("{title}\n{}\n", lines.join("\n"))
}

#[expect(clippy::cast_precision_loss, reason = "a hundredth of a millisecond is shown")]
fn nanos_to_ms(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

fn seconds(nanos: i64) -> String {
    format!("{:.3}", nanos_to_ms(nanos) / 1e3)
}

fn millis(millis: Option<f64>) -> String {
    millis.map_or_else(|| UNKNOWN.to_owned(), |millis| format!("{millis:.1}"))
}

/// The beginning and the end of a long path.
fn shortened(path: &str) -> String {
    let clean = clean(path);
    if clean.width() <= MAX_PATH {
        return clean;
    }
    let half = (MAX_PATH - 1) / 2;
    let end: Vec<char> = clean.chars().rev().scan(0, |width, char| fits(width, char, half)).collect();
    let begin: String = clean.chars().scan(0, |width, char| fits(width, char, half)).collect();
    format!("{begin}…{}", end.into_iter().rev().collect::<String>())
}

/// A changed line, on as many lines as it takes, up to a limit.
fn wrapped(sign: char, text: &str) -> String {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for char in clean(text).chars() {
        width += char.width().unwrap_or(0);
        if width > WIDTH - INDENT {
            if lines.len() == MAX_WRAPPED {
                break;
            }
            lines.push(String::new());
            width = char.width().unwrap_or(0);
        }
        if let Some(line) = lines.last_mut() {
            line.push(char);
        }
    }
    format!("  {sign} {}", lines.join("\n    "))
}

/// A text of one line, at most so wide. What a server says must not steer the terminal.
pub(super) fn cut(text: &str, width: usize) -> String {
    let clean = clean(text);
    if clean.width() <= width {
        return clean;
    }
    clean.chars().scan(0, |sum, char| fits(sum, char, width - 1)).chain(['…']).collect()
}

fn fits(sum: &mut usize, char: char, width: usize) -> Option<char> {
    *sum += char.width().unwrap_or(0);
    (*sum <= width).then_some(char)
}

fn clean(text: &str) -> String {
    visible(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: Option<usize>, method: &str, status: [&str; 2]) -> RequestRow {
        RequestRow {
            number,
            at: 12_345_678_901,
            method: method.to_owned(),
            path: "/live".to_owned(),
            status: status.map(str::to_owned),
            latency: [Some(1_234_567), None],
            remark: None,
            asked: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            difference: None,
        }
    }

    fn comparison() -> Comparison {
        let hostile = "\x1b[2J".to_owned() + &"音".repeat(80);
        let figures = Figures {
            encoding: Some("MPEG4-GENERIC-AND-MORE".to_owned()),
            packets: 12_345_678,
            bitrate_bps: Some(123_456_789),
            lost: -3,
            missing: 1234,
            frame_jitter_max_ms: Some(1234.56),
            delta_max_ms: Some(12_345.67),
            first_packet_ms: Some(-0.26),
        };
        let mut describe = row(Some(2), "DESCRIBE", ["200", "no answer"]);
        describe.path = format!("/{}/trackID=1?x={hostile}", "long/".repeat(20));
        describe.remark = Some("left out: no login was asked for".to_owned());
        describe.headers = vec![
            HeaderChange { name: "Server".to_owned(), then: Some("A".to_owned()), now: Some(hostile.clone()) },
            HeaderChange { name: "X".to_owned(), then: None, now: Some("y".to_owned()) },
        ];
        describe.body = (0..70).map(|number| LineChange::Now(format!("a=line {number}"))).collect();
        describe.body.insert(0, LineChange::Then("a=old".to_owned()));
        describe.difference = Some(format!("#2 DESCRIBE: {hostile}"));
        Comparison {
            requests: vec![row(Some(1), "OPTIONS", ["200", "200"]), describe, row(None, "TEARDOWN", ["-", "200"])],
            streams: vec![
                StreamPair { track: 0, then: Some(figures.clone()), now: None },
                StreamPair { track: 1, then: None, now: Some(figures) },
            ],
            notes: vec![hostile],
            tracks: None,
        }
    }

    #[test]
    fn looks_like_this() {
        let mut comparison = comparison();
        comparison.requests[1].body.truncate(3);
        insta::assert_snapshot!(text(&comparison));
    }

    #[test]
    fn a_hundred_columns_and_no_control_characters() {
        let text = text(&comparison());
        assert!(text.lines().all(|line| line.width() <= WIDTH), "{text}");
        assert!(!text.chars().any(|char| char.is_control() && char != '\n'));
        assert!(text.contains("and 11 more lines"));
    }

    #[test]
    fn of_many_requests_those_that_differ() {
        let mut comparison = comparison();
        let equal = row(Some(9), "OPTIONS", ["200", "200"]);
        comparison.requests = vec![equal; 300];
        comparison.requests[250].difference = Some("#9 OPTIONS".to_owned());
        let text = text(&comparison);
        assert_eq!(text.matches("OPTIONS").count(), MAX_REQUESTS + 1 + 1);
        assert!(text.contains("and 99 more without a difference"));
    }
}
