//! The values in the specs of faults: shares, times, parts per million. Each prints as what reads back the same.

use std::fmt;
use std::time::Duration;

/// A share of the packets, in millionths of a percent: all of them are 10^8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// In millionths of a percent, 100 % at most.
    pub const fn from_micropercent(share: u32) -> Option<Self> {
        if share <= Self::ALL { Some(Self(share)) } else { None }
    }

    const ALL: u32 = 100_000_000;

    /// Whether it falls on the next packet.
    pub(super) fn falls(self, rng: &mut fastrand::Rng) -> bool {
        rng.u32(0..Self::ALL) < self.0
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let share = parse_millionths(text.strip_suffix('%')?)?;
        u32::try_from(share).ok().and_then(Self::from_micropercent)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_millionths(f, i64::from(self.0))?;
        f.write_str("%")
    }
}

/// Parts per million, in millionths of one; negative is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ppm(i64);

impl Ppm {
    /// In millionths of a part per million, 100,000 ppm (a tenth) at most either way.
    pub const fn from_millionths(ppm: i64) -> Option<Self> {
        if ppm.unsigned_abs() <= Self::MAX { Some(Self(ppm)) } else { None }
    }

    const MAX: u64 = 100_000_000_000;

    /// So much of `ticks`, to the nearest.
    pub(super) fn of(self, ticks: i64) -> i64 {
        const WHOLE: i128 = 1_000_000_000_000;
        let part = (i128::from(ticks) * i128::from(self.0) + WHOLE / 2).div_euclid(WHOLE);
        // At most a tenth of what fitted.
        i64::try_from(part).unwrap_or(0)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = split_sign(text.strip_suffix("ppm")?.trim_end());
        Self::from_millionths(sign * parse_millionths(digits)?)
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_millionths(f, self.0)?;
        f.write_str("ppm")
    }
}

/// A time in nanoseconds; negative where the fault allows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub i64);

impl Nanos {
    /// Longer than any session: a tenth of what 64 bits hold, so that sums of a few don't overflow.
    const MAX: i64 = i64::MAX / 10;

    /// `5s`, `50ms`, `1m`, `1m30s`; a number alone is seconds. Fractions are allowed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let alone = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let with_unit = if alone { format!("{text}s") } else { text.to_owned() };
        Self::of(humantime::parse_duration(&with_unit).ok()?)
    }

    /// The same with a minus allowed.
    pub(super) fn parse_signed(text: &str) -> Option<Self> {
        let (sign, digits) = split_sign(text.trim());
        Self::parse(digits).map(|Self(nanos)| Self(sign * nanos))
    }

    fn of(time: Duration) -> Option<Self> {
        i64::try_from(time.as_nanos()).ok().filter(|nanos| *nanos <= Self::MAX).map(Self)
    }
}

/// In the largest unit that makes it a whole number.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 6] = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1000, "us"),
            (1, "ns"),
        ];
        let (unit, name) = UNITS.into_iter().find(|(unit, _)| self.0 % unit == 0 && self.0 != 0).unwrap_or((1, "s"));
        write!(f, "{}{name}", self.0 / unit)
    }
}

fn split_sign(text: &str) -> (i64, &str) {
    text.strip_prefix('-').map_or((1, text.strip_prefix('+').unwrap_or(text)), |digits| (-1, digits))
}

/// A decimal number with up to six decimals and nine digits before them, times 10^6.
fn parse_millionths(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || decimals.len() > 6 || !digits(whole) || !digits(decimals) {
        return None;
    }
    format!("{whole}{decimals:0<6}").parse().ok()
}

fn write_millionths(f: &mut fmt::Formatter<'_>, millionths: i64) -> fmt::Result {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    if rest == 0 {
        return write!(f, "{sign}{whole}");
    }
    let decimals = format!("{rest:06}");
    write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares() {
        for (text, share) in [("1%", 1_000_000), ("0.5%", 500_000), ("100%", 100_000_000), ("0.000001%", 1), ("0%", 0)]
        {
            assert_eq!(Share::parse(text), Some(Share(share)));
            assert_eq!(Share(share).to_string(), text);
        }
        for text in ["1", "%", "-1%", "101%", "1.2345678%", ".5%", "1e2%", "9999999999%", "1 %", ""] {
            assert_eq!(Share::parse(text), None);
        }
    }

    #[test]
    fn times() {
        for (text, nanos) in [("5s", 5_000_000_000), ("50ms", 50_000_000), ("1m", 60_000_000_000), ("7ns", 7)] {
            assert_eq!(Nanos::parse(text), Some(Nanos(nanos)));
            assert_eq!(Nanos(nanos).to_string(), text);
        }
        for (text, nanos) in [("2.5s", 2_500_000_000), ("2.5", 2_500_000_000), ("1m30s", 90_000_000_000), ("0", 0)] {
            assert_eq!(Nanos::parse(text), Some(Nanos(nanos)), "{text}");
        }
        for text in ["", "s", "5x", "-5s", "5 parsecs", "1000000000000s"] {
            assert_eq!(Nanos::parse(text), None);
        }
        assert_eq!(Nanos::parse_signed("-5s"), Some(Nanos(-5_000_000_000)));
    }

    #[test]
    fn parts_per_million() {
        let ppm = Ppm::parse("200ppm").unwrap();
        assert_eq!((ppm.of(1_000_000), ppm.of(-1_000_000), ppm.of(2499), ppm.of(2500)), (200, -200, 0, 1));
        assert_eq!(Ppm::parse("-12.5ppm").unwrap().to_string(), "-12.5ppm");
        assert!(Ppm::parse("200").is_none() && Ppm::parse("200000ppm").is_none() && Ppm::parse("--1ppm").is_none());
    }

    proptest! {
        #[test]
        fn values_print_what_reads_back(share in 0..=100_000_000_u32, ppm in -100_000_000_000..=100_000_000_000_i64, nanos in 0..=Nanos::MAX) {
            prop_assert_eq!(Share::parse(&Share(share).to_string()), Some(Share(share)));
            prop_assert_eq!(Ppm::parse(&Ppm(ppm).to_string()), Some(Ppm(ppm)));
            prop_assert_eq!(Nanos::parse(&Nanos(nanos).to_string()), Some(Nanos(nanos)));
            prop_assert_eq!(Nanos::parse_signed(&Nanos(-nanos).to_string()), Some(Nanos(-nanos)));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = (Share::parse(&text), Ppm::parse(&text), Nanos::parse(&text), Nanos::parse_signed(&text));
        }
    }
}
