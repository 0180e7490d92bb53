//! Sessions that `record` does not speak itself, captured from other clients: SRTP, retransmission (RFC 4588), all tracks on
//! one pair of ports, RTSP in WebSocket frames. Track by track `analyze` says of them what it says of a recording over TCP.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::judges::Capture;
use crate::link::{Link, SERVER, within};
use crate::peers::{Peer, script};
use crate::process::{Running, run};
use crate::recorder::{Place, RECORD_LIMIT, Row, number, record, table};
use crate::wire::Wire;

/// Ends after a few seconds, with BYE.
const STREAM: &str = "short";
const LONG_AFTER_STREAM: Duration = Duration::from_secs(20);
/// A server that repeats for a second what its clients ask for.
const RETRANSMITTING: [&str; 3] = ["--profile", "avpf", "--retransmission"];
/// What RTP headers say alike of every session with that stream.
const OF_HEADERS: [&str; 12] = [
    "track",
    "media",
    "encoding",
    "payload_type",
    "clock_rate_hz",
    "packets",
    "expected",
    "lost",
    "missing",
    "duplicates",
    "restarts",
    "marker_packets",
];
/// What payloads say alike.
const OF_PAYLOADS: [&str; 5] = ["payload_bytes", "frames", "incomplete_frames", "frame_rate_fps", "key_frames"];

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn srtp_over_tcp() {
    encrypted("tcp");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn srtp_over_udp() {
    encrypted("udp");
}

fn encrypted(transport: &str) {
    let (_place, wire) = seen_beside_gst_launch(served(&["--profile", "savp"], transport));
    let streams = assert_equal_tracks(&wire, &plain_recording(), &OF_HEADERS);
    for row in &streams {
        for column in ["frames", "key_frames", "incomplete_frames", "frame_rate_fps", "cname", "sr_last_packets"] {
            assert_eq!(row[column], "", "{column}, of what cannot be read: {row:#?}");
        }
        assert!(number(row, "sr_count") > 0, "its reports are counted: {row:#?}");
    }
    assert_eq!(troubles(&wire.file), ["media-encrypted"]);
    for name in ["sender_reports", "report_blocks", "frames"] {
        assert_eq!(table(&wire.file, name), [], "rows of {name}, of what cannot be read");
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn retransmission_over_tcp() {
    repaired("tcp");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn retransmission_over_udp() {
    repaired("udp");
}

fn repaired(transport: &str) {
    let (_place, wire) = seen_beside_gst_launch(served(&RETRANSMITTING, transport));
    assert_repaired(&wire);
}

/// Retransmission was on offer, and the media is that of a recording without it.
fn assert_repaired(capture: &Capture) {
    let bytes = fs::read(&capture.file).expect("there is a capture");
    assert!(String::from_utf8_lossy(&bytes).contains("a=rtpmap:98 rtx/90000"), "no retransmission on offer");
    assert_equal_tracks(capture, &plain_recording(), &[&OF_HEADERS[..], &OF_PAYLOADS].concat());
    // GStreamer's server numbers repeats that it then does not send. Of the media nothing is missing, as its row says. That
    // packets were sent again is told; its client asks for what is merely late.
    let beside = |code: &String| !matches!(&**code, "sequence-gap" | "retransmitted");
    assert_eq!(troubles(&capture.file).into_iter().filter(beside).collect::<Vec<_>>(), [""; 0]);
}

/// Behind a link that loses packets a lot is sent once more; before it nothing of the media is missing.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn retransmission_of_what_a_link_loses() {
    let link = Link::new("rtx", &["--loss", "5"]);
    let (_place, wire) = seen_beside_gst_launch(|place| {
        let server = Peer::gstreamer_within(&link.server, SERVER, &RETRANSMITTING);
        let wire = Wire::tap_server_end(place, &link, server.port);
        let client = within(&link.client, &gst_launch_command(&server, "udp"));
        (server, wire, client)
    });
    assert_repaired(&wire);
    let streams = table(&wire.file, "streams");
    let repairs: Vec<&Row> = streams.iter().filter(|row| row["encoding"] == "rtx").collect();
    assert!(repairs.iter().any(|row| number(row, "packets") > 0), "nothing was sent once more: {streams:#?}");
    for row in repairs {
        assert!(row["restarts"] == "0" && row["frames"].is_empty(), "{row:#?}");
    }
    assert!(troubles(&wire.file).iter().any(|code| code == "retransmitted"), "it is told");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn one_pair_of_ports_at_both_ends() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let relay = Peer::relay(server.port, "--one-pair");
    let wire = Wire::tap_with_udp(&place, relay.port);
    view(&relay, "--one-pair");
    let wire = wire.stop();
    assert_equal_to_tcp(&place, &wire, &server);
    assert_one_server_port(&table(&wire.file, "streams"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn one_pair_of_ports_at_the_server() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let relay = Peer::relay(server.port, "--one-pair");
    let ours = place.dir().join("udp.pcapng");
    let wire = Wire::tap_with_udp(&place, relay.port);
    record(&relay.url(STREAM), &ours, &["-t", "udp"]).expect_code(0);
    let wire = wire.stop();
    let recorded = recorded_over_tcp(&place, &server);
    for capture in [&wire, &Capture::ours(ours)] {
        assert_equal_and_untroubled(capture, &recorded);
    }
    assert_one_server_port(&table(&wire.file, "streams"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn rtsp_in_websocket_frames() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let relay = Peer::relay(server.port, "--websocket");
    let wire = Wire::tap(&place, relay.port);
    view(&relay, "--websocket");
    let wire = wire.stop();
    assert_equal_to_tcp(&place, &wire, &server);
    let messages = table(&wire.file, "messages");
    let requests = messages.iter().filter(|row| row["kind"] == "request");
    let methods: Vec<&str> = requests.map(|row| &*row["method"]).collect();
    assert_eq!(methods, ["GET", "OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]);
}

/// tcpdump beside a session with this transport.
fn tap(place: &Place, port: u16, transport: &str) -> Wire {
    if transport == "udp" { Wire::tap_with_udp(place, port) } else { Wire::tap(place, port) }
}

/// A server with these options, tcpdump, and GStreamer's client with this transport.
fn served(options: &[&str], transport: &str) -> impl Fn(&Place) -> (Peer, Wire, Command) {
    move |place| {
        let server = Peer::gstreamer(options);
        let (wire, client) = (tap(place, server.port, transport), gst_launch_command(&server, transport));
        (server, wire, client)
    }
}

/// What tcpdump saw of GStreamer's client, to the end of the stream. On a busy machine the client now and then hangs before the
/// end of an encrypted stream, deaf to SIGINT, or finds its connection closed when it says at the end of one that it leaves.
/// Then another server and client have their turn.
fn seen_beside_gst_launch(scene: impl Fn(&Place) -> (Peer, Wire, Command)) -> (Place, Capture) {
    let mut failures = Vec::new();
    for _ in 0..3 {
        let place = Place::new();
        let (_server, wire, mut client) = scene(&place);
        let client = Running::start(&mut client);
        if !client.ends_within(LONG_AFTER_STREAM) {
            failures.push("it hangs".to_owned());
            continue;
        }
        let outcome = client.finish(RECORD_LIMIT);
        if outcome.status.success() {
            return (place, wire.stop());
        }
        failures.push(outcome.stderr);
    }
    panic!("GStreamer's client fails each time: {failures:#?}");
}

/// It asks for what was lost, and encrypts, where the server offers it.
fn gst_launch_command(server: &Peer, transport: &str) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.args(["-q", "rtspsrc", "name=source", &format!("location={}", server.url(STREAM))]);
    command.arg(format!("protocols={transport}"));
    command.args("source. ! queue ! fakesink source. ! queue ! fakesink".split(' '));
    command
}

/// The client of `tests/peers`, to the end of the stream.
fn view(relay: &Peer, how: &str) {
    run(Command::new(script("viewer.py")).arg(relay.url(STREAM)).arg(how), RECORD_LIMIT).expect_code(0);
}

/// The streams of a recording over TCP of a server that serves the same files as plain RTP.
fn plain_recording() -> Vec<Row> {
    recorded_over_tcp(&Place::new(), &Peer::gstreamer(&[]))
}

fn recorded_over_tcp(place: &Place, server: &Peer) -> Vec<Row> {
    record(&server.url(STREAM), &place.file(), &["-t", "tcp"]).expect_code(0);
    table(&place.file(), "streams")
}

/// All columns that tell of media are those of a recording over TCP, and nothing is odd.
fn assert_equal_to_tcp(place: &Place, capture: &Capture, server: &Peer) {
    assert_equal_and_untroubled(capture, &recorded_over_tcp(place, server));
}

fn assert_equal_and_untroubled(capture: &Capture, recorded: &[Row]) {
    assert_equal_tracks(capture, recorded, &[&OF_HEADERS[..], &OF_PAYLOADS].concat());
    assert_eq!(troubles(&capture.file), [""; 0]);
}

/// Each track has its row, and these columns of it are those of the recording. Returns the rows of the media.
fn assert_equal_tracks(capture: &Capture, recorded: &[Row], columns: &[&str]) -> Vec<Row> {
    let mut streams = table(&capture.file, "streams");
    // What was repaired is beside the media: GStreamer's client asks for what is merely late.
    streams.retain(|row| row["encoding"] != "rtx" && row["packets"] != "0");
    assert_eq!(recorded.len(), 2, "tracks of the recording: {recorded:#?}");
    assert_eq!(cells(&streams, columns), cells(recorded, columns), "{columns:?} of {streams:#?}");
    streams
}

/// These cells of the rows, in the order of tracks.
fn cells<'a>(streams: &'a [Row], columns: &[&str]) -> Vec<Vec<&'a str>> {
    let row = |row: &'a Row| columns.iter().map(|column| &*row[*column]).collect();
    let mut rows: Vec<Vec<&str>> = streams.iter().map(row).collect();
    rows.sort();
    rows
}

fn assert_one_server_port(streams: &[Row]) {
    assert!(
        streams.iter().all(|row| row["transport"] == "udp" && row["channel"] == streams[0]["channel"]),
        "{streams:#?}"
    );
}

/// The codes of what is odd about a capture, apart from the client's punches of a NAT, and from a machine that is busy.
fn troubles(file: &Path) -> Vec<String> {
    let codes = table(file, "findings").into_iter().map(|mut row| row.remove("code").expect("a column"));
    codes.filter(|code| !["nat-punch", "tcp-info", "recorder-late"].contains(&&**code)).collect()
}
