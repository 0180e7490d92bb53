//! Servers that have one transport for all tracks: what the client has heard of each.

use std::time::Duration;

use rtsp_rec::rtsp::demux::Demuxer;
use rtsp_rec::session::{Client, Input, Machine, MediaTransport, Output};
use rtsp_rec::trace::UdpPath;

use crate::config;
use crate::world::{START, port_of};

/// What to do next for a client.
enum Step {
    Resolve,
    Connect,
    Open(usize),
    Answer(String),
}

/// A server that answers each SETUP with this transport.
struct OnePath {
    client: Client,
    transport: &'static str,
    formats: [u8; 2],
}

impl OnePath {
    /// A client that plays.
    fn playing(over: MediaTransport, transport: &'static str, formats: [u8; 2]) -> Self {
        let mut config = config("rtsp://camera/live");
        config.transports = vec![over];
        let mut all = Self { client: Client::new(config, START), transport, formats };
        while let Some(step) = all.step() {
            match step {
                Step::Resolve => all.client.handle(START, Input::Resolved(&["192.0.2.2:554".parse().unwrap()])),
                Step::Connect => all.client.handle(START, Input::Connected),
                Step::Open(track) => {
                    let rtp = port_of(track);
                    all.client.handle(START, Input::MediaOpened { rtp, rtcp: rtp + 1 });
                }
                Step::Answer(request) => all.answer(&request),
            }
        }
        all
    }

    fn step(&mut self) -> Option<Step> {
        loop {
            return Some(match self.client.poll_output(START)? {
                Output::Resolve { .. } => Step::Resolve,
                Output::Connect { .. } => Step::Connect,
                Output::OpenMedia { track, .. } => Step::Open(track),
                Output::Send(bytes) => Step::Answer(String::from_utf8_lossy(&bytes).into_owned()),
                _ => continue,
            });
        }
    }

    fn answer(&mut self, request: &str) {
        let cseq = request.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap();
        let [video, audio] = self.formats;
        let sdp =
            format!("v=0\r\nm=video 0 RTP/AVP {video}\r\na=control:v\r\nm=audio 0 RTP/AVP {audio}\r\na=control:a\r\n");
        let fields = match request.split(' ').next().unwrap() {
            "DESCRIBE" => format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()),
            "SETUP" => format!("Session: 1\r\nTransport: {}\r\n\r\n", self.transport),
            _ => "Session: 1\r\n\r\n".to_owned(),
        };
        let text = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{fields}");
        self.client.handle(START, Input::Pdu(&Demuxer::new().feed(text.as_bytes()).next_pdu().unwrap()));
    }

    /// The tracks that are silent after 3 s, in which packets of these types came.
    fn silent_after(mut self, payload_types: &[u8]) -> Vec<usize> {
        for number in 0..30u8 {
            let at = START + Duration::from_millis(100) * u32::from(number);
            for payload_type in payload_types {
                let rtp =
                    [&[0x80, *payload_type, 0, number, 0, 0, 0, number, 0, 0, 0, *payload_type][..], &[0; 40]].concat();
                if self.transport.contains("interleaved") {
                    let frame = [&[b'$', 0, 0, 52][..], &rtp].concat();
                    self.client.handle(at, Input::Pdu(&Demuxer::new().feed(&frame).next_pdu().unwrap()));
                } else {
                    let path = UdpPath { server: 6000, client: port_of(0), ..UdpPath::default() };
                    self.client.handle(at, Input::Datagram { track: 0, path, payload: &rtp });
                }
            }
        }
        self.client.silent_tracks().map(|(track, _)| track).collect()
    }
}

const CHANNELS: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const PORTS: &str = "RTP/AVP;unicast;client_port=50000-50001;server_port=6000-6001";

#[test]
fn payload_types_tell_which_tracks_came() {
    for (over, transport) in [(MediaTransport::Tcp, CHANNELS), (MediaTransport::Udp, PORTS)] {
        let silent = |formats, came: &[u8]| OnePath::playing(over, transport, formats).silent_after(came);
        assert_eq!(silent([26, 0], &[26, 0]), Vec::<usize>::new(), "{transport}");
        assert_eq!(silent([26, 0], &[26]), [1], "{transport}");
        assert_eq!(silent([26, 0], &[0]), [0], "{transport}");
        // Whose it is can't be told: nobody is said to be silent.
        assert_eq!(silent([26, 26], &[26]), Vec::<usize>::new(), "{transport}");
    }
}
