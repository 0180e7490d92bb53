//! Two session descriptions: the lines that differ, and whether the tracks do.

use crate::analysis::comparison::alignment::{AlignedLine, aligned};
use crate::analysis::comparison::headers::Presentation;
use crate::rtp::payload_type;
use crate::rtsp::mask::masked_text;
use crate::rtsp::sdp::{Format, Media, SessionDescription};

/// Lines that are looked at in each description.
const MAX_LINES: usize = 500;

/// A line that only one of two descriptions has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineChange {
    /// It is missing now.
    Then(String),
    /// It is new.
    Now(String),
}

impl LineChange {
    /// Bodies that are no descriptions.
    pub(super) fn whole([then, now]: [usize; 2]) -> Vec<Self> {
        let shown = |len: usize| format!("a body of {len} bytes");
        vec![Self::Then(shown(then)), Self::Now(shown(now))]
    }
}

/// The lines that differ, but for identifiers and addresses.
pub(super) fn changes(bodies: [&[u8]; 2], presentations: &[Presentation; 2]) -> Vec<LineChange> {
    let [then, now] = bodies.map(lines);
    let [then_at, now_at] = presentations;
    let neutral = |lines: &[String], at: &Presentation| lines.iter().map(|line| neutral(line, at)).collect::<Vec<_>>();
    let (then_neutral, now_neutral) = (neutral(&then, then_at), neutral(&now, now_at));
    aligned(&then_neutral, &now_neutral)
        .into_iter()
        .filter_map(|place| match place {
            AlignedLine::Then(index) => then.get(index).map(|line| LineChange::Then(masked_text(line))),
            AlignedLine::Now(index) => now.get(index).map(|line| LineChange::Now(masked_text(line))),
            AlignedLine::Both(..) => None,
        })
        .collect()
}

pub(super) fn lines(body: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(body).lines().take(MAX_LINES).map(|line| line.trim_end().to_owned()).collect()
}

/// A line without the identifiers of `o=` (RFC 4566, section 5.2) and without addresses.
pub(super) fn neutral(line: &str, presentation: &Presentation) -> String {
    let mut words = line.split(' ');
    match line.get(..2) {
        Some("o=") => words.next().unwrap_or_default().to_owned(),
        Some("c=") => [words.next(), words.next()].into_iter().flatten().collect::<Vec<_>>().join(" "),
        _ => presentation.neutral(line),
    }
}

/// How the tracks differ, in words: how many, of what kind, in which encodings.
pub(super) fn track_difference(then: &[u8], now: &[u8], [before, after]: [&str; 2]) -> Option<String> {
    let [then, now] = [then, now].map(|body| SessionDescription::parse(body).media);
    if then.len() != now.len() {
        return Some(format!("{} tracks {before}, {} {after}", then.len(), now.len()));
    }
    let pairs = then.iter().map(encodings).zip(now.iter().map(encodings));
    let (index, (then, now)) = pairs.enumerate().find(|(_, (then, now))| then != now)?;
    Some(format!("track {index}: {then} {before}, {now} {after}"))
}

/// `video H264/90000`.
fn encodings(media: &Media) -> String {
    let name = |format: &Format| {
        let fixed = payload_type::static_format(format.payload_type);
        let encoding = format.encoding.clone().or(fixed.map(|fixed| fixed.encoding.to_owned()));
        let rate = format.clock_rate_hz.or(fixed.map(|fixed| fixed.clock_rate_hz));
        let encoding = encoding.unwrap_or_else(|| format.payload_type.to_string()).to_ascii_uppercase();
        format!("{encoding}{}", rate.map(|rate| format!("/{rate}")).unwrap_or_default())
    };
    let names: Vec<String> = media.formats.iter().map(name).collect();
    format!("{} {}", media.kind, names.join(" "))
}
