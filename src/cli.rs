//! The command line. The argument structs are the options that the commands take; there is no second copy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::analysis::Table;
use crate::session::faults::Fault;
use crate::session::server::{ReportClock, SlowClient, Speed};

mod compare;
mod connection;
mod demo;
mod export;
mod log;
mod named;
mod packaging;
mod probe;
mod record;
mod redact;
mod report;
mod schema;
mod transport;

use connection::{PASSWORD_HELP, time};

pub use compare::{CompareArgs, CompareFormat};
pub use connection::{LoginArgs, MaskArgs, TlsArgs};
pub use demo::DemoArgs;
pub use export::{ExportArgs, View};
pub use log::{LogArgs, LogLevel};
pub use named::NamedArgs;
pub use packaging::{CompletionsArgs, ManArgs};
pub use probe::{ProbeArgs, ProbeFormat};
pub use record::RecordArgs;
pub use redact::RedactArgs;
pub use report::ReportArgs;
pub use schema::{SchemaArgs, SchemaFormat};
pub use transport::{TransportArgs, TransportName};

/// Name and version as captures and User-Agent headers carry them.
pub const APPLICATION: &str = concat!("rtsp-rec ", env!("CARGO_PKG_VERSION"));
/// What `replay` takes only where it serves.
const SERVER_OPTIONS: [&str; 9] = ["listen", "path", "speed", "looped", "slow_client", "sr", "sdp", "faults", "seed"];
/// Record RTSP sessions as pcapng, study the captures offline.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Examples:
  rtsp-rec demo
  rtsp-rec record rtsp://camera/live -d 10s -o out.pcapng
  rtsp-rec analyze out.pcapng --format table
  rtsp-rec replay out.pcapng

Each command has a --help of its own, with examples.
Exit code: 0 done, 1 it failed, 2 wrong usage, 3 it worked, but a condition that was asked for holds.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Perform a session and write every RTSP message and RTP/RTCP frame as pcapng
    Record(RecordArgs),
    /// What can this server do: transports, login, keep-alive
    Probe(ProbeArgs),
    /// RTP timing, jitter, loss and RTCP contents of captures as CSV, JSON or a table
    Analyze(AnalyzeArgs),
    /// Two captures side by side: dialogue, description, streams; and what happened between two points of one session
    Compare(CompareArgs),
    /// One HTML page about captures: verdict, tables, charts, the RTSP dialogue
    Report(ReportArgs),
    /// Serve a capture as an RTSP server: same SDP, headers, timing and faults; or be its client (--to)
    Replay(ReplayArgs),
    /// Media of a capture for other tools: UDP for Wireshark, files for players, rtpdump
    Export(ExportArgs),
    /// A capture that can be given away: other addresses and names, no logins, no media, same figures
    Redact(RedactArgs),
    /// Serve a built-in capture on loopback, record it, analyze it: no camera needed
    Demo(DemoArgs),
    /// Columns of the tables of `analyze` as JSON Schema or SQL: names, types, units, meanings
    Schema(SchemaArgs),
    /// Print a shell's completion script
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them
    Man(ManArgs),
}

/// Options of `analyze`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  rtsp-rec analyze out.pcapng
  rtsp-rec analyze out.pcapng --format table
  rtsp-rec analyze out.pcapng --table sender_reports > reports.csv
  rtsp-rec analyze *.pcapng -o tables/
  rtsp-rec analyze out.pcapng --fail-if 'lost>0' --fail-if 'jitter_max_ms >= 20'

Several captures are read at once; their rows come in the order given. Files that rotation made of one \
capture (tcpdump -C or -G, ring buffers, editcap) are joined, whatever they are called.

Exit code: 0 done, 1 a capture could not be read or holds nothing to analyze, 2 wrong usage, \
3 a --fail-if condition holds.")]
pub struct AnalyzeArgs {
    /// pcap or pcapng of any tool, also compressed with gzip or zstd; - is standard input
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,

    /// Media without RTSP
    #[command(flatten)]
    pub named: NamedArgs,

    /// The table to print
    #[arg(long, value_enum, default_value_t = Table::Streams)]
    pub table: Table,

    /// Write every table as DIR/TABLE.csv instead (.json or .txt with these formats)
    #[arg(short, long, value_name = "DIR", conflicts_with = "table")]
    pub output: Option<PathBuf>,

    /// How tables are written
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,

    /// How long a player holds media back: what comes later than that is late, and the player stalls
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "200ms")]
    pub buffer: Duration,

    /// Exit with code 3 if this holds for any row of `streams`: COLUMN OPERATOR NUMBER, e.g. 'lost>0'
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Vec<String>,
}

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values below a header
    Csv,
    /// The same for spreadsheets: no cell begins like a formula
    CsvSafe,
    /// An object a line
    Json,
    /// Aligned columns for people
    Table,
}

