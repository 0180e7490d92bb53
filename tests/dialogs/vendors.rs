//! Servers that people run, as they were recorded.

use std::thread;
use std::time::Duration;

use crate::gate::PASSWORD;
use crate::media::Rtp;
use crate::scene::{Played, Scene};
use crate::transcript::{header, word};

/// An unanswered TEARDOWN may take so long.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// A dialogue that ends well.
#[track_caller]
fn plays(scene: Scene) -> Played {
    let played = scene.play();
    played.recording.expect_success();
    played.check();
    let frames = played.transcript.rtp.iter().map(|line| played.frames(Rtp::parse(line).channel));
    assert!(frames.min() >= Some(20), "some dozen frames of each track");
    played.check_replay();
    played
}

#[test]
fn darwin_of_the_article() {
    let played = plays(Scene::of("dss_article"));
    let urls = ["trackID=3", "trackID=4"];
    assert!(played.requests("SETUP").iter().zip(urls).all(|(setup, url)| setup.contains(url)));
}

#[test]
fn darwin_answers_other_channels() {
    let played = plays(Scene::of("dss_renumbered"));
    assert!(played.frames(4) > 0 && played.frames(8) > 0 && played.frames(0) == 0);
}

#[test]
fn darwin_digest() {
    plays(Scene::of("dss_digest").with_user());
}

#[test]
fn darwin_basic() {
    plays(Scene::of("dss_basic").with_user());
}

#[test]
fn live555_forgets_the_session_before_teardown() {
    plays(Scene::of("live555_eos"));
}

#[test]
fn live555_digest() {
    plays(Scene::of("live555_digest").with_user());
}

#[test]
fn live555_ipv6() {
    let Some(played) = Scene::of("live555_ipv6").at("::1").try_play(&[]) else {
        return eprintln!("no IPv6 here: nothing is tested");
    };
    played.recording.expect_success();
    played.check();
    assert!(played.frames(0) >= 20);
}

#[test]
fn mediamtx_live() {
    plays(Scene::of("mediamtx_live"));
}

#[test]
fn mediamtx_prefers_digest() {
    plays(Scene::of("mediamtx_auth").with_user());
}

#[test]
fn mediamtx_odd_channels() {
    let played = plays(Scene::of("mediamtx_oddchan"));
    assert!(played.frames(1) > 0 && played.frames(3) > 0);
}

#[test]
fn mediamtx_query() {
    plays(Scene::of("mediamtx_query"));
}

#[test]
fn go2rtc_never_answers_teardown() {
    let played = plays(Scene::of("go2rtc_live"));
    let took = played.recording.took;
    assert!(took > TEARDOWN_TIMEOUT && took < TEARDOWN_TIMEOUT + Duration::from_secs(3), "{took:?}");
    let ids: Vec<_> = played.messages().into_iter().filter_map(|request| header(request, "Session")).collect();
    assert_eq!(ids, ["71919040"; 3], "the first id is kept");
}

#[test]
fn gstreamer() {
    plays(Scene::of("gst_av"));
}

#[test]
fn gstreamer_digest() {
    plays(Scene::of("gst_digest").with_user());
}

#[test]
fn aio() {
    plays(Scene::of("aio_av"));
}

/// A dialogue that the server ends: the one line has these words.
#[track_caller]
fn fails(scene: Scene, words: &[&str]) -> Played {
    let played = scene.play();
    played.recording.expect_failure(words);
    played.check_capture();
    played
}

#[test]
fn darwin_has_no_such_file() {
    fails(Scene::of("dss_404"), &["404", "Not Found", "nosuch.mp4"]).check_requests();
}

#[test]
fn vlc_refuses_tcp() {
    fails(Scene::of("vlc_461"), &["SETUP", "461", "TCP"]).check_requests();
}

#[test]
fn npm_refuses_tcp() {
    fails(Scene::of("npm_461"), &["SETUP", "461", "TCP"]).check_requests();
}

#[test]
fn rtsp_rs_refuses_tcp() {
    fails(Scene::of("rtsprs_461"), &["SETUP", "461", "TCP"]).check_requests();
}

#[test]
fn a_wrong_password_is_tried_once() {
    let wrong = |name: &str, scheme: &str| {
        let played = fails(Scene::of(name).with_password("wr0ng-secret"), &["password", scheme]);
        assert_eq!(played.requests("DESCRIBE").len(), 2, "{name}");
        assert!(!played.recording.stderr().contains("wr0ng-secret"));
    };
    thread::scope(|scope| {
        for (name, scheme) in [("dss_digest", "Digest"), ("dss_basic", "Basic"), ("mediamtx_auth", "Digest")] {
            scope.spawn(move || wrong(name, scheme));
        }
    });
}

#[test]
fn no_credentials_at_all() {
    let played = fails(Scene::of("gst_digest"), &["--user"]);
    assert_eq!(played.requests("DESCRIBE").len(), 1);
}

#[test]
fn credentials_are_masked_at_the_same_length() {
    thread::scope(|scope| {
        scope.spawn(|| masks("dss_basic"));
        scope.spawn(|| masks("mediamtx_auth"));
    });
}

/// No secret that the server got stands in the capture.
fn masks(name: &str) {
    let played = Scene::of(name).with_user().masked().play();
    played.recording.expect_success();
    assert_eq!(played.flows[0].bytes[0].len(), played.logs[0].received.len(), "{name}");
    let file = std::fs::read(played.recording.file()).expect("a capture");
    let answers: Vec<&str> = played.messages().into_iter().filter_map(|text| header(text, "Authorization")).collect();
    assert!(answers.len() >= 5, "{answers:?}");
    for secret in answers.into_iter().map(secret).chain([PASSWORD]) {
        assert!(memchr::memmem::find(&file, secret.as_bytes()).is_none(), "{name}: {secret} in the capture");
    }
}

/// What nobody but the server may see of an Authorization value: the response of Digest, all of Basic.
fn secret(answer: &str) -> &str {
    match answer.split_once("response=\"") {
        Some((_, response)) => response.split('"').next().unwrap_or_default(),
        None => word(answer, 1),
    }
}
