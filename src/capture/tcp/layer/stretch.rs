//! What the parts of a stream are that a layer below RTSP is made of.

/// What a stretch of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// The layer's own: headers of frames, sizes of chunks.
    Framing,
    /// What it carries, under this mask.
    Payload(Option<[u8; 4]>),
    /// The same, in a message that came compressed (RFC 7692), which is not read.
    Compressed,
    /// Neither: control frames, and what can't be placed behind a hole.
    PassedOver,
    /// None at all, but the place is known again behind a hole of so many bytes, as far as can be told.
    FoundAgain(u64),
    /// None at all: what follows is not of this layer, whatever the head said.
    Foreign,
}

/// Puts a mask on bytes, or takes it away (RFC 6455, section 5.3).
pub(in crate::capture) fn unmask(bytes: &[u8], mask: [u8; 4]) -> Vec<u8> {
    bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}
