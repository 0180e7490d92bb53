//! A capture of RTP without RTSP, which can't be played again: nobody asked for it.

use std::io::Read;
use std::path::Path;

use crate::capture::reader::CaptureError;
use crate::capture::{BareMedia, Source};
use crate::commands::named::{list, needs_session};
use crate::commands::terminal::complain;
use crate::error::Error;
use crate::session::script::ScriptError;
use crate::trace::Tap;

/// Reads a capture; gives what in it looks like RTP of no session.
pub(super) fn read(input: impl Read, tap: &mut impl Tap) -> Result<BareMedia, CaptureError> {
    let mut source = Source::new();
    source.read_part(input, tap)?;
    let bare = source.bare_media();
    source.finish(tap).map_err(CaptureError::Tap)?;
    Ok(bare)
}

/// Why a capture can't be played. Where it holds RTP without RTSP, lists that.
pub(super) fn refused(path: &Path, bare: &BareMedia, source: ScriptError) -> Error {
    let without_rtsp = matches!(source, ScriptError::NoRtsp).then(|| needs_session(path, bare, "replay")).flatten();
    let Some(error) = without_rtsp else { return Error::Script { path: path.to_owned(), source } };
    for line in list(path, bare) {
        complain(&line);
    }
    error
}
