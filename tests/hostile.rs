//! Hostile captures: the sample and a session over UDP in every format, then damaged in ways that follow the structure
//! of files, packets and messages. The whole analysis must come to an end, without a panic, with an error or with rows
//! that the file can account for. Deterministic; tests/fuzz looks further.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]
#![allow(dead_code, reason = "what files are made of is shared with tests/captures.rs")]

mod files;
#[path = "tunnels/frames.rs"]
mod frames;
#[path = "tunnels/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;

use rtsp_rec::analysis::comparison::{CaptureComparison, CaptureView, Transcript};
use rtsp_rec::analysis::matching::{Digests, Matcher};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions, Row, Sink, Table};
use rtsp_rec::capture::Source;
use rtsp_rec::capture::reader::LinkType;
use rtsp_rec::export::media::Extractor;
use rtsp_rec::export::rtpdump::RtpDump;
use rtsp_rec::export::{MediaPacket, MediaSink, Selection, Track, Tracks, View};
use rtsp_rec::report::page::CaptureReport;
use rtsp_rec::report::table::Look;
use rtsp_rec::report::{Format, Tables, captures};
use rtsp_rec::trace::Direction;

use crate::files::{Order, Packet, change, fragments, gzip, ipv6, pcap, pcapng, sample, surroundings, zstd};
use crate::frames::WebSocket;
use crate::wire::{Said, Tunnel, Wire};

/// Numbers without chance (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
    }

    fn of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }
}

/// Counts rows on their way to their tables and to the page.
struct Counted {
    tables: Tables<io::Sink>,
    page: CaptureReport,
    rows: BTreeMap<Table, usize>,
}

impl Sink for Counted {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        *self.rows.entry(row.table()).or_default() += 1;
        self.page.row(row)?;
        self.tables.row(row)
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

/// What the analysis of a file came to: rows of each table, and the error.
type Outcome = (BTreeMap<Table, usize>, Option<String>);

/// Analyzes a file that has no more than `size` bytes uncompressed.
fn analyze(file: &[u8], size: usize) -> Outcome {
    let tables = Tables::new(Format::Csv, |_| Some(io::sink()));
    let sink = Counted { tables, page: CaptureReport::new(0), rows: BTreeMap::new() };
    let options = AnalyzerOptions { capture: "hostile".to_owned(), closely: true, ..AnalyzerOptions::default() };
    let mut analyzer = Analyzer::new(options, sink);
    let error = Source::read(file, &mut analyzer).err().map(|error| error.to_string());
    let Counted { rows, page, .. } = analyzer.finish().unwrap();
    assert!(page.render(&["hostile".to_owned()], 1).unwrap().ends_with("</script>"));
    let all: usize = rows.values().sum();
    assert!(all <= size + 64, "{all} rows of {size} bytes: {rows:?}");
    assert!(error.as_deref().is_none_or(|error| !error.is_empty()));
    export(file, size);
    compare_with_itself(file);
    (rows, error)
}

/// Exports a file in every form.
fn export(file: &[u8], size: usize) {
    let mut tracks = Tracks::new(Selection::default(), Exported::default());
    let _ = Source::read(file, &mut tracks);
    let (_, mut exported) = tracks.finish().unwrap();
    for extractor in exported.extractors.values_mut() {
        extractor.finish(&mut exported.out);
        assert_eq!(extractor.held(), 0, "nothing waits for ever");
    }
    // A picture has the longest header, and an access unit may be without bytes.
    assert!(exported.out.len() <= 100 * size + 1000, "{} bytes of {size}", exported.out.len());
}

/// What comes of the media of a file.
#[derive(Default)]
struct Exported {
    extractors: BTreeMap<usize, Extractor>,
    dumps: BTreeMap<usize, RtpDump>,
    view: Option<View<()>>,
    out: Vec<u8>,
}

impl MediaSink for Exported {
    fn packet(&mut self, track: &Track, packet: &MediaPacket<'_>) -> io::Result<()> {
        self.view.get_or_insert_with(|| View::new(())).packet(track, packet)?;
        self.dumps.entry(track.index).or_default().packet(track, packet, &mut self.out);
        let extractor = match self.extractors.entry(track.index) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let payload_type = packet.bytes.get(1).map_or(0, |byte| byte & 0x7f);
                let Ok(extractor) = Extractor::new(&track.media, track.version, payload_type) else { return Ok(()) };
                place.insert(extractor)
            }
        };
        extractor.described(&track.media, track.version);
        extractor.packet(packet.at, packet.bytes, &mut self.out);
        Ok(())
    }
}

