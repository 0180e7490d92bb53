//! The client's side of a recorded session once more, against a live server: the same requests, in their order and at
//! their times, with what must be another for this server.
//!
//! [`Rerun`] sends the requests of a `Script` to another server, each at its recorded time and not before the answers
//! that the recorded client had by then (`rerun/plan.rs`). `rerun/fit.rs` changes of a request what must change, and
//! leaves every other byte; `rerun/names.rs` finds the live URL of a recorded one. It logs what came of each request,
//! which `analysis::comparison` holds against the recording. docs/replay.md has the rules.

mod answered;
mod ending;
mod live;
mod log;
mod names;
mod perform;
mod plan;
mod request_rewrite;
mod transport;

use std::collections::VecDeque;
use std::time::Duration;

use thiserror::Error;

use crate::rtsp::demux::PduKind;
use crate::rtsp::mask::masked_text;
use crate::rtsp::message::Message;
use crate::rtsp::url::{Credentials, RtspUrl};
use crate::session::authorization::Authorization;
use crate::session::client::Timeouts;
use crate::session::dialer::{Dial, Dialer};
use crate::session::{Dialog, Ending, Input, Machine, Output, Script, SessionError};
use crate::time::Timestamp;

pub use log::{Fate, Performed, Reply};

use live::Live;
use log::Log;
use names::Names;
use plan::Plan;

/// What a [`Rerun`] has to know besides the script.
#[derive(Clone, Debug)]
pub struct RerunConfig {
    /// Where the live server is.
    pub url: RtspUrl,
    /// Name and password, where the server asks for them.
    pub credentials: Option<Credentials>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// Why a script can't be performed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RerunError {
    /// The recorded client sent media itself.
    #[error("the recorded client publishes ({0}); only sessions that play can be replayed to a server")]
    Publishes(&'static str),
}

/// The client machine that performs a script again.
#[derive(Debug)]
pub struct Rerun {
    script: Script,
    config: RerunConfig,
    shown: String,
    phase: RerunPhase,
    outputs: VecDeque<Output<'static>>,
    dialer: Dialer,
    /// When the first connection stood.
    opened: Option<Timestamp>,
    dialog: Dialog,
    names: Names,
    plan: Plan,
    /// The request that comes next.
    next: usize,
    /// The receiver report that comes next.
    next_frame: usize,
    /// For each request whether its answer is awaited no more.
    settled: Vec<bool>,
    /// The highest sequence number so far.
    cseq: Option<u32>,
    authorization: Authorization,
    /// The credentials were refused, or lack: cameras lock an account after a few tries.
    locked_out: bool,
    pending: Vec<PendingRequest>,
    /// One that goes out again on a new connection, and whether there may still be one.
    resumed: Option<PendingRequest>,
    resumable: bool,
    live: Live,
    log: Log,
    notes: Vec<String>,
    played: Option<Timestamp>,
    deadline_of_teardown: Option<Timestamp>,
    outcome: Option<Result<Ending, SessionError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RerunPhase {
    Dialing,
    Running,
    /// A TEARDOWN of our own is the last word.
    TearingDown,
    Done,
}

/// A request that waits for its answer.
#[derive(Clone, Debug)]
struct PendingRequest {
    exchange: Option<usize>,
    /// Its place in the log.
    place: usize,
    cseq: u32,
    sent: Timestamp,
    deadline: Timestamp,
    /// How often it went out with credentials.
    attempts: u8,
    /// Its Transport header, for SETUP.
    transport: Option<String>,
    /// Whether the end waits for it.
    awaited: bool,
}

impl Rerun {
    /// A client that starts at `now` by looking up its server.
    ///
    /// # Errors
    /// If the recorded client did what this one can't.
    pub fn new(script: Script, config: RerunConfig, now: Timestamp) -> Result<Self, RerunError> {
        refuse_publishers(&script)?;
        let mut rerun = Self {
            shown: masked_text(config.url.as_str()),
            phase: RerunPhase::Dialing,
            outputs: VecDeque::new(),
            dialer: Dialer::new(&config.url, config.timeouts.connect),
            opened: None,
            dialog: Dialog::new(),
            names: Names::new(&script),
            plan: Plan::new(script.exchanges()),
            next: 0,
            next_frame: 0,
            settled: vec![false; script.exchanges().len()],
            cseq: None,
            authorization: Authorization::new(config.credentials.clone()),
            locked_out: false,
            pending: Vec::new(),
            resumed: None,
            resumable: true,
            live: Live::default(),
            log: Log::default(),
            notes: Vec::new(),
            played: None,
            deadline_of_teardown: None,
            outcome: None,
            script,
            config,
        };
        let resolve = rerun.dialer.resolve(now);
        rerun.outputs.push_back(resolve);
        Ok(rerun)
    }

    /// How it ended; `None` before it has. It fails only if there was no connection at all.
    pub fn outcome(&self) -> Option<&Result<Ending, SessionError>> {
        self.outcome.as_ref().filter(|_| self.phase == RerunPhase::Done)
    }

    /// What is performed.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The URL that is asked for, without user part.
    pub fn asked_url(&self) -> &str {
        self.config.url.as_str()
    }

    /// What was asked and what came of it, in the order of sending.
    pub fn performed(&self) -> &[Performed] {
        self.log.entries()
    }

