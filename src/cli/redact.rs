//! Options of `redact`.

use std::path::PathBuf;

use clap::Args;

use super::connection::MaskArgs;

/// Options of `redact`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec redact camera.pcapng -o for-vendor.pcapng
  rtsp-rec redact camera.pcapng.zst -o for-vendor.pcapng.zst -f

Addresses, host names, paths, logins and source names become others of the same length, the same
ones everywhere; media is blank, and so is what is no RTSP session. Every packet stays at its place,
with its time and its length. Products, session identifiers, sizes and times stay; docs/redact.md
has the list. At the end both captures are analyzed: all tables have to be the same but for what was
replaced. If they are not, nothing is written.
Exit code: 0 done and verified, 1 it failed, 2 wrong usage.")]
pub struct RedactArgs {
    /// pcap or pcapng of any tool, also compressed with gzip or zstd
    #[arg(value_name = "CAPTURE")]
    pub capture: PathBuf,

    /// The file to write; compressed where its name ends with .zst or .gz
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// What is hidden, though it tells of no one.
    #[command(flatten)]
    pub masking: MaskArgs,

    /// Overwrite an existing file
    #[arg(short, long)]
    pub force: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}
