//! One capture cut into files, as rotation does it, tells the same as the whole; captures of different things stay apart.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etherparse::PacketBuilder;
use flate2::Compression;
use flate2::read::GzEncoder;
use pcap_file::pcapng::{Block, PcapNgReader};
use proptest::prelude::*;

const TABLES: [&str; 8] =
    ["streams", "packets", "frames", "sender_reports", "report_blocks", "messages", "findings", "verdicts"];

/// A packet: nanoseconds and bytes.
type Packet = (i64, Vec<u8>);

fn sample() -> Vec<Packet> {
    let bytes: &[u8] = include_bytes!("../samples/gstreamer_h264_aac.pcapng");
    let mut reader = PcapNgReader::new(bytes).unwrap();
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
            packets.push((i64::try_from(packet.timestamp.as_nanos()).unwrap(), packet.data.to_vec()));
        }
    }
    packets
}

/// A pcap file with nanoseconds.
fn pcap(packets: &[Packet]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = words(&[0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1]);
    for (at, bytes) in packets {
        let [seconds, nanos] = [at / 1_000_000_000, at % 1_000_000_000].map(|part| u32::try_from(part).unwrap());
        let len = u32::try_from(bytes.len()).unwrap();
        file.extend(words(&[seconds, nanos, len, len]));
        file.extend(bytes);
    }
    file
}

/// A place for captures, each under its name.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, file: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, file).unwrap();
        path
    }

    /// The capture cut in front of these packets. The names do not tell the order.
    fn cut(&self, packets: &[Packet], cuts: &[usize]) -> Vec<PathBuf> {
        let mut edges = vec![0];
        edges.extend(cuts);
        edges.push(packets.len());
        let part = |(number, edge): (usize, &[usize])| {
            self.write(&format!("{}.pcap", (number * 7 + 5) % 41), &pcap(&packets[edge[0]..edge[1]]))
        };
        edges.windows(2).enumerate().map(part).collect()
    }
}

fn analyze(captures: &[PathBuf], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    command.arg("analyze").args(captures).arg("-o").arg(folder).stdin(Stdio::null());
    command.output().unwrap()
}

type Row = BTreeMap<String, String>;
type Rows = BTreeMap<&'static str, Vec<Row>>;

/// The rows of all tables.
fn rows(captures: &[PathBuf], code: i32) -> Rows {
    let folder = tempfile::tempdir().unwrap();
    let output = analyze(captures, folder.path());
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |table: &'static str| {
        let mut reader = csv::Reader::from_path(folder.path().join(table).with_extension("csv")).unwrap();
        (table, reader.deserialize().collect::<Result<Vec<Row>, _>>().unwrap())
    };
    TABLES.into_iter().map(read).collect()
}

/// Makes the frame numbers of parts those of the whole, and checks that each row names a part that can have it.
fn as_whole(mut rows: Rows, parts: &[PathBuf], cuts: &[usize]) -> Rows {
    let mut starts = vec![0];
    starts.extend(cuts);
    for row in rows.values_mut().flatten() {
        let part = parts.iter().position(|part| part.to_str().unwrap() == row["capture"]).unwrap();
        row.insert("capture".to_owned(), "whole".to_owned());
        // These may stand in another part, and are left out there.
        row.remove("first_frame_number");
        row.remove("last_frame_number");
        if let Some(number) = row.get_mut("frame_number").filter(|number| !number.is_empty()) {
            *number = (number.parse::<usize>().unwrap() + starts[part]).to_string();
        }
    }
    rows
}

fn whole(packets: &[Packet]) -> Rows {
    let place = Place::new();
    let path = place.write("whole.pcap", &pcap(packets));
    as_whole(rows(std::slice::from_ref(&path), 0), &[path], &[])
}

