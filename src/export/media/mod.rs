//! Media out of RTP: the elementary stream of a track, as players read it from a file.
//!
//! | encoding | file |
//! |---|---|
//! | H264, H265 | byte stream with start codes (Annex B) |
//! | MPEG4-GENERIC, MP4A-LATM | AAC in ADTS |
//! | JPEG | pictures, one behind the other |
//! | PCMU, PCMA, L8, L16, L24 | WAVE |
//! | G722, MP2T | the payloads |
//! | MPA | MPEG audio |
//!
//! Packets are put in order first. A unit of which a part lacks is left out.

mod aac;
mod jpeg;
mod jpeg_tables;
mod nal;
mod parts;
mod undescribed;
mod unit;
mod wave;

use crate::export::reorder::Reorder;
use crate::rtp::packet::RtpPacket;
use crate::rtp::payload_type::static_format;
use crate::rtsp::headers::is_secure_profile;
use crate::rtsp::sdp::{Format, Media};
use crate::session::dialog::play::MediaChange;
use crate::time::Timestamp;

use aac::Adts;
use jpeg::Pictures;
use nal::NalUnits;
use parts::{BegunPart, MediaParts};
pub use undescribed::UndescribedTrack;
use unit::MediaPayload;
pub use unit::{ExportStatistics, Unfit};
use wave::Wave;

/// The elementary stream of one track in the making.
#[derive(Debug)]
pub struct Extractor {
    payload_type: u8,
    /// The version of the description.
    version: usize,
    encoding: String,
    clock_rate_hz: Option<u32>,
    stream: Elementary,
    source: Option<Source>,
    /// A packet of another source, which takes over if the next one follows it.
    candidate: Option<(u32, u16, Vec<u8>)>,
    reorder: Reorder,
    parts: MediaParts,
    counts: ExportStatistics,
}

/// Who sends.
type Source = u32;

/// How units are taken out of payloads, and what is written around them.
#[derive(Debug)]
enum Elementary {
    Nal(NalUnits),
    Aac(Adts),
    Jpeg(Box<Pictures>),
    Wave(Wave),
    /// Payloads as they are, but for so many bytes at their beginning.
    Plain {
        skip: usize,
        extension: &'static str,
    },
}

impl Extractor {
    /// For a track that is described like this, by the payload type of a packet.
    ///
    /// # Errors
    /// Where such media can't be exported.
    pub fn new(media: &Media, version: usize, payload_type: u8) -> Result<Self, Unfit> {
        if is_secure_profile(&media.protocol) {
            return Err(Unfit::Encrypted(media.protocol.clone()));
        }
        let format = format(media, payload_type)?;
        let encoding = format.encoding.clone().unwrap_or_default();
        let stream = Elementary::new(&format)?;
        Ok(Self {
            payload_type,
            version,
            encoding,
            clock_rate_hz: format.clock_rate_hz,
            stream,
            source: None,
            candidate: None,
            reorder: Reorder::default(),
            parts: MediaParts::default(),
            counts: ExportStatistics::default(),
        })
    }

    /// The track is described anew: the parameters of its format may be others.
    pub fn described(&mut self, media: &Media, version: usize) {
        if self.version == version {
            return;
        }
        self.version = version;
        let stream = format(media, self.payload_type).and_then(|format| Elementary::new(&format));
        if let Ok(stream) = stream
            && stream.extension() == self.stream.extension()
            && !matches!(stream, Elementary::Wave(_))
        {
            self.stream = stream;
        }
    }

