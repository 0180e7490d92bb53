//! Captures that begin when the session has stood for a while.
use std::io;

use proptest::prelude::*;
use rtsp_rec::analysis::rows::InferredColumns;
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, Packet, TcpTalk, pcap, sample};

const RTSP: Ends = Ends { port: 40_000, server_port: 554 };
const MEDIA: (u16, u16) = (6000, 5000);

/// What a capture tells.
#[derive(Debug, Default)]
struct Told {
    /// Session, direction, SSRC, packets and lost ones of each stream.
    streams: Vec<(usize, &'static str, u32, u64, i64)>,
    codes: Vec<&'static str>,
    messages: usize,
    /// The client's and the server's address of the latest stream.
    ends: String,
    /// Track, encoding and what of it is inferred.
    formats: Vec<(Option<usize>, String, Option<InferredColumns>)>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => {
                self.streams.push((row.session, row.direction.as_str(), row.ssrc.0, row.packets, row.lost));
                self.ends = format!("{} {}", row.client, row.server);
                let encoding = row.encoding.unwrap_or_default().to_owned();
                self.formats.push((row.track, encoding, row.inferred));
            }
            Row::Finding(row) => self.codes.push(row.code.as_str()),
            Row::Message(_) => self.messages += 1,
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings | Table::Messages)
    }
}

