//! A session that is taken up again when it is lost: a [`Client`] after the other, with pauses that grow.
//!
//! A server that has forgotten the session (454) is asked for a new one at once, also where nothing else is tried
//! again: it was restarted and is there.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use crate::session::client::Progress;
use crate::session::{Client, ClientConfig, Ending, Input, Machine, Output, SessionError};
use crate::time::Timestamp;

/// The longest first pause; each further one may be twice as long. Chosen, not measured.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer: who repairs a line does not want to wait for the recorder.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After media for so long a session was a good one: what failed before it no longer counts. Chosen, not measured: some
/// groups of pictures.
const STEADY: Duration = Duration::from_secs(10);
/// The latest losses are remembered one by one.
const MAX_LOSSES: usize = 16;

/// How often in a row a lost session is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconnect(Option<u32>);

impl Reconnect {
    /// Not at all.
    pub const NEVER: Self = Self(Some(0));
    /// Until the user or a limit ends it.
    pub const FOREVER: Self = Self(None);

    /// So often.
    pub const fn times(tries: u32) -> Self {
        Self(Some(tries))
    }

    fn allows(self, tries: u32) -> bool {
        self.0.is_none_or(|limit| tries < limit)
    }
}

impl FromStr for Reconnect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "forever" => Ok(Self::FOREVER),
            _ => text.parse().map(Self::times).map_err(|_| "write how often, such as 5, or forever"),
        }
    }
}

/// A session that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// When.
    pub at: Timestamp,
    /// How.
    pub error: SessionError,
}

/// The pauses between tries: each twice as long as the one before, up to a limit, less up to a half of it by chance,
/// so that many recorders do not come back to a restarted server at the same moment.
#[derive(Debug)]
struct Backoff {
    tries: u32,
    rng: fastrand::Rng,
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let longest = FIRST_PAUSE.saturating_mul(1 << self.tries.min(16)).min(LONGEST_PAUSE);
        self.tries = self.tries.saturating_add(1);
        longest.mul_f64(1.0 - self.rng.f64() / 2.0)
    }
}

/// The machine: runs a client, and the next one when that has lost its session.
#[derive(Debug)]
pub struct Reconnecting {
    config: ClientConfig,
    policy: Reconnect,
    client: Client,
    state: State,
    backoff: Backoff,
    /// A session that the server forgot was started over, and none has been steady since.
    started_over: bool,
    /// Media has come for a while on any connection.
    has_played: bool,
    connections: u64,
    lost: u64,
    losses: VecDeque<Loss>,
    /// What the clients before had to tell.
    changes: Vec<String>,
    outcome: Option<Result<Ending, SessionError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// The next try is due then.
    Waiting(Timestamp),
    /// All is over; whether that was said.
    Over {
        told: bool,
    },
}

impl Reconnecting {
    /// A session that starts at `now`. The same seed makes the same pauses.
    pub fn new(config: ClientConfig, policy: Reconnect, seed: u64, now: Timestamp) -> Self {
        Self {
            client: Client::new(config.clone(), now),
            config,
            policy,
            state: State::Running,
            backoff: Backoff { tries: 0, rng: fastrand::Rng::with_seed(seed) },
            started_over: false,
            has_played: false,
            connections: 0,
            lost: 0,
            losses: VecDeque::new(),
            changes: Vec::new(),
            outcome: None,
        }
    }

    /// How it ended; `None` before it has.
    pub fn outcome(&self) -> Option<&Result<Ending, SessionError>> {
        self.outcome.as_ref()
    }

