//! What the next file has to repeat of a connection's dialogue, so that it stands alone.
//!
//! Those requests that make a session, with the answers that granted them, and what still waits for its answer.
//! Keep-alives and what was refused are of no use to a reader.

use crate::rtsp::message::{Message, StartLine};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Bytes of one connection's dialogue: a body may have 1 MiB.
const MAX_BYTES: usize = 2 << 20;
/// Messages of one connection's dialogue.
const MAX_MESSAGES: usize = 1024;

/// The dialogue of a connection so far.
#[derive(Debug, Default)]
pub(in crate::capture) struct Repeat {
    messages: Vec<WrittenMessage>,
    bytes: usize,
    /// The session plays: what makes another one takes its place.
    played: bool,
}

/// A message that was written.
#[derive(Debug)]
pub(in crate::capture) struct WrittenMessage {
    pub(in crate::capture) at: Timestamp,
    pub(in crate::capture) direction: Direction,
    /// As written: without credentials.
    pub(in crate::capture) bytes: Vec<u8>,
    purpose: Purpose,
    cseq: Option<u32>,
    answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// OPTIONS, DESCRIBE, ANNOUNCE: what there is.
    Describe,
    /// SETUP.
    SetUp,
    /// PLAY, RECORD.
    Play,
    /// Of no use once it is answered.
    Passing,
}

impl Repeat {
    /// Takes note of a message, written as `bytes`.
    pub(in crate::capture) fn observe(
        &mut self,
        at: Timestamp,
        direction: Direction,
        message: &Message<'_>,
        bytes: &[u8],
    ) {
        let (purpose, answered) = match (message.start_line(), direction) {
            (StartLine::Request { method, .. }, Direction::ClientToServer) => (self.begin(&method), false),
            (StartLine::Response { .. }, Direction::ServerToClient) => match self.answer(message) {
                Some(purpose) => (purpose, true),
                None => return,
            },
            // What a server asks makes no session.
            _ => return,
        };
        // Servers that answer no sign of life are not rare: the latest may still get its answer.
        if purpose == Purpose::Passing {
            self.retain(|kept| kept.purpose != Purpose::Passing);
        }
        if self.bytes + bytes.len() > MAX_BYTES || self.messages.len() >= MAX_MESSAGES {
            return;
        }
        self.bytes += bytes.len();
        let (bytes, cseq) = (bytes.to_vec(), message.cseq());
        self.messages.push(WrittenMessage { at, direction, bytes, purpose, cseq, answered });
    }

    /// The messages, in their order.
    pub(in crate::capture) fn messages(&self) -> &[WrittenMessage] {
        &self.messages
    }

    /// What a request is for. One that makes another session takes the place of what made the one before.
    fn begin(&mut self, method: &str) -> Purpose {
        let purpose = match method {
            "OPTIONS" if self.played => Purpose::Passing,
            "OPTIONS" | "DESCRIBE" | "ANNOUNCE" => Purpose::Describe,
            "SETUP" => Purpose::SetUp,
            "PLAY" | "RECORD" => Purpose::Play,
            _ => Purpose::Passing,
        };
        if self.played {
            match purpose {
                Purpose::Describe => self.retain(|_| false),
                Purpose::SetUp => self.retain(|kept| kept.purpose == Purpose::Describe),
                Purpose::Play => self.retain(|kept| kept.purpose != Purpose::Play),
                Purpose::Passing => return purpose,
            }
            self.played = false;
        }
        purpose
    }

    /// What an answer is for, if it is to be kept. What was refused is forgotten.
    fn answer(&mut self, response: &Message<'_>) -> Option<Purpose> {
        let cseq = response.cseq()?;
        let waits = |kept: &WrittenMessage| kept.cseq == Some(cseq) && !kept.answered;
        let place = self.messages.iter().position(waits)?;
        let status = response.status().unwrap_or(0);
        let request = self.messages.get_mut(place)?;
        if status < 200 {
            return None;
        }
        request.answered = true;
        let purpose = request.purpose;
        if status >= 300 || purpose == Purpose::Passing {
            let gone = self.messages.remove(place);
            self.bytes -= gone.bytes.len();
            return None;
        }
        self.played |= purpose == Purpose::Play;
        Some(purpose)
    }

