//! Runs `rtsp-rec`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Outcome, Running, await_that, run};

/// Longer than any recording here should take to start, run its seconds and end.
pub(crate) const RECORD_LIMIT: Duration = Duration::from_secs(30);
/// For what takes a moment.
pub(crate) const TOOL_LIMIT: Duration = Duration::from_mins(1);

/// A place for a capture, gone with the test.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the recording goes.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir().join("recorded.pcapng")
    }
}

/// The binary under test: `tests/run` names the one that was built for release.
pub(crate) fn rtsp_rec() -> Command {
    let built = || env!("CARGO_BIN_EXE_rtsp-rec").into();
    let mut command = Command::new(std::env::var_os("RTSP_REC_BINARY").unwrap_or_else(built));
    command.env_remove("RTSP_REC_PASSWORD");
    command
}

/// `rtsp-rec record URL -o FILE OPTIONS`, quietly.
pub(crate) fn record_command(url: &str, file: &Path, options: &[&str]) -> Command {
    let mut command = rtsp_rec();
    command.args(["record", url, "-q", "-o"]).arg(file).args(options);
    command
}

/// The command as a terminal starts it: it does not ignore SIGHUP, though these tests may, under `nohup`.
pub(crate) fn in_terminal(command: &Command) -> Command {
    let mut outer = Command::new("env");
    outer.arg("--default-signal=HUP").arg(command.get_program()).args(command.get_args());
    outer.env_remove("RTSP_REC_PASSWORD");
    outer
}

/// Records to the end.
pub(crate) fn record(url: &str, file: &Path, options: &[&str]) -> Outcome {
    run(&mut record_command(url, file, options), RECORD_LIMIT)
}

/// Starts to record and waits until media is on disk.
pub(crate) fn start_recording(url: &str, file: &Path, options: &[&str]) -> Running {
    let recording = Running::start(&mut record_command(url, file, options));
    await_that("media is on disk", RECORD_LIMIT, || size(file) > 20_000);
    recording
}

/// Bytes in `file`, 0 when there is none.
pub(crate) fn size(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// A row of a table, by column.
pub(crate) type Row = HashMap<String, String>;

/// A table of `rtsp-rec analyze`, of a capture that holds a session.
pub(crate) fn table(file: &Path, name: &str) -> Vec<Row> {
    let outcome = run(&mut analyze_command(file, name), TOOL_LIMIT);
    outcome.expect_code(0);
    let rows = csv::Reader::from_reader(outcome.stdout.as_bytes()).into_deserialize().collect::<Result<_, _>>();
    rows.unwrap_or_else(|error| panic!("the {name} table of {} is no CSV: {error}", file.display()))
}

/// Panics unless `rtsp-rec analyze` reads `file` and finds no session in it: its connection never came.
pub(crate) fn assert_holds_no_session(file: &Path) {
    let outcome = run(&mut analyze_command(file, "streams"), TOOL_LIMIT);
    outcome.expect_code(1);
    let nothing = outcome.stderr.lines().count() == 1 && outcome.stderr.contains("no RTSP session found");
    assert!(nothing, "{}", outcome.stderr);
}

fn analyze_command(file: &Path, table: &str) -> Command {
    let mut command = rtsp_rec();
    command.arg("analyze").arg(file).args(["--table", table]);
    command
}

/// The sum of a column of whole numbers.
pub(crate) fn sum(rows: &[Row], column: &str) -> usize {
    rows.iter().map(|row| number(row, column)).sum()
}

/// A cell that holds a whole number.
pub(crate) fn number(row: &Row, column: &str) -> usize {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is {:?}, not a number: {row:?}", row[column]))
}
