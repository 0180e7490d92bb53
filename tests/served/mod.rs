//! `rtsp-rec` as a process, and `replay` of the sample for it to talk to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

pub(crate) const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/gstreamer_h264_aac.pcapng");

pub(crate) fn rtsp_rec() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-rec"));
    command.env_remove("RTSP_REC_PASSWORD");
    command
}

/// `rtsp-rec replay` of the sample; gone with the value.
pub(crate) struct Replay {
    process: Child,
    pub(crate) url: String,
}

impl Replay {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = rtsp_rec();
        command.args(["replay", SAMPLE, "--listen", "127.0.0.1:0"]).args(options);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("rtsp-rec can be run");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let serving = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("Serving ")?.to_owned()));
        let url = serving.expect("it says what it serves").split_whitespace().next().expect("a URL").to_owned();
        Self { process, url }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
