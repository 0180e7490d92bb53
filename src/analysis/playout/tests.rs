use proptest::prelude::*;

use super::*;

/// Of each frame: milliseconds of media time since the one before, how late it is there, and how many packets it has.
type Sent = Vec<(u32, u32, u8)>;

const RATE: u32 = 90_000;
const BUFFER_MS: f64 = 200.0;

fn arrivals() -> FrameArrivals {
    FrameArrivals::new(Duration::from_millis(200))
}

fn packet(ext_timestamp: i64, lateness_ms: f64) -> FramePacket {
    FramePacket {
        at: Timestamp::UNKNOWN,
        status: Status::InOrder { gap: 0 },
        ext_timestamp,
        clock_rate_hz: RATE,
        lateness_ms,
    }
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-6
}

/// The formulas as docs/metrics.md has them, over the media time and lateness of each frame of one part.
fn by_definition(frames: &[(f64, f64)], drift_ppm: f64, buffer_ms: f64) -> PlayoutFigures {
    let mut frames = frames.to_vec();
    frames.sort_by(|one, other| one.0.total_cmp(&other.0));
    let origin = frames[0].0;
    let lateness: Vec<f64> = frames.iter().map(|(media, late)| late - (media - origin) * drift_ppm / 1e6).collect();
    let base = lateness.iter().copied().fold(f64::INFINITY, f64::min);
    let mut needed: Vec<f64> = lateness.iter().map(|late| late - base).collect();
    let late_frames = needed.iter().filter(|needed| **needed > buffer_ms).count() as u64;
    let (mut shown, mut stalls, mut stalled_ms) = (base + buffer_ms, 0, 0.0);
    for late in lateness {
        if late > shown {
            (stalls, stalled_ms, shown) = (stalls + 1, stalled_ms + late - shown, late);
        }
    }
    needed.sort_by(f64::total_cmp);
    let rank = (needed.len() * 99).div_ceil(100);
    PlayoutFigures {
        needed_ms: needed[needed.len() - 1],
        needed_p99_ms: needed[rank - 1],
        late_frames,
        stalls,
        stalled_ms,
    }
}

/// Feeds the frames, packet by packet; gives them as the definition wants them: what counts is the last packet.
fn fed(sent: &Sent, arrivals: &mut FrameArrivals, budget: &mut Budget) -> Vec<(f64, f64)> {
    let (mut media_ms, mut frames) = (0u32, Vec::new());
    for (step, late, packets) in sent {
        media_ms += step;
        let late = f64::from(*late);
        for left in (0..*packets).rev() {
            arrivals.packet(packet(i64::from(media_ms) * 90, late - f64::from(left)), budget);
        }
        frames.push((f64::from(media_ms), late));
    }
    frames
}

fn sent(frames: std::ops::Range<usize>) -> impl Strategy<Value = Sent> {
    let late = prop_oneof![20 => 0..30u32, 3 => 0..300u32, 1 => 300..5000u32];
    prop::collection::vec((1..60u32, late, 1..5u8), frames)
}

#[track_caller]
fn assert_near(told: PlayoutFigures, right: PlayoutFigures) {
    let floats = |figures: PlayoutFigures| [figures.needed_ms, figures.needed_p99_ms, figures.stalled_ms];
    let close = floats(told).iter().zip(floats(right)).all(|(one, other)| near(*one, other));
    assert!(close && (told.late_frames, told.stalls) == (right.late_frames, right.stalls), "{told:?}, not {right:?}");
}

