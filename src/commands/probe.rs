//! `rtsp-rec probe`: what a server can do, found out by short sessions.

use std::io;
use std::path::Path;

use crate::capture::{Writer, WriterOptions};
use crate::cli::{APPLICATION, ProbeArgs, ProbeFormat};
use crate::commands::monitor::show;
use crate::commands::output::{FileCare, Names, Output, complete, print, system};
use crate::commands::{hiding, login, signals, trust};
use crate::error::Error;
use crate::net::{Clock, EventLoop};
use crate::report::probe;
use crate::session::probe::{CarrierFound, Plan, Probe, ProbeConfig};
use crate::trace::{Payload, Tap, TraceEvent};

/// Probes, and prints what was found.
pub(super) fn run(args: &ProbeArgs) -> Result<(), Error> {
    let clock = Clock::start();
    let config = config(args)?;
    hiding::hide(&args.masking.mask, [(&config.url, config.credentials.as_ref())]);
    let trust = trust::of(&args.tls)?;
    let plan = Plan::new(config, clock.now());
    let writer =
        args.output.as_deref().map(|path| begin(args, path, &hiding::rules().masked(&plan.url()))).transpose()?;
    let mut event_loop = EventLoop::<Probe>::new(clock).map_err(Error::EventLoop)?;
    event_loop.stop_on_signals(&signals::of_an_end()).map_err(Error::EventLoop)?;
    event_loop.trust(trust);
    if let Some(ports) = args.port_range {
        event_loop.use_ports(ports);
    }
    let mut tap = (writer, Watcher { verbose: args.verbose, carriers: Vec::new() });
    let probed = event_loop.run_more(&mut tap, |running| plan.next(clock.now(), running.machines()));
    let (writer, watcher) = tap;
    finish(args, writer, probed)?;
    let results = plan.results(clock.now(), event_loop.machines(), &watcher.carriers);
    let text = match args.format {
        ProbeFormat::Table => probe::table(&results),
        ProbeFormat::Json => probe::json(&results).map_err(|error| Error::Stdout(error.into()))?,
    };
    let printed = print(args.output.as_deref(), &text).map_err(Error::Stdout);
    match results.problem {
        Some(problem) => {
            let first = format!("{}: {problem}", results.url);
            Err(Error::Sessions { failed: 1, sessions: 1, first })
        }
        None => printed,
    }
}

fn config(args: &ProbeArgs) -> Result<ProbeConfig, Error> {
    let password = login::password(args.login.password_file.as_deref())?;
    let (url, credentials) = login::target("URL", &args.url, args.login.user.as_deref(), password.as_deref())?;
    Ok(ProbeConfig {
        url,
        credentials,
        user_agent: args.user_agent.clone(),
        timeout: args.timeout,
        seed: fastrand::u64(..),
        record_options: record_options(args),
    })
}

/// What a recording needs as well.
fn record_options(args: &ProbeArgs) -> Vec<String> {
    let mut options = Vec::new();
    if let Some(path) = &args.tls.tls_ca {
        options.extend(["--tls-ca".to_owned(), path.display().to_string()]);
    }
    if args.tls.insecure {
        options.push("--insecure".to_owned());
    }
    if let Some((first, last)) = args.port_range {
        options.extend(["--port-range".to_owned(), format!("{first}-{last}")]);
    }
    options
}

fn begin(args: &ProbeArgs, path: &Path, url: &str) -> Result<Writer<Output>, Error> {
    let care = FileCare { overwrite: args.force, ..FileCare::default() };
    let output = Output::create(Names::one(path.to_owned()), care)?;
    let comment =
        format!("What {APPLICATION} sent and received while it probed {url}. Each session is one of its tries.");
    let application = APPLICATION.to_owned();
    let options =
        WriterOptions { application, os: system(), comment, masking: hiding::rules(), ..WriterOptions::default() };
    Writer::new(output, options).map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn finish(args: &ProbeArgs, writer: Option<Writer<Output>>, probed: io::Result<()>) -> Result<(), Error> {
    let (Some(writer), Some(path)) = (writer, &args.output) else { return probed.map_err(Error::EventLoop) };
    complete(writer, probed).map(drop).map_err(|source| Error::Write { path: path.clone(), source })
}

/// Sees what carries each session, and shows what passes.
struct Watcher {
    verbose: bool,
    /// By the number of the session.
    carriers: Vec<Option<CarrierFound>>,
}

impl Tap for Watcher {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        if self.verbose {
            show(event);
        }
        let Payload::Opened { carrier, .. } = event.payload else { return Ok(()) };
        let session = event.flow.session;
        self.carriers.resize(self.carriers.len().max(session + 1), None);
        if let Some(place) = self.carriers.get_mut(session).filter(|_| !carrier.name.is_empty()) {
            *place = Some(CarrierFound {
                name: carrier.name.to_owned(),
                doubt: carrier.certificate_warning.map(ToOwned::to_owned),
            });
        }
        Ok(())
    }
}
