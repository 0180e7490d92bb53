//! What only a terminal gets: colour, where it is wanted, and a bar that leaves nothing behind.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const SAMPLE: &str = "samples/gstreamer_h264_aac.pcapng";
const ESCAPE: char = '\x1b';
const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// A pseudo terminal, seen from outside.
struct Terminal {
    outside: File,
    inside: File,
}

impl Terminal {
    fn open() -> Self {
        let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&outside).unwrap();
        unlockpt(&outside).unwrap();
        let name = ptsname(&outside, Vec::new()).unwrap();
        let inside = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        tcsetwinsize(&inside, Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        Self { outside: outside.into(), inside }
    }

    fn side(&self) -> Stdio {
        self.inside.try_clone().unwrap().into()
    }

    /// Nothing but what was started here writes to it any more.
    fn leave(self) -> File {
        self.outside
    }
}

/// Reads what a terminal shows until `enough` says so, or nobody writes to it any more.
fn read_until(outside: &mut File, shown: &mut Vec<u8>, mut enough: impl FnMut(&[u8]) -> bool) {
    let mut chunk = [0; 4096];
    while !enough(shown) {
        // The end of a terminal is an error, EIO.
        match outside.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => shown.extend_from_slice(&chunk[..read]),
        }
    }
}

/// `rtsp-rec` with these arguments and nothing that speaks of colour but what is given.
fn rtsp_rec(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").envs(environment.iter().copied());
    command
}

/// All that it writes to a terminal.
fn on_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let terminal = Terminal::open();
    let mut command = rtsp_rec(arguments, environment);
    let mut child = command.stdout(terminal.side()).stderr(terminal.side()).spawn().unwrap();
    drop(command);
    let mut shown = Vec::new();
    read_until(&mut terminal.leave(), &mut shown, |_| false);
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

