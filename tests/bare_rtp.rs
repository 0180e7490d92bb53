//! RTP without any RTSP: named by `--sdp` and `--rtp` it has all tables; else it is listed, and the exit code is 1.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod command;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use etherparse::PacketBuilder;

const SENDER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);
const RECEIVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const SENDER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x20);
const RECEIVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff0e, 0, 0, 0, 0, 0, 0, 0x1234);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

/// A capture in the making.
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Self {
        Self([0xa1b2_c3d4, 0x0002_0004, 0, 0, 262_144, 1].map(u32::to_be_bytes).concat())
    }

    fn udp(&mut self, ms: u32, (from, from_port): (Ipv4Addr, u16), (to, to_port): (Ipv4Addr, u16), payload: &[u8]) {
        let builder =
            PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from.octets(), to.octets(), 64).udp(from_port, to_port);
        let mut packet = Vec::new();
        builder.write(&mut packet, payload).unwrap();
        self.push(ms, &packet);
    }

    /// A datagram over IPv6 between the two hosts, to an address of the receiver's.
    fn udp_v6(&mut self, ms: u32, (from_port, to_port): (u16, u16), to: Ipv6Addr, payload: &[u8]) {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6(SENDER_V6.octets(), to.octets(), 64);
        let mut packet = Vec::new();
        builder.udp(from_port, to_port).write(&mut packet, payload).unwrap();
        self.push(ms, &packet);
    }

    /// What one side of an RTSP connection says, whose beginning is not in the capture.
    fn rtsp(&mut self, ms: u32, from_server: bool, said: &[u8], [own, other]: [u32; 2]) {
        let (ends, ports) =
            if from_server { ([SENDER, RECEIVER], (554, 40_000)) } else { ([RECEIVER, SENDER], (40_000, 554)) };
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(ends[0].octets(), ends[1].octets(), 64);
        let mut packet = Vec::new();
        builder.tcp(ports.0, ports.1, own, 1000).ack(other).write(&mut packet, said).unwrap();
        self.push(ms, &packet);
    }

    fn push(&mut self, ms: u32, packet: &[u8]) {
        let len = u32::try_from(packet.len()).unwrap();
        self.0.extend([1000 + ms / 1000, ms % 1000 * 1000, len, len].map(u32::to_be_bytes).concat());
        self.0.extend(packet);
    }
}

