//! Small pieces of the page: numbers in words, places that can be gone to.

use std::ffi::OsStr;
use std::path::Path;

use maud::{Markup, html};

use crate::time::Timestamp;

/// A section of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct SectionPlace {
    /// Among the others, from 0.
    pub(super) number: usize,
    /// When its capture begins, in nanoseconds since 1970.
    pub(super) start: Option<i64>,
    /// Whether RTSP was spoken: without, nothing else was looked at.
    pub(super) has_sessions: bool,
}

/// `1 message`, `3 messages`.
pub(super) fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(count as u64)) }
}

/// A capture without its folders.
pub(super) fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(OsStr::to_str).unwrap_or(path)
}

/// What the page has no room for.
pub(super) fn left_out(what: &str, table: &str) -> String {
    format!("{what} left out here; rtsp-rec analyze --table {table} has all")
}

/// `1 234 567`, with spaces that don't break.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A moment: seconds since the start. Scripts make it a way to the charts.
pub(super) fn goto(seconds: f64, start: Option<i64>) -> Markup {
    moment(&format!("{seconds:.6}"), seconds, " s", start)
}

/// A moment as it stands in the CSV.
pub(super) fn goto_exactly(text: &str, start: Option<i64>) -> Markup {
    moment(text, text.parse().unwrap_or_default(), "", start)
}

fn moment(text: &str, seconds: f64, unit: &str, start: Option<i64>) -> Markup {
    let utc = start.map(|start| Timestamp::from_nanos(start).plus_nanos(nanos(seconds)).to_string());
    html! { time.goto data-t=(text) title=[utc] { (text) (unit) } }
}

/// What a stream and a place in it have in common: session and track.
pub(super) fn stream_of(session: Option<usize>, track: Option<usize>) -> Option<String> {
    session.zip(track).map(|(session, track)| format!("{session}/{track}"))
}

/// A filter for Wireshark, which can be copied, and an anchor of its own.
pub(super) fn frame_link(anchor: &str, frame_number: Option<u64>) -> Markup {
    html! { @if let Some(number) = frame_number {
        a.frame id=(anchor) href={ "#" (anchor) } { code { "frame.number == " (number) } }
    } }
}

/// Seconds as nanoseconds.
#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest integer that there is")]
pub(super) fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_without_folders() {
        assert_eq!(
            ["a.pcap", "/x/y/a.pcap", "../a.pcap", "-", ".."].map(file_name),
            ["a.pcap", "a.pcap", "a.pcap", "-", ".."]
        );
    }

    #[test]
    fn numbers_in_words() {
        assert_eq!([many(0, "gap"), many(1, "gap"), many(2, "gap")], ["0 gaps", "1 gap", "2 gaps"]);
        assert_eq!([7, 1000, 1_234_567].map(grouped), ["7", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
