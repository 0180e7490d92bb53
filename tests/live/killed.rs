//! `kill -9` at any moment leaves a file that opens and lacks a second at most.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::judges::{Capture, assert_opens, assert_whole};
use crate::peers::Peer;
use crate::process::{Running, await_that};
use crate::recorder::{Place, RECORD_LIMIT, assert_holds_no_session, record_command, size};

const RECORDINGS: usize = 20;
/// As many at a time, to save time.
const AT_ONCE: usize = 4;
/// A recording lives so long at most.
const LONGEST_LIFE: Duration = Duration::from_secs(5);
/// What may be lost, with some grace for the time that passes between looking at the clock and the kill.
const MAY_LACK_S: f64 = 1.2;

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn at_random_moments() {
    let server = Peer::gstreamer(&[]);
    let lives = random_lives(0x5eed_2026);
    for lives in lives.chunks(AT_ONCE) {
        thread::scope(|scope| {
            for life in lives {
                scope.spawn(|| kill_after(&server, *life));
            }
        });
    }
}

/// Records, kills after `life`, and looks at what is left.
fn kill_after(server: &Peer, life: Duration) {
    let place = Place::new();
    let started = seconds(SystemTime::now());
    let recording = Running::start(&mut record_command(&server.url("av"), &place.file(), &[]));
    await_that("the capture exists", RECORD_LIMIT, || size(&place.file()) > 0);
    sleep_until(Instant::now() + life);
    let killed = seconds(SystemTime::now());
    recording.signal("KILL");
    drop(recording);
    // Killed before the first message there is no session in it.
    if Capture::ours(place.file()).rows("tcp.len > 0", &["frame.number"]).is_empty() {
        assert_whole(&place.file());
        assert_holds_no_session(&place.file());
    } else {
        assert_opens(&place.file());
    }
    let last = last_packet_time(&place).unwrap_or(started);
    assert!(last > killed - MAY_LACK_S, "killed after {life:?}: the last packet is {:.3} s older", killed - last);
}

/// The time of the last packet, `None` without any.
fn last_packet_time(place: &Place) -> Option<f64> {
    let times = Capture::ours(place.file()).rows("frame", &["frame.time_epoch"]).concat();
    times.last().map(|time| time.parse().expect("tshark prints seconds"))
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// Here the moment itself is what is waited for.
fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// The same moments in every run (xorshift64).
fn random_lives(mut seed: u64) -> Vec<Duration> {
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        Duration::from_micros(seed % u64::try_from(LONGEST_LIFE.as_micros()).expect("some seconds"))
    };
    (0..RECORDINGS).map(|_| next()).collect()
}
