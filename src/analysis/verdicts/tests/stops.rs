//! Media that stops before its end.

use crate::time::Timestamp;
use crate::trace::{CaptureEnd, Close, Direction, Note, Payload, Tap};

use super::session::{MS, Passing, START, Session, both, steady, verdicts, verdicts_of};

const NONE: [String; 0] = [];
const TEARDOWN: Passing = Passing::Ask("TEARDOWN rtsp://h/x/ RTSP/1.0", 200);

/// Nothing of this track from then on, nor its reports.
fn stopped(mut all: Vec<(i64, Passing)>, track: usize, from: i64) -> Vec<(i64, Passing)> {
    all.retain(|(at, passing)| {
        let own = matches!(passing, Passing::Packet(of, ..) | Passing::Report(of, _) if *of == track);
        !own || *at < from
    });
    all
}

/// Its reports go on: with these counts, a second apart.
fn reported(mut all: Vec<(i64, Passing)>, track: usize, from: i64, counts: &[u32]) -> Vec<(i64, Passing)> {
    let reports =
        counts.iter().zip(0..).map(|(packets, second)| (from + 1000 * second, Passing::Report(track, *packets)));
    all.extend(reports);
    all
}

fn and(mut all: Vec<(i64, Passing)>, at: i64, passing: Passing) -> Vec<(i64, Passing)> {
    all.push((at, passing));
    all
}

#[test]
fn a_picture_that_stands_still_while_sound_goes_on() {
    for udp in [false, true] {
        let frozen = stopped(both(), 0, 1900);
        assert_eq!(verdicts(udp, &frozen), ["0 freeze nothing-sent 1"], "to the end of the capture");
        assert_eq!(verdicts(udp, &and(frozen, 10_000, TEARDOWN)), ["0 freeze nothing-sent 1"], "to TEARDOWN");
        let silent = and(stopped(both(), 1, 5000), 10_000, TEARDOWN);
        assert_eq!(verdicts(udp, &silent), ["1 end nothing-sent 1"], "sound that stops");
    }
}

#[test]
fn reports_tell_whether_more_was_sent() {
    let stops = || and(stopped(both(), 0, 4000), 10_000, TEARDOWN);
    let going_on = reported(stops(), 0, 5010, &[125, 150, 175, 200]);
    assert_eq!(verdicts(true, &going_on), ["0 freeze lost-on-the-way 100"]);
    assert_eq!(verdicts(false, &going_on), ["0 freeze lost-before-sending 100"]);
    let standing = reported(stops(), 0, 5010, &[100, 100]);
    for udp in [false, true] {
        assert_eq!(verdicts(udp, &standing), ["0 freeze nothing-sent 1"]);
    }
    // The only track: nothing else tells.
    let alone =
        |counts: &[u32]| verdicts(true, &reported(and(stopped(steady(0), 0, 4000), 10_000, TEARDOWN), 0, 5010, counts));
    assert_eq!(alone(&[]), ["0 freeze media-stopped 1"]);
    assert_eq!(alone(&[125]), ["0 freeze lost-on-the-way 25"]);
    assert_eq!(alone(&[100]), ["0 freeze nothing-sent 1"]);
}

#[test]
fn the_receiver_had_more() {
    let stops = and(stopped(both(), 0, 4000), 10_000, TEARDOWN);
    let heard = and(stops, 8000, Passing::Heard(0, 190));
    assert_eq!(verdicts(true, &heard), ["0 freeze missing-in-the-capture 1"]);
    assert_eq!(verdicts(false, &heard), ["0 freeze nothing-sent 1"], "TCP was captured as a whole");
}

