//! Dialogues that come through TLS, HTTP, or a WebSocket: the capture is the same as without.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

use crate::certificates::Authority;
use crate::front::{Carrier, Front, Rules};
use crate::recorder::{Recording, record, rtsp_rec};
use crate::scene::{Played, Scene};
use crate::transcript::{header, word};

const DIGEST: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"0123\"\r\n\r\n";

/// Records a transcript through a front, with the authority's certificate if there is one. Also the heads that opened
/// tunnels.
fn play(name: &str, rules: Rules, args: &[&str]) -> (Played, Vec<String>) {
    let scheme = if rules.tls.is_some() { "rtsps" } else { "rtsp" };
    let transport: &[&str] = match rules.carrier {
        Carrier::Nothing => &[],
        Carrier::HttpTunnel => &["-t", "http"],
        Carrier::WebSocket => &["-t", "ws"],
    };
    let front = Front::start(rules);
    let played = Scene::of(name).with(transport).with(args).with_user().behind(&front, scheme);
    (played, front.finish())
}

/// The same, of which nobody can tell.
#[track_caller]
fn plays(name: &str, rules: Rules, args: &[&str]) -> (Played, Vec<String>) {
    let (played, heads) = play(name, rules, args);
    played.recording.expect_success();
    played.check();
    (played, heads)
}

fn secure(config: Arc<ServerConfig>) -> Rules {
    Rules { tls: Some(config), ..Rules::default() }
}

fn tunnel() -> Rules {
    Rules { carrier: Carrier::HttpTunnel, ..Rules::default() }
}

fn web_socket() -> Rules {
    Rules { carrier: Carrier::WebSocket, ..Rules::default() }
}

/// The arguments that trust this authority.
fn trusting(authority: &Authority) -> [String; 2] {
    ["--tls-ca".to_owned(), authority.file().display().to_string()]
}

/// What the capture says in its blocks, as text.
fn text_of(recording: &Recording) -> String {
    String::from_utf8_lossy(&std::fs::read(recording.file()).expect("there is a capture")).into_owned()
}

#[track_caller]
fn plays_over_tls(name: &str, version: &'static rustls::SupportedProtocolVersion, rules: impl FnOnce(&mut Rules)) {
    let authority = Authority::new();
    let mut tls = secure(authority.server("127.0.0.1", true, &[version]));
    rules(&mut tls);
    let trust = trusting(&authority);
    let (played, _) = plays(name, tls, &trust.each_ref().map(String::as_str));
    let over = if version.version == TLS13.version { " over TLS 1.3 TLS13_" } else { " over TLS 1.2 TLS_" };
    assert!(text_of(&played.recording).contains(over), "the interface description names the version and cipher");
}

#[test]
fn tls_1_3() {
    plays_over_tls("gst_av", &TLS13, |_| ());
}

#[test]
fn tls_1_2_and_a_login() {
    plays_over_tls("gst_digest", &TLS12, |_| ());
}

#[test]
fn tls_in_small_records() {
    plays_over_tls("aio_av", &TLS13, |rules| rules.piece = 7);
}

#[test]
fn an_end_that_tls_does_not_announce() {
    let authority = Authority::new();
    let tls = Rules { abrupt: true, ..secure(authority.server("127.0.0.1", true, &[&TLS13])) };
    let front = Front::start(tls);
    let scene = Scene::of("case_fin").until_its_end().with(&trusting(&authority).each_ref().map(String::as_str));
    let played = scene.behind(&front, "rtsps");
    front.finish();
    played.recording.expect_failure(&["the server closed the connection", "into the stream"]);
    played.check_capture();
}

/// Records a server of `name` and gives what came of it.
fn record_untrusted(name: &str, good: bool, args: impl FnOnce(&Authority) -> Vec<String>) -> Recording {
    let authority = Authority::new();
    let front = Front::start(secure(authority.server(name, good, &[&TLS13])));
    let args = args(&authority);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let played = Scene::of("gst_av").with(&args).behind(&front, "rtsps");
    front.finish();
    played.recording
}

