//! The phases of a client's session, what each of them remembers, and which may follow which.
//!
//! | phase | what it waits for | what may come next |
//! |---|---|---|
//! | `Resolving` | the addresses of the host | `Connecting`; `Resolving`: a tunnel has another port; `Done`: there are none |
//! | `Connecting` | a connection, and the tunnel in it | `SettingUp`; `Connecting`: the next address; `Resolving`: HTTP redirected, or another transport; `Done` |
//! | `SettingUp` | answers to OPTIONS, DESCRIBE, SETUP, PLAY | `Playing`; `Connecting`: closed after a 401 or a description, or another transport; `Resolving`: redirected; `TearingDown`, `Done` |
//! | `Playing` | media, a limit, the user | `TearingDown`; `Connecting`, `Resolving`: another transport or server; `Done` |
//! | `TearingDown` | the answers to TEARDOWN | `Connecting`, `Resolving`: another transport or server; `Done` |
//! | `Done` | nothing | nothing |
//!
//! [`PhaseName::may_follow`] is this table as code; [`ClientPhase::enter`] is the only place that changes the phase.

use crate::rtsp::url::RtspUrl;
use crate::session::client::pending::PendingRequest;
use crate::session::keep_alive::KeepAlive;
use crate::time::Timestamp;

/// How far a session has got.
#[derive(Debug)]
pub(super) enum ClientPhase {
    Resolving,
    /// What had begun goes on with the connection.
    Connecting(SetupProgress),
    SettingUp(SetupProgress),
    Playing(PlayState),
    /// The TEARDOWN that waits for its answer.
    TearingDown(Option<PendingRequest>),
    Done,
}

/// A phase without what it remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhaseName {
    Resolving,
    Connecting,
    SettingUp,
    Playing,
    TearingDown,
    Done,
}

/// The way to PLAY.
#[derive(Debug, Default)]
pub(super) struct SetupProgress {
    /// The request that waits for its answer, or for a connection to go out on once more.
    pub(super) pending: Option<PendingRequest>,
    /// The tracks to set up, with the URL of each SETUP.
    pub(super) plan: Vec<(usize, String)>,
    /// Which of them has its turn.
    pub(super) planned: usize,
}

impl SetupProgress {
    /// The track whose turn it is, with the URL of its SETUP.
    pub(super) fn planned_setup(&self) -> Option<&(usize, String)> {
        self.plan.get(self.planned)
    }
}

/// While media comes.
#[derive(Debug)]
pub(super) struct PlayState {
    pub(super) keep_alive: KeepAlive,
    /// The server closed the connection, and media in datagrams goes on.
    pub(super) orphaned: bool,
}

impl PhaseName {
    /// Whether a session in this phase may have been in `before` until now.
    const fn may_follow(self, before: Self) -> bool {
        use PhaseName::{Connecting, Done, Playing, Resolving, SettingUp, TearingDown};
        match before {
            Resolving => matches!(self, Resolving | Connecting | Done),
            Connecting => matches!(self, Connecting | SettingUp | Resolving | Done),
            SettingUp => !matches!(self, SettingUp),
            Playing => matches!(self, TearingDown | Connecting | Resolving | Done),
            TearingDown => matches!(self, Connecting | Resolving | Done),
            Done => false,
        }
    }
}

impl ClientPhase {
    pub(super) const fn name(&self) -> PhaseName {
        match self {
            Self::Resolving => PhaseName::Resolving,
            Self::Connecting(_) => PhaseName::Connecting,
            Self::SettingUp(_) => PhaseName::SettingUp,
            Self::Playing(_) => PhaseName::Playing,
            Self::TearingDown(_) => PhaseName::TearingDown,
            Self::Done => PhaseName::Done,
        }
    }

    pub(super) fn is(&self, name: PhaseName) -> bool {
        self.name() == name
    }

    /// Goes on to the next phase.
    pub(super) fn enter(&mut self, next: Self) {
        let (before, after) = (self.name(), next.name());
        debug_assert!(after.may_follow(before), "{before:?} cannot become {after:?}");
        *self = next;
    }

    /// Begins to connect. What was being negotiated goes on where the connection was lost.
    pub(super) fn enter_connecting(&mut self) {
        let negotiation = self.negotiation_mut().map(std::mem::take).unwrap_or_default();
        self.enter(Self::Connecting(negotiation));
    }

    /// The request that waits for its answer.
    pub(super) fn pending(&self) -> Option<&PendingRequest> {
        match self {
            Self::Connecting(negotiation) | Self::SettingUp(negotiation) => negotiation.pending.as_ref(),
            Self::TearingDown(pending) => pending.as_ref(),
            Self::Resolving | Self::Playing(_) | Self::Done => None,
        }
    }

    /// Where a request waits for its answer, in the phases that have one.
    pub(super) fn pending_mut(&mut self) -> Option<&mut Option<PendingRequest>> {
        match self {
            Self::Connecting(negotiation) | Self::SettingUp(negotiation) => Some(&mut negotiation.pending),
            Self::TearingDown(pending) => Some(pending),
            Self::Resolving | Self::Playing(_) | Self::Done => None,
        }
    }

    /// What is being negotiated, before PLAY is granted.
    pub(super) fn negotiation(&self) -> Option<&SetupProgress> {
        match self {
            Self::Connecting(negotiation) | Self::SettingUp(negotiation) => Some(negotiation),
            _ => None,
        }
    }

    pub(super) fn negotiation_mut(&mut self) -> Option<&mut SetupProgress> {
        match self {
            Self::Connecting(negotiation) | Self::SettingUp(negotiation) => Some(negotiation),
            _ => None,
        }
    }

    /// What is remembered while media comes.
    pub(super) fn playback(&self) -> Option<&PlayState> {
        if let Self::Playing(playback) = self { Some(playback) } else { None }
    }

    pub(super) fn playback_mut(&mut self) -> Option<&mut PlayState> {
        if let Self::Playing(playback) = self { Some(playback) } else { None }
    }

    /// Whether media in datagrams goes on without a connection.
    pub(super) fn is_orphaned(&self) -> bool {
        self.playback().is_some_and(|playback| playback.orphaned)
    }
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
