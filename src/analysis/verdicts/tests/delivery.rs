//! Media that comes unsteadily, and what the buffer of a player hides of it.

use std::time::Duration;

use super::session::{Passing, Session, Verdicts, both, verdicts_of};
use crate::analysis::{Analyzer, AnalyzerOptions};

/// What is due within each so many milliseconds comes at once, at their beginning.
fn in_lumps(all: Vec<(i64, Passing)>, length: i64) -> Vec<(i64, Passing)> {
    all.into_iter().map(|(at, passing)| (at - at % length, passing)).collect()
}

fn with_buffer(passing: &[(i64, Passing)], buffer: Duration) -> Vec<String> {
    let mut session = Session::silent(false, &[0, 1]);
    let options = AnalyzerOptions { closely: true, buffer, ..AnalyzerOptions::default() };
    session.analyzer = Analyzer::new(options, Verdicts::default());
    session.dialogue();
    for (at, passing) in passing {
        session.pass(*at, passing);
    }
    session.analyzer.finish().unwrap().0
}

#[test]
fn what_a_buffer_hides_is_no_event() {
    for length in [40, 60, 100, 150, 200] {
        let told = verdicts_of(false, &[0, 1], &in_lumps(both(), length));
        assert!(told.is_empty(), "{length} ms: {told:?}");
    }
}

#[test]
fn what_no_buffer_hides_is_one() {
    let lumps = in_lumps(both(), 400);
    let mut sorted = lumps.clone();
    sorted.sort_by_key(|(at, _)| *at);
    let told = verdicts_of(false, &[0, 1], &lumps);
    assert!(told.iter().any(|told| told.starts_with("0 freeze unsteady-delivery")), "{told:?}");
    assert!(told.contains(&"1 jitter unsteady-delivery 1".to_owned()), "{told:?}");
    assert_eq!(with_buffer(&sorted, Duration::from_millis(500)), Vec::<String>::new());
    let short = with_buffer(&in_lumps(both(), 60), Duration::from_millis(30));
    assert!(short.contains(&"1 jitter unsteady-delivery 1".to_owned()), "{short:?}");
}

/// What a server still has from before is sent at once, as of the pictures since the last key frame.
#[test]
fn a_burst_at_the_beginning_is_no_event() {
    let early = |(at, passing)| (if at < 2000 { at / 20 } else { at - 1900 }, passing);
    let burst: Vec<_> =
        both().into_iter().filter(|(_, passing)| matches!(passing, Passing::Packet(..))).map(early).collect();
    let told = verdicts_of(false, &[0, 1], &burst);
    assert!(!told.iter().any(|told| told.contains("unsteady-delivery")), "{told:?}");
}
