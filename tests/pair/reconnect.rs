//! A session that is lost and taken up again, on virtual time.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::rtsp::url::Credentials;
use rtsp_rec::session::{
    ClientConfig, Ending, Input, Machine, MediaTransport, Output, Reconnect, Reconnecting, ReplayConfig, Script,
    Server, SessionError,
};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::Close;

use crate::world::{LATENCY, SERVER, START, World};
use crate::{Log, config, flow, scripted, scripted_with_bye};

const URL: &str = "rtsp://camera:8600/live";

/// The server of a script that begins anew with each connection, and answers some requests in its own way.
struct Restarting<'a> {
    offer: Arc<ReplayConfig>,
    inner: Server,
    answer: &'a mut dyn FnMut(&str) -> Option<String>,
    said: Option<Vec<u8>>,
}

impl<'a> Restarting<'a> {
    fn new(script: Script, answer: &'a mut dyn FnMut(&str) -> Option<String>) -> Self {
        let offer = Arc::new(ReplayConfig::new(script));
        Self { inner: Self::anew(&offer, START), offer, answer, said: None }
    }

    fn anew(offer: &Arc<ReplayConfig>, now: Timestamp) -> Server {
        Server::new(Arc::clone(offer), (flow().client, flow().server), 0, now)
    }
}

impl Machine for Restarting<'_> {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Closed(_) => self.inner = Self::anew(&self.offer, now),
            Input::Pdu(pdu) if matches!(pdu.kind, PduKind::Message { .. }) => {
                match (self.answer)(&String::from_utf8_lossy(pdu.raw)) {
                    Some(answer) => self.said = Some(answer.into_bytes()),
                    None => self.inner.handle(now, input),
                }
            }
            _ => self.inner.handle(now, input),
        }
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        match self.said.take() {
            Some(bytes) => Some(Output::Send(bytes.into())),
            None => self.inner.poll_output(now),
        }
    }

    as_inner!();
}

/// An answer with this status to a request.
fn status(status: &str, request: &str) -> String {
    let cseq = request.lines().find(|line| line.starts_with("CSeq: ")).unwrap();
    format!("RTSP/1.0 {status}\r\n{cseq}\r\n\r\n")
}

/// What came of a session.
struct Run {
    session: Reconnecting,
    took: Duration,
    dialed: Vec<Duration>,
    log: Log,
}

fn run(config: ClientConfig, policy: Reconnect, world: World) -> Run {
    run_against(config, policy, world, &mut |_| None)
}

/// Runs a session against a server that streams for two minutes after each PLAY.
fn run_against(
    config: ClientConfig,
    policy: Reconnect,
    world: World,
    answer: &mut dyn FnMut(&str) -> Option<String>,
) -> Run {
    run_script(scripted("OPTIONS, DESCRIBE", "1;timeout=60", 120), config, policy, world, answer)
}

fn run_script(
    script: Script,
    config: ClientConfig,
    policy: Reconnect,
    mut world: World,
    answer: &mut dyn FnMut(&str) -> Option<String>,
) -> Run {
    let mut session = Reconnecting::new(config, policy, 7, START);
    let mut server = Restarting::new(script, answer);
    let mut log = Log::default();
    let end = world.run(&mut session, &mut server, &mut log);
    let dialed = world.dialed.iter().map(|at| at.duration_since(START)).collect();
    Run { session, took: end.duration_since(START), dialed, log }
}

fn lasting(seconds: u64) -> ClientConfig {
    let mut config = config(URL);
    config.limits.duration = Some(Duration::from_secs(seconds));
    config
}

/// The server is gone from each of these seconds to the other.
fn with_outages(outages: impl IntoIterator<Item = (u64, u64)>) -> World {
    let at = |seconds| START + Duration::from_secs(seconds);
    let outages = outages.into_iter().map(|(begin, end)| (at(begin), at(end))).collect();
    World { outages, ..World::default() }
}

