//! The documentation keeps up with the code.
#![expect(clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::fs;

use rtsp_rec::analysis::findings::CODES;
use rtsp_rec::analysis::verdicts::Verdict;

fn document(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    fs::read_to_string(path).expect("the document is there")
}

#[test]
fn every_finding_is_explained_with_its_severity() {
    let text = document("findings.md");
    for (code, severity) in CODES {
        assert!(text.contains(&format!("| `{code}` | {severity} |")), "{code} {severity}");
    }
    let explained = text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(explained, CODES.len(), "a code that is explained and never given");
}

#[test]
fn every_verdict_is_explained() {
    let text = document("verdicts.md");
    for verdict in Verdict::ALL {
        assert!(text.contains(&format!("`{}`", verdict.name())), "{}", verdict.name());
    }
}
