//! Pictures that came and can't be shown.

use super::session::{Passing, Session, verdicts, without};

const NONE: [String; 0] = [];

/// Ten seconds of pictures each 40 ms, with key frames at these places.
fn pictures(keys: &[i64]) -> Vec<(i64, Passing)> {
    let picture = |place: i64| {
        let (at, number) = (40 * place, u16::try_from(1000 + place).unwrap());
        (at, if keys.contains(&place) { Passing::KeyFrame(number, at) } else { Passing::Packet(0, number, at) })
    };
    (0..250).map(picture).collect()
}

#[test]
fn a_picture_is_grey_until_a_key_frame_comes() {
    for udp in [false, true] {
        assert_eq!(verdicts(udp, &pictures(&[0])), NONE);
        assert_eq!(verdicts(udp, &pictures(&[50])), NONE, "2 s");
        assert_eq!(verdicts(udp, &pictures(&[51])), ["0 no-picture late-key-frame 1"]);
        assert_eq!(verdicts(udp, &pictures(&[])), ["0 no-picture no-key-frame 1"]);
        assert_eq!(verdicts(udp, &pictures(&[])[..51]), NONE, "a short capture");
    }
    // What is missing may have been the key frame.
    assert_eq!(verdicts(true, &without(pictures(&[100]), 0, 1030..1031)), ["0 gap lost-somewhere 1"]);
}

#[test]
fn what_was_before_the_capture_nobody_knows() {
    let mut session = Session::silent(false, &[0, 1]);
    for (at, passing) in &pictures(&[]) {
        session.pass(*at, passing);
    }
    let told = session.analyzer.finish().unwrap().0;
    assert!(told.iter().all(|line| !line.contains("key-frame")), "{told:?}");
}

#[test]
fn a_loss_says_what_it_damaged() {
    let details = |lost: std::ops::Range<u16>, keys: &[i64]| {
        let mut session = Session::of(true, &[0]);
        let mut all = without(pictures(keys), 0, lost);
        all.sort_by_key(|(at, _)| *at);
        for (at, passing) in &all {
            session.pass(*at, passing);
        }
        session.analyzer.finish().unwrap().1
    };
    let told = details(1010..1012, &[0, 50]);
    assert!(
        told[0].ends_with("; 38 pictures damaged for 1.52 s, until the next that needs none before it"),
        "{told:?}"
    );
    let told = details(1200..1201, &[0, 50]);
    assert!(told[0].ends_with("; 49 pictures damaged for 1.92 s, to the end"), "{told:?}");
    let told = details(1049..1050, &[0, 50]);
    assert!(!told[0].contains("damaged"), "a key frame follows: {told:?}");
}
