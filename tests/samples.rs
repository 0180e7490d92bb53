//! The captures of docs/tutorial.md: their golden tables, and that the tutorial shows what the tool prints.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

#[path = "halved/mod.rs"]
mod halved;

use std::fs::{self, File};
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

/// The captures.
fn captures() -> Vec<String> {
    let files = fs::read_dir(root().join("samples/tutorial")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let own = names.filter(|name| name.ends_with(".pcapng")).map(|name| format!("samples/tutorial/{name}"));
    let mut captures: Vec<String> = own.chain(["samples/wireshark/shared_ssrc.pcap".to_owned()]).collect();
    captures.sort();
    captures
}

#[test]
fn tables_are_golden() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("samples");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for capture in captures() {
            let name = Path::new(&capture).file_stem().unwrap().to_str().unwrap();
            for table in TABLES {
                insta::assert_snapshot!(format!("{name}_{table}"), printed(&["analyze", &capture, "--table", table]));
            }
        }
    });
}

#[test]
fn the_second_half_alone_is_found() {
    for capture in captures().into_iter().chain(["samples/gstreamer_h264_aac.pcapng".to_owned()]) {
        assert!(halved::check(&capture, File::open(root().join(&capture)).unwrap()), "{capture}");
    }
}

#[test]
fn the_tutorial_tells_of_each() {
    let text = fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    for capture in captures() {
        assert!(text.contains(&capture), "{capture}");
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
