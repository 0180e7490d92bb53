//! PLAY was granted, and nothing came.

use std::net::SocketAddr;

use crate::time::Timestamp;
use crate::trace::{CaptureEnd, Close, Direction, Payload, Tap, UdpPath, UnreachableReason};

use super::session::{MS, Passing, START, Session, both, steady, verdicts_of};

const C2S: Direction = Direction::ClientToServer;
const S2C: Direction = Direction::ServerToClient;
const NONE: [String; 0] = [];

/// A sign of life, with which the capture goes on until then.
fn until(at: i64) -> (i64, Passing) {
    (at, Passing::Ask("OPTIONS * RTSP/1.0", 200))
}

#[test]
fn nothing_at_all() {
    assert_eq!(verdicts_of(true, &[0, 1], &[until(60_000)]), ["- no-media no-media 1"]);
    assert_eq!(verdicts_of(true, &[1], &[until(60_000)]), ["1 no-media no-media 1"]);
    assert_eq!(verdicts_of(false, &[0, 1], &[until(60_000)]), ["- no-media nothing-sent 1"], "TCP loses nothing");
}

/// A server that grants PLAY and leaves has not been left too early.
#[test]
fn the_server_hangs_up() {
    let closed = |udp, by: &[Direction]| {
        let mut session = Session::silent(udp, &[0]);
        session.dialogue();
        for side in by {
            session.event(50, *side, Payload::Closed(Close::Fin));
        }
        session.analyzer.finish().unwrap().0
    };
    let of_media =
        |verdicts: Vec<String>| verdicts.into_iter().filter(|one| one.contains("no-media")).collect::<Vec<_>>();
    assert_eq!(of_media(closed(false, &[S2C, C2S])), ["0 no-media nothing-sent 1"]);
    assert_eq!(of_media(closed(false, &[C2S, S2C])), NONE, "the client left");
    assert_eq!(of_media(closed(true, &[S2C, C2S])), NONE, "datagrams may go on");
}

/// Packets that are nobody's show how long the capture went on.
#[test]
fn the_capture_goes_on_without_a_word() {
    let told = |at: i64| {
        let mut session = Session::silent(true, &[0]);
        session.dialogue();
        session.analyzer.end(CaptureEnd { at: Timestamp::from_nanos(START + at * MS), frame_number: 9 });
        session.analyzer.finish().unwrap().0
    };
    assert_eq!(told(1_899), NONE);
    assert_eq!(told(1_900), ["0 no-media no-media 1"]);
    assert_eq!(told(-60_000), NONE, "a clock that was set back");
}

#[test]
fn one_track_of_two() {
    assert_eq!(verdicts_of(true, &[0, 1], &steady(0)), ["1 no-media no-media 1"]);
    assert_eq!(verdicts_of(false, &[0, 1], &steady(1)), ["0 no-media nothing-sent 1"]);
}

#[test]
fn who_leaves_at_once_has_not_waited() {
    let left =
        |at| verdicts_of(true, &[0, 1], &[(at, Passing::Ask("TEARDOWN rtsp://h/x/ RTSP/1.0", 200)), until(60_000)]);
    // PLAY was granted 100 ms before.
    assert_eq!(left(1_899), NONE);
    assert_eq!(left(1_900), ["- no-media no-media 1"]);
    assert_eq!(verdicts_of(true, &[0, 1], &[until(1_899)]), NONE, "the capture ends");
    let paused = [(500, Passing::Ask("PAUSE rtsp://h/x/ RTSP/1.0", 200)), until(60_000)];
    assert_eq!(verdicts_of(true, &[0, 1], &paused), NONE);
}

#[test]
fn one_track_is_torn_down() {
    let torn_down = (500, Passing::Ask("TEARDOWN rtsp://h/x/1 RTSP/1.0", 200));
    assert_eq!(verdicts_of(true, &[0, 1], &[torn_down, until(60_000)]), ["0 no-media no-media 1"]);
}

