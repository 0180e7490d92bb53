mod delivery;
mod logins;
mod no_media;
mod pictures;
mod session;
mod stalls;
mod stops;

use std::time::Duration;

use proptest::prelude::*;

use crate::time::Timestamp;
use crate::trace::{Direction, Note, Payload, Tap, TraceEvent, UdpPath};

use session::{MS, Passing, START, Session, both, held, steady, verdicts, without};

#[test]
fn a_clean_session_has_none() {
    for udp in [false, true] {
        assert_eq!(verdicts(udp, &both()), Vec::<String>::new());
    }
}

#[test]
fn what_the_server_counted_was_lost_on_the_way() {
    assert_eq!(verdicts(true, &without(both(), 1, 100..107)), ["1 gap lost-on-the-way 7"]);
    assert_eq!(verdicts(false, &without(both(), 1, 100..107)), ["1 gap lost-before-sending 7"]);
}

#[test]
fn what_the_server_did_not_count_was_lost_before() {
    let mut lost = without(both(), 1, 100..107);
    for (at, passing) in &mut lost {
        if let Passing::Report(1, sent) = passing
            && *at > 2140
        {
            *sent -= 7;
        }
    }
    assert_eq!(verdicts(true, &lost), ["1 gap lost-before-sending 7"]);
}

#[test]
fn steady_loss_is_judged_by_the_reports_between() {
    let lost = (0..500).step_by(50).skip(1).fold(both(), |all, number| without(all, 1, number..number + 2));
    assert_eq!(verdicts(true, &lost), ["1 gap lost-on-the-way 18"]);
}

#[test]
fn without_reports_nobody_knows() {
    let mut lost = without(both(), 1, 100..107);
    lost.retain(|(_, passing)| !matches!(passing, Passing::Report(..)));
    assert_eq!(verdicts(true, &lost), ["1 gap lost-somewhere 7"]);
    lost.push((2125, Passing::Note(Note::KernelDrops { datagrams: 7 })));
    assert_eq!(verdicts(true, &lost), ["1 gap lost-in-the-recorder 7"]);
}

#[test]
fn what_the_capture_lacks() {
    let mut lost = without(both(), 1, 100..107);
    // A snapshot length cuts each packet of the rest.
    lost.extend((0..128).map(|number| (2125 + 5 * number, Passing::Gap)));
    let told = verdicts(false, &lost);
    assert!(told.contains(&"1 gap missing-in-the-capture 7".to_owned()), "{told:?}");
}

#[test]
fn what_comes_late_is_not_lost() {
    let mut moved = both();
    for (at, passing) in &mut moved {
        if matches!(passing, Passing::Packet(1, 100, _)) {
            *at += 50;
        }
    }
    assert_eq!(verdicts(true, &moved), ["1 reordering reordered-on-the-way 1"]);
}

#[test]
fn a_silence_of_all_tracks_is_the_networks() {
    let told = verdicts(false, &held(both(), 3000..3600, None));
    assert_eq!(told, ["0 freeze late-on-the-network 1", "1 late late-on-the-network 1"]);
}

#[test]
fn a_silence_of_one_track_is_the_sources() {
    assert_eq!(verdicts(false, &held(both(), 3000..3600, Some(0))), ["0 freeze late-at-the-source 1"]);
    assert_eq!(verdicts(false, &held(both(), 3000..3600, Some(1))), ["1 late late-at-the-source 1"]);
}

#[test]
fn a_silence_that_is_never_made_up_for_is_the_sources() {
    let late = |(at, passing)| (if at > 3000 { at + 600 } else { at }, passing);
    let told = verdicts(false, &steady(1).into_iter().map(late).collect::<Vec<_>>());
    assert_eq!(told, ["1 late late-at-the-source 1"]);
}

#[test]
fn a_recorder_that_read_late_says_so() {
    let mut late = held(both(), 3000..3600, None);
    late.push((3600, Passing::Note(Note::Late { lag: Duration::from_millis(580), unread: 0, span: None })));
    // The note stands before what it speaks of.
    late.sort_by_key(|(at, passing)| (*at, !matches!(passing, Passing::Note(_))));
    assert_eq!(verdicts(false, &late), ["0 freeze recorder-late 1", "1 late recorder-late 1"]);
}

