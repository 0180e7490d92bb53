//! Media in datagrams, receiver reports, and the way from one transport to the next.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rtsp_rec::rtp::packet::is_rtcp;
use rtsp_rec::rtp::rtcp::{Compound, RtcpPacket};
use rtsp_rec::rtsp::demux::{Demuxer, PduKind};
use rtsp_rec::session::{
    Client, ClientConfig, Ending, Input, Machine, MediaTransport, Output, ReplayConfig, Script, Server, SessionError,
};
use rtsp_rec::time::Timestamp;
use rtsp_rec::trace::{Direction, Payload, Tap, TraceEvent};

use crate::world::{SERVER_RTP, START, World, port_of};
use crate::{config, flow, sample, scripted, scripted_frames, url_of};

use MediaTransport::{Multicast, Tcp, Udp};

/// What passed, as far as these tests look at it.
#[derive(Default)]
pub(crate) struct Seen {
    /// RTP packets over UDP and TCP.
    rtp: [u32; 2],
    requests: Vec<String>,
    /// What the client sent that is no request: RTP without payload, RR, BYE.
    sent: Vec<(Duration, &'static str)>,
    /// Ends of connections are not told; beginnings are.
    pub(crate) connections: u32,
}

impl Tap for Seen {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let (over_udp, payload) = match event.payload {
            Payload::Datagram { payload, .. } => (true, payload),
            Payload::Pdu(pdu) => match pdu.kind {
                PduKind::Interleaved { payload, .. } => (false, payload),
                PduKind::Message { head, .. } if event.direction == Direction::ClientToServer => {
                    self.requests.push(String::from_utf8_lossy(head).into_owned());
                    return Ok(());
                }
                _ => return Ok(()),
            },
            Payload::Opened { .. } => {
                self.connections += 1;
                return Ok(());
            }
            _ => return Ok(()),
        };
        if event.direction == Direction::ClientToServer {
            self.sent.push((event.at.duration_since(START), kind(payload)));
        } else if !is_rtcp(payload) {
            self.rtp[usize::from(!over_udp)] += 1;
        }
        Ok(())
    }
}

/// What a client's packet is, by what is last in it.
fn kind(payload: &[u8]) -> &'static str {
    match Compound::new(payload).last() {
        Some(Ok(RtcpPacket::ReceiverReport(_))) => "empty report",
        Some(Ok(RtcpPacket::SourceDescription(_))) => "report",
        Some(Ok(RtcpPacket::Goodbye(_))) => "goodbye",
        _ => "punch",
    }
}

impl Seen {
    fn methods(&self) -> Vec<&str> {
        self.requests.iter().filter_map(|request| request.split(' ').next()).collect()
    }

    /// What SETUPs asked for.
    pub(crate) fn asked(&self) -> Vec<&str> {
        self.requests.iter().filter_map(|request| request.split("\r\nTransport: ").nth(1)?.lines().next()).collect()
    }

    pub(crate) fn times_of(&self, kind: &str) -> Vec<Duration> {
        self.sent.iter().filter(|(_, sent)| *sent == kind).map(|(at, _)| *at).collect()
    }
}

pub(crate) fn over(transports: &[MediaTransport], url: &str) -> ClientConfig {
    let mut config = config(url);
    config.transports = transports.to_vec();
    config
}

pub(crate) fn play(
    config: ClientConfig,
    server: &mut dyn Machine,
    world: World,
) -> (Result<Ending, SessionError>, Duration, Seen) {
    let (client, took, seen) = play_on(config, server, world);
    (client.outcome().unwrap().clone(), took, seen)
}

fn play_on(config: ClientConfig, server: &mut dyn Machine, mut world: World) -> (Client, Duration, Seen) {
    let (mut client, mut seen) = (Client::new(config, START), Seen::default());
    let end = world.run(&mut client, server, &mut seen);
    (client, end.duration_since(START), seen)
}

/// A server that has UDP ports for so many tracks, for each connection anew.
pub(crate) struct Fresh {
    offer: Arc<ReplayConfig>,
    inner: Server,
    /// What is told in place of a transport asked for.
    misheard: Option<(&'static str, &'static str)>,
}

impl Fresh {
    pub(crate) fn of(script: Script, tracks: u16) -> Self {
        let ports = (0..tracks).map(|track| (SERVER_RTP + 2 * track, SERVER_RTP + 2 * track + 1));
        let offer = Arc::new(ReplayConfig::new(script).with_udp(ports.collect()));
        Self { inner: Self::server(&offer), offer, misheard: None }
    }

