//! Two network namespaces, and a link between them that loses, repeats and reorders what goes over UDP.

use std::process::Command;

use crate::peers::script;
use crate::process::{Running, run};
use crate::recorder::TOOL_LIMIT;

/// Address of the server's end.
pub(crate) const SERVER: &str = "10.77.0.1";

/// A link, with the names of its namespaces.
pub(crate) struct Link {
    /// `None` once it was told to end.
    process: Option<Running>,
    pub(crate) server: String,
    pub(crate) client: String,
}

/// What a link did to RTP.
#[derive(Debug)]
pub(crate) struct Treatment {
    pub(crate) packets: usize,
    pub(crate) lost: usize,
    pub(crate) duplicated: usize,
    pub(crate) reordered: usize,
}

impl Link {
    /// A link of this name that does what `options` of `tests/peers/lossy_link.py` say.
    pub(crate) fn new(name: &str, options: &[&str]) -> Self {
        let namespace = |end: &str| format!("rtsp-rec-{}-{name}-{end}", std::process::id());
        let (server, client) = (namespace("server"), namespace("client"));
        let process = Running::start(Command::new(script("lossy_link.py")).args([&server, &client]).args(options));
        assert_eq!(process.first_line(TOOL_LIMIT), "ready");
        Self { process: Some(process), server, client }
    }

    /// Ends it; tells what it did.
    pub(crate) fn finish(mut self) -> Treatment {
        let process = self.process.take().expect("it ends once");
        process.signal("INT");
        let outcome = process.finish(TOOL_LIMIT);
        let said = outcome.expect_code(0).stdout.clone();
        let counted = |name: &str| {
            let mut words = said.split_whitespace().skip_while(|word| *word != name);
            words.nth(1).and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {name} in {said:?}"))
        };
        let [packets, lost, duplicated, reordered] = ["rtp", "lost", "duplicated", "reordered"].map(counted);
        Treatment { packets, lost, duplicated, reordered }
    }
}

/// A test that failed, or does not ask what was done, leaves no namespace behind.
impl Drop for Link {
    fn drop(&mut self) {
        if self.process.take().is_some() {
            for namespace in [&self.server, &self.client] {
                let _ = Command::new("ip").args(["netns", "del", namespace]).status();
            }
        }
    }
}

/// A network namespace with nothing but loopback: all its ports are free.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        let namespace = Self(format!("rtsp-rec-{}-{name}", std::process::id()));
        for arguments in [&["netns", "add", &namespace.0][..], &["-n", &namespace.0, "link", "set", "lo", "up"]] {
            run(Command::new("ip").args(arguments), TOOL_LIMIT).expect_code(0);
        }
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// The command in a network namespace.
pub(crate) fn within(namespace: &str, command: &Command) -> Command {
    let mut outer = Command::new("ip");
    outer.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    outer
}
