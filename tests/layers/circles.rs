//! Circles of files: those that use each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::Target;
use crate::source::{Naming, Source};

/// Who uses whom.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

impl Source {
    /// Which files use items of which others. Who hands an item on (`pub use`) does not use it, and who takes it from
    /// there uses the file that defines it.
    pub(crate) fn files_by_use(&self) -> Graph {
        let mut graph = Graph::new();
        for used in self.dependencies().into_iter().filter(|used| used.naming != Naming::ReExport) {
            let Target::Item(module, _) = used.target else { continue };
            let to = &self.modules[module].file;
            if *to != used.file {
                graph.entry(used.file).or_default().insert(to.clone());
            }
        }
        graph
    }
}

/// The strongly connected components of more than one file, by Tarjan.
pub(crate) fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let mut search = Search::new(graph);
    for file in graph.keys() {
        if !search.index.contains_key(file.as_str()) {
            search.visit(file);
        }
    }
    search.found
}

struct Search<'a> {
    graph: &'a Graph,
    index: BTreeMap<&'a str, usize>,
    low: BTreeMap<&'a str, usize>,
    stack: Vec<&'a str>,
    found: Vec<Vec<String>>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self { graph, index: BTreeMap::new(), low: BTreeMap::new(), stack: Vec::new(), found: Vec::new() }
    }

    fn visit(&mut self, file: &'a str) {
        let number = self.index.len();
        self.index.insert(file, number);
        self.low.insert(file, number);
        self.stack.push(file);
        for next in self.graph.get(file).into_iter().flatten() {
            let reached = if !self.index.contains_key(next.as_str()) {
                self.visit(next);
                self.low[next.as_str()]
            } else if self.stack.contains(&next.as_str()) {
                self.index[next.as_str()]
            } else {
                continue;
            };
            let low = self.low[file].min(reached);
            self.low.insert(file, low);
        }
        if self.low[file] == number {
            let from = self.stack.iter().position(|one| *one == file).expect("it was put there");
            let mut circle: Vec<_> = self.stack.split_off(from).into_iter().map(str::to_owned).collect();
            circle.sort();
            if circle.len() > 1 {
                self.found.push(circle);
            }
        }
    }
}
