//! Redacted captures: the same figures, and nothing left of what they told.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]
#![allow(dead_code, reason = "what captures are made of is shared with other tests")]

mod datagrams;
#[path = "../files/mod.rs"]
mod files;
#[path = "../tunnels/frames.rs"]
mod frames;
mod free_texts;
mod mutations;
mod secrets;
mod undescribed;
#[path = "../tunnels/wire.rs"]
mod wire;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rtsp_rec::analysis::rows::{Row, Sink, Table};
use rtsp_rec::analysis::{Analyzer, AnalyzerOptions};
use rtsp_rec::capture::Source;
use rtsp_rec::capture::reader::{LinkType, read_packets};
use rtsp_rec::capture::rewrite::RewritePlan;
use rtsp_rec::redact::Redaction;
use rtsp_rec::trace::{Direction, Payload, Tap, TraceEvent};
use serde_json::Value;

use crate::files::{
    ORDERS, Order, Packet, SAMPLE, change, fragments, gzip, ipv6, pcap, pcapng, sample, surroundings, zstd,
};
use crate::frames::WebSocket;
use crate::secrets::{SECRETS, dialogue, udp_session};
use crate::wire::{Encoding, Tunnel, Wire, plain};

/// All rows without the columns that hold names.
#[derive(Default)]
struct Rows(Vec<(Table, Value)>);

impl Sink for Rows {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let mut value = serde_json::to_value(row).unwrap();
        for name in ["url", "client", "server", "cname", "reason", "product", "rtsp_session"] {
            value.as_object_mut().unwrap().remove(name);
        }
        if ["payload-malformed", "media-port-unreachable"].iter().any(|code| value["code"] == *code) {
            value.as_object_mut().unwrap().remove("detail");
        }
        self.0.push((row.table(), value));
        Ok(())
    }

    fn wants(&self, _: Table) -> bool {
        true
    }
}

fn rows(file: &[u8]) -> Result<Vec<(Table, Value)>, String> {
    let options = AnalyzerOptions { closely: true, ..AnalyzerOptions::default() };
    let mut analyzer = Analyzer::new(options, Rows::default());
    Source::read(file, &mut analyzer).map_err(|error| error.to_string())?;
    Ok(analyzer.finish().unwrap().0)
}

fn redacted(file: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let plan = RewritePlan::new(file, Box::new(Redaction::default())).map_err(|error| error.to_string())?;
    plan.write(file, &mut out, "redacted").map_err(|error| error.to_string())?;
    Ok(out)
}

/// The media of a capture: what lies behind the headers of RTP, in the order of analysis.
#[derive(Default)]
struct Media(Vec<Vec<u8>>);

impl Tap for Media {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let packet = match &event.payload {
            Payload::Pdu(pdu) if pdu.raw.first() == Some(&b'$') => &pdu.raw[4.min(pdu.raw.len())..],
            Payload::Datagram { payload, .. } => payload,
            _ => return Ok(()),
        };
        if let Ok(rtp) = rtsp_rec::rtp::packet::RtpPacket::parse(packet)
            && !rtsp_rec::rtp::packet::is_rtcp(packet)
        {
            self.0.push(rtp.payload().to_vec());
        }
        Ok(())
    }
}

const WINDOW: usize = 8;

/// Windows of the media behind what analysis looks at, which is at most eight bytes behind the headers of a payload.
fn windows(file: &[u8]) -> HashSet<Vec<u8>> {
    let mut media = Media::default();
    Source::read(file, &mut media).unwrap();
    let varied = |window: &&[u8]| window.iter().collect::<HashSet<_>>().len() > 3;
    media
        .0
        .iter()
        .flat_map(|payload| payload.get(12..).unwrap_or_default().windows(WINDOW).filter(varied).map(<[u8]>::to_vec))
        .collect()
}

