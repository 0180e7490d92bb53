//! The UDP sockets of one client: a pair for each track, all under one token.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use crate::net::clock::Clock;
use crate::net::multicast;
use crate::net::receiving::{ReceiveRoom, Received, lost, prepare};
use crate::session::{Group, MediaRoute};
use crate::time::Timestamp;
use crate::trace::{Flow, UdpPath};

/// Bytes that are read before they are handed over.
const BATCH: usize = 256 << 10;
/// Room in the kernel for what comes while this side is busy: a second of 64 Mbit/s.
pub(super) const RECEIVE_BUFFER: usize = 8 << 20;
/// Errors of earlier packets (ICMP) that are passed over in a row.
const MAX_ERRORS: usize = 100;
/// The kernel stamps a packet a moment before the socket has it. A time that is farther off is one of a clock that was
/// set in between.
const STAMP_SLACK_NS: i64 = 100_000_000;

/// All sockets of a client.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    tracks: Vec<Track>,
    /// Something may be there to be read.
    pub(super) is_ready: bool,
    /// When nothing was left to be read.
    empty_at: Timestamp,
    /// Datagrams read so far.
    count: u64,
}

/// The sockets of a track.
#[derive(Debug)]
struct Track {
    number: usize,
    /// RTP, and RTCP unless it shares the port.
    sockets: [Option<Socket>; 2],
    taken: Option<TakenMedia>,
}

#[derive(Debug)]
struct Socket {
    inner: UdpSocket,
    /// Its own address; that of the group with multicast.
    address: SocketAddr,
    /// Datagrams that it had lost by the latest one.
    lost: u32,
    /// What was read and has to wait until older ones of other sockets are.
    heads: VecDeque<Head>,
    state: SocketState,
}

/// What is known of a socket in this round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketState {
    /// Nothing was read yet. Most often there is one datagram.
    Unread,
    /// One was there: there may be many.
    Busy,
    /// Nothing more is there.
    Empty,
}

#[derive(Debug)]
struct Head {
    received: Received,
    dropped: u32,
    bytes: Vec<u8>,
    /// Where the system tells no time, who was read first comes first.
    number: u64,
}

/// Media that is taken.
#[derive(Debug)]
struct TakenMedia {
    route: MediaRoute,
    flow: Flow,
}

/// A datagram that was read, in the order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) at: Timestamp,
    /// The place of its track among the sockets.
    place: usize,
    pub(super) track: usize,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// How many the kernel dropped right before it.
    pub(super) dropped: u32,
    pub(super) bytes: Vec<u8>,
}

impl Datagrams {
    /// Takes a pair that was bound for a track. Nothing is read from it yet.
    pub(super) fn add(&mut self, track: usize, pair: (UdpSocket, UdpSocket)) -> io::Result<(u16, u16)> {
        let (rtp, rtcp) = (Socket::new(pair.0)?, Socket::new(pair.1)?);
        let ports = (rtp.address.port(), rtcp.address.port());
        self.remove(Some(track));
        self.tracks.push(Track { number: track, sockets: [Some(rtp), Some(rtcp)], taken: None });
        Ok(ports)
    }

    /// Joins the group from which a track comes.
    pub(super) fn join(&mut self, track: usize, group: Group, local: SocketAddr) -> io::Result<()> {
        let (rtp, rtcp) = group.ports;
        let member = |port: u16| {
            let address = SocketAddr::new(group.address, port);
            multicast::join(address, local, group.ttl).map(|socket| Socket::at(socket, address))
        };
        let sockets = [Some(member(rtp)?), (rtcp != rtp).then(|| member(rtcp)).transpose()?];
        self.remove(Some(track));
        self.tracks.push(Track { number: track, sockets, taken: None });
        Ok(())
    }

    /// From now on, what comes for a track is taken.
    pub(super) fn take(&mut self, registry: &Registry, token: Token, route: MediaRoute, flow: Flow) -> io::Result<()> {
        let Some(track) = self.tracks.iter_mut().find(|track| track.number == route.track) else { return Ok(()) };
        for socket in track.sockets.iter_mut().flatten() {
            registry.register(&mut socket.inner, token, Interest::READABLE)?;
        }
        track.taken = Some(TakenMedia { route, flow });
        self.is_ready = true;
        Ok(())
    }

