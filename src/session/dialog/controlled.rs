//! Which tracks a request controls: one, or all of them.

use crate::rtsp::control::join_control;
use crate::rtsp::resource::ResourceName;
use crate::session::dialog::Dialog;

impl Dialog {
    /// The places of the setups that a request for this URL controls: one track, or all of them (RFC 2326, section 10.7).
    /// Clients write a URL otherwise than the server did: with its port, or with the name of its host.
    pub fn controlled_by(&self, url: &str) -> Vec<usize> {
        let is_relative = !url.contains("://") && !url.starts_with('/') && url != "*";
        let joined = self.base.as_deref().filter(|_| is_relative).map(|base| join_control(base, Some(url)));
        let asked = ResourceName::of(joined.as_deref().unwrap_or(url));
        let aggregate = self.aggregate_url().map(|url| ResourceName::of(&url));
        let setups: Vec<ResourceName> = self.setups.iter().map(|setup| ResourceName::of(&setup.url)).collect();
        let exactly = |name: &ResourceName| *name == asked;
        let by_path = |name: &ResourceName| name.has_path_of(&asked);
        for same in [&exactly as &dyn Fn(&ResourceName) -> bool, &by_path] {
            if aggregate.as_ref().is_some_and(same) {
                break;
            }
            let named: Vec<usize> = (0..).zip(&setups).filter(|(_, name)| same(name)).map(|(place, _)| place).collect();
            if !named.is_empty() {
                return named;
            }
        }
        (0..setups.len()).collect()
    }

    /// Whether a request for this URL controls all tracks that are not over.
    pub fn controls_all(&self, url: &str) -> bool {
        let controlled = self.controlled_by(url);
        self.setups.iter().enumerate().all(|(place, setup)| setup.over || controlled.contains(&place))
    }

    pub(super) fn tear_down(&mut self, url: &str) {
        for place in self.controlled_by(url) {
            if let Some(setup) = self.setups.get_mut(place) {
                setup.over = true;
            }
        }
        self.session.is_over = self.setups.iter().all(|setup| setup.over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::message::Message;
    use crate::time::Timestamp;
    use crate::trace::Direction;

    fn ask(dialog: &mut Dialog, request: &str, answer: &str, body: &str) {
        let sides = [(Direction::ClientToServer, request, ""), (Direction::ServerToClient, answer, body)];
        for (direction, head, body) in sides {
            let head = format!("{head}|CSeq: 1||").replace('|', "\r\n");
            dialog.observe(Timestamp::default(), direction, &Message::new(head.as_bytes(), body.as_bytes()));
        }
    }

    /// Two tracks whose URLs are these.
    fn set_up(urls: [&str; 2]) -> Dialog {
        let mut dialog = Dialog::new();
        let sdp = format!(
            "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:{}\r\nm=audio 0 RTP/AVP 0\r\na=control:{}\r\n",
            urls[0], urls[1]
        );
        let described = "RTSP/1.0 200 OK|Content-Base: rtsp://10.0.0.1/cam/";
        ask(&mut dialog, "DESCRIBE rtsp://10.0.0.1/cam RTSP/1.0", described, &sdp);
        for (url, channels) in urls.into_iter().zip(["0-1", "2-3"]) {
            let transport = format!("Transport: RTP/AVP/TCP;interleaved={channels}");
            let granted = format!("RTSP/1.0 200 OK|Session: 1|{transport}");
            ask(&mut dialog, &format!("SETUP {url} RTSP/1.0|{transport}"), &granted, "");
        }
        dialog
    }

    #[test]
    fn a_track_by_any_of_its_names() {
        let dialog = set_up(["rtsp://10.0.0.1/cam/track1", "rtsp://10.0.0.1/cam/track2"]);
        for url in [
            "rtsp://10.0.0.1/cam/track2",
            "rtsp://10.0.0.1:554/cam/track2/",
            "RTSP://10.0.0.1/cam/track2",
            "rtsp://cam.local:554/cam/track2",
            "rtsp://user:secret@10.0.0.1/cam/track2",
            "rtsp://10.0.0.1/cam/track%32",
            "/cam/track2",
            "track2",
        ] {
            assert_eq!(dialog.controlled_by(url), [1], "{url}");
        }
        for url in ["rtsp://10.0.0.1/cam/", "rtsp://10.0.0.1:554/cam", "rtsp://cam.local/cam", "*", "rtsp://10.0.0.1/x"]
        {
            assert_eq!(dialog.controlled_by(url), [0, 1], "{url}");
        }
    }

    #[test]
    fn the_server_is_named_before_its_path_counts() {
        // Two cameras on one connection.
        let dialog = set_up(["rtsp://a/live/1", "rtsp://b/live/1"]);
        assert_eq!(dialog.controlled_by("rtsp://b:554/live/1"), [1]);
        assert_eq!(dialog.controlled_by("rtsp://c/live/1"), [0, 1]);
    }

    #[test]
    fn after_its_end_another_session_begins() {
        let again = |end: &str, answer: &str| {
            let mut dialog = set_up(["rtsp://10.0.0.1/cam/track1", "rtsp://10.0.0.1/cam/track2"]);
            ask(&mut dialog, end, answer, "");
            let transport = "Transport: RTP/AVP/TCP;interleaved=0-1";
            let granted = format!("RTSP/1.0 200 OK|Session: 2|{transport}");
            ask(&mut dialog, &format!("SETUP rtsp://10.0.0.1/cam/track1 RTSP/1.0|{transport}"), &granted, "");
            dialog.session_id().map(ToOwned::to_owned)
        };
        let teardown = "TEARDOWN rtsp://10.0.0.1/cam/ RTSP/1.0";
        assert_eq!(again(teardown, "RTSP/1.0 200 OK").as_deref(), Some("2"));
        assert_eq!(again("OPTIONS * RTSP/1.0", "RTSP/1.0 454 Session Not Found").as_deref(), Some("2"));
        assert_eq!(again(teardown, "RTSP/1.0 500 No").as_deref(), Some("1"), "refused");
        let one = "TEARDOWN rtsp://10.0.0.1/cam/track1 RTSP/1.0";
        assert_eq!(again(one, "RTSP/1.0 200 OK").as_deref(), Some("1"), "the other track goes on");
    }
}
