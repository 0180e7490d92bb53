//! `rtsp-rec record`: sessions to captures.

mod descriptors;
mod recordings;
mod report;
mod shortage;
mod targets;

use std::io::{self, Write};
use std::time::Duration;

use crate::cli::RecordArgs;
use crate::commands::hiding;
use crate::commands::inputs::raise_file_limit;
use crate::commands::monitor::Monitor;
use crate::commands::output::{Disk, print};
use crate::commands::terminal::warning;
use crate::commands::{signals, trust};
use crate::error::Error;
use crate::net::{Clock, EventLoop, SettlingLimits, Trust};
use crate::session::Reconnecting;
use crate::time::Timestamp;
use crate::trace::{Readiness, Tap, TraceEvent};

use recordings::Recordings;
use targets::Plan;

/// How long what was recorded may take to get where it belongs, when the recording is over: who reads the output may have
/// stopped, and a disk may be full.
const LIMITS: SettlingLimits = SettlingLimits {
    stuck: Duration::from_secs(10),
    stopped: Duration::from_secs(3),
    // A slow disk may have hundreds of megabytes to sync, or a thousand files.
    stopped_in_all: Duration::from_mins(1),
};

/// Records all sessions, then says what it got.
pub(super) fn run(args: &RecordArgs) -> Result<(), Error> {
    let clock = Clock::start();
    let mut plan = Plan::make(args, clock.now())?;
    let logins = plan.targets.iter().map(|target| (&target.config.url, target.config.credentials.as_ref()));
    hiding::hide(&args.masking.mask, logins);
    let masking = hiding::rules();
    let trust = trust::of(&args.tls)?;
    let urls: Vec<String> = plan.targets.iter().map(|target| masking.masked(target.config.url.as_str())).collect();
    plan.fit(raise_file_limit());
    let mut event_loop = event_loop(args, clock, trust)?;
    let disk = Disk::start(event_loop.waker()).map_err(Error::EventLoop)?;
    let mut recordings = Recordings::begin(args, &plan, &urls, disk)?;
    if !args.quiet {
        tell_of_beginning(&plan, &recordings);
    }
    // A pipe that nobody reads could not be opened so far, and whoever waits for that may press Ctrl-C.
    event_loop.stop_on_signals(&signals::of_an_end()).map_err(Error::EventLoop)?;
    let mut shown = Vec::new();
    for (place, (target, url)) in plan.targets.iter().zip(&urls).enumerate() {
        if plan.shortage(place).is_none() && recordings.begin_session(target.file) {
            let seed = fastrand::u64(..);
            event_loop.add(Reconnecting::new(target.config.clone(), args.reconnect, seed, clock.now()));
            shown.push(url.clone());
        }
    }
    let monitor = Monitor::new(&shown, args.quiet, args.verbose, clock.now());
    let mut tap = RecordTap { recordings, monitor };
    let ran = event_loop.run(&mut tap);
    let RecordTap { mut recordings, monitor } = tap;
    monitor.clear();
    recordings.finish();
    event_loop.wait_until(LIMITS, || recordings.settling()).map_err(Error::EventLoop)?;
    recordings.settle();
    ran.map_err(Error::EventLoop)?;
    let sessions = report::sessions(&urls, &plan, &recordings, event_loop.machines());
    let text = report::text(&monitor, &sessions, &recordings);
    let printed = if args.quiet { Ok(()) } else { print(plan.files.first().map(AsRef::as_ref), &text) };
    // A reader that is gone does not make a failed recording a good one.
    report::outcome(&sessions, &mut recordings)?;
    printed.map_err(Error::Stdout)
}

fn event_loop(args: &RecordArgs, clock: Clock, trust: Trust) -> Result<EventLoop<Reconnecting>, Error> {
    let mut event_loop = EventLoop::new(clock).map_err(Error::EventLoop)?;
    event_loop.trust(trust);
    if let Some(ports) = args.transport.port_range {
        event_loop.use_ports(ports);
    }
    Ok(event_loop)
}

/// What was done about earlier recordings, and what can't be recorded: whoever has it run for weeks wants to know now.
fn tell_of_beginning(plan: &Plan, recordings: &Recordings) {
    let adopted = recordings.adopted().map(|line| hiding::shown(line));
    let lines = adopted.chain(plan.shortages().map(|text| warning(&text)));
    // What can't be told is no reason not to record.
    lines.for_each(|line| drop(writeln!(io::stderr(), "{line}")));
}

/// The files, and what a person sees.
struct RecordTap {
    recordings: Recordings,
    monitor: Monitor,
}

impl Tap for RecordTap {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        self.recordings.event(event)?;
        self.monitor.event(event)
    }

    fn readiness(&self, session: usize) -> Readiness {
        self.recordings.readiness(session)
    }

    fn tick(&mut self, now: Timestamp) -> io::Result<()> {
        self.recordings.tick(now)?;
        while let Some(notice) = self.recordings.notice(now) {
            self.monitor.warn(&notice);
        }
        self.monitor.tick(now)
    }
}
