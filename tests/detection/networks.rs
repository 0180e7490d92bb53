//! The same addresses and ports in several virtual networks, and one connection that is seen in several.

use crate::connections::{Ends, Packet, TcpTalk};
use crate::one_connection::{OneClient, Told, row, rtp};

/// A packet as it is seen in a network.
type Wrap = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// With tags of VLANs, the outer one first.
fn tags(numbers: &'static [u16]) -> Wrap {
    Box::new(|packet| {
        let tag = |number: &u16| [[0x81, 0x00], number.to_be_bytes()].concat();
        let tags: Vec<u8> = numbers.iter().flat_map(tag).collect();
        [&packet[..12], &tags, &packet[12..]].concat()
    })
}

/// In a datagram from one host of an overlay to another one, behind this header.
fn overlay(port: u16, header: Vec<u8>) -> Wrap {
    Box::new(move |packet| {
        let ip = etherparse::PacketBuilder::ethernet2([5; 6], [6; 6]).ipv4([198, 51, 100, 1], [198, 51, 100, 2], 64);
        let mut bytes = Vec::new();
        ip.udp(50_000, port).write(&mut bytes, &[&header, packet].concat()).unwrap();
        bytes
    })
}

fn vxlan(number: u8) -> Wrap {
    overlay(4789, vec![8, 0, 0, 0, 0, 0, number, 0])
}

fn geneve(number: u8) -> Wrap {
    overlay(6081, vec![0, 0, 0x65, 0x58, 0, 0, number, 0])
}

/// Behind a router: it has passed one more.
fn routed(wrap: Wrap) -> Wrap {
    Box::new(move |packet| {
        let mut packet = packet.to_vec();
        packet[..12].copy_from_slice(&[7; 12]);
        packet[22] -= 1;
        wrap(&packet)
    })
}

/// A session, interleaved or over UDP.
fn session(first: [u32; 2], encoding: &str, udp: bool) -> Vec<(bool, Packet)> {
    let mut client = OneClient::of(TcpTalk::new(Ends { port: 40_000, server_port: 554 }).numbered(first));
    client.describe("cam", encoding);
    if udp {
        let asked = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
        let granted = "Session: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001\r\n";
        client.exchange("SETUP", "cam/t0", asked, granted, "");
    } else {
        client.set_up("cam/t0", "1", false, 0);
    }
    client.control("PLAY", "cam", "1");
    for number in 0..20 {
        if udp {
            client.talk.datagram(true, (6000, 5000), &rtp(96, number, 7));
            client.talk.at += 40_000_000;
        } else {
            client.media(&[0], 1);
        }
    }
    client.control("TEARDOWN", "cam", "1");
    client.talk.packets
}

/// What passed, how a network shows it, and how many nanoseconds later.
type Seen<'a> = (&'a [(bool, Packet)], &'a Wrap, i64);

