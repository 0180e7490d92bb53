//! Streams that nothing describes: their first packets wait until they show what they carry, so that all figures begin
//! with the first of them.

use crate::analysis::location::Location;
use crate::analysis::rows::InferredColumns;
use crate::analysis::stream::PacketFigures;
use crate::rtp::infer::{MAX_PACKETS, PayloadEvidence};
use crate::rtp::packet::RtpPacket;
use crate::session::dialog::Encoding;

/// Bytes of packets of a stream that may wait, those of other payload types among them.
const MAX_BYTES: usize = 512 << 10;

/// Packets of a stream that wait.
#[derive(Clone, Debug)]
pub(super) struct Undescribed {
    evidence: PayloadEvidence,
    /// What is described: a name without a clock rate.
    described: Option<Encoding>,
    waiting: Vec<Waiting>,
    bytes: usize,
}

/// A packet with what is known of it without its format.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) place: Location,
    pub(super) figures: PacketFigures,
    bytes: Box<[u8]>,
    is_cut: bool,
}

impl Waiting {
    /// The packet, as far as anybody asks.
    pub(super) fn packet(&self) -> Option<RtpPacket<'_>> {
        RtpPacket::parse_cut(&self.bytes, usize::from(self.is_cut)).ok()
    }
}

impl Undescribed {
    pub(super) fn new(payload_type: u8, described: Option<Encoding>) -> Self {
        Self { evidence: PayloadEvidence::new(payload_type), described, waiting: Vec::new(), bytes: 0 }
    }

    /// The payload type that is not described.
    pub(super) fn payload_type(&self) -> u8 {
        self.evidence.payload_type()
    }

    /// Takes the next packet. Whether more should wait.
    pub(super) fn wait(&mut self, place: Location, packet: &RtpPacket<'_>, figures: PacketFigures) -> bool {
        if packet.payload_type() == self.evidence.payload_type() {
            self.evidence.packet(place.at, packet);
        }
        let bytes = copy(packet);
        self.bytes += held(&bytes);
        self.waiting.push(Waiting { place, figures, bytes, is_cut: packet.is_cut() });
        !self.evidence.is_enough() && self.waiting.len() < MAX_PACKETS && self.bytes < MAX_BYTES
    }

    /// Bytes of memory for those that wait.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    /// What the packets have shown: the encoding with its clock rate; a clock rate alone; and which of both is inferred.
    pub(super) fn conclude(&self) -> (Option<Encoding>, Option<u32>, Option<InferredColumns>) {
        let clock_rate_hz = self.evidence.clock_rate_hz();
        let clock_rate = clock_rate_hz.is_some();
        if let Some(described) = &self.described {
            let encoding = Encoding { clock_rate_hz, ..described.clone() };
            return (Some(encoding), clock_rate_hz, InferredColumns::of(false, clock_rate));
        }
        let encoding = self.evidence.format().map(|format| Encoding {
            name: format.encoding.to_owned(),
            clock_rate_hz,
            payload: format.payload_format(),
        });
        let inferred = InferredColumns::of(encoding.is_some(), clock_rate);
        (encoding, clock_rate_hz, inferred)
    }

    /// Those that wait, in order of their arrival.
    pub(super) fn into_waiting(self) -> Vec<Waiting> {
        self.waiting
    }
}

/// A packet without its sources, extension and padding.
fn copy(packet: &RtpPacket<'_>) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(12 + packet.payload().len());
    bytes.extend([0x80, u8::from(packet.marker()) << 7 | packet.payload_type()]);
    bytes.extend(packet.sequence().to_be_bytes());
    bytes.extend(packet.timestamp().to_be_bytes());
    bytes.extend(packet.ssrc().to_be_bytes());
    bytes.extend(packet.payload());
    bytes.into()
}

fn held(bytes: &[u8]) -> usize {
    size_of::<Waiting>() + bytes.len()
}
