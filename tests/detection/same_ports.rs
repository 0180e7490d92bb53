//! Captures that begin late, where several sources, payload types or sessions have one path: they are told apart by what shows
//! it, addresses, sources and numbers, and nothing is made up where nothing does.
use std::io;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, Packet, TcpTalk, pcap};

const RTSP: Ends = Ends { port: 40_000, server_port: 554 };
/// Payload type 96 with the marker.
const MARKED_96: u8 = 0xe0;
const SERVER: [u8; 4] = [192, 0, 2, 20];
const OTHER_SERVER: [u8; 4] = [192, 0, 2, 21];

/// What a capture tells.
#[derive(Debug, Default)]
struct Told {
    /// Session, SSRC, payload type, encoding, packets and lost ones of each stream.
    streams: Vec<(usize, u32, Option<u8>, String, u64, i64)>,
    codes: Vec<&'static str>,
    verdicts: Vec<&'static str>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => {
                let encoding = row.encoding.unwrap_or_default().to_owned();
                self.streams.push((row.session, row.ssrc.0, row.payload_type, encoding, row.packets, row.lost));
            }
            Row::Finding(row) => self.codes.push(row.code.as_str()),
            Row::Verdict(row) => self.verdicts.push(row.verdict.as_str()),
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings | Table::Verdicts)
    }
}

