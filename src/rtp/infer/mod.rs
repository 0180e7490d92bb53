//! What an RTP stream carries where nothing describes it: encoding and clock rate by what its packets look like.
//!
//! A guess is made only where several packets in a row leave no other choice; else there is none. No payload is
//! decoded.

mod audio;
mod fit;
mod looked_at;
mod nal;
mod picture;
#[cfg(test)]
mod tests;

use crate::rtp::clock_fit::ClockFit;
use crate::rtp::media_kind::MediaKind;
use crate::rtp::packet::RtpPacket;
use crate::rtp::payload_type;
use crate::rtp::unwrap::Unwrapper;
use crate::time::Timestamp;

pub use fit::InferredFormat;

use audio::{AccessUnits, Latm};
use fit::PacketPair;
use nal::{Codec, NalUnits};
use picture::{JpegPictures, TransportStream};

/// The clock of all video, and of transport streams (RFC 3551, section 5).
const VIDEO_HZ: u32 = 90_000;
/// A clock this far from that of video is another one, whatever bursts packets come in.
const ANOTHER_CLOCK: f64 = 0.2;
/// A rate of audio is believed after so many seconds: what is sent in advance comes at another pace.
const PACED_S: f64 = 4.0;
/// Packets that are waited for: half a minute of audio.
pub const MAX_PACKETS: usize = 1024;
/// Bytes of their payloads: a picture or two of a camera, more than is needed to know it.
const MAX_BYTES: usize = 128 << 10;

/// What the packets of one payload type of a source have shown.
///
/// ```
/// use rtsp_rec::rtp::infer::PayloadEvidence;
/// use rtsp_rec::rtp::packet::RtpPacket;
/// use rtsp_rec::time::Timestamp;
///
/// // Ten pictures of H.264, each in two fragments.
/// let mut evidence = PayloadEvidence::new(96);
/// for number in 0..20u8 {
///     let (picture, second) = (number / 2, number % 2 == 1);
///     let (marker, fu) = if second { (0xe0, 0x41) } else { (0x60, 0x81) };
///     let bytes = [0x80, marker, 0, number, 0, 0, picture, 0, 0, 0, 0, 7, 0x5c, fu, 0x9a, number];
///     evidence.packet(Timestamp::from_nanos(i64::from(picture) * 40_000_000), &RtpPacket::parse(&bytes)?);
/// }
/// assert_eq!(evidence.format().map(|format| format.encoding), Some("H264"));
/// assert_eq!(evidence.clock_rate_hz(), Some(90_000));
/// # Ok::<(), rtsp_rec::rtp::packet::RtpError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PayloadEvidence {
    payload_type: u8,
    packets: u32,
    /// Packets and bytes of payloads, repeated ones among them.
    taken: usize,
    bytes: usize,
    /// The capture has the beginning of a payload only: what it looks like says nothing.
    is_cut: bool,
    /// Sequence number and marker of the latest.
    before: Option<(u16, bool)>,
    timestamps: Unwrapper<u32>,
    clock: ClockFit,
    h264: NalUnits,
    h265: NalUnits,
    aac: AccessUnits,
    latm: Latm,
    jpeg: JpegPictures,
    transport_stream: TransportStream,
}

impl PayloadEvidence {
    /// None yet for this payload type.
    pub fn new(payload_type: u8) -> Self {
        Self {
            payload_type,
            packets: 0,
            taken: 0,
            bytes: 0,
            is_cut: false,
            before: None,
            timestamps: Unwrapper::default(),
            clock: ClockFit::default(),
            h264: NalUnits::new(Codec::H264),
            h265: NalUnits::new(Codec::H265),
            aac: AccessUnits::default(),
            latm: Latm::default(),
            jpeg: JpegPictures::default(),
            transport_stream: TransportStream::default(),
        }
    }

