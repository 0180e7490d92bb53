//! No picture: PLAY (or RECORD) was granted, and of a track nothing came. Each track that it concerns is awaited until
//! PAUSE, TEARDOWN, the end of the connection or of the capture; then what is known of it says why ([`evidence`]).

mod evidence;
mod expected;
mod refusal;
mod totals;

use crate::analysis::location::Location;
use crate::analysis::verdicts::{Cause, NoMedia};
use crate::rtp::rtcp::ReportBlock;
use crate::session::dialog::Setup;
use crate::time::{NANOS_PER_SECOND, Timestamp};
use crate::trace::Direction;

pub(super) use expected::suppresses_silence;
pub(super) use totals::SessionState;

use evidence::{ReportedCounts, SilenceEvidence};
use totals::{ReceiverWord, Totals};

/// Who leaves earlier has not waited. GStreamer, live555, MediaMTX and Darwin Streaming Server send the first packet within
/// 0.2 s of their answer to PLAY; cameras that wait for the next key frame have one each second or two.
const PATIENCE_NS: i64 = 2 * NANOS_PER_SECOND;
/// Silent tracks of one session that are told.
const MAX_SILENT: usize = 64;
/// Receivers' words on sources that are remembered for each session.
const MAX_RECEIVERS: usize = 64;

/// The tracks of one session that media is awaited of.
#[derive(Debug, Default)]
pub(super) struct MediaWait {
    open: Vec<AwaitedTrack>,
    silent: Vec<NoMedia>,
    receivers: Vec<ReceiverWord>,
    /// Who ended the connection first.
    closed_by: Option<Direction>,
    /// A wait has ended: what came until then says nothing about the next one.
    waited: bool,
    /// Tracks of which something came that is no RTP.
    unreadable: Vec<(Option<usize>, Direction)>,
    /// Bytes of each direction that the capture lacks, and that are neither a message nor a frame.
    missing_bytes: [u64; 2],
    /// Of which it is not known yet that they never come.
    awaited_bytes: [u64; 2],
    junk_bytes: [u64; 2],
}

/// A track, from the answer that granted it.
#[derive(Clone, Debug)]
struct AwaitedTrack {
    /// Its place among the dialogue's setups.
    setup: usize,
    since: Location,
    direction: Direction,
    /// The method that was granted.
    method: &'static str,
    /// What had come of it before.
    before: Totals,
}

impl MediaWait {
    /// A request was granted.
    pub(super) fn granted(&mut self, place: Location, method: &str, url: &str, state: SessionState<'_>) {
        match method {
            "PLAY" => self.begin(place, "PLAY", Direction::ServerToClient, url, state),
            "RECORD" => self.begin(place, "RECORD", Direction::ClientToServer, url, state),
            "PAUSE" => self.end(place, Some(url), state),
            _ => {}
        }
    }

    fn begin(
        &mut self,
        since: Location,
        method: &'static str,
        direction: Direction,
        url: &str,
        state: SessionState<'_>,
    ) {
        for setup in expected::concerned(url, state.dialog) {
            let now = self.totals(setup, direction, state);
            // Media may come ahead of the answer.
            let before = if self.waited { now } else { Totals::default() };
            match self.open.iter_mut().find(|open| open.setup == setup && open.direction == direction) {
                // PLAY again, while nothing has come, may be a sign of life.
                Some(open) if open.before.packets == now.packets => {}
                // Or a seek.
                Some(open) => (open.since, open.before) = (since, now),
                None => self.open.push(AwaitedTrack { setup, since, direction, method, before }),
            }
        }
        self.receivers.iter_mut().for_each(ReceiverWord::begin);
    }

