//! The specs of faults: `[TRACK:]NAME[=VALUE][@TIME]`.

use std::fmt;
use std::str::FromStr;

use super::error::FaultError;
use super::names::{MAX_DISTANCE, NAMES};
use super::units::{Nanos, Ppm, Share};
use crate::rtsp::url::Credentials;

/// A fault that a replay adds, as `--fault` and a URL give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The tracks concerned; `None` for all.
    pub track: Option<TrackName>,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// The tracks that a spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackName {
    /// All tracks of this media type, such as `video`.
    Media(String),
    /// The `m=` line of this number, from 0, as in the column `track` of `analyze`.
    Index(usize),
}

/// What goes wrong. Times count from PLAY, by the clock of the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// `drop=1%`: RTP packets are left out.
    Drop(Share),
    /// `dup=1%`: RTP packets leave twice.
    Duplicate(Share),
    /// `reorder=1%/3`: RTP packets leave behind so many later ones.
    Reorder {
        /// How many are moved.
        share: Share,
        /// Behind how many later packets of the track.
        distance: u16,
    },
    /// `delay=50ms±20ms`: RTP packets leave later.
    Delay {
        /// By how much in the mean.
        mean: Nanos,
        /// By how much more or less at most.
        spread: Nanos,
    },
    /// `corrupt=1%`: one byte of the payload of RTP packets is changed.
    Corrupt(Share),
    /// `stall=5s@10s`: for a time nothing leaves, then all of it.
    Stall {
        /// For how long.
        lasts: Nanos,
        /// From when.
        at: Nanos,
    },
    /// `cut@20s`: the connection is closed in the middle of a frame.
    Cut {
        /// The first frame due from then on.
        at: Nanos,
    },
    /// `garbage=1%`: bytes that are neither a frame nor a message, before RTP packets.
    Garbage(Share),
    /// `ssrc-change@10s`: another SSRC.
    SsrcChange {
        /// From the first RTP packet due then.
        at: Nanos,
    },
    /// `ts-jump=10s@10s`: the RTP timestamps go on elsewhere.
    TimestampJump {
        /// By how much.
        by: Nanos,
        /// From the first packet of a new timestamp due then.
        at: Nanos,
    },
    /// `drift=200ppm`: the RTP timestamps run slow against the time of sending.
    Drift(Ppm),
    /// `no-sr`: sender reports become receiver reports.
    NoSenderReports,
    /// `no-interleaved`: the answer to SETUP names no channels.
    NoInterleaved,
    /// `wrong-channel`: frames come on channels that no SETUP named.
    WrongChannel,
    /// `status=461:SETUP`: a method is refused.
    Status {
        /// The status code.
        code: u16,
        /// The method.
        method: String,
    },
    /// `digest`: a login by Digest is asked for.
    Digest(Option<Credentials>),
    /// `basic`: a login by Basic is asked for.
    Basic(Option<Credentials>),
    /// `stale-nonce`: each nonce is good for one request.
    StaleNonce,
    /// `split-writes`: frames and answers leave in several writes.
    SplitWrites,
}

/// How far timestamps jump if nothing is said.
const DEFAULT_JUMP: Nanos = Nanos(10_000_000_000);
/// Longest method that can be refused.
const MAX_METHOD: usize = 32;

