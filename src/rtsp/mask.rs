//! Hiding logins in what is kept and shown: bytes become `*` in place, lengths stay.
//!
//! What logs in is known by where it stands: fields, URLs, parameters by their names. A password that the program was given
//! itself is hidden wherever it stands.

mod fields;
mod known;
mod names;
mod parameters;
mod userinfo;

use std::sync::Arc;

use crate::rtsp::url::Credentials;

use known::KnownSecrets;
use names::SecretNames;

/// What is hidden.
#[derive(Clone, Debug, Default)]
pub struct MaskRules {
    names: SecretNames,
    /// A recording of many targets has many files.
    known: Arc<KnownSecrets>,
}

impl MaskRules {
    /// Besides what always is, what stands behind these names of parameters, attributes and fields.
    pub fn with_names(names: &[String]) -> Self {
        Self { names: SecretNames::with(names), known: Arc::default() }
    }

    /// From now on this password is hidden wherever it stands.
    pub fn know_login(&mut self, login: &Credentials) {
        Arc::make_mut(&mut self.known).add_login(login);
    }

    /// From now on what logs in within this URL is hidden wherever it stands.
    pub fn know_url(&mut self, url: &str) {
        Arc::make_mut(&mut self.known).add_url(url, &self.names);
    }

    /// Overwrites what logs in within messages or texts with `*`, in place. Line ends stay, and so do lengths.
    pub fn mask(&self, bytes: &mut [u8]) {
        self.known.mask(bytes);
        userinfo::mask_userinfo(bytes);
        fields::mask_fields(bytes, &self.names);
        parameters::mask_parameters(bytes, &self.names);
    }

    /// Overwrites only what the program was given: for bytes of which nobody knows what they are.
    pub fn mask_known(&self, bytes: &mut [u8]) {
        self.known.mask(bytes);
    }

    /// A text with what logs in overwritten.
    pub fn masked(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.mask(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A text with what logs in overwritten, as far as its place tells.
pub fn masked_text(text: &str) -> String {
    MaskRules::default().masked(text)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;
    use crate::rtsp::url::RtspUrl;

    /// A dialogue with a marker as password in every place.
    const DIALOGUE: &str = "\
DESCRIBE rtsp://u:MARKER@cam/live?user=u&password=MARKER RTSP/1.0
Authorization: Basic MARKER
X-Auth-Token: MARKER
Cookie: id=MARKER
Referer: //u:MARKER@cam/

RTSP/1.0 302 see u:MARKER@cam/x
Location: http://u:MARKER@cam/x
Location: /u:MARKER/live
Location: u:MARKER@cam:554
Content-Base: /live?pwd=MARKER&x=1
RTP-Info: url=u:MARKER@cam/1?sig=MARKER;seq=1,url=/2/u:MARKER/x;seq=2
X-Echo: Authorization: Digest username=\"u\", response=\"MARKER\"
X-Next: ?to=rtsp%3A%2F%2Fcam%3Fapikey%3DMARKER%26a%3D1
Warning: access_token=\"MARKER MARKER\"
X-Ticket: MARKER

v=0
u=https://u:MARKER@cam/help
i=log in by jwt=MARKER
a=control:rtsp://cam/u:MARKER/track1
a=control:track1?ticket=MARKER
a=password:MARKER
a=x-info:{\"password\": \"MARKER\"} <userPwd>MARKER</userPwd>
";

    #[test]
    fn a_marker_in_every_place() {
        let rules = MaskRules::with_names(&["ticket".to_owned(), "X-Ticket".to_owned()]);
        let text = rules.masked(DIALOGUE);
        assert!(!text.contains("MARKER"), "{text}");
        insta::assert_snapshot!(text);
        assert_eq!(rules.masked(&text), text, "nothing more is found");
    }

    #[test]
    fn a_dialogue_without_logins_stays() {
        let samples = [
            "SETUP rtsp://cam:554/live/trackID=1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
            "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\", qop=\"auth\", stale=FALSE\r\n\r\n",
            "RTSP/1.0 200 OK\r\nServer: GStreamer RTSP server/1.2:3\r\nDate: Sat, 28 Nov 2026 22:56:44 GMT\r\nSession: a:b;timeout=60\r\n\
             RTP-Info: url=rtsp://cam/live/trackID=1;seq=1;rtptime=2\r\nRange: npt=0-\r\nSec-WebSocket-Key: abc\r\n\r\n",
            "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\nc=IN IP6 ::1\r\na=rtpmap:96 H264/90000\r\n\
             a=fmtp:96 packetization-mode=1;profile-level-id=42E01E;sprop-parameter-sets=Z0LAHtkA2D3n,aMuMsg==\r\n\
             a=ssrc:1 cname:{a}@b\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\na=key-mgmt:mikey AQAF\r\na=control:track:1\r\n",
        ];
        for sample in samples {
            assert_eq!(masked_text(sample), sample);
        }
    }

    /// Each of these took a time that grew with the square of its length.
    #[test]
    fn long_bodies_take_no_longer_for_each_byte() {
        let mut rules = MaskRules::default();
        rules.know_login(&Credentials { user: String::new(), password: "geheimnis".to_owned() });
        for part in [
            "geheimnis",
            "pwd=x;",
            "pwd=x,",
            "pwd%3Dx%26",
            "pwd=x/",
            "://u:p@h",
            "\"pwd\": ",
            "/u:pw",
            "u:p@h,url=",
            "%%",
        ] {
            let text = part.repeat((1 << 20) / part.len());
            assert_eq!(rules.masked(&text).len(), text.len());
        }
    }

    proptest! {
        #[test]
        fn encoded_credentials_come_back_and_are_masked(user in "\\PC{1,9}", password in "\\PC{0,9}") {
            let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let userinfo = format!("{}:{}", encoded(&user), encoded(&password));
            let url = format!("rtsp://{userinfo}@cam:554/live?x=1");
            let parsed = RtspUrl::parse(&url).unwrap();
            prop_assert_eq!(parsed.credentials(), Some(&Credentials { user, password }));
            prop_assert_eq!(parsed.as_str(), "rtsp://cam:554/live?x=1");
            prop_assert_eq!(masked_text(&url), format!("rtsp://{}@cam:554/live?x=1", "*".repeat(userinfo.len())));
        }

        #[test]
        fn lengths_and_line_ends_stay(mut bytes: Vec<u8>, text in "[ -~\r\n]{0,60}") {
            let before = bytes.clone();
            MaskRules::default().mask(&mut bytes);
            prop_assert_eq!(bytes.len(), before.len());
            let masked = masked_text(&text);
            let ends = |text: &str| text.char_indices().filter(|(_, char)| "\r\n".contains(*char)).collect::<Vec<_>>();
            prop_assert_eq!(ends(&masked), ends(&text));
        }
    }
}