    /// Asks the system what it dropped that no datagram has told of: the connection of each track concerned, and how
    /// many.
    pub(super) fn drops(&mut self) -> impl Iterator<Item = (&Flow, u64)> {
        self.tracks.iter_mut().filter_map(|track| {
            let flow = &track.taken.as_ref()?.flow;
            let sockets = track.sockets.iter_mut().flatten();
            let dropped = sockets.map(|socket| u64::from(socket.drops())).sum();
            (dropped > 0).then_some((flow, dropped))
        })
    }

    /// Whether media is taken of a track, or of any.
    pub(super) fn takes(&self, track: Option<usize>) -> bool {
        self.tracks.iter().any(|known| known.taken.is_some() && track.is_none_or(|track| known.number == track))
    }

    /// Closes the sockets of a track, or of all.
    pub(super) fn remove(&mut self, track: Option<usize>) {
        match track {
            Some(track) => self.tracks.retain(|known| known.number != track),
            None => self.tracks.clear(),
        }
    }

    /// Whether a track has sockets here.
    pub(super) fn has(&self, track: usize) -> bool {
        self.tracks.iter().any(|known| known.number == track)
    }

    /// The connection and the path of what arrived.
    pub(super) fn owner(&self, arrived: &Arrived) -> Option<(&Flow, UdpPath)> {
        let TakenMedia { route, flow } = self.tracks.get(arrived.place)?.taken.as_ref()?;
        let server = flow.server.ip();
        Some((flow, route.path.sent_from(arrived.from, &[server, route.source.unwrap_or(server)])))
    }

    /// Reads what is there, at most [`BATCH`] and one more; gives it by time of arrival, over all sockets.
    pub(super) fn read(&mut self, clock: &Clock, room: &mut ReceiveRoom) -> Vec<Arrived> {
        // What comes now came behind this.
        let (before, floor) = (clock.now(), self.empty_at);
        self.sockets().for_each(|socket| socket.state = SocketState::Unread);
        let (mut heads, mut len) = (Vec::new(), 0);
        while len < BATCH {
            self.read_heads(room);
            let Some((place, to, head)) = self.take_oldest() else {
                self.empty_at = before;
                self.is_ready = false;
                break;
            };
            len += head.bytes.len();
            heads.push((place, to, head));
        }
        let (now, offset) = clock.now_and_offset();
        let arrive = |(place, to, head): (usize, SocketAddr, Head)| {
            let Head { received, dropped, bytes, .. } = head;
            let at = received.at.map_or(now, |stamp| arrival(stamp, offset, (floor, now)));
            let track = self.tracks.get(place).map_or(0, |track| track.number);
            Arrived { at, place, track, from: received.from, to, dropped, bytes }
        };
        heads.into_iter().map(arrive).collect()
    }

    /// Those whose media is taken.
    fn sockets(&mut self) -> impl Iterator<Item = &mut Socket> {
        let taken = self.tracks.iter_mut().filter(|track| track.taken.is_some());
        taken.flat_map(|track| track.sockets.iter_mut().flatten())
    }

    /// Reads more of each socket of which nothing waits.
    fn read_heads(&mut self, room: &mut ReceiveRoom) {
        let mut count = self.count;
        let without = |socket: &&mut Socket| socket.heads.is_empty() && socket.state != SocketState::Empty;
        for socket in self.sockets().filter(without) {
            socket.read_heads(room, &mut count);
        }
        self.count = count;
    }

    /// The oldest of those that wait, with the place of its track and where it went.
    fn take_oldest(&mut self) -> Option<(usize, SocketAddr, Head)> {
        let sockets = self.tracks.iter_mut().enumerate();
        let sockets = sockets.flat_map(|(place, track)| track.sockets.iter_mut().flatten().map(move |it| (place, it)));
        let waiting = sockets.filter_map(|(place, socket)| {
            let key = socket.heads.front().map(|head| (head.received.at, head.number))?;
            Some((key, place, socket))
        });
        let (_, place, socket) = waiting.min_by_key(|(key, ..)| *key)?;
        Some((place, socket.address, socket.heads.pop_front()?))
    }

    /// Sends a packet to a port of the server's, or of the group. If the system took it: the connection, the path
    /// of the track, and both ends.
    pub(super) fn send(
        &self,
        track: usize,
        rtcp: bool,
        port: u16,
        payload: &[u8],
    ) -> Option<(&Flow, UdpPath, SocketAddr, SocketAddr)> {
        let track = self.tracks.iter().find(|known| known.number == track)?;
        let TakenMedia { route, flow } = track.taken.as_ref()?;
        let [rtp_socket, rtcp_socket] = &track.sockets;
        let socket = rtcp_socket.as_ref().filter(|_| rtcp).or(rtp_socket.as_ref())?;
        // The scope of a link-local address is that of the connection.
        let mut to = flow.server;
        if let Some(address) = route.group.map(|group| group.address).or(route.source) {
            to.set_ip(address);
        }
        to.set_port(port);
        // What is lost here is one report of many.
        socket.inner.send_to(payload, to).ok()?;
        let from = SocketAddr::new(flow.client.ip(), socket.address.port());
        Some((flow, route.path, from, SocketAddr::new(to.ip(), port)))
    }
}

