//! By what requests name a session: its URLs, and its identifiers. Of texts only digests are kept, so that they take no
//! more memory than they may.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::rtsp::control::{join_control, resolve_base};
use crate::rtsp::message::Message;
use crate::rtsp::sdp::SessionDescription;
use crate::rtsp::url::RtspUrl;

/// URLs of a session that are remembered: more than tracks are set up.
const MAX_URLS: usize = 128;
/// Identifiers: some servers give a new one with each SETUP.
const MAX_IDS: usize = 16;
/// Segments of a path, counted from its end, behind which a presentation's URL may end.
const MAX_PARENTS: usize = 16;

/// By what requests name a session.
#[derive(Debug, Default)]
pub(super) struct SessionNames {
    urls: Vec<u64>,
    ids: Vec<u64>,
}

impl SessionNames {
    pub(super) fn has_url(&self, url: u64) -> bool {
        self.urls.contains(&url)
    }

    pub(super) fn has_id(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }

    pub(super) fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    pub(super) fn add_url(&mut self, url: u64) {
        if self.urls.len() < MAX_URLS && !self.has_url(url) {
            self.urls.push(url);
        }
    }

    pub(super) fn add_id(&mut self, id: u64) {
        if self.ids.len() < MAX_IDS && !self.has_id(id) {
            self.ids.push(id);
        }
    }

    /// The URLs that a description of this URL has: the presentation's, and those of its tracks.
    pub(super) fn describe(&mut self, url: &str, message: &Message<'_>) {
        let Ok(asked) = RtspUrl::parse(url) else { return };
        let (base, location) = (message.header("Content-Base"), message.header("Content-Location"));
        let base = resolve_base(&asked, base.as_deref(), location.as_deref());
        let description = SessionDescription::parse(message.body());
        let controls = description.media.iter().map(|media| media.control.as_deref());
        let controls = controls.chain([None, description.control.as_deref()]);
        for control in controls.take(MAX_URLS) {
            self.add_url(url_digest(&join_control(&base, control)));
        }
    }
}

/// The digest of a session identifier.
pub(super) fn id_digest(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// The digest of a URL. Those that differ only in their user, the letter case of their host, the usual port or slashes at
/// the end have the same.
pub(super) fn url_digest(url: &str) -> u64 {
    let url = plain(url);
    let url = url.trim_end_matches('/');
    let mut hasher = DefaultHasher::new();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or((rest, ""));
            let host = host.to_ascii_lowercase();
            scheme.to_ascii_lowercase().hash(&mut hasher);
            host.strip_suffix(":554").unwrap_or(&host).hash(&mut hasher);
            path.hash(&mut hasher);
        }
        None => url.hash(&mut hasher),
    }
    hasher.finish()
}

/// The digests of the URLs that a URL lies below, the nearest first.
pub(super) fn parents(url: &str) -> Vec<u64> {
    let url = plain(url);
    let root = url.find("://").map_or(0, |at| at + "://".len());
    let mut rest = url.trim_end_matches('/');
    let mut found = Vec::new();
    while let Some(end) = rest.rfind('/').filter(|end| *end > root)
        && found.len() < MAX_PARENTS
    {
        rest = rest.get(..end).unwrap_or_default();
        found.push(url_digest(rest));
    }
    found
}

/// Without its user.
fn plain(url: &str) -> String {
    RtspUrl::parse(url).map_or_else(|_| url.trim().to_owned(), |url| url.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_url_has_the_same_digest() {
        let url = url_digest("rtsp://cam.local/a?channel=1");
        for same in [
            "rtsp://cam.local/a?channel=1/",
            "rtsp://CAM.local:554/a?channel=1",
            "RTSP://user:secret@cam.local/a?channel=1",
        ] {
            assert_eq!(url_digest(same), url, "{same}");
        }
        for other in [
            "rtsp://cam.local/a?channel=2",
            "rtsp://cam.local/A?channel=1",
            "rtsp://cam.local:8554/a?channel=1",
            "rtsps://cam.local/a?channel=1",
            "rtsp://cam.local/a",
            "*",
            "",
        ] {
            assert_ne!(url_digest(other), url, "{other}");
        }
    }

    #[test]
    fn what_a_url_lies_below() {
        let of = |all: &[&str]| all.iter().map(|url| url_digest(url)).collect::<Vec<_>>();
        assert_eq!(parents("rtsp://h/a/b?x=1/track1/"), of(&["rtsp://h/a/b?x=1", "rtsp://h/a", "rtsp://h"]));
        assert!(parents("rtsp://h").is_empty() && parents("*").is_empty());
        assert_eq!(parents(&format!("rtsp://h/{}", "a/".repeat(10_000))).len(), MAX_PARENTS);
    }

    #[test]
    fn limits() {
        let mut names = SessionNames::default();
        (0..1000).for_each(|number| (names.add_url(number), names.add_id(number)).1);
        assert_eq!((names.urls.len(), names.ids.len()), (MAX_URLS, MAX_IDS));
    }
}