impl FaultKind {
    /// Its name in specs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Drop(_) => "drop",
            Self::Duplicate(_) => "dup",
            Self::Reorder { .. } => "reorder",
            Self::Delay { .. } => "delay",
            Self::Corrupt(_) => "corrupt",
            Self::Stall { .. } => "stall",
            Self::Cut { .. } => "cut",
            Self::Garbage(_) => "garbage",
            Self::SsrcChange { .. } => "ssrc-change",
            Self::TimestampJump { .. } => "ts-jump",
            Self::Drift(_) => "drift",
            Self::NoSenderReports => "no-sr",
            Self::NoInterleaved => "no-interleaved",
            Self::WrongChannel => "wrong-channel",
            Self::Status { .. } => "status",
            Self::Digest(_) => "digest",
            Self::Basic(_) => "basic",
            Self::StaleNonce => "stale-nonce",
            Self::SplitWrites => "split-writes",
        }
    }

    /// Whether it can be had for one track alone.
    pub(super) const fn is_of_tracks(&self) -> bool {
        !matches!(
            self,
            Self::Cut { .. }
                | Self::Status { .. }
                | Self::Digest(_)
                | Self::Basic(_)
                | Self::StaleNonce
                | Self::SplitWrites
        )
    }

    fn parse(name: &str, value: Option<&str>, at: Option<&str>) -> Result<Self, FaultError> {
        let given = Given { name: known(name)?, value, at };
        Ok(match given.name {
            "drop" => Self::Drop(given.share("drop=1%")?),
            "dup" => Self::Duplicate(given.share("dup=1%")?),
            "corrupt" => Self::Corrupt(given.share("corrupt=1%")?),
            "garbage" => Self::Garbage(given.share("garbage=1%")?),
            "reorder" => parse_reorder(given.value("reorder=1%/3")?)?,
            "delay" => parse_delay(given.value("delay=50ms±20ms")?)?,
            "drift" => Self::Drift(ppm(given.value("drift=200ppm")?)?),
            "stall" => Self::Stall { at: given.at("stall=5s@10s")?, lasts: given.time("stall=5s@10s")? },
            "cut" => Self::Cut { at: given.alone_at("cut@20s")? },
            "ssrc-change" => Self::SsrcChange { at: given.alone_at("ssrc-change@10s")? },
            "ts-jump" => {
                Self::TimestampJump { at: given.at("ts-jump@10s")?, by: value.map_or(Ok(DEFAULT_JUMP), nanos_signed)? }
            }
            "status" => parse_status(given.value("status=461:SETUP")?)?,
            "digest" => Self::Digest(given.credentials()?),
            "basic" => Self::Basic(given.credentials()?),
            "no-sr" => given.alone(Self::NoSenderReports)?,
            "no-interleaved" => given.alone(Self::NoInterleaved)?,
            "wrong-channel" => given.alone(Self::WrongChannel)?,
            "stale-nonce" => given.alone(Self::StaleNonce)?,
            _ => given.alone(Self::SplitWrites)?,
        })
    }
}

/// What a spec gives a fault.
#[derive(Clone, Copy)]
struct Given<'a> {
    name: &'static str,
    value: Option<&'a str>,
    at: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn value(self, example: &'static str) -> Result<&'a str, FaultError> {
        match self.at {
            Some(_) => Err(FaultError::At(self.name)),
            None => self.value.ok_or(FaultError::NoValue { name: self.name, example }),
        }
    }

    fn share(self, example: &'static str) -> Result<Share, FaultError> {
        share(self.value(example)?)
    }

    fn time(self, example: &'static str) -> Result<Nanos, FaultError> {
        nanos(self.value.ok_or(FaultError::NoValue { name: self.name, example })?)
    }

    fn at(self, example: &'static str) -> Result<Nanos, FaultError> {
        nanos(self.at.ok_or(FaultError::NoTime { name: self.name, example })?)
    }

    fn alone_at(self, example: &'static str) -> Result<Nanos, FaultError> {
        if self.value.is_some() { Err(FaultError::Value(self.name)) } else { self.at(example) }
    }

    fn alone(self, kind: FaultKind) -> Result<FaultKind, FaultError> {
        match (self.value, self.at) {
            (Some(_), _) => Err(FaultError::Value(self.name)),
            (None, Some(_)) => Err(FaultError::At(self.name)),
            (None, None) => Ok(kind),
        }
    }

    fn credentials(self) -> Result<Option<Credentials>, FaultError> {
        if self.at.is_some() {
            return Err(FaultError::At(self.name));
        }
        let Some(value) = self.value else { return Ok(None) };
        let (user, password) = value.split_once(':').ok_or(FaultError::Login(self.name))?;
        let is_bad = |text: &str| text.contains(|c: char| c.is_control() || c == '"');
        if user.is_empty() || is_bad(user) || is_bad(password) {
            return Err(FaultError::Login(self.name));
        }
        Ok(Some(Credentials { user: user.to_owned(), password: password.to_owned() }))
    }
}

