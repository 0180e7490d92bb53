//! What is odd about a session description and the answer that brings it (RFC 2326, appendix C; RFC 4566).

use crate::analysis::findings::{Finding, FindingCode};
use crate::rtsp::message::Message;
use crate::rtsp::sdp::{Media, SessionDescription};
use crate::rtsp::url::RtspUrl;
use crate::session::Dialog;

/// Payload types from here on mean what `rtpmap` says (RFC 3551, section 3).
const FIRST_DYNAMIC: u8 = 96;
/// Lines that every description has (RFC 4566, section 5).
const REQUIRED: [&str; 4] = ["v", "o", "s", "t"];
/// Lines that it may have once before the first `m=`.
const ONCE: [&str; 4] = ["v", "o", "s", "i"];

/// The answer to DESCRIBE.
pub(super) fn check(message: &Message<'_>, dialog: &Dialog, found: &mut Vec<Finding>) {
    let mut add = |code, detail: String| found.push(Finding::new(code, None, detail));
    if message.header("Content-Type").is_none() {
        add(FindingCode::ContentTypeMissing, "the description has no Content-Type".to_owned());
    }
    match message.header("Content-Base") {
        None if message.header("Content-Location").is_some() => {}
        None => add(FindingCode::ContentBaseMissing, "control URLs are taken relative to the request's".to_owned()),
        Some(base) if !is_absolute(&base) => {
            add(FindingCode::ContentBaseOdd, "the base of the control URLs is no absolute URL that can be".to_owned());
        }
        Some(_) => {}
    }
    if message.header("Content-Length").is_none() {
        add(
            FindingCode::ContentLengthMissing,
            "where the description ends is not said: what there is of it is junk".to_owned(),
        );
    } else if message.body().trim_ascii().is_empty() {
        add(FindingCode::DescriptionEmpty, "the answer to DESCRIBE has no description".to_owned());
    }
    if message.body().trim_ascii().is_empty() {
        return;
    }
    let faults = faults(&String::from_utf8_lossy(message.body()));
    if !faults.is_empty() {
        add(FindingCode::SdpMalformed, faults.join(", "));
    }
    if let Some(description) = dialog.description() {
        media(description, found);
    }
}

fn is_absolute(base: &str) -> bool {
    base.matches("://").count() == 1 && RtspUrl::parse(base.trim()).is_ok_and(|url| !url.host().starts_with("::"))
}

/// What is wrong with the lines of a description.
fn faults(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let kind = |line: &&str| line.split_once('=').map(|(kind, _)| kind.trim().to_owned());
    let session = lines.iter().take_while(|line| !line.starts_with("m="));
    let session: Vec<String> = session.filter_map(kind).collect();
    let count = |wanted: &str| session.iter().filter(|kind| *kind == wanted).count();
    let mut faults: Vec<String> =
        REQUIRED.into_iter().filter(|wanted| count(wanted) == 0).map(|wanted| format!("no {wanted}=")).collect();
    faults.extend(ONCE.into_iter().filter(|once| count(once) > 1).map(|once| format!("{once}= more than once")));
    if lines.iter().any(|line| kind(line).is_none_or(|kind| kind.len() != 1)) {
        faults.push("a line that is not TYPE=VALUE".to_owned());
    }
    for (prefix, words, name) in [("c=", 3, "c="), ("t=", 2, "t=")] {
        let mut values = lines.iter().filter_map(|line| line.strip_prefix(prefix));
        if values.any(|value| value.split_whitespace().count() != words) {
            faults.push(format!("a broken {name}"));
        }
    }
    if lines.iter().any(|line| line.chars().any(|char| char.is_control() && char != '\t')) {
        faults.push("control characters".to_owned());
    }
    faults
}

fn media(description: &SessionDescription, found: &mut Vec<Finding>) {
    for (track, media) in description.media.iter().enumerate() {
        if let Some(payload_type) = unmapped(media) {
            let detail = format!("payload type {payload_type} has no a=rtpmap");
            found.push(Finding::new(FindingCode::RtpmapMissing, Some(track), detail));
        }
        if media.control.is_none() && description.media.len() > 1 {
            let detail = "one of several tracks without a=control: no URL sets it up alone";
            found.push(Finding::new(FindingCode::ControlMissing, Some(track), detail));
        }
    }
}

/// The first dynamic payload type that nothing explains.
fn unmapped(media: &Media) -> Option<u8> {
    let mut formats = media.formats.iter().filter(|format| format.payload_type >= FIRST_DYNAMIC);
    let unmapped = formats.find(|format| format.encoding.is_none())?;
    media.protocol.starts_with("RTP/").then_some(unmapped.payload_type)
}
