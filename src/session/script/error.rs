//! Why a capture can't be played again.

use thiserror::Error;

/// What a capture lacks to be played again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// No RTSP connection at all, or not so many.
    #[error("there is no session {wanted}: {}", held(*.sessions))]
    NoSession {
        /// RTSP connections in the capture.
        sessions: usize,
        /// The one asked for, from 1.
        wanted: usize,
    },
    /// No RTSP.
    #[error("the capture holds no RTSP session; it may be in TLS, or the capture may lack its beginning")]
    NoRtsp,
    /// No answer to DESCRIBE.
    #[error("the capture holds no session description (an answer to DESCRIBE); give one with --sdp FILE")]
    NoDescription,
    /// A description without media.
    #[error("the session description names no media (m= lines)")]
    NoTracks,
    /// No media.
    #[error("the capture holds no media of a session; has it a PLAY?")]
    NoMedia,
    /// No request of a client.
    #[error("the capture holds no request of a client")]
    NoRequests,
    /// More than is held in memory.
    #[error("the capture holds more than {} GiB of media; cut it, for example with editcap -A and -B", .0 >> 30)]
    TooLarge(u64),
}

fn held(sessions: usize) -> String {
    match sessions {
        0 => ScriptError::NoRtsp.to_string(),
        1 => "the capture holds one, session 1".to_owned(),
        sessions => format!("the capture holds {sessions}, from 1 to {sessions}"),
    }
}
