//! What the short sessions mean, taken together.

use humantime::format_duration;

use crate::rtsp::headers::Transport;
use crate::rtsp::mask::masked_text;
use crate::rtsp::sdp::Media;
use crate::session::client::silence_hint;
use crate::session::probe::plan::{Fate, latest};
use crate::session::probe::{
    CarrierFound, Cut, DescriptionFound, KeepAliveFound, LoginFound, LoginState, Millis, Outcome, Plan, Probe, Results,
    ServerFound, SessionFound, Step, TrackFound, TransportFound,
};
use crate::session::{MediaTransport, SessionError};
use crate::time::Timestamp;

impl Plan {
    /// What was found out by these sessions. `carriers` has what carried each of them besides TCP, in their order.
    pub fn results<'a>(
        &self,
        now: Timestamp,
        probes: impl Iterator<Item = &'a Probe>,
        carriers: &[Option<CarrierFound>],
    ) -> Results {
        let probes: Vec<&Probe> = probes.collect();
        let mut transports: Vec<_> = self.media_steps().map(|step| self.transport(step, &probes, carriers)).collect();
        let alive = self.steps.iter().filter_map(|step| Some((step, step.keep_alive?)));
        let keep_alive = alive.map(|(step, method)| self.keep_alive(step, method, &probes)).collect();
        let best = self.best(&transports);
        let problem = best.is_none().then(|| problem(&transports));
        let record = best.map(|step| self.record(step, &probes));
        // The order of the steps is that of what may have to wait.
        transports.sort_by_key(|found| (found.tls && !self.config.url.is_secure(), found.transport == "http"));
        let source = source(&probes);
        Results {
            url: self.url(),
            server: source.map(server).unwrap_or_default(),
            login: login(&probes),
            description: source.and_then(description),
            session: session(source, &probes),
            transports,
            record,
            problem,
            keep_alive,
            interrupted: probes.iter().any(|probe| probe.is_interrupted()),
            took_ms: Millis(now.duration_since(self.began)),
        }
    }

    /// Why a step was not done.
    fn not_tried(&self, step: &Step, probes: &[&Probe]) -> &'static str {
        match self.fate(step, probes) {
            Fate::Skip(why) => why,
            _ if probes.iter().any(|probe| probe.is_interrupted()) => "interrupted",
            Fate::Go | Fate::Wait => "the time was up; --timeout allows more",
        }
    }

    fn transport(&self, step: &Step, probes: &[&Probe], carriers: &[Option<CarrierFound>]) -> TransportFound {
        let probe = latest(probes, step);
        let (result, status, detail) = match probe {
            Some(probe) => transport_outcome(probe),
            None => (Outcome::NotTried, None, self.not_tried(step, probes).to_owned()),
        };
        let place = probe.and_then(|probe| probes.iter().position(|other| std::ptr::eq(*other, probe)));
        let carrier = place.and_then(|place| carriers.get(place)?.as_ref());
        let setups = probe.iter().flat_map(|probe| probe.watch.answers("SETUP"));
        TransportFound {
            transport: step.transport.to_string().to_lowercase(),
            tls: step.url.is_secure(),
            port: step.port,
            result,
            status,
            detail,
            answered: setups
                .filter(|answer| answer.is_success())
                .filter_map(|answer| answer.transport.clone())
                .collect(),
            first_rtp_ms: probe.and_then(|probe| probe.watch.first_rtp_after()).map(Millis),
            rtp_packets: probe.map_or(0, |probe| probe.watch.rtp),
            rtp_bytes: probe.map_or(0, |probe| probe.watch.rtp_bytes),
            sender_reports: probe.map_or(0, |probe| probe.watch.sender_reports),
            carrier: carrier.map(|carrier| carrier.name.clone()),
            certificate: carrier.filter(|_| step.url.is_secure()).map(certificate),
        }
    }

    fn keep_alive(&self, step: &Step, method: &'static str, probes: &[&Probe]) -> KeepAliveFound {
        let Some(probe) = latest(probes, step) else {
            let detail = self.not_tried(step, probes).to_owned();
            return KeepAliveFound { method, result: Outcome::NotTried, status: None, took_ms: None, detail };
        };
        let answer = probe.tried_keep_alive().and_then(|exchange| exchange.answer.as_ref());
        let (result, detail) = match answer {
            Some(answer) => {
                let result = if answer.is_success() { Outcome::Works } else { Outcome::Refused };
                (result, format!("{} {}{}", answer.status, answer.reason, after_keep_alive(probe)))
            }
            None if probe.asked.is_none() => {
                let (result, _, detail) = transport_outcome(probe);
                (result, format!("no session: {detail}"))
            }
            None if probe.watch.closed => (Outcome::Closed, "closed the connection".to_owned()),
            None if matches!(probe.cut, Some(Cut::TimeIsUp | Cut::Interrupted)) => {
                (Outcome::NotTried, "the time was up; --timeout allows more".to_owned())
            }
            None => {
                let patience = format_duration(probe.patience.keep_alive);
                (Outcome::NoAnswer, format!("no answer within {patience}{}", after_keep_alive(probe)))
            }
        };
        let took_ms = answer.map(|answer| Millis(answer.took));
        KeepAliveFound { method, result, status: answer.map(|answer| answer.status), took_ms, detail }
    }

    /// What to record with: interleaved rather than datagrams, and at the URL's own port rather than elsewhere.
    fn best(&self, found: &[TransportFound]) -> Option<&Step> {
        let rank = |step: &&Step| {
            let elsewhere = self.steps.first().is_some_and(|first| first.port != step.port);
            (step.transport == MediaTransport::Multicast, elsewhere)
        };
        let works = self.media_steps().zip(found).filter(|(_, found)| found.result == Outcome::Works);
        works.map(|(step, _)| step).min_by_key(rank)
    }

    /// The command line that records over this.
    fn record(&self, step: &Step, probes: &[&Probe]) -> String {
        let mut words = vec!["rtsp-rec".to_owned(), "record".to_owned()];
        if step.transport != MediaTransport::Tcp {
            words.extend(["-t".to_owned(), step.transport.to_string().to_lowercase()]);
        }
        let user = self.config.credentials.as_ref().map(|login| &login.user);
        if let Some(user) = user.filter(|_| probes.iter().any(|probe| probe.is_proven())) {
            words.extend(["--user".to_owned(), user.clone()]);
        }
        words.extend(self.config.record_options.iter().cloned());
        words.push(masked_text(step.url.as_str()));
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// The session that tells most of the server.
fn source<'a>(probes: &[&'a Probe]) -> Option<&'a Probe> {
    let answered = |probe: &Probe| probe.watch.exchanges.iter().any(|exchange| exchange.answer.is_some());
    let ranks: [&dyn Fn(&Probe) -> bool; 3] =
        [&|probe| probe.watch.description.is_some(), &answered, &|probe| probe.watch.connected.is_some()];
    let best = ranks.iter().find_map(|rank| probes.iter().find(|probe| rank(probe)));
    best.or(probes.first()).copied()
}

