//! Record RTSP sessions as pcapng, study the captures offline, serve them again.
//!
//! The library is what the `rtsp-rec` command is made of. A pure core (no socket, no clock, no file) stands in the
//! middle; sockets, clock and files stand at the edges. Every command is a straight line through the same rooms:
//!
//! ```text
//! record   socket -> Demuxer -> Pdu -+-> Tap (capture::Writer -> pcapng)      1. on disk
//!                                    +-> Machine (session::Client)            2. understood
//!          Machine -> bytes to send -> socket, and through a Demuxer of their own to the same Tap
//! analyze  capture -> packets -> Source (TCP in order, UDP) -> Demuxer -> Pdu -> Analyzer -> rows -> tables
//! compare  two captures -> Source each -> dialogues, Analyzers and a Matcher of their packets -> text or JSON
//! replay   capture -> Source -> Script -> Machine (session::Server, or session::Rerun) -> socket
//! redact   capture -> Plan (Source, Redaction) -> the same capture with other addresses, names and payloads
//! probe    session::probe::Plan -> Machines (each around a Client) -> socket; results -> table or JSON
//! export   capture -> Source -> Tracks -> UDP datagrams, elementary streams, rtpdump
//! demo     pcapng -> the same -> Script -> Machine (session::Server) -> socket   same event loop as record
//! ```
//!
//! | room | what it is for | may use |
//! |---|---|---|
//! | [`time`] | instants, live and offline alike | |
//! | `words` | enums whose values are words of the tables | |
//! | `fields` | numbers in the bytes of packets, read where they are there | |
//! | [`rtsp`], [`rtp`] | bytes to fields, as tolerantly as devices need it | `time`, `fields` |
//! | [`trace`] | what passes over a connection: the one model that all commands share | `time`, `words`, `fields`, `rtsp`, `rtp` |
//! | [`session`] | who says what next: [`Client`](session::Client), [`Server`](session::Server), [`Rerun`](session::Rerun) | `time`, `words`, `rtsp`, `rtp`, `trace` |
//! | [`capture`] | trace events to pcapng, any capture to trace events | `time`, `fields`, `rtsp`, `rtp`, `trace` |
//! | [`analysis`] | trace events to rows | `time`, `words`, `fields`, `rtsp`, `rtp`, `trace`, [`session::dialog`], [`session::rerun`] |
//! | [`report`] | rows to CSV and to the table for people | `time`, [`trace::Direction`], `analysis`, [`session::probe`] |
//! | [`export`] | the media of a capture for other tools | `time`, `rtsp`, `rtp`, `trace`, [`session::dialog`] |
//! | [`redact`] | what messages, packets and addresses become in a capture that is given away | `time`, `rtsp`, `rtp`, `trace`, [`session::dialog`], [`capture::rewrite`] |
//! | [`net`] | the only code with sockets and the clock: the mio event loop | `time`, `rtsp`, `trace`, `session` |
//! | [`error`] | what stops a command | `capture`, `session` |
//! | [`cli`] | the arguments | `analysis`, `session` |
//! | [`commands`] | glue; the only code that opens files | all of them |
//!
//! The rooms of the last line, and [`report`], need the feature `cli`, which is there by default. Without it the library
//! takes 71 crates, not 115: no argument parser, no tables, no pages.
//!
//! # A run loop
//!
//! A machine does no input or output: whoever runs it moves the bytes, and tells it the time. This one answers by
//! hand where [`net::EventLoop`] has a socket:
//!
//! ```
//! use rtsp_rec::rtsp::demux::Demuxer;
//! use rtsp_rec::session::{Client, ClientConfig, Input, Machine, Output};
//! use rtsp_rec::time::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ClientConfig::new("rtsp://camera/live".parse()?);
//! let now = Timestamp::default();
//! let (mut client, mut demuxer) = (Client::new(config, now), Demuxer::new());
//! let mut sent = Vec::new();
//! while client.outcome().is_none() {
//!     match client.poll_output(now) {
//!         Some(Output::Resolve { .. }) => client.handle(now, Input::Resolved(&["192.0.2.7:554".parse()?])),
//!         Some(Output::Connect { .. }) => client.handle(now, Input::Connected),
//!         Some(Output::Send(bytes)) => {
//!             sent.push(String::from_utf8(bytes.into_owned())?);
//!             let mut pdus = demuxer.feed(b"RTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n");
//!             while let Some(pdu) = pdus.next_pdu() {
//!                 client.handle(now, Input::Pdu(&pdu));
//!             }
//!         }
//!         Some(_) => {}
//!         None => client.handle(client.next_deadline().unwrap_or(now), Input::Wake),
//!     }
//! }
//! assert!(sent[0].starts_with("OPTIONS rtsp://camera/live RTSP/1.0\r\nCSeq: 1\r\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # A capture to numbers
//!
//! ```
//! use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
//! use rtsp_rec::capture::Source;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = std::fs::File::open("samples/gstreamer_h264_aac.pcapng")?;
//! let mut analyzer = Analyzer::new(AnalyzerOptions::default(), ());
//! Source::read(file, &mut analyzer)?;
//! for stream in analyzer.streams() {
//!     println!("{:?}: {} packets, {} lost", stream.encoding, stream.packets, stream.lost);
//! }
//! # assert_eq!(analyzer.streams().map(|stream| stream.packets).sum::<u64>(), 796);
//! # Ok(())
//! # }
//! ```

#[macro_use]
mod words;

pub mod analysis;
pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod commands;
#[cfg(feature = "cli")]
pub mod error;
pub mod export;
mod fields;
pub mod net;
pub mod redact;
#[cfg(feature = "cli")]
pub mod report;
pub mod rtp;
pub mod rtsp;
pub mod session;
pub mod time;
pub mod trace;
