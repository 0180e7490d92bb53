//! GStreamer's server behind TLS, a tunnel through HTTP, and both: Wireshark sees RTSP and RTP as if there were none.

use std::fs;

use crate::exports::assert_view;
use crate::judges::Capture;
use crate::peers::Peer;
use crate::recorder::{Place, record, table};
use crate::servers::{assert_counts_agree, assert_one_frame_a_packet, assert_whole_dialogue};
use crate::wire::Wire;

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_tls() {
    records_through_tls(&[], " over TLS 1.3 ");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_through_http_over_tls() {
    records_through_tls(&["-t", "http"], " over HTTP over TLS 1.3 ");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_through_http() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let wire = Wire::tap(&place, server.port);
    record(&server.url("av"), &place.file(), &["-t", "http", "-d", "5s"]).expect_code(0);
    let wire = wire.stop();
    let capture = assert_good(&place, " over HTTP]");
    // On the wire there is the tunnel, through which `analyze` sees.
    let spoken = |capture: &Capture| {
        let rows = table(&capture.file, "messages");
        let tunnelled = rows.into_iter().filter(|row| !row["cseq"].is_empty());
        tunnelled
            .map(|row| (row["direction"].clone(), row["method"].clone(), row["status"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(spoken(&capture), spoken(&wire), "the messages of the capture and of the wire");
    assert_view(&place, &wire.file);
}

/// Records over TLS, whose certificate is known.
fn records_through_tls(options: &[&str], carrier: &str) {
    let place = Place::new();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| place.dir().join(name).display().to_string());
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate can be made");
    fs::write(&certificate, made.cert.pem()).expect("the folder is writable");
    fs::write(&key, made.signing_key.serialize_pem()).expect("the folder is writable");
    let server = Peer::gstreamer(&["--tls", &certificate, &key]);
    let url = server.url("av").replace("rtsp://", "rtsps://");
    let untrusted = record(&url, &place.dir().join("none.pcapng"), options);
    assert!(untrusted.expect_code(1).stderr.contains("--tls-ca"), "{untrusted:?}");
    let options = [&["-d", "5s", "--tls-ca", &certificate], options].concat();
    record(&url, &place.file(), &options).expect_code(0);
    assert_good(&place, carrier);
}

/// The capture holds the session in plain, and says what it came through.
fn assert_good(place: &Place, carrier: &str) -> Capture {
    let capture = Capture::ours(place.file());
    assert_whole_dialogue(&capture, 2);
    assert_one_frame_a_packet(&capture);
    assert_counts_agree(&capture, 2);
    assert_eq!(capture.rows("tcp.analysis.flags", &["frame.number", "_ws.col.Info"]), Vec::<Vec<String>>::new());
    let findings = table(&capture.file, "findings");
    assert!(findings.iter().any(|row| row["code"] == "tcp-info"), "what the system knows of TCP: {findings:?}");
    let text = String::from_utf8_lossy(&fs::read(&capture.file).expect("there is a capture")).into_owned();
    assert!(text.contains(carrier), "the interface description says {carrier:?}");
    capture
}