/// What all of a kind of damage came to.
#[derive(Default)]
struct Tally {
    errors: usize,
    findings: usize,
}

/// Whatever a file holds, it does not differ from itself.
fn compare_with_itself(file: &[u8]) {
    let mut packets = Vec::new();
    let digests = Digests::new(|packet| {
        packets.push(packet);
        Ok(())
    });
    let mut tap = (Transcript::default(), (Analyzer::new(AnalyzerOptions::default(), ()), digests));
    // What stands before a damage is compared all the same.
    let _ = Source::read(file, &mut tap);
    let (heard, (analyzer, _)) = tap;
    let mut matcher = Matcher::default();
    let mut sides = [packets.iter(), packets.iter()];
    while let Some(side) = matcher.wants() {
        match sides[side.index()].next() {
            Some(packet) => matcher.packet(side, packet),
            None => matcher.end(side),
        }
    }
    let view = || CaptureView { sessions: heard.sessions().collect(), streams: analyzer.streams().collect() };
    let comparison = CaptureComparison::new(&[view(), view()], &matcher.finish(), false);
    assert_eq!(comparison.differences(), [""; 0]);
    let lines = captures::text(&comparison, ["a", "b"], Look::default());
    assert!(lines.ends_with("no difference\n"), "{lines}");
}

impl Tally {
    fn add(&mut self, (rows, error): &Outcome) {
        self.errors += usize::from(error.is_some());
        self.findings += rows.get(&Table::Findings).copied().unwrap_or(0);
    }
}

/// The dialogue of the sample and some of its media, both tracks with their reports.
fn session() -> Vec<Packet> {
    let packets = sample();
    let rtcp = |packet: &&Packet| packet.1.len() > 60 && packet.1[54] == b'$' && packet.1[55] & 1 == 1;
    let reports: Vec<Packet> = packets[60..].iter().filter(rtcp).take(4).cloned().collect();
    [&packets[..60], &reports].concat()
}

const ENDS: [([u8; 4], u16); 2] = [([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], 554)];

fn ip(from_server: bool, protocol: u8, ports: [u16; 2], rest: &[u8]) -> Vec<u8> {
    let [client, server] = ENDS.map(|(address, _)| address);
    let addresses = if from_server { [server, client] } else { [client, server] };
    let length = u16::try_from(24 + rest.len()).unwrap().to_be_bytes();
    let head = [&[2; 12][..], &[8, 0, 0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0]].concat();
    [head, addresses.concat(), ports.map(u16::to_be_bytes).concat(), rest.to_vec()].concat()
}

