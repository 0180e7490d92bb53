//! Of which tracks media is expected, and on which way.

use crate::rtp::media_kind::MediaKind;
use crate::rtsp::sdp::{Media, MediaFlow};
use crate::session::Dialog;
use crate::session::dialog::Setup;
use crate::time::Timestamp;
use crate::trace::Direction;

/// How much earlier than announced a stream may end: its last frame begins before the end, and clocks differ.
const RANGE_SLACK_S: f64 = 2.0;
/// Comfort noise (RFC 3389): who describes it sends nothing else while it is quiet.
const COMFORT_NOISE: u8 = 13;

/// The SETUPs that a request concerns: the track of its URL, else all (RFC 2326, section 10.5). Of a track that was set up
/// twice the latest counts.
pub(super) fn concerned(url: &str, dialog: &Dialog) -> Vec<usize> {
    let setups = dialog.setups();
    let plain = |url: &str| url.trim_end_matches('/').to_owned();
    let own = |setup: &Setup| plain(&setup.url) == plain(url);
    let one = setups.iter().any(own);
    let is_latest = |place: usize, setup: &Setup| {
        let mut later = setups.iter().skip(place + 1);
        !later.any(|other| other.url == setup.url)
    };
    let places = setups.iter().enumerate().filter(|(place, setup)| is_latest(*place, setup));
    places.filter(|(_, setup)| !one || own(setup)).map(|(place, _)| place).collect()
}

/// Whether a track may be silent without fault, while others go on: one of events, as ONVIF's metadata is, one that the
/// client itself feeds, or sound that leaves silence out. `all`: no other track goes on.
pub(super) fn may_be_silent(setup: usize, direction: Direction, dialog: &Dialog, all: bool) -> bool {
    let setups = dialog.setups();
    let Some(setup) = setups.get(setup) else { return true };
    let Some(media) = dialog.media(setup.track) else {
        // Nothing tells what it is.
        return !all;
    };
    match MediaKind::named(&media.kind) {
        Some(MediaKind::Video) => is_fed_by_the_client(media, direction),
        Some(MediaKind::Audio) => is_fed_by_the_client(media, direction) || !all && suppresses_silence(media),
        _ => true,
    }
}

/// ONVIF's back channel is described with `a=sendonly` (ONVIF Streaming Specification, section 5.3), and only a description
/// that was asked for with it has one.
fn is_fed_by_the_client(media: &Media, direction: Direction) -> bool {
    let is_audio = MediaKind::named(&media.kind) == Some(MediaKind::Audio);
    let onvif = direction == Direction::ServerToClient && media.flow == Some(MediaFlow::SendOnly) && is_audio;
    onvif || media.flow == Some(MediaFlow::Inactive)
}

/// Whether a description says that sound may stop while it is quiet (RFC 3551, section 4.1).
pub(in crate::analysis) fn suppresses_silence(media: &Media) -> bool {
    let told = media.formats.iter().any(|format| {
        let fmtp = format.fmtp.as_deref().unwrap_or_default().to_ascii_lowercase();
        let name = format.encoding.as_deref().unwrap_or_default();
        format.payload_type == COMFORT_NOISE || name.eq_ignore_ascii_case("CN") || fmtp.contains("usedtx=1")
    });
    media.suppresses_silence || told
}

/// Whether the range that was asked for has been played.
pub(super) fn is_over(at: Timestamp, dialog: &Dialog) -> bool {
    let played = dialog.played().map(|since| at.seconds_since(since));
    dialog.range_end().zip(played).is_some_and(|(end, played)| end <= played + RANGE_SLACK_S)
}

/// Where the media of a track was to come, in words.
pub(super) fn route(setup: &Setup, direction: Direction) -> String {
    let transport = &setup.transport;
    let ports = if direction == Direction::ServerToClient { transport.client_port } else { transport.server_port };
    match (setup.channels, transport.multicast, ports.or(transport.server_port)) {
        (Some((rtp, _)), ..) => format!("channel {rtp}"),
        (None, true, ports) => {
            let group = transport.destination.map(|group| format!(" {group}")).unwrap_or_default();
            let port = ports.map(|(rtp, _)| format!(" port {rtp}")).unwrap_or_default();
            format!("group{group}{port}")
        }
        (None, false, Some((rtp, _))) => format!("UDP port {rtp}"),
        (None, false, None) => "its UDP port".to_owned(),
    }
}
