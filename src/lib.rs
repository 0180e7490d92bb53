//! Record RTSP sessions, study the captures.

pub mod analysis;
pub mod capture;
pub mod net;
pub mod rtp;
pub mod rtsp;
pub mod session;
pub mod time;
pub mod trace;
