//! How far a session has got: what the phases need to remember.

use crate::rtsp::url::RtspUrl;
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientPhase {
    Resolving,
    Connecting,
    /// Requests go back and forth.
    SettingUp,
    Playing,
    TearingDown,
    Done,
}

/// Which URL is named, and how far it has got.
#[derive(Debug, Default)]
pub(super) struct ControlScope {
    /// Each track is named by itself.
    pub(super) by_track: bool,
    /// The place of the SETUP whose turn it is.
    pub(super) turn: usize,
    /// Tracks of which PLAY was granted.
    pub(super) granted: usize,
    /// URLs that were no aggregate.
    pub(super) refused: Vec<String>,
    /// How often another one was named because the server wanted it.
    pub(super) changes: u8,
}

/// Where a server has sent its client.
#[derive(Debug)]
pub(super) struct PendingRedirect {
    pub(super) url: RtspUrl,
    /// Not before that.
    pub(super) at: Timestamp,
}
