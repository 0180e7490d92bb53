//! A capture that can be given away: what its messages, packets and addresses become. docs/redact.md lists it.
//!
//! Lengths and structure stay, and with them every figure of the analysis. What is not known to be harmless is blank.

mod addresses;
mod formats;
mod head;
mod known_strings;
mod media;
mod names;
mod pseudonyms;
mod sdp;
mod shape;
mod text;
mod times;
mod url;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::capture::rewrite::{ByteSequence, Late, Patch, RewritePolicy, SessionDatagram};
use crate::redact::formats::PayloadFormats;
use crate::redact::pseudonyms::Pseudonyms;
use crate::redact::shape::PayloadShape;
use crate::rtsp::demux::{FRAME_HEADER, Pdu, PduKind};
use crate::rtsp::head_end::split_head;
use crate::rtsp::mask::MaskRules;
use crate::rtsp::message::{Message, StartLine};
use crate::rtsp::start_line::{Recognition, recognise};
use crate::rtsp::tunnel;
use crate::session::Dialog;
use crate::session::dialog::{MediaPath, PacketSigns};
use crate::time::Timestamp;
use crate::trace::Direction;

/// Bytes that all dialogues together may take.
const MAX_DIALOGUES: usize = 64 << 20;

/// What a capture is redacted by.
#[derive(Debug, Default)]
pub struct Redaction {
    pseudonyms: Pseudonyms,
    sessions: HashMap<usize, Session, RandomState>,
    /// What the sessions keep.
    held: usize,
    /// What is hidden of what would stay, if anything.
    masking: Option<MaskRules>,
}

/// What is known of a session.
#[derive(Debug, Default)]
struct Session {
    dialog: Dialog,
    /// How payloads are made up.
    formats: PayloadFormats,
    /// What has come of a description whose length was not told.
    open: Vec<(ByteSequence, u64, Vec<u8>)>,
}

/// An RTP or RTCP packet, so many bytes behind the beginning of what carries it.
struct MediaPacket<'a> {
    signs: PacketSigns,
    at: Timestamp,
    bytes: &'a [u8],
    header: usize,
}

impl RewritePolicy for Redaction {
    fn pdu(
        &mut self,
        place: ByteSequence,
        session: Option<usize>,
        direction: Direction,
        pdu: &Pdu<'_>,
        at: Timestamp,
        patch: &mut Patch,
    ) -> Vec<Late> {
        match pdu.kind {
            PduKind::Message { head, body } => {
                let message = Message::new(head, body);
                self.message(&message, patch);
                return session.map_or_else(Vec::new, |session| self.observe(session, direction, &message, at));
            }
            PduKind::Interleaved { channel, payload } | PduKind::CutFrame { channel, payload, .. } => {
                patch.put(0, pdu.raw.get(..FRAME_HEADER).unwrap_or_default());
                let signs = PacketSigns::new(MediaPath::Channel(channel), direction, payload);
                let packet = MediaPacket { signs, at, bytes: payload, header: FRAME_HEADER };
                return self.packet((place, pdu.offset), session, &packet, patch);
            }
            PduKind::Junk => self.junk(place, session, direction, pdu, patch),
            PduKind::Gap { .. } => {}
        }
        Vec::new()
    }

    fn datagram(
        &mut self,
        place: (ByteSequence, u64),
        session: usize,
        datagram: &SessionDatagram<'_>,
        patch: &mut Patch,
    ) -> Vec<Late> {
        let SessionDatagram { at, direction, path, payload } = *datagram;
        // What opens the way through a NAT: only its first bits tell it from RTP.
        let is_rtp = payload.first().is_some_and(|first| first >> 6 == 2);
        if direction == Direction::ClientToServer && payload.len() <= 4 && !is_rtp {
            patch.put(0, payload.first().map(|first| first & 0xc0).as_slice());
            return Vec::new();
        }
        let path = MediaPath::Udp(path);
        let known = self.sessions.get(&session);
        if known.is_some_and(|session| session.dialog.is_punch(path, direction, payload)) {
            media::packet(&mut self.pseudonyms, payload, 0, |_| Cow::default(), patch);
            return Vec::new();
        }
        let signs = PacketSigns::new(path, direction, payload);
        self.packet(place, Some(session), &MediaPacket { signs, at, bytes: payload, header: 0 }, patch)
    }

    fn finish(&mut self) -> Vec<Late> {
        let open: Vec<usize> = self.sessions.keys().copied().collect();
        let mut late: Vec<Late> = open.into_iter().flat_map(|session| self.flush(session)).collect();
        late.extend(self.sessions.values_mut().flat_map(|session| session.formats.finish()));
        late
    }

    fn address(&mut self, address: IpAddr) -> IpAddr {
        self.pseudonyms.addresses.address(address)
    }

    fn link_address(&mut self, address: [u8; 6]) -> [u8; 6] {
        self.pseudonyms.addresses.link(address)
    }

    fn url(&mut self, url: &str) -> String {
        String::from_utf8_lossy(&self.pseudonyms.url(url.as_bytes())).into_owned()
    }

    fn failure(&self) -> Option<String> {
        let Pseudonyms { addresses, names, words } = &self.pseudonyms;
        (addresses.exhausted || names.exhausted || words.exhausted)
            .then(|| "more addresses and names than others are there for".to_owned())
    }
}