/// A capture as it is, uncompressed: all its packets one behind the other.
fn packets(file: &[u8]) -> Vec<(u64, i64, u32, usize)> {
    let mut all = Vec::new();
    read_packets(file, |packet| {
        all.push((packet.number, packet.at.as_nanos(), packet.original_len, packet.data.len()));
        Ok(())
    })
    .unwrap();
    all
}

type Line = (Table, Value);

/// The first row that differs: what it was, and what it is.
fn difference(before: &[Line], after: &[Line]) -> Option<(Option<Line>, Option<Line>)> {
    let at = (0..before.len().max(after.len())).find(|at| before.get(*at) != after.get(*at))?;
    Some((before.get(at).cloned(), after.get(at).cloned()))
}

/// Redacts a capture and holds it to all that was promised. Gives what came out.
/// What is heard beside a plan is what analysis hears, but for copies.
#[track_caller]
fn assert_heard_beside(file: &[u8], what: &str) {
    let options = AnalyzerOptions { closely: true, ..AnalyzerOptions::default() };
    let mut analyzer = Analyzer::new(options, Rows::default());
    let plan = RewritePlan::beside(file, Box::new(Redaction::default()), &mut analyzer).unwrap();
    let heard = analyzer.finish().unwrap().0;
    let difference = difference(&rows(file).unwrap(), &heard);
    assert!(difference.is_none() || plan.has_copies(), "{what}: {difference:?}");
}

#[track_caller]
fn assert_redacted(file: &[u8], what: &str) -> Vec<u8> {
    let other = redacted(file).unwrap();
    assert_heard_beside(file, what);
    assert_eq!(difference(&rows(file).unwrap(), &rows(&other).unwrap()), None, "{what}");
    assert_eq!(packets(file), packets(&other), "{what}");
    let windows = windows(file);
    if let Some(at) = other.windows(WINDOW).position(|window| windows.contains(window)) {
        panic!("{what}: media at byte {at}: {:02x?}", &other[at..at + WINDOW]);
    }
    assert!(redacted(&other).unwrap() == other, "{what} is not stable");
    other
}

#[track_caller]
fn assert_no_secret(file: &[u8], what: &str) {
    for secret in SECRETS {
        let place = memchr::memmem::find(file, secret);
        assert_eq!(place, None, "{what}: {:?}", String::from_utf8_lossy(secret));
    }
}

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let files = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut all = [files(&folder), files(&folder.join("wireshark"))].concat();
    all.retain(|path| path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("pcap")));
    all
}

#[test]
fn every_sample() {
    let all = captures();
    assert_eq!(all.len(), 7);
    for path in all {
        assert_redacted(&fs::read(&path).unwrap(), &path.display().to_string());
    }
}

#[test]
fn what_is_heard_beside_a_plan_has_copies_in_it() {
    let once = pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &udp_session(false));
    assert!(!RewritePlan::new(once.as_slice(), Box::new(Redaction::default())).unwrap().has_copies());
    let twice: Vec<Packet> =
        udp_session(false).into_iter().flat_map(|(at, packet)| [(at, packet.clone()), (at + 3000, packet)]).collect();
    let twice = pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &twice);
    assert!(RewritePlan::new(twice.as_slice(), Box::new(Redaction::default())).unwrap().has_copies());
    assert_redacted(&twice, "copies");
}

/// A JPEG packet of a connection of which nothing else is there: the static payload type tells what it is.
#[test]
fn media_of_a_session_that_said_nothing() {
    let mut file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/wireshark/marker.pcap")).unwrap();
    file[10_357] = 0x82;
    assert_redacted(&file, "another port");
}

