//! Media that no RTSP in a capture describes.

use std::path::PathBuf;

use clap::Args;

/// What the user knows of media that no RTSP in a capture describes.
#[derive(Clone, Debug, Default, Args)]
pub struct NamedArgs {
    /// Session description of media without RTSP (by its c= and m= lines), or of a session whose DESCRIBE is missing
    #[arg(long, value_name = "FILE")]
    pub sdp: Option<PathBuf>,

    /// RTP without RTSP, by where it goes to, e.g. 192.0.2.10:5000=H264/90000; without the encoding that is inferred
    #[arg(long, value_name = "ADDR:PORT[=ENCODING/RATE]")]
    pub rtp: Vec<String>,
}
