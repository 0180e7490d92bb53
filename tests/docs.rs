//! The documentation keeps up with the code.
#![expect(clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::{Path, PathBuf};

use rtsp_rec::analysis::findings::CODES;
use rtsp_rec::analysis::verdicts::Verdict;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
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

/// README and the documents beside it, by their paths.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("docs are there").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    paths.extend(["README.md", "CHANGELOG.md", "samples/README.md"].map(|name| root.join(name)));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let anchor =
        |heading: &str| heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>();
    headings.map(|heading| anchor(heading).replace(' ', "-")).collect()
}

#[test]
fn every_link_leads_to_a_heading() {
    let mut links = 0;
    for (path, text) in documents() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(linked.exists(), "{}: {target}", path.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&linked).expect("text");
                assert!(anchors(&text).iter().any(|it| it == anchor), "{}: {target}", path.display());
            }
        }
    }
    assert!(links > 100, "{links} links");
}

#[test]
fn the_readme_is_a_first_screen() {
    let readme =
        documents().into_iter().find(|(path, _)| path.ends_with("README.md") && !path.ends_with("samples/README.md"));
    assert!(readme.expect("it is there").1.lines().count() <= 200);
}