#[test]
fn everything_stops() {
    let all = stopped(stopped(both(), 0, 5000), 1, 5000);
    let torn_down = and(all.clone(), 12_000, TEARDOWN);
    assert_eq!(verdicts(true, &torn_down), ["- end media-stopped 1"]);
    // What the server answers comes behind what it sent before.
    assert_eq!(verdicts(false, &torn_down), ["- end nothing-sent 1"]);
    let unanswered = |udp| {
        let mut session = Session::new(udp);
        let mut all = all.clone();
        all.sort_by_key(|(at, _)| *at);
        for (at, passing) in &all {
            session.pass(*at, passing);
        }
        session.event(12_000, Direction::ClientToServer, Payload::Closed(Close::Fin));
        session.analyzer.end(CaptureEnd { at: Timestamp::from_nanos(START + 60_000 * MS), frame_number: 9 });
        session.analyzer.finish().unwrap().0
    };
    for udp in [false, true] {
        assert_eq!(unanswered(udp), ["- end media-stopped 1"]);
    }
    // One after the other: the way was open when the first one stopped.
    let apart = and(stopped(stopped(both(), 0, 3000), 1, 6000), 12_000, TEARDOWN);
    assert_eq!(verdicts(true, &apart), ["0 freeze nothing-sent 1", "1 end media-stopped 1"]);
}

#[test]
fn ends_in_good_order() {
    let stops = || stopped(both(), 0, 4000);
    for udp in [false, true] {
        assert_eq!(verdicts(udp, &and(stops(), 4010, Passing::Goodbye(0))), NONE, "BYE");
        let both_end = stopped(stops(), 1, 4500);
        let ended = and(and(both_end, 4510, Passing::Goodbye(1)), 12_000, TEARDOWN);
        assert_eq!(verdicts(udp, &ended), NONE, "the BYE of one of both was lost");
        let paused = Passing::Ask("PAUSE rtsp://h/x/0 RTSP/1.0", 200);
        assert_eq!(verdicts(udp, &and(stops(), 4010, paused)), NONE, "PAUSE of the track");
        let torn_down = Passing::Ask("TEARDOWN rtsp://h/x/0 RTSP/1.0", 200);
        assert_eq!(verdicts(udp, &and(stops(), 4010, torn_down)), NONE, "TEARDOWN of the track");
        let late = and(stops(), 9_000, Passing::Ask("PAUSE rtsp://h/x/ RTSP/1.0", 200));
        assert_eq!(verdicts(udp, &late), ["0 freeze nothing-sent 1"], "it had stopped long before");
        let far = and(and(stops(), 10_000, Passing::Goodbye(1)), 12_000, TEARDOWN);
        assert_eq!(verdicts(udp, &far), ["0 freeze nothing-sent 1"], "a BYE of another track, later");
    }
}

/// A PLAY whose answer names the range.
fn with_range(range: &str, passing: &[(i64, Passing)]) -> Vec<String> {
    let mut session = Session::new(true);
    session.say(-90, Direction::ClientToServer, "PLAY rtsp://h/x/ RTSP/1.0\r\nCSeq: 9\r\nSession: 1\r\n\r\n");
    let answer = format!("RTSP/1.0 200 OK\r\nCSeq: 9\r\nSession: 1\r\nRange: {range}\r\n\r\n");
    session.say(-90, Direction::ServerToClient, &answer);
    let mut passing = passing.to_vec();
    passing.sort_by_key(|(at, _)| *at);
    for (at, passing) in &passing {
        session.pass(*at, passing);
    }
    session.analyzer.finish().unwrap().0
}

#[test]
fn the_range_is_played() {
    let all = and(stopped(stopped(both(), 0, 5000), 1, 5000), 12_000, TEARDOWN);
    for range in ["npt=0-5", "npt=30-35.2", "npt=0-6.5"] {
        assert_eq!(with_range(range, &all), NONE, "{range}");
    }
    for range in ["npt=0-", "npt=now-", "npt=0-60", "npt=30-60"] {
        assert_eq!(with_range(range, &all), ["- end media-stopped 1"], "{range}");
    }
}

/// Pictures so far apart, for so long, and then nothing until 40 s.
fn slow(step: i64, until: i64) -> Vec<String> {
    let picture = |number: i64| (step * number, Passing::Packet(0, u16::try_from(number).unwrap(), step * number));
    let told = verdicts_of(true, &[0], &and((0..until / step).map(picture).collect(), 40_000, TEARDOWN));
    told.into_iter().filter(|line| line.contains("media-stopped")).collect()
}

#[test]
fn a_silence_is_measured_by_the_streams_own_steps() {
    assert_eq!(slow(40, 38_560), NONE, "1.48 s at the end");
    assert_eq!(slow(40, 38_520), ["0 freeze media-stopped 1"]);
    assert_eq!(slow(5_000, 30_000), NONE, "a picture each 5 s: three are not due");
    assert_eq!(slow(5_000, 25_000), ["0 freeze media-stopped 1"]);
}

