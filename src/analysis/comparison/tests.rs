use super::*;

const THEN: &str = "rtsp://camera/live";
const NOW: &str = "rtsp://127.0.0.1:8554/other/path";

fn answered<'a>(head: &'a str, body: &'a str) -> Fate<'a> {
    let message = Message::new(head.as_bytes(), body.as_bytes());
    Fate::Answered { status: message.status(), latency: 1_000_000, message: Some(message) }
}

fn request<'a>(method: &'a str, then: Fate<'a>, now: Fate<'a>) -> Request<'a> {
    let login = Login::None;
    Request { number: Some(1), at: 0, method, url: "rtsp://u:p@h/x?password=secret", then, now, login, moved: false }
}

fn compared(request: &Request<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    comparison.request(request, [THEN, NOW]);
    comparison
}

#[test]
fn what_must_differ_is_no_difference() {
    let then = "RTSP/1.0 200 OK\r\nCseq: 3\r\nDate: yesterday\r\nSession: 12;timeout=60\r\n\
        Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=587FFA3B\r\nContent-Base: rtsp://camera/live/\r\n\
        WWW-Authenticate: Digest realm=\"r\", nonce=\"1\"\r\nContent-Length: 3\r\n\
        RTP-Info: url=rtsp://camera/live/trackID=1;seq=1;rtptime=2\r\n\r\n";
    let now = "RTSP/1.0 200 OK\r\nDate: today\r\nCSeq: 9\r\nSession: abcdef; timeout=60\r\n\
        Transport: RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=00000001\r\n\
        Content-Base: rtsp://127.0.0.1:8554/other/path/\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"2\"\r\n\
        Content-Length: 4\r\nRTP-Info: url=rtsp://127.0.0.1:8554/other/path/trackID=1;seq=7;rtptime=8\r\n\r\n";
    let comparison = compared(&request("GET_PARAMETER", answered(then, "abc"), answered(now, "abcd")));
    assert_eq!(comparison.requests[0].headers, []);
    assert_eq!(comparison.requests[0].body.len(), 2, "the bodies differ, which is shown and no difference");
    assert_eq!(comparison.first_difference(), None);
    assert_eq!(comparison.requests[0].path, "/x?password=******");
}

#[test]
fn missing_added_and_changed_fields_are() {
    let then = "RTSP/1.0 200 OK\r\nServer: A\r\nPublic: PLAY\r\nSession: 1;timeout=60\r\n\r\n";
    let now = "RTSP/1.0 200 OK\r\nserver: B\r\nSession: 1\r\nX: new\r\n\r\n";
    let comparison = compared(&request("OPTIONS", answered(then, ""), answered(now, "")));
    let names: Vec<String> = comparison.requests[0].headers.iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "Server was 'A' then, is 'B' now",
            "Public is missing (it was 'PLAY')",
            "Session was '1;timeout=60' then, is '1' now",
            "X is new ('new')"
        ]
    );
    assert_eq!(comparison.first_difference().unwrap(), "#1 OPTIONS: Server was 'A' then, is 'B' now");
}

#[test]
fn statuses_count_unless_nothing_had_to_be_sent() {
    let (ok, gone) = (answered("RTSP/1.0 200 OK\r\n\r\n", ""), answered("RTSP/1.0 404 Not Found\r\n\r\n", ""));
    let difference = |then, now| compared(&request("PLAY", then, now)).first_difference();
    assert_eq!(difference(ok, gone).unwrap(), "#1 PLAY: 200 then, 404 now");
    assert_eq!(difference(ok, Fate::NoAnswer).unwrap(), "#1 PLAY: 200 then, no answer now");
    assert_eq!(difference(ok, Fate::NotSent("closed")).unwrap(), "#1 PLAY: 200 then, not sent now");
    assert_eq!(difference(Fate::NoAnswer, Fate::NoAnswer), None);
    assert_eq!(difference(ok, Fate::LeftOut("no login was asked for")), None);
    assert_eq!(difference(Fate::Nothing, ok), None);
}

#[test]
fn a_login_counts_where_there_was_none() {
    let ok = answered("RTSP/1.0 200 OK\r\n\r\n", "");
    let asked = answered("RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\r\n", "");
    let difference = |known| {
        let request = Request { login: Login::Asked { known }, ..request("DESCRIBE", ok, asked) };
        compared(&request).first_difference()
    };
    assert_eq!(difference(true), None);
    assert_eq!(difference(false).unwrap(), "#1 DESCRIBE: 200 then, 401 now");
}

#[test]
fn descriptions_differ_by_lines_and_by_tracks() {
    let head = "RTSP/1.0 200 OK\r\n\r\n";
    let then = "v=0\r\no=a 1 2 IN IP4 1.1.1.1\r\nc=IN IP4 0.0.0.0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
        a=control:rtsp://camera/live/1\r\na=x\r\n";
    let now = "v=0\no=a 3 4 IN IP4 2.2.2.2\nc=IN IP4 3.3.3.3\nm=video 0 RTP/AVP 96\na=rtpmap:96 h264/90000\n\
        a=control:rtsp://127.0.0.1:8554/other/path/1\na=y\n";
    let comparison = compared(&request("DESCRIBE", answered(head, then), answered(head, now)));
    let (line_then, line_now) = (|line: &str| LineChange::Then(line.into()), |line: &str| LineChange::Now(line.into()));
    assert_eq!(
        comparison.requests[0].body,
        [line_then("a=rtpmap:96 H264/90000"), line_now("a=rtpmap:96 h264/90000"), line_then("a=x"), line_now("a=y")]
    );
    assert_eq!(comparison.first_difference(), None, "names of encodings have no letter case");

    let other = then.replace("H264", "H265");
    let comparison = compared(&request("DESCRIBE", answered(head, then), answered(head, &other)));
    assert_eq!(comparison.first_difference().unwrap(), "track 0: video H264/90000 then, video H265/90000 now");
    let comparison = compared(&request("DESCRIBE", answered(head, then), answered(head, "v=0\r\n")));
    assert_eq!(comparison.first_difference().unwrap(), "1 tracks then, 0 now");
}

#[test]
fn media_that_does_not_come_any_more() {
    let figures = |packets| Some(Figures { packets, ..Figures::default() });
    let streams = vec![StreamPair { track: 1, then: figures(5), now: figures(7) }];
    let mut comparison = Comparison { streams, ..Comparison::default() };
    assert_eq!(comparison.first_difference(), None);
    comparison.streams.push(StreamPair { track: 2, then: figures(5), now: None });
    assert_eq!(comparison.first_difference().unwrap(), "track 2: 5 packets then, none now");
}

proptest::proptest! {
    #[test]
    fn a_session_is_like_itself(head in "RTSP/1.0 [0-9]{0,3}\r\n(([A-Za-z-]{1,9}|Session|Transport|RTP-Info): [ -~]{0,20}\r\n){0,9}\r\n", body: Vec<u8>) {
        let message = Message::new(head.as_bytes(), &body);
        let fate = Fate::Answered { status: message.status(), latency: 0, message: Some(message) };
        for method in ["DESCRIBE", "PLAY"] {
            let mut comparison = Comparison::default();
            comparison.request(&request(method, fate, fate), [THEN, THEN]);
            proptest::prop_assert_eq!(comparison.first_difference(), None);
            proptest::prop_assert!(comparison.requests[0].body.is_empty());
        }
    }
}
