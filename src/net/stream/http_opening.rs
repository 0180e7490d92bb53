//! How RTSP within HTTP begins: a request goes out, and an answer opens what follows it, or does not.

use std::io;
use std::net::SocketAddr;

use mio::{Registry, Token};

use super::channel::Channel;
use super::outgoing::OutgoingBytes;
use super::progress::{Progress, interrupted};
use crate::net::tls::TlsServer;
use crate::rtsp::tunnel::{Answered, OpeningResponse};

/// How to open a connection.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) registry: Registry,
    pub(super) token: Token,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsServer>,
}

impl Opener {
    /// Begins to connect.
    pub(super) fn open(&self) -> io::Result<Channel> {
        Channel::connect(&self.registry, self.token, self.address, self.tls.as_ref())
    }
}

/// A connection on which an answer opens what the server sends.
#[derive(Debug)]
pub(super) struct OpenedChannel {
    pub(super) channel: Channel,
    /// The request first.
    pub(super) outgoing: OutgoingBytes,
    answer: OpeningResponse,
    is_open: bool,
    /// What came behind the answer with it.
    first: Vec<u8>,
}

impl OpenedChannel {
    /// Begins with this request.
    pub(super) fn ask(opener: &Opener, request: Vec<u8>, answer: OpeningResponse) -> io::Result<Self> {
        let (channel, outgoing) = (opener.open()?, OutgoingBytes::new(request));
        Ok(Self { channel, outgoing, answer, is_open: false, first: Vec::new() })
    }

    /// Goes on with opening: the request, its answer. `what` is to be opened, in words.
    pub(super) fn progress(&mut self, buffer: &mut [u8], what: &str) -> io::Result<Progress> {
        if !self.channel.progress()? {
            return Ok(Progress::Pending);
        }
        self.outgoing.send(&mut self.channel)?;
        self.channel.flush()?;
        while !self.is_open {
            let len = match self.channel.read(buffer) {
                Ok(0) => {
                    let why = format!("the server closed the connection instead of opening {what}");
                    return Err(io::Error::other(why));
                }
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Pending),
                Err(error) if interrupted(&error) => continue,
                Err(error) => return Err(error),
            };
            match self.answer.feed(buffer.get(..len).unwrap_or_default()) {
                Answered::NotYet => {}
                Answered::Opened(first) => (self.first, self.is_open) = (first, true),
                Answered::Refused(head) => return Ok(Progress::Refused(head)),
                Answered::Nonsense => {
                    return Err(io::Error::other("what answers there does not speak HTTP; is the port right?"));
                }
            }
        }
        Ok(Progress::Stands)
    }

    /// Whether what was opened comes in chunks.
    pub(super) fn is_chunked(&self) -> bool {
        self.answer.is_chunked()
    }

    /// What came with the answer, if some of it is left.
    pub(super) fn take_first(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.first.is_empty() {
            return None;
        }
        let len = self.first.len().min(buffer.len());
        let rest = self.first.split_off(len);
        let first = std::mem::replace(&mut self.first, rest);
        buffer.get_mut(..len)?.copy_from_slice(&first);
        Some(len)
    }
}
