//! How closely a command is watched at work.

use clap::{Args, ValueEnum};

const HELP: &str = "Tell on standard error what each session does and waits for [default: $RTSP_REC_LOG]";

/// What the event loop and the sessions do, on standard error.
#[derive(Clone, Copy, Debug, Args)]
pub struct LogArgs {
    /// How much is told; nothing if `None`.
    #[arg(long, value_enum, value_name = "LEVEL", help = HELP)]
    pub log: Option<LogLevel>,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Names, connections, the first line of each message, and when reading had to wait for the disk
    Debug,
    /// Each packet and each wait as well
    Trace,
}
