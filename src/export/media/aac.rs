//! AAC in ADTS (ISO/IEC 14496-3, 1.A.3.2): each access unit behind a header that says what the description said once.

use bitstream_io::{BigEndian, BitRead, BitReader};

use super::unit::{ExportStatistics, MAX_UNIT, MediaPayload, Unfit};
use crate::rtp::fmtp::{number, parameter};
use crate::rtp::media_kind::MediaKind;
use crate::rtp::payload::{PayloadFormat, Unit};

/// Bytes of a header without CRC.
const HEADER: usize = 7;
/// The longest frame that its 13 bits tell.
const MAX_FRAME: usize = (1 << 13) - 1;
const NO_ADTS: &str = "its config describes what ADTS can't hold";
/// What `samplingFrequencyIndex` stands for.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Access units of a track.
#[derive(Debug)]
pub(super) struct Adts {
    carriage: Carriage,
    config: Config,
    /// Fragments of one access unit, and its timestamp.
    unit: Vec<u8>,
    timestamp: u32,
    /// Fragments are passed over up to the next marker.
    skipping: bool,
    /// The timestamp of a unit that is counted as incomplete already.
    given_up: Option<u32>,
}

/// How access units lie in payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carriage {
    /// Behind AU headers (RFC 3640).
    Headers(PayloadFormat),
    /// So many in a multiplex element, each behind its length (RFC 6416; ISO/IEC 14496-3, 1.7.3).
    Latm(u32),
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
        let bytes = config(fmtp)?;
        let config = Config::read(&mut config_bits(&bytes)).ok_or_else(|| unfit(NO_ADTS))?;
        let carriage = Carriage::Headers(PayloadFormat::new(Some(MediaKind::Audio), "MPEG4-GENERIC", fmtp));
        Ok(Self { carriage, config, unit: Vec::new(), timestamp: 0, skipping: false, given_up: None })
    }

    /// Those of `MP4A-LATM`, whose `config` is a `StreamMuxConfig`.
    pub(super) fn latm(fmtp: Option<&str>) -> Result<Self, Unfit> {
        let unfit = |text: &str| Unfit::Parameters(text.to_owned());
        if number(fmtp, "cpresent") != Some(0) {
            return Err(unfit("its config comes in band (cpresent), which is not supported"));
        }
        let bytes = config(fmtp)?;
        let mut bits = config_bits(&bytes);
        // audioMuxVersion, allStreamsSameTimeFraming, numSubFrames, numProgram, numLayer.
        let head = [1, 1, 6, 4, 3].map(|width| bits.read_unsigned_var::<u32>(width).ok());
        let [Some(0), Some(1), Some(more), Some(0), Some(0)] = head else {
            return Err(unfit("its config multiplexes several streams, which is not supported"));
        };
        let config = Config::read(&mut bits).ok_or_else(|| unfit(NO_ADTS))?;
        Ok(Self {
            carriage: Carriage::Latm(more + 1),
            config,
            unit: Vec::new(),
            timestamp: 0,
            skipping: false,
            given_up: None,
        })
    }

    pub(super) fn held(&self) -> usize {
        self.unit.len()
    }

    /// Takes the next payload.
    pub(super) fn payload(&mut self, payload: MediaPayload<'_>, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        if payload.gap {
            // What lacks may be the beginning of what comes.
            self.skipping = true;
            self.interrupt(counts);
        }
        let format = match self.carriage {
            Carriage::Headers(format) => format,
            Carriage::Latm(units) => return self.element(units, payload, counts, out),
        };
        for part in format.parts(payload.bytes) {
            let Ok(part) = part else {
                counts.malformed += 1;
                return self.skip(payload, counts);
            };
            let body = payload.bytes.get(part.body.clone()).unwrap_or_default();
            if let Unit::AacFragment { len } = part.unit {
                self.fragment(payload, body, Some(len), counts, out);
            } else {
                self.interrupt(counts);
                self.skipping = false;
                self.write(body, counts, out);
            }
        }
    }

    /// A multiplex element, or a fragment of one.
    fn element(&mut self, units: u32, payload: MediaPayload<'_>, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        // One that is whole needs nothing of what lacks before it.
        if self.unit.is_empty() && payload.marker && split(payload.bytes, units).is_some() {
            self.skipping = false;
        }
        self.fragment(payload, payload.bytes, None, counts, out);
    }

    /// The fragments of a unit have one timestamp, and the last one the marker (RFC 3640, section 3.1). `len`: the unit's
    /// length, where headers say it.
    fn fragment(
        &mut self,
        payload: MediaPayload<'_>,
        body: &[u8],
        len: Option<usize>,
        counts: &mut ExportStatistics,
        out: &mut Vec<u8>,
    ) {
        if self.skipping {
            self.skipping = !payload.marker;
            let counted = self.given_up == Some(payload.timestamp);
            counts.incomplete += u64::from(payload.marker && !counted);
            return;
        }
        if !self.unit.is_empty() && self.timestamp != payload.timestamp {
            self.interrupt(counts);
        }
        self.timestamp = payload.timestamp;
        if self.unit.len() + body.len() > MAX_UNIT {
            return self.skip(payload, counts);
        }
        self.unit.extend_from_slice(body);
        if payload.marker {
            let unit = std::mem::take(&mut self.unit);
            match self.carriage {
                Carriage::Headers(_) if len.is_some_and(|len| len != unit.len()) => counts.incomplete += 1,
                Carriage::Headers(_) => self.write(&unit, counts, out),
                Carriage::Latm(units) => match split(&unit, units) {
                    Some(units) => units.iter().for_each(|unit| self.write(unit, counts, out)),
                    None => counts.malformed += 1,
                },
            }
        }
    }

    fn write(&self, unit: &[u8], counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        match self.config.header(unit.len()) {
            Some(header) => {
                out.extend(header);
                out.extend_from_slice(unit);
                counts.units += 1;
            }
            None => counts.malformed += 1,
        }
    }

    /// A part of a unit can't be taken: its rest is not to be taken for a whole one.
    fn skip(&mut self, payload: MediaPayload<'_>, counts: &mut ExportStatistics) {
        self.skipping = !payload.marker;
        self.interrupt(counts);
    }

    /// What is open stays without its end.
    pub(super) fn interrupt(&mut self, counts: &mut ExportStatistics) {
        if !self.unit.is_empty() {
            counts.incomplete += 1;
            self.given_up = Some(self.timestamp);
        }
        self.unit = Vec::new();
    }
}

