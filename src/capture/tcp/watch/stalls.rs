//! Times in which what one side sends does not move on, and why: the receiver has no room, something was lost, or there was
//! nothing to send.

use crate::time::Timestamp;
use crate::trace::{ConnectionStall, StallCause};

/// Shorter ones are those of ordinary pictures.
const MIN_NS: i64 = 50_000_000;
/// What is lost is sent again after 200 ms (Linux) to 1 s (RFC 6298, section 2.4), on a way with a short round trip. Who has nothing
/// under way for so long had nothing to send, or lost it all.
const MIN_IDLE_NS: i64 = 1_000_000_000;
/// Who lost all of it sends one segment, and waits for its acknowledgement before he sends more (RFC 5681, section 3.1: the
/// loss window). Who sends so many at once has lost nothing. One more than the window, as one may be cut in two on the way.
const UNPROMPTED: u32 = 3;

/// What is known of one direction.
#[derive(Debug, Default)]
pub(super) struct StallWatch {
    /// The receiver has no room since then; and when it had room again last.
    closed: Option<Timestamp>,
    opened: Option<Timestamp>,
    /// Something is under way since then, and nothing of it was acknowledged.
    waiting: Option<Timestamp>,
    /// Segments since then that were sent again, or late.
    sent_again: u64,
    /// Acknowledgements since then that asked for what is missing.
    asked: u64,
    /// When something new came last.
    latest: Option<Timestamp>,
    resumed: Option<ResumedSending>,
    /// The latest time in which there seemed to be nothing to send.
    idle: Option<(Timestamp, Timestamp)>,
    /// What is to be told.
    pub(super) told: Vec<ConnectionStall>,
}

/// New bytes came behind a long time in which nothing was under way.
#[derive(Clone, Copy, Debug)]
struct ResumedSending {
    since: Timestamp,
    at: Timestamp,
    /// How many segments came that no acknowledgement can have prompted.
    segments: u32,
    /// When the first acknowledgement of them passed.
    acknowledged: Option<Timestamp>,
}

/// A segment with payload, as far as it counts here.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentBytes {
    pub(super) at: Timestamp,
    pub(super) novelty: ByteNovelty,
    /// It fills the receiver's window.
    pub(super) full: bool,
    /// What was under way before it.
    pub(super) in_flight: Option<u64>,
}

/// Whether bytes are news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteNovelty {
    /// They go farther than all before.
    New,
    /// They were sent before, or came late.
    Again,
    /// The same, and they were acknowledged before: they come twice.
    Twice,
    /// They say nothing.
    Unclear,
}

/// An acknowledgement, as far as it counts here.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceivedAck {
    pub(super) at: Timestamp,
    /// It acknowledges more than those before.
    pub(super) advances: bool,
    /// It asks for what is missing.
    pub(super) asks: bool,
    pub(super) room: ReceiverRoom,
    /// What is under way behind it.
    pub(super) in_flight: Option<u64>,
}

/// Whether the receiver has room for more than what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceiverRoom {
    Some,
    /// What was sent may fill it.
    Unclear,
    /// The window is 0.
    None,
}

impl StallWatch {
    /// Bytes in this direction. `reaction`: nobody reacts to what passes here in a shorter time.
    pub(super) fn sent(&mut self, sent: SentBytes, reaction: i64) {
        if matches!(sent.novelty, ByteNovelty::Again | ByteNovelty::Twice) {
            self.latest = Some(sent.at);
            self.sent_again += 1;
            self.resumed = None;
            self.tell_loss(sent.at);
        }
        if sent.novelty == ByteNovelty::Twice {
            self.tell_held(sent.at);
        }
        if sent.full {
            self.closed.get_or_insert(sent.at);
        }
        if sent.novelty == ByteNovelty::New {
            self.resume(sent, reaction);
            self.latest = Some(sent.at);
            if self.waiting.is_none() {
                self.wait(Some(sent.at));
            }
        }
    }

    /// An acknowledgement in the other direction.
    pub(super) fn acknowledged(&mut self, ack: ReceivedAck) {
        self.asked += u64::from(ack.asks);
        if ack.advances {
            self.tell_loss(ack.at);
            self.wait((ack.in_flight != Some(0)).then_some(ack.at));
            if let Some(resumed) = &mut self.resumed {
                resumed.acknowledged.get_or_insert(ack.at);
            }
        }
        match ack.room {
            ReceiverRoom::None => {
                self.closed.get_or_insert(ack.at);
            }
            ReceiverRoom::Unclear => {}
            ReceiverRoom::Some => {
                if let Some(since) = self.closed.take() {
                    self.opened = Some(ack.at);
                    self.tell(StallCause::NoRoom, since, ack.at);
                }
            }
        }
    }

    fn wait(&mut self, since: Option<Timestamp>) {
        (self.waiting, self.sent_again, self.asked) = (since, 0, 0);
    }

    /// What waits, or waited, for an acknowledgement, was lost.
    fn tell_loss(&mut self, at: Timestamp) {
        let (sent_again, asked) = (self.sent_again, self.asked);
        if let Some(since) = self.waiting
            && sent_again + asked > 0
        {
            self.tell(StallCause::Loss { sent_again, asked }, since, at);
        }
    }

    /// What seemed to have had nothing to send had sent, and sent it again when no acknowledgement came: the network held both.
    fn tell_held(&mut self, at: Timestamp) {
        if let Some((since, until)) = self.idle.take_if(|(_, until)| at.nanos_since(*until) < MIN_IDLE_NS) {
            self.tell(StallCause::Loss { sent_again: 1, asked: 0 }, since, until);
        }
    }

    fn resume(&mut self, sent: SentBytes, reaction: i64) {
        if let Some(resumed) = &mut self.resumed {
            if resumed.acknowledged.is_some_and(|at| sent.at.nanos_since(at) >= reaction) {
                self.resumed = None;
                return;
            }
            resumed.segments += 1;
            if resumed.segments == UNPROMPTED {
                let ResumedSending { since, at, .. } = *resumed;
                self.resumed = None;
                self.idle = Some((since, at));
                self.tell(StallCause::NothingToSend, since, at);
            }
            return;
        }
        let Some(latest) = self.latest else { return };
        let long = sent.at.nanos_since(latest) >= MIN_IDLE_NS;
        let had_room = self.closed.is_none() && self.opened.is_none_or(|opened| opened <= latest);
        if long && had_room && sent.in_flight == Some(0) {
            self.resumed = Some(ResumedSending { since: latest, at: sent.at, segments: 1, acknowledged: None });
        }
    }

    fn tell(&mut self, cause: StallCause, since: Timestamp, until: Timestamp) {
        if until.nanos_since(since) >= MIN_NS && since.is_known() {
            self.told.push(ConnectionStall { cause, since, until, round_trip: None });
        }
    }
}