fn rtp(payload_type: u8, number: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let head =
        [&[0x80, payload_type][..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// Ten seconds of H.264 (one packet in 50 lost) and PCMU, with a sender report, to this address; and DNS.
fn media(to: Ipv4Addr) -> Vec<u8> {
    let mut capture = Capture::new();
    for picture in 0..250u16 {
        let ms = u32::from(picture) * 40;
        let head = if picture % 50 == 0 { [0x65, 0x88] } else { [0x41, 0x9a] };
        if picture % 50 != 7 {
            let packet = rtp(0xe0, 100 + picture, ms * 90, 0xabcd, &[&head[..], &[0x78; 200]].concat());
            capture.udp(ms, (SENDER, 6000), (to, 5000), &packet);
        }
        for half in 0..2u16 {
            let number = picture * 2 + half;
            let packet = rtp(0, number, u32::from(number) * 160, 0xabce, &[0xd5; 160]);
            capture.udp(ms + u32::from(half) * 20, (SENDER, 6002), (to, 5002), &packet);
        }
        if picture == 125 {
            let words = [0x80c8_0006, 0xabcd, 2_208_988_800 + 1005, 0, ms * 90, 122, 24_644];
            capture.udp(ms, (SENDER, 6001), (to, 5001), &words.map(u32::to_be_bytes).concat());
        }
        let [a, b] = (0x8000 + picture).to_be_bytes();
        capture.udp(
            ms,
            (SENDER, 53),
            (to, 40_000),
            &[&[a, b, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..], b"\x01x\0\0\x01\0\x01"].concat(),
        );
    }
    capture.0
}

/// Columns of the rows of a table.
fn columns(arguments: &[&str], table: &str, names: &[&str]) -> Vec<Vec<String>> {
    let output = command::run(0, &[&["analyze", "--table", table], arguments].concat());
    let mut csv = csv::Reader::from_reader(output.stdout.as_slice());
    let header = csv.headers().unwrap().clone();
    let place = |name: &&str| header.iter().position(|column| column == *name).unwrap();
    let places: Vec<usize> = names.iter().map(place).collect();
    csv.records()
        .map(|row| row.unwrap())
        .map(|row| places.iter().map(|place| row[*place].to_owned()).collect())
        .collect()
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

const NAMES: [&str; 9] =
    ["session", "track", "media", "encoding", "clock_rate_hz", "packets", "lost", "sr_count", "inferred"];
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 192.0.2.20\r\ns=x\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=video 5000 RTP/AVP 96\r\n\
                   a=rtpmap:96 H264/90000\r\nm=audio 5002 RTP/AVP 0\r\n";

#[test]
fn a_description_names_the_flows() {
    let folder = tempfile::tempdir().unwrap();
    for (to, sdp) in [
        (RECEIVER, SDP.to_owned()),
        (GROUP, SDP.replace("192.0.2.10", "239.1.2.3/127")),
        (RECEIVER, SDP.replace("192.0.2.10", "0.0.0.0")),
    ] {
        let capture = written(folder.path(), "x.pcap", &media(to));
        let sdp = written(folder.path(), "x.sdp", sdp.as_bytes());
        let rows = columns(&[&capture, "--sdp", &sdp], "streams", &NAMES);
        let expected = [
            ["1", "0", "video", "H264", "90000", "245", "5", "1", ""],
            ["1", "1", "audio", "PCMU", "8000", "500", "0", "0", ""],
        ];
        assert_eq!(rows, expected, "{to}");
        let findings = columns(&[&capture, "--sdp", &sdp], "findings", &["code"]).concat();
        assert!(findings.iter().all(|code| code == "sequence-gap"), "{findings:?}");
    }
}

/// A sender report, and a receiver's report about that source.
fn reports(ms: u32, ssrc: u32) -> [Vec<u8>; 2] {
    let sender = [0x80c8_0006, ssrc, 2_208_988_800 + 1000 + ms / 1000, 0, ms * 8, ms / 20, ms * 8];
    let receiver = [0x81c9_0007, 0x77, ssrc, 5, ms / 20, 0, 0, 0];
    [sender.map(u32::to_be_bytes).concat(), receiver.map(u32::to_be_bytes).concat()]
}

/// PCMU over IPv6 for four seconds, with reports of both sides each second on the RTCP port, or on that of RTP (RFC 5761).
fn media_v6(to: Ipv6Addr, mux: bool) -> Vec<u8> {
    let mut capture = Capture::new();
    let beside = u16::from(!mux);
    for number in 0..200u16 {
        let ms = u32::from(number) * 20;
        capture.udp_v6(ms, (6000, 5000), to, &rtp(0, number, ms * 8, 0xabce, &[0xd5; 160]));
        if number % 50 == 25 {
            let [sender, receiver] = reports(ms, 0xabce);
            capture.udp_v6(ms, (6000 + beside, 5000 + beside), to, &sender);
            if to.is_multicast() {
                capture.udp_v6(ms, (7000, 5000 + beside), to, &receiver);
            }
        }
    }
    capture.0
}

#[test]
fn a_description_names_flows_over_ipv6_and_rtcp_beside_rtp() {
    let folder = tempfile::tempdir().unwrap();
    for to in [RECEIVER_V6, GROUP_V6] {
        for mux in [false, true] {
            let lines =
                format!("m=audio 5000 RTP/AVP 0\r\nc=IN IP6 {to}\r\n{}", if mux { "a=rtcp-mux\r\n" } else { "" });
            let capture = written(folder.path(), "x.pcap", &media_v6(to, mux));
            let sdp = written(folder.path(), "x.sdp", format!("v=0\r\ns=x\r\nt=0 0\r\n{lines}").as_bytes());
            let rows = columns(&[&capture, "--sdp", &sdp], "streams", &NAMES);
            assert_eq!(rows, [["1", "0", "audio", "PCMU", "8000", "200", "0", "4", ""]], "{to} {mux}");
            let blocks = columns(&[&capture, "--sdp", &sdp], "report_blocks", &["source_ssrc", "cumulative_lost"]);
            let told = if to.is_multicast() { 4 } else { 0 };
            assert_eq!(blocks, vec![["0x0000abce", "5"]; told], "{to} {mux}");
            let findings = columns(&[&capture, "--sdp", &sdp], "findings", &["code"]).concat();
            assert!(findings.iter().all(|code| code == "rtcp-on-rtp-channel"), "{to} {mux}: {findings:?}");
        }
    }
}

/// The capture begins behind DESCRIBE: what the file says is described, not inferred.
#[test]
fn a_description_of_a_session_that_began_before_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = Capture::new();
    let ask = b"GET_PARAMETER rtsp://192.0.2.20/v RTSP/1.0\r\nCSeq: 9\r\nSession: 7\r\n\r\n";
    capture.rtsp(0, false, ask, [100, 900]);
    capture.rtsp(1, true, b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nSession: 7\r\n\r\n", [900, 100 + 72]);
    for number in 0..200u16 {
        let ms = 10 + u32::from(number) * 20;
        capture.udp(ms, (SENDER, 6000), (RECEIVER, 5000), &rtp(97, number, ms * 16, 7, &[0x11; 40]));
    }
    let capture = written(folder.path(), "x.pcap", &capture.0);
    let sdp = "v=0\r\nt=0 0\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 speex/16000\r\na=control:a\r\n";
    let sdp = written(folder.path(), "x.sdp", sdp.as_bytes());
    let names = ["session", "encoding", "clock_rate_hz", "packets", "lost", "inferred"];
    assert_eq!(columns(&[&capture], "streams", &names), [["1", "", "16000", "200", "0", "clock_rate_hz"]]);
    assert_eq!(columns(&[&capture, "--sdp", &sdp], "streams", &names), [["1", "speex", "16000", "200", "0", ""]]);
    assert_eq!(columns(&[&capture, "--sdp", &sdp], "findings", &["code"]), [["capture-begins-late"]]);
}

/// RFC 8843: all sections have one port, and the payload type tells.
#[test]
fn sections_that_share_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = Capture::new();
    for number in 0..100u16 {
        let ms = u32::from(number) * 20;
        for (payload_type, ssrc) in [(0, 8), (96, 7)] {
            let packet = rtp(payload_type, number, ms * 8, ssrc, &[0x41; 40]);
            capture.udp(ms, (SENDER, 6000), (RECEIVER, 5000), &packet);
        }
    }
    let capture = written(folder.path(), "x.pcap", &capture.0);
    let sdp =
        "v=0\r\nc=IN IP4 192.0.2.10\r\nm=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/8000\r\nm=audio 5000 RTP/AVP 0\r\n";
    let sdp = written(folder.path(), "x.sdp", sdp.as_bytes());
    let mut rows = columns(&[&capture, "--sdp", &sdp], "streams", &["track", "encoding", "packets"]);
    rows.sort();
    assert_eq!(rows, [["0", "H264", "100"], ["1", "PCMU", "100"]]);
    let findings = columns(&[&capture, "--sdp", &sdp], "findings", &["code"]).concat();
    assert!(!findings.contains(&"payload-type-unknown".to_owned()), "{findings:?}");
}

#[test]
fn both_sides_of_a_call_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = Capture::new();
    for number in 0..100u16 {
        let ms = u32::from(number) * 20;
        let packet = |ssrc| rtp(97, number, ms * 8, ssrc, &[0x11; 160]);
        capture.udp(ms, (SENDER, 6000), (RECEIVER, 5000), &packet(7));
        capture.udp(ms, (RECEIVER, 5000), (SENDER, 6000), &packet(8));
    }
    let capture = written(folder.path(), "x.pcap", &capture.0);
    let named = [&*capture, "--rtp", "192.0.2.10:5000=L8/8000", "--rtp", "192.0.2.20:6000=speex/8000"];
    let mut rows = columns(&named, "streams", &["track", "encoding", "ssrc", "packets"]);
    rows.sort();
    assert_eq!(rows, [["0", "L8", "0x00000007", "100"], ["1", "speex", "0x00000008", "100"]]);
    let one = [&*capture, "--rtp", "192.0.2.10:5000=L8/8000"];
    let rows = columns(&one, "streams", &["direction", "ssrc", "packets"]);
    assert_eq!(rows, [["s2c", "0x00000007", "100"], ["c2s", "0x00000008", "100"]], "the other one is its answer");
}

#[test]
fn each_of_those_who_send_to_a_port_has_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = Capture::new();
    for picture in 0..50u16 {
        let ms = u32::from(picture) * 40;
        let senders = [(SENDER, 0xabcd, 100), (Ipv4Addr::new(192, 0, 2, 21), 0xabce, 5000)];
        for (sender, ssrc, first) in senders {
            let packet = rtp(0xe0, first + picture, ms * 90, ssrc, &[&[0x41, 0x9a][..], &[0x78; 200]].concat());
            capture.udp(ms, (sender, 6000), (RECEIVER, 5000), &packet);
        }
    }
    let capture = written(folder.path(), "x.pcap", &capture.0);
    for (argument, inferred) in [("192.0.2.10:5000=H264/90000", ""), ("192.0.2.10:5000", "encoding clock_rate_hz")] {
        let rows = columns(
            &[&capture, "--rtp", argument],
            "streams",
            &["session", "track", "encoding", "packets", "inferred"],
        );
        assert_eq!(rows, [["1", "0", "H264", "50", inferred], ["2", "0", "H264", "50", inferred]]);
        let findings = columns(&[&capture, "--rtp", argument], "findings", &["code"]);
        assert_eq!(findings, Vec::<Vec<String>>::new());
    }
}

#[test]
fn addresses_name_the_flows() {
    let folder = tempfile::tempdir().unwrap();
    let capture = written(folder.path(), "x.pcap", &media(RECEIVER));
    let described = ["1", "0", "video", "H264", "90000", "245", "5", "1", ""];
    let inferred = ["1", "0", "", "H264", "90000", "245", "5", "1", "encoding clock_rate_hz"];
    assert_eq!(columns(&[&capture, "--rtp", "192.0.2.10:5000=H264/90000"], "streams", &NAMES), [described]);
    assert_eq!(columns(&[&capture, "--rtp", "192.0.2.10:5000"], "streams", &NAMES), [inferred]);
    assert_eq!(columns(&[&capture, "--rtp", "192.0.2.20:6000"], "streams", &NAMES), [inferred], "the sender's end");
    let both = columns(
        &[&capture, "--rtp", "192.0.2.10:5000", "--rtp", "192.0.2.10:5002"],
        "streams",
        &["track", "channel", "direction"],
    );
    assert_eq!(both, [["0", "5000", "s2c"], ["1", "5002", "s2c"]]);
    let page = command::run(0, &["report", &capture, "--rtp", "192.0.2.10:5000", "-o", "-"]).stdout;
    assert!(String::from_utf8(page).unwrap().contains("H264 (inferred), session 1"));
    let same = command::run(0, &["compare", &capture, &capture, "--rtp", "192.0.2.10:5000", "--fail-if-different"]);
    assert!(String::from_utf8(same.stdout).unwrap().contains("245"));
    let out = folder.path().join("video.h264");
    let export = ["export", &capture, "--media", "--rtp", "192.0.2.10:5000=H264/90000", "--track", "0", "-o"];
    command::run(0, &[&export[..], &[out.to_str().unwrap()]].concat());
    let named = fs::read(out).unwrap();
    assert!(named.starts_with(&[0, 0, 0, 1, 0x65, 0x88]));
    // What the packets show is as good, all of them from the first on.
    let inferred = folder.path().join("inferred.h264");
    let export = ["export", &capture, "--media", "--rtp", "192.0.2.10:5000", "--track", "0", "-o"];
    command::run(0, &[&export[..], &[inferred.to_str().unwrap()]].concat());
    assert_eq!(fs::read(inferred).unwrap(), named);
}

/// Media that nothing shows to be anything is refused, with the flag that says what it is.
#[test]
fn what_shows_nothing_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = Capture::new();
    for number in 0..50u16 {
        let packet = rtp(97, number, u32::from(number) * 160, 7, &[0x11; 40]);
        capture.udp(u32::from(number) * 20, (SENDER, 6000), (RECEIVER, 5000), &packet);
    }
    let capture = written(folder.path(), "x.pcap", &capture.0);
    let out = folder.path().join("out");
    let export = ["export", &capture, "--media", "--rtp", "192.0.2.10:5000", "-o", out.to_str().unwrap()];
    let told = String::from_utf8(command::run(1, &export).stderr).unwrap();
    assert!(told.contains("payload type 97") && told.contains("--rtp ADDR:PORT=ENCODING/RATE"), "{told}");
}

