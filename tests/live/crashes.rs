//! `kill -9`, and the same command again, 20 times: every byte that was on the disk stays in the files, and what comes goes
//! on behind it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use zstd::stream::read::Decoder;

use crate::flood::{Request, bye};
use crate::process::{Running, run};
use crate::recorder::{Place, RECORD_LIMIT, Row, TOOL_LIMIT, record_command, rtsp_rec, sum};

const CRASHES: u32 = 20;
/// Frames of the session that nobody kills.
const LAST: u32 = 1_500;
/// A killed one gets so many before the kill, or less.
const MOST: u32 = 3_000;
/// Bytes of an RTP packet.
const FRAME: u16 = 1_000;
/// A file of this size holds two hundred of them.
const ROTATE: &str = "200kB";
/// Ethernet, IPv4 and TCP headers of a recorded packet.
const HEADERS: usize = 14 + 20 + 20;

/// When a recorder is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// As soon as its process is there: it may be completing what the one before it left.
    Started,
    /// When so many frames have been sent to it; more are on their way.
    Sent(u32),
    /// Not at all; the session ends.
    Never,
}

impl Moment {
    fn random(random: &mut fastrand::Rng) -> Self {
        if random.u32(..5) == 0 { Self::Started } else { Self::Sent(random.u32(..MOST)) }
    }
}

/// A server that sends as fast as it can, and tells when the moment has come.
struct Camera {
    url: String,
    run: Arc<Run>,
}

/// What the server is to do now.
struct Run {
    number: AtomicU32,
    moment: Mutex<(Moment, Option<Sender<()>>)>,
}

impl Camera {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let url = format!("rtsp://{}/camera", listener.local_addr().expect("it is bound"));
        let run = Arc::new(Run { number: AtomicU32::new(0), moment: Mutex::new((Moment::Never, None)) });
        let shared = Arc::clone(&run);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let run = Arc::clone(&shared);
                // Each but the last ends with an error: its client is killed.
                thread::spawn(move || run.serve(&stream?));
            }
        });
        Self { url, run }
    }

    /// The next client is this one, and killed then.
    fn expect(&self, number: u32, moment: Moment) -> Receiver<()> {
        let (told, moment_came) = channel();
        self.run.number.store(number, Ordering::SeqCst);
        *self.run.moment.lock().expect("no session panics with the lock") = (moment, Some(told));
        moment_came
    }
}

impl Run {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        // What was sent should be what was received, or nearly.
        socket2::SockRef::from(stream).set_send_buffer_size(32 << 10)?;
        let mut requests = BufReader::new(stream);
        while let Some(request) = Request::read(&mut requests)? {
            let number = self.number.load(Ordering::SeqCst);
            (&*stream).write_all(request.reply(number).as_bytes())?;
            if request.method == "PLAY" {
                self.stream(stream, number)?;
            }
        }
        Ok(())
    }

    fn stream(&self, mut stream: &TcpStream, number: u32) -> io::Result<()> {
        let (moment, mut told) = {
            let mut shared = self.moment.lock().expect("no session panics with the lock");
            (shared.0, shared.1.take())
        };
        for count in 0.. {
            match moment {
                Moment::Never if count == LAST => return stream.write_all(&bye(number)),
                Moment::Sent(sent) if count >= sent => drop(told.take()),
                _ => {}
            }
            stream.write_all(&frame(number, count))?;
        }
        Ok(())
    }
}

/// A frame that says whose it is, and which.
fn frame(run: u32, count: u32) -> Vec<u8> {
    let [.., high, low] = count.to_be_bytes();
    let mut frame = [&[b'$', 0][..], &FRAME.to_be_bytes(), &[0x80, 96, high, low], &count.to_be_bytes()].concat();
    frame.extend(run.to_be_bytes());
    let name = format!("frame {count} of run {run}; ").into_bytes();
    frame.extend(name.iter().cycle().take(usize::from(FRAME) + 4 - frame.len()));
    frame
}

/// What is in the folder: content by number, and whether it has its name.
type Files = BTreeMap<u64, (Vec<u8>, bool)>;

fn files(place: &Place, extension: &str) -> Files {
    let mut files = Files::new();
    for entry in place.dir().read_dir().expect("it is there") {
        let path = entry.expect("the recorder is gone").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("our own names");
        let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part"));
        let digits = inner.unwrap_or(name).strip_prefix("cam-").and_then(|name| name.strip_suffix(extension));
        let number = digits.unwrap_or_else(|| panic!("what is {name}?")).parse().expect("a number");
        let before = files.insert(number, (fs::read(&path).expect("it can be read"), inner.is_none()));
        assert!(before.is_none(), "{number} is there twice");
    }
    files
}

/// How much of a file is whole, and that as pcapng blocks.
fn whole(file: &[u8], compressed: bool) -> (usize, Vec<u8>) {
    if !compressed {
        let len = blocks(file).map(<[u8]>::len).sum();
        return (len, file[..len].to_vec());
    }
    let (mut rest, mut plain) = (file, Vec::new());
    while !rest.is_empty() {
        let (mut frame, mut behind) = (Vec::new(), rest);
        let decoder = Decoder::with_buffer(&mut behind).expect("a decoder").single_frame();
        if { decoder }.read_to_end(&mut frame).is_err() {
            break;
        }
        plain.extend(frame);
        rest = behind;
    }
    (file.len() - rest.len(), plain)
}

