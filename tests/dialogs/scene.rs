//! A recording of a scripted server: set up, played, looked at.

use std::sync::Arc;

use crate::front::Front;
use crate::gate::{PASSWORD, USER};
use crate::recorder::{Flow, Recording, record};
use crate::server::{Log, Server};
use crate::transcript::{Transcript, word};

/// What is to be played.
pub(crate) struct Scene {
    transcript: Arc<Transcript>,
    host: &'static str,
    args: Vec<String>,
    password: String,
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) transcript: Arc<Transcript>,
    pub(crate) recording: Recording,
    /// The connections of the capture.
    pub(crate) flows: Vec<Flow>,
    /// One for each connection.
    pub(crate) logs: Vec<Log>,
    /// `host:port` of the server.
    pub(crate) authority: String,
    /// How its URLs begin.
    pub(crate) scheme: &'static str,
}

impl Scene {
    /// A recording of the server of this transcript, for 300 ms.
    pub(crate) fn of(name: &str) -> Self {
        let args = vec!["--keep-credentials".to_owned()];
        Self { transcript: Arc::new(Transcript::load(name)), host: "127.0.0.1", args, password: PASSWORD.to_owned() }
            .lasts("300ms")
    }

    /// More arguments.
    pub(crate) fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    /// Records so long.
    pub(crate) fn lasts(mut self, time: &str) -> Self {
        self.args.retain(|arg| !arg.starts_with("--duration="));
        self.args.push(format!("--duration={time}"));
        self
    }

    /// Records until the stream ends.
    pub(crate) fn until_its_end(mut self) -> Self {
        self.args.retain(|arg| !arg.starts_with("--duration="));
        self
    }

    /// Masks credentials in the capture.
    pub(crate) fn masked(mut self) -> Self {
        self.args.retain(|arg| arg != "--keep-credentials");
        self
    }

    /// Records some packets, or as the transcript says.
    pub(crate) fn by_transcript(mut self) -> Self {
        self.args.retain(|arg| !arg.starts_with("--duration="));
        if !self.transcript.args.iter().any(|arg| arg.starts_with("--duration=")) {
            self.args.push("--max-packets=120".to_owned());
        }
        self.args.extend(self.transcript.args.iter().cloned());
        let (user, password) = self.transcript.login.clone().unwrap_or((USER.to_owned(), PASSWORD.to_owned()));
        self.password = password;
        if self.transcript.target.is_none() {
            self.args.extend(["--user".to_owned(), user]);
        }
        let host = if self.transcript.authority().starts_with('[') { "::1" } else { self.host };
        self.at(host)
    }

    /// As the user whom the server knows.
    pub(crate) fn with_user(self) -> Self {
        self.with(&["--user", USER])
    }

    /// With a password that the server does not know.
    pub(crate) fn with_password(mut self, password: &'static str) -> Self {
        self.password = String::from(password);
        self.with_user()
    }

    /// Serves at another address than 127.0.0.1.
    pub(crate) fn at(mut self, host: &'static str) -> Self {
        self.host = host;
        self
    }

    /// Plays it.
    pub(crate) fn play(self) -> Played {
        self.try_play(&[]).expect("a free port")
    }

    /// Plays it where the host can be served at; `places` stand for others in what the server says.
    pub(crate) fn try_play(self, places: &[(&str, String)]) -> Option<Played> {
        let server = Server::start(Arc::clone(&self.transcript), self.host, places)?;
        let authority = server.address.to_string();
        let url = self.transcript.target.as_deref().unwrap_or(self.transcript.url());
        let url = url.replace(self.transcript.authority(), &authority);
        let recording = record(&url, &self.args, &self.password);
        let (flows, logs) = (recording.flows(), server.finish());
        Some(Played { transcript: self.transcript, recording, flows, logs, authority, scheme: "rtsp" })
    }

    /// Plays it to something that gets its URL.
    pub(crate) fn serve<T>(self, to: impl FnOnce(&str) -> T) -> T {
        let server = Server::start(Arc::clone(&self.transcript), self.host, &[]).expect("a free port");
        let served = to(&self.transcript.url().replace(self.transcript.authority(), &server.address.to_string()));
        server.finish();
        served
    }

    /// Plays it behind something that the client takes for the server.
    pub(crate) fn behind(self, front: &Front, scheme: &'static str) -> Played {
        let (args, password) = (self.args.clone(), self.password.clone());
        let transcript = Arc::clone(&self.transcript);
        let (recording, logs) = self.serve_behind(front, scheme, |url| record(url, &args, &password));
        let (flows, authority) = (recording.flows(), front.address.to_string());
        Played { transcript, recording, flows, logs, authority, scheme }
    }

    /// The same, with another way to record it.
    pub(crate) fn behind_with<T>(self, front: &Front, scheme: &str, record: impl FnOnce(&str) -> T) -> T {
        self.serve_behind(front, scheme, record).0
    }

    fn serve_behind<T>(self, front: &Front, scheme: &str, record: impl FnOnce(&str) -> T) -> (T, Vec<Log>) {
        let (from, to) = (format!("rtsp://{}", self.transcript.authority()), format!("{scheme}://{}", front.address));
        let server = Server::start(Arc::clone(&self.transcript), self.host, &[(&from, to.clone())]);
        let server = server.expect("a free port");
        front.lead_to(server.address);
        let recorded = record(&self.transcript.url().replace(&from, &to));
        (recorded, server.finish())
    }
}

impl Played {
    /// All messages of the client's, of all connections.
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.logs.iter().flat_map(|log| &log.messages).map(String::as_str).collect()
    }

    /// The client's requests of this method.
    pub(crate) fn requests(&self, method: &str) -> Vec<&str> {
        self.messages().into_iter().filter(|message| word(message, 0) == method).collect()
    }

    /// A recorded text as this server says it.
    pub(crate) fn placed(&self, text: &str) -> String {
        let (from, to) =
            (format!("rtsp://{}", self.transcript.authority()), format!("{}://{}", self.scheme, self.authority));
        text.replace(&from, &to).replace(self.transcript.authority(), &self.authority)
    }
}