fn server(probe: &Probe) -> ServerFound {
    let options = probe.watch.answers("OPTIONS").next();
    ServerFound {
        address: probe.watch.address(),
        connect_ms: probe.watch.connected.map(Millis),
        options_ms: options.map(|answer| Millis(answer.took)),
        options_status: options.map(|answer| answer.status),
        name: probe.watch.server.clone(),
        public: probe.client.dialog().public().to_vec(),
    }
}

fn login(probes: &[&Probe]) -> LoginFound {
    let Some(asked) = probes.iter().find(|probe| !probe.watch.logins.is_empty()) else { return LoginFound::default() };
    let any = |test: fn(&SessionError) -> bool| probes.iter().filter_map(|probe| probe.error()).any(test);
    let state = if probes.iter().any(|probe| probe.is_proven()) {
        LoginState::Accepted
    } else if any(|error| matches!(error, SessionError::CredentialsRefused { .. })) {
        LoginState::Refused
    } else if any(|error| matches!(error, SessionError::Authentication(_))) {
        LoginState::Unsupported
    } else {
        LoginState::Missing
    };
    let scheme = probes.iter().find_map(|probe| probe.client.login()).map(|(scheme, _)| scheme);
    LoginFound { state, scheme, offered: asked.watch.logins.clone() }
}

