//! How the payloads of a session's streams are made up: as described at any time, or as their packets show.
//!
//! Analysis keeps the format that a stream began with, whatever another description says later. So what any of them needs
//! is kept. Where nothing describes a stream, its payloads wait until analysis would have concluded what they are: only
//! then it is known what of them may stay.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::capture::rewrite::{ByteSequence, Late, Patch};
use crate::redact::shape::{PayloadShape, structure};
use crate::rtp::infer::PayloadEvidence;
use crate::rtp::packet::RtpPacket;
use crate::rtp::payload::PayloadFormat;
use crate::session::Dialog;
use crate::session::dialog::{PacketSigns, PayloadRole};
use crate::time::Timestamp;

/// Sources and payload types of a session whose format is remembered.
const MAX_SOURCES: usize = 4096;
/// Ways in which payloads of one source may be made up.
const MAX_SHAPES: usize = 4;
/// Bytes of payloads that may wait in a session.
const MAX_WAITING: usize = 16 << 20;

/// What is known of the payloads of a session.
#[derive(Debug, Default)]
pub(super) struct PayloadFormats {
    sources: HashMap<PacketSigns, SourceFormat, RandomState>,
    /// Bytes of payloads that wait.
    waiting: usize,
    /// Messages so far: each may change what is described.
    messages: u64,
}

/// A payload type of a source.
#[derive(Debug, Default)]
struct SourceFormat {
    shapes: Vec<PayloadShape>,
    /// The dialogue was asked after so many messages.
    asked: Option<u64>,
    open: OpenFormat,
}

/// Whether inference has a say.
#[derive(Debug, Default)]
enum OpenFormat {
    /// Nobody has asked.
    #[default]
    New,
    /// Not before these packets have shown what they are.
    Waiting(Box<PayloadEvidence>, Vec<WaitingPayload>),
    /// No more.
    Settled,
}

/// A payload and where it lies.
#[derive(Debug)]
struct WaitingPayload {
    place: ByteSequence,
    offset: u64,
    bytes: Box<[u8]>,
}

impl PayloadFormats {
    /// What is described may be another from now on.
    pub(super) fn message(&mut self) {
        self.messages += 1;
    }

    /// The shapes of a packet's payload, which lies at this position. Where they are still open there is none, and what
    /// stays of it comes late.
    pub(super) fn shapes(
        &mut self,
        dialog: &mut Dialog,
        signs: &PacketSigns,
        packet: &RtpPacket<'_>,
        at: Timestamp,
        (place, offset): (ByteSequence, u64),
        late: &mut Vec<Late>,
    ) -> &[PayloadShape] {
        // The packets of a stranger are one source.
        let key = PacketSigns { number: None, ..*signs };
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&key) {
            late.extend(self.finish());
        }
        let source = self.sources.entry(key).or_default();
        if source.asked != Some(self.messages) {
            source.asked = Some(self.messages);
            source.ask(dialog, signs, packet.payload_type());
        }
        let OpenFormat::Waiting(evidence, payloads) = &mut source.open else { return &source.shapes };
        evidence.packet(at, packet);
        self.waiting += packet.payload().len();
        payloads.push(WaitingPayload { place, offset, bytes: packet.payload().into() });
        if evidence.is_enough() || self.waiting > MAX_WAITING {
            let patches = source.settle();
            self.waiting = self.waiting.saturating_sub(patches.iter().map(|(len, _)| len).sum());
            late.extend(patches.into_iter().map(|(_, patch)| patch));
        }
        &[]
    }

    /// No more will come: what waits is decided.
    pub(super) fn finish(&mut self) -> Vec<Late> {
        self.waiting = 0;
        let settled = self.sources.drain().flat_map(|(_, mut source)| source.settle());
        settled.map(|(_, patch)| patch).collect()
    }
}

impl SourceFormat {
    /// What the dialogue says of it now. Only a stream of which it says nothing at first, or no clock rate, has to wait.
    fn ask(&mut self, dialog: &mut Dialog, signs: &PacketSigns, payload_type: u8) {
        let owner = dialog.owner(signs);
        let track = owner.and_then(|owner| dialog.setups().get(owner.setup)).and_then(|setup| setup.track);
        let encoding = dialog.encoding(track, payload_type);
        if let Some(encoding) = &encoding {
            self.add(PayloadShape::Described(encoding.payload));
        }
        if track.is_none() {
            self.add_described(dialog, payload_type);
        }
        if matches!(self.open, OpenFormat::New) {
            let is_media = owner.is_none_or(|owner| owner.role == PayloadRole::Media);
            let is_open = is_media && encoding.is_none_or(|encoding| encoding.clock_rate_hz.is_none());
            self.open = if is_open {
                OpenFormat::Waiting(Box::new(PayloadEvidence::new(payload_type)), Vec::new())
            } else {
                OpenFormat::Settled
            };
        }
    }

    /// Where a SETUP may lack, analysis takes the track whose description has this payload type.
    fn add_described(&mut self, dialog: &Dialog, payload_type: u8) {
        let tracks = dialog.description().map_or(0, |description| description.media.len());
        for track in 0..tracks {
            if let Some(encoding) = dialog.encoding(Some(track), payload_type) {
                self.add(PayloadShape::Described(encoding.payload));
            }
        }
    }

    fn add(&mut self, shape: PayloadShape) {
        let keeps = !matches!(shape, PayloadShape::Described(PayloadFormat::Other | PayloadFormat::Samples));
        if keeps && self.shapes.len() < MAX_SHAPES && !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
    }

    /// Whatever comes now, the packets so far decide. Gives what of those that waited may stay, and how long each is.
    fn settle(&mut self) -> Vec<(usize, Late)> {
        let OpenFormat::Waiting(evidence, payloads) = std::mem::replace(&mut self.open, OpenFormat::Settled) else {
            return Vec::new();
        };
        if let Some(format) = evidence.format() {
            self.add(PayloadShape::Inferred(format));
        }
        let patch = |WaitingPayload { place, offset, bytes }: WaitingPayload| {
            let mut patch = Patch::default();
            structure(&bytes, 0, &self.shapes, &mut patch);
            (bytes.len(), (place, offset, patch))
        };
        payloads.into_iter().map(patch).collect()
    }
}