#[test]
fn certificates_that_are_not_good() {
    let trusting = |authority: &Authority| trusting(authority).to_vec();
    let stranger = Authority::new();
    let strange = |_: &Authority| vec!["--tls-ca".to_owned(), stranger.file().display().to_string()];
    record_untrusted("127.0.0.1", true, strange).expect_failure(&["unknown issuer", "--tls-ca", "--insecure"]);
    record_untrusted("127.0.0.1", true, |_| vec![]).expect_failure(&["unknown issuer", "--tls-ca", "--insecure"]);
    record_untrusted("127.0.0.2", true, trusting).expect_failure(&["another host", "--insecure"]);
    record_untrusted("localhost", true, trusting).expect_failure(&["another host", "--insecure"]);
    record_untrusted("127.0.0.1", false, trusting).expect_failure(&["expired", "--insecure"]);
}

#[test]
fn a_certificate_that_is_given_itself() {
    let itself = |authority: &Authority| vec!["--tls-ca".to_owned(), authority.server_file().display().to_string()];
    record_untrusted("some.camera", false, itself).expect_success();
}

#[test]
fn any_certificate_will_do() {
    let recording = record_untrusted("some.camera", false, |_| vec!["--insecure".to_owned()]);
    recording.expect_success();
    let text = text_of(&recording);
    assert!(text.contains("not verified (--insecure)") && text.contains("all the same: "), "the capture says so");
}

#[test]
fn a_warning_for_a_certificate_that_is_not_good() {
    let authority = Authority::new();
    let front = Front::start(secure(authority.server("some.camera", true, &[&TLS13])));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("x.pcapng");
    let played = Scene::of("gst_av").behind_with(&front, "rtsps", |url| {
        let mut command = rtsp_rec();
        command.args(["record", url, "--insecure", "-d", "100ms", "-o"]).arg(&file);
        command.output().expect("rtsp-rec can be run")
    });
    front.finish();
    let stderr = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("warning: rtsps://")).count(), 1, "{stderr}");
    assert!(stderr.contains("unknown issuer (--insecure)"), "{stderr}");
}

/// A server that answers the first bytes with these, and closes.
fn answer_once(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let _len = stream.read(&mut [0; 4096])?;
        stream.write_all(answer)
    });
    format!("rtsps://{address}/live")
}

#[test]
fn a_server_without_tls() {
    let answers = answer_once(b"RTSP/1.0 400 Bad Request\r\n\r\n");
    record(&answers, &[], "").expect_failure(&["does not speak TLS", "rtsp://"]);
    record(&answer_once(b""), &[], "").expect_failure(&["closed the connection during the TLS handshake"]);
    // Only here is silence what is waited for: how fast the others answer is the machine's affair.
    let args = ["--connect-timeout".to_owned(), "300ms".to_owned()];
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("rtsps://{}/live", silent.local_addr().expect("it is bound"));
    record(&url, &args, "").expect_failure(&["no answer within 300ms", "TLS"]);
}

#[test]
fn a_tunnel() {
    let (played, heads) = plays("gst_av", tunnel(), &[]);
    let [get, post] = heads.as_slice() else { panic!("{heads:?}") };
    assert_eq!((word(get, 0), word(post, 0)), ("GET", "POST"));
    assert_eq!(header(get, "x-sessioncookie"), header(post, "x-sessioncookie"));
    assert!(text_of(&played.recording).contains(" over HTTP]"), "the interface description says so");
}

#[test]
fn a_tunnel_in_small_pieces() {
    plays("mediamtx_live", Rules { piece: 1, ..tunnel() }, &[]);
}

#[test]
fn a_tunnel_and_a_login_in_it() {
    plays("gst_digest", tunnel(), &[]);
}

#[test]
fn a_tunnel_that_wants_a_login() {
    let (_, heads) = plays("aio_av", Rules { challenge: Some(DIGEST), ..tunnel() }, &[]);
    let logins: Vec<bool> = heads.iter().map(|head| header(head, "Authorization").is_some()).collect();
    assert_eq!(logins, [false, true, true], "GET, GET, POST");
}

#[test]
fn a_login_for_the_tunnel_and_another_in_it() {
    let (played, _) = play("gst_digest", Rules { challenge: Some(DIGEST), ..tunnel() }, &[]);
    played.recording.expect_success();
    played.check_capture();
}

#[test]
fn a_tunnel_over_tls() {
    let authority = Authority::new();
    let tls = Some(authority.server("127.0.0.1", true, &[&TLS13]));
    let trust = trusting(&authority);
    let (played, _) = plays("gst_av", Rules { tls, ..tunnel() }, &trust.each_ref().map(String::as_str));
    assert!(text_of(&played.recording).contains(" over HTTP over TLS 1.3 "));
}

