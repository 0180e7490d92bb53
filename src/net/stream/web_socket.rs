//! RTSP through a WebSocket, as ONVIF's Streaming Specification has it: one connection that begins with HTTP, then frames.
//! `rtsp::web_socket` knows what they are.

use std::io;

use super::channel::Channel;
use super::outgoing::Outgoing;
use super::tunnel::Opener;
use super::{Progress, interrupted};
use crate::rtsp::tunnel::{Answer, Answered, TunnelRequest};
use crate::rtsp::web_socket::{BINARY, CLOSE, PONG, ServerFrames, client_frame, key};

/// One write takes at most so much.
const WRITE_SIZE: usize = 24 << 10;
/// A server that sends frames without anything in them is read so often at a time.
const FRUITLESS_READS: usize = 64;

/// The connection and what goes over it.
#[derive(Debug)]
pub(in crate::net) struct WebSocket {
    channel: Channel,
    /// The request first, then frames.
    outgoing: Outgoing,
    /// Until the server has opened it.
    answer: Option<Answer>,
    /// The first bytes of the server's frames, which came with its answer.
    first: Vec<u8>,
    frames: ServerFrames,
}

impl WebSocket {
    pub(super) fn connect(opener: &Opener, request: &TunnelRequest) -> io::Result<Self> {
        let key = key(fastrand::u128(..).to_be_bytes());
        Ok(Self {
            channel: opener.open()?,
            outgoing: Outgoing::new(request.upgrade(&key)),
            answer: Some(Answer::to_web_socket(key)),
            first: Vec::new(),
            frames: ServerFrames::default(),
        })
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Goes on with opening: the request, its answer.
    pub(super) fn progress(&mut self, buffer: &mut [u8]) -> io::Result<Progress> {
        if !self.channel.progress()? {
            return Ok(Progress::Pending);
        }
        self.outgoing.send(&mut self.channel)?;
        self.channel.flush()?;
        while let Some(answer) = &mut self.answer {
            let len = match self.channel.read(buffer) {
                Ok(0) => {
                    return Err(io::Error::other("the server closed the connection instead of opening a WebSocket"));
                }
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Pending),
                Err(error) if interrupted(&error) => continue,
                Err(error) => return Err(error),
            };
            match answer.feed(buffer.get(..len).unwrap_or_default()) {
                Answered::NotYet => {}
                Answered::Opened(first) => {
                    self.first = first;
                    self.answer = None;
                }
                Answered::Refused(head) => return Ok(Progress::Refused(head)),
                Answered::Nonsense => {
                    return Err(io::Error::other("what answers there does not speak HTTP; is the port right?"));
                }
            }
        }
        Ok(Progress::Stands)
    }

    /// Reads what the server's frames carry; `Ok(0)` at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..FRUITLESS_READS {
            if self.frames.is_closed() {
                return Ok(0);
            }
            let len = if self.first.is_empty() {
                match self.channel.read(buffer)? {
                    0 => return Ok(0),
                    len => len,
                }
            } else {
                self.take_first(buffer)
            };
            let kept = self.frames.unpack(buffer.get_mut(..len).unwrap_or_default());
            let kept = kept.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            // Who pings without reading gets no answer.
            if let Some(said) = self.frames.take_ping().filter(|_| self.outgoing.is_empty()) {
                self.outgoing.push(&client_frame(PONG, &said, mask()));
                self.flush()?;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn take_first(&mut self, buffer: &mut [u8]) -> usize {
        let len = self.first.len().min(buffer.len());
        let rest = self.first.split_off(len);
        let first = std::mem::replace(&mut self.first, rest);
        if let Some(front) = buffer.get_mut(..len) {
            front.copy_from_slice(&first);
        }
        len
    }

    /// Takes bytes for the server, once those before have gone.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if !self.outgoing.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = bytes.len().min(WRITE_SIZE);
        self.outgoing.push(&client_frame(BINARY, bytes.get(..len).unwrap_or_default(), mask()));
        self.flush()?;
        Ok(len)
    }

    /// Sends what was taken before, as far as the connection takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.outgoing.send(&mut self.channel)?;
        self.channel.flush()
    }

    /// Says that the end comes.
    pub(super) fn close(&mut self) {
        // 1000, a normal end (RFC 6455, section 7.4.1).
        self.outgoing.push(&client_frame(CLOSE, &1000_u16.to_be_bytes(), mask()));
        let _ = self.flush();
        self.channel.close();
    }
}

/// Another one for each frame (RFC 6455, section 5.3).
fn mask() -> [u8; 4] {
    fastrand::u32(..).to_be_bytes()
}
