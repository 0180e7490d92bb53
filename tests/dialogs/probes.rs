//! `rtsp-rec probe` of the servers of the transcripts. They speak with one client at a time, so the second session of
//! two waits for the first one; and they answer SETUP as they did then, over TCP.

use std::process::Stdio;
use std::sync::Arc;
use std::thread;

use serde_json::Value;

use crate::gate::{PASSWORD, USER};
use crate::recorder::rtsp_rec;
use crate::server::{Log, Server};
use crate::transcript::Transcript;

/// What was found out.
struct Probed {
    code: Option<i32>,
    stderr: String,
    found: Value,
    logs: Vec<Log>,
}

fn probe(name: &str, login: &[&str]) -> Probed {
    let transcript = Arc::new(Transcript::load(name));
    let server = Server::start(Arc::clone(&transcript), "127.0.0.1", &[]).expect("a free port");
    let url = transcript.url().replace(transcript.authority(), &server.address.to_string());
    let mut command = rtsp_rec();
    command.args(["probe", &url, "--format", "json", "--timeout", "6s"]).args(login);
    let output = command.env("RTSP_REC_PASSWORD", PASSWORD).stdin(Stdio::null()).output().expect("rtsp-rec can be run");
    let (code, stderr) = (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
    let found = serde_json::from_slice(&output.stdout).expect("an object");
    Probed { code, stderr, found, logs: server.finish() }
}

/// The same of several at once: most of the time is spent waiting.
fn probe_all(names: &[&str], login: &[&str]) -> Vec<Probed> {
    thread::scope(|scope| {
        let probes: Vec<_> = names.iter().map(|name| scope.spawn(move || probe(name, login))).collect();
        probes.into_iter().map(|probe| probe.join().expect("a probe")).collect()
    })
}

impl Probed {
    /// What came of TCP at the URL's port.
    fn tcp(&self) -> &Value {
        &self.found["transports"][0]
    }

    fn keep_alive(&self, method: &str) -> &Value {
        let all = self.found["keep_alive"].as_array().expect("rows");
        all.iter().find(|row| row["method"] == method).expect("a row")
    }
}

#[test]
fn servers_that_can_be_recorded() {
    let names = ["gst_av", "live555_ipv6", "mediamtx_live"];
    for (name, probed) in names.iter().zip(probe_all(&names, &[])) {
        assert_eq!((probed.code, &probed.tcp()["result"]), (Some(0), &"works".into()), "{name}: {}", probed.stderr);
        assert_eq!(probed.found["description"]["tracks"].as_array().map(Vec::len), Some(2), "{name}");
        assert_eq!(probed.keep_alive("OPTIONS")["result"], "works", "{name}");
    }
}

#[test]
fn logins() {
    let names = ["dss_digest", "dss_basic", "mediamtx_auth", "live555_digest"];
    let schemes = ["Digest MD5", "Basic", "Digest MD5", "Digest MD5"];
    for (scheme, probed) in schemes.iter().zip(probe_all(&names, &["--user", USER])) {
        let login = &probed.found["login"];
        assert_eq!((&login["state"], &login["scheme"]), (&"accepted".into(), &(*scheme).into()), "{login}");
        assert!(login["offered"][0]["realm"].is_string(), "{login}");
    }
    let probed = probe("dss_digest", &["--user", "nobody"]);
    assert_eq!((probed.code, &probed.found["login"]["state"]), (Some(1), &"refused".into()));
    let messages = probed.logs.iter().flat_map(|log| &log.messages);
    assert_eq!(messages.filter(|message| message.contains("Authorization")).count(), 1, "one wrong try");
}

#[test]
fn what_they_are_known_for() {
    let probed = probe_all(&["dss_renumbered", "case_keep_alive_unanswered", "go2rtc_live"], &[]);
    let [darwin, unanswered, go2rtc] = probed.try_into().unwrap_or_else(|_| panic!("three of them"));
    assert!(darwin.tcp()["detail"].as_str().unwrap().contains("channels renumbered to 4-5, 8-9"), "{}", darwin.tcp());
    assert_eq!(unanswered.keep_alive("GET_PARAMETER")["result"], "no-answer");
    assert_eq!(unanswered.found["session"]["timeout_s"], 1);
    assert!(go2rtc.tcp()["detail"].as_str().unwrap().contains("TEARDOWN not answered"), "{}", go2rtc.tcp());
    assert_eq!(go2rtc.found["session"]["teardown_ms"], Value::Null);
}

#[test]
fn servers_that_do_not_serve_over_tcp_or_at_all() {
    let names = ["npm_461", "rtsprs_461", "vlc_461", "dss_404"];
    for (name, probed) in names.iter().zip(probe_all(&names, &[])) {
        let words = match *name {
            "dss_404" => "DESCRIBE: 404 Not Found; is the path right?",
            _ => "no transport works: tcp SETUP: 461",
        };
        assert_eq!((probed.code, probed.stderr.lines().count()), (Some(1), 1), "{name}: {}", probed.stderr);
        assert!(probed.stderr.contains(words), "{name}: {}", probed.stderr);
        assert_eq!(probed.found["record"], Value::Null, "{name}");
    }
}
