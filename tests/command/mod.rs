//! `rtsp-rec` as a process that comes to its end by itself.

use std::process::{Command, Output, Stdio};

/// `rtsp-rec` with these arguments at the root of the package, with nothing to read and nothing that tells how wide a
/// terminal is.
pub(crate) fn rtsp_rec(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env_remove("COLUMNS").stdin(Stdio::null());
    command
}

/// Runs it; panics unless it ends with this code.
#[track_caller]
pub(crate) fn run(code: i32, arguments: &[&str]) -> Output {
    let output = rtsp_rec(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
