//! A description that came by no RTSP.

use crate::rtsp::headers::Transport;
use crate::rtsp::sdp::SessionDescription;

/// What is known of a session from elsewhere than its dialogue: from a file, or from whoever names the ports of its media.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenMedia {
    /// The description.
    pub description: SessionDescription,
    /// The transports that are known, each with the place of its `m=` line.
    pub transports: Vec<(usize, Transport)>,
}
