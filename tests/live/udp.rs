//! UDP and multicast from real servers, and over a link that loses packets: the recording is what tcpdump saw.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::judges::{Capture, assert_opens};
use crate::peers::Peer;
use crate::process::{Running, await_that};
use crate::recorder::{Place, Row, TOOL_LIMIT, number, record, record_command, rtsp_rec, sum, table};
use crate::wire::{Wire, packets};

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
    agrees_with_the_wire(&[], "udp");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_multicast() {
    agrees_with_the_wire(&["--group", "239.255.42.42:42420-42429"], "multicast");
}

/// Records a stream of a few seconds to its end, with tcpdump beside it.
fn agrees_with_the_wire(server: &[&str], transport: &str) {
    let (server, place) = (Peer::gstreamer(server), Place::new());
    let wire = Wire::tap_with_udp(&place, server.port);
    record(&server.url("short"), &place.file(), &["-t", transport, "--idle-timeout", "10s"]).expect_code(0);
    let (wire, ours) = (wire.stop(), Capture::ours(place.file()));

    assert_opens(&ours.file);
    let streams = table(&ours.file, "streams");
    assert_eq!(streams.len(), 2, "{streams:#?}");
    assert!(streams.iter().all(|row| row["transport"] == transport && row["lost"] == "0"), "{streams:#?}");
    assert_same_rows(&streams, &table(&wire.file, "streams"));
    let rtp = ours.count("rtp") - ours.count("rtp.ssrc == 0");
    assert_eq!(sum(&streams, "packets"), rtp, "RTP packets: analyze, tshark");
    assert_eq!(sum(&streams, "sr_count"), ours.count("rtcp.pt == 200"), "sender reports: analyze, tshark");
    assert!(ours.count("rtcp.pt == 201") > 0, "receiver reports");
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
    let streams = table(&ours.file, "streams");
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
    let (place, names) =
        (Place::new(), ["server", "client"].map(|end| format!("rtsp-rec-{}-{end}", std::process::id())));
    let link = Running::start(
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/lossy_link.py"))
            .args(&names)
            .args(["--loss", &LOSS.to_string(), "--duplicate", &DUPLICATION.to_string()])
            .args(["--delay", "40", "--reorder", "3"]),
    );
    link.line_with("ready", TOOL_LIMIT);
    let [server, client] = &names;
    let replay = replay_in(server);
    let wire = place.dir().join("wire.pcap");
    let tcpdump = tcpdump_in(client, &wire);
    let recording = Running::start(&mut within(
        client,
        &record_command("rtsp://10.77.0.1:8554/short", &place.file(), &["-t", "udp", "-d", "9s"]),
    ));
    // What is on its way when the server is gone arrives, and is recorded: then nothing more comes.
    await_that("tcpdump has seen thousands of packets", TOOL_LIMIT, || packets(&wire, "udp") > 4000);
    drop(replay);
    recording.finish(TOOL_LIMIT).expect_code(0);
    tcpdump.signal("INT");
    tcpdump.finish(TOOL_LIMIT).expect_code(0);
    link.signal("INT");
    let did = link.finish(TOOL_LIMIT).expect_code(0).stdout.clone();

    assert_opens(&place.file());
    let (ours, theirs) = (table(&place.file(), "streams"), table(&wire, "streams"));
    assert_eq!(ours.len(), 2, "{ours:#?}");
    assert_same_rows(&ours, &theirs);
    assert_it_is_what_was_done(&ours, &did);
}

/// Loss and duplication lie within the confidence interval of what was asked for, and next to what was done.
fn assert_it_is_what_was_done(streams: &[Row], did: &str) {
    let [rtp, lost, duplicated, reordered] =
        ["rtp ", "lost ", "duplicated ", "reordered "].map(|name| counted(did, name));
    let expected = sum(streams, "expected");
    assert!(expected > 3000 && expected <= rtp, "{expected} expected, {rtp} sent");
    // The numbers tell nothing of what was lost before the first packet of a stream and behind its last.
    let unseen = rtp - expected;
    assert!(sum(streams, "missing") <= lost && lost <= sum(streams, "missing") + unseen, "{streams:#?} {did}");
    assert_within("loss", sum(streams, "missing"), expected, LOSS);
    assert_within("duplication", sum(streams, "duplicates"), expected - sum(streams, "missing"), DUPLICATION);
    assert!(sum(streams, "duplicates").abs_diff(duplicated) <= 1, "{streams:#?} {did}");
    let late = sum(streams, "reordered");
    assert!(reordered > 0 && late > 0, "{late} came late as {reordered} overtook them");
}

/// What the link counted under a name.
fn counted(did: &str, name: &str) -> usize {
    let rest = did.split(name).nth(1).and_then(|rest| rest.split_whitespace().next());
    rest.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {name} in {did:?}"))
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn assert_within(what: &str, seen: usize, of: usize, per_cent: f64) {
    let (chance, of, seen) = (per_cent / 100.0, of as f64, seen as f64);
    let deviation = (of * chance * (1.0 - chance)).sqrt();
    let away = (seen - of * chance).abs();
    assert!(away <= DEVIATIONS * deviation, "{what}: {seen} of {of}, where {per_cent} % were to be");
}

/// The sample, eight times as fast and for ever, in a namespace.
fn replay_in(namespace: &str) -> Running {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/gstreamer_h264_aac.pcapng");
    let mut command = rtsp_rec();
    command.args(["replay", sample, "--listen", "10.77.0.1:8554", "--loop", "--speed", "8"]);
    let replay = Running::start(&mut within(namespace, &command));
    replay.line_with("Serving", TOOL_LIMIT);
    replay
}

fn tcpdump_in(namespace: &str, file: &Path) -> Running {
    let mut command = Command::new("tcpdump");
    command.args(["-i", "link0", "-n", "-s0", "--immediate-mode", "-U", "-Z", "root", "-B", "32768", "-w"]).arg(file);
    let tcpdump = Running::start(&mut within(namespace, &command));
    tcpdump.await_stderr("listening on link0", Duration::from_secs(20));
    thread::sleep(Duration::from_millis(200));
    tcpdump
}

/// The command in a network namespace.
fn within(namespace: &str, command: &Command) -> Command {
    let mut outer = Command::new("ip");
    outer.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    outer
}