    /// The name of the encoding.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// What the name of the file ends with.
    pub const fn extension(&self) -> &'static str {
        self.stream.extension()
    }

    /// What the units of the file are called.
    pub const fn units(&self) -> &'static str {
        match self.stream {
            Elementary::Nal(_) => "NAL units",
            Elementary::Aac(_) => "access units",
            Elementary::Jpeg(_) => "pictures",
            Elementary::Wave(_) | Elementary::Plain { .. } => "payloads",
        }
    }

    /// What stands before the first unit.
    pub fn header(&self) -> Vec<u8> {
        if let Elementary::Wave(wave) = &self.stream { wave.header(None) } else { Vec::new() }
    }

    /// What stands there once the file has so many bytes behind it, where that is something else.
    pub fn final_header(&self, len: u64) -> Option<Vec<u8>> {
        if let Elementary::Wave(wave) = &self.stream { Some(wave.header(Some(len))) } else { None }
    }

    /// The client asked for something of this track: its media elsewhere, or its end.
    pub fn change(&mut self, track: Option<usize>, at: Timestamp, change: &MediaChange) {
        let Self { source, reorder, parts, .. } = self;
        if let Some(source) = *source {
            parts.change((track, source), at, change, reorder);
        }
    }

    /// Takes the next RTP packet in order of arrival, and appends what is whole by now.
    pub fn packet(&mut self, at: Timestamp, bytes: &[u8], out: &mut Vec<u8>) {
        self.counts.packets += 1;
        let Ok(packet) = RtpPacket::parse(bytes) else {
            self.counts.malformed += 1;
            return;
        };
        if packet.payload_type() != self.payload_type {
            self.counts.others += 1;
            if self.source == Some(packet.ssrc()) {
                self.reorder.foreign(packet.sequence());
            }
            return;
        }
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        if self.source.is_some_and(|source| source != ssrc) {
            let Some(first) = self.takes_over(ssrc, sequence, bytes) else { return };
            self.drain(out);
            self.reorder.restart();
            self.parts.restart();
            self.ordered(sequence.wrapping_sub(1), &first, out);
        }
        self.source = Some(ssrc);
        self.counts.others += u64::from(self.candidate.take().is_some());
        if let Some(BegunPart { first }) = self.parts.packet(at, &packet, self.clock_rate_hz, &mut self.reorder) {
            self.drain(out);
            self.reorder.begin_part(first);
        }
        self.ordered(sequence, bytes, out);
    }

    /// Another source follows the one so far, if two of its packets follow each other. The first of them.
    fn takes_over(&mut self, ssrc: u32, sequence: u16, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.candidate.take() {
            Some((source, before, first)) if source == ssrc && before.wrapping_add(1) == sequence => Some(first),
            before => {
                self.counts.others += u64::from(before.is_some());
                self.candidate = Some((ssrc, sequence, bytes.to_vec()));
                None
            }
        }
    }

    fn ordered(&mut self, sequence: u16, bytes: &[u8], out: &mut Vec<u8>) {
        let Self { reorder, stream, counts, .. } = self;
        reorder.push(sequence, bytes, |packet, gap| stream.packet(packet, gap, counts, out));
    }

    fn drain(&mut self, out: &mut Vec<u8>) {
        let Self { reorder, stream, counts, .. } = self;
        reorder.finish(|packet, gap| stream.packet(packet, gap, counts, out));
        stream.interrupt(counts);
    }

    /// No more packets will come.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.drain(out);
        self.counts.others += u64::from(self.candidate.take().is_some());
    }

    /// Waits for nothing any more, to free memory: appends what waits and is whole, and gives up the rest.
    pub fn forget(&mut self, out: &mut Vec<u8>) {
        let Self { reorder, stream, counts, .. } = self;
        reorder.finish(|packet, gap| stream.packet(packet, gap, counts, out));
        if stream.held() > 0 {
            stream.interrupt(counts);
            // What comes next may be the rest of what was given up.
            reorder.interrupt();
        }
        self.counts.others += u64::from(self.candidate.take().is_some());
    }

    /// Bytes of memory that are held for what is not whole yet.
    pub fn held(&self) -> usize {
        let candidate = self.candidate.as_ref().map_or(0, |(.., packet)| packet.len());
        self.stream.held() + self.reorder.held() + candidate
    }

    /// What became of the packets so far.
    pub fn tally(&self) -> ExportStatistics {
        ExportStatistics { lost: self.reorder.lost, repeated: self.reorder.repeated, ..self.counts }
    }
}

