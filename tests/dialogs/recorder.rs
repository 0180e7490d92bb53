//! Runs `rtsp-rec` and reads what it wrote.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rtsp_rec::capture::Source;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::trace::{Payload, Tap, TraceEvent};
use tempfile::TempDir;

/// A capture of this size has more than messages.
const MEDIA_HAS_COME: u64 = 20_000;
/// No recording here may take longer.
const LIMIT: Duration = Duration::from_secs(30);

/// A recording that has ended.
pub(crate) struct Recording {
    dir: TempDir,
    output: Output,
    pub(crate) took: Duration,
}

/// A row of a table, by column.
pub(crate) type Row = HashMap<String, String>;

/// The bytes of a connection as the capture has them, by [`rtsp_rec::trace::Direction::index`].
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) bytes: [Vec<u8>; 2],
}

/// `rtsp-rec record URL -q -o FILE ARGS`, with this password in the environment.
pub(crate) fn record(url: &str, args: &[String], password: &str) -> Recording {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let started = Instant::now();
    let mut command = rtsp_rec();
    command.args(["record", url, "-q", "-o"]).arg(dir.path().join("dialog.pcapng")).args(args);
    command.env("RTSP_REC_PASSWORD", password).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = finish(command.spawn().expect("rtsp-rec can be run"), started);
    Recording { dir, output, took: started.elapsed() }
}

/// Waits for the end, which must come in time. What is said fits into a pipe.
fn finish(mut child: Child, started: Instant) -> Output {
    while child.try_wait().expect("a child to wait for").is_none() {
        if started.elapsed() > LIMIT {
            child.kill().expect("a child to kill");
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("what it said")
}

pub(crate) fn rtsp_rec() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rtsp-rec"))
}

/// The same, stopped by the system for so long once media has come.
pub(crate) fn record_stopped(url: &str, args: &[&str], pause: Duration) -> Recording {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let (started, file) = (Instant::now(), dir.path().join("dialog.pcapng"));
    let mut command = rtsp_rec();
    command.args(["record", url, "-o"]).arg(&file).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("rtsp-rec can be run");
    let signal = |name: &str| {
        let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill can be run");
        assert!(status.success(), "kill {name}");
    };
    while file.metadata().map_or(0, |metadata| metadata.len()) < MEDIA_HAS_COME {
        assert!(started.elapsed() < LIMIT, "no media");
        thread::sleep(Duration::from_millis(2));
    }
    signal("-STOP");
    thread::sleep(pause);
    signal("-CONT");
    let output = finish(child, started);
    Recording { dir, output, took: started.elapsed() }
}

impl Recording {
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("dialog.pcapng")
    }

    /// What it said on standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// What it said on standard output.
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// It was quiet and ended well.
    #[track_caller]
    pub(crate) fn expect_success(&self) {
        assert_eq!((self.output.status.code(), self.stderr().as_str()), (Some(0), ""));
    }

    /// It ended with exit code 1 and one line on standard error that has all of `words`.
    #[track_caller]
    pub(crate) fn expect_failure(&self, words: &[&str]) {
        let stderr = self.stderr();
        assert_eq!((self.output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{words:?} in {stderr}");
    }

    /// The connections of the capture. Nothing may be missing.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        let mut flows = Flows::default();
        let file = File::open(self.file()).expect("there is a capture");
        let end = Source::read(file, &mut flows).expect("the capture can be read");
        assert!(!end.cut, "the capture ends with a whole block");
        flows.0
    }

    /// A table of `analyze`.
    pub(crate) fn table(&self, name: &str) -> Vec<Row> {
        let mut command = rtsp_rec();
        let output = command.arg("analyze").arg(self.file()).args(["--table", name]).output().expect("can be run");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
        reader.deserialize().map(|row| row.expect("a row of the table")).collect()
    }
}

#[derive(Default)]
struct Flows(Vec<Flow>);

impl Tap for Flows {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Payload::Pdu(pdu) = event.payload else { return Ok(()) };
        assert!(!matches!(pdu.kind, PduKind::Gap { .. }), "a gap at {}", pdu.offset);
        while self.0.len() <= event.flow.id {
            self.0.push(Flow::default());
        }
        self.0[event.flow.id].bytes[event.direction.index()].extend_from_slice(pdu.raw);
        Ok(())
    }
}
