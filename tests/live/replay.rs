//! Captures of real servers, served again: to this tool, and to real players.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rtsp_rec::capture::Source;
use rtsp_rec::rtp::packet::is_rtcp;
use rtsp_rec::rtsp::demux::PduKind;
use rtsp_rec::trace::{Direction, Payload, Tap, TraceEvent};

use crate::peers::Peer;
use crate::process::{Running, await_that, run};
use crate::recorder::{Place, RECORD_LIMIT, record, rtsp_rec, size, sum, table};
use crate::wire::Wire;

/// A player that starts up, plays ten seconds and ends.
const PLAYER_LIMIT: Duration = Duration::from_mins(1);

/// `rtsp-rec replay`, ended when dropped.
pub(crate) struct Replay {
    process: Running,
    pub(crate) url: String,
}

impl Replay {
    pub(crate) fn start(capture: &Path, options: &[&str]) -> Self {
        let mut command = rtsp_rec();
        command.arg("replay").arg(capture).args(["--listen", "127.0.0.1:0"]).args(options);
        let process = Running::start(&mut command);
        let line = process.line_with("Serving ", RECORD_LIMIT);
        let url = line.split_whitespace().nth(1).expect("a URL").to_owned();
        Self { process, url }
    }

    fn port(&self) -> u16 {
        let (_, rest) = self.url.split_once("127.0.0.1:").expect("on loopback");
        rest.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port())).expect("the server is up")
    }

    /// Ends it as Ctrl-C does.
    fn stop(self) {
        self.process.signal("INT");
        self.process.finish(RECORD_LIMIT).expect_code(0);
    }
}

/// The packets that a server sent, in their order: RTP or RTCP of each media flow.
#[derive(Debug, Default)]
struct Packets(Vec<Vec<u8>>);