/// Packets of several networks in the order of their times.
fn seen(networks: &[Seen<'_>]) -> Told {
    let mut packets: Vec<Packet> = Vec::new();
    for (session, wrap, late) in networks {
        packets.extend(session.iter().map(|(_, (at, packet))| (at + late, wrap(packet))));
    }
    packets.sort_by_key(|(at, _)| *at);
    Told::of(&packets)
}

const NUMBERS: [[u32; 2]; 2] = [[1_000, 2_000], [3_000_000_000, 1_500_000_000]];

#[test]
fn two_tenants_with_the_same_addresses_have_two_sessions() {
    for udp in [false, true] {
        let (one, other) = (session(NUMBERS[0], "H264", udp), session(NUMBERS[1], "H265", udp));
        for (name, wraps) in [
            ("VXLAN", [vxlan(10), vxlan(20)]),
            ("GENEVE", [geneve(10), geneve(20)]),
            ("VLAN", [tags(&[10]), tags(&[20])]),
            ("a VLAN and none", [tags(&[10]), tags(&[])]),
            ("outer tags", [tags(&[100, 10]), tags(&[200, 10])]),
            ("VLAN in VXLAN", [vxlan(10), tags(&[10])]),
        ] {
            let told = seen(&[(&one, &wraps[0], 0), (&other, &wraps[1], 300_000)]);
            let rows = [row(1, "cam", "H264", 20), row(2, "cam", "H265", 20)];
            assert_eq!((told.streams, told.findings), (rows.to_vec(), vec![]), "{name}, udp {udp}");
        }
    }
}

/// Machines that were set up from one image may choose the same numbers.
#[test]
fn tenants_of_overlays_need_not_even_differ_in_their_numbers() {
    for udp in [false, true] {
        let (one, other) = (session(NUMBERS[0], "H264", udp), session(NUMBERS[0], "H265", udp));
        let told = seen(&[(&one, &vxlan(10), 0), (&other, &vxlan(20), 300_000)]);
        let rows = [row(1, "cam", "H264", 20), row(2, "cam", "H265", 20)];
        assert_eq!((told.streams, told.findings), (rows.to_vec(), vec![]), "udp {udp}");
    }
}

#[test]
fn one_connection_that_is_seen_in_several_networks_is_one() {
    for udp in [false, true] {
        let one = session(NUMBERS[0], "H264", udp);
        for (name, wraps) in [
            ("with and without a tag", [tags(&[]), tags(&[10])]),
            ("before and behind a provider's switch", [tags(&[10]), tags(&[100, 10])]),
            ("a switch translates", [tags(&[10]), tags(&[20])]),
            ("a router on a stick", [tags(&[10]), routed(tags(&[20]))]),
            ("inside and outside of an overlay", [tags(&[]), vxlan(10)]),
            ("a router between overlays", [vxlan(10), routed(vxlan(20))]),
        ] {
            let told = seen(&[(&one, &wraps[0], 0), (&one, &wraps[1], 20_000)]);
            assert_eq!(told.streams, [row(1, "cam", "H264", 20)], "{name}, udp {udp}");
            let copies: &[_] = if udp { &[(None, "captured-twice")] } else { &[] };
            assert_eq!(told.findings, copies, "{name}, udp {udp}");
        }
    }
}

/// Private VLANs, or a router's mirror port: each direction has a VLAN of its own.
#[test]
fn directions_in_different_networks_are_one_connection() {
    for udp in [false, true] {
        let one = session(NUMBERS[0], "H264", udp);
        for wraps in [[tags(&[10]), tags(&[20])], [tags(&[]), tags(&[20])], [vxlan(10), vxlan(20)]] {
            let wrap = |(from_server, (at, packet)): &(bool, Packet)| (*at, wraps[usize::from(*from_server)](packet));
            let told = Told::of(&one.iter().map(wrap).collect::<Vec<_>>());
            assert_eq!((told.streams, told.findings), (vec![row(1, "cam", "H264", 20)], vec![]), "udp {udp}");
        }
    }
}

/// The beginnings of both lie before the capture: sequence numbers alone tell.
#[test]
fn tenants_whose_connections_stood_before() {
    let (one, other) = (session(NUMBERS[0], "H264", false), session(NUMBERS[1], "H265", false));
    let late = |session: &[(bool, Packet)]| session[6..].to_vec();
    let told = seen(&[(&late(&one), &vxlan(10), 0), (&late(&other), &vxlan(20), 300_000)]);
    let packets: Vec<(usize, u64)> = told.streams.iter().map(|(session, _, _, packets)| (*session, *packets)).collect();
    assert_eq!(packets, [(1, 20), (2, 20)], "{:?}", told.findings);
}

/// What was there on the same ports spoke something else, here or in another network.
#[test]
fn ports_that_another_protocol_had_before() {
    let mut other = TcpTalk::new(Ends { port: 40_000, server_port: 554 }).numbered([77, 88]);
    other.handshake();
    for _ in 0..300 {
        other.say(true, &[0xa7; 1400]);
    }
    let one = session(NUMBERS[0], "H264", false);
    for wraps in [[tags(&[]), tags(&[])], [vxlan(1), vxlan(2)]] {
        let told = seen(&[(&other.packets, &wraps[0], 0), (&one, &wraps[1], 2_000_000_000)]);
        assert_eq!(told.streams, [row(1, "cam", "H264", 20)]);
    }
}