/// The blocks of a capture that are whole.
fn blocks(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?);
        let (block, behind) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        rest = behind;
        Some(block)
    })
}

/// Run and number of the frame that a block holds, of which each byte must be right.
fn frame_in(block: &[u8]) -> Option<(u32, u32)> {
    let packet = block.get(28..).filter(|_| block.starts_with(&[6, 0, 0, 0]))?;
    let data = packet.get(HEADERS..).filter(|data| data.starts_with(&[b'$', 0]))?;
    let word = |at: usize| u32::from_be_bytes(data[at..at + 4].try_into().expect("four bytes"));
    let (count, run) = (word(8), word(12));
    let sent = frame(run, count);
    assert_eq!(data[..sent.len()], sent, "frame {count} of run {run}");
    Some((run, count))
}

/// The frames of a file.
fn frames(file: &[u8], compressed: bool) -> Vec<(u32, u32)> {
    blocks(&whole(file, compressed).1).filter_map(frame_in).collect()
}

/// Whatever was whole in one of the files is there when the next recorder is gone, but for what `keep` lets go.
fn assert_nothing_went(before: &Files, after: &Files, keep: Option<usize>, compressed: bool) {
    for (number, (content, _)) in before {
        let whole = whole(content, compressed).0;
        match after.get(number) {
            Some((now, _)) if *now == content[..whole] => {}
            // The recorder was killed before it came to this file.
            Some((now, false)) if now == content => {}
            Some((now, _)) => panic!("{number} had {} bytes, {whole} of them whole; now {}", content.len(), now.len()),
            None => {
                let behind = after.range(number..).filter(|(_, (_, complete))| *complete).count();
                assert!(whole == 0 || keep.is_some_and(|keep| behind >= keep), "{number} went; {behind} are behind it");
            }
        }
    }
    let complete = after.values().filter(|(_, complete)| *complete).count();
    // One more for the moment between its end and the removal of the oldest, and those just taken over.
    assert!(keep.is_none_or(|keep| complete <= keep + 2), "{complete} files are kept");
}

/// Each run's frames follow each other without a hole, and the runs do; the last one is there to its end.
fn assert_all_frames(files: &Files, keep: Option<usize>, compressed: bool) {
    let mut last: Option<(u32, u32)> = None;
    for (run, count) in files.values().flat_map(|(file, _)| frames(file, compressed)) {
        let follows = match last {
            Some((before, of)) if before == run => count == of + 1,
            Some((before, _)) => before < run && count == 0,
            None => keep.is_some() || count == 0,
        };
        assert!(follows, "frame {count} of run {run} is behind {last:?}");
        last = Some((run, count));
    }
    assert_eq!(last, Some((CRASHES, LAST - 1)));
}

/// Records 20 times until it is killed, and then to the end.
fn crash_again_and_again(compressed: bool, keep: Option<usize>) {
    let (camera, place) = (Camera::start(), Place::new());
    let extension = if compressed { ".pcapng.zst" } else { ".pcapng" };
    let seed = fastrand::u64(..);
    println!("the seed of the moments: {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let kept = keep.map(|keep| keep.to_string());
    let mut options = vec!["--rotate-size", ROTATE];
    options.extend(kept.as_deref().map(|keep| ["--keep", keep]).into_iter().flatten());
    let mut command = record_command(&camera.url, &place.dir().join(format!("cam{extension}")), &options);
    let mut before = Files::new();
    for number in 0..=CRASHES {
        let moment = if number == CRASHES { Moment::Never } else { Moment::random(&mut random) };
        println!("run {number} is killed: {moment:?}");
        let moment_came = camera.expect(number, moment);
        let recording = Running::start(&mut command);
        match moment {
            Moment::Never => drop(recording.finish(RECORD_LIMIT).expect_code(0)),
            Moment::Started => drop(recording),
            Moment::Sent(_) => {
                let end = moment_came.recv_timeout(RECORD_LIMIT);
                assert_eq!(end, Err(RecvTimeoutError::Disconnected), "so many are sent");
                drop(recording);
            }
        }
        let after = files(&place, extension);
        assert_nothing_went(&before, &after, keep, compressed);
        before = after;
    }
    assert!(before.values().all(|(_, complete)| *complete), "all have their names");
    assert!(keep.is_none_or(|keep| before.len() == keep), "{} are kept", before.len());
    assert_all_frames(&before, keep, compressed);
    let paths: Vec<_> = before.keys().map(|number| place.dir().join(format!("cam-{number:05}{extension}"))).collect();
    let held = before.values().map(|(file, _)| frames(file, compressed).len()).sum();
    assert_tools_agree(&paths, held);
}

/// What `analyze` counts is what is held, without a loss; Wireshark opens the files.
fn assert_tools_agree(paths: &[PathBuf], held: usize) {
    let outcome = run(rtsp_rec().arg("analyze").args(paths), TOOL_LIMIT);
    let rows: Result<Vec<Row>, _> = csv::Reader::from_reader(outcome.stdout.as_bytes()).into_deserialize().collect();
    let rows = rows.expect("a table");
    assert_eq!((sum(&rows, "packets"), sum(&rows, "missing")), (held, 0));
    run(Command::new("capinfos").args(paths), TOOL_LIMIT).expect_code(0);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn rotated() {
    crash_again_and_again(false, None);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn rotated_and_compressed() {
    crash_again_and_again(true, None);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn rotated_of_which_the_last_are_kept() {
    crash_again_and_again(false, Some(3));
}
