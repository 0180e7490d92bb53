//! Options of `demo`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::LogArgs;

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec demo
  rtsp-rec demo -o /tmp/demo

It takes about ten seconds, opens a port on loopback only, and overwrites what an earlier demo has left.")]
pub struct DemoArgs {
    /// Where the capture and the tables go
    #[arg(short, long, value_name = "DIR", default_value = "rtsp-rec-demo")]
    pub output: PathBuf,

    /// How closely it is watched.
    #[command(flatten)]
    pub log: LogArgs,
}
