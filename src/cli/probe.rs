//! Options of `probe`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::LogArgs;
use crate::cli::connection::{LoginArgs, MaskArgs, TlsArgs, USER_AGENT, time};
use crate::cli::transport::port_range;

/// What rustdoc would take for a link.
const URL_HELP: &str = "rtsp://[user:password@]host[:port]/path, or rtsps:// for TLS";

/// Options of `probe`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec probe rtsp://camera/live
  RTSP_REC_PASSWORD=secret rtsp-rec probe --user admin rtsp://camera/live
  rtsp-rec probe rtsp://camera/live --format json

It performs short sessions, two at a time at most, and tries a wrong password once.

Exit code: 0 the stream can be recorded over one transport at least, 1 it can't, 2 wrong usage.")]
pub struct ProbeArgs {
    /// What to probe
    #[arg(value_name = "URL", help = URL_HELP)]
    pub url: String,

    /// Who logs in.
    #[command(flatten)]
    pub login: LoginArgs,

    /// Whom to believe over TLS
    #[command(flatten)]
    pub tls: TlsArgs,

    /// UDP ports to receive media on, e.g. 50000-50099 [default: those that the system names]
    #[arg(long, value_name = "A-B", value_parser = port_range)]
    pub port_range: Option<(u16, u16)>,

    /// How the results are written
    #[arg(long, value_enum, default_value_t = ProbeFormat::Table)]
    pub format: ProbeFormat,

    /// How long all of it may take; no single answer is waited for longer than half of it
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub timeout: Duration,

    /// What is hidden there and with -v.
    #[command(flatten)]
    pub masking: MaskArgs,

    /// Write what passes to this pcapng file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Overwrite an existing file
    #[arg(short, long)]
    pub force: bool,

    /// What to send as User-Agent
    #[arg(long, value_name = "TEXT", default_value = USER_AGENT)]
    pub user_agent: String,

    /// Show each RTSP message as it passes, without credentials
    #[arg(short, long)]
    pub verbose: bool,

    /// How closely it is watched.
    #[command(flatten)]
    pub log: LogArgs,
}

/// How the results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProbeFormat {
    /// For people
    Table,
    /// One object
    Json,
}
