//! `rtsp-rec report` from outside: what it writes, and where it refuses to.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod command;

use std::fs;
use std::path::Path;
use std::process::Output;

const SAMPLE: &str = "samples/gstreamer_h264_aac.pcapng";
const OTHER: &str = "samples/wireshark/duplicates.pcap";

/// `rtsp-rec report` with these arguments; panics unless it ends with this code.
#[track_caller]
fn report(code: i32, arguments: &[&str]) -> Output {
    command::run(code, &[&["report"], arguments].concat())
}

fn sections(page: &str) -> usize {
    page.matches("<section class=\"capture\"").count()
}

#[test]
fn a_page_goes_to_a_file_or_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.html");
    let path = file.to_str().unwrap();
    let said = String::from_utf8(report(0, &[SAMPLE, "-o", path]).stdout).unwrap();
    assert!(said.starts_with(&format!("{path}: one page, ")) && said.ends_with("B\n"), "{said}");
    assert!(report(0, &[SAMPLE, "-q", "-f", "-o", path]).stdout.is_empty());
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert_eq!(sections(&page), 1);
    assert_eq!(String::from_utf8(report(0, &[SAMPLE, "-o", "-"]).stdout).unwrap(), page, "the same, byte for byte");

    let refused = report(1, &[SAMPLE, "-o", path]);
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), format!("rtsp-rec: {path} exists; -f overwrites it\n"));
    report(0, &[SAMPLE, OTHER, "-f", "-o", path]);
    assert_eq!(sections(&fs::read_to_string(&file).unwrap()), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn what_can_t_be_read_is_told_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.html");
    let path = file.to_str().unwrap();
    let told = report(1, &["missing.pcap", SAMPLE, "-o", path]).stderr;
    assert!(String::from_utf8(told).unwrap().contains("can't open missing.pcap"));
    assert_eq!(sections(&fs::read_to_string(&file).unwrap()), 1);
    fs::remove_file(&file).unwrap();
    report(1, &["missing.pcap", "-o", path]);
    assert!(!file.exists(), "a page about nothing");
    report(2, &[SAMPLE]);
}

/// The page says so as well; the exit code is for scripts.
#[test]
fn a_capture_without_a_session_fails() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.pcap");
    fs::write(&none, [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65535, 1].map(u32::to_be_bytes).concat()).unwrap();
    let output = report(1, &[none.to_str().unwrap(), SAMPLE, "-o", "-"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(sections(&page) == 2 && page.contains("No RTSP session was found"));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("none.pcap: no RTSP session found") && told.lines().count() == 1, "{told}");
}

/// What rotation has cut is one capture again, whatever the order.
#[test]
fn files_of_one_capture_are_one_section() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    let [first, second] = ["1.pcapng", "2.pcapng"].map(|name| folder.path().join(name));
    let (head, cuts) = blocks(&bytes);
    let cut = cuts[cuts.len() / 2];
    fs::write(&first, &bytes[..cut]).unwrap();
    fs::write(&second, [&bytes[..head], &bytes[cut..]].concat()).unwrap();
    let page = report(0, &[second.to_str().unwrap(), first.to_str().unwrap(), "-o", "-"]).stdout;
    let page = String::from_utf8(page).unwrap();
    assert_eq!(sections(&page), 1);
    let packets = "<dt>RTP packets</dt><dd>796</dd>";
    assert!(page.contains(packets), "all packets of both");
}

/// Where the packets of a pcapng begin, and each of its blocks.
fn blocks(bytes: &[u8]) -> (usize, Vec<usize>) {
    const PACKET: u32 = 6;
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut starts) = (0, Vec::new());
    while at < bytes.len() {
        if word(at) == PACKET {
            starts.push(at);
        }
        at += word(at + 4) as usize;
    }
    (starts[0], starts)
}

#[test]
fn a_capture_is_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("x.pcapng");
    fs::copy(SAMPLE, &capture).unwrap();
    let path = capture.to_str().unwrap();
    let refused = report(2, &[path, "-f", "-o", path]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("itself; -o takes another file"));
    assert_eq!(fs::read(&capture).unwrap(), fs::read(SAMPLE).unwrap());
}

/// 400 captures of one recording, each as if another had been running: the page stays one that a browser opens.
#[test]
fn a_page_of_400_captures_stays_below_5_mb() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.html");
    let captures =
        ["samples/tutorial/clean.pcapng", "samples/tutorial/garbage.pcapng", "samples/tutorial/freeze.pcapng", OTHER];
    let copy = |number: usize| {
        let path = folder.path().join(format!("{number}.pcap"));
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(captures[number % captures.len()]), &path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let copies: Vec<String> = (0..400).map(copy).collect();
    let arguments: Vec<&str> = copies.iter().map(String::as_str).chain(["-q", "-o", file.to_str().unwrap()]).collect();
    report(0, &arguments);
    let page = fs::read_to_string(&file).unwrap();
    println!("{} bytes", page.len());
    assert_eq!(sections(&page), 400);
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
}
