//! Two captures side by side, for people and for programs.

pub mod json;
mod packets;

use crate::analysis::comparison::{
    CaptureComparison, Change, HeaderChange, Latencies, PairedBy, RequestRow, SessionPair, TrackPair,
};
use crate::report::comparison::{UNKNOWN, WIDTH, cut, details, fields, requests, table};
use crate::report::table::Look;
use crate::trace::Direction;

/// How both are called.
const NAMES: [&str; 2] = ["A", "B"];
/// Differences that are listed.
const MAX_DIFFERENCES: usize = 30;
/// Sessions without a like that are listed.
const MAX_ALONE: usize = 20;

/// The comparison as text. `paths` name the captures.
pub fn text(comparison: &CaptureComparison, paths: [&str; 2], look: Look) -> String {
    let mut parts: Vec<String> = comparison.pairs.iter().map(|pair| of_pair(pair, paths, look)).collect();
    for ((names, name), path) in comparison.alone.iter().zip(NAMES).zip(paths) {
        let mut lines: Vec<String> = names
            .iter()
            .take(MAX_ALONE)
            .map(|alone| cut(&format!("only in {name}: {path}, session {}: {}", alone.session, alone.url), WIDTH))
            .collect();
        if names.len() > MAX_ALONE {
            lines.push(format!("and {} more only in {name}", names.len() - MAX_ALONE));
        }
        parts.extend((!lines.is_empty()).then(|| lines.join("\n") + "\n"));
    }
    parts.push(verdict(&comparison.differences(), look));
    parts.join("\n")
}

fn of_pair(pair: &SessionPair, paths: [&str; 2], look: Look) -> String {
    let mut head = String::new();
    for ((session, name), path) in pair.sessions.iter().zip(NAMES).zip(paths) {
        head += &cut(&format!("{name}  {path}, session {}: {}", session.session, session.url), WIDTH);
        head.push('\n');
    }
    head += match pair.by {
        PairedBy::Packets => "   the same packets are in both\n",
        PairedBy::Dialogue => "   the same dialogue is in both\n",
        PairedBy::Path => "   two sessions that asked for the same path\n",
        PairedBy::Order => "   two sessions at the same place of their captures\n",
        PairedBy::Choice => "   two sessions that were chosen\n",
    };
    let dialogue = &pair.dialogue;
    let mut parts = vec![head];
    if !dialogue.requests.is_empty() {
        parts.push(titled(&requests(&dialogue.requests, NAMES), look));
    }
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for row in &dialogue.requests {
        parts.extend(asked_otherwise(row, &mut asked));
        parts.extend(details(row, &mut answered, NAMES));
    }
    parts.extend(pair.latencies.as_ref().map(|found| titled(&latencies(found), look)));
    parts.extend(pair.tracks.iter().map(|track| of_track(track, look)));
    parts.extend(pair.packets.iter().map(|found| titled(&packets::text(found), look)));
    let notes: String = dialogue.notes.iter().map(|note| cut(&format!("note: {note}"), WIDTH) + "\n").collect();
    parts.extend((!notes.is_empty()).then_some(notes));
    parts.join("\n")
}

/// The header fields of a request that differ.
fn asked_otherwise<'a>(row: &'a RequestRow, shown: &mut Vec<&'a HeaderChange>) -> Option<String> {
    if row.asked.is_empty() {
        return None;
    }
    let number = row.number.map(|number| format!(" #{number}")).unwrap_or_default();
    let mut lines = vec![cut(&format!("Request{number} {} differs (- A, + B)", row.method), WIDTH)];
    lines.extend(fields(&row.asked, shown));
    Some(lines.join("\n") + "\n")
}

fn latencies(found: &Latencies) -> String {
    let Latencies { requests, a_median_ms, b_median_ms, between_median_ms, between_max_ms } = found;
    let server = a_median_ms.min(*b_median_ms);
    let nearer = match between_median_ms {
        0.0 => "both are as near to the server",
        behind if *behind > 0.0 => "A is nearer to the server",
        _ => "B is nearer to the server",
    };
    format!(
        "Answers ({requests} requests, medians)\n\
        to A after {a_median_ms:.3} ms, to B after {b_median_ms:.3} ms: {nearer}\n\
        there and back between A and B: {:.3} ms, at most {between_max_ms:.3} ms; server and the rest of the way: \
        {server:.3} ms\n",
        between_median_ms.abs()
    )
}

fn of_track(track: &TrackPair, look: Look) -> String {
    let [a, b] = track.encodings.each_ref().map(|encoding| encoding.as_deref().unwrap_or(UNKNOWN));
    let encoding = if a == b { a.to_owned() } else { format!("{a} in A, {b} in B") };
    let sender = if track.direction == Direction::ClientToServer { ", from the client" } else { "" };
    let title = cut(&format!("{} ({encoding}{sender}); ! is a notable change", track.track), WIDTH);
    let rows = track.figures.iter().map(cells).collect();
    let text = table(&title, &["", "A", "B", "change", "%", ""], rows, &[1, 2, 3, 4]);
    let style = look.notable();
    let line = |line: &str| {
        if line.ends_with(" !") { format!("{style}{line}{style:#}\n") } else { format!("{line}\n") }
    };
    titled(&text.lines().map(line).collect::<String>(), look)
}

fn cells(change: &Change) -> [String; 6] {
    let mark = if change.notable { "!" } else { "" };
    let percent = change.change_percent.filter(|_| change.change != Some(0.0));
    [
        change.figure.to_owned(),
        number(change.a),
        number(change.b),
        change.change.map_or_else(|| UNKNOWN.to_owned(), |change| signed(change, &plain(change))),
        percent.map_or_else(String::new, |percent| signed(percent, &format!("{percent:.1}"))),
        mark.to_owned(),
    ]
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), plain)
}

/// Whole numbers as such, others with the decimals that people look at.
fn plain(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn signed(value: f64, text: &str) -> String {
    if value > 0.0 { format!("+{text}") } else { text.to_owned() }
}

/// A text whose first line is a heading.
fn titled(text: &str, look: Look) -> String {
    let style = look.name();
    match text.split_once('\n') {
        Some((title, rest)) => format!("{style}{title}{style:#}\n{rest}"),
        None => text.to_owned(),
    }
}

fn verdict(differences: &[String], look: Look) -> String {
    if differences.is_empty() {
        return "no difference\n".to_owned();
    }
    let mut lines = vec![titled(&format!("Differences: {}\n", differences.len()), look)];
    lines.extend(differences.iter().take(MAX_DIFFERENCES).map(|line| format!("  {}\n", cut(line, WIDTH - 2))));
    if differences.len() > MAX_DIFFERENCES {
        lines.push(format!("  and {} more\n", differences.len() - MAX_DIFFERENCES));
    }
    lines.concat()
}

#[cfg(test)]
mod tests;