#[test]
fn without_a_name_it_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let capture = written(folder.path(), "x.pcap", &media(RECEIVER));
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for arguments in [
        &["analyze", &capture][..],
        &["analyze", &capture, "--fail-if", "lost>0"],
        &["report", &capture, "-o", "-"],
        &["export", &capture, "--media", "-o", out],
        &["compare", &capture, &capture],
    ] {
        let told = String::from_utf8(command::run(1, arguments).stderr).unwrap();
        let lines: Vec<&str> = told.lines().map(|line| line.split(": ").last().unwrap()).collect();
        let listed = ["--rtp 192.0.2.10:5002", "--rtp 192.0.2.10:5000=H264/90000"];
        assert_eq!(lines[..2], listed, "{told}");
        assert!(lines.len() == 3 && lines[2].contains("name it with --sdp FILE"), "{told}");
    }
    // What works on sessions alone says so.
    let told = String::from_utf8(command::run(1, &["replay", &capture]).stderr).unwrap();
    assert!(told.contains("--rtp 192.0.2.10:5002") && told.contains("which replay can't use"), "{told}");
    let told = command::run(0, &["redact", &capture, "-o", &format!("{out}.pcap")]).stderr;
    assert!(String::from_utf8(told).unwrap().contains("2 flows that look like RTP"));
    let wrong = command::run(1, &["analyze", &capture, "--rtp", "192.0.2.10:7000"]);
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("--rtp 192.0.2.10:5002"), "nothing is there");
    command::run(2, &["analyze", &capture, "--rtp", "5000"]);
    command::run(2, &["analyze", &capture, "--sdp", "Cargo.toml"]);
    command::run(1, &["analyze", &capture, "--sdp", "missing.sdp"]);
}

