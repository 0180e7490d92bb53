//! Whose packets are: rows of tracks that share a path, of what is sent beside the media, and of strangers.

use super::*;

const BOTH: &str = "v=0|s=x|m=video 0 RTP/AVP 96 97 98|a=rtpmap:96 H264/90000|a=rtpmap:97 rtx/90000|a=fmtp:97 apt=96|\
                    a=rtpmap:98 ulpfec/90000|a=ssrc-group:SIM 7 9|a=control:0|\
                    m=audio 0 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000|a=control:1|";

/// An RTP packet of this type, source and number.
fn packet(payload_type: u8, ssrc: u8, number: u16) -> Vec<u8> {
    let timestamp = u32::from(number) * 3600;
    let [a, b] = number.to_be_bytes();
    [&[0x80, payload_type, a, b][..], &timestamp.to_be_bytes(), &[0, 0, 0, ssrc, 0x41, 0x9a, 1, 2]].concat()
}

impl Talk {
    /// Both tracks on one path.
    fn sharing(transport: &str) -> Self {
        let talk = Self::new().options().describe(HEADERS, BOTH).set_up(transport, transport);
        let request = format!("SETUP rtsp://h/x/1 RTSP/1.0|CSeq: 5|Session: 7|Transport: {transport}");
        talk.ask(&request, &format!("RTSP/1.0 200 OK|CSeq: 5|Session: 7|Transport: {transport}")).play()
    }

    fn sent_from(self, sender: u8, packet: &[u8]) -> Self {
        self.sent_from_port((sender, 7000), packet)
    }

    fn sent_from_port(mut self, (sender, port): (u8, u16), packet: &[u8]) -> Self {
        let (from, to) = (SocketAddr::from(([10, 0, 0, sender], port)), SocketAddr::from(([10, 0, 0, 1], 6000)));
        let path = UdpPath::of_server(7000).sent_from(from, &[self.flow.server.ip()]);
        self.event(S, Payload::Datagram { path, from, to, payload: packet, missing: 0 });
        self
    }

    /// Track, encoding, type, source, packets, expected and duplicates of each row; and the findings.
    fn told(self) -> (Vec<String>, Vec<String>) {
        let shown = |row: StreamRow<'_>| {
            let track = row.track.map_or("-".to_owned(), |track| track.to_string());
            let encoding = row.encoding.unwrap_or("-");
            let payload_type = row.payload_type.unwrap_or_default();
            let StreamRow { packets, expected, duplicates, .. } = row;
            format!("{track} {encoding} {payload_type} {} {packets}/{expected} {duplicates}", row.ssrc.0)
        };
        let rows = self.analyzer.streams().map(shown).collect();
        (rows, self.seen().codes.into_iter().map(ToString::to_string).collect())
    }
}

#[test]
fn tracks_of_one_path() {
    for (transport, udp) in [(TCP, false), (UDP_SERVER, true)] {
        let mut talk = Talk::sharing(transport);
        for number in 100..103 {
            for bytes in [packet(0xe0, 7, number), packet(0, 8, number)] {
                talk = if udp { talk.datagram(S, &bytes) } else { talk.frame(0, &bytes) };
            }
        }
        let (rows, _) = talk.told();
        assert_eq!(rows, ["0 H264 96 7 3/3 0", "1 PCMU 0 8 3/3 0"], "{transport}");
    }
}

/// RFC 4588: retransmissions have a source of their own, and GStreamer reports on it before one was received.
#[test]
fn a_source_of_repair_data_may_report_and_be_silent() {
    let reported = |sources: &[u8]| {
        let talk = Talk::new().options().describe(HEADERS, BOTH).set_up(TCP, TCP).play();
        let talk = talk.frame(0, &packet(96, 7, 100));
        let of = |talk: Talk, source: &u8| talk.frame(1, &report([0, 0, 0, *source], ENDED));
        let found = sources.iter().fold(talk, of).frame(0, &packet(96, 7, 101)).told().1;
        found.into_iter().filter(|code| code == "sr-wrong-ssrc").count()
    };
    assert_eq!(reported(&[7, 5]), 0, "the media has reports of its own");
    assert_eq!(reported(&[5]), 1, "nothing else reports: it is the media that is meant");
}