    /// The payload type that it is about.
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// Takes a packet of this payload type.
    pub fn packet(&mut self, at: Timestamp, packet: &RtpPacket<'_>) {
        self.taken = self.taken.saturating_add(1);
        self.bytes = self.bytes.saturating_add(packet.payload().len());
        let before = self.before.replace((packet.sequence(), packet.marker()));
        // What came again, or late, says nothing new.
        if before.is_some_and(|(number, _)| packet.sequence().wrapping_sub(number).cast_signed() <= 0) {
            self.before = before;
            return;
        }
        self.packets = self.packets.saturating_add(1);
        self.clock.point(at, self.timestamps.extend(packet.timestamp()));
        self.is_cut |= packet.is_cut();
        if packet.payload().is_empty() || packet.is_cut() {
            return;
        }
        let neighbours = PacketPair {
            payload: packet.payload(),
            follows: before.is_some_and(|(number, _)| number.wrapping_add(1) == packet.sequence()),
            begins_frame: before.is_none_or(|(_, marker)| marker),
        };
        self.h264.packet(neighbours);
        self.h265.packet(neighbours);
        self.aac.packet(neighbours);
        self.latm.packet(neighbours);
        self.jpeg.packet(neighbours);
        self.transport_stream.packet(neighbours);
    }

    /// The format, where the packets so far show it: that of a static payload type (RFC 3551), else what they look like.
    pub fn format(&self) -> Option<InferredFormat> {
        if let Some(fixed) = payload_type::static_format(self.payload_type) {
            let media =
                if fixed.channels.is_some() || fixed.encoding == "MPA" { MediaKind::Audio } else { MediaKind::Video };
            return Some(InferredFormat::new(media, fixed.encoding));
        }
        if self.is_cut {
            return None;
        }
        let estimate = self.clock.estimate();
        let of_video = estimate.is_some_and(|estimate| estimate.is_near(VIDEO_HZ, ANOTHER_CLOCK));
        let found = [
            self.transport_stream.is_convincing().then(|| InferredFormat::new(MediaKind::Video, "MP2T")),
            self.jpeg.is_convincing().then(|| InferredFormat::new(MediaKind::Video, "JPEG")),
            self.h264.is_convincing(of_video).then(|| InferredFormat::new(MediaKind::Video, "H264")),
            self.h265.is_convincing(of_video).then(|| InferredFormat::new(MediaKind::Video, "H265")),
            self.aac.format(),
            self.latm.is_convincing().then(|| InferredFormat::new(MediaKind::Audio, "MP4A-LATM")),
        ];
        let mut found = found.into_iter().flatten();
        // Two that fit are none that is known.
        found.next().filter(|_| found.next().is_none())
    }

    /// The clock rate: of a static payload type by RFC 3551; of video by its RFCs, unless the timestamps clearly run
    /// otherwise; else the usual one that the timestamps fit.
    pub fn clock_rate_hz(&self) -> Option<u32> {
        if let Some(fixed) = payload_type::static_format(self.payload_type) {
            return Some(fixed.clock_rate_hz);
        }
        let estimate = self.clock.estimate();
        if self.format().is_some_and(|format| format.media == MediaKind::Video) {
            let another = estimate.is_some_and(|estimate| !estimate.is_near(VIDEO_HZ, ANOTHER_CLOCK));
            return (!another).then_some(VIDEO_HZ);
        }
        estimate?.usual_rate_hz()
    }

    /// Whether to conclude now: more would tell nothing more, or so many have shown nothing.
    pub fn is_enough(&self) -> bool {
        self.is_settled() || self.taken >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    /// Whether more packets would tell nothing more.
    pub fn is_settled(&self) -> bool {
        if payload_type::static_format(self.payload_type).is_some() {
            return true;
        }
        let Some(format) = self.format() else { return false };
        let paced = self.clock.span_s() >= PACED_S && self.clock_rate_hz().is_some();
        paced || format.media == MediaKind::Video && self.clock.estimate().is_some()
    }
}
