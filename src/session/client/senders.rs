//! The sources that send the media of a track, and whether they have taken leave (RFC 3550, section 6.6).
//!
//! A BYE ends the sources that it names and no other: in a multicast group each receiver that leaves says BYE for its own
//! name, and over UDP anybody can send one.

use std::time::Duration;

use crate::time::Timestamp;

/// Sources of a track that are remembered: some cameras take a new one with each group of pictures.
const MAX_SENDERS: usize = 8;
/// A source that was heard for so long beside a newer one was not replaced by it. Datagrams overtake each other by less.
const BESIDE: Duration = Duration::from_millis(500);

/// The sources of a track; the one that was heard last is the last.
#[derive(Debug, Default)]
pub(super) struct TrackSenders(Vec<KnownSender>);

#[derive(Clone, Copy, Debug)]
struct KnownSender {
    ssrc: u32,
    began: Timestamp,
    last: Timestamp,
    said_bye: bool,
}

impl TrackSenders {
    /// An RTP packet of this source came: whether it is a sign that the track goes on. Datagrams may overtake each other:
    /// what comes behind the BYE of its own source was sent before it.
    pub(super) fn heard(&mut self, now: Timestamp, ssrc: u32) -> bool {
        if let Some(latest) = self.0.last_mut().filter(|latest| latest.ssrc == ssrc) {
            latest.last = now;
            return !latest.said_bye;
        }
        let known = self.0.iter().position(|sender| sender.ssrc == ssrc);
        let sender = match known.map(|place| self.0.remove(place)) {
            Some(known) if known.said_bye => {
                self.0.insert(0, known);
                return false;
            }
            Some(known) => KnownSender { last: now, ..known },
            None => KnownSender { ssrc, began: now, last: now, said_bye: false },
        };
        if self.0.len() >= MAX_SENDERS {
            self.0.remove(0);
        }
        // Nearly always there is but one.
        self.0.reserve_exact(1);
        self.0.push(sender);
        true
    }

    /// These sources said BYE: whether one of them had sent.
    pub(super) fn bye(&mut self, ssrcs: &[u32]) -> bool {
        let mut named = false;
        for sender in self.0.iter_mut().filter(|sender| ssrcs.contains(&sender.ssrc)) {
            sender.said_bye = true;
            named = true;
        }
        named
    }

    /// Whether nothing has come at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any source has taken leave.
    pub(super) fn any_bye(&self) -> bool {
        self.0.iter().any(|sender| sender.said_bye)
    }

    /// Whether all have that still sent: those that were heard last, or beside the one that was.
    pub(super) fn all_bye(&self) -> bool {
        let Some(latest) = self.0.last() else { return false };
        let goes_on = |sender: &KnownSender| !sender.said_bye && sender.last.duration_since(latest.began) > BESIDE;
        latest.said_bye && !self.0.iter().any(goes_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);

    /// Sources heard 100 ms apart.
    fn heard(sources: &[u32]) -> TrackSenders {
        let mut senders = TrackSenders::default();
        for (ssrc, place) in sources.iter().zip(0..) {
            assert!(senders.heard(START + Duration::from_millis(100) * place, *ssrc));
        }
        senders
    }

    fn over(sources: &[u32], byes: &[u32]) -> bool {
        let mut senders = heard(sources);
        senders.bye(byes);
        senders.all_bye()
    }

    #[test]
    fn a_bye_ends_the_sources_that_it_names() {
        assert!(over(&[7], &[7]));
        assert!(over(&[7], &[9, 7]));
        for stranger in [&[][..], &[9], &[0]] {
            assert!(!over(&[7], stranger), "{stranger:?}");
        }
        assert!(!over(&[], &[7]));
    }

    #[test]
    fn the_source_that_took_over_ends_the_track() {
        assert!(over(&[7, 7, 8, 8], &[8]));
        assert!(over(&[7, 7, 8, 7, 8, 8, 8], &[8]), "one packet was overtaken");
        assert!(!over(&[7, 8, 8], &[7]), "that of the former says nothing of the new one");
    }

    #[test]
    fn sources_beside_each_other_end_the_track_together() {
        let both = [7, 8, 7, 8, 7, 8, 7, 8, 7, 8];
        assert!(!over(&both, &[8]) && !over(&both, &[7]));
        assert!(over(&both, &[7, 8]));
    }

    #[test]
    fn sources_without_end_take_no_memory() {
        let senders = heard(&(0..1000).collect::<Vec<_>>());
        assert_eq!(senders.0.len(), MAX_SENDERS);
    }

    #[test]
    fn what_comes_behind_its_bye_is_late() {
        let mut senders = heard(&[7, 8]);
        senders.bye(&[7, 8]);
        assert!(!senders.heard(START, 7) && !senders.heard(START, 8) && senders.all_bye());
        assert!(senders.heard(START, 9) && !senders.all_bye(), "another source begins");
    }
}
