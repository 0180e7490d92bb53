//! A client and a server machine in a world without sockets: bytes take a fixed time from one to the other, and the
//! clock jumps to whatever comes next.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rtsp_rec::rtsp::demux::Demuxer;
use rtsp_rec::session::{Input, Machine, Output};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Close, Direction, Encapsulation, Flow, Payload, Tap, TraceEvent, UdpPath};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);
/// How long bytes take from one side to the other.
pub(crate) const LATENCY: Duration = Duration::from_millis(5);
/// Where the server is.
pub(crate) const SERVER: &str = "192.0.2.7:8600";

/// The server's RTP port of the first track.
pub(crate) const SERVER_RTP: u16 = 6970;

/// What is on its way to the other side.
enum Packet {
    Bytes(Vec<u8>),
    /// Over UDP, for this track's sockets.
    Datagram(usize, Vec<u8>),
    Connected,
    Refused,
    Fin,
}

/// One side's machine with its demuxer.
struct Side<'a> {
    machine: &'a mut dyn Machine,
    demuxer: Demuxer,
    inbox: VecDeque<(Timestamp, Packet)>,
    done: bool,
}

/// How the network behaves.
pub(crate) struct World {
    /// What the server's name stands for.
    pub(crate) addresses: Vec<SocketAddr>,
    /// When the user presses Ctrl-C.
    pub(crate) stop_at: Option<Timestamp>,
    /// When the server's connection ends.
    pub(crate) fin_at: Option<Timestamp>,
    /// No datagram gets through.
    pub(crate) udp_blocked: bool,
    /// No more sockets can be had.
    pub(crate) out_of_ports: bool,
    /// The client's tracks with sockets, and whether what comes is taken.
    pub(crate) opened: Vec<(usize, bool)>,
    /// When the server is gone: its connection ends, and nobody can connect.
    pub(crate) outages: VecDeque<(Timestamp, Timestamp)>,
    /// When somebody tried to connect.
    pub(crate) dialed: Vec<Timestamp>,
    /// There is a connection, or will be at once.
    pub(crate) connected: bool,
}

/// The client's RTP port for a track.
pub(crate) fn port_of(track: usize) -> u16 {
    50_000 + 2 * u16::try_from(track).unwrap()
}

impl Default for World {
    fn default() -> Self {
        let addresses = vec![SERVER.parse().unwrap()];
        Self {
            addresses,
            stop_at: None,
            fin_at: None,
            udp_blocked: false,
            out_of_ports: false,
            opened: Vec::new(),
            outages: VecDeque::new(),
            dialed: Vec::new(),
            connected: false,
        }
    }
}

impl World {
    /// Runs both machines until the client is done; gives the time when it was. What the client saw and sent goes to
    /// the tap.
    pub(crate) fn run(&mut self, client: &mut dyn Machine, server: &mut dyn Machine, tap: &mut dyn Tap) -> Timestamp {
        let mut now = START;
        let flow = Self::flow();
        let mut client = Side::new(client);
        let mut server = Side::new(server);
        loop {
            if self.stop_at.take_if(|at| *at <= now).is_some() {
                client.machine.handle(now, Input::Stop);
            }
            if self.fin_at.take_if(|at| *at <= now).is_some() {
                client.inbox.push_back((now + LATENCY, Packet::Fin));
            }
            let fails = self.outages.front().is_some_and(|(begin, _)| *begin == now);
            if fails && std::mem::take(&mut self.connected) {
                client.inbox.push_back((now, Packet::Fin));
            }
            self.outages.pop_front_if(|(_, end)| *end <= now);
            client.deliver(now, Direction::ServerToClient, &flow, tap);
            server.deliver(now, Direction::ClientToServer, &flow, &mut ());
            self.act(now, &mut client, &mut server.inbox, &flow, tap);
            self.act(now, &mut server, &mut client.inbox, &flow, &mut ());
            if client.done {
                return now;
            }
            let outage = self.outages.front().map(|(begin, end)| if *begin > now { *begin } else { *end });
            let due = [client.due(), server.due(), self.stop_at, self.fin_at, outage];
            let next = due.into_iter().flatten().min().expect("nothing will ever happen again");
            assert!(next.nanos_since(START) < 3_600_000_000_000, "an hour has passed");
            now = next.max(now);
        }
    }

    fn flow() -> Flow {
        let url = "rtsp://camera:8600/live".to_owned();
        let (client, server) = ("192.0.2.1:50001".parse().unwrap(), SERVER.parse().unwrap());
        Flow { id: 0, session: 0, url, client, server }
    }

