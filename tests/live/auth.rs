//! Passwords: the right one opens, a wrong one ends soon and clearly, and neither is ever shown.

use std::fs;
use std::process::Command;

use crate::endings::assert_one_clear_line;
use crate::judges::{Capture, assert_opens};
use crate::peers::Peer;
use crate::process::{Outcome, run};
use crate::recorder::{Place, RECORD_LIMIT, rtsp_rec};

/// What a client believes to be the login, in every shape that must not be shown.
struct Login {
    password: &'static str,
    /// As it stands in a URL.
    escaped: &'static str,
    /// `viewer:password` in base64, as Basic sends it.
    basic: &'static str,
}

const RIGHT: Login = Login {
    password: "correct:horse/7@b",
    escaped: "correct%3Ahorse%2F7%40b",
    basic: "dmlld2VyOmNvcnJlY3Q6aG9yc2UvN0Bi",
};
const WRONG: Login = Login {
    password: "wrong:battery/8@c",
    escaped: "wrong%3Abattery%2F8%40c",
    basic: "dmlld2VyOndyb25nOmJhdHRlcnkvOEBj",
};

/// How the login reaches `rtsp-rec`.
#[derive(Clone, Copy, Debug)]
enum Way {
    Url,
    Environment,
    File,
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn digest() {
    right_and_wrong_passwords("--digest");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn basic() {
    right_and_wrong_passwords("--basic");
}

fn right_and_wrong_passwords(scheme: &str) {
    let server = Peer::gstreamer(&[scheme, &format!("viewer:{}", RIGHT.password)]);
    for way in [Way::Url, Way::Environment, Way::File] {
        the_right_one_opens(&server, way);
        a_wrong_one_fails(&server, way);
    }
}

fn the_right_one_opens(server: &Peer, way: Way) {
    let place = Place::new();
    // -v shows every message as it passes: the place where a password would slip out.
    let outcome = log_in(server, &place, &RIGHT, way, "-v");
    outcome.expect_code(0);
    assert_opens(&place.file());
    assert!(Capture::ours(place.file()).count("rtp") > 0, "{way:?}: no media");
    assert_hidden(&place, &RIGHT, &outcome);
}

fn a_wrong_one_fails(server: &Peer, way: Way) {
    let place = Place::new();
    let outcome = log_in(server, &place, &WRONG, way, "-q");
    assert_one_clear_line(&outcome);
    let bytes = fs::read(place.file()).expect("the refusal is recorded");
    let tries = String::from_utf8_lossy(&bytes).matches("\r\nAuthorization: ").count();
    assert!((1..=2).contains(&tries), "{way:?}: {tries} requests with a password: cameras lock after a few");
    assert_hidden(&place, &WRONG, &outcome);
}

/// Records two seconds as `viewer`.
fn log_in(server: &Peer, place: &Place, login: &Login, way: Way, verbosity: &str) -> Outcome {
    let mut command = rtsp_rec();
    command.args(["record", verbosity, "-d", "2s", "-o"]).arg(place.file());
    give(&mut command, server, place, login, way);
    run(&mut command, RECORD_LIMIT)
}

/// Adds the URL and the login.
fn give(command: &mut Command, server: &Peer, place: &Place, login: &Login, way: Way) {
    if let Way::Url = way {
        command.arg(server.url_as(&format!("viewer:{}@", login.escaped), "av"));
        return;
    }
    command.arg(server.url("av")).args(["--user", "viewer"]);
    if let Way::Environment = way {
        command.env("RTSP_REC_PASSWORD", login.password);
    } else {
        let file = place.dir().join("password");
        fs::write(&file, format!("{}\n", login.password)).expect("the folder is writable");
        command.arg("--password-file").arg(file);
    }
}

/// The login stands in no shape in the capture or the output.
fn assert_hidden(place: &Place, login: &Login, outcome: &Outcome) {
    let capture = fs::read(place.file()).expect("there is a capture");
    let capture = String::from_utf8_lossy(&capture);
    for secret in [login.password, login.escaped, login.basic] {
        let shown = [("capture", &*capture), ("stdout", &outcome.stdout), ("stderr", &outcome.stderr)];
        let shown = shown.iter().find(|(_, text)| text.contains(secret));
        assert!(shown.is_none(), "{secret} stands in the {}", shown.unwrap().0);
    }
}