#[test]
fn the_client_says_that_it_came() {
    let heard = [(5_000, Passing::Heard(0, 70_000)), (10_000, Passing::Heard(0, 70_150)), until(11_000)];
    assert_eq!(verdicts_of(true, &[0], &heard), ["0 no-media missing-in-the-capture 1"]);
    assert_eq!(verdicts_of(true, &[0], &heard[..1]), ["0 no-media missing-in-the-capture 1"], "its jitter took two");
    assert_eq!(verdicts_of(false, &[0], &heard), ["0 no-media nothing-sent 1"], "TCP was captured as a whole");
    let nothing = [(5_000, Passing::Heard(0, 0)), (10_000, Passing::Heard(0, 0))];
    assert_eq!(verdicts_of(true, &[0], &nothing), ["0 no-media no-media 1"]);
}

#[test]
fn the_server_counts() {
    let counted = |udp, counts: &[u32]| {
        let reports = counts.iter().zip(1i64..).map(|(packets, second)| (5_000 * second, Passing::Report(0, *packets)));
        verdicts_of(udp, &[0], &reports.chain([until(60_000)]).collect::<Vec<_>>())
    };
    assert_eq!(counted(true, &[100, 225, 350]), ["0 no-media lost-on-the-way 250"]);
    assert_eq!(counted(false, &[100, 225, 350]), ["0 no-media lost-before-sending 250"]);
    assert_eq!(counted(true, &[0, 0]), ["0 no-media nothing-sent 1"]);
    assert_eq!(counted(true, &[100, 100]), ["0 no-media nothing-sent 1"]);
    assert_eq!(counted(true, &[0]), ["0 no-media nothing-sent 1"]);
    assert_eq!(counted(true, &[100]), ["0 no-media no-media 1"], "perhaps to others");
}

/// The host of `by` refuses datagrams of the first track, each second from `first` to `last`.
fn refusals(session: &mut Session, (first, last): (i64, i64), port: u16, reason: UnreachableReason) {
    let (from, to, by) = (SocketAddr::from(([10, 0, 0, 2], 6000)), ([10, 0, 0, 1], port).into(), [10, 0, 0, 1].into());
    for second in first..=last {
        session.event(
            1_000 * second,
            C2S,
            Payload::Unreachable { path: UdpPath::of_server(6000), from, to, by, reason },
        );
    }
}

#[test]
fn who_refuses_it() {
    use UnreachableReason::{Network, Port, Prohibited};

    let told = |reason, port, (first, last), more: &[(i64, Passing)]| {
        let mut session = Session::silent(true, &[0]);
        session.dialogue();
        let mut more = more.to_vec();
        more.sort_by_key(|(at, _)| *at);
        for (at, passing) in &more {
            session.pass(*at, passing);
        }
        refusals(&mut session, (first, last), port, reason);
        session.pass(11_000, &until(0).1);
        session.analyzer.finish().unwrap().0
    };
    assert_eq!(told(Port, 5000, (0, 10), &[]), ["0 no-media nobody-listens 11"]);
    assert_eq!(told(Prohibited, 5000, (0, 10), &[]), ["0 no-media blocked-on-the-way 11"]);
    assert_eq!(told(Network, 5000, (3, 3), &[]), ["0 no-media blocked-on-the-way 1"]);
    assert_eq!(told(Port, 5001, (0, 10), &[]), ["0 no-media no-media 1"], "RTCP alone");
    assert_eq!(told(Port, 5000, (0, 10), &steady(0)), ["0 no-media nobody-listens 11"], "it came, and was refused");
    assert_eq!(told(Port, 5000, (0, 0), &steady(0)), NONE, "it began to listen");
    assert_eq!(told(Port, 5000, (9, 10), &steady(0)), NONE, "it was gone before");
    let heard = [steady(0), vec![(5_000, Passing::Heard(0, 9)), (9_000, Passing::Heard(0, 99))]].concat();
    assert_eq!(told(Port, 5000, (0, 10), &heard), NONE, "another program listened");
}

#[test]
fn what_the_capture_lacks_may_have_been_media() {
    let told = verdicts_of(false, &[0], &[(3_000, Passing::Gap), until(60_000)]);
    assert_eq!(told, ["0 no-media missing-in-the-capture 1", "- gap missing-in-the-capture 1"]);
    let told = verdicts_of(true, &[0], &[(3_000, Passing::Gap), until(60_000)]);
    assert!(told.contains(&"0 no-media no-media 1".to_owned()), "over UDP it was no media: {told:?}");
}