/// Asserts that the capture, cut there and given in this order, tells the same.
#[track_caller]
fn assert_joins(packets: &[Packet], cuts: &[usize], order: &[usize]) {
    let place = Place::new();
    let parts = place.cut(packets, cuts);
    let given: Vec<PathBuf> = order.iter().map(|place| parts[*place].clone()).collect();
    let (expected, found) = (whole(packets), as_whole(rows(&given, 0), &parts, cuts));
    for table in TABLES {
        for (expected, found) in expected[table].iter().zip(&found[table]) {
            assert_eq!(found, expected, "{table}, cut at {cuts:?}, given as {order:?}");
        }
        assert_eq!(found[table].len(), expected[table].len(), "{table}, cut at {cuts:?}, given as {order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_capture_cut_anywhere_tells_the_same(
        cuts in prop::collection::btree_set(1usize..831, 1..5),
        seeds in prop::collection::vec(any::<u32>(), 5),
    ) {
        let cuts: Vec<usize> = cuts.into_iter().collect();
        let mut order: Vec<usize> = (0..=cuts.len()).collect();
        order.sort_by_key(|place| seeds[*place]);
        assert_joins(&sample(), &cuts, &order);
    }
}

#[test]
fn where_many_packets_have_the_same_time_too() {
    for cuts in [[1, 2], [2, 3], [3, 4], [1, 5], [6, 7], [829, 830]] {
        assert_joins(&sample(), &cuts, &[2, 1, 0]);
    }
}

/// More files than wait for their turn, and the one to begin with comes last.
#[test]
fn many_files_in_the_wrong_order() {
    let cuts: Vec<usize> = (1..40).map(|part| part * 20).collect();
    let order: Vec<usize> = (0..40).rev().collect();
    assert_joins(&sample(), &cuts, &order);
}

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];

/// A connection of a session, packet by packet.
struct Session {
    packets: Vec<Packet>,
    at: i64,
    seq: [u32; 2],
}

impl Session {
    fn open(seq: [u32; 2], at: i64) -> Self {
        let mut session = Self { packets: Vec::new(), at, seq };
        session.handshake();
        session
    }

    fn handshake(&mut self) {
        let [client, server] = self.seq;
        self.seq = [client.wrapping_add(1), server.wrapping_add(1)];
        self.push(
            PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(CLIENT, SERVER, 64).tcp(50_000, 554, client, 9).syn(),
            &[],
        );
        let answer = PacketBuilder::ethernet2([2; 6], [1; 6]).ipv4(SERVER, CLIENT, 64);
        self.push(answer.tcp(554, 50_000, server, 9).syn().ack(client.wrapping_add(1)), &[]);
    }

    fn push(&mut self, builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>, payload: &[u8]) {
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        self.at += 20_000_000;
        self.packets.push((self.at, bytes));
    }

    /// A message or frame of the client (0) or the server (1).
    fn say(&mut self, who: usize, payload: &[u8]) -> &mut Self {
        let (from, to, ports) = [(CLIENT, SERVER, (50_000, 554)), (SERVER, CLIENT, (554, 50_000))][who];
        let (seq, ack) = (self.seq[who], self.seq[1 - who]);
        self.seq[who] = seq.wrapping_add(u32::try_from(payload.len()).unwrap());
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64);
        self.push(builder.tcp(ports.0, ports.1, seq, 9).ack(ack), payload);
        self
    }

    fn datagram(&mut self, seq: u16) -> &mut Self {
        let mut bytes = Vec::new();
        let builder = PacketBuilder::ethernet2([2; 6], [1; 6]).ipv4(SERVER, CLIENT, 64).udp(7000, 6000);
        builder.write(&mut bytes, &rtp(seq)).unwrap();
        self.at += 20_000_000;
        self.packets.push((self.at, bytes));
        self
    }

    /// From OPTIONS to PLAY, with media over this transport.
    fn dialogue(&mut self, asked: &str, answered: &str) -> &mut Self {
        let requests = [("OPTIONS", ""), ("SETUP", asked), ("PLAY", "")];
        for (cseq, (method, transport)) in requests.into_iter().enumerate() {
            let header = |value: &str| if value.is_empty() { String::new() } else { format!("Transport: {value}\r\n") };
            let request = format!(
                "{method} rtsp://10.0.0.2/x RTSP/1.0\r\nCSeq: {cseq}\r\nSession: 7\r\n{}\r\n",
                header(transport)
            );
            let answer = if transport.is_empty() { "" } else { answered };
            self.say(0, request.as_bytes());
            self.say(1, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 7\r\n{}\r\n", header(answer)).as_bytes());
        }
        self
    }

    fn interleaved(&mut self) -> &mut Self {
        self.dialogue("RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/TCP;interleaved=0-1")
    }

    fn frames(&mut self, numbers: std::ops::Range<u16>) -> &mut Self {
        for number in numbers {
            let payload = rtp(number);
            self.say(1, &[&[b'$', 0, 0, u8::try_from(payload.len()).unwrap()], payload.as_slice()].concat());
        }
        self
    }
}

