//! H.264 and H.265 as byte streams (ITU-T H.264 and H.265, Annex B): each NAL unit behind a start code.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::unit::{ExportStatistics, MAX_UNIT, MediaPayload, Unfit};
use crate::rtp::fmtp::{number, parameter};
use crate::rtp::payload::{PayloadFormat, Unit, UnitPart};

/// Parameter sets that are remembered, and how long each may be.
const MAX_SETS: usize = 8;
const MAX_SET: usize = 512;
const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// Descriptions are not always padded.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// NAL units of a track.
#[derive(Debug)]
pub(super) struct NalUnits {
    format: PayloadFormat,
    extension: &'static str,
    /// Parameter sets of the description, as they are written.
    described: Vec<u8>,
    /// How many they are.
    sets: u64,
    /// Kinds of parameter sets that the stream has brought, a bit each; and those that it needs.
    brought: u8,
    needed: u8,
    /// The timestamp of the latest slice.
    picture: Option<u32>,
    /// The latest parameter sets, as they were written.
    latest: VecDeque<Vec<u8>>,
    /// The unit that is being put together, with its start code; and what it is.
    unit: Vec<u8>,
    open: Option<Unit>,
    /// The unit that its further fragments name: another one, where it stood behind a start code.
    fragments: Option<Unit>,
    /// Its timestamp.
    timestamp: u32,
    /// The timestamp of a unit whose rest is passed over.
    skipping: Option<u32>,
}

impl NalUnits {
    /// Those of H.264.
    pub(super) fn h264(fmtp: Option<&str>) -> Result<Self, Unfit> {
        if number(fmtp, "packetization-mode") == Some(2) {
            return Err(interleaved("packetization-mode=2"));
        }
        Ok(Self::new(PayloadFormat::H264, "h264", fmtp, &["sprop-parameter-sets"], 0b11))
    }

    /// Those of H.265.
    pub(super) fn h265(fmtp: Option<&str>) -> Result<Self, Unfit> {
        if number(fmtp, "sprop-max-don-diff") > Some(0) {
            return Err(interleaved("sprop-max-don-diff"));
        }
        let names = ["sprop-vps", "sprop-sps", "sprop-pps"];
        Ok(Self::new(PayloadFormat::H265 { numbered: false }, "h265", fmtp, &names, 0b111))
    }

    fn new(format: PayloadFormat, extension: &'static str, fmtp: Option<&str>, names: &[&str], needed: u8) -> Self {
        let mut units = Self {
            format,
            extension,
            described: Vec::new(),
            sets: 0,
            brought: 0,
            needed,
            picture: None,
            latest: VecDeque::new(),
            unit: Vec::new(),
            open: None,
            fragments: None,
            timestamp: 0,
            skipping: None,
        };
        let texts = names.iter().filter_map(|name| parameter(fmtp, name)).flat_map(|value| value.split(','));
        for set in texts.filter_map(|text| LENIENT.decode(text.trim()).ok()).filter(|set| !set.is_empty()) {
            units.described.extend(START_CODE);
            units.described.extend(set);
            units.sets += 1;
        }
        units
    }

    pub(super) const fn extension(&self) -> &'static str {
        self.extension
    }

    pub(super) fn held(&self) -> usize {
        self.unit.len()
    }

    /// Takes the next payload.
    pub(super) fn payload(&mut self, payload: MediaPayload<'_>, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        if payload.gap {
            self.interrupt(counts);
        }
        let parts = self.format.parts(payload.bytes);
        let fragments = parts.unit();
        for part in parts {
            if let Ok(part) = part {
                self.part(&part, payload, counts, out);
                self.fragments = fragments.filter(|_| self.open.is_some());
            } else {
                counts.malformed += 1;
                self.interrupt(counts);
            }
        }
    }

    fn part(&mut self, part: &UnitPart, payload: MediaPayload<'_>, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        let body = payload.bytes.get(part.body.clone()).unwrap_or_default();
        if part.starts {
            self.interrupt(counts);
            self.skipping = None;
            self.timestamp = payload.timestamp;
            self.unit.extend(START_CODE);
            match part.unit {
                Unit::H264(unit) => self.unit.push(unit.0),
                Unit::H265(unit) => self.unit.extend(unit.0),
                _ => {}
            }
            self.open = Some(part.unit);
        } else if self.open.is_none() || self.fragments != Some(part.unit) {
            self.interrupt(counts);
            counts.incomplete += u64::from(self.skipping.replace(payload.timestamp) != Some(payload.timestamp));
            return;
        }
        if self.unit.len() + body.len() > MAX_UNIT {
            return self.interrupt(counts);
        }
        self.unit.extend_from_slice(body);
        if part.ends {
            self.write(part.unit, payload.timestamp, counts, out);
        }
    }

    /// The unit is whole.
    fn write(&mut self, unit: Unit, timestamp: u32, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        let set = kind_of_set(unit);
        self.brought |= set;
        if is_slice(unit) && self.picture.replace(timestamp).is_none() && self.brought & self.needed != self.needed {
            out.extend_from_slice(&self.described);
            counts.units += self.sets;
        }
        if set == 0 || !self.repeats_set(timestamp) {
            out.extend_from_slice(&self.unit);
            counts.units += 1;
        }
        self.close();
    }

    /// Some servers put the parameter sets before each slice, also within a picture. In a byte stream a set begins another
    /// picture (ITU-T H.264, section 7.4.1.2.3): one that says nothing new is left out there.
    fn repeats_set(&mut self, timestamp: u32) -> bool {
        if self.latest.contains(&self.unit) {
            return self.picture == Some(timestamp);
        }
        if self.unit.len() <= MAX_SET {
            self.latest.truncate(MAX_SETS - 1);
            self.latest.push_front(self.unit.clone());
        }
        false
    }

    /// What is open stays without its end.
    pub(super) fn interrupt(&mut self, counts: &mut ExportStatistics) {
        if self.open.is_some() {
            counts.incomplete += 1;
            self.skipping = Some(self.timestamp);
        }
        self.close();
    }

    fn close(&mut self) {
        self.open = None;
        self.unit.clear();
        // What one large unit took need not be kept.
        self.unit.shrink_to(64 << 10);
    }
}

fn interleaved(parameter: &str) -> Unfit {
    Unfit::Parameters(format!("its units are not sent in the order of decoding ({parameter}), which is not supported"))
}

fn is_slice(unit: Unit) -> bool {
    match unit {
        Unit::H264(unit) => unit.is_slice(),
        Unit::H265(unit) => unit.is_slice(),
        _ => false,
    }
}

/// A bit for each kind of parameter set.
fn kind_of_set(unit: Unit) -> u8 {
    match unit {
        Unit::H264(unit) => match unit.kind() {
            7 => 0b01,
            8 => 0b10,
            _ => 0,
        },
        Unit::H265(unit) => match unit.kind() {
            32 => 0b001,
            33 => 0b010,
            34 => 0b100,
            _ => 0,
        },
        _ => 0,
    }
}
