//! Receiver reports: what a client says of the media it gets (RFC 3550, section 6.4.2), and when.
//!
//! Each track is an RTP session of its own, with a source identifier of its own. Some servers let a session go that
//! sends none.

use std::time::Duration;

use crate::rtp::packet::RtpPacket;
use crate::rtp::rtcp::{Compound, ReportBlock, RtcpPacket, compose};
use crate::session::client::reception::Reception;
use crate::time::Timestamp;

/// Reports of one track are never closer than this (section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Sources of a track that are remembered: some cameras change theirs with each group of pictures.
const MAX_SOURCES: usize = 8;

/// Reports on all tracks of a session.
#[derive(Debug)]
pub(super) struct Reporter {
    random: fastrand::Rng,
    /// A name of no meaning, as RFC 7022 wants it.
    cname: String,
    tracks: Vec<Track>,
}

/// Reception of one track.
#[derive(Debug)]
struct Track {
    /// Under which it is reported.
    ssrc: u32,
    sources: Vec<Reception>,
    due: Option<Timestamp>,
    /// A report was sent: only then a BYE may be (section 6.3.7).
    sent: bool,
}

impl Reporter {
    /// One that draws what has to be random from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let cname = format!("{:016x}", random.u64(..));
        Self { random, cname, tracks: Vec::new() }
    }

    /// A track was set up; they are numbered in this order.
    pub(super) fn add_track(&mut self) {
        self.tracks.push(Track { ssrc: self.random.u32(1..), sources: Vec::new(), due: None, sent: false });
    }

    /// All tracks of this session are gone.
    pub(super) fn forget_tracks(&mut self) {
        self.tracks.clear();
    }

    /// The server plays. The first report comes after half the time (section 6.2).
    pub(super) fn play(&mut self, now: Timestamp) {
        for track in &mut self.tracks {
            track.due = Some(now + (INTERVAL / 2).mul_f64(1.0 + self.random.f64() / 2.0));
        }
    }

    /// Takes an RTP packet; `rate` is asked for the clock rate of a payload type that is new.
    pub(super) fn rtp(
        &mut self,
        at: Timestamp,
        track: usize,
        packet: &RtpPacket<'_>,
        rate: impl FnOnce(u8) -> Option<u32>,
    ) {
        let Some(track) = self.tracks.get_mut(track) else { return };
        if packet.ssrc() == track.ssrc {
            // Two of one name: this side takes another (section 8.2).
            track.ssrc = self.random.u32(1..);
        }
        track.with_source(packet.ssrc(), |source| source.packet(at, packet, rate));
    }

    /// Takes an RTCP packet.
    pub(super) fn rtcp(&mut self, at: Timestamp, track: usize, payload: &[u8]) {
        let Some(track) = self.tracks.get_mut(track) else { return };
        for packet in Compound::new(payload).flatten() {
            match packet {
                RtcpPacket::SenderReport(report) => {
                    track.with_source(report.ssrc(), |source| source.sender_report(at, &report));
                }
                RtcpPacket::Goodbye(goodbye) => {
                    track.sources.retain(|source| goodbye.ssrcs().all(|ssrc| ssrc != source.ssrc));
                }
                _ => {}
            }
        }
    }

    /// When the next report is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.tracks.iter().filter_map(|track| track.due).min()
    }

    /// A report that is due, with its track.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(usize, Vec<u8>)> {
        let is_due = |track: &Track| track.due.is_some_and(|due| due <= now);
        let index = self.tracks.iter().position(is_due)?;
        let Self { random, cname, tracks } = self;
        let track = tracks.get_mut(index)?;
        // Randomised, so that receivers do not fall into step (section 6.2), but never sooner.
        track.due = Some(now + INTERVAL.mul_f64(1.0 + random.f64() / 2.0));
        track.sent = true;
        let blocks = track.blocks(now);
        Some((index, compose::report(track.ssrc, cname, &blocks)))
    }

    /// The last report of each track that had one.
    pub(super) fn goodbyes(&mut self, now: Timestamp) -> Vec<(usize, Vec<u8>)> {
        let Self { cname, tracks, .. } = self;
        let last = |(index, track): (usize, &mut Track)| {
            track.due = None;
            std::mem::take(&mut track.sent).then(|| (index, compose::goodbye(track.ssrc, cname, &track.blocks(now))))
        };
        tracks.iter_mut().enumerate().filter_map(last).collect()
    }

    /// A report on nothing, which opens the way for what comes back.
    pub(super) fn empty_report(&self, track: usize) -> Vec<u8> {
        compose::receiver_report(self.tracks.get(track).map_or(0, |track| track.ssrc), &[])
    }
}

