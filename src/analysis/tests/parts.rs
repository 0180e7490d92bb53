//! Sessions whose client has the media go on elsewhere, at another pace, or stop.

use super::*;

/// What is said of a stream, to microseconds.
#[derive(Debug, PartialEq)]
pub(super) struct StreamFigures {
    lost: i64,
    missing: i64,
    restarts: u64,
    jitter_max: Option<f64>,
    frame_jitter_max: Option<f64>,
    skew: Option<(f64, f64)>,
    fps: Option<f64>,
    incomplete: Option<u64>,
}

impl StreamFigures {
    pub(super) fn new(row: &StreamRow<'_>) -> Self {
        let round = |value: f64| (value * 1e3).round() / 1e3 + 0.0;
        Self {
            lost: row.lost,
            missing: row.missing,
            restarts: row.restarts,
            jitter_max: row.jitter_max_ms.map(|value| round(value.0)),
            frame_jitter_max: row.frame_jitter_max_ms.map(|value| round(value.0)),
            skew: row.skew_min_ms.zip(row.skew_max_ms).map(|(min, max)| (round(min.0), round(max.0))),
            fps: row.frame_rate_fps.map(|value| round(value.0)),
            incomplete: row.incomplete_frames,
        }
    }

    /// Pictures as they should come.
    fn steady() -> Self {
        Self {
            lost: 0,
            missing: 0,
            restarts: 0,
            jitter_max: Some(0.0),
            frame_jitter_max: Some(0.0),
            skew: Some((0.0, 0.0)),
            fps: Some(25.0),
            incomplete: Some(0),
        }
    }
}

/// A session whose pictures come 40 ms apart.
struct Playing {
    talk: Talk,
    number: u16,
    timestamp: u32,
    cseq: u32,
}

impl Playing {
    fn new() -> Self {
        Self { talk: Talk::playing(), number: 100, timestamp: 9000, cseq: 4 }
    }

    /// So many pictures, whose timestamps have this step.
    fn pictures(mut self, count: u32, step: u32) -> Self {
        for _ in 0..count {
            let mut packet = vec![0x80, 0xe0];
            packet.extend(self.number.to_be_bytes());
            packet.extend(self.timestamp.to_be_bytes());
            packet.extend(SSRC);
            // A key frame each five.
            packet.extend(if self.number.is_multiple_of(5) { [0x65, 0x88, 7] } else { [0x41, 0x9a, 7] });
            self.talk = self.talk.frame(0, &packet).wait(30);
            (self.number, self.timestamp) = (self.number.wrapping_add(1), self.timestamp.wrapping_add(step));
        }
        self
    }

    /// The media goes on from there.
    fn elsewhere(mut self, number: u16, timestamp: u32) -> Self {
        (self.number, self.timestamp) = (number, timestamp);
        self
    }

    fn asks(mut self, request: &str) -> Self {
        self.cseq += 1;
        let (method, headers) = request.split_once('|').unwrap_or((request, ""));
        let text = format!("{method} rtsp://h/x/ RTSP/1.0|CSeq: {}|Session: 7|{headers}", self.cseq);
        self.talk = self.talk.say(C, text.trim_end_matches('|'));
        self
    }

    /// The answer, while media is under way: as much time as it takes is not for the media.
    fn answered(mut self, status: u16, headers: &str) -> Self {
        let text = format!("RTSP/1.0 {status} So|CSeq: {}|Session: 7|{headers}", self.cseq);
        self.talk = self.talk.say(S, text.trim_end_matches('|'));
        self
    }

    /// PLAY and its answer, between two pictures.
    fn plays(mut self, asked: &str, answered: &str) -> Self {
        self.talk.at = self.talk.at - Duration::from_millis(20);
        self.asks(&format!("PLAY|{asked}")).answered(200, answered)
    }

    fn wait(mut self, millis: u64) -> Self {
        self.talk = self.talk.wait(millis);
        self
    }

    /// Codes of the media, verdicts and figures.
    fn told(self) -> (Vec<&'static str>, Vec<&'static str>, StreamFigures) {
        let mut seen = self.talk.teardown().seen();
        seen.codes.retain(|code| *code != "rtp-info-missing");
        (seen.codes, seen.verdicts, seen.figures.remove(0))
    }

    #[track_caller]
    fn assert_steady(self) {
        let told = self.told();
        assert_eq!(told, (vec![], vec![], StreamFigures::steady()));
    }
}

