//! Looks names up without holding up the event loop: the system's resolver blocks, so each look-up has a thread.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::Waker;

/// What a look-up found: the entry that asked, and the addresses or the reason why there are none.
pub(super) type Resolved = (usize, Result<Vec<SocketAddr>, String>);

/// Runs look-ups and collects their answers.
#[derive(Debug)]
pub(super) struct Resolver {
    waker: Arc<Waker>,
    sender: Sender<Resolved>,
    answers: Receiver<Resolved>,
}

impl Resolver {
    /// One that wakes the event loop when an answer has come.
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        let (sender, answers) = channel();
        Self { waker, sender, answers }
    }

    /// Starts a look-up. An address literal is answered at once.
    pub(super) fn resolve(&self, entry: usize, host: &str, port: u16) {
        if let Ok(address) = host.parse::<IpAddr>() {
            self.answer(entry, Ok(vec![SocketAddr::new(address, port)]));
            return;
        }
        let (waker, sender, host) = (Arc::clone(&self.waker), self.sender.clone(), host.to_owned());
        let name = format!("resolve {host}");
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            // Whoever asked may be gone; then nobody wants the answer.
            let _ = sender.send((entry, look_up(&host, port)));
            let _ = waker.wake();
        });
        if let Err(error) = spawned {
            self.answer(entry, Err(error.to_string()));
        }
    }

    /// The next answer that has come.
    pub(super) fn next_answer(&self) -> Option<Resolved> {
        self.answers.try_recv().ok()
    }

    fn answer(&self, entry: usize, result: Result<Vec<SocketAddr>, String>) {
        let _ = self.sender.send((entry, result));
        let _ = self.waker.wake();
    }
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let addresses: io::Result<Vec<SocketAddr>> = (host, port).to_socket_addrs().map(Iterator::collect);
    match addresses {
        Ok(addresses) if addresses.is_empty() => Err("no address".to_owned()),
        Ok(addresses) => Ok(addresses),
        // "failed to lookup address information: Name or service not known": the second half says it.
        Err(error) => Err(error.to_string().rsplit(": ").next().unwrap_or_default().to_owned()),
    }
}