impl Track {
    /// Changes the statistics of a source; of too many, the one that was new longest ago is forgotten.
    fn with_source(&mut self, ssrc: u32, change: impl FnOnce(&mut Reception)) {
        if let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == ssrc) {
            return change(source);
        }
        if self.sources.len() == MAX_SOURCES {
            self.sources.remove(0);
        }
        let mut source = Reception::new(ssrc);
        change(&mut source);
        // Nearly always there is but one.
        self.sources.reserve_exact(1);
        self.sources.push(source);
    }

    /// One for each source that was heard since the report before (section 6.4).
    fn blocks(&mut self, now: Timestamp) -> Vec<ReportBlock> {
        self.sources.iter_mut().filter(|source| source.heard).map(|source| source.report(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_nanos(1_795_332_904_000_000_000);

    fn reporter(tracks: usize) -> Reporter {
        let mut reporter = Reporter::new(7);
        (0..tracks).for_each(|_| reporter.add_track());
        reporter.play(START);
        reporter
    }

    fn rtp(ssrc: u32) -> Vec<u8> {
        [&[0x80, 0, 0, 1, 0, 0, 0, 0], &ssrc.to_be_bytes()[..], &[1]].concat()
    }

    fn hear(reporter: &mut Reporter, ssrc: u32) {
        reporter.rtp(START, 0, &RtpPacket::parse(&rtp(ssrc)).unwrap(), |_| None);
    }

    /// The sources that the next report names.
    fn reported(reporter: &mut Reporter) -> Vec<u32> {
        let now = reporter.due().unwrap();
        let (_, compound) = reporter.take_due(now).unwrap();
        let Some(Ok(RtcpPacket::ReceiverReport(report))) = Compound::new(&compound).next() else { panic!("an RR") };
        report.report_blocks().map(|block| block.source_ssrc).collect()
    }

    #[test]
    fn reports_of_a_track_keep_their_distance() {
        let mut reporter = reporter(2);
        let mut sent = [Vec::new(), Vec::new()];
        while sent[0].len() < 100 {
            let now = reporter.due().unwrap();
            let (track, _) = reporter.take_due(now).unwrap();
            sent[track].push(now.duration_since(START));
        }
        for times in &sent {
            assert!((2500..3750).contains(&times[0].as_millis()), "{:?}", times[0]);
            let distances: Vec<_> = times.windows(2).map(|pair| pair[1].as_millis() - pair[0].as_millis()).collect();
            assert!(distances.iter().all(|distance| (5000..7500).contains(distance)), "{distances:?}");
        }
        assert_ne!(sent[0][..10], sent[1][..10]);
    }

    #[test]
    fn sources_that_are_silent_or_gone_are_left_out() {
        let mut reporter = reporter(1);
        assert_eq!(reported(&mut reporter), [0; 0], "a sign of life all the same");
        hear(&mut reporter, 7);
        hear(&mut reporter, 8);
        assert_eq!(reported(&mut reporter), [7, 8]);
        hear(&mut reporter, 8);
        assert_eq!(reported(&mut reporter), [8]);
        hear(&mut reporter, 7);
        reporter.rtcp(START, 0, &[0x81, 203, 0, 1, 0, 0, 0, 7]);
        assert_eq!(reported(&mut reporter), [0; 0]);
    }

    #[test]
    fn sources_without_end_take_no_memory() {
        let mut reporter = reporter(1);
        (100..10_000).for_each(|ssrc| hear(&mut reporter, ssrc));
        assert_eq!(reported(&mut reporter), (9992..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn only_who_has_spoken_says_goodbye() {
        assert!(reporter(2).goodbyes(START).is_empty());
        let mut reporter = reporter(2);
        let now = reporter.due().unwrap();
        let (track, _) = reporter.take_due(now).unwrap();
        let goodbyes = reporter.goodbyes(now);
        assert_eq!(goodbyes.iter().map(|(track, _)| *track).collect::<Vec<_>>(), [track]);
        let last = Compound::new(&goodbyes[0].1).last();
        assert!(matches!(last, Some(Ok(RtcpPacket::Goodbye(_)))), "{last:?}");
        assert!(reporter.goodbyes(now).is_empty(), "once");
    }

    #[test]
    fn a_name_that_the_server_has_is_given_up() {
        let mut reporter = reporter(1);
        let own = reporter.tracks[0].ssrc;
        hear(&mut reporter, own);
        assert_ne!(reporter.tracks[0].ssrc, own);
    }
}
