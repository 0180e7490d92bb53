//! AAC in ADTS (ISO/IEC 14496-3, 1.A.3.2): each access unit behind a header that says what the description said once.

use super::{MAX_UNIT, Payload, Tally, Unfit, number, parameter};
use crate::rtp::payload::PayloadFormat;

/// Bytes of a header without CRC.
const HEADER: usize = 7;
/// The longest frame that its 13 bits tell.
const MAX_FRAME: usize = (1 << 13) - 1;
/// What `samplingFrequencyIndex` stands for.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Access units of a track.
#[derive(Debug)]
pub(super) struct Adts {
    format: PayloadFormat,
    config: Config,
    /// Fragments of one access unit, and its timestamp.
    unit: Vec<u8>,
    timestamp: u32,
    /// Fragments are passed over up to the next marker.
    skipping: bool,
}

/// What a header says of the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Config {
    /// `audioObjectType` less 1.
    profile: u8,
    rate_index: u8,
    channels: u8,
}

impl Adts {
    /// With the `config` of the description (an `AudioSpecificConfig` in hexadecimal).
    pub(super) fn new(fmtp: Option<&str>) -> Result<Self, Unfit> {
        let unfit = |text: &str| Unfit::Parameters(text.to_owned());
        if number(fmtp, "maxdisplacement") > Some(0) {
            return Err(unfit("its access units are interleaved (maxDisplacement), which is not supported"));
        }
        let config = parameter(fmtp, "config").ok_or_else(|| unfit("the description has no config of its coding"))?;
        let bytes = unhex(config).ok_or_else(|| unfit("the config of the description is not hexadecimal"))?;
        let config = Config::read(&bytes).ok_or_else(|| unfit("its config describes what ADTS can't hold"))?;
        let format = PayloadFormat::new("audio", "MPEG4-GENERIC", fmtp);
        Ok(Self { format, config, unit: Vec::new(), timestamp: 0, skipping: false })
    }

    pub(super) fn held(&self) -> usize {
        self.unit.len()
    }

    /// Takes the next payload.
    pub(super) fn payload(&mut self, payload: Payload<'_>, counts: &mut Tally, out: &mut Vec<u8>) {
        if payload.gap {
            // What lacks may be the beginning of what comes.
            self.skipping = true;
            self.interrupt(counts);
        }
        for part in self.format.parts(payload.bytes) {
            let Ok(part) = part else {
                counts.malformed += 1;
                return self.interrupt(counts);
            };
            let body = payload.bytes.get(part.body.clone()).unwrap_or_default();
            if part.starts && part.ends {
                self.interrupt(counts);
                self.skipping = false;
                self.write(body, counts, out);
            } else {
                self.fragment(payload, body, counts, out);
            }
        }
    }

    /// The fragments of a unit have one timestamp, and the last one the marker (RFC 3640, section 3.1).
    fn fragment(&mut self, payload: Payload<'_>, body: &[u8], counts: &mut Tally, out: &mut Vec<u8>) {
        if self.skipping {
            self.skipping = !payload.marker;
            counts.incomplete += u64::from(payload.marker);
            return;
        }
        if !self.unit.is_empty() && self.timestamp != payload.timestamp {
            self.interrupt(counts);
        }
        self.timestamp = payload.timestamp;
        if self.unit.len() + body.len() > MAX_UNIT {
            return self.interrupt(counts);
        }
        self.unit.extend_from_slice(body);
        if payload.marker {
            let unit = std::mem::take(&mut self.unit);
            self.write(&unit, counts, out);
        }
    }

    fn write(&self, unit: &[u8], counts: &mut Tally, out: &mut Vec<u8>) {
        match self.config.header(unit.len()) {
            Some(header) => {
                out.extend(header);
                out.extend_from_slice(unit);
                counts.units += 1;
            }
            None => counts.malformed += 1,
        }
    }

    /// What is open stays without its end.
    pub(super) fn interrupt(&mut self, counts: &mut Tally) {
        counts.incomplete += u64::from(!self.unit.is_empty());
        self.unit = Vec::new();
    }
}

impl Config {
    /// From an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1), where ADTS can say it.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits { bytes, at: 0 };
        let mut object = bits.take(5)?;
        let mut rate_index = bits.rate()?;
        let channels = bits.take(4)?;
        // SBR and PS are told explicitly: the rate and the object behind are those of the core.
        if matches!(object, 5 | 29) {
            bits.rate()?;
            object = bits.take(5)?;
        }
        // AAC Main, LC, SSR and LTP; without a program config element.
        if !(1..=4).contains(&object) || !(1..=7).contains(&channels) {
            return None;
        }
        rate_index &= 0xf;
        Some(Self { profile: u8::try_from(object - 1).ok()?, rate_index, channels: u8::try_from(channels).ok()? })
    }

    /// The header of a frame. `None` where its length does not fit.
    fn header(self, unit: usize) -> Option<[u8; HEADER]> {
        let Self { profile, rate_index, channels } = self;
        let length = u16::try_from(unit + HEADER).ok().filter(|length| usize::from(*length) <= MAX_FRAME)?;
        let [high, low] = length.to_be_bytes();
        Some([
            0xff,
            // MPEG-4, no CRC.
            0xf1,
            profile << 6 | rate_index << 2 | channels >> 2,
            channels << 6 | high >> 3,
            high << 5 | low >> 3,
            // Buffer fullness of a variable rate.
            low << 5 | 0x1f,
            0xfc,
        ])
    }
}

/// Bytes in hexadecimal.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches('"');
    let digits: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char.to_digit(16)?).ok()).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// Fields of a config, most significant bit first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, bits: u8) -> Option<u32> {
        let mut value = 0;
        for _ in 0..bits {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// The index of a sampling frequency, also where it is written out.
    fn rate(&mut self) -> Option<u8> {
        let index = self.take(4)?;
        let index = if index == 15 {
            let rate = self.take(24)?;
            RATES.iter().position(|known| *known == rate)?
        } else {
            index as usize
        };
        u8::try_from(index).ok().filter(|index| usize::from(*index) < RATES.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs() {
        let read = |hex: &str| Config::read(&unhex(hex).unwrap());
        let lc = |rate_index, channels| Some(Config { profile: 1, rate_index, channels });
        assert_eq!(read("1190"), lc(3, 2));
        assert_eq!(read("1588"), lc(11, 1));
        // HE-AAC, 22050 Hz core with SBR to 44100.
        assert_eq!(read("2B920800"), Some(Config { profile: 1, rate_index: 7, channels: 2 }));
        // 48000 Hz written out.
        assert_eq!(read("17805dc010"), lc(3, 2));
        // ELD; channels by a program config element; an index that is not defined; too short.
        for unfit in ["F8E85000", "1180", "1690", "11", ""] {
            assert_eq!(read(unfit), None, "{unfit}");
        }
        assert!(unhex("1x").is_none());
    }

    #[test]
    fn headers() {
        let config = Config { profile: 1, rate_index: 3, channels: 2 };
        assert_eq!(config.header(0x173), Some([0xff, 0xf1, 0x4c, 0x80, 0x2f, 0x5f, 0xfc]));
        assert!(config.header(MAX_FRAME - HEADER).is_some() && config.header(MAX_FRAME - HEADER + 1).is_none());
    }
}
