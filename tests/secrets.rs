//! Passwords that come back from a server in all places of a dialogue: they stand in no file and in no output.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The password that the recorder is given: it is hidden wherever it stands.
const GIVEN: &str = "Gehe!m-Marke7";
/// One that only its place gives away.
const FOREIGN: &str = "Fremd3sWort";

/// Places for a password of which nobody knows but by what stands around it.
const FIELDS: &str = "Location: http://u:FOREIGN@cam/x\r\nX-Auth-Token: FOREIGN\r\nSet-Cookie: id=FOREIGN\r\n\
    X-Url: u:FOREIGN@cam/live\r\nX-Url: //u:FOREIGN@cam/live\r\nX-Url: /u:FOREIGN/live\r\nX-Url: /live?usr=a&pwd=FOREIGN\r\n\
    X-Url: rtsp://cam/user=a&password=FOREIGN&channel=1\r\nX-Echo: Authorization: Basic FOREIGN\r\n\
    X-Next: to=rtsp%3A%2F%2Fcam%2F%3Fapikey%3DFOREIGN%26a%3D1\r\nX-Amz-Signature: FOREIGN\r\n";
const LINES: &str = "u=https://u:FOREIGN@cam/help\r\ni=jwt=FOREIGN\r\na=x-password:FOREIGN\r\na=x-url:rtsp://u:FOREIGN@cam/\r\n\
    a=x-json:{\"token\": \"FOREIGN\"}\r\na=x-xml:<userPwd>FOREIGN</userPwd>\r\na=x-url:/live?sig=FOREIGN\r\n";

/// Fields and lines with both in all their forms.
fn marked(text: &str) -> String {
    let encoded = percent_encoded(GIVEN);
    let basic = STANDARD.encode(format!("admin:{GIVEN}"));
    let given = text.replace("FOREIGN", GIVEN);
    let free = format!("X-A: {GIVEN}\r\nX-B: a{GIVEN}b\r\nX-C: {encoded}\r\nX-D: {basic}\r\n");
    let free = if text.starts_with("u=") { free.replace("X-", "a=x").replace(": ", ":") } else { free };
    format!("{}{given}{free}", text.replace("FOREIGN", FOREIGN))
}

/// One connection of a server that wants a login and repeats it everywhere.
fn serve(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let value = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
        let method = lines[0].split(' ').next().unwrap().to_owned();
        let (status, more, body) = answer(&method, &lines[0], value("Authorization:").is_empty());
        let body_len = body.len();
        let head = format!(
            "RTSP/1.0 {status}\r\nCSeq:{}\r\n{more}{}Content-Length: {body_len}\r\n\r\n",
            value("CSeq:"),
            marked(FIELDS)
        );
        if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
        if method == "PLAY" {
            for number in 0..60_u8 {
                let packet =
                    [&[b'$', 0, 0, 24, 0x80, 96, 0, number, 0, 0, number, 0, 0, 0, 0, 9][..], &[7; 12]].concat();
                let _ = writer.write_all(&packet);
            }
        }
    }
}

fn answer(method: &str, request: &str, stranger: bool) -> (String, String, String) {
    let base = format!("rtsp://admin:{GIVEN}@127.0.0.1/live?password={GIVEN}");
    match method {
        "OPTIONS" => {
            ("200 OK".to_owned(), "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n".to_owned(), String::new())
        }
        "DESCRIBE" if stranger => {
            let challenge = format!("WWW-Authenticate: Basic realm=\"{GIVEN}\"\r\n");
            (format!("401 not {GIVEN}"), challenge, format!("<p>rtsp://u:{FOREIGN}@cam {GIVEN}</p>"))
        }
        "DESCRIBE" => {
            let track = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n";
            let body = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns={GIVEN}\r\nt=0 0\r\n{}{track}", marked(LINES));
            (format!("200 {GIVEN}"), "Content-Type: application/sdp\r\n".to_owned(), body)
        }
        "SETUP" => {
            let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
            ("200 OK".to_owned(), format!("{transport}Session: {GIVEN};timeout=60\r\n"), String::new())
        }
        "PLAY" => {
            let url = request.split(' ').nth(1).unwrap_or_default();
            let info = format!("RTP-Info: url={url}/track1?token={FOREIGN};seq=0;rtptime=0,url={base};seq=1\r\n");
            ("200 OK".to_owned(), format!("{info}Session: {GIVEN}\r\n"), String::new())
        }
        _ => (format!("454 rtsp://u:{FOREIGN}@cam {GIVEN}"), String::new(), String::new()),
    }
}

/// A server for as many connections as come.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(thread::spawn(|| serve(stream)))));
    port
}

fn rtsp_rec(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    command.args(arguments).env("RTSP_REC_PASSWORD", GIVEN).stdin(Stdio::null()).output().unwrap()
}

