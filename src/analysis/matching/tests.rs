use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::analysis::cell::Utc;
use crate::time::Timestamp;

/// A packet every 10 ms, from this number on; A's clock begins at 1 s.
fn packet(number: u64) -> Packet {
    Packet {
        session: 0,
        direction: Direction::ServerToClient,
        ssrc: 7,
        seq: u16::try_from((number + 65_000) % 65_536).unwrap(),
        timestamp: u32::try_from((number + 4_772_000) * 900 % (1 << 32)).unwrap(),
        head: number % 3,
        body: Some(number % 5),
        at: Timestamp::from_nanos(1_000_000_000 + i64::try_from(number).unwrap() * 10_000_000),
        frame_number: Some(number + 1),
    }
}

fn at(packet: &Packet, millis: i64) -> Packet {
    Packet { at: Timestamp::from_nanos(packet.at.as_nanos() + millis * 1_000_000), ..*packet }
}

/// Both captures, read in the order that the matcher wants; each in the order of its times.
fn matched(a: &[Packet], b: &[Packet]) -> Vec<StreamMatch> {
    let mut sides = [a, b].map(|packets| {
        let mut packets = packets.to_vec();
        packets.sort_by_key(|packet| packet.at);
        packets.into_iter()
    });
    let mut matcher = Matcher::default();
    while let Some(side) = matcher.wants() {
        match sides[side.index()].next() {
            Some(packet) => matcher.packet(side, &packet),
            None => matcher.end(side),
        }
    }
    matcher.finish()
}

fn one(a: &[Packet], b: &[Packet]) -> StreamMatch {
    let mut streams = matched(a, b);
    assert_eq!(streams.len(), 1);
    streams.remove(0)
}

/// The numbers of the packets that stand in the runs.
fn listed(only: &Only) -> Vec<u64> {
    only.runs.iter().flat_map(|run| (run.frame_number.unwrap() - 1..).take(run.packets.try_into().unwrap())).collect()
}

fn near(is: f64, should: i64) -> bool {
    (is - f64::from(i32::try_from(should).unwrap())).abs() < 1e-6
}

