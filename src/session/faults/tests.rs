//! Each fault on a stream of known frames: what leaves, when, and with which bytes.

use proptest::prelude::*;

use super::*;
use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::{Compound, RtcpPacket};
use crate::session::script::Frame;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1000 * MS;
const SEED: u64 = 7;

/// Two tracks: video at 90 kHz and PCMU.
fn tracks() -> Vec<TrackInfo> {
    let track = |kind: &str, clock_rates| TrackInfo { kind: kind.to_owned(), clock_rates };
    vec![track("video", vec![(96, 90_000)]), track("audio", vec![(0, 8000)])]
}

fn faults(specs: &[&str]) -> Faults {
    let faults: Vec<Fault> = specs.iter().map(|spec| spec.parse().unwrap()).collect();
    Faults::new(&faults, &tracks(), SEED, None).unwrap()
}

/// A frame with its bytes.
type Owned = (i64, Route, Vec<u8>);

/// Packet `number` of a track: two a picture for video, one a timestamp for audio, each 20 ms.
fn rtp(index: usize, number: u16) -> Owned {
    let (payload_type, ticks) = [(96, u32::from(number / 2) * 3600), (0, u32::from(number) * 160)][index];
    let ssrc = u32::try_from(index).unwrap() + 1;
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(number.to_be_bytes());
    bytes.extend(ticks.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0x55; 20]);
    (i64::from(number) * 20 * MS, Route::Track { index, rtcp: false }, bytes)
}

/// SR and BYE of a track, with the RTP timestamp that its packets have at that time.
fn report(index: usize, second: u32) -> Owned {
    let ssrc = u32::try_from(index).unwrap() + 1;
    let ticks = second * [90_000, 8000][index];
    let mut bytes = vec![0x80, 200, 0, 6];
    let words = [ssrc, 0xee00_0000 + second, 0, ticks, second * 50, second * 1000];
    for word in words {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend([0x81, 203, 0, 1]);
    bytes.extend(ssrc.to_be_bytes());
    (i64::from(second) * SECOND, Route::Track { index, rtcp: true }, bytes)
}

/// So many packets of each track, a report each second, a stray frame and junk.
fn script(packets: u16) -> Vec<Owned> {
    let mut frames: Vec<Owned> = (0..2).flat_map(|index| (0..packets).map(move |number| rtp(index, number))).collect();
    frames.extend((0..2).flat_map(|index| (0..u32::from(packets) / 50).map(move |second| report(index, second))));
    frames.push((-5 * MS, Route::Stray { channel: 9 }, vec![0x80; 12]));
    frames.push((SECOND, Route::Raw, b"junk".to_vec()));
    frames.sort_by_key(|(after, ..)| *after);
    frames
}

/// What left: when, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Left {
    Frame(Route, Vec<u8>),
    Raw(Vec<u8>),
    Cut(Route, Vec<u8>, usize),
}

fn left(step: Step<'_>) -> Left {
    match step {
        Step::Send { lane, payload } => Left::Frame(lane, payload.to_vec()),
        Step::Raw(bytes) => Left::Raw(bytes.to_vec()),
        Step::Cut { lane, payload, sent } => Left::Cut(lane, payload.to_vec(), sent),
    }
}

/// Sends frames on their way; the client comes by every `batch` frames.
fn send(faults: &Faults, frames: &[Owned], batch: usize) -> Vec<(i64, Left)> {
    let (mut line, mut all) = (faults.line(), Vec::new());
    let mut take = |line: &mut FaultLine, now: i64| {
        while let Some(due) = line.due().filter(|due| *due <= now) {
            all.push((due, left(line.pop().unwrap())));
        }
    };
    for frames in frames.chunks(batch) {
        for (after, lane, payload) in frames {
            line.push(&Frame { after: *after, lane: *lane, payload });
        }
        take(&mut line, frames.last().unwrap().0);
    }
    line.finish();
    take(&mut line, i64::MAX);
    assert!(line.pop().is_none());
    all
}

