//! What the code of one module names: `use` trees, paths in types, expressions and patterns, words in the tokens of macros.

use std::collections::BTreeSet;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, TraitItem, Visibility};

use crate::source::{Module, Naming, Segments, walk_use};

/// Gathers from the items of one module.
#[derive(Default)]
pub(crate) struct Collector {
    items: BTreeSet<String>,
    imports: Vec<(String, Segments)>,
    globs: Vec<Segments>,
    used: Vec<(Naming, Segments)>,
    /// The `macro_rules!` of the module.
    pub(crate) macros: Vec<String>,
}

impl Collector {
    /// Hands over what was gathered.
    pub(crate) fn store(&mut self, module: &mut Module) {
        module.items.append(&mut self.items);
        for (name, segments) in self.imports.drain(..) {
            module.imports.entry(name).or_default().push(segments);
        }
        module.globs.append(&mut self.globs);
        module.used.append(&mut self.used);
    }

    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::TraitAlias(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            _ => return,
        };
        self.items.insert(name.to_string());
    }

    fn code(&mut self, segments: Segments) {
        self.used.push((Naming::Code, segments));
    }

    /// Paths in tokens that only the macro can parse. A lone word in small letters may be a variable, or a field.
    fn walk_tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut before = ' ';
        let (mut is_joined, mut is_member) = (false, false);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if !is_joined {
                        self.end_of_path(&mut path);
                        is_member = matches!(before, '.' | '\'');
                    }
                    if !is_member {
                        path.push(word.to_string());
                    }
                    (before, is_joined) = ('a', false);
                }
                TokenTree::Punct(sign) => {
                    is_joined = sign.as_char() == ':' && before == ';';
                    // The first half of `::`, told apart from a colon.
                    let is_half = sign.as_char() == ':' && sign.spacing() == Spacing::Joint && !is_joined;
                    before = if is_half { ';' } else { sign.as_char() };
                    if !is_half && !is_joined {
                        self.end_of_path(&mut path);
                    }
                }
                TokenTree::Group(group) => {
                    self.end_of_path(&mut path);
                    self.walk_tokens(group.stream());
                    (before, is_joined) = (')', false);
                }
                TokenTree::Literal(_) => {
                    self.end_of_path(&mut path);
                    (before, is_joined) = ('1', false);
                }
            }
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Segments) {
        let segments = std::mem::take(path);
        let is_lone_variable = segments.len() == 1 && segments[0].starts_with(|first: char| first.is_lowercase());
        if !segments.is_empty() && !is_lone_variable {
            self.code(segments);
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes_of_item(item)) {
            self.define(item);
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_for_tests(attributes_of_impl_item(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !is_for_tests(attributes_of_trait_item(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let naming = if matches!(item.vis, Visibility::Inherited) { Naming::Import } else { Naming::ReExport };
        let mut found = Vec::new();
        walk_use(&item.tree, &mut Vec::new(), &mut found);
        for (segments, name) in found {
            if let Some(name) = name {
                self.used.push((naming, segments.clone()));
                self.imports.push((name, segments));
            } else {
                self.used.push((naming, segments.iter().cloned().chain(["*".to_owned()]).collect()));
                self.globs.push(segments);
            }
        }
    }

    /// `pub(in path)` uses nothing of what is there.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.code(segments_of(path));
        visit::visit_path(self, path);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        // A constant, where it is not in small letters.
        self.end_of_path(&mut vec![pattern.ident.to_string()]);
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let mut name = segments_of(&called.path);
        if let Some(last) = name.last_mut() {
            last.push('!');
        }
        self.code(name);
        self.walk_tokens(called.tokens.clone());
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        match &item.ident {
            Some(name) => {
                self.macros.push(format!("{name}!"));
                self.walk_tokens(item.mac.tokens.clone());
            }
            None => self.visit_macro(&item.mac),
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.walk_tokens(list.tokens.clone());
            // serde names functions in quotes.
            let quoted = list.tokens.clone().into_iter().filter_map(|token| match token {
                TokenTree::Literal(literal) => syn::parse_str::<syn::LitStr>(&literal.to_string()).ok(),
                _ => None,
            });
            for path in quoted.filter_map(|text| text.parse::<syn::Path>().ok()).filter(|path| path.segments.len() > 1)
            {
                self.code(segments_of(&path));
            }
        }
    }
}

fn segments_of(path: &syn::Path) -> Segments {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// Whether an item is compiled for tests only: its `cfg` cannot hold without `test`.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        list.parse_args::<Meta>().is_ok_and(|condition| !can_be(&condition, true))
    })
}

/// Whether a condition can have this value in a build without `test`.
fn can_be(condition: &Meta, value: bool) -> bool {
    match condition {
        Meta::Path(path) if path.is_ident("test") => !value,
        Meta::List(list) => {
            let parser = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
            let Ok(inner) = list.parse_args_with(parser) else { return true };
            let (mut each, is_not) = (inner.iter(), list.path.is_ident("not"));
            if is_not {
                each.any(|one| can_be(one, !value))
            } else if list.path.is_ident("all") == value {
                each.all(|one| can_be(one, value))
            } else {
                each.any(|one| can_be(one, value))
            }
        }
        _ => true,
    }
}

fn attributes_of_item(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn attributes_of_impl_item(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}

fn attributes_of_trait_item(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}
