use super::*;
use crate::rtsp::message::Message;
use crate::time::Timestamp;
use crate::trace::UdpPath;

const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
    m=audio 0 RTP/AVP 0 97\r\na=rtpmap:97 opus/48000/2\r\na=ssrc:21 cname:x\r\na=control:a\r\n";
/// Both tracks list the same type.
const SAME: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=ssrc:21 cname:x\r\na=control:a\r\n";

fn say(dialog: &mut Dialog, direction: Direction, head: &str, body: &str) {
    let head = format!("{}\r\n\r\n", head.replace('|', "\r\n"));
    dialog.observe(Timestamp::default(), direction, &Message::new(head.as_bytes(), body.as_bytes()));
}

fn ask(dialog: &mut Dialog, request: &str, answer: &str, body: &str) {
    say(dialog, Direction::ClientToServer, &format!("{request}|CSeq: 1"), "");
    say(dialog, Direction::ServerToClient, &format!("RTSP/1.0 200 OK|CSeq: 1{answer}"), body);
}

/// Tracks `v` and `a`, set up with these transports.
fn set_up(sdp: &str, transports: [&str; 2]) -> Dialog {
    let mut dialog = Dialog::new();
    ask(&mut dialog, "DESCRIBE rtsp://h/x RTSP/1.0", "|Content-Base: rtsp://h/x/", sdp);
    for (track, transport) in ["v", "a"].into_iter().zip(transports) {
        let request = format!("SETUP rtsp://h/x/{track} RTSP/1.0|Transport: {transport}");
        ask(&mut dialog, &request, &format!("|Session: 1|Transport: {transport}"), "");
    }
    dialog
}

fn signs(path: MediaPath, payload_type: Option<u8>, ssrc: u32) -> PacketSigns {
    PacketSigns { path, direction: Direction::ServerToClient, payload_type, ssrc: Some(ssrc), number: None }
}

/// The tracks of packets with these payload types and sources.
fn tracks(dialog: &mut Dialog, path: MediaPath, packets: &[(Option<u8>, u32)]) -> Vec<Option<usize>> {
    let track = |(payload_type, ssrc): &(Option<u8>, u32)| {
        dialog.setup_of(&signs(path, *payload_type, *ssrc)).and_then(|setup| setup.track)
    };
    packets.iter().map(track).collect()
}

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001";
const GROUP: &str = "RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001";

fn path(transport: &str) -> MediaPath {
    let transport = &crate::rtsp::headers::Transport::parse_all(transport)[0];
    transport
        .interleaved
        .map_or_else(|| MediaPath::Udp(UdpPath::new(transport).unwrap()), |(rtp, _)| MediaPath::Channel(rtp))
}

#[test]
fn payload_types_tell_tracks_apart_and_reports_follow_their_source() {
    for transport in [TCP, UDP, GROUP] {
        let mut dialog = set_up(SDP, [transport, transport]);
        let own = path(transport);
        let reports = if own == MediaPath::Channel(0) { MediaPath::Channel(1) } else { own };
        assert_eq!(tracks(&mut dialog, reports, &[(None, 7)]), [None], "before anything has come");
        assert_eq!(
            tracks(&mut dialog, own, &[(Some(96), 7), (Some(0), 8), (Some(97), 8), (Some(50), 9)]),
            [Some(0), Some(1), Some(1), None]
        );
        assert_eq!(tracks(&mut dialog, reports, &[(None, 7), (None, 8), (None, 9)]), [Some(0), Some(1), None]);
        assert_eq!(tracks(&mut dialog, own, &[(Some(50), 7)]), [Some(0)], "what is not described, by its source");
    }
}

#[test]
fn an_announced_source_tells_tracks_of_one_payload_type_apart() {
    let mut dialog = set_up(SAME, [UDP, UDP]);
    let own = path(UDP);
    assert_eq!(tracks(&mut dialog, own, &[(Some(96), 21), (Some(96), 7)]), [Some(1), None]);
    let mut dialog = set_up(SAME, [&format!("{UDP};ssrc=00000007"), UDP]);
    assert_eq!(tracks(&mut dialog, own, &[(Some(96), 21), (Some(96), 7)]), [Some(1), Some(0)]);
}

#[test]
fn the_answer_to_play_names_sources_as_well() {
    let mut dialog = set_up(SAME, [UDP, UDP]);
    let info = |tracks: &str| format!("|RTP-Info: {tracks}");
    ask(&mut dialog, "PLAY rtsp://h/x/ RTSP/1.0", &info("url=rtsp://h/x/v;seq=1;ssrc=00000007,url=;ssrc=00000009"), "");
    assert_eq!(tracks(&mut dialog, path(UDP), &[(Some(96), 7), (Some(96), 9)]), [Some(0), None]);
    ask(&mut dialog, "PLAY rtsp://h/x/ RTSP/1.0", &info("url=\"a\" ssrc=00000009:seq=3"), "");
    assert_eq!(tracks(&mut dialog, path(UDP), &[(Some(96), 7), (Some(96), 9)]), [Some(0), Some(1)]);
}

