//! Options of `compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::NamedArgs;

/// Options of `compare`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec compare before.pcapng after.pcapng
  rtsp-rec compare camera_side.pcap recorder_side.pcap
  rtsp-rec compare a.pcapng b.pcapng --session-a 2 --session-b 1
  rtsp-rec compare before.pcapng after.pcapng --format json --fail-if-different

Sessions are put side by side by their packets, their dialogue, the path that they asked for, or their order. Where both \
captures hold the same packets (SSRC, sequence number, RTP timestamp and payload), taken at two points of one session, \
it tells what is lost, repeated, reordered and delayed between them: name the one nearer to the sender first. \
docs/compare.md has the rules.

Exit code: 0 done, 1 a capture could not be read or holds nothing to compare, 2 wrong usage, 3 they differ, \
with --fail-if-different.")]
pub struct CompareArgs {
    /// pcap or pcapng of any tool, also compressed with gzip or zstd; - is standard input
    #[arg(value_name = "A")]
    pub a: PathBuf,

    /// The other one
    #[arg(value_name = "B")]
    pub b: PathBuf,

    /// Media without RTSP
    #[command(flatten)]
    pub named: NamedArgs,

    /// The session of A that alone counts, as analyze numbers them
    #[arg(long, value_name = "N", requires = "session_b")]
    pub session_a: Option<usize>,

    /// The session of B that it is held against
    #[arg(long, value_name = "N", requires = "session_a")]
    pub session_b: Option<usize>,

    /// How the comparison is written
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub format: CompareFormat,

    /// Exit with code 3 if anything differs that is not another in each session
    #[arg(long)]
    pub fail_if_different: bool,
}

/// How a comparison is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// For people
    Text,
    /// One object
    Json,
}
