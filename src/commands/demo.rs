//! `rtsp-rec demo`: the whole job without a camera.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use clap::Parser;

use crate::analysis::{AnalyzerOptions, Table};
use crate::capture::Source;
use crate::cli::{AnalyzeArgs, Cli, Command, DemoArgs, Format, NamedArgs, RecordArgs};
use crate::commands::{analyze, record};
use crate::error::Error;
use crate::net::{Accepted, Clock, EventLoop};
use crate::session::script::{ScriptBuilder, ScriptOptions};
use crate::session::{ReplayConfig, Script, Server};

/// A recording of GStreamer's server; samples/README.md tells how it was made.
const SAMPLE: &[u8] = include_bytes!("../../samples/gstreamer_h264_aac.pcapng");
const SAMPLE_NAME: &str = "samples/gstreamer_h264_aac.pcapng";

/// Serves the sample, records it through the code of `record`, analyzes that through the code of `analyze`.
pub(super) fn run(args: &DemoArgs) -> Result<(), Error> {
    let folder = &args.output;
    let file_error = |source| Error::File { action: "create", path: folder.clone(), source };
    std::fs::create_dir_all(folder).map_err(file_error)?;
    let script = script()?;
    say(&format!(
        "1. Serving a built-in capture: {} frames in {:.1} s, recorded from GStreamer's RTSP server (H.264 and AAC).",
        script.frame_count(),
        script.duration().as_secs_f64()
    ))?;
    let url = serve(script)?;
    let capture = folder.join("demo.pcapng");
    say(&format!("2. Recording it to its end:  rtsp-rec record {url} -o {}\n", capture.display()))?;
    if let Some(args) = record_args(&url, &capture) {
        record::run(&args)?;
    }
    say(&format!("\n3. Analyzing the recording:  rtsp-rec analyze {} -o {}\n", capture.display(), folder.display()))?;
    analyze::run(&AnalyzeArgs {
        named: NamedArgs::default(),
        captures: vec![capture.clone()],
        table: Table::Streams,
        output: Some(folder.clone()),
        format: Format::Csv,
        buffer: AnalyzerOptions::BUFFER,
        fail_if: Vec::new(),
    })?;
    say(&format!("   {}  every RTSP message and RTP/RTCP packet; open it in Wireshark", capture.display()))?;
    for table in Table::ALL {
        let file = folder.join(table.name()).with_extension("csv");
        say(&format!("   {}  {}", file.display(), contents(table)))?;
    }
    Ok(())
}

/// What a table holds, in a few words.
const fn contents(table: Table) -> &'static str {
    match table {
        Table::Streams => "packets, loss, jitter, timing, frame rate of each track",
        Table::Packets => "each RTP packet with its delta, jitter and skew",
        Table::Frames => "each picture with its type and size",
        Table::SenderReports => "the RTCP sender reports",
        Table::ReportBlocks => "what receivers reported",
        Table::Messages => "the RTSP dialogue with its latencies",
        Table::Findings => "everything odd, with its place",
        Table::Verdicts => "what a viewer may notice, and why",
        Table::Tcp => "each second of the TCP connections: what was sent again, round trips",
    }
}

fn script() -> Result<Script, Error> {
    let path = || PathBuf::from(SAMPLE_NAME);
    let mut builder = ScriptBuilder::new(ScriptOptions::default());
    Source::read(SAMPLE, &mut builder).map_err(|source| Error::Capture { path: path(), source })?;
    builder.finish().map_err(|source| Error::Script { path: path(), source })
}

/// Starts a server for one client on a free port of loopback; gives the URL to ask for.
fn serve(script: Script) -> Result<String, Error> {
    let (sender, receiver) = channel();
    // The thread ends with its client, or with the process.
    std::thread::spawn(move || {
        if let Err(error) = serve_one(ReplayConfig::new(script), &sender) {
            // Whoever waits for the URL hears of it; later the recording shows it.
            let _ = sender.send(Err(error));
        }
    });
    receiver.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())).map_err(Error::EventLoop)
}

fn serve_one(offer: ReplayConfig, started: &Sender<io::Result<String>>) -> io::Result<()> {
    let mut event_loop = EventLoop::new(Clock::start())?;
    event_loop.be_precise();
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let offer = Arc::new(offer);
    let served = Arc::clone(&offer);
    let machine =
        move |Accepted { client, server, number, now }| Server::new(Arc::clone(&served), (client, server), number, now);
    let address = event_loop.listen(anywhere, Some(1), machine)?;
    let _ = started.send(Ok(offer.url_at(address)));
    event_loop.run(&mut ())
}

/// The options of `record` as the command line would give them.
fn record_args(url: &str, capture: &Path) -> Option<RecordArgs> {
    let words =
        [OsStr::new("rtsp-rec"), "record".as_ref(), url.as_ref(), "-f".as_ref(), "-o".as_ref(), capture.as_ref()];
    match Cli::try_parse_from(words).ok()?.command {
        Command::Record(args) => Some(args),
        _ => None,
    }
}

fn say(text: &str) -> Result<(), Error> {
    writeln!(io::stdout(), "{text}").map_err(Error::Stdout)
}
