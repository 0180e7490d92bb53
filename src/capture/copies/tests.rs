//! Copies of a mirror, of an overloaded one, of a network that repeats.

use super::*;
use crate::capture::encapsulation::NetworkId;
use crate::capture::link::LinkType;

/// Microseconds, identification, hop limit and interface of datagrams, each told by its number.
fn copies(datagrams: &[(i64, u8, u16, u8, u32)], tcp: &[i64]) -> Vec<bool> {
    let mut copies = Copies::default();
    let data = [2; 60];
    let packet = |micros: i64, interface| {
        let at = Timestamp::from_nanos(1_700_000_000_000_000_000 + micros * 1000);
        let (link, description, notes) = (LinkType::ETHERNET, "", "");
        Packet { number: 1, at, interface, link, description, notes, data: &data, original_len: 60 }
    };
    let (from, to) = ("10.0.0.1:6000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
    for (number, micros) in (0..).zip(tcp) {
        let segment = TcpSegment {
            from,
            to,
            seq: number / 2,
            ack: 0,
            flags: 0,
            payload: b"",
            missing: 0,
            header: 0,
            network: NetworkId::default(),
            hop_limit: 0,
            id: 0,
            head: &[],
        };
        copies.segment(&packet(*micros, 0), &segment);
    }
    let of = |(micros, number, id, hop_limit, interface): &(i64, u8, u16, u8, u32)| {
        let payload = [*number; 20];
        let id = if *id == 0 { 0 } else { *id + u16::from(*number) };
        let datagram = UdpDatagram { id, hop_limit: *hop_limit, ..UdpDatagram::new(from, to, &payload) };
        copies.look(&packet(*micros, *interface), &datagram, false) == DatagramSight::Copy
    };
    datagrams.iter().map(of).collect()
}

/// Each datagram and its copy, `micros` later.
fn doubled(count: u8, id: u16, micros: i64) -> Vec<(i64, u8, u16, u8, u32)> {
    let twice = |number: u8| {
        let at = 1_000_000 + i64::from(number) * 20_000;
        [(at, number, id, 64, 0), (at + micros, number, id, 64, 0)]
    };
    (0..count).flat_map(twice).collect()
}

/// Sixty datagrams, every fifth with its copy.
fn every_fifth(micros: i64) -> Vec<(i64, u8, u16, u8, u32)> {
    let mut number = 0;
    let mut some = doubled(60, 7, micros);
    some.retain(|datagram| {
        number += 1;
        number % 2 == 1 || datagram.1 % 5 == 4
    });
    some
}

#[test]
fn a_mirror_doubles_every_packet() {
    let expected = [false, true].repeat(20);
    assert_eq!(copies(&doubled(20, 7, 4), &[]), expected);
    assert_eq!(copies(&doubled(20, 7, 4), &[0, 4, 100, 104, 200, 204]), expected);
    assert!(copies(&doubled(20, 7, 5000), &[]).iter().all(|copy| !copy), "milliseconds apart");
    let mut other = doubled(20, 7, 4);
    other.iter_mut().skip(1).step_by(2).for_each(|datagram| datagram.2 = 9);
    assert!(copies(&other, &[]).iter().all(|copy| !copy), "sent again");
}

/// A mirror may drop one of the copies; where more of them lack it is no mirror.
#[test]
fn one_of_the_copies_before_may_lack() {
    let without = |lacking: &[u8]| {
        let mut all = doubled(20, 7, 400);
        let mut number = 0;
        all.retain(|datagram| {
            number += 1;
            number % 2 == 1 || !lacking.contains(&datagram.1)
        });
        copies(&all, &[]).into_iter().filter(|copy| *copy).count()
    };
    assert_eq!([without(&[]), without(&[10])], [20, 19]);
    // Those behind the second lack until the first is seven packets back.
    assert_eq!(without(&[10, 11]), 12);
}

#[test]
fn copies_may_come_behind_other_packets() {
    let mut burst = Vec::new();
    for number in 0..40 {
        let at = 1_000_000 + i64::from(number) * 5;
        burst.extend([(at, number, 7, 64, 0), (at + 23, number, 7, 64, 0)]);
    }
    burst.sort_by_key(|(at, ..)| *at);
    assert_eq!(copies(&burst, &[]).iter().filter(|copy| **copy).count(), 40);
}

#[test]
fn a_network_doubles_some() {
    assert!(copies(&every_fifth(400), &[]).iter().all(|copy| !copy));
    // TCP came once: the first ones prove nothing.
    assert!(!copies(&doubled(1, 7, 400), &[0, 20_000, 40_000, 60_000])[1]);
    assert_eq!(copies(&doubled(20, 7, 400), &[0, 20_000, 40_000, 60_000])[6..], [false, true].repeat(17));
}

#[test]
fn how_many_copies_of_how_many_datagrams() {
    #[derive(Default)]
    struct Words(Vec<String>);
    impl Tap for Words {
        fn event(&mut self, _: &crate::trace::TraceEvent<'_>) -> io::Result<()> {
            Ok(())
        }

        fn remark(&mut self, remark: &Remark<'_>) -> io::Result<()> {
            self.0.push(remark.detail.to_owned());
            Ok(())
        }
    }
    let words = |times: &[u32]| {
        let (mut copies, mut words) = (Copies::default(), Words::default());
        let (from, to) = ("10.0.0.1:6000".parse().unwrap(), "10.0.0.2:5000".parse().unwrap());
        let data = [2; 60];
        for (number, times) in (0_u16..).zip(times) {
            let at = Timestamp::from_nanos(i64::from(number) * 20_000_000);
            let payload = number.to_be_bytes().repeat(10);
            for interface in 0..*times {
                let (link, description, notes) = (LinkType::ETHERNET, "", "");
                let packet =
                    Packet { number: 1, at, interface, link, description, notes, data: &data, original_len: 60 };
                let datagram = UdpDatagram { id: 7, hop_limit: 64, ..UdpDatagram::new(from, to, &payload) };
                if copies.look(&packet, &datagram, false) == DatagramSight::Copy {
                    copies.count((packet.at, packet.number), copies.again);
                }
            }
        }
        copies.tell(&mut words).unwrap();
        words.0.join("")
    };
    assert_eq!(words(&[1; 9]), "");
    assert_eq!(words(&[1, 2, 1]), "1 datagram of media is in the capture twice; it is counted once");
    assert_eq!(words(&[2; 9]), "9 datagrams of media are in the capture twice; each is counted once");
    assert_eq!(words(&[3; 9]), "the capture has 18 copies of 9 datagrams of media; each is counted once");
    assert_eq!(words(&[1, 4, 2]), "the capture has 4 copies of 2 datagrams of media; each is counted once");
}

#[test]
fn without_identification_tcp_decides() {
    assert!(copies(&doubled(20, 0, 4), &[]).iter().all(|copy| !copy));
    assert!(copies(&doubled(20, 0, 4), &[0, 20_000, 40_000, 60_000, 80_000, 99_000]).iter().all(|copy| !copy));
    assert_eq!(copies(&doubled(20, 0, 4), &[0, 4, 100, 104, 200, 204]), [false, true].repeat(20));
}

#[test]
fn another_place_is_proof() {
    let some = every_fifth(400);
    for place in 0..2 {
        let elsewhere: Vec<_> = some
            .windows(2)
            .map(|pair| (pair[0], pair[1]))
            .chain(some.last().map(|last| (*last, *last)))
            .scan(None, |before, (mut datagram, _)| {
                if *before == Some(datagram.1) {
                    if place == 0 { datagram.3 -= 1 } else { datagram.4 = 1 }
                }
                *before = Some(datagram.1);
                Some(datagram)
            })
            .collect();
        assert_eq!(copies(&elsewhere, &[]).iter().filter(|copy| **copy).count(), 12);
    }
}
