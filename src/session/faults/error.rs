//! What is wrong with a fault.

use super::names::{MAX_DISTANCE, NAMES};
use super::units::Nanos;

/// Why a spec is none, or can't be used. Each says what to try; none repeats a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// No such fault.
    #[error("no fault is called {0:?}: there are {names}", names = NAMES.join(", "))]
    Name(String),
    /// A value is missing.
    #[error("{name} needs a value: try {example}")]
    NoValue {
        /// The fault.
        name: &'static str,
        /// A whole spec.
        example: &'static str,
    },
    /// A value where there is none to give.
    #[error("{0} takes no value: try {0} alone")]
    Value(&'static str),
    /// A time is missing.
    #[error("{name} needs a time: try {example}")]
    NoTime {
        /// The fault.
        name: &'static str,
        /// A whole spec.
        example: &'static str,
    },
    /// A time where there is none to give.
    #[error("{0} holds all the time: leave out the @ and what follows")]
    At(&'static str),
    /// Not a percentage.
    #[error("{0:?} is no share of packets: try 1% or 0.05%, up to 100%, with six decimals at most")]
    Share(String),
    /// Not a time.
    #[error("{0:?} is no time: try 5s, 50ms, 2.5s or 1m")]
    Time(String),
    /// Not parts per million.
    #[error("{0:?} are no parts per million: try 200ppm or -50ppm, up to 100000ppm")]
    Ppm(String),
    /// Not a distance to reorder by.
    #[error("{0:?} is no number of packets from 1 to {MAX_DISTANCE}: try reorder=1%/3")]
    Distance(String),
    /// More spread than delay.
    #[error("a delay can't be less than nothing: the spread behind ± may be {0} at most")]
    Spread(Nanos),
    /// Not a status and a method.
    #[error("{0:?} is no status and method: try status=461:SETUP")]
    Status(String),
    /// Not a user and a password.
    #[error("{0} needs USER:PASSWORD behind the =")]
    Login(&'static str),
    /// Concerns the connection, not a track.
    #[error("{0} concerns the whole connection: leave out the track in front of it")]
    Track(&'static str),
    /// The description has no such track.
    #[error("no track {asked:?}: the description has {there}")]
    NoSuchTrack {
        /// What was asked for.
        asked: String,
        /// What there is.
        there: String,
    },
    /// Given twice for the same track or connection.
    #[error("{0} is given twice for the same: give it once")]
    Twice(String),
    /// Nobody to log in.
    #[error("{0} needs a user and a password: try {0}=USER:PASSWORD, or --user NAME")]
    NoCredentials(&'static str),
    /// Needs another fault.
    #[error("stale-nonce needs digest: add digest=USER:PASSWORD")]
    NoDigest,
    /// Not a number.
    #[error("the seed is no number from 0 to 2^64 - 1: try seed=7")]
    Seed,
    /// What came out of a URL is no text.
    #[error("the fault in the URL is not UTF-8 behind its percent signs: write ± as %C2%B1, or +-")]
    Encoding,
    /// A URL that wants too much.
    #[error("more than {0} faults in one URL")]
    TooMany(usize),
}
