//! What `probe` says of real servers is what they can.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::judges::{Capture, assert_opens};
use crate::link::{Link, SERVER, within};
use crate::peers::Peer;
use crate::process::run;
use crate::recorder::{Place, RECORD_LIMIT, rtsp_rec};

/// `rtsp-rec probe URL -o FILE OPTIONS`.
fn command(url: &str, file: &Path, options: &[&str]) -> Command {
    let mut command = rtsp_rec();
    command.args(["probe", url, "--format", "json", "-o"]).arg(file).args(options);
    command
}

/// What was found, and a capture of it that others can open.
fn probe(command: &mut Command, place: &Place, code: i32) -> Value {
    let outcome = run(command, RECORD_LIMIT);
    outcome.expect_code(code);
    assert_opens(&place.file());
    serde_json::from_str(&outcome.stdout).expect("an object")
}

/// Transports that work at the server's own port, such as `tcp` and `tls http`.
fn working(found: &Value, port: u16) -> Vec<String> {
    let rows = found["transports"].as_array().expect("rows");
    let works = rows.iter().filter(|row| row["result"] == "works" && row["port"] == port);
    let name = |row: &Value| {
        let tls = if row["tls"] == true { "tls " } else { "" };
        format!("{tls}{}", row["transport"].as_str().expect("a name"))
    };
    works.map(name).collect()
}

/// What came of each sign of life.
fn signs_of_life(found: &Value) -> Vec<&str> {
    let rows = found["keep_alive"].as_array().expect("rows");
    rows.iter().map(|row| row["result"].as_str().expect("a word")).collect()
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_is_probed() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let found = probe(&mut command(&server.url("av"), &place.file(), &[]), &place, 0);
    assert_eq!(working(&found, server.port), ["tcp", "udp", "http"]);
    assert_eq!(signs_of_life(&found), ["works", "works", "works"]);
    assert_eq!(found["record"], format!("rtsp-rec record {}", server.url("av")));
    // Each of the sessions is in the capture.
    assert!(Capture::ours(place.file()).methods().iter().filter(|method| *method == "PLAY").count() >= 6);
}

/// Its server keeps the ports of the group to itself, so it is on another host.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_is_probed_for_multicast() {
    let (link, place) = (Link::new("probe", &[]), Place::new());
    let group = ["--group", "239.255.42.43:42420-42429@link0"];
    let server = Peer::gstreamer_within(&link.server, SERVER, &group);
    let found = probe(&mut within(&link.client, &command(&server.url("av"), &place.file(), &[])), &place, 0);
    assert_eq!(working(&found, server.port), ["tcp", "udp", "multicast", "http"]);
    let detail = found["transports"][2]["detail"].as_str().expect("a text");
    assert!(detail.contains("group 239.255.42.43 port 4242"), "{detail}");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_is_probed_over_tls_with_a_login() {
    let place = Place::new();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| place.dir().join(name).display().to_string());
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate can be made");
    fs::write(&certificate, made.cert.pem()).expect("the folder is writable");
    fs::write(&key, made.signing_key.serialize_pem()).expect("the folder is writable");
    let server = Peer::gstreamer(&["--tls", &certificate, &key, "--digest", "viewer:secret"]);
    let login = ["-f", "--user", "viewer", "--tls-ca", &certificate];
    let with_password = |url: &str, password: &str, code| {
        probe(command(url, &place.file(), &login).env("RTSP_REC_PASSWORD", password), &place, code)
    };

    let url = server.url("av").replace("rtsp://", "rtsps://");
    let found = with_password(&url, "secret", 0);
    assert_eq!(working(&found, server.port), ["tls tcp", "tls udp", "tls http"]);
    assert_eq!((&found["login"]["state"], &found["login"]["scheme"]), (&"accepted".into(), &"Digest MD5".into()));
    assert!(found["transports"][0]["carrier"].as_str().expect("a text").starts_with("TLS 1.3 "), "{found}");

    let found = with_password(&server.url("av"), "secret", 0);
    assert_eq!(working(&found, server.port), ["tls tcp"], "found, though the URL does not say it");
    assert_eq!(signs_of_life(&found), ["works", "works", "works"], "over what works");
    assert_eq!(found["record"], format!("rtsp-rec record --user viewer --tls-ca {certificate} {url}"));

    let found = with_password(&url, "wrong", 1);
    assert_eq!(found["login"]["state"], "refused");
    let capture = String::from_utf8_lossy(&fs::read(place.file()).expect("there is a capture")).into_owned();
    assert_eq!(capture.matches("\r\nAuthorization: ").count(), 1, "cameras lock after a few tries");
    let nobody = run(&mut command(&server.url("av"), &place.file(), &["-f", "--tls-ca", &certificate]), RECORD_LIMIT);
    assert!(nobody.expect_code(1).stderr.contains(": login needed (Digest MD5); give --user"), "{nobody:?}");
    let untrusted = run(command(&url, &place.file(), &["-f"]).env("RTSP_REC_PASSWORD", "secret"), RECORD_LIMIT);
    assert!(untrusted.expect_code(1).stderr.contains("--tls-ca"), "{untrusted:?}");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn vlc_is_probed() {
    let (server, place) = (Peer::vlc(), Place::new());
    let found = probe(&mut command(&server.url("x"), &place.file(), &[]), &place, 0);
    assert_eq!(working(&found, server.port), ["udp"]);
    assert_eq!(signs_of_life(&found), ["works", "works", "refused"]);
    assert_eq!(found["record"], format!("rtsp-rec record -t udp {}", server.url("x")));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aio_is_probed() {
    let (server, place) = (Peer::aio(), Place::new());
    let found = probe(&mut command(&server.url("h264_aac.mp4"), &place.file(), &[]), &place, 0);
    assert_eq!(working(&found, server.port), ["tcp"]);
    assert_eq!(signs_of_life(&found), ["works", "works", "refused"]);
}