#[test]
fn what_is_sent_beside_the_media() {
    let mut talk = Talk::sharing(TCP);
    // Error correction counts on in the numbers of its media, retransmission and events do not hide a loss.
    for (payload_type, ssrc, number) in [
        (96, 7, 100),
        (96, 7, 101),
        (98, 7, 102),
        (96, 7, 103),
        (97, 5, 900),
        (96, 7, 105),
        (0, 8, 1),
        (101, 8, 2),
        (0, 8, 3),
    ] {
        talk = talk.frame(0, &packet(payload_type, ssrc, number));
    }
    let (rows, findings) = talk.told();
    assert_eq!(
        rows,
        [
            "0 H264 96 7 4/5 0",
            "0 ulpfec 98 7 1/1 0",
            "0 rtx 97 5 1/1 0",
            "1 PCMU 0 8 2/2 0",
            "1 telephone-event 101 8 1/1 0",
        ]
    );
    assert!(!findings.contains(&"ssrc-change".to_owned()), "{findings:?}");
    assert_eq!(findings.iter().filter(|code| *code == "sequence-gap").count(), 1, "{findings:?}");
}

#[test]
fn what_is_sent_again_is_told_once() {
    let again = |number: u16, original: u8| {
        let header = packet(97, 5, number);
        [&header[..12], &[0, original, 0x41, 0x9a]].concat()
    };
    let mut talk = Talk::sharing(TCP);
    for number in [100, 101, 103, 105] {
        talk = talk.frame(0, &packet(96, 7, number));
    }
    for (number, original) in [(900, 102), (901, 104), (902, 104), (903, 101)] {
        talk = talk.frame(0, &again(number, original));
    }
    let (rows, findings) = talk.told();
    assert_eq!(rows, ["0 H264 96 7 4/6 0", "0 rtx 97 5 4/4 0"]);
    assert_eq!(findings.iter().filter(|code| *code == "retransmitted").count(), 1, "{findings:?}");
}

#[test]
fn sources_that_are_described_together_are_no_change() {
    let change = |ssrc| {
        let talk = Talk::sharing(TCP).frame(0, &packet(96, 7, 100)).frame(0, &packet(96, ssrc, 100));
        talk.told().1.contains(&"ssrc-change".to_owned())
    };
    assert!(!change(9), "a layer");
    assert!(change(10), "a restart");
}

#[test]
fn a_type_that_nobody_described() {
    for first in [true, false] {
        let mut talk = Talk::playing();
        for number in 100..105 {
            let other = packet(50, 7, if first { number } else { number * 2 + 1 });
            let media = packet(96, 7, if first { number } else { number * 2 });
            for bytes in if first { [other, media] } else { [media, other] } {
                talk = talk.frame(0, &bytes);
            }
        }
        let (mut rows, findings) = talk.told();
        rows.sort();
        assert_eq!(rows, ["- - 50 7 5/5 0", "0 H264 96 7 5/5 0"], "{first}");
        assert!(findings.contains(&"payload-type-unknown".to_owned()), "{findings:?}");
        assert!(!findings.contains(&"sequence-gap".to_owned()), "{findings:?}");
    }
}

#[test]
fn a_type_that_another_track_has() {
    let mut talk = Talk::new().options().describe(HEADERS, BOTH).set_up(TCP, TCP);
    let other = TCP.replace("0-1", "2-3");
    let request = format!("SETUP rtsp://h/x/1 RTSP/1.0|CSeq: 5|Session: 7|Transport: {other}");
    talk = talk.ask(&request, &format!("RTSP/1.0 200 OK|CSeq: 5|Session: 7|Transport: {other}")).play();
    for number in 100..104 {
        talk = talk.frame(0, &packet(0, 8, number)).frame(2, &packet(96, 7, number));
    }
    let (rows, findings) = talk.told();
    assert_eq!(rows, ["0 PCMU 0 8 4/4 0", "1 H264 96 7 4/4 0"], "the channels are swapped");
    assert_eq!(findings.iter().filter(|code| *code == "payload-type-unknown").count(), 2, "{findings:?}");
}

#[test]
fn a_track_of_nothing_that_was_described_keeps_its_row() {
    let (rows, findings) = Talk::playing().frame(0, &packet(97, 7, 100)).frame(0, &packet(97, 7, 101)).told();
    assert_eq!(rows, ["0 - 97 7 2/2 0"]);
    assert!(findings.contains(&"payload-type-unknown".to_owned()));
}

