//! What the faults mean for each track of a description.

use super::error::FaultError;
use super::spec::{Fault, FaultKind, TrackName};
use super::units::{Nanos, Ppm, Share};

/// The faults of one track.
#[derive(Clone, Debug, Default)]
pub(super) struct TrackPlan {
    pub(super) drop: Option<Share>,
    pub(super) duplicate: Option<Share>,
    pub(super) corrupt: Option<Share>,
    pub(super) garbage: Option<Share>,
    /// How many are moved, and how far.
    pub(super) reorder: Option<(Share, u16)>,
    /// Mean and spread.
    pub(super) delay: Option<(i64, i64)>,
    pub(super) drift: Option<Ppm>,
    pub(super) stalls: Stalls,
    /// When, in order.
    pub(super) ssrc_changes: Vec<i64>,
    /// When and by how much, in order.
    pub(super) jumps: Vec<(i64, i64)>,
    pub(super) no_sender_reports: bool,
    pub(super) no_interleaved: bool,
    pub(super) wrong_channel: bool,
    pub(super) clock_rates: Vec<(u8, u32)>,
}

impl TrackPlan {
    /// The plan of the track at this place. A fault of this track alone replaces one of its media type, and that one
    /// a fault of all tracks; those with a time add up.
    pub(super) fn new(faults: &[Fault], index: usize, track: &TrackInfo) -> Self {
        let mut plan = Self { clock_rates: track.clock_rates.clone(), ..Self::default() };
        let mut concerned: Vec<&Fault> = faults.iter().filter(|fault| fault.concerns(index, track)).collect();
        concerned.sort_by_key(|fault| fault.rank());
        for fault in concerned {
            plan.add(&fault.kind);
        }
        plan.ssrc_changes.sort_unstable();
        plan.jumps.sort_unstable();
        plan
    }

    fn add(&mut self, kind: &FaultKind) {
        match *kind {
            FaultKind::Drop(share) => self.drop = Some(share),
            FaultKind::Duplicate(share) => self.duplicate = Some(share),
            FaultKind::Corrupt(share) => self.corrupt = Some(share),
            FaultKind::Garbage(share) => self.garbage = Some(share),
            FaultKind::Reorder { share, distance } => self.reorder = Some((share, distance)),
            FaultKind::Delay { mean, spread } => self.delay = Some((mean.0, spread.0)),
            FaultKind::Drift(ppm) => self.drift = Some(ppm),
            FaultKind::Stall { lasts, at } => self.stalls.add(at, lasts),
            FaultKind::SsrcChange { at } => self.ssrc_changes.push(at.0),
            FaultKind::TimestampJump { by, at } => self.jumps.push((at.0, by.0)),
            FaultKind::NoSenderReports => self.no_sender_reports = true,
            FaultKind::NoInterleaved => self.no_interleaved = true,
            FaultKind::WrongChannel => self.wrong_channel = true,
            // The connection's.
            FaultKind::Cut { .. }
            | FaultKind::Status { .. }
            | FaultKind::Digest(_)
            | FaultKind::Basic(_)
            | FaultKind::StaleNonce
            | FaultKind::SplitWrites => {}
        }
    }
}

impl Fault {
    fn concerns(&self, index: usize, track: &TrackInfo) -> bool {
        match &self.track {
            None => true,
            Some(TrackName::Media(kind)) => kind.eq_ignore_ascii_case(&track.kind),
            Some(TrackName::Index(number)) => *number == index,
        }
    }

    fn rank(&self) -> u8 {
        match &self.track {
            None => 0,
            Some(TrackName::Media(_)) => 1,
            Some(TrackName::Index(_)) => 2,
        }
    }

    /// Whether both can't be had at once.
    fn contradicts(&self, other: &Self) -> bool {
        let one_method = |a: &FaultKind, b: &FaultKind| match (a, b) {
            (FaultKind::Status { method: a, .. }, FaultKind::Status { method: b, .. }) => a == b,
            _ => true,
        };
        let adds_up = matches!(
            self.kind,
            FaultKind::Stall { .. } | FaultKind::SsrcChange { .. } | FaultKind::TimestampJump { .. }
        );
        let same = self.kind.name() == other.kind.name() && self.track == other.track;
        same && self.kind != other.kind && !adds_up && one_method(&self.kind, &other.kind)
    }
}

/// Whether the faults go together, and with these tracks.
pub(super) fn check(faults: &[Fault], tracks: &[TrackInfo]) -> Result<(), FaultError> {
    for (place, fault) in faults.iter().enumerate() {
        if faults.iter().take(place).any(|other| fault.contradicts(other)) {
            return Err(FaultError::Twice(fault.kind.name().to_owned()));
        }
        if let Some(name) = &fault.track
            && !tracks.iter().enumerate().any(|(index, track)| fault.concerns(index, track))
        {
            let name_of = |(index, track): (usize, &TrackInfo)| format!("{} ({index})", track.kind);
            let there: Vec<String> = tracks.iter().enumerate().map(name_of).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            return Err(FaultError::NoSuchTrack { asked: name.to_string(), there });
        }
    }
    Ok(())
}

/// Stretches of time in which nothing leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Stalls(Vec<(i64, i64)>);

impl Stalls {
    pub(super) fn add(&mut self, at: Nanos, lasts: Nanos) {
        self.0.push((at.0, at.0.saturating_add(lasts.0)));
        self.0.sort_unstable();
    }

    /// When something leaves that would leave at `due`.
    pub(super) fn after(&self, due: i64) -> i64 {
        self.0.iter().fold(due, |due, (from, to)| if (*from..*to).contains(&due) { *to } else { due })
    }
}

/// A track of the description, in the order of its `m=` lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackInfo {
    /// Media type, such as `video`.
    pub kind: String,
    /// Payload types with their clock rates.
    pub clock_rates: Vec<(u8, u32)>,
}
