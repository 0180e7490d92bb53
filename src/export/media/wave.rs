//! PCM as WAVE.

use crate::rtsp::sdp::Format;

/// `wFormatTag` of the codings.
const PCM: u16 = 1;
const ALAW: u16 = 6;
const MULAW: u16 = 7;
/// Bytes of `RIFF` and its length, `WAVE`, the chunks `fmt ` and `fact`, the head of `data`.
const HEADER: u32 = 12 + (8 + 18) + (8 + 4) + 8;
/// The length of what has no end yet.
const OPEN: u32 = u32::MAX;

/// The samples of a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    tag: u16,
    rate: u32,
    channels: u16,
    /// Bytes of a sample, which the network has in big-endian order.
    width: u16,
}

impl Wave {
    /// `None` for any other encoding.
    pub(super) fn new(format: &Format) -> Option<Self> {
        let (tag, width) = match format.encoding.as_deref()?.to_ascii_uppercase().as_str() {
            "PCMU" => (MULAW, 1),
            "PCMA" => (ALAW, 1),
            "L8" => (PCM, 1),
            "L16" => (PCM, 2),
            "L24" => (PCM, 3),
            _ => return None,
        };
        let channels =
            u16::try_from(format.channels.unwrap_or(1)).ok().filter(|channels| (1..=64).contains(channels))?;
        Some(Self { tag, rate: format.clock_rate_hz?, channels, width })
    }

    /// What stands before so many bytes of samples.
    pub(super) fn header(&self, len: Option<u64>) -> Vec<u8> {
        let Self { tag, rate, channels, width } = *self;
        let frame = channels * width;
        let data = len.map_or(OPEN, |len| u32::try_from(len).unwrap_or(OPEN));
        let mut bytes = Vec::with_capacity(HEADER as usize);
        bytes.extend(b"RIFF");
        bytes.extend(data.saturating_add(HEADER - 8).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(18u32.to_le_bytes());
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend(rate.saturating_mul(u32::from(frame)).to_le_bytes());
        bytes.extend(frame.to_le_bytes());
        bytes.extend((width * 8).to_le_bytes());
        bytes.extend(0u16.to_le_bytes());
        bytes.extend(b"fact");
        bytes.extend(4u32.to_le_bytes());
        bytes.extend((data / u32::from(frame)).to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(data.to_le_bytes());
        bytes
    }

    /// Appends the samples of a payload; WAVE has them in little-endian order.
    pub(super) fn payload(&self, payload: &[u8], out: &mut Vec<u8>) {
        for sample in payload.chunks_exact(usize::from(self.width)) {
            out.extend(sample.iter().rev());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(encoding: &str, channels: Option<u32>) -> Option<Wave> {
        let encoding = Some(encoding.to_owned());
        Wave::new(&Format { encoding, clock_rate_hz: Some(8000), channels, ..Format::default() })
    }

    #[test]
    fn samples_change_their_order() {
        let mut out = Vec::new();
        wave("L16", Some(2)).unwrap().payload(&[1, 2, 3, 4, 5], &mut out);
        wave("PCMU", None).unwrap().payload(&[6, 7], &mut out);
        assert_eq!(out, [2, 1, 4, 3, 6, 7]);
    }

    #[test]
    fn headers_tell_the_length() {
        let header = wave("PCMA", Some(1)).unwrap().header(Some(800));
        assert_eq!(header.len(), HEADER as usize);
        assert_eq!(header[4..8], (800 + HEADER - 8).to_le_bytes());
        assert_eq!(header[20..24], [6, 0, 1, 0]);
        assert_eq!(header[header.len() - 4..], 800u32.to_le_bytes());
        assert!(wave("L16", Some(0)).is_none() && wave("OPUS", Some(2)).is_none());
    }
}
