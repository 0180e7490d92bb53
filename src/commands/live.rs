//! The live lines of a recording: below a header, a line for each session, as wide as the terminal.

use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::analysis::StreamRow;
use crate::commands::terminal::{heading, width};
use crate::report::summary::bitrate;
use crate::time::Timestamp;

/// The bitrate shown is the mean over at least this time.
const RATE_WINDOW: Duration = Duration::from_secs(1);
/// What stands left of a line: the spinner and a space.
const MARGIN: usize = 2;
/// Columns with their widths, to the right of the name. Numbers stand to the right.
const COLUMNS: [(&str, usize); 7] =
    [("state", 8), ("time", 7), ("packets", 9), ("size", 9), ("bitrate", 12), ("lost", 5), ("jitter", 9)];
/// Left out where room is scarce: it is told at the end.
const SPARE: usize = 3;
/// What stands between columns.
const SPACE: &str = "  ";
/// A name is not cut to less.
const MIN_NAME: usize = 12;

/// The lines, drawn by whoever calls [`Lines::update`].
pub(super) struct Lines {
    header: ProgressBar,
    lines: Vec<Line>,
}

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
pub(super) struct Figures {
    packets: u64,
    bytes: u64,
    lost: i64,
    jitter_ms: f64,
}

impl Figures {
    pub(super) fn add(&mut self, row: &StreamRow<'_>) {
        self.packets += row.packets;
        self.bytes += row.payload_bytes.unwrap_or(0);
        self.lost += row.lost;
        self.jitter_ms = self.jitter_ms.max(row.jitter_last_ms.map_or(0.0, |jitter| jitter.0));
    }
}

impl Lines {
    /// Lines of these names.
    pub(super) fn new(names: Vec<String>, now: Timestamp) -> Self {
        let progress = MultiProgress::new();
        let template = format!("{}{{wide_msg}}", " ".repeat(MARGIN));
        let header = bar(&progress, &template);
        let lines: Vec<Line> = names.into_iter().map(|name| Line::new(&progress, name, now)).collect();
        let mut all = Self { header, lines };
        let layout = all.layout(width());
        let text = layout.line("", &COLUMNS.map(|(name, _)| name.to_owned()));
        all.header.set_message(heading(&text));
        all.header.tick();
        all.update(now, &vec![Figures::default(); all.lines.len()]);
        all
    }

    pub(super) const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Draws the lines with these figures.
    pub(super) fn update(&mut self, now: Timestamp, figures: &[Figures]) {
        let layout = self.layout(width());
        for (line, figures) in self.lines.iter_mut().zip(figures) {
            let cells = line.cells(now, *figures);
            line.bar.set_message(layout.line(&line.name, &cells));
            line.bar.tick();
        }
    }

    /// Says something above the lines.
    pub(super) fn say(&self, text: String) {
        self.header.println(text);
    }

    /// Takes the lines off the terminal.
    pub(super) fn clear(&self) {
        self.lines.iter().for_each(|line| line.bar.finish_and_clear());
        self.header.finish_and_clear();
    }

    fn layout(&self, width: usize) -> Layout {
        Layout::new(width, self.lines.iter().map(|line| line.name.width()).max().unwrap_or(0))
    }
}

impl Line {
    fn new(progress: &MultiProgress, name: String, now: Timestamp) -> Self {
        let bar = bar(progress, "{spinner} {wide_msg}");
        Self { bar, name, started: now, window: (now, 0), rate: None }
    }

    fn cells(&mut self, now: Timestamp, figures: Figures) -> [String; COLUMNS.len()] {
        self.take_rate(now, figures.bytes);
        let elapsed = now.duration_since(self.started).as_secs();
        let (hours, minutes, seconds) = (elapsed / 3600, elapsed / 60 % 60, elapsed % 60);
        let time =
            if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") };
        if figures.packets == 0 {
            let unknown = || "-".to_owned();
            return ["waiting".to_owned(), time, unknown(), unknown(), unknown(), unknown(), unknown()];
        }
        // No media: it has stopped, or the session is being tried again.
        let state = if self.rate == Some(0) { "no media" } else { "playing" };
        [
            state.to_owned(),
            time,
            HumanCount(figures.packets).to_string(),
            DecimalBytes(figures.bytes).to_string(),
            self.rate.map_or_else(|| "-".to_owned(), bitrate),
            figures.lost.to_string(),
            format!("{:.1} ms", figures.jitter_ms),
        ]
    }