proptest! {
    #[test]
    fn figures_are_those_of_the_definition(
        sent in sent(1..400),
        drift in prop::option::of(-2000..2000i32),
        buffer in 0..500u32,
    ) {
        let (mut arrivals, mut budget) = (FrameArrivals::new(Duration::from_millis(buffer.into())), Budget::default());
        let mut frames = fed(&sent, &mut arrivals, &mut budget);
        // What comes 500 ms earlier than all before has another clock: that is not meant here.
        let base = frames.iter().map(|(_, late)| *late).fold(f64::INFINITY, f64::min);
        prop_assume!(frames[0].1 < base + EARLY_MS);
        let drift = drift.map(f64::from);
        let right = by_definition(&frames, drift.unwrap_or(0.0), buffer.into());
        assert_near(arrivals.figures(drift).unwrap(), right);
        // The order in which they are sent does not matter, as of B pictures.
        let mut moved = self::arrivals();
        moved.buffer = arrivals.buffer;
        frames.chunks_mut(8).for_each(<[_]>::reverse);
        for (media_ms, late) in frames {
            #[expect(clippy::cast_possible_truncation, reason = "a test's small number")]
            moved.packet(packet(media_ms as i64 * 90, late), &mut budget);
        }
        prop_assume!(!moved.jumped);
        assert_near(moved.figures(drift).unwrap(), right);
    }

    #[test]
    fn parts_add_up(one in sent(1..60), other in sent(1..60)) {
        let (mut all, mut budget) = (arrivals(), Budget::default());
        let mut parts = Vec::new();
        for sent in [&one, &other] {
            let frames = fed(sent, &mut all, &mut budget);
            all.begin_part(&mut budget);
            parts.push(by_definition(&frames, 0.0, BUFFER_MS));
        }
        prop_assume!(!all.jumped);
        assert_near(all.figures(None).unwrap(), parts[0].joined(parts[1]));
    }

    /// With little room figures are never worse than they are, but for the 99th percent, which is worse by a little.
    #[test]
    fn with_little_room_nothing_is_invented(sent in sent(200..900)) {
        let (mut arrivals, mut budget) = (arrivals(), Budget::default());
        while budget.take_frames(1 << 20, false) {}
        let frames = fed(&sent, &mut arrivals, &mut budget);
        prop_assume!(!arrivals.jumped);
        let (told, right) = (arrivals.figures(None).unwrap(), by_definition(&frames, 0.0, BUFFER_MS));
        prop_assert!(near(told.needed_ms, right.needed_ms) && near(told.stalled_ms, right.stalled_ms), "{:?} {:?}", told, right);
        prop_assert!(told.late_frames <= right.late_frames && told.stalls <= right.stalls);
        prop_assert_eq!(told.stalls > 0, right.stalls > 0);
        prop_assert!(told.needed_p99_ms >= right.needed_p99_ms - 1e-6, "{:?} {:?}", told, right);
    }

    #[test]
    fn no_timestamps_break_it(
        packets in prop::collection::vec((any::<i64>(), any::<f64>(), 1..100_000u32, 0..4u8), 0..300),
        drift in prop::option::of(any::<f64>()),
    ) {
        let (mut arrivals, mut budget) = (arrivals(), Budget::default());
        while budget.take_frames(1 << 20, false) {}
        for (ext_timestamp, lateness_ms, clock_rate_hz, status) in packets {
            let status = [Status::InOrder { gap: 0 }, Status::Reordered, Status::Jump, Status::Restart][usize::from(status)];
            arrivals.packet(FramePacket { at: Timestamp::UNKNOWN, status, ext_timestamp, clock_rate_hz, lateness_ms }, &mut budget);
        }
        let _ = arrivals.figures(drift);
    }
}

/// A picture each 40 ms, so late.
fn pictures(late: &[f64]) -> FrameArrivals {
    let (mut arrivals, mut budget) = (arrivals(), Budget::default());
    for (number, late) in (0..).zip(late) {
        arrivals.packet(packet(number * 3600, *late), &mut budget);
    }
    arrivals
}

fn told(late: &[f64]) -> (f64, u64, u64, f64) {
    let figures = pictures(late).figures(None).unwrap();
    (figures.needed_ms, figures.late_frames, figures.stalls, figures.stalled_ms)
}

#[test]
fn a_player_stands_still_once_for_frames_that_catch_up() {
    // The second is 500 ms late, those behind it come with it: 300 ms more than the buffer, once.
    assert_eq!(told(&[0.0, 500.0, 460.0, 420.0, 380.0, 0.0]), (500.0, 4, 1, 300.0));
    // It has stood still by then: what is as late again is in time, what is later is not.
    assert_eq!(told(&[0.0, 500.0, 0.0, 500.0, 0.0, 650.0]), (650.0, 3, 2, 450.0));
    assert_eq!(told(&[0.0, 60.0, 120.0, 200.0, 0.0]), (200.0, 0, 0, 0.0));
    // The example of docs/metrics.md.
    assert_eq!(told(&[0.0, 5.0, 400.0, 360.0, 320.0, 280.0, 240.0, 210.0]), (400.0, 6, 1, 200.0));
}

#[test]
fn the_earliest_frame_is_the_base() {
    // The first is late itself: it is seen only by those behind it.
    assert_eq!(told(&[0.0, -100.0, -250.0]), (250.0, 1, 1, 50.0));
    assert_eq!(told(&[7.0]), (0.0, 0, 0, 0.0));
    assert!(arrivals().figures(None).is_none());
}

#[test]
fn one_per_cent_may_be_late() {
    let mut late = vec![0.0; 99];
    late.push(900.0);
    assert!(near(pictures(&late).figures(None).unwrap().needed_p99_ms, 0.0));
    late.push(800.0);
    assert!(near(pictures(&late).figures(None).unwrap().needed_p99_ms, 800.0));
}