impl Socket {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        Ok(Self::at(socket, address))
    }

    fn at(socket: UdpSocket, address: SocketAddr) -> Self {
        prepare(&socket, RECEIVE_BUFFER);
        Self { inner: socket, address, lost: 0, heads: VecDeque::new(), state: SocketState::Unread }
    }

    /// How many the system has dropped since it was last known.
    fn drops(&mut self) -> u32 {
        lost(&self.inner).map_or(0, |lost| self.lost_until(lost))
    }

    /// How many more this count tells of. What the system was asked for may include what came behind a datagram that is
    /// read later.
    fn lost_until(&mut self, lost: u32) -> u32 {
        let more = lost.wrapping_sub(self.lost);
        if more > u32::MAX / 2 {
            return 0;
        }
        self.lost = lost;
        more
    }

    /// Reads the next datagrams, if there are any.
    fn read_heads(&mut self, room: &mut ReceiveRoom, count: &mut u64) {
        for _ in 0..MAX_ERRORS {
            let read = match self.state {
                SocketState::Unread => room.receive(&self.inner).map(|one| self.keep(one, count)),
                SocketState::Busy | SocketState::Empty => {
                    room.receive_more(&self.inner).map(|all| all.for_each(|one| self.keep(one, count)))
                }
            };
            match read {
                Ok(()) => return self.state = SocketState::Busy,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // That of an earlier packet, such as a port that nobody listens on; the next one may be good.
                Err(_) => {}
            }
        }
        self.state = SocketState::Empty;
    }

    fn keep(&mut self, (received, bytes): (Received, &[u8]), count: &mut u64) {
        let dropped = received.lost.map_or(0, |lost| self.lost_until(lost));
        self.heads.push_back(Head { received, dropped, bytes: bytes.to_vec(), number: *count });
        *count += 1;
    }
}