/// A session that sets up UDP, and its media: RTP both ways, a sender report, ICMP that quotes.
fn udp_session() -> Vec<Packet> {
    let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:t\r\n";
    let transport = "Transport: RTP/AVP;unicast;client_port=6000-6001;server_port=7000-7001\r\n";
    let dialogue = [
        (false, "DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_owned()),
        (true, format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())),
        (false, format!("SETUP rtsp://h/a/t RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n")),
        (true, format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1;timeout=9\r\n{transport}\r\n")),
        (false, "PLAY rtsp://h/a RTSP/1.0\r\nCSeq: 3\r\nSession: 1\r\n\r\n".to_owned()),
        (true, "RTSP/1.0 200 OK\r\nCSeq: 3\r\nRTP-Info: url=t;seq=1;rtptime=0\r\n\r\n".to_owned()),
    ];
    let (mut packets, mut sequence) = (Vec::new(), [1_u32; 2]);
    for (from_server, text) in dialogue {
        let ports = if from_server { [554, 40_000] } else { [40_000, 554] };
        let [own, other] = [usize::from(from_server), usize::from(!from_server)].map(|side| sequence[side]);
        let head = [own.to_be_bytes(), other.to_be_bytes(), [0x50, 0x18, 9, 9], [0; 4]].concat();
        packets.push(ip(from_server, 6, ports, &[&head, text.as_bytes()].concat()));
        sequence[usize::from(from_server)] += u32::try_from(text.len()).unwrap();
    }
    for number in 0..30_u8 {
        let rtp = [&[0x80, 0, 0, number, 0, 0, number, 0, 0, 0, 0, 9][..], &[7; 20]].concat();
        packets.push(ip(true, 17, [7000, 6000], &[&[0, 40, 0, 0][..], &rtp].concat()));
    }
    let report =
        [&[0x80, 200, 0, 6, 0, 0, 0, 9][..], &[0x83; 20], &[0x81, 202, 0, 3, 0, 0, 0, 9, 1, 2, b'a', b'b', 0, 0, 0, 0]];
    packets.push(ip(true, 17, [7001, 6001], &[&[0, 52, 0, 0][..], &report.concat()].concat()));
    packets.push(ip(false, 1, [0x0303, 0], &packets[8][14..40]));
    (1..).map(|at: i64| at * 20_000_000).zip(packets).collect()
}

/// The same sessions without their beginning.
fn begun_late() -> Vec<Vec<Packet>> {
    let udp = udp_session();
    let (dialogue, media) = udp.split_at(6);
    // Without any dialogue the media are RTP of nobody.
    vec![session().split_off(30), [media, &dialogue[5..]].concat(), media.to_vec()]
}

/// Packets in many formats: what each is called, and the file.
fn files(packets: &[Packet]) -> Vec<(&'static str, Vec<u8>)> {
    let raw = change(packets, |packet| packet.get(14..).unwrap_or_default().to_vec());
    let tagged = change(packets, |packet| match packet.split_at_checked(12) {
        Some((head, rest)) => [head, &[0x81, 0, 0, 5], rest].concat(),
        None => packet.to_vec(),
    });
    let whole = |packet: &&Packet| packet.1.len() > 60;
    let v6: Vec<Packet> = packets.iter().filter(whole).cloned().collect();
    let parts: Vec<Packet> = packets.iter().filter(whole).zip(1..).flat_map(fragments).collect();
    vec![
        ("pcapng", pcapng(Order::Little, LinkType::ETHERNET, packets)),
        ("pcapng, big-endian", pcapng(Order::Big, LinkType::RAW, &raw)),
        ("pcap", pcap(Order::Little, 0xa1b2_c3d4, LinkType::ETHERNET, 0, packets)),
        ("pcap, big-endian", pcap(Order::Big, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &tagged)),
        ("pcap, modified", pcap(Order::Little, 0xa1b2_cd34, LinkType::RAW, 8, &raw)),
        ("IPv6", pcapng(Order::Little, LinkType::ETHERNET, &change(&v6, ipv6))),
        ("fragments", pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &parts)),
    ]
}

/// What breaks a length, a count, an offset or a flag.
const WORDS: [u32; 14] = [0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xffff, 0x0001_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// Overwrites one, two or four bytes at a place with a telling value.
fn overwrite(bytes: &mut [u8], at: usize, numbers: &mut Numbers) {
    let word = numbers.of(&WORDS);
    let word = if numbers.below(2) == 0 { word.to_be_bytes() } else { word.to_le_bytes() };
    let len = numbers.of(&[1, 2, 4]);
    for (byte, value) in bytes.iter_mut().skip(at).zip(&word[4 - len..]) {
        *byte = *value;
    }
}

#[test]
fn bytes_changed_anywhere() {
    let (mut numbers, mut tally) = (Numbers(1), Tally::default());
    for packets in [session(), udp_session()].into_iter().chain(begun_late()) {
        for (_, file) in files(&packets) {
            for _ in 0..40 {
                let mut file = file.clone();
                for _ in 0..=numbers.below(8) {
                    let at = numbers.below(file.len());
                    overwrite(&mut file, at, &mut numbers);
                }
                file.truncate(file.len() - numbers.below(2) * numbers.below(file.len() - 24));
                tally.add(&analyze(&file, file.len()));
            }
        }
    }
    assert!(tally.errors > 20 && tally.findings > 100);
}

/// Where the blocks of a little-endian pcapng begin, or the records of a little-endian pcap behind its header.
fn pieces(file: &[u8], pcap: bool) -> Vec<usize> {
    let (mut at, mut starts) = (if pcap { 24 } else { 0 }, Vec::new());
    let word = |at: usize| file.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().unwrap()) as usize);
    while let Some(length) = word(if pcap { at + 8 } else { at + 4 }) {
        starts.push(at);
        at += if pcap { 16 + length } else { length };
    }
    starts.push(file.len());
    starts
}

/// Types of blocks: known, obsolete, custom, unknown.
const KINDS: [u32; 9] = [1, 2, 3, 5, 6, 0x0a0d_0d0a, 0x0bad, 0x4000_0bad, 0x7777];

