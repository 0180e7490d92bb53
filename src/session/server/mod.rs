//! The server's side: plays a [`Script`](crate::session::Script) to one client, with the recorded answers and at the
//! recorded times.

mod answer;
mod loop_offsets;
mod player;
mod replay_config;
mod transport;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::rtsp::demux::PduKind;
use crate::rtsp::headers::Session;
use crate::rtsp::message::{Message, StartLine};
use crate::session::faults::{FaultError, Faults, Login, SplitWrites, without_faults};
use crate::session::script::End;
use crate::session::{Input, Machine, Output};
use crate::time::Timestamp;
use crate::trace::Close;

pub use replay_config::{ReplayConfig, ReportClock, SlowClient, Speed};

use answer::{Request, ServedResponse};
use player::{Player, Step};
use transport::{Delivery, Offered};

/// A client that asks for nothing and gets nothing for so long is let go: the timeout of RFC 2326 (section 12.37).
const IDLE: Duration = Duration::from_mins(1);
/// A client that is so far behind is slow.
const SLOW: Duration = Duration::from_secs(1);
/// Frames that leave in one go.
const BATCH: usize = 64 << 10;

/// The server machine, one for each connection.
///
/// [`session`](crate::session) has an example.
#[derive(Debug)]
pub struct Server {
    offer: Arc<ReplayConfig>,
    client: SocketAddr,
    /// Where it reached this server.
    reached_at: SocketAddr,
    /// The identifier of the session, once a track is set up.
    session: Option<String>,
    /// What the identifier is made of.
    number: u64,
    outputs: VecDeque<Output<'static>>,
    /// How each track of the script gets to the client.
    deliveries: Vec<Option<Delivery>>,
    player: Player,
    faults: Faults,
    /// The URL whose query named them.
    faults_from: Option<String>,
    login: Login,
    split_writes: Option<SplitWrites>,
    /// What is left of an answer or frame that leaves in parts.
    parts: VecDeque<Vec<u8>>,
    /// The answer to PLAY and those behind it, until what was recorded before it has left.
    held: VecDeque<Vec<u8>>,
    /// Frames being sent, with their headers.
    batch: Vec<u8>,
    idle_since: Timestamp,
    done: bool,
}

impl Server {
    /// A server for a client that has just connected to it, from `client` to `server`. `number` tells its sessions from
    /// those of others.
    pub fn new(
        offer: Arc<ReplayConfig>,
        (client, server): (SocketAddr, SocketAddr),
        number: u64,
        now: Timestamp,
    ) -> Self {
        let faults = offer.faults.clone();
        Self {
            client,
            reached_at: server,
            session: None,
            number,
            outputs: VecDeque::new(),
            deliveries: vec![None; offer.script.tracks().len()],
            player: Player::new(Arc::clone(&offer), faults.clone()),
            login: faults.login(),
            split_writes: faults.split_writes(),
            faults,
            faults_from: None,
            parts: VecDeque::new(),
            held: VecDeque::new(),
            batch: Vec::new(),
            idle_since: now,
            done: false,
            offer,
        }
    }

