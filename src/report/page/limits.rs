//! How much of a capture the page shows: whatever it holds, the page stays readable, and memory bounded.

/// Streams that charts are collected of.
pub(super) const SERIES: usize = 2048;
/// Buckets of each kind of chart that are kept of all streams together, and the least and most that one has.
const BUCKETS: usize = 1 << 16;
const BUCKETS_OF_A_STREAM: (usize, usize) = (64, 4096);
/// The same on the page, where all captures share it.
const SHOWN_BUCKETS: usize = 25_000;
/// Streams with charts, of all captures on the page together.
const CHARTED: usize = 24;
/// Streams with figures.
pub(super) const STREAMS: usize = 256;
/// Sessions with a dialogue, and the messages at its beginning and its end.
pub(super) const SESSIONS: usize = 24;
pub(super) const MESSAGES: (usize, usize) = (48, 12);
/// Findings of one code that are listed.
pub(super) const FINDINGS: (usize, usize) = (12, 4);
/// Findings of all codes together, each of which has its share. A long one takes 1.8 kB, and there are some ninety codes:
/// no other part of the page grows as findings do.
const ALL_FINDINGS: usize = 1200;
/// Verdicts that are listed.
pub(super) const VERDICTS: (usize, usize) = (96, 32);
/// Characters of a text that a capture holds, and bytes of it as HTML: a quotation mark takes six.
pub(super) const TEXT: usize = 200;
const TEXT_BYTES: usize = 800;
/// Bytes that all captures of a page share; what belongs to none of them takes the rest of 5 MB.
const PAGE_BYTES: usize = 4_500_000;

/// The share of one capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) charted: usize,
    buckets: usize,
    /// Of HTML.
    pub(super) bytes: usize,
}

impl Share {
    /// Of so many captures.
    pub(super) fn of(captures: usize) -> Self {
        let captures = captures.max(1);
        let (charted, buckets) = ((CHARTED / captures).max(1), SHOWN_BUCKETS / captures);
        // The other limits keep a single one small enough.
        let bytes = if captures == 1 { usize::MAX } else { PAGE_BYTES / captures };
        Self { charted, buckets, bytes }
    }

    /// Buckets of each chart of a stream, if so many have charts.
    pub(super) fn shown_buckets(self, charted: usize) -> usize {
        (self.buckets / charted.max(1)).clamp(BUCKETS_OF_A_STREAM.0, BUCKETS_OF_A_STREAM.1)
    }
}

/// Buckets of each chart of a stream while they come, if there are so many streams.
pub(super) fn kept_buckets(streams: usize) -> usize {
    (BUCKETS / streams.max(1)).clamp(BUCKETS_OF_A_STREAM.0, BUCKETS_OF_A_STREAM.1)
}

/// Findings of each code, if so many codes are found.
pub(super) fn listed_findings(codes: usize) -> usize {
    ALL_FINDINGS / codes.max(1)
}

/// A text from a capture, cut off where it is long.
pub(super) fn clipped(text: &str) -> String {
    let mut bytes = 0;
    let is_too_much = |(place, (_, char)): &(usize, (usize, char))| {
        bytes += match char {
            '"' => "&quot;".len(),
            '&' => "&amp;".len(),
            '<' | '>' => "&lt;".len(),
            _ => char.len_utf8(),
        };
        *place >= TEXT || bytes > TEXT_BYTES
    };
    match text.char_indices().enumerate().find(is_too_much) {
        Some((_, (at, _))) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        assert_eq!((Share::of(1).charted, Share::of(5).charted, Share::of(1000).charted), (24, 4, 1));
        assert_eq!(Share::of(1).shown_buckets(2), 4096);
        assert!(Share::of(1).shown_buckets(24) * 24 <= SHOWN_BUCKETS);
        assert_eq!((kept_buckets(1), kept_buckets(100), kept_buckets(SERIES)), (4096, 655, 64));
    }

    #[test]
    fn findings_of_many_codes_are_fewer_of_each() {
        let all = FINDINGS.0 + FINDINGS.1;
        assert!(listed_findings(70) >= all && listed_findings(100) < all);
        assert!((1..500).all(|codes| listed_findings(codes) * codes <= ALL_FINDINGS));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clipped("äöü"), "äöü");
        assert_eq!(clipped(&"ü".repeat(TEXT)), "ü".repeat(TEXT));
        assert_eq!(clipped(&"\"".repeat(TEXT)), "\"".repeat(TEXT_BYTES / 6) + "…", "as HTML it is long");
        assert_eq!(clipped(&"ü".repeat(TEXT + 1)), "ü".repeat(TEXT) + "…");
    }
}
