//! Sessions that end after a second without a sign of life.

use std::thread;
use std::time::Duration;

use crate::scene::{Played, Scene};
use crate::transcript::{header, word};

/// Records long enough for several signs of life.
#[track_caller]
fn plays(name: &str) -> Played {
    let played = Scene::of(name).lasts("1900ms").play();
    assert!(played.recording.took >= Duration::from_millis(1900), "it lasts as long as asked");
    played.recording.expect_success();
    played.check_capture();
    played
}

/// The requests between PLAY and TEARDOWN, which must be there and speak of the session.
fn signs(played: &Played) -> Vec<&str> {
    let messages = played.messages();
    assert_eq!(messages.last().map(|request| word(request, 0)), Some("TEARDOWN"));
    let play = messages.iter().position(|request| request.starts_with("PLAY ")).expect("PLAY");
    let url = played.placed("rtsp://127.0.0.1:554/cam/");
    let signs = &messages[play + 1..messages.len() - 1];
    for sign in signs {
        assert_eq!((word(sign, 1), header(sign, "Session")), (url.as_str(), Some("A1B2C3D4")));
    }
    signs.iter().map(|sign| word(sign, 0)).collect()
}

/// All of `method`, and one at least each second.
#[track_caller]
fn kept_by(played: &Played, method: &str) {
    let signs = signs(played);
    assert!(signs.iter().all(|sign| *sign == method) && (2..=7).contains(&signs.len()), "{signs:?}");
    let rows = played.recording.table("messages");
    let play = rows.iter().position(|row| row["method"] == "PLAY").expect("PLAY");
    let asked = rows[play..].iter().filter(|row| row["kind"] == "request");
    let times: Vec<f64> = asked.map(|row| row["time_s"].parse().expect("seconds")).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] < 1.0), "{times:?}");
}

/// They wait most of the time, so they do it side by side.
#[test]
fn by_what_public_lists_and_is_not_refused() {
    let cases = [
        ("case_keep_alive_options", "OPTIONS"),
        ("case_keep_alive_get_parameter", "GET_PARAMETER"),
        ("case_keep_alive_unlisted", "OPTIONS"),
        ("case_keep_alive_unanswered", "GET_PARAMETER"),
    ];
    thread::scope(|scope| {
        for (name, method) in cases {
            scope.spawn(move || kept_by(&plays(name), method));
        }
        scope.spawn(a_refused_method_gives_way_to_the_next);
    });
}

/// The client starts over once, at once, without TEARDOWN; a server that forgets that session too is given up.
#[test]
fn a_session_that_the_server_forgot() {
    for (name, lost) in [("case_session_restarted", false), ("case_session_lost", true)] {
        let played = Scene::of(name).by_transcript().play();
        if lost {
            played.recording.expect_failure(&["454"]);
        } else {
            played.recording.expect_success();
        }
        played.check_requests();
        assert_eq!(played.logs.len(), 2, "connections of {name}");
        let sessions: Vec<String> =
            played.recording.table("streams").iter().map(|row| row["session"].clone()).collect();
        assert_eq!(sessions, ["1", "1", "2", "2"]);
    }
}

fn a_refused_method_gives_way_to_the_next() {
    let played = plays("case_keep_alive_refused");
    let signs = signs(&played);
    assert!(signs.starts_with(&["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"]), "{signs:?}");
    assert!(signs[2..].iter().all(|sign| *sign == "SET_PARAMETER"), "{signs:?}");
}
