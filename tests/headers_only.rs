//! A recording without media tells the same as one with it: every table, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;
use std::process::Command;

use rtsp_rec::capture::{Source, Writer, WriterOptions};

const TABLES: [&str; 9] =
    ["streams", "packets", "frames", "sender_reports", "report_blocks", "messages", "findings", "verdicts", "tcp"];

/// The sample, written again. Its length, and what zstd makes of it.
fn rewrite(headers_only: bool, path: &Path) -> (usize, usize) {
    let sample: &[u8] = include_bytes!("../samples/gstreamer_h264_aac.pcapng");
    let options = WriterOptions { headers_only, ..WriterOptions::default() };
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    Source::read(sample, &mut writer).unwrap();
    let file = writer.into_inner().unwrap();
    fs::write(path, &file).unwrap();
    (file.len(), zstd::bulk::compress(&file, 1).unwrap().len())
}

/// All tables of a capture.
fn analyze(capture: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    // The tables name the capture: as it is called in its folder.
    command.current_dir(capture.parent().unwrap()).arg("analyze").arg("sample.pcapng").arg("-o").arg(folder.path());
    assert!(command.status().unwrap().success());
    TABLES.map(|table| fs::read_to_string(folder.path().join(table).with_extension("csv")).unwrap()).to_vec()
}

#[test]
fn all_tables_are_the_same() {
    let [with, without] = [false, true].map(|headers_only| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.pcapng");
        let (len, compressed) = rewrite(headers_only, &path);
        (len, compressed, analyze(&path))
    });
    assert_eq!(with.2, without.2);
    assert_eq!(with.0, without.0, "as long as with media");
    assert!(without.1 * 10 < with.1, "{} and {} bytes compressed", without.1, with.1);
}
