//! One session as anybody may have captured it: each format, byte order, clock and link layer tells the same.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]

mod files;

use std::io::{self, Read};

use proptest::prelude::*;
use rtsp_rec::capture::Source;
use rtsp_rec::capture::reader::{FileEnd, LinkType, read_packets};
use rtsp_rec::trace::{Direction, Payload, Remark, RemarkKind, Tap, TraceEvent};

use crate::files::{
    ORDERS, Order, Packet, SAMPLE, change, fragments, gzip, ipv6, len, nanos, pcap, pcapng, sample, surroundings, zstd,
};

/// What a capture tells: frame number, nanoseconds, connection, direction, and the bytes or a word.
type Event = (u64, i64, usize, Direction, Vec<u8>);

#[derive(Default)]
struct Events(Vec<Event>);

impl Tap for Events {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let bytes = match event.payload {
            Payload::Pdu(pdu) => pdu.raw.to_vec(),
            // A connection that no description announces opens when it turns out to be RTSP.
            Payload::ReadEnd | Payload::Opened { .. } => return Ok(()),
            other => format!("{other:?}").split(' ').next().unwrap().as_bytes().to_vec(),
        };
        self.0.push((event.frame_number.unwrap(), event.at.as_nanos(), event.flow.id, event.direction, bytes));
        Ok(())
    }
}

fn events(file: impl Read) -> Vec<Event> {
    let mut events = Events::default();
    Source::read(file, &mut events).unwrap();
    events.0
}

/// Asserts that a file tells what the sample does, with times that are right to `unit` nanoseconds.
fn assert_same(file: &[u8], unit: i64, what: &str) {
    let mut expected = events(SAMPLE);
    let mut found = events(file);
    for event in expected.iter_mut().chain(&mut found) {
        event.1 /= unit;
    }
    assert!(expected.len() > 800, "the sample has events");
    if let Some(at) = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at)) {
        panic!("{what}: event {at} is {:?}, not {:?}", found.get(at), expected.get(at));
    }
}

#[test]
fn the_sample_itself() {
    let expected = sample();
    assert_eq!(expected.len(), 831);
    let mut packets = expected.iter().zip(1_u64..);
    let end = read_packets(SAMPLE, |packet| {
        let ((at, data), number) = packets.next().unwrap();
        assert_eq!((packet.number, packet.at.as_nanos(), packet.data), (number, *at, data.as_slice()));
        assert_eq!((packet.interface, packet.link), (0, LinkType::ETHERNET));
        assert!(packet.description.starts_with("rtsp://127.0.0.1:"), "{}", packet.description);
        Ok(())
    });
    assert_eq!(end.unwrap(), FileEnd { packets: 831, cut: false });
}

#[test]
fn pcap_in_all_variants() {
    let packets = sample();
    for order in ORDERS {
        for (magic, more, unit) in [(0xa1b2_c3d4, 0, 1_000), (0xa1b2_3c4d, 0, 1), (0xa1b2_cd34, 8, 1_000)] {
            let file = pcap(order, magic, LinkType::ETHERNET, more, &packets);
            assert_same(&file, unit, &format!("{order:?} {magic:x}"));
        }
    }
}

#[test]
fn pcapng_with_any_clock() {
    let packets = sample();
    let start = packets[0].0 / 1_000_000_000;
    for order in ORDERS {
        for (resolution, offset, unit) in
            [(6, 0, 1_000), (9, 0, 1), (9, start - 1, 1), (9, -5, 1), (12, start, 1), (0x9e, 0, 1)]
        {
            let ticks = |at: i64| {
                let since = u128::from(nanos(at - offset * 1_000_000_000));
                let ticks = match resolution {
                    6 => since / 1_000,
                    12 => since * 1_000 + 999,
                    0x9e => (since << 30).div_ceil(1_000_000_000),
                    _ => since,
                };
                u64::try_from(ticks).unwrap()
            };
            let mut file = [order.section(), order.interface(LinkType::ETHERNET, resolution, offset)].concat();
            file.extend(packets.iter().flat_map(|(at, packet)| order.enhanced(0, ticks(*at), packet)));
            assert_same(&file, unit, &format!("{order:?} {resolution:#x} {offset}"));
        }
    }
}