const THERE: &str = "Range: npt=100-";

fn info(number: u16) -> String {
    format!("RTP-Info: url=rtsp://h/x/0;seq={number};rtptime=700000000")
}

#[test]
fn a_seek_that_is_announced_begins_figures_anew() {
    // Numbers go on, leave out some, or start elsewhere, also lower.
    for number in [150, 155, 40_000, 20] {
        let sought = Playing::new().pictures(50, 3600).plays(THERE, &info(number));
        sought.elsewhere(number, 700_000_000).pictures(50, 3600).assert_steady();
    }
}

#[test]
fn what_is_under_way_belongs_to_the_part_before() {
    for number in [153, 40_000, 20] {
        let sought = Playing::new().pictures(50, 3600).plays(THERE, &info(number)).pictures(3, 3600);
        sought.elsewhere(number, 700_000_000).pictures(50, 3600).assert_steady();
    }
}

#[test]
fn without_rtp_info_the_jump_is_the_seeks() {
    for (number, timestamp) in [(153, 700_000_000), (153, 1), (40_000, 700_000_000)] {
        let sought = Playing::new().pictures(50, 3600).plays(THERE, "").pictures(3, 3600);
        sought.elsewhere(number, timestamp).pictures(50, 3600).assert_steady();
    }
}

#[test]
fn media_may_be_there_before_the_answer() {
    let sought = |status, headers: &str| {
        let mut playing = Playing::new().pictures(50, 3600);
        playing.talk.at = playing.talk.at - Duration::from_millis(10);
        let playing = playing.asks(&format!("PLAY|{THERE}"));
        let mut playing = playing.elsewhere(150, 700_000_000).pictures(3, 3600);
        playing.talk.at = playing.talk.at - Duration::from_millis(10);
        playing.answered(status, headers).pictures(50, 3600)
    };
    sought(200, &info(150)).assert_steady();
    sought(200, "").assert_steady();
}

#[test]
fn a_jump_that_nobody_announced_stays_one() {
    let (codes, verdicts, figures) =
        Playing::new().pictures(50, 3600).elsewhere(150, 700_000_000).pictures(50, 3600).told();
    assert_eq!((codes, verdicts), (vec!["timestamp-jump"], vec!["source-clock-jumped"]));
    assert!(figures.jitter_max > Some(400_000.0), "{figures:?}");
    // Refused, or long after the answer.
    let refused = Playing::new().pictures(50, 3600).asks(&format!("PLAY|{THERE}")).answered(457, "");
    let (codes, ..) = refused.elsewhere(150, 700_000_000).pictures(50, 3600).told();
    assert!(codes.contains(&"timestamp-jump"), "{codes:?}");
    let late = Playing::new().pictures(50, 3600).plays(THERE, "").pictures(150, 3600);
    let (codes, ..) = late.elsewhere(300, 700_000_000).pictures(50, 3600).told();
    assert_eq!(codes, ["timestamp-jump"]);
}

#[test]
fn what_lacks_behind_a_seek_is_lost() {
    let sought = Playing::new().pictures(50, 3600).plays(THERE, &info(300));
    let (codes, _, figures) = sought.elsewhere(302, 700_007_200).pictures(50, 3600).told();
    assert_eq!((codes, figures.lost, figures.missing), (vec!["sequence-gap"], 2, 2));
}

#[test]
fn another_pace_says_nothing_of_clocks() {
    for headers in ["Scale: 4.0", "Speed: 4.0", "Scale: -4", "Rate-Control: no"] {
        let fast = Playing::new().pictures(50, 3600).plays(&format!("{THERE}|{headers}"), &info(150));
        let fast = fast.elsewhere(150, 700_000_000).pictures(100, 14_400);
        fast.plays("Scale: 1|Speed: 1|Rate-Control: yes", "").elsewhere(250, 9000).pictures(50, 3600).assert_steady();
    }
    // From the beginning on there is nothing to compare.
    let fast = Playing { talk: Talk::new().described().set_up(TCP, TCP), number: 100, timestamp: 9000, cseq: 4 };
    let (codes, verdicts, figures) = fast.plays("Scale: 2", "RTP-Info: url=0").pictures(100, 7200).told();
    assert_eq!((codes.len(), verdicts.len()), (0, 0), "{codes:?} {verdicts:?}");
    assert_eq!((figures.jitter_max, figures.skew, figures.fps), (None, None, None));
    // The server chose its own.
    let slow = Playing::new().pictures(50, 3600).plays("Scale: 4", "Scale: 1").pictures(50, 3600);
    slow.assert_steady();
}

