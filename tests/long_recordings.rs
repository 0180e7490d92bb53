//! `rtsp-rec record` as it runs for weeks: who ends it, what it finds when it is started again. No peers are needed: a
//! looping `replay` of the sample is the camera.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod served;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use served::{Replay, rtsp_rec};

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_mins(1);

fn camera() -> Replay {
    Replay::start(&["--loop"])
}

/// `rtsp-rec` in a shell that runs `before` first.
fn within(before: &str) -> Command {
    let plain = rtsp_rec();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(plain.get_program());
    command
}

fn start(mut command: Command, url: &str, file: &Path, options: &[&str]) -> Recording {
    command.args(["record", url, "-o"]).arg(file).args(options);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Recording(Some(child.expect("rtsp-rec can be run")))
}

/// A recording that runs; killed with the value.
struct Recording(Option<Child>);

impl Recording {
    fn signal(&self, name: &str) {
        let id = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// How it ended, and what it said.
    fn finish(mut self) -> (Option<i32>, String) {
        said(&self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

/// Nothing tells of files: they are looked up.
#[track_caller]
fn await_that(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until media is in the file.
#[track_caller]
fn await_media(file: &Path) {
    await_that("media is on disk", || file.metadata().is_ok_and(|file| file.len() > 20_000));
}

/// The methods of the requests in captures.
fn methods(files: &[impl AsRef<OsStr>]) -> Vec<String> {
    let output = rtsp_rec().arg("analyze").args(files).args(["--table", "messages"]).output().unwrap();
    let mut rows = csv::Reader::from_reader(output.stdout.as_slice());
    let rows = rows.deserialize::<std::collections::HashMap<String, String>>();
    rows.map(|row| row.unwrap()["method"].clone()).filter(|method| !method.is_empty()).collect()
}

#[test]
fn a_terminal_that_closes_ends_it_in_good_order() {
    let (camera, dir) = (camera(), tempfile::tempdir().unwrap());
    let file = dir.path().join("x.pcapng");
    let recording = start(rtsp_rec(), &camera.url, &file, &[]);
    await_media(&file);
    recording.signal("HUP");
    let (code, said) = recording.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped"), "{said}");
    assert_eq!(methods(&[&file]).last().map(String::as_str), Some("TEARDOWN"));
}

#[test]
fn under_nohup_it_goes_on() {
    let (camera, dir) = (camera(), tempfile::tempdir().unwrap());
    let file = dir.path().join("x.pcapng");
    let recording = start(within("trap '' HUP"), &camera.url, &file, &["--max-packets", "400"]);
    await_media(&file);
    recording.signal("HUP");
    let (code, said) = recording.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("limit reached"), "{said}");
}