#[test]
fn whether_tracks_share_a_path() {
    let other_client = UDP.replace("5000-5001", "5002-5003");
    let other_group = GROUP.replace("239.1.1.1", "239.1.1.2");
    for (transports, shared) in [
        ([TCP, TCP], true),
        ([TCP, "RTP/AVP/TCP;unicast;interleaved=1-2"], true),
        ([TCP, "RTP/AVP/TCP;unicast;interleaved=2-3"], false),
        ([UDP, UDP], true),
        ([UDP, &other_client], false),
        ([GROUP, &other_group], false),
        ([TCP, UDP], false),
    ] {
        assert_eq!(set_up(SDP, transports).shares_paths(), shared, "{transports:?}");
    }
    let mut again = set_up(SDP, [TCP, UDP]);
    ask(&mut again, "SETUP rtsp://h/x/v RTSP/1.0", &format!("|Session: 1|Transport: {TCP}"), "");
    assert!(!again.shares_paths(), "the same track once more");
}

#[test]
fn either_port_tells_tracks_apart() {
    let other_client = UDP.replace("5000-5001", "5002-5003");
    let mut dialog = set_up(SAME, [UDP, &other_client]);
    assert_eq!(tracks(&mut dialog, path(UDP), &[(Some(96), 7)]), [Some(0)]);
    assert_eq!(tracks(&mut dialog, path(&other_client), &[(Some(96), 7)]), [Some(1)]);
    let other_group = GROUP.replace("239.1.1.1", "239.1.1.2");
    let mut dialog = set_up(SAME, [GROUP, &other_group]);
    assert_eq!(tracks(&mut dialog, path(&other_group), &[(Some(96), 7)]), [Some(1)]);
}

#[test]
fn a_track_that_was_torn_down_leaves_its_channel_to_the_next() {
    let mut dialog = set_up(SAME, [TCP, "RTP/AVP/TCP;unicast;interleaved=2-3"]);
    ask(&mut dialog, "TEARDOWN rtsp://h/x/v/ RTSP/1.0|Session: 1", "", "");
    assert_eq!(dialog.setups().iter().map(|setup| setup.over).collect::<Vec<_>>(), [true, false]);
    assert_eq!(tracks(&mut dialog, path(TCP), &[(Some(96), 7)]), [Some(0)], "what comes late");
    ask(&mut dialog, &format!("SETUP rtsp://h/x/a RTSP/1.0|Transport: {TCP}"), &format!("|Transport: {TCP}"), "");
    assert_eq!(tracks(&mut dialog, path(TCP), &[(Some(96), 7)]), [Some(1)]);
    ask(&mut dialog, "TEARDOWN rtsp://h/x/ RTSP/1.0|Session: 1", "", "");
    assert!(dialog.setups().iter().all(|setup| setup.over));
}

/// Whether a packet with this source has an owner, sent from 10.0.0.`from`; the server is 10.0.0.1.
fn from(dialog: &mut Dialog, from: u8, payload_type: Option<u8>, ssrc: u32) -> bool {
    numbered(dialog, (from, 6000), payload_type, ssrc, None)
}

/// The same with its port and its number.
fn numbered(
    dialog: &mut Dialog,
    (from, port): (u8, u16),
    payload_type: Option<u8>,
    ssrc: u32,
    number: Option<u16>,
) -> bool {
    let MediaPath::Udp(own) = path(UDP) else { panic!() };
    let known = [std::net::IpAddr::from([10, 0, 0, 1])];
    let own = own.sent_from(([10, 0, 0, from], port).into(), &known);
    dialog.owner(&PacketSigns { number, ..signs(MediaPath::Udp(own), payload_type, ssrc) }).is_some()
}

const OTHER: &str = "RTP/AVP;unicast;client_port=5004-5005;server_port=6000-6001";

#[test]
fn once_the_server_has_sent_others_are_strangers() {
    let mut dialog = set_up(SDP, [UDP, OTHER]);
    assert!(from(&mut dialog, 1, Some(96), 7));
    assert!(!from(&mut dialog, 9, Some(96), 7), "whatever source it says");
    assert!(!from(&mut dialog, 9, None, 7));
    assert!(from(&mut dialog, 1, None, 7));
}

#[test]
fn a_server_of_several_addresses_is_who_sends_first() {
    let mut dialog = set_up(SDP, [UDP, OTHER]);
    assert!(!from(&mut dialog, 9, None, 7), "reports alone prove nothing");
    assert!(from(&mut dialog, 9, Some(96), 7));
    assert!(!from(&mut dialog, 8, Some(96), 8));
    assert!(from(&mut dialog, 9, None, 7));
    assert!(from(&mut dialog, 1, Some(96), 5), "until it sends from its own");
    assert!(!from(&mut dialog, 9, Some(96), 7));
}

