//! docs/interop.md says what comes of each quirk. Here its servers are played, and it is held to that.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use crate::scene::Scene;
use crate::transcript::Transcript;

/// Most of a recording's time goes by with waiting.
const WORKERS: usize = 6;

/// What a busy machine may add to what the server did.
const BUSY: [&str; 5] = ["response-late", "timestamp-jump", "recorder-late", "recorder-paused", "tcp-info"];

/// A line of the table: quirk, known from, what `record` does, what `analyze` says, fixtures.
struct Quirk {
    name: String,
    record: String,
    findings: BTreeSet<String>,
    fixtures: Vec<String>,
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stands between backticks.
fn marked(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn quirks() -> Vec<Quirk> {
    let text = fs::read_to_string(root("docs/interop.md")).expect("the document is there");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows = text.lines().filter(|line| line.starts_with("| ")).map(cells).filter(|cells: &Vec<_>| cells.len() == 5);
    let quirk = |cells: Vec<String>| Quirk {
        name: cells[0].clone(),
        record: cells[2].clone(),
        findings: marked(&cells[3]).into_iter().collect(),
        fixtures: marked(&cells[4]),
    };
    rows.map(quirk).filter(|quirk| !quirk.fixtures.is_empty()).collect()
}

fn is_transcript(name: &str) -> bool {
    root("tests/dialogs").join(format!("{name}.txt")).exists()
}

#[test]
fn every_transcript_of_a_case_is_in_the_table() {
    let named: BTreeSet<String> = quirks().into_iter().flat_map(|quirk| quirk.fixtures).collect();
    let files = fs::read_dir(root("tests/dialogs")).expect("this folder");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let cases = names.filter_map(|name| name.strip_suffix(".txt").map(str::to_owned));
    let left: Vec<String> = cases.filter(|name| name.starts_with("case_") && !named.contains(name)).collect();
    assert!(left.is_empty(), "not in docs/interop.md: {left:?}");
}

/// Where no server can show it, a test is named.
#[test]
fn every_fixture_of_the_table_is_there() {
    let mut sources = String::new();
    for folder in [
        "tests",
        "tests/dialogs",
        "tests/pair",
        "tests/live",
        "src/rtsp",
        "src/rtsp/url",
        "src/session",
        "src/analysis",
    ] {
        for file in fs::read_dir(root(folder)).expect("a folder") {
            let path = file.expect("a file").path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs::read_to_string(path).expect("a source file");
            }
        }
    }
    let fixtures = quirks().into_iter().flat_map(|quirk| quirk.fixtures);
    let lost: Vec<_> =
        fixtures.filter(|name| !is_transcript(name) && !sources.contains(&format!("fn {name}("))).collect();
    assert!(lost.is_empty(), "in docs/interop.md, and nowhere else: {lost:?}");
}

#[test]
fn every_quirk_is_met_as_the_table_says() {
    let quirks: Vec<Quirk> = quirks().into_iter().filter(|quirk| is_transcript(&quirk.fixtures[0])).collect();
    assert!(quirks.len() > 80, "{} quirks", quirks.len());
    let left = Mutex::new(quirks.iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(quirk) = left.lock().expect("no panic").next() else { return };
                    if let Err(error) = thread::scope(|scope| scope.spawn(|| check(quirk)).join()) {
                        let error = error.downcast_ref::<String>().cloned().unwrap_or_default();
                        failures.lock().expect("no panic").push(format!("{}: {error}", quirk.fixtures[0]));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} quirks:\n{}", failures.len(), failures.join("\n\n"));
}

/// Plays the first fixture: the exit code, and the findings. A transcript that is the plain one but for its quirk has no other
/// findings than the quirk's.
fn check(quirk: &Quirk) {
    let name = &quirk.fixtures[0];
    let Some(played) = Scene::of(name).by_transcript().try_play(&[]) else {
        return eprintln!("{name}: no IPv6 here");
    };
    match quirk.record.split_once(": ").filter(|(word, _)| *word == "Fails") {
        Some((_, error)) => played.recording.expect_failure(&[error.trim_matches('`')]),
        None => played.recording.expect_success(),
    }
    let rows = played.recording.table("findings");
    let mut found: BTreeSet<String> = rows.iter().map(|row| row["code"].clone()).collect();
    found.retain(|code| !BUSY.contains(&code.as_str()) || quirk.findings.contains(code));
    if Transcript::load(name).derived {
        played.check_requests();
        played.check_bytes();
        let details: Vec<_> = rows.iter().map(|row| format!("{} {}", row["code"], row["detail"])).take(9).collect();
        assert_eq!(found, quirk.findings, "findings of {}: {details:#?}", quirk.name);
    } else {
        assert!(quirk.findings.is_subset(&found), "{:?} in {found:?}", quirk.findings);
    }
}