#[test]
fn late_reads_are_taken_together() {
    // Each of them is too short to be the reason, and some tell of the same time.
    let verdict_of = |spans: &[(i64, i64)]| {
        let mut late = held(both(), 3000..3600, None);
        for (from, to) in spans {
            let span = [*from, *to].map(|ms| Timestamp::from_nanos(START + ms * MS));
            let lag = span[1].duration_since(span[0]);
            late.push((*to, Passing::Note(Note::Late { lag, unread: 0, span: Some(span.into()) })));
        }
        late.sort_by_key(|(at, passing)| (*at, !matches!(passing, Passing::Note(_))));
        verdicts(false, &late)[1].clone()
    };
    let three = [(3010, 3150), (3210, 3350), (3410, 3550)];
    assert_eq!(verdict_of(&three), "1 late recorder-late 1");
    assert_eq!(verdict_of(&three[..1]), "1 late late-on-the-network 1");
    assert_eq!(verdict_of(&[three[0], (3010, 3150), (3020, 3150)]), "1 late late-on-the-network 1", "one time thrice");
}

#[test]
fn a_segment_that_was_lost_holds_up_what_came_behind_it() {
    let mut late = held(both(), 3000..3600, None);
    let waited = Duration::from_millis(500);
    late.push((3600, Passing::Note(Note::OutOfOrder { waited, segments: 9, retransmitted: 0 })));
    late.sort_by_key(|(at, passing)| (*at, !matches!(passing, Passing::Note(_))));
    assert_eq!(verdicts(false, &late), ["0 freeze late-on-the-network 1", "1 late late-on-the-network 1"]);
}

#[test]
fn timestamps_that_jump_with_the_clock_are_a_pause_of_the_source() {
    let mut paused = steady(0);
    paused.retain(|(at, passing)| matches!(passing, Passing::Report(..)) || !(3000..3600).contains(at));
    let mut number = 0;
    for (_, passing) in &mut paused {
        if let Passing::Packet(_, of, _) = passing {
            (*of, number) = (number, number + 1);
        }
    }
    paused.retain(|(_, passing)| !matches!(passing, Passing::Report(..)));
    assert_eq!(verdicts(false, &paused), ["0 freeze late-at-the-source 1"]);
}

#[test]
fn a_loss_may_freeze_the_picture() {
    let lost = without(both(), 0, 100..115);
    assert_eq!(verdicts(true, &lost), ["0 gap lost-on-the-way 15", "0 freeze lost-on-the-way 1"]);
}

#[test]
fn timestamps_that_jump_alone() {
    for jump in [-5000, 5000] {
        let jumped = |(at, passing)| match passing {
            Passing::Packet(track, number, media) if at > 6000 => (at, Passing::Packet(track, number, media + jump)),
            other => (at, other),
        };
        let told = verdicts(false, &both().into_iter().map(jumped).collect::<Vec<_>>());
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|line| line.ends_with("timestamps source-clock-jumped 1")), "{told:?}");
    }
}

#[test]
fn a_loss_behind_the_clients_end_harms_nobody() {
    let ended = |request: &'static str, status: u16| {
        let mut lost = without(both(), 1, 300..307);
        lost.push((5_500, Passing::Ask(request, status)));
        verdicts(true, &lost)
    };
    let lost = ["1 gap lost-on-the-way 7"];
    assert_eq!(ended("TEARDOWN rtsp://h/x/ RTSP/1.0", 200), Vec::<String>::new());
    assert_eq!(ended("TEARDOWN rtsp://h/x/1 RTSP/1.0", 200), Vec::<String>::new());
    assert_eq!(ended("TEARDOWN rtsp://h/x/0 RTSP/1.0", 200), lost, "the other track");
    assert_eq!(ended("PAUSE rtsp://h/x/ RTSP/1.0", 200), lost);
    let refused = ended("TEARDOWN rtsp://h/x/ RTSP/1.0", 401);
    assert!(refused.contains(&lost[0].to_owned()), "{refused:?}");
}

#[test]
fn packets_that_are_counted_and_never_come() {
    let told = verdicts(true, &without(both(), 1, 0..500));
    assert_eq!(told, ["1 no-media lost-on-the-way 400"]);
}

/// What comes after a time comes so much later.
fn later(all: Vec<(i64, Passing)>, after: i64, by: i64) -> Vec<(i64, Passing)> {
    all.into_iter().map(|(at, passing)| (if at > after { at + by } else { at }, passing)).collect()
}

