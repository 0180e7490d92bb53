//! `rtsp-rec replay`: a capture becomes a camera.

mod log;
mod server;

use crate::cli::ReplayArgs;
use crate::error::Error;

/// Serves the capture until Ctrl-C.
pub(super) fn run(args: &ReplayArgs) -> Result<(), Error> {
    server::run(args)
}
