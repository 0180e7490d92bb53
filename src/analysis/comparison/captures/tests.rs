use super::*;
use crate::analysis::cell::{Fixed, Ssrc};
use crate::analysis::comparison::Transcript;
use crate::rtsp::demux::{Pdu, PduKind};
use crate::time::Timestamp;
use crate::trace::{Direction, Flow, Payload, Tap, TraceEvent};

/// A session of a capture: what is asked, and what is answered, one after the other.
fn hear(heard: &mut Transcript, id: usize, dialogue: &[(&str, &str)]) {
    let (client, server) = ("10.0.0.2:4000".parse().unwrap(), "10.0.0.1:554".parse().unwrap());
    let flow = Flow { id, session: id, url: String::new(), client, server };
    let mut at = Timestamp::from_nanos(i64::try_from(id).unwrap() * 1_000_000_000);
    for (request, answer) in dialogue {
        for (direction, head) in [(Direction::ClientToServer, request), (Direction::ServerToClient, answer)] {
            at = at.plus_nanos(1_000_000);
            let (raw, end) = (head.as_bytes(), head.find("\r\n\r\n").unwrap() + 4);
            let pdu = Pdu { offset: 0, raw, kind: PduKind::Message { head: &raw[..end], body: &raw[end..] } };
            let event = TraceEvent { at, flow: &flow, direction, frame_number: None, payload: Payload::Pdu(&pdu) };
            heard.event(&event).unwrap();
        }
    }
}

fn options(path: &str, session: &str) -> (String, String) {
    let answer = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: {session}\r\n\r\n");
    (format!("OPTIONS rtsp://camera{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n"), answer)
}

/// A session for each path.
fn heard(paths: &[&str]) -> Transcript {
    let mut heard = Transcript::default();
    for (id, path) in paths.iter().enumerate() {
        let (request, answer) = options(path, "12345678");
        hear(&mut heard, id, &[(&request, &answer)]);
    }
    heard
}

fn compared(a: &Transcript, b: &Transcript, matches: &[StreamMatch]) -> CaptureComparison {
    let view = |heard| CaptureView { sessions: Transcript::sessions(heard).collect(), streams: Vec::new() };
    CaptureComparison::new(&[view(a), view(b)], matches, false)
}

fn numbers(comparison: &CaptureComparison) -> Vec<(usize, usize, PairedBy)> {
    let number = |pair: &SessionPair| {
        let [a, b] = pair.sessions.each_ref().map(|name| name.session);
        (a, b, pair.by)
    };
    comparison.pairs.iter().map(number).collect()
}

#[test]
fn sessions_find_their_like() {
    let (a, b) = (heard(&["/1", "/2", "/3", "/4"]), heard(&["/2", "/1", "/5"]));
    let comparison = compared(&a, &b, &[]);
    assert_eq!(numbers(&comparison), [(1, 2, PairedBy::Path), (2, 1, PairedBy::Path), (3, 3, PairedBy::Order)]);
    assert_eq!(comparison.differences(), ["session 4 is only in A: rtsp://camera/4"]);

    let found = StreamMatch {
        direction: Direction::ServerToClient,
        ssrc: Ssrc(7),
        sessions: [Some(4), Some(1)],
        packets: [9, 9],
        both: 9,
        only: <_>::default(),
        duplicated: [0, 2],
        reordered: 0,
        altered: 0,
        delay: None,
    };
    let comparison = compared(&a, &b, &[found]);
    assert_eq!(numbers(&comparison)[2], (4, 1, PairedBy::Packets), "packets tell more than paths");
    assert!(
        comparison.differences().contains(&"sessions 4 and 1:  0x00000007: packets more copies in B: 2".to_owned())
    );
}

/// Sessions with these requests and statuses, each on its path.
fn asked(sessions: &[(&str, &[(&str, u16)])]) -> Transcript {
    let mut heard = Transcript::default();
    for (id, (path, requests)) in sessions.iter().enumerate() {
        let exchange = |(cseq, (method, status)): (usize, &(&str, u16))| {
            let request = format!("{method} rtsp://camera{path} RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n");
            (request, format!("RTSP/1.0 {status} So\r\nCSeq: {cseq}\r\n\r\n"))
        };
        let dialogue: Vec<_> = requests.iter().enumerate().map(exchange).collect();
        hear(&mut heard, id, &dialogue.iter().map(|(request, answer)| (&**request, &**answer)).collect::<Vec<_>>());
    }
    heard
}

#[test]
fn sessions_that_play_find_each_other_first() {
    use PairedBy::{Order, Path};

    const PLAYS: &[(&str, u16)] = &[("DESCRIBE", 200), ("SETUP", 200), ("PLAY", 200)];
    const PROBES: &[(&str, u16)] = &[("OPTIONS", 200), ("DESCRIBE", 200)];
    const CHALLENGED: &[(&str, u16)] = &[("DESCRIBE", 401)];
    const NOT_FOUND: &[(&str, u16)] = &[("DESCRIBE", 404)];
    const REFUSED: &[(&str, u16)] = &[("DESCRIBE", 200), ("SETUP", 453)];
    let pairs =
        |a: &[(&str, &[(&str, u16)])], b: &[(&str, &[(&str, u16)])]| numbers(&compared(&asked(a), &asked(b), &[]));
    let plays = ("/1", PLAYS);
    for before in [&[("/1", PROBES)][..], &[("/1", PROBES), ("/1", CHALLENGED)], &[("/1", REFUSED), ("/2", PROBES)]] {
        let b = [before, &[plays]].concat();
        assert_eq!(pairs(&[plays], &b), [(1, b.len(), Path)], "{before:?}");
        assert_eq!(pairs(&b, &[plays]), [(b.len(), 1, Path)], "{before:?}");
    }
    assert_eq!(pairs(&[plays, ("/1", PROBES)], &[("/1", PROBES), plays]), [(1, 2, Path), (2, 1, Path)]);
    assert_eq!(pairs(&[plays], &[("/1", PROBES), ("/2", PLAYS)]), [(1, 2, Order)], "the path has changed");
    for failed in [NOT_FOUND, REFUSED] {
        let told = pairs(&[plays], &[("/1", failed), ("/2", PLAYS)]);
        assert_eq!(told, [(1, 1, Path)], "what does not play any more is no probe");
    }
    assert_eq!(pairs(&[plays], &[plays, plays, plays]), [(1, 1, Path)]);
    assert_eq!(pairs(&[plays], &[("/1", PROBES)]), [(1, 1, Path)], "better than none");
}

