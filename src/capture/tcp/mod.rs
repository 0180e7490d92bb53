//! The TCP connections of a capture: segments put in order, what they carry found and split into PDUs, and which session each
//! PDU is of.

pub(super) mod base64;
pub(super) mod connection;
pub(super) mod connections;
pub(super) mod content;
pub(super) mod event_context;
pub(super) mod evidence;
pub(super) mod known_ends;
pub(super) mod layer;
pub(super) mod options;
pub(super) mod reassembly;
pub(super) mod sessions;
pub(super) mod sharing;
pub(super) mod timed_demuxer;
pub(super) mod trial;
pub(super) mod tunnel;
pub(super) mod watch;
