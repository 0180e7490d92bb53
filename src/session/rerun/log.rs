//! What was asked and what came of it.

use crate::rtsp::message::Message;

/// Bytes of answers that are kept for the comparison; of later ones only status and time.
const MAX_KEPT: usize = 64 << 20;

/// A request of the rerun.
#[derive(Clone, Debug)]
pub struct Performed {
    /// The recorded request that it was; `None` for one that this client sends of its own.
    pub exchange: Option<usize>,
    /// Its method.
    pub method: String,
    /// Its URL as it was sent.
    pub url: String,
    /// When it was sent: nanoseconds since the connection opened.
    pub at: i64,
    /// What came of it.
    pub fate: Fate,
    /// It was answered 401, and was sent again with credentials: the next one of this request.
    pub challenged: bool,
    /// It is such a repetition.
    pub repeated: bool,
    /// It asked for TCP where the recorded client had asked for something else.
    pub moved: bool,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Fate {
    /// No answer came, or none has come yet.
    NoAnswer,
    /// An answer.
    Answered(Reply),
    /// It was not sent, as there was no need to.
    LeftOut(&'static str),
    /// It could not be sent.
    NotSent(&'static str),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status; `None` where there is no number.
    pub status: Option<u16>,
    /// Nanoseconds since the request.
    pub latency: i64,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Reply {
    /// The whole of it; `None` if there had been too much to keep.
    pub fn message(&self) -> Option<Message<'_>> {
        (!self.head.is_empty()).then(|| Message::new(&self.head, &self.body))
    }
}

/// All requests, in the order of sending.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Vec<Performed>,
    kept: usize,
}

impl Log {
    /// Adds a request; gives its place.
    pub(super) fn push(&mut self, performed: Performed) -> usize {
        self.entries.push(performed);
        self.entries.len() - 1
    }

    pub(super) fn entries(&self) -> &[Performed] {
        &self.entries
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Performed> {
        self.entries.get_mut(place)
    }

    /// An answer came. Whether there was room to keep it.
    pub(super) fn answered(&mut self, place: usize, latency: i64, message: &Message<'_>) -> bool {
        let size = message.head().len().saturating_add(message.body().len());
        let fits = self.kept.saturating_add(size) <= MAX_KEPT;
        let keep = |bytes: &[u8]| if fits { bytes.to_vec() } else { Vec::new() };
        let (head, body) = (keep(message.head()), keep(message.body()));
        if fits {
            self.kept += size;
        }
        if let Some(entry) = self.entries.get_mut(place) {
            entry.fate = Fate::Answered(Reply { status: message.status(), latency, head, body });
        }
        fits
    }
}