    fn server(offer: &Arc<ReplayConfig>) -> Server {
        Server::new(Arc::clone(offer), (flow().client, flow().server), 0, START)
    }
}

impl Machine for Fresh {
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match (input, self.misheard) {
            (Input::Closed(_), _) => self.inner = Self::server(&self.offer),
            (Input::Pdu(pdu), Some((asked, heard))) => {
                let text = String::from_utf8_lossy(pdu.raw).replace(asked, heard);
                let mut demuxer = Demuxer::new();
                let mut pdus = demuxer.feed(text.as_bytes());
                while let Some(pdu) = pdus.next_pdu() {
                    self.inner.handle(now, Input::Pdu(&pdu));
                }
            }
            _ => self.inner.handle(now, input),
        }
    }

    fn poll_output(&mut self, now: Timestamp) -> Option<Output<'_>> {
        self.inner.poll_output(now)
    }

    as_inner!();
}

pub(crate) const LIVE: &str = "rtsp://camera:8600/live";

#[test]
fn a_whole_session_over_udp() {
    let script = sample();
    let frames = u32::try_from(script.frame_count()).unwrap();
    let config = over(&[Udp], &url_of(&script));
    let (_, _, tcp) = play(over(&[Tcp], &url_of(&script)), &mut Fresh::of(sample(), 2), World::default());
    let (outcome, took, seen) = play(config, &mut Fresh::of(script, 2), World::default());
    assert_eq!(outcome, Ok(Ending::EndOfStream));
    assert_eq!((seen.rtp, seen.rtp[0]), ([tcp.rtp[1], 0], tcp.rtp[1]), "as many as over TCP, of {frames} frames");
    assert!((10..12).contains(&took.as_secs()), "{took:?}");
    assert_eq!(seen.methods(), ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]);
    let ports = |track| format!("RTP/AVP;unicast;client_port={}-{}", port_of(track), port_of(track) + 1);
    assert_eq!(seen.asked(), [ports(0), ports(1)]);
    let first: Vec<&str> = seen.sent.iter().map(|(_, kind)| *kind).take(4).collect();
    assert_eq!(first, ["punch", "empty report", "punch", "empty report"], "before anything comes");
    assert_eq!(seen.times_of("goodbye").len(), 2, "one for each track");
}

#[test]
fn reports_come_at_their_times_over_each_transport() {
    for (transport, punched) in [(Udp, 1), (Tcp, 0)] {
        let mut config = over(&[transport], LIVE);
        config.limits.duration = Some(Duration::from_mins(1));
        let (outcome, _, seen) = play(config, &mut Fresh::of(scripted("", "1", 70), 1), World::default());
        assert_eq!(outcome, Ok(Ending::LimitReached));
        assert_eq!(seen.times_of("punch").len(), punched);
        let reports = seen.times_of("report");
        assert!((2500..3800).contains(&reports[0].as_millis()), "{:?}", reports[0]);
        let mut apart = reports.windows(2).map(|pair| pair[1].as_millis() - pair[0].as_millis());
        assert!(apart.all(|apart| (5000..7500).contains(&apart)), "{reports:?}");
        assert!(reports.len() >= 9, "{reports:?}");
        assert_eq!(seen.times_of("goodbye").len(), 1);
        assert_eq!(seen.methods().last(), Some(&"TEARDOWN"));
    }
}

#[test]
fn the_session_is_kept_alive_by_requests_too() {
    let mut config = over(&[Udp], LIVE);
    config.limits.duration = Some(Duration::from_secs(18));
    let script = scripted("OPTIONS, DESCRIBE", "1;timeout=10", 21);
    let (outcome, _, seen) = play(config, &mut Fresh::of(script, 1), World::default());
    assert_eq!(outcome, Ok(Ending::LimitReached));
    assert_eq!(seen.methods().iter().filter(|method| **method == "OPTIONS").count(), 4, "at 0, 5, 10 and 15 s");
}

#[test]
fn limits_count_datagrams() {
    let mut config = over(&[Udp], LIVE);
    config.limits.packets = Some(100);
    let (outcome, took, seen) = play(config, &mut Fresh::of(scripted("", "1", 10), 1), World::default());
    assert_eq!((outcome, seen.rtp), (Ok(Ending::LimitReached), [100, 0]));
    assert_eq!(took.as_secs(), 2);
}