#[test]
fn media_on_another_channel() {
    let mut session = Session::silent(false, &[0]);
    session.dialogue();
    for number in 0..9 {
        session.pass_on(40 * i64::from(number), 6, &[0x80, 96, 0, number, 0, 0, 0, 0, 0, 0, 0, 9, 0x41, 0x9a]);
    }
    session.pass(60_000, &until(0).1);
    let told = session.analyzer.finish().unwrap().0;
    assert!(told.contains(&"0 no-media sent-elsewhere 9".to_owned()), "{told:?}");
}

#[test]
fn what_can_t_be_read_has_come() {
    let mut session = Session::silent(false, &[0]);
    session.dialogue();
    session.pass_on(1_000, 0, &[0x47; 188]);
    session.pass(60_000, &until(0).1);
    assert_eq!(session.analyzer.finish().unwrap().0, NONE);
}

#[test]
fn a_stream_that_is_over_is_not_missed() {
    let mut over = steady(0);
    over.retain(|(at, _)| *at < 3_000);
    over.extend([
        (3_000, Passing::Goodbye(0)),
        (3_100, Passing::Ask("PAUSE rtsp://h/x/ RTSP/1.0", 200)),
        (3_200, Passing::Ask("PLAY rtsp://h/x/ RTSP/1.0", 200)),
        until(60_000),
    ]);
    assert_eq!(verdicts_of(true, &[0], &over), NONE);
}

#[test]
fn nothing_comes_behind_a_pause() {
    let mut paused = both();
    paused.retain(|(at, _)| *at < 3_000);
    paused.extend([
        (3_000, Passing::Ask("PAUSE rtsp://h/x/ RTSP/1.0", 200)),
        (9_000, Passing::Ask("PLAY rtsp://h/x/ RTSP/1.0", 200)),
    ]);
    let left = [&paused[..], &[(10_000, Passing::Ask("TEARDOWN rtsp://h/x/ RTSP/1.0", 200))]].concat();
    assert_eq!(verdicts_of(false, &[0, 1], &left), NONE);
    let waited = [&paused[..], &[(12_000, Passing::Ask("TEARDOWN rtsp://h/x/ RTSP/1.0", 200))]].concat();
    assert_eq!(verdicts_of(false, &[0, 1], &waited), ["- no-media nothing-sent 1"]);
}

#[test]
fn play_as_a_sign_of_life_begins_no_new_wait() {
    let mut alive: Vec<_> =
        (1..6).map(|time| (10_000 * time, Passing::Ask("PLAY rtsp://h/x/ RTSP/1.0", 200))).collect();
    assert_eq!(verdicts_of(true, &[0], &alive), ["0 no-media no-media 1"]);
    alive.extend(steady(0));
    alive.retain(|(at, _)| *at < 12_000);
    assert_eq!(verdicts_of(true, &[0], &alive), NONE);
}

