//! A capture of RTP without RTSP, which can't be played again: nobody asked for it.

use std::io::Read;
use std::path::Path;

use crate::capture::reader::CaptureError;
use crate::capture::{RtpFlow, Source};
use crate::commands::named::{list, needs_session};
use crate::commands::terminal::complain;
use crate::error::Error;
use crate::session::script::ScriptError;
use crate::trace::Tap;

/// Reads a capture; gives what in it looks like RTP of no session.
pub(super) fn read(input: impl Read, tap: &mut impl Tap) -> Result<Vec<RtpFlow>, CaptureError> {
    let mut source = Source::new();
    source.read_part(input, tap)?;
    let flows = source.rtp_flows();
    source.finish(tap).map_err(CaptureError::Tap)?;
    Ok(flows)
}

/// Why a capture can't be played. Where it holds RTP without RTSP, lists that.
pub(super) fn refused(path: &Path, flows: &[RtpFlow], source: ScriptError) -> Error {
    let without_rtsp = matches!(source, ScriptError::NoRtsp).then(|| needs_session(path, flows, "replay")).flatten();
    let Some(error) = without_rtsp else { return Error::Script { path: path.to_owned(), source } };
    for line in list(path, flows) {
        complain(&line);
    }
    error
}
