//! tcpdump beside a recording: what really passed over loopback.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::judges::Capture;
use crate::link::{Link, within};
use crate::process::{Running, await_that, run};
use crate::recorder::{Place, TOOL_LIMIT};

const TCPDUMP_LIMIT: Duration = Duration::from_secs(20);

/// KiB for the kernel to put packets: a slot takes 64 on loopback, whatever the packet.
const BUFFER: u32 = 8 << 10;
/// The same for packets by the thousand in a second.
const LARGE_BUFFER: u32 = 128 << 10;

/// A running tcpdump of one server's port.
pub(crate) struct Wire {
    tcpdump: Running,
    file: PathBuf,
    port: u16,
}

impl Wire {
    /// Starts to listen; returns when nothing can be missed any more.
    pub(crate) fn tap(place: &Place, port: u16) -> Self {
        Self::start(place, port, &format!("tcp port {port}"), BUFFER)
    }

    /// The same where a lot passes.
    pub(crate) fn tap_busy(place: &Place, port: u16) -> Self {
        Self::start(place, port, &format!("tcp port {port}"), LARGE_BUFFER)
    }

    /// The same with all UDP of loopback, whoever sends it.
    pub(crate) fn tap_with_udp(place: &Place, port: u16) -> Self {
        Self::start(place, port, &format!("tcp port {port} or udp"), BUFFER)
    }

    /// All that passes on a link of namespaces, at its client's end.
    pub(crate) fn tap_link(place: &Place, link: &Link, port: u16) -> Self {
        let command = Self::command("link0", place, "ip", LARGE_BUFFER);
        Self::run(&mut within(&link.client, &command), place, port, "link0")
    }

    /// The same at its server's end.
    pub(crate) fn tap_server_end(place: &Place, link: &Link, port: u16) -> Self {
        let command = Self::command("link0", place, "ip", LARGE_BUFFER);
        Self::run(&mut within(&link.server, &command), place, port, "link0")
    }

    fn start(place: &Place, port: u16, filter: &str, buffer: u32) -> Self {
        Self::run(&mut Self::command("lo", place, filter, buffer), place, port, "lo")
    }

    fn command(interface: &str, place: &Place, filter: &str, buffer: u32) -> Command {
        let mut command = Command::new("tcpdump");
        // All bytes (-s0), at once (immediate, -U); root keeps the right to write.
        command.args(["-i", interface, "-n", "-s0", "--immediate-mode", "-U", "-Z", "root"]);
        command.args(["-B", &buffer.to_string(), "-w"]).arg(Self::file_in(place)).arg(filter);
        command
    }

    fn file_in(place: &Place) -> PathBuf {
        place.dir().join("wire.pcap")
    }

    fn run(command: &mut Command, place: &Place, port: u16, interface: &str) -> Self {
        let tcpdump = Running::start(command);
        tcpdump.await_stderr(&format!("listening on {interface}"), TCPDUMP_LIMIT);
        Self { tcpdump, file: Self::file_in(place), port }
    }

    /// Packets so far that tcpdump's `filter` lets through.
    pub(crate) fn seen(&self, filter: &str) -> usize {
        packets(&self.file, filter)
    }

    /// Stops once the end of the client's connection has been seen.
    pub(crate) fn stop(self) -> Capture {
        let client_is_done = client_is_done(self.port);
        self.stop_after(&client_is_done)
    }

    /// Stops once nothing more can come: some clients do not wait for the answer to their TEARDOWN, and servers close behind
    /// it, or are reset.
    pub(crate) fn stop_behind_answers(self) -> Capture {
        let port = self.port;
        let server_is_done = format!("tcp src port {port} and (tcp[13] & 5 != 0 or ip6[53] & 5 != 0)");
        let reset = format!("tcp dst port {port} and (tcp[13] & 4 != 0 or ip6[53] & 4 != 0)");
        self.stop_after(&format!("({server_is_done}) or ({reset})"))
    }

    fn stop_after(self, last: &str) -> Capture {
        let capture = Capture { file: self.file, port: self.port };
        // tshark would need a minute for a long capture.
        await_that("tcpdump sees the end of the connection", TCPDUMP_LIMIT, || packets(&capture.file, last) > 0);
        self.tcpdump.signal("INT");
        let outcome = self.tcpdump.finish(TCPDUMP_LIMIT);
        assert!(outcome.expect_code(0).stderr.contains("\n0 packets dropped by kernel"), "{}", outcome.stderr);
        capture
    }
}

/// A running tcpdump that begins another file now and then.
pub(crate) struct Rotated {
    tcpdump: Running,
    folder: PathBuf,
    port: u16,
}

impl Rotated {
    /// Starts to listen to a server's port; a file lasts `seconds`.
    pub(crate) fn tap(folder: &Path, port: u16, seconds: &str) -> Self {
        let mut command = Command::new("tcpdump");
        command.args(["-i", "lo", "-n", "-s0", "--immediate-mode", "-U", "-Z", "root"]);
        command.args(["-B", &BUFFER.to_string(), "-G", seconds, "-w"]);
        let tcpdump = Running::start(command.arg(folder.join("wire-%s.pcap")).arg(format!("tcp port {port}")));
        tcpdump.await_stderr("listening on lo", TCPDUMP_LIMIT);
        Self { tcpdump, folder: folder.to_owned(), port }
    }

    /// Stops once the end of the client's connection has been seen; gives the files in the order of time.
    pub(crate) fn stop(self) -> Vec<PathBuf> {
        let client_is_done = client_is_done(self.port);
        let seen = || files(&self.folder).iter().any(|file| packets(file, &client_is_done) > 0);
        await_that("tcpdump sees the client close", TCPDUMP_LIMIT, seen);
        self.tcpdump.signal("INT");
        self.tcpdump.finish(TCPDUMP_LIMIT).expect_code(0);
        files(&self.folder)
    }
}

/// The files in a folder, in the order of their names.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// FIN or RST of the client, in IPv4 or IPv6.
fn client_is_done(port: u16) -> String {
    format!("tcp dst port {port} and (tcp[13] & 5 != 0 or ip6[53] & 5 != 0)")
}

/// The number of packets in `file` that tcpdump's `filter` lets through.
pub(crate) fn packets(file: &Path, filter: &str) -> usize {
    // A file that grows may end in the middle of a packet, so the exit code tells nothing.
    run(Command::new("tcpdump").args(["-n", "-t", "-r"]).arg(file).arg(filter), TOOL_LIMIT).stdout.lines().count()
}