#[test]
fn the_same_dialogue_at_two_points() {
    let dialogue = |answer_late: &str| {
        let (request, answer) = options("/live", "87654321");
        let mut heard = Transcript::default();
        hear(
            &mut heard,
            0,
            &[(&request, &answer), ("PLAY rtsp://camera/live RTSP/1.0\r\nCSeq: 2\r\n\r\n", answer_late)],
        );
        heard
    };
    let setup = "SETUP rtsp://camera/live/1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=4-5\r\n\r\n";
    let answer =
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 87654321\r\nTransport: RTP/AVP;unicast;client_port=4-5\r\n\r\n";
    let same = |session: &str| {
        let mut heard = Transcript::default();
        hear(&mut heard, 0, &[(setup, &answer.replace("87654321", session))]);
        heard
    };
    let comparison = compared(&same("87654321"), &same("87654321"), &[]);
    assert_eq!(numbers(&comparison), [(1, 1, PairedBy::Dialogue)]);
    assert_eq!(comparison.pairs[0].latencies.as_ref().map(|found| found.requests), Some(1));
    let comparison = compared(&same("87654321"), &same("12345678"), &[]);
    assert_eq!((numbers(&comparison)[0].2, comparison.pairs[0].latencies.as_ref()), (PairedBy::Path, None));
    assert_eq!(comparison.differences(), [""; 0], "another identifier is no difference");

    let (ok, gone) = ("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n", "RTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n");
    let comparison = compared(&dialogue(ok), &dialogue(gone), &[]);
    assert_eq!(comparison.differences(), ["#2 PLAY: 200 in A, 404 in B"]);
}

#[test]
fn bodies_that_are_no_descriptions() {
    let with = |body: &str| {
        let request = "GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut heard = Transcript::default();
        hear(&mut heard, 0, &[(request, &answer)]);
        heard
    };
    let differences = |a, b| compared(&with(a), &with(b), &[]).differences();
    assert_eq!(differences("position: 1\r\n", "position: 12\r\n"), ["#1 GET_PARAMETER: the bodies differ"]);
    assert_eq!(differences("position: 1\r\n", "position: 1\r\n"), [""; 0]);
}

#[test]
fn requests_that_one_has_more() {
    let (options, play) = ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "PLAY * RTSP/1.0\r\nCSeq: 2\r\n\r\n");
    let asked = "PLAY * RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: x\r\nAuthorization: Basic c2VjcmV0\r\n\r\n";
    let ok = |number: u8| format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n\r\n");
    let (mut a, mut b) = (Transcript::default(), Transcript::default());
    hear(&mut a, 0, &[(options, &ok(1)), (play, &ok(2))]);
    let login = "RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n\r\n";
    hear(&mut b, 0, &[(play, login), (asked, &ok(3))]);
    let differences = compared(&a, &b, &[]).differences();
    let expected = [
        "#1 OPTIONS: 200 in A, not sent in B",
        "PLAY: not sent in A, 401 in B",
        "#2 PLAY, request: User-Agent 'x' is only in B",
        "#2 PLAY, request: Authorization 'Basic' is only in B",
    ];
    assert_eq!(differences, expected, "credentials are not shown");
}

#[test]
fn tracks_pair_by_kind() {
    let row = |track, media, packets| StreamRow {
        session: 1,
        track: Some(track),
        media: Some(media),
        direction: Direction::ServerToClient,
        packets,
        frame_rate_fps: Some(Fixed(25.0)),
        ..StreamRow::default()
    };
    let a = [row(0, "video", 10), row(1, "audio", 20), row(2, "video", 30), row(3, "video", 0)];
    let b = [row(0, "audio", 20), row(1, "video", 11), row(2, "application", 1)];
    let pairs = tracks(&kinds(&a.each_ref()), &kinds(&b.each_ref()));
    let names: Vec<_> = pairs.iter().map(|pair| (pair.track.as_str(), pair.packets)).collect();
    assert_eq!(names, [("video", [10, 11]), ("audio", [20, 20]), ("video 2", [30, 0]), ("application", [0, 1])]);
}

/// Each of thousands finds its like.
#[test]
fn thousands_of_sessions() {
    let paths: Vec<String> = (0..3000).map(|number| format!("/{number}")).collect();
    let mut paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let a = heard(&paths);
    paths.reverse();
    let b = heard(&paths);
    let comparison = compared(&a, &b, &[]);
    assert_eq!(comparison.pairs.len(), 3000);
    assert!(comparison.pairs.iter().all(|pair| pair.sessions[0].url == pair.sessions[1].url));
}
