//! A recording served again: whoever records that gets the same media.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rtsp_rec::capture::Source;
use rtsp_rec::rtp::packet::RtpPacket;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::rtsp::message::{Message, StartLine};
use rtsp_rec::trace::{Direction, Payload, Tap, TraceEvent};

use crate::recorder::{record, rtsp_rec};
use crate::scene::Played;

/// `rtsp-rec replay`, gone with the value.
struct Replay(Child, String);

impl Replay {
    fn start(capture: &Path) -> Self {
        let mut command: Command = rtsp_rec();
        command.arg("replay").arg(capture).args(["--listen", "127.0.0.1:0", "--speed", "max"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("rtsp-rec can be run");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let serving = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("Serving ")?.to_owned()));
        let url = serving.expect("it says what it serves").split_whitespace().next().expect("a URL").to_owned();
        Self(child, url)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a session was made of, without what belongs to one client.
#[derive(Debug, Default, PartialEq, Eq)]
struct Essence {
    /// Every RTP and RTCP packet of the server, in its order.
    packets: Vec<Vec<u8>>,
    /// The names of the header fields of each successful answer to these methods.
    fields: Vec<(String, Vec<String>)>,
    sdp_lines: Vec<String>,
    asked: Vec<String>,
}

impl Tap for Essence {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        let Payload::Pdu(pdu) = event.payload else { return Ok(()) };
        match pdu.kind {
            PduKind::Interleaved { payload, .. } if event.direction == Direction::ServerToClient => {
                self.packets.push(payload.to_vec());
            }
            PduKind::Message { head, body } => self.message(&Message::new(head, body)),
            _ => {}
        }
        Ok(())
    }
}

impl Essence {
    fn of(capture: &Path) -> Self {
        let mut essence = Self::default();
        Source::read(std::fs::File::open(capture).expect("a capture"), &mut essence).expect("that can be read");
        essence
    }

    fn message(&mut self, message: &Message<'_>) {
        match message.start_line() {
            StartLine::Request { method, .. } => self.asked.push(method.into_owned()),
            StartLine::Response { status: Some(200), .. } => {
                let Some(method) = self.asked.last().filter(|method| matches!(&***method, "DESCRIBE" | "PLAY")) else {
                    return;
                };
                let names = message.fields().map(|(name, _)| name.into_owned()).collect();
                self.fields.push((method.clone(), names));
                if !message.body().is_empty() {
                    let text = String::from_utf8_lossy(message.body()).into_owned();
                    // Their URLs name the server.
                    self.sdp_lines = text.lines().filter(|line| !line.contains("://")).map(String::from).collect();
                }
            }
            StartLine::Response { .. } => {}
        }
    }
}

impl Played {
    /// Serves the recording and records that: the same packets in the same order, the same description, the same
    /// header fields.
    #[track_caller]
    pub(crate) fn check_replay(&self) {
        let original = Essence::of(&self.recording.file());
        let replay = Replay::start(&self.recording.file());
        let again = record(&replay.1, &["--idle-timeout".to_owned(), "2s".to_owned()], "");
        let served = Essence::of(&again.file());
        assert!(original.packets.iter().any(|packet| RtpPacket::parse(packet).is_ok()), "there is media");
        assert_eq!(original.packets.len(), served.packets.len(), "packets; {}", again.stderr());
        assert!(original.packets == served.packets, "other packets, or in another order");
        assert_eq!(original.sdp_lines, served.sdp_lines);
        for (method, names) in &served.fields {
            let recorded = original.fields.iter().rev().find(|(recorded, _)| recorded == method);
            assert_eq!(Some(names), recorded.map(|(_, names)| names), "header fields of the answer to {method}");
        }
    }
}
