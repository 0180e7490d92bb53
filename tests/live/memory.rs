//! No capture takes 256 MiB: files made to eat the memory of who reads them, as a pipe gives them. The limit is the
//! system's own: an allocation beyond it fails and ends the process.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::recorder::{Place, rtsp_rec, size};

/// KiB of writable memory.
const LIMIT: usize = 256 << 10;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Writes packets as pcap.
struct Wire<W> {
    out: W,
    millis: u32,
}

impl<W: Write> Wire<W> {
    fn new(mut out: W) -> io::Result<Self> {
        // Raw IP.
        let head = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 101];
        out.write_all(&head.map(u32::to_le_bytes).concat())?;
        Ok(Self { out, millis: 0 })
    }

    fn packet(&mut self, protocol: u8, from: u32, fragment: [u16; 2], parts: [&[u8]; 2]) -> io::Result<()> {
        self.millis += 1;
        let len = u16::try_from(20 + parts[0].len() + parts[1].len()).unwrap();
        let micros = self.millis % 1000 * 1000;
        let record = [1_700_000_000 + self.millis / 1000, micros, u32::from(len), u32::from(len)];
        let words = [0x4500, len, fragment[0], fragment[1], 0x4000 | u16::from(protocol), 0].map(u16::to_be_bytes);
        self.out.write_all(&record.map(u32::to_le_bytes).concat())?;
        self.out.write_all(&[&words.concat()[..], &from.to_be_bytes(), &[10, 0, 0, 2]].concat())?;
        parts.iter().try_for_each(|part| self.out.write_all(part))
    }

    /// A segment from port 554 of `host` to a client.
    fn segment(&mut self, host: u32, flags: u8, sequence: usize, payload: &[u8]) -> io::Result<()> {
        let sequence = u32::try_from(sequence).unwrap().to_be_bytes();
        let head = [&[2, 42, 0xc0, 0][..], &sequence, &[0, 0, 0, 0, 0x50, flags, 9, 9, 0, 0, 0, 0]].concat();
        self.packet(6, host, [0, 0], [&head, payload])
    }

    /// The beginning of a connection that speaks RTSP; where its stream goes on.
    fn rtsp(&mut self, host: u32) -> io::Result<usize> {
        let reply = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n";
        self.segment(host, SYN | ACK, 0, b"")?;
        self.segment(host, ACK, 1, reply)?;
        Ok(1 + reply.len())
    }

    /// An interleaved frame; where the stream goes on.
    fn frame(&mut self, host: u32, at: usize, ssrc: u32, number: u16) -> io::Result<usize> {
        self.frame_at(host, at, ssrc, number, 0)
    }

    /// One with this RTP timestamp.
    fn frame_at(&mut self, host: u32, at: usize, ssrc: u32, number: u16, timestamp: u32) -> io::Result<usize> {
        let head = [b'$', 0, 0, 12, 0x80, 0];
        let rtp = [&head[..], &number.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes()].concat();
        self.segment(host, ACK, at, &rtp)?;
        Ok(at + rtp.len())
    }
}

impl<W: Write> Wire<W> {
    /// An interleaved frame of 60,000 bytes that begins like this; where the stream goes on.
    fn long_frame(&mut self, host: u32, at: usize, number: u16, begin: &[u8]) -> io::Result<usize> {
        const LEN: u16 = 60_000;
        let mut frame = [&[b'$', 0][..], &LEN.to_be_bytes(), begin, &number.to_be_bytes()].concat();
        frame.resize(4 + usize::from(LEN), 0);
        self.segment(host, ACK, at, &frame)?;
        Ok(at + frame.len())
    }
}

type Pipe = BufWriter<ChildStdin>;

/// Analyzes what `write` gives, to all tables. Panics unless it comes to an end within the limit, with this code.
#[track_caller]
fn analyze(code: i32, write: impl FnOnce(Pipe) -> io::Result<()> + Send) {
    limited(&["analyze", "-", "-o"], code, write);
}

/// Runs `rtsp-rec` with these arguments, the last of which takes a folder, on what `write` gives.
#[track_caller]
fn limited(arguments: &[&str], code: i32, write: impl FnOnce(Pipe) -> io::Result<()> + Send) {
    within_limit(code, arguments, Place::new().dir(), write);
}

/// The same for `report`. The page is not large either.
#[track_caller]
fn report(code: i32, write: impl FnOnce(Pipe) -> io::Result<()> + Send) {
    let place = Place::new();
    let page = place.dir().join("report.html");
    within_limit(code, &["report", "-", "-o"], &page, write);
    assert!(size(&page) < 5_000_000, "{} bytes", size(&page));
}