fn known(name: &str) -> Result<&'static str, FaultError> {
    let shown = || name.chars().take(MAX_METHOD).collect();
    NAMES.into_iter().find(|known| *known == name).ok_or_else(|| FaultError::Name(shown()))
}

fn share(text: &str) -> Result<Share, FaultError> {
    Share::parse(text).ok_or_else(|| FaultError::Share(text.to_owned()))
}

fn ppm(text: &str) -> Result<Ppm, FaultError> {
    Ppm::parse(text).ok_or_else(|| FaultError::Ppm(text.to_owned()))
}

fn nanos(text: &str) -> Result<Nanos, FaultError> {
    Nanos::parse(text).ok_or_else(|| FaultError::Time(text.trim().to_owned()))
}

fn nanos_signed(text: &str) -> Result<Nanos, FaultError> {
    let digits = || text.trim().trim_start_matches(['-', '+']).to_owned();
    Nanos::parse_signed(text).ok_or_else(|| FaultError::Time(digits()))
}

fn parse_reorder(value: &str) -> Result<FaultKind, FaultError> {
    let (share, distance) = value.split_once('/').unwrap_or((value, "1"));
    let is_good = |number: &u16| (1..=MAX_DISTANCE).contains(number) && !distance.starts_with('+');
    let distance = distance.parse().ok().filter(is_good).ok_or(FaultError::Distance(distance.to_owned()))?;
    Ok(FaultKind::Reorder { share: self::share(share)?, distance })
}

fn parse_delay(value: &str) -> Result<FaultKind, FaultError> {
    let (mean, spread) = value.split_once('±').or_else(|| value.split_once("+-")).unwrap_or((value, "0"));
    let (mean, spread) = (nanos(mean)?, nanos(spread)?);
    if spread > mean { Err(FaultError::Spread(mean)) } else { Ok(FaultKind::Delay { mean, spread }) }
}

fn parse_status(value: &str) -> Result<FaultKind, FaultError> {
    let bad = || FaultError::Status(value.to_owned());
    let (code, method) = value.split_once(':').ok_or_else(bad)?;
    let is_method = (1..=MAX_METHOD).contains(&method.len())
        && method.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let code = code.parse().ok().filter(|code| (100..=599).contains(code) && is_method).ok_or_else(bad)?;
    Ok(FaultKind::Status { code, method: method.to_owned() })
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(spec: &str) -> Result<Self, FaultError> {
        let spec = spec.trim();
        // A colon behind the name belongs to the value.
        let end = spec.find(['=', '@']).unwrap_or(spec.len());
        let (front, rest) = spec.split_at_checked(end).unwrap_or((spec, ""));
        let (track, name) = front.split_once(':').map_or((None, front), |(track, name)| (Some(track), name));
        // A password may hold an @.
        let is_login = matches!(name, "digest" | "basic") && rest.starts_with('=');
        let (value, at) = match rest.rsplit_once('@').filter(|_| !is_login) {
            Some((value, at)) => (value, Some(at)),
            None => (rest, None),
        };
        let kind = FaultKind::parse(name, value.strip_prefix('='), at)?;
        let track = track.map(TrackName::parse).transpose()?;
        if track.is_some() && !kind.is_of_tracks() {
            return Err(FaultError::Track(kind.name()));
        }
        Ok(Self { track, kind })
    }
}

impl TrackName {
    fn parse(name: &str) -> Result<Self, FaultError> {
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let index = if is_number { name.parse().ok().map(Self::Index) } else { None };
        index.or_else(|| (is_word && !is_number).then(|| Self::Media(name.to_ascii_lowercase()))).ok_or_else(|| {
            let there = "tracks named video, audio, application, or by the number of their m= line".to_owned();
            FaultError::NoSuchTrack { asked: name.chars().take(MAX_METHOD).collect(), there }
        })
    }
}

impl fmt::Display for TrackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media(kind) => f.write_str(kind),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

