//! Tracks that nothing describes: their first packets wait until they show what they carry, as in `analyze`.

use crate::export::media::{Extractor, Unfit};
use crate::rtp::infer::PayloadEvidence;
use crate::rtp::packet::RtpPacket;
use crate::rtsp::sdp::{Format, Media};
use crate::time::Timestamp;

/// Packets of a track that may wait: half a minute of audio.
const MAX_PACKETS: usize = 1024;
/// Bytes of them: a picture or two of a camera.
const MAX_BYTES: usize = 128 << 10;

/// Packets that wait.
#[derive(Debug)]
pub struct UndescribedTrack {
    evidence: PayloadEvidence,
    waiting: Vec<(Timestamp, Vec<u8>)>,
    bytes: usize,
}

impl UndescribedTrack {
    /// Of this payload type, which is not described.
    pub fn new(payload_type: u8) -> Self {
        Self { evidence: PayloadEvidence::new(payload_type), waiting: Vec::new(), bytes: 0 }
    }

    /// Takes the next packet. Whether more should wait.
    pub fn wait(&mut self, at: Timestamp, bytes: &[u8]) -> bool {
        if let Ok(packet) = RtpPacket::parse(bytes)
            && packet.payload_type() == self.evidence.payload_type()
        {
            self.evidence.packet(at, &packet);
        }
        self.bytes += size_of::<(Timestamp, Vec<u8>)>() + bytes.len();
        self.waiting.push((at, bytes.to_vec()));
        !self.evidence.is_settled() && self.waiting.len() < MAX_PACKETS && self.bytes < MAX_BYTES
    }

    /// Bytes of memory for those that wait.
    pub fn held(&self) -> usize {
        self.bytes
    }

    /// For what the packets so far look like.
    ///
    /// # Errors
    /// Where they show nothing, or such media can't be exported.
    pub fn conclude(&self, version: usize) -> Result<Extractor, Unfit> {
        let payload_type = self.evidence.payload_type();
        let inferred = self.evidence.format().ok_or(Unfit::Undescribed(payload_type))?;
        let format = Format {
            payload_type,
            encoding: Some(inferred.encoding.to_owned()),
            clock_rate_hz: self.evidence.clock_rate_hz(),
            fmtp: inferred.fmtp.map(str::to_owned),
            ..Format::default()
        };
        let media = Media { kind: inferred.media.as_str().to_owned(), formats: vec![format], ..Media::default() };
        Extractor::new(&media, version, payload_type)
    }

    /// Those that wait, in order of their arrival.
    pub fn into_waiting(self) -> Vec<(Timestamp, Vec<u8>)> {
        self.waiting
    }
}
