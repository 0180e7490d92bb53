//! How packets fit a format that they may be of.

use crate::rtp::media_kind::MediaKind;

/// Of the packets so many may be odd: one in so many. Chosen, not measured: a lossy line garbles fewer.
const ODD: u32 = 16;

/// What a stream carries, as far as its packets show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InferredFormat {
    /// The encoding's name as it is registered.
    pub encoding: &'static str,
    /// Video or audio.
    pub media: MediaKind,
    /// Parameters that are needed to take payloads apart.
    pub fmtp: Option<&'static str>,
}

impl InferredFormat {
    pub(super) const fn new(media: MediaKind, encoding: &'static str) -> Self {
        Self { encoding, media, fmtp: None }
    }
}

/// What one packet was for a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormatFit {
    /// It can't be of it.
    No,
    /// It can, and is evidence of this weight.
    Yes(u32),
}

/// How the packets so far fit a format.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FitCounters {
    pub(super) fits: u32,
    pub(super) misfits: u32,
    pub(super) weight: u32,
}

impl FitCounters {
    pub(super) fn count(&mut self, fit: FormatFit) {
        match fit {
            FormatFit::No => self.misfits = self.misfits.saturating_add(1),
            FormatFit::Yes(weight) => {
                self.fits = self.fits.saturating_add(1);
                self.weight = self.weight.saturating_add(weight);
            }
        }
    }

    /// All but a few fit, and they weigh so much.
    pub(super) fn convinces(&self, weight: u32) -> bool {
        self.weight >= weight && self.misfits <= self.fits / ODD
    }
}

/// A packet and the one before it of the same source and payload type.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketPair<'a> {
    pub(super) payload: &'a [u8],
    /// It follows the one before it: no number is missing between them.
    pub(super) follows: bool,
    /// The one before it ended a frame, or there was none.
    pub(super) begins_frame: bool,
}
