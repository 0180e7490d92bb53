//! The options of `record`.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::LogArgs;
use super::TransportArgs;
use super::connection::{LoginArgs, MaskArgs, TlsArgs, USER_AGENT, time};
use crate::session::Reconnect;

const MIN_ROTATE_SIZE: ByteSize = ByteSize::kb(100);
const MIN_ROTATE_TIME: Duration = Duration::from_secs(1);

/// What rustdoc would take for links.
const URL_HELP: &str =
    "rtsp://[user:password@]host[:port]/path, or rtsps:// for TLS; several are recorded at once into one file";
const TARGETS_HELP: &str = "File with a target a line, each recorded into a file of its own; - is standard input.
A line is URL [NAME [FILE]], separated by white space; # begins a comment. FILE, and -o for those without, may hold
{name}, {host}, {number} (of the target) and {start} (UTC)
[default: {name}_{start}.pcapng, or {host}_{number}_{start}.pcapng]";

/// Options of `record`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  rtsp-rec record rtsp://camera/live -o out.pcapng
  RTSP_REC_PASSWORD=secret rtsp-rec record --user admin rtsp://camera/live -d 5m
  rtsp-rec record rtsp://camera/live -o - | wireshark -k -i -
  rtsp-rec record rtsp://camera/live --reconnect forever --rotate-time 1h --keep 48 -o cam.pcapng
  rtsp-rec record --targets cameras.txt -d 10m -o '{name}_{start}.pcapng.zst'

Ctrl-C ends the session in good order (TEARDOWN) and leaves a complete file. The limits hold for each session.")]
pub struct RecordArgs {
    /// What to record; several sessions run at once and go into one file
    #[arg(required_unless_present = "targets", value_name = "URL", help = URL_HELP)]
    pub urls: Vec<String>,

    /// File with a URL a line, each recorded into a file of its own; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "urls", long_help = TARGETS_HELP)]
    pub targets: Option<PathBuf>,

    /// File to write; - is standard output; .zst at its end compresses; {start} is the time in UTC, {host} the server
    /// [default: {host}_{start}.pcapng]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Overwrite an existing file
    #[arg(short, long)]
    pub force: bool,

    /// What concerns the way of the media.
    #[command(flatten)]
    pub transport: TransportArgs,

    /// Stop after so much media time, e.g. 30s, 5m
    #[arg(short, long, value_name = "TIME", value_parser = time)]
    pub duration: Option<Duration>,

    /// Stop after so many RTP and RTCP packets
    #[arg(long, value_name = "N")]
    pub max_packets: Option<u64>,

    /// Stop after so many bytes from the server, e.g. 500MB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_bytes: Option<ByteSize>,

    /// Begin a new file when this one has so many bytes, e.g. 500MB: NAME-00001.pcapng, NAME-00002.pcapng...
    #[arg(long, value_name = "SIZE", value_parser = rotate_size)]
    pub rotate_size: Option<ByteSize>,

    /// Begin a new file when so much time has passed since this one's first packet, e.g. 1h
    #[arg(long, value_name = "TIME", value_parser = rotate_time)]
    pub rotate_time: Option<Duration>,

    /// Keep only the last N complete files, those of earlier runs included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,

    /// Leave it to the system when what was written gets to the disk: a power cut may take complete files
    #[arg(long)]
    pub no_sync: bool,

    /// Keep RTP headers and the first 16 payload bytes, not the media (zeros stand in its place)
    #[arg(long)]
    pub headers_only: bool,

    /// Set up only these tracks [default: all]
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = ["video", "audio", "application"])]
    pub media: Vec<String>,

    /// Who logs in.
    #[command(flatten)]
    pub login: LoginArgs,

    /// Whom to believe, where the URL is rtsps://
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Leave logins readable in the capture (they are masked, at the same length)
    #[arg(long)]
    pub keep_credentials: bool,

    /// What else is hidden.
    #[command(flatten)]
    pub masking: MaskArgs,

    /// Write the server's real port, not 554, where Wireshark would not take it for RTSP
    #[arg(long)]
    pub keep_ports: bool,

    /// What to send as User-Agent
    #[arg(long, value_name = "TEXT", default_value = USER_AGENT)]
    pub user_agent: String,

    /// How long each address may take to accept the connection
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub connect_timeout: Duration,

    /// How long the answer to a request may take
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub response_timeout: Duration,

    /// How long the stream may stay without any media
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s")]
    pub idle_timeout: Duration,

    /// Try again, so often in a row, when the session is lost; the pauses grow up to a minute
    #[arg(long, value_name = "N|forever", default_value = "0")]
    pub reconnect: Reconnect,

    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Show each RTSP message as it passes, without credentials
    #[arg(short, long)]
    pub verbose: bool,

    /// How closely it is watched.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `500MB`, `2GiB`, or a bare number of bytes.
fn size(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_| "write it like 500MB or 2GiB".to_owned())
}

/// A file has to hold more than the dialogue that it repeats.
fn rotate_size(text: &str) -> Result<ByteSize, String> {
    let size = size(text)?;
    if size < MIN_ROTATE_SIZE { Err(format!("at least {MIN_ROTATE_SIZE}")) } else { Ok(size) }
}

fn rotate_time(text: &str) -> Result<Duration, String> {
    time(text).and_then(|time| if time < MIN_ROTATE_TIME { Err("at least 1s".to_owned()) } else { Ok(time) })
}
