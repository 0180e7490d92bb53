//! Record RTSP sessions, study the captures.
#![doc = "The front page is written last."]

pub mod analysis;
pub mod capture;
pub mod cli;
pub mod commands;
pub mod error;
pub mod net;
pub mod report;
pub mod rtp;
pub mod rtsp;
pub mod session;
pub mod time;
pub mod trace;