    /// Nobody waits any longer: for the tracks of a URL, or for all.
    pub(super) fn end(&mut self, until: Location, url: Option<&str>, state: SessionState<'_>) {
        let ending = url.map(|url| expected::concerned(url, state.dialog));
        let is_ending = |track: &AwaitedTrack| ending.as_ref().is_none_or(|ending| ending.contains(&track.setup));
        let (ended, open) = std::mem::take(&mut self.open).into_iter().partition::<Vec<_>, _>(is_ending);
        self.open = open;
        let mut silent: Vec<NoMedia> = Vec::new();
        let is_silent = |track: &&AwaitedTrack| self.is_silent(track, until, state);
        let all = ended.iter().all(|track| is_silent(&track));
        for track in ended.iter().filter(is_silent) {
            let natural = expected::may_be_silent(track.setup, track.direction, state.dialog, all);
            silent.extend((!natural).then(|| self.judge(track, until, state)).flatten());
        }
        silent.extend(
            ended.iter().filter(|track| !is_silent(track)).filter_map(|track| self.refused(track, until, state)),
        );
        self.waited |= !ended.is_empty();
        let room = MAX_SILENT.saturating_sub(self.silent.len());
        self.silent.extend(together(silent, all).into_iter().take(room));
    }

    fn is_silent(&self, track: &AwaitedTrack, until: Location, state: SessionState<'_>) -> bool {
        let now = self.totals(track.setup, track.direction, state);
        let waited = until.at.nanos_since(track.since.at) >= PATIENCE_NS;
        // Behind its end a stream may be asked for once more.
        let is_over = track.before.packets > 0 && (state.bye || expected::is_over(until.at, state.dialog));
        (waited || self.hung_up(track, state)) && now.packets == track.before.packets && !is_over
    }

    /// Whether nobody had to wait any longer: over TCP who should have sent closed the connection, and is heard no more.
    fn hung_up(&self, track: &AwaitedTrack, state: SessionState<'_>) -> bool {
        let over_tcp = state.dialog.setups().get(track.setup).is_some_and(|setup| setup.channels.is_some());
        over_tcp && self.closed_by == Some(track.direction) && !state.bye
    }

    fn judge(&self, track: &AwaitedTrack, until: Location, state: SessionState<'_>) -> Option<NoMedia> {
        let setup = state.dialog.setups().get(track.setup)?;
        let evidence = self.evidence(track, setup, state);
        let (verdict, packets, why) = evidence.judge();
        let waited = until.at.seconds_since(track.since.at);
        let AwaitedTrack { method, .. } = *track;
        let detail = if self.hung_up(track, state) {
            let sender = evidence.sender;
            format!(
                "the {sender} closed the connection {waited:.3} s after {method} was granted, without a packet; {why}"
            )
        } else {
            format!("no packet in {waited:.1} s after {method} was granted; {why}")
        };
        let (since, direction) = (track.since, track.direction);
        Some(NoMedia { track: setup.track, since, until, direction, verdict, packets, detail })
    }

    /// Media that came, to a port where nobody listens.
    fn refused(&self, track: &AwaitedTrack, until: Location, state: SessionState<'_>) -> Option<NoMedia> {
        let AwaitedTrack { since, direction, .. } = *track;
        let setup = state.dialog.setups().get(track.setup)?;
        let path = refusal::of(setup, direction, state.unreachable)?;
        let last = totals::last_packet(setup, direction, state).unwrap_or(until.at);
        if !path.lasts(since.at, last) || self.received(setup, direction).is_some() {
            return None;
        }
        let (verdict, packets, why) = evidence::refused(path);
        let detail = format!("{} was granted and packets came; {why}", track.method);
        Some(NoMedia { track: setup.track, since, until, direction, verdict, packets, detail })
    }

    /// The highest sequence numbers that prove that the other side received packets.
    fn received(&self, setup: &Setup, direction: Direction) -> Option<(u32, u32)> {
        self.receivers.iter().filter(|word| word.is_of(setup, direction)).find_map(ReceiverWord::received)
    }

    fn evidence(&self, track: &AwaitedTrack, setup: &Setup, state: SessionState<'_>) -> SilenceEvidence {
        let AwaitedTrack { direction, before, .. } = *track;
        let now = self.totals(track.setup, direction, state);
        let reports = now.reports.saturating_sub(before.reports);
        let counts = now.reported.filter(|_| reports > 0).map(|last| {
            let before = before.reported.or(now.first_reported.filter(|_| reports > 1));
            ReportedCounts { reports, before, last }
        });
        let due = Timestamp::from_nanos(track.since.at.as_nanos().saturating_add(PATIENCE_NS));
        let places = totals::elsewhere(direction, state).filter(|_| now.elsewhere > before.elsewhere);
        SilenceEvidence {
            over_tcp: setup.channels.is_some(),
            route: expected::route(setup, direction),
            sender: if direction == Direction::ServerToClient { "server" } else { "client" },
            received: self.received(setup, direction),
            denied: self.receivers.iter().any(|word| word.is_of(setup, direction) && word.denies(due)),
            reports: counts,
            refusal: refusal::of(setup, direction, state.unreachable).copied(),
            elsewhere: places.map(|place| (place, now.elsewhere.saturating_sub(before.elsewhere))),
            missing_bytes: now.missing_bytes.saturating_sub(before.missing_bytes),
            junk_bytes: now.junk_bytes.saturating_sub(before.junk_bytes),
        }
    }

