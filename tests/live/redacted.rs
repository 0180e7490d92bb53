//! Redacted captures as Wireshark sees them: the same packets, and nothing to complain about that was not there before.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::judges::{Capture, assert_opens};
use crate::process::run;
use crate::recorder::{Place, TOOL_LIMIT, rtsp_rec};

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    ["gstreamer_h264_aac.pcapng", "wireshark/many_frames_in_a_segment.pcap"].map(|name| folder.join(name)).to_vec()
}

/// Frames whose checksums are wrong.
fn wrong_checksums(file: &Path) -> String {
    let options = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];
    let mut command = Command::new("tshark");
    command.args(options.iter().flat_map(|option| ["-o", option])).arg("-r").arg(file);
    command.args(["-Y", "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0"]);
    run(command.args(["-T", "fields", "-e", "frame.number"]), TOOL_LIMIT).stdout
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn wireshark_sees_the_same_packets() {
    let place = Place::new();
    for original in captures() {
        let redacted = place.dir().join(original.file_name().expect("a name"));
        run(rtsp_rec().arg("redact").arg(&original).arg("-o").arg(&redacted), TOOL_LIMIT).expect_code(0);
        assert_opens(&redacted);
        let (before, after) = (Capture::ours(original), Capture::ours(redacted));
        let fields =
            ["frame.number", "frame.time_epoch", "frame.len", "tcp.seq", "tcp.len", "rtp.seq", "rtp.timestamp"];
        assert_eq!(before.rows("frame", &fields), after.rows("frame", &fields));
        assert_eq!((before.methods(), before.statuses()), (after.methods(), after.statuses()));
        let (known, complaints) = (before.complaints(), after.complaints());
        let new: Vec<&String> = complaints.difference(&known).collect();
        assert!(new.is_empty(), "{}: {new:?}", after.file.display());
        assert_eq!(wrong_checksums(&before.file), wrong_checksums(&after.file));
    }
}