/// Blocks and records that are repeated, dropped, moved, cut, or lie of their type and lengths.
#[test]
fn blocks_and_records() {
    let (mut numbers, mut tally) = (Numbers(2), Tally::default());
    for (name, file) in files(&session()).into_iter().filter(|(name, _)| matches!(*name, "pcapng" | "pcap")) {
        let starts = pieces(&file, name == "pcap");
        for _ in 0..300 {
            let piece = numbers.below(starts.len() - 1);
            let (start, end) = (starts[piece], starts[piece + 1]);
            let mut changed = file.clone();
            match numbers.below(7) {
                0 => drop(changed.splice(end..end, file[start..end].repeat(1 + numbers.below(40)))),
                1 => drop(changed.drain(start..end)),
                2 => drop(changed.drain(start + numbers.below(end - start)..end)),
                3 => changed[start..start + 4].copy_from_slice(&numbers.of(&KINDS).to_le_bytes()),
                4 => overwrite(&mut changed, end - 4, &mut numbers),
                5 => {
                    let other = numbers.below(starts.len() - 1);
                    drop(changed.splice(start..start, file[starts[other]..starts[other + 1]].to_vec()));
                }
                _ => overwrite(&mut changed, start + 4 * numbers.below(7), &mut numbers),
            }
            tally.add(&analyze(&changed, changed.len()));
        }
    }
    assert!(tally.errors > 20 && tally.findings > 100);
}

/// Places in a packet on Ethernet where numbers steer: Ethernet type, IP version and header length, total length,
/// fragment, protocol; TCP ports, sequence, header length and flags, or UDP ports and length; then the head of an
/// interleaved frame, the first words of RTP or RTCP.
const FIELDS: [usize; 24] =
    [12, 14, 16, 18, 20, 23, 34, 36, 38, 40, 42, 44, 46, 47, 54, 55, 56, 58, 59, 60, 62, 66, 70, 74];

#[test]
fn fields_of_packets() {
    let (mut numbers, mut tally) = (Numbers(3), Tally::default());
    for packets in [session(), udp_session()].into_iter().chain(begun_late()) {
        for round in 0..80 {
            let mut packets = packets.clone();
            for _ in 0..=round % 12 {
                let packet = numbers.below(packets.len());
                let field = numbers.of(&FIELDS);
                overwrite(&mut packets[packet].1, field, &mut numbers);
                if numbers.below(8) == 0 {
                    packets[packet].0 = numbers.of(&[0, 1, 1 << 40, 4_294_967_295_999_999_999]);
                }
                let other = numbers.below(packets.len());
                match numbers.below(6) {
                    0 => packets.swap(packet, other),
                    1 => packets.insert(other, packets[packet].clone()),
                    2 => drop(packets.remove(other)),
                    _ => {}
                }
            }
            let formats = files(&packets);
            let (_, file) = &formats[round % formats.len()];
            tally.add(&analyze(file, file.len()));
        }
    }
    assert!(tally.findings > 1000);
}

/// The headers around a packet, of every kind that is read.
#[test]
fn fields_around_packets() {
    let (mut numbers, mut tally) = (Numbers(5), Tally::default());
    for (_, link, wrap) in surroundings() {
        for packets in [&session()[..40], &udp_session()] {
            let whole: Vec<Packet> = packets.iter().filter(|packet| packet.1.len() > 60).cloned().collect();
            let mut wrapped = change(&whole, &wrap);
            for (_, packet) in &mut wrapped {
                let at = numbers.below(80.min(packet.len()));
                if numbers.below(3) > 0 {
                    overwrite(packet, at, &mut numbers);
                }
            }
            let file = pcap(Order::Little, 0xa1b2_c3d4, link, 0, &wrapped);
            tally.add(&analyze(&file, file.len()));
        }
    }
    assert!(tally.findings > 100);
}

/// What a message may lie about, and with what.
const LIES: [(&str, &str); 14] = [
    ("Content-Length: ", "Content-Length: 9"),
    ("Content-Length: ", "Content-Length: 18446744073709551615\r\nX: "),
    ("Content-Length: ", "Content-Length: -1\r\nX: "),
    ("CSeq: ", "CSeq: 4294967295\r\nX: "),
    ("CSeq: ", "Cseq:\t"),
    ("interleaved=", "interleaved=255-"),
    ("interleaved=", "interleaved=0-0,"),
    ("client_port=", "client_port=65535-"),
    ("server_port=", "server_port=0-"),
    ("Transport: ", "Transport: ,;=,;,RTP/AVP;multicast;destination=::;ttl=;"),
    ("Session: ", "Session: ;timeout=18446744073709551616;"),
    ("m=", "m=video 0 RTP/AVP 0 0 127 128 256 -1\r\nm="),
    ("a=rtpmap:", "a=rtpmap:96 /0/0\r\na=rtpmap:"),
    ("\r\n", "\n"),
];