#[test]
fn a_pause_of_the_client_is_nobodys_fault() {
    for clock_goes_on in [false, true] {
        let mut paused = later(both(), 5000, 4000);
        for (at, passing) in &mut paused {
            if let Passing::Packet(_, _, media) = passing
                && clock_goes_on
                && *at > 5000
            {
                *media += 4000;
            }
        }
        paused.push((5001, Passing::Ask("PAUSE rtsp://h/x RTSP/1.0", 200)));
        paused.push((9001, Passing::Ask("PLAY rtsp://h/x RTSP/1.0", 200)));
        assert_eq!(verdicts(false, &paused), Vec::<String>::new(), "{clock_goes_on}");
    }
    let mut stopped = both();
    stopped.retain(|(at, _)| *at < 3000);
    stopped.extend([
        (3000, Passing::Ask("PAUSE rtsp://h/x RTSP/1.0", 200)),
        (60_000, Passing::Ask("OPTIONS * RTSP/1.0", 200)),
    ]);
    assert_eq!(verdicts(false, &stopped), Vec::<String>::new());
}

/// RFC 4733: packets of events come instead of sound, which need not go on with the marker.
#[test]
fn a_key_that_is_pressed_is_no_pause() {
    let sound = |number: i64, at: i64| (at, Passing::Packet(1, u16::try_from(number).unwrap(), at));
    let before = (0..100).map(|number| sound(number, number * 20));
    let after = |numbers: i64| (0..100).map(move |number| sound(100 + numbers + number, 2600 + number * 20));
    let keys = [(2000, Passing::Key(100, 2000)), (2200, Passing::Key(101, 2000))];
    let all: Vec<_> = before.clone().chain(keys).chain(after(2)).collect();
    assert_eq!(verdicts(false, &all), Vec::<String>::new());
    let silent: Vec<_> = before.chain(after(0)).collect();
    assert_eq!(verdicts(false, &silent), ["1 pause late-at-the-source 1"]);
}

#[test]
fn media_faster_than_time_is_not_judged() {
    let fast = |(at, passing)| match passing {
        Passing::Packet(track, number, media) => (at, Passing::Packet(track, number, 10 * media)),
        other => (at, other),
    };
    let mut fast: Vec<_> = both().into_iter().map(fast).collect();
    fast.push((-1, Passing::Ask("PLAY rtsp://h/x RTSP/1.0\r\nRate-Control: no", 200)));
    assert_eq!(verdicts(false, &fast), Vec::<String>::new());
}

#[test]
fn another_frame_rate_is_no_pause() {
    let mut slower = steady(0);
    slower.retain(|(at, passing)| matches!(passing, Passing::Packet(..)) && (*at < 3000 || at % 200 == 0));
    for (place, (_, passing)) in slower.iter_mut().enumerate() {
        if let Passing::Packet(_, number, _) = passing {
            *number = u16::try_from(place).unwrap();
        }
    }
    let told = verdicts(false, &slower);
    assert!(told.iter().all(|line| !line.contains("pause") && !line.contains("late-at")), "{told:?}");
}

#[test]
fn stalls_that_are_never_made_up_for() {
    let stalled = [2000, 4000, 6000, 8000].into_iter().fold(steady(1), |all, after| {
        let stalls = after / 2000 - 1;
        later(all, after + 300 * stalls, 300)
    });
    assert_eq!(verdicts(false, &stalled), ["1 late late-at-the-source 4"]);
}

#[test]
fn a_server_that_counts_ahead_leaves_it_open_who_lost_one() {
    let mut lost = without(both(), 1, 100..101);
    for (at, passing) in &mut lost {
        if let Passing::Report(1, sent) = passing {
            *sent += u32::from(*at < 2000 || *at / 1000 % 2 == 0);
        }
    }
    assert_eq!(verdicts(true, &lost), ["1 gap lost-somewhere 1"]);
}

#[test]
fn a_gap_of_the_control_connection_explains_no_loss_over_udp() {
    let mut lost = without(both(), 1, 100..107);
    lost.push((2125, Passing::Gap));
    let told = verdicts(true, &lost);
    assert!(told.contains(&"1 gap lost-on-the-way 7".to_owned()), "{told:?}");
}

#[test]
fn losses_far_apart_are_judged_apart() {
    let mut lost = without(long(20_000), 1, 100..103);
    lost = without(lost, 1, 900..901);
    lost.push((18_000, Passing::Note(Note::KernelDrops { datagrams: 1 })));
    assert_eq!(verdicts(true, &lost), ["1 gap lost-somewhere 3", "1 gap lost-in-the-recorder 1"]);
}

/// Sound without reports for so many milliseconds.
fn long(until: i64) -> Vec<(i64, Passing)> {
    (0..until / 20)
        .map(|number| (20 * number, Passing::Packet(1, u16::try_from(number).unwrap(), 20 * number)))
        .collect()
}

