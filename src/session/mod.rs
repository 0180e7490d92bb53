//! Who says what next: state machines without a socket or a clock.
//!
//! Input goes in through [`Machine::handle`], what is to be done comes out of [`Machine::poll_output`], and
//! [`Machine::next_deadline`] says when to come back at the latest. Time is passed in.
//!
//! What a client does first; [the front page](crate#a-run-loop) has a whole session:
//!
//! ```
//! use rtsp_rec::session::{Client, ClientConfig, Input, Machine, Output};
//! use rtsp_rec::time::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ClientConfig::new("rtsp://camera/live".parse()?);
//! let now = Timestamp::default();
//! let mut client = Client::new(config, now);
//! let asked = client.poll_output(now);
//! assert_eq!(asked, Some(Output::Resolve { host: "camera".to_owned(), port: 554 }));
//! client.handle(now, Input::Resolved(&["192.0.2.7:554".parse()?]));
//! assert!(matches!(client.poll_output(now), Some(Output::Connect { .. })));
//! // Nobody answers: it wants to be woken, and gives up in the end.
//! while client.outcome().is_none() {
//!     let then = client.next_deadline().ok_or("it waits for something")?;
//!     client.handle(then, Input::Wake);
//!     while client.poll_output(then).is_some() {}
//! }
//! assert!(matches!(client.outcome(), Some(Err(_))));
//! # Ok(())
//! # }
//! ```
//!
//! What a server answers that plays a capture:
//!
//! ```
//! use std::sync::Arc;
//!
//! use rtsp_rec::capture::Source;
//! use rtsp_rec::rtsp::demux::Demuxer;
//! use rtsp_rec::session::script::{ScriptBuilder, ScriptOptions};
//! use rtsp_rec::session::server::ReplayConfig;
//! use rtsp_rec::session::{Input, Machine, Output, Server};
//! use rtsp_rec::time::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = ScriptBuilder::new(ScriptOptions::default());
//! Source::read(std::fs::File::open("samples/gstreamer_h264_aac.pcapng")?, &mut builder)?;
//! let offer = Arc::new(ReplayConfig::new(builder.finish()?));
//!
//! let (now, addresses) = (Timestamp::default(), ("192.0.2.1:4000".parse()?, "192.0.2.7:8554".parse()?));
//! let (mut server, mut demuxer) = (Server::new(offer, addresses, 1, now), Demuxer::new());
//! let mut pdus = demuxer.feed(b"DESCRIBE rtsp://192.0.2.7:8554/short RTSP/1.0\r\nCSeq: 5\r\n\r\n");
//! while let Some(pdu) = pdus.next_pdu() {
//!     server.handle(now, Input::Pdu(&pdu));
//! }
//! let Some(Output::Send(answer)) = server.poll_output(now) else { panic!("it answers") };
//! let answer = String::from_utf8(answer.into_owned())?;
//! assert!(answer.starts_with("RTSP/1.0 200 OK\r\nCSeq: 5\r\n") && answer.contains("a=rtpmap:96 H264/90000"));
//! # Ok(())
//! # }
//! ```

mod authorization;
pub mod client;
mod dialer;
pub mod dialog;
pub mod faults;
mod keep_alive;
pub mod probe;
pub mod reconnect;
pub mod rerun;
pub mod script;
pub mod server;
mod server_requests;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::rtsp::demux::Pdu;
use crate::rtsp::message::Message;
use crate::rtsp::tunnel::TunnelRequest;
use crate::time::Timestamp;
use crate::trace::{Close, UdpPath};

pub use client::{Client, ClientConfig, Ending, MediaTransport, SessionError};
pub use dialog::Dialog;
pub use reconnect::{Reconnect, Reconnecting};
pub use rerun::{Rerun, RerunConfig};
pub use script::Script;
pub use server::{ReplayConfig, Server};

