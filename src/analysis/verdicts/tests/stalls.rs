//! What TCP says of a silence.

use super::session::{Passing, both, held, verdicts};
use crate::trace::StallCause;

const LOSS: StallCause = StallCause::Loss { sent_again: 2, asked: 3 };

/// The verdicts on 600 ms of silence and the burst behind it, with what TCP tells at these times, each for so long.
fn judged(udp: bool, stalls: &[(i64, StallCause, i64)]) -> Vec<String> {
    let mut late = held(both(), 3000..3600, None);
    late.extend(stalls.iter().map(|(at, cause, length)| (*at, Passing::Stall(*cause, *length))));
    verdicts(udp, &late)
}

fn both_are(cause: &str) -> Vec<String> {
    vec![format!("0 freeze {cause} 1"), format!("1 late {cause} 1")]
}

#[test]
fn who_has_no_room_does_not_read() {
    assert_eq!(judged(false, &[(3595, StallCause::NoRoom, 560)]), both_are("client-does-not-read"));
}

#[test]
fn what_came_again_was_lost_on_the_network() {
    assert_eq!(judged(false, &[(3595, LOSS, 560)]), both_are("late-on-the-network"));
    // Without a window that was closed as well nothing else would be said.
    let closed = (3590, StallCause::NoRoom, 560);
    assert_eq!(judged(false, &[closed, (3595, LOSS, 560)]), both_are("client-does-not-read"));
}

#[test]
fn who_had_nothing_to_send_is_the_source() {
    assert_eq!(judged(false, &[(3595, StallCause::NothingToSend, 560)]), both_are("late-at-the-source"));
    assert_eq!(
        judged(false, &[(3594, LOSS, 500), (3595, StallCause::NothingToSend, 560)]),
        both_are("late-on-the-network")
    );
}

#[test]
fn what_tcp_says_of_another_time_or_transport_does_not_count() {
    let before = both_are("late-on-the-network");
    for (at, length) in [(2900, 800), (3300, 200), (5000, 600)] {
        assert_eq!(judged(false, &[(at, StallCause::NoRoom, length)]), before, "{at} {length}");
    }
    assert_eq!(judged(true, &[(3595, StallCause::NoRoom, 560)]), before, "media came over UDP");
}
