use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::capture::control_bits::{ACK, FIN, SYN};
use crate::capture::encapsulation::NetworkId;

const CLIENT: Direction = Direction::ClientToServer;
const SERVER: Direction = Direction::ServerToClient;
const MS: i64 = 1_000_000;
/// Where the numbers of both sides begin: they wrap soon.
const FIRST: u32 = u32::MAX - 2_000;

/// A segment, written down: the numbers are counted from [`FIRST`].
#[derive(Clone, Copy)]
struct Written<'a> {
    from: Direction,
    /// Microseconds.
    at: i64,
    seq: u32,
    ack: u32,
    len: u32,
    window: u16,
    flags: u8,
    id: u16,
    options: &'a [u8],
}

/// Bytes of the server.
fn data(at: i64, seq: u32, len: u32) -> Written<'static> {
    let (ack, window, flags, id, options) = (1, 500, ACK, 0, &[]);
    Written { from: SERVER, at, seq, ack, len, window, flags, id, options }
}

/// An acknowledgement of the client.
fn ack(at: i64, ack: u32) -> Written<'static> {
    Written { from: CLIENT, seq: 1, ack, ..data(at, 1, 0) }
}

/// The three segments of a handshake, with these options in the SYNs.
fn handshake<'a>(client: &'a [u8], server: &'a [u8]) -> Vec<Written<'a>> {
    let syn = Written { seq: 0, ack: 0, flags: SYN, options: client, ..ack(0, 0) };
    let answer = Written { ack: 1, flags: SYN | ACK, options: server, ..data(10_000, 0, 0) };
    vec![syn, answer, ack(10_100, 1)]
}

