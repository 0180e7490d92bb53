//! What of its payloads told what a stream carries: who blanks the rest leaves the conclusion as it is.

use std::ops::Range;

use super::fit::InferredFormat;
use crate::fields::be16;
use crate::rtp::infer::picture::TS_PACKET;
use crate::rtp::payload::{H264Unit, PayloadFormat, Unit};

/// Profile, constraints and level of a sequence parameter set of H.264.
const H264_SEQUENCE: Range<usize> = 0..3;
/// The bits of a video parameter set of H.265 that are all ones.
const H265_ONES: Range<usize> = 2..4;

impl InferredFormat {
    /// How its payloads are made up.
    pub fn payload_format(&self) -> PayloadFormat {
        PayloadFormat::new(Some(self.media), self.encoding, self.fmtp)
    }

    /// Bytes of a payload that tell its format, beside those that [`PayloadFormat::parts`] reads and the beginnings of
    /// slices.
    pub fn looked_at(&self, payload: &[u8]) -> Vec<Range<usize>> {
        match self.payload_format() {
            format @ (PayloadFormat::H264 | PayloadFormat::H265 { .. }) => parameter_sets(format, payload),
            PayloadFormat::Aac(_) => vec![au_headers(payload)],
            _ if self.encoding == "MP4A-LATM" => vec![latm_length(payload)],
            _ if self.encoding == "MP2T" => (0..payload.len()).step_by(TS_PACKET).map(|at| at..at + 1).collect(),
            _ => Vec::new(),
        }
    }
}

fn parameter_sets(format: PayloadFormat, payload: &[u8]) -> Vec<Range<usize>> {
    let looked_at = |unit| match unit {
        Unit::H264(H264Unit(header)) if header & 0x1f == 7 => Some(H264_SEQUENCE),
        Unit::H265(unit) if unit.kind() == 32 => Some(H265_ONES),
        _ => None,
    };
    let sets = format.parts(payload).map_while(Result::ok).filter(|part| part.starts);
    let place = |(body, within): (Range<usize>, Range<usize>)| {
        (body.start + within.start).min(body.end)..(body.start + within.end).min(body.end)
    };
    sets.filter_map(|part| Some(place((part.body.clone(), looked_at(part.unit)?)))).collect()
}

/// The length of the AU headers, and the headers if they can be any: they take the smaller part of a payload.
fn au_headers(payload: &[u8]) -> Range<usize> {
    let bits = be16(payload, 0).map_or(0, usize::from);
    0..Some(2 + bits.div_ceil(8)).filter(|end| *end <= payload.len()).unwrap_or(2).min(payload.len())
}

fn latm_length(payload: &[u8]) -> Range<usize> {
    let full = payload.iter().take_while(|byte| **byte == 0xff).count();
    0..(full + 1).min(payload.len())
}
