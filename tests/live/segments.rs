//! TCP over a link that loses segments: the delay is the network's, and the recorder does not blame itself.

use crate::link::{Link, within};
use crate::process::run;
use crate::recorder::{Place, RECORD_LIMIT, rtsp_rec, table};
use crate::udp::replay_within;

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_hole_in_tcp_is_no_late_read() {
    let (place, link) = (Place::new(), Link::new("segments", &["--tcp", "--loss", "1", "--delay", "30"]));
    let _replay = replay_within(&link.server);
    // Not quietly: what it says of itself is looked at.
    let mut recording = rtsp_rec();
    recording.args(["record", "rtsp://10.77.0.1:8554/short", "-t", "tcp", "-d", "8s", "-o"]).arg(place.file());
    let outcome = run(&mut within(&link.client, &recording), RECORD_LIMIT);
    let said = &outcome.expect_code(0).stdout;
    assert!(said.contains("recorder: kept up"), "{said}");
    let findings = table(&place.file(), "findings");
    let count = |code: &str| findings.iter().filter(|row| row["code"] == code).count();
    assert_eq!(count("recorder-late"), 0, "{findings:#?}");
    assert!(count("tcp-out-of-order") > 0, "no segment was lost: {findings:#?}");
}