#[test]
fn a_refused_transport_leads_to_the_next_on_the_same_connection() {
    // It has no UDP ports, and no multicast.
    let mut config = over(&[Multicast, Udp, Tcp], LIVE);
    config.limits.packets = Some(50);
    let (client, _, seen) = play_on(config, &mut Fresh::of(scripted("", "1", 2), 0), World::default());
    assert_eq!(client.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!((seen.rtp, seen.connections), ([0, 50], 1));
    let udp = format!("RTP/AVP;unicast;client_port={}-{}", port_of(0), port_of(0) + 1);
    assert_eq!(seen.asked(), ["RTP/AVP;multicast", &udp, "RTP/AVP/TCP;unicast;interleaved=0-1"]);
    let [first, second] = client.fallbacks() else { panic!("{:?}", client.fallbacks()) };
    assert!(first.contains("461") && first.ends_with("changed to UDP"), "{first}");
    assert!(second.contains("461") && second.ends_with("changed to TCP"), "{second}");
}

#[test]
fn a_refused_transport_without_a_next_is_an_error() {
    let (outcome, _, _) = play(over(&[Udp], LIVE), &mut Fresh::of(scripted("", "1", 2), 0), World::default());
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("461") && error.contains("-t tcp"), "{error}");
}

#[test]
fn silence_leads_to_another_session_over_the_next_transport() {
    let mut config = over(&[Udp, Tcp], LIVE);
    config.timeouts.idle = Duration::from_secs(8);
    config.limits.packets = Some(50);
    let world = World { udp_blocked: true, ..World::default() };
    let (client, took, seen) = play_on(config, &mut Fresh::of(scripted("", "1", 20), 1), world);
    assert_eq!(client.outcome(), Some(&Ok(Ending::LimitReached)));
    assert_eq!((seen.rtp, seen.connections), ([0, 50], 2));
    assert_eq!((took.as_secs(), client.fallbacks().len()), (9, 1));
    assert_eq!(client.fallbacks()[0], "no media over UDP for 8s: changed to TCP");
    let setups = ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"];
    assert_eq!(seen.methods(), [&setups[..], &setups[..]].concat());
}

#[test]
fn silence_without_a_next_transport_says_what_to_try() {
    let world = World { udp_blocked: true, ..World::default() };
    let (outcome, took, _) = play(over(&[Udp], LIVE), &mut Fresh::of(scripted("", "1", 60), 1), world);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("over UDP") && error.contains("-t udp,tcp"), "{error}");
    assert_eq!(took.as_secs(), 30);
}

#[test]
fn media_that_stops_is_no_reason_to_change() {
    let mut config = over(&[Udp, Tcp], LIVE);
    config.timeouts.idle = Duration::from_secs(8);
    let script = scripted_frames("", "1", (0..100).chain([5000]));
    let (client, _, seen) = play_on(config, &mut Fresh::of(script, 1), World::default());
    let silent = SessionError::Idle { after: Duration::from_secs(8), unheard: None };
    assert_eq!((client.outcome(), seen.connections), (Some(&Err(silent)), 1));
}

#[test]
fn without_sockets_the_next_transport_is_used() {
    let world = || World { out_of_ports: true, ..World::default() };
    let mut config = over(&[Udp, Tcp], LIVE);
    config.limits.packets = Some(50);
    let (client, _, seen) = play_on(config, &mut Fresh::of(scripted("", "1", 20), 1), world());
    assert_eq!((client.outcome(), seen.rtp), (Some(&Ok(Ending::LimitReached)), [0, 50]));
    assert!(client.fallbacks()[0].contains("no pair of UDP ports is free"), "{:?}", client.fallbacks());
    let (outcome, _, _) = play(over(&[Udp], LIVE), &mut Fresh::of(scripted("", "1", 20), 1), world());
    assert!(outcome.unwrap_err().to_string().contains("no pair of UDP ports is free"));
}

/// What a server hears in place of the transport asked for, and what the client makes of the answer.
fn misheard(transports: &[MediaTransport], heard: (&'static str, &'static str)) -> (Client, Seen) {
    let mut config = over(transports, LIVE);
    config.limits.packets = Some(50);
    let mut server = Fresh { misheard: Some(heard), ..Fresh::of(scripted("", "1", 20), 1) };
    let (client, _, seen) = play_on(config, &mut server, World::default());
    (client, seen)
}

const UDP_AS_TCP: (&str, &str) = ("RTP/AVP;unicast;client_port=50000-50001", "RTP/AVP/TCP;unicast;interleaved=0-1");
const TCP_AS_UDP: (&str, &str) = ("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP;unicast;client_port=50000-50001");