fn told(talk: TcpTalk) -> Told {
    let packets: Vec<Packet> = talk.packets.into_iter().map(|(_, packet)| packet).collect();
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(&pcap(&packets)[..], &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

fn rtp(payload_type: u8, ssrc: u32, number: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let head = [&[0x80, payload_type][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()];
    [&head.concat()[..], payload].concat()
}

/// A slice of H.264 that is not that of another number.
fn picture(number: u16) -> Vec<u8> {
    let kind = if number.is_multiple_of(25) { 0x65 } else { 0x41 };
    let noise = (0..300_u16).map(|at| at.wrapping_mul(number.wrapping_add(7)).to_be_bytes()[0]);
    [kind, 0x9a].into_iter().chain(noise).collect()
}

fn keep_alive(talk: &mut TcpTalk, cseq: u32) {
    let ask = format!("GET_PARAMETER rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: {cseq}\r\nSession: 7\r\n\r\n");
    talk.say(false, ask.as_bytes());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 7\r\n\r\n").as_bytes());
}

/// A packet on a channel, or to the ports of its number.
fn send(talk: &mut TcpTalk, udp: bool, channel: u8, packet: &[u8]) {
    if udp {
        talk.datagram(true, (6000 + u16::from(channel), 5000 + u16::from(channel)), packet);
    } else {
        let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
        talk.say(true, &[&[b'$', channel][..], &length, packet].concat());
    }
}

/// 300 pictures of one source, each in a packet; `beside` adds packets of another type, which may count in its numbers.
fn with_beside(udp: bool, beside: impl Fn(u16, &mut u16) -> Option<Vec<u8>>) -> Told {
    with_beside_and(udp, beside, |_, _| {})
}

/// The same, where something is said before each picture.
fn with_beside_and(
    udp: bool,
    beside: impl Fn(u16, &mut u16) -> Option<Vec<u8>>,
    say: impl Fn(&mut TcpTalk, u16),
) -> Told {
    let mut talk = TcpTalk::new(RTSP);
    keep_alive(&mut talk, 1);
    let mut next = 100_u16;
    for number in 0..300_u16 {
        say(&mut talk, number);
        send(&mut talk, udp, 0, &rtp(MARKED_96, 7, next, u32::from(number) * 3600, &picture(number)));
        next += 1;
        if let Some(packet) = beside(number, &mut next) {
            send(&mut talk, udp, 0, &packet);
        }
        talk.at += 38_500_000;
    }
    told(talk)
}

/// RFC 4588, section 5.3, would have another source for it; some senders keep that of the media.
#[test]
fn what_is_resent_has_numbers_of_its_own() {
    for udp in [true, false] {
        for begin in [9000_u16, 30_000, 65_530] {
            let told = with_beside(udp, |number, _| {
                let resent = [&(99 + number).to_be_bytes()[..], &picture(number)].concat();
                let own = begin.wrapping_add(number / 20);
                (number % 20 == 19).then(|| rtp(97, 7, own, u32::from(number) * 3600, &resent))
            });
            let rows: Vec<_> = told.streams.iter().map(|row| (row.1, row.2, row.4, row.5)).collect();
            assert_eq!(rows, [(7, Some(96), 300, 0), (7, Some(97), 15, 0)], "{udp} {begin}: {told:?}");
            assert_eq!(told.streams[0].3, "H264");
            assert_eq!(told.codes, ["capture-begins-late"], "{udp} {begin}");
            assert!(told.verdicts.is_empty(), "{told:?}");
        }
    }
}

/// The media's numbers come near those of what is resent, and by then another track was set up.
#[test]
fn what_has_numbers_of_its_own_keeps_its_row() {
    for udp in [true, false] {
        let beside = |number: u16, _: &mut u16| {
            let resent = [&(99 + number).to_be_bytes()[..], &picture(number)].concat();
            (number % 20 == 19).then(|| rtp(97, 7, 3130 + number / 20, u32::from(number) * 3600, &resent))
        };
        let told = with_beside_and(udp, beside, |talk, number| {
            if number == 150 {
                let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=4-5\r\n";
                let ask = format!("SETUP rtsp://192.0.2.20/v/a RTSP/1.0\r\nCSeq: 2\r\nSession: 7\r\n{transport}\r\n");
                talk.say(false, ask.as_bytes());
                talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 7\r\n{transport}\r\n").as_bytes());
            }
        });
        let rows: Vec<_> = told.streams.iter().map(|row| (row.1, row.2, row.4, row.5)).collect();
        assert_eq!(rows, [(7, Some(96), 300, 0), (7, Some(97), 15, 0)], "{udp}: {told:?}");
    }
}

/// RFC 5109, section 4: error correction may count on in the numbers of its media.
#[test]
fn what_counts_in_the_numbers_of_the_media_is_a_part_of_it() {
    for udp in [true, false] {
        let told = with_beside(udp, |number, next| {
            *next += u16::from(number % 5 == 4);
            (number % 5 == 4).then(|| rtp(127, 7, *next - 1, u32::from(number) * 3600, &[0x40; 60]))
        });
        assert_eq!(told.streams, [(1, 7, Some(96), "H264".to_owned(), 360, 0)], "{udp}");
        assert_eq!(told.codes, ["capture-begins-late"], "{udp}");
    }
}

/// The description names one payload type twice, and no SETUP says which channel or port is whose.
#[test]
fn tracks_of_one_payload_type_are_told_by_their_path() {
    let section = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let sdp =
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=a\r\nt=0 0\r\n{section}a=control:a\r\n{section}a=control:b\r\n");
    for udp in [true, false] {
        for place in [0, 100] {
            let mut talk = TcpTalk::new(RTSP);
            keep_alive(&mut talk, 1);
            for number in 0..150_u16 {
                if number == place {
                    talk.say(false, b"DESCRIBE rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: 2\r\n\r\n");
                    let head = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Base: rtsp://192.0.2.20/v/\r\n\
                         Content-Type: application/sdp\r\nContent-Length";
                    talk.say(true, format!("{head}: {}\r\n\r\n{sdp}", sdp.len()).as_bytes());
                }
                for (channel, ssrc) in [(0, 7), (2, 8)] {
                    send(
                        &mut talk,
                        udp,
                        channel,
                        &rtp(MARKED_96, ssrc, number, u32::from(number) * 3600, &picture(number)),
                    );
                }
                talk.at += 38_000_000;
            }
            let told = told(talk);
            let rows: Vec<_> = told.streams.iter().map(|row| (row.1, row.3.as_str(), row.4, row.5)).collect();
            assert_eq!(rows, [(7, "H264", 150, 0), (8, "H264", 150, 0)], "{udp} {place}");
            assert_eq!(told.codes, ["capture-begins-late"], "{udp} {place}");
        }
    }
}

/// The same packet, from or to the other server.
fn moved(mut packet: Vec<u8>) -> Vec<u8> {
    for at in [26, 30] {
        if packet[at..at + 4] == SERVER {
            packet[at..at + 4].copy_from_slice(&OTHER_SERVER);
        }
    }
    packet
}

/// A recorder of two cameras has one port for both; it asked for that before the capture began.
#[test]
fn two_servers_that_send_to_one_port() {
    for (first, second) in [(0, 20), (20, 0), (0, 59), (59, 59), (30, 10)] {
        let (mut talk, mut other) = (TcpTalk::new(RTSP), TcpTalk::new(Ends { port: 40_002, ..RTSP }));
        for number in 0..60_u16 {
            if number == first {
                keep_alive(&mut talk, 1);
            }
            let packet = |ssrc, number| rtp(MARKED_96, ssrc, number, u32::from(number) * 3600, &picture(number));
            talk.datagram(true, (6000, 5000), &packet(7, number));
            other.at = talk.at;
            other.datagram(true, (6000, 5000), &packet(8, number + 100));
            if number == second {
                keep_alive(&mut other, 1);
            }
            talk.at = other.at + 36_000_000;
            let moved = other.packets.drain(..).map(|(from_server, (at, packet))| (from_server, (at, moved(packet))));
            talk.packets.extend(moved);
        }
        let mut told = told(talk);
        told.streams.sort();
        let rows: Vec<_> = told.streams.iter().map(|row| (row.1, row.4, row.5)).collect();
        let sessions = [told.streams[0].0, told.streams[1].0];
        assert_eq!(sessions, [1, 2], "{first} {second}: {told:?}");
        assert!(rows.contains(&(7, 60, 0)) && rows.contains(&(8, 60, 0)), "{first} {second}: {told:?}");
        assert!(!told.codes.contains(&"stranger-sends"), "{first} {second}: {told:?}");
    }
}

/// A client plays, takes its leave, and plays once more with the same ports. Its connections stood before the capture.
#[test]
fn sessions_one_after_the_other() {
    for (teardown, pause_ns) in [(true, 0), (true, 1_000_000_000), (false, 0), (true, 20_000_000_000)] {
        let (mut talk, mut other) = (TcpTalk::new(RTSP), TcpTalk::new(Ends { port: 40_002, ..RTSP }));
        keep_alive(&mut talk, 1);
        other.at = talk.at;
        keep_alive(&mut other, 1);
        let media = |talk: &mut TcpTalk, ssrc| {
            for number in 0..60_u16 {
                let packet = rtp(MARKED_96, ssrc, number, u32::from(number) * 3600, &picture(number));
                talk.datagram(true, (6000, 5000), &packet);
                talk.at += 39_000_000;
            }
        };
        talk.at = other.at;
        media(&mut talk, 7);
        if teardown {
            talk.say(false, b"TEARDOWN rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: 2\r\nSession: 7\r\n\r\n");
            talk.say(true, b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 7\r\n\r\n");
        }
        talk.end(false);
        talk.end(true);
        other.at = talk.at + pause_ns;
        keep_alive(&mut other, 2);
        media(&mut other, 8);
        talk.packets.append(&mut other.packets);
        talk.packets.sort_by_key(|(_, (at, _))| *at);
        let told = told(talk);
        let rows: Vec<_> = told.streams.iter().map(|row| (row.0, row.1, row.4, row.5)).collect();
        assert_eq!(rows, [(1, 7, 60, 0), (2, 8, 60, 0)], "{teardown} {pause_ns}: {told:?}");
        let blame = ["media-after-teardown", "ssrc-change"];
        assert!(told.codes.iter().all(|code| !blame.contains(code)), "{teardown} {pause_ns}: {told:?}");
        assert!(told.verdicts.is_empty(), "{told:?}");
    }
}
