//! RTP without RTSP: what the user names, and what could be named.

use std::path::Path;
use std::sync::Arc;

use crate::capture::{BareMedia, NamedMedia, NamedPort, RtcpFlow, RtpFlow};
use crate::cli::NamedArgs;
use crate::commands::inputs::NO_SESSION;
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

/// A line for each flow that looks like RTP, with the flag that names it; where there is none, for each of RTCP.
pub(super) fn list(path: &Path, bare: &BareMedia) -> Vec<String> {
    let lines: Vec<String> = if bare.rtp.is_empty() {
        bare.rtcp.iter().map(rtcp_line).collect()
    } else {
        bare.rtp.iter().map(rtp_line).collect()
    };
    let what = if bare.rtp.is_empty() { "of RTCP" } else { "that look like RTP" };
    let more = lines.len().saturating_sub(MAX_LISTED);
    let more = (more > 0).then(|| format!("and {more} more flows {what}"));
    lines.into_iter().take(MAX_LISTED).chain(more).map(|line| format!("{}: {line}", path.display())).collect()
}

fn rtp_line(flow: &RtpFlow) -> String {
    let RtpFlow { from, to, ssrc, payload_type, packets, encoding, clock_rate_hz } = flow;
    let looks = encoding.map(|encoding| format!(", looks like {encoding}")).unwrap_or_default();
    let named = encoding.zip(*clock_rate_hz).filter(|_| *payload_type >= 96);
    let named = named.map(|(encoding, rate)| format!("={encoding}/{rate}")).unwrap_or_default();
    format!(
        "RTP from {from} to {to}, SSRC {ssrc:#010x}, type {payload_type}, {packets} packets{looks}: --rtp {to}{named}"
    )
}

fn rtcp_line(flow: &RtcpFlow) -> String {
    let RtcpFlow { from, to, ssrc, packets } = flow;
    let packets = if *packets == 1 { "1 packet".to_owned() } else { format!("{packets} packets") };
    format!("RTCP from {from} to {to}, of SSRC {ssrc:#010x}, {packets}")
}

/// RTP without RTSP is in a capture for a command that works on sessions alone.
pub(super) fn needs_session(path: &Path, bare: &BareMedia, command: &str) -> Option<Error> {
    let reason = format!(
        "no RTSP session found, but RTP without it, which {command} can't use; analyze, report, compare and export take it \
         with --sdp FILE, or with --rtp as listed"
    );
    match (bare.rtp.is_empty(), bare.rtcp.is_empty()) {
        (true, true) => None,
        (true, false) => Some(nothing(path, bare)),
        (false, _) => Some(Error::Nothing { path: path.to_owned(), reason }),
    }
}

/// There is nothing to work on in a capture, which a script must be able to tell from a session without faults.
pub(super) fn nothing(path: &Path, bare: &BareMedia) -> Error {
    let reason = match (bare.rtp.is_empty(), bare.rtcp.is_empty()) {
        (true, true) => format!("{NO_SESSION}; RTP without RTSP is named with --sdp FILE or --rtp ADDR:PORT"),
        (true, false) => {
            "no RTSP session found, and RTCP alone, as listed, without the RTP packets that it tells of".to_owned()
        }
        (false, _) => {
            "no RTSP session found, but RTP without it: name it with --sdp FILE, or with --rtp as listed".to_owned()
        }
    };
    Error::Nothing { path: path.to_owned(), reason }
}
