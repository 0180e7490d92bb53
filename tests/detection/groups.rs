//! Viewers of one multicast group who join and leave at different times: each has what came while it was there.
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;

use crate::connections::{Ends, Packet, TcpTalk, pcap};

const GROUP: [u8; 4] = [239, 1, 2, 3];
const SDP: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n";

/// What a capture tells.
#[derive(Debug, Default)]
struct Told {
    /// By the port of the viewer: the first and the last number, packets and losses.
    streams: BTreeMap<u16, (u16, i64, u64, i64)>,
    codes: Vec<&'static str>,
    /// Session and name.
    verdicts: Vec<(usize, &'static str)>,
}

impl Sink for Told {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row {
            Row::Stream(row) if row.packets > 0 => {
                let port = row.client.rsplit(':').next().unwrap().parse().unwrap();
                let figures = (row.first_seq.unwrap(), row.last_ext_seq.unwrap(), row.packets, row.lost);
                assert!(self.streams.insert(port, figures).is_none(), "two streams of one viewer");
            }
            Row::Finding(row) => self.codes.push(row.code.as_str()),
            Row::Verdict(row) => self.verdicts.push((row.session, row.verdict.as_str())),
            _ => {}
        }
        Ok(())
    }

    fn wants(&self, table: Table) -> bool {
        matches!(table, Table::Streams | Table::Findings | Table::Verdicts)
    }
}

fn told(parts: impl IntoIterator<Item = TcpTalk>) -> Told {
    let mut packets: Vec<Packet> = parts.into_iter().flat_map(|talk| talk.packets).map(|(_, packet)| packet).collect();
    packets.sort_by_key(|(at, _)| *at);
    let mut analyzer = Analyzer::new(AnalyzerOptions::default(), Told::default());
    Source::read(&pcap(&packets)[..], &mut analyzer).unwrap();
    analyzer.finish().unwrap()
}

fn at(ms: i64) -> i64 {
    1_000_000_000_000 + ms * 1_000_000
}

fn exchange(talk: &mut TcpTalk, cseq: u32, request: &str, headers: &str, answer: &str, body: &str) {
    talk.say(false, format!("{request} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n").as_bytes());
    let length = format!("Content-Length: {}\r\n", body.len());
    talk.say(true, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{answer}{length}\r\n{body}").as_bytes());
}

/// A viewer who is there from then to then.
fn viewer(port: u16, there: Range<i64>) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port, server_port: 554 });
    talk.at = at(there.start);
    talk.handshake();
    exchange(&mut talk, 1, "DESCRIBE rtsp://192.0.2.20/v", "", "Content-Type: application/sdp\r\n", SDP);
    let transport = "Transport: RTP/AVP;multicast;destination=239.1.2.3;port=7000-7001;ttl=4\r\n";
    let id = format!("Session: {port}\r\n");
    exchange(&mut talk, 2, "SETUP rtsp://192.0.2.20/v/t", transport, &format!("{transport}{id}"), "");
    exchange(&mut talk, 3, "PLAY rtsp://192.0.2.20/v/", &id, &id, "");
    talk.at = at(there.end);
    exchange(&mut talk, 4, "TEARDOWN rtsp://192.0.2.20/v/", &id, &id, "");
    talk.end(false);
    talk.end(true);
    talk
}

/// One whose connection stood before the capture; it is heard at these times, and ends the session with the last one if it
/// is told to.
fn late_viewer(port: u16, heard: &[i64], ends: bool) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port, server_port: 554 });
    let id = format!("Session: {port}\r\n");
    for (cseq, ms) in (20..).zip(heard) {
        talk.at = at(*ms);
        let method = if ends && Some(ms) == heard.last() { "TEARDOWN" } else { "GET_PARAMETER" };
        exchange(&mut talk, cseq, &format!("{method} rtsp://192.0.2.20/v/"), &id, &id, "");
    }
    talk
}

/// A picture each 40 ms, whose number is that of 40 ms; these are lost.
fn media(there: Range<u16>, lost: &[u16]) -> TcpTalk {
    let mut talk = TcpTalk::new(Ends { port: 1, server_port: 2 });
    for number in there.filter(|number| !lost.contains(number)) {
        talk.at = at(i64::from(number) * 40);
        let timestamp = u32::from(number) * 3600;
        let head = [&[0x80, 0xe0][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 7]].concat();
        talk.group_datagram(GROUP, 7000, &[&head[..], &[0x65, 0x88], &[0x41; 100]].concat());
    }
    talk
}

#[test]
fn one_who_comes_later_and_leaves_earlier_misses_nothing_of_the_others_time() {
    let told = told([viewer(5000, 0..12_000), viewer(5001, 4_000..8_000), media(1..300, &[60, 150, 250])]);
    // Numbers 101 to 199 came between its SETUP and its TEARDOWN.
    assert_eq!(told.streams[&5001], (101, 200, 99, 1));
    assert_eq!(told.streams[&5000].3, 3);
    assert!(told.verdicts.iter().all(|(_, verdict)| verdict.starts_with("lost-")), "{told:?}");
}

#[test]
fn one_who_comes_when_the_other_has_left_takes_the_group_over() {
    // Between them nobody listens, and nothing comes.
    let gap: Vec<u16> = (130..200).collect();
    let told = told([viewer(5000, 0..5_000), viewer(5001, 8_000..12_000), media(1..299, &gap)]);
    assert_eq!(told.streams[&5000].1, 129, "{told:?}");
    assert_eq!(told.streams[&5001], (201, 298, 98, 0));
    assert_eq!(told.verdicts, [], "{told:?}");
}

#[test]
fn what_others_watch_is_not_the_last_one_s_for_ever() {
    // Somebody else, whose RTSP is elsewhere, watches before and behind it.
    let told = told([viewer(5000, 2_000..6_000), media(1..300, &[20, 100, 170, 280])]);
    let (first, last, _, lost) = told.streams[&5000];
    assert_eq!((first, lost), (51, 1), "{told:?}");
    assert!((150..=201).contains(&last), "a router goes on for two seconds: {told:?}");
}

#[test]
fn who_began_before_the_capture_takes_nothing_from_who_is_heard_to_join() {
    let told =
        told([viewer(5000, 100..8_000), late_viewer(5001, &[3_000, 6_000, 11_000], false), media(1..290, &[60])]);
    assert_eq!((told.streams[&5000].0, told.streams[&5000].3), (3, 1), "{told:?}");
    // When the other one has left somebody still watches: it is the only one that may.
    assert_eq!(told.streams[&5001], (251, 289, 39, 0), "{told:?}");
    let odd = ["reordered", "ssrc-change", "timestamp-jump", "no-media"];
    assert!(told.codes.iter().all(|code| !odd.contains(code)), "{told:?}");
    assert!(told.verdicts.iter().all(|(_, verdict)| verdict.starts_with("lost-")), "{told:?}");
}

#[test]
fn who_began_before_the_capture_leaves_as_well() {
    let told = told([late_viewer(5001, &[1_000, 4_000], true), media(1..290, &[])]);
    let (_, last, _, lost) = told.streams[&5001];
    assert!((100..=151).contains(&last) && lost == 0, "{told:?}");
}