    /// Does what a machine wants: what it sends is put in the other's inbox.
    fn act(
        &mut self,
        now: Timestamp,
        side: &mut Side<'_>,
        other: &mut VecDeque<(Timestamp, Packet)>,
        flow: &Flow,
        tap: &mut dyn Tap,
    ) {
        if side.machine.next_deadline().is_some_and(|deadline| deadline <= now) {
            side.machine.handle(now, Input::Wake);
        }
        loop {
            let Some(output) = side.machine.poll_output(now) else { return };
            match output {
                Output::Send(bytes) => {
                    record(tap, now, Direction::ClientToServer, flow, &bytes);
                    other.push_back((now + LATENCY, Packet::Bytes(bytes.into_owned())));
                }
                Output::Resolve { .. } => side.machine.handle(now, Input::Resolved(&self.addresses)),
                Output::Connect { address, .. } => {
                    // What came over the connection before is lost with it.
                    side.inbox.clear();
                    self.dialed.push(now);
                    let is_down = self.outages.front().is_some_and(|(begin, _)| *begin <= now);
                    let reachable = address == SERVER.parse().unwrap() && !is_down;
                    self.connected = reachable;
                    let answer = if reachable { Packet::Connected } else { Packet::Refused };
                    side.inbox.push_back((now + LATENCY, answer));
                }
                Output::OpenMedia { .. } if self.out_of_ports => {
                    side.machine.handle(now, Input::MediaFailed("no pair of UDP ports is free"));
                }
                Output::OpenMedia { track } => {
                    self.opened.push((track, false));
                    let rtp = port_of(track);
                    side.machine.handle(now, Input::MediaOpened { rtp, rtcp: rtp + 1 });
                }
                Output::TakeMedia(route) => {
                    let opened = self.opened.iter_mut().find(|(track, _)| *track == route.track);
                    opened.expect("the track has sockets").1 = true;
                }
                Output::CloseMedia { track } => {
                    self.opened.retain(|(opened, _)| track.is_some_and(|track| track != *opened));
                }
                Output::Datagram { track, rtcp, port, payload } => {
                    let payload = payload.into_owned();
                    self.datagram(now, (track, rtcp, port), payload, other, flow, tap);
                }
                Output::Disconnect | Output::Abort => {
                    self.connected = false;
                    other.push_back((now + LATENCY, Packet::Fin));
                }
                Output::Done => side.done = true,
            }
        }
    }
}

impl World {
    /// What the client sends is seen by the tap; what the server sends gets to the sockets of that port.
    fn datagram(
        &self,
        now: Timestamp,
        (track, rtcp, port): (usize, bool, u16),
        payload: Vec<u8>,
        other: &mut VecDeque<(Timestamp, Packet)>,
        flow: &Flow,
        tap: &mut dyn Tap,
    ) {
        let target =
            self.opened.iter().find(|(track, taken)| *taken && [port_of(*track), port_of(*track) + 1].contains(&port));
        match target {
            Some(_) if self.udp_blocked => {}
            Some((track, _)) => other.push_back((now + LATENCY, Packet::Datagram(*track, payload))),
            None => {
                let from = SocketAddr::new(flow.client.ip(), port_of(track) + u16::from(rtcp));
                let to = SocketAddr::new(flow.server.ip(), port);
                let payload = Payload::Datagram {
                    path: UdpPath::of_server(port - u16::from(rtcp)),
                    from,
                    to,
                    payload: &payload,
                    missing: 0,
                };
                tell(tap, now, Direction::ClientToServer, flow, payload);
            }
        }
    }
}

impl<'a> Side<'a> {
    fn new(machine: &'a mut dyn Machine) -> Self {
        Self { machine, demuxer: Demuxer::new(), inbox: VecDeque::new(), done: false }
    }

    /// When something happens to this side next.
    fn due(&self) -> Option<Timestamp> {
        let arrival = self.inbox.front().map(|(at, _)| *at);
        [arrival, self.machine.next_deadline()].into_iter().flatten().min()
    }

    /// Hands over what has arrived by now.
    fn deliver(&mut self, now: Timestamp, direction: Direction, flow: &Flow, tap: &mut dyn Tap) {
        while self.inbox.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, packet)) = self.inbox.pop_front() else { return };
            match packet {
                Packet::Bytes(bytes) => {
                    let mut pdus = self.demuxer.feed(&bytes);
                    while let Some(pdu) = pdus.next_pdu() {
                        tell(tap, now, direction, flow, Payload::Pdu(&pdu));
                        self.machine.handle(now, Input::Pdu(&pdu));
                    }
                    drop(pdus);
                    tell(tap, now, direction, flow, Payload::ReadEnd);
                }
                Packet::Datagram(track, payload) => {
                    let (from, to) = (SocketAddr::new(flow.server.ip(), SERVER_RTP), flow.client);
                    let event = Payload::Datagram {
                        path: UdpPath::of_server(SERVER_RTP),
                        from,
                        to,
                        payload: &payload,
                        missing: 0,
                    };
                    tell(tap, now, direction, flow, event);
                    self.machine.handle(
                        now,
                        Input::Datagram { track, path: UdpPath::of_server(SERVER_RTP), payload: &payload },
                    );
                }
                Packet::Connected => {
                    tell(
                        tap,
                        now,
                        Direction::ClientToServer,
                        flow,
                        Payload::Opened { started: now - LATENCY, carrier: Encapsulation::default() },
                    );
                    self.machine.handle(now, Input::Connected);
                }
                Packet::Refused => self.machine.handle(now, Input::ConnectFailed("connection refused")),
                Packet::Fin => self.machine.handle(now, Input::Closed(Close::Fin)),
            }
        }
    }
}

fn tell(tap: &mut dyn Tap, at: Timestamp, direction: Direction, flow: &Flow, payload: Payload<'_>) {
    tap.event(&TraceEvent { at, flow, direction, frame_number: None, payload }).unwrap();
}

/// What this side sends, as PDUs.
fn record(tap: &mut dyn Tap, now: Timestamp, direction: Direction, flow: &Flow, bytes: &[u8]) {
    let mut demuxer = Demuxer::new();
    let mut pdus = demuxer.feed(bytes);
    while let Some(pdu) = pdus.next_pdu() {
        tell(tap, now, direction, flow, Payload::Pdu(&pdu));
    }
    drop(pdus);
    tell(tap, now, direction, flow, Payload::ReadEnd);
}
