use proptest::prelude::*;

use super::*;
use crate::analysis::sequence::Sequence;
use crate::rtp::media_kind::MediaKind;
use crate::rtp::unwrap::Unwrapper;

/// A packet to be: sequence number, timestamp, marker and payload.
#[derive(Clone, Debug)]
struct Sent {
    number: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// What is told of a frame that does not depend on times.
type Told = (u64, bool, i64, i64, u32, u64, &'static str);

/// Frames by their number, in packets of H.264: each a slice in `packets` fragments, after parameter sets where it is IDR.
fn pictures(first: u16, sizes: &[usize]) -> Vec<Sent> {
    let (mut sent, mut number) = (Vec::new(), first);
    for (index, packets) in sizes.iter().enumerate() {
        let timestamp = u32::try_from(index).unwrap().wrapping_mul(3000).wrapping_add(u32::MAX - 9000);
        let mut payloads = Vec::new();
        let idr = index % 5 == 0;
        if idr {
            payloads.push(vec![0x67, 1, 2]);
        }
        let (kind, head) = if idr { (0x05, 0x88) } else { (0x01, 0x9a) };
        match *packets {
            1 => payloads.push(vec![0x60 | kind, head, 7]),
            packets => payloads.extend((1..=packets).map(|place| {
                let edges = u8::from(place == 1) << 7 | u8::from(place == packets) << 6;
                vec![0x7c, edges | kind, if place == 1 { head } else { 7 }, 7]
            })),
        }
        let last = payloads.len() - 1;
        for (place, payload) in payloads.into_iter().enumerate() {
            sent.push(Sent { number, timestamp, marker: place == last, payload });
            number = number.wrapping_add(1);
        }
    }
    sent
}

fn ended(format: PayloadFormat, sent: &[Sent]) -> Vec<Ended> {
    let frames = fed(format, sent, |place| place * 1_000_000);
    frames.ended().to_vec()
}

/// A stream that has ended; `at` gives the nanoseconds at which each packet came.
fn fed(format: PayloadFormat, sent: &[Sent], at: impl Fn(i64) -> i64) -> Frames {
    let (mut frames, mut sequence, mut timestamps) =
        (Frames::new(true, false), Sequence::default(), Unwrapper::default());
    frames.set_format(format);
    for (place, packet) in sent.iter().enumerate() {
        let [seq_high, seq_low] = packet.number.to_be_bytes();
        let mut bytes = vec![0x80, u8::from(packet.marker) << 7 | 0x60, seq_high, seq_low];
        bytes.extend(packet.timestamp.to_be_bytes());
        bytes.extend([0, 0, 0, 1]);
        bytes.extend(&packet.payload);
        let rtp = RtpPacket::parse(&bytes).unwrap();
        let (status, ext_seq) = sequence.packet(rtp.sequence());
        let at = Timestamp::from_nanos(at(i64::try_from(place).unwrap()));
        let frame_number = Some(place as u64 + 1);
        let ext_timestamp = timestamps.extend(rtp.timestamp());
        frames.packet(Arrival { at, frame_number, capture: 0, status, ext_seq, ext_timestamp }, &rtp);
    }
    frames.end_all();
    frames
}

fn told(ended: &[Ended]) -> Vec<Told> {
    let told = |one: &Ended| {
        let Frame { first_seq, last_seq, packets, bytes, coding, .. } = one.frame;
        (one.number, one.complete, first_seq, last_seq, packets, bytes, coding.kind().as_str())
    };
    ended.iter().map(told).collect()
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..6usize, 2..40)
}

proptest! {
    #[test]
    fn each_picture_is_a_frame(first in any::<u16>(), sizes in sizes()) {
        let ended = ended(PayloadFormat::H264, &pictures(first, &sizes));
        prop_assert_eq!(ended.len(), sizes.len());
        for (index, (one, packets)) in ended.iter().zip(sizes).enumerate() {
            let idr = index % 5 == 0;
            prop_assert!(one.complete, "{one:?}");
            prop_assert_eq!(one.frame.packets as usize, packets + usize::from(idr));
            prop_assert_eq!(one.frame.coding.kind().as_str(), if idr { "idr" } else { "p" });
            prop_assert_eq!(one.media_ticks, 3000 * i64::try_from(index).unwrap());
        }
    }

    #[test]
    fn packets_out_of_order_and_repeated_make_the_same_frames(
        first in any::<u16>(),
        sizes in sizes(),
        moves in prop::collection::vec((any::<prop::sample::Index>(), 1..20usize, any::<bool>()), 0..10),
    ) {
        let sent = pictures(first, &sizes);
        let mut moved = sent.clone();
        for (place, by, again) in moves {
            // The first packet stays the first: nothing would tell that others belong before it.
            let from = 1 + place.index(moved.len() - 1);
            let to = (from + by).min(moved.len() - 1);
            let packet = if again { moved[from].clone() } else { moved.remove(from) };
            moved.insert(to, packet);
        }
        prop_assert_eq!(
            told(&ended(PayloadFormat::H264, &moved)),
            told(&ended(PayloadFormat::H264, &sent))
        );
    }

    #[test]
    fn a_lost_packet_harms_its_own_frame_alone(
        first in any::<u16>(),
        sizes in sizes(),
        place in any::<prop::sample::Index>(),
    ) {
        let sent = pictures(first, &sizes);
        let lost = 1 + place.index(sent.len() - 1);
        let mut rest = sent.clone();
        let Sent { timestamp, payload, .. } = rest.remove(lost);
        let whole = ended(PayloadFormat::H264, &sent);
        let ended = ended(PayloadFormat::H264, &rest);
        for one in &ended {
            let before = whole.iter().find(|before| before.frame.rtp_timestamp == one.frame.rtp_timestamp).unwrap();
            let harmed = one.frame.rtp_timestamp == timestamp;
            // Parameter sets before a picture are not missed by it.
            let set = harmed && payload[0] == 0x67;
            prop_assert_eq!(one.complete, !harmed || set, "{:?}", one);
            if !harmed {
                prop_assert_eq!(one.frame.bytes, before.frame.bytes);
            }
        }
        let alone = sent.iter().filter(|packet| packet.timestamp == timestamp).count() == 1;
        prop_assert_eq!(ended.len(), whole.len() - usize::from(alone));
    }

    #[test]
    fn any_packets_end_as_frames(
        packets in prop::collection::vec((any::<u16>(), 0..4u32, any::<bool>(), prop::collection::vec(any::<u8>(), 0..6)), 0..200),
        step in 1..3000u16,
    ) {
        let sent: Vec<Sent> = packets.into_iter().map(|(number, timestamp, marker, payload)| {
            Sent { number: number % step, timestamp, marker, payload }
        }).collect();
        for one in ended(PayloadFormat::H264, &sent) {
            prop_assert!(one.frame.first_seq <= one.frame.last_seq && one.frame.missing() >= 0, "{one:?}");
        }
    }
}

#[test]
fn numbers_that_start_over_end_what_is_open() {
    let mut sent = pictures(100, &[2, 2]);
    let mut restarted = pictures(40_000, &[2, 2]);
    for packet in &mut restarted {
        packet.timestamp = packet.timestamp.wrapping_add(1_000_000);
    }
    sent.extend(restarted);
    let ended = ended(PayloadFormat::H264, &sent);
    assert_eq!(ended.iter().map(|one| one.complete).collect::<Vec<_>>(), [true; 4]);
}

#[test]
fn a_stray_packet_belongs_to_no_frame() {
    let mut sent = pictures(100, &[2, 2, 2]);
    let stray = Sent { number: 30_000, ..sent[3].clone() };
    sent.insert(4, stray);
    assert_eq!(told(&ended(PayloadFormat::H264, &sent)).len(), 3);
}

#[test]
fn without_markers_the_next_frame_tells_the_end() {
    let mut sent = pictures(1, &[3, 2, 2]);
    for packet in &mut sent {
        packet.marker = false;
    }
    let complete: Vec<bool> = ended(PayloadFormat::H264, &sent).iter().map(|one| one.complete).collect();
    assert_eq!(complete, [true, true, false]);
}

#[test]
fn a_beginning_in_the_middle_of_a_picture_is_no_complete_frame() {
    let sent = pictures(1, &[3, 2]).split_off(2);
    let complete: Vec<bool> = ended(PayloadFormat::H264, &sent).iter().map(|one| one.complete).collect();
    assert_eq!(complete, [false, true]);
}

#[test]
fn audio_packets_stand_alone() {
    let packet =
        |number: u16| Sent { number, timestamp: u32::from(number) * 160, marker: false, payload: vec![1; 160] };
    let ended = ended(PayloadFormat::Samples, &[packet(1), packet(2), packet(5)]);
    assert_eq!(told(&ended).iter().map(|told| (told.1, told.5)).collect::<Vec<_>>(), [(true, 160); 3]);
}

#[test]
fn statistics_of_a_steady_stream() {
    // Parameter sets of 3 bytes and a slice of 3, then four slices of 3: a packet of each is a picture.
    let frames = fed(PayloadFormat::H264, &pictures(1, &[1; 16]), |place| place * 30_000_000);
    let statistics = &frames.statistics;
    assert_eq!((statistics.frames, statistics.incomplete, statistics.key_frames), (16, 0, 4));
    assert_eq!(statistics.rate_fps(Some(90_000)), Some(30.0));
    assert_eq!(statistics.rate_fps(None), None);
    assert_eq!((statistics.groups(), statistics.key_size_ratio()), (Some((5.0, 5)), Some(2.0)));
    assert_eq!(statistics.freezes(), Some((0, 0.0)));
    // Its parameter sets came first.
    assert_eq!(statistics.first_key_at, Some(Timestamp::from_nanos(30_000_000)));
}

#[test]
fn a_pause_in_the_arrivals_is_a_freeze() {
    // A picture each 100 ms: 300 ms are the first that are three times as long.
    let sent: Vec<Sent> = pictures(1, &[1; 12]).into_iter().filter(|packet| packet.payload[0] != 0x67).collect();
    let paused = |pause: i64| {
        let at = move |place: i64| place * 100_000_000 + if place > 6 { pause * 1_000_000 } else { 0 };
        fed(PayloadFormat::H264, &sent, at).statistics.freezes()
    };
    assert_eq!(paused(199), Some((0, 0.0)));
    assert_eq!(paused(200), Some((1, 300.0)));
}

#[test]
fn markers_on_each_slice_are_not_believed() {
    let slice = |number: u16, timestamp, first: bool| {
        // A first macroblock of 0, or of 1.
        let head = if first { 0x9a } else { 0x4c };
        Sent { number, timestamp, marker: true, payload: vec![0x41, head, 7] }
    };
    let picture = |at: u16| [slice(4 * at, 3000 * u32::from(at), true), slice(4 * at + 1, 3000 * u32::from(at), false)];
    let sent = [
        &picture(0)[..],
        &[slice(2, 0, false), slice(3, 0, false)],
        &picture(1),
        &[slice(6, 3000, false)],
        &picture(2),
    ];
    let complete: Vec<bool> = ended(PayloadFormat::H264, &sent.concat()).iter().map(|one| one.complete).collect();
    // The last slice of the second picture is missing, and so may one be behind the last packet.
    assert_eq!(complete, [true, false, false]);
}

#[test]
fn pictures_that_are_not_taken_apart_need_their_edges() {
    let packet = |number: u16| {
        let picture = u32::from(number) / 3;
        Sent { number, timestamp: 3000 * picture, marker: number % 3 == 2, payload: vec![1, 2] }
    };
    // The last packet of the second picture and the first of the third are missing.
    let sent: Vec<Sent> = (0..15).filter(|number| ![5, 6].contains(number)).map(packet).collect();
    let complete: Vec<bool> = ended(PayloadFormat::Other, &sent).iter().map(|one| one.complete).collect();
    assert_eq!(complete, [false, false, false, true, true]);
}

#[test]
fn jumps_of_timestamps_are_no_media_time() {
    let mut sent = pictures(1, &[1; 20]);
    for packet in sent.iter_mut().skip(10) {
        packet.timestamp = packet.timestamp.wrapping_add(90_000_000);
    }
    let frames = fed(PayloadFormat::H264, &sent, |place| place);
    assert_eq!(frames.statistics.rate_fps(Some(90_000)), Some(30.0));
}

#[test]
fn a_fragment_without_its_start_is_told_where_no_packet_lacks() {
    let mut sent = pictures(1, &[3, 3, 3]);
    // The first fragment of the second picture has no start bit.
    sent[4].payload[1] &= 0x7f;
    let fault = |sent: &[Sent]| fed(PayloadFormat::H264, sent, |place| place).take_fault();
    let number = sent[4].number;
    assert_eq!(fault(&sent), Some(PayloadFault::Odd(PayloadOddity::FragmentWithoutStart { number })));
    sent.remove(4);
    assert_eq!(fault(&sent), None, "it lacks");
    assert_eq!(fault(&pictures(1, &[3, 3, 3])), None);
}

#[test]
fn a_fragment_without_its_end_is_told_where_no_packet_lacks() {
    let mut sent = pictures(1, &[3, 3, 3]);
    // The last fragment of the second picture has no end bit.
    sent[6].payload[1] &= 0xbf;
    let fault = |sent: &[Sent]| fed(PayloadFormat::H264, sent, |place| place).take_fault();
    let number = sent[6].number;
    assert_eq!(fault(&sent), Some(PayloadFault::Odd(PayloadOddity::FragmentWithoutEnd { number })));
    assert_eq!(fault(&sent[..7]), None, "more may come");
    sent.remove(6);
    assert_eq!(fault(&sent), None, "it lacks");
}

#[test]
fn access_units_that_are_not_as_long_as_their_header_says() {
    let fmtp = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3";
    let format = PayloadFormat::new(Some(MediaKind::Audio), "MPEG4-GENERIC", Some(fmtp));
    let unit = |bytes: u16, number: u16, marker| {
        let payload = [&[0, 16][..], &(40_u16 << 3).to_be_bytes(), &vec![7; usize::from(bytes)]].concat();
        Sent { number, timestamp: 1000 * u32::from(number / 2), marker, payload }
    };
    let halves =
        |second| (0..8).map(move |number| unit(if number % 2 == 0 { 20 } else { second }, number, number % 2 == 1));
    let right: Vec<Sent> = halves(20).collect();
    assert_eq!(fed(format, &right, |place| place).take_fault(), None);
    let short: Vec<Sent> = halves(19).collect();
    let oddity = PayloadOddity::AccessUnitLength { len: 40, came: 39 };
    assert_eq!(fed(format, &short, |place| place).take_fault(), Some(PayloadFault::Odd(oddity)));
    assert!(ended(format, &short).iter().all(|unit| !unit.complete));
}

#[test]
fn a_loss_damages_pictures_until_the_next_key_frame() {
    // Two packets each, a key frame each five; parameter sets in a packet of their own.
    let sent = pictures(1, &[2; 16]);
    let damaged = |lost: &[usize]| {
        let mut rest = sent.clone();
        lost.iter().rev().for_each(|place| drop(rest.remove(*place)));
        fed(PayloadFormat::H264, &rest, |place| place * 10_000_000).statistics.damage.pictures()
    };
    let of = |picture: u32| {
        let timestamp = picture.wrapping_mul(3000).wrapping_add(u32::MAX - 9000);
        sent.iter().position(|packet| packet.timestamp == timestamp).unwrap()
    };
    assert_eq!(damaged(&[]), 0);
    assert_eq!(damaged(&[of(7)]), 3, "7, 8 and 9");
    assert_eq!(damaged(&[of(7), of(7) + 1]), 2, "all of 7: 8 and 9");
    assert_eq!(damaged(&[of(5) + 1]), 5, "a key frame itself");
    assert_eq!(damaged(&[of(5)]), 0, "parameter sets alone");
    assert_eq!(damaged(&[of(13)]), 2, "10 is whole: 13 and 14");
}

#[test]
fn disposable_pictures_and_recovery_points_are_told() {
    let coding = |payload: &[u8]| Share::of(PayloadFormat::H264, payload).0.coding;
    assert!(coding(&[0x01, 0x9e]).is_disposable() && !coding(&[0x41, 0x9a]).is_disposable());
    assert!(coding(&[0x1c, 0x41, 7]).is_disposable(), "the last fragment tells as well");
    assert!(!coding(&[0x7c, 0x01, 7]).is_disposable());
    assert_eq!(coding(&[0x06, 6, 1, 0x14, 0x80]).entry(), Some(9));
    assert_eq!((coding(&[0x41, 0x9a]).entry(), coding(&[0x65, 0x88]).entry()), (None, Some(0)));
    assert_eq!(coding(&[0x61, 0x88]).entry(), Some(0), "slices of type I alone");
    let h265 = |payload: &[u8]| Share::of(PayloadFormat::H265 { numbered: false }, payload).0.coding;
    assert!(h265(&[0, 1, 0x80]).is_disposable() && !h265(&[2, 1, 0x80]).is_disposable());
    assert_eq!((h265(&[0x2a, 1, 0x80]).entry(), h265(&[2, 1, 0x80]).entry()), (Some(0), None));
    assert_eq!(h265(&[0x4e, 1, 6, 1, 0x14, 0x80]).entry(), Some(5), "9 as a signed number");
    let jpeg = Share::of(PayloadFormat::Jpeg, &[0, 0, 0, 0, 1, 90, 40, 30, 7]).0.coding;
    assert_eq!(jpeg.entry(), Some(0));
}

#[test]
fn key_frames_far_apart() {
    let distance = |sizes: &[usize], lost: Option<usize>| {
        let mut sent = pictures(1, sizes);
        if let Some(place) = lost {
            sent.remove(place);
        }
        fed(PayloadFormat::H264, &sent, |place| place).statistics.keys.longest_distance().0
    };
    assert_eq!(distance(&[1; 16], None), 5 * 3000);
    assert_eq!(distance(&[1; 4], None), 3 * 3000, "to the end");
    // Behind the second key frame, whose parameter sets came, it would be ten.
    assert_eq!(distance(&[1; 12], Some(7)), 4 * 3000);
}
