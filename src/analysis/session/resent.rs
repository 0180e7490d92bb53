//! Packets that come in a stream of retransmissions.

use crate::analysis::resent::associated_type;
use crate::analysis::session::Session;
use crate::analysis::stream::StreamState;
use crate::fields::be16;
use crate::rtp::packet::RtpPacket;

/// Streams of a session that are looked through for the one that lacks a packet.
const MAX_LOOKED_THROUGH: usize = 64;

impl Session {
    /// A packet beside the media. One that is sent again begins with the number that it had (RFC 4588, section 4).
    #[cold]
    pub(super) fn resent(&mut self, index: usize, packet: &RtpPacket<'_>) {
        let Some(key) = self.streams.get(index).map(|stream| stream.key) else { return };
        let format = self.dialog.media(key.track).and_then(|media| media.format(packet.payload_type()));
        let Some(format) = format else { return };
        let is_again = format.encoding.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("rtx"));
        let Some(number) = be16(packet.payload(), 0) else { return };
        if !is_again {
            return;
        }
        let of_type = format.fmtp.as_deref().and_then(associated_type);
        let lacks = |stream: &StreamState| {
            let own = (stream.key.track, stream.key.direction) == (key.track, key.direction);
            own && stream.key.beside.is_none()
                && stream.key.stranger == key.stranger
                && of_type.is_none_or(|of_type| stream.payload_type() == Some(of_type))
                && stream.sequence.lacks(number)
        };
        let lacks = self.streams.iter().take(MAX_LOOKED_THROUGH).any(lacks);
        if let Some(stream) = self.streams.get_mut(index) {
            stream.resent.get_or_insert_default().take(number, of_type, lacks);
        }
    }
}
