//! Numbers and times as bytes, some ten times as fast as `Display` does it, and digit for digit the same.

use std::io::Write;

use crate::analysis::cell::{Fixed, Ssrc};
use crate::time::{NANOS_PER_SECOND, Timestamp};

/// A whole number.
pub(super) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A number with `D` decimals, at most 9.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked to be below 2^52")]
pub(super) fn fixed<const D: usize>(out: &mut Vec<u8>, value: Fixed<D>) {
    let one = power_of_ten(D);
    let scaled = value.0.abs() * one as f64;
    let units = (scaled + 0.5) as i64;
    // Scaling errs by half an epsilon at most. Only where that could turn the rounding do all digits have to be known.
    let certain = (scaled - units as f64).abs() + scaled * f64::EPSILON < 0.5;
    if !certain {
        // A vector takes all that is written.
        let _ = write!(out, "{value}");
        return;
    }
    if value.0 < 0.0 && units != 0 {
        out.push(b'-');
    }
    integer(out, units / one);
    out.push(b'.');
    decimals(out, one, units % one);
}

/// As many digits as `one` has zeros: those of `one + units` without the leading 1.
fn decimals(out: &mut Vec<u8>, one: i64, units: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(one + units).as_bytes().get(1..).unwrap_or_default());
}

const fn power_of_ten(exponent: usize) -> i64 {
    let (mut power, mut left) = (1, exponent);
    while left > 0 {
        power *= 10;
        left -= 1;
    }
    power
}

/// `0x` and eight hex digits.
pub(super) fn ssrc(out: &mut Vec<u8>, Ssrc(ssrc): Ssrc) {
    let mut text = *b"0x00000000";
    for (place, digit) in text.iter_mut().rev().zip(0..8) {
        let nibble = (ssrc >> (4 * digit)) & 0xf;
        *place = char::from_digit(nibble, 16).map_or(b'0', |digit| digit as u8);
    }
    out.extend_from_slice(&text);
}

/// Writes times that come roughly in order.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The second of the latest time, since 1970.
    second: Option<i64>,
    /// How every time of that second begins: `2026-11-22T09:30:00.`
    prefix: String,
}

impl Clock {
    /// RFC 3339 in UTC with nine decimals.
    pub(super) fn utc(&mut self, out: &mut Vec<u8>, at: Timestamp) {
        /// Decimals and `Z`.
        const SUFFIX: usize = 10;
        if !at.is_known() {
            return;
        }
        let second = at.as_nanos().div_euclid(NANOS_PER_SECOND);
        if self.second != Some(second) {
            self.prefix = at.to_string();
            self.prefix.truncate(self.prefix.len().saturating_sub(SUFFIX));
            self.second = Some(second);
        }
        out.extend_from_slice(self.prefix.as_bytes());
        decimals(out, NANOS_PER_SECOND, at.as_nanos().rem_euclid(NANOS_PER_SECOND));
        out.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::cell::Utc;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Whole units, units and a half, and any number at all.
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    fn numbers() -> impl Strategy<Value = f64> {
        let units = any::<i64>().prop_flat_map(|n| (Just(n), 0u32..63)).prop_map(|(n, shift)| (n >> shift) as f64);
        let scale = prop_oneof![Just(1e3), Just(1e6), Just(1e9)];
        let halves = prop_oneof![Just(0.0), Just(0.5), Just(0.25), Just(-0.5)];
        prop_oneof![
            (units, halves, scale).prop_map(|(units, half, scale)| (units + half) / scale),
            any::<i32>().prop_map(|n| f64::from(n) / 1024.0),
            -1e6..1e6,
            any::<f64>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn fixed_point_is_what_display_gives(value in numbers()) {
            prop_assert_eq!(text(|out| fixed(out, Fixed::<3>(value))), Fixed::<3>(value).to_string());
            prop_assert_eq!(text(|out| fixed(out, Fixed::<6>(value))), Fixed::<6>(value).to_string());
            prop_assert_eq!(text(|out| fixed(out, Fixed::<9>(value))), Fixed::<9>(value).to_string());
        }

        #[test]
        fn ssrcs_are_what_display_gives(value: u32) {
            prop_assert_eq!(text(|out| ssrc(out, Ssrc(value))), Ssrc(value).to_string());
        }

        /// One clock for a few times: near each other, equal, far apart, before 1970.
        #[test]
        fn times_are_what_display_gives(
            start: i64,
            steps in prop::collection::vec(-3_000_000_000i64..3_000_000_000, 0..8),
        ) {
            let mut clock = Clock::default();
            let mut at = start;
            for step in std::iter::once(0).chain(steps) {
                at = at.saturating_add(step);
                let time = Timestamp::from_nanos(at);
                prop_assert_eq!(text(|out| clock.utc(out, time)), time.to_string());
            }
        }
    }

    #[test]
    fn the_ends_of_what_can_be_said() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0, -1e-12, 0.0] {
            assert_eq!(text(|out| fixed(out, Fixed::<6>(value))), Fixed::<6>(value).to_string());
        }
        for nanos in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX] {
            let time = Timestamp::from_nanos(nanos);
            assert_eq!(text(|out| Clock::default().utc(out, time)), Utc(time).to_string());
        }
    }
}
