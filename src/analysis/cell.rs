//! How values look in a cell: the same digits on every machine.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::time::Timestamp;

/// A number with `D` decimals; not a number is an empty cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fixed<const D: usize>(pub f64);

/// Milliseconds, to the nanosecond.
pub type Millis = Fixed<6>;
/// Seconds, to the nanosecond.
pub type Seconds = Fixed<9>;
/// Percent, and parts per million.
pub type Ratio = Fixed<3>;

/// RFC 3339 in UTC with nine decimals; an unknown time is an empty cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utc(pub Timestamp);

/// `0x` and eight lower-case hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ssrc(pub u32);

impl<const D: usize> fmt::Display for Fixed<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            return Ok(());
        }
        // Rounded first, so that nothing prints as -0.000.
        let text = format!("{:.D$}", self.0);
        let zero = text.strip_prefix('-').filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0' | b'.')));
        f.write_str(zero.unwrap_or(&text))
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_known() { self.0.fmt(f) } else { Ok(()) }
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl<const D: usize> Serialize for Fixed<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() { serializer.serialize_none() } else { serializer.collect_str(self) }
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_known() { serializer.collect_str(self) } else { serializer.serialize_none() }
    }
}

impl Serialize for Ssrc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Nanoseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days; beyond, nanoseconds are not what is looked at")]
pub(super) fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

/// Ticks of a media clock as milliseconds.
#[inline]
pub(super) fn ticks_ms(ticks: f64, clock_rate_hz: u32) -> f64 {
    ticks * 1e3 / f64::from(clock_rate_hz)
}

/// A count as a factor.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(super) fn float(count: i64) -> f64 {
    count as f64
}

/// With the six decimals that tables show.
pub(super) fn rounded(value: f64) -> f64 {
    // What is too large for that is not a time.
    let scaled = (value * 1e6).round() / 1e6;
    if scaled.is_finite() { scaled + 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        assert_eq!(Fixed::<3>(1.0 / 3.0).to_string(), "0.333");
        assert_eq!(Fixed::<3>(-0.0001).to_string(), "0.000");
        assert_eq!(Fixed::<1>(-0.25).to_string(), "-0.2");
        assert_eq!(Ssrc(0x1a).to_string(), "0x0000001a");
    }
}