/// The format of a payload type: as described, else by its number.
fn format(media: &Media, payload_type: u8) -> Result<Format, Unfit> {
    let described = media.format(payload_type).cloned().unwrap_or(Format { payload_type, ..Format::default() });
    if described.encoding.is_some() {
        return Ok(described);
    }
    let known = static_format(payload_type).ok_or(Unfit::Undescribed(payload_type))?;
    let (encoding, clock_rate_hz) = (Some(known.encoding.to_owned()), Some(known.clock_rate_hz));
    Ok(Format { encoding, clock_rate_hz, channels: known.channels, ..described })
}

impl Elementary {
    fn new(format: &Format) -> Result<Self, Unfit> {
        let encoding = format.encoding.as_deref().unwrap_or_default();
        let fmtp = format.fmtp.as_deref();
        match encoding.to_ascii_uppercase().as_str() {
            "H264" => NalUnits::h264(fmtp).map(Self::Nal),
            "H265" | "HEVC" => NalUnits::h265(fmtp).map(Self::Nal),
            "MPEG4-GENERIC" => Adts::new(fmtp).map(Self::Aac),
            "MP4A-LATM" => Adts::latm(fmtp).map(Self::Aac),
            "JPEG" => Ok(Self::Jpeg(Box::default())),
            "G722" => Ok(Self::Plain { skip: 0, extension: "g722" }),
            "MP2T" => Ok(Self::Plain { skip: 0, extension: "ts" }),
            // Behind 16 bits that must be zero and the offset of the fragment (RFC 2250, section 3.5).
            "MPA" => Ok(Self::Plain { skip: 4, extension: "mpa" }),
            _ => Wave::new(format).map(Self::Wave).ok_or_else(|| Unfit::Encoding(encoding.to_owned())),
        }
    }

    const fn extension(&self) -> &'static str {
        match self {
            Self::Nal(units) => units.extension(),
            Self::Aac(_) => "aac",
            Self::Jpeg(_) => "mjpeg",
            Self::Wave(_) => "wav",
            Self::Plain { extension, .. } => extension,
        }
    }

    /// Takes the next packet in order of its number.
    fn packet(&mut self, packet: &[u8], gap: bool, counts: &mut ExportStatistics, out: &mut Vec<u8>) {
        let Ok(packet) = RtpPacket::parse(packet) else { return };
        let bytes = packet.payload();
        let payload = MediaPayload { bytes, timestamp: packet.timestamp(), marker: packet.marker(), gap };
        // Some send packets without payload to keep a NAT open.
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Nal(units) => units.payload(payload, counts, out),
            Self::Aac(units) => units.payload(payload, counts, out),
            Self::Jpeg(pictures) => pictures.payload(payload, counts, out),
            Self::Wave(wave) => {
                wave.payload(bytes, out);
                counts.units += 1;
            }
            Self::Plain { skip, .. } => {
                out.extend_from_slice(bytes.get(*skip..).unwrap_or_default());
                counts.units += 1;
            }
        }
    }

    /// Bytes of what is not whole yet.
    fn held(&self) -> usize {
        match self {
            Self::Nal(units) => units.held(),
            Self::Aac(units) => units.held(),
            Self::Jpeg(pictures) => pictures.held(),
            Self::Wave(_) | Self::Plain { .. } => 0,
        }
    }

    /// What comes next does not belong to what came.
    fn interrupt(&mut self, counts: &mut ExportStatistics) {
        match self {
            Self::Nal(units) => units.interrupt(counts),
            Self::Aac(units) => units.interrupt(counts),
            Self::Jpeg(pictures) => pictures.interrupt(counts),
            Self::Wave(_) | Self::Plain { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