    fn retain(&mut self, keep: impl Fn(&WrittenMessage) -> bool) {
        self.messages.retain(keep);
        self.bytes = self.messages.iter().map(|kept| kept.bytes.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(repeat: &mut Repeat, direction: Direction, text: &str) {
        let bytes = text.as_bytes();
        repeat.observe(Timestamp::default(), direction, &Message::new(bytes, b""), bytes);
    }

    /// A request and its answer.
    fn say(repeat: &mut Repeat, method: &str, cseq: u32, status: u16) {
        let request = format!("{method} rtsp://x/ RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n");
        observe(repeat, Direction::ClientToServer, &request);
        observe(repeat, Direction::ServerToClient, &format!("RTSP/1.0 {status} X\r\nCSeq: {cseq}\r\n\r\n"));
    }

    /// Methods, and statuses behind them.
    fn kept(repeat: &Repeat) -> String {
        let word = |kept: &WrittenMessage| {
            let text = String::from_utf8_lossy(&kept.bytes).into_owned();
            text.split(' ').nth(usize::from(text.starts_with("RTSP"))).unwrap_or_default().to_owned()
        };
        repeat.messages().iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_makes_the_session_is_kept() {
        let mut repeat = Repeat::default();
        for (cseq, (method, status)) in
            (1..).zip([("OPTIONS", 200), ("DESCRIBE", 401), ("DESCRIBE", 200), ("SETUP", 461), ("SETUP", 200)])
        {
            say(&mut repeat, method, cseq, status);
        }
        assert_eq!(kept(&repeat), "OPTIONS 200 DESCRIBE 200 SETUP 200");
        say(&mut repeat, "PLAY", 9, 200);
        for cseq in 10..2000 {
            say(&mut repeat, ["OPTIONS", "GET_PARAMETER"][cseq as usize % 2], cseq, 200);
        }
        observe(&mut repeat, Direction::ClientToServer, "TEARDOWN rtsp://x/ RTSP/1.0\r\nCSeq: 2000\r\n\r\n");
        assert_eq!(kept(&repeat), "OPTIONS 200 DESCRIBE 200 SETUP 200 PLAY 200 TEARDOWN");
        assert_eq!(repeat.bytes, repeat.messages.iter().map(|kept| kept.bytes.len()).sum::<usize>());
    }

    #[test]
    fn another_session_takes_the_place_of_the_first() {
        let mut repeat = Repeat::default();
        for (cseq, method) in (1..).zip(["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "SETUP", "PLAY"]) {
            say(&mut repeat, method, cseq, 200);
        }
        assert_eq!(kept(&repeat), "OPTIONS 200 DESCRIBE 200 SETUP 200 PLAY 200");
        say(&mut repeat, "DESCRIBE", 20, 200);
        assert_eq!(kept(&repeat), "DESCRIBE 200");
    }

    #[test]
    fn a_dialogue_without_end_is_kept_in_part() {
        let mut repeat = Repeat::default();
        for cseq in 0..5000 {
            let request = format!("SETUP rtsp://x/{} RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n", "x".repeat(1000));
            observe(&mut repeat, Direction::ClientToServer, &request);
        }
        assert!(repeat.messages.len() <= MAX_MESSAGES && repeat.bytes <= MAX_BYTES);
    }

    #[test]
    fn signs_of_life_that_nobody_answers_do_not_pile_up() {
        let mut repeat = Repeat::default();
        observe(&mut repeat, Direction::ClientToServer, "PLAY rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        observe(&mut repeat, Direction::ServerToClient, "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
        for cseq in 2..2000 {
            let request = format!("OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n");
            observe(&mut repeat, Direction::ClientToServer, &request);
        }
        assert_eq!(repeat.messages().len(), 3);
        assert_eq!(repeat.bytes, repeat.messages().iter().map(|kept| kept.bytes.len()).sum::<usize>());
    }
}