/// What happened to a machine.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The name asked for stands for these addresses, at least one.
    Resolved(&'a [SocketAddr]),
    /// The name could not be resolved, and why.
    ResolveFailed(&'a str),
    /// The connection stands.
    Connected,
    /// The address could not be reached, and why.
    ConnectFailed(&'a str),
    /// The tunnel was not opened: what the server answered instead. The connection is gone.
    TunnelRefused(&'a Message<'a>),
    /// The peer sent this.
    Pdu(&'a Pdu<'a>),
    /// The sockets asked for are open, on these ports.
    MediaOpened {
        /// The RTP port, an even number.
        rtp: u16,
        /// The RTCP port.
        rtcp: u16,
    },
    /// The sockets of a track can't be had, or can't join the group; and why.
    MediaFailed(&'a str),
    /// A packet came over UDP.
    Datagram {
        /// The track for whose sockets it came.
        track: usize,
        /// Its transport, and whether somebody else sent it.
        path: UdpPath,
        /// The packet.
        payload: &'a [u8],
    },
    /// The peer ended the connection.
    Closed(Close),
    /// The user wants an orderly end; the second time at once.
    Stop,
    /// The deadline has come.
    Wake,
    /// What the peer has sent waits unread, as it can't be recorded now: silence says nothing about the peer. Told before
    /// anything else meanwhile.
    Unread,
}

/// What a machine wants done, in the order in which it says so. Exhaustive on purpose: whoever runs machines must not
/// pass over a new wish in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Look this name up.
    Resolve {
        /// Host name or address literal, without brackets.
        host: String,
        /// The port that the addresses shall carry.
        port: u16,
    },
    /// Connect, leaving any connection there was.
    Connect {
        /// Where to.
        address: SocketAddr,
        /// And how.
        via: Via,
    },
    /// Send these bytes.
    Send(Cow<'a, [u8]>),
    /// Open UDP sockets for the media of a track, RTP on an even port; [`Input::MediaOpened`] or
    /// [`Input::MediaFailed`] tells of it.
    OpenMedia {
        /// Place of the track in the description.
        track: usize,
    },
    /// The server said where the media of a track comes from: what comes is taken from now on. A group is joined;
    /// [`Input::MediaFailed`] tells where that fails.
    TakeMedia(MediaRoute),
    /// Close the sockets of a track, or of all.
    CloseMedia {
        /// The track; all if `None`.
        track: Option<usize>,
    },
    /// Send this packet over UDP, from the sockets of a track.
    Datagram {
        /// Place of the track in the description.
        track: usize,
        /// From the RTCP port.
        rtcp: bool,
        /// The other side's port. Its address is that of the connection, or what [`MediaRoute`] says.
        port: u16,
        /// The packet.
        payload: Cow<'a, [u8]>,
    },
    /// Close the connection once everything is sent.
    Disconnect,
    /// Reset the connection.
    Abort,
    /// Nothing more will come.
    Done,
}

/// What lies between TCP and RTSP: nothing, unless it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Via {
    /// TLS, to a server of this name or address.
    pub tls: Option<String>,
    /// A tunnel through HTTP, over TLS where there is both.
    pub tunnel: Option<TunnelRequest>,
}

/// Where the media of a track comes from over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaRoute {
    /// Place of the track in the description.
    pub track: usize,
    /// The transport by which its datagrams are told apart: [`dialog::Setup::path`].
    pub path: UdpPath,
    /// The address that it comes from, if not the server's.
    pub source: Option<IpAddr>,
    /// With multicast, the group that it comes to.
    pub group: Option<Group>,
}

/// A multicast group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its address.
    pub address: IpAddr,
    /// RTP and RTCP port.
    pub ports: (u16, u16),
    /// How many networks away what is sent to it may go.
    pub ttl: Option<u8>,
}

/// One side of an RTSP session.
pub trait Machine {
    /// Takes note of something that happened at `now`.
    fn handle(&mut self, now: Timestamp, input: Input<'_>);

    /// The next thing to do; asked until there is none.
    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>>;

    /// When [`Input::Wake`] is due at the latest.
    fn next_deadline(&self) -> Option<Timestamp>;

    /// Whether it has nothing more to send: what waits to be sent need not be waited for.
    fn is_over(&self) -> bool;

    /// The URL of the session as far as it is known, without credentials.
    fn url(&self) -> &str;
}
