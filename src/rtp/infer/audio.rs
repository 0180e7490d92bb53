//! MPEG-4 audio, told by lengths that add up: with AU headers (RFC 3640), and as LATM (RFC 6416).

use byteorder::{ByteOrder, NetworkEndian};

use super::fit::{FitCounters, FormatFit, InferredFormat, PacketPair};
use crate::fields::be16;
use crate::rtp::media_kind::MediaKind;

/// The parameters of both modes for AAC (RFC 3640, sections 3.3.5 and 3.3.6).
const HIGH_RATE: &str = "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3";
const LOW_RATE: &str = "mode=AAC-lbr;sizelength=6;indexlength=2;indexdeltalength=2";
/// So many packets whose headers and sizes add up are no chance: each is one in thousands.
const CONVINCING: u32 = 8;
/// LATM has a byte of length at most: so many are needed, of several sizes, lest a codec of one size looks like it.
const CONVINCING_LATM: u32 = 24;

/// AU headers of both modes.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessUnits {
    high: FitCounters,
    low: FitCounters,
}

impl AccessUnits {
    pub(super) fn packet(&mut self, packet: PacketPair<'_>) {
        self.high.count(high_rate(packet.payload));
        self.low.count(low_rate(packet.payload));
    }

    pub(super) fn format(&self) -> Option<InferredFormat> {
        let named =
            |fmtp| InferredFormat { fmtp: Some(fmtp), ..InferredFormat::new(MediaKind::Audio, "mpeg4-generic") };
        match (self.high.convinces(CONVINCING), self.low.convinces(CONVINCING)) {
            (true, false) => Some(named(HIGH_RATE)),
            (false, true) => Some(named(LOW_RATE)),
            _ => None,
        }
    }
}

/// The length of the headers in bits, and what stands behind it.
fn headers(payload: &[u8], bits_each: usize) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = (usize::from(be16(payload, 0)?), payload.get(2..)?);
    (bits > 0 && bits % bits_each == 0).then(|| rest.split_at_checked(bits / 8))?
}

/// Each header is a size of 13 bits and an index of 3, which is 0 unless access units are interleaved. Either all sizes add
/// up, or the payload is a part of one access unit that is larger.
fn high_rate(payload: &[u8]) -> FormatFit {
    let Some((headers, units)) = headers(payload, 16) else { return FormatFit::No };
    let sizes = headers.chunks_exact(2).map(NetworkEndian::read_u16);
    if sizes.clone().any(|header| header & 7 != 0) {
        return FormatFit::No;
    }
    fit(sizes.map(|header| usize::from(header >> 3)).sum(), headers.len() == 2, units)
}

/// Each header is a size of 6 bits and an index of 2.
fn low_rate(payload: &[u8]) -> FormatFit {
    let Some((headers, units)) = headers(payload, 8) else { return FormatFit::No };
    if headers.iter().any(|header| header & 3 != 0) {
        return FormatFit::No;
    }
    fit(headers.iter().map(|header| usize::from(header >> 2)).sum(), false, units)
}

fn fit(size: usize, may_be_fragment: bool, units: &[u8]) -> FormatFit {
    match size {
        0 => FormatFit::No,
        size if size == units.len() => FormatFit::Yes(1),
        size if may_be_fragment && size > units.len() => FormatFit::Yes(0),
        _ => FormatFit::No,
    }
}

/// LATM without its configuration in-band: the length of the frame in bytes of 255 and a last one, then so many.
#[derive(Clone, Debug, Default)]
pub(super) struct Latm {
    tally: FitCounters,
    /// The first size, and whether there was another.
    size: Option<usize>,
    varied: bool,
}

impl Latm {
    pub(super) fn packet(&mut self, PacketPair { payload, .. }: PacketPair<'_>) {
        let full = payload.iter().take_while(|byte| **byte == 0xff).count();
        let size = payload.get(full).map(|last| full.saturating_mul(255).saturating_add(usize::from(*last)));
        let fits = size.is_some_and(|size| size > 0 && size.checked_add(full + 1) == Some(payload.len()));
        let size = payload.len();
        self.varied |= *self.size.get_or_insert(size) != size;
        self.tally.count(if fits { FormatFit::Yes(1) } else { FormatFit::No });
    }

    pub(super) fn is_convincing(&self) -> bool {
        self.varied && self.tally.convinces(CONVINCING_LATM)
    }
}