fn sent(specs: &[&str], frames: &[Owned]) -> Vec<(i64, Left)> {
    send(&faults(specs), frames, 1)
}

/// The frames alone, as they went in.
fn plain(frames: &[Owned]) -> Vec<(i64, Left)> {
    let step = |(after, lane, bytes): &Owned| match lane {
        Route::Raw => (*after, Left::Raw(bytes.clone())),
        _ => (*after, Left::Frame(*lane, bytes.clone())),
    };
    frames.iter().map(step).collect()
}

/// Time and sequence number of the RTP packets of a track.
fn numbers(steps: &[(i64, Left)], index: usize) -> Vec<(i64, u16)> {
    let packets = steps.iter().filter_map(|(due, left)| match left {
        Left::Frame(lane, bytes) if *lane == (Route::Track { index, rtcp: false }) => Some((*due, bytes)),
        _ => None,
    });
    packets.map(|(due, bytes)| (due, RtpPacket::parse(bytes).unwrap().sequence())).collect()
}

/// What is no RTP of a track.
fn others(steps: &[(i64, Left)]) -> Vec<(i64, Left)> {
    let is_other = |left: &Left| !matches!(left, Left::Frame(Route::Track { rtcp: false, .. }, _));
    steps.iter().filter(|(_, left)| is_other(left)).cloned().collect()
}

fn sequence_of(steps: &[(i64, Left)], index: usize) -> Vec<u16> {
    numbers(steps, index).into_iter().map(|(_, number)| number).collect()
}

#[test]
fn without_faults_everything_passes_as_it_is() {
    let frames = script(500);
    assert_eq!(sent(&[], &frames), plain(&frames));
    assert!(!faults(&["status=461:SETUP", "wrong-channel", "split-writes"]).touch_media());
    assert!(faults(&["cut@1s"]).touch_media() && faults(&["video:drop=1%"]).touch_media());
}

#[test]
fn the_seed_decides_and_stays_what_it_is() {
    // These numbers are a promise: a seed written down somewhere must go on to mean the same.
    let frames = script(1000);
    let missing = |specs: &[&str]| {
        let there = sequence_of(&sent(specs, &frames), 0);
        (0..1000).filter(|number| !there.contains(number)).collect::<Vec<u16>>()
    };
    let lost = missing(&["drop=1%"]);
    assert_eq!(lost, [230, 278, 281, 304, 373, 468, 527, 616, 664, 750, 825, 835, 842, 952]);
    assert_eq!(missing(&["video:drop=1%"]), lost);
    assert_eq!(missing(&["drop=1%", "dup=5%", "reorder=10%/3", "delay=1s±1s"]), lost, "others change nothing");
}

#[test]
fn drop_leaves_out_rtp_alone() {
    let frames = script(1000);
    let steps = sent(&["audio:drop=10%"], &frames);
    assert_eq!(sequence_of(&steps, 0).len(), 1000);
    let there = sequence_of(&steps, 1);
    assert!((850..950).contains(&there.len()) && there.is_sorted(), "{}", there.len());
    assert_eq!(others(&steps), others(&plain(&frames)));
    assert!(sequence_of(&sent(&["drop=100%"], &frames), 0).is_empty());
}

#[test]
fn dup_sends_twice_in_a_row() {
    let frames = script(1000);
    let steps = sent(&["dup=10%"], &frames);
    let mut there = numbers(&steps, 0);
    assert!((1050..1150).contains(&there.len()), "{}", there.len());
    assert!(there.is_sorted());
    there.dedup();
    assert_eq!(there, numbers(&plain(&frames), 0));
    assert_eq!(others(&steps), others(&plain(&frames)));
}