#[test]
fn every_container_and_layer() {
    let packets = &sample()[..160];
    let tagged = change(packets, |packet| [&packet[..12], &[0x81, 0, 0, 5], &packet[12..], &[9; 20]].concat());
    let raw = change(packets, |packet| packet[14..].to_vec());
    let cooked =
        change(packets, |packet| [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0][..], &packet[14..]].concat());
    let parts: Vec<Packet> = packets.iter().zip(1..).flat_map(fragments).collect();
    for order in ORDERS {
        for (magic, more) in [(0xa1b2_c3d4, 0), (0xa1b2_3c4d, 0), (0xa1b2_cd34, 8)] {
            assert_redacted(&pcap(order, magic, LinkType::ETHERNET, more, &tagged), "pcap");
        }
        assert_redacted(&pcapng(order, LinkType::RAW, &raw), "raw");
    }
    assert_redacted(&pcapng(Order::Little, LinkType::LINUX_SLL, &cooked), "cooked");
    assert_redacted(&pcapng(Order::Little, LinkType::ETHERNET, &change(packets, ipv6)), "IPv6");
    assert_redacted(&pcapng(Order::Big, LinkType::ETHERNET, &parts), "fragments");
    let plain = pcapng(Order::Little, LinkType::ETHERNET, packets);
    for file in [gzip(&plain), zstd(&plain), [gzip(&plain), gzip(b"")].concat()] {
        assert_eq!(redacted(&file).unwrap(), redacted(&plain).unwrap());
    }
}

/// An IPv4 packet as two fragments, the second one begins behind `first` bytes.
fn cut_in_two((at, packet): &Packet, id: u16, first: usize) -> Vec<Packet> {
    if packet.len() < 34 + first + 8 {
        return vec![(*at, packet.clone())];
    }
    let fragment = |place: usize, body: &[u8]| {
        let words = [body.len() + 20, usize::from(id), place].map(|word| u16::try_from(word).unwrap());
        (*at, [&packet[..16], &words.map(u16::to_be_bytes).concat(), &packet[22..34], body].concat())
    };
    vec![fragment(0x2000, &packet[34..34 + first]), fragment(first / 8, &packet[34 + first..])]
}

/// Neither what is inside nor what is around it tells who it was.
#[test]
fn tunnels_and_link_layers() {
    let outer: [&[u8]; 4] = [&[192, 168, 9, 1], &[192, 168, 9, 2], &[0xfd; 16], &[0xfe; 16]];
    let assert_nobody = |file: &[u8], what: &str| {
        assert_no_secret(file, what);
        for address in outer {
            assert_eq!(memchr::memmem::find(file, address), None, "{what}");
        }
    };
    let packets: Vec<Packet> = udp_session(false).into_iter().filter(|packet| packet.1.len() > 60).collect();
    for (name, link, wrap) in surroundings() {
        let wrapped = change(&packets, &wrap);
        let file = pcap(Order::Little, 0xa1b2_3c4d, link, 0, &wrapped);
        assert!(rows(&file).unwrap().iter().any(|(table, _)| *table == Table::Streams), "{name}");
        assert_nobody(&assert_redacted(&file, name), name);
        if name == "VXLAN" {
            for first in [40, 56, 64, 72, 96, 200] {
                let parts: Vec<Packet> =
                    wrapped.iter().zip(1..).flat_map(|(packet, id)| cut_in_two(packet, id, first)).collect();
                let file = pcap(Order::Little, 0xa1b2_3c4d, link, 0, &parts);
                assert_nobody(&redacted(&file).unwrap(), &format!("{name} in fragments of {first}"));
            }
        }
    }
}

/// The sum of all 16-bit words, with the carry added (RFC 1071): 0xffff of what holds a checksum that is right.
fn folded_sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from));
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    u16::try_from(fold(fold(words.sum()))).unwrap()
}

