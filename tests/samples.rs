//! The captures of docs/tutorial.md: their golden tables, and that the tutorial shows what the tool prints.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;
use std::process::Command;

const TABLES: [&str; 4] = ["streams", "messages", "findings", "verdicts"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the tool prints, run at the root of the package.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_rtsp-rec")).current_dir(root()).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// The captures, by their names.
fn captures() -> Vec<String> {
    let files = fs::read_dir(root().join("samples/tutorial")).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".pcapng"));
    names.sort();
    names
}

#[test]
fn tables_are_golden() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("samples");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for name in captures() {
            for table in TABLES {
                let csv = printed(&["analyze", &format!("samples/tutorial/{name}"), "--table", table]);
                insta::assert_snapshot!(format!("{}_{table}", name.trim_end_matches(".pcapng")), csv);
            }
        }
    });
}

#[test]
fn the_tutorial_tells_of_each() {
    let text = fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    for name in captures() {
        assert!(text.contains(&format!("samples/tutorial/{name}")), "{name}");
    }
}

/// Each `$ rtsp-rec …` in a console block is run; the lines below it, to the next `$` or the block's end, are what it prints.
#[test]
fn the_tutorial_shows_what_is_printed() {
    let text = fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let mut shown = 0;
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for part in block.split("$ rtsp-rec ").skip(1) {
            let (command, expected) = part.split_once('\n').unwrap();
            if expected.trim().is_empty() {
                continue;
            }
            let arguments: Vec<&str> = command.split(' ').collect();
            let printed = printed(&arguments);
            let trimmed: Vec<&str> = printed.lines().map(str::trim_end).collect();
            let expected: Vec<&str> = expected.trim_end().lines().map(str::trim_end).collect();
            assert_eq!(trimmed, expected, "$ rtsp-rec {command}");
            shown += 1;
        }
    }
    assert!(shown > 5, "{shown} commands with their output");
}
