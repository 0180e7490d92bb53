//! Whether media is encrypted (SRTP, RFC 3711): then only its headers can be read.

use crate::rtsp::headers::is_secure_profile;
use crate::session::dialog::Dialog;

impl Dialog {
    /// The secure profile of a track, such as `RTP/SAVP` (RFC 3711), `RTP/SAVPF` (RFC 5124) or `UDP/TLS/RTP/SAVP` (RFC 5764):
    /// as SETUP agreed upon it, or as its description has it.
    ///
    /// Keys alone (`a=crypto`, `a=key-mgmt`) do not make it one: with RTP/AVP they are an offer, which may not have been taken
    /// (RFC 8643).
    pub fn secure_profile(&self, track: Option<usize>) -> Option<&str> {
        let of_track = self.setups.iter().rev().find(|setup| setup.track == track);
        let agreed = of_track.map(|setup| setup.transport.protocol.as_str());
        let described = self.media(track).map(|media| media.protocol.as_str());
        agreed.into_iter().chain(described).find(|protocol| is_secure_profile(protocol))
    }
}