/// The spec. Holds the password where there is one: what reads back must be the same.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(track) = &self.track {
            write!(f, "{track}:")?;
        }
        f.write_str(self.kind.name())?;
        match &self.kind {
            FaultKind::Drop(share)
            | FaultKind::Duplicate(share)
            | FaultKind::Corrupt(share)
            | FaultKind::Garbage(share)
            | FaultKind::Reorder { share, distance: 1 } => write!(f, "={share}"),
            FaultKind::Reorder { share, distance } => write!(f, "={share}/{distance}"),
            FaultKind::Delay { mean, spread: Nanos(0) } => write!(f, "={mean}"),
            FaultKind::Delay { mean, spread } => write!(f, "={mean}±{spread}"),
            FaultKind::Stall { lasts, at } => write!(f, "={lasts}@{at}"),
            FaultKind::Cut { at } | FaultKind::SsrcChange { at } => write!(f, "@{at}"),
            FaultKind::TimestampJump { by, at } if *by == DEFAULT_JUMP => write!(f, "@{at}"),
            FaultKind::TimestampJump { by, at } => write!(f, "={by}@{at}"),
            FaultKind::Drift(ppm) => write!(f, "={ppm}"),
            FaultKind::Status { code, method } => write!(f, "={code}:{method}"),
            FaultKind::Digest(Some(login)) | FaultKind::Basic(Some(login)) => {
                write!(f, "={}:{}", login.user, login.password)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(spec: &str) -> String {
        spec.parse::<Fault>().expect_err(spec).to_string()
    }

    #[test]
    fn reads_and_prints_every_fault() {
        for spec in [
            "drop=1%",
            "video:drop=0.25%",
            "1:dup=1%",
            "reorder=1%",
            "audio:reorder=1%/3",
            "delay=50ms±20ms",
            "delay=50ms",
            "corrupt=100%",
            "stall=5s@10s",
            "application:stall=5s@10s",
            "cut@20s",
            "garbage=1%",
            "ssrc-change@10s",
            "ts-jump@10s",
            "ts-jump=-1m@10s",
            "video:drift=200ppm",
            "drift=-12.5ppm",
            "no-sr",
            "video:no-interleaved",
            "wrong-channel",
            "status=461:SETUP",
            "digest",
            "digest=user:p@ss:w=rd@5s",
            "basic",
            "basic=user:",
            "stale-nonce",
            "split-writes",
        ] {
            assert_eq!(spec.parse::<Fault>().unwrap().to_string(), spec);
        }
        for (odd, plain) in [
            (" Video:delay=50ms+-20ms ", "video:delay=50ms±20ms"),
            ("delay=0.05", "delay=50ms"),
            ("reorder=1%/1", "reorder=1%"),
            ("ts-jump=10@10", "ts-jump@10s"),
            ("stall=2.5s@1m30s", "stall=2500ms@90s"),
        ] {
            assert_eq!(odd.parse::<Fault>().unwrap().to_string(), plain);
        }
    }

    #[test]
    fn errors_say_what_to_try() {
        for (spec, hint) in [
            ("", "there are drop, dup,"),
            ("drops=1%", "there are drop, dup,"),
            ("drop", "try drop=1%"),
            ("drop=1", "try 1% or 0.05%"),
            ("drop=1%@5s", "leave out the @"),
            ("reorder=1%/0", "try reorder=1%/3"),
            ("reorder=1%/+3", "try reorder=1%/3"),
            ("reorder=1%/1001", "from 1 to 1000"),
            ("delay=10ms±20ms", "may be 10ms at most"),
            ("delay=fast", "try 5s, 50ms"),
            ("stall=5s", "try stall=5s@10s"),
            ("stall@5s", "try stall=5s@10s"),
            ("cut", "try cut@20s"),
            ("cut=5s@20s", "try cut alone"),
            ("drift=200", "try 200ppm"),
            ("no-sr=1", "try no-sr alone"),
            ("no-sr@1s", "leave out the @"),
            ("status=461", "try status=461:SETUP"),
            ("status=46x:SETUP", "try status=461:SETUP"),
            ("status=461:SET UP", "try status=461:SETUP"),
            ("digest=user", "USER:PASSWORD"),
            ("video:cut@20s", "leave out the track"),
            ("v i:drop=1%", "number of their m= line"),
        ] {
            assert!(error(spec).contains(hint), "{spec}: {}", error(spec));
        }
        assert!(!error("digest=\u{7}:secret").contains("secret"));
    }

    #[test]
    fn passwords_stay_out_of_debug() {
        let fault: Fault = "digest=user:secret".parse().unwrap();
        assert!(!format!("{fault:?}").contains("secret"));
    }

    fn share() -> impl Strategy<Value = Share> {
        (0..=100_000_000_u32).prop_map(|share| Share::from_micropercent(share).unwrap())
    }

    fn nanos() -> impl Strategy<Value = Nanos> {
        prop_oneof![0..=i64::MAX / 10, (0..100_000_i64).prop_map(|ms| ms * 1_000_000)].prop_map(Nanos)
    }

    fn login() -> impl Strategy<Value = Option<Credentials>> {
        let credentials = ("[a-z]{1,8}", "[!#-~]{0,8}").prop_map(|(user, password)| Credentials { user, password });
        prop_oneof![Just(None), credentials.prop_map(Some)]
    }

    fn of_tracks() -> impl Strategy<Value = FaultKind> {
        prop_oneof![
            share().prop_map(FaultKind::Drop),
            share().prop_map(FaultKind::Duplicate),
            (share(), 1..=MAX_DISTANCE).prop_map(|(share, distance)| FaultKind::Reorder { share, distance }),
            (nanos(), nanos()).prop_map(|(a, b)| FaultKind::Delay { mean: a.max(b), spread: a.min(b) }),
            share().prop_map(FaultKind::Corrupt),
            share().prop_map(FaultKind::Garbage),
            (nanos(), nanos()).prop_map(|(lasts, at)| FaultKind::Stall { lasts, at }),
            nanos().prop_map(|at| FaultKind::SsrcChange { at }),
            (nanos(), nanos(), any::<bool>()).prop_map(|(by, at, back)| {
                FaultKind::TimestampJump { by: Nanos(if back { -by.0 } else { by.0 }), at }
            }),
            (-100_000_000_000..=100_000_000_000_i64)
                .prop_map(|ppm| FaultKind::Drift(Ppm::from_millionths(ppm).unwrap())),
            Just(FaultKind::NoSenderReports),
            Just(FaultKind::NoInterleaved),
            Just(FaultKind::WrongChannel),
        ]
    }

    fn of_the_connection() -> impl Strategy<Value = FaultKind> {
        prop_oneof![
            nanos().prop_map(|at| FaultKind::Cut { at }),
            (100..=599_u16, "[A-Z_]{1,12}").prop_map(|(code, method)| FaultKind::Status { code, method }),
            login().prop_map(FaultKind::Digest),
            login().prop_map(FaultKind::Basic),
            Just(FaultKind::StaleNonce),
            Just(FaultKind::SplitWrites),
        ]
    }

    fn track() -> impl Strategy<Value = Option<TrackName>> {
        prop_oneof![
            Just(None),
            "[a-z]{1,8}".prop_map(|kind| Some(TrackName::Media(kind))),
            (0..100_usize).prop_map(|index| Some(TrackName::Index(index))),
        ]
    }

    pub(in crate::session::faults) fn fault() -> impl Strategy<Value = Fault> {
        prop_oneof![
            (track(), of_tracks()).prop_map(|(track, kind)| Fault { track, kind }),
            of_the_connection().prop_map(|kind| Fault { track: None, kind }),
        ]
    }

    proptest! {
        #[test]
        fn a_fault_prints_what_reads_back(fault in fault()) {
            prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
        }

        #[test]
        fn no_text_panics(text in r"((video|0)?:?(drop|reorder|delay|stall|cut|ts-jump|digest|status)?[=@]?[0-9.%/±:+-]{0,6}[a-z]?(@[0-9]s)?)|\PC{0,20}") {
            let _ = text.parse::<Fault>();
        }
    }
}
