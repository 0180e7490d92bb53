//! tcpdump beside a recording: what really passed over loopback.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::judges::Capture;
use crate::process::{Running, await_that};
use crate::recorder::Place;

const TCPDUMP_LIMIT: Duration = Duration::from_secs(20);

/// A running tcpdump of one server's port.
pub(crate) struct Wire {
    tcpdump: Running,
    file: PathBuf,
    port: u16,
}

impl Wire {
    /// Starts to listen; returns when nothing can be missed any more.
    pub(crate) fn tap(place: &Place, port: u16) -> Self {
        let file = place.dir().join("wire.pcap");
        let mut command = Command::new("tcpdump");
        // All bytes (-s0), at once (immediate, -U), with 8 MiB for the kernel to put them; root keeps the right to write.
        command.args(["-i", "lo", "-n", "-s0", "--immediate-mode", "-U", "-B", "8192", "-Z", "root", "-w"]);
        let tcpdump = Running::start(command.arg(&file).arg(format!("tcp port {port}")));
        tcpdump.await_stderr("listening on lo", TCPDUMP_LIMIT);
        Self { tcpdump, file, port }
    }

    /// Stops once the end of the client's connection has been seen.
    pub(crate) fn stop(self) -> Capture {
        let capture = Capture { file: self.file, port: self.port };
        let client_is_done = format!("tcp.dstport == {} && (tcp.flags.fin == 1 || tcp.flags.reset == 1)", self.port);
        await_that("tcpdump sees the client close", TCPDUMP_LIMIT, || capture.count(&client_is_done) > 0);
        self.tcpdump.signal("INT");
        let outcome = self.tcpdump.finish(TCPDUMP_LIMIT);
        assert!(outcome.expect_code(0).stderr.contains("\n0 packets dropped by kernel"), "{}", outcome.stderr);
        capture
    }
}
