//! TCP over a link that loses segments: the delay is the network's, and the recorder does not blame itself; tshark marks the
//! segments that `analyze` counts.

use std::collections::BTreeMap;

use crate::judges::Capture;
use crate::link::{Link, within};
use crate::process::run;
use crate::recorder::{Place, RECORD_LIMIT, number, rtsp_rec, table};
use crate::udp::replay_within;
use crate::wire::Wire;

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

/// Columns of `tcp`, and the field by which tshark tells the same of a segment.
const MARKS: [(&str, &str); 6] = [
    ("retransmitted_segments", "tcp.analysis.retransmission"),
    ("out_of_order_segments", "tcp.analysis.out_of_order"),
    ("duplicate_acks", "tcp.analysis.duplicate_ack"),
    ("zero_windows", "tcp.analysis.zero_window"),
    ("window_full", "tcp.analysis.window_full"),
    ("segments", "tcp.len"),
];

/// What each port sent, by the columns of `tcp`.
type Counts = BTreeMap<(String, &'static str), usize>;

fn by_tshark(capture: &Capture) -> Counts {
    let mut counts = Counts::new();
    for (column, field) in MARKS {
        for row in capture.rows(field, &["tcp.srcport", "tcp.len"]) {
            *counts.entry((row[0].clone(), column)).or_default() += 1;
            let len: usize = row[1].parse().expect("a length");
            match column {
                "segments" => *counts.entry((row[0].clone(), "bytes")).or_default() += len,
                "retransmitted_segments" => *counts.entry((row[0].clone(), "retransmitted_bytes")).or_default() += len,
                _ => {}
            }
        }
    }
    for row in capture.rows("tcp.options.sack.count", &["tcp.srcport", "tcp.options.sack.count"]) {
        *counts.entry((row[0].clone(), "sack_blocks")).or_default() += row[1].parse::<usize>().expect("a count");
    }
    counts.retain(|_, count| *count > 0);
    counts
}

fn by_analyze(capture: &Capture) -> Counts {
    let mut counts = Counts::new();
    let columns = MARKS.map(|(column, _)| column).into_iter().chain(["bytes", "retransmitted_bytes", "sack_blocks"]);
    let columns: Vec<&str> = columns.collect();
    for row in table(&capture.file, "tcp") {
        let end = &row[if row["direction"] == "c2s" { "client" } else { "server" }];
        let port = end.rsplit(':').next().expect("a port");
        for column in &columns {
            *counts.entry((port.to_owned(), *column)).or_default() += number(&row, column);
        }
    }
    counts.retain(|_, count| *count > 0);
    counts
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn tshark_marks_the_segments_that_are_counted() {
    let options = ["--tcp", "--loss", "3", "--delay", "10", "--reorder", "2"];
    let (client_place, server_place, link) = (Place::new(), Place::new(), Link::new("marks", &options));
    let _replay = replay_within(&link.server);
    let client = Wire::tap_link(&client_place, &link, 8554);
    let server = Wire::tap_server_end(&server_place, &link, 8554);
    let mut recording = rtsp_rec();
    recording.args(["record", "rtsp://10.77.0.1:8554/short", "-t", "tcp", "-d", "8s", "-o"]).arg(client_place.file());
    run(&mut within(&link.client, &recording), RECORD_LIMIT).expect_code(0);
    for capture in [client.stop(), server.stop()] {
        let counts = by_analyze(&capture);
        assert_eq!(counts, by_tshark(&capture));
        let sum = |column| counts.iter().filter(|((_, of), _)| *of == column).map(|(_, count)| count).sum::<usize>();
        assert!(sum("retransmitted_segments") > 3 && sum("duplicate_acks") > 3, "nothing was lost: {counts:#?}");
    }
}
