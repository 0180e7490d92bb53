//! Where the head of a message ends: behind an empty line (RFC 2326, section 4). Devices end lines with CRLF or LF alone.

use memchr::memchr;

/// Behind the empty line that ends a head. Goes on at `scanned`, and leaves there where to go on with more bytes, so that
/// a head that comes byte by byte is searched once.
pub(crate) fn head_end(bytes: &[u8], scanned: &mut usize) -> Option<usize> {
    while let Some(at) = memchr(b'\n', bytes.get(*scanned..)?) {
        let line_end = *scanned + at;
        match bytes.get(line_end + 1..) {
            Some([b'\n', ..]) => return Some(line_end + 2),
            Some([b'\r', b'\n', ..]) => return Some(line_end + 3),
            Some([] | [b'\r']) => {
                *scanned = line_end;
                return None;
            }
            _ => *scanned = line_end + 1,
        }
    }
    *scanned = bytes.len();
    None
}

/// Head and body of a whole message. Without an empty line all of it is head.
pub(crate) fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    head_end(bytes, &mut 0).and_then(|end| bytes.split_at_checked(end)).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_with_either() {
        let all = [&b"A\r\n\r\nb"[..], b"A\n\nb", b"A\r\n\nb", b"A\n\r\nb", b"A\r\nB\r\n", b"A\r\n\r", b""];
        let ends = all.map(|bytes| head_end(bytes, &mut 0));
        assert_eq!(ends, [Some(5), Some(3), Some(4), Some(4), None, None, None]);
        assert_eq!(split_head(b"A\n\nb\n\nc"), (&b"A\n\n"[..], &b"b\n\nc"[..]));
        assert_eq!(split_head(b"A\r\n"), (&b"A\r\n"[..], &b""[..]));
    }

    proptest! {
        /// What comes in pieces ends where it ends as a whole.
        #[test]
        fn pieces_change_nothing(bytes in "[A\r\n]{0,24}", cuts in proptest::collection::vec(0..24_usize, 0..6)) {
            let bytes = bytes.as_bytes();
            let mut lens: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([bytes.len()]).collect();
            lens.sort_unstable();
            let mut scanned = 0;
            let found = lens.into_iter().find_map(|len| head_end(&bytes[..len], &mut scanned));
            prop_assert_eq!(found, head_end(bytes, &mut 0));
        }
    }
}
