//! `rtsp-rec analyze` as its users see it: what it prints, writes and exits with.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod command;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SAMPLE: &str = "samples/gstreamer_h264_aac.pcapng";
const TABLES: [&str; 9] =
    ["streams", "packets", "frames", "sender_reports", "report_blocks", "messages", "findings", "verdicts", "tcp"];

/// `rtsp-rec analyze` with these arguments, at the root of the package.
fn analyze(arguments: &[&str]) -> Command {
    command::rtsp_rec(&[&["analyze"], arguments].concat())
}

/// Runs it; panics unless it ends with this code.
#[track_caller]
fn run(code: i32, arguments: &[&str]) -> Output {
    command::run(code, &[&["analyze"], arguments].concat())
}

#[track_caller]
fn stdout(arguments: &[&str]) -> String {
    let output = run(0, arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn stderr(code: i32, arguments: &[&str]) -> String {
    String::from_utf8(run(code, arguments).stderr).unwrap()
}

/// The first bytes of the sample as a file of its own.
fn cut_sample(folder: &Path, name: &str, len: usize) -> String {
    let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    let path = folder.join(name);
    fs::write(&path, &sample[..len.min(sample.len())]).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A table of several captures must be the header and the rows of each.
fn joined(table: &str, captures: &[&str]) -> String {
    let each = captures.iter().map(|capture| String::from_utf8(run(0, &[capture, "--table", table]).stdout).unwrap());
    let mut lines = each
        .enumerate()
        .flat_map(|(index, text)| text.lines().skip(usize::from(index > 0)).map(str::to_owned).collect::<Vec<_>>())
        .collect::<Vec<_>>()
        .join("\n");
    lines.push('\n');
    lines
}

#[test]
fn every_table_in_every_format() {
    for table in TABLES {
        let csv = stdout(&[SAMPLE, "--table", table]);
        let rows = csv.lines().count() - 1;
        let columns: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert_eq!(columns[0], "capture");

        let json = stdout(&[SAMPLE, "--table", table, "--format", "json"]);
        assert_eq!(json.lines().count(), rows, "{table}");
        for line in json.lines() {
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            assert_eq!(object.len(), columns.len());
            assert_eq!(object["capture"], SAMPLE);
        }

        let text = stdout(&[SAMPLE, "--table", table, "--format", "table"]);
        match rows {
            0 => assert_eq!(text, format!("no {}\n", table.replace('_', " "))),
            _ if table == "streams" => assert_eq!(text.lines().count(), columns.len()),
            rows if table == "verdicts" => assert_eq!(text.lines().count(), 2 * rows + 1),
            rows => assert_eq!(text.lines().count(), rows + 1, "{table}"),
        }
    }
    assert_eq!(stdout(&[SAMPLE]), stdout(&[SAMPLE, "--table", "streams", "--format", "csv"]));
}

#[test]
fn numbers_are_the_same_in_csv_and_json() {
    for table in TABLES {
        let csv = stdout(&[SAMPLE, "--table", table]);
        let json = stdout(&[SAMPLE, "--table", table, "--format", "json"]);
        let mut csv = csv::Reader::from_reader(csv.as_bytes());
        let header = csv.headers().unwrap().clone();
        for (record, line) in csv.records().zip(json.lines()) {
            let record = record.unwrap();
            let cells = header.iter().zip(&record).map(|(name, cell)| {
                let text = if cell.is_empty() { "null".to_owned() } else { cell.to_owned() };
                let quoted = serde_json::to_string(cell).unwrap();
                [format!("\"{name}\":{text}"), format!("\"{name}\":{quoted}")]
            });
            for forms in cells {
                assert!(forms.iter().any(|form| line.contains(form)), "{forms:?} in {line}");
            }
        }
    }
}

#[test]
fn looks_like_this() {
    for table in ["streams", "messages"] {
        for format in ["json", "table"] {
            insta::assert_snapshot!(
                format!("{table}_{format}"),
                stdout(&[SAMPLE, "--table", table, "--format", format])
            );
        }
    }
}

#[test]
fn a_folder_holds_every_table() {
    let folder = tempfile::tempdir().unwrap();
    for (format, extension) in [("csv", "csv"), ("json", "json"), ("table", "txt")] {
        let inside = folder.path().join(format).join("new");
        assert_eq!(stdout(&[SAMPLE, "--format", format, "-o", inside.to_str().unwrap()]), "");
        for table in TABLES {
            let file = fs::read_to_string(inside.join(table).with_extension(extension)).unwrap();
            assert_eq!(file, stdout(&[SAMPLE, "--format", format, "--table", table]), "{table} as {format}");
        }
        assert_eq!(fs::read_dir(inside).unwrap().count(), TABLES.len());
    }
}

#[test]
fn a_folder_that_can_t_be_made() {
    let text = stderr(1, &[SAMPLE, "-o", "Cargo.toml/tables"]);
    assert!(text.starts_with("rtsp-rec: can't create Cargo.toml/tables: "), "{text}");
}

#[test]
fn mistakes_are_told_with_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    // A pcap file header, and a packet of zeros.
    let header = [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65535, 1].map(u32::to_be_bytes).concat();
    let packet = [[0; 4], [0; 4], 60_u32.to_be_bytes(), 60_u32.to_be_bytes()].concat();
    let other = folder.path().join("other.pcap");
    fs::write(&other, [&header[..], &packet, &[0; 60]].concat()).unwrap();
    for (capture, code, words) in [
        ("missing.pcapng", 1, "is the name right?"),
        ("Cargo.toml", 1, "is it the right file?"),
        ("samples", 1, "name the files in it"),
        ("/dev/null", 1, "has anything been recorded?"),
        (other.to_str().unwrap(), 1, "no RTSP session found; it may be in TLS, or the capture may lack its beginning"),
    ] {
        let text = stderr(code, &[capture, "--table", "findings"]);
        assert!(text.contains(capture) && text.contains(words) && text.lines().count() == 1, "{text}");
    }
}

/// Nothing that was analyzed is no success: neither for a condition on streams that are not there, nor among others.
#[test]
fn a_capture_without_a_session_fails() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.pcap");
    fs::write(&none, [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65535, 1].map(u32::to_be_bytes).concat()).unwrap();
    let none = none.to_str().unwrap();
    let told = format!("rtsp-rec: {none}: no RTSP session found");
    for more in [&[][..], &["--fail-if", "lost>0"], &["--format", "json"], &["--format", "table"]] {
        let text = stderr(1, &[&[none], more].concat());
        assert!(text.starts_with(&told) && text.lines().count() == 1, "{more:?}: {text}");
    }
    let both = run(1, &[SAMPLE, none]);
    assert_eq!(String::from_utf8(both.stdout).unwrap(), stdout(&[SAMPLE]), "the rows of the others come");
    assert!(String::from_utf8(both.stderr).unwrap().starts_with(&told));

    let tables = folder.path().join("tables");
    run(1, &[none, "-o", tables.to_str().unwrap()]);
    for table in TABLES {
        let header = stdout(&[SAMPLE, "--table", table]).lines().next().unwrap().to_owned() + "\n";
        assert_eq!(fs::read_to_string(tables.join(table).with_extension("csv")).unwrap(), header);
    }
}

#[test]
fn captures_come_out_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    // More than wait for their turn in memory, and more than are read ahead; the first takes longest.
    let names: Vec<String> =
        (0..40).map(|index| cut_sample(folder.path(), &format!("{index}.pcapng"), 500_000 - 12_000 * index)).collect();
    let captures: Vec<&str> = names.iter().map(String::as_str).collect();
    for table in ["streams", "packets", "messages"] {
        let expected = joined(table, &captures);
        for _ in 0..3 {
            let mut arguments = captures.clone();
            arguments.extend(["--table", table]);
            assert!(String::from_utf8(run(0, &arguments).stdout).unwrap() == expected, "{table}");
        }
    }
}

