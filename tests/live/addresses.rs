//! IPv6, the port that Wireshark knows, and ports that it does not.

use crate::judges::Capture;
use crate::link::{Namespace, within};
use crate::peers::Peer;
use crate::process::run;
use crate::recorder::{Place, RECORD_LIMIT, record_command, table};

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ipv6_loopback() {
    let server = Peer::gstreamer_at("::1", &[]);
    let (_place, capture) = recorded(&server, &[], 554);
    assert_eq!(capture.count("ipv6.src == ::1 && ipv6.dst == ::1 && rtp"), capture.count("rtp"));
    assert_eq!(capture.count("ip"), 0, "no IPv4");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn port_8554_stays() {
    // Somebody may use that port of this machine.
    let namespace = Namespace::new("8554");
    let server = Peer::gstreamer_within(&namespace.0, "127.0.0.1", &["--port", "8554"]);
    recorded_within(Some(&namespace), &server, &[], 8554);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn an_odd_port_becomes_554() {
    recorded(&Peer::gstreamer(&[]), &[], 554);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn an_odd_port_is_kept_when_asked() {
    let server = Peer::gstreamer(&[]);
    recorded(&server, &["--keep-ports"], server.port);
}

/// Records two seconds; the capture shows the server at `port`, holds media, and `analyze` knows the real address.
fn recorded(server: &Peer, options: &[&str], port: u16) -> (Place, Capture) {
    recorded_within(None, server, options, port)
}

fn recorded_within(namespace: Option<&Namespace>, server: &Peer, options: &[&str], port: u16) -> (Place, Capture) {
    let place = Place::new();
    let options = [&["-d", "2s"], options].concat();
    let command = record_command(&server.url("av"), &place.file(), &options);
    let inner = namespace.map(|namespace| within(&namespace.0, &command));
    run(&mut inner.unwrap_or(command), RECORD_LIMIT).expect_code(0);
    let capture = Capture { file: place.file(), port };
    let ports = capture.rows("tcp.flags.syn == 1 && tcp.flags.ack == 0", &["tcp.dstport"]).concat();
    assert_eq!(ports, [port.to_string()]);
    assert!(capture.count("rtp") > 0, "no media");
    let streams = table(&capture.file, "streams");
    let real = format!(":{}", server.port);
    assert!(streams.iter().all(|stream| stream["server"].ends_with(&real)), "{streams:?}");
    (place, capture)
}
