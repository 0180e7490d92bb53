//! Interleaved frames in a capture that has the beginnings of packets only (`tcpdump -s`, the snap length): where one stands
//! right before the bytes that were cut off.
//!
//! Servers write each frame on its own, so that most begin with a TCP segment. Where the place in the stream was lost, as it
//! is behind a message that was cut, a frame is believed if it ends where its segment does, or has a source that was seen.

use memchr::memchr_iter;

use crate::fields::be32;
use crate::rtsp::gap::CaptureGap;
use crate::rtsp::interleaved::{FRAME_HEADER, InterleavedHeader};

/// Bytes of a frame up to the end of the fixed RTP header.
pub(super) const FRAME_WITH_HEADER: usize = FRAME_HEADER + 12;
/// The shortest RTCP packet: a header and an SSRC.
const MIN_PAYLOAD: usize = 8;
/// Sources that are remembered, the latest first.
const MAX_SOURCES: usize = 16;

/// A frame whose end is not in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BegunFrame {
    /// Where it begins among the pending bytes.
    pub(super) at: usize,
    pub(super) channel: u8,
    /// Bytes of it behind the pending ones.
    pub(super) missing: usize,
}

/// A gap, and the frame that it cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct SkippedGap {
    pub(super) gap: CaptureGap,
    /// The frame whose RTP header stands before it.
    pub(super) frame: Option<BegunFrame>,
    /// It is the rest of a frame, or a part of that.
    pub(super) in_frame: bool,
}

/// What frames have shown that were cut.
#[derive(Debug, Default)]
pub(super) struct CutFrames {
    /// Channels with their SSRCs.
    sources: Vec<(u8, u32)>,
}

impl CutFrames {
    /// The frame that is due and begins with the pending bytes.
    pub(super) fn due(&mut self, pending: &[u8]) -> Option<BegunFrame> {
        let (frame, source) = begun(pending, 0)?;
        self.note(source);
        Some(frame)
    }

    /// The last of the pending bytes are the beginning of a frame, `len` bytes before the end of its segment. Where PDUs
    /// begin is not known.
    pub(super) fn find(&mut self, pending: &[u8], len: u64, plausible: impl Fn(u8) -> bool) -> Option<BegunFrame> {
        for at in memchr_iter(b'$', pending) {
            let bytes = pending.get(at..).unwrap_or_default();
            let (header, first) = (InterleavedHeader::parse(bytes)?, bytes.get(FRAME_HEADER)?);
            if header.payload_len() < MIN_PAYLOAD || first >> 6 != 2 {
                continue;
            }
            let Some((frame, source)) = begun(pending, at) else { continue };
            let ends = plausible(header.channel) && frame.missing as u64 == len;
            if ends || source.is_some_and(|source| self.sources.contains(&source)) {
                self.note(source);
                return Some(frame);
            }
        }
        None
    }

    fn note(&mut self, source: Option<(u8, u32)>) {
        let Some(source) = source.filter(|source| !self.sources.contains(source)) else { return };
        self.sources.truncate(MAX_SOURCES - 1);
        self.sources.insert(0, source);
    }
}

