//! A recorder that does not get its turn says so: the delay is its own.

use std::time::Duration;

use crate::recorder::record_stopped;
use crate::scene::Scene;

#[test]
fn a_recorder_that_was_stopped() {
    let pause = Duration::from_secs(1);
    let recording = Scene::of("gst_av").serve(|url| record_stopped(url, &["-d", "2s"], pause));
    recording.expect_success();
    let findings = recording.table("findings");
    let late: Vec<_> = findings.iter().filter(|row| row["code"] == "recorder-late").collect();
    let lags: Vec<f64> = late.iter().map(|row| lag(&row["detail"])).collect();
    assert!(lags.iter().any(|lag| *lag >= 700.0), "{findings:#?}");
    assert!(late.len() <= 10, "a time is told once: {late:#?}");
    let stdout = recording.stdout();
    assert!(stdout.contains("\nrecorder: read late "), "{stdout}");
    // The times are those of the reads: nothing has one within the pause.
    let gap =
        recording.table("streams").iter().map(|row| row["delta_max_ms"].parse::<f64>().unwrap()).fold(0.0, f64::max);
    assert!(gap >= 1000.0, "{gap} ms between two packets");
}

/// The milliseconds that a finding names.
fn lag(detail: &str) -> f64 {
    let (_, rest) = detail.split_once("read ").unwrap_or_else(|| panic!("{detail}"));
    rest.split(' ').next().and_then(|lag| lag.parse().ok()).unwrap_or_else(|| panic!("{detail}"))
}
