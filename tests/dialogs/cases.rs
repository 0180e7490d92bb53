//! What servers may well say on the way to the media and during it.

use std::sync::Arc;

use crate::scene::{Played, Scene};
use crate::server::{Kind, Server};
use crate::transcript::{Transcript, header, number_behind, word};

/// A dialogue that goes as written, ends well and is in the capture.
#[track_caller]
fn plays(name: &str) -> Played {
    let played = Scene::of(name).with_user().play();
    played.recording.expect_success();
    played.check();
    played
}

#[test]
fn redirect_to_another_path() {
    assert_eq!(plays("case_redirect_path").logs.len(), 2, "connections");
}

#[test]
fn redirect_to_another_port() {
    let there = Arc::new(Transcript::load("case_redirect_to"));
    let next = Server::start(Arc::clone(&there), "127.0.0.1", &[]).expect("a free port");
    let place = next.address.to_string();
    let mut played =
        Scene::of("case_redirect_from").try_play(&[(there.authority(), place.clone())]).expect("a free port");
    played.recording.expect_success();
    played.check_requests();
    let first = std::mem::replace(&mut played.logs, next.finish());
    (played.transcript, played.authority) = (there, place);
    played.check_requests();
    played.logs.splice(0..0, first);
    played.check_capture();
}

#[test]
fn options_not_allowed() {
    plays("case_options_405").check_replay();
}

#[test]
fn options_not_implemented() {
    plays("case_options_501").check_replay();
}

#[test]
fn requests_of_the_server() {
    let played = Scene::of("case_server_requests").play();
    played.recording.expect_success();
    played.check_requests();
    played.check_bytes();
    let messages = played.messages();
    let answers: Vec<&&str> = messages.iter().filter(|message| message.starts_with("RTSP/")).collect();
    assert_eq!(answers.len(), played.transcript.pushes.len());
    for (answer, (request, wanted)) in answers.iter().zip(&played.transcript.pushes) {
        assert_eq!(answer.lines().next(), wanted.lines().next(), "to {request}");
        assert_eq!(header(answer, "CSeq"), header(wanted, "CSeq"), "to {request}");
    }
    let rows = played.recording.table("messages");
    let of = |direction: &str, kind: &str| {
        rows.iter().filter(|row| row["direction"] == direction && row["kind"] == kind).collect::<Vec<_>>()
    };
    assert_eq!(of("s2c", "request").len(), answers.len());
    let answered: Vec<&str> = of("c2s", "response").iter().map(|row| row["method"].as_str()).collect();
    assert_eq!(answered, ["OPTIONS", "TELEPORT", "OPTIONS"]);
    played.check_replay();
}

#[test]
fn replies_without_cseq() {
    plays("case_no_cseq").check_replay();
}

#[test]
fn replies_with_a_cseq_of_their_own() {
    plays("case_wrong_cseq").check_replay();
}

/// The request may be on its way again when the client sees that nobody reads any more; so it has another number then.
#[test]
fn close_after_401() {
    let played = Scene::of("case_401_close").with_user().play();
    played.recording.expect_success();
    assert_eq!((played.logs.len(), played.flows.len()), (2, 2), "connections");
    for (flow, log) in played.flows.iter().zip(&played.logs) {
        assert!(flow.bytes[0].starts_with(&log.received) && flow.bytes[1].len() >= log.due);
    }
    assert_eq!(played.flows[1].bytes[0], played.logs[1].received);
    let methods: Vec<&str> = played.logs[1].messages.iter().map(|request| word(request, 0)).collect();
    assert_eq!(methods, ["DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]);
    let numbers: Vec<u32> = played.messages().into_iter().map(|request| number_behind(request, "CSeq: ")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    played.check_streams();
    played.check_reports();
}

#[test]
fn stale_nonce() {
    plays("case_stale_nonce").check_replay();
}

#[test]
fn first_401_at_setup_and_a_new_nonce_at_play() {
    plays("case_401_at_setup").check_replay();
}

#[test]
fn second_track_refused() {
    plays("case_track_refused").check_replay();
}

#[test]
fn first_track_refused() {
    plays("case_first_track_refused").check_replay();
}

#[test]
fn answers_to_setup_that_say_little() {
    plays("case_transports").check_replay();
}

#[test]
fn media_before_it_is_due() {
    plays("case_early_media").check_replay();
}

#[test]
fn one_ssrc_for_two_tracks() {
    plays("case_same_ssrc").check_replay();
}

#[test]
fn replies_of_bad_form() {
    plays("case_sloppy_replies").check_replay();
}

/// What came later than the SETUP is the track's, with its encoding.
#[test]
fn media_before_setup() {
    let played = Scene::of("case_media_before_setup").play();
    played.recording.expect_success();
    played.check_requests();
    played.check_bytes();
    for (channel, track, clock_rate) in [(0, "0", "90000"), (2, "1", "8000")] {
        let rows = played.recording.table("streams");
        let row = rows.iter().find(|row| row["track"] == track).expect("a row of the track");
        assert_eq!((row["clock_rate_hz"].as_str(), row["lost"].as_str()), (clock_rate, "0"), "{row:#?}");
        assert!(row["packets"].parse::<usize>().expect("a number") + 1 >= played.frames(channel), "{row:#?}");
    }
    played.check_replay();
}

#[test]
fn garbage_between_frames() {
    let played = plays("case_garbage");
    let garbage = played.logs[0].sent.iter().filter(|sent| sent.kind == Kind::Other);
    assert!(garbage.count() > 2);
    played.check_replay();
}
