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

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

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

/// `rtsp-rec` as a terminal starts it: it does not ignore SIGHUP, though these tests may, under `nohup`.
fn in_terminal() -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(rtsp_rec().get_program());
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
    let recording = start(in_terminal(), &camera.url, &file, &[]);
    await_media(&file);
    recording.signal("HUP");
    let (code, said) = recording.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopped"), "{said}");
    assert_eq!(methods(&[&file]).last().map(String::as_str), Some("TEARDOWN"));
}

#[test]
fn what_is_said_to_a_terminal_that_is_gone_makes_it_no_failure() {
    let (camera, dir) = (camera(), tempfile::tempdir().unwrap());
    let file = dir.path().join("x.pcapng");
    // Only this side holds it, so that the terminal is gone with it.
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&outside).unwrap();
    unlockpt(&outside).unwrap();
    let name = ptsname(&outside, Vec::new()).unwrap();
    let inside = File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
    let mut command = in_terminal();
    command.args(["record", &camera.url, "-o"]).arg(&file).env("TERM", "xterm").stdin(Stdio::null());
    let child = command.stdout(inside.try_clone().unwrap()).stderr(inside).spawn().unwrap();
    drop(command);
    let mut recording = Recording(Some(child));
    await_media(&file);
    drop(outside);
    recording.signal("HUP");
    assert_eq!(recording.0.as_mut().unwrap().wait().unwrap().code(), Some(0));
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