#[test]
fn a_server_that_restarts_is_recorded_again() {
    let run = run(lasting(60), Reconnect::times(5), with_outages([(20, 24)]));
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!(run.took.as_secs(), 60, "the time counts from the first answer to PLAY, with the pauses");
    assert_eq!(run.session.connections(), 2);
    let losses: Vec<String> = run.session.losses().map(|loss| loss.error.to_string()).collect();
    assert!(losses.len() >= 2 && losses[0].contains("closed the connection"), "{losses:?}");
    assert!(losses[1..].iter().all(|loss| loss.contains("can't connect")), "{losses:?}");
    assert!((2600..2850).contains(&run.log.frames), "{} frames in about 54 s of media", run.log.frames);
}

#[test]
fn a_stream_that_ends_unannounced_is_taken_up_again() {
    let ended = |policy| run_script(scripted_with_bye(120), lasting(300), policy, World::default(), &mut |_| None);
    let once = ended(Reconnect::NEVER);
    assert_eq!((once.session.outcome(), once.dialed.len()), (Some(&Ok(Ending::EndOfStream)), 1));
    let run = ended(Reconnect::times(1));
    assert_eq!((run.session.outcome(), run.dialed.len()), (Some(&Ok(Ending::LimitReached)), 3));
    assert!(run.session.losses().all(|loss| loss.error == SessionError::Ended));
}

#[test]
fn the_time_is_over_also_while_nobody_answers() {
    let mut asked = 0;
    let mut silent = |request: &str| {
        asked += u32::from(request.starts_with("OPTIONS"));
        (request.starts_with("OPTIONS") && asked > 1).then(String::new)
    };
    let run = run_against(lasting(10), Reconnect::FOREVER, with_outages([(5, 6)]), &mut silent);
    assert_eq!((run.session.outcome(), run.took.as_secs()), (Some(&Ok(Ending::LimitReached)), 10));
}

#[test]
fn what_has_worked_is_tried_first() {
    let mut config = lasting(30);
    config.transports = vec![MediaTransport::Udp, MediaTransport::Tcp];
    config.timeouts.idle = Duration::from_secs(3);
    let run = run(config, Reconnect::FOREVER, World { udp_blocked: true, ..with_outages([(12, 13)]) });
    assert_eq!((run.session.outcome(), run.session.lost() > 0), (Some(&Ok(Ending::LimitReached)), true));
    assert_eq!(run.session.client().transport(), MediaTransport::Tcp);
    assert_eq!(run.session.changes().count(), 1, "UDP is not tried a second time");
}

#[test]
fn without_reconnect_a_loss_is_the_end() {
    let run = run(lasting(60), Reconnect::NEVER, with_outages([(20, 24)]));
    assert!(matches!(run.session.outcome(), Some(Err(SessionError::Closed { .. }))));
    assert_eq!((run.dialed.len(), run.session.lost()), (1, 0));
}

#[test]
fn it_gives_up_after_so_many_tries_in_a_row() {
    let run = run(config(URL), Reconnect::times(4), with_outages([(0, 3000)]));
    assert!(matches!(run.session.outcome(), Some(Err(SessionError::Connect { .. }))));
    let since = |pair: &[Duration]| pair[1].saturating_sub(pair[0]).saturating_sub(LATENCY);
    let pauses: Vec<f64> = run.dialed.windows(2).map(|pair| since(pair).as_secs_f64()).collect();
    assert_eq!((pauses.len(), run.session.connections(), run.session.lost()), (4, 0, 4));
    for (pause, longest) in pauses.iter().zip([1.0, 2.0, 4.0, 8.0]) {
        assert!((longest / 2.0..=longest).contains(pause), "{pauses:?}");
    }
}

#[test]
fn a_session_that_played_for_a_while_starts_the_count_anew() {
    let outages = (1..=20).map(|time| (20 * time, 20 * time + 1));
    let run = run(lasting(21 * 20 + 10), Reconnect::times(2), with_outages(outages));
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!(run.session.connections(), 21);
    assert_eq!(run.session.losses().count(), 16, "the latest, one by one");
}

