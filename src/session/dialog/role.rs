//! What packets of a payload type are to the media of their track.

use crate::rtp::payload_type;
use crate::rtsp::sdp::{Format, Media};

/// Encodings that stand beside the media: what repairs it (RFC 4588, 5109, 8627, 2733), and what is no sound or picture
/// of its own (RFC 4733, 3389).
const BESIDE: [&str; 9] = [
    "rtx",
    "ulpfec",
    "flexfec",
    "flexfec-03",
    "parityfec",
    "1d-interleaved-parityfec",
    "telephone-event",
    "tone",
    "CN",
];

/// Those of them that come instead of sound (RFC 4733, section 2.5.1.2; RFC 3389).
const INSTEAD_OF_SOUND: [&str; 3] = ["telephone-event", "tone", "CN"];

/// What a packet is to its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadRole {
    /// The media itself, or nothing says otherwise.
    Media,
    /// Described, but no media: retransmission, forward error correction, telephone events, comfort noise.
    Beside,
    /// The description has formats, and not this one.
    Undescribed,
}

impl PayloadRole {
    /// The role of a payload type in a media section. A static type needs no `rtpmap`, but has to stand in the `m=` line.
    pub fn of(media: &Media, payload_type: u8) -> Self {
        let Some(format) = media.format(payload_type) else {
            return if media.formats.is_empty() { Self::Media } else { Self::Undescribed };
        };
        let beside = is_one_of(&BESIDE, format, payload_type);
        // A track of nothing else has it for media.
        if beside && media.formats.len() > 1 { Self::Beside } else { Self::Media }
    }
}

/// Whether packets of a payload type come instead of sound, whose timestamps jump over that time.
pub fn is_instead_of_sound(media: &Media, payload_type: u8) -> bool {
    media.format(payload_type).is_some_and(|format| is_one_of(&INSTEAD_OF_SOUND, format, payload_type))
}

fn is_one_of(names: &[&str], format: &Format, payload_type: u8) -> bool {
    let fixed = payload_type::static_format(payload_type).map(|fixed| fixed.encoding);
    let name = format.encoding.as_deref().or(fixed);
    name.is_some_and(|name| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::sdp::SessionDescription;

    #[test]
    fn roles() {
        let sdp = "m=audio 0 RTP/AVP 0 13 96 97 98 99\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 RTX/48000\r\n\
            a=rtpmap:98 telephone-event/8000\r\na=rtpmap:99 red/8000\r\nm=video 0 RTP/AVP\r\nm=video 0 RTP/AVP 100\r\n\
            a=rtpmap:100 flexfec-03/90000\r\n";
        let description = SessionDescription::parse(sdp.as_bytes());
        let role = |place: usize, number| PayloadRole::of(&description.media[place], number);
        assert_eq!([0, 96, 99].map(|number| role(0, number)), [PayloadRole::Media; 3]);
        assert_eq!([13, 97, 98].map(|number| role(0, number)), [PayloadRole::Beside; 3]);
        let instead = |number| is_instead_of_sound(&description.media[0], number);
        assert_eq!([13, 98, 0, 96, 97, 99, 50].map(instead), [true, true, false, false, false, false, false]);
        assert_eq!([8, 50, 100].map(|number| role(0, number)), [PayloadRole::Undescribed; 3], "static types as well");
        assert_eq!(role(1, 50), PayloadRole::Media, "nothing is described");
        assert_eq!(role(2, 100), PayloadRole::Media, "a track of repair data alone (RFC 5956)");
    }
}