/// An RTP packet of PCMU.
fn rtp(seq: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend([0xaa, 0xbb, 0xcc, 0xdd]);
    packet.resize(172, 0);
    packet
}

fn seconds(seconds: i64) -> i64 {
    (1_700_000_000 + seconds) * 1_000_000_000
}

#[test]
fn media_over_udp_carries_over() {
    let mut session = Session::open([1000, 2000], seconds(0));
    session.dialogue(
        "RTP/AVP;unicast;client_port=6000-6001",
        "RTP/AVP;unicast;client_port=6000-6001;server_port=7000-7001",
    );
    for seq in 65_500..65_535 {
        session.datagram(seq);
    }
    for seq in 0..50 {
        session.datagram(seq);
    }
    let start = 8;
    let rows = whole(&session.packets);
    assert_eq!((rows["streams"].len(), rows["packets"].len()), (1, 85));
    assert_joins(&session.packets, &[4, start + 20, start + 43], &[3, 0, 2, 1]);
}

/// The sessions that `streams` has: number, capture, packets.
fn sessions(captures: &[PathBuf], code: i32) -> Vec<(String, String, String)> {
    let name = |row: &Row| Path::new(&row["capture"]).file_name().unwrap().to_str().unwrap().to_owned();
    let streams = &rows(captures, code)["streams"];
    streams.iter().map(|row| (row["session"].clone(), name(row), row["packets"].clone())).collect()
}

fn wanted(rows: &[(u32, &str, u32)]) -> Vec<(String, String, String)> {
    rows.iter().map(|(session, name, packets)| (session.to_string(), (*name).to_owned(), packets.to_string())).collect()
}

#[test]
fn the_same_addresses_do_not_join() {
    let place = Place::new();
    let mut first = Session::open([1000, 2000], seconds(0));
    first.interleaved().frames(0..100);
    let first = place.write("a.pcap", &pcap(&first.packets));
    // The start of another recording is missing.
    let mut second = Session::open([900_000_000, 3_000_000_000], seconds(60));
    second.interleaved().frames(0..90);
    let second = place.write("b.pcap", &pcap(&second.packets[10..]));
    let apart = wanted(&[(1, "a.pcap", 100), (1, "b.pcap", 88)]);
    assert_eq!(sessions(&[first.clone(), second.clone()], 0), apart);
    let other_order = sessions(&[second.clone(), first.clone()], 0);
    assert_eq!(other_order, [apart[1].clone(), apart[0].clone()]);
}

#[test]
fn what_overlaps_in_time_does_not_join() {
    let place = Place::new();
    let mut session = Session::open([1000, 2000], seconds(0));
    session.interleaved().frames(0..100);
    let all = place.write("a.pcap", &pcap(&session.packets));
    let part = place.write("b.pcap", &pcap(&session.packets[50..]));
    assert_eq!(sessions(&[all.clone(), part.clone()], 0), wanted(&[(1, "a.pcap", 100), (1, "b.pcap", 58)]));
    assert_eq!(sessions(&[all.clone(), all], 0), wanted(&[(1, "a.pcap", 100), (1, "a.pcap", 100)]));
    assert_eq!(sessions(&[part.clone(), part], 0), wanted(&[(1, "b.pcap", 58), (1, "b.pcap", 58)]));
}

