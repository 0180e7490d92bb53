//! Who says what next: state machines without a socket or a clock.
//!
//! Input goes in through [`Machine::handle`], what is to be done comes out of [`Machine::poll_output`], and
//! [`Machine::next_deadline`] says when to come back at the latest. Time is passed in.

mod authorization;
pub mod client;
mod courtesy;
mod dialer;
pub mod dialog;
pub mod faults;
mod keep_alive;
pub mod rerun;
pub mod script;
pub mod server;

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::rtsp::demux::Pdu;
use crate::time::Timestamp;
use crate::trace::Close;

pub use client::{Client, ClientConfig, Ending, SessionError};
pub use dialog::Dialog;
pub use rerun::{Rerun, RerunConfig};
pub use script::Script;
pub use server::{Offer, Server};

/// What happened to a machine.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The name asked for stands for these addresses, at least one.
    Resolved(&'a [SocketAddr]),
    /// The name could not be resolved, and why.
    ResolveFailed(&'a str),
    /// The connection stands.
    Connected,
    /// The address could not be reached, and why.
    ConnectFailed(&'a str),
    /// The peer sent this.
    Pdu(&'a Pdu<'a>),
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

/// What a machine wants done, in the order in which it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Look this name up.
    Resolve {
        /// Host name or address literal, without brackets.
        host: String,
        /// The port that the addresses shall carry.
        port: u16,
    },
    /// Connect to this address, leaving any connection there was.
    Connect(SocketAddr),
    /// Send these bytes.
    Send(Cow<'a, [u8]>),
    /// Send this packet over UDP, from the socket of a track that the server offered.
    Datagram {
        /// Place of the track in the description.
        track: usize,
        /// From the RTCP port.
        rtcp: bool,
        /// The port of the client, whose address is that of the connection.
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
