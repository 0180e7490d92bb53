//! The documentation keeps up with the code.
#![expect(clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rtsp_rec::analysis::findings::FindingCode;
use rtsp_rec::analysis::rows::{Table, TableColumn};
use rtsp_rec::analysis::verdicts::{Cause, EventKind, FaultSide};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    fs::read_to_string(path).expect("the document is there")
}

/// What findings.md says of each code: the severity, and the meaning with what follows it.
fn explained(text: &str) -> Vec<(&str, &str, String)> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|line| line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])));
    let explained = cells.map(|mut row| [(); 3].map(|()| row.next().expect("three cells")));
    explained.map(|[code, severity, meaning]| (code.trim_matches('`'), severity, without_links(meaning))).collect()
}

#[test]
fn every_finding_is_explained_as_it_is_declared() {
    let text = document("findings.md");
    let explained = explained(&text);
    for code in FindingCode::ALL {
        let mut rows = explained.iter().filter(|(explained, ..)| *explained == code.as_str());
        let (_, severity, meaning) = rows.next().expect("each finding is explained");
        assert_eq!(*severity, code.severity().as_str(), "{code}");
        // More may follow; but the sentence ends, or goes on behind a comma, a colon or a bracket.
        let rest = meaning.strip_prefix(code.meaning().trim_end_matches('.'));
        let is_whole = rest.is_some_and(|rest| [".", ",", ":", ";", " ("].iter().any(|end| rest.starts_with(end)));
        assert!(is_whole, "{code}: {meaning:?} does not begin with {:?}", code.meaning());
        for section in code.source().split("; ") {
            assert!(meaning.contains(section), "{code}: {section} is not in {meaning:?}");
        }
        assert!(rows.next().is_none(), "{code} is explained twice");
    }
    assert_eq!(explained.len(), FindingCode::ALL.len(), "a code that is explained and never given");
}

/// The words in backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The tables of a document: the names of the columns, and the cells of each row.
fn tables(text: &str) -> Vec<(Vec<&str>, Vec<Vec<&str>>)> {
    let cells = |line| -> Vec<&str> { str::trim_matches(line, ['|', ' ']).split(" | ").map(str::trim).collect() };
    let blocks = text.split("\n\n").filter(|block| block.starts_with("| "));
    blocks
        .map(|block| {
            let mut lines = block.lines();
            let header = lines.next().map(cells).unwrap_or_default();
            (header, lines.skip(1).map(cells).collect())
        })
        .collect()
}

/// The words that the rules of verdicts.md have in a column, by its name.
fn ruled<'a>(text: &'a str, column: &str) -> BTreeSet<&'a str> {
    let rules = tables(text).into_iter().filter(|(header, _)| !header.contains(&"meaning"));
    let of_table = |(header, rows): (Vec<&'a str>, Vec<Vec<&'a str>>)| {
        let place = header.iter().position(|name| *name == column);
        let cells = rows.into_iter().filter_map(move |row| place.and_then(|place| row.get(place).copied()));
        cells.collect::<Vec<_>>()
    };
    rules.flat_map(of_table).flat_map(words).collect()
}

#[test]
fn the_rules_of_verdicts_are_about_each_event_and_cause_that_there_is() {
    let text = document("verdicts.md");
    assert_eq!(ruled(&text, "verdict"), Cause::WORDS.iter().copied().collect());
    let in_headings = text.lines().filter(|line| line.starts_with("## ")).filter_map(|line| line.split_once(": event"));
    let mut events = ruled(&text, "event");
    events.extend(in_headings.flat_map(|(_, events)| words(events)));
    assert_eq!(events, EventKind::WORDS.iter().copied().collect());
    let findings = ruled(&text, "finding");
    assert!(!findings.is_empty() && findings.iter().all(|code| FindingCode::WORDS.contains(code)), "{findings:?}");
}

#[test]
fn every_event_verdict_and_side_has_its_meaning_as_it_is_declared() {
    let text = document("verdicts.md");
    let documented = |column: &str| {
        let of_column = |(header, _): &(Vec<&str>, Vec<Vec<&str>>)| *header == [column, "meaning"];
        let (_, rows) = tables(&text).into_iter().find(of_column).expect("there is a table of meanings");
        rows.into_iter().map(|row| row.join(" | ")).collect::<Vec<_>>()
    };
    let declared = |word: &str, meaning: &str| format!("`{word}` | {meaning}");
    assert_eq!(documented("event"), EventKind::ALL.map(|event| declared(event.as_str(), event.meaning())));
    assert_eq!(documented("side"), FaultSide::ALL.map(|side| declared(side.as_str(), side.meaning())));
    assert_eq!(documented("verdict"), Cause::ALL.map(|cause| declared(cause.as_str(), cause.meaning())));
}

/// The text of a cell without its links: `[text](target)` is `text`.
fn without_links(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, (label, after))) = rest.split_once('[').and_then(|(a, b)| Some((a, b.split_once("](")?))) {
        text.extend([before, label]);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text + rest
}

/// The columns of a table as its section of metrics.md lists them: numbers, names, unit, definition.
fn documented(table: Table) -> Vec<[String; 4]> {
    let text = document("metrics.md");
    let heading = format!("\n## {}\n", table.name());
    let section = text.split_once(&heading).expect("each table has a section").1.split("\n## ").next().expect("text");
    let rows = section.lines().filter(|line| line.starts_with("| ") && line.contains("| `"));
    let rows = rows.filter(|line| line.trim_start_matches("| ").starts_with(|c: char| c.is_ascii_digit()));
    let cells = |row: &str| {
        let mut cells = row.trim_matches('|').splitn(4, '|').map(|cell| without_links(cell.trim()));
        [(); 4].map(|()| cells.next().expect("four cells"))
    };
    rows.map(cells).collect()
}

/// What metrics.md says of a column in one place for all tables, it does not repeat.
fn says(definition: &str, column: &TableColumn) -> bool {
    let plain = |text: &str| text.trim_end_matches('.').to_lowercase();
    definition == "see above" || plain(definition) == plain(column.meaning)
}

#[test]
fn every_column_is_documented_as_it_is_declared() {
    for table in Table::ALL {
        let mut columns = (1..).zip(table.columns());
        for [numbers, names, unit, definition] in documented(table) {
            if let Some((first, last)) = numbers.split_once('-') {
                // `capture` to `ssrc`.
                let (first, last) =
                    (first.parse::<usize>().expect("a number"), last.parse::<usize>().expect("a number"));
                let taken: Vec<_> = columns.by_ref().take(last + 1 - first).map(|(_, column)| column.name).collect();
                let ends = [taken.first(), taken.last()].map(|name| format!("`{}`", name.expect("a column")));
                assert_eq!(names, ends.join(" to "), "{table:?}");
                continue;
            }
            let (number, column) = columns.next().expect("no column more than there are");
            assert_eq!((numbers, names), (number.to_string(), format!("`{}`", column.name)), "{table:?}");
            assert_eq!(unit, column.unit, "{table:?} {}", column.name);
            assert!(says(&definition, column), "{table:?} {}: {definition:?} is no {:?}", column.name, column.meaning);
        }
        assert_eq!(columns.next(), None, "{table:?}: a column is not documented");
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