#[test]
fn two_sessions_in_turns() {
    let place = Place::new();
    let mut paths = Vec::new();
    for (name, seq, start) in [("x", 5000, 0), ("y", 700_000_000, 1)] {
        let mut session = Session::open([seq, seq], seconds(start));
        session.interleaved().frames(0..100);
        for (number, part) in session.packets.chunks(40).enumerate() {
            paths.push(place.write(&format!("{name}{number}.pcap"), &pcap(part)));
        }
    }
    assert_eq!(paths.len(), 6);
    for order in [[0, 3, 1, 4, 2, 5], [5, 4, 3, 2, 1, 0]] {
        let given: Vec<PathBuf> = order.iter().map(|place| paths[*place].clone()).collect();
        let mut found = sessions(&given, 0);
        found.sort();
        assert_eq!(found, wanted(&[(1, "x0.pcap", 100), (1, "y0.pcap", 100)]));
    }
}

fn codes(rows: &Rows) -> Vec<&str> {
    rows["findings"].iter().map(|row| row["code"].as_str()).collect()
}

#[test]
fn a_lost_file_is_a_gap() {
    let (place, packets) = (Place::new(), sample());
    let parts = place.cut(&packets, &[300, 500]);
    let rows = rows(&[parts[2].clone(), parts[0].clone()], 0);
    assert!(codes(&rows).contains(&"capture-gap"), "{:?}", codes(&rows));
    assert!(rows["streams"].iter().all(|row| row["session"] == "1" && row["capture"] == parts[0].to_str().unwrap()));
    assert_eq!(rows["streams"].len(), whole(&packets)["streams"].len());
}

#[test]
fn a_file_that_is_cut_or_can_t_be_read_stops_no_other() {
    let place = Place::new();
    let parts = place.cut(&sample(), &[300, 500]);
    let middle = fs::read(&parts[1]).unwrap();
    fs::write(&parts[1], &middle[..middle.len() - 7]).unwrap();
    let cut = rows(&parts, 0);
    assert_eq!(codes(&cut).iter().filter(|code| **code == "capture-cut").count(), 1);
    assert!(cut["streams"].iter().all(|row| row["session"] == "1"));
    fs::write(&parts[1], b"no capture").unwrap();
    let unreadable = rows(&parts, 1);
    assert!(codes(&unreadable).contains(&"capture-gap") && !codes(&unreadable).contains(&"capture-cut"));
    assert!(unreadable["streams"].iter().all(|row| row["capture"] == parts[0].to_str().unwrap()));
    let last = unreadable["packets"].last().unwrap();
    assert_eq!(last["capture"], parts[2].to_str().unwrap());
}

#[test]
fn compressed_files_join() {
    let (place, packets) = (Place::new(), sample());
    let parts = place.cut(&packets, &[300, 500]);
    for part in &parts[1..] {
        let mut compressed = Vec::new();
        GzEncoder::new(fs::read(part).unwrap().as_slice(), Compression::fast()).read_to_end(&mut compressed).unwrap();
        fs::write(part, compressed).unwrap();
    }
    assert_eq!(as_whole(rows(&parts, 0), &parts, &[300, 500]), whole(&packets));
}

/// A file that opens with the dialogue again, written with the sequence numbers before those that follow.
#[test]
fn a_repeated_dialogue_is_not_counted_twice() {
    let mut session = Session::open([1000, 2000], seconds(0));
    session.interleaved().frames(0..100);
    let expected = whole(&session.packets);
    let (place, second) = (Place::new(), session.packets.split_off(60));
    let mut again = session.packets[2..8].to_vec();
    for packet in &mut again {
        packet.0 = second[0].0;
    }
    again.extend(second);
    let parts = [place.write("a.pcap", &pcap(&session.packets)), place.write("b.pcap", &pcap(&again))];
    for order in [[0, 1], [1, 0]] {
        let found = rows(&order.map(|place| parts[place].clone()), 0);
        for table in ["streams", "packets", "messages", "findings"] {
            assert_eq!(found[table].len(), expected[table].len(), "{table}");
        }
        assert_eq!(found["streams"][0]["packets"], "100");
    }
}

#[test]
fn standard_input_stands_alone() {
    let place = Place::new();
    let parts = place.cut(&sample(), &[300]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    command.arg("analyze").arg(&parts[0]).arg("-").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(&parts[1]).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("-,1,")), "{text}");
}
