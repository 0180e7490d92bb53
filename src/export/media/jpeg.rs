//! Pictures of JPEG: what RFC 2435 leaves out of them is put back (its appendices A and B).

use super::jpeg_tables::{CHROMA, CODES, LUMA};
use super::unit::{ExportStatistics, MAX_UNIT, MediaPayload};
use crate::rtp::payload::JpegHeader;

const EOI: [u8; 2] = [0xff, 0xd9];
/// Bytes of a quantization table of 8 bits.
const TABLE: usize = 64;
/// From this `Type` on there are restart markers.
const RESTARTS: u8 = 64;
/// The longest quantization tables: four of 16 bits.
const MAX_TABLES: usize = 4 * 2 * TABLE;

/// Pictures of a track.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// The one that is being put together; empty between pictures.
    picture: Vec<u8>,
    /// Where its data begins.
    data: usize,
    timestamp: u32,
    /// A picture whose rest is passed over.
    skipping: Option<u32>,
    /// The latest tables that came in band, and their `Q`: they may be left out later (RFC 2435, section 3.1.8).
    tables: Option<(u8, Vec<u8>)>,
}

impl Pictures {
    pub(super) fn held(&self) -> usize {
        self.picture.len()
    }

    /// Takes the next payload.
    pub(super) fn payload(&mut self, payload: MediaPayload<'_>, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        let Ok(header) = JpegHeader::parse(payload.bytes) else {
            counts.malformed += 1;
            return self.give_up(payload.timestamp, counts);
        };
        if payload.gap || (!self.picture.is_empty() && self.timestamp != payload.timestamp) {
            self.interrupt(counts);
        }
        if header.offset == 0 {
            self.interrupt(counts);
            self.skipping = None;
            self.timestamp = payload.timestamp;
            if let Some(headers) = self.headers(&header, payload.bytes) {
                self.picture = headers;
                self.data = self.picture.len();
            } else {
                counts.malformed += 1;
                self.skipping = Some(payload.timestamp);
            }
        }
        self.data(&header, payload, counts);
        if payload.marker && !self.picture.is_empty() {
            self.write(counts, out);
        }
    }

    /// The data of a fragment, where it goes on where the picture ends.
    fn data(&mut self, header: &JpegHeader, payload: MediaPayload<'_>, counts: &mut ExportStatistics) {
        if self.picture.is_empty() {
            return self.give_up(payload.timestamp, counts);
        }
        let data = payload.bytes.get(header.data..).unwrap_or_default();
        let follows = self.picture.len() - self.data == header.offset as usize;
        if follows && self.picture.len() + data.len() <= MAX_UNIT {
            self.picture.extend_from_slice(data);
        } else {
            self.give_up(payload.timestamp, counts);
        }
    }

    fn write(&mut self, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        out.append(&mut self.picture);
        if !out.ends_with(&EOI) {
            out.extend(EOI);
        }
        counts.units += 1;
    }

    /// The picture of this time lacks something: counted once.
    fn give_up(&mut self, timestamp: u32, counts: &mut ExportStatistics) {
        self.picture = Vec::new();
        if self.skipping.replace(timestamp) != Some(timestamp) {
            counts.incomplete += 1;
        }
    }

    /// What is open stays without its end.
    pub(super) fn interrupt(&mut self, counts: &mut ExportStatistics) {
        if !self.picture.is_empty() {
            self.give_up(self.timestamp, counts);
        }
    }

    /// The headers of a picture (RFC 2435, appendix B). `None` where the payload does not tell how it is made.
    fn headers(&mut self, header: &JpegHeader, payload: &[u8]) -> Option<Vec<u8>> {
        let precision = if header.q < 128 { 0 } else { *payload.get(header.tables.0.checked_sub(3)?)? };
        let tables = self.quantizers(header, payload)?;
        // 0 stands for a size that does not fit.
        if header.width == 0 || header.height == 0 {
            return None;
        }
        // Chrominance has half the columns (type 0), or half the lines as well (type 1).
        let luma_sampling = match header.kind % RESTARTS {
            0 if header.kind < 128 => 0x21,
            1 if header.kind < 128 => 0x22,
            _ => return None,
        };
        let mut out = vec![0xff, 0xd8];
        // JFIF 1.1, without density.
        segment(&mut out, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        let mut rest = tables.as_slice();
        for number in 0..2u8 {
            let is_long = precision >> number & 1;
            // One table may be for all components.
            let (table, behind) =
                rest.split_at_checked(TABLE << is_long).or((number == 1).then_some((tables.as_slice(), rest)))?;
            segment(&mut out, 0xdb, &[&[is_long << 4 | number], table].concat());
            rest = behind;
        }
        if let Some(interval) = header.restart_interval {
            segment(&mut out, 0xdd, &interval.to_be_bytes());
        }
        let ([h1, h2], [w1, w2]) = (header.height.to_be_bytes(), header.width.to_be_bytes());
        segment(&mut out, 0xc0, &[8, h1, h2, w1, w2, 3, 1, luma_sampling, 0, 2, 0x11, 1, 3, 0x11, 1]);
        for (class, lengths, symbols) in CODES {
            segment(&mut out, 0xc4, &[&[class], lengths, symbols].concat());
        }
        segment(&mut out, 0xda, &[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
        Some(out)
    }

    /// The quantization tables, luminance before chrominance.
    fn quantizers(&mut self, header: &JpegHeader, payload: &[u8]) -> Option<Vec<u8>> {
        match header.q {
            1..=99 => Some(scaled(header.q)),
            128.. => {
                let (begin, end) = header.tables;
                let tables = payload.get(begin..end).filter(|tables| tables.len() <= MAX_TABLES)?;
                if tables.is_empty() {
                    return self.tables.clone().filter(|(q, _)| *q == header.q).map(|(_, tables)| tables);
                }
                self.tables = Some((header.q, tables.to_vec()));
                Some(tables.to_vec())
            }
            _ => None,
        }
    }
}

/// Tables for a `Q` below 100 (RFC 2435, appendix A).
fn scaled(q: u8) -> Vec<u8> {
    let q = u32::from(q);
    let factor = if q < 50 { 5000 / q } else { 200 - q * 2 };
    let scale = |value: &u8| u8::try_from(((u32::from(*value) * factor + 50) / 100).clamp(1, 255)).unwrap_or(u8::MAX);
    LUMA.iter().chain(&CHROMA).map(scale).collect()
}

/// A marker segment, with its length.
fn segment(out: &mut Vec<u8>, marker: u8, content: &[u8]) {
    out.extend([0xff, marker]);
    out.extend(u16::try_from(content.len() + 2).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(content);
}