/// Runs `rtsp-rec` with these arguments and `output` on what `write` gives.
#[track_caller]
fn within_limit(code: i32, arguments: &[&str], output: &Path, write: impl FnOnce(Pipe) -> io::Result<()> + Send) {
    let limited = format!("ulimit -d {LIMIT} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(rtsp_rec().get_program()).args(arguments).arg(output);
    command.stdout(Stdio::null());
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh is there");
    let pipe = BufWriter::with_capacity(1 << 18, child.stdin.take().expect("it is piped"));
    let outcome = thread::scope(|scope| {
        // One that has seen enough closes the pipe.
        scope.spawn(move || drop(write(pipe)));
        Child::wait_with_output(child).expect("it was started")
    });
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(code), "{} {said}", outcome.status);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn holes_that_are_never_filled() {
    let payload = vec![b'x'; 30_000];
    for speaks_rtsp in [true, false] {
        analyze(i32::from(!speaks_rtsp), |pipe| {
            let mut wire = Wire::new(pipe)?;
            for host in 0..3000 {
                let at = if speaks_rtsp { wire.rtsp(host)? } else { 1 };
                wire.segment(host, ACK, at, b"x")?;
                (0..8).try_for_each(|part| wire.segment(host, ACK, at + 2 + part * payload.len(), &payload))?;
            }
            Ok(())
        });
    }
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn messages_without_an_end() {
    let head = b"RTSP/1.0 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    let body = vec![b'x'; 60_000];
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..1500 {
            let at = wire.rtsp(host)?;
            wire.segment(host, ACK, at, head)?;
            (0..15).try_for_each(|part| wire.segment(host, ACK, at + head.len() + part * body.len(), &body))?;
        }
        Ok(())
    });
    // And byte by byte.
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..20 {
            let at = wire.rtsp(host)?;
            wire.segment(host, ACK, at, head)?;
            (0..200_000).try_for_each(|byte| wire.segment(host, ACK, at + head.len() + byte, b"x"))?;
        }
        Ok(())
    });
}

/// The same through HTTP, where a connection keeps nothing and its tunnel all.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn tunnelled_messages_without_an_end() {
    let post = b"POST / HTTP/1.0\r\nx-sessioncookie: c\r\n\r\n";
    // OPTIONS * RTSP/1.0, Content-Length: 1000000.
    let head = b"T1BUSU9OUyAqIFJUU1AvMS4wDQpDb250ZW50LUxlbmd0aDogMTAwMDAwMA0KDQo=";
    let body = b"AAAA".repeat(15_000);
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..1500 {
            wire.segment(host, SYN, 0, b"")?;
            wire.segment(host, ACK, 1, post)?;
            let at = 1 + post.len();
            wire.segment(host, ACK, at, head)?;
            (0..20).try_for_each(|part| wire.segment(host, ACK, at + head.len() + part * body.len(), &body))?;
        }
        Ok(())
    });
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn thousands_of_sources() {
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..200 {
            let mut at = wire.rtsp(host)?;
            for packet in 0..5000_u16 {
                at = wire.frame(host, at, u32::from(packet), packet)?;
            }
        }
        Ok(())
    });
}

