//! A server of many sessions: each gets media as its load says, and a BYE.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a session gets.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    tick: Duration,
    ticks: u32,
    frames_a_tick: u32,
    /// RTP header included.
    frame_bytes: u16,
    /// Of a 90 kHz clock.
    clock_a_tick: u32,
}

impl Load {
    /// 2 Mbit/s for five seconds.
    pub(crate) const MODEST: Self =
        Self { tick: Duration::from_millis(20), ticks: 250, frames_a_tick: 5, frame_bytes: 1_000, clock_a_tick: 1_800 };
    /// 60 MB/s for a second, in writes of 64 KiB with 320 frames each.
    pub(crate) const BUSY: Self =
        Self { tick: Duration::from_millis(1), ticks: 1_000, frames_a_tick: 320, frame_bytes: 184, clock_a_tick: 90 };

    /// 60 MB/s for three seconds, in writes of 600 kB.
    pub(crate) const HEAVY: Self =
        Self { tick: Duration::from_millis(10), ticks: 300, frames_a_tick: 500, frame_bytes: 1_200, clock_a_tick: 900 };
    /// 1 Mbit/s for two seconds.
    pub(crate) const LIGHT: Self =
        Self { tick: Duration::from_millis(40), ticks: 50, frames_a_tick: 5, frame_bytes: 1_000, clock_a_tick: 3_600 };

    /// RTP packets of a whole session.
    pub(crate) fn frames(&self) -> usize {
        usize::try_from(self.ticks * self.frames_a_tick).expect("not that many")
    }
}

/// What the server has done so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// RTP packets sent, by SSRC.
    pub(crate) sent: BTreeMap<u32, usize>,
    /// TEARDOWN requests answered.
    pub(crate) teardowns: usize,
}

/// A server that listens; it ends with the test process.
pub(crate) struct Flood {
    port: u16,
    tally: Arc<Mutex<Tally>>,
}

impl Flood {
    pub(crate) fn start(load: Load) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let tally = Arc::<Mutex<Tally>>::default();
        let shared = Arc::clone(&tally);
        thread::spawn(move || {
            for (ssrc, stream) in (1..).zip(listener.incoming()) {
                let tally = Arc::clone(&shared);
                // A client that goes away ends its session; the tally tells.
                thread::spawn(move || Session { ssrc, load, tally }.serve(&stream?));
            }
        });
        Self { port, tally }
    }

    /// As many URLs as sessions are wanted.
    pub(crate) fn urls(&self, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("rtsp://127.0.0.1:{}/camera{number}", self.port)).collect()
    }

    /// What has been done, after the clients have ended.
    pub(crate) fn tally(&self) -> Tally {
        std::mem::take(&mut self.tally.lock().expect("no session panics with the lock"))
    }
}

/// One client's session; a connection is one session here.
struct Session {
    ssrc: u32,
    load: Load,
    tally: Arc<Mutex<Tally>>,
}

