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

use std::sync::LazyLock;

use circles::circles;
use rules::{EdgeRules, RoomRules};
use source::{Source, read_files};

static SOURCE: LazyLock<Source> = LazyLock::new(|| Source::read(&read_files()));

const ARCHITECTURE: &str = include_str!("../../docs/architecture.md");
const LIBRARY: &str = include_str!("../../src/lib.rs");

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
    let uses = |circle: &Vec<String>| -> Vec<_> {
        circle
            .iter()
            .map(|file| {
                (file.clone(), graph[file].iter().filter(|to| circle.contains(to)).cloned().collect::<Vec<_>>())
            })
            .collect()
    };
    assert!(found.is_empty(), "{:#?}", found.iter().map(uses).collect::<Vec<_>>());
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