/// A dialogue of these exchanges at once, with nothing behind it for a minute.
fn dialogue(sdp: &str, exchanges: &[(&str, u16)]) -> Vec<String> {
    let mut session = Session::silent(true, &[]);
    for (cseq, (request, status)) in exchanges.iter().enumerate() {
        let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
        let headers = headers.replace('\n', "\r\n");
        session.say(0, C2S, &format!("{line} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n"));
        let body = if line.starts_with("DESCRIBE") { sdp } else { "" };
        let length = body.len();
        let text = format!(
            "RTSP/1.0 {status} So\r\nCSeq: {cseq}\r\nSession: 1\r\n{headers}Content-Base: rtsp://h/x/\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        session.say(0, S2C, &text);
    }
    session.pass(60_000, &until(0).1);
    session.analyzer.finish().unwrap().0
}

const SETUP_0: (&str, u16) =
    ("SETUP rtsp://h/x/0\nTransport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001\n", 200);
const SETUP_1: (&str, u16) =
    ("SETUP rtsp://h/x/1\nTransport: RTP/AVP;unicast;client_port=5002-5003;server_port=6002-6003\n", 200);

fn played(sdp: &str, plays: &[(&str, u16)]) -> Vec<String> {
    dialogue(sdp, &[&[("DESCRIBE rtsp://h/x/", 200), SETUP_0, SETUP_1], plays].concat())
}

fn sdp(second: &str) -> String {
    format!("v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:0\r\n{second}\r\na=control:1\r\n")
}

#[test]
fn only_what_was_granted_is_awaited() {
    let two = sdp("m=audio 0 RTP/AVP 0");
    let refused = "- refusal refused-by-the-server 1";
    assert_eq!(played(&two, &[("PLAY rtsp://h/x/", 454)]), [refused]);
    assert_eq!(played(&two, &[("PLAY rtsp://h/x/", 460), ("PLAY rtsp://h/x/0", 200)]), ["0 no-media no-media 1"]);
    let both = [("PLAY rtsp://h/x/0", 200), ("PLAY rtsp://h/x/1", 404)];
    assert_eq!(played(&two, &both), ["0 no-media no-media 1", refused]);
    assert_eq!(played(&two, &[]), NONE, "never played, as where the capture begins late");
}

#[test]
fn tracks_that_may_be_silent() {
    let all = |second: &str| played(&sdp(second), &[("PLAY rtsp://h/x/", 200)]);
    assert_eq!(all("m=audio 0 RTP/AVP 0"), ["- no-media no-media 1"]);
    // Where the video is missing as well, sound that may be silent is missed with it.
    assert_eq!(all("m=audio 0 RTP/AVP 0 13"), ["- no-media no-media 1"]);
    for silent in
        ["m=application 0 RTP/AVP 107", "m=audio 0 RTP/AVP 0\r\na=sendonly", "m=audio 0 RTP/AVP 0\r\na=inactive"]
    {
        assert_eq!(all(silent), ["0 no-media no-media 1"], "{silent}");
    }
}

#[test]
fn sound_that_leaves_silence_out() {
    let with_picture = |second: &str| {
        let mut session = Session::silent(true, &[]);
        let sdp = sdp(second);
        let length = sdp.len();
        session.say(0, C2S, "DESCRIBE rtsp://h/x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        let head =
            format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Base: rtsp://h/x/\r\nContent-Length: {length}\r\n\r\n");
        session.say(0, S2C, &(head + &sdp));
        for (cseq, (setup, _)) in [(2, SETUP_0), (3, SETUP_1), (4, ("PLAY rtsp://h/x/\n", 200))] {
            let (line, transport) = setup.split_once('\n').unwrap();
            let transport = transport.replace('\n', "\r\n");
            session.say(0, C2S, &format!("{line} RTSP/1.0\r\nCSeq: {cseq}\r\n{transport}\r\n"));
            session.say(0, S2C, &format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}\r\n"));
        }
        for (at, passing) in steady(0) {
            session.pass(at, &passing);
        }
        session.analyzer.finish().unwrap().0
    };
    assert_eq!(with_picture("m=audio 0 RTP/AVP 0"), ["1 no-media no-media 1"]);
    for silent in [
        "m=audio 0 RTP/AVP 0 13",
        "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\na=fmtp:98 usedtx=1",
        "m=audio 0 RTP/AVP 0\r\na=silenceSupp:on - - - -",
        "m=application 0 RTP/AVP 107",
    ] {
        assert_eq!(with_picture(silent), NONE, "{silent}");
    }
}

#[test]
fn a_publisher_that_sends_nothing() {
    let sdp = sdp("m=audio 0 RTP/AVP 0");
    let announce = format!(
        "ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let mut session = Session::silent(false, &[]);
    session.say(0, C2S, &announce);
    session.say(0, S2C, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
    for (cseq, request, transport) in [
        (2, "SETUP rtsp://h/x/0", "Transport: RTP/AVP/TCP;unicast;mode=record;interleaved=0-1\r\n"),
        (3, "RECORD rtsp://h/x", ""),
    ] {
        session.say(0, C2S, &format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{transport}\r\n"));
        session.say(0, S2C, &format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}\r\n"));
    }
    session.pass(60_000, &until(0).1);
    assert_eq!(session.analyzer.finish().unwrap().0, ["0 no-media nothing-sent 1"]);
}