/// All that it writes to pipes.
fn in_pipes(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = rtsp_rec(arguments, environment).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// What remains to be seen.
fn screen(shown: &[u8]) -> String {
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
    parser.process(shown);
    parser.screen().contents()
}

/// The sample with a frame and a header damaged: an error and a warning.
fn odd_capture(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    let place = |bytes: &[u8], from: usize, what: &[u8]| {
        from + bytes[from..].windows(what.len()).position(|window| window == what).unwrap()
    };
    let frame = place(&bytes, bytes.len() / 2, b"$\x00");
    bytes[frame] = b'!';
    let header = place(&bytes, 0, b"\r\nCSeq: 3\r\n") + 2;
    bytes[header] = b'X';
    let path = folder.join("odd.pcapng");
    fs::write(&path, bytes).unwrap();
    path
}

/// Each is asked for on a terminal, there with what forbids colour, and in pipes.
#[test]
fn colour_on_terminals_only() {
    let folder = tempfile::tempdir().unwrap();
    let odd = odd_capture(folder.path());
    let findings = ["analyze", odd.to_str().unwrap(), "--table", "findings", "--format", "table"];
    let cases: [(&[&str], &[&str]); 3] = [
        (&findings, &["\x1b[1mseverity\x1b[0m", "\x1b[1m\x1b[31merror\x1b[0m", "\x1b[33mwarning\x1b[0m"]),
        (&["analyze", "missing.pcapng"], &["\x1b[1m\x1b[31mrtsp-rec:\x1b[0m can't open missing.pcapng: "]),
        (&["record", "--help"], &["\x1b[1m\x1b[4mUsage:\x1b[0m"]),
    ];
    for (arguments, expected) in cases {
        let coloured = on_terminal(arguments, &[]);
        for part in expected {
            assert!(coloured.contains(part), "{part:?} in {coloured:?}");
        }
        for environment in [[("NO_COLOR", "1")], [("TERM", "dumb")], [("CLICOLOR", "0")]] {
            let plain = on_terminal(arguments, &environment);
            assert!(!plain.contains(ESCAPE), "{environment:?}: {plain:?}");
        }
        let plain = in_pipes(arguments, &[]);
        assert!(!plain.contains(ESCAPE), "{plain:?}");
        assert!(in_pipes(arguments, &[("CLICOLOR_FORCE", "1")]).contains(expected[0]));
        if arguments != ["record", "--help"] {
            assert_eq!(screen(coloured.as_bytes()), screen(plain.replace('\n', "\r\n").as_bytes()));
        }
    }
}

#[test]
fn what_programs_read_has_no_colour() {
    for format in ["csv", "json"] {
        let text = on_terminal(&["analyze", SAMPLE, "--table", "messages", "--format", format], &[]);
        assert!(text.contains("DESCRIBE") && !text.contains(ESCAPE), "{text:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["analyze", SAMPLE, "--format", "table", "-o", folder.path().to_str().unwrap()];
    assert_eq!(on_terminal(&arguments, &[("CLICOLOR_FORCE", "1")]), "");
    let written = fs::read_to_string(folder.path().join("streams.txt")).unwrap();
    assert!(written.contains("packets") && !written.contains(ESCAPE), "{written:?}");
}

/// An analysis of standard input, which it has got and whose end it waits for.
fn waiting(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> (Child, ChildStdin) {
    let mut command = rtsp_rec(&[&["analyze", "-"], arguments].concat(), &[]);
    let mut child = command.stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap()).unwrap();
    (child, stdin)
}

/// A bar is drawn where nothing else is, and only there. Those who must not draw have at least as much time for it.
#[test]
fn a_long_analysis_shows_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (tables, file) = (folder.path().join("tables"), folder.path().join("streams.csv"));
    let [rows, piped, elsewhere] = [(); 3].map(|()| Terminal::open());
    let others = [
        waiting(&[], rows.side(), rows.side()),
        waiting(&["--format", "table"], Stdio::piped(), piped.side()),
        waiting(&[], File::create(file).unwrap().into(), Stdio::piped()),
    ];
    let (mut child, stdin) = waiting(&["-o", tables.to_str().unwrap()], elsewhere.side(), elsewhere.side());
    let (mut outside, mut shown) = (elsewhere.leave(), Vec::new());
    read_until(&mut outside, &mut shown, |shown| String::from_utf8_lossy(shown).contains("503.86 kB read"));
    assert!(screen(&shown).contains("503.86 kB read  "), "{:?}", screen(&shown));
    drop(stdin);
    read_until(&mut outside, &mut shown, |_| false);
    assert_eq!(screen(&shown), "");
    assert!(child.wait().unwrap().success());

    let outputs = others.map(|(child, stdin)| {
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    assert!(outputs.iter().all(|output| output.status.success() && output.stderr.is_empty()), "{outputs:?}");
    let [mut rows_shown, mut piped_shown] = [Vec::new(), Vec::new()];
    read_until(&mut rows.leave(), &mut rows_shown, |_| false);
    read_until(&mut piped.leave(), &mut piped_shown, |_| false);
    assert!(!rows_shown.contains(&0x1b) && rows_shown.starts_with(b"capture,"));
    assert_eq!(piped_shown, b"");
}

/// The sample from a server that would like to steer terminals, in lines of the same length.
fn hostile_capture(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    let pairs: [(&[u8], &[u8]); 4] = [
        (b"GStreamer", b"\x1b]0;P\x07\xe2\x80\xae"),
        (b"/short", b"/ab\xe2\x80\xae"),
        (b"Session: Vm", b"Session: \xc2\x9b"),
        (b"H264/", b"\x1b[1m/"),
    ];
    for (from, to) in pairs {
        assert_eq!(from.len(), to.len());
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
        assert!(!places.is_empty(), "{from:?}");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    let path = folder.join("hostile\x1b[2J\u{202e}.pcapng");
    fs::write(&path, bytes).unwrap();
    path
}

#[track_caller]
fn assert_steers_nothing(arguments: &[&str], shown: &str) {
    let shown = shown.replace("\r\n", "\n");
    let steers = |char: char| char.is_control() && char != '\n' || ('\u{202a}'..='\u{202e}').contains(&char);
    assert!(!shown.contains(steers), "{arguments:?}: {shown:?}");
}

/// Without colour, so that none of a server's is taken for ours.
const PLAIN: [(&str, &str); 1] = [("NO_COLOR", "1")];

#[test]
fn no_capture_steers_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let capture = hostile_capture(folder.path());
    let capture = capture.to_str().unwrap();
    let mut all = Vec::new();
    for table in
        ["streams", "packets", "frames", "messages", "findings", "verdicts", "sender_reports", "report_blocks", "tcp"]
    {
        for format in ["csv", "csv-safe", "json", "table"] {
            all.push(vec!["analyze", capture, "--table", table, "--format", format]);
        }
    }
    let [page, redacted, view, media] =
        ["page.html", "redacted.pcapng", "view.pcapng", "media\x1b[2J"].map(|name| folder.path().join(name));
    let [page, redacted, view, media] = [&page, &redacted, &view, &media].map(|path| path.to_str().unwrap());
    all.extend([
        vec!["report", capture, "-o", page],
        vec!["redact", capture, "-o", redacted],
        vec!["export", capture, "-o", view],
        vec!["export", capture, "--media", "-o", media],
        vec!["compare", capture, SAMPLE],
        vec!["compare", capture, SAMPLE, "--format", "json"],
        vec!["analyze", "missing\x1b[2J.pcapng"],
        vec!["record", "rtsp://127.0.0.1:1/\u{202e}", "-o", "/missing/\x1b[2J"],
    ]);
    for arguments in all {
        let shown = on_terminal(&arguments, &PLAIN);
        assert_steers_nothing(&arguments, &shown);
        // A table without rows is nothing in JSON.
        assert!(!shown.is_empty() || arguments.contains(&"json"), "{arguments:?}");
    }
    let messages = on_terminal(&["analyze", capture, "--table", "messages"], &PLAIN);
    assert!(messages.contains(r"/ab\u202e") && messages.contains(r"\u001b]0;P\u0007"), "it is spelled out: {messages}");
}

#[test]
fn no_server_and_no_client_steers_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let capture = hostile_capture(folder.path());
    let served = Terminal::open();
    let listen = ["replay", capture.to_str().unwrap(), "--listen", "127.0.0.1:0", "--speed", "max", "-v"];
    let mut replay = rtsp_rec(&listen, &PLAIN).stdout(served.side()).stderr(served.side()).spawn().unwrap();
    let (mut outside, mut said) = (served.leave(), Vec::new());
    read_until(&mut outside, &mut said, |said| String::from_utf8_lossy(said).contains("Ctrl-C"));
    let text = String::from_utf8(said.clone()).unwrap();
    let address = text.split("rtsp://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let url = format!("rtsp://{address}/x");
    let [file, probed] = ["out.pcapng", "probed.pcapng"].map(|name| folder.path().join(name));
    let (file, probed) = (file.to_str().unwrap(), probed.to_str().unwrap());
    let to = ["replay", capture.to_str().unwrap(), "--to", &url, "-v"];
    let record = ["record", url.as_str(), "-v", "--max-packets", "40", "-o", file];
    let probe = ["probe", &url, "-v", "-o", probed];
    let json = ["probe", &url, "--format", "json"];
    for arguments in [&record[..], &probe, &json, &to] {
        let shown = on_terminal(arguments, &PLAIN);
        assert_steers_nothing(arguments, &shown);
        assert!(!shown.is_empty(), "{arguments:?}");
    }
    replay.kill().unwrap();
    replay.wait().unwrap();
    read_until(&mut outside, &mut said, |_| false);
    assert_steers_nothing(&listen, &String::from_utf8_lossy(&said));
}