/// GRE has a checksum of all that it carries (RFC 2784, section 2.1): it stays as right, or as wrong, as it was.
#[test]
fn the_checksum_of_gre_covers_what_was_replaced() {
    // Behind Ethernet and IP; the checksum behind flags and type.
    const GRE: usize = 34;
    const CHECKSUM: usize = GRE + 4;
    let (_, link, wrap) = surroundings().into_iter().find(|(name, ..)| *name == "GRE with all fields").unwrap();
    for right in [true, false] {
        // Of what is no IP nothing stays.
        let packets: Vec<Packet> = udp_session(false).into_iter().filter(|packet| packet.1.len() > 60).collect();
        let mut wrapped = change(&packets, &wrap);
        for (_, packet) in wrapped.iter_mut().filter(|_| right) {
            let checksum = !folded_sum(&packet[GRE..]);
            packet[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
        }
        let redacted = assert_redacted(&pcap(Order::Little, 0xa1b2_3c4d, link, 0, &wrapped), "GRE");
        let (mut place, mut others) = (0, 0);
        read_packets(&redacted[..], |packet| {
            assert_eq!(folded_sum(&packet.data[GRE..]) == 0xffff, right, "packet {}", packet.number);
            others += usize::from(packet.data[CHECKSUM..] != wrapped[place].1[CHECKSUM..]);
            place += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(others, wrapped.len(), "each packet has other addresses in it");
    }
}

#[test]
fn blocks_that_tell_something_are_left_out() {
    let packets = &sample()[..40];
    let order = Order::Little;
    let text = |code: u16, text: &[u8]| {
        let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
        [&order.u16(code)[..], &order.u16(u16::try_from(text.len()).unwrap()), text, &padding].concat()
    };
    let interface =
        [&[1, 0, 0, 0, 0, 0, 0, 0][..], &text(2, b"secret-eth0"), &text(11, b"\0host geheim"), &text(9, &[9])];
    let mut file = [order.section(), order.block(1, &interface.concat())].concat();
    file.extend(order.block(4, b"\x01\0\x10\0\x0a\0\0\x01geheim.example\0\0"));
    for (number, (at, packet)) in packets.iter().enumerate() {
        let ticks = u64::try_from(*at).unwrap();
        let words = [0, (ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32, files::len(packet), files::len(packet)];
        let padding = vec![0; packet.len().next_multiple_of(4) - packet.len()];
        let comments = [
            text(1, b"seen at geheim.example"),
            text(1, b"rtsp-rec: kernel-drops datagrams=3 geheim=1\nrtsp-rec: geheim"),
        ];
        file.extend(order.block(6, &[&order.words(&words)[..], packet, &padding, &comments.concat()].concat()));
        if number % 9 == 0 {
            file.extend(order.block([0x0bad, 9, 0x4000_0bad, 10][number / 9 % 4], b"geheim geheim"));
        }
    }
    let other = assert_redacted(&file, "blocks");
    for word in [&b"geheim"[..], b"secret"] {
        assert_eq!(memchr::memmem::find(&other, word), None);
    }
    let drops = |file| rows(file).unwrap().iter().filter(|(_, row)| row["code"] == "kernel-drops").count();
    assert!(drops(&file) > 20);
    assert_eq!(drops(&other), drops(&file));
}

#[test]
fn nothing_is_told_of_a_session_over_tcp_udp_or_http() {
    let said = dialogue("RTP/AVP/TCP;unicast;interleaved=0-1");
    for pieces in [vec![], vec![1400], vec![1, 7, 30]] {
        let mut wire = Wire { pieces, ..Wire::default() };
        plain(&mut wire, &said);
        assert!(SECRETS.iter().any(|secret| memchr::memmem::find(&wire.file(), secret).is_some()));
        assert_no_secret(&assert_redacted(&wire.file(), "plain"), "plain");
        let mut carried = Vec::new();
        for (encoding, chunks) in
            [(Encoding::Padded, [None; 2]), (Encoding::Lines, [None; 2]), (Encoding::Padded, [Some(400), Some(30)])]
        {
            let mut wire = Wire { pieces: wire.pieces.clone(), ..Wire::default() };
            Tunnel { encoding, per_post: 3, cookie: "geheimer-keks", chunks, ..Tunnel::default() }
                .carry(&mut wire, &said);
            carried.push(wire);
        }
        for (protocol, cuts) in [("rtsp.onvif.org", vec![]), ("binary", vec![90, 7])] {
            let mut wire = Wire { pieces: wire.pieces.clone(), ..Wire::default() };
            WebSocket { protocol, pieces: cuts, fragments: true, ..WebSocket::default() }.carry(&mut wire, &said);
            carried.push(wire);
        }
        for wire in carried {
            let other = assert_redacted(&wire.file(), "tunnel");
            assert_no_secret(&other, "tunnel");
            // Nor decoded.
            let mut decoded = Said::default();
            Source::read(other.as_slice(), &mut decoded).unwrap();
            assert!(decoded.0.len() > 1000);
            assert_no_secret(&decoded.0, "decoded");
        }
    }
    for multicast in [false, true] {
        let packets = udp_session(multicast);
        let parts: Vec<Packet> = packets
            .iter()
            .zip(1..)
            .flat_map(
                |(packet, id)| {
                    if packet.1.len() > 60 { fragments((packet, id)).to_vec() } else { vec![packet.clone()] }
                },
            )
            .collect();
        for packets in [packets, parts] {
            let file = pcapng(Order::Little, LinkType::ETHERNET, &packets);
            assert!(rows(&file).unwrap().iter().filter(|(table, _)| *table == Table::Packets).count() >= 20);
            assert_no_secret(&assert_redacted(&file, "UDP"), "UDP");
        }
    }
}

/// All that is said.
#[derive(Default)]
struct Said(Vec<u8>);

impl Tap for Said {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if let Payload::Pdu(pdu) = event.payload {
            self.0.extend_from_slice(pdu.raw);
        }
        Ok(())
    }
}

/// A dialogue as it comes in a bad capture: segments that lack, come twice, overlap or come late.
fn troubled(said: &[(Direction, Vec<u8>)], pieces: Vec<usize>, troubles: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut wire = Wire { pieces, ..Wire::default() };
    plain(&mut wire, said);
    for (at, trouble) in troubles {
        let at = at.index(wire.packets.len());
        let packet = wire.packets[at].clone();
        match trouble % 6 {
            0 => drop(wire.packets.remove(at)),
            1 => wire.packets.insert((at + 5).min(wire.packets.len()), packet),
            2 if at > 0 => wire.packets.swap(at, at - 1),
            3 => {
                // The same once more with other bytes.
                let mut other = packet;
                other.1.iter_mut().skip(54).for_each(|byte| *byte ^= 0x15);
                wire.packets.insert(at, other);
            }
            4 => wire.packets[at].1.truncate(54 + packet.1.len().saturating_sub(54) / 2),
            _ => wire.packets[at].1.iter_mut().skip(60).take(3).for_each(|byte| *byte = trouble.wrapping_mul(7)),
        }
    }
    wire.file()
}

/// What carries a session.
#[derive(Clone, Copy, Debug)]
enum Over {
    Tcp,
    Tunnel,
    WebSocket,
}

/// Sizes of segments, what happens to them, and what they carry.
fn trouble() -> impl Strategy<Value = (Vec<usize>, Vec<(prop::sample::Index, u8)>, Over)> {
    let troubles = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    let over = prop_oneof![Just(Over::Tcp), Just(Over::Tunnel), Just(Over::WebSocket)];
    (prop::collection::vec(1usize..600, 0..4), troubles, over)
}

/// A session whose segments had such trouble.
fn in_trouble(pieces: Vec<usize>, troubles: &[(prop::sample::Index, u8)], over: Over) -> Vec<u8> {
    let said = dialogue("RTP/AVP/TCP;unicast;interleaved=0-1");
    let mut wire = Wire { pieces: pieces.clone(), ..Wire::default() };
    match over {
        Over::Tcp => return troubled(&said, pieces, troubles),
        Over::Tunnel => Tunnel { encoding: Encoding::Lines, per_post: 2, ..Tunnel::default() }.carry(&mut wire, &said),
        Over::WebSocket => WebSocket::default().carry(&mut wire, &said),
    }
    for (at, _) in troubles {
        wire.packets.remove(at.index(wire.packets.len()));
    }
    wire.file()
}

/// Where a hole goes through a message the tables may differ by what is read behind it; the command says so then.
#[test]
fn trouble_hardly_ever_changes_a_table() {
    let mut runner = TestRunner::deterministic();
    let changed = (0..300).filter(|_| {
        let (pieces, troubles, over) = trouble().new_tree(&mut runner).unwrap().current();
        let file = in_trouble(pieces, &troubles, over);
        difference(&rows(&file).unwrap(), &rows(&redacted(&file).unwrap()).unwrap()).is_some()
    });
    assert!(changed.count() <= 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_happened_to_the_segments((pieces, troubles, over) in trouble()) {
        let file = in_trouble(pieces, &troubles, over);
        prop_assert_eq!(packets(&file), packets(&redacted(&file).unwrap()));
    }

    #[test]
    fn damaged_files(
        format in 0..4usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        len in any::<prop::sample::Index>(),
    ) {
        let packets = &sample()[..80];
        let mut file = match format {
            0 => pcapng(Order::Big, LinkType::ETHERNET, packets),
            1 => pcapng(Order::Little, LinkType::ETHERNET, &packets.iter().zip(1..).flat_map(fragments).collect::<Vec<_>>()),
            2 => pcapng(Order::Little, LinkType::ETHERNET, &udp_session(false)),
            _ => pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, packets),
        };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(len.index(file.len() * 4).max(64));
        match (rows(&file), redacted(&file)) {
            // The tables are nearly always the same. Where they are not, the command says where, and writes nothing.
            (Ok(_), Ok(other)) => prop_assert_eq!(crate::packets(&file), crate::packets(&other)),
            (before, other) => prop_assert_eq!(before.is_err(), other.is_err()),
        }
    }
}

fn run(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rtsp-rec")).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    fs::write(folder.join("in.pcapng"), SAMPLE).unwrap();
    let line = |name: &str| format!("{name}: 831 packets, 796 RTP payloads, 12 messages; the tables are the same\n");
    let done = |name: &str| (Some(0), line(name), String::new());
    assert_eq!(run(&["redact", "in.pcapng", "-o", "out.pcapng"], folder), done("out.pcapng"));
    let out = fs::read(folder.join("out.pcapng")).unwrap();
    let (code, _, error) = run(&["redact", "in.pcapng", "-o", "out.pcapng"], folder);
    assert_eq!((code, error.as_str()), (Some(1), "rtsp-rec: out.pcapng exists; -f overwrites it\n"));
    assert_eq!(
        run(&["redact", "in.pcapng", "-o", "out.pcapng", "-f", "-q"], folder),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(fs::read(folder.join("out.pcapng")).unwrap(), out, "the same once more");
    for name in ["out.pcapng.zst", "out.pcapng.gz"] {
        assert_eq!(run(&["redact", "in.pcapng", "-o", name], folder), done(name));
        assert!(fs::metadata(folder.join(name)).unwrap().len() * 3 < out.len() as u64);
    }
    for (arguments, why) in [
        (["redact", "in.pcapng", "-o", "in.pcapng", "-f"], "itself; -o takes another file"),
        (["redact", "-", "-o", "x.pcapng", "-f"], "both must be files, not -"),
    ] {
        let (code, _, error) = run(&arguments, folder);
        assert!(code == Some(2) && error.contains(why), "{error}");
    }
    assert_eq!(fs::read(folder.join("in.pcapng")).unwrap(), SAMPLE);
    let (code, _, error) = run(&["redact", "nothing.pcapng", "-o", "x.pcapng"], folder);
    assert!(code == Some(1) && error.contains("can't open nothing.pcapng"), "{error}");
    fs::write(folder.join("bad"), b"no capture").unwrap();
    let (code, _, error) = run(&["redact", "bad", "-o", "x.pcapng"], folder);
    assert!(code == Some(1) && error.contains("neither pcap nor pcapng"), "{error}");
    let left = fs::read_dir(folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("part"))
        .count();
    assert!(left == 0 && !folder.join("x.pcapng").exists(), "nothing is left of what failed");
}