#[test]
fn a_server_that_closes_each_post() {
    let (played, heads) = plays("gst_av", Rules { short_posts: true, ..tunnel() }, &[]);
    assert_eq!(heads.len(), 1 + played.messages().len(), "a POST for each message: {heads:?}");
}

#[test]
fn a_server_that_pushes_requests_through_a_tunnel() {
    let (played, _) = play("case_server_requests", tunnel(), &[]);
    played.recording.expect_success();
    played.check_requests();
    played.check_bytes();
}

#[test]
fn a_server_that_answers_no_http() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("rtsp://{}/live", silent.local_addr().expect("it is bound"));
    for (transport, hint) in [("http", "tunnel RTSP through HTTP"), ("ws", "RTSP over WebSocket")] {
        let args = ["-t", transport, "--connect-timeout", "300ms"].map(str::to_owned);
        record(&url, &args, "").expect_failure(&["no answer within 300ms", hint]);
    }
}

#[test]
fn tunnels_that_are_refused() {
    let refused = |refusal: &'static str| {
        let front = Front::start(Rules { refusal: Some(refusal), ..tunnel() });
        let args = ["-t", "http", "--user", "user"].map(str::to_owned);
        let recording = record(&format!("rtsp://{}/live", front.address), &args, "wrong");
        front.finish();
        recording
    };
    refused("HTTP/1.1 404 Not Found\r\n\r\n").expect_failure(&["GET rtsp://", "404 Not Found", "tunnel"]);
    refused(DIGEST).expect_failure(&["does not accept the user name or password"]);
    refused("RTSP/1.0 400 Bad Request\r\n\r\n").expect_failure(&["400 Bad Request", "does it tunnel RTSP"]);
    refused("SSH-2.0-x\r\n\r\n").expect_failure(&["does not speak HTTP"]);
}

#[test]
fn a_web_socket() {
    let (played, heads) = plays("gst_av", web_socket(), &[]);
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(text_of(&played.recording).contains(" over WebSocket]"), "the interface description says so");
}

#[test]
fn a_web_socket_over_tls() {
    for (version, name) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
        let authority = Authority::new();
        let tls = Some(authority.server("127.0.0.1", true, &[version]));
        let trust = trusting(&authority);
        let (played, _) = plays("gst_av", Rules { tls, ..web_socket() }, &trust.each_ref().map(String::as_str));
        assert!(text_of(&played.recording).contains(&format!(" over WebSocket over TLS {name} ")));
    }
}

#[test]
fn a_web_socket_over_tls_in_small_records_and_a_login_in_it() {
    let authority = Authority::new();
    let tls = Some(authority.server("127.0.0.1", true, &[&TLS13]));
    let trust = trusting(&authority);
    plays("gst_digest", Rules { tls, piece: 7, ..web_socket() }, &trust.each_ref().map(String::as_str));
}

#[test]
fn a_web_socket_over_tls_that_wants_a_login() {
    let authority = Authority::new();
    let tls = Some(authority.server("127.0.0.1", true, &[&TLS13]));
    let trust = trusting(&authority);
    let rules = Rules { tls, challenge: Some(DIGEST), ..web_socket() };
    let (_, heads) = plays("aio_av", rules, &trust.each_ref().map(String::as_str));
    let logins: Vec<bool> = heads.iter().map(|head| header(head, "Authorization").is_some()).collect();
    assert_eq!(logins, [false, true]);
}

/// Whoever is not known gets no request, and no key of the WebSocket.
#[test]
fn a_web_socket_to_a_server_that_is_not_believed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let config = authority.server("some.camera", true, &[&TLS13]);
    let trust = |file: std::path::PathBuf| vec!["--tls-ca".to_owned(), file.display().to_string()];
    for (args, says) in [
        (vec![], "unknown issuer"),
        (trust(stranger.file()), "unknown issuer"),
        (trust(authority.file()), "another host"),
        (trust(authority.server_file()), ""),
        (vec!["--insecure".to_owned()], ""),
    ] {
        let front = Front::start(Rules { tls: Some(Arc::clone(&config)), ..web_socket() });
        let args: Vec<&str> = ["-t", "ws"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let played = Scene::of("gst_av").with(&args).behind(&front, "rtsps");
        let heads = front.finish();
        assert_eq!(heads.is_empty(), !says.is_empty(), "{args:?}: {heads:?}");
        if says.is_empty() {
            played.recording.expect_success();
        } else {
            played.recording.expect_failure(&[says, "--insecure"]);
        }
    }
}
