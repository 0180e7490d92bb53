//! `rtsp-rec export` as its users see it: what it writes, says and exits with. What other tools make of it is tested in
//! tests/live.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod command;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use rtsp_rec::capture::reader::read_packets;

const SAMPLE: &str = "samples/gstreamer_h264_aac.pcapng";

/// `rtsp-rec export SAMPLE` with these arguments; panics unless it ends with this code.
#[track_caller]
fn export(code: i32, arguments: &[&str]) -> Output {
    export_of(SAMPLE, code, arguments)
}

#[track_caller]
fn export_of(capture: &str, code: i32, arguments: &[&str]) -> Output {
    command::run(code, &[&["export", capture], arguments].concat())
}

/// What it says on standard error when it ends with this code.
#[track_caller]
fn complaint(capture: &str, code: i32, arguments: &[&str]) -> String {
    String::from_utf8(export_of(capture, code, arguments).stderr).unwrap()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Names and sizes in a folder.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())).collect()
}

/// The UDP datagrams of a capture: ports and payload.
fn datagrams(file: &[u8]) -> Vec<(u16, u16, Vec<u8>)> {
    let mut datagrams = Vec::new();
    let end = read_packets(file, |packet| {
        let sliced = SlicedPacket::from_ethernet(packet.data).unwrap();
        let (Some(TransportSlice::Udp(udp)), Some(NetSlice::Ipv4(ip))) = (sliced.transport, sliced.net) else {
            panic!()
        };
        let header = ip.header();
        let checksum = udp.to_header().calc_checksum_ipv4(&header.to_header(), udp.payload()).unwrap();
        assert_eq!(udp.checksum(), checksum);
        datagrams.push((udp.source_port(), udp.destination_port(), udp.payload().to_vec()));
        Ok(())
    });
    assert!(!end.unwrap().cut);
    datagrams
}

#[test]
fn a_view_has_each_track_on_ports_of_its_own() {
    let file = export(0, &["--view", "udp", "-o", "-"]).stdout;
    let mut counts: BTreeMap<(u16, u16), usize> = BTreeMap::new();
    for (from, to, payload) in datagrams(&file) {
        if to == 9875 {
            let text = String::from_utf8_lossy(&payload).into_owned();
            assert!(text.contains("application/sdp\0v=0\r\n") && text.contains("a=rtpmap:9"), "{text}");
        }
        *counts.entry((from, to)).or_default() += 1;
    }
    let expected = [
        ((9875, 9875), 2),
        ((40_400, 16_384), 328),
        ((40_401, 16_385), 3),
        ((40_402, 16_386), 468),
        ((40_403, 16_387), 3),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn a_selection_holds_for_every_form() {
    let view = export(0, &["--view", "udp", "--track", "1", "-o", "-"]).stdout;
    assert_eq!(datagrams(&view).len(), 1 + 468 + 3);
    let folder = tempfile::tempdir().unwrap();
    export(0, &["--media", "--track", "1", "-q", "-o", &path(folder.path(), "a.aac")]);
    export(0, &["--rtpdump", "--session", "1", "-q", "-o", &path(folder.path(), "dump/")]);
    let names: Vec<String> = files(&folder.path().join("dump")).into_keys().collect();
    assert_eq!(names, ["1-0-video-H264.rtpdump", "1-1-audio-MPEG4-GENERIC.rtpdump"]);
    let stdout = export(0, &["--media", "--track", "1", "-o", "-"]);
    assert_eq!(stdout.stdout, fs::read(folder.path().join("a.aac")).unwrap());
    assert!(String::from_utf8_lossy(&stdout.stderr).contains("468 packets, 468 access units"));
}

#[test]
fn media_go_into_a_folder_and_overwrite_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let media = path(folder.path(), "media");
    let output = export(0, &["--media", "-o", &media]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("session 1 track 0 video H264: 328 packets, 161 NAL units, "), "{text}");
    let made = files(Path::new(&media));
    assert_eq!(
        made,
        BTreeMap::from([
            ("1-0-video-H264.h264".to_owned(), 342_785),
            ("1-1-audio-MPEG4-GENERIC.aac".to_owned(), 63_352),
        ])
    );
    assert!(complaint(SAMPLE, 1, &["--media", "-o", &media]).contains("-f overwrites it"));
    assert_eq!(files(Path::new(&media)), made);
    export(0, &["--media", "-f", "-q", "-o", &media]);
    assert_eq!(files(Path::new(&media)), made);
}

#[test]
fn a_dump_has_every_packet_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "video.rtpdump");
    export(0, &["--rtpdump", "--track", "0", "-q", "-o", &file]);
    let bytes = fs::read(&file).unwrap();
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    assert!(bytes.starts_with(b"#!rtpplay1.0 127.0.0.1/"));
    let mut rest = &bytes[line + 1 + 16..];
    let (mut kinds, mut last) = ([0, 0], 0);
    while let [a, b, c, d, e, f, g, h, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*a, *b])) - 8;
        let rtp_length = usize::from(u16::from_be_bytes([*c, *d]));
        assert!(rtp_length == length || rtp_length == 0);
        let offset = u32::from_be_bytes([*e, *f, *g, *h]);
        assert!(offset >= last && offset < 10_000, "{offset} ms behind {last} ms");
        last = offset;
        kinds[usize::from(rtp_length == 0)] += 1;
        rest = &behind[length..];
    }
    assert_eq!((kinds, rest.len()), ([328, 3], 0));
}