#[test]
fn tcp_in_answer_to_udp_is_followed_where_it_may() {
    let (client, seen) = misheard(&[Udp, Tcp], UDP_AS_TCP);
    assert_eq!((client.outcome(), seen.rtp), (Some(&Ok(Ending::LimitReached)), [0, 50]));
    assert_eq!((seen.connections, client.fallbacks().len()), (1, 1));
    let (client, _) = misheard(&[Udp], UDP_AS_TCP);
    assert_eq!(client.outcome(), Some(&Err(SessionError::OtherTransport { asked: Udp, answered: Tcp })));
}

#[test]
fn udp_in_answer_to_tcp_is_followed_where_it_may() {
    let (client, seen) = misheard(&[Tcp, Udp], TCP_AS_UDP);
    assert_eq!((client.outcome(), seen.rtp), (Some(&Ok(Ending::LimitReached)), [50, 0]));
    assert_eq!((seen.connections, client.fallbacks().len()), (2, 1));
    let (client, _) = misheard(&[Tcp], TCP_AS_UDP);
    assert_eq!(client.outcome(), Some(&Err(SessionError::OtherTransport { asked: Tcp, answered: Udp })));
}

#[test]
fn media_may_outlive_its_connection() {
    let mut config = over(&[Udp], LIVE);
    config.limits.duration = Some(Duration::from_secs(20));
    let world = || World { fin_at: Some(START + Duration::from_secs(4)), ..World::default() };
    let (outcome, took, seen) = play(config, &mut Fresh::of(scripted("", "1", 30), 1), world());
    assert_eq!((outcome, took.as_secs()), (Ok(Ending::LimitReached), 20));
    assert!(seen.rtp[0] > 950 && seen.times_of("report").len() >= 3, "{:?}", seen.rtp);
    assert_eq!(seen.methods().last(), Some(&"PLAY"), "there is nobody to send TEARDOWN to");
    assert_eq!(seen.times_of("goodbye").len(), 1);

    let script = scripted_frames("", "1", (0..500).chain([5000]));
    let (outcome, took, _) = play(over(&[Udp], LIVE), &mut Fresh::of(script, 1), world());
    assert!(matches!(outcome, Err(SessionError::Closed { .. })), "{outcome:?}");
    assert_eq!(took.as_secs(), 15, "media for 10 s, and 5 s without any");
}

#[test]
fn ctrl_c_while_changing_ends_the_session() {
    let mut config = over(&[Udp, Tcp], LIVE);
    config.timeouts.idle = Duration::from_secs(8);
    let stop_at = Some(START + Duration::from_millis(8025));
    let world = World { udp_blocked: true, stop_at, ..World::default() };
    let (outcome, took, seen) = play(config, &mut Fresh::of(scripted("", "1", 20), 1), world);
    // It is not the user who has to wait longer.
    assert!(matches!(outcome, Err(SessionError::NoMedia { transport: Udp, .. })), "{outcome:?}");
    assert_eq!(seen.connections, 1);
    assert_eq!(took.as_secs(), 8);
}

/// A server whose answer to SETUP names a group.
struct Group {
    replies: VecDeque<Vec<u8>>,
    transport: &'static str,
}

impl Machine for Group {
    fn handle(&mut self, _: Timestamp, input: Input<'_>) {
        let Input::Pdu(pdu) = input else { return };
        let text = String::from_utf8_lossy(pdu.raw).into_owned();
        let cseq = text.split("CSeq: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default().to_owned();
        let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
        let fields = match text.split(' ').next() {
            Some("DESCRIBE") => {
                format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
            }
            Some("SETUP") => format!("Session: 1\r\nTransport: {}\r\n\r\n", self.transport),
            _ => "\r\n".to_owned(),
        };
        self.replies.push_back(format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{fields}").into_bytes());
    }

    fn poll_output(&mut self, _: Timestamp) -> Option<Output<'_>> {
        self.replies.pop_front().map(|reply| Output::Send(reply.into()))
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    fn is_over(&self) -> bool {
        false
    }

    fn url(&self) -> &'static str {
        ""
    }
}

#[test]
fn a_group_must_be_named_and_be_one() {
    for transport in ["RTP/AVP;multicast", "RTP/AVP;multicast;destination=192.0.2.7;port=5000-5001;ttl=4"] {
        let mut server = Group { replies: VecDeque::new(), transport };
        let (outcome, _, _) = play(over(&[Multicast], LIVE), &mut server, World::default());
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("multicast") && error.contains("no group"), "{error}");
    }
}
