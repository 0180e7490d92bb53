//! Which file a path leads to. A re-export is followed to the file that defines the item.

use std::collections::BTreeSet;

use crate::source::{Module, Naming, Segments, Source};

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Module(usize),
    /// An item of this module.
    Item(usize, String),
    /// What is no part of the library: a crate, a name of the prelude, a type parameter.
    Outside(Segments),
}

/// One use of an item or module of the library, or of something outside.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) file: String,
    pub(crate) room: String,
    pub(crate) naming: Naming,
    pub(crate) target: Target,
}

/// No chain of re-exports is longer.
const MAX_STEPS: usize = 24;

impl Source {
    /// What all files use.
    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let mut found = Vec::new();
        for (id, module) in self.modules.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for (naming, segments) in &module.used {
                if seen.insert((*naming == Naming::ReExport, segments)) {
                    let (file, room) = (module.file.clone(), module.room());
                    found.push(Dependency { file, room, naming: *naming, target: self.target(id, segments) });
                }
            }
        }
        found
    }

    pub(crate) fn target(&self, from: usize, segments: &[String]) -> Target {
        let Some(name) = segments.last().filter(|name| name.ends_with('!')) else {
            return self.find(from, segments, 0).unwrap_or_else(|| Target::Outside(segments.to_vec()));
        };
        // `macro_rules!` is found by its name alone.
        let owner = self.macros.get(name).and_then(|file| self.modules.iter().position(|one| one.file == *file));
        owner.map_or_else(|| Target::Outside(vec![name.clone()]), |module| Target::Item(module, name.clone()))
    }

    fn find(&self, from: usize, segments: &[String], steps: usize) -> Option<Target> {
        let (first, rest) = segments.split_first()?;
        if steps > MAX_STEPS {
            return None;
        }
        let start = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(from),
            "super" => Target::Module(self.modules[from].parent?),
            name => self.member(from, name, !rest.is_empty(), steps)?,
        };
        self.follow(start, rest, steps)
    }

    fn follow(&self, start: Target, rest: &[String], steps: usize) -> Option<Target> {
        let Some((next, after)) = rest.split_first() else { return Some(start) };
        match start {
            Target::Module(module) => {
                let found = match next.as_str() {
                    "super" => Target::Module(self.modules[module].parent?),
                    // What a module does not name is made by a macro, or is the `*` of a glob.
                    name => self
                        .member(module, name, !after.is_empty(), steps)
                        .unwrap_or_else(|| Target::Item(module, name.to_owned())),
                };
                self.follow(found, after, steps)
            }
            // A variant, a method, a constant of the type.
            item @ Target::Item(..) => Some(item),
            Target::Outside(mut path) => {
                path.extend(rest.iter().cloned());
                Some(Target::Outside(path))
            }
        }
    }

    /// What a name means in a module. `goes_on`: more of the path follows, so it is no function.
    fn member(&self, id: usize, name: &str, goes_on: bool, steps: usize) -> Option<Target> {
        let module: &Module = self.modules.get(id)?;
        let child = module.children.get(name).map(|child| Target::Module(*child));
        let item = module.items.contains(name).then(|| Target::Item(id, name.to_owned()));
        let own = if goes_on { child.or(item) } else { item.or(child) };
        if own.is_some() {
            return own;
        }
        let mut imported = module.imports.get(name).into_iter().flatten().filter_map(|path| {
            // `use fs;` names a crate, not itself.
            if path.as_slice() == [name] { None } else { self.find(id, path, steps + 1) }
                .or_else(|| Some(Target::Outside(path.clone())))
        });
        imported.next().or_else(|| {
            let globs = module.globs.iter().filter_map(|path| self.find(id, path, steps + 1));
            let mut named = globs.filter_map(|target| match target {
                Target::Module(from) if from != id => self.member(from, name, goes_on, steps + 1),
                _ => None,
            });
            named.next()
        })
    }

    /// The path of a target that is part of the library, as `session::dialog::Dialog`.
    pub(crate) fn path_of(&self, target: &Target) -> Option<String> {
        let (module, name) = match target {
            Target::Module(module) => (*module, None),
            Target::Item(module, name) => (*module, Some(name.clone())),
            Target::Outside(_) => return None,
        };
        let path = self.modules[module].path.iter().cloned().chain(name);
        Some(path.collect::<Vec<_>>().join("::"))
    }
}