#[test]
fn a_jump_of_timestamps_begins_a_part() {
    let (mut arrivals, mut budget) = (arrivals(), Budget::default());
    // Ahead by an hour and back: lateness jumps as well.
    for (ticks, late) in
        [(0, 0.0), (3600, 50.0), (324_000_000, -3_599_900.0), (324_003_600, -3_599_880.0), (7200, 30.0)]
    {
        arrivals.packet(packet(ticks, late), &mut budget);
    }
    let figures = arrivals.figures(Some(9e9)).unwrap();
    assert!(near(figures.needed_ms, 50.0) && figures.late_frames == 0, "{figures:?}");
}

#[test]
fn a_stray_packet_is_no_frame() {
    let (mut arrivals, mut budget) = (arrivals(), Budget::default());
    for (ticks, late, status) in [
        (0, 0.0, Status::InOrder { gap: 0 }),
        (90_000, 400.0, Status::Jump),
        (3600, 20.0, Status::InOrder { gap: 0 }),
        // Confirmed: both are of another part.
        (900_000, 9000.0, Status::Jump),
        (903_600, 9040.0, Status::Restart),
    ] {
        arrivals.packet(FramePacket { status, ..packet(ticks, late) }, &mut budget);
    }
    let figures = arrivals.figures(None).unwrap();
    assert!(near(figures.needed_ms, 40.0), "{figures:?}");
}

#[test]
fn another_clock_rate_begins_a_part() {
    let (mut arrivals, mut budget) = (arrivals(), Budget::default());
    for (ticks, late, clock_rate_hz) in
        [(0, 0.0, 8000), (160, 10.0, 8000), (320, -700.0, 16_000), (640, -690.0, 16_000)]
    {
        arrivals.packet(FramePacket { clock_rate_hz, ..packet(ticks, late) }, &mut budget);
    }
    assert!(near(arrivals.figures(None).unwrap().needed_ms, 10.0));
}

/// 200,000 frames, with a drift of 100 parts per million, jitter of 10 ms and a silence of two seconds.
#[test]
fn a_long_stream_is_as_good_as_exact() {
    let (mut arrivals, mut budget) = (arrivals(), Budget::default());
    let mut frames = Vec::new();
    for number in 0..200_000 {
        let media_ms = float(number * 20);
        let jitter = float(number * 7919 % 101) / 10.0;
        let silence = if number >= 90_000 { (2000.0 - float(number - 90_000) * 19.0).max(0.0) } else { 0.0 };
        let late = media_ms * 1e-4 + jitter + silence;
        arrivals.packet(packet(number * 1800, late), &mut budget);
        frames.push((media_ms, late));
    }
    assert!(arrivals.runs.held() <= 32_768);
    let (told, right) = (arrivals.figures(Some(100.0)).unwrap(), by_definition(&frames, 100.0, BUFFER_MS));
    assert!((told.needed_ms - right.needed_ms).abs() < 0.1 && (told.stalled_ms - right.stalled_ms).abs() < 0.1);
    assert!((told.needed_p99_ms - right.needed_p99_ms).abs() < 16.0, "{told:?} {right:?}");
    assert_eq!((told.late_frames, told.stalls), (right.late_frames, right.stalls));
}

#[test]
fn each_part_drifts_by_itself_where_timestamps_jump() {
    let (mut arrivals, mut budget) = (arrivals(), Budget::default());
    for number in 0..10_000 {
        let (jump, back) = if number < 5000 { (0, 0.0) } else { (90_000_000, -1e6) };
        let late = float(number * 20) * 500e-6 + back;
        arrivals.packet(packet(number * 1800 + jump, late), &mut budget);
    }
    let figures = arrivals.figures(None).unwrap();
    assert!(figures.needed_ms < 1.0, "{figures:?}");
}

fn late_frames(late: &[f64]) -> u64 {
    let mut arrivals = pictures(late);
    arrivals.add_frame();
    arrivals.late_frames()
}

#[test]
fn a_burst_at_the_beginning_is_late_for_nobody() {
    // A second of media at once, then each picture in its time.
    let late: Vec<f64> = (0..100).map(|number| -40.0 * float(number).min(25.0)).collect();
    assert_eq!((late_frames(&late), told(&late).2), (0, 1), "the definition takes the earliest of all");
    assert_eq!(late_frames(&[0.0, 199.0, 0.0, 201.0, 230.0, 3.0]), 2);
}

#[test]
fn clocks_that_differ_make_nothing_late() {
    let drifting =
        |ppm: f64| late_frames(&(0..200_000).map(|number| float(number * 40) * ppm / 1e6).collect::<Vec<_>>());
    assert_eq!([drifting(150.0), drifting(-150.0)], [0, 0]);
    assert!(drifting(1000.0) > 0, "no crystal");
}
