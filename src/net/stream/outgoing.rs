//! Bytes that wait to be sent over a connection that does not block.

use std::io;

use super::channel::Channel;
use super::progress::interrupted;

/// What waits, and how much of it is gone.
#[derive(Debug, Default)]
pub(super) struct OutgoingBytes {
    bytes: Vec<u8>,
    sent: usize,
}

impl OutgoingBytes {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent >= self.bytes.len()
    }

    /// Goes behind what waits.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// All of it is to be sent once more.
    pub(super) fn begin_again(&mut self) {
        self.sent = 0;
    }

    /// Writes as far as the channel takes it.
    pub(super) fn send(&mut self, channel: &mut Channel) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match channel.write(rest) {
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if interrupted(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