fn description(probe: &Probe) -> Option<DescriptionFound> {
    let dialog = probe.client.dialog();
    let found = dialog.description()?;
    let track = |(track, media): (usize, &Media)| {
        let format = media.formats.first();
        let encoding = format.and_then(|format| dialog.encoding(Some(track), format.payload_type));
        TrackFound {
            track,
            media: media.kind.clone(),
            payload_type: format.map(|format| format.payload_type),
            clock_rate_hz: encoding.as_ref().and_then(|encoding| encoding.clock_rate_hz),
            encoding: encoding.map(|encoding| encoding.name),
            control: media.control.as_deref().map(masked_text),
            fmtp: format.and_then(|format| format.fmtp.clone()),
        }
    };
    Some(DescriptionFound {
        bytes: probe.watch.description,
        name: found.name.clone(),
        control: found.control.as_deref().map(masked_text),
        range: found.range.clone(),
        tracks: found.media.iter().enumerate().map(track).collect(),
    })
}

fn session(source: Option<&Probe>, probes: &[&Probe]) -> SessionFound {
    let timeout = source.and_then(|probe| probe.client.dialog().session_timeout());
    let mut about_media = probes.iter().filter(|probe| probe.step.keep_alive.is_none());
    let teardown = about_media.find_map(|probe| probe.watch.answers("TEARDOWN").next());
    SessionFound {
        timeout_s: timeout.map(|timeout| timeout.as_secs()),
        teardown_ms: teardown.map(|answer| Millis(answer.took)),
        teardown_status: teardown.map(|answer| answer.status),
    }
}

fn certificate(carrier: &CarrierFound) -> String {
    carrier.doubt.clone().unwrap_or_else(|| "trusted".to_owned())
}

/// Some servers lose their way over a sign of life.
fn after_keep_alive(probe: &Probe) -> &'static str {
    let torn_down = probe.watch.exchanges.iter().rev().find(|exchange| exchange.method == "TEARDOWN");
    match torn_down {
        Some(teardown) if teardown.answer.is_none() && probe.watch.closed => "; the server closed the connection then",
        Some(teardown) if teardown.answer.is_none() => "; TEARDOWN after it was not answered",
        _ => "",
    }
}

/// What came of a session, the status that refused it, and why in words.
fn transport_outcome(probe: &Probe) -> (Outcome, Option<u16>, String) {
    match probe.error() {
        _ if probe.has_played() && probe.watch.rtp > 0 => (Outcome::Works, None, oddities(probe)),
        None | Some(SessionError::NoMedia { .. }) if probe.has_played() => (Outcome::NoMedia, None, no_media(probe)),
        Some(error) => failure(error),
        None => match probe.cut {
            Some(Cut::Interrupted) => (Outcome::NotTried, None, "interrupted".to_owned()),
            _ => (Outcome::NotTried, None, "the time was up; --timeout allows more".to_owned()),
        },
    }
}

fn failure(error: &SessionError) -> (Outcome, Option<u16>, String) {
    match error {
        SessionError::Refused { method, status, reason, .. } => {
            let outcome = if matches!(status, 453 | 503) { Outcome::Busy } else { Outcome::Refused };
            (outcome, Some(*status), format!("{method}: {status} {reason}"))
        }
        SessionError::OtherTransport { answered, .. } => {
            (Outcome::Refused, Some(200), format!("SETUP was answered with {answered} instead"))
        }
        SessionError::CredentialsNeeded { scheme } => {
            (Outcome::LoginNeeded, Some(401), format!("login needed ({scheme})"))
        }
        SessionError::CredentialsRefused { scheme } => {
            (Outcome::LoginNeeded, Some(401), format!("wrong user name or password ({scheme})"))
        }
        SessionError::Authentication(error) => (Outcome::LoginNeeded, Some(401), error.to_string()),
        SessionError::Resolve { why, .. } => (Outcome::NoConnection, None, format!("no address: {why}")),
        SessionError::Connect { why, .. } => (Outcome::NoConnection, None, in_short(why).to_owned()),
        SessionError::NoAnswer { method, after } => {
            (Outcome::NoAnswer, None, format!("no answer to {method} within {}", format_duration(*after)))
        }
        SessionError::Closed { during } => (Outcome::Closed, None, format!("closed the connection {during}")),
        SessionError::NoSockets { why, .. } => (Outcome::Failed, None, why.clone()),
        other => (Outcome::Failed, None, other.to_string()),
    }
}

/// Hints that name no option are for those who wanted just this, and numbers of errors for nobody.
fn in_short(why: &str) -> &str {
    let what = match why.split_once(';') {
        Some((what, hint)) if !hint.contains("--") => what,
        _ => why,
    };
    what.split_once(" (os error").map_or(what, |(what, _)| what)
}