#[test]
fn a_pause_without_a_jump_goes_on() {
    // The clock stands still meanwhile, or does not.
    for (jump, jitter) in [(0, 0.0), (1_797_300, 0.625)] {
        let paused = Playing::new().pictures(50, 3600).asks("PAUSE").answered(200, "").wait(19_960);
        let timestamp = paused.timestamp + jump;
        let paused = paused.elsewhere(150, timestamp).plays("", "").pictures(50, 3600);
        let (codes, verdicts, figures) = paused.told();
        assert_eq!((codes, verdicts.len(), figures.jitter_max), (vec![], 0, Some(jitter)), "{jump}");
    }
}

#[test]
fn the_first_picture_that_rtp_info_names_is_whole() {
    let first = |seq: &str| {
        let talk = Talk::new().describe(HEADERS, &SDP.replace("H264", "VP8")).set_up(TCP, TCP);
        let playing = Playing { talk, number: 100, timestamp: 9000, cseq: 4 };
        playing.plays("", &format!("RTP-Info: url=rtsp://h/x/0{seq}")).pictures(10, 3600).told().2.incomplete
    };
    assert_eq!(first(";seq=100"), Some(0));
    // It is not the first, or nobody knows.
    assert_eq!((first(";seq=99"), first(""), first(";seq=101")), (Some(1), Some(1), Some(1)));
}

#[test]
fn a_wrong_clock_rate_is_named_and_times_are_empty() {
    // Microseconds and milliseconds.
    for step in [40_000, 40] {
        let (codes, verdicts, figures) = Playing::new().pictures(100, step).told();
        assert_eq!((codes, verdicts), (vec!["clock-rate-wrong"], vec!["clock-rate-wrong"]), "{step}");
        let empty = StreamFigures {
            jitter_max: None,
            frame_jitter_max: None,
            skew: None,
            fps: None,
            ..StreamFigures::steady()
        };
        assert_eq!(figures, empty, "{step}");
    }
    let mut slow = Playing::new();
    for _ in 0..20 {
        slow = slow.pictures(1, 1_000_000).wait(960);
    }
    let (codes, verdicts, _) = slow.told();
    assert_eq!((codes, verdicts), (vec!["clock-rate-wrong"], vec!["clock-rate-wrong"]));
    // Media on demand may be sent faster than time.
    let sdp = SDP.replace("t=0 0|", "t=0 0|a=range:npt=0-60|");
    let talk = Talk::new().describe(HEADERS, &sdp).set_up(TCP, TCP).play();
    let fast = Playing { talk, number: 100, timestamp: 90_000, cseq: 4 };
    let (codes, ..) = fast.pictures(100, 40_000).told();
    assert_eq!(codes, Vec::<&str>::new());
}

/// Codes of findings, where nobody asks for anything else.
#[derive(Default)]
struct FindingsAlone(Vec<&'static str>);

impl Sink for FindingsAlone {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        if let Row::Finding(finding) = row {
            self.0.push(finding.code.as_str());
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        table == Table::Findings
    }
}

#[test]
fn findings_alone_tell_of_payloads_as_well() {
    let Talk { flow, at, .. } = Talk::new();
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), FindingsAlone::default());
    let mut pass = |direction, bytes: &[u8]| {
        let mut demuxer = Demuxer::new();
        let mut pdus = demuxer.feed(bytes);
        while let Some(pdu) = pdus.next_pdu() {
            let payload = Payload::Pdu(&pdu);
            analyzer.event(&TraceEvent { at, flow: &flow, direction, frame_number: Some(1), payload }).unwrap();
        }
    };
    let sdp = SDP.replace('|', "\r\n");
    pass(C, b"DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    pass(S, head.as_bytes());
    pass(C, format!("SETUP rtsp://h/x/0 RTSP/1.0\r\nCSeq: 2\r\nTransport: {TCP}\r\n\r\n").as_bytes());
    pass(S, format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 7\r\nTransport: {TCP}\r\n\r\n").as_bytes());
    let packet = [&rtp(1, true)[..12], &[0x7c, 0xc5, 0x88]].concat();
    pass(S, &[&[b'$', 0, 0, 15], &packet[..]].concat());
    let FindingsAlone(codes) = analyzer.finish().unwrap();
    assert!(codes.contains(&"payload-odd"), "{codes:?}");
}
