//! Who may use whom: the rooms of docs/architecture.md, enforced on the whole source, wherever its tests stand.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

mod circles;
mod names;
mod rules;
mod samples;
mod source;
mod uses;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use circles::circles;
use rules::{EdgeRules, RoomRules};
use source::{Source, read_files};

static SOURCE: LazyLock<Source> = LazyLock::new(|| Source::read(&read_files()));

const ARCHITECTURE: &str = include_str!("../../docs/architecture.md");
const LIBRARY: &str = include_str!("../../src/lib.rs");

/// Files that are part of a circle as yet. None is to be added.
const KNOWN_CIRCLES: &[&str] = &[
    "analysis/dialogue.rs",
    "analysis/dialogue/description.rs",
    "analysis/ending.rs",
    "analysis/findings.rs",
    "analysis/findings/partial.rs",
    "analysis/findings/sender_counts.rs",
    "analysis/frames/mod.rs",
    "analysis/frames/statistics.rs",
    "analysis/media_wait/mod.rs",
    "analysis/resent.rs",
    "analysis/session.rs",
    "analysis/session/lookup.rs",
    "analysis/stream.rs",
    "analysis/undescribed.rs",
    "analysis/verdicts/event_counters.rs",
    "analysis/verdicts/mod.rs",
    "analysis/verdicts/no_media.rs",
    "analysis/verdicts/restart.rs",
    "analysis/verdicts/silence.rs",
    "analysis/verdicts/span.rs",
];

fn room_rules() -> RoomRules {
    RoomRules::read(ARCHITECTURE, "| room | may use |")
}

fn edge_rules() -> EdgeRules {
    EdgeRules::read(ARCHITECTURE, "| of the outside world | only in |")
}

#[test]
fn rooms_use_only_those_below_them() {
    let offences = room_rules().offences(&SOURCE);
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn no_rooms_are_in_a_circle() {
    let found = circles(&room_rules().graph());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_outside_world_stays_at_the_edges() {
    let offences = edge_rules().offences(&SOURCE);
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn no_files_are_in_a_circle() {
    let graph = SOURCE.files_by_use();
    let found = circles(&graph);
    let known: BTreeSet<_> = KNOWN_CIRCLES.iter().copied().collect();
    let new: Vec<_> = found.iter().filter(|circle| circle.iter().any(|file| !known.contains(file.as_str()))).collect();
    let uses = |circle: &Vec<String>| -> Vec<_> {
        circle
            .iter()
            .map(|file| {
                (file.clone(), graph[file].iter().filter(|to| circle.contains(to)).cloned().collect::<Vec<_>>())
            })
            .collect()
    };
    assert!(new.is_empty(), "{:#?}", new.into_iter().map(uses).collect::<Vec<_>>());
    let found: BTreeSet<_> = found.iter().flatten().map(String::as_str).collect();
    let untied: Vec<_> = known.difference(&found).collect();
    assert!(untied.is_empty(), "no more in a circle, strike them from KNOWN_CIRCLES: {untied:#?}");
}

#[test]
fn the_librarys_head_has_the_rules_of_the_documentation() {
    assert_eq!(RoomRules::read(LIBRARY, "| room | what it is for | may use |"), room_rules());
}

#[test]
#[ignore = "prints who uses what in the circles there are"]
fn print_circles() {
    let graph = SOURCE.files_by_use();
    let uses = SOURCE.dependencies();
    for circle in circles(&graph) {
        println!("circle of {}", circle.len());
        for used in uses.iter().filter(|used| used.naming != source::Naming::ReExport && circle.contains(&used.file)) {
            let names::Target::Item(module, _) = used.target else { continue };
            let to = &SOURCE.modules[module].file;
            if *to != used.file && circle.contains(to) {
                println!("  {} -> {to}: {}", used.file, SOURCE.path_of(&used.target).unwrap_or_default());
            }
        }
    }
}