/// Each packet of each source is of another picture, and between any two one is missing.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn thousands_of_sources_without_a_whole_picture() {
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..200 {
            let mut at = wire.rtsp(host)?;
            for packet in 0..20_u16 {
                for source in 0..170 {
                    at = wire.frame_at(host, at, source, 2 * packet, 3000 * u32::from(packet))?;
                }
            }
        }
        Ok(())
    });
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn hundreds_of_long_streams() {
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        let mut places: Vec<usize> = (0..300).map(|host| wire.rtsp(host)).collect::<io::Result<_>>()?;
        for packet in 0..66_000_u32 {
            for (host, at) in (0..).zip(&mut places) {
                *at = wire.frame(host, *at, 1, u16::try_from(packet & 0xffff).unwrap())?;
            }
        }
        Ok(())
    });
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn connections_without_number() {
    analyze(1, |pipe| {
        let mut wire = Wire::new(pipe)?;
        (0..2_000_000).try_for_each(|host| wire.segment(host, SYN, 0, b""))
    });
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        (0..500_000).try_for_each(|host| wire.rtsp(host).map(|_| ()))
    });
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn fragments_of_nothing() {
    let part = vec![7; 1400];
    analyze(1, |pipe| {
        let mut wire = Wire::new(pipe)?;
        (0..300_000_u32).try_for_each(|number| {
            let id = u16::try_from(number % 60_000).unwrap();
            wire.packet(6, number / 60_000, [id, 0x2000 | (u16::try_from(number % 40).unwrap() * 200)], [&part, b""])
        })
    });
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn dialogues_without_end() {
    let url = "x".repeat(4000);
    let request = format!("OPTIONS rtsp://h/{url} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..2000 {
            let at = wire.rtsp(host)?;
            (0..70).try_for_each(|part| wire.segment(host, ACK, at + part * request.len(), request.as_bytes()))?;
        }
        Ok(())
    });
    let media = "m=video 0 RTP/AVP 0 1 2 3 4 5 6 7 8 9 10\r\na=rtpmap:0 PCMU/8000\r\n".repeat(900);
    let fmtp = format!("a=fmtp:96 {}\r\n", "f".repeat(900)).repeat(900);
    let ask = b"ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\n";
    let announce =
        [ask, format!("Content-Length: {}\r\n\r\n{media}{fmtp}", media.len() + fmtp.len()).as_bytes()].concat();
    analyze(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..500 {
            let mut at = wire.rtsp(host)?;
            for part in announce.chunks(60_000) {
                wire.segment(host, ACK, at, part)?;
                at += part.len();
            }
        }
        Ok(())
    });
}

/// What comes before the answer to SETUP waits for it.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn exports_of_media_without_tracks() {
    let ask = b"SETUP rtsp://h/x RTSP/1.0\r\nCSeq: 2\r\n\r\n";
    limited(&["export", "-", "-q", "--rtpdump", "-o"], 0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..2000 {
            let mut at = wire.rtsp(host)?;
            wire.segment(host, ACK, at, ask)?;
            at += ask.len();
            for number in 0..5 {
                at = wire.long_frame(host, at, number, &[0x80, 26])?;
            }
        }
        Ok(())
    });
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn exports_of_pictures_without_an_end() {
    limited(&["export", "-", "-q", "--media", "-o"], 0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..2000 {
            let mut at = wire.rtsp(host)?;
            for number in 0..5 {
                at = wire.long_frame(host, at, number, &[0x80, 26])?;
            }
        }
        Ok(())
    });
}

/// More sessions, streams and packets than a page can show.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn reports_of_thousands_of_streams() {
    report(0, |pipe| {
        let mut wire = Wire::new(pipe)?;
        for host in 0..300 {
            let mut at = wire.rtsp(host)?;
            for packet in 0..300_u16 {
                for source in 0..15 {
                    at = wire.frame_at(host, at, source, 2 * packet, 3000 * u32::from(packet))?;
                }
            }
        }
        Ok(())
    });
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes(), &length[..], body, &length].concat()
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn interfaces_with_long_names() {
    let section = block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    let name = [&[101, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0x60, 0xea][..], &vec![b'i'; 60_000]].concat();
    let interface = block(1, &name);
    analyze(1, |mut pipe| {
        for _ in 0..3 {
            pipe.write_all(&section)?;
            (0..10_000).try_for_each(|_| pipe.write_all(&interface))?;
        }
        pipe.flush()
    });
}

/// A pcap file, and behind its header 10 GB of zeros: packets without bytes.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ten_gigabytes_of_zeros_in_gzip() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let (head, zeros) = (gzip(&Wire::new(Vec::new()).unwrap().out), gzip(&vec![0; 100_000_000]));
    analyze(1, |mut pipe| {
        pipe.write_all(&head)?;
        (0..100).try_for_each(|_| pipe.write_all(&zeros))?;
        pipe.flush()
    });
}

/// The same in one zstd frame with the longest window that is read, and with one that no reader could hold.
#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn ten_gigabytes_of_zeros_in_zstd() {
    for window in [16 << 3 | 4, 31 << 3] {
        analyze(1, |mut pipe| {
            pipe.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0, window])?;
            let head = Wire::new(Vec::new())?.out;
            let size = |len: usize, kind: usize| (len << 3 | kind << 1).to_le_bytes();
            pipe.write_all(&size(head.len(), 0)[..3])?;
            pipe.write_all(&head)?;
            // Blocks of one byte repeated 131,072 times.
            let zeros = [&size(128 << 10, 1)[..3], &[0]].concat();
            (0..76_000).try_for_each(|_| pipe.write_all(&zeros))?;
            pipe.write_all(&[1, 0, 0])?;
            pipe.flush()
        });
    }
}