#[test]
fn pcapng_with_many_sections_interfaces_and_other_blocks() {
    let mut file = Vec::new();
    for (index, (at, packet)) in sample().iter().enumerate() {
        let order = ORDERS[index / 100 % 2];
        if index % 100 == 0 {
            file.extend(order.section());
            file.extend(order.interface(LinkType(147), 6, 0));
            file.extend(order.interface(LinkType::ETHERNET, 9, 0));
        }
        file.extend(order.block(if index % 2 == 0 { 5 } else { 0x0abc_def0 }, &vec![3; index]));
        if index % 3 == 0 {
            let ticks = nanos(*at);
            let head = [order.u16(1), order.u16(9)].concat();
            let times = [(ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32];
            let words = order.words(&[times[0], times[1], len(packet), len(packet)]);
            file.extend(order.block(2, &[&head, &words, &packet[..]].concat()));
        } else {
            file.extend(order.enhanced(1, nanos(*at), packet));
        }
    }
    assert_same(&file, 1, "sections");
}

#[test]
fn simple_packets_tell_no_time() {
    let packets = sample();
    for order in ORDERS {
        let mut file = [order.section(), order.interface(LinkType::ETHERNET, 9, 0)].concat();
        for (_, packet) in &packets {
            file.extend(order.block(3, &[&order.words(&[len(packet)]), packet.as_slice()].concat()));
        }
        let found = events(&*file);
        assert!(found.iter().all(|event| event.1 == i64::MIN), "no time is known");
        let without = |events: Vec<Event>| -> Vec<Event> {
            events.into_iter().map(|(number, _, flow, direction, bytes)| (number, 0, flow, direction, bytes)).collect()
        };
        assert!(without(found) == without(events(SAMPLE)));
    }
}

#[test]
fn all_link_layers() {
    let packets = sample();
    let tagged = |tags: &'static [u8]| move |packet: &[u8]| [&packet[..12], tags, &packet[12..]].concat();
    let instead = |head: &'static [u8]| move |packet: &[u8]| [head, &packet[14..]].concat();
    let pppoe = [&[2; 12][..], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21]].concat().leak();
    let cooked = [&[0; 14][..], &[8, 0]].concat().leak();
    let cooked2 = [&[8, 0][..], &[0; 18]].concat().leak();
    let layers: [(LinkType, Vec<Packet>); 14] = [
        (LinkType::ETHERNET, change(&packets, tagged(&[0x81, 0, 0, 5]))),
        (LinkType::ETHERNET, change(&packets, tagged(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6]))),
        (LinkType::ETHERNET, change(&packets, |packet| [packet, &[0; 20]].concat())),
        (LinkType::ETHERNET, change(&packets, instead(pppoe))),
        (LinkType::LINUX_SLL, change(&packets, instead(cooked))),
        (LinkType::LINUX_SLL2, change(&packets, instead(cooked2))),
        (LinkType::RAW, change(&packets, instead(&[]))),
        (LinkType::RAW_BSD, change(&packets, instead(&[]))),
        (LinkType::RAW_OPENBSD, change(&packets, instead(&[]))),
        (LinkType::IPV4, change(&packets, instead(&[]))),
        (LinkType::NULL, change(&packets, instead(&[2, 0, 0, 0]))),
        (LinkType::NULL, change(&packets, instead(&[0, 0, 0, 2]))),
        (LinkType::LOOP, change(&packets, instead(&[0, 0, 0, 2]))),
        (LinkType::PPP, change(&packets, instead(&[0xff, 3, 0, 0x21]))),
    ];
    for (link, packets) in layers {
        assert_same(&pcapng(Order::Little, link, &packets), 1, &format!("{link:?}"));
        assert_same(&pcap(Order::Big, 0xa1b2_3c4d, link, 0, &packets), 1, &format!("{link:?}"));
    }
}

#[test]
fn ipv6_with_extension_headers() {
    assert_same(&pcapng(Order::Little, LinkType::ETHERNET, &change(&sample(), ipv6)), 1, "IPv6");
}

#[test]
fn ipv4_in_fragments() {
    let packets: Vec<Packet> = sample().iter().zip(1..).flat_map(fragments).collect();
    let mut found = events(pcapng(Order::Little, LinkType::ETHERNET, &packets).as_slice());
    for event in &mut found {
        event.0 /= 2;
    }
    assert_eq!(found, events(SAMPLE));
}

#[test]
fn compressed_in_members() {
    let (first, second) = SAMPLE.split_at(200_001);
    for file in [gzip(SAMPLE), zstd(SAMPLE), [gzip(first), gzip(second)].concat(), [zstd(first), zstd(second)].concat()]
    {
        assert_same(&file, 1, "compressed");
        let end = read_packets(&file[..file.len() / 2], |_| Ok(())).unwrap();
        assert!(end.cut && end.packets > 100, "{end:?}");
    }
}

