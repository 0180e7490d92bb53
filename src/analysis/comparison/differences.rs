//! What counts as a difference of two captures, in words.

use std::collections::HashSet;

use crate::analysis::comparison::captures::{CaptureComparison, PacketPair, SessionPair, TrackPair};
use crate::analysis::comparison::{HeaderChange, LineChange, RequestRow};

impl CaptureComparison {
    /// Everything that counts: sessions without a like, then of each pair what [`SessionPair::differences`] tells.
    pub fn differences(&self) -> Vec<String> {
        let several = self.pairs.len() > 1;
        let of_pair = |pair: &SessionPair| {
            let [a, b] = pair.sessions.each_ref().map(|name| name.session);
            let head = if several { format!("sessions {a} and {b}: ") } else { String::new() };
            pair.differences().into_iter().map(move |difference| format!("{head}{difference}"))
        };
        let mut differences: Vec<String> = Vec::new();
        for (names, side) in self.alone.iter().zip(["A", "B"]) {
            differences
                .extend(names.iter().map(|name| format!("session {} is only in {side}: {}", name.session, name.url)));
        }
        differences.extend(self.pairs.iter().flat_map(of_pair));
        differences
    }
}

impl SessionPair {
    /// Everything that counts: of the dialogue, the tracks, the packets, the figures. A header field that differs in the
    /// same way in several messages is told once.
    pub fn differences(&self) -> Vec<String> {
        let (mut differences, mut told) = (Vec::new(), HashSet::new());
        for row in &self.dialogue.requests {
            of_request(row, &mut told, &mut differences);
        }
        differences.extend(self.dialogue.tracks.clone());
        self.tracks.iter().for_each(|track| of_track(track, &mut differences));
        self.packets.iter().for_each(|found| of_packets(found, &mut differences));
        self.tracks.iter().for_each(|track| of_figures(track, &mut differences));
        differences
    }
}

fn of_request(row: &RequestRow, told: &mut HashSet<String>, differences: &mut Vec<String>) {
    let number = row.number.map(|number| format!("#{number} ")).unwrap_or_default();
    let name = format!("{number}{}", row.method);
    let [a, b] = &row.status;
    if a != b {
        let told = |status: &String, side| {
            if status == "-" { format!("not sent in {side}") } else { format!("{status} in {side}") }
        };
        differences.push(format!("{name}: {}, {}", told(a, "A"), told(b, "B")));
    }
    for (what, changes) in [("request", &row.asked), ("answer", &row.headers)] {
        let new =
            changes.iter().map(|change| format!("{what}: {}", field(change))).filter(|text| told.insert(text.clone()));
        differences.extend(new.map(|text| format!("{name}, {text}")));
    }
    let count = |of_a: bool| row.body.iter().filter(|line| matches!(line, LineChange::Then(_)) == of_a).count();
    match (row.body.is_empty(), matches!(row.method.as_str(), "DESCRIBE" | "ANNOUNCE")) {
        (true, _) => {}
        (false, true) => differences.push(format!(
            "{name}: the description has {} lines only in A, {} only in B",
            count(true),
            count(false)
        )),
        (false, false) => differences.push(format!("{name}: the bodies differ")),
    }
}

fn field(HeaderChange { name, then, now }: &HeaderChange) -> String {
    match (then, now) {
        (Some(a), None) => format!("{name} '{a}' is only in A"),
        (None, Some(b)) => format!("{name} '{b}' is only in B"),
        _ => {
            let [a, b] = [then, now].map(|value| value.as_deref().unwrap_or_default());
            format!("{name} is '{a}' in A, '{b}' in B")
        }
    }
}

fn of_track(track: &TrackPair, differences: &mut Vec<String>) {
    let name = &track.track;
    match track.packets {
        [a, 0] => return differences.push(format!("{name}: {a} packets in A, none in B")),
        [0, b] => return differences.push(format!("{name}: no packets in A, {b} in B")),
        _ => {}
    }
    if let [Some(a), Some(b)] = &track.encodings
        && a != b
    {
        differences.push(format!("{name}: {a} in A, {b} in B"));
    }
}

fn of_figures(TrackPair { track, figures, .. }: &TrackPair, differences: &mut Vec<String>) {
    for change in figures.iter().filter(|change| change.notable) {
        let [a, b] = [change.a, change.b].map(|value| value.unwrap_or(0.0));
        differences.push(format!("{track}: {} is {a} in A, {b} in B", change.figure));
    }
}

fn of_packets(PacketPair { track, found }: &PacketPair, differences: &mut Vec<String>) {
    let [only_a, only_b] = &found.only;
    let [copies_a, copies_b] = found.duplicated;
    let told = [
        (only_a.between, "in A, but not in B"),
        (only_b.between, "in B, but not in A"),
        (copies_b, "more copies in B"),
        (copies_a, "more copies in A"),
        (found.reordered, "in another order in B"),
        (found.altered, "with another payload in B"),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    differences.extend(told.map(|(count, what)| format!("{track} {}: packets {what}: {count}", found.ssrc)));
}
