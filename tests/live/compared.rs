//! Both ends of a link that loses, repeats and delays: `compare` tells what the link did.

use std::path::Path;

use serde_json::Value;

use crate::link::{Link, within};
use crate::process::{Running, await_that, run};
use crate::recorder::{Place, TOOL_LIMIT, record_command, rtsp_rec};
use crate::udp::replay_within;
use crate::wire::Wire;

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn both_ends_of_a_lossy_link() {
    let options = ["--loss", "4", "--duplicate", "2", "--delay", "40", "--reorder", "3", "--seed", "5"];
    let (place, far, link) = (Place::new(), Place::new(), Link::new("compared", &options));
    let replay = replay_within(&link.server);
    let (server_end, client_end) = (Wire::tap_server_end(&far, &link, 8554), Wire::tap_link(&place, &link, 8554));
    let recording = record_command("rtsp://10.77.0.1:8554/short", &place.file(), &["-t", "udp", "-d", "5s"]);
    let recording = Running::start(&mut within(&link.client, &recording));
    await_that("tcpdump has seen thousands of packets", TOOL_LIMIT, || client_end.seen("udp") > 1500);
    drop(replay);
    recording.finish(TOOL_LIMIT).expect_code(0);
    let (sent, arrived) = (server_end.stop().file, client_end.stop().file);
    let did = link.finish();

    let found = compared(&sent, &arrived);
    let session = &found["sessions"][0];
    assert_eq!(session["paired_by"], "packets", "{found:#}");
    let streams = session["packets"].as_array().expect("streams");
    assert_eq!(streams.len(), 2, "{streams:#?}");
    let sum = |pointer: &str| streams.iter().map(|stream| count(stream, pointer)).sum::<usize>();
    assert_eq!(sum("/packets/0"), did.packets, "sent: {did:?}");
    // What is lost before the first packet that arrives, and behind the last, is not between two that are in both.
    assert_eq!(sum("/only/0/between") + sum("/only/0/before") + sum("/only/0/after"), did.lost, "{did:?}");
    assert!(sum("/only/0/between") * 10 > did.lost * 9, "{did:?} {streams:#?}");
    assert_eq!(sum("/both"), did.packets - did.lost, "{did:?}");
    assert_eq!(sum("/duplicated/1"), did.duplicated, "{did:?}");
    assert_eq!([sum("/only/1/between"), sum("/duplicated/0"), sum("/altered")], [0; 3], "{streams:#?}");
    for stream in streams {
        assert!(count(stream, "/reordered") > 0, "{stream:#}");
        let millis = |name: &str| stream.pointer(&format!("/delay/{name}")).and_then(Value::as_f64).expect(name);
        // What overtakes is not delayed; all else is, by 40 ms at least.
        assert!(millis("pdv_p50_ms") > 35.0 && millis("ipdv_max_ms") > 35.0, "{stream:#}");
    }
    let latencies = &session["latencies"];
    assert!(latencies["between_median_ms"].as_f64().is_some_and(|between| between > 0.0), "{latencies:#}");
}

fn compared(a: &Path, b: &Path) -> Value {
    let mut command = rtsp_rec();
    let outcome = run(command.arg("compare").args([a, b]).args(["--format", "json"]), TOOL_LIMIT);
    serde_json::from_str(&outcome.expect_code(0).stdout).expect("JSON")
}

fn count(value: &Value, pointer: &str) -> usize {
    let count = value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {value:#}"));
    usize::try_from(count).expect("a count")
}
