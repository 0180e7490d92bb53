//! Instants as this crate counts them: [`Timestamp`] for captures and live sessions alike, [`NtpTime`] as RTCP carries it.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970), RFC 868.
const NTP_UNIX_OFFSET_S: i64 = 2_208_988_800;
/// Seconds in one NTP era (RFC 5905, section 6).
const NTP_ERA_S: i64 = 1 << 32;
/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant: nanoseconds since the Unix epoch. Covers the years 1678 to 2262.
///
/// Arithmetic saturates: a time read from a damaged capture can be wrong, it can't stop the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time of what a capture tells no time of.
    pub const UNKNOWN: Self = Self(i64::MIN);

    /// Whether it is one.
    pub const fn is_known(self) -> bool {
        self.0 != i64::MIN
    }

    /// The instant `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The instant so many nanoseconds later; earlier where it is negative.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[expect(clippy::cast_precision_loss, reason = "a difference over 104 days loses nanoseconds that nobody prints")]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.nanos_since(earlier) as f64 / NANOS_PER_SECOND as f64
    }

    /// The date as RTSP's Date header has it (RFC 2326, section 12.18): `Wed, 25 Nov 2026 03:29:08 GMT`.
    pub fn http_date(self) -> String {
        DateTime::from_timestamp_nanos(self.0).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Time from `earlier` to `self`, zero when `self` is the earlier one.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos_since(earlier)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_nanos(duration)))
    }
}

fn saturating_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC with nine decimals: `2026-11-22T09:30:00.000000001Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_known() {
            return f.write_str("an unknown time");
        }
        f.write_str(&DateTime::from_timestamp_nanos(self.0).to_rfc3339_opts(SecondsFormat::Nanos, true))
    }
}

/// As RFC 3339 has it.
impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Years that nanoseconds can't count to are as far as they can.
        let time = DateTime::parse_from_rfc3339(text)?;
        let end = if time.timestamp() < 0 { i64::MIN } else { i64::MAX };
        Ok(Self(time.timestamp_nanos_opt().unwrap_or(end)))
    }
}

/// A 64-bit NTP timestamp as sender reports carry it (RFC 3550, section 4): seconds since 1900 and a 32-bit fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NtpTime {
    /// Whole seconds since 1 January 1900, modulo 2^32.
    pub seconds: u32,
    /// Fraction of a second in units of 2^-32 s.
    pub fraction: u32,
}

impl NtpTime {
    /// Both halves zero: the sender has no notion of wall-clock time (RFC 3550, section 6.4.1).
    pub const fn is_zero(self) -> bool {
        self.seconds == 0 && self.fraction == 0
    }

    /// The middle 32 bits, which a report block's LSR field repeats (RFC 3550, section 6.4.1).
    pub const fn middle(self) -> u32 {
        (self.seconds << 16) | (self.fraction >> 16)
    }

    /// The instant meant, rounded to the nanosecond; `None` for the zero value.
    ///
    /// Seconds below 2^31 are taken to lie in the era that begins in 2036 (RFC 4330, section 3).
    pub fn to_timestamp(self) -> Option<Timestamp> {
        if self.is_zero() {
            return None;
        }
        let era = if self.seconds < 1 << 31 { NTP_ERA_S } else { 0 };
        let seconds = i64::from(self.seconds) + era - NTP_UNIX_OFFSET_S;
        let nanos = (u64::from(self.fraction) * NANOS_PER_SECOND.unsigned_abs() + (1 << 31)) >> 32;
        Some(Timestamp(seconds * NANOS_PER_SECOND + i64::try_from(nanos).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_date_of_a_header() {
        let at = Timestamp::from_nanos(1_795_332_904_000_000_001);
        assert_eq!(at.http_date(), "Sun, 22 Nov 2026 07:35:04 GMT");
    }

    #[test]
    fn prints_nine_decimals() {
        let at = Timestamp::from_nanos(1_795_332_904_000_000_001);
        assert_eq!(at.to_string(), "2026-11-22T07:35:04.000000001Z");
        assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_nanos(i64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Timestamp::from_nanos(i64::MIN).nanos_since(end), i64::MIN);
        assert_eq!(Timestamp::default().duration_since(end), Duration::ZERO);
    }

    #[test]
    fn ntp_eras() {
        let unix_epoch = NtpTime { seconds: 2_208_988_800, fraction: 0 };
        assert_eq!(unix_epoch.to_timestamp(), Some(Timestamp::default()));
        let half = NtpTime { seconds: 2_208_988_800, fraction: 1 << 31 };
        assert_eq!(half.to_timestamp(), Some(Timestamp::from_nanos(500_000_000)));
        let second_era = NtpTime { seconds: 0, fraction: 1 << 31 };
        assert_eq!(second_era.to_timestamp().unwrap().to_string(), "2036-02-07T06:28:16.500000000Z");
        assert_eq!(NtpTime::default().to_timestamp(), None);
    }

    #[test]
    fn the_middle_of_an_ntp_time_is_what_lsr_repeats() {
        assert_eq!(NtpTime { seconds: 0xb44d_b705, fraction: 0x2000_0000 }.middle(), 0xb705_2000);
    }
}
