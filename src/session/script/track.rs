//! The tracks of a script, and which of them a URL means.

use crate::rtp::payload_type;
use crate::rtsp::sdp::Media;

/// A track: an `m=` line of the description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptTrack {
    /// Media type: `video`, `audio`, `application`…
    pub kind: String,
    /// `a=control` as the description has it.
    pub control: Option<String>,
    /// The URL that the recorded client set up; `None` where it did not.
    pub url: Option<String>,
    /// Payload types with their RTP clock rates in Hz, as far as they are known.
    pub formats: Vec<(u8, Option<u32>)>,
}

impl ScriptTrack {
    /// The track that a media section describes.
    pub(super) fn new(media: &Media) -> Self {
        let rate = |number: u8, described: Option<u32>| {
            described.or_else(|| payload_type::static_format(number).map(|fixed| fixed.clock_rate_hz))
        };
        let formats = media.formats.iter();
        let rated = formats.map(|format| (format.payload_type, rate(format.payload_type, format.clock_rate_hz)));
        Self { kind: media.kind.clone(), control: media.control.clone(), url: None, formats: rated.collect() }
    }

    /// The clock rate of a payload type.
    pub fn clock_rate_hz(&self, payload_type: u8) -> Option<u32> {
        self.formats.iter().find(|(number, _)| *number == payload_type)?.1
    }

    /// Whether `url` ends with this track's control.
    fn is_named_by(&self, url: &str) -> bool {
        let Some(control) = self.control.as_deref().map(|control| path(control).trim_matches('/')) else {
            return false;
        };
        let Some(rest) = url.trim_end_matches('/').strip_suffix(control) else { return false };
        !control.is_empty() && (rest.is_empty() || rest.ends_with('/'))
    }
}

/// The track that a SETUP of this URL means: the one that was set up by the same path, else the one whose control it
/// ends with; a single track needs no control.
pub(super) fn at(tracks: &[ScriptTrack], url: &str) -> Option<usize> {
    let same = |track: &ScriptTrack| track.url.as_deref().is_some_and(|own| path(own) == path(url));
    let alone = (tracks.len() == 1 && tracks.iter().all(|track| track.control.is_none())).then_some(0);
    tracks.iter().position(same).or_else(|| tracks.iter().position(|track| track.is_named_by(url))).or(alone)
}

/// What stands behind the authority, without a slash at its end.
pub(in crate::session) fn path(url: &str) -> &str {
    url.get(authority(url).len()..).unwrap_or_default().trim_end_matches('/')
}

/// `rtsp://host:port` of a URL; nothing where there is none.
pub(in crate::session) fn authority(url: &str) -> &str {
    let Some(scheme) = url.find("://") else { return "" };
    let host = scheme + 3;
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |end| host + end);
    url.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(control: Option<&str>, url: Option<&str>) -> ScriptTrack {
        ScriptTrack { control: control.map(String::from), url: url.map(String::from), ..ScriptTrack::default() }
    }

    #[test]
    fn found_by_path_or_control() {
        let tracks = [
            track(Some("trackID=1"), Some("rtsp://cam/live/trackID=1")),
            track(Some("rtsp://cam:554/live/trackID=2"), None),
            track(Some("*"), None),
        ];
        assert_eq!(at(&tracks, "rtsp://127.0.0.1:9/live/trackID=1/"), Some(0));
        assert_eq!(at(&tracks, "rtsp://127.0.0.1:9/other?x=1/trackID=1"), Some(0));
        assert_eq!(at(&tracks, "rtsp://127.0.0.1:9/live/trackID=2"), Some(1));
        assert_eq!(at(&tracks, "rtsp://127.0.0.1:9/live/trackID=3"), None);
        assert_eq!(at(&tracks, "rtsp://127.0.0.1:9/live/xtrackID=1"), None);
    }

    #[test]
    fn a_single_track_needs_no_control() {
        assert_eq!(at(&[track(None, None)], "rtsp://h/x"), Some(0));
        assert_eq!(at(&[track(None, None), track(None, None)], "rtsp://h/x"), None);
    }
}