#[test]
fn reorder_moves_behind_so_many_of_the_track() {
    let frames = script(1000);
    let there = sequence_of(&sent(&["reorder=1%/3"], &frames), 0);
    let mut sorted = there.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..1000).collect::<Vec<u16>>(), "nothing is lost");
    let moved: Vec<usize> = (1..1000).filter(|&place| there[place] < there[place - 1]).collect();
    assert!(moved.len() > 4, "{moved:?}");
    let alone = |place: usize| moved.iter().all(|other| *other == place || other.abs_diff(place) > 7);
    for &place in moved.iter().filter(|place| alone(**place)) {
        let number = there[place];
        assert_eq!(there[place - 3..place], [number + 1, number + 2, number + 3]);
    }
    assert_eq!(sequence_of(&sent(&["reorder=100%/3"], &frames), 0), (0..1000).collect::<Vec<u16>>(), "all alike");
}

#[test]
fn what_is_moved_behind_the_end_leaves_at_the_end() {
    let frames: Vec<Owned> = (0..3).map(|number| rtp(0, number)).collect();
    let there = numbers(&sent(&["reorder=100%/9"], &frames), 0);
    assert_eq!(there, [(40 * MS, 0), (40 * MS, 1), (40 * MS, 2)]);
}

#[test]
fn delay_is_constant_or_uniform_and_keeps_the_order() {
    let frames = script(1000);
    let steps = sent(&["video:delay=50ms", "audio:delay=50ms±20ms"], &frames);
    assert!(numbers(&steps, 0).iter().all(|(due, number)| *due == i64::from(*number) * 20 * MS + 50 * MS));
    let there = numbers(&steps, 1);
    assert_eq!(there.iter().map(|(_, number)| *number).collect::<Vec<_>>(), (0..1000).collect::<Vec<u16>>());
    let delays: Vec<i64> = there.iter().map(|(due, number)| due - i64::from(*number) * 20 * MS).collect();
    assert!(delays.iter().all(|delay| (30 * MS..=70 * MS).contains(delay)), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay < 33 * MS) && delays.iter().any(|delay| *delay > 67 * MS));
    assert_eq!(others(&steps), others(&plain(&frames)), "reports are on time");
    assert!(steps.is_sorted_by_key(|(due, _)| *due));
}

#[test]
fn corrupt_changes_one_byte_of_the_payload() {
    let frames = script(1000);
    let steps = sent(&["video:corrupt=10%"], &frames);
    let mut changed = 0;
    for ((_, before), (_, after)) in plain(&frames).iter().zip(&steps) {
        let (Left::Frame(lane, before), Left::Frame(_, after)) = (before, after) else { continue };
        assert_eq!((before.len(), &before[..12]), (after.len(), &after[..12]));
        let differing = before.iter().zip(after).filter(|(a, b)| a != b).count();
        assert!(differing <= 1 && (differing == 0 || *lane == Route::Track { index: 0, rtcp: false }));
        changed += differing;
    }
    assert!((50..150).contains(&changed), "{changed}");
}

#[test]
fn stall_holds_everything_for_a_time() {
    let frames = script(1000);
    let expected = |is_held: fn(&Left) -> bool| {
        let moved = |(due, left): (i64, Left)| {
            let held = is_held(&left) && (5 * SECOND..8 * SECOND).contains(&due);
            (if held { 8 * SECOND } else { due }, left)
        };
        let mut steps: Vec<_> = plain(&frames).into_iter().map(moved).collect();
        steps.sort_by_key(|(due, _)| *due);
        steps
    };
    assert_eq!(sent(&["stall=3s@5s"], &frames), expected(|_| true));
    let of_audio = |left: &Left| matches!(left, Left::Frame(Route::Track { index: 1, .. }, _));
    assert_eq!(sent(&["audio:stall=3s@5s"], &frames), expected(of_audio));
    assert_eq!(sent(&["stall=1s@5s", "stall=2s@6s"], &frames), expected(|_| true), "one behind the other");
}

