//! Logins that were asked for, and given or not.

use super::session::{Passing, Session, both, verdicts};

const NONE: [String; 0] = [];

/// The verdicts on connections of one client, which ask these in seconds, and are answered so.
fn told(connections: &[&[(i64, &'static str, u16)]]) -> Vec<String> {
    let mut session = Session::silent(false, &[]);
    for (id, asked) in connections.iter().enumerate() {
        session.flow.id = id;
        session.flow.client.set_port(50_000 + u16::try_from(id).unwrap());
        for (at, request, status) in *asked {
            session.pass(at * 1_000, &Passing::Ask(request, *status));
        }
    }
    let mut told = session.analyzer.finish().unwrap().0;
    // These SETUPs ask for no transport.
    told.retain(|line| !line.starts_with("- channels"));
    told
}

const OPTIONS: &str = "OPTIONS rtsp://h/ RTSP/1.0";
const DESCRIBE: &str = "DESCRIBE rtsp://h/x RTSP/1.0";
const SETUP: &str = "SETUP rtsp://h/x/0 RTSP/1.0";
const PLAY: &str = "PLAY rtsp://h/x RTSP/1.0";
const NEEDED: [&str; 1] = ["- login login-needed 1"];

#[test]
fn the_last_answer_counts() {
    assert_eq!(told(&[&[(0, DESCRIBE, 401)]]), NEEDED);
    assert_eq!(told(&[&[(0, DESCRIBE, 401), (1, DESCRIBE, 401)]]), ["- login login-needed 2"]);
    assert_eq!(told(&[&[(0, DESCRIBE, 401), (1, DESCRIBE, 200)]]), NONE);
    assert_eq!(told(&[&[(0, DESCRIBE, 200), (1, DESCRIBE, 401)]]), NEEDED);
    assert_eq!(told(&[&[(0, OPTIONS, 401), (1, OPTIONS, 200)]]), NONE);
    assert_eq!(told(&[&[(0, OPTIONS, 401), (1, OPTIONS, 501)]]), NONE, "it needs another thing than a login");
}

#[test]
fn a_later_method_needs_it_as_much() {
    assert_eq!(told(&[&[(0, OPTIONS, 401), (1, DESCRIBE, 200)]]), NONE);
    assert_eq!(told(&[&[(0, DESCRIBE, 401), (1, SETUP, 200)]]), NONE);
    assert_eq!(told(&[&[(0, SETUP, 401), (1, PLAY, 200)]]), NEEDED, "another track may play");
    assert_eq!(told(&[&[(0, DESCRIBE, 401), (1, OPTIONS, 200)]]), NEEDED, "anybody may ask for OPTIONS");
    assert_eq!(told(&[&[(0, OPTIONS, 200), (1, DESCRIBE, 200), (2, PLAY, 401)]]), NEEDED);
}

#[test]
fn who_plays_needs_no_login_for_signs_of_life() {
    let with = |asked: &[(i64, &'static str, u16)]| {
        let asked = asked.iter().map(|(at, request, status)| (*at, Passing::Ask(request, *status)));
        verdicts(false, &both().into_iter().chain(asked).collect::<Vec<_>>())
    };
    assert_eq!(with(&[(4_000, "GET_PARAMETER rtsp://h/x RTSP/1.0", 401)]), NONE);
    let repeated =
        [(4_000, "GET_PARAMETER rtsp://h/x RTSP/1.0", 401), (4_001, "GET_PARAMETER rtsp://h/x RTSP/1.0", 200)];
    assert_eq!(with(&repeated), NONE);
    assert_eq!(with(&[(11_000, "TEARDOWN rtsp://h/x RTSP/1.0", 401)]), NONE);
    let again: Vec<_> =
        (1..4).flat_map(|time| repeated.map(|(at, request, status)| (at + 500 * time, request, status))).collect();
    assert_eq!(with(&again), ["- login login-repeated 3"]);
}

#[test]
fn a_server_that_closes_behind_its_401() {
    let granted = [(1, DESCRIBE, 200), (2, SETUP, 200)];
    assert_eq!(told(&[&[(0, DESCRIBE, 401)], &granted]), NONE);
    assert_eq!(told(&[&[(0, OPTIONS, 401)], &granted]), NONE);
    assert_eq!(told(&[&[(0, DESCRIBE, 401)], &[(1, DESCRIBE, 401)]]), [NEEDED, NEEDED].concat());
    assert_eq!(told(&[&granted, &[(3, DESCRIBE, 401)]]), NEEDED, "the one before had nothing to do with it");
    assert_eq!(told(&[&[(0, DESCRIBE, 401)], &[(20, DESCRIBE, 200)]]), NEEDED, "somebody typed a password");
    let other = "DESCRIBE rtsp://h/y RTSP/1.0";
    assert_eq!(told(&[&[(0, DESCRIBE, 401)], &[(1, other, 200)]]), NEEDED, "another camera of the server");
}
