//! Where the media of a stream goes on behind a PLAY: elsewhere, or at another pace. The answer's RTP-Info names the first
//! packet; without it the jump that follows is the one that was asked for.

use std::collections::VecDeque;

use crate::rtp::{MAX_DROPOUT, MAX_MISORDER};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// RFC 2326 queues PLAYs (section 10.5): more that wait at a time are forgotten.
const MAX_WAITING: usize = 4;
/// Behind an answer a jump is the one that was asked for, if it comes so soon, or with the next packet.
const SOON_NS: i64 = 5 * NANOS_PER_SECOND;
/// What is farther off its timestamp's distance has jumped, as in verdicts. Three B pictures in a row, as encoders usually
/// have at most, are sent three pictures out of order: 0.3 s at 10 pictures a second. A network seldom delays by as much,
/// and where it does there is little harm: the figures begin anew once more.
const JUMP_NS: i64 = NANOS_PER_SECOND / 2;
/// At another pace than that of time timestamps jump if they go so far at once.
const STRIDE_NS: i64 = 2 * NANOS_PER_SECOND;

/// A part of a stream that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncedPart {
    /// When the PLAY was sent.
    pub asked: Timestamp,
    /// When it was answered; `None` so long as it is not.
    pub answered: Option<Timestamp>,
    /// By RTP-Info: the number of its first packet.
    pub seq: Option<u16>,
    /// The client asked for another place or pace, so it begins whether or not there is a jump.
    pub sought: bool,
    /// The client had paused: what came meanwhile, of a live source, was not meant for it.
    pub resumed: bool,
    /// Its timestamps run as time does (RFC 2326, sections 12.34 and 12.35).
    pub paced: bool,
}

/// The next packet of a stream, as seen from those before it.
#[derive(Clone, Copy, Debug)]
pub struct NextPacket {
    /// When it comes.
    pub at: Timestamp,
    /// Its number.
    pub seq: u16,
    /// Numbers since the highest one so far, modulo 2^16.
    pub ahead: u16,
    /// Time since the packet before.
    pub passed_ns: i64,
    /// Ticks of its clock since the packet before.
    pub ticks: i32,
    /// The clock rate.
    pub rate: Option<u32>,
    /// Timestamps run as time does.
    pub paced: bool,
}

/// The parts that a stream waits for.
#[derive(Clone, Debug, Default)]
pub struct AnnouncedParts {
    waiting: VecDeque<AnnouncedPart>,
    /// When the latest one began.
    began: Option<Timestamp>,
}

impl AnnouncedParts {
    /// Whether none is to come.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A PLAY was sent, or answered.
    pub fn announce(&mut self, part: AnnouncedPart) {
        let before = self.waiting.len();
        self.forget(part.asked);
        // The media was there before the answer.
        let has_begun = self.waiting.len() == before && self.began.is_some_and(|began| began >= part.asked);
        if has_begun && part.answered.is_some() {
            return;
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(part);
    }

    /// The PLAY that was sent then was refused, or is told of anew.
    pub fn forget(&mut self, asked: Timestamp) {
        self.waiting.retain(|part| part.asked != asked);
    }

    /// Whether a part is due that another source may bring: PLAY was granted just before, or names this number.
    pub fn are_due(&self, at: Timestamp, seq: u16) -> bool {
        self.waiting.iter().any(|part| {
            let soon = part.answered.is_none_or(|answered| at.nanos_since(answered) <= SOON_NS);
            soon || part.seq.is_some_and(|first| seq.wrapping_sub(first) < MAX_DROPOUT)
        })
    }

    /// The part that begins with this packet, if one does.
    #[cold]
    pub fn begins(&mut self, packet: &NextPacket) -> Option<AnnouncedPart> {
        let place = self.waiting.iter().rposition(|part| part.begins_with(packet));
        if let Some(place) = place {
            let part = self.waiting.drain(..=place).next_back();
            self.began = Some(packet.at);
            // A number that has come already is not where it goes on.
            let is_told = |part: &AnnouncedPart| part.seq.filter(|seq| part.sought || packet.begins_behind(*seq));
            return part.map(|part| AnnouncedPart { seq: is_told(&part), ..part });
        }
        self.waiting.retain(|part| !part.is_over(packet));
        None
    }
}

impl AnnouncedPart {
    fn begins_with(&self, packet: &NextPacket) -> bool {
        let jumps = packet.jumps();
        if self.resumed && packet.is_first_since(self.asked) && packet.skips() {
            return !self.seq.is_some_and(|seq| packet.is_before(seq));
        }
        let Some(seq) = self.seq.filter(|_| self.sought) else {
            // Another pace without a number begins with the answer.
            return jumps || self.answered.is_some() && self.sought && self.paced != packet.paced;
        };
        let behind_seq = packet.seq.wrapping_sub(seq) < MAX_DROPOUT;
        // live555 sends the first packet ahead of its answer: what has come already is not to come again.
        let highest = packet.seq.wrapping_sub(packet.ahead);
        let to_come = (1..u16::MAX / 2).contains(&seq.wrapping_sub(highest)) && packet.ahead != 0;
        // What was under way when the server answered goes on where the packet before ended. Numbers that start over may
        // be lower.
        let goes_on = !jumps && packet.ahead < MAX_MISORDER;
        behind_seq && (to_come || !goes_on) || jumps && !packet.is_before(seq)
    }