fn no_media(probe: &Probe) -> String {
    let hint = silence_hint(probe.step.transport);
    format!("PLAY answered, but nothing came within {}; {hint}", format_duration(probe.patience.media))
}

/// The server took other channels than it was asked for.
fn renumbered(probe: &Probe) -> Option<String> {
    let channels = |text: &Option<String>| Transport::parse_all(text.as_deref()?).first()?.interleaved;
    let changed = probe.watch.exchanges.iter().filter(|exchange| exchange.method == "SETUP").any(|exchange| {
        let answered = exchange.answer.as_ref().and_then(|answer| channels(&answer.transport));
        answered.is_some() && answered != channels(&exchange.asked)
    });
    let setups = probe.client.dialog().setups();
    let taken: Vec<_> = setups.iter().filter_map(|setup| setup.channels).map(|(a, b)| format!("{a}-{b}")).collect();
    changed.then(|| format!("channels renumbered to {}", taken.join(", ")))
}

/// What is worth to know of a session that worked.
fn oddities(probe: &Probe) -> String {
    let dialog = probe.client.dialog();
    let setups = dialog.setups();
    let mut notes = Vec::from_iter(renumbered(probe));
    let own = probe.watch.address().map(|address| address.ip());
    let sources = setups.iter().filter_map(|setup| setup.transport.source).filter(|source| Some(*source) != own);
    notes.extend(sources.take(1).map(|source| format!("media from {source}")));
    notes.extend(setups.iter().filter(|setup| setup.transport.multicast).take(1).filter_map(|setup| {
        let (address, (port, _)) = (setup.transport.destination?, setup.transport.server_port?);
        Some(format!("group {address} port {port}"))
    }));
    if probe.step.transport == MediaTransport::Udp && setups.iter().any(|setup| setup.transport.server_port.is_none()) {
        notes.push("no server_port".to_owned());
    }
    if probe.step.url.is_secure() && !probe.step.transport.is_interleaved() {
        notes.push("media is not encrypted".to_owned());
    }
    if !probe.client.refusals().is_empty() {
        notes.push(format!("{} of the tracks refused", probe.client.refusals().len()));
    }
    if probe.watch.exchanges.iter().any(|exchange| exchange.method == "TEARDOWN" && exchange.answer.is_none()) {
        notes.push("TEARDOWN not answered".to_owned());
    }
    if let Some(error) = probe.error() {
        notes.push(failure(error).2);
    }
    notes.join("; ")
}

/// Why nothing works, in one line: what was tried first says it, unless it is about that transport alone.
fn problem(found: &[TransportFound]) -> String {
    let tried: Vec<&TransportFound> = found.iter().filter(|found| found.result != Outcome::NotTried).collect();
    let Some(first) = tried.first() else {
        let why = found.first().map(|found| found.detail.as_str()).unwrap_or_default();
        return format!("nothing could be found out: {why}");
    };
    if first.detail.starts_with("SETUP") || first.result == Outcome::NoMedia {
        let named = tried.iter().filter(|found| found.result != Outcome::NoConnection);
        let texts: Vec<String> = named.map(|found| format!("{} {}", name(found), found.detail)).collect();
        return format!("no transport works: {}", texts.join(", "));
    }
    // Who answers as RTSP does knows more than who does not.
    let is_dumb = |found: &TransportFound| {
        matches!(found.result, Outcome::NoConnection | Outcome::NoAnswer | Outcome::Closed)
            || found.detail.starts_with("GET")
    };
    match tried.iter().find(|found| !is_dumb(found)).filter(|_| is_dumb(first)) {
        Some(other) => format!("{} at port {}: {}{}", name(other), other.port, other.detail, hint(other)),
        None => format!("{}{}", first.detail, hint(first)),
    }
}

/// What to try.
fn hint(found: &TransportFound) -> &'static str {
    match (found.result, found.status) {
        (_, Some(404)) => "; is the path right?",
        (Outcome::NoAnswer, _) => "; --timeout waits longer",
        (Outcome::LoginNeeded, _) if found.detail.starts_with("login needed") => {
            "; give --user and RTSP_REC_PASSWORD or --password-file"
        }
        (Outcome::NoConnection, _) if found.detail.starts_with("no address") => "; is the name right?",
        (Outcome::NoConnection, _) if !found.detail.contains(';') => "; is the server running, and the port right?",
        _ => "",
    }
}

fn name(found: &TransportFound) -> &str {
    if found.tls && found.transport == "tcp" { "TLS" } else { &found.transport }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
