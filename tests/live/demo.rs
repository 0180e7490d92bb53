//! The demo needs no peer, but tshark to look at what it made.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::judges::{Capture, assert_opens};
use crate::process::run;
use crate::recorder::{Place, TOOL_LIMIT, rtsp_rec};

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn leaves_a_capture_and_tables() {
    let place = Place::new();
    let dir = place.dir().join("demo");
    let outcome = run(rtsp_rec().args(["demo", "-o"]).arg(&dir), TOOL_LIMIT);
    outcome.expect_code(0);
    assert!(outcome.stdout.contains(dir.to_str().expect("plain")), "where the files are: {}", outcome.stdout);
    assert!(!files(&dir, "csv").is_empty(), "no tables");
    let captures = files(&dir, "pcapng");
    assert!(!captures.is_empty(), "no capture");
    for file in captures {
        assert_opens(&file);
        assert!(Capture::ours(file).count("rtp") > 0, "no media");
    }
}

/// The files of `dir` with this extension.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the demo made its folder");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension() == Some(OsStr::new(extension))).collect()
}