#[test]
fn messages_that_lie() {
    let mut tally = Tally::default();
    for packets in [session(), udp_session()] {
        for (from, to) in LIES {
            let lie = |packet: &[u8]| {
                let text = String::from_utf8_lossy(packet.get(54..).unwrap_or_default()).into_owned();
                if !text.contains("RTSP/1.0") || !text.contains(from) {
                    return packet.to_vec();
                }
                // Behind it everything of this direction has another place: the length of the packet tells no more.
                let mut changed = [&packet[..54], text.replace(from, to).as_bytes()].concat();
                changed[16..18].fill(0);
                changed
            };
            for (_, file) in files(&change(&packets, lie)) {
                tally.add(&analyze(&file, file.len()));
            }
        }
    }
    assert!(tally.findings > 1000);
}

/// What lies between TCP and RTSP, damaged along its structure: sizes, lengths, opcodes, masks.
#[test]
fn layers_that_lie() {
    let (mut numbers, mut tally) = (Numbers(9), Tally::default());
    let said: Vec<Said> = session()
        .iter()
        .filter(|(_, packet)| packet.len() > 54)
        .map(|(_, packet)| {
            let from_server = packet[34..36] == 554_u16.to_be_bytes();
            let direction = if from_server { Direction::ServerToClient } else { Direction::ClientToServer };
            (direction, packet[54..].to_vec())
        })
        .collect();
    let mut wires = [(); 3].map(|()| Wire::default());
    Tunnel { chunks: [Some(200), Some(60)], ..Tunnel::default() }.carry(&mut wires[0], &said);
    WebSocket::default().carry(&mut wires[1], &said);
    WebSocket { pieces: vec![300, 3], fragments: true, pings: true, ..WebSocket::default() }
        .carry(&mut wires[2], &said);
    for wire in &wires {
        let whole = analyze(&wire.file(), wire.file().len());
        assert!(whole.0.get(&Table::Streams).is_some_and(|rows| *rows > 0), "{whole:?}");
        tally.add(&whole);
        let begins: Vec<usize> = (0..wire.packets.len()).filter(|at| wire.packets[*at].1.len() > 54).collect();
        for _ in 0..150 {
            let mut changed = Wire { packets: wire.packets.clone(), ..Wire::default() };
            for _ in 0..=numbers.below(4) {
                let packet = &mut changed.packets[numbers.of(&begins)].1;
                // Near the start of a segment headers stand; and anywhere sizes of what follows.
                let limit = if numbers.below(3) == 0 { packet.len() - 54 } else { 14.min(packet.len() - 54) };
                let at = 54 + numbers.below(limit.max(1));
                overwrite(packet, at, &mut numbers);
            }
            if numbers.below(3) == 0 {
                changed.packets.remove(numbers.of(&begins));
            }
            tally.add(&analyze(&changed.file(), changed.file().len()));
        }
    }
    assert!(tally.findings > 1000);
}

/// Damage inside, and damage to what is around it.
#[test]
fn compressed() {
    let (mut numbers, mut tally) = (Numbers(4), Tally::default());
    let plain = pcapng(Order::Little, LinkType::ETHERNET, &session());
    for compress in [gzip, zstd] {
        let whole = compress(&plain);
        for round in 0..100 {
            let mut changed = whole.clone();
            for _ in 0..=round % 4 {
                // The head steers most.
                let limit = if round % 2 == 0 { 40 } else { changed.len() };
                let at = numbers.below(limit);
                overwrite(&mut changed, at, &mut numbers);
            }
            tally.add(&analyze(&changed, 64 * plain.len()));
        }
        // A member of members is not opened.
        let twice = analyze(&compress(&whole), plain.len());
        assert!(twice.1.is_some_and(|error| error.contains("neither pcap nor pcapng")));
        let mut inner = plain.clone();
        overwrite(&mut inner, 4, &mut numbers);
        tally.add(&analyze(&compress(&inner), plain.len()));
    }
    assert!(tally.errors > 50);
}
