//! Two hundred sessions in one process on one core.

use std::process::Command;
use std::time::Duration;

use crate::endings::assert_one_clear_line;
use crate::flood::{Flood, Load};
use crate::process::run;
use crate::recorder::{Place, number, rtsp_rec, table};

const SESSIONS: usize = 200;
const LIMIT: Duration = Duration::from_mins(1);

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn sessions_of_2_mbit_on_one_core_lose_nothing() {
    let (server, place) = (Flood::start(Load::MODEST), Place::new());
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(rtsp_rec().get_program());
    command.args(["record", "-q", "-o"]).arg(place.file()).args(server.urls(SESSIONS));
    run(&mut command, LIMIT).expect_code(0);

    let tally = server.tally();
    assert_eq!((tally.sent.len(), tally.teardowns), (SESSIONS, SESSIONS), "sessions played to the end, torn down");
    let streams = table(&place.file(), "streams");
    assert_eq!(streams.len(), SESSIONS);
    for stream in &streams {
        let ssrc = u32::from_str_radix(stream["ssrc"].trim_start_matches("0x"), 16).expect("hex");
        assert_eq!(number(stream, "packets"), tally.sent[&ssrc], "{stream:?}");
        assert_eq!((&*stream["lost"], &*stream["missing"]), ("0", "0"), "{stream:?}");
    }
    let messages = table(&place.file(), "messages");
    let teardowns = messages.iter().filter(|row| row["kind"] == "request" && row["method"] == "TEARDOWN").count();
    assert_eq!(teardowns, SESSIONS, "TEARDOWN in the capture");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn too_few_file_descriptors_are_a_clear_error() {
    let (server, place) = (Flood::start(Load::MODEST), Place::new());
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"]).arg(rtsp_rec().get_program());
    command.args(["record", "-q", "-o"]).arg(place.file()).args(server.urls(SESSIONS));
    let outcome = run(&mut command, LIMIT);
    assert_one_clear_line(&outcome);
    let said = outcome.stderr.to_lowercase();
    assert!(["file descriptor", "open files"].iter().any(|words| said.contains(words)), "{said}");
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn a_disk_that_stalls_for_long_costs_time_and_no_packet() {
    crate::files::stalls_for_long();
}