#[test]
fn strangers() {
    let udp = || Talk::new().options().described().set_up(UDP, UDP_SERVER).play();
    let own = |number| packet(96, 7, number);
    // With its source as well as with its own.
    for ssrc in [7, 9] {
        let talk = udp().sent_from(2, &own(100)).sent_from(5, &packet(96, ssrc, 30_000)).sent_from(2, &own(101));
        let (rows, findings) = talk.told();
        assert_eq!(rows, ["0 H264 96 7 2/2 0".to_owned(), format!("- - 96 {ssrc} 1/1 0")]);
        assert!(findings.contains(&"stranger-sends".to_owned()), "{findings:?}");
        assert!(!findings.contains(&"ssrc-change".to_owned()), "{findings:?}");
    }
    let (rows, findings) = udp().sent_from(5, &own(100)).sent_from(5, &own(101)).told();
    assert_eq!(rows, ["0 H264 96 7 2/2 0"], "a server of several addresses");
    assert!(findings.contains(&"sender-differs".to_owned()), "{findings:?}");
    let (rows, findings) = udp().sent_from(5, &packet(96, 9, 1)).sent_from(2, &own(100)).told();
    assert_eq!(rows, ["- - 96 9 1/1 0", "0 H264 96 7 1/1 0"], "until the server itself sends");
    assert!(findings.contains(&"stranger-sends".to_owned()), "{findings:?}");
    assert!(!findings.contains(&"ssrc-change".to_owned()), "{findings:?}");
}

/// An old session may send to ports that are used again, before the server does.
#[test]
fn a_stranger_that_sends_first() {
    for (payload_type, ssrc) in [(96, 9), (96, 7), (33, 9)] {
        let mut talk = Talk::new().options().described().set_up(UDP, UDP_SERVER).play();
        for number in 0..6 {
            talk = talk.sent_from_port((5, 8000), &packet(payload_type, ssrc, 5000 + 3 * number));
            if number > 2 {
                talk = talk.sent_from(2, &packet(96, 7, 97 + number));
            }
        }
        let (rows, findings) = talk.told();
        let stranger = rows.iter().find(|row| row.starts_with("- ")).cloned().unwrap_or_default();
        assert!(stranger.ends_with(&format!(" {payload_type} {ssrc} 6/16 0")), "{rows:?}");
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows.contains(&"0 H264 96 7 3/3 0".to_owned()), "{rows:?}");
        assert_eq!(findings, ["stranger-sends"]);
    }
}

#[test]
fn reports_of_a_stranger() {
    let udp = || Talk::new().options().described().set_up(UDP, UDP_SERVER).play();
    let mut of_stranger = report([0, 0, 0, 7], ENDED);
    // It counts packets, which came to others.
    of_stranger[23] = 5;
    let media = |talk: Talk| talk.sent_from(2, &packet(96, 7, 100)).sent_from(2, &packet(96, 7, 101));
    let before = media(udp().sent_from_port((5, 8001), &of_stranger)).teardown().seen();
    let after = media(udp()).sent_from_port((5, 8001), &of_stranger).teardown().seen();
    for seen in [before, after] {
        assert_eq!((seen.codes, seen.verdicts), (vec!["stranger-sends"], vec![]));
    }
    // A server of several addresses may report before its first packet.
    let other = udp().sent_from(5, &of_stranger).sent_from(5, &packet(96, 7, 100));
    assert_eq!(other.told(), (vec!["0 H264 96 7 1/1 0".to_owned()], vec!["sender-differs".to_owned()]));
}

/// The verdicts of sources that send these packets over one channel, and those after a PLAY like this.
fn restarts(sources: &[u8], play: Option<&str>, more: &[u8]) -> usize {
    let mut talk = Talk::playing();
    let send = |mut talk: Talk, sources: &[u8], first: u16| {
        for (number, ssrc) in (first..).zip(sources) {
            talk = talk.wait(30).frame(0, &packet(0xe0, *ssrc, number));
        }
        talk
    };
    talk = send(talk, sources, 100);
    if let Some(range) = play {
        let request = format!("PLAY rtsp://h/x RTSP/1.0|CSeq: 5|Session: 7{range}");
        talk = talk.ask(&request, "RTSP/1.0 200 OK|CSeq: 5|Session: 7|RTP-Info: url=rtsp://h/x/0;seq=400");
    }
    talk = send(talk, more, 400);
    talk.teardown().seen().verdicts.into_iter().filter(|verdict| *verdict == "source-restarted").count()
}

