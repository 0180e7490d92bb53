//! The library's source as its modules: what each defines, what it imports, which paths its code names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::Item;
use syn::visit::Visit;

use crate::uses::{Collector, is_for_tests};

/// The files below `src` by their path in it, as `analysis/rows/mod.rs`.
pub(crate) type Files = BTreeMap<String, String>;

/// The segments of a path, as `["crate", "trace", "Tap"]`.
pub(crate) type Segments = Vec<String>;

/// How a module names a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Naming {
    /// `use`, for itself and what stands below it.
    Import,
    /// `pub use`: handed on to others.
    ReExport,
    Code,
}

/// One module, whether it is a file or stands in one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The file that it stands in, by its path below `src`.
    pub(crate) file: String,
    /// Its path in the crate, as `["analysis", "rows"]`.
    pub(crate) path: Segments,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// What it defines itself.
    pub(crate) items: BTreeSet<String>,
    /// What `use` gives a name in it; one name may stand for a module and for a function.
    pub(crate) imports: BTreeMap<String, Vec<Segments>>,
    pub(crate) globs: Vec<Segments>,
    pub(crate) used: Vec<(Naming, Segments)>,
}

/// All modules of the library and the binary without their tests; the first one is the library's root.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) modules: Vec<Module>,
    /// The files of modules that are compiled for tests only.
    pub(crate) test_files: BTreeSet<String>,
    /// Macros are found by their name alone, wherever they stand: name and file.
    pub(crate) macros: BTreeMap<String, String>,
}

impl Module {
    /// The top level module that it belongs to.
    pub(crate) fn room(&self) -> String {
        self.path.first().cloned().unwrap_or_else(|| "lib".to_owned())
    }
}

/// All files below `src`.
pub(crate) fn read_files() -> Files {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Files::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
                files.insert(inside, fs::read_to_string(&path).expect("source is text"));
            }
        }
    }
    files
}

impl Source {
    /// Reads the library, from `lib.rs` on, and the binary; panics where a file is no Rust or no module names it.
    pub(crate) fn read(files: &Files) -> Self {
        let mut source = Self::default();
        source.read_file(files, "lib.rs", "", None, &[]);
        source.read_file(files, "main.rs", "", None, &["main".to_owned()]);
        let mut read: BTreeSet<&str> = source.modules.iter().map(|module| module.file.as_str()).collect();
        read.extend(source.test_files.iter().map(String::as_str));
        let unread: Vec<_> = files.keys().filter(|file| !read.contains(file.as_str())).collect();
        assert!(unread.is_empty(), "no module names these files: {unread:?}");
        source
    }

    /// `folder` is where the files of its modules are, as `analysis/rows/`.
    fn read_file(&mut self, files: &Files, file: &str, folder: &str, parent: Option<usize>, path: &[String]) -> usize {
        let text = files.get(file).unwrap_or_else(|| panic!("no file {file}"));
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.read_module(files, file, folder, parent, path, &parsed.items)
    }

    fn read_module(
        &mut self,
        files: &Files,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        path: &[String],
        items: &[Item],
    ) -> usize {
        let id = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), path: path.to_vec(), parent, ..Module::default() });
        let mut collector = Collector::default();
        for item in items {
            if let Item::Mod(module) = item {
                self.read_child(files, file, folder, id, path, module);
            } else {
                collector.visit_item(item);
            }
        }
        let module = &mut self.modules[id];
        collector.store(module);
        self.macros.extend(collector.macros.into_iter().map(|name| (name, file.to_owned())));
        id
    }

    fn read_child(
        &mut self,
        files: &Files,
        file: &str,
        folder: &str,
        parent: usize,
        path: &[String],
        child: &syn::ItemMod,
    ) {
        let name = child.ident.to_string();
        let path: Segments = path.iter().cloned().chain([name.clone()]).collect();
        let below = format!("{folder}{name}/");
        let for_tests = is_for_tests(&child.attrs);
        let id = match &child.content {
            Some(_) if for_tests => return,
            Some((_, items)) => self.read_module(files, file, &below, Some(parent), &path, items),
            None => {
                let beside = format!("{folder}{name}.rs");
                let inside = if files.contains_key(&beside) { beside } else { format!("{below}mod.rs") };
                if for_tests {
                    self.test_files.extend(files.keys().filter(|file| file.starts_with(&below)).cloned());
                    self.test_files.insert(inside);
                    return;
                }
                self.read_file(files, &inside, &below, Some(parent), &path)
            }
        };
        self.modules[parent].children.insert(name, id);
    }
}

/// Each path of a `use` with the name that it gives; a glob gives none.
pub(crate) fn walk_use(tree: &syn::UseTree, before: &mut Segments, found: &mut Vec<(Segments, Option<String>)>) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            walk_use(&path.tree, before, found);
            before.pop();
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| walk_use(tree, before, found)),
        syn::UseTree::Glob(_) => found.push((before.clone(), None)),
        syn::UseTree::Name(name) => found.push(named(before, &name.ident.to_string(), None)),
        syn::UseTree::Rename(rename) => {
            found.push(named(before, &rename.ident.to_string(), Some(rename.rename.to_string())));
        }
    }
}

/// `use a::{self}` is `use a`.
fn named(before: &[String], last: &str, renamed: Option<String>) -> (Segments, Option<String>) {
    let mut segments = before.to_vec();
    if last != "self" || segments.is_empty() {
        segments.push(last.to_owned());
    }
    let name = renamed.or_else(|| segments.last().cloned());
    (segments, name)
}
