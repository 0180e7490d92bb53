//! PLAY that brings no media: how the client's session ends.

use std::time::Duration;

use rtsp_rec::session::{Ending, MediaTransport, Reconnect, Reconnecting, SessionError};

use crate::udp::{Fresh, LIVE, over, play};
use crate::world::{START, World};
use crate::{config, scripted, scripted_frames};

use MediaTransport::{Tcp, Udp};

fn blocked() -> World {
    World { udp_blocked: true, ..World::default() }
}

fn stopped_after(seconds: f64) -> World {
    World { stop_at: Some(START + Duration::from_secs_f64(seconds)), ..blocked() }
}

#[test]
fn the_end_of_the_duration() {
    let mut config = over(&[Udp], LIVE);
    config.limits.duration = Some(Duration::from_secs(5));
    let (outcome, took, _) = play(config, &mut Fresh::of(scripted("", "1", 20), 1), blocked());
    assert_eq!(outcome, Err(SessionError::NoMedia { after: Duration::from_secs(5), transport: Udp }));
    let words =
        "PLAY was granted, but no media came in 5.0 s over UDP: a firewall or NAT may keep it off; -t tcp may work";
    assert_eq!(outcome.unwrap_err().to_string(), words);
    assert_eq!(took.as_secs(), 5);
}

#[test]
fn the_user_has_to_wait_for_it() {
    let stopped =
        |seconds| play(over(&[Udp], LIVE), &mut Fresh::of(scripted("", "1", 20), 1), stopped_after(seconds)).0;
    assert_eq!(stopped(1.0), Ok(Ending::Stopped));
    assert!(matches!(stopped(4.0), Err(SessionError::NoMedia { .. })));
}

#[test]
fn over_tcp_it_is_the_server() {
    let silent = || scripted_frames("", "1", [5000].into_iter());
    let mut config = over(&[Tcp], LIVE);
    let (outcome, ..) = play(config.clone(), &mut Fresh::of(silent(), 1), World::default());
    assert_eq!(outcome, Err(SessionError::Idle { after: Duration::from_secs(30), unheard: Some(Tcp) }));
    assert!(outcome.unwrap_err().to_string().contains("is its source running?"));
    config.limits.duration = Some(Duration::from_secs(5));
    let (outcome, ..) = play(config, &mut Fresh::of(silent(), 1), World::default());
    assert_eq!(outcome, Err(SessionError::NoMedia { after: Duration::from_secs(5), transport: Tcp }));
}

/// Each try waits for media until its idle timeout; then the time is over.
#[test]
fn taking_it_up_again_makes_it_no_better() {
    let mut config = config(LIVE);
    config.timeouts.idle = Duration::from_secs(5);
    config.limits.duration = Some(Duration::from_secs(18));
    let mut client = Reconnecting::new(config, Reconnect::FOREVER, 1, START);
    let silent = scripted_frames("", "1", [5000].into_iter());
    World::default().run(&mut client, &mut Fresh::of(silent, 1), &mut ());
    assert!(client.lost() > 0);
    assert!(matches!(client.outcome(), Some(Err(_))), "{:?}", client.outcome());
}