impl Session {
    /// Answers requests until the client goes.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream);
        while let Some(request) = Request::read(&mut requests)? {
            (&*stream).write_all(request.reply(self.ssrc).as_bytes())?;
            match request.method.as_str() {
                "PLAY" => self.stream(stream)?,
                "TEARDOWN" => self.tally.lock().expect("no session panics with the lock").teardowns += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Sends the media in its own time, then BYE.
    fn stream(&self, mut stream: &TcpStream) -> io::Result<()> {
        let started = Instant::now();
        let mut frames = Frames::new(self.ssrc, self.load);
        for tick in 0..self.load.ticks {
            thread::sleep((started + self.load.tick * tick).saturating_duration_since(Instant::now()));
            stream.write_all(frames.of_tick(tick))?;
        }
        self.tally.lock().expect("no session panics with the lock").sent.insert(self.ssrc, self.load.frames());
        stream.write_all(&bye(self.ssrc))
    }
}

/// Channel 1, 8 bytes: version 2, one source, BYE, two words in all.
pub(crate) fn bye(ssrc: u32) -> [u8; 12] {
    let [a, b, c, d] = ssrc.to_be_bytes();
    [b'$', 1, 0, 8, 0x81, 203, 0, 1, a, b, c, d]
}

/// The interleaved frames of one tick, made anew in the same buffer.
struct Frames {
    bytes: Vec<u8>,
    load: Load,
    next_sequence: u16,
}

impl Frames {
    fn new(ssrc: u32, load: Load) -> Self {
        let mut frame = vec![b'$', 0];
        frame.extend(load.frame_bytes.to_be_bytes());
        frame.extend([0x80, 96, 0, 0, 0, 0, 0, 0]);
        frame.extend(ssrc.to_be_bytes());
        frame.resize(4 + usize::from(load.frame_bytes), b'$');
        let count = usize::try_from(load.frames_a_tick).expect("fits one write");
        Self { bytes: frame.repeat(count), load, next_sequence: 65_000 }
    }

    fn of_tick(&mut self, tick: u32) -> &[u8] {
        for frame in self.bytes.chunks_exact_mut(4 + usize::from(self.load.frame_bytes)) {
            frame[6..8].copy_from_slice(&self.next_sequence.to_be_bytes());
            frame[8..12].copy_from_slice(&(tick * self.load.clock_a_tick).to_be_bytes());
            self.next_sequence = self.next_sequence.wrapping_add(1);
        }
        &self.bytes
    }
}

/// What a server needs of a request.
pub(crate) struct Request {
    pub(crate) method: String,
    url: String,
    cseq: String,
}

/// Passes over interleaved frames: the client reports what it has received.
fn skip_reports(source: &mut impl BufRead) -> io::Result<()> {
    while source.fill_buf()?.first() == Some(&b'$') {
        let mut head = [0; 4];
        source.read_exact(&mut head)?;
        let mut report = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
        source.read_exact(&mut report)?;
    }
    Ok(())
}

impl Request {
    /// The next request, `None` when the client has gone. No request here has a body.
    pub(crate) fn read(source: &mut impl BufRead) -> io::Result<Option<Self>> {
        skip_reports(source)?;
        let (mut head, mut line) = (String::new(), String::new());
        while source.read_line(&mut line)? > 0 {
            if line.trim().is_empty() && !head.is_empty() {
                return Ok(Some(Self::parse(&head)));
            }
            head.push_str(&line);
            line.clear();
        }
        Ok(None)
    }

    fn parse(head: &str) -> Self {
        let mut words = head.split_whitespace().map(str::to_owned);
        let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let cseq = head.lines().find_map(|line| line.strip_prefix("CSeq:")).unwrap_or_default();
        Self { method, url, cseq: cseq.trim().to_owned() }
    }

    /// The answer of a server with one track that is interleaved; its session has the number of its source.
    pub(crate) fn reply(&self, ssrc: u32) -> String {
        let session = format!("Session: {ssrc};timeout=60\r\n");
        let (head, body) = match self.method.as_str() {
            "OPTIONS" => ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n".to_owned(), String::new()),
            "DESCRIBE" => (format!("Content-Base: {}/\r\nContent-Type: application/sdp\r\n", self.url), sdp(ssrc)),
            "SETUP" => (format!("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n{session}"), String::new()),
            _ => (session, String::new()),
        };
        let length = body.len();
        format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n{head}Content-Length: {length}\r\n\r\n{body}", self.cseq)
    }
}

fn sdp(ssrc: u32) -> String {
    format!(
        "v=0\r\no=- {ssrc} 1 IN IP4 127.0.0.1\r\ns=flood\r\nt=0 0\r\na=control:*\r\n\
         m=video 0 RTP/AVP 96\r\na=rtpmap:96 X-FLOOD/90000\r\na=control:track0\r\n"
    )
}