/// What is counted of the client, and of the server.
fn counted(written: &[Written<'_>]) -> [SegmentCounts; 2] {
    let mut watch = SegmentWatch::default();
    for (number, segment) in (1..).zip(written) {
        take(&mut watch, segment, number);
    }
    let mut sides = [SegmentCounts::default(); 2];
    for second in watch.finish() {
        sides[second.direction.index()] = second.counts;
    }
    sides
}

fn take(watch: &mut SegmentWatch, written: &Written<'_>, number: u64) {
    let Written { from, at, seq, ack, len, window, flags, id, options } = *written;
    let head = [&[0; 14][..], &window.to_be_bytes(), &[0; 4], options].concat();
    let payload = vec![0; usize::try_from(len).unwrap()];
    let ends = ["10.0.0.1:50000".parse().unwrap(), "10.0.0.2:554".parse().unwrap()];
    let segment = TcpSegment {
        from: ends[from.index()],
        to: ends[from.reverse().index()],
        seq: FIRST.wrapping_add(seq),
        ack: if flags & ACK == 0 { 0 } else { FIRST.wrapping_add(ack) },
        flags,
        payload: &payload,
        missing: 0,
        header: 0,
        network: NetworkId::default(),
        hop_limit: 0,
        id,
        head: &head,
    };
    watch.segment(from, &segment, Arrival { at: Timestamp::from_nanos(at * 1000), number });
}

#[test]
fn each_second_of_each_direction_has_its_counts() {
    let mut watch = SegmentWatch::default();
    let written = [data(100, 1, 10), ack(900, 11), data(999_900, 11, 20), ack(1_000_200, 31), data(2_500_000, 31, 5)];
    for (number, segment) in (1..).zip(&written) {
        take(&mut watch, segment, number);
    }
    let told: Vec<String> = watch
        .finish()
        .iter()
        .map(|WatchedSecond { direction, first, counts }| {
            let rtt = counts.round_trips.mean().map(|time| time.as_micros());
            format!("{direction} {} {} {} {rtt:?}", first.number, counts.segments, counts.bytes)
        })
        .collect();
    let expected =
        ["s2c 1 2 30 Some(800)", "c2s 2 1 0 None", "c2s 4 1 0 None", "s2c 4 0 0 Some(300)", "s2c 5 1 5 None"];
    assert_eq!(told, expected, "the acknowledgement of a segment may come in the next second");
}

#[test]
fn what_was_sent_before_is_sent_again() {
    let sent = [data(0, 1, 100), data(100, 101, 100), ack(200, 201)];
    // In a while; what is acknowledged at any time; behind two repeated acknowledgements at once.
    let late = [&sent[..2], &[data(300_000, 1, 100), ack(300_100, 201)]].concat();
    let spurious = [&sent[..], &[data(300, 1, 100)]].concat();
    let fast = [&sent[..2], &[ack(200, 1), ack(300, 1), ack(400, 1), data(500, 1, 100)]].concat();
    for (written, duplicate_acks) in [(late, 0), (spurious, 0), (fast, 2)] {
        let [client, server] = counted(&written);
        assert_eq!((server.retransmitted_segments, server.retransmitted_bytes), (1, 100));
        assert_eq!((server.out_of_order_segments, client.duplicate_acks), (0, duplicate_acks));
    }
    let [_, server] = counted(&sent);
    assert_eq!((server.segments, server.retransmitted_segments), (2, 0));
}

#[test]
fn what_comes_soon_behind_a_later_one_was_overtaken() {
    let overtaken = |at: i64, before: &[Written<'_>]| {
        let [_, server] = counted(&[before, &[data(20_000, 101, 100), data(20_000 + at, 1, 100)]].concat());
        (server.out_of_order_segments, server.retransmitted_segments)
    };
    let begun = &[data(0, 1, 0)];
    assert_eq!((overtaken(2_900, begun), overtaken(3_100, begun)), ((1, 0), (0, 1)));
    // The handshake took 10.1 ms.
    let opened = handshake(&[], &[]);
    assert_eq!((overtaken(10_000, &opened), overtaken(10_200, &opened)), ((1, 0), (0, 1)));
}

#[test]
fn an_acknowledgement_is_repeated_only_by_one_that_says_nothing_else() {
    let window = Written { window: 600, ..ack(300, 101) };
    let with_bytes = Written { len: 7, ..ack(300, 101) };
    for (next, repeated) in [(ack(300, 101), 1), (ack(300, 201), 0), (window, 0), (with_bytes, 0)] {
        let [client, _] = counted(&[data(0, 1, 100), data(100, 101, 100), ack(200, 101), next]);
        assert_eq!(client.duplicate_acks, repeated);
    }
    // It answers whether somebody is there.
    let [client, _] = counted(&[data(0, 1, 100), ack(200, 101), data(9_000, 100, 0), ack(9_100, 101)]);
    assert_eq!(client.duplicate_acks, 0);
}

#[test]
fn windows_that_are_empty_or_full() {
    let closed = |at: i64| Written { window: 0, ..ack(at, 101) };
    let probe = |at: i64, seq: u32| data(at, seq, 1);
    let written = [data(0, 1, 100), closed(100), probe(300_000, 101), closed(300_100), ack(500_000, 101)];
    let [client, server] = counted(&written);
    assert_eq!((client.zero_windows, client.duplicate_acks, server.window_full), (2, 0, None));
    assert_eq!((server.segments, server.retransmitted_segments), (2, 0));
    // With the byte of the probe before it, it is new.
    let [_, server] = counted(&[&written[..], &[data(500_100, 101, 100)]].concat());
    assert_eq!(server.retransmitted_segments, 0);
}

#[test]
fn windows_are_scaled_as_both_sides_agreed() {
    let (by_four, none) = (&[3, 3, 2][..], &[][..]);
    // 500 as it is written.
    let full = |client: &[u8], server: &[u8], bytes: u32| {
        counted(&[handshake(client, server), vec![data(20_000, 1, bytes)]].concat())[1].window_full
    };
    assert_eq!(full(by_four, by_four, 2_000), Some(1));
    assert_eq!((full(by_four, by_four, 500), full(by_four, by_four, 1_999)), (Some(0), Some(0)));
    assert_eq!(
        (full(by_four, none, 500), full(none, by_four, 500), full(none, none, 500)),
        (Some(1), Some(1), Some(1))
    );
    assert_eq!(counted(&[ack(0, 1), data(100, 1, 500)])[1].window_full, None, "no handshake");
}

#[test]
fn what_is_under_way_and_what_came_behind_a_hole() {
    let two_blocks = [&[1, 1, 5, 18][..], &[0; 16]].concat();
    let sack = Written { options: &two_blocks, ..ack(300, 101) };
    let [client, server] = counted(&[data(0, 1, 100), ack(100, 101), data(200, 201, 100), sack, data(400, 301, 50)]);
    assert_eq!((client.sack_blocks, server.in_flight_max), (2, Some(250)));
    assert_eq!(counted(&[data(0, 1, 100)])[1].in_flight_max, None, "of what nobody acknowledges nothing is known");
}

#[test]
fn a_round_trip_begins_at_the_last_time_that_something_was_sent() {
    let [_, server] = counted(&[data(0, 1, 100), ack(700, 101), data(1_000, 101, 100), ack(1_500, 201)]);
    let trips = server.round_trips;
    assert_eq!((trips.count, trips.shortest()), (2, Some(Duration::from_micros(500))));
    assert_eq!(trips.mean(), Some(Duration::from_micros(600)));
    let [_, server] = counted(&[data(0, 1, 100), data(300_000, 1, 100), ack(300_700, 101)]);
    assert_eq!(server.round_trips.shortest(), None, "nobody knows which of the two is meant");
}

#[test]
fn a_mirror_that_doubles_everything_is_passed_over() {
    let numbered = |segment: Written<'static>, id: u16| [Written { id, ..segment }; 2];
    let all = [ack(0, 1), data(100, 1, 100), ack(200, 101), ack(300, 101), data(400, 101, 100)];
    let once = counted(&all);
    let twice: Vec<Written<'_>> = (1..).zip(all).flat_map(|(id, segment)| numbered(segment, id)).collect();
    assert_eq!((counted(&twice), once[0].duplicate_acks), (once, 1), "the second of equal acknowledgements is none");
    // One of many was doubled on the way.
    let mut many: Vec<Written<'_>> = (0..20u16)
        .map(|number| Written { id: number, ..data(i64::from(number) * 100, u32::from(number) * 100, 100) })
        .collect();
    many.insert(11, many[10]);
    assert_eq!(counted(&many)[1].segments, 21);
}

#[test]
fn fin_and_syn_have_a_number_as_well() {
    let fin = Written { flags: FIN | ACK, ..data(20_000, 1, 0) };
    let again = Written { at: 900_000, ..fin };
    let [_, server] = counted(&[handshake(&[], &[]), vec![fin, again]].concat());
    assert_eq!((server.retransmitted_segments, server.retransmitted_bytes), (1, 0));
}

#[test]
fn memory_has_a_limit() {
    let mut watch = SegmentWatch::default();
    for number in 0..20_000 {
        take(&mut watch, &data(i64::from(number) * 500_000, number * 10, 10), 1);
    }
    assert!(watch.held() < 32 << 10, "{}", watch.held());
    watch.relieve();
    assert!(watch.held() < 8 << 10, "{}", watch.held());
}

proptest! {
    /// Whatever comes: bytes and segments are all counted, and no more is sent again than came.
    #[test]
    fn all_segments_are_counted(
        all in prop::collection::vec((any::<bool>(), 0i64..40, 0u32..40, 0u32..40, 0u32..4, 0u16..3, 0u8..32), 0..80),
    ) {
        let mut at = 0;
        let mut written = Vec::new();
        for (number, (client, step, seq, ack, len, window, flags)) in (0..).zip(&all) {
            at += step * MS / 1000;
            let from = if *client { CLIENT } else { SERVER };
            written.push(Written {
                from, at, seq: seq * 10, ack: ack * 10, len: len * 10, window: *window, flags: *flags, id: number, options: &[],
            });
        }
        let mut watch = SegmentWatch::default();
        let mut sums = (0, 0);
        for (number, segment) in (1..).zip(&written) {
            take(&mut watch, segment, number);
            for second in watch.take_done() {
                sums = (sums.0 + second.counts.segments, sums.1 + second.counts.bytes);
                prop_assert!(second.counts.retransmitted_bytes <= second.counts.bytes);
                prop_assert!(second.counts.retransmitted_segments <= second.counts.segments);
            }
        }
        for second in watch.finish() {
            sums = (sums.0 + second.counts.segments, sums.1 + second.counts.bytes);
        }
        let bytes: u64 = written.iter().map(|segment| u64::from(segment.len)).sum();
        prop_assert_eq!(sums, (written.len() as u64, bytes));
    }
}

/// Why and when bytes did not move on, in milliseconds.
fn stalls(written: &[Written<'_>]) -> Vec<String> {
    let mut watch = SegmentWatch::default();
    let mut told = Vec::new();
    for (number, segment) in (1..).zip(written) {
        take(&mut watch, segment, number);
        told.extend(watch.take_stalls());
    }
    let millis = |at: Timestamp| at.as_nanos() / MS;
    let line = |(direction, stall): &(Direction, crate::trace::ConnectionStall)| {
        format!("{direction} {:?} {}..{}", stall.cause, millis(stall.since), millis(stall.until))
    };
    told.iter().map(line).collect()
}

/// A handshake whose server is 10 ms away, and 100 bytes that were acknowledged.
fn begun() -> Vec<Written<'static>> {
    [handshake(&[], &[]), vec![data(20_000, 1, 100), ack(20_100, 101)]].concat()
}

#[test]
fn a_receiver_without_room_is_one_until_it_has_some() {
    let window = |at: i64, ack_number: u32, window: u16| Written { window, ..ack(at, ack_number) };
    let probe = data(300_000, 200, 0);
    let zero =
        [data(40_000, 101, 100), window(41_000, 201, 0), probe, window(300_100, 201, 0), window(900_000, 201, 500)];
    assert_eq!(stalls(&[begun(), zero.to_vec()].concat()), ["s2c NoRoom 41..900"]);
    // 500 bytes fill it; one more segment has no room, though its window is not 0.
    let full = [data(40_000, 101, 500), window(41_000, 301, 300), window(500_000, 601, 500)];
    assert_eq!(stalls(&[begun(), full.to_vec()].concat()), ["s2c NoRoom 40..500"]);
    let soon = [data(40_000, 101, 500), window(41_000, 601, 500)];
    assert_eq!(stalls(&[begun(), soon.to_vec()].concat()), Vec::<String>::new());
}

#[test]
fn what_was_lost_is_seen_at_both_ends() {
    // At the server: what was sent before is sent again.
    let server = [data(40_000, 101, 100), data(300_000, 101, 100), ack(320_000, 201)];
    let told = ["s2c Loss { sent_again: 1, asked: 0 } 40..300", "s2c Loss { sent_again: 1, asked: 0 } 40..320"];
    assert_eq!(stalls(&[begun(), server.to_vec()].concat()), told);
    // At the client: what came behind it is acknowledged with it.
    let client =
        [data(80_000, 201, 100), ack(80_100, 101), data(120_000, 301, 100), ack(120_100, 101), data(400_000, 101, 100)];
    assert_eq!(stalls(&[begun(), client.to_vec()].concat()), ["s2c Loss { sent_again: 1, asked: 2 } 80..400"]);
    // An acknowledgement that takes its time is none.
    let late = [data(40_000, 101, 100), ack(240_000, 201)];
    assert_eq!(stalls(&[begun(), late.to_vec()].concat()), Vec::<String>::new());
}

#[test]
fn who_sends_much_at_once_had_lost_nothing() {
    let burst = |first: i64, step: i64| {
        (0..5).map(move |number| data(first + i64::from(number) * step, 101 + number * 100, 100))
    };
    let told = ["s2c NothingToSend 20..2000"];
    let at_once: Vec<Written<'_>> = begun().into_iter().chain(burst(2_000_000, 100)).collect();
    assert_eq!(stalls(&at_once), told);
    // An acknowledgement of the first cannot have been heard yet: the server is 10 ms away.
    let answered = |at: i64, step: i64| {
        let mut all: Vec<Written<'_>> = begun().into_iter().chain(burst(2_000_000, step)).collect();
        all.push(ack(at, 201));
        all.sort_by_key(|written| written.at);
        stalls(&all)
    };
    assert_eq!(answered(2_000_050, 100), told);
    assert_eq!(answered(2_000_050, 6_000), Vec::<String>::new(), "it may have waited for it");
    // The network held all of it, also what was sent again.
    let twice = at_once.iter().copied().chain([ack(2_000_900, 601), data(2_001_000, 101, 100)]).collect::<Vec<_>>();
    assert_eq!(stalls(&twice), [told[0], "s2c Loss { sent_again: 1, asked: 0 } 20..2000"]);
    let short: Vec<Written<'_>> = begun().into_iter().chain(burst(900_000, 100)).collect();
    assert_eq!(stalls(&short), Vec::<String>::new(), "nothing would have been sent again yet");
    let unknown: Vec<Written<'_>> = [data(20_000, 1, 100)].into_iter().chain(burst(2_000_000, 100)).collect();
    assert_eq!(stalls(&unknown), Vec::<String>::new(), "what is under way is not known without acknowledgements");
}