    /// What has come so far of the track of a SETUP.
    fn totals(&self, setup: usize, direction: Direction, state: SessionState<'_>) -> Totals {
        let Some(setup) = state.dialog.setups().get(setup) else { return Totals::default() };
        let own = (setup.track, direction);
        let unreadable = self.unreadable.iter().filter(|of| **of == own).count();
        let [missing_bytes, awaited_bytes, junk_bytes] = [self.missing_bytes, self.awaited_bytes, self.junk_bytes]
            .map(|bytes| bytes.get(direction.index()).copied().unwrap_or_default());
        let missing_bytes = missing_bytes.saturating_add(awaited_bytes);
        let of_streams = Totals::of(setup, direction, state);
        let packets = of_streams.packets.saturating_add(u64::try_from(unreadable).unwrap_or(u64::MAX));
        Totals { packets, missing_bytes, junk_bytes, ..of_streams }
    }

    /// Silent tracks, once the session is over.
    pub(super) fn take_silent(&mut self) -> Vec<NoMedia> {
        std::mem::take(&mut self.silent)
    }

    /// A side has ended the connection, the first of both.
    pub(super) fn closed(&mut self, by: Direction) {
        self.closed_by = Some(by);
    }

    /// Something came on a track that is neither RTP nor RTCP, or that is not counted.
    #[cold]
    pub(super) fn unreadable(&mut self, track: Option<usize>, direction: Direction) {
        if self.unreadable.len() < MAX_RECEIVERS {
            self.unreadable.push((track, direction));
        }
    }

    /// The other side has bytes that have not come, so far.
    #[cold]
    pub(super) fn awaits(&mut self, direction: Direction, bytes: u64) {
        if let Some(awaited) = self.awaited_bytes.get_mut(direction.index()) {
            *awaited = bytes;
        }
    }

    pub(super) fn missing(&mut self, direction: Direction, bytes: u64) {
        self.awaits(direction, 0);
        add(&mut self.missing_bytes, direction, bytes);
    }

    pub(super) fn junk(&mut self, direction: Direction, bytes: usize) {
        add(&mut self.junk_bytes, direction, bytes as u64);
    }

    /// A receiver reports on a source of the other side.
    pub(super) fn reported(&mut self, setup: &Setup, place: &Location, reporter: u32, block: &ReportBlock) {
        let word = ReceiverWord::new(setup, place, reporter, block);
        if let Some(known) = self.receivers.iter_mut().find(|known| known.is_same(&word)) {
            known.go_on(place.at, block);
        } else if self.receivers.len() < MAX_RECEIVERS {
            self.receivers.push(word);
        }
    }
}

/// Where no track of several had anything, for one reason, that is told once.
fn together(silent: Vec<NoMedia>, all: bool) -> Vec<NoMedia> {
    let same =
        |first: &NoMedia| silent.iter().all(|track| track.verdict == first.verdict && track.since.at == first.since.at);
    match silent.first() {
        Some(first) if all && silent.len() > 1 && same(first) => {
            let counts = silent.iter().map(|track| track.packets);
            // What came elsewhere is the same for all of them.
            let packets = match first.verdict {
                Cause::SentElsewhere => counts.max().unwrap_or_default(),
                _ => counts.fold(0, u64::saturating_add),
            };
            vec![NoMedia { track: None, packets, ..first.clone() }]
        }
        _ => silent,
    }
}

fn add(counts: &mut [u64; 2], direction: Direction, bytes: u64) {
    if let Some(count) = counts.get_mut(direction.index()) {
        *count = count.saturating_add(bytes);
    }
}
