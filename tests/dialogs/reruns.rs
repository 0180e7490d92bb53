//! The sessions recorded here performed again: against the same server there is no difference, against another one
//! the first is named.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use crate::gate::{PASSWORD, USER};
use crate::recorder::rtsp_rec;
use crate::scene::{Played, Scene};
use crate::server::{Log, Server};
use crate::transcript::{Transcript, header};

/// Dialogues that go as far as PLAY, and such that don't.
const DIALOGS: [&str; 13] = [
    "dss_article",
    "dss_renumbered",
    "dss_digest",
    "dss_basic",
    "live555_digest",
    "mediamtx_live",
    "mediamtx_auth",
    "mediamtx_oddchan",
    "mediamtx_query",
    "gst_digest",
    "aio_av",
    "dss_404",
    "vlc_461",
];

/// `rtsp-rec replay CAPTURE --to URL ARGS`, with this password in the environment.
fn replay(capture: &Path, url: &str, args: &[&str]) -> Output {
    let mut command: Command = rtsp_rec();
    command.arg("replay").arg(capture).args(["--to", url]).args(args).env("RTSP_REC_PASSWORD", PASSWORD);
    command.stdin(Stdio::null()).output().expect("rtsp-rec can be run")
}

/// Performs a recording against a new server of this transcript.
fn perform(capture: &Path, transcript: &Arc<Transcript>, args: &[&str]) -> (Output, Vec<Log>) {
    let server = Server::start(Arc::clone(transcript), "127.0.0.1", &[]).expect("a free port");
    let url = transcript.url().replace(transcript.authority(), &server.address.to_string());
    let output = replay(capture, &url, args);
    (output, server.finish())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The client's messages without what is another in each session.
fn neutral(messages: &[&str], authority: &str) -> Vec<String> {
    let other = |line: &&str| !line.starts_with("Authorization:");
    let without = |message: &&str| message.lines().filter(other).collect::<Vec<_>>().join("\n");
    messages.iter().map(without).map(|message| message.replace(authority, "server")).collect()
}

#[test]
fn every_dialogue_is_like_itself() {
    thread::scope(|scope| {
        for name in DIALOGS {
            scope.spawn(move || is_like_itself(name));
        }
    });
}

fn is_like_itself(name: &str) {
    let played: Played = Scene::of(name).with_user().masked().play();
    let (output, logs) =
        perform(&played.recording.file(), &played.transcript, &["--fail-if-different", "--user", USER]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{name}: {said}");
    assert!(!said.contains(PASSWORD), "{said}");
    let now: Vec<&str> = logs.iter().flat_map(|log| &log.messages).map(String::as_str).collect();
    let logins =
        |messages: &[&str]| messages.iter().filter(|message| header(message, "Authorization").is_some()).count();
    assert_eq!(logins(&now), logins(&played.messages()), "{name}");
    let address = header_host(now[0]);
    assert_eq!(neutral(&now, &address), neutral(&played.messages(), &played.authority), "{name}");
}

/// `host:port` of a request's URL.
fn header_host(request: &str) -> String {
    request.split('/').nth(2).expect("rtsp://authority/path").to_owned()
}

#[test]
fn another_server_differs() {
    let played = Scene::of("dss_article").play();
    let other = Arc::new(Transcript::load("gst_av"));
    let (output, logs) = perform(&played.recording.file(), &other, &["--fail-if-different", "-q"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output.stdout), "");
    let line = text(&output.stderr);
    assert!(line.lines().count() == 1 && line.contains("#1 OPTIONS: Server was 'DSS/6.0.3"), "{line}");
    let asked: Vec<&str> = logs[0].messages.iter().map(|message| message.lines().next().unwrap()).collect();
    let address = header_host(&logs[0].messages[0]);
    let path = other.url().replace(other.authority(), &address);
    assert_eq!(asked[2], format!("SETUP {path}/stream=0 RTSP/1.0"));
    assert_eq!(asked[4], format!("PLAY {path}/ RTSP/1.0"));
    let sessions: Vec<_> = logs[0].messages.iter().filter_map(|message| header(message, "Session")).collect();
    let live = other.exchanges.iter().find_map(|exchange| header(exchange.reply.as_deref()?, "Session"));
    assert_eq!(sessions, [live.unwrap().split(';').next().unwrap(); 3]);
}

#[test]
fn what_is_sent_and_received_is_recorded() {
    let played = Scene::of("gst_av").play();
    let file = played.recording.file().with_extension("again.pcapng");
    let (output, logs) = perform(&played.recording.file(), &played.transcript, &["--record", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut command = rtsp_rec();
    let table = command.arg("analyze").arg(&file).args(["--table", "messages"]).output().expect("can be run");
    let requests = text(&table.stdout).lines().filter(|line| line.contains(",request,")).count();
    assert_eq!(requests, logs[0].messages.len());
    // It is not overwritten without being asked for.
    let again = replay(&played.recording.file(), "rtsp://127.0.0.1:9/x", &["--record", file.to_str().unwrap()]);
    assert!(again.status.code() == Some(1) && text(&again.stderr).contains("-f overwrites it"));
}

#[test]
fn what_can_not_be_done_is_said_in_a_line() {
    let played = Scene::of("gst_av").play();
    let capture = played.recording.file();
    for (url, args, code, words) in [
        ("http://127.0.0.1/x", &[][..], 2, "--to: "),
        ("rtsp://127.0.0.1/x", &["--loop"], 2, "cannot be used with"),
        ("rtsp://127.0.0.1/x", &["--session", "9"], 1, "there is no session 9"),
        ("rtsp://127.0.0.1:9/x", &[], 1, "can't connect to 127.0.0.1:9"),
    ] {
        let output = replay(&capture, url, args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{url} {args:?}: {stderr}");
        assert!(stderr.contains(words) && output.stdout.is_empty(), "{stderr}");
    }
}
