//! RTSP through HTTP: the server's side is the endless answer to a GET, the client's side the body of a POST, in
//! base64. `rtsp::tunnel` knows what is said.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::channel::Channel;
use super::http_opening::{OpenedChannel, Opener};
use super::outgoing::OutgoingBytes;
use super::progress::{Progress, interrupted};
use crate::rtsp::chunks::ChunkReader;
use crate::rtsp::tunnel::{Answered, Half, OpeningResponse, TunnelRequest};

/// One write takes at most so much: a multiple of 3, so that only its end is padded.
const WRITE_SIZE: usize = 24 << 10;
/// Letters of the cookie that joins GET and POST.
const COOKIE: usize = 22;
/// So many POSTs in a row may end without having taken anything.
const MAX_BARREN: u8 = 3;
/// What a server says on the POST is read in so many pieces at a time.
const POST_READS: usize = 4;

/// Both connections of a tunnel.
#[derive(Debug)]
pub(in crate::net) struct Tunnel {
    opener: Opener,
    request: TunnelRequest,
    cookie: String,
    get: OpenedChannel,
    /// The server's side comes in chunks.
    chunks: Option<ChunkReader>,
    post: Option<Post>,
    /// What goes through the POST next.
    text: OutgoingBytes,
    barren: u8,
}

/// The connection of a POST. A server may close it; then another one goes on.
#[derive(Debug)]
struct Post {
    channel: Channel,
    head: OutgoingBytes,
    /// A server says nothing here, unless it refuses.
    answer: OpeningResponse,
    /// Something of the dialogue went through.
    used: bool,
}

impl Tunnel {
    /// Begins with the GET.
    pub(super) fn connect(opener: Opener, request: TunnelRequest) -> io::Result<Self> {
        let cookie: String = std::iter::repeat_with(fastrand::alphanumeric).take(COOKIE).collect();
        Ok(Self {
            get: OpenedChannel::ask(&opener, request.head(Half::Get, &cookie), OpeningResponse::default())?,
            opener,
            request,
            cookie,
            chunks: None,
            post: None,
            text: OutgoingBytes::default(),
            barren: 0,
        })
    }

    pub(super) const fn get(&self) -> &Channel {
        &self.get.channel
    }

    /// Goes on with opening: the GET, its answer, the POST.
    pub(super) fn progress(&mut self, buffer: &mut [u8]) -> io::Result<Progress> {
        match self.get.progress(buffer, "a tunnel")? {
            Progress::Stands => {}
            other => return Ok(other),
        }
        if self.get.is_chunked() && self.chunks.is_none() {
            self.chunks = Some(ChunkReader::default());
        }
        let stands = self.open_post()?.channel.progress()?;
        Ok(if stands { Progress::Stands } else { Progress::Pending })
    }

    /// The POST as it stands, or a new one.
    fn open_post(&mut self) -> io::Result<&mut Post> {
        let post = match self.post.take() {
            Some(post) => post,
            None => Post {
                channel: self.opener.open()?,
                head: OutgoingBytes::new(self.request.head(Half::Post, &self.cookie)),
                answer: OpeningResponse::default(),
                used: false,
            },
        };
        Ok(self.post.insert(post))
    }

    /// Reads the server's side; `Ok(0)` at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.chunks.as_ref().is_some_and(ChunkReader::is_over) {
                return Ok(0);
            }
            let len = self.read_once(buffer)?;
            let Some(chunks) = self.chunks.as_mut().filter(|_| len > 0) else { return Ok(len) };
            let kept = chunks.unpack(buffer.get_mut(..len).unwrap_or_default());
            match kept.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))? {
                0 => {}
                kept => return Ok(kept),
            }
        }
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(len) = self.get.take_first(buffer) {
            return Ok(len);
        }
        self.watch_post(buffer)?;
        self.get.channel.read(buffer)
    }

    /// Sees whether the server has closed the POST, or refuses it.
    fn watch_post(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for _ in 0..POST_READS {
            let Some(post) = &mut self.post else { return Ok(()) };
            let read = match post.channel.progress() {
                Ok(true) => post.channel.read(buffer),
                Ok(false) => return Ok(()),
                Err(error) => Err(error),
            };
            match read {
                Ok(len @ 1..) => {
                    let said = post.answer.feed(buffer.get(..len).unwrap_or_default());
                    if matches!(said, Answered::Refused(_)) {
                        return Err(io::Error::other("the server refuses the POST of the tunnel"));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if interrupted(&error) => {}
                Ok(_) | Err(_) => self.lose_post(),
            }
        }
        Ok(())
    }

    /// The POST is gone. Another one is opened when there is something to say: what was sent in part goes once more.
    fn lose_post(&mut self) {
        let used = self.post.take().is_some_and(|post| post.used);
        self.barren = if used { 0 } else { self.barren.saturating_add(1) };
        self.text.begin_again();
    }

    /// Takes bytes for the server, once those before have gone.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if !self.text.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = bytes.len().min(WRITE_SIZE);
        self.text = OutgoingBytes::new(STANDARD.encode(bytes.get(..len).unwrap_or_default()).into_bytes());
        self.flush()?;
        Ok(len)
    }

    /// Sends what was taken before, as far as the POST takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.text.is_empty() {
            if self.barren > MAX_BARREN {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let mut text = std::mem::take(&mut self.text);
            let sent = self.open_post().and_then(|post| post.send(&mut text));
            if !text.is_empty() {
                self.text = text;
            }
            match sent {
                Ok(()) => break,
                Err(_) => self.lose_post(),
            }
        }
        match &mut self.post {
            Some(post) => post.channel.flush(),
            None => Ok(()),
        }
    }

    /// Says that the end comes.
    pub(super) fn close(&mut self) {
        self.get.channel.close();
        if let Some(post) = &mut self.post {
            post.channel.close();
        }
    }
}

impl Post {
    fn send(&mut self, text: &mut OutgoingBytes) -> io::Result<()> {
        if !self.channel.progress()? {
            return Ok(());
        }
        self.head.send(&mut self.channel)?;
        if self.head.is_empty() {
            text.send(&mut self.channel)?;
            self.used |= text.is_empty();
        }
        Ok(())
    }
}