/// The frame that begins at a place and lacks bytes, with its channel and SSRC if its RTP header is there.
fn begun(pending: &[u8], at: usize) -> Option<(BegunFrame, Option<(u8, u32)>)> {
    let bytes = pending.get(at..)?;
    let (header, packet) = (InterleavedHeader::parse(bytes)?, bytes.get(FRAME_HEADER..)?);
    let InterleavedHeader { channel, payload } = header;
    let missing = usize::from(payload).checked_sub(packet.len())?;
    let source = match packet {
        // RTCP (RFC 5761, section 4) has its SSRC elsewhere.
        [_, 200..=207, ..] => None,
        _ => be32(packet, 8).map(|ssrc| (channel, ssrc)),
    };
    Some((BegunFrame { at, channel, missing }, source))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::rtsp::demux::{CaptureGap, Demuxer, GapCause, PduKind, Pdus};

    /// A frame of a source with `len` bytes behind the fixed RTP header.
    fn frame(channel: u8, ssrc: u8, number: u8, len: usize) -> Vec<u8> {
        let [high, low] = u16::try_from(12 + len).unwrap().to_be_bytes();
        let header = [b'$', channel, high, low, 0x80, 96, 0, number, 0, 0, 0, 0, 0, 0, 0, ssrc];
        [&header[..], &vec![number; len]].concat()
    }

    /// Channel, number and missing bytes of each frame; which gaps lie in frames; and the length of it all.
    #[derive(Default)]
    struct Seen {
        frames: Vec<(u8, u8, usize)>,
        in_frame: Vec<bool>,
        bytes: u64,
    }

    impl Seen {
        fn take(&mut self, mut pdus: Pdus<'_>) {
            while let Some(pdu) = pdus.next_pdu() {
                assert_eq!(pdu.offset, self.bytes, "nothing is passed over");
                self.bytes += pdu.raw.len() as u64;
                match pdu.kind {
                    PduKind::Interleaved { channel, payload } => self.frames.push((channel, payload[3], 0)),
                    PduKind::CutFrame { channel, payload, missing } => {
                        self.frames.push((channel, payload[3], missing));
                    }
                    PduKind::Gap { len, in_frame, .. } => {
                        self.bytes += len;
                        self.in_frame.push(in_frame);
                    }
                    PduKind::Message { .. } | PduKind::Junk => {}
                }
            }
        }
    }

    /// Segments of which the capture has so many bytes.
    fn captured(mut demuxer: Demuxer, segments: &[Vec<u8>], snap: usize) -> Seen {
        let mut seen = Seen::default();
        for segment in segments {
            let (there, cut) = segment.split_at(segment.len().min(snap));
            seen.take(demuxer.feed(there));
            seen.take(demuxer.skip(CaptureGap { len: cut.len() as u64, cause: GapCause::SnapLength }));
        }
        seen.take(demuxer.close());
        seen
    }

    #[test]
    fn a_frame_in_several_segments() {
        let long = frame(0, 1, 1, 2984);
        let segments = [long[..1400].to_vec(), long[1400..2800].to_vec(), long[2800..].to_vec(), frame(0, 1, 2, 100)];
        let seen = captured(Demuxer::new(), &segments, 42);
        assert_eq!(seen.frames, [(0, 1, 2984 - 26), (0, 2, 100 - 26)]);
        assert_eq!(seen.in_frame, [true; 4]);
    }

    #[test]
    fn what_stands_behind_a_frame_in_its_segment_is_not_known() {
        let segments = [[frame(0, 1, 1, 100), frame(2, 2, 1, 100)].concat(), frame(0, 1, 2, 100), frame(2, 2, 2, 90)];
        let seen = captured(Demuxer::new(), &segments, 42);
        assert_eq!(seen.frames, [(0, 1, 74), (0, 2, 74), (2, 2, 64)], "the third is found by its end");
        assert_eq!(seen.in_frame, [false, true, true]);
    }

    /// The rest of a frame, and the next one behind it.
    #[test]
    fn behind_what_is_not_known_a_frame_is_found_by_its_source() {
        let open = [frame(0, 1, 1, 100), b"SET_PARAMETER rtsp://192.0.2.20/a/path/that/is/long RTSP/1.0".to_vec()];
        let two = [frame(0, 1, 2, 100), frame(0, 1, 3, 100)].concat();
        let seen = captured(Demuxer::new(), &[&open[..], &[two]].concat(), 42);
        assert_eq!(seen.frames, [(0, 1, 74), (0, 2, 74)]);
        assert_eq!(seen.in_frame, [true, false, false]);
        // Another source that no end tells is none.
        let two = [frame(0, 9, 2, 100), frame(0, 9, 3, 100)].concat();
        assert_eq!(captured(Demuxer::new(), &[&open[..], &[two]].concat(), 42).frames, [(0, 1, 74)]);
    }

    #[test]
    fn a_hole_is_no_cut() {
        let (mut demuxer, mut seen) = (Demuxer::new(), Seen::default());
        seen.take(demuxer.feed(&frame(0, 1, 1, 100)[..42]));
        seen.take(demuxer.skip(CaptureGap::not_captured(74)));
        seen.take(demuxer.feed(&frame(0, 1, 2, 10)));
        assert_eq!((seen.frames, seen.in_frame), (vec![(0, 2, 0)], vec![true]));
    }

    proptest! {
        /// One frame a segment, as servers send: each one counts as long as its header is there, also where the place is not
        /// known at first.
        #[test]
        fn every_frame_counts(
            lens in prop::collection::vec((0usize..1300, any::<bool>()), 2..40),
            snap in super::FRAME_WITH_HEADER..200,
            mid_stream: bool,
        ) {
            let segments: Vec<Vec<u8>> =
                (0..).zip(&lens).map(|(number, (len, video))| frame(u8::from(*video) * 2, u8::from(*video), number, *len)).collect();
            let demuxer = if mid_stream { Demuxer::mid_stream() } else { Demuxer::new() };
            let seen = captured(demuxer, &segments, snap);
            let expected: Vec<(u8, u8, usize)> = (0..)
                .zip(&lens)
                .map(|(number, (len, video))| (u8::from(*video) * 2, number, (len + super::FRAME_WITH_HEADER).saturating_sub(snap)))
                .collect();
            prop_assert_eq!(seen.frames, expected);
            prop_assert_eq!(seen.bytes, segments.iter().map(|segment| segment.len() as u64).sum::<u64>());
        }

        /// Any bytes, any gaps: no panic, and all places add up.
        #[test]
        fn any_bytes(parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), 0u64..3000), 0..20)) {
            let (mut demuxer, mut seen) = (Demuxer::mid_stream(), Seen::default());
            for (bytes, len) in &parts {
                // Half of them look like frames.
                let head = if len % 2 == 0 { &b"$\x00\x00\x40\x80\x60"[..] } else { &[] };
                seen.take(demuxer.feed(head));
                seen.take(demuxer.feed(bytes));
                seen.take(demuxer.skip(CaptureGap { len: *len, cause: GapCause::SnapLength }));
            }
            seen.take(demuxer.close());
        }
    }
}
