//! What a capture holds twice, for a part of its time or of its packets; and what a network repeats.
use std::collections::BTreeMap;
use std::io;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, Packet, TcpTalk, pcap};

const SDP: &str = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\nm=audio 0 RTP/AVP 8\r\na=control:b\r\n";

/// What a capture tells.
#[derive(Debug, Default)]
struct Told {
    /// By track: packets, duplicates, losses.
    streams: BTreeMap<Option<usize>, (u64, u64, i64)>,
    codes: Vec<&'static str>,
    verdicts: Vec<&'static str>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) => {
                self.streams.insert(row.track, (row.packets, row.duplicates, row.lost));
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

fn exchange(talk: &mut TcpTalk, cseq: u32, request: &str, headers: &str, answer: &str, body: &str) {
    talk.say(false, format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n").as_bytes());
    let length = format!("Content-Length: {}\r\n", body.len());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{answer}{length}\r\n{body}").as_bytes());
}

/// Two tracks over UDP, 150 packets each; the second one sends in pairs, so that they do not take turns.
fn session() -> Vec<Packet> {
    let mut talk = TcpTalk::new(Ends { port: 40_000, server_port: 554 });
    talk.handshake();
    exchange(&mut talk, 1, "DESCRIBE rtsp://192.0.2.20/v", "", "Content-Type: application/sdp\r\n", SDP);
    for (cseq, track, ports) in [(2, "a", "client_port=5000-5001"), (3, "b", "client_port=5002-5003")] {
        let transport = format!("Transport: RTP/AVP;unicast;{ports}\r\n");
        let answer = format!("Transport: RTP/AVP;unicast;{ports};server_port=6000-6001\r\nSession: 7\r\n");
        exchange(&mut talk, cseq, &format!("SETUP rtsp://192.0.2.20/v/{track}"), &transport, &answer, "");
    }
    exchange(&mut talk, 4, "PLAY rtsp://192.0.2.20/v/", "Session: 7\r\n", "Session: 7\r\n", "");
    let rtp = |payload_type: u8, number: u16| {
        let timestamp = u32::from(number) * 160;
        let head = [&[0x80, payload_type][..], &number.to_be_bytes(), &timestamp.to_be_bytes()].concat();
        [&head[..], &[0, 0, 0, payload_type + 1], &[number.to_be_bytes()[1]; 160]].concat()
    };
    for number in 0..150 {
        talk.datagram(true, (6000, 5000), &rtp(0, number));
        if number % 2 == 1 {
            talk.datagram(true, (6000, 5002), &rtp(8, number - 1));
            talk.datagram(true, (6000, 5002), &rtp(8, number));
        }
        talk.at += 18_000_000;
    }
    exchange(&mut talk, 5, "TEARDOWN rtsp://192.0.2.20/v/", "Session: 7\r\n", "Session: 7\r\n", "");
    let mut packets: Vec<Packet> = talk.packets.into_iter().map(|(_, packet)| packet).collect();
    // Each has an identification (RFC 791).
    for (id, (_, bytes)) in (1_u16..).zip(&mut packets) {
        bytes[18..20].copy_from_slice(&id.to_be_bytes());
    }
    packets
}

/// The session where some packets, by their places, come once more five microseconds later.
fn told(mut is_doubled: impl FnMut(usize) -> bool) -> Told {
    let mut packets = Vec::new();
    for (place, (at, bytes)) in session().into_iter().enumerate() {
        packets.push((at, bytes.clone()));
        if is_doubled(place) {
            packets.push((at + 5_000, bytes));
        }
    }
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(&pcap(&packets)[..], &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

#[test]
fn a_mirror_for_a_part_of_the_time_or_of_the_packets() {
    type Doubled = fn(usize) -> bool;
    let mirrors: [(&str, Doubled); 7] = [
        ("all", |_| true),
        ("begins later", |place| place > 120),
        ("ends before", |place| place < 150),
        ("for a while", |place| (100..200).contains(&place)),
        ("twice for a while", |place| (40..80).contains(&place) || (200..250).contains(&place)),
        ("one lacks", |place| place > 120 && place != 131),
        ("every second", |place| place % 2 == 0),
    ];
    for (name, mirror) in mirrors {
        let told = told(mirror);
        let whole = (150, 0, 0);
        assert_eq!(told.streams, BTreeMap::from([(Some(0), whole), (Some(1), whole)]), "{name}: {told:?}");
        assert_eq!(told.codes.iter().filter(|code| **code == "captured-twice").count(), 1, "{name}: {told:?}");
        assert!(!told.verdicts.contains(&"repeated-on-the-way"), "{name}: {told:?}");
    }
}

#[test]
fn what_a_network_repeats_is_repeated() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let by_chance = |one_in: u64| {
        move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32).is_multiple_of(one_in)
        }
    };
    for one_in in [5, 10, 40] {
        let told = told(by_chance(one_in));
        let duplicates: u64 = told.streams.values().map(|(_, duplicates, _)| duplicates).sum();
        assert!(duplicates * one_in > 150, "1 in {one_in}: {told:?}");
        assert!(!told.codes.contains(&"captured-twice"), "1 in {one_in}: {told:?}");
        // Each is told, whatever waited for it, and in order.
        let packets: u64 = told.streams.values().map(|(packets, ..)| packets).sum();
        assert_eq!(packets, 300 + duplicates);
        assert!(!told.codes.contains(&"reordered"), "{told:?}");
    }
}