#[test]
fn cut_ends_in_the_middle_of_a_frame() {
    let frames = script(1000);
    let mut expected: Vec<_> = plain(&frames).into_iter().take_while(|(due, _)| *due < 2 * SECOND).collect();
    let Some((due, Left::Frame(lane, bytes))) = plain(&frames).into_iter().nth(expected.len()) else { panic!() };
    let sent_bytes = 4_usize.midpoint(bytes.len());
    assert!(sent_bytes > 4 && sent_bytes < bytes.len());
    expected.push((due, Left::Cut(lane, bytes, sent_bytes)));
    assert_eq!(sent(&["cut@2s"], &frames), expected);
    let delayed = sent(&["cut@2s", "delay=1s"], &frames);
    assert!(matches!(delayed.last(), Some((at, Left::Cut(..))) if (2 * SECOND..2 * SECOND + 20 * MS).contains(at)));
}

#[test]
fn garbage_is_nothing_that_could_be_meant() {
    let frames = script(1000);
    let steps = sent(&["garbage=20%"], &frames);
    let is_garbage = |left: &Left| matches!(left, Left::Raw(bytes) if bytes != b"junk");
    let places: Vec<usize> = (0..steps.len()).filter(|&place| is_garbage(&steps[place].1)).collect();
    assert!(places.len() > 100, "{}", places.len());
    for place in &places {
        let Left::Raw(bytes) = &steps[*place].1 else { panic!() };
        assert!((16..=64).contains(&bytes.len()) && bytes.iter().all(|byte| *byte >= 0x80));
        assert!(matches!(steps[*place + 1].1, Left::Frame(Route::Track { rtcp: false, .. }, _)));
        assert!(!places.contains(&(place + 2)), "a frame between garbage and garbage");
    }
    let mut without = steps.clone();
    without.retain(|(_, left)| !is_garbage(left));
    assert_eq!(without, plain(&frames));
}

/// What a track's packets and reports carry: time, SSRC and RTP timestamp of each.
fn stamps(steps: &[(i64, Left)], index: usize) -> Vec<(i64, u32, u32)> {
    let of = |(due, left): &(i64, Left)| {
        let Left::Frame(Route::Track { index: track, rtcp }, bytes) = left else { return None };
        if *track != index {
            return None;
        }
        if !rtcp {
            let packet = RtpPacket::parse(bytes).unwrap();
            return Some((*due, packet.ssrc(), packet.timestamp()));
        }
        let Ok(RtcpPacket::SenderReport(report)) = Compound::new(bytes).next()? else { return None };
        Some((*due, report.ssrc(), report.rtp_timestamp()))
    };
    steps.iter().filter_map(of).collect()
}

#[test]
fn ssrc_change_renames_packets_and_reports() {
    let frames = script(500);
    let steps = sent(&["video:ssrc-change@2s", "video:ssrc-change@4s"], &frames);
    assert_eq!(stamps(&steps, 1), stamps(&plain(&frames), 1));
    let mut names: Vec<u32> = Vec::new();
    for (due, ssrc, _) in stamps(&steps, 0) {
        let period = usize::try_from(due / (2 * SECOND)).unwrap().min(2);
        if names.len() == period {
            names.push(ssrc);
        }
        // A report that comes right before the first packet has the old name.
        assert!(ssrc == names[period] || due % (2 * SECOND) == 0, "{due}");
    }
    assert_eq!((names.len(), names[0]), (3, 1));
    assert!(names[1] != names[2] && names[1] != 1 && names[2] != 1);
    let mut goodbyes = steps.iter().filter_map(|(_, left)| match left {
        Left::Frame(Route::Track { index: 0, rtcp: true }, bytes) => Compound::new(bytes).flatten().nth(1),
        _ => None,
    });
    let last = goodbyes.next_back().unwrap();
    assert!(matches!(last, RtcpPacket::Goodbye(bye) if bye.ssrcs().collect::<Vec<_>>() == [names[2]]));
}

#[test]
fn ts_jump_moves_whole_pictures_and_reports() {
    let frames = script(500);
    // 101 is the second packet of a picture.
    let steps = sent(&["video:ts-jump=-5s@2020ms", "audio:ts-jump@2s"], &frames);
    let jump = |index: usize, at: i64, ticks: u32| {
        let expected = stamps(&plain(&frames), index).into_iter().map(|(due, ssrc, timestamp)| {
            (due, ssrc, if due >= at { timestamp.wrapping_add(ticks) } else { timestamp })
        });
        assert_eq!(stamps(&steps, index), expected.collect::<Vec<_>>());
    };
    jump(0, 2040 * MS, 450_000_u32.wrapping_neg());
    jump(1, 2 * SECOND, 80_000);
}

