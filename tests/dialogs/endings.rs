//! How a session may end.

use std::time::Duration;

use crate::scene::{Played, Scene};

/// The server ends it: exit code 1, one line with these words, and all that came is in the capture.
#[track_caller]
fn fails(scene: Scene, words: &[&str]) -> Played {
    let played = scene.until_its_end().play();
    played.recording.expect_failure(words);
    played.check();
    assert!(played.recording.took < Duration::from_secs(6), "{:?}", played.recording.took);
    played
}

#[test]
fn bye_on_all_tracks() {
    let played = Scene::of("case_bye").until_its_end().play();
    played.recording.expect_success();
    played.check();
    assert_eq!(played.frames(0) + played.frames(2), 58, "60 with the reports");
}

#[test]
fn bye_on_one_track_ends_nothing() {
    fails(Scene::of("case_bye_without_end").with(&["--idle-timeout", "700ms"]), &["no media"]);
}

#[test]
fn close_without_bye() {
    fails(Scene::of("case_fin"), &["closed the connection"]);
}

/// Each connection ends after 60 frames: the second one has what lacks to 100.
#[test]
fn reconnect_goes_on_in_the_same_capture() {
    let played = Scene::of("case_fin").with(&["--reconnect", "1", "--max-packets", "100"]).until_its_end().play();
    played.recording.expect_success();
    played.check_bytes();
    assert_eq!(played.logs.len(), 2, "connections");
    assert!(played.frames(0) + played.frames(2) >= 96, "100 with the reports");
}

#[test]
fn reconnect_gives_up() {
    let played = Scene::of("case_closed_at_describe").with(&["--reconnect", "1"]).play();
    played.recording.expect_failure(&["closed the connection", "DESCRIBE"]);
    assert_eq!(played.logs.len(), 2, "connections");
}

#[test]
fn close_in_the_middle_of_a_frame() {
    let played = fails(Scene::of("case_cut_frame"), &["closed the connection"]);
    let sent: usize = played.logs[0].sent.iter().map(|sent| sent.bytes.len()).sum();
    assert_eq!(played.flows[0].bytes[1].len(), sent, "all of it, with the half frame");
}

#[test]
fn end_in_the_middle_of_a_frame() {
    let played = Scene::of("case_half_frame").lasts("600ms").play();
    played.recording.expect_success();
    played.check();
    assert!(played.recording.took > Duration::from_millis(2600), "TEARDOWN is waited for");
    assert_eq!(played.frames(0) + played.frames(2), 58, "60 with the reports");
}

#[test]
fn describe_is_never_answered() {
    let played = fails(Scene::of("case_no_reply").with(&["--response-timeout", "300ms"]), &["DESCRIBE", "no answer"]);
    assert!(played.recording.took > Duration::from_millis(300));
}

#[test]
fn setup_and_teardown_are_never_answered() {
    fails(Scene::of("case_no_reply_setup").with(&["--response-timeout", "300ms"]), &["SETUP", "no answer"]);
}

#[test]
fn close_instead_of_an_answer() {
    fails(Scene::of("case_closed_at_describe"), &["closed the connection", "DESCRIBE"]);
}

#[test]
fn media_never_comes() {
    fails(Scene::of("case_no_media").with(&["--idle-timeout", "300ms"]), &["no media"]);
}

#[test]
fn media_stops() {
    fails(Scene::of("case_media_stops").with(&["--idle-timeout", "300ms"]), &["no media"]);
}

#[test]
fn times_under_a_second_are_told_as_they_are() {
    for (name, option) in [("case_no_reply", "--response-timeout"), ("case_no_media", "--idle-timeout")] {
        let played = Scene::of(name).with(&[option, "300ms"]).until_its_end().play();
        let stderr = played.recording.stderr();
        assert!(!stderr.contains(" 0 s"), "{option} 300ms: {stderr}");
    }
}

/// The best of some tries, as the machine may be busy.
#[test]
fn nothing_is_waited_for_at_the_end() {
    let took = (0..5).map(|_| Scene::of("case_closed_at_describe").play().recording.took).min().expect("some tries");
    assert!(took < Duration::from_millis(120), "{took:?} until a failed session has ended");
}
