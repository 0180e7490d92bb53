//! Interleaved frames: packets of RTP and RTCP between the messages of a connection (RFC 2326, section 10.12).

use byteorder::{ByteOrder, NetworkEndian};

/// `$`, channel, length.
pub const FRAME_HEADER: usize = 4;

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InterleavedHeader {
    pub(crate) channel: u8,
    /// Bytes of the packet that follows.
    pub(crate) payload: u16,
}

impl InterleavedHeader {
    /// The header that `bytes` begin with, if they begin with all of one.
    #[inline]
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; FRAME_HEADER] = bytes.first_chunk()?;
        (header[0] == b'$').then(|| Self { channel: header[1], payload: NetworkEndian::read_u16(&header[2..4]) })
    }

    pub(crate) fn to_bytes(self) -> [u8; FRAME_HEADER] {
        let mut header = [b'$', self.channel, 0, 0];
        NetworkEndian::write_u16(&mut header[2..4], self.payload);
        header
    }

    /// Bytes of the packet that follows.
    #[inline]
    pub(crate) fn payload_len(self) -> usize {
        usize::from(self.payload)
    }

    /// Bytes of the frame, with its header.
    #[inline]
    pub(crate) fn frame_len(self) -> usize {
        FRAME_HEADER + self.payload_len()
    }
}

/// Appends a packet as a frame. A frame holds 65,535 bytes; of a longer packet the rest is left out.
pub(crate) fn append_frame(out: &mut Vec<u8>, channel: u8, packet: &[u8]) {
    let payload = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let header = InterleavedHeader { channel, payload };
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(packet.get(..header.payload_len()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_needs_its_dollar_and_all_of_its_bytes() {
        let header = InterleavedHeader { channel: 3, payload: 0x1234 };
        assert_eq!(InterleavedHeader::parse(b"$\x03\x12\x34rest"), Some(header));
        assert_eq!((header.to_bytes(), header.frame_len()), (*b"$\x03\x12\x34", 0x1238));
        assert_eq!([&b"$\x03\x12"[..], b"#\x03\x12\x34", b""].map(InterleavedHeader::parse), [None; 3]);
    }

    #[test]
    fn a_frame_holds_what_its_length_can_say() {
        for (len, kept) in [(0, 0), (1, 1), (65_535, 65_535), (65_536, 65_535), (70_000, 65_535)] {
            let mut out = vec![9];
            append_frame(&mut out, 1, &vec![7; len]);
            let header = InterleavedHeader::parse(&out[1..]).unwrap();
            assert_eq!((header.payload_len(), out.len()), (kept, 1 + FRAME_HEADER + kept));
        }
    }
}