    /// Nothing has jumped so long after the answer.
    fn is_over(&self, packet: &NextPacket) -> bool {
        let late = self.answered.is_some_and(|answered| packet.at.nanos_since(answered) > SOON_NS);
        late && !self.seq.is_some_and(|seq| self.sought && packet.is_before(seq))
    }
}

impl NextPacket {
    /// It goes on where those before it ended, and that number is still to come.
    fn is_before(&self, seq: u16) -> bool {
        let follows = self.ahead < MAX_DROPOUT || self.ahead.wrapping_neg() < MAX_MISORDER;
        let to_come = seq.wrapping_sub(self.seq);
        follows && to_come != 0 && to_come < u16::MAX / 2
    }

    /// None came since.
    fn is_first_since(&self, asked: Timestamp) -> bool {
        self.at.nanos_since(asked) >= 0 && self.at.nanos_since(asked) < self.passed_ns
    }

    /// Numbers lack before it.
    fn skips(&self) -> bool {
        (2..MAX_DROPOUT).contains(&self.ahead)
    }

    /// This number is behind all that came, and not behind this packet's.
    fn begins_behind(&self, seq: u16) -> bool {
        let highest = self.seq.wrapping_sub(self.ahead);
        (1..=self.ahead).contains(&seq.wrapping_sub(highest))
    }

    fn jumps(&self) -> bool {
        if self.ahead >= MAX_DROPOUT && self.ahead.wrapping_neg() >= MAX_MISORDER {
            return true;
        }
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return false };
        let media_ns = i64::from(self.ticks) * NANOS_PER_SECOND / i64::from(rate);
        if self.paced {
            self.passed_ns.saturating_sub(media_ns).saturating_abs() >= JUMP_NS
        } else {
            media_ns.abs() >= STRIDE_NS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(ms * MS)
    }

    fn part(seq: Option<u16>, sought: bool) -> AnnouncedPart {
        AnnouncedPart { asked: at(0), answered: Some(at(10)), seq, sought, resumed: false, paced: true }
    }

    /// A packet 40 ms after one with the number 299, so many milliseconds of its clock later.
    fn packet(seq: u16, media_ms: i32) -> NextPacket {
        let (ahead, ticks) = (seq.wrapping_sub(299), media_ms * 90);
        NextPacket { at: at(50), seq, ahead, passed_ns: 40 * MS, ticks, rate: Some(90_000), paced: true }
    }

    fn begins(part: AnnouncedPart, packet: NextPacket) -> bool {
        let mut parts = AnnouncedParts::default();
        parts.announce(part);
        parts.begins(&packet).is_some()
    }

    #[test]
    fn a_part_begins_with_its_number() {
        let sought = |seq| part(Some(seq), true);
        for (begin, next) in [(300, 300), (300, 302), (305, 305), (40_000, 40_000), (40_000, 40_002), (100, 100)] {
            assert!(begins(sought(begin), packet(next, 8_000_000)), "{begin} {next}");
        }
        // RFC 2326, appendix B, has timestamps go on over a seek.
        assert!(begins(sought(300), packet(300, 40)));
        // Under way before: also where the new numbers are lower.
        for (begin, next) in [(305, 300), (305, 304), (40_000, 300), (100, 300), (250, 300)] {
            assert!(!begins(sought(begin), packet(next, 40)), "{begin} {next}");
        }
        // One that jumps, with another number than was told.
        assert!(begins(sought(40_000), packet(50_000, 8_000_000)));
        assert!(!begins(sought(305), packet(303, 8_000_000)), "a jump before the part is not announced");
        assert!(!begins(sought(299), packet(300, 40)), "its first packet came ahead of the answer");
    }