impl Redaction {
    /// One that hides as well what stands behind these names.
    pub fn hiding(names: &[String]) -> Self {
        let masking = (!names.is_empty()).then(|| MaskRules::with_names(names));
        Self { masking, ..Self::default() }
    }

    /// Puts a message with other names.
    fn message(&mut self, message: &Message<'_>, patch: &mut Patch) {
        let content_type = message.header("Content-Type");
        let mut head = head::head(&mut self.pseudonyms, message.head());
        let mut body = if sdp::is_description(content_type.as_deref(), message.body()) {
            sdp::description(&mut self.pseudonyms, message.body())
        } else {
            text::blank(message.body())
        };
        for part in [&mut head, &mut body] {
            self.masking.iter().for_each(|masking| masking.mask(part));
        }
        patch.put(0, &head);
        patch.put(message.head().len(), &body);
    }

    /// Puts an RTP or RTCP packet. Gives what stays of earlier ones, once it is known.
    fn packet(
        &mut self,
        (place, offset): (ByteSequence, u64),
        session: Option<usize>,
        MediaPacket { signs, at, bytes, header }: &MediaPacket<'_>,
        patch: &mut Patch,
    ) -> Vec<Late> {
        let mut late = Vec::new();
        let session = session.map(|session| self.sessions.entry(session).or_default());
        media::packet(
            &mut self.pseudonyms,
            bytes,
            *header,
            |packet| {
                let Some(Session { dialog, formats, .. }) = session else {
                    return Cow::Owned(static_shape(packet.payload_type()).into_iter().collect());
                };
                let offset = offset + (header + media::payload_start(packet, bytes)) as u64;
                Cow::Borrowed(formats.shapes(dialog, signs, packet, *at, (place, offset), &mut late))
            },
            patch,
        );
        late
    }

    /// Puts what is neither a message nor a packet; it may be a description, or a message that is not whole.
    fn junk(
        &mut self,
        place: ByteSequence,
        session: Option<usize>,
        direction: Direction,
        pdu: &Pdu<'_>,
        patch: &mut Patch,
    ) {
        let session = session.and_then(|session| self.sessions.get_mut(&session));
        if let Some(session) = session
            && direction == Direction::ServerToClient
            && session.dialog.awaits_description()
        {
            session.dialog.junk(pdu.raw);
            session.open.push((place, pdu.offset, pdu.raw.to_vec()));
            return;
        }
        patch.put(0, &self.unframed(pdu.raw));
    }

    /// What stands for bytes that are neither; they may be the beginning of a message.
    fn unframed(&mut self, bytes: &[u8]) -> Vec<u8> {
        if recognise(bytes) != Recognition::Yes {
            return text::junk(bytes);
        }
        let (head, body) = split_head(bytes);
        let mut patch = Patch::default();
        self.message(&Message::new(head, body), &mut patch);
        patch.pieces().flat_map(|(_, piece)| piece.iter().copied()).collect()
    }

    /// Follows a dialogue. Gives what waited for it.
    fn observe(&mut self, number: usize, direction: Direction, message: &Message<'_>, at: Timestamp) -> Vec<Late> {
        let asks = matches!(message.start_line(), StartLine::Request { .. });
        if message.is_http() && asks || tunnel::is_answer(message) {
            return Vec::new();
        }
        let mut late = if self.held > MAX_DIALOGUES { self.forget() } else { Vec::new() };
        let session = self.sessions.entry(number).or_default();
        let before = session.dialog.held();
        session.dialog.observe(at, direction, message);
        session.formats.message();
        self.held = (self.held + session.dialog.held()).saturating_sub(before);
        if !session.dialog.awaits_description() {
            late.extend(self.flush(number));
        }
        late
    }

    /// Makes room. What waits is decided.
    fn forget(&mut self) -> Vec<Late> {
        let late = self.finish();
        self.sessions.clear();
        self.held = 0;
        late
    }

    /// A description has come to its end.
    fn flush(&mut self, session: usize) -> Vec<Late> {
        let Some(session) = self.sessions.get_mut(&session) else { return Vec::new() };
        let open = std::mem::take(&mut session.open);
        if open.is_empty() {
            return Vec::new();
        }
        let whole: Vec<u8> = open.iter().flat_map(|(_, _, bytes)| bytes.iter().copied()).collect();
        let other = if sdp::is_description(None, &whole) {
            text::with_capitals_of(&whole, sdp::description(&mut self.pseudonyms, &whole))
        } else {
            open.iter().flat_map(|(_, _, bytes)| self.unframed(bytes)).collect()
        };
        let mut rest = other.as_slice();
        let parts = open.into_iter().map(|(place, offset, bytes)| {
            let (part, behind) = rest.split_at_checked(bytes.len()).unwrap_or((rest, &[]));
            rest = behind;
            let mut patch = Patch::default();
            patch.put(0, part);
            (place, offset, patch)
        });
        parts.collect()
    }
}

/// How payloads of a static type (RFC 3551) are made up.
fn static_shape(payload_type: u8) -> Option<PayloadShape> {
    Dialog::default().encoding(None, payload_type).map(|encoding| PayloadShape::Described(encoding.payload))
}
