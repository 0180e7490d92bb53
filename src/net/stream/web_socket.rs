//! RTSP through a WebSocket, as ONVIF's Streaming Specification has it: one connection that begins with HTTP, then frames.
//! `rtsp::web_socket` knows what they are.

use std::io;

use super::channel::Channel;
use super::http_opening::{OpenedChannel, Opener};
use super::progress::Progress;
use crate::rtsp::tunnel::{OpeningResponse, TunnelRequest};
use crate::rtsp::web_socket::{BINARY, CLOSE, PONG, ServerFrames, client_frame, key};

/// One write takes at most so much.
const WRITE_SIZE: usize = 24 << 10;
/// A server that sends frames without anything in them is read so often at a time.
const FRUITLESS_READS: usize = 64;

/// The connection and what goes over it.
#[derive(Debug)]
pub(in crate::net) struct WebSocket {
    /// Frames go out behind the request.
    opened: OpenedChannel,
    frames: ServerFrames,
}

impl WebSocket {
    pub(super) fn connect(opener: &Opener, request: &TunnelRequest) -> io::Result<Self> {
        let key = key(fastrand::u128(..).to_be_bytes());
        let opened = OpenedChannel::ask(opener, request.upgrade(&key), OpeningResponse::to_web_socket(key))?;
        Ok(Self { opened, frames: ServerFrames::default() })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.opened.channel
    }

    /// Goes on with opening: the request, its answer.
    pub(super) fn progress(&mut self, buffer: &mut [u8]) -> io::Result<Progress> {
        self.opened.progress(buffer, "a WebSocket")
    }

    /// Reads what the server's frames carry; `Ok(0)` at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..FRUITLESS_READS {
            if self.frames.is_closed() {
                return Ok(0);
            }
            let len = match self.opened.take_first(buffer) {
                Some(len) => len,
                None => self.opened.channel.read(buffer)?,
            };
            if len == 0 {
                return Ok(0);
            }
            let kept = self.frames.unpack(buffer.get_mut(..len).unwrap_or_default());
            let kept = kept.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            // Who pings without reading gets no answer.
            if let Some(said) = self.frames.take_ping().filter(|_| self.opened.outgoing.is_empty()) {
                self.opened.outgoing.push(&client_frame(PONG, &said, mask()));
                self.flush()?;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Takes bytes for the server, once those before have gone.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if !self.opened.outgoing.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = bytes.len().min(WRITE_SIZE);
        self.opened.outgoing.push(&client_frame(BINARY, bytes.get(..len).unwrap_or_default(), mask()));
        self.flush()?;
        Ok(len)
    }

    /// Sends what was taken before, as far as the connection takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.opened.outgoing.send(&mut self.opened.channel)?;
        self.opened.channel.flush()
    }

    /// Says that the end comes.
    pub(super) fn close(&mut self) {
        // 1000, a normal end (RFC 6455, section 7.4.1).
        self.opened.outgoing.push(&client_frame(CLOSE, &1000_u16.to_be_bytes(), mask()));
        let _ = self.flush();
        self.opened.channel.close();
    }
}

/// Another one for each frame (RFC 6455, section 5.3).
fn mask() -> [u8; 4] {
    fastrand::u32(..).to_be_bytes()
}
