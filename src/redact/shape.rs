//! What of a payload tells how it is made up.

use std::ops::Range;

use crate::capture::rewrite::Patch;
use crate::rtp::infer::InferredFormat;
use crate::rtp::payload::PayloadFormat;

/// How payloads may be made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PayloadShape {
    /// As a description says, or RFC 3551.
    Described(PayloadFormat),
    /// As the packets show: what shows it has to stay as well.
    Inferred(InferredFormat),
}

/// Puts what tells how a payload is made up, in each way that it may be.
pub(super) fn structure(payload: &[u8], at: usize, shapes: &[PayloadShape], patch: &mut Patch) {
    match shapes {
        [] => {}
        [PayloadShape::Described(format)] => described(payload, at, *format, patch),
        shapes => together(payload, at, shapes, patch),
    }
}

/// What several shapes keep, or what inference looks at.
fn together(payload: &[u8], at: usize, shapes: &[PayloadShape], patch: &mut Patch) {
    let mut stays = vec![false; payload.len()];
    let mut keep = |range: Range<usize>| {
        let len = range.len();
        stays.iter_mut().skip(range.start).take(len).for_each(|stays| *stays = true);
    };
    for shape in shapes {
        let format = match shape {
            PayloadShape::Described(format) => *format,
            PayloadShape::Inferred(inferred) => {
                inferred.looked_at(payload).into_iter().for_each(&mut keep);
                inferred.payload_format()
            }
        };
        let mut own = Patch::default();
        described(payload, 0, format, &mut own);
        own.pieces().for_each(|(at, piece)| keep(at..at + piece.len()));
    }
    let kept = payload.iter().zip(&stays).enumerate().filter(|(_, (_, stays))| **stays);
    kept.for_each(|(place, (byte, _))| patch.put(at + place, &[*byte]));
}

/// All but the bodies of units, and of those what analysis looks at.
fn described(payload: &[u8], at: usize, format: PayloadFormat, patch: &mut Patch) {
    if matches!(format, PayloadFormat::Other | PayloadFormat::Samples) {
        return;
    }
    let mut known = 0;
    for part in format.parts(payload) {
        let Ok(part) = part else {
            // Why it can't be read shows in its headers.
            let head = if known == 0 { head_len(format).min(payload.len()) } else { 0 };
            return patch.put(at, payload.get(..head).unwrap_or_default());
        };
        let looked_at = part.body.start + part.looked_at();
        patch.put(at + known, payload.get(known..looked_at.min(part.body.end)).unwrap_or_default());
        known = part.body.end;
    }
    if known == 0 {
        // An aggregation packet without units: its head says so.
        let head = head_len(format).min(payload.len());
        patch.put(at, payload.get(..head).unwrap_or_default());
    }
    // A recording without its media has zeros from somewhere on; behind units they are none.
    if let Some(rest) = payload.get(known..).filter(|rest| rest.iter().all(|byte| *byte == 0)) {
        patch.put(at + known, rest);
    }
}

/// Bytes that tell of what type a payload is, and where its headers end.
const fn head_len(format: PayloadFormat) -> usize {
    match format {
        PayloadFormat::H264 => 1,
        // With that of a PACI packet (RFC 7798, section 4.4.4).
        PayloadFormat::H265 { .. } => 4,
        // Main, restart marker and quantization table headers (RFC 2435, section 3.1).
        PayloadFormat::Jpeg => 16,
        PayloadFormat::Aac(_) => 2,
        PayloadFormat::Samples | PayloadFormat::Other => 0,
    }
}