/// A capture of the RTCP port alone: that is said, whatever is named.
#[test]
fn rtcp_alone_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = Capture::new();
    for second in 0..5 {
        let [sender, receiver] = reports(second * 1000, 0xabce);
        capture.udp(second * 1000, (SENDER, 6001), (RECEIVER, 5001), &sender);
        capture.udp(second * 1000 + 500, (RECEIVER, 5001), (SENDER, 6001), &receiver);
    }
    let capture = written(folder.path(), "x.pcap", &capture.0);
    let sdp = written(folder.path(), "x.sdp", SDP.as_bytes());
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for named in [&[][..], &["--rtp", "192.0.2.10:5000=H264/90000"], &["--rtp", "192.0.2.20:6000"], &["--sdp", &sdp]] {
        for arguments in [
            &["export", &capture, "--media", "-o", out][..],
            &["export", &capture, "--rtpdump", "-o", out],
            &["analyze", &capture],
            &["compare", &capture, &capture],
        ] {
            let told = String::from_utf8(command::run(1, &[arguments, named].concat()).stderr).unwrap();
            let listed = [
                "RTCP from 192.0.2.20:6001 to 192.0.2.10:5001, of SSRC 0x0000abce, 5 packets",
                "RTCP from 192.0.2.10:5001 to 192.0.2.20:6001, of SSRC 0x00000077, 5 packets",
            ];
            assert!(listed.iter().all(|line| told.contains(line)), "{arguments:?} {named:?}: {told}");
            assert!(told.contains("no RTSP session found, and RTCP alone, as listed"), "{told}");
            assert!(!told.contains("--rtp"), "naming it does not help: {told}");
        }
    }
    let told = String::from_utf8(command::run(1, &["replay", &capture]).stderr).unwrap();
    assert!(told.contains("and RTCP alone"), "{told}");
    // Beside RTP it is no news.
    let both = written(folder.path(), "both.pcap", &media(RECEIVER));
    let told = String::from_utf8(command::run(1, &["analyze", &both]).stderr).unwrap();
    assert!(told.contains("RTP from") && !told.contains("RTCP"), "{told}");
}

