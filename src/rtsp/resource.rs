//! What a URL names, however it is written.

use percent_encoding::percent_decode_str;

use super::url::RtspUrl;

/// A URL in the form in which it is compared (RFC 3986, section 6.2): host in lower case, default port named, without
/// login, percent-decoded, without the slashes at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceName {
    /// Host and port; `None` where the text has none.
    location: Option<(String, u16)>,
    path: String,
}

impl ResourceName {
    /// What a URL names, absolute or not.
    pub fn of(url: &str) -> Self {
        let (location, path) = match RtspUrl::parse(url) {
            Ok(parsed) => (Some((parsed.host().to_ascii_lowercase(), parsed.port())), parsed.target()),
            Err(_) => (None, url.trim().to_owned()),
        };
        let path = percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy().into_owned();
        Self { location, path }
    }

    /// Whether both name the same place of one server, which may have several names and addresses.
    pub fn has_path_of(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        ResourceName::of(a) == ResourceName::of(b)
    }

    #[test]
    fn one_resource_written_in_many_ways() {
        let plain = "rtsp://cam.local/live/track 1?x=1";
        for other in [
            "rtsp://cam.local:554/live/track 1?x=1",
            "RTSP://CAM.local/live/track 1?x=1",
            "rtsp://cam.local/live/track%201?x=1/",
            "rtsp://user:pass@cam.local/live/track 1?x=1",
        ] {
            assert!(same(plain, other), "{other}");
        }
        for other in [
            "rtsp://cam.local:8554/live/track 1?x=1",
            "rtsp://other/live/track 1?x=1",
            "rtsp://cam.local/live/Track 1?x=1",
            "rtsp://cam.local/live/track 1",
            "/live/track 1?x=1",
            "*",
        ] {
            assert!(!same(plain, other), "{other}");
        }
        assert!(same("rtsps://h/x", "rtsps://h:322/x") && !same("rtsps://h/x", "rtsp://h/x"));
        assert!(same("rtsp://h", "rtsp://h/"));
    }

    #[test]
    fn a_server_of_two_names() {
        let has_path = |a: &str, b: &str| ResourceName::of(a).has_path_of(&ResourceName::of(b));
        assert!(has_path("rtsp://10.0.0.1/live/1", "rtsp://cam.local:8554/live/1/"));
        assert!(has_path("rtsp://10.0.0.1/live/1", "/live/1"));
        assert!(!has_path("rtsp://10.0.0.1/live/1", "rtsp://10.0.0.1/live/2"));
    }
}