#[test]
fn a_source_is_restarted_if_the_one_before_has_ended() {
    assert_eq!(restarts(&[7, 7, 7, 9, 9, 9], None, &[]), 1);
    assert_eq!(restarts(&[7, 7, 9, 7, 9, 9], None, &[]), 1, "one was under way");
    assert_eq!(restarts(&[7, 9, 7, 9, 7, 9, 7, 9, 7, 9], None, &[]), 0, "both go on");
    assert_eq!(restarts(&[7, 7], Some("|Range: npt=9-"), &[9, 9]), 0, "PLAY asked for it");
    assert_eq!(restarts(&[7, 7], Some("|Range: npt=9-"), &[9, 9, 8, 8]), 1, "but for one alone");
    assert_eq!(restarts(&[7, 7], Some(""), &[9, 9]), 0, "PLAY named its number");
}

#[test]
fn a_track_that_is_set_up_again_begins_anew() {
    let again = "RTSP/1.0 200 OK|CSeq: 3|Session: 8|Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    let request = "SETUP rtsp://h/x/0 RTSP/1.0|CSeq: 3|Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    let play = "PLAY rtsp://h/x RTSP/1.0|CSeq: 4|Session: 8";
    let talk = Talk::playing().frame(0, &packet(0xe0, 7, 100)).teardown().ask(request, again);
    let info = "RTSP/1.0 200 OK|CSeq: 4|Session: 8|RTP-Info: url=rtsp://h/x/0;seq=500";
    let seen = talk.ask(play, info).frame(0, &packet(0xe0, 9, 500)).seen();
    for code in ["session-changed", "ssrc-change", "media-after-teardown"] {
        assert!(!seen.codes.contains(&code), "{:?}", seen.codes);
    }
    assert!(!seen.verdicts.contains(&"source-restarted"), "{:?}", seen.verdicts);
}

/// A live source goes on during a PAUSE: what it sent then was never meant to come.
#[test]
fn numbers_that_lack_behind_a_pause() {
    for info in ["", "|RTP-Info: url=rtsp://h/x/0;seq=250", "|RTP-Info: url=rtsp://h/x/0;seq=100"] {
        let mut talk = Talk::playing().media(100..150);
        talk =
            talk.ask("PAUSE rtsp://h/x RTSP/1.0|CSeq: 5|Session: 7", "RTSP/1.0 200 OK|CSeq: 5|Session: 7").wait(3940);
        let answer = format!("RTSP/1.0 200 OK|CSeq: 6|Session: 7{info}");
        talk = talk.ask("PLAY rtsp://h/x RTSP/1.0|CSeq: 6|Session: 7", &answer).media(250..300).media(302..310);
        let seen = talk.teardown().seen();
        assert_eq!(seen.codes.iter().filter(|code| **code == "sequence-gap").count(), 1, "{info}: {:?}", seen.codes);
        assert_eq!(seen.verdicts, ["lost-before-sending"], "{info}");
    }
}

#[test]
fn random_datagrams_before_the_media_are_no_stream() {
    let bytes: Vec<u8> = (0..200).map(|byte: u8| byte.wrapping_mul(37) | 0x80).collect();
    let (rows, findings) = Talk::new()
        .options()
        .described()
        .set_up(UDP, UDP_SERVER)
        .datagram(C, &bytes)
        .datagram(C, &[vec![0x80, 200], bytes.clone()].concat())
        .datagram(C, &packet(96, 7, 1))
        .play()
        .datagram(S, &packet(96, 7, 100))
        .datagram(C, &bytes)
        .told();
    assert_eq!(rows, ["0 H264 96 7 1/1 0"]);
    assert_eq!(findings.iter().filter(|code| *code == "nat-punch").count(), 1, "{findings:?}");
    assert!(!findings.iter().any(|code| code.ends_with("malformed")), "{findings:?}");
}

#[test]
fn a_track_that_was_torn_down_leaves_the_others_alone() {
    let teardown = "TEARDOWN rtsp://h/x/1 RTSP/1.0|CSeq: 8|Session: 7";
    let talk = Talk::sharing(TCP).frame(0, &packet(96, 7, 100)).frame(0, &packet(0, 8, 1));
    let after = |talk: Talk, bytes: &[u8]| {
        let talk = talk.ask(teardown, "RTSP/1.0 200 OK|CSeq: 8|Session: 7").frame(0, bytes);
        talk.told().1.contains(&"media-after-teardown".to_owned())
    };
    assert!(!after(talk, &packet(96, 7, 101)));
    let talk = Talk::sharing(TCP).frame(0, &packet(96, 7, 100)).frame(0, &packet(0, 8, 1));
    assert!(after(talk, &packet(0, 8, 2)));
}
