//! Disks that are full for a while, or for good.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::endings::assert_one_clear_line;
use crate::flood::{Flood, Load};
use crate::judges::assert_opens;
use crate::process::{Running, await_that, run};
use crate::recorder::{Place, RECORD_LIMIT, Row, TOOL_LIMIT, number, rtsp_rec, size};

/// What else is on the disk leaves so much room first, and then twice as much.
const ROOM: usize = 400_000;
/// Somewhat more than the recording takes.
const DISK: usize = 2_000_000;

/// A small file system in memory, until it is dropped.
struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    fn mount(place: &Place) -> Self {
        let dir = place.dir().join("disk");
        fs::create_dir(&dir).expect("the folder is writable");
        let size = format!("size={DISK}");
        let outcome =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "rtsp-rec-test"]).arg(&dir), TOOL_LIMIT);
        assert!(outcome.status.success(), "this test must be allowed to mount a tmpfs (be root): {}", outcome.stderr);
        Self { dir }
    }

    /// Takes room away; gives the file that does.
    fn fill(&self, name: &str, len: usize) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, vec![0; len]).expect("so much is free");
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A mount that stays would outlive the test, so this must not fail unseen; a panic while panicking would abort.
        match Command::new("umount").arg(&self.dir).status() {
            Ok(status) if status.success() => {}
            failed => eprintln!("cannot unmount {}: {failed:?}", self.dir.display()),
        }
    }
}

fn record(url: &str, file: &Path, options: &[&str]) -> Running {
    let mut command = rtsp_rec();
    command.args(["record", url, "-o"]).arg(file).args(options);
    Running::start(&mut command)
}

/// What the recorder has on the disk.
fn recorded(disk: &SmallDisk) -> Vec<PathBuf> {
    let files = disk.dir.read_dir().expect("it is mounted").map(|entry| entry.expect("nobody takes files away").path());
    let ours = |path: &PathBuf| path.to_string_lossy().contains("cam");
    let mut files: Vec<PathBuf> = files.filter(ours).collect();
    files.sort();
    files
}

/// The disk is full twice, and gets room twice, while media comes.
fn full_and_free(options: &[&str]) {
    let (server, place) = (Flood::start(Load::MODEST), Place::new());
    let disk = SmallDisk::mount(&place);
    let [first, second] =
        [("first", ROOM), ("second", DISK - 2 * ROOM - 100_000)].map(|(name, len)| disk.fill(name, len));
    let recording = record(&server.urls(1)[0], &disk.dir.join("cam.pcapng"), options);
    recording.await_stderr("no room on the disk", RECORD_LIMIT);
    let so_far = || recorded(&disk).iter().map(|file| size(file)).sum::<u64>();
    let before = so_far();
    fs::remove_file(first).expect("it is there");
    await_that("the disk is full again", RECORD_LIMIT, || so_far() > before + ROOM as u64 / 2);
    fs::remove_file(second).expect("it is there");
    let outcome = recording.finish(RECORD_LIMIT);
    outcome.expect_code(0);
    let files = recorded(&disk);
    for file in &files {
        assert_opens(file);
    }
    let analyzed = run(rtsp_rec().arg("analyze").args(&files), TOOL_LIMIT);
    let rows: Result<Vec<Row>, _> = csv::Reader::from_reader(analyzed.stdout.as_bytes()).into_deserialize().collect();
    let rows = rows.expect("a table");
    assert_eq!((rows.len(), number(&rows[0], "packets"), &*rows[0]["missing"]), (1, Load::MODEST.frames(), "0"));
    // While it was full nothing was late, as there was room in memory.
    let longest: f64 = rows[0]["delta_max_ms"].parse().expect("a number");
    assert!(longest < 1000.0, "{longest} ms");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_full_disk_is_one_that_waits() {
    full_and_free(&[]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn and_so_between_rotated_files() {
    full_and_free(&["--rotate-size", "100kB"]);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_disk_that_stays_full_holds_up_no_end() {
    let (server, place) = (Flood::start(Load::LIGHT), Place::new());
    let disk = SmallDisk::mount(&place);
    disk.fill("other", DISK - 100_000);
    let outcome = record(&server.urls(1)[0], &disk.dir.join("cam.pcapng"), &["-q"]).finish(RECORD_LIMIT);
    assert_one_clear_line(&outcome);
    assert!(outcome.stderr.contains("the disk is full"), "{}", outcome.stderr);
    assert_opens(&disk.dir.join("cam.pcapng"));
}
