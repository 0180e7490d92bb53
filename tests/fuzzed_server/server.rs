//! A server that answers as a transcript does, and whom chance leads astray.

use std::time::Duration;

use fastrand::Rng;

use crate::media::Media;
use crate::mutation;
use crate::transcript::{Transcript, body, header, path, word};

/// Between two frames.
const PACE_MS: u64 = 20;
/// A server plays no longer after the latest request.
const MAX_FRAMES: usize = 400;

/// What a server does next, after so long.
pub(crate) struct Act {
    pub(crate) after: Duration,
    pub(crate) what: What,
}

pub(crate) enum What {
    Send(Vec<u8>),
    Close,
    Reset,
}

/// The server's side of all connections of a session.
pub(crate) struct Server<'a> {
    rng: Rng,
    transcript: &'a Transcript,
    media: Media,
    used: Vec<bool>,
    /// How likely each thing is to go wrong, of 100.
    wild: u8,
    held_back: Option<String>,
}

impl<'a> Server<'a> {
    pub(crate) fn new(mut rng: Rng, transcript: &'a Transcript) -> Self {
        let wild = [1, 5, 15, 40][rng.usize(..4)];
        let (media, used) = (Media::new(transcript), vec![false; transcript.exchanges.len()]);
        Self { rng, transcript, media, used, wild, held_back: None }
    }

    fn odd(&mut self) -> bool {
        self.rng.u8(..100) < self.wild
    }

    /// Whether nobody can connect now.
    pub(crate) fn is_away(&mut self) -> bool {
        self.odd() && self.rng.bool()
    }

    /// What a request leads to.
    pub(crate) fn asked(&mut self, request: &str) -> Vec<Act> {
        let mut acts = Vec::new();
        let reply = self.reply(request);
        let plays = word(request, 0) == "PLAY" && reply.as_deref().is_some_and(|reply| word(reply, 1) == "200");
        for text in self.astray(reply) {
            let mut bytes = text.into_bytes();
            if self.odd() {
                mutation::bytes(&mut self.rng, &mut bytes);
            }
            self.send(&mut acts, 1, bytes);
        }
        if plays {
            self.play(&mut acts);
        }
        acts
    }

    /// The first exchange that fits and was not used; else the last one.
    fn reply(&mut self, request: &str) -> Option<String> {
        let (method, url) = (word(request, 0), word(request, 1));
        let exchanges = &self.transcript.exchanges;
        let fits = |at: &usize| {
            exchanges[*at].method() == method && (method != "SETUP" || path(exchanges[*at].url()) == path(url))
        };
        let fitting: Vec<usize> = (0..exchanges.len()).filter(fits).collect();
        let at = *fitting.iter().find(|at| !self.used[**at]).or(fitting.last())?;
        self.used[at] = true;
        let reply = exchanges[at].reply.clone()?;
        let cseq = |message: &str| header(message, "CSeq").map(|cseq| format!("CSeq: {cseq}\r"));
        let reply = match (cseq(&reply), cseq(request)) {
            (Some(old), Some(new)) => reply.replace(&old, &new),
            _ => reply,
        };
        Some(reply.replace("Content-Length: 0\r", &format!("Content-Length: {}\r", body(&reply).len())))
    }

    /// Mutated, dropped, doubled, held back until the next one.
    fn astray(&mut self, reply: Option<String>) -> Vec<String> {
        let Some(mut reply) = reply.filter(|_| !self.odd()) else { return Vec::new() };
        while self.odd() {
            reply = mutation::message(&mut self.rng, &reply);
        }
        let mut replies = vec![reply];
        replies.extend(self.held_back.take());
        if self.odd() {
            replies.push(replies[0].clone());
        }
        if self.odd() && replies.len() == 1 {
            self.held_back = replies.pop();
        }
        replies
    }

    /// In one piece or several, with what nobody has asked for before and behind it, and perhaps an end.
    fn send(&mut self, acts: &mut Vec<Act>, after: u64, bytes: Vec<u8>) {
        let mut stream = Vec::new();
        if self.odd() {
            stream.extend(mutation::unasked(&mut self.rng));
        }
        stream.extend(bytes);
        if self.odd() {
            stream.extend(mutation::unasked(&mut self.rng));
        }
        let late = if self.odd() { self.rng.u64(..5000) } else { 0 };
        let mut after = Duration::from_millis(after + late);
        if self.odd() && !stream.is_empty() {
            let rest = stream.split_off(self.rng.usize(..stream.len()));
            acts.push(Act { after, what: What::Send(std::mem::replace(&mut stream, rest)) });
            after = Duration::from_millis(self.rng.u64(..100));
        }
        acts.push(Act { after, what: What::Send(stream) });
        if self.odd() && self.rng.u8(..3) == 0 {
            let what = if self.rng.bool() { What::Close } else { What::Reset };
            acts.push(Act { after: Duration::from_millis(self.rng.u64(..10)), what });
        }
    }

    fn play(&mut self, acts: &mut Vec<Act>) {
        for _ in 0..self.rng.usize(..MAX_FRAMES) {
            let Some(mut frame) = self.media.next_frame() else { return };
            if self.odd() {
                mutation::bytes(&mut self.rng, &mut frame);
            }
            self.send(acts, PACE_MS, frame);
        }
        self.media.take_byes().into_iter().for_each(|bye| self.send(acts, PACE_MS, bye));
    }
}