    fn request(&mut self, now: Timestamp, message: &Message<'_>) {
        let StartLine::Request { method, url } = message.start_line() else { return };
        self.idle_since = now;
        let request = Request { message, method: &method, url: &url, reached_at: self.reached_at };
        if let Err(error) = self.adopt_faults(request.url) {
            return self.send(ServedResponse::plain(400, now, &request).with_text(&format!("{error}\r\n")));
        }
        if let Some(challenges) = self.login.check(request.method, message) {
            let answer = ServedResponse::plain(401, now, &request);
            return self.send(
                challenges.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value)).finish(),
            );
        }
        let response = match request.method {
            method if self.faults.refusal(method).is_some() => {
                refusal(now, &request, self.faults.refusal(method).unwrap_or(500))
            }
            _ if !self.knows_session(&request) => refusal(now, &request, 454),
            "DESCRIBE" if !self.offer.serves(request.url) => refusal(now, &request, 404),
            "DESCRIBE" => self.describe(now, &request),
            "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" => self.recorded(now, &request).finish(),
            "SETUP" => self.set_up(now, &request),
            "PLAY" => return self.play(now, &request),
            "PAUSE" => {
                self.player.pause(now);
                self.recorded(now, &request).finish()
            }
            "TEARDOWN" => return self.tear_down(now, &request),
            _ => refusal(now, &request, 501),
        };
        self.send(response);
    }

    /// A URL may name faults of its own, as long as nothing is played. Those of the first such URL count.
    fn adopt_faults(&mut self, url: &str) -> Result<(), FaultError> {
        if self.player.is_playing() || self.session.is_some() || matches!(without_faults(url), Cow::Borrowed(_)) {
            return Ok(());
        }
        self.faults = self.offer.faults_at(url)?;
        self.player = Player::new(Arc::clone(&self.offer), self.faults.clone());
        self.split_writes = self.faults.split_writes();
        let asked = url.to_owned();
        if self.faults_from.as_ref() != Some(&asked) {
            // Who logs in goes through several requests to the same URL.
            self.login = self.faults.login();
            self.faults_from = Some(asked);
        }
        Ok(())
    }

    /// Answers leave in the order of their requests (RFC 2326, section 10).
    fn send(&mut self, bytes: Vec<u8>) {
        if self.held.is_empty() && !self.player.has_early() {
            self.outputs.push_back(Output::Send(Cow::Owned(bytes)));
        } else {
            self.held.push_back(bytes);
        }
    }

    /// A request may lack the session, but not name another one (RFC 2326, section 12.37).
    fn knows_session(&self, request: &Request<'_>) -> bool {
        let named = request.message.header("Session").and_then(|value| Session::parse(&value));
        named.is_none_or(|named| self.session.as_ref() == Some(&named.id))
    }

    /// The recorded answer to this method, or a plain one.
    fn recorded(&self, now: Timestamp, request: &Request<'_>) -> ServedResponse<'_> {
        let answer = ServedResponse::new(self.offer.script.answer(request.method), now, request)
            .of_session(self.session.as_deref());
        if request.method == "OPTIONS" { answer.or_header("Public", transport::METHODS) } else { answer }
    }

    fn describe(&self, now: Timestamp, request: &Request<'_>) -> Vec<u8> {
        let recorded = self.offer.script.success(request.method);
        let answer = ServedResponse::new(recorded, now, request).of_session(self.session.as_deref());
        answer.with_description(self.offer.script.description())
    }

    fn set_up(&mut self, now: Timestamp, request: &Request<'_>) -> Vec<u8> {
        let script = &self.offer.script;
        let Some(index) = script.track_at(&without_faults(request.url)) else { return refusal(now, request, 404) };
        if let Some(refused) = script.setup_refusal(index) {
            return ServedResponse::new(Some(refused), now, request).of_session(self.session.as_deref()).finish();
        }
        let asked = request.message.header("Transport").unwrap_or_default();
        let recorded = script.setup_answer(index);
        let offered = Offered { track: index, udp: self.offer.udp_ports.get(index).copied() };
        let Some(delivery) = offered.accept(&asked, &self.deliveries) else { return refusal(now, request, 461) };
        let template = recorded.as_ref().and_then(|answer| answer.header("Transport"));
        let transport = delivery.transport(template.as_deref(), self.faults.hides_channels(index));
        let session = self.session.get_or_insert_with(|| answer::session_id(script, self.number)).clone();
        if let Some(entry) = self.deliveries.get_mut(index) {
            *entry = Some(delivery);
        }
        let template = recorded.or_else(|| script.success("SETUP"));
        let answer = ServedResponse::new(template, now, request).of_session(Some(&session)).with_transport(&transport);
        // What no answer to SETUP was recorded of still has to name its session.
        if template.is_none() { answer.or_header("Session", &session).finish() } else { answer.finish() }
    }

    fn play(&mut self, now: Timestamp, request: &Request<'_>) {
        if self.deliveries.iter().all(Option::is_none) {
            let refusal = refusal(now, request, 455);
            return self.send(refusal);
        }
        let answer =
            ServedResponse::new(self.offer.script.play_answer(), now, request).of_session(self.session.as_deref());
        // These tell of the start.
        let answer = if self.player.has_begun() { answer.without(&["RTP-Info", "Range"]) } else { answer };
        self.player.play(now);
        self.send(answer.finish());
    }

    fn tear_down(&mut self, now: Timestamp, request: &Request<'_>) {
        let named = self.offer.script.track_at(&without_faults(request.url));
        let set_up = self.deliveries.iter().flatten().count();
        if let Some(index) = named.filter(|_| set_up > 1) {
            let answer = self.recorded(now, request).without(&["Connection"]).finish();
            self.send(answer);
            if let Some(delivery) = self.deliveries.get_mut(index) {
                *delivery = None;
            }
            return;
        }
        let answer = self.recorded(now, request).finish();
        self.send(answer);
        self.player.stop();
        self.deliveries.fill(None);
        self.session = None;
        if self.offer.script.closes_after_teardown() {
            self.end(Output::Disconnect);
        }
    }

    /// The connection ends, after what is in line.
    fn end(&mut self, how: Output<'static>) {
        if !self.done {
            self.done = true;
            self.player.stop();
            self.outputs.extend([how, Output::Done]);
        }
    }

    /// What a client that does not keep up has coming.
    fn judge_pace(&mut self, now: Timestamp) {
        let late = self.player.due().is_some_and(|due| due + SLOW < now);
        if !late || self.offer.speed == Speed::Max {
            return;
        }
        match self.offer.slow_client {
            SlowClient::Wait => {}
            SlowClient::Drop => self.player.skip_to(now),
            // What waits for it is lost: it would not fetch that either.
            SlowClient::Close => {
                self.outputs.clear();
                self.end(Output::Abort);
            }
        }
    }

    /// Gathers what is due. A datagram leaves alone.
    fn next_media(&mut self, now: Timestamp) -> Option<Output<'_>> {
        self.batch.clear();
        let batch = if self.split_writes.is_some() { 1 } else { BATCH };
        while self.batch.len() < batch {
            let deliveries = &self.deliveries;
            match self.player.next(now, !self.held.is_empty(), deliveries, &mut self.batch) {
                Step::Composed => {}
                Step::Nothing => break,
                Step::Datagram { track, rtcp, port } => {
                    let payload = Cow::Borrowed(self.player.payload());
                    return Some(Output::Datagram { track, rtcp, port, payload });
                }
                Step::Cut => {
                    self.end(Output::Disconnect);
                    break;
                }
                Step::End(end) => {
                    match end {
                        End::Open => {
                            self.player.stop();
                            self.idle_since = now;
                        }
                        End::Closed { close: Close::Reset, .. } => self.end(Output::Abort),
                        End::Closed { .. } | End::Unknown => self.end(Output::Disconnect),
                    }
                    break;
                }
            }
        }
        if self.batch.is_empty() { self.outputs.pop_front() } else { Some(Output::Send(Cow::Borrowed(&self.batch))) }
    }

    /// What leaves next, as a whole.
    fn next_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        self.judge_pace(now);
        if !self.player.has_early()
            && let Some(answer) = self.held.pop_front()
        {
            return Some(Output::Send(Cow::Owned(answer)));
        }
        self.next_media(now)
    }

    /// The address of the client.
    pub fn client(&self) -> SocketAddr {
        self.client
    }
}