#[test]
fn drift_slows_the_timestamps_down() {
    let frames = script(5000);
    let steps = sent(&["audio:drift=1000ppm"], &frames);
    assert_eq!(stamps(&steps, 0), stamps(&plain(&frames), 0));
    for ((due, _, slow), (_, _, timestamp)) in stamps(&steps, 1).into_iter().zip(stamps(&plain(&frames), 1)) {
        let expected = timestamp - (timestamp + 500) / 1000;
        assert_eq!(slow, expected, "{due}");
    }
}

#[test]
fn no_sr_makes_empty_receiver_reports() {
    let frames = script(500);
    let steps = sent(&["video:no-sr"], &frames);
    for ((_, before), (_, after)) in plain(&frames).iter().zip(&steps) {
        match (before, after) {
            (Left::Frame(Route::Track { index: 0, rtcp: true }, before), Left::Frame(_, after)) => {
                assert_eq!(after[..], [&[0x80, 201, 0, 1, 0, 0, 0, 1], &before[28..]].concat());
            }
            _ => assert_eq!(before, after),
        }
    }
}

#[test]
fn rtcp_on_the_channel_of_rtp_is_rtcp() {
    let (after, _, bytes) = report(0, 1);
    let frame = (after, Route::Track { index: 0, rtcp: false }, bytes);
    let steps = sent(&["drop=100%", "delay=1s", "no-sr"], &[frame]);
    let [(due, Left::Frame(_, bytes))] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((*due, bytes.len()), (SECOND, 16));
}

#[test]
fn a_track_alone_replaces_what_all_have() {
    let frames = script(1000);
    let steps = sent(&["drop=100%", "video:drop=0%", "1:dup=100%", "audio:dup=0%"], &frames);
    assert_eq!((sequence_of(&steps, 0).len(), sequence_of(&steps, 1).len()), (1000, 0));
    let steps = sent(&["1:dup=100%", "audio:dup=0%"], &frames);
    assert_eq!((sequence_of(&steps, 0).len(), sequence_of(&steps, 1).len()), (1000, 2000));
}

#[test]
fn what_does_not_go_together_is_said() {
    let error = |specs: &[&str]| {
        let faults: Vec<Fault> = specs.iter().map(|spec| spec.parse().unwrap()).collect();
        Faults::new(&faults, &tracks(), 1, None).unwrap_err().to_string()
    };
    for (specs, hint) in [
        (&["drop=1%", "drop=2%"][..], "drop is given twice"),
        (&["cut@1s", "cut@2s"], "cut is given twice"),
        (&["status=461:SETUP", "status=404:SETUP"], "status is given twice"),
        (&["application:no-sr"], "the description has video (0), audio (1)"),
        (&["2:no-sr"], "the description has video (0), audio (1)"),
        (&["digest"], "try digest=USER:PASSWORD"),
        (&["basic=u:p", "stale-nonce"], "needs digest"),
    ] {
        assert!(error(specs).contains(hint), "{specs:?}: {}", error(specs));
    }
    faults(&["no-sr", "no-sr", "status=461:SETUP", "status=404:PLAY", "stall=1s@1s", "stall=1s@5s"]);
    let user = Credentials { user: "u".to_owned(), password: "p".to_owned() };
    let digest = ["digest".parse().unwrap(), "stale-nonce".parse().unwrap()];
    assert!(Faults::new(&digest, &[], 1, Some(&user)).is_ok());
}

