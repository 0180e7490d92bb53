//! Five seconds of each server's streams: what Wireshark reads in the capture is what passed, and what `analyze` counts.

use crate::exports::assert_view;
use crate::judges::{Capture, assert_opens};
use crate::peers::Peer;
use crate::recorder::{Place, record, sum, table};
use crate::streams::assert_same_streams;
use crate::wire::Wire;

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_h264_and_aac_from_a_file() {
    records_faithfully(Peer::gstreamer, "av", 2);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_live_h264_and_opus() {
    records_faithfully(Peer::gstreamer, "live", 2);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_h265() {
    records_faithfully(Peer::gstreamer, "h265", 1);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_mjpeg_and_pcmu() {
    records_faithfully(Peer::gstreamer, "mjpeg", 2);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aio_rtsp_toolkit() {
    records_faithfully(|_| Peer::aio(), "h264_aac.mp4", 2);
}

/// Records `path` with tcpdump beside it and holds the capture against what others say.
fn records_faithfully(server: impl Fn(&[&str]) -> Peer, path: &str, tracks: usize) {
    let (server, place) = (server(&[]), Place::new());
    let wire = Wire::tap(&place, server.port);
    record(&server.url(path), &place.file(), &["-d", "5s"]).expect_code(0);
    let wire = wire.stop();
    let capture = Capture::ours(place.file());

    assert_opens(&capture.file);
    assert_whole_dialogue(&capture, tracks);
    assert_nothing_to_complain(&capture, &wire);
    assert_one_frame_a_packet(&capture);
    assert_counts_agree(&capture, tracks);
    assert_same_streams(&capture, &wire);
    assert_view(&place, &capture.file);
}

/// Every step of the session and a 200 for each; a handshake before.
pub(crate) fn assert_whole_dialogue(capture: &Capture, tracks: usize) {
    let mut expected = vec!["OPTIONS", "DESCRIBE"];
    expected.extend(vec!["SETUP"; tracks]);
    expected.extend(["PLAY", "TEARDOWN"]);
    assert_eq!(capture.methods(), expected);
    assert_eq!(capture.statuses(), vec!["200"; expected.len()]);
    assert_eq!(capture.count("tcp.flags.syn == 1"), 2, "SYN and SYN-ACK");
}

/// Wireshark finds no fault with the TCP that `rtsp-rec` wrote, and none elsewhere that it does not find on the wire.
fn assert_nothing_to_complain(capture: &Capture, wire: &Capture) {
    assert_eq!(capture.rows("tcp.analysis.flags", &["frame.number", "_ws.col.Info"]), Vec::<Vec<String>>::new());
    let (ours, theirs) = (capture.complaints(), wire.complaints());
    assert!(ours.is_subset(&theirs), "only in the recording: {:?}", ours.difference(&theirs));
}

/// tshark 4.0 miscounts when several frames share a packet; it then lists several channels, with commas.
pub(crate) fn assert_one_frame_a_packet(capture: &Capture) {
    let channels = capture.rows("rtsp.channel", &["rtsp.channel"]).concat();
    assert!(!channels.is_empty(), "no interleaved frame");
    assert!(channels.iter().all(|channel| !channel.contains(',')), "frames share a packet: {channels:?}");
    let recognised = capture.count("rtp") + capture.count("rtcp");
    assert_eq!(recognised, channels.len(), "every interleaved frame is RTP or RTCP to Wireshark");
}

/// tshark and `analyze` count the same packets, and each track brought media and a sender report.
pub(crate) fn assert_counts_agree(capture: &Capture, tracks: usize) {
    let streams = table(&capture.file, "streams");
    assert_eq!(streams.len(), tracks, "{streams:?}");
    assert_eq!(sum(&streams, "packets"), capture.count("rtp"), "RTP packets: analyze, tshark");
    assert_eq!(sum(&streams, "sr_count"), capture.count("rtcp.pt == 200"), "sender reports: analyze, tshark");
    let reported = table(&capture.file, "sender_reports").len();
    assert_eq!(reported, capture.count("rtcp.pt == 200"), "rows of sender_reports, tshark");
    for stream in &streams {
        let served = ["packets", "sr_count"].iter().all(|column| stream[*column] != "0");
        assert!(served && stream["lost"] == "0", "{stream:?}");
    }
}
