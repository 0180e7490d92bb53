//! Listens to a capture and makes a [`Script`] of one session in it.

use std::collections::BTreeMap;
use std::io;

use crate::session::script::connection_log::ConnectionLog;
use crate::session::script::{Script, ScriptError};
use crate::trace::{Tap, TraceEvent};

/// Which session, and what the capture lacks of it.
#[derive(Clone, Debug, Default)]
pub struct ScriptOptions {
    /// The session as `analyze` numbers them, from 1; else the first with a description and media.
    pub session: Option<usize>,
    /// A session description to take instead of the recorded one.
    pub description: Option<Vec<u8>>,
}

/// A tap that keeps what makes a script. Media are held in memory.
#[derive(Debug, Default)]
pub struct ScriptBuilder {
    options: ScriptOptions,
    /// By flow number, from 0.
    drafts: BTreeMap<usize, ConnectionLog>,
    /// Those that were seen, wanted or not.
    sessions: usize,
    error: Option<ScriptError>,
}

impl ScriptBuilder {
    /// One that has heard nothing yet.
    pub fn new(options: ScriptOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// The script, for a server.
    ///
    /// # Errors
    /// If the capture lacks what a server has to answer.
    pub fn finish(self) -> Result<Script, ScriptError> {
        let given = self.options.description.is_some();
        let script = self.choose(|draft| draft.has_media() && (given || draft.has_description()))?;
        if script.tracks.is_empty() {
            return Err(if script.description.is_empty() { ScriptError::NoDescription } else { ScriptError::NoTracks });
        }
        if script.frame_count() == 0 {
            return Err(ScriptError::NoMedia);
        }
        Ok(script)
    }

    /// The script, for a client.
    ///
    /// # Errors
    /// If the capture holds no request.
    pub fn finish_for_client(self) -> Result<Script, ScriptError> {
        let script = self.choose(ConnectionLog::asks_to_play)?;
        if script.exchanges.is_empty() { Err(ScriptError::NoRequests) } else { Ok(script) }
    }

    /// The session that was asked for, or the first that is good enough, or the first.
    fn choose(mut self, good: impl Fn(&ConnectionLog) -> bool) -> Result<Script, ScriptError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let first_good = || self.drafts.iter().find(|(_, draft)| good(draft)).or(self.drafts.iter().next());
        let chosen = match self.options.session {
            Some(wanted) => wanted.checked_sub(1),
            None => first_good().map(|(flow, _)| *flow),
        };
        let draft = chosen.and_then(|flow| self.drafts.remove(&flow));
        match (draft, self.options.session) {
            (Some(draft), _) => Ok(draft.into_script(chosen.map_or(0, |flow| flow + 1), self.options.description)),
            (None, Some(wanted)) => Err(ScriptError::NoSession { sessions: self.sessions, wanted }),
            (None, None) => Err(ScriptError::NoRtsp),
        }
    }
}

impl Tap for ScriptBuilder {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.sessions = self.sessions.max(event.flow.id + 1);
        let wanted = self.options.session.is_none_or(|session| session == event.flow.id + 1);
        if self.error.is_none() && wanted {
            self.error = self.drafts.entry(event.flow.id).or_default().event(event).err();
        }
        Ok(())
    }
}
