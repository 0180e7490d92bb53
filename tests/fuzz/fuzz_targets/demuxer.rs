//! The demuxer: lossless, and the same whatever the chunks. The first byte is how many of the next say where to cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rtsp_rec::rtsp::demux::{CaptureGap, Demuxer, GapCause, PduKind, Pdus};

/// Offset, bytes, lengths of the parts, channel or kind.
type Owned = (u64, Vec<u8>, usize, u64);

fn drain(mut pdus: Pdus<'_>, into: &mut Vec<Owned>) {
    const JUNK: u64 = u64::MAX;
    while let Some(pdu) = pdus.next_pdu() {
        let (part, kind) = match pdu.kind {
            PduKind::Message { head, body } => (head.len(), 1000 + body.len() as u64),
            PduKind::Interleaved { channel, payload } => (payload.len(), u64::from(channel)),
            PduKind::Junk => (0, JUNK),
            PduKind::CutFrame { channel, payload, missing } => {
                (payload.len(), 4_000_000 + ((missing as u64) << 8) + u64::from(channel))
            }
            PduKind::Gap { len, .. } => (usize::MAX, len),
        };
        match into.last_mut() {
            Some(last) if last.3 == JUNK && kind == JUNK => last.1.extend_from_slice(pdu.raw),
            _ => into.push((pdu.offset, pdu.raw.to_vec(), part, kind)),
        }
    }
}

fn demux<'a>(mut demuxer: Demuxer, chunks: impl Iterator<Item = &'a [u8]>, gap: Option<u64>) -> Vec<Owned> {
    let mut pdus = Vec::new();
    for (number, chunk) in chunks.enumerate() {
        if let Some(len) = gap.filter(|_| number == 1) {
            let cause = if len % 2 == 0 { GapCause::SnapLength } else { GapCause::NotCaptured };
            drain(demuxer.skip(CaptureGap { len, cause }), &mut pdus);
        }
        drain(demuxer.feed(chunk), &mut pdus);
    }
    drain(demuxer.close(), &mut pdus);
    pdus
}

fuzz_target!(|data: &[u8]| {
    let Some((count, rest)) = data.split_first() else { return };
    let (sizes, stream) = rest.split_at(usize::from(*count).min(rest.len()));
    for start in [Demuxer::new, Demuxer::mid_stream] {
        let whole = demux(start(), std::iter::once(stream), None);
        let mut offset = 0;
        for pdu in &whole {
            assert_eq!(pdu.0, offset, "offsets");
            offset += pdu.1.len() as u64;
        }
        let joined: Vec<u8> = whole.iter().flat_map(|pdu| pdu.1.iter().copied()).collect();
        assert_eq!(joined, stream, "lossless");
        assert_eq!(demux(start(), stream.chunks(1), None), whole, "byte by byte");
        let mut rest = stream;
        let cut = sizes.iter().map(|size| {
            let (chunk, behind) = rest.split_at(usize::from(*size).min(rest.len()));
            rest = behind;
            chunk
        });
        let mut chunks: Vec<&[u8]> = cut.collect();
        chunks.push(rest);
        assert_eq!(demux(start(), chunks.iter().copied(), None), whole, "in chunks");
        let gapped = demux(start(), chunks.into_iter(), Some(u64::from(*count) + 1));
        let joined: Vec<u8> = gapped.into_iter().flat_map(|pdu| pdu.1).collect();
        assert_eq!(joined, stream, "lossless around a gap");
    }
});
