//! Child processes: started, watched, signalled and ended by their id, never left behind.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How a process ended and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit code or signal.
    pub(crate) status: ExitStatus,
    /// All of standard output.
    pub(crate) stdout: String,
    /// All of standard error.
    pub(crate) stderr: String,
    /// From the start to the end.
    pub(crate) took: Duration,
}

impl Outcome {
    /// Panics, with everything said, unless the process ended with exit code `code`.
    #[track_caller]
    pub(crate) fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "exit code: {self:#?}");
        self
    }
}

/// A running process. Dropping it kills it.
pub(crate) struct Running {
    what: String,
    child: Child,
    stdout: Arc<Pipe>,
    stderr: Arc<Pipe>,
    started: Instant,
}

impl Running {
    /// Starts `command`, with a standard input that stays open and empty.
    pub(crate) fn start(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        let started = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
        let stdout = Pipe::follow(child.stdout.take().expect("piped"));
        let stderr = Pipe::follow(child.stderr.take().expect("piped"));
        Self { what, child, stdout, stderr, started }
    }

    /// Sends a signal by its name, like `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill can be run").success(), "kill -{name} {}", self.what);
    }

    /// The first line of standard output, once it is whole.
    pub(crate) fn first_line(&self, limit: Duration) -> String {
        self.stdout.await_that(limit, |text, closed| closed || text.contains('\n'));
        let text = self.stdout.text();
        let line = text.lines().next();
        line.unwrap_or_else(|| panic!("{} printed nothing; stderr: {}", self.what, self.stderr.text())).to_owned()
    }

    /// The first line of standard output that begins with `start`.
    pub(crate) fn line_with(&self, start: &str, limit: Duration) -> String {
        let found = |text: &str| text.lines().find(|line| line.starts_with(start)).map(String::from);
        self.stdout.await_that(limit, |text, closed| closed || found(text).is_some_and(|_| text.ends_with('\n')));
        let text = self.stdout.text();
        found(&text).unwrap_or_else(|| panic!("{} printed {text:?}; stderr: {}", self.what, self.stderr.text()))
    }

    /// The most memory that it had in RAM so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Waits until `text` stands on standard error.
    pub(crate) fn await_stderr(&self, text: &str, limit: Duration) {
        self.stderr.await_that(limit, |said, closed| closed || said.contains(text));
        let said = self.stderr.text();
        assert!(said.contains(text), "{} did not say {text:?} within {limit:?}: {said}", self.what);
    }

    /// Whether the process ends within so long.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        self.stdout.await_that(limit, |_, closed| closed)
    }

    /// Waits until the process ends by itself; kills it and panics when that takes longer than `limit`.
    pub(crate) fn finish(mut self, limit: Duration) -> Outcome {
        let deadline = Instant::now() + limit;
        for pipe in [&self.stdout, &self.stderr] {
            let left = deadline.saturating_duration_since(Instant::now());
            let closed = pipe.await_that(left, |_, closed| closed);
            assert!(closed, "still running after {limit:?}: {}\nstderr: {}", self.what, self.stderr.text());
        }
        let status = self.child.wait().expect("the process can be waited for");
        Outcome { status, stdout: self.stdout.text(), stderr: self.stderr.text(), took: self.started.elapsed() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only when the process is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Outcome {
    Running::start(command).finish(limit)
}

/// Waits until `condition` holds; panics after `limit`. For conditions that nothing tells of: they are looked up.
#[track_caller]
pub(crate) fn await_that(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a process writes to one of its outputs, as it comes.
struct Pipe {
    state: Mutex<PipeState>,
    changed: Condvar,
}

#[derive(Default)]
struct PipeState {
    bytes: Vec<u8>,
    closed: bool,
}

impl Pipe {
    /// Reads `source` to its end in a thread of its own.
    fn follow(mut source: impl Read + Send + 'static) -> Arc<Self> {
        let pipe = Arc::new(Self { state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&pipe);
        thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            while let Ok(count @ 1..) = source.read(&mut chunk) {
                writer.change(|state| state.bytes.extend_from_slice(&chunk[..count]));
            }
            writer.change(|state| state.closed = true);
        });
        pipe
    }

    fn change(&self, how: impl FnOnce(&mut PipeState)) {
        how(&mut self.state.lock().expect("no reader panics with the lock"));
        self.changed.notify_all();
    }

    /// Whether `condition`, asked of the text so far and whether it is all, came to hold within `limit`.
    fn await_that(&self, limit: Duration, condition: impl Fn(&str, bool) -> bool) -> bool {
        let state = self.state.lock().expect("no reader panics with the lock");
        let unmet = |state: &mut PipeState| !condition(&String::from_utf8_lossy(&state.bytes), state.closed);
        let (_state, waited) = self.changed.wait_timeout_while(state, limit, unmet).expect("as above");
        !waited.timed_out()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().expect("no reader panics with the lock").bytes).into_owned()
    }
}
