//! Faults that a replay adds to what was recorded: packets lost, late, twice or changed, connections cut, logins asked
//! for. docs/faults.md describes each, and what `analyze` shows of it.
//!
//! Everything is drawn from one seed: the same faults with the same seed do the same to every client. Each fault of each
//! track has a random stream of its own. Which tracks a client sets up, and which other faults there are, changes nothing
//! about where one falls.
//!
//! [`Faults`] is what was asked for, made to fit a description; it serves any number of clients. From it come a
//! [`FaultLine`] for the media of each PLAY, and for each connection a [`Login`] and [`SplitWrites`].

mod error;
mod line;
mod login;
mod names;
mod plan;
mod query;
mod queue;
mod random;
mod reason;
mod rewrite;
mod spec;
mod track;
mod units;

use crate::rtsp::url::Credentials;
use crate::session::script::Route;
use plan::{Stalls, TrackPlan};
use random::stream_of;

pub use error::FaultError;
pub use line::{FaultLine, Step};
pub use login::Login;
pub use names::{MAX_DISTANCE, NAMES};
pub use plan::TrackInfo;
pub use query::{from_query, without_faults};
pub use reason::reason;
pub use spec::{Fault, FaultKind, TrackName};
pub use units::{Nanos, Ppm, Share};

/// A set of faults, made to fit a description.
#[derive(Clone, Debug)]
pub struct Faults {
    plans: Vec<TrackPlan>,
    /// Those that concern frames of no track as well.
    stalls: Stalls,
    cut: Option<i64>,
    refusals: Vec<(u16, String)>,
    digest: Option<Credentials>,
    basic: Option<Credentials>,
    stale_nonce: bool,
    split_writes: bool,
    media: bool,
    seed: u64,
}

/// None at all.
impl Default for Faults {
    fn default() -> Self {
        Self {
            plans: Vec::new(),
            stalls: Stalls::default(),
            cut: None,
            refusals: Vec::new(),
            digest: None,
            basic: None,
            stale_nonce: false,
            split_writes: false,
            media: false,
            seed: 0,
        }
    }
}

impl Faults {
    /// Makes faults fit the tracks of a description. A fault that names a track alone replaces the same fault of its
    /// media type, and that one the same fault of all tracks; stalls and changes at a time add up. `credentials` are
    /// those of `digest` and `basic` where these bring none.
    ///
    /// # Errors
    /// Where a fault names a track that is not there, two contradict each other, or a login has no credentials.
    pub fn new(
        faults: &[Fault],
        tracks: &[TrackInfo],
        seed: u64,
        credentials: Option<&Credentials>,
    ) -> Result<Self, FaultError> {
        plan::check(faults, tracks)?;
        let plan_of = |(index, track)| TrackPlan::new(faults, index, track);
        let mut all = Self { plans: tracks.iter().enumerate().map(plan_of).collect(), seed, ..Self::default() };
        faults.iter().try_for_each(|fault| all.add(fault, credentials))?;
        if all.stale_nonce && all.digest.is_none() { Err(FaultError::NoDigest) } else { Ok(all) }
    }

    /// Adds what concerns the connection.
    fn add(&mut self, fault: &Fault, credentials: Option<&Credentials>) -> Result<(), FaultError> {
        let Fault { track, kind } = fault;
        let login = |own: &Option<Credentials>| {
            own.clone().or_else(|| credentials.cloned()).ok_or(FaultError::NoCredentials(kind.name())).map(Some)
        };
        self.media |= is_of_media(kind);
        match kind {
            FaultKind::Stall { lasts, at } if track.is_none() => self.stalls.add(*at, *lasts),
            FaultKind::Cut { at } => self.cut = Some(at.0),
            FaultKind::Status { code, method } => self.refusals.push((*code, method.clone())),
            FaultKind::Digest(own) => self.digest = login(own)?,
            FaultKind::Basic(own) => self.basic = login(own)?,
            FaultKind::StaleNonce => self.stale_nonce = true,
            FaultKind::SplitWrites => self.split_writes = true,
            _ => {}
        }
        Ok(())
    }

    /// Whether any fault changes frames or their times: if not, a [`FaultLine`] lets everything pass as it is.
    pub const fn touch_media(&self) -> bool {
        self.media
    }

    /// The way of the frames of one PLAY, from its beginning.
    pub fn line(&self) -> FaultLine {
        FaultLine::new(&self.plans, self.stalls.clone(), self.cut, self.seed)
    }

    /// The status to refuse this method with. It comes after the login.
    pub fn refusal(&self, method: &str) -> Option<u16> {
        self.refusals.iter().find(|(_, refused)| refused == method).map(|(status, _)| *status)
    }

    /// Whether the answer to the SETUP of this track names no channels.
    pub fn hides_channels(&self, track: usize) -> bool {
        self.plans.get(track).is_some_and(|plan| plan.no_interleaved)
    }

    /// The channel to send a frame on where `agreed` was agreed upon. A wrong one is 128 away (0 becomes 128, 129
    /// becomes 1), so that RTP and RTCP stay a pair.
    pub fn channel(&self, lane: Route, agreed: u8) -> u8 {
        let Route::Track { index, .. } = lane else { return agreed };
        let is_wrong = self.plans.get(index).is_some_and(|plan| plan.wrong_channel);
        if is_wrong { agreed ^ 0x80 } else { agreed }
    }

    /// For a new connection: who asks its client to log in.
    pub fn login(&self) -> Login {
        Login::new(self.digest.clone(), self.basic.clone(), self.stale_nonce, self.seed)
    }

    /// For a new connection: how its frames and answers are split, if they are.
    pub fn split_writes(&self) -> Option<SplitWrites> {
        self.split_writes.then(|| SplitWrites { rng: stream_of(self.seed, 0, "split-writes") })
    }
}

/// Whether a fault is at work in a [`FaultLine`].
const fn is_of_media(kind: &FaultKind) -> bool {
    !matches!(
        kind,
        FaultKind::NoInterleaved
            | FaultKind::WrongChannel
            | FaultKind::Status { .. }
            | FaultKind::Digest(_)
            | FaultKind::Basic(_)
            | FaultKind::StaleNonce
            | FaultKind::SplitWrites
    )
}

/// Splits what is to be written.
#[derive(Clone, Debug)]
pub struct SplitWrites {
    rng: fastrand::Rng,
}

/// Most writes for one frame or answer.
const MAX_WRITES: usize = 5;
/// The first write ends within the header of a frame, or the first word of an answer.
const MAX_FIRST_WRITE: usize = 3;

impl SplitWrites {
    /// The sizes of the writes for a frame or an answer of `len` bytes: two to five, the first of at most three bytes;
    /// one write where there is but one byte, none where there is none.
    pub fn sizes(&mut self, len: usize) -> Vec<usize> {
        let mut sizes = Vec::with_capacity(MAX_WRITES);
        let mut left = len;
        while left > 0 {
            let size = match sizes.len() {
                0 if left > 1 => self.rng.usize(1..=MAX_FIRST_WRITE.min(left - 1)),
                place if place + 1 == MAX_WRITES => left,
                _ => self.rng.usize(1..=left),
            };
            sizes.push(size);
            left -= size;
        }
        sizes
    }
}

#[cfg(test)]
mod tests;