/// The names in a folder, sorted.
fn names(dir: &Path) -> Vec<String> {
    let names = dir.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The highest number of a file, complete or not.
fn highest(dir: &Path) -> usize {
    let number = |name: &String| name.split_once('-')?.1.split('.').next()?.parse().ok();
    names(dir).iter().filter_map(number).max().unwrap_or(0)
}

/// How many of these bytes are whole blocks, or whole frames.
fn whole(bytes: &[u8], compressed: bool) -> usize {
    if !compressed {
        return rtsp_rec::capture::whole_blocks(bytes, bytes.len());
    }
    let mut end = 0;
    while let Ok(len @ 1..) = zstd::zstd_safe::find_frame_compressed_size(&bytes[end..]) {
        end += len;
    }
    end
}

/// Records, kills, and gives the same command again, so often. What was on the disk is there at the end, byte for byte but for
/// the unfinished ends.
fn killed_again_and_again(name: &str, options: &[&str], times: usize) -> Vec<String> {
    let (camera, dir) = (Replay::start(&["--loop", "--speed", "8"]), tempfile::tempdir().unwrap());
    let file = dir.path().join(name);
    let compressed = Path::new(name).extension() == Some(OsStr::new("zst"));
    let options = [&["--rotate-size", "100kB", "-q"], options].concat();
    let mut seen = BTreeMap::new();
    for run in 0..times {
        let recording = start(rtsp_rec(), &camera.url, &file, &options);
        let until = highest(dir.path()) + 1 + run % 3;
        await_that("a file of this run", || highest(dir.path()) >= until);
        recording.signal("KILL");
        drop(recording);
        for name in names(dir.path()) {
            let bytes = fs::read(dir.path().join(&name)).unwrap();
            let complete = name.trim_start_matches('.').trim_end_matches(".part").to_owned();
            let earlier = seen.insert(complete, bytes.clone());
            let unchanged = |earlier: Vec<u8>| bytes == earlier || bytes == earlier[..whole(&earlier, compressed)];
            assert!(earlier.is_none_or(unchanged), "{name} is another");
        }
    }
    let last = start(rtsp_rec(), &camera.url, &file, &[&options[..], &["--max-packets", "20"]].concat());
    assert_eq!(last.finish(), (Some(0), String::new()));
    let names = names(dir.path());
    for name in &names {
        let bytes = fs::read(dir.path().join(name)).unwrap();
        assert_eq!(whole(&bytes, compressed), bytes.len(), "{name} is whole");
        let Some(earlier) = seen.remove(name) else { continue };
        assert_eq!(bytes, earlier[..whole(&earlier, compressed)], "{name} is as it was");
    }
    // What is not there any more held nothing, or is too old to be kept.
    let kept = options.contains(&"--keep");
    assert!(kept || seen.values().all(|bytes| whole(bytes, compressed) == 0), "{:?}", seen.keys());
    names
}

#[test]
fn the_same_command_goes_on_after_a_crash() {
    let names = killed_again_and_again("cam.pcapng", &[], 10);
    assert!(names.len() > 10 && names.iter().all(|name| name.starts_with("cam-")), "{names:?}");
}

#[test]
fn files_of_earlier_runs_count_for_keep() {
    let names = killed_again_and_again("cam.pcapng.zst", &["--keep", "4"], 10);
    assert!(names.len() == 4 && names.iter().all(|name| name.starts_with("cam-")), "{names:?}");
}

#[test]
fn a_second_recorder_on_the_same_name_is_refused() {
    let (camera, dir) = (camera(), tempfile::tempdir().unwrap());
    for (options, part) in [(&["--rotate-time", "1h"][..], ".x-00001.pcapng.part"), (&[], "x.pcapng")] {
        let file = dir.path().join("x.pcapng");
        let first = start(rtsp_rec(), &camera.url, &file, options);
        await_media(&dir.path().join(part));
        for more in [&[][..], &["-f"]] {
            let (code, said) = start(rtsp_rec(), &camera.url, &file, &[options, more].concat()).finish();
            let why = if options.is_empty() && more.is_empty() { "exists" } else { "another rtsp-rec writes" };
            assert!(code == Some(1) && said.contains(why), "{code:?} {said}");
        }
        first.signal("INT");
        assert_eq!(first.finish().0, Some(0));
    }
    assert_eq!(names(dir.path()), ["x-00001.pcapng", "x.pcapng"]);
    assert_eq!(methods(&[dir.path().join("x.pcapng")]).last().map(String::as_str), Some("TEARDOWN"));
}

#[test]
fn a_reader_that_stopped_holds_up_no_end() {
    let camera = Replay::start(&["--loop", "--speed", "max"]);
    let recording = start(rtsp_rec(), &camera.url, Path::new("-"), &["-d", "1s"]);
    // Nobody reads its pipe, which takes 64 KiB.
    let mut child = recording;
    let status = child.0.as_mut().unwrap().wait().unwrap();
    let (_, said) = said(&child.0.take().unwrap().wait_with_output().unwrap());
    assert!(status.code() == Some(1) && said.contains("takes nothing"), "{said}");
}

#[test]
fn a_file_with_passwords_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (camera, dir) = (camera(), tempfile::tempdir().unwrap());
    for (options, mode) in [(&["--keep-credentials"][..], 0o600), (&[], 0o644)] {
        let file = dir.path().join(format!("{mode}.pcapng"));
        let mut command = within("umask 022");
        command.args(["record", &camera.url, "--max-packets", "5", "-o"]).arg(&file).args(options);
        assert!(command.output().unwrap().status.success());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn where_descriptors_are_few_the_first_targets_are_recorded() {
    let (camera, dir) = (camera(), tempfile::tempdir().unwrap());
    let list = dir.path().join("targets");
    fs::write(&list, format!("{}\n", camera.url).repeat(30)).unwrap();
    let mut command = within("ulimit -n 40");
    command.args(["record", "--max-packets", "20", "--targets"]).arg(&list).arg("-o").arg(dir.path().join("x{number}"));
    let (code, said) = said(&command.output().unwrap());
    let files = names(dir.path()).len() - 1;
    assert!(code == Some(1) && (5..15).contains(&files), "{code:?}, {files} files: {said}");
    let left_out = format!("{} targets are not recorded, the last ones of the list: 40 file descriptors", 30 - files);
    assert!(said.contains(&left_out) && said.matches("limit reached").count() == files, "{said}");
    assert!(said.contains(&format!("{} of 30 sessions failed", 30 - files)), "{said}");
}
