//! `rtsp-rec replay`: a capture becomes a camera, or a client.

mod bare;
mod client;
mod log;
mod recording;
mod server;

use crate::cli::ReplayArgs;
use crate::error::Error;

/// Serves the capture until Ctrl-C, or performs it against a server.
pub(super) fn run(args: &ReplayArgs) -> Result<(), Error> {
    match &args.client.to {
        Some(url) => client::run(args, url),
        None => server::run(args),
    }
}