#[test]
fn what_can_not_be_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    assert!(complaint(SAMPLE, 2, &["-o", &out]).contains("--view"));
    assert!(complaint(SAMPLE, 2, &["--media", "--rtpdump", "-o", &out]).contains("cannot be used with"));
    assert!(complaint(SAMPLE, 2, &["--media", "-o", "-"]).contains("--track N says which"));
    assert!(complaint(SAMPLE, 2, &["--media", "-o", SAMPLE]).contains("is no folder"));
    assert!(complaint(SAMPLE, 2, &["--view", "udp", "-f", "-o", SAMPLE]).contains("itself; -o takes another file"));
    for (arguments, what) in
        [(&["--session", "7"][..], "no RTSP session 7 is in it"), (&["--track", "5"], "no media of track 5 is in it")]
    {
        for form in [&["--view", "udp"][..], &["--media"], &["--rtpdump"]] {
            let said = complaint(SAMPLE, 1, &[form, arguments, &["-o", &out]].concat());
            assert!(said.contains(what), "{said}");
        }
    }
    let none = path(folder.path(), "none.pcap");
    fs::write(&none, [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0][..], &[0; 8], &[0, 0, 4, 0, 1, 0, 0, 0]].concat()).unwrap();
    assert!(complaint(&none, 1, &["--media", "-o", &out]).contains("no RTSP session found"));
    assert!(complaint("nowhere.pcap", 1, &["--media", "-o", &out]).contains("can't open nowhere.pcap"));
    assert!(!Path::new(&out).exists(), "nothing was made");
}

#[test]
fn a_cut_capture_is_exported_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let cut = path(folder.path(), "cut.pcapng");
    fs::write(&cut, &fs::read(SAMPLE).unwrap()[..200_000]).unwrap();
    let out = path(folder.path(), "out.pcapng");
    assert!(complaint(&cut, 0, &["--view", "udp", "-o", &out]).contains("ends in the middle of a packet"));
    assert!(datagrams(&fs::read(&out).unwrap()).len() > 100);
}

/// The sample as `tcpdump -s 96` has it.
#[test]
fn packets_that_are_cut_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 96, 1].map(u32::to_le_bytes).concat();
    read_packets(&fs::read(SAMPLE).unwrap()[..], |packet| {
        let there = &packet.data[..packet.data.len().min(96)];
        let [seconds, micros] = [packet.at.as_nanos() / 1_000_000_000, packet.at.as_nanos() / 1000 % 1_000_000]
            .map(|number| u32::try_from(number).unwrap());
        let lengths = [there.len(), packet.data.len()].map(|len| u32::try_from(len).unwrap());
        let head = [seconds, micros, lengths[0], lengths[1]].map(u32::to_le_bytes).concat();
        file.extend([&head, there].concat());
        Ok(())
    })
    .unwrap();
    let cut = path(folder.path(), "cut.pcap");
    fs::write(&cut, file).unwrap();
    let out = path(folder.path(), "out");
    let said = complaint(&cut, 1, &["--media", "-o", &out]);
    assert!(said.contains(" cut at 96 bytes (snap length): what is cut is not exported"), "{said}");
}