/// The kernel's time on this program's clock: not later than now, and, should the system's clock have been set since,
/// within the time in which it must have come.
fn arrival(stamp: i64, offset: i64, (floor, now): (Timestamp, Timestamp)) -> Timestamp {
    let at = Timestamp::from_nanos(stamp).plus_nanos(offset);
    let early = floor.nanos_since(at) > STAMP_SLACK_NS;
    let late = at.nanos_since(now) > STAMP_SLACK_NS;
    if early || late { now } else { at.min(now) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ports::Ports;

    const NOW: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);
    const SECOND: i64 = 1_000_000_000;

    const TOKEN: Token = Token(0);

    /// The sockets of one track, whose media is taken.
    fn taken(registry: &Registry) -> (Datagrams, u16) {
        let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut datagrams = Datagrams::default();
        let (rtp, _) = datagrams.add(3, Ports::default().bind_pair(local).unwrap()).unwrap();
        let flow = Flow { id: 0, session: 0, url: String::new(), client: local, server: local };
        let route = MediaRoute { track: 3, path: UdpPath::of_server(6970), source: None, group: None };
        datagrams.take(registry, TOKEN, route, flow).unwrap();
        (datagrams, rtp)
    }

    fn drain(datagrams: &mut Datagrams, clock: &Clock) -> Vec<Arrived> {
        let (mut room, mut all) = (ReceiveRoom::default(), Vec::new());
        datagrams.is_ready = true;
        while datagrams.is_ready {
            all.extend(datagrams.read(clock, &mut room));
        }
        all
    }

    /// The kernel begins to stamp datagrams a moment after the first socket asked for it.
    fn await_stamps(datagrams: &mut Datagrams, clock: &Clock, sender: &std::net::UdpSocket, port: u16) {
        let tries = if cfg!(target_os = "linux") { 1000 } else { 0 };
        for _ in 0..tries {
            sender.send_to(b"stamped?", ("127.0.0.1", port)).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(2));
            let before = clock.now();
            if drain(datagrams, clock).iter().all(|arrived| before.nanos_since(arrived.at) > 1_000_000) {
                return;
            }
        }
        assert_eq!(tries, 0, "the kernel never stamped a datagram");
    }

    #[test]
    fn datagrams_come_in_order_of_time_with_their_ends() {
        let (poll, clock) = (mio::Poll::new().unwrap(), Clock::start());
        let (mut datagrams, rtp) = taken(poll.registry());
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        await_stamps(&mut datagrams, &clock, &sender, rtp);
        // More than one round reads.
        for number in 0..100_u8 {
            let port = rtp + u16::from(number % 3 == 0);
            sender.send_to(&vec![number; 300 * usize::from(number)], ("127.0.0.1", port)).unwrap();
        }
        let arrived = drain(&mut datagrams, &clock);
        assert!(arrived.is_sorted_by_key(|arrived| arrived.at) && arrived.iter().all(|one| one.at <= clock.now()));
        assert!(arrived.iter().all(|one| one.from == sender.local_addr().unwrap() && one.track == 3));
        assert_eq!(datagrams.owner(&arrived[0]).unwrap().1.number(), 6970);
        for rtcp in [false, true] {
            let own = arrived.iter().filter(|arrived| arrived.to.port() == rtp + u16::from(rtcp));
            let sent = (0..100).filter(|number| (number % 3 == 0) == rtcp).map(|number| 300 * number);
            assert!(own.map(|arrived| arrived.bytes.len()).eq(sent), "RTCP: {rtcp}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_the_kernel_dropped_is_counted() {
        let (poll, clock) = (mio::Poll::new().unwrap(), Clock::start());
        let (mut datagrams, rtp) = taken(poll.registry());
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let sent = 12_000;
        (0..sent).for_each(|_| assert!(sender.send_to(&[7; 1400], ("127.0.0.1", rtp)).is_ok()));
        let first = drain(&mut datagrams, &clock).len();
        assert!(first < sent, "more than the buffer holds");
        // The count comes with the next datagram.
        sender.send_to(&[7; 1400], ("127.0.0.1", rtp)).unwrap();
        let [last] = &drain(&mut datagrams, &clock)[..] else { panic!("one more") };
        assert_eq!(first + usize::try_from(last.dropped).unwrap(), sent);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_the_kernel_dropped_last_is_counted_too() {
        for asked_first in [true, false] {
            let (poll, clock) = (mio::Poll::new().unwrap(), Clock::start());
            let (mut datagrams, rtp) = taken(poll.registry());
            let told = datagrams.sockets().map(|socket| lost(&socket.inner)).collect::<Vec<_>>();
            assert_eq!(told, [Some(0); 2], "the system tells, as yet of none");
            let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let sent = 12_000;
            (0..sent).for_each(|_| assert!(sender.send_to(&[7; 1400], ("127.0.0.1", rtp)).is_ok()));
            let dropped = |datagrams: &mut Datagrams| datagrams.drops().map(|(_, dropped)| dropped).sum::<u64>();
            let mut told = if asked_first { dropped(&mut datagrams) } else { 0 };
            let arrived = drain(&mut datagrams, &clock);
            told += arrived.iter().map(|one| u64::from(one.dropped)).sum::<u64>() + dropped(&mut datagrams);
            assert!(arrived.len() < sent, "more than the buffer holds");
            assert_eq!(arrived.len() + usize::try_from(told).unwrap(), sent);
            assert_eq!(dropped(&mut datagrams), 0, "told once");
        }
    }

    #[test]
    fn the_kernels_time_is_translated() {
        let window = (NOW.plus_nanos(-SECOND), NOW);
        // The system's clock is an hour ahead of this program's.
        let offset = -3600 * SECOND;
        let stamp = |before: i64| NOW.as_nanos() + 3600 * SECOND - before;
        assert_eq!(arrival(stamp(5_000_000), offset, window), NOW.plus_nanos(-5_000_000));
        assert_eq!(arrival(stamp(-3), offset, window), NOW, "not later than now");
        let hurried = NOW.plus_nanos(-SECOND - 2_000_000);
        assert_eq!(arrival(stamp(SECOND + 2_000_000), offset, window), hurried, "stamped before the socket had it");
    }

    #[test]
    fn a_step_of_the_systems_clock_does_not_show() {
        let window = (NOW.plus_nanos(-10_000_000), NOW);
        for step in [-3600 * SECOND, -SECOND, SECOND, 3600 * SECOND] {
            // Stamped before the step, translated behind it.
            assert_eq!(arrival(NOW.as_nanos() - 1_000_000, step, window), NOW);
        }
    }
}