/// Panics where one of these stands in what was written or said, in any form.
#[track_caller]
fn assert_hidden(what: &str, bytes: &[u8], secrets: &[&str]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for secret in secrets {
        let encoded = percent_encoded(secret);
        for form in [(*secret).to_lowercase(), encoded, STANDARD.encode(format!("admin:{secret}")).to_lowercase()] {
            let place = text.find(&form);
            let around = place.map(|at| text.get(at.saturating_sub(80)..at + form.len()).unwrap_or(&form).to_owned());
            assert_eq!(around, None, "{what}");
        }
    }
}

fn said(output: &Output) -> Vec<u8> {
    [output.stdout.as_slice(), b"\n", &output.stderr].concat()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn in_no_file_and_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let port = server();
    let url = format!("rtsp://127.0.0.1:{port}/live?ch=1&token={FOREIGN}");
    let secrets = [GIVEN, FOREIGN];
    for (command, verbose) in [("record", true), ("record", false), ("probe", true), ("probe", false)] {
        let file = folder.path().join(format!("{command}-{verbose}.pcapng"));
        let mut arguments = vec![command, &url, "--user", "admin", "-o", text(&file)];
        arguments.extend(verbose.then_some("-v"));
        arguments.extend(["--max-packets", "50"].into_iter().filter(|_| command == "record"));
        let output = rtsp_rec(&arguments);
        assert_hidden(command, &said(&output), &secrets);
        let written = fs::read(&file).unwrap();
        assert!(written.windows(8).any(|word| word == b"RTP-Info") || command == "probe", "{output:?}");
        assert_hidden(command, &written, &secrets);
    }
    // What was hidden can still be read: tracks, sessions, media.
    let streams = rtsp_rec(&["analyze", text(&folder.path().join("record-true.pcapng"))]).stdout;
    let streams = String::from_utf8(streams).unwrap();
    assert!(streams.contains(",video,H264,") && streams.lines().count() == 2, "{streams}");
}

#[test]
fn what_others_recorded_is_shown_without() {
    let folder = tempfile::tempdir().unwrap();
    let port = server();
    let file = folder.path().join("kept.pcapng");
    let url = format!("rtsp://127.0.0.1:{port}/live?ch=1&token={FOREIGN}");
    let arguments = ["record", &url, "--user", "admin", "--keep-credentials", "--max-packets", "50", "-o", text(&file)];
    rtsp_rec(&arguments);
    let kept = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
    assert!(kept.contains(GIVEN) && kept.contains(FOREIGN), "it has something to hide");
    let (page, redacted) = (folder.path().join("page.html"), folder.path().join("redacted.pcapng"));
    for table in ["streams", "messages", "findings", "verdicts"] {
        for format in ["csv", "csv-safe", "json", "table"] {
            let output = rtsp_rec(&["analyze", text(&file), "--table", table, "--format", format]);
            assert_hidden(table, &said(&output), &[FOREIGN]);
        }
    }
    for arguments in [
        vec!["report", text(&file), "-o", text(&page)],
        vec!["compare", text(&file), text(&file)],
        vec!["compare", text(&file), text(&file), "--format", "json"],
        vec!["redact", text(&file), "-o", text(&redacted)],
        vec!["export", text(&file), "-o", text(&folder.path().join("view.pcapng"))],
    ] {
        assert_hidden(arguments[0], &said(&rtsp_rec(&arguments)), &[FOREIGN]);
    }
    assert_hidden("page", &fs::read(&page).unwrap(), &[FOREIGN]);
    assert_hidden("redacted", &fs::read(&redacted).unwrap(), &[FOREIGN]);
}

#[test]
fn names_that_the_user_adds() {
    let folder = tempfile::tempdir().unwrap();
    let port = server();
    let url = format!("rtsp://127.0.0.1:{port}/live?ticket=Ein7rittskarte");
    let record = |name: &str, more: &[&str]| {
        let file = folder.path().join(name);
        let arguments = ["record", &url, "--user", "admin", "--max-packets", "50", "-o", text(&file), "-v"];
        let output = rtsp_rec(&[&arguments[..], more].concat());
        [said(&output), fs::read(&file).unwrap()].concat()
    };
    let ticket = ["Ein7rittskarte"];
    assert!(String::from_utf8_lossy(&record("shown.pcapng", &[])).contains(ticket[0]));
    assert_hidden("--mask", &record("hidden.pcapng", &["--mask", "ticket,other"]), &ticket);
    let [shown, redacted] = ["shown.pcapng", "redacted.pcapng"].map(|name| folder.path().join(name));
    let arguments = ["redact", text(&shown), "--mask", "User-Agent", "-o", text(&redacted)];
    let output = rtsp_rec(&arguments);
    assert!(output.status.success(), "{output:?}");
    let mut bytes = Vec::new();
    fs::File::open(&redacted).unwrap().read_to_end(&mut bytes).unwrap();
    let redacted = String::from_utf8_lossy(&bytes);
    assert!(redacted.contains("User-Agent: ****") && !redacted.contains("User-Agent: rtsp-rec"), "{redacted}");
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"))
}