/// Gives a few bytes at a time, as a pipe may.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 * 31 % 1009;
        let len = out.len().min(self.1 % 97 + 1);
        self.0.read(&mut out[..len])
    }
}

#[test]
fn whatever_a_read_gives() {
    assert_eq!(events(Drops(SAMPLE, 1)), events(SAMPLE));
    let file = pcap(Order::Big, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &sample());
    assert_eq!(events(Drops(&file, 1)), events(file.as_slice()));
}

#[test]
fn a_cut_file_has_the_packets_before() {
    let packets = sample();
    let files = [SAMPLE.to_vec(), pcap(Order::Little, 0xa1b2_c3d4, LinkType::ETHERNET, 0, &packets)];
    for file in files {
        let mut last = 0;
        for cut in (500..file.len()).step_by(9_973) {
            let end = read_packets(&file[..cut], |_| Ok(())).unwrap();
            assert!(end.cut && end.packets >= last && end.packets < 831, "{cut}: {end:?}");
            last = end.packets;
        }
        assert!(last > 800);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damage_ends_in_events_or_an_error(
        format in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..60),
        len in any::<prop::sample::Index>(),
    ) {
        let packets = &sample()[..100];
        let mut file = match format {
            0 => pcapng(Order::Big, LinkType::ETHERNET, packets),
            1 => pcapng(Order::Little, LinkType::ETHERNET, &packets.iter().zip(1..).flat_map(fragments).collect::<Vec<_>>()),
            _ => pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, packets),
        };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(len.index(file.len() * 4).max(24));
        let mut events = Events::default();
        let _ = Source::read(file.as_slice(), &mut events);
        // A datagram that fragments make up counts once; nothing is handed over twice.
        let bytes: usize = events.0.iter().map(|event| event.4.len()).sum();
        prop_assert!(bytes <= file.len() + 64 * events.0.len());
    }
}

/// Codes of what is odd about a capture, and the number of its connections.
#[derive(Default)]
struct Remarks(Vec<(RemarkKind, u64)>, usize);

impl Tap for Remarks {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.1 = self.1.max(event.flow.id + 1);
        Ok(())
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        self.0.push((remark.kind, remark.frame_number));
        Ok(())
    }
}

#[test]
fn connections_that_are_passed_over_are_told_of_once() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 101]);
    for number in 0_u16..10_003 {
        let mut packet = Vec::new();
        let builder = etherparse::PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        builder.tcp(20_000 + number, 554, 1, 9).syn().write(&mut packet, b"OPTIONS * RTSP/1.0\r\n\r\n").unwrap();
        let len = u32::try_from(packet.len()).unwrap();
        file.extend(words(&[1, u32::from(number), len, len]));
        file.extend(packet);
    }
    let mut remarks = Remarks::default();
    Source::read(file.as_slice(), &mut remarks).unwrap();
    assert_eq!((remarks.0, remarks.1), (vec![(RemarkKind::TooManySessions, 10_001)], 10_000));
}

#[test]
fn whatever_is_around_a_packet() {
    let packets = sample();
    for (name, link, wrap) in surroundings() {
        let wrapped = change(&packets, &wrap);
        assert_same(&pcap(Order::Little, 0xa1b2_3c4d, link, 0, &wrapped), 1, name);
    }
}

/// Captured on both sides of a router: each packet comes once more, a hop further, behind others of the same dialogue.
#[test]
fn both_sides_of_a_router() {
    for lag_us in [5, 300, 3_000, 15_000, 60_000] {
        let hop = |packet: &[u8]| {
            let mut packet = packet.to_vec();
            packet[22] -= 1;
            packet
        };
        let packets = sample();
        let copies = packets.iter().map(|(at, packet)| (at + lag_us * 1000, hop(packet)));
        let mut both: Vec<Packet> = packets.iter().cloned().chain(copies).collect();
        both.sort_by_key(|(at, _)| *at);
        let mut found = events(&*pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &both));
        let mut expected = events(SAMPLE);
        found.iter_mut().chain(&mut expected).for_each(|event| event.0 = 0);
        assert_eq!(found.len(), expected.len(), "{lag_us} us");
        assert!(found == expected, "{lag_us} us");
    }
}