    fn take_rate(&mut self, now: Timestamp, bytes: u64) {
        let (since, before) = self.window;
        let window = now.duration_since(since);
        if window >= RATE_WINDOW {
            let bits = u128::from(bytes.saturating_sub(before)) * 8 * 1000;
            self.rate = Some(u64::try_from(bits / window.as_millis().max(1)).unwrap_or(u64::MAX));
            self.window = (now, bytes);
        }
    }
}

fn bar(progress: &MultiProgress, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_spinner());
    progress.add(ProgressBar::new_spinner().with_style(style))
}

/// What has room.
#[derive(Clone, Copy, Debug)]
struct Layout {
    name: usize,
    spare: bool,
}

impl Layout {
    /// For a terminal of this width, and names of at most that one.
    fn new(width: usize, longest: usize) -> Self {
        let column = |(_, width): &(&str, usize)| SPACE.len() + width;
        let all: usize = COLUMNS.iter().map(column).sum();
        let spare = COLUMNS.get(SPARE).map_or(0, column);
        let room = |columns: usize| width.saturating_sub(MARGIN + columns);
        if longest <= room(all) {
            return Self { name: longest, spare: true };
        }
        Self { name: longest.min(room(all - spare)).max(MIN_NAME), spare: false }
    }

    fn line(self, name: &str, cells: &[String; COLUMNS.len()]) -> String {
        let mut line = shortened(name, self.name);
        line += &" ".repeat(self.name.saturating_sub(line.width()));
        for (index, (cell, (_, width))) in cells.iter().zip(COLUMNS).enumerate() {
            if index != SPARE || self.spare {
                let space = " ".repeat(width.saturating_sub(cell.width()));
                line.extend(if index == 0 { [SPACE, cell, &space] } else { [SPACE, &space, cell] });
            }
        }
        line
    }
}

/// The scheme says least of a URL, then its middle: cameras differ in their addresses and in the ends of their paths.
fn shortened(name: &str, room: usize) -> String {
    if name.width() <= room {
        return name.to_owned();
    }
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    if name.width() <= room {
        return name.to_owned();
    }
    let end = room.saturating_sub(1) / 2;
    let start = taken(name.chars(), room.saturating_sub(1 + end));
    let end: String = taken(name.chars().rev(), end).chars().rev().collect();
    format!("{start}…{end}")
}

/// As many characters as have room.
fn taken(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|char| {
            used += char.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(width: usize, names: &[&str]) -> String {
        let layout = Layout::new(width, names.iter().map(|name| name.width()).max().unwrap());
        let start = Timestamp::from_nanos(0);
        let now = start + Duration::from_secs(3725);
        let figures = [
            Figures { packets: 1_234_567, bytes: 987_654_321, lost: 12, jitter_ms: 5.06 },
            Figures { packets: 303, bytes: 0, lost: 0, jitter_ms: 0.0 },
            Figures::default(),
        ];
        let progress = MultiProgress::with_draw_target(indicatif::ProgressDrawTarget::hidden());
        let lines = names.iter().zip(figures).map(|(name, figures)| {
            let cells = Line::new(&progress, (*name).to_owned(), start).cells(now, figures);
            layout.line(name, &cells)
        });
        let header = layout.line("", &COLUMNS.map(|(name, _)| name.to_owned()));
        std::iter::once(header).chain(lines).map(|line| line + "|\n").collect()
    }

    proptest! {
        #[test]
        fn lines_are_of_one_width_and_fit(names in prop::collection::vec(".{0,80}", 3), width in 80_usize..200) {
            let names: Vec<String> = names.iter().map(|name| name.replace(char::is_control, "")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let text = shown(width, &names);
            let widths: Vec<usize> = text.lines().map(|line| line.width() - 1 + MARGIN).collect();
            prop_assert!(widths.iter().all(|width| width == &widths[0]), "{}", text);
            prop_assert!(widths[0] <= width, "{}", text);
        }
    }

    #[test]
    fn three_sessions_on_a_terminal() {
        let names = ["rtsp://192.168.1.20/live", "rtsp://192.168.1.21:8554/Streaming/Channels/101", "rtsp://cam"];
        insta::assert_snapshot!(format!("{}\n{}", shown(80, &names), shown(132, &names)));
    }
}