    #[test]
    fn without_a_number_it_begins_with_the_jump() {
        for sought in [true, false] {
            assert!(!begins(part(None, sought), packet(300, 40)));
            assert!(!begins(part(None, sought), packet(300, 539)));
            for (next, media) in [(300, 541), (300, -5_000), (40_000, 40)] {
                assert!(begins(part(None, sought), packet(next, media)), "{next} {media}");
            }
        }
        // PLAY behind PAUSE: what goes on needs no new beginning, whatever RTP-Info says.
        assert!(!begins(part(Some(300), false), packet(300, 40)));
    }

    #[test]
    fn another_pace_begins_with_the_answer() {
        let other = AnnouncedPart { paced: false, ..part(None, true) };
        assert!(begins(other, packet(300, 40)));
        assert!(!begins(AnnouncedPart { answered: None, ..other }, packet(300, 40)));
        // At another pace a timestamp says little of time.
        let fast = |media| begins(part(None, false), NextPacket { paced: false, ..packet(300, media) });
        assert!(!fast(1_999) && fast(2_000) && fast(-2_000));
    }

    /// A live source goes on during a PAUSE: what it sent then was never meant to come.
    #[test]
    fn behind_a_pause_numbers_may_lack() {
        let resumed = |seq| AnnouncedPart { asked: at(20), answered: Some(at(30)), resumed: true, ..part(seq, false) };
        // The packet comes at 50 ms, the one before it at 10 ms.
        for seq in [None, Some(450), Some(449), Some(100)] {
            assert!(begins(resumed(seq), packet(450, 40)), "{seq:?}");
        }
        assert!(!begins(resumed(Some(460)), packet(450, 40)), "the part is still to come");
        assert!(!begins(resumed(None), packet(300, 40)), "nothing lacks");
        assert!(!begins(resumed(None), packet(290, 40)), "late from before");
        let asked_before = AnnouncedPart { asked: at(5), ..resumed(None) };
        assert!(!begins(asked_before, packet(450, 40)), "it went on already; these were lost");
        let told = |seq| {
            let mut parts = AnnouncedParts::default();
            parts.announce(resumed(seq));
            parts.begins(&packet(450, 40)).and_then(|part| part.seq)
        };
        assert_eq!(
            [Some(448), Some(450), Some(100), Some(299), None].map(told),
            [Some(448), Some(450), None, None, None]
        );
    }

    #[test]
    fn a_part_is_due_for_another_source() {
        let mut parts = AnnouncedParts::default();
        assert!(!parts.are_due(at(20), 7));
        parts.announce(part(Some(500), true));
        assert!(parts.are_due(at(20), 7) && parts.are_due(at(60_000), 501) && !parts.are_due(at(60_000), 7));
    }

    #[test]
    fn a_jump_long_after_is_not_announced() {
        let mut parts = AnnouncedParts::default();
        parts.announce(part(None, true));
        let late = |media| NextPacket { at: at(5_011), ..packet(300, media) };
        // The next packet, however late it comes.
        assert!(parts.clone().begins(&late(-5_000)).is_some());
        assert!(parts.begins(&late(40)).is_none() && parts.begins(&late(-5_000)).is_none());
        // A PLAY that is queued (section 10.5) begins with its number.
        parts.announce(part(Some(305), true));
        assert!(parts.begins(&late(40)).is_none());
        assert!(parts.begins(&NextPacket { at: at(60_000), ..packet(305, 40) }).is_some());
    }

    #[test]
    fn media_that_was_there_before_the_answer_begins_once() {
        let mut parts = AnnouncedParts::default();
        let asked = AnnouncedPart { answered: None, seq: None, ..part(None, true) };
        parts.announce(asked);
        assert!(parts.begins(&packet(300, 8_000_000)).is_some());
        parts.announce(part(Some(300), true));
        assert!(parts.is_empty());
        parts.announce(asked);
        parts.forget(asked.asked);
        assert!(parts.is_empty(), "refused");
    }
}