#[test]
fn a_session_that_hardly_played_does_not() {
    let outages = (1..100).map(|time| (2 * time, 2 * time));
    let run = run(config(URL), Reconnect::times(3), with_outages(outages));
    assert!(matches!(run.session.outcome(), Some(Err(SessionError::Closed { .. }))));
    assert_eq!(run.dialed.len(), 4);
}

#[test]
fn limits_count_over_all_connections() {
    let mut packets = config(URL);
    packets.limits.packets = Some(1500);
    let packets = run(packets, Reconnect::FOREVER, with_outages([(11, 12), (23, 24)]));
    assert_eq!(packets.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!(packets.session.connections(), 3);
    assert!((1500..=1501).contains(&packets.log.frames), "{} frames, one of them behind TEARDOWN", packets.log.frames);

    let mut bytes = config(URL);
    bytes.limits.bytes = Some(1500 * 176);
    let bytes = run(bytes, Reconnect::FOREVER, with_outages([(11, 12), (23, 24)]));
    assert_eq!(bytes.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert!((1485..1500).contains(&bytes.log.frames), "{} frames and three dialogues", bytes.log.frames);
}

#[test]
fn the_end_may_come_in_a_pause() {
    let run = run(lasting(30), Reconnect::FOREVER, with_outages([(20, 3000)]));
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!(run.took.as_secs(), 30);
}

#[test]
fn ctrl_c_in_a_pause_is_a_normal_end() {
    let mut world = with_outages([(0, 3000)]);
    world.stop_at = Some(START + Duration::from_secs(100));
    let run = run(config(URL), Reconnect::FOREVER, world);
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::Stopped)));
    assert_eq!(run.took.as_secs(), 100);
    assert!(run.session.lost() > 5);
}

#[test]
fn what_is_said_of_a_lost_connection_is_not_heard() {
    let mut session = Reconnecting::new(config(URL), Reconnect::FOREVER, 7, START);
    session.handle(START, Input::ResolveFailed("no such host"));
    while session.poll_output(START).is_some() {}
    let due = session.next_deadline().unwrap();
    session.handle(START, Input::Closed(Close::Reset));
    session.handle(START, Input::Resolved(&[SERVER.parse().unwrap()]));
    assert!(session.poll_output(START).is_none());
    assert_eq!(session.next_deadline(), Some(due));
    session.handle(due, Input::Wake);
    assert!(matches!(session.poll_output(due), Some(Output::Resolve { .. })));
}

/// The words of the failure, and how often DESCRIBE was asked.
fn describe_answered(text: &'static str, config: ClientConfig) -> (String, usize) {
    let mut answer = |request: &str| request.starts_with("DESCRIBE").then(|| status(text, request));
    let run = run_against(config, Reconnect::times(2), World::default(), &mut answer);
    let asked = run.log.said().iter().filter(|said| said.starts_with("DESCRIBE")).count();
    (run.session.outcome().unwrap().as_ref().unwrap_err().to_string(), asked)
}

fn user() -> Credentials {
    Credentials { user: "user".to_owned(), password: "password".to_owned() }
}

#[test]
fn a_wrong_password_is_never_tried_again() {
    let challenge = "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"";
    let (error, asked) = describe_answered(challenge, config(URL));
    assert!(error.contains("--user") && asked == 1, "{error}, asked {asked} times");
    let mut with_user = config(URL);
    with_user.credentials = Some(user());
    let (error, asked) = describe_answered(challenge, with_user);
    assert!(error.contains("does not accept") && asked == 2, "{error}, asked {asked} times");
}

#[test]
fn a_wrong_path_is_not_tried_again_and_a_busy_server_is() {
    assert_eq!(describe_answered("404 Not Found", config(URL)).1, 1);
    assert_eq!(describe_answered("503 Service Unavailable", config(URL)).1, 3);
}

/// A path that was there: the camera behind a relay restarts.
#[test]
fn a_path_that_has_played_is_tried_again() {
    let mut described = 0;
    let mut answer = |request: &str| {
        described += usize::from(request.starts_with("DESCRIBE"));
        (request.starts_with("DESCRIBE") && (2..=4).contains(&described)).then(|| status("404 Not Found", request))
    };
    let run = run_against(lasting(60), Reconnect::times(5), with_outages([(20, 20)]), &mut answer);
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!((run.session.connections(), described), (5, 5));
}

