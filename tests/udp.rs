//! `rtsp-rec record` over UDP and multicast as a user runs it, on loopback. No peers are needed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this crate is test code: a panic is how it reports"
)]

mod served;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use socket2::SockRef;
use tempfile::TempDir;

use served::{Replay, rtsp_rec};

type Row = HashMap<String, String>;

fn recording(url: &str, file: &Path, options: &[&str]) -> Command {
    let mut command = rtsp_rec();
    command.args(["record", url, "--idle-timeout", "2s", "-o"]).arg(file).args(options);
    command
}

/// Records to the end.
fn record(url: &str, file: &Path, options: &[&str]) -> Output {
    recording(url, file, options).output().expect("rtsp-rec can be run")
}

#[track_caller]
fn expect_code(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn table(file: &Path, name: &str) -> Vec<Row> {
    let output = rtsp_rec().arg("analyze").arg(file).args(["--table", name]).output().expect("rtsp-rec can be run");
    expect_code(&output, 0);
    csv::Reader::from_reader(output.stdout.as_slice()).into_deserialize().collect::<Result<_, _>>().expect("rows")
}

/// The values of a column.
fn column<'a>(rows: &'a [Row], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str()).collect()
}

fn place() -> (TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let (one, other) = (dir.path().join("one.pcapng"), dir.path().join("other.pcapng"));
    (dir, one, other)
}

/// What the network has no part in.
const SAME: [&str; 14] = [
    "session",
    "url",
    "track",
    "media",
    "encoding",
    "payload_type",
    "direction",
    "ssrc",
    "packets",
    "payload_bytes",
    "first_seq",
    "lost",
    "duplicates",
    "sr_count",
];

#[test]
fn udp_brings_what_tcp_brings() {
    let (replay, (_dir, udp, tcp)) = (Replay::start(&["--speed", "2"]), place());
    let said = thread::scope(|scope| {
        let other = scope.spawn(|| record(&replay.url, &tcp, &["-t", "tcp"]));
        let said = expect_code(&record(&replay.url, &udp, &["-t", "udp"]), 0);
        expect_code(&other.join().unwrap(), 0);
        said
    });
    assert!(said.contains("H264") && said.contains("328") && said.contains("end of stream"), "{said}");
    let (over_udp, over_tcp) = (table(&udp, "streams"), table(&tcp, "streams"));
    assert_eq!(column(&over_udp, "transport"), ["udp"; 2]);
    for name in SAME {
        assert_eq!(column(&over_udp, name), column(&over_tcp, name), "{name}");
    }
    let reports = table(&udp, "report_blocks");
    assert!(!reports.is_empty() && column(&reports, "direction").iter().all(|direction| *direction == "c2s"));
    assert!(column(&reports, "cumulative_lost").iter().all(|lost| *lost == "0"), "{reports:?}");
    let odd = table(&udp, "findings");
    assert!(column(&odd, "severity").iter().all(|severity| *severity != "error"), "{odd:?}");
}

#[test]
fn the_port_range_is_kept_to() {
    let (replay, (_dir, file, other)) = (Replay::start(&["--speed", "2"]), place());
    // Sixteen that are free now; the recorder needs four of them.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let first = socket.local_addr().unwrap().port().min(65_000) & !1;
    drop(socket);
    let range = format!("{first}-{}", first + 15);
    expect_code(&record(&replay.url, &file, &["-t", "udp", "--port-range", &range, "--max-packets", "50"]), 0);
    let messages = std::fs::read(&file).unwrap();
    let asked: Vec<u16> = String::from_utf8_lossy(&messages)
        .split("RTP/AVP;unicast;client_port=")
        .skip(1)
        .map(|rest| rest.split('-').next().unwrap().parse().unwrap())
        .collect();
    assert!(
        asked.len() >= 2 && asked.iter().all(|port| (first..first + 15).contains(port) && port % 2 == 0),
        "{asked:?}"
    );

    let narrow = format!("{first}-{}", first + 1);
    let said = expect_code(&record(&replay.url, &other, &["-t", "udp", "--port-range", &narrow]), 1);
    assert!(said.contains(&narrow) && said.contains("--port-range"), "two tracks need two pairs: {said}");
}