proptest! {
    #[test]
    fn a_capture_is_like_itself(count in 1..300u64, offset in -1_000_000_000..1_000_000_000i64) {
        let a: Vec<Packet> = (0..count).map(packet).collect();
        let b: Vec<Packet> = a.iter().map(|packet| at(packet, offset)).collect();
        let found = one(&a, &b);
        prop_assert!(found.is_clean());
        prop_assert_eq!((found.both, found.packets), (count, [count; 2]));
        let delay = found.delay.unwrap();
        prop_assert!(near(delay.offset_ms, offset));
        let all = [delay.pdv_mean_ms, delay.pdv_p99_ms, delay.pdv_max_ms, delay.ipdv_max_ms.unwrap_or(0.0)];
        prop_assert!(all.iter().all(|millis| near(*millis, 0)));
    }

    /// Whatever is dropped between the first and the last is listed, and nothing else.
    #[test]
    fn what_is_dropped_is_listed(dropped in prop::collection::btree_set(1..299u64, 0..200), offset in -90_000..90_000i64) {
        let a: Vec<Packet> = (0..300).map(packet).collect();
        let b: Vec<Packet> =
            (0..300).filter(|number| !dropped.contains(number)).map(|number| at(&packet(number), offset)).collect();
        let found = one(&a, &b);
        let [only_a, only_b] = &found.only;
        prop_assert_eq!(listed(only_a).into_iter().collect::<BTreeSet<_>>(), dropped.clone());
        prop_assert_eq!(only_a.between, dropped.len() as u64);
        prop_assert_eq!((only_a.before, only_a.after), (0, 0));
        prop_assert_eq!(only_b, &Only::default());
        prop_assert_eq!((found.reordered, found.duplicated), (0, [0; 2]));

        let mirrored = one(&b, &a);
        let [mirrored_a, mirrored_b] = mirrored.only;
        prop_assert_eq!((&mirrored_b, &mirrored_a), (only_a, only_b));
    }

    /// Delays below the distance of packets; they overtake each other in the second test.
    #[test]
    fn delays_are_what_they_are(delays in prop::collection::vec(0..1000i64, 2..200), offset in -90_000..90_000i64) {
        let a: Vec<Packet> = (0..delays.len() as u64).map(packet).collect();
        let b: Vec<Packet> = a.iter().zip(&delays).map(|(packet, delay)| at(packet, offset + delay)).collect();
        let found = one(&a, &b);
        let least = *delays.iter().min().unwrap();
        let mut variations: Vec<i64> = delays.iter().map(|delay| delay - least).collect();
        variations.sort_unstable();
        let rank = |percent: usize| variations[(variations.len() * percent).div_ceil(100).max(1) - 1];
        let delay = found.delay.unwrap();
        prop_assert!(near(delay.offset_ms, offset + least));
        prop_assert!(near(delay.pdv_p50_ms, rank(50)));
        prop_assert!(near(delay.pdv_p99_ms, rank(99)));
        prop_assert!(near(delay.pdv_max_ms, *variations.last().unwrap()));
        prop_assert!(delay.ipdv_max_ms.unwrap() <= delay.pdv_max_ms + 1e-6);
        let late = (0..delays.len()).filter(|late| {
            let came = |number: usize| i64::try_from(number).unwrap() * 10 + delays[number];
            (late + 1..delays.len()).any(|other| came(other) < came(*late))
        });
        prop_assert_eq!(found.reordered, late.count() as u64);

        // From the other end the least delayed is the most delayed.
        let mirrored = one(&b, &a).delay.unwrap();
        prop_assert!(near(mirrored.offset_ms, -offset - *delays.iter().max().unwrap()));
        prop_assert!((mirrored.pdv_max_ms - delay.pdv_max_ms).abs() < 1e-6);
    }

    #[test]
    fn copies_are_counted(copied in prop::collection::btree_map(0..100u64, 1..4u64, 0..50)) {
        let a: Vec<Packet> = (0..100).map(packet).collect();
        let copies = |number: u64| 1 + copied.get(&number).copied().unwrap_or(0);
        let b: Vec<Packet> = (0..100).flat_map(|number| (0..copies(number)).map(move |_| packet(number))).collect();
        let sum: u64 = copied.values().sum();
        prop_assert_eq!(one(&a, &b).duplicated, [0, sum]);
        prop_assert_eq!(one(&b, &a).duplicated, [sum, 0]);
    }

    /// Whatever two captures hold, every packet is counted, and in one place only.
    #[test]
    fn nothing_is_lost_in_counting(a in packets(), b in packets()) {
        let streams = matched(&a, &b);
        for stream in &streams {
            for side in Side::BOTH {
                let only = &stream.only[side.index()];
                let sum = only.before + only.between + only.after;
                prop_assert_eq!(stream.packets[side.index()], stream.both + sum, "{:?} {:?}", side, stream);
            }
        }
    }
}

/// Any few packets.
fn packets() -> impl Strategy<Value = Vec<Packet>> {
    let one = (0..3usize, 0..2u32, 0..40u64, 0..50i64).prop_map(|(session, ssrc, number, late)| Packet {
        session,
        ssrc,
        ..at(&packet(number), late)
    });
    prop::collection::vec(one, 0..120)
}

#[test]
fn a_capture_that_begins_an_hour_later_and_ends_earlier() {
    let a: Vec<Packet> = (0..400_000).map(packet).collect();
    let b: Vec<Packet> = (360_000..370_000).map(|number| at(&packet(number), -1_000_000_000)).collect();
    let found = one(&a, &b);
    let [only_a, only_b] = &found.only;
    assert_eq!((found.both, only_a.before, only_a.between, only_a.after), (10_000, 360_000, 0, 30_000));
    assert_eq!(only_b, &Only::default());
    let mirrored = one(&b, &a);
    assert_eq!((mirrored.both, &mirrored.only[1]), (10_000, only_a));
}