    /// What had to be done otherwise than then.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// When the live server answered PLAY with success.
    pub fn played_at(&self) -> Option<Timestamp> {
        self.played
    }

    /// The live track that a recorded one stands for.
    pub fn live_track(&self, recorded: usize) -> Option<usize> {
        names::live_track(&self.script, &self.dialog, recorded)
    }

    /// Does whatever is due.
    fn advance(&mut self, now: Timestamp) {
        while self.phase == RerunPhase::Running && self.due().is_some_and(|due| due <= now) {
            let index = self.next;
            self.next += 1;
            self.perform(now, index);
        }
        self.send_reports(now);
        if self.phase == RerunPhase::Running && self.leaves_at().is_some_and(|at| at <= now) {
            self.leave(now);
        }
    }

    /// The live time of something recorded so long after the connection opened.
    fn time_of(&self, recorded: i64) -> Option<Timestamp> {
        Some(self.opened? + Duration::from_nanos(u64::try_from(recorded).unwrap_or(0)))
    }

    /// When the next request is due; `None` as long as an answer lacks, and behind the last.
    fn due(&self) -> Option<Timestamp> {
        let exchange = self.script.exchanges().get(self.next)?;
        let settled = |before: &usize| self.settled.get(*before).copied().unwrap_or(true);
        self.plan.waits_for(self.next).iter().all(settled).then(|| self.time_of(exchange.at)).flatten()
    }

    /// When the connection ends; `None` as long as something is to be sent or awaited.
    fn leaves_at(&self) -> Option<Timestamp> {
        let over = self.next >= self.script.exchanges().len() && !self.pending.iter().any(|pending| pending.awaited);
        over.then(|| self.time_of(self.script.left().at)).flatten()
    }

    fn dial(&mut self, dial: Dial) {
        match dial {
            Dial::Do(output) => self.outputs.push_back(output),
            // A server that was there and is gone has ended the session.
            Dial::Fail(_) if self.opened.is_some() => self.end("the server could not be reached again"),
            Dial::Fail(error) => {
                self.outcome.get_or_insert(Err(error));
                self.end("there was no connection");
            }
        }
    }

    fn connected(&mut self, now: Timestamp) {
        self.dialer.connected();
        self.phase = RerunPhase::Running;
        self.opened.get_or_insert(now);
        if let Some(pending) = self.resumed.take() {
            self.transmit(now, pending);
        }
    }

    fn wake(&mut self, now: Timestamp) {
        if let Some(dial) = self.dialer.wake(now) {
            return self.dial(dial);
        }
        if self.deadline_of_teardown.is_some_and(|deadline| deadline <= now) {
            return self.end("the session was torn down");
        }
        let late = |pending: &mut PendingRequest| pending.deadline <= now;
        let late: Vec<PendingRequest> = self.pending.extract_if(.., late).collect();
        for pending in &late {
            self.settle(pending);
        }
    }

    /// Nothing more is awaited of a request.
    fn settle(&mut self, pending: &PendingRequest) {
        if let Some(settled) = pending.exchange.and_then(|exchange| self.settled.get_mut(exchange)) {
            *settled = true;
        }
    }

    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|other| other == note) {
            self.notes.push(note.to_owned());
        }
    }
}

fn refuse_publishers(script: &Script) -> Result<(), RerunError> {
    let publishes = |name: &&str| script.exchanges().iter().any(|exchange| exchange.method == *name);
    let found = ["ANNOUNCE", "RECORD"].into_iter().find(publishes);
    found.map_or(Ok(()), |method| Err(RerunError::Publishes(method)))
}

impl Machine for Rerun {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            _ if self.phase == RerunPhase::Done => return,
            Input::Resolved(addresses) if self.phase == RerunPhase::Dialing => {
                let dial = self.dialer.resolved(now, addresses);
                self.dial(dial);
            }
            Input::ResolveFailed(why) if self.phase == RerunPhase::Dialing => {
                let dial = self.dialer.unresolved(why);
                self.dial(dial);
            }
            Input::ConnectFailed(why) if self.phase == RerunPhase::Dialing => {
                let dial = self.dialer.next(now, why);
                self.dial(dial);
            }
            Input::Connected if self.phase == RerunPhase::Dialing => self.connected(now),
            Input::Pdu(pdu) => {
                if let PduKind::Message { head, body } = pdu.kind {
                    self.message(now, &Message::new(head, body));
                }
            }
            Input::Closed(_) => self.closed(now),
            Input::Stop => self.stop(now),
            Input::Wake => self.wake(now),
            // Its media comes on the connection, without a tunnel; all else has its phase.
            _ => {}
        }
        self.advance(now);
    }

    fn poll_output(&mut self, _: Timestamp) -> Option<Output<'_>> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        if self.phase == RerunPhase::Done {
            return None;
        }
        let running = self.phase == RerunPhase::Running;
        let own = [self.due(), self.next_report(), self.leaves_at()].into_iter().flatten().filter(|_| running).min();
        let pending = self.pending.iter().map(|pending| pending.deadline).min();
        [self.dialer.deadline(), own, pending, self.deadline_of_teardown].into_iter().flatten().min()
    }

    fn is_over(&self) -> bool {
        self.phase == RerunPhase::Done
    }

    fn url(&self) -> &str {
        &self.shown
    }
}
