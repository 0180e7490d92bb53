//! Options of `report`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::NamedArgs;
use crate::cli::connection::time;

/// Options of `report`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec report out.pcapng -o report.html
  rtsp-rec report cam-*.pcapng -f -o report.html
  rtsp-rec report before.pcapng after.pcapng -o both.html

The page is one file that loads nothing: mail it, or attach it to a ticket. Its tables need no scripts. \
Files that rotation made of one capture are joined; other captures have a section each.

Exit code: 0 done, 1 a capture could not be read or holds nothing to analyze, or the page could not be \
written, 2 wrong usage.")]
pub struct ReportArgs {
    /// pcap or pcapng of any tool, also compressed with gzip or zstd; - is standard input
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,

    /// The page to write; - is standard output
    #[arg(short, long, value_name = "FILE", required = true)]
    pub output: PathBuf,

    /// How long a player holds media back: what comes later than that is late, and the player stalls
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "200ms")]
    pub buffer: Duration,

    /// Media without RTSP
    #[command(flatten)]
    pub named: NamedArgs,

    /// Overwrite an existing file
    #[arg(short, long)]
    pub force: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}