/// A tunnel makes packets longer than a link takes; and what is in it may have come in fragments before.
#[test]
fn fragments_around_and_within_a_tunnel() {
    let packets = sample();
    for (name, _, wrap) in surroundings().into_iter().filter(|(name, ..)| ["VXLAN", "GRE", "IP in IP"].contains(name)) {
        let around: Vec<Packet> = change(&packets, &wrap).iter().zip(1..).flat_map(fragments).collect();
        let within: Vec<Packet> = packets.iter().zip(1..).flat_map(fragments).collect();
        let both: Vec<Packet> = change(&within, &wrap).iter().zip(1..).flat_map(fragments).collect();
        for (what, packets) in [("around", around), ("within", change(&within, &wrap)), ("both", both)] {
            let mut found = events(&*pcap(Order::Little, 0xa1b2_3c4d, LinkType::ETHERNET, 0, &packets));
            let mut expected = events(SAMPLE);
            found.iter_mut().chain(&mut expected).for_each(|event| event.0 = 0);
            assert!(found == expected, "fragments {what} {name}");
        }
    }
}

/// The snap length cuts what is inside; how much is missing its own header tells.
#[test]
fn a_tunnel_that_is_cut() {
    let cut = |packets: Vec<Packet>, most: usize| -> Vec<u8> {
        let mut file = pcapng(Order::Little, LinkType::ETHERNET, &[]);
        for (at, packet) in packets {
            let (ticks, part) = (nanos(at), &packet[..packet.len().min(most)]);
            let words = [0, (ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32, len(part), len(&packet)];
            let padding = vec![0; part.len().next_multiple_of(4) - part.len()];
            file.extend(Order::Little.block(6, &[&Order::Little.words(&words)[..], part, &padding].concat()));
        }
        file
    };
    let expected = events(&*cut(sample(), 200));
    assert!(expected.iter().any(|event| event.4.is_empty()), "a gap has no bytes");
    let (_, _, wrap) = surroundings().into_iter().find(|(name, ..)| *name == "VXLAN").unwrap();
    assert!(events(&*cut(change(&sample(), &wrap), 250)) == expected);
}

/// Media on the port of a tunnel stays media.
#[test]
fn what_is_on_a_port_is_no_proof() {
    let ports = [1701, 2152, 3544, 4341, 4500, 4789, 4790, 5247, 6081, 6635, 8472, 37_008];
    for port in ports {
        let transport = format!("Transport: RTP/AVP;unicast;client_port={port}-60001;server_port=7000-7001\r\n");
        let mut events = Events::default();
        Source::read(&*files::udp_session(&transport, port), &mut events).unwrap();
        let datagrams = events.0.iter().filter(|event| event.4 == b"Datagram").count();
        assert_eq!(datagrams, 40, "port {port}");
    }
}

/// `ToldRemarks` on a capture.
#[derive(Default)]
struct ToldRemarks(Vec<(u64, RemarkKind, String)>);

impl Tap for ToldRemarks {
    fn event(&mut self, _: &TraceEvent<'_>) -> io::Result<()> {
        Ok(())
    }

    fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
        self.0.push((remark.frame_number, remark.kind, remark.detail.to_owned()));
        Ok(())
    }
}

#[test]
fn what_can_not_be_read_is_told_once() {
    let packets = sample();
    let encrypted = |packet: &[u8]| [&[8, 0x42, 0, 0][..], &[2; 20], &packet[14..]].concat();
    let esp = |packet: &[u8]| {
        let mut packet = packet.to_vec();
        packet[23] = 50;
        packet
    };
    let unknown = "831 packets of link type 220 (USB_LINUX_MMAPPED), which is not read; capture where IP is sent";
    let wifi = "831 encrypted packets of 802.11; decrypt them (airdecap-ng), or capture at the access point";
    let ipsec = "831 packets of IPsec ESP; capture before or behind the tunnel";
    for (link, packets, detail) in
        [(220, packets.clone(), unknown), (105, change(&packets, encrypted), wifi), (1, change(&packets, esp), ipsec)]
    {
        let mut remarks = ToldRemarks::default();
        let file = pcap(Order::Little, 0xa1b2_c3d4, LinkType(link), 0, &packets);
        Source::read(&*file, &mut remarks).unwrap();
        assert_eq!(remarks.0, [(1, RemarkKind::PacketsUnreadable, detail.to_owned())]);
    }
    let mut remarks = ToldRemarks::default();
    Source::read(SAMPLE, &mut remarks).unwrap();
    assert_eq!(remarks.0, []);
}
