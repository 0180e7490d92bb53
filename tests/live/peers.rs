//! The servers to record from. Each ends when it is dropped.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::link::within;
use crate::process::{Running, await_that};

/// A GStreamer server on a busy machine needs a second or two.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server that listens.
pub(crate) struct Peer {
    /// The process, to stop or kill.
    pub(crate) process: Running,
    /// Where it listens, on loopback.
    pub(crate) port: u16,
    host: &'static str,
}

impl Peer {
    /// GStreamer's server; `options` of `tests/peers/gst_server.py`, which also names its mounts.
    pub(crate) fn gstreamer(options: &[&str]) -> Self {
        Self::gstreamer_at("127.0.0.1", options)
    }

    /// GStreamer's server on another address of loopback.
    pub(crate) fn gstreamer_at(host: &'static str, options: &[&str]) -> Self {
        Self::start(host, &mut Self::gstreamer_command(host, options))
    }

    /// GStreamer's server in the network namespace that has this address.
    pub(crate) fn gstreamer_within(namespace: &str, host: &'static str, options: &[&str]) -> Self {
        Self::start(host, &mut within(namespace, &Self::gstreamer_command(host, options)))
    }

    fn gstreamer_command(host: &str, options: &[&str]) -> Command {
        // Debian's Python: the one on PATH may be another, without GStreamer's bindings.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script("gst_server.py")).args(["--host", host]);
        command.arg("--media").arg(long_media()).arg("--short").arg(prepared("media/short.mp4")).args(options);
        command
    }

    /// The server of aio-rtsp-toolkit, which serves the media files by their names.
    pub(crate) fn aio() -> Self {
        let mut command = Command::new(prepared("venv/bin/python"));
        command.arg(script("aio_server.py")).arg("--dir").arg(prepared("media"));
        Self::start("127.0.0.1", &mut command)
    }

    /// VLC's server, with its one stream at `x`. It serves over UDP only.
    pub(crate) fn vlc() -> Self {
        let port = free_port();
        let mut command = Command::new(script("vlc_server.sh"));
        let process = Running::start(command.arg(long_media()).arg(port.to_string()));
        await_that("VLC describes its stream", START_LIMIT, || describe(port).is_ok_and(|sdp| sdp.contains("m=video")));
        Self { process, port, host: "127.0.0.1" }
    }

    /// What carries the sessions of the server at `port` in another way; `how` is an option of `tests/peers/relay.py`.
    pub(crate) fn relay(port: u16, how: &str) -> Self {
        Self::start("127.0.0.1", Command::new(script("relay.py")).args(["--to", &port.to_string(), how]))
    }

    fn start(host: &'static str, command: &mut Command) -> Self {
        let process = Running::start(command);
        let line = process.first_line(START_LIMIT);
        let port = line.strip_prefix("port ").and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("{command:?} said {line:?}, not its port"));
        Self { process, port, host }
    }

    /// The URL of one of its streams.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_as("", path)
    }

    /// The URL with `login`, such as `user:password@`, before the host.
    pub(crate) fn url_as(&self, login: &str, path: &str) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_owned() };
        format!("rtsp://{login}{host}:{}/{path}", self.port)
    }
}

/// A port of loopback where nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// What a server answers to a bare DESCRIBE, as far as it comes within a second.
fn describe(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "DESCRIBE rtsp://127.0.0.1:{port}/x RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n")?;
    let (mut reply, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        reply.extend_from_slice(&chunk[..count]);
    }
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

/// A minute of H.264 and AAC.
fn long_media() -> PathBuf {
    prepared("media/h264_aac.mp4")
}

/// Something that `tests/run` has prepared.
pub(crate) fn prepared(what: &str) -> PathBuf {
    let folder = env::var_os("RTSP_REC_PEERS").expect("RTSP_REC_PEERS is not set: start these tests by tests/run");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(what);
    assert!(path.exists(), "{} is missing: start these tests by tests/run, which makes it", path.display());
    path
}

pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}
