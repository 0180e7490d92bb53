//! RTP without RTSP: what the user names, and what could be named.

use std::path::Path;
use std::sync::Arc;

use crate::capture::{NamedMedia, NamedPort, RtpFlow};
use crate::cli::NamedArgs;
use crate::commands::NO_SESSION;
use crate::error::Error;

/// Flows that are listed.
const MAX_LISTED: usize = 10;

/// What the user names, if anything.
pub(super) fn named(args: &NamedArgs) -> Result<Option<Arc<NamedMedia>>, Error> {
    if args.sdp.is_none() && args.rtp.is_empty() {
        return Ok(None);
    }
    let mut media = match &args.sdp {
        None => NamedMedia::default(),
        Some(path) => {
            let failed = |source| Error::File { action: "read", path: path.clone(), source };
            let wrong = |reason: &str| Error::Usage(format!("--sdp {}: {reason}", path.display()));
            NamedMedia::of_description(&std::fs::read(path).map_err(failed)?).map_err(wrong)?
        }
    };
    for text in &args.rtp {
        let port: NamedPort = text.parse().map_err(|reason| Error::Usage(format!("--rtp '{text}': {reason}")))?;
        media.name(&port);
    }
    Ok(Some(Arc::new(media)))
}

/// A line for each flow that looks like RTP, with the flag that names it.
pub(super) fn list(path: &Path, flows: &[RtpFlow]) -> Vec<String> {
    let path = path.display();
    let line = |flow: &RtpFlow| {
        let RtpFlow { from, to, ssrc, payload_type, packets, encoding, clock_rate_hz } = flow;
        let looks = encoding.map(|encoding| format!(", looks like {encoding}")).unwrap_or_default();
        let named = encoding.zip(*clock_rate_hz).filter(|_| *payload_type >= 96);
        let named = named.map(|(encoding, rate)| format!("={encoding}/{rate}")).unwrap_or_default();
        format!(
            "{path}: RTP from {from} to {to}, SSRC {ssrc:#010x}, type {payload_type}, {packets} packets{looks}: \
             --rtp {to}{named}"
        )
    };
    let mut lines: Vec<String> = flows.iter().take(MAX_LISTED).map(line).collect();
    let more = flows.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        lines.push(format!("{path}: and {more} more flows that look like RTP"));
    }
    lines
}

/// RTP without RTSP is in a capture for a command that works on sessions alone.
pub(super) fn needs_session(path: &Path, flows: &[RtpFlow], command: &str) -> Option<Error> {
    let reason = format!(
        "no RTSP session found, but RTP without it, which {command} can't use; analyze, report, compare and export take it \
         with --sdp FILE, or with --rtp as listed"
    );
    (!flows.is_empty()).then(|| Error::Nothing { path: path.to_owned(), reason })
}

/// There is nothing to work on in a capture, which a script must be able to tell from a session without faults.
pub(super) fn nothing(path: &Path, flows: &[RtpFlow]) -> Error {
    let reason = if flows.is_empty() {
        format!("{NO_SESSION}; RTP without RTSP is named with --sdp FILE or --rtp ADDR:PORT")
    } else {
        "no RTSP session found, but RTP without it: name it with --sdp FILE, or with --rtp as listed".to_owned()
    };
    Error::Nothing { path: path.to_owned(), reason }
}
