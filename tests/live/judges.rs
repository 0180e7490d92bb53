//! What tshark and capinfos say of a capture.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Outcome, run};
use crate::recorder::{TOOL_LIMIT, table};

/// A capture file, and what tshark has to be told about it.
pub(crate) struct Capture {
    pub(crate) file: PathBuf,
    /// The port that RTSP is served from, as this file shows it.
    pub(crate) port: u16,
}

impl Capture {
    /// One of `rtsp-rec`, which writes ports that Wireshark would not know as 554.
    pub(crate) fn ours(file: PathBuf) -> Self {
        Self { file, port: 554 }
    }

    /// The values of `fields`, for each packet where `filter` holds.
    pub(crate) fn rows(&self, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut arguments = vec!["-Y", filter, "-T", "fields"];
        arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
        let text = self.tshark(&arguments);
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// The number of packets where `filter` holds.
    pub(crate) fn count(&self, filter: &str) -> usize {
        self.rows(filter, &["frame.number"]).len()
    }

    /// Methods of the requests, in order.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.rows("rtsp.method", &["rtsp.method"]).concat()
    }

    /// Status codes of the responses, in order.
    pub(crate) fn statuses(&self) -> Vec<String> {
        self.rows("rtsp.status", &["rtsp.status"]).concat()
    }

    /// What Wireshark's expert complains about as error or warning: group, protocol and text.
    ///
    /// `io,phs` is there for its side effect: without it tshark builds no full tree, and sees little.
    pub(crate) fn complaints(&self) -> BTreeSet<String> {
        self.tshark(&["-q", "-z", "expert,warn", "-z", "io,phs"]).lines().filter_map(complaint).collect()
    }

    fn tshark(&self, arguments: &[&str]) -> String {
        let decode = format!("tcp.port=={},rtsp", self.port);
        let mut command = Command::new("tshark");
        command.arg("-r").arg(&self.file).args(["-d", &decode]).args(arguments);
        let outcome = run(&mut command, TOOL_LIMIT);
        assert_read(&outcome, &self.file);
        outcome.stdout
    }
}

/// A line of tshark's expert table without the frequency that it begins with; `None` for other lines.
fn complaint(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    words.next()?.parse::<u64>().ok()?;
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Panics unless tshark, capinfos and `analyze` read all of `file`, which holds a session.
pub(crate) fn assert_opens(file: &Path) {
    assert_whole(file);
    table(file, "messages");
    table(file, "streams");
}

/// Panics unless tshark and capinfos read all of `file`.
pub(crate) fn assert_whole(file: &Path) {
    for tool in [&["tshark", "-r"][..], &["capinfos"][..]] {
        assert_read(&run(Command::new(tool[0]).args(&tool[1..]).arg(file), TOOL_LIMIT), file);
    }
}

/// Panics unless a tool of Wireshark's has read `file` to its end.
fn assert_read(outcome: &Outcome, file: &Path) {
    let whole = !outcome.stderr.contains("cut short") && !outcome.stdout.contains("cut short");
    assert!(outcome.status.success() && whole, "{} is not whole: {}", file.display(), outcome.stderr);
}

#[test]
#[ignore = "needs real peers: tests/run turns it on"]
fn the_judge_hears_complaints() {
    let place = crate::recorder::Place::new();
    let file = place.dir().join("reset.pcap");
    let text = place.dir().join("reset.txt");
    // A TCP segment from port 40000 to 554 with RST set.
    let segment = "0000 9c 40 02 2a 00 00 00 01 00 00 00 00 50 04 00 00 00 00 00 00\n";
    std::fs::write(&text, segment).expect("the folder is writable");
    run(Command::new("text2pcap").args(["-q", "-i", "6"]).args([&text, &file]), TOOL_LIMIT).expect_code(0);
    let complaints = Capture::ours(file).complaints();
    assert_eq!(complaints, BTreeSet::from(["Sequence TCP Connection reset (RST)".to_owned()]));
}
