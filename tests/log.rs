//! `--log` and `RTSP_REC_LOG`: what a recorder does can be followed, and nothing secret is told.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed, as it should")]

mod served;

use served::{Replay, rtsp_rec};

/// A recording of a second that logs in with a name and a password; what it says on standard error.
fn recorded(arguments: &[&str], variable: &str) -> String {
    let replay = Replay::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let url = replay.url.replace("rtsp://", "rtsp://anna:geheim@") + "?token=geheim";
    let mut command = rtsp_rec();
    command.args(["record", &url, "-d", "1s", "-q", "-o"]).arg(folder.path().join("out.pcapng"));
    let output = command.args(arguments).env("RTSP_REC_LOG", variable).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

/// The lines without their times.
fn steps(log: &str) -> Vec<&str> {
    log.lines().filter_map(|line| Some(line.split_once("Z ")?.1)).collect()
}

#[test]
fn the_dialogue_and_the_connection_at_debug() {
    let log = recorded(&["--log", "debug"], "trace");
    let steps = steps(&log);
    let at =
        |begin: &str| steps.iter().position(|step| step.starts_with(begin)).unwrap_or_else(|| panic!("{begin}: {log}"));
    let order = [
        at("session 0: resolves 127.0.0.1, port "),
        at("session 0: connects to 127.0.0.1:"),
        at("session 0: connected"),
        at("session 0: sends DESCRIBE rtsp://"),
        at("session 0: got RTSP/1.0 "),
        at("session 0: is done"),
    ];
    assert!(order[1..].iter().all(|later| *later > order[0]) && order[5] > order[3], "{log}");
    assert!(!log.contains("geheim") && !log.contains(" on channel "), "{log}");
}

#[test]
fn each_packet_and_each_wait_at_trace() {
    let log = recorded(&[], "trace");
    for told in ["session 0: got ", " bytes on channel 0", "session 0: waits for ", " at most", "woke with "] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains("geheim"), "{log}");
}

#[test]
fn nothing_unless_it_is_asked_for() {
    assert_eq!(recorded(&[], ""), "");
    let output = rtsp_rec().args(["record", "rtsp://127.0.0.1:1/"]).env("RTSP_REC_LOG", "loud").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), error.as_str()),
        (Some(2), "rtsp-rec: RTSP_REC_LOG=loud is neither debug nor trace\n")
    );
}
