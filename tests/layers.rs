//! Who may use whom: the rooms of docs/architecture.md, enforced.
#![expect(clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// For each room of the library the rooms that it may name. `session::dialog` is a room of its own for those who may
/// only watch.
const ALLOWED: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("rtsp", &["time"]),
    ("rtp", &["time"]),
    ("trace", &["time", "rtsp", "rtp"]),
    ("session", &["time", "rtsp", "rtp", "trace"]),
    ("analysis", &["time", "rtsp", "rtp", "trace", "session::dialog", "session::rerun"]),
    ("report", &["time", "analysis", "session::probe"]),
    ("export", &["time", "rtsp", "rtp", "trace", "session::dialog"]),
    ("capture", &["time", "rtsp", "rtp", "trace"]),
    ("redact", &["time", "rtsp", "rtp", "trace", "session::dialog", "capture::rewrite"]),
    ("net", &["time", "rtsp", "trace", "session"]),
    ("error", &["capture", "session"]),
    ("cli", &["analysis", "session"]),
    (
        "commands",
        &[
            "analysis", "capture", "cli", "error", "export", "net", "redact", "report", "rtp", "rtsp", "session",
            "time", "trace",
        ],
    ),
];

/// Names of the outside world, and the only rooms that may use them.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("std::fs", &["commands"]),
    ("std::env::", &["commands"]),
    ("SystemTime", &["net"]),
    ("Instant", &["net"]),
    ("TcpStream", &["net"]),
    ("TcpListener", &["net"]),
    ("UdpSocket", &["net"]),
    ("mio::", &["net"]),
    ("std::thread", &["net", "commands"]),
    ("std::process", &[]),
    ("stdout(", &["commands"]),
    ("stderr(", &["commands"]),
];

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code of each room without comments and tests, by room.
fn rooms() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    // Tests in a file of their own are tests all the same.
    let is_test =
        |path: &Path| path.ends_with("tests.rs") || path.parent().is_some_and(|folder| folder.ends_with("tests"));
    files.retain(|path| !is_test(path));
    let mut rooms: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for path in files {
        let inside = path.strip_prefix(&src).expect("below src").to_owned();
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        let room = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("source is text");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        rooms.entry(room).or_default().push((inside, code));
    }
    rooms
}

/// The rooms that a piece of code names, as `crate::room` or `crate::{room, …}`.
fn named_rooms(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        assert!(!rest.starts_with('{'), "write one `use crate::room` a line, for this test to read it");
        let path: String = rest.chars().take_while(|char| char.is_alphanumeric() || "_:".contains(*char)).collect();
        named.push(path);
    }
    named
}

fn is_allowed(room: &str, path: &str) -> bool {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == room) else {
        return matches!(room, "lib" | "main");
    };
    let dialog = path == "session::Dialog";
    path == room
        || path.starts_with(&format!("{room}::"))
        || allowed.iter().any(|name| path == *name || path.starts_with(&format!("{name}::")))
        || (dialog && allowed.contains(&"session::dialog"))
}

#[test]
fn rooms_use_only_those_below_them() {
    let mut offences = Vec::new();
    let rooms = rooms();
    for (room, files) in &rooms {
        for (path, code) in files {
            let wrong = named_rooms(code).into_iter().filter(|named| !is_allowed(room, named));
            offences.extend(wrong.map(|named| format!("{}: crate::{named}", path.display())));
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
    for (room, _) in ALLOWED {
        assert!(rooms.contains_key(*room), "no room {room}: is the table of this test up to date?");
    }
}

#[test]
fn the_outside_world_stays_at_the_edges() {
    let mut offences = Vec::new();
    for (room, files) in rooms().iter().filter(|(room, _)| *room != "main") {
        for (path, code) in files {
            let wrong = OUTSIDE.iter().filter(|(name, may)| code.contains(name) && !may.contains(&room.as_str()));
            offences.extend(wrong.map(|(name, _)| format!("{}: {name}", path.display())));
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn this_test_can_fail() {
    assert!(!is_allowed("rtsp", "trace::Tap"));
    assert!(!is_allowed("analysis", "session::Client"));
    assert!(!is_allowed("net", "capture::Writer"));
    assert!(is_allowed("analysis", "session::dialog::Encoding"));
    assert_eq!(named_rooms("use crate::rtsp::demux::Pdu;"), ["rtsp::demux::Pdu"]);
}