#[test]
fn pictures_that_come_when_something_moves() {
    // 40 ms while it does; two still stretches of 4 s.
    let still = [1000, 6000];
    let after = |number: i64| still.iter().filter(|at| number * 40 >= **at).count();
    let vary = |until: i64| {
        let picture = |number: i64| {
            let at = 40 * number + 4000 * i64::try_from(after(number)).unwrap();
            (at, Passing::Packet(0, u16::try_from(number).unwrap(), at))
        };
        let told = verdicts_of(true, &[0], &and((0..250).map(picture).collect(), until, TEARDOWN));
        told.into_iter().filter(|line| line.contains("media-stopped")).collect::<Vec<_>>()
    };
    assert_eq!(vary(29_000), NONE, "11 s of silence");
    assert_eq!(vary(31_000), ["0 freeze media-stopped 1"]);
}

#[test]
fn what_was_sent_ahead_is_still_shown() {
    // Ten seconds of media in three.
    let fast = |(at, passing)| match passing {
        Passing::Packet(track, number, media) => (3 * at / 10, Passing::Packet(track, number, media)),
        passing => (3 * at / 10, passing),
    };
    let fast: Vec<_> = steady(1).into_iter().map(fast).collect();
    let told = |until| {
        let told = verdicts(true, &and(fast.clone(), until, TEARDOWN));
        told.into_iter().filter(|line| line.contains(" end ")).collect::<Vec<_>>()
    };
    assert_eq!(told(10_500), NONE);
    assert_eq!(told(12_000), ["1 end media-stopped 1"]);
}

#[test]
fn sound_with_talkspurts_may_be_silent() {
    // Three talkspurts, each of which begins with the marker: what `Passing` makes has none, so they are made here.
    let told = |marked: bool| {
        let mut session = Session::new(false);
        let mut all = steady(0);
        all.sort_by_key(|(at, _)| *at);
        for (at, passing) in &all {
            session.pass(*at, passing);
            if *at < 4000 && at % 40 == 0 {
                let first = at % 1000 == 0 && marked;
                let number = u16::try_from(at / 40).unwrap();
                let timestamp = u32::try_from(at * 8).unwrap();
                let head = [&[0x80, u8::from(first) << 7][..], &number.to_be_bytes(), &timestamp.to_be_bytes()];
                session.pass_on(*at, 2, &[&head.concat(), &[0, 0, 0, 9][..], &[0x55; 160]].concat());
            }
        }
        session.analyzer.finish().unwrap().0
    };
    assert_eq!(told(true), NONE);
    assert_eq!(told(false), ["1 end nothing-sent 1"]);
}

#[test]
fn what_comes_behind_teardown_was_late() {
    let stops = and(stopped(steady(0), 0, 4000), 8_000, TEARDOWN);
    let late = and(stops, 8_050, Passing::Packet(0, 100, 4000));
    assert!(verdicts(true, &late).iter().all(|line| !line.contains("media-stopped")), "{:?}", verdicts(true, &late));
}

#[test]
fn the_recorder_had_stopped() {
    let stops = and(stopped(stopped(both(), 0, 5000), 1, 5000), 12_000, TEARDOWN);
    let pause = std::time::Duration::from_secs(6);
    let noted = and(stops.clone(), 11_900, Passing::Note(Note::Paused { pause }));
    assert_eq!(verdicts(true, &noted), ["- end recorder-late 1"]);
    let dropped = and(stops, 11_900, Passing::Note(Note::KernelDrops { datagrams: 300 }));
    assert_eq!(verdicts(true, &dropped), ["- end lost-in-the-recorder 300"]);
    assert_eq!(verdicts(false, &dropped), ["- end nothing-sent 1"], "over TCP nothing is dropped");
}

#[test]
fn bytes_that_the_capture_lacks_may_have_been_more() {
    let stops = and(stopped(both(), 0, 4000), 10_000, TEARDOWN);
    let told = verdicts(false, &and(stops, 6000, Passing::Gap));
    assert!(told.iter().all(|line| line.contains("missing-in-the-capture")), "{told:?}");
}
