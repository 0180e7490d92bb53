//! The rules, as docs/architecture.md and the head of lib.rs have them in tables: `| rooms | … | names |`, all in backticks.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::Target;
use crate::source::Source;

/// What each room may use; nothing is said of a room that may use all of them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RoomRules {
    rooms: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// Names of the outside world, and the rooms that may use them.
#[derive(Debug, Default)]
pub(crate) struct EdgeRules(Vec<(String, BTreeSet<String>)>);

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// First and last cell of each row of the table with this head.
fn table(text: &str, head: &str) -> Vec<(Vec<String>, String)> {
    let lines = text.lines().map(|line| line.trim_start_matches("//!").trim());
    let rows = lines.skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let found: Vec<_> = cells.map(|cells| (quoted(cells[0]), cells[cells.len() - 1].to_owned())).collect();
    assert!(!found.is_empty(), "no table {head}");
    found
}

impl RoomRules {
    pub(crate) fn read(text: &str, head: &str) -> Self {
        let mut rooms = BTreeMap::new();
        for (names, may) in table(text, head) {
            let may_use = (may != "all of them").then(|| quoted(&may).into_iter().collect::<BTreeSet<_>>());
            for room in names {
                assert!(rooms.insert(room, may_use.clone()).is_none(), "a room stands in the table twice");
            }
        }
        Self { rooms }
    }

    fn allows(&self, room: &str, path: &str) -> bool {
        let own = path == room || path.starts_with(&format!("{room}::"));
        let allowed = match self.rooms.get(room) {
            Some(Some(may_use)) => may_use.iter().any(|name| is_below(path, name)),
            Some(None) => true,
            None => matches!(room, "lib" | "main"),
        };
        own || allowed
    }

    /// Uses of rooms that the table does not have, and rooms that it has and `src` has not, or the other way round.
    pub(crate) fn offences(&self, source: &Source) -> Vec<String> {
        let mut found = BTreeSet::new();
        for used in source.dependencies() {
            if let Some(path) = source.path_of(&used.target).filter(|path| !self.allows(&used.room, path)) {
                found.insert(format!("{} uses {path}", used.file));
            }
        }
        let there: BTreeSet<_> = source.modules.iter().map(crate::source::Module::room).collect();
        let there = there.into_iter().filter(|room| !matches!(room.as_str(), "lib" | "main")).collect::<BTreeSet<_>>();
        let told: BTreeSet<_> = self.rooms.keys().cloned().collect();
        found
            .extend(there.symmetric_difference(&told).map(|room| format!("{room}: only in the table, or only in src")));
        found.into_iter().collect()
    }

    /// The rooms that each one may use, to look for circles.
    pub(crate) fn graph(&self) -> crate::circles::Graph {
        let room_of = |name: &String| name.split("::").next().unwrap_or_default().to_owned();
        let all = || self.rooms.keys().cloned().collect::<BTreeSet<_>>();
        self.rooms
            .iter()
            .map(|(room, may_use)| {
                (room.clone(), may_use.as_ref().map_or_else(all, |names| names.iter().map(room_of).collect()))
            })
            .map(|(room, mut uses)| {
                uses.remove(&room);
                (room, uses)
            })
            .collect()
    }
}

impl EdgeRules {
    pub(crate) fn read(text: &str, head: &str) -> Self {
        let rows = table(text, head).into_iter();
        let each =
            rows.flat_map(|(names, may)| names.into_iter().map(move |name| (name, quoted(&may).into_iter().collect())));
        Self(each.collect())
    }

    /// Uses of the outside world by rooms that may not.
    pub(crate) fn offences(&self, source: &Source) -> Vec<String> {
        let mut found = BTreeSet::new();
        for used in source.dependencies() {
            let Target::Outside(path) = &used.target else { continue };
            let path = path.join("::");
            let wrong = self.0.iter().filter(|(name, may)| {
                // `use std::*` has what is below.
                let is_named =
                    is_below(&path, name) || path.strip_suffix("*").is_some_and(|glob| name.starts_with(glob));
                is_named && !may.contains(&used.room)
            });
            found.extend(wrong.map(|_| format!("{} uses {path}", used.file)));
        }
        found.into_iter().collect()
    }
}

fn is_below(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
