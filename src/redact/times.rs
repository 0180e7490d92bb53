//! Ranges and dates (RFC 2326, sections 3.5 to 3.7 and 12): what is none is blank.

use crate::redact::text::split;
use crate::redact::url::hidden;

const UNITS: [&str; 6] = ["npt", "clock", "smpte", "smpte-25", "smpte-30-drop", "time"];
/// Words in a range; another one may follow behind a comma.
const TIMES: [&str; 7] = ["now", "beginning", "begin", "end", "npt", "clock", "smpte"];
const WORDS: [&str; 28] = [
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
    "gmt",
    "utc",
];
/// Digits of a day, a year, or an hour. `Expires` may be a count of seconds.
const MAX_DIGITS: usize = 10;

/// `npt=0-10;time=19970123T143720Z`: what is no time is blank.
pub(super) fn ranges(value: &[u8]) -> Vec<u8> {
    split(value, b";").flat_map(range).collect()
}

fn range(part: &[u8]) -> Vec<u8> {
    let equals = part.iter().position(|byte| *byte == b'=');
    let (unit, times) = part.split_at_checked(equals.map_or(0, |at| at + 1)).unwrap_or_default();
    let name = String::from_utf8_lossy(unit.strip_suffix(b"=").unwrap_or(unit));
    let separator = part == b";";
    if !separator && !UNITS.iter().any(|known| known.eq_ignore_ascii_case(name.trim())) {
        return hidden(part);
    }
    let times = split(times, b"-:,= \t\r\n").flat_map(|word| {
        let plain = matches!(word, [b'-' | b':' | b',' | b'=' | b' ' | b'\t' | b'\r' | b'\n']) || is_time(word);
        if plain { word.to_vec() } else { hidden(word) }
    });
    if separator { part.to_vec() } else { unit.iter().copied().chain(times).collect() }
}

/// A number, a time of a day, or a word for one; no address.
fn is_time(word: &[u8]) -> bool {
    let parts = word.split(|byte| *byte == b'.').count();
    let number = parts < 4 && word.iter().all(|byte| byte.is_ascii_digit() || b".TZtz".contains(byte));
    number || TIMES.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// `Sun, 22 Nov 2026 10:33:59 GMT`, and other orders of the same words.
pub(super) fn dates(value: &[u8]) -> Vec<u8> {
    let is_word = |word: &[u8]| {
        let number = word.iter().all(u8::is_ascii_digit) && word.len() <= MAX_DIGITS;
        number || WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
    };
    let date = split(value, b" \t\r\n,:+-")
        .all(|part| matches!(part, [b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'+' | b'-']) || is_word(part));
    if date { value.to_vec() } else { hidden(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::sdp::npt_end;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ends_of_ranges_stay(value in "( ?npt ?= ?|[a-z]=)([0-9.:;, -]{0,8}|camera|[0-9]{1,30}|-[0-9]{1,3}|[ -`{-~]){0,4}") {
            let other = ranges(value.as_bytes());
            prop_assert_eq!(other.len(), value.len());
            prop_assert_eq!(npt_end(&String::from_utf8_lossy(&other)), npt_end(&value));
            prop_assert_eq!(&ranges(&other), &other);
        }
    }

    fn text(of: fn(&[u8]) -> Vec<u8>, value: &str) -> String {
        String::from_utf8(of(value.as_bytes())).unwrap()
    }

    #[test]
    fn what_is_a_time_stays() {
        for range in [
            "npt=0.000-",
            "npt=now-10",
            "npt=0-  70.00000",
            "npt=0:00:10.5-0:01:00;time=19970123T143720Z",
            "clock=19961108T142300Z-19961108T143520.25Z",
            "smpte-25=10:07:00-10:07:33:05.01",
            " npt = 0-1 ",
            "npt=0-1,npt=2-3",
        ] {
            assert_eq!(text(ranges, range), range);
        }
        for date in
            ["Sun, 22 Nov 2026 10:33:59 GMT", "Sun, Nov 22 2026 10:34:10 GMT", "0", "Sunday, 06-Nov-94 08:49:37 GMT"]
        {
            assert_eq!(text(dates, date), date);
        }
    }

    #[test]
    fn all_else_is_blank() {
        assert_eq!(text(ranges, "npt=0-1;of=camera"), "npt=0-1;xxxxxxxxx");
        assert_eq!(text(ranges, "npt=192.168.7.99-60"), "npt=xxxxxxxxxxxx-60");
        assert_eq!(text(ranges, "camera"), "xxxxxx");
        assert_eq!(text(dates, "Sun, 22 Nov 2026 on camera"), "xxx, xx xxx xxxx xx xxxxxx");
    }
}