#[test]
fn what_can_t_be_read_stops_no_other() {
    let expected = stdout(&[SAMPLE, SAMPLE]);
    let output = run(1, &["missing.pcapng", SAMPLE, "Cargo.toml", SAMPLE]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let starts: Vec<&str> = stderr.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(starts, ["can't open missing.pcapng", "Cargo.toml"], "{stderr}");
}

#[test]
fn no_table_where_nothing_could_be_read() {
    for format in ["csv", "json", "table"] {
        let output = run(1, &["missing.pcapng", "--format", format]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
        assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    }
}

#[test]
fn standard_input() {
    let mut child =
        analyze(&["-", "--table", "messages"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    child.stdin.take().unwrap().write_all(&sample).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text.replace("\n-,", "\nX,"),
        stdout(&[SAMPLE, "--table", "messages"]).replace(&format!("\n{SAMPLE},"), "\nX,")
    );
}

/// Whoever watches a live pipe sees what its packets complete, while it waits for more.
#[test]
fn rows_of_a_live_pipe_come_as_its_packets_do() {
    let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    // Whole blocks, and so few that a pipe takes all their rows.
    let part = blocks(&sample).take_while(|end| *end < sample.len() / 8).last().unwrap();
    for (format, table) in [("csv", "packets"), ("csv", "messages"), ("json", "packets"), ("json", "messages")] {
        let arguments = ["-", "--table", table, "--format", format];
        let mut cut = analyze(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        cut.stdin.take().unwrap().write_all(&sample[..part]).unwrap();
        let expected = cut.wait_with_output().unwrap().stdout;
        assert!(expected.len() > 1000 && expected.len() < 1 << 16, "one buffer's worth: {}", expected.len());

        let mut live = analyze(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut stdout) = (live.stdin.take().unwrap(), live.stdout.take().unwrap());
        stdin.write_all(&sample[..part]).unwrap();
        let (sender, rows) = mpsc::channel();
        let mut seen = vec![0; expected.len()];
        let reader = thread::spawn(move || {
            stdout.read_exact(&mut seen).unwrap();
            sender.send(seen).unwrap();
            // Nobody reads any more.
            drop(stdout);
        });
        // A fault makes the test fail, where it would else wait for ever.
        let seen = rows.recv_timeout(Duration::from_mins(1)).expect("the rows come while the pipe is open");
        assert_eq!(String::from_utf8(seen).unwrap(), String::from_utf8(expected).unwrap(), "{format} {table}");
        reader.join().unwrap();
        drop(stdin);
        live.wait().unwrap();
    }
}

/// Where each block of a little-endian pcapng file ends.
fn blocks(file: &[u8]) -> impl Iterator<Item = usize> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let len = u32::from_le_bytes(file.get(end + 4..end + 8)?.try_into().unwrap());
        end += usize::try_from(len).unwrap();
        Some(end)
    })
}

#[test]
fn conditions_decide_on_the_exit_code() {
    let expected = stdout(&[SAMPLE]);
    for condition in ["lost>0", "packets < 100", "lost != 0", "drift_ppm>=-1e9"] {
        assert_eq!(stdout(&[SAMPLE, "--fail-if", condition]), expected, "{condition}");
    }
    let output = run(3, &[SAMPLE, "--fail-if", "lost>0", "--fail-if", "packets>=328", "--fail-if", "packets = 468"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    insta::assert_snapshot!("conditions", String::from_utf8(output.stderr).unwrap());
}

#[test]
fn conditions_look_at_every_capture_and_table() {
    let folder = tempfile::tempdir().unwrap();
    let small = cut_sample(folder.path(), "small.pcapng", 100_000);
    let text = stderr(3, &[SAMPLE, SAMPLE, &small, "--table", "findings", "--fail-if", "packets<300"]);
    let line = text.lines().find(|line| line.contains("--fail-if")).unwrap();
    assert!(line.contains(&format!("--fail-if 'packets<300': {small}: session 1, track ")), "{line}");
    assert!(line.ends_with("; it holds for 1 more stream"), "{line}");
}

#[test]
fn a_capture_that_can_t_be_read_weighs_more_than_a_condition() {
    let text = stderr(1, &[SAMPLE, "missing.pcapng", "--fail-if", "packets>0"]);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with("rtsp-rec: --fail-if 'packets>0': "), "{text}");
}

#[test]
fn conditions_that_are_none() {
    for condition in ["lots>0", "cname==1", "lost", "lost>many"] {
        let output = run(2, &["missing.pcapng", "--fail-if", condition]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(&format!("rtsp-rec: --fail-if '{condition}': ")), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    for arguments in [&["--table", "pictures"], &["--format", "xml"]] {
        run(2, &[SAMPLE, arguments[0], arguments[1]]);
    }
    run(2, &[SAMPLE, "--table", "packets", "-o", "nowhere"]);
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    for format in ["csv", "json"] {
        let mut arguments = vec![SAMPLE; 30];
        arguments.extend(["--table", "packets", "--format", format]);
        let mut child = analyze(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("capture"), "{line}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}