/// Signs of life are answered 454 so often.
fn forgotten(times: usize, seconds: u64) -> Run {
    let mut left = times;
    let mut answer = |request: &str| {
        let is_sign = request.starts_with("OPTIONS") && request.contains("Session: ");
        let forgets = is_sign && left > 0;
        left -= usize::from(forgets);
        forgets.then(|| status("454 Session Not Found", request))
    };
    run_against(lasting(seconds), Reconnect::NEVER, World::default(), &mut answer)
}

#[test]
fn a_forgotten_session_is_started_over_at_once_and_without_teardown() {
    let run = forgotten(1, 45);
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!((run.session.connections(), run.session.lost()), (2, 1));
    assert_eq!(run.log.times_of("PLAY"), [0, 30]);
    assert_eq!(run.log.times_of("TEARDOWN"), [45]);
}

#[test]
fn each_session_that_played_for_a_while_may_be_forgotten_once() {
    let run = forgotten(3, 100);
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!(run.log.times_of("PLAY"), [0, 30, 60, 90]);
}

#[test]
fn a_server_that_forgets_every_session_at_once_is_given_up() {
    for method in ["SETUP", "PLAY"] {
        let mut answer = |request: &str| request.starts_with(method).then(|| status("454 Session Not Found", request));
        let run = run_against(config(URL), Reconnect::NEVER, World::default(), &mut answer);
        assert_eq!(run.session.outcome(), Some(&Err(SessionError::SessionLost)));
        assert_eq!((run.dialed.len(), run.log.times_of(method)), (2, vec![0, 0]));
    }
}

/// A nonce that is too old by the time of the next sign of life.
#[test]
fn a_sign_of_life_is_sent_again_with_the_new_nonce() {
    let mut nonce = 0;
    let mut answer = |request: &str| {
        let known = request.contains(&format!("nonce=\"{nonce}\""));
        let is_sign = request.starts_with("OPTIONS") && request.contains("Session: ");
        if known && !is_sign {
            return None;
        }
        if known && nonce % 2 == 0 {
            return Some(status("200 OK", request));
        }
        nonce += 1;
        let challenge = format!("401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\"");
        Some(status(&challenge, request))
    };
    let mut config = lasting(70);
    config.credentials = Some(user());
    let run = run_against(config, Reconnect::NEVER, World::default(), &mut answer);
    assert_eq!(run.session.outcome(), Some(&Ok(Ending::LimitReached)));
    let signs = run.log.times_of("OPTIONS");
    assert_eq!(signs, [0, 0, 30, 30, 60], "a sign of life that was refused is sent again, once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the server's outages are: the session ends when it should, media is recorded after each of them, and
    /// the server is never hammered.
    #[test]
    fn any_outages(lengths in prop::collection::vec((1_u64..40, 0_u64..60), 0..6), seed: u64) {
        let mut at = 0;
        let outages: Vec<(u64, u64)> = lengths
            .iter()
            .map(|(up, down)| {
                let begin = at + up;
                at = begin + down;
                (begin, at)
            })
            .collect();
        let mut session = Reconnecting::new(lasting(200), Reconnect::FOREVER, seed, START);
        let mut never = |_: &str| None;
        let mut server = Restarting::new(scripted("OPTIONS", "1", 100), &mut never);
        let mut world = with_outages(outages);
        let mut log = Log::default();
        let end = world.run(&mut session, &mut server, &mut log);
        prop_assert!(session.outcome().is_some());
        prop_assert!(end.duration_since(START) <= Duration::from_secs(203));
        let pauses = world.dialed.windows(2).map(|pair| pair[1].duration_since(pair[0]));
        prop_assert!(pauses.min().is_none_or(|pause| pause >= Duration::from_millis(500)));
        prop_assert!(log.frames > 0);
    }
}
