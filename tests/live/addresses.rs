//! IPv6, the port that Wireshark knows, and ports that it does not.

use crate::judges::Capture;
use crate::peers::Peer;
use crate::recorder::{Place, record, table};

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
    recorded(&Peer::gstreamer(&["--port", "8554"]), &[], 8554);
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
    let place = Place::new();
    let options = [&["-d", "2s"], options].concat();
    record(&server.url("av"), &place.file(), &options).expect_code(0);
    let capture = Capture { file: place.file(), port };
    let ports = capture.rows("tcp.flags.syn == 1 && tcp.flags.ack == 0", &["tcp.dstport"]).concat();
    assert_eq!(ports, [port.to_string()]);
    assert!(capture.count("rtp") > 0, "no media");
    let streams = table(&capture.file, "streams");
    let real = format!(":{}", server.port);
    assert!(streams.iter().all(|stream| stream["server"].ends_with(&real)), "{streams:?}");
    (place, capture)
}