/// A server on loopback that sends so many packets to a group once two clients play.
struct Group {
    listener: TcpListener,
    address: SocketAddr,
    packets: u16,
    /// The server says BYE; if not, only others do.
    says_bye: bool,
}

impl Group {
    fn url(&self) -> String {
        format!("rtsp://{}/live", self.listener.local_addr().unwrap())
    }

    fn serve(&self, clients: usize) {
        let mut streams: Vec<TcpStream> = (0..clients).map(|_| self.listener.accept().unwrap().0).collect();
        for stream in &mut streams {
            self.answer(stream, "PLAY");
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let rtcp = SocketAddr::new(self.address.ip(), self.address.port() + 1);
        for number in 0..self.packets {
            let [a, b] = number.to_be_bytes();
            let rtp = [&[0x80, 0, a, b, 0, 0, a, b, 0, 0, 0, 7][..], &[0; 160]].concat();
            socket.send_to(&rtp, self.address).unwrap();
            // Not for these clients: another port, another group.
            socket.send_to(&rtp, SocketAddr::new(self.address.ip(), self.address.port() + 2)).unwrap();
            socket.send_to(&rtp, SocketAddr::new(Ipv4Addr::new(239, 255, 77, 99).into(), self.address.port())).unwrap();
        }
        // A receiver that leaves, and the server's own BYE from an address that is not the server's.
        socket.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 203, 0, 1, 0, 0, 0, 9], rtcp).unwrap();
        let stranger = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
        SockRef::from(&stranger).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let bye = [0x81, 203, 0, 1, 0, 0, 0, 7];
        stranger.send_to(&bye, rtcp).unwrap();
        if self.says_bye {
            socket.send_to(&bye, rtcp).unwrap();
        }
        for stream in &mut streams {
            self.answer(stream, "TEARDOWN");
        }
    }

    /// Answers up to a request of this method.
    fn answer(&self, stream: &mut TcpStream, last: &str) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        loop {
            let request: Vec<String> = lines.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let method = request.first().expect("a request").split(' ').next().unwrap().to_owned();
            let cseq = request.iter().find_map(|line| line.strip_prefix("CSeq: ")).unwrap().to_owned();
            let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
            let fields = match method.as_str() {
                "DESCRIBE" => format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()),
                "SETUP" => {
                    assert!(request.contains(&"Transport: RTP/AVP;multicast".to_owned()), "{request:?}");
                    let (address, port) = (self.address.ip(), self.address.port());
                    let ports = format!("port={port}-{}", port + 1);
                    format!("Session: 1\r\nTransport: RTP/AVP;multicast;destination={address};{ports};ttl=1\r\n\r\n")
                }
                _ => "\r\n".to_owned(),
            };
            write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{fields}").unwrap();
            if method == last {
                return;
            }
        }
    }
}

/// A group on loopback that sends 300 packets.
fn group(says_bye: bool) -> Group {
    // A port that nobody has on loopback is hardly in use in the group.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().min(65_000) & !1;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = SocketAddr::new(Ipv4Addr::new(239, 255, 77, 7).into(), free);
    Group { listener, address, packets: 300, says_bye }
}

#[test]
fn the_bye_of_others_ends_no_recording() {
    let (server, (_dir, file, _)) = (group(false), place());
    let said = thread::scope(|scope| {
        scope.spawn(|| server.serve(1));
        expect_code(&record(&server.url(), &file, &["-t", "multicast"]), 1)
    });
    assert!(said.contains("no media for 2s"), "{said}");
    // What was said in the group is in the file all the same.
    let byes = std::fs::read(&file).unwrap().windows(8).filter(|bytes| *bytes == [0x81, 203, 0, 1, 0, 0, 0, 7]).count();
    assert_eq!(byes, 1);
}