fn analyze(packets: &[Packet]) -> Told {
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(&pcap(packets)[..], &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

fn of(talk: TcpTalk) -> Told {
    analyze(&talk.packets.into_iter().map(|(_, packet)| packet).collect::<Vec<_>>())
}

const SSRC: u32 = 0xabcd;

fn rtp(number: u16, len: usize) -> Vec<u8> {
    let head = [&[0x80, 96][..], &number.to_be_bytes(), &(u32::from(number) * 3600).to_be_bytes(), &SSRC.to_be_bytes()];
    [head.concat(), vec![0x41; len]].concat()
}

fn frame(channel: u8, packet: &[u8]) -> Vec<u8> {
    [&[b'$', channel][..], &u16::try_from(packet.len()).unwrap().to_be_bytes(), packet].concat()
}

fn sender_report(packets: u32) -> Vec<u8> {
    let words = [0x80c8_0006, SSRC, 0xe000_0000, 0, 0, packets, packets * 100];
    words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect()
}

fn keep_alive(talk: &mut TcpTalk, cseq: u32) {
    let ask = format!("GET_PARAMETER rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: {cseq}\r\nSession: 7\r\n\r\n");
    talk.say(false, ask.as_bytes());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 7\r\n\r\n").as_bytes());
}

/// 300 packets over UDP of which 3 are lost, with sender reports; keep-alives with these packets.
fn over_udp(talk: &mut TcpTalk, keep_alives: &[u16]) {
    for number in 0..300 {
        if !(140..143).contains(&number) {
            talk.datagram(true, MEDIA, &rtp(65_500_u16.wrapping_add(number), 100));
        }
        if number % 100 == 50 {
            talk.datagram(true, (MEDIA.0 + 1, MEDIA.1 + 1), &sender_report(u32::from(number)));
        }
        if keep_alives.contains(&number) {
            keep_alive(talk, u32::from(number));
        }
    }
}

#[test]
fn media_over_udp_are_the_session_s_that_keeps_them_alive() {
    for keep_alives in [&[0][..], &[100], &[299], &[20, 120, 220]] {
        let mut talk = TcpTalk::new(RTSP);
        over_udp(&mut talk, keep_alives);
        let told = of(talk);
        assert_eq!(told.streams, [(1, "s2c", SSRC, 297, 3)], "{keep_alives:?}");
        let notes = told.codes.iter().filter(|code| **code == "capture-begins-late").count();
        assert_eq!(notes, 1, "{:?}", told.codes);
        for blame in ["unknown-channel", "media-before-play", "payload-type-unknown", "response-without-request"] {
            assert!(!told.codes.contains(&blame), "{:?}", told.codes);
        }
    }
}

#[test]
fn media_of_a_publisher_over_udp() {
    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    for number in 0..20 {
        talk.datagram(false, (5000, 6000), &rtp(number, 50));
    }
    assert_eq!(of(talk).streams, [(1, "c2s", SSRC, 20, 0)]);
}

/// Packets of this source.
fn rtp_of(ssrc: u32, number: u16) -> Vec<u8> {
    let mut packet = rtp(number, 100);
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

#[test]
fn tracks_that_share_their_ports() {
    for sources in [&[1][..], &[1, 2], &[1, 2, 3, 4], &[1, 1, 2]] {
        let mut talk = TcpTalk::new(RTSP);
        for number in 0..60 {
            for (place, ssrc) in (0_u16..).zip(sources) {
                talk.datagram(true, MEDIA, &rtp_of(*ssrc, number + place * 9000));
            }
            if number == 30 {
                keep_alive(&mut talk, 1);
            }
        }
        let told = of(talk);
        let packets: u64 = told.streams.iter().map(|stream| stream.3).sum();
        assert_eq!(packets, 60 * sources.len() as u64, "{sources:?}: {told:?}");
        assert!(sources.iter().all(|ssrc| told.streams.iter().any(|stream| stream.2 == *ssrc)), "{told:?}");
    }
}

/// A client asks for the description once more, or for the first time.
fn describe(talk: &mut TcpTalk, cseq: u32, sdp: &str) {
    let ask = format!("DESCRIBE rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n");
    talk.say(false, ask.as_bytes());
    let (kind, length) = ("Content-Type: application/sdp", sdp.len());
    talk.say(
        true,
        format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{sdp}").as_bytes(),
    );
}

#[test]
fn a_description_that_comes_later_says_what_media_is() {
    let sdp = |types: &str| {
        format!("v=0\r\nm=audio 0 RTP/AVP 97\r\nm=video 0 RTP/AVP {types}\r\na=rtpmap:{types} VP8/90000\r\n")
    };
    for udp in [true, false] {
        for (place, types) in [(0, "96"), (40, "96"), (60, "96"), (40, "98")] {
            let mut talk = TcpTalk::new(RTSP);
            // It names the session.
            keep_alive(&mut talk, 6);
            for number in 0..60 {
                if number == place {
                    describe(&mut talk, 7, &sdp(types));
                }
                if udp {
                    talk.datagram(true, MEDIA, &rtp(number, 100));
                } else {
                    talk.say(true, &frame(0, &rtp(number, 700)));
                }
            }
            if place == 60 {
                describe(&mut talk, 7, &sdp(types));
            }
            let told = of(talk);
            assert_eq!(told.streams, [(1, "s2c", SSRC, 60, 0)], "{udp} {place} {types}");
            let described = [(Some(1), "VP8".to_owned(), None)];
            // Else it is none of the tracks, and its packets show what it is.
            if types == "96" {
                assert_eq!(told.formats, described, "{udp} {place}");
            } else {
                assert_eq!(told.formats[0].0, None);
            }
            for blame in ["unknown-channel", "media-before-play", "ssrc-change"] {
                assert!(!told.codes.contains(&blame), "{:?}", told.codes);
            }
        }
    }
}

#[test]
fn reports_without_media_are_a_session_s() {
    for place in [0, 25, 50] {
        let mut talk = TcpTalk::new(RTSP);
        for number in 0..50 {
            if number == place {
                keep_alive(&mut talk, 1);
            }
            talk.datagram(true, (MEDIA.0 + 1, MEDIA.1 + 1), &sender_report(number));
        }
        if place == 50 {
            keep_alive(&mut talk, 1);
        }
        assert_eq!(of(talk).streams, [(1, "s2c", SSRC, 0, 0)], "{place}");
    }
    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    for number in 0..50 {
        talk.datagram(true, (MEDIA.0 + 1, MEDIA.1 + 1), &sender_report(number)[..20]);
    }
    assert!(of(talk).streams.is_empty(), "no report is whole");
}

#[test]
fn a_group_plays_on_when_a_viewer_leaves() {
    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    for number in 0..60 {
        talk.group_datagram([239, 1, 1, 1], 7000, &rtp(number, 100));
        if number == 20 {
            talk.say(false, b"TEARDOWN rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: 2\r\nSession: 7\r\n\r\n");
            talk.say(true, b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 7\r\n\r\n");
        }
    }
    let told = of(talk);
    assert_eq!(told.streams, [(1, "s2c", SSRC, 60, 0)]);
    assert!(!told.codes.contains(&"media-after-teardown"), "{:?}", told.codes);
}

#[test]
fn media_of_others_stay_theirs() {
    let mut talk = TcpTalk::new(RTSP);
    over_udp(&mut talk, &[]);
    let told = of(talk);
    assert!(told.streams.is_empty() && told.codes.is_empty(), "without RTSP there is no session: {told:?}");

    let mut talk = TcpTalk::new(RTSP);
    talk.handshake();
    over_udp(&mut talk, &[100]);
    let told = of(talk);
    assert!(told.streams.is_empty(), "a session from its start has its SETUP in the capture: {told:?}");

    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    for number in 0..2000_u16 {
        let [high, low] = number.wrapping_mul(31_421).to_be_bytes();
        talk.datagram(true, (53, 6000 + number), &[0x80 | high, low, high, 1, 0, 0, 0, low, high, low, 3, 3, high]);
        talk.datagram(true, (4500, 4500), &[&[0x80, 96, high, low][..], &[low; 4], &[high; 40]].concat());
    }
    assert!(of(talk).streams.is_empty(), "what only looks like RTP");
}

#[test]
fn what_is_too_much_to_keep_is_told() {
    let mut talk = TcpTalk::new(RTSP);
    for number in 0..14_000 {
        talk.datagram(true, MEDIA, &rtp(number, 1300));
    }
    keep_alive(&mut talk, 1);
    let told = of(talk);
    let [(_, _, _, packets, lost)] = told.streams[..] else { panic!("{told:?}") };
    assert!(packets > 10_000 && packets < 14_000 && lost == 0, "{told:?}");
    assert_eq!(told.codes.iter().filter(|code| **code == "capture-begins-late").count(), 2);
}

#[test]
fn two_sessions_that_may_have_them() {
    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    let mut other = TcpTalk::new(Ends { port: 40_002, ..RTSP });
    other.at = talk.at;
    keep_alive(&mut other, 1);
    talk.at = other.at;
    talk.packets.append(&mut other.packets);
    over_udp(&mut talk, &[]);
    let told = of(talk);
    assert_eq!(told.streams, [(1, "s2c", SSRC, 297, 3)]);
    assert!(told.codes.contains(&"capture-begins-late"), "{told:?}");
}

/// Frames of one side, from the middle of the first one on.
fn interleaved(from_server: bool, ends: Ends, count: u16) -> TcpTalk {
    let mut talk = TcpTalk::new(ends);
    talk.say(from_server, &frame(0, &rtp(99, 700))[300..]);
    for number in 100..100 + count {
        talk.say(from_server, &frame(0, &rtp(number, 700)));
        if number % 10 == 0 {
            talk.say(from_server, &frame(1, &sender_report(u32::from(number))));
        }
    }
    talk
}

#[test]
fn interleaved_media_of_either_side() {
    for count in [3, 5, 11, 12, 13, 40] {
        let told = of(interleaved(true, RTSP, count));
        assert_eq!(told.streams, [(1, "s2c", SSRC, u64::from(count), 0)]);
        assert_eq!(told.codes.iter().filter(|code| **code == "capture-begins-late").count(), 1, "{told:?}");
        assert!(!told.codes.contains(&"unknown-channel") && !told.codes.contains(&"junk"), "{told:?}");
        let told = of(interleaved(false, RTSP, count));
        assert_eq!(told.streams, [(1, "c2s", SSRC, u64::from(count), 0)], "a publisher");
    }
    assert!(of(interleaved(true, RTSP, 2)).streams.is_empty(), "two frames say too little");
}

/// Media between which other bytes stand, then a keep-alive. The payloads quote an answer.
fn littered(litter: &[u8], every: u16) -> TcpTalk {
    let mut talk = TcpTalk::new(RTSP);
    for number in 0..40 {
        if number % every == 0 {
            talk.say(true, litter);
        }
        talk.say(true, &frame(0, &[rtp(number, 40), b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n".to_vec()].concat()));
    }
    keep_alive(&mut talk, 6);
    talk
}

#[test]
fn bytes_of_no_meaning_between_frames_cost_none_of_them() {
    for (litter, every) in [(&b"\r\n"[..], 1), (b"\0\x17$garbage$\0\0\x04abcd", 10), (b"\0", 4)] {
        let told = of(littered(litter, every));
        assert_eq!(told.streams, [(1, "s2c", SSRC, 40, 0)], "{litter:?}");
        assert_eq!(told.messages, 2, "{litter:?}");
    }
}

#[test]
fn who_asks_is_the_client_whatever_its_port() {
    let mut talk = TcpTalk::new(Ends { port: 1100, server_port: 20_000 });
    talk.acknowledge(true);
    keep_alive(&mut talk, 5);
    for number in 0..5 {
        talk.say(true, &frame(0, &rtp(number, 700)));
    }
    let told = of(talk);
    assert_eq!((told.messages, told.streams.as_slice()), (2, &[(1, "s2c", SSRC, 5, 0)][..]));
    assert_eq!(told.ends, "192.0.2.10:1100 192.0.2.20:20000");
}

#[test]
fn a_hole_costs_what_it_holds() {
    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    for number in 0..100_u16 {
        let frame = frame(0, &rtp(number, 700));
        if number == 50 {
            talk.say(true, &frame[..200]).lose(true, &frame[200..500]).say(true, &frame[500..]);
        } else {
            talk.say(true, &frame);
        }
    }
    let told = of(talk);
    assert_eq!(told.streams, [(1, "s2c", SSRC, 99, 1)]);
    assert_eq!(told.codes.iter().filter(|code| **code == "cut-by-capture").count(), 2, "{told:?}");
    assert!(told.codes.contains(&"capture-gap") && !told.codes.contains(&"junk"), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Wherever the capture of the sample begins: what comes behind is counted.
    #[test]
    fn the_sample_without_its_beginning(cut in any::<prop::sample::Index>()) {
        let packets = sample();
        let whole = analyze(&packets);
        let cut = 4 + cut.index(packets.len() * 3 / 4);
        let rest = analyze(&packets[cut..]);
        let of = |told: &Told| told.streams.iter().map(|stream| (stream.2, stream.3)).collect::<Vec<_>>();
        prop_assert_eq!(rest.streams.len(), whole.streams.len());
        for (ssrc, packets) in of(&rest) {
            let before = of(&whole).into_iter().find(|(other, _)| *other == ssrc).map(|(_, packets)| packets);
            prop_assert!(before.is_some_and(|before| packets <= before && packets > 0));
        }
        prop_assert!(!rest.codes.contains(&"unknown-channel") && !rest.codes.contains(&"junk"), "{:?}", rest.codes);
    }
}
