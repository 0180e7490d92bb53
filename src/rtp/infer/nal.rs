//! H.264 and H.265, told from anything else by the headers of their NAL units.
//!
//! Of the 256 first bytes that random payloads have, 18 begin a NAL unit of H.264 that is in use, and of the 65,536 first
//! pairs 189 one of H.265; a packet of the one is none of the other.

use super::fit::{FitCounters, FormatFit, PacketPair};
use crate::rtp::payload::{H264Unit, H265Unit, PayloadFormat, Unit, UnitPart};

/// Evidence of so much weight convinces: a sequence parameter set and some slices, or a few fragmented pictures.
const CONVINCING: u32 = 16;
/// Slices that are needed, whatever else there is.
const MIN_SLICES: u32 = 3;
/// Where all packets are units of one kind, so many of them, on the clock of video.
const MIN_OF_ONE_KIND: u32 = 24;

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    H265,
}

/// What packets have shown of one of both.
#[derive(Clone, Debug)]
pub(super) struct NalUnits {
    codec: Codec,
    tally: FitCounters,
    slices: u32,
    /// Slices of H.264 behind a marker that do not begin a picture (`first_mb_in_slice`).
    astray: u32,
    /// The kinds of units seen, as bits; and whether one was fragmented.
    kinds: u64,
    fragmented: bool,
    /// The kind of the unit that the latest packet left open.
    open: Option<u8>,
}

impl NalUnits {
    pub(super) fn new(codec: Codec) -> Self {
        Self { codec, tally: FitCounters::default(), slices: 0, astray: 0, kinds: 0, fragmented: false, open: None }
    }

    pub(super) fn packet(&mut self, packet: PacketPair<'_>) {
        // Enough is enough; and an encoding that is not this one will not become it.
        if self.tally.misfits > 64 {
            return;
        }
        let open = self.open.take().filter(|_| packet.follows);
        let fit = self.judge(packet.payload, open);
        self.astray += u32::from(packet.begins_frame && packet.follows && is_inside_picture(packet.payload));
        self.tally.count(fit);
    }

    /// Whether it is this codec. Where all units are alike, the clock has to be that of video, and each has to begin its
    /// picture or to follow one that does: of random bodies every other one seems to.
    pub(super) fn is_convincing(&self, clock_of_video: bool) -> bool {
        let varied = self.kinds.count_ones() > 1 || self.fragmented;
        let uniform = clock_of_video && self.slices >= MIN_OF_ONE_KIND && self.astray == 0 && self.tally.misfits == 0;
        self.tally.convinces(CONVINCING) && self.slices >= MIN_SLICES && (varied || uniform)
    }

    fn judge(&mut self, payload: &[u8], open: Option<u8>) -> FormatFit {
        if !self.has_sound_header(payload) {
            return FormatFit::No;
        }
        let format = match self.codec {
            Codec::H264 => PayloadFormat::H264,
            Codec::H265 => PayloadFormat::H265 { numbered: false },
        };
        let (mut weight, mut units) = (0u32, 0u32);
        for part in format.parts(payload) {
            let Ok(part) = part else { return FormatFit::No };
            let body = payload.get(part.body.clone()).unwrap_or_default();
            let Some((kind, is_slice, worth)) = unit(part.unit, &part, body) else { return FormatFit::No };
            weight = weight.saturating_add(if part.starts { worth } else { continuation(open, kind) });
            self.kinds |= 1u64.checked_shl(u32::from(kind)).unwrap_or(0);
            self.slices = self.slices.saturating_add(u32::from(is_slice));
            self.fragmented |= !part.starts && open == Some(kind);
            self.open = (!part.ends).then_some(kind);
            units += 1;
        }
        if units == 0 { FormatFit::No } else { FormatFit::Yes(weight) }
    }

    /// The bits before the unit that are the same in all packets: `forbidden_zero_bit`, and of H.265 a layer and a temporal
    /// sub-layer as cameras have them; of a fragment its reserved bit, and that it is not all of its unit.
    fn has_sound_header(&self, payload: &[u8]) -> bool {
        let [first, second, ..] = *payload else { return false };
        match self.codec {
            Codec::H264 => {
                let reserved_bit = first & 0x1f == 28 && (second & 0x20 != 0 || second & 0xc0 == 0xc0);
                first & 0x80 == 0 && !reserved_bit
            }
            Codec::H265 => {
                let fu = if first >> 1 == 49 { payload.get(2).copied().unwrap_or(0xff) } else { 0 };
                first & 0x81 == 0 && matches!(second, 1..=7) && fu & 0xc0 != 0xc0
            }
        }
    }
}

/// Whether a payload is a slice of H.264 that does not begin its picture.
fn is_inside_picture(payload: &[u8]) -> bool {
    let Some((header, body)) = payload.split_first() else { return false };
    H264Unit(*header).slice_head(body).is_some_and(|(first, _)| first > 0)
}

/// A fragment goes on with the unit that the packet before it left open. Where that one was lost, it is no evidence.
fn continuation(open: Option<u8>, kind: u8) -> u32 {
    if open == Some(kind) { 2 } else { 0 }
}

/// The kind of a unit, whether it is a slice, and how much it is worth as evidence; `None` where it can't be.
fn unit(unit: Unit, part: &UnitPart, body: &[u8]) -> Option<(u8, bool, u32)> {
    match unit {
        Unit::H264(unit) => h264(unit, part, body),
        Unit::H265(unit) => h265(unit, part, body),
        _ => None,
    }
}

/// By table 7-1 of ITU-T H.264; `nal_ref_idc` is 0 of all that no picture refers to, and never of parameter sets and IDR
/// slices (section 7.4.1). Data partitions (2 to 4) are of a profile that nobody sends.
fn h264(unit: H264Unit, part: &UnitPart, body: &[u8]) -> Option<(u8, bool, u32)> {
    let (kind, referred) = (unit.kind(), unit.0 & 0x60 != 0);
    let worth = match kind {
        1 | 5 if part.starts && !unit.has_slice_head(body) => return None,
        5 if !referred => return None,
        1 | 5 => 1,
        7 if referred && part.starts => u32::from(is_h264_sequence(body)) * 8,
        7 | 8 if referred => 1,
        6 | 9..=12 if !referred => 1,
        14 | 15 | 19 | 20 => 0,
        _ => return None,
    };
    Some((kind, matches!(kind, 1 | 5), worth))
}

/// `profile_idc`, `reserved_zero_2bits` and `level_idc` of a sequence parameter set (ITU-T H.264, section 7.3.2.1.1 and
/// annex A).
fn is_h264_sequence(body: &[u8]) -> bool {
    let [profile, constraints, level, ..] = *body else { return false };
    matches!(profile, 66 | 77 | 88 | 100 | 110 | 122 | 244 | 44)
        && constraints.trailing_zeros() >= 2
        && (9..=62).contains(&level)
}

/// By table 7-1 of ITU-T H.265.
fn h265(unit: H265Unit, part: &UnitPart, body: &[u8]) -> Option<(u8, bool, u32)> {
    let kind = unit.kind();
    let worth = match kind {
        0..=9 | 16..=21 => 2,
        // `vps_reserved_0xffff_16bits`.
        32 if part.starts => u32::from(body.get(2..4) == Some(&[0xff, 0xff])) * 8,
        33..=40 => 1,
        _ => return None,
    };
    Some((kind, kind < 32, worth))
}