#[test]
fn several_recorders_share_a_group() {
    let (server, (_dir, one, other)) = (group(true), place());
    let url = server.url();
    thread::scope(|scope| {
        scope.spawn(|| server.serve(2));
        let first = scope.spawn(|| record(&url, &one, &["-t", "multicast"]));
        let second = scope.spawn(|| record(&url, &other, &["-t", "multicast"]));
        for recorded in [first, second] {
            let said = expect_code(&recorded.join().unwrap(), 0);
            assert!(said.contains("end of stream"), "{said}");
        }
    });
    for file in [&one, &other] {
        let rows = table(file, "streams");
        let found: Vec<&str> = ["transport", "track", "encoding", "packets", "lost", "duplicates"]
            .map(|name| rows[0][name].as_str())
            .into();
        assert_eq!((rows.len(), &found[..]), (1, &["multicast", "0", "PCMU", "300", "0", "0"][..]));
    }
}

/// Records from a server that sends so many more packets of this size before it answers TEARDOWN, while the recorder gets
/// no processor: it finds all of them, and the answer, at once.
#[cfg(unix)]
fn record_until_flooded(file: &Path, flood: u16, size: usize) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/live", listener.local_addr().unwrap());
    let mut command = recording(&url, file, &["-t", "udp", "-d", "300ms"]);
    let recorder = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("rtsp-rec can be run");
    let signal = |name: &str| {
        let pid = recorder.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill can be run").success());
    };
    let (mut stream, _) = listener.accept().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = socket.local_addr().unwrap().port();
    let rtp = |number: u16| {
        let [a, b] = number.to_be_bytes();
        [&[0x80, 0, a, b, 0, 0, a, b, 0, 0, 0, 7][..], &vec![0; size]].concat()
    };
    let (mut lines, mut port) = (BufReader::new(stream.try_clone().unwrap()).lines(), 0);
    loop {
        let request: Vec<String> = lines.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let method = request.first().expect("a request").split(' ').next().unwrap().to_owned();
        let field = |name: &str| request.iter().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n";
        let fields = match method.as_str() {
            "DESCRIBE" => format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()),
            "SETUP" => {
                let transport = field("Transport: ").unwrap();
                let ports = transport.split_once("client_port=").unwrap().1;
                port = ports.split('-').next().unwrap().parse::<u16>().unwrap();
                format!("Session: 1\r\nTransport: {transport};server_port={own}-{}\r\n\r\n", own ^ 1)
            }
            _ => "\r\n".to_owned(),
        };
        if method == "TEARDOWN" {
            signal("-STOP");
            for number in 1..=flood {
                socket.send_to(&rtp(number), ("127.0.0.1", port)).unwrap();
            }
        }
        write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {}\r\n{fields}", field("CSeq: ").unwrap()).unwrap();
        match method.as_str() {
            "PLAY" => assert!(socket.send_to(&rtp(0), ("127.0.0.1", port)).is_ok()),
            "TEARDOWN" => break,
            _ => {}
        }
    }
    signal("-CONT");
    recorder.wait_with_output().unwrap()
}

#[test]
#[cfg(unix)]
fn what_came_before_the_answer_to_teardown_is_kept() {
    let (_dir, file, _) = place();
    expect_code(&record_until_flooded(&file, 100, 160), 0);
    assert_eq!(column(&table(&file, "streams"), "packets"), ["101"]);
    let odd = table(&file, "findings");
    assert!(!column(&odd, "code").contains(&"media-after-teardown"), "it came before: {odd:?}");
}

/// Nothing comes behind them, so only the system itself can tell that they were dropped.
#[test]
#[cfg(target_os = "linux")]
fn what_was_dropped_last_is_told() {
    let (_dir, file, _) = place();
    expect_code(&record_until_flooded(&file, 12_000, 1400), 0);
    let packets: usize = table(&file, "streams")[0]["packets"].parse().unwrap();
    let odd = table(&file, "findings");
    let drops = odd.iter().find(|row| row["code"] == "kernel-drops").unwrap_or_else(|| panic!("{packets}: {odd:?}"));
    let said = drops["detail"].split(' ').filter_map(|word| word.parse::<usize>().ok());
    assert_eq!(packets + said.sum::<usize>(), 12_001, "{drops:?}");
}
