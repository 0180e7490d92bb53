//! Bytes to RTSP/1.0 (RFC 2326) and back, and what of RTSP/2.0 (RFC 7826) is read, without a socket or a clock.

mod addresses;
pub mod auth;
pub(crate) mod challenge;
pub mod channels;
pub(crate) mod chunks;
pub mod control;
mod cut_frames;
pub mod demux;
mod digest;
mod framing;
mod gap;
pub mod group;
pub(crate) mod head_end;
pub mod headers;
pub(crate) mod interleaved;
pub mod mask;
pub mod message;
pub(crate) mod reference;
pub mod relocate;
pub mod resource;
pub mod sdp;
pub mod start_line;
pub mod tunnel;
pub(crate) mod unanswered;
pub mod upgrade;
pub mod url;
pub(crate) mod web_socket;
