//! What the library offers to other programs, as a snapshot: a change of it is seen in review, and told in the changelog.
//!
//! Each `pub` item of the rooms that stand without the command line tool counts. None of them is hidden in a private
//! module, as the lint `unreachable_pub` holds. The rows of the tables are made by a macro; docs/metrics.md has their
//! columns, and `tests/docs.rs` holds them.
#![expect(clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::{Fields, ImplItem, Item, TraitItem, UseTree, Visibility};

/// Rooms behind the feature `cli`.
const TOOL: [&str; 5] = ["cli", "commands", "error", "report", "main"];

/// The text in one line.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(", )", ")").replace(" .", ".")
}

fn text(spanned: &impl Spanned) -> String {
    line(&spanned.span().source_text().expect("a parsed file has its text"))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// What stands above an item and concerns who uses it.
fn attributes(attributes: &[syn::Attribute]) -> String {
    let told = attributes.iter().filter(|attribute| attribute.path().is_ident("non_exhaustive"));
    told.map(|attribute| text(attribute) + " ").collect()
}

fn fields(fields: &Fields, all: bool, into: &mut Vec<String>) {
    let shown = fields.iter().filter(|field| all || is_public(&field.vis));
    into.extend(shown.map(|field| {
        let name = field.ident.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        format!("    {name}{}", text(&field.ty))
    }));
}

fn item(shown: &Item, into: &mut Vec<String>) {
    match shown {
        Item::Fn(function) if is_public(&function.vis) => into.push(format!("pub {}", text(&function.sig))),
        Item::Const(constant) if is_public(&constant.vis) => {
            into.push(format!("pub const {}: {}", constant.ident, text(&constant.ty)));
        }
        Item::Type(alias) if is_public(&alias.vis) => {
            into.push(format!("pub type {}{} = {}", alias.ident, generics(&alias.generics), text(&alias.ty)));
        }
        Item::Mod(module) if is_public(&module.vis) => into.push(format!("pub mod {}", module.ident)),
        Item::Use(used) if is_public(&used.vis) => names(&used.tree, into),
        Item::Struct(body) if is_public(&body.vis) => {
            into.push(format!("{}pub struct {}{}", attributes(&body.attrs), body.ident, generics(&body.generics)));
            fields(&body.fields, false, into);
        }
        // Enums of words are written as such, in a macro.
        Item::Macro(body) if body.mac.path.is_ident("word_enum") => {
            if let Ok(words) = syn::parse2::<Item>(body.mac.tokens.clone()) {
                item(&words, into);
            }
        }
        Item::Enum(body) if is_public(&body.vis) => {
            into.push(format!("{}pub enum {}{}", attributes(&body.attrs), body.ident, generics(&body.generics)));
            for variant in &body.variants {
                into.push(format!("  {}", variant.ident));
                fields(&variant.fields, true, into);
            }
        }
        Item::Trait(body) if is_public(&body.vis) => {
            into.push(format!("pub trait {}{}", body.ident, generics(&body.generics)));
            into.extend(body.items.iter().filter_map(|item| match item {
                TraitItem::Fn(function) => Some(format!("  {}", text(&function.sig))),
                TraitItem::Type(name) => Some(format!("  type {}", name.ident)),
                _ => None,
            }));
        }
        Item::Impl(body) if body.trait_.is_none() => {
            let methods = body.items.iter().filter_map(|item| match item {
                ImplItem::Fn(function) if is_public(&function.vis) => Some(format!("  pub {}", text(&function.sig))),
                ImplItem::Const(constant) if is_public(&constant.vis) => {
                    Some(format!("  pub const {}: {}", constant.ident, text(&constant.ty)))
                }
                _ => None,
            });
            let methods: Vec<String> = methods.collect();
            if !methods.is_empty() {
                into.push(format!("impl {}", text(&body.self_ty)));
                into.extend(methods);
            }
        }
        _ => {}
    }
}

/// What a `pub use` gives: from which private file it takes it is nobody's business.
fn names(tree: &UseTree, into: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => names(&path.tree, into),
        UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, into)),
        UseTree::Name(name) => into.push(format!("pub use {}", name.ident)),
        UseTree::Rename(rename) => into.push(format!("pub use {}", rename.rename)),
        UseTree::Glob(_) => into.push("pub use *".to_owned()),
    }
}

fn generics(generics: &syn::Generics) -> String {
    if generics.params.is_empty() { String::new() } else { format!("<{}>", text(&generics.params)) }
}

/// The files of the library, in the order of their paths.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("src can be read").map(|entry| entry.expect("src can be read").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_library_offers_what_it_offered() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    // In which file of a room something stands may change.
    let mut rooms: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths {
        let inside = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
        let room = inside.split(['/', '.']).next().unwrap_or_default();
        if TOOL.contains(&room) || inside.contains("tests/") || inside.ends_with("tests.rs") {
            continue;
        }
        let parsed = syn::parse_file(&fs::read_to_string(&path).expect("source is text")).expect("source is Rust");
        for found in &parsed.items {
            let mut lines = Vec::new();
            item(found, &mut lines);
            rooms.entry(room.to_owned()).or_default().extend((!lines.is_empty()).then(|| lines.join("\n  ")));
        }
    }
    let shown = rooms.into_iter().filter(|(_, items)| !items.is_empty()).map(|(room, mut items)| {
        items.sort();
        format!("{room}\n  {}\n", items.join("\n  "))
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"));
}