/// The beginning of a datagram, from its number and random bytes.
type DatagramHead<'a> = dyn Fn(u16, &mut dyn FnMut() -> u8) -> Vec<u8> + 'a;

/// The bytes of protocols that share UDP with RTP, each as a flow of 200 datagrams.
fn other_protocols(mut random: impl FnMut() -> u8) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut flow = |name, head: &DatagramHead<'_>| {
        let datagrams = (0..200u16).map(|number| {
            let mut bytes = head(number, &mut random);
            bytes.extend((0..60).map(|_| random()));
            bytes
        });
        (name, datagrams.collect())
    };
    let (id, counted) = (|number: u16| (0x8000 + number).to_be_bytes(), u16::to_be_bytes);
    let source = [1, 2, 3, 4, 5, 6, 7, 8];
    vec![
        flow("DNS", &|number, _| [&id(number)[..], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]].concat()),
        // Short headers (RFC 9000, section 17.3): the fixed bit, then a connection ID; what follows is protected.
        flow("QUIC", &|_, random| [&[0x40 | random() & 0x3f][..], &source].concat()),
        // Long headers, the fixed bit greased (RFC 9287).
        flow("QUIC, greased", &|_, random| [&[0x80 | random() & 0x3f, 0, 0, 0, 1, 8][..], &source].concat()),
        flow("STUN", &|_, _| [&[1, 1, 0, 60, 0x21, 0x12, 0xa4, 0x42][..], &source, &[0; 4]].concat()),
        flow("TURN channel data", &|_, _| [&[0x40, 1, 0, 60][..], &[0x80, 0, 0, 1], &source].concat()),
        flow("DTLS", &|number, _| [&[23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0][..], &counted(number), &[0, 60]].concat()),
        flow("Teredo", &|_, _| [&[0x60, 0, 0, 0, 0, 60, 59, 64, 0x20, 1][..], &source].concat()),
        flow("NTP, leap second", &|_, _| [&[0xa4, 1, 6, 0xec][..], &[0; 8], b"GPS\0"].concat()),
        flow("RTCP", &|number, _| [&[0x80, 200, 0, 17][..], &source[..4], &[0, 0], &counted(number)].concat()),
        // ESP: a SPI that begins as RTP does, then a sequence number.
        flow("ESP", &|number, _| [&[0x80, 96, 7, 7, 0, 0][..], &counted(number)].concat()),
        // RakNet: 24 bits that count, the low ones first.
        flow("RakNet", &|number, _| [&[0x84][..], &u32::from(number).to_le_bytes()[..3], &[0x60]].concat()),
        flow("random, one source", &|_, random| {
            let head: Vec<u8> = (0..8).map(|_| random()).collect();
            [&[0x80 | head[0] & 0x3f][..], &head[1..], &source[..4]].concat()
        }),
        flow("random", &|_, random| (0..12).map(|_| random()).collect()),
    ]
}

#[test]
fn other_protocols_are_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[1]
    };
    for round in 0..20u16 {
        let mut capture = Capture::new();
        for (port, (_, datagrams)) in (7000..).zip(other_protocols(&mut random)) {
            for (ms, datagram) in (0..).step_by(20).zip(datagrams) {
                capture.udp(ms, (SENDER, port), (RECEIVER, port + 100 * round), &datagram);
            }
        }
        let capture = written(folder.path(), "x.pcap", &capture.0);
        let told = String::from_utf8(command::run(1, &["analyze", &capture]).stderr).unwrap();
        assert!(!told.contains("RTP from") && told.contains("no RTSP session found"), "round {round}: {told}");
    }
}