#[test]
fn faults_of_the_dialogue() {
    let faults = faults(&["status=461:SETUP", "video:no-interleaved", "audio:wrong-channel"]);
    assert_eq!((faults.refusal("SETUP"), faults.refusal("PLAY")), (Some(461), None));
    assert_eq!((reason(461), reason(499)), ("Unsupported transport", "Client Error"));
    assert_eq!((faults.hides_channels(0), faults.hides_channels(1), faults.hides_channels(2)), (true, false, false));
    let channel = |lane, agreed| faults.channel(lane, agreed);
    assert_eq!(channel(Route::Track { index: 0, rtcp: true }, 1), 1);
    assert_eq!(channel(Route::Track { index: 1, rtcp: false }, 2), 130);
    assert_eq!(channel(Route::Track { index: 1, rtcp: true }, 131), 3);
    assert_eq!(channel(Route::Stray { channel: 9 }, 9), 9);
    assert!(faults.split_writes().is_none());
}

#[test]
fn writes_are_split_but_whole() {
    let mut split = faults(&["split-writes"]).split_writes().unwrap();
    for len in (0..3000).chain([65_539]) {
        let sizes = split.sizes(len);
        assert_eq!(sizes.iter().sum::<usize>(), len);
        assert!(sizes.iter().all(|size| *size > 0) && sizes.len() <= 5 && (len < 2 || sizes.len() >= 2), "{sizes:?}");
        assert!(sizes.first().is_none_or(|first| *first <= 3));
    }
}

/// Faults that go together, in any number.
fn some_faults() -> impl Strategy<Value = Vec<&'static str>> {
    let all = vec![
        "drop=5%",
        "video:dup=10%",
        "reorder=20%/4",
        "audio:delay=300ms±200ms",
        "corrupt=30%",
        "stall=1s@1s",
        "audio:stall=2s@500ms",
        "cut@3s",
        "garbage=30%",
        "ssrc-change@1s",
        "video:ts-jump=1m@2s",
        "drift=-500ppm",
        "no-sr",
    ];
    let len = all.len();
    prop::sample::subsequence(all, 0..=len)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_to_every_client(specs in some_faults(), batch in 1..400_usize) {
        let (frames, faults) = (script(200), faults(&specs));
        let steps = send(&faults, &frames, 1);
        prop_assert!(steps.is_sorted_by_key(|(due, _)| *due));
        prop_assert_eq!(send(&faults, &frames, batch), steps);
    }

    #[test]
    fn a_track_fares_the_same_without_the_other(specs in some_faults()) {
        // The cut and garbage concern the connection that both share.
        let specs: Vec<&str> = specs.into_iter().filter(|spec| !matches!(*spec, "cut@3s" | "garbage=30%")).collect();
        let (frames, faults) = (script(200), faults(&specs));
        let audio = |lane: Route| matches!(lane, Route::Track { index: 1, .. });
        let alone: Vec<Owned> = frames.iter().filter(|(_, lane, _)| audio(*lane)).cloned().collect();
        let mut together = send(&faults, &frames, 1);
        together.retain(|(_, left)| matches!(left, Left::Frame(lane, _) if audio(*lane)));
        prop_assert_eq!(send(&faults, &alone, 1), together);
    }

    #[test]
    fn hostile_frames_pass(
        specs in some_faults(),
        frames in prop::collection::vec((any::<i64>(), 0..5_usize, prop::collection::vec(any::<u8>(), 0..40), 0..3_usize), 0..40),
    ) {
        let lane = |place: usize| match place {
            0..3 => Route::Track { index: place, rtcp: false },
            3 => Route::Track { index: 0, rtcp: true },
            _ => Route::Stray { channel: 3 },
        };
        let mut line = faults(&specs).line();
        for (after, place, mut payload, kind) in frames {
            if let [first, second, ..] = &mut payload[..] {
                (*first, *second) = ([0x80, 0xb1, 0x00][kind], [96, 200, 202][kind]);
            }
            line.push(&Frame { after, lane: lane(place), payload: &payload });
            let _ = line.pop();
        }
        line.finish();
        while line.pop().is_some() {}
        prop_assert_eq!(line.due(), None);
    }
}
