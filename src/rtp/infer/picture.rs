//! JPEG (RFC 2435), told by fragments that follow each other; MPEG transport streams (RFC 2250), by their packets.

use super::fit::{FitCounters, FormatFit, PacketPair};
use crate::rtp::payload::JpegHeader;

/// Fragments that begin where the one before them ended: each is one in 2^24 by chance.
const CONVINCING_JPEG: u32 = 4;
/// Packets of a transport stream, of which a payload has seven at most.
const CONVINCING_TS: u32 = 8;
pub(super) const TS_PACKET: usize = 188;
const TS_SYNC: u8 = 0x47;

/// The fragments of JPEG pictures.
#[derive(Clone, Debug, Default)]
pub(super) struct JpegPictures {
    tally: FitCounters,
    /// Type, quality, width and height of the latest, and where the next fragment begins.
    latest: Option<([u8; 4], usize)>,
}

impl JpegPictures {
    pub(super) fn packet(&mut self, packet: PacketPair<'_>) {
        let before = self.latest.take();
        let fit = self.judge(packet, before);
        self.tally.count(fit);
    }

    pub(super) fn is_convincing(&self) -> bool {
        self.tally.convinces(CONVINCING_JPEG)
    }

    fn judge(&mut self, packet: PacketPair<'_>, before: Option<([u8; 4], usize)>) -> FormatFit {
        let payload = packet.payload;
        let Ok(header) = JpegHeader::parse(payload) else { return FormatFit::No };
        let Some((&[_, _, _, _, kind, q, width, height], _)) = payload.split_first_chunk() else {
            return FormatFit::No;
        };
        let (same, offset) = ([kind, q, width, height], usize::try_from(header.offset).unwrap_or(usize::MAX));
        // Types 0 and 1 are all that RFC 2435 defines, from 64 on with restart markers; Q 0 is reserved.
        if kind & 0xbe != 0 || q == 0 || packet.begins_frame && packet.follows && offset != 0 {
            return FormatFit::No;
        }
        self.latest = Some((same, offset.saturating_add(payload.len().saturating_sub(header.data))));
        match before.filter(|_| packet.follows) {
            Some((known, _)) if known != same => FormatFit::No,
            Some((_, next)) if !packet.begins_frame => {
                if next == offset {
                    FormatFit::Yes(1)
                } else {
                    FormatFit::No
                }
            }
            // The first of a picture, or one behind a loss, follows nothing.
            _ => FormatFit::Yes(0),
        }
    }
}

/// Packets of 188 bytes, each with its sync byte.
#[derive(Clone, Debug, Default)]
pub(super) struct TransportStream {
    tally: FitCounters,
}

impl TransportStream {
    pub(super) fn packet(&mut self, PacketPair { payload, .. }: PacketPair<'_>) {
        let (packets, rest) = payload.as_chunks::<TS_PACKET>();
        let in_sync = packets.iter().all(|packet| packet.first() == Some(&TS_SYNC));
        let weight = u32::try_from(packets.len()).unwrap_or(u32::MAX);
        self.tally.count(if in_sync && rest.is_empty() { FormatFit::Yes(weight) } else { FormatFit::No });
    }

    pub(super) fn is_convincing(&self) -> bool {
        self.tally.convinces(CONVINCING_TS)
    }
}