#[test]
fn who_can_not_be_the_server_is_a_stranger_before_it_sends() {
    let played = |url: &str, seq: &str| {
        let mut dialog = set_up(SDP, [UDP, OTHER]);
        ask(&mut dialog, "PLAY rtsp://h/x/ RTSP/1.0", &format!("|RTP-Info: url={url}{seq}"), "");
        dialog
    };
    let told = || played("rtsp://h/x/v", ";seq=100");
    assert!(!numbered(&mut set_up(SDP, [UDP, OTHER]), (9, 7000), Some(96), 7, Some(5)), "another port");
    assert!(
        !numbered(&mut set_up(SDP, [UDP, OTHER]), (9, 6000), Some(33), 7, Some(5)),
        "a type that is none of the track's"
    );
    assert!(numbered(&mut told(), (9, 6000), Some(96), 7, Some(5000)), "the port weighs more than the number");
    assert!(numbered(&mut told(), (9, 7000), Some(96), 7, Some(103)), "PLAY named the number");
    assert!(numbered(&mut played("rtsp://H:554/x/v", ";seq=100"), (9, 7000), Some(96), 7, Some(103)));
    assert!(!numbered(&mut told(), (9, 7000), Some(96), 7, Some(5000)));
    // Who was taken because nothing spoke against him gives way to who begins as PLAY said.
    let mut dialog = told();
    assert!(numbered(&mut dialog, (9, 6000), Some(96), 7, Some(5000)));
    assert!(numbered(&mut dialog, (8, 7000), Some(96), 8, Some(100)));
    assert!(!numbered(&mut dialog, (9, 6000), Some(96), 7, Some(5001)));
}

#[test]
fn an_announced_source_outweighs_the_first() {
    let mut dialog = set_up(SDP, [&format!("{UDP};ssrc=00000007"), OTHER]);
    assert!(!from(&mut dialog, 9, Some(96), 6));
    assert!(from(&mut dialog, 8, Some(96), 7));
    assert!(!from(&mut dialog, 9, Some(96), 6));
    // One that SETUP did not announce, and the description does.
    let mut dialog = set_up(SAME, [OTHER, UDP]);
    assert!(from(&mut dialog, 9, Some(96), 6));
    assert!(from(&mut dialog, 8, Some(96), 21));
    assert!(!from(&mut dialog, 9, Some(96), 6));
}

#[test]
fn another_presentation_says_nothing_of_tracks_that_were_set_up_before() {
    let mut dialog = set_up(SDP, [TCP, "RTP/AVP/TCP;unicast;interleaved=2-3"]);
    let role = |dialog: &mut Dialog| {
        dialog.owner(&signs(MediaPath::Channel(0), Some(96), 7)).map(|owner| (owner.setup, owner.role))
    };
    let other = "v=0\r\nm=video 0 RTP/AVP 97\r\na=rtpmap:97 H265/90000\r\na=control:v\r\n";
    ask(&mut dialog, "DESCRIBE rtsp://h/y RTSP/1.0", "|Content-Base: rtsp://h/y/", other);
    assert_eq!(role(&mut dialog), Some((0, PayloadRole::Media)));
}

/// The capture has DESCRIBE, and no SETUP: what comes tells which paths the tracks have, one each or all the same.
#[test]
fn of_a_session_that_began_before_types_tell_who_has_a_path() {
    let late = || {
        let mut dialog = Dialog::new();
        dialog.begins_late();
        ask(&mut dialog, "DESCRIBE rtsp://h/x RTSP/1.0", "|Content-Base: rtsp://h/x/", SDP);
        dialog
    };
    for transport in [TCP, UDP] {
        let mut dialog = late();
        let own = path(transport);
        let seen = [(Some(96), 7), (Some(97), 8), (Some(96), 7), (Some(0), 8), (Some(50), 7), (Some(50), 9)];
        let expected = [Some(0), Some(1), Some(0), Some(1), Some(0), None];
        assert_eq!(tracks(&mut dialog, own, &seen), expected, "{transport}");
        assert_eq!(tracks(&mut dialog, own, &[(None, 7), (None, 8)]), [Some(0), Some(1)], "{transport}");
        assert!(dialog.shares_paths());
    }
    let mut dialog = late();
    let channels = [MediaPath::Channel(4), MediaPath::Channel(2)];
    let seen = channels.map(|own| tracks(&mut dialog, own, &[(Some(if own == channels[0] { 97 } else { 96 }), 7)]));
    assert_eq!(seen, [[Some(1)], [Some(0)]]);
    assert!(!dialog.shares_paths());
}

/// A SETUP that was heard says whose a path is, whatever types come on it.
#[test]
fn a_path_that_was_set_up_is_nobody_else_s() {
    let mut dialog = set_up(SDP, [TCP, "RTP/AVP/TCP;unicast;interleaved=2-3"]);
    dialog.begins_late();
    assert_eq!(tracks(&mut dialog, MediaPath::Channel(0), &[(Some(97), 7)]), [Some(0)]);
}