#[test]
fn clocks_that_drift_apart() {
    // 100 ppm over two minutes are 12 ms; every third packet is 7 ms late.
    let a: Vec<Packet> = (0..12_000).map(packet).collect();
    let late = |number: i64| i64::from(number % 3 == 1) * 7_000_000;
    let drifted = |(number, packet): (i64, &Packet)| Packet {
        at: Timestamp::from_nanos(packet.at.as_nanos() + number * 1000 + late(number)),
        ..*packet
    };
    let b: Vec<Packet> = (0..).zip(&a).map(drifted).collect();
    let delay = one(&a, &b).delay.unwrap();
    assert!((delay.drift_ppm.unwrap() - 100.0).abs() < 1.0, "{delay:?}");
    assert!(delay.drift_removed && (delay.pdv_max_ms - 7.0).abs() < 0.1 && delay.pdv_p50_ms < 0.1, "{delay:?}");
}

#[test]
fn more_packets_than_are_remembered() {
    let a: Vec<Packet> = (0..150_000).map(packet).collect();
    let b: Vec<Packet> = a.iter().enumerate().filter(|(n, _)| n % 1000 != 500).map(|(_, packet)| *packet).collect();
    let found = one(&a, &b);
    assert_eq!((found.both, found.only[0].between, found.only[0].run_count), (149_850, 150, 150));
    assert_eq!(found.delay.unwrap().pdv_max_ms.to_bits(), 0.0_f64.to_bits());
}

#[test]
fn viewers_of_one_picture_are_told_apart() {
    let viewer = |session| (0..50).map(move |number| Packet { session, ..packet(number) });
    let a: Vec<Packet> = viewer(3).chain(viewer(5).map(|packet| at(&packet, 1))).collect();
    let b: Vec<Packet> = viewer(0).chain(viewer(1).skip(1).map(|packet| at(&packet, 1))).collect();
    let streams = matched(&a, &b);
    let sessions: Vec<_> = streams.iter().map(|stream| (stream.sessions, stream.both)).collect();
    assert_eq!(sessions, [([Some(4), Some(1)], 50), ([Some(6), Some(2)], 49)]);
}

#[test]
fn payloads_that_differ_behind_their_beginning() {
    let a: Vec<Packet> = (0..10).map(packet).collect();
    let mut b = a.clone();
    b[3].body = Some(99);
    b[4].body = None;
    b[5].head = 99;
    let found = one(&a, &b);
    assert_eq!((found.both, found.altered), (9, 1));
    let run = |packet: &Packet| Run {
        packets: 1,
        first_seq: packet.seq,
        last_seq: packet.seq,
        frame_number: packet.frame_number,
        time_utc: Utc(packet.at),
    };
    assert_eq!(found.only.map(|only| only.runs), [[run(&a[5])], [run(&b[5])]]);
}

#[test]
fn more_streams_than_are_matched() {
    let a: Vec<Packet> = (0..5000).map(|ssrc| Packet { ssrc, ..packet(u64::from(ssrc)) }).collect();
    let mut matcher = Matcher::default();
    for side in Side::BOTH {
        for packet in &a {
            matcher.packet(side, packet);
        }
        matcher.end(side);
    }
    assert_eq!(matcher.passed_over(), 2 * (5000 - 4096));
    assert!(matcher.finish().iter().all(|stream| stream.both == 1), "those of A are found in B");
}

#[test]
fn times_that_can_t_be() {
    let a = [i64::MIN, i64::MAX, 0].map(|nanos| Packet { at: Timestamp::from_nanos(nanos), ..packet(1) });
    let b = [i64::MAX, i64::MIN].map(|nanos| Packet { at: Timestamp::from_nanos(nanos), ..packet(1) });
    for (a, b) in [(&a[..], &b[..]), (&b[..], &a[..])] {
        let found = one(a, b);
        assert_eq!(found.both, 1);
        assert!(found.delay.unwrap().pdv_max_ms.is_finite());
    }
}
