//! UDP and multicast from real servers, and over a link that loses packets: the recording is what tcpdump saw.

use crate::exports::assert_view;
use crate::judges::{Capture, assert_opens};
use crate::link::{Link, SERVER, Treatment, within};
use crate::peers::Peer;
use crate::process::{Running, await_that, run};
use crate::recorder::{Place, RECORD_LIMIT, Row, TOOL_LIMIT, number, record, record_command, rtsp_rec, sum, table};
use crate::wire::Wire;

/// What both captures must say alike, to the last packet.
const SAME: [&str; 17] = [
    "track",
    "media",
    "encoding",
    "transport",
    "channel",
    "direction",
    "ssrc",
    "packets",
    "payload_bytes",
    "first_seq",
    "last_ext_seq",
    "expected",
    "lost",
    "missing",
    "duplicates",
    "reordered",
    "sr_count",
];

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_udp() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let wire = Wire::tap_with_udp(&place, server.port);
    record(&server.url("short"), &place.file(), &["-t", "udp", "--idle-timeout", "10s"]).expect_code(0);
    assert_agrees_with_the_wire(&place, &wire.stop(), "udp");
    let (ours, streams) = (Capture::ours(place.file()), table(&place.file(), "streams"));
    let punches = ours.count("rtp.ssrc == 0");
    assert_eq!(sum(&streams, "packets"), ours.count("rtp") - punches, "RTP packets: analyze, tshark");
    assert_eq!(sum(&streams, "sr_count"), ours.count("rtcp.pt == 200"), "sender reports: analyze, tshark");
}

/// Its server keeps the ports of the group to itself, so it is on another host.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_multicast() {
    let (link, place) = (Link::new("group", &[]), Place::new());
    let group = ["--group", "239.255.42.42:42420-42429@link0"];
    let server = Peer::gstreamer_within(&link.server, SERVER, &group);
    let wire = Wire::tap_link(&place, &link, server.port);
    let options = ["-t", "multicast", "--idle-timeout", "10s"];
    let recording = record_command(&server.url("short"), &place.file(), &options);
    run(&mut within(&link.client, &recording), RECORD_LIMIT).expect_code(0);
    assert_agrees_with_the_wire(&place, &wire.stop(), "multicast");
}

/// A stream of a few seconds that was recorded to its end.
fn assert_agrees_with_the_wire(place: &Place, wire: &Capture, transport: &str) {
    let ours = Capture::ours(place.file());
    assert_opens(&ours.file);
    let streams = table(&ours.file, "streams");
    assert_eq!(streams.len(), 2, "{streams:#?}");
    assert!(streams.iter().all(|row| row["transport"] == transport && row["lost"] == "0"), "{streams:#?}");
    assert_same_rows(&streams, &table(&wire.file, "streams"));
    let reports = table(&ours.file, "report_blocks");
    assert!(reports.iter().any(|row| row["direction"] == "c2s"), "{reports:#?}");
    assert_eq!(reports.len(), table(&wire.file, "report_blocks").len(), "reports: ours, on the wire");
    assert_view(place, &ours.file);
}

fn assert_same_rows(ours: &[Row], theirs: &[Row]) {
    assert_eq!(ours.len(), theirs.len(), "{ours:#?} {theirs:#?}");
    for (our, their) in ours.iter().zip(theirs) {
        for column in SAME {
            assert_eq!(our[column], their[column], "{column}: ours, the wire's\n{our:#?}\n{their:#?}");
        }
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn vlc_over_udp_after_it_refused_tcp() {
    let (server, place) = (Peer::vlc(), Place::new());
    record(&server.url("x"), &place.file(), &["-t", "tcp,udp", "-d", "4s"]).expect_code(0);
    let ours = Capture::ours(place.file());
    assert_opens(&ours.file);
    assert!(ours.statuses().contains(&"461".to_owned()), "{:?}", ours.statuses());
    // Its sender reports name a source that sends nothing.
    let streams: Vec<Row> = table(&ours.file, "streams").into_iter().filter(|row| row["packets"] != "0").collect();
    assert_eq!(streams.len(), 2, "{streams:#?}");
    for row in &streams {
        assert!(row["transport"] == "udp" && number(row, "packets") > 50 && row["lost"] == "0", "{row:#?}");
    }
}

/// What the link does, in per cent.
const LOSS: f64 = 4.0;
const DUPLICATION: f64 = 1.0;

/// 99.9 % of a normal distribution lie within so many standard deviations.
const DEVIATIONS: f64 = 3.29;

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_lossy_link_is_seen_as_it_is() {
    let [loss, duplication] = [LOSS, DUPLICATION].map(|per_cent| per_cent.to_string());
    let options = ["--loss", &loss, "--duplicate", &duplication, "--delay", "40", "--reorder", "3"];
    let (place, link) = (Place::new(), Link::new("lossy", &options));
    let replay = replay_within(&link.server);
    let wire = Wire::tap_link(&place, &link, 8554);
    let options = ["-t", "udp", "-d", "9s"];
    let recording = record_command("rtsp://10.77.0.1:8554/short", &place.file(), &options);
    let recording = Running::start(&mut within(&link.client, &recording));
    // What is on its way when the server is gone arrives, and is recorded: then nothing more comes.
    await_that("tcpdump has seen thousands of packets", TOOL_LIMIT, || wire.seen("udp") > 4000);
    drop(replay);
    recording.finish(TOOL_LIMIT).expect_code(0);
    let wire = wire.stop();
    let did = link.finish();

    assert_opens(&place.file());
    let streams = table(&place.file(), "streams");
    assert_eq!(streams.len(), 2, "{streams:#?}");
    assert_same_rows(&streams, &table(&wire.file, "streams"));
    assert_is_what_was_done(&streams, &did);
}

/// Loss and duplication lie within the confidence interval of what was asked for, and are what was done.
fn assert_is_what_was_done(streams: &[Row], did: &Treatment) {
    let [expected, missing, duplicates, late] =
        ["expected", "missing", "duplicates", "reordered"].map(|column| sum(streams, column));
    assert!(expected > 3000 && expected <= did.packets, "{expected} expected: {did:?}");
    // The numbers tell nothing of what was lost before the first packet of a stream and behind its last.
    let unseen = did.packets - expected;
    assert!(missing <= did.lost && did.lost <= missing + unseen, "{missing} missing: {did:?}");
    assert_eq!(duplicates, did.duplicated, "duplicates: {did:?}");
    assert_within("loss", missing, expected, LOSS);
    assert_within("duplication", duplicates, expected - missing, DUPLICATION);
    assert!(did.reordered > 0 && late > 0, "{late} came late: {did:?}");
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn assert_within(what: &str, seen: usize, of: usize, per_cent: f64) {
    let (chance, of, seen) = (per_cent / 100.0, of as f64, seen as f64);
    let deviation = (of * chance * (1.0 - chance)).sqrt();
    let away = (seen - of * chance).abs();
    assert!(away <= DEVIATIONS * deviation, "{what}: {seen} of {of}, where {per_cent} % were to be");
}

/// The sample, eight times as fast and for ever, in a namespace.
pub(crate) fn replay_within(namespace: &str) -> Running {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/gstreamer_h264_aac.pcapng");
    let mut command = rtsp_rec();
    command.args(["replay", sample, "--listen", "10.77.0.1:8554", "--loop", "--speed", "8"]);
    let replay = Running::start(&mut within(namespace, &command));
    replay.line_with("Serving", TOOL_LIMIT);
    replay
}