    /// The client of the latest try.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Changes to another transport or server, and what else was not as asked for.
    pub fn changes(&self) -> impl Iterator<Item = &String> {
        self.changes.iter().chain(self.client.changes())
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// How often the session was lost and tried again.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The latest of the losses, the oldest first.
    pub fn losses(&self) -> impl Iterator<Item = &Loss> {
        self.losses.iter()
    }

    /// The client is done: either all is over, or there will be another one.
    fn client_done(&mut self, now: Timestamp) {
        let Some(outcome) = self.client.outcome().cloned() else { return };
        if self.client.media_lasted() >= STEADY {
            (self.backoff.tries, self.started_over) = (0, false);
        }
        self.has_played |= self.client.has_played();
        let loss = match &outcome {
            // A camera that is restarted in good order says BYE as well.
            Ok(Ending::EndOfStream) if self.client.dialog().range_end().is_none() => Some(SessionError::Ended),
            Ok(_) => None,
            Err(error) => Some(error.clone()),
        };
        let again = loss.and_then(|error| Some((self.pause_after(&error)?, error)));
        let Some((pause, error)) = again else { return self.end(outcome) };
        self.learn_transport();
        self.note(now, error);
        self.state = State::Waiting(now + pause);
        self.wake(now);
    }

    /// What has worked is tried first from now on; a change to it is told in the end.
    fn learn_transport(&mut self) {
        let room = MAX_LOSSES.saturating_sub(self.changes.len());
        self.changes.extend(self.client.changes().take(room).cloned());
        let worked = self.client.transport();
        if !self.client.media_lasted().is_zero() {
            self.config.transports.sort_by_key(|transport| *transport != worked);
        }
    }

    /// How long to wait before the next try; `None` where there is none.
    fn pause_after(&mut self, error: &SessionError) -> Option<Duration> {
        if *error == SessionError::SessionLost && !std::mem::replace(&mut self.started_over, true) {
            return Some(Duration::ZERO);
        }
        let worth = error.may_pass(self.has_played) && self.policy.allows(self.backoff.tries);
        worth.then(|| self.backoff.next())
    }

    fn note(&mut self, at: Timestamp, error: SessionError) {
        self.lost += 1;
        if self.losses.len() == MAX_LOSSES {
            self.losses.pop_front();
        }
        self.losses.push_back(Loss { at, error });
    }

    fn end(&mut self, outcome: Result<Ending, SessionError>) {
        let Progress { began, rtp_packets, .. } = self.client.progress();
        // Where no PLAY brought anything, the end of the time does not make it a good recording.
        let lost = self.losses.back().filter(|_| began.is_some() && rtp_packets == 0 && outcome.is_ok());
        self.outcome = Some(lost.map_or(outcome, |loss| Err(loss.error.clone())));
        self.state = State::Over { told: false };
    }

    /// The time during which to record is over, or that of a pause.
    fn wake(&mut self, now: Timestamp) {
        let State::Waiting(until) = self.state else { return };
        if self.end_of_duration().is_some_and(|end| end <= now) {
            self.end(Ok(Ending::LimitReached));
        } else if until <= now {
            self.client = Client::resume(self.config.clone(), self.client.progress(), now);
            self.state = State::Running;
        }
    }

    /// When the time is over while a lost session is being taken up again; a client that plays sees to it itself.
    fn end_of_start(&self) -> Option<Timestamp> {
        if self.client.is_starting() { self.end_of_duration() } else { None }
    }

    fn end_of_duration(&self) -> Option<Timestamp> {
        let Progress { began, .. } = self.client.progress();
        Some(began? + self.config.limits.duration?)
    }
}

impl Machine for Reconnecting {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match (self.state, input) {
            (State::Running, input) => {
                self.connections += u64::from(matches!(input, Input::Connected));
                self.client.handle(now, input);
                if self.end_of_start().is_some_and(|end| end <= now) {
                    self.client.end(now, Ending::LimitReached);
                }
            }
            (State::Waiting(_), Input::Stop) => self.end(Ok(Ending::Stopped)),
            (State::Waiting(_), Input::Wake) => self.wake(now),
            // What is said of the connection that was lost.
            (State::Waiting(_) | State::Over { .. }, _) => {}
        }
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        while self.state == State::Running {
            match self.client.next_output() {
                Some(Output::Done) => self.client_done(now),
                output => return output,
            }
        }
        match &mut self.state {
            State::Over { told } => (!std::mem::replace(told, true)).then_some(Output::Done),
            State::Running | State::Waiting(_) => None,
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Running => self.client.next_deadline().into_iter().chain(self.end_of_start()).min(),
            State::Waiting(until) => Some(self.end_of_duration().map_or(until, |end| end.min(until))),
            State::Over { .. } => None,
        }
    }

    fn is_over(&self) -> bool {
        self.state != State::Running || self.client.is_over()
    }

    fn url(&self) -> &str {
        self.client.url()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often() {
        assert_eq!("0".parse(), Ok(Reconnect::NEVER));
        assert_eq!("5".parse(), Ok(Reconnect::times(5)));
        assert_eq!("forever".parse(), Ok(Reconnect::FOREVER));
        assert!(["", "-1", "often"].iter().all(|text| text.parse::<Reconnect>().is_err()));
    }

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let mut backoff = Backoff { tries: 0, rng: fastrand::Rng::with_seed(1) };
        for longest in [1, 2, 4, 8, 16, 32, 60, 60, 60].map(Duration::from_secs) {
            let pause = backoff.next();
            assert!(longest / 2 <= pause && pause <= longest, "{pause:?} of {longest:?}");
        }
    }
}