impl Config {
    /// From an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1), where ADTS can say it.
    fn read(bits: &mut ConfigBits<'_>) -> Option<Self> {
        let mut object = bits.read_unsigned::<5, u8>().ok()?;
        let rate_index = rate_index(bits)?;
        let channels = bits.read_unsigned::<4, u8>().ok()?;
        // SBR and PS are told explicitly: the rate and the object behind are those of the core.
        if matches!(object, 5 | 29) {
            self::rate_index(bits)?;
            object = bits.read_unsigned::<5, u8>().ok()?;
        }
        // AAC Main, LC, SSR and LTP; without a program config element.
        if !(1..=4).contains(&object) || !(1..=7).contains(&channels) {
            return None;
        }
        Some(Self { profile: object - 1, rate_index, channels })
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

/// The `config` of the description.
fn config(fmtp: Option<&str>) -> Result<Vec<u8>, Unfit> {
    let unfit = |text: &str| Unfit::Parameters(text.to_owned());
    let config = parameter(fmtp, "config").ok_or_else(|| unfit("the description has no config of its coding"))?;
    unhex(config).ok_or_else(|| unfit("the config of the description is not hexadecimal"))
}

/// The access units of a multiplex element, each behind its length (`PayloadLengthInfo`): as many bytes of 255 as go into
/// it, and the rest. `None` where they don't fill it.
fn split(element: &[u8], units: u32) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut rest = element;
    for _ in 0..units {
        let whole = rest.iter().take_while(|byte| **byte == 255).count();
        let length = whole * 255 + usize::from(*rest.get(whole)?);
        let (unit, behind) = rest.get(whole + 1..)?.split_at_checked(length)?;
        found.push(unit);
        rest = behind;
    }
    // Bits that fill the last byte.
    (rest.len() <= 1).then_some(found)
}

/// Bytes in hexadecimal.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches('"');
    let digits: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char.to_digit(16)?).ok()).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// Fields of a config, most significant bit first.
type ConfigBits<'a> = BitReader<&'a [u8], BigEndian>;

fn config_bits(config: &[u8]) -> ConfigBits<'_> {
    BitReader::new(config)
}

/// The index of a sampling frequency, also where it is written out.
fn rate_index(bits: &mut ConfigBits<'_>) -> Option<u8> {
    let index = match bits.read_unsigned::<4, u8>().ok()? {
        15 => {
            let rate = bits.read_unsigned::<24, u32>().ok()?;
            u8::try_from(RATES.iter().position(|known| *known == rate)?).ok()?
        }
        index => index,
    };
    (usize::from(index) < RATES.len()).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs() {
        let read = |hex: &str| Config::read(&mut config_bits(&unhex(hex).unwrap()));
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
    fn multiplex_elements() {
        // 44100 Hz, two channels (RFC 6416, section 7.4.1 has such a config).
        let latm = |fmtp: &str| Adts::latm(Some(fmtp)).map(|adts| (adts.carriage, adts.config));
        let config = Config { profile: 1, rate_index: 4, channels: 2 };
        assert_eq!(latm("cpresent=0; config=400024203FC0"), Ok((Carriage::Latm(1), config)));
        assert!(latm("config=400024203FC0").is_err() && latm("cpresent=0; config=C00024203FC0").is_err());
        assert_eq!(split(&[2, 7, 8], 1), Some(vec![&[7, 8][..]]));
        assert_eq!(split(&[1, 7, 0, 0], 2), Some(vec![&[7][..], &[]]));
        let long = [&[255, 255, 1][..], &[9; 511]].concat();
        assert_eq!(split(&long, 1), Some(vec![&[9; 511][..]]));
        for wrong in [&[][..], &[255], &[3, 1, 2], &[1, 1, 1, 1]] {
            assert_eq!(split(wrong, 1), None, "{wrong:?}");
        }
    }

    #[test]
    fn headers() {
        let config = Config { profile: 1, rate_index: 3, channels: 2 };
        assert_eq!(config.header(0x173), Some([0xff, 0xf1, 0x4c, 0x80, 0x2f, 0x5f, 0xfc]));
        assert!(config.header(MAX_FRAME - HEADER).is_some() && config.header(MAX_FRAME - HEADER + 1).is_none());
    }
}