impl Machine for Server {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Pdu(pdu) if !self.done => {
                if let PduKind::Message { head, body } = pdu.kind {
                    self.request(now, &Message::new(head, body));
                }
            }
            Input::Closed(_) | Input::Stop => {
                self.outputs.clear();
                self.end(Output::Disconnect);
            }
            Input::Wake => {
                self.judge_pace(now);
                if !self.player.is_playing() && self.idle_since + IDLE <= now {
                    self.end(Output::Disconnect);
                }
            }
            _ => {}
        }
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        if let Some(part) = self.parts.pop_front() {
            return Some(Output::Send(Cow::Owned(part)));
        }
        let Some(mut split_writes) = self.split_writes.take() else { return self.next_output(now) };
        let whole = match self.next_output(now) {
            Some(Output::Send(bytes)) => Ok(bytes.into_owned()),
            Some(Output::Datagram { track, rtcp, port, payload }) => {
                Err(Some(Output::Datagram { track, rtcp, port, payload: Cow::Owned(payload.into_owned()) }))
            }
            Some(Output::Disconnect) => Err(Some(Output::Disconnect)),
            Some(Output::Abort) => Err(Some(Output::Abort)),
            Some(_) => Err(Some(Output::Done)),
            None => Err(None),
        };
        let output = match whole {
            Ok(bytes) => {
                let mut rest = bytes.as_slice();
                for size in split_writes.sizes(bytes.len()) {
                    let (part, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
                    self.parts.push_back(part.to_vec());
                    rest = behind;
                }
                self.parts.pop_front().map(|part| Output::Send(Cow::Owned(part)))
            }
            Err(other) => other,
        };
        self.split_writes = Some(split_writes);
        output
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        if self.done {
            return None;
        }
        self.player.due().or((!self.player.is_playing()).then_some(self.idle_since + IDLE))
    }

    fn is_over(&self) -> bool {
        self.done
    }

    fn url(&self) -> &str {
        self.offer.script.url()
    }
}

fn refusal(now: Timestamp, request: &Request<'_>, status: u16) -> Vec<u8> {
    ServedResponse::plain(status, now, request).finish()
}