/// Options of `replay`.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  rtsp-rec replay camera.pcapng
  rtsp-rec replay camera.pcapng --listen 0.0.0.0:8554 --loop
  rtsp-rec replay camera.pcapng --speed 2 --record sent.pcapng
  rtsp-rec replay camera.pcapng --to rtsp://192.168.1.20/live --fail-if-different

Any number of clients may connect, over TCP or UDP; each gets the capture from its start. Ctrl-C ends it.

With --to the answers are compared with the recorded ones. Times, counts, and what is another in each session (CSeq, \
session, Date, Expires, ports, channels, SSRC, seq and rtptime, nonces, hosts) are no differences.")]
pub struct ReplayArgs {
    /// pcap or pcapng of any tool that holds an RTSP session
    #[arg(value_name = "CAPTURE")]
    pub capture: PathBuf,

    /// Address and port to serve it on
    #[arg(long, value_name = "ADDR", value_parser = address, default_value = "127.0.0.1:8554")]
    pub listen: SocketAddr,

    /// Serve it under this path as well as the recorded one
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,

    /// Play so many times as fast; max is as fast as the client reads
    #[arg(long, value_name = "X|max", value_parser = speed, default_value = "1")]
    pub speed: Speed,

    /// Go on at the end without a jump in sequence numbers, timestamps and reports
    #[arg(long = "loop")]
    pub looped: bool,

    /// Add a fault, such as drop=1%, video:delay=50ms±20ms or cut@20s; docs/faults.md lists them
    #[arg(long = "fault", value_name = "SPEC")]
    pub faults: Vec<Fault>,

    /// What chance does to faults is drawn from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// What happens to a client that reads too slowly
    #[arg(long, value_enum, default_value_t = SlowClientName::Wait)]
    pub slow_client: SlowClientName,

    /// NTP times of sender reports: as recorded, or as if the recording began now
    #[arg(long, value_enum, default_value_t = ReportClockName::Recorded)]
    pub sr: ReportClockName,

    /// A session description to serve instead of the recorded one
    #[arg(long, value_name = "FILE")]
    pub sdp: Option<PathBuf>,

    /// The session of the capture, as analyze numbers them [default: the first with media]
    #[arg(long, value_name = "N")]
    pub session: Option<usize>,

    /// What concerns the client's side.
    #[command(flatten)]
    pub client: ReplayClientArgs,

    /// Whom to believe, where the URL is rtsps://
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Record what is really sent and received
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// What is hidden there.
    #[command(flatten)]
    pub masking: MaskArgs,

    /// Overwrite an existing file
    #[arg(short, long)]
    pub force: bool,

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

/// Options of `replay --to`.
#[derive(Clone, Debug, Args)]
pub struct ReplayClientArgs {
    /// Be the recorded client instead: its requests, in their order and at their times, to this server
    #[arg(long, value_name = "URL", conflicts_with_all = SERVER_OPTIONS)]
    pub to: Option<String>,

    /// Exit with code 3 if a status or another header field differs, or tracks or encodings, or media no longer comes
    #[arg(long, requires = "to")]
    pub fail_if_different: bool,

    /// User name: for --to, where one in the URL works too; or the one that the faults digest and basic let in
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Its password
    #[arg(long, value_name = "FILE", help = PASSWORD_HELP)]
    pub password_file: Option<PathBuf>,

    /// How long each address may take to accept the connection
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s", requires = "to")]
    pub connect_timeout: Duration,

    /// How long the answer to a request may take
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s", requires = "to")]
    pub response_timeout: Duration,
}

/// What happens to a client that reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SlowClientName {
    /// It gets everything, later
    Wait,
    /// What is more than a second late is left out
    Drop,
    /// Its connection is closed when it is a second behind
    Close,
}

/// The NTP times of sender reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportClockName {
    /// As they were
    Recorded,
    /// As if the recording began now
    Now,
}

impl From<SlowClientName> for SlowClient {
    fn from(name: SlowClientName) -> Self {
        match name {
            SlowClientName::Wait => Self::Wait,
            SlowClientName::Drop => Self::Drop,
            SlowClientName::Close => Self::Close,
        }
    }
}

impl From<ReportClockName> for ReportClock {
    fn from(name: ReportClockName) -> Self {
        match name {
            ReportClockName::Recorded => Self::Recorded,
            ReportClockName::Now => Self::Now,
        }
    }
}

/// `127.0.0.1:8554`.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write it like 127.0.0.1:8554, or 0.0.0.0:8554 for every address of this machine".to_owned())
}

/// `0.5`, `2`, `max`.
fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text.parse::<f64>().ok().filter(|times| times.is_finite() && *times > 0.0);
    times.map(Speed::Times).ok_or_else(|| "write a number above 0, such as 0.5 or 2, or max".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times() {
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!((speed("0.5"), speed("max")), (Ok(Speed::Times(0.5)), Ok(Speed::Max)));
        assert!(speed("0").is_err() && speed("-1").is_err() && speed("NaN").is_err() && speed("fast").is_err());
        assert!(time("-1").is_err() && time("soon").is_err());
    }
}
