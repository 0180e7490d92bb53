//! Records a camera within an application, and looks at what came while it comes:
//!
//! ```console
//! $ cargo run --no-default-features --example record -- rtsp://camera.lan/live live.pcapng
//! ```
//!
//! The application owns the loop's thread. Each event goes to the writer, then to an analyzer, so that the figures that
//! are printed at the end need no second pass over the file.

use std::error::Error;
use std::fs::File;
use std::time::Duration;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::{Writer, WriterOptions};
use rtsp_rec::net::{Clock, EventLoop};
use rtsp_rec::session::client::Limits;
use rtsp_rec::session::{Client, ClientConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: record URL FILE".into());
    };
    let mut config = ClientConfig::new(url.parse()?);
    config.limits = Limits { duration: Some(Duration::from_secs(10)), ..Limits::default() };

    let clock = Clock::start();
    let mut event_loop = EventLoop::new(clock)?;
    event_loop.add(Client::new(config, clock.now()));
    let writer = Writer::new(File::create(path)?, WriterOptions::default())?;
    let mut tap = (writer, Analyzer::new(AnalyzerOptions::default(), ()));
    event_loop.run(&mut tap)?;

    let (writer, analyzer) = tap;
    writer.into_inner()?.sync_all()?;
    for stream in analyzer.streams() {
        println!("{:?}: {} packets, {} lost", stream.encoding, stream.packets, stream.lost);
    }
    match event_loop.machines().next().and_then(Client::outcome) {
        Some(Err(error)) => Err(error.to_string().into()),
        _ => Ok(()),
    }
}