#[test]
fn what_the_client_sends_does_not_tell_of_the_way_to_it() {
    let mut stalled = held(both(), 3000..3600, None);
    stalled
        .extend((0..500).map(|number| (20 * i64::from(number), Passing::Backchannel(number, 20 * i64::from(number)))));
    let told = verdicts(false, &stalled);
    assert!(told.contains(&"0 freeze late-on-the-network 1".to_owned()), "{told:?}");
}

#[test]
fn refused_keep_alives_are_no_event() {
    let mut all = both();
    all.extend([
        (4000, Passing::Ask("GET_PARAMETER rtsp://h/x RTSP/1.0", 501)),
        (7000, Passing::Ask("SETUP rtsp://h/x/9 RTSP/1.0", 404)),
    ]);
    assert_eq!(verdicts(false, &all), ["- refusal refused-by-the-server 1"]);
}

#[test]
fn extreme_times_stop_nothing() {
    let mut session = Session::new(true);
    for (nanos, number) in [(0, 1), (i64::MIN, 2), (i64::MAX, 3), (i64::MIN, 4), (0, 5)] {
        let packet = [&[0x80, 0xe0, 0, number][..], &[0xff; 3], &[number, 0, 0, 0, 7, 0x41, 0x9a]].concat();
        let (from, to) = (session.flow.server, session.flow.client);
        let payload = Payload::Datagram { path: UdpPath::of_server(6000), from, to, payload: &packet, missing: 0 };
        let at = Timestamp::from_nanos(nanos);
        let event = TraceEvent {
            at,
            flow: &session.flow,
            direction: Direction::ServerToClient,
            frame_number: Some(1),
            payload,
        };
        session.analyzer.event(&event).unwrap();
    }
    session.analyzer.finish().unwrap();
}

/// Each picture in three packets.
fn sliced(all: Vec<(i64, Passing)>) -> Vec<(i64, Passing)> {
    let slices = |(at, passing)| match passing {
        Passing::Packet(0, number, media) => {
            (0..3).map(|slice| (at, Passing::Packet(0, 3 * number + slice, media))).collect()
        }
        Passing::Report(0, packets) => vec![(at, Passing::Report(0, 3 * packets))],
        passing => vec![(at, passing)],
    };
    all.into_iter().flat_map(slices).collect()
}

proptest! {
    /// Pictures in any order of display within four, with a jitter of 8 ms.
    #[test]
    fn b_pictures_and_small_jitter_are_no_event(
        orders in prop::collection::vec(Just([0i64, 1, 2, 3]).prop_shuffle(), 60),
        jitter in prop::collection::vec(0..8i64, 240),
        udp in any::<bool>(),
    ) {
        let mut passing = Vec::new();
        for (group, order) in orders.iter().enumerate() {
            for (place, shown) in order.iter().enumerate() {
                let number = 4 * group + place;
                let base = 160 * i64::try_from(group).unwrap();
                let at = base + 40 * i64::try_from(place).unwrap() + jitter[number];
                passing.push((at, Passing::Packet(0, u16::try_from(number).unwrap(), base + 40 * shown)));
            }
        }
        prop_assert_eq!(verdicts(udp, &passing), Vec::<String>::new());
    }

    /// Most packets of a picture go on where the one before ended: they are looked at less closely.
    #[test]
    fn in_how_many_packets_pictures_come_does_not_matter(
        begin in 500..7_000i64,
        length in 50..2_500i64,
        track in prop::option::of(0..2usize),
        by in -3_000..3_000i64,
        udp in any::<bool>(),
    ) {
        let shifted = |(at, passing)| match passing {
            Passing::Packet(0, number, media) if at > 8_000 => (at, Passing::Packet(0, number, media + by)),
            passing => (at, passing),
        };
        let all: Vec<_> = both().into_iter().map(shifted).collect();
        let silence = begin..begin + length;
        let whole = verdicts(udp, &held(all.clone(), silence.clone(), track));
        prop_assert_eq!(verdicts(udp, &held(sliced(all), silence, track)), whole);
    }

    #[test]
    fn any_loss_over_udp_is_counted_exactly(
        gaps in prop::collection::vec((1..480u16, 1..9u16), 1..6),
    ) {
        let mut all = both();
        for (from, length) in &gaps {
            all = without(all, 1, *from..*from + length);
        }
        let lost: std::collections::BTreeSet<u16> =
            gaps.iter().flat_map(|(from, length)| *from..*from + length).collect();
        let told = verdicts(true, &all);
        let count = |line: &String| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
        let losses = told.iter().filter(|line| line.contains(" gap "));
        prop_assert_eq!(losses.map(count).sum::<usize>(), lost.len(), "{:?}", told);
    }
}
