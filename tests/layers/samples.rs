//! Small sources that break a rule each, and some that seem to.

use crate::circles::circles;
use crate::source::{Files, Source};
use crate::{edge_rules, room_rules};

/// A library of these files; its root names the rooms.
fn library(files: &[(&str, &str)]) -> Source {
    let mut all = Files::new();
    let mut root = String::new();
    for (path, text) in files {
        all.insert((*path).to_owned(), (*text).to_owned());
        let room = path.split(['/', '.']).next().expect("a name");
        let module = format!("pub mod {room};\n");
        if !root.contains(&module) {
            root.push_str(&module);
        }
    }
    all.insert("lib.rs".to_owned(), root);
    all.insert("main.rs".to_owned(), "fn main() {}".to_owned());
    Source::read(&all)
}

/// What one file of the analysis may not do.
fn edge_offences(text: &str) -> Vec<String> {
    edge_rules().offences(&library(&[("analysis.rs", text)]))
}

fn room_offences(text: &str) -> Vec<String> {
    let net = ("net/mod.rs", "mod waker; pub use waker::Waker; pub fn open() {}");
    let source =
        library(&[("analysis.rs", text), net, ("net/waker.rs", "pub struct Waker;"), ("trace.rs", "pub struct Tap;")]);
    let found = room_rules().offences(&source);
    found.into_iter().filter(|offence| offence.starts_with("analysis.rs")).collect()
}

fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    circles(&library(files).files_by_use())
}

#[test]
fn the_outside_world_is_seen_however_it_is_named() {
    for text in [
        "use std::{env, fs};",
        "use std::{io, fs as files};",
        "use std as s; fn f() { s::fs::read(\"x\"); }",
        "use std::*;",
        "fn f() { let x = ::std::fs::read(\"x\"); }",
        "#[cfg(test)] mod tests {} fn f() -> std::time::Instant { todo!() }",
        "fn f() { println!(\"x\"); }",
        "fn f() { if true { std::eprintln!(\"x\"); } }",
        "fn f() { assert!(g(std::env::args())); }",
        "macro_rules! m { () => { std::fs::read(\"x\") }; }",
        "use std::io; fn f() { io::stdout(); }",
        "#[cfg(any(test, unix))] use std::thread;",
        "#[cfg(not(test))] use std::thread;",
        "struct S { socket: Option<mio::net::TcpStream> }",
        "#[serde(with = \"std::env::x\")] struct S;",
    ] {
        assert_ne!(edge_offences(text), [""; 0], "{text}");
    }
    for text in [
        "#[cfg(test)] use std::fs; #[cfg(all(test, unix))] fn f() { println!(); } struct S;",
        "//! `std::fs`\n/// println!(\"x\")\nfn f() { \"std::fs\"; g.println(); }",
        "mod std2 { pub fn fs() {} } fn f() { std2::fs(); }",
        "struct S; impl S { #[cfg(test)] fn f() { std::fs::read(\"x\"); } }",
    ] {
        assert_eq!(edge_offences(text), [""; 0], "{text}");
    }
}

#[test]
fn a_room_that_is_not_allowed_is_seen_however_it_is_named() {
    for text in [
        "use crate::net;",
        "use crate::{net::Waker, trace::Tap};",
        "use super::net::Waker as W;",
        "#[cfg(test)] mod tests { use crate::net::Waker; } fn f() -> crate::net::Waker { todo!() }",
        "mod inner { fn f() { super::super::net::open(); } }",
        "fn f() { format!(\"{}\", crate::net::open()); }",
        "fn f(x: u8) { matches!(x, crate :: net :: Waker); }",
        "pub use crate::net::Waker;",
    ] {
        assert_ne!(room_offences(text), [""; 0], "{text}");
    }
    for text in
        ["#[cfg(test)] mod tests { use crate::net::Waker; }", "mod net {} use net as n;", "use crate::trace::Tap;"]
    {
        assert_eq!(room_offences(text), [""; 0], "{text}");
    }
}

#[test]
fn circles_of_files_are_seen() {
    let two = [
        ("rtp/mod.rs", "mod a; mod b;"),
        ("rtp/a.rs", "use super::b::B; pub struct A;"),
        ("rtp/b.rs", "fn f(a: super::a::A) {} pub struct B;"),
    ];
    assert_eq!(circles_of(&two), [["rtp/a.rs", "rtp/b.rs"]]);
    // Through a re-export, and a glob.
    let reexported = [
        ("rtp/mod.rs", "mod a; mod b; pub use a::*; pub use b::B;"),
        ("rtp/a.rs", "use crate::rtp::B; pub struct A;"),
        ("rtp/b.rs", "use super::A; pub struct B;"),
    ];
    assert_eq!(circles_of(&reexported), [["rtp/a.rs", "rtp/b.rs"]]);
    // A parent that uses what its child makes of it.
    let parent = [("rtp.rs", "mod a; struct P { a: a::A }"), ("rtp/a.rs", "use super::P; pub struct A;")];
    assert_eq!(circles_of(&parent), [["rtp.rs", "rtp/a.rs"]]);
    // Through a macro.
    let by_macro =
        [("rtp.rs", "mod a; macro_rules! m { () => { a::A }; }"), ("rtp/a.rs", "pub struct A; fn f() { m!() }")];
    assert_eq!(circles_of(&by_macro), [["rtp.rs", "rtp/a.rs"]]);
}

#[test]
fn what_is_no_circle_is_none() {
    // A module that only hands on what its files define, and a test that uses its parent.
    let facade = [
        ("rtp.rs", "mod a; mod b; pub use a::A; #[cfg(test)] mod tests;"),
        ("rtp/a.rs", "use super::b::B; pub struct A { b: B }"),
        ("rtp/b.rs", "pub struct B; #[cfg(test)] mod tests { use super::super::A; }"),
        ("rtp/tests.rs", "use super::*; use crate::rtp::a::A;"),
    ];
    assert_eq!(circles_of(&facade), [[""; 0]; 0]);
    let three = [
        ("rtp.rs", "mod a; mod b; use a::A;"),
        ("rtp/a.rs", "use super::b::B; pub struct A;"),
        ("rtp/b.rs", "use crate::rtp as room; pub struct B;"),
    ];
    assert_eq!(circles_of(&three), [[""; 0]; 0]);
}

#[test]
#[should_panic(expected = "no module names these files")]
fn a_file_that_no_module_names_is_seen() {
    library(&[("rtp.rs", ""), ("rtp/a.rs", "")]);
}