impl Tap for Packets {
    fn event(&mut self, event: &TraceEvent<'_>) -> io::Result<()> {
        match event.payload {
            _ if event.direction == Direction::ClientToServer || event.flow.id > 0 => {}
            Payload::Datagram { payload, .. } => self.0.push(payload.to_vec()),
            Payload::Pdu(pdu) => {
                if let PduKind::Interleaved { payload, .. } = pdu.kind {
                    self.0.push(payload.to_vec());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn packets(capture: &Path) -> Vec<Vec<u8>> {
    let mut packets = Packets::default();
    Source::read(std::fs::File::open(capture).expect("a capture"), &mut packets).expect("that can be read");
    packets.0
}

/// Serves a capture and records that: the same packets in the same order, the same streams but for times.
#[track_caller]
fn round_trip(capture: &Path) {
    let place = Place::new();
    let sent = place.dir().join("sent.pcapng");
    let replay = Replay::start(capture, &["--speed", "max", "--record", &sent.display().to_string()]);
    record(&replay.url, &place.file(), &["--idle-timeout", "2s"]);
    replay.stop();
    let original = packets(capture);
    assert!(original.len() > 50, "{} packets in {}", original.len(), capture.display());
    for (what, again) in [("received", packets(&place.file())), ("sent", packets(&sent))] {
        assert_eq!(original.len(), again.len(), "packets {what}");
        assert!(original == again, "other packets {what}, or in another order");
    }
    let timeless = ["track", "ssrc", "packets", "payload_bytes", "first_seq", "last_ext_seq", "lost", "missing"];
    let timeless =
        timeless.iter().chain(&["duplicates", "reordered", "restarts", "marker_packets", "sr_count", "cname"]);
    let rows = |file: &Path| -> Vec<Vec<String>> {
        let rows = table(file, "streams");
        let rows = rows.iter().filter(|row| row["direction"] == "s2c" && row["session"] == "1");
        let mut rows: Vec<Vec<String>> =
            rows.map(|row| timeless.clone().map(|column| row[*column].clone()).collect()).collect();
        rows.sort();
        rows
    };
    assert_eq!(rows(capture), rows(&place.file()));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn samples_come_back_as_they_were() {
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").read_dir().expect("samples") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "pcapng") {
            round_trip(&path);
        }
    }
}

/// A session of ffmpeg as tcpdump sees it.
fn tapped(server: &Peer, place: &Place, path: &str, transport: &str) -> PathBuf {
    let wire = if transport == "udp" { Wire::tap_with_udp(place, server.port) } else { Wire::tap(place, server.port) };
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", &server.url(path)]);
    run(command.args(["-t", "4", "-map", "0", "-c", "copy", "-f", "null", "-y", "-"]), PLAYER_LIMIT).expect_code(0);
    wire.stop().file
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_tcp_comes_back() {
    let place = Place::new();
    round_trip(&tapped(&Peer::gstreamer(&[]), &place, "av", "tcp"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn gstreamer_over_udp_comes_back() {
    let place = Place::new();
    round_trip(&tapped(&Peer::gstreamer(&[]), &place, "live", "udp"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn aio_rtsp_toolkit_comes_back() {
    let place = Place::new();
    round_trip(&tapped(&Peer::aio(), &place, "h264_aac.mp4", "tcp"));
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn vlc_over_udp_comes_back() {
    let place = Place::new();
    round_trip(&tapped(&Peer::vlc(), &place, "x", "udp"));
}

/// ffmpeg decodes every frame: their hashes by stream.
fn start_framemd5(url: &str, transport: &str, file: &Path) -> Running {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-fps_mode", "passthrough"]);
    Running::start(command.args(["-map", "0", "-f", "framemd5", "-y"]).arg(file))
}

/// Size and hash of each picture, in their order.
fn pictures(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("ffmpeg wrote it");
    let rows = text.lines().filter(|line| line.starts_with("0,"));
    rows.map(|row| row.split(',').skip(4).map(str::trim).collect::<Vec<_>>().join(" ")).collect()
}

/// Two ffmpegs and a GStreamer at once, over TCP and UDP, see the pictures that a client of the real server saw.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn players_see_the_pictures_of_the_original() {
    let (server, place) = (Peer::gstreamer(&[]), Place::new());
    let file = |name: &str| place.dir().join(name);
    let wire = Wire::tap(&place, server.port);
    start_framemd5(&server.url("short"), "tcp", &file("original")).finish(PLAYER_LIMIT).expect_code(0);
    let wire = wire.stop().file;
    let original = pictures(&file("original"));
    assert!(original.len() > 90, "{} pictures", original.len());

    let replay = Replay::start(&wire, &[]);
    let ffmpeg = ["tcp", "udp"].map(|transport| start_framemd5(&replay.url, transport, &file(transport)));
    let gstreamer = ["tcp", "udp"].map(|how| gst_pictures(&replay.url, how, &file(&format!("gst-{how}"))));
    for player in ffmpeg {
        player.finish(PLAYER_LIMIT).expect_code(0);
    }
    // GStreamer ends with 1 where the connection closes behind the last packet, as it does if the first ffmpeg was
    // gone before the server said BYE.
    for player in gstreamer {
        player.finish(PLAYER_LIMIT);
    }
    assert_eq!(pictures(&file("tcp")), original, "over TCP");
    assert_eq!(pictures(&file("udp")), original, "over UDP");
    for name in ["gst-tcp", "gst-udp"] {
        // Pictures of 640 by 360 as I420. GStreamer may start with the second one, and give up the last.
        let pictures = size(&file(name)) / (640 * 360 * 3 / 2);
        assert!(pictures + 2 >= original.len() as u64, "{pictures} pictures over {name}");
    }
    replay.stop();
}

/// ffmpeg and GStreamer log in where a fault asks them to; ffmpeg also with a nonce that is used up each time, where
/// GStreamer gives up at the second 401.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn players_log_in() {
    let (replay, place) = (Replay::start(&sample(), &["--speed", "4"]), Place::new());
    for (name, query) in [
        ("digest", "fault=digest=viewer:s3cret"),
        ("basic", "fault=basic=viewer:s3cret"),
        ("stale", "fault=digest=viewer:s3cret&fault=stale-nonce"),
    ] {
        let url = format!("{}?{query}", replay.url).replace("rtsp://", "rtsp://viewer:s3cret@");
        let files = [place.dir().join(name), place.dir().join(format!("{name}-gst"))];
        let gst = (name != "stale").then(|| gst_pictures(&url, "tcp", &files[1]));
        start_framemd5(&url, "tcp", &files[0]).finish(PLAYER_LIMIT).expect_code(0);
        let pictures = pictures(&files[0]).len();
        assert!(pictures > 140, "{pictures} pictures with {name}");
        let Some(gst) = gst else { continue };
        gst.finish(PLAYER_LIMIT);
        // Pictures of 320 by 240 as I420.
        assert!(size(&files[1]) / (320 * 240 * 3 / 2) > 140, "GStreamer with {name}");
    }
    replay.stop();
}

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/gstreamer_h264_aac.pcapng")
}

/// GStreamer as the player: decoded pictures, one behind the other.
fn gst_pictures(url: &str, transport: &str, file: &Path) -> Running {
    // One time in forty GStreamer 1.22 does not take the BYE of both tracks for the end. Then it is asked to complete
    // the file, whose pictures count.
    let mut command = Command::new("timeout");
    command.args(["--preserve-status", "-s", "INT", "-k", "5", "25", "gst-launch-1.0", "-e"]);
    command.args(["-q", "rtspsrc", "latency=0", &format!("protocols={transport}"), &format!("location={url}")]);
    command.args("! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=I420 !".split(' '));
    command.args(["filesink", &format!("location={}", file.display())]);
    Running::start(&mut command)
}

const ASK: &str = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

/// Garbage, endless heads, a thousand idle connections, a client that never reads, slow and pipelined requests.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn hostile_clients_harm_nobody() {
    let sample = sample();
    let replay = Replay::start(&sample, &["--loop", "--speed", "4"]);
    let idle: Vec<TcpStream> = (0..1000).map(|_| replay.connect()).collect();

    let mut garbage = replay.connect();
    let mut endless = replay.connect();
    endless.write_all(b"OPTIONS * RTSP/1.0\r\n").expect("taken");
    for _ in 0..200 {
        garbage.write_all(&[0xa5; 10_000]).expect("taken");
        endless.write_all(&b"X: yyyyyyyyyyyyyyyy\r\n".repeat(500)).expect("taken");
    }
    // A body that is announced and never comes.
    let mut bodies: Vec<TcpStream> = (0..100).map(|_| replay.connect()).collect();
    for body in &mut bodies {
        body.write_all(b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1000000\r\n\r\n").expect("taken");
        body.write_all(&vec![b'x'; 100_000]).expect("taken");
    }

    // It plays and never reads.
    let mut deaf = replay.connect();
    let base = replay.url.split('/').next_back().expect("a path");
    let set_up =
        format!("SETUP rtsp://h/{base}/stream=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n");
    deaf.write_all(set_up.as_bytes()).expect("taken");
    deaf.write_all(format!("PLAY rtsp://h/{base} RTSP/1.0\r\nCSeq: 2\r\n\r\n").as_bytes()).expect("taken");

    // A request byte by byte, and ten thousand at once: each gets its answer.
    let mut slow = replay.connect();
    for byte in ASK.bytes() {
        slow.write_all(&[byte]).expect("taken");
    }
    let mut pipelined = replay.connect();
    let mut writer = pipelined.try_clone().expect("a second handle");
    let asking = std::thread::spawn(move || {
        writer.write_all(ASK.repeat(10_000).as_bytes()).expect("taken");
        writer.shutdown(Shutdown::Write).expect("ended");
    });
    for (client, wanted) in [(&mut slow, 1), (&mut pipelined, 10_000)] {
        client.set_read_timeout(Some(PLAYER_LIMIT)).expect("set");
        let (mut said, mut chunk, mut answers) = (Vec::new(), vec![0; 64 << 10], 0);
        while answers < wanted {
            let len = client.read(&mut chunk).expect("an answer");
            assert!(len > 0, "closed after {answers} answers");
            said.extend_from_slice(&chunk[..len]);
            // Each ends with an empty line; the last may be cut.
            let whole = said.windows(4).rposition(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
            answers += said[..whole].windows(4).filter(|window| *window == b"\r\n\r\n").count();
            said.drain(..whole);
        }
    }
    asking.join().expect("all was asked");

    let place = Place::new();
    record(&replay.url, &place.file(), &["-d", "3s"]).expect_code(0);
    let rows = table(&place.file(), "streams");
    assert!(sum(&rows, "packets") > 4 * 3 * 70 && sum(&rows, "missing") == 0, "{rows:?}");
    let memory = replay.process.peak_memory();
    assert!(memory < 128 << 20, "{memory} bytes");
    drop((idle, bodies, garbage, endless, deaf));
    replay.stop();
}

/// Every client gets the same, each from the start at its PLAY.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_hundred_clients_at_once() {
    let sample = sample();
    let replay = Replay::start(&sample, &[]);
    let place = Place::new();
    let urls: Vec<&str> = vec![&replay.url; 100];
    let mut command = rtsp_rec();
    command.arg("record").args(&urls).args(["-q", "-o"]).arg(place.file());
    run(&mut command, PLAYER_LIMIT).expect_code(0);
    let rows = table(&place.file(), "streams");
    assert_eq!(rows.len(), 200);
    assert_eq!((sum(&rows, "packets"), sum(&rows, "missing")), (100 * (328 + 468), 0));
    let rtcp = packets(&sample).iter().filter(|packet| is_rtcp(packet)).count();
    assert!(rtcp > 0);
    await_that("the file is there", RECORD_LIMIT, || size(&place.file()) > 0);
    replay.stop();
}
